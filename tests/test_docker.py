"""The Dockerfile, as far as it can be checked without Docker; docs/install.md says how far."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]


def instructions() -> list[tuple[str, str]]:
    """(`RUN`, what) for each; comments left out, continued lines joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2].strip()) for line in lines if line]


def ignored() -> list[str]:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def of(name: str) -> list[str]:
    return [what for instruction, what in instructions() if instruction == name]


def test_what_it_copies_is_there_and_not_left_out() -> None:
    copied = [word for line in of("COPY") for word in line.split()[1:-1]]
    assert {"Makefile", "pyproject.toml", "."} <= set(copied)
    for name in copied:
        assert (ROOT / name).exists(), name
        assert not any(fnmatch(name, pattern) for pattern in ignored()), name


def test_the_image_holds_what_the_checks_need_and_nothing_that_git_leaves_out() -> None:
    for kept in ("graph", "agents", "training", "tests", "docs", "examples", "benchmarks", ".ci"):
        assert (ROOT / kept).is_dir()
        assert not any(fnmatch(kept, pattern) for pattern in ignored()), kept
    for line in (ROOT / ".gitignore").read_text().split():
        name = line.rstrip("/")
        assert any(fnmatch(name, pattern.removeprefix("**/")) for pattern in ignored()), name


def test_its_targets_are_those_of_the_makefile() -> None:
    make = (ROOT / "Makefile").read_text()
    targets = re.findall(r"\bmake ([\w./]+)", " ".join(of("RUN")))
    assert targets == [".venv/torch", "setup", "quick"]
    for target in targets:
        assert re.search(rf"^{re.escape(target)}:", make, re.MULTILINE), target


def test_it_takes_torch_for_a_cpu_unless_told_and_the_python_that_is_tested() -> None:
    [torch] = of("ARG")
    assert torch == 'TORCH_FROM="--index-url https://download.pytorch.org/whl/cpu"'
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [tested] = re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))
    assert of("FROM")[0].startswith(f"python:{tested}-")


def test_the_last_stage_is_for_use_and_does_not_wait_for_the_checks() -> None:
    stages = [what.split()[0] for what in of("FROM")]
    assert stages == [stages[0], "errata", "errata"]
    assert instructions()[-2:] == [("ENTRYPOINT", '["errata"]'), ("CMD", '["--help"]')]
