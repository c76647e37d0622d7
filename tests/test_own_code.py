"""Code of the user's own, named in a configuration: `python:FILE.py:NAME`."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from doubles import table_agents

from errata.agents.errors import ConfigError, RunError
from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.agents.jsonl import read_records
from errata.agents.own_code import check_own, own
from errata.agents.records import Row
from errata.agents.shapers import Shaper
from errata.graph.commands.audit import audit
from errata.graph.commands.compare import ArmsAsked, read_arguments
from errata.graph.comparing.compare import compare, outlook
from errata.graph.config import RunConfig, load_config, parse_config
from errata.graph.provenance import provenance_of
from errata.graph.report import Report
from errata.graph.run import resume, run
from errata.graph.run_folder import RunFolder
from errata.graph.watcher import NoWatcher
from errata.training.own_code import made_by

ALL = [kind.name for kind in KINDS]

MINE = '''
from errata.agents.errors import ConfigError
from errata.agents.ways.sft import FineTuning, solutions_of
from errata.agents.ways.way import Collected, Way

class FirstNine(FineTuning):
    """The solutions of the first nine questions."""

    def collect(self, practised, round_index, seed):
        solutions, _ = solutions_of([question for question, _ in practised][:9])
        return Collected(solutions=solutions, left_out=[])

class Twice(FirstNine):
    rounds = 2

class Lazy(Way):
    steps = ()

class Unrelated:
    steps = ()
    rounds = None

class Backwards(FirstNine):
    steps = ("write", "diagnose")

class Unknown(FirstNine):
    steps = ("dream",)

class Listed(FirstNine):
    steps = ["write"]

class Needy(FirstNine):
    def __init__(self, questions):
        pass

def refuse():
    raise ConfigError("this way needs more questions: give it 100")

MADE = FirstNine()
A_NUMBER: int = 3
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path


def toml(folder: Path, strategy: str, more: str = "") -> Path:
    path = folder / "my.toml"
    path.write_text(
        f'name = "t"\nstrategy = "{strategy}"\n{more}\n'
        '[exam]\nname = "arithmetic"\nseed = 3\npractice = 18\ndev = 18\ntest = 18\n'
        "[examples]\nper_round = 20\n[stop]\nrounds = 3\n"
    )
    return path


def tables(config: RunConfig) -> dict[str, Any]:
    return table_agents(load_exams(config.exam).practice, [ALL[:9]], ALL[:3])


def ran(folder: Path, strategy: str = "python:mine.py:FirstNine") -> tuple[Report, RunFolder]:
    config = load_config(toml(folder, strategy))
    return run(config, folder / "runs", **tables(config)), RunFolder(folder / "runs" / "t")


@pytest.mark.loop
def test_a_way_of_the_users_own_is_found_beside_the_configuration_and_learnt_by(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    report, here = ran(folder)
    rows = read_records(here.round(1) / "training.jsonl", Row)
    assert len(rows) == 9
    assert all(row.example_id == f"s-{row.question_id}" for row in rows)
    assert (report.status, report.rounds[-1].index) == ("nothing new to learn", 1)
    assert report.strategy == f"python:{folder / 'mine.py'}:FirstNine"


@pytest.mark.parametrize("name", ["mine:FirstNine", "mine.py:MADE", "mine.py:Twice"])
def test_a_module_and_what_is_made_already_can_be_named_too(name: str, folder: Path) -> None:
    config = load_config(toml(folder, f"python:{name}"))
    assert config.strategy == f"python:{folder / 'mine.py'}:{name.partition(':')[2]}"
    assert config.rounds == (2 if "Twice" in name else 1)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none.py:FirstNine", r"there is no file .*none\.py; paths are taken from the conf"),
        ("no_such_module:FirstNine", "there is no module no_such_module in the conf"),
        ("mine.py:FirstTen", r"there is no FirstTen in .*mine\.py; correct the name"),
        ("mine.py:Lazy", "does not give a way to learn: it has no collect; add it"),
        ("mine.py:Unrelated", "it has no check and no collect and no looks and no parts and no"),
        ("mine.py:A_NUMBER", "it has no check and"),
        ("mine.py:Backwards", r"steps is \('write', 'diagnose'\); make it a tuple of some of con"),
        ("mine.py:Unknown", r"steps is \('dream',\); make it a tuple of some of contrast, diagn"),
        ("mine.py:Listed", r"steps is \['write'\]; make it a tuple"),
        ("mine.py:Needy", "TypeError: .*missing 1 required positional argument: 'questions'"),
        ("mine.py:refuse", "this way needs more questions: give it 100"),
        ("mine.py", "'strategy' is wrong: string should match"),
        ("mine.py:", "'strategy' is wrong: string should match"),
        ("broken.py:Way", r"SyntaxError: .*broken\.py"),
        ("ends.py:Way", "SystemExit: 3"),
        ("needs.py:Way", "there is no module no_such_package"),
    ],
)
def test_a_way_that_cannot_be_had_is_one_sentence_when_the_configuration_is_read(
    name: str, said: str, folder: Path
) -> None:
    (folder / "broken.py").write_text("class Way(:")
    (folder / "ends.py").write_text("raise SystemExit(3)")
    (folder / "needs.py").write_text("import no_such_package")
    with pytest.raises(ConfigError, match=said) as raised:
        load_config(toml(folder, f"python:{name}"))
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith(str(folder / "my.toml"))


def test_what_an_error_of_the_users_code_says_is_one_line_of_readable_text(folder: Path) -> None:
    (folder / "loud.py").write_text('raise ValueError("a\\nb\\x1b[2J" + "c" * 100_000)')
    with pytest.raises(ConfigError) as raised:
        load_config(toml(folder, "python:loud.py:Way"))
    assert "ValueError: a b[2Jcc" in str(raised.value)
    assert len(str(raised.value)) < 2000


def test_the_papers_preset_is_refused_where_a_way_of_ones_own_looks_at_no_mistakes(
    folder: Path,
) -> None:
    paper = '[instructor]\nmodel = "openai:x"\npreset = "paper"'
    with pytest.raises(ConfigError, match=r"'instructor' is wrong: .*FirstNine looks at none"):
        load_config(toml(folder, "python:mine.py:FirstNine", paper))


class Killed(NoWatcher):
    def say(self, text: str) -> None:
        if "solutions of practice questions" in text:
            raise KeyboardInterrupt


@pytest.mark.loop
def test_a_stopped_run_goes_on_with_the_same_code_only(folder: Path) -> None:
    config = load_config(toml(folder, "python:mine.py:FirstNine"))
    given = tables(config)
    with pytest.raises(KeyboardInterrupt):
        run(config, folder / "runs", **given, watcher=Killed())
    here = RunFolder(folder / "runs" / "t")
    edited = MINE + "raise AssertionError('a changed file must not be run')"
    for wrong in (edited, None):
        (folder / "mine.py").unlink()
        if wrong is not None:
            (folder / "mine.py").write_text(wrong)
        with pytest.raises(RunError, match=r"mine\.py, which has changed since or is gone: put"):
            resume(here, **given)
        (folder / "mine.py").write_text(MINE)
    assert resume(here, **given).status == "nothing new to learn"


@pytest.mark.loop
def test_what_is_finished_is_read_and_audited_without_the_users_code(folder: Path) -> None:
    report, here = ran(folder)
    (folder / "mine.py").write_text("raise AssertionError('nobody may run this')")
    assert audit(here, NoWatcher()).findings == ()
    assert resume(here) == report
    (folder / "mine.py").unlink()
    assert audit(here, NoWatcher()).findings == ()


@pytest.mark.loop
def test_each_run_in_one_process_loads_the_code_as_it_is_then(folder: Path) -> None:
    config = load_config(toml(folder, "python:mine.py:FirstNine"))
    (folder / "mine.py").write_text(MINE.replace("[:9]", "[:6]"))
    run(config, folder / "runs", **tables(config))
    here = RunFolder(folder / "runs" / "t")
    assert len(read_records(here.round(1) / "training.jsonl", Row)) == 6


def test_code_is_read_as_it_stands_though_size_and_time_are_those_of_the_old_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache of compiled code goes by both, and an edit within a second may keep both."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = folder / "mine.py"
    then = file.stat()
    assert made_by(f"python:{file}:A_NUMBER", "a number") == 3
    file.write_text(MINE.replace("A_NUMBER: int = 3", "A_NUMBER: int = 4"))
    os.utime(file, ns=(then.st_atime_ns, then.st_mtime_ns))
    assert made_by(f"python:{file}:A_NUMBER", "a number") == 4
    assert not (folder / "__pycache__").exists()


SHAPER = """
from errata.agents.shapers import Shaper

