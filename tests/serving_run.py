"""A run's process with a server of its own, to be killed: `python serving_run.py FOLDER`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from errata.agents.served.student import ServedStudent
from errata.agents.student import ServeSettings, StudentSettings
from errata.agents.testing.vllm_server import Letters

FAKE = str(Path(__file__).with_name("fake_vllm.py"))


def main(folder: str) -> None:
    serve = ServeSettings(command=(sys.executable, FAKE, "good"))
    settings = StudentSettings(model="models/letters", serve=serve)
    student = ServedStudent(settings, Path(folder), 16, tokenizer=Letters)
    student.open()
    print(student.servers[0].url, flush=True)
    time.sleep(600)


if __name__ == "__main__":
    main(*sys.argv[1:])
