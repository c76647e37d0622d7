"""Runs one child process of errata.training and prints the peak of its memory, in KiB.

python tests/peak.py student|trainer JOB.json < REQUESTS
"""

from __future__ import annotations

import resource
import subprocess
import sys

from errata.agents.weights.child import ENVIRONMENT

if __name__ == "__main__":
    import os

    subprocess.run(
        [sys.executable, "-m", "errata.training", *sys.argv[1:]],
        check=True,
        stdin=sys.stdin,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=ENVIRONMENT | os.environ,
    )
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
