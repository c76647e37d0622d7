"""Runs one server and ends it with whoever started it: `python keeper.py COMMAND ...`.

A server does not read its standard input, so this process does: the kernel closes the pipe when
errata is gone, however it went. Imports nothing of errata's, so that it starts at once.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading

GRACE_S = 10
"""Within which a server that is told to end has ended; then it and its processes are killed."""
PR_SET_PDEATHSIG = 1


def main() -> None:
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def ends_with_keeper() -> None:
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    server = subprocess.Popen(
        sys.argv[1:],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=ends_with_keeper,
    )
    threading.Thread(target=end_with_parent, args=(server,), daemon=True).start()
    code = server.wait()
    kill(server.pid, signal.SIGKILL)  # what it started, and left
    sys.exit(code if code >= 0 else 128 - code)


def end_with_parent(server: subprocess.Popen[bytes]) -> None:
    while os.read(0, 4096):
        pass
    kill(server.pid, signal.SIGTERM)
    threading.Event().wait(GRACE_S)
    kill(server.pid, signal.SIGKILL)


def kill(group: int, how: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, how)


if __name__ == "__main__":
    main()
