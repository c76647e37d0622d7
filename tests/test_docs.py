"""The pages under docs/ say what the code says, and what a run writes is what they describe."""

from __future__ import annotations

import re
import shutil
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from doubles import table_agents
from scripts import load

from errata.agents.exams import FileSet
from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.files import read_questions
from errata.agents.exams.several import load_exams
from errata.agents.marking import mark
from errata.agents.records import (
    Answer,
    ChoiceAnswer,
    Example,
    JsonAnswer,
    LabelAnswer,
    MathAnswer,
    NumberAnswer,
    Question,
    RegexAnswer,
    Review,
    ReviewEntry,
    TextAnswer,
)
from errata.graph.config import RunConfig, parse_config
from errata.graph.run import ReviewPending, resume, run
from errata.graph.run_folder import RunFolder

ROOT = Path(__file__).parents[1]
PAGES = [
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
]
ALL = [kind.name for kind in KINDS]


generate = load("docs/generate.py")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_generated_parts_of_a_page_are_what_the_code_says(page: Path) -> None:
    """To renew them: python docs/generate.py."""
    text = page.read_text()
    assert generate.renewed(text) == text


def test_every_key_of_a_configuration_says_what_it_is() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .* \| (.*) \|$", generate.configuration(), re.MULTILINE)
    assert len(rows) > 60
    assert [name for name, said in rows if not said] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if link.startswith("https://"):
            continue
        name, _, heading = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        if not heading:
            continue
        slugs = {
            re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-")
            for title in re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
        }
        assert heading in slugs, link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_are_there(page: Path) -> None:
    folders = "agents|graph|training|docs|examples|benchmarks|tests"
    for name in re.findall(rf"`(?:python )?((?:{folders})/[\w/.-]+\.\w+)", page.read_text()):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_says_is_in_a_file_is_there(page: Path) -> None:
    """As in: `WAYS` in `agents/ways/__init__.py`."""
    named = re.findall(r"`(\w+)`\s+(?:to|in)\s+`([\w/]+\.py)`", page.read_text())
    assert [pair for pair in named if pair[0] not in (ROOT / pair[1]).read_text()] == []


ANSWERS: dict[str, Answer] = {
    "number": NumberAnswer(),
    "choice": ChoiceAnswer(options=dict(zip("ABCD", ("oak", "elm", "ash", "fir"), strict=True))),
    "text": TextAnswer(),
    "math": MathAnswer(),
    "label": LabelAnswer(labels={"refund": ("money back",), "bug": ()}),
    "json": JsonAnswer(fields={"tags": "set"}),
    "regex": RegexAnswer(pattern=r"(\d+)"),
}


@pytest.mark.process
def test_the_examples_of_marking_are_marked_as_their_page_says() -> None:
    page = (ROOT / "docs" / "exams-and-marking.md").read_text()
    rows = re.findall(r"^\| (\w+) \| `(.+)` \| (\S+) \| (right|wrong): ", page, re.MULTILINE)
    assert {kind for kind, *_ in rows} == set(ANSWERS)
    for kind, response, target, said in rows:
        question = Question(id="q", prompt="?", target=target, answer=ANSWERS[kind])
        verdict = mark(question, response)
        assert verdict.correct == (said == "right"), (response, verdict)


def test_the_questions_of_the_page_on_exams_are_read(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "exams-and-marking.md").read_text()
    file = tmp_path / "exam.jsonl"
    file.write_text(page.partition("```json\n")[2].partition("```")[0])
    questions = read_questions(FileSet(file=file))
    assert [question.answer.type for question in questions] == [
        "number",
        "choice",
        "code",
        "text",
        "math",
    ]