class Shortest(Shaper):
    def shape(self, rows, rehearsed, seed):
        return sorted(rows, key=lambda row: len(row.prompt))[:4]
"""


@pytest.mark.loop
def test_a_shaper_of_the_users_own_is_found_beside_the_configuration_and_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    (folder / "shaper.py").write_text(SHAPER)
    path = toml(folder, "sft")
    shape = 'shape = ["python:shaper.py:Shortest"]'
    path.write_text(path.read_text().replace("[examples]", f"[examples]\n{shape}"))
    config = load_config(path)
    run(config, folder / "runs", **tables(config))
    here = RunFolder(folder / "runs" / "t")
    rows = read_records(here.round(1) / "training.jsonl", Row)
    shortest = sorted(len(question.prompt) for question in here.questions("practice"))[:4]
    assert [len(row.prompt) for row in rows] == shortest
    assert audit(here, NoWatcher()).findings == ()

    (folder / "shaper.py").write_text("class Shortest:\n    pass\n")
    with pytest.raises(ConfigError, match="shaper"):
        load_config(path)


@pytest.mark.loop
def test_a_way_of_the_users_own_is_an_arm_beside_others(folder: Path) -> None:
    path = toml(folder, "python:mine.py:Twice")
    asked = read_arguments([str(path)], None, 1, folder, None, False, None, False)
    assert isinstance(asked, ArmsAsked)
    assert asked.arms[-1] == f"python:{folder / 'mine.py'}:Twice"
    asked = read_arguments(
        [str(path)], "sft,python:mine.py:Twice", 2, folder, None, False, None, False
    )
    assert isinstance(asked, ArmsAsked)
    ahead = outlook(asked.config, asked.arms, 2, folder)
    assert [one.run for one in ahead.runs] == ["sft-1", "Twice-1", "sft-2", "Twice-2"]
    settings = [one.config.training.tokens or 0 for one in ahead.runs]
    assert settings[0] in (2 * settings[1], 2 * settings[1] + 1)  # one round, and two

    found = compare(asked.config, asked.arms, 1, folder, **tables(asked.config))
    assert [row.arm for row in found.rows] == ["base", "sft", "Twice"]
    (folder / "mine.py").write_text(MINE + "# edited")
    with pytest.raises(RunError, match=r"mine\.py, which has changed since or is gone"):
        compare(asked.config, asked.arms, 2, folder, **tables(asked.config))


def test_two_arms_of_one_name_are_refused(folder: Path) -> None:
    shutil.copy(folder / "mine.py", folder / "other.py")
    config = load_config(toml(folder, "lec"))
    arms = [f"python:{folder / file}:Twice" for file in ("mine.py", "other.py")]
    with pytest.raises(ConfigError, match="two arms are called 'Twice'"):
        outlook(config, arms, 1, folder)


def test_a_shaper_that_lacks_its_method_is_named(tmp_path: Path) -> None:
    file = tmp_path / "shapers.py"
    file.write_text(
        "from errata.agents.shapers import Shaper\n"
        "class Empty(Shaper):\n    pass\n"
        "class Whole(Shaper):\n    def shape(self, rows, rehearsed, seed):\n        return rows\n"
    )
    with pytest.raises(ConfigError, match="does not give a shaper: it has no shape; add it"):
        own(f"python:{file}:Empty", "a shaper", Shaper)
    assert own(f"python:{file}:Whole", "a shaper", Shaper).shape([], None, 0) == []


UNLOADED = """
raise AssertionError("nobody may run this")
from somewhere import Imported
class Good:
    def loss(self): ...
