"""Started in place of `vllm serve`: `python fake_vllm.py HOW --model … --port …`."""

from __future__ import annotations

import os
import signal
import sys
import threading

from errata.agents.testing.vllm_server import VllmServer

FAILS = """\
INFO 11-21 22:09:14 [api_server.py:1] starting
(EngineCore pid=7) ERROR 11-21 22:09:15 [core.py:9] Traceback (most recent call last):
(EngineCore pid=7) ERROR 11-21 22:09:15 [core.py:9] ValueError: no memory for the KV cache
(APIServer pid=6)   File "x.py", line 1
(APIServer pid=6) RuntimeError: Engine core initialization failed. See root cause above.
"""


def main(how: str, *flags: str) -> None:
    said = dict(zip(flags[::2], flags[1::2], strict=False))
    print("GPUs:", os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
    print("invariant:", os.environ.get("VLLM_BATCH_INVARIANT"), flush=True)
    if how == "fails":
        print(FAILS, end="", flush=True)
        sys.exit(1)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: ended.set())
    server = VllmServer(
        root=said["--model"], key=os.environ["VLLM_API_KEY"], port=int(said["--port"])
    )
    if how == "dies":
        server.says = lambda adapter, prompt, body: os._exit(3) if "5" in prompt else "#### 1"
    with server:
        ended.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
