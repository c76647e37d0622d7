"""kill -9 in the middle of judging: nothing is judged twice, and the records are the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from judging import exam_files, judged_toml, judging_mind
from killed_judging import JOBS

from errata.agents.testing.openai_server import OpenAIServer, Reply, error

ANSWERS = ("practice", "dev", "test", "examples", "rehearsed", "training", "prompts")
"""Files whose content no clock and no place changes."""


def worked(folder: Path, kill_at: frozenset[int]) -> tuple[list[str], int]:
    """What was judged and answered, and how often whoever asked was killed before the answer."""
    folder.mkdir()
    exam_files(folder, questions=4)
    judged: list[str] = []
    kills = 0

    def mind(request: dict[str, Any]) -> Reply:
        nonlocal kills
        said = json.dumps(request["messages"])
        if "BEGIN ANSWER" not in said:
            return judging_mind(request)
        if len(judged) in kill_at and kills < len([at for at in kill_at if at <= len(judged)]):
            kills += 1
            os.kill(int((folder / "pid").read_text()), signal.SIGKILL)
            return error(503, "nobody is there")
        judged.append(said)
        return judging_mind(request)

    with OpenAIServer(mind) as server:
        judge = "calibrated = false\nconcurrency = 1"
        path = judged_toml(
            folder,
            server.base_url,
            judge,
            "[audition.instructors.one]\n"
            + "\n".join(['model = "openai:scripted-judge"', f'base_url = "{server.base_url}"']),
        )
        (folder / "le.toml").write_text(path.read_text().replace('"sft"', '"le"'))
        script = Path(__file__).with_name("killed_judging.py")
        done = subprocess.run(
            [sys.executable, str(script), str(folder)],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return judged, kills


def records(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for job in JOBS:
        for path in sorted((folder / job).rglob("*.jsonl")):
            name = str(path.relative_to(folder))
            if path.stem.partition("-")[0] in ANSWERS:
                found[name] = path.read_text()
            elif path.stem == "judged":
                found[name] = sorted(path.read_text().splitlines())
    return found


@pytest.mark.loop
def test_what_is_killed_in_the_middle_of_judging_goes_on_and_judges_nothing_twice(
    tmp_path: Path,
) -> None:
    calm, none = worked(tmp_path / "calm", frozenset())
    kill_at = frozenset(range(3, len(calm) - 1, len(calm) // 5))
    killed, kills = worked(tmp_path / "killed", kill_at)
    assert (none, kills) == (0, len(kill_at))
    assert killed == calm
    assert records(tmp_path / "killed") == records(tmp_path / "calm")
    assert len(records(tmp_path / "calm")) > 15