class Bare:
    pass
class Derived(Good):
    pass
def made(): ...
NAMED = Good
def hidden():
    Inner = Good
"""


@pytest.mark.parametrize("name", ["Good", "Derived", "Imported", "made", "NAMED"])
def test_code_for_a_child_process_is_looked_at_and_not_run(name: str, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(UNLOADED)
    check_own(f"python:{tmp_path / 'own.py'}:{name}", "an objective", ["loss"])


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("own.py:Bare", "does not give an objective: it has no loss; add it"),
        ("own.py:Inner", "there is no Inner in"),
        ("own.py:Absent", "there is no Absent in"),
        ("none.py:Good", "there is no file"),
        ("broken.py:Good", "SyntaxError"),
        ("null.py:Good", "does not give an objective"),
    ],
)
def test_code_for_a_child_process_that_cannot_be_had_is_one_sentence(
    place: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "own.py").write_text(UNLOADED)
    (tmp_path / "broken.py").write_text("class Good(:")
    (tmp_path / "null.py").write_bytes(b"\x00\xff")
    with pytest.raises(ConfigError, match=said) as raised:
        check_own(f"python:{tmp_path}/{place}", "an objective", ["loss"])
    assert "\n" not in str(raised.value)


def test_a_module_that_is_nowhere_is_said_without_running_anything() -> None:
    with pytest.raises(ConfigError, match=re.escape("there is no module no_such_module")):
        check_own("python:no_such_module:Good", "an objective", ["loss"])


def test_every_file_of_the_users_code_is_on_record_whatever_it_is_for(folder: Path) -> None:
    (folder / "llm.py").write_text("")
    path = toml(folder, "python:mine:FirstNine", '[instructor]\nmodel = "python:llm.py:make"')
    files = {str(folder / name) for name in ("mine.py", "llm.py")}
    assert set(provenance_of(load_config(path)).own_code) == files


def test_a_text_that_looks_like_code_of_ones_own_and_names_no_file_is_a_text() -> None:
    config = parse_config(
        {"exam": {"name": "arithmetic"}, "student": {"system": "python: say it:well"}}, "test"
    )
    assert provenance_of(config).own_code == {}
