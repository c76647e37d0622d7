"""The wheel: everything that errata needs outside of a checkout, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from errata.training.extras import install

ROOT = Path(__file__).parents[1]
FLOORS = ("graph", "agents", "training")
ELSEWHERE = """
import sys
from pathlib import Path
import errata.agents, errata.graph, errata.training
from errata.agents.exams.several import load_exams
from errata.agents.testing.tables import TableStudent, TableTrainer
from errata.graph.config import load_config
from errata.graph.run import run

for floor in (errata.agents, errata.graph, errata.training):
    assert floor.__file__.startswith(sys.argv[1]), floor.__file__
config = load_config(Path("c.toml"))
practice = load_exams(config.exam).practice
trainer = TableTrainer({q.id: q.kind for q in practice}, [[q.kind for q in practice]])
print(run(config, student=TableStudent(), trainer=trainer).status)
"""

pytestmark = [pytest.mark.process, pytest.mark.slow]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without a network, from a copy: what an earlier build left in the tree stays out."""
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    for floor in FLOORS:
        shutil.copytree(ROOT / floor, tree / floor, ignore=shutil.ignore_patterns("__pycache__"))
    build = "-m pip wheel --no-index --no-deps --no-build-isolation --quiet --wheel-dir".split()
    subprocess.run([sys.executable, *build, out, tree], check=True, capture_output=True)
    [built] = out.glob("*.whl")
    return built


def test_the_wheel_holds_each_file_of_the_three_floors_and_nothing_else(wheel: Path) -> None:
    files = [path for floor in FLOORS for path in (ROOT / floor).rglob("*") if path.is_file()]
    there = {f"errata/{p.relative_to(ROOT)}" for p in files if "__pycache__" not in p.parts}
    names = set(zipfile.ZipFile(wheel).namelist())
    about = {name for name in names if name.startswith("errata-")}
    assert names - about == there
    for needed in ("/licenses/LICENSE", "/entry_points.txt", "/METADATA"):
        assert any(name.endswith(needed) for name in about)
    for needed in ("page/static/", "llm/instructor.md", "bundled-student.txt", "py.typed"):
        assert any(needed in name for name in there), needed


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def outside(unpacked: Path, cwd: Path, *args: str) -> str:
    """What Python prints in a folder that is no checkout, with errata from the wheel."""
    done = subprocess.run(
        [sys.executable, *args],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_errata_from_the_wheel_runs_outside_of_any_checkout(unpacked: Path, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(
        'stop = { rounds = 1 }\nexam = { name = "arithmetic", practice = 18, dev = 18, test = 18 }'
    )
    assert "target" in outside(unpacked, tmp_path, "-c", ELSEWHERE, str(unpacked))
    assert (tmp_path / "runs" / "run" / "report.md").is_file()


def test_the_version_of_the_wheel_is_said(unpacked: Path, wheel: Path, tmp_path: Path) -> None:
    said = outside(unpacked, tmp_path, "-m", "errata.graph.cli", "--version")
    assert said.split() == ["errata", wheel.name.split("-")[1]]


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        ('{"url": "file:///e", "dir_info": {"editable": true}}', '`pip install -e ".[ray]"` in er'),
        ('{"url": "file:///e.whl", "archive_info": {}}', '`pip install "errata[ray]=='),
        (None, '`pip install "errata[ray]=='),  # from an index
    ],
)
def test_a_missing_extra_is_asked_for_as_errata_was_installed(
    origin: str | None,
    command: str,
    unpacked: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    [about] = unpacked.glob("*.dist-info")
    about = Path(shutil.copytree(about, tmp_path / about.name))
    if origin is not None:
        (about / "direct_url.json").write_text(origin)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert install("ray").startswith(command)


def test_what_a_build_left_beside_the_code_is_no_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = tmp_path / "errata.egg-info"
    about.mkdir()
    (about / "PKG-INFO").write_text("Metadata-Version: 2.4\nName: errata\nVersion: 0.9.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert install("ray") == '`pip install -e ".[ray]"` in errata\'s folder'
