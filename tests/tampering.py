"""Ways to tamper with a finished run, and what an audit must name then.

Used by tests/test_audit.py and benchmarks/tamper.py.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from doubles import table_agents

from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.agents.jsonl import read_record, read_records, write_record, write_records
from errata.agents.records import Attempt, Example, Mistake, Question, Row
from errata.graph.commands.audit import Audit, audit
from errata.graph.config import parse_config
from errata.graph.manifest import FinishedFile, Seal, is_unsealed
from errata.graph.provenance import read_provenance
from errata.graph.readings import registry
from errata.graph.report import Report, build_report, write_report
from errata.graph.rows import row_of
from errata.graph.run import run
from errata.graph.run_folder import NotCountedQuestion, RunFolder
from errata.graph.watcher import NoWatcher
from errata.training.finished import sha256_of

ALL = [kind.name for kind in KINDS]


def make_run(runs: Path, name: str, seed: int) -> RunFolder:
    """A finished run of two rounds over two exams and a third out of domain."""
    own = {}
    for exam in ("shelves", "far"):
        own[exam] = {"name": exam}
        for at, part in enumerate(("practice", "dev", "test")):
            path = runs / f"{exam}-{part}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps(row(exam, at * 20 + n)) + "\n" for n in range(8)))
            own[exam][part] = str(path)
    settings = parse_config(
        {
            "name": name,
            "strategy": "lec",
            "exam": [
                {"name": "arithmetic", "seed": seed, "practice": 36, "dev": 36, "test": 18},
                own["shelves"],
            ],
            "out_of_domain": [own["far"]],
            "examples": {"per_round": 40},
            "stop": {"rounds": 2},
        },
        "tampering",
    )
    practice = load_exams(settings.exam, settings.out_of_domain).practice
    agents = table_agents(practice, [ALL[:8], ALL[:12]], [*ALL[:3], "shelf"])
    run(settings, runs, **agents, cache=False)
    return RunFolder(runs / name)


def row(exam: str, n: int) -> dict[str, Any]:
    if exam == "shelves":
        options = [f"shelf {n}", f"shelf {n + 1}", f"shelf {n + 2}"]
        return {"prompt": f"Where is jar {n}?", "options": options, "target": "ABC"[n % 3]}
    return {"prompt": f"Which word stands {n} times?", "target": "valid", "answer": "text"}


# What tampers. Each gives back the file that an audit must name.

Tamper = Callable[[RunFolder, random.Random], str]


def files(folder: RunFolder, ending: str = "") -> list[Path]:
    """All whose bytes matter, the manifest and the seal too."""
    found = [path for path in sorted(folder.path.rglob(f"*{ending}")) if path.is_file()]
    sealing = (folder.manifest.path, folder.manifest.seal_path)
    return [p for p in found if p in sealing or not is_unsealed(p.relative_to(folder.path))]


def named(folder: RunFolder, path: Path) -> str:
    return path.relative_to(folder.path).as_posix()


def flip_a_byte(folder: RunFolder, rng: random.Random) -> str:
    path = rng.choice([path for path in files(folder) if path.stat().st_size])
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= rng.randrange(1, 256)
    path.write_bytes(data)
    return named(folder, path)


def with_lines(folder: RunFolder, rng: random.Random, change: Callable[[list[bytes]], None]) -> str:
    """Changes a random file that has two different lines at least."""
    paths = files(folder, ".jsonl")
    path = rng.choice([p for p in paths if len(set(p.read_bytes().splitlines())) > 1])
    lines = path.read_bytes().splitlines(keepends=True)
    before = list(lines)
    while lines == before:
        change(lines)
    path.write_bytes(b"".join(lines))
    return named(folder, path)


def remove_a_line(folder: RunFolder, rng: random.Random) -> str:
    return with_lines(folder, rng, lambda lines: lines.remove(rng.choice(lines)))


def double_a_line(folder: RunFolder, rng: random.Random) -> str:
    return with_lines(
        folder, rng, lambda lines: lines.insert(rng.randrange(len(lines) + 1), rng.choice(lines))
    )


def swap_two_lines(folder: RunFolder, rng: random.Random) -> str:
    def swap(lines: list[bytes]) -> None:
        a, b = rng.sample(range(len(lines)), 2)
        lines[a], lines[b] = lines[b], lines[a]

    return with_lines(folder, rng, swap)


def cut_the_end(folder: RunFolder, rng: random.Random) -> str:
    path = rng.choice([path for path in files(folder) if path.stat().st_size])
    path.write_bytes(path.read_bytes()[: rng.randrange(path.stat().st_size)])
    return named(folder, path)


def remove_a_file(folder: RunFolder, rng: random.Random) -> str:
    path = rng.choice(files(folder))
    path.unlink()
    return named(folder, path)


def add_a_file(folder: RunFolder, rng: random.Random) -> str:
    places = ["notes.txt", "round-01/late.jsonl", "round-09/dev.jsonl", "round-x/dev.jsonl"]
    path = folder.path / rng.choice([*places, "exam/more.jsonl", "round-01/adapter/more.bin"])
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(rng.choice([b"", b"\n", b"{}\n", rng.randbytes(40)]))
    return named(folder, path)


def exchange_two_files(folder: RunFolder, rng: random.Random) -> str:
    """Whole files, of one kind: the base model's answers as the best one's."""
    rounds = [folder.round(index) / "dev.jsonl" for index in folder.rounds()]
    finals = [folder.final_exam("test", model) for model in ("base", "best")]
    a, b = rng.sample(rng.choice([rounds, finals]), 2)
    first, second = a.read_bytes(), b.read_bytes()
    a.write_bytes(second)
    b.write_bytes(first)
    mend(folder)
    return named(folder, a)


# Those who tamper and mend the manifest, and seal.json with it.


def mend(folder: RunFolder, seal: bool = True) -> None:
    """The manifest of the files as they are now, its chain whole; and, with `seal`, seal.json."""
    before = folder.manifest.run_id
    known = {line.path: line for line in folder.manifest.read().lines}
    lines = []
    for path in files(folder):
        name = named(folder, path)
        if path in (folder.manifest.path, folder.manifest.seal_path):
            continue
        line = known.get(name) or FinishedFile(path=name, sha256="", before="")
        new = {"sha256": sha256_of(path), "before": before}
        lines.append(line.model_copy(update=new).model_dump_json())
        before = hashlib.sha256(lines[-1].encode()).hexdigest()
    folder.manifest.path.write_text("".join(f"{line}\n" for line in lines))
    if seal:
        write_record(folder.manifest.seal_path, Seal(files=len(lines), sha256=before))


def report_again(folder: RunFolder) -> None:
    """The report that follows from the files as they are now."""
    said = read_record(folder.path / "report.json", Report)
    end: Any = {"status": said.status, "best_round": said.best_round}
    write_report(build_report(folder, read_provenance(folder).config, end), folder)


def an_exam(folder: RunFolder, rng: random.Random) -> Path:
    return rng.choice(
        [*folder.path.glob("round-*/dev.jsonl"), *folder.path.glob("final/*-b*.jsonl")]
    )


def flip_a_verdict(folder: RunFolder, rng: random.Random) -> str:
    path = an_exam(folder, rng)
    attempts = read_records(path, Attempt)
    at = rng.randrange(len(attempts))
    attempts[at] = attempts[at].model_copy(update={"correct": not attempts[at].correct})
    write_records(path, attempts)
    return named(folder, path)


def flip_a_verdict_and_mend_the_manifest(folder: RunFolder, rng: random.Random) -> str:
    flip_a_verdict(folder, rng)
    mend(folder, seal=False)
    return "manifest.jsonl"


def flip_a_verdict_and_mend_all(folder: RunFolder, rng: random.Random) -> str:
    name = flip_a_verdict(folder, rng)
    report_again(folder)
    mend(folder)
    return name


def improve_a_figure_and_mend_all(folder: RunFolder, rng: random.Random) -> str:
    path = folder.path / "report.json"
    report = json.loads(path.read_text())
    places: list[tuple[Any, Any]] = []

    def walk(inside: Any) -> None:
        for key in inside if isinstance(inside, dict) else range(len(inside)):
            if isinstance(inside[key], dict | list):
                walk(inside[key])
            elif type(inside[key]) in (int, float):
                places.append((inside, key))

    walk(report)
    inside, key = rng.choice(places)
    inside[key] += 1 if isinstance(inside[key], int) else 0.01
    path.write_text(json.dumps(report, indent=2))
    mend(folder)
    return "report.json"


def drop_an_answer_and_mend_all(folder: RunFolder, rng: random.Random) -> str:
    path = an_exam(folder, rng)
    attempts = read_records(path, Attempt)
    del attempts[rng.randrange(len(attempts))]
    write_records(path, attempts)
    mend(folder)
    return named(folder, path)


def answer_twice_and_mend_all(folder: RunFolder, rng: random.Random) -> str:
    path = an_exam(folder, rng)
    attempts = read_records(path, Attempt)
    write_records(path, [*attempts, rng.choice(attempts)])
    mend(folder)
    return named(folder, path)


def promote_otherwise_and_mend_all(folder: RunFolder, rng: random.Random) -> str:
    path = folder.promotion(rng.choice(folder.rounds()[1:]))
    said = json.loads(path.read_text())
    path.write_text(json.dumps(said | {"promoted": not said["promoted"]}))
    mend(folder)
    return named(folder, path)


def with_a_row(folder: RunFolder, rng: random.Random, question: Question) -> str:
    """A question with its answer among the examples and the rows of a round, adapter and all."""
    here = folder.round(rng.choice(folder.rounds()[1:]))
    new = {name: getattr(question, name) for name in ("prompt", "target", "answer")}
    row = rng.choice(read_records(here / "examples.jsonl", Example))
    row = row.model_copy(update=new | {"completion": question.target})
    write_records(here / "examples.jsonl", [*read_records(here / "examples.jsonl", Example), row])
    rows = read_records(here / "training.jsonl", Row)
    write_records(here / "training.jsonl", [*rows, row_of(row, row.id)])
    finished = here / "adapter" / "trained.json"
    said = json.loads(finished.read_text())
    finished.write_text(json.dumps(said | {"examples_sha256": sha256_of(here / "training.jsonl")}))
    report_again(folder)
    mend(folder)
    return named(folder, here / "examples.jsonl")


def train_on_a_held_out_question_and_mend_all(folder: RunFolder, rng: random.Random) -> str:
    name = rng.choice(["dev", "test", "out-of-domain"])
    return with_a_row(folder, rng, rng.choice(folder.questions(name)))


def train_on_an_unknown_row_and_mend_all(folder: RunFolder, rng: random.Random) -> str:
    unknown = Question(id="x", prompt=f"How many is {rng.random()}?", target="7")
    return with_a_row(folder, rng, unknown)


def leave_out_a_row_and_mend_all(folder: RunFolder, rng: random.Random) -> str:
    path = folder.round(rng.choice(folder.rounds()[1:])) / "training.jsonl"
    rows = read_records(path, Row)
    del rows[rng.randrange(len(rows))]
    write_records(path, rows)
    mend(folder)
    return named(folder, path)


def invent_a_mistake_and_mend_all(folder: RunFolder, rng: random.Random) -> str:
    path = folder.round(1) / "mistakes.jsonl"
    mistakes = read_records(path, Mistake)
    missed = {mistake.question.id for mistake in mistakes}
    right = [q for q in folder.questions("practice") if q.id not in missed]
    at = rng.randrange(len(mistakes))
    mistakes[at] = mistakes[at].model_copy(update={"question": rng.choice(right)})
    write_records(path, mistakes)
    mend(folder)
    return named(folder, path)


def test_on_a_practised_question_and_mend_all(folder: RunFolder, rng: random.Random) -> str:
    path = folder.exam("test")
    questions = read_records(path, Question)
    at = rng.randrange(len(questions))
    known = rng.choice(folder.questions("practice"))
    questions[at] = known.model_copy(update={"id": questions[at].id})
    write_records(path, questions)
    mend(folder)
    return named(folder, path)


def read_less_often_and_mend_all(folder: RunFolder, rng: random.Random) -> str:
    path = folder.path / "final" / "readings.json"
    said = json.loads(path.read_text())
    rng.choice(said["readings"])["earlier_runs"] += rng.randint(1, 5)
    path.write_text(json.dumps(said))
    report_again(folder)
    mend(folder)
    return named(folder, path)


def count_a_question_out_and_mend_all(folder: RunFolder, rng: random.Random) -> str:
    attempts = read_records(folder.final_exam("test", "best"), Attempt)
    missed = rng.choice([attempt for attempt in attempts if not attempt.correct])
    folder.not_counted.add(NotCountedQuestion(question_id=missed.question_id, why="bad tests"))
    report_again(folder)
    mend(folder)
    return "not-counted.jsonl"


def answer_better_and_mend_all(folder: RunFolder, rng: random.Random) -> str:
    """Nothing in the folder contradicts it: only who kept the seal can tell."""
    path = folder.final_exam("test", "best")
    solutions = {q.id: q.solution for q in folder.questions("test") if q.solution}
    attempts = read_records(path, Attempt)
    at = rng.choice([n for n, a in enumerate(attempts) if a.question_id in solutions])
    target = next(q.target for q in folder.questions("test") if q.id == attempts[at].question_id)
    better = {
        "response": solutions[attempts[at].question_id],
        "answer": target,
        "correct": True,
        "tokens": 99,
    }
    attempts[at] = attempts[at].model_copy(update=better)
    write_records(path, attempts)
    report_again(folder)
    mend(folder)
    return "manifest.jsonl"


TAMPERS: tuple[Tamper, ...] = (
    flip_a_byte,
    remove_a_line,
    double_a_line,
    swap_two_lines,
    cut_the_end,
    remove_a_file,
    add_a_file,
    exchange_two_files,
    flip_a_verdict,
    flip_a_verdict_and_mend_the_manifest,
    flip_a_verdict_and_mend_all,
    improve_a_figure_and_mend_all,
    drop_an_answer_and_mend_all,
    answer_twice_and_mend_all,
    promote_otherwise_and_mend_all,
    train_on_a_held_out_question_and_mend_all,
    train_on_an_unknown_row_and_mend_all,
    leave_out_a_row_and_mend_all,
    invent_a_mistake_and_mend_all,
    test_on_a_practised_question_and_mend_all,
    read_less_often_and_mend_all,
    count_a_question_out_and_mend_all,
    answer_better_and_mend_all,
)
WITH_THE_SEAL = {answer_better_and_mend_all}
"""Found only by who kept the seal."""


def audited(folder: RunFolder, seal: str | None = None) -> Audit:
    return audit(folder, NoWatcher(), seal)


def tampered(run: RunFolder, copy: Path, tamper: Tamper, seed: int) -> tuple[str, Audit]:
    """The file that must be named, and what an audit of the tampered copy finds."""
    shutil.copytree(run.path, copy)
    with suppress(shutil.SameFileError):
        shutil.copy(registry(run).path, copy.parent)
    folder = RunFolder(copy)
    seal = folder.manifest.sealing()
    assert seal is not None
    file = tamper(folder, random.Random(seed))
    return file, audited(folder, seal.short if tamper in WITH_THE_SEAL else None)


def names(found: Audit, file: str) -> bool:
    """Whether a finding is about the file. What is wrong between the manifest and the seal shows
    in either."""
    sealing = {"manifest.jsonl", "seal.json"}
    files = {finding.file for finding in found.findings}
    return bool(files & sealing) if file in sealing else file in files
