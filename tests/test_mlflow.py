"""MLflow sees a run by the three lines of docs/traces.md; where it is installed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from collector import collecting

pytest.importorskip("mlflow", reason="mlflow-tracing is not installed")
pytestmark = [pytest.mark.process, pytest.mark.slow]

HERE = Path(__file__).parent


def test_mlflow_gets_each_step_and_call(tmp_path: Path) -> None:
    page = (HERE.parent / "docs" / "traces.md").read_text()
    lines = re.findall(r"^    (.*mlflow.*)$", page, re.MULTILINE)
    assert len(lines) == 3
    program = [*lines, "from pathlib import Path", "import traced_run"]
    program += [f"traced_run.main(Path({str(tmp_path / 'runs')!r}), True)"]
    program += ["mlflow.flush_trace_async_logging()"]

    def answer(path: str, body: bytes) -> bytes:
        if path.startswith("/api/3.0/mlflow/traces"):  # where its spans shall go
            told = json.loads(body)
            tags = told["trace"]["trace_info"].setdefault("tags", {})
            tags["mlflow.artifactLocation"] = str(tmp_path / "spans")
            return json.dumps(told).encode()
        experiment = {"experiment_id": "1", "name": "errata", "lifecycle_stage": "active"}
        return json.dumps({"experiment": experiment}).encode()

    with collecting() as server:
        server.answer = answer
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", "\n".join(program)],
            env=os.environ | {"MLFLOW_TRACKING_URI": server.url},
            cwd=HERE,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
    assert done.returncode == 0, done.stderr
    [file] = (tmp_path / "spans").rglob("*.json")
    spans = json.loads(file.read_text())["spans"]  # of the resumed run: the last one stays
    names = Counter(span["name"] for span in spans)
    assert names["openai:scripted"] == 18
    assert names["diagnose"] == names["LangGraph"] == names["train"] == 1