def config(**changes: Any) -> RunConfig:
    given: dict[str, Any] = {
        "name": "t",
        "exam": {"name": "arithmetic", "seed": 3, "practice": 18, "dev": 18, "test": 18},
        "examples": {"per_round": 20},
        "stop": {"rounds": 2, "gate": "any"},
    }
    return parse_config(given | changes, "test")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, dict[str, Any]]:
    runs = tmp_path_factory.mktemp("runs")

    def own(exam: str) -> dict[str, str]:
        paths = {name: str(runs / f"{exam}-{name}.jsonl") for name in ("practice", "dev", "test")}
        for path in paths.values():
            Path(path).write_text(f'{{"prompt": "How many letters has {path}?", "target": 8}}\n')
        return {"name": exam, **paths}

    settings = config(out_of_domain=own("own"), guard=own("guarded"))
    agents = table_agents(
        load_exams(settings.exam, settings.out_of_domain).practice, [ALL[:8], ALL[:12]], ALL[:3]
    )
    run(settings, runs, **agents, cache=False)
    return RunFolder(runs / "t"), agents


@pytest.mark.loop
def test_every_file_of_a_run_is_described_and_holds_what_its_page_says(
    finished: tuple[RunFolder, dict[str, Any]], tmp_path: Path
) -> None:
    folder, _ = finished
    blind = config(strategy="sft+augment", examples={"per_round": 20, "shape": ["unsolved"]})
    agents = table_agents(load_exams(blind.exam).practice, [ALL[:8], ALL[:12]], ALL[:3])
    run(blind, tmp_path, **agents, cache=False)
    reviewed = config(name="r", review=True, stop={"rounds": 1})
    with pytest.raises(ReviewPending):
        run(reviewed, tmp_path, **agents, cache=False)
    waiting = RunFolder(tmp_path / "r")
    example = waiting.collected(1, "examples", Example)[0]
    entry = ReviewEntry(
        example_id=example.id, verdict="edited", completion=f"{example.completion} "
    )
    resume(waiting, **agents, cache=False, review=Review(run="r", round=1, entries=(entry,)))
    page = (ROOT / "docs" / "run-folder.md").read_text()
    # The first two need an LLM, the third an exam that is at fault, then weights, a person.
    unseen = set(generate.RECORDS) - {"estimate.json", "costs.jsonl", "not-counted.jsonl"}
    unseen -= {"machines.jsonl", "looks.jsonl", "engine.json", "corrected.jsonl"}
    unseen -= {"calibration.json", "judged.jsonl"}  # they need a judge
    wholes = (folder.path, tmp_path / "t", waiting.path)
    for whole, path in ((each, path) for each in wholes for path in each.rglob("*")):
        name = path.relative_to(whole).as_posix()
        if path.is_dir() or "/adapter/" in name:
            continue
        patterns = [pattern for pattern in generate.RECORDS if fnmatch(name, pattern)]
        if not patterns:
            assert re.search(rf"\b{re.escape(path.name)}\b", page), name
            continue
        [pattern] = patterns
        unseen.discard(pattern)
        lines = path.read_bytes().split(b"\n") if path.suffix == ".jsonl" else [path.read_bytes()]
        for line in lines:
            if line.strip():
                generate.RECORDS[pattern].model_validate_json(line)
    assert unseen == set()


@pytest.mark.loop
def test_what_may_be_deleted_without_loss_is_not_missed(
    finished: tuple[RunFolder, dict[str, Any]], tmp_path: Path
) -> None:
    folder, agents = finished
    before = resume(folder, **agents, cache=False)
    copy = RunFolder(tmp_path / "t")
    shutil.copytree(folder.path, copy.path)
    for name in ("trace.jsonl", "checkpoints.sqlite", "lock", "report.json"):
        (copy.path / name).unlink(missing_ok=True)
    after = resume(copy, **agents, cache=False)
    left_out = {"model": True, "seconds": True, "rounds": {"__all__": {"seconds"}}}
    assert after.model_dump(exclude=left_out) == before.model_dump(exclude=left_out)
    assert (copy.path / "report.json").exists()
