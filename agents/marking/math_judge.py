"""The child process that compares two answers with math-verify; see `Judge` in math.py.

One JSON line for each: `{"target", "answer", "seconds"}` in, `{"equal"}` out, after a line that
says it is ready. The kernel ends it when an answer takes more processor time than `seconds`, also
when nobody waits any more, and it has no more memory than `MEMORY`.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys

MEMORY = 2 * 2**30
"""Address space, in bytes."""


def main() -> None:
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no reply
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # the end of the process
    from math_verify import LatexExtractionConfig, parse, verify  # takes a second

    latex = [LatexExtractionConfig()]
    # warm up: the first comparison builds the parser's tables
    verify(parse("$1$", latex, parsing_timeout=None), [], timeout_seconds=None)
    print(json.dumps({"ready": True}), file=replies, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        signal.setitimer(signal.ITIMER_PROF, asked["seconds"])
        target, answer = (
            parse(f"${asked[name]}$", latex, parsing_timeout=None) for name in ("target", "answer")
        )
        equal = verify(target, answer, timeout_seconds=None)
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(json.dumps({"equal": equal}), file=replies, flush=True)


if __name__ == "__main__":
    main()
