"""From accepted examples to training rows: rehearsal, shapers, and what is read of them."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from recording import Played, RecordingStudent, RecordingTrainer, RecordingWriter, Sums, play
from screen import printed

from errata.agents.checks import marked_against, refuse_row
from errata.agents.data_writer import Ask
from errata.agents.errors import ConfigError, StepFailed
from errata.agents.exams import HeldOut
from errata.agents.exams.arithmetic import KINDS
from errata.agents.jsonl import read_records, write_records
from errata.agents.marking import mark
from errata.agents.records import (
    GREEDY,
    Attempt,
    Draft,
    Example,
    ModelRef,
    Question,
    Response,
    Row,
    Sampling,
    Unusable,
)
from errata.agents.shapers import SHAPERS, Rehearsed
from errata.agents.shapers.chosen import sampling_for, shape, shaper_named
from errata.agents.shapers.own_words import OwnWords
from errata.agents.shapers.shaper import Shaper
from errata.agents.shapers.unsolved import Unsolved
from errata.graph.commands.audit import audit
from errata.graph.config import RunConfig, parse_config
from errata.graph.rows import row_of, rows_of
from errata.graph.run import ReviewPending, resume, run
from errata.graph.run_folder import RunFolder
from errata.graph.views.trace import print_trace
from errata.graph.watcher import NoWatcher

ALL = [kind.name for kind in KINDS]
loop = pytest.mark.loop


def config(shaped: Sequence[str] = (), answers: int | None = None, **changes: Any) -> RunConfig:
    given: dict[str, Any] = {
        "name": "t",
        "strategy": "lec",
        "exam": {"name": "arithmetic", "seed": 3, "practice": 18, "dev": 18, "test": 18},
        "examples": {"per_round": 20, "shape": list(shaped), "answers": answers},
        "training": {"after_refusal": "same", "replay": 1.0},
        "stop": {"rounds": 2},
    }
    return parse_config(given | changes, "test")


def is_example(question: Question) -> bool:
    return question.id.startswith(("e0", "s-"))


def even(question: Question) -> bool:
    return sum(map(ord, question.id)) % 2 == 0


def half_of_the_examples(index: int, question: Question) -> bool:
    """Nine of the 18 kinds; every second example."""
    return even(question) if is_example(question) else question.kind in ALL[:9]


def rows_in(folder: RunFolder, index: int) -> list[Row]:
    return read_records(folder.round(index) / "training.jsonl", Row)


def left_out_of(folder: RunFolder, index: int) -> list[Unusable]:
    return folder.collected(index, "shaped", Unusable)


# Rehearsal.


@loop
@pytest.mark.parametrize("strategy", ["sft+augment", "lec"])
def test_without_a_shaper_each_row_is_an_example_word_for_word_and_nobody_is_asked(
    strategy: str, tmp_path: Path
) -> None:
    played = play(config(strategy=strategy), tmp_path, half_of_the_examples)
    earlier: list[Example] = []
    for index in (1, 2):
        solutions = played.folder.collected(index, "solutions", Example)
        expected = [*solutions, *earlier, *played.examples(index)]
        made = [(row.prompt, row.completion) for row in rows_in(played.folder, index)]
        assert made == [(example.prompt, example.completion) for example in expected]
        assert rows_in(played.folder, index) == rows_of(expected)
        earlier += played.examples(index)
        here = played.folder.round(index)
        assert not (here / "rehearsed.jsonl").exists()
        assert not (here / "shaped.jsonl").exists()
        assert played.report.rounds[index].rows == {"example": len(expected)}
        assert played.report.rounds[index].rehearsed is None
    assert not any(id.startswith(("e0", "s-")) for _, id in played.student.asked)


@loop
def test_the_best_model_is_asked_each_example_once_before_it_is_trained_on(
    tmp_path: Path,
) -> None:
    def right(index: int, question: Question) -> bool:
        return even(question) if is_example(question) else question.kind in ALL[: 6 + 8 * index]

    played = play(config(["unsolved"], strategy="sft+augment"), tmp_path, right)
    assert [model.promoted for model in played.report.rounds] == [True, True, False]
    asked = Counter(one for one in played.student.asked if one[1].startswith(("e0", "s-")))
    assert not any(id.startswith("s-") for _, id in asked)  # it may know solutions by heart
    assert set(asked.values()) == {1}
    for index, best in ((1, 0), (2, 1)):
        examples = [e for at in range(1, index + 1) for e in played.examples(at)]
        assert {id for model, id in asked if model == best} == {e.id for e in examples}
        attempts = played.folder.collected(index, "rehearsed", Attempt)
        assert len(attempts) == len(examples)
        by_id = {example.id: example for example in examples}
        for attempt in attempts:
            assert attempt.id == f"{attempt.question_id}@rehearsed-{index}"
            example = by_id[attempt.question_id]
            question = Question(id="q", prompt=example.prompt, target=example.target)
            assert attempt.correct == mark(question, attempt.response).correct
        told = played.report.rounds[index].rehearsed
        assert told == (sum(a.correct for a in attempts), len(attempts))
        assert 0 < told[0] < told[1]


class Interrupted(RecordingStudent):
    """Is stopped at one of the questions that it is asked."""

    def __init__(self, right: Callable[[int, Question], bool], stop_at: str) -> None:
        super().__init__(right)
        self.stop_at: str | None = stop_at

    def ask(
        self,
        model: ModelRef,
        questions: Sequence[Question],
        answered: frozenset[str],
        sampling: Sampling = GREEDY,
    ) -> Iterator[Response]:
        for response in super().ask(model, questions, answered):
            for sample in range(sampling.answers):
                if (response.question_id, sample) == (self.stop_at, sampling.answers - 1):
                    self.stop_at = None
                    raise KeyboardInterrupt
                yield response.model_copy(update={"sample": sample})


@loop
@pytest.mark.parametrize("answers", [None, 3])
def test_a_rehearsal_that_is_stopped_goes_on_and_comes_to_the_same_rows(
    answers: int | None, tmp_path: Path
) -> None:
    settings = config(["unsolved"], answers, stop={"rounds": 1})

    def begun(student: RecordingStudent, runs: Path) -> RunFolder:
        table = {"student": student, "trainer": RecordingTrainer(student), "cache": False}
        try:
            run(settings, runs, **table)
        except KeyboardInterrupt:
            assert not (runs / "t" / "round-01" / "training.jsonl").exists()
            resume(RunFolder(runs / "t"), **table)
        return RunFolder(runs / "t")

    whole = begun(Interrupted(half_of_the_examples, ""), tmp_path / "whole")
    examples = whole.collected(1, "examples", Example)
    student = Interrupted(half_of_the_examples, examples[7].id)
    stopped = begun(student, tmp_path / "stopped")
    assert student.stop_at is None
    asked = Counter(id for _, id in student.asked if id.startswith("e01-"))
    assert asked == {e.id: 1 + (e.id == examples[7].id) for e in examples}
    for name in ("rehearsed", "shaped", "training"):
        one, other = (f.round(1) / f"{name}.jsonl" for f in (whole, stopped))
        assert one.read_bytes() == other.read_bytes(), name
    attempts = stopped.collected(1, "rehearsed", Attempt)
    assert len(attempts) == len({a.id for a in attempts}) == len(examples) * (answers or 1)
    if answers:
        assert {a.id.partition("#")[2] for a in attempts} == {"0", "1", "2"}
    assert audit(stopped, NoWatcher()).findings == ()


# Shapers in the loop.


@loop
def test_unsolved_trains_on_what_the_best_model_gets_wrong_and_a_tenth_of_the_rest(
    tmp_path: Path,
) -> None:
    def right(index: int, question: Question) -> bool:
        if not is_example(question):
            return question.kind in ALL[: 6 + 8 * index]
        return even(question) if index == 0 else not even(question)  # unlearns what it could do

    played = play(config(["unsolved"]), tmp_path, right)
    first, second = (rows_in(played.folder, index) for index in (1, 2))
    examples = {example.id: example for example in played.examples(1)}
    solved = {id for id, e in examples.items() if even(Question(id=id, prompt="?", target="1"))}
    left_out = {one.source_id for one in left_out_of(played.folder, 1)}
    assert left_out < solved
    assert len(solved) - len(left_out) == round(0.1 * len(solved)) > 0
    assert [row.id for row in first] == [id for id in examples if id not in left_out]
    assert solved <= {row.example_id for row in second}  # what was unlearnt comes back
    assert played.report.rounds[1].shaped_out == {"solved already": len(left_out)}
    assert [len(rows) for rows in played.trainer.rows] == [len(first), len(second)]
    assert audit(played.folder, NoWatcher()).findings == ()


@loop
def test_a_round_whose_rows_are_all_left_out_ends_the_run(tmp_path: Path) -> None:
    def right(index: int, question: Question) -> bool:
        return is_example(question) or question.kind in ALL[:9]

    settings = config(examples={"per_round": 4, "shape": ["unsolved"]})
    played = play(settings, tmp_path, right)
    assert played.report.status == "no examples accepted"
    assert played.report.rounds[1].examples.accepted == 4
    assert played.report.rounds[1].shaped_out == {"solved already": 4}
    assert played.trainer.jobs == []
    assert audit(played.folder, NoWatcher()).findings == ()


class Says(RecordingStudent):
    """Says of each example what `words` makes of it; `right` of other questions."""

    def __init__(self, words: Callable[[Question], str]) -> None:
        super().__init__(lambda index, question: question.kind in ALL[:9])
        self.words = words

    def ask(
        self,
        model: ModelRef,
        questions: Sequence[Question],
        answered: frozenset[str],
        sampling: Sampling = GREEDY,
    ) -> Iterator[Response]:
        asked = {question.id: question for question in questions}
        for response in super().ask(model, questions, answered):
            question = asked[response.question_id]
            text = self.words(question) if is_example(question) else response.text
            yield response.model_copy(update={"text": text})


def in_own_words(runs: Path, words: Callable[[Question], str], **changes: Any) -> Played:
    student = Says(words)
    given = {"student": student, "trainer": RecordingTrainer(student)}
    settings = config(["own_words"], stop={"rounds": 1}, **changes)
    report = run(settings, runs, **given, cache=False)
    return Played(report, RunFolder(runs / "t"), None, **given)  # type: ignore[arg-type]


@loop
def test_a_right_answer_in_own_words_is_trained_on_and_a_false_equation_never(
    tmp_path: Path,
) -> None:
    def words(question: Question) -> str:
        false = "" if even(question) else "2 + 2 = 5\n"
        return f"{false}I think that it is {question.target}."

    played = in_own_words(tmp_path, words)
    examples = {example.id: example for example in played.examples(1)}
    rows = rows_in(played.folder, 1)
    assert [row.example_id for row in rows] == list(examples)
    for row in rows:
        asked = Question(id=row.example_id, prompt=row.prompt, target=row.target)
        own = even(asked)
        assert row.made_by == ("own_words" if own else "example")
        assert row.completion == (words(asked) if own else examples[row.example_id].completion)
    assert played.report.rounds[1].rows == Counter(row.made_by for row in rows)
    assert len(played.report.rounds[1].rows) == 2
    assert audit(played.folder, NoWatcher()).findings == ()


@loop
def test_words_of_the_student_that_nobody_should_learn_are_left_out(tmp_path: Path) -> None:
    odd_one = "\x07"
    played = in_own_words(tmp_path, lambda q: f"So it is {odd_one if even(q) else ''}{q.target}.")
    left_out = left_out_of(played.folder, 1)
    assert {one.reason for one in left_out} == {"control characters"}
    assert 0 < len(left_out) < len(played.examples(1))
    assert not any(odd_one in row.completion for row in rows_in(played.folder, 1))
    assert len(rows_in(played.folder, 1)) == len(played.examples(1)) - len(left_out)


@loop
def test_what_the_students_tokenizer_takes_for_a_token_of_its_own_is_learnt_of_nobody(
    tmp_path: Path,
) -> None:
    tokens = {"added_tokens": [{"content": "<call>", "special": True}]}
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokens))
    sums = Sums()

    def write(ask: Ask) -> list[Draft]:
        first, *others = sums(ask)
        bad = first.model_copy(update={"prompt": f"<call> {first.prompt}"})
        return [bad if len(writer.asks) == 1 else first, *others]

    student = Says(lambda q: f"So it is {'<call> ' if even(q) else ''}{q.target}.")
    settings = config(["own_words"], student={"model": str(tmp_path)}, stop={"rounds": 1})
    writer = RecordingWriter(write)
    played = play(settings, tmp_path / "runs", half_of_the_examples, writer=writer, student=student)
    assert played.report.rounds[1].examples.rejected == {"tokens of a chat template": 1}
    left_out = {one.reason for one in left_out_of(played.folder, 1)}
    assert left_out == {"tokens of a chat template"}
    assert not any("<call>" in row.completion for row in rows_in(played.folder, 1))


@loop
@pytest.mark.parametrize("able", ["", "+*/"])
def test_calculations_are_written_out_but_such_as_the_student_was_seen_to_do(
    able: str, tmp_path: Path
) -> None:
    def signs(text: str | None) -> set[str]:
        return set("+-*/") & set(text or "")

    settings = config(
        ["columns"],
        strategy="sft+lec",
        exam={"name": "arithmetic", "seed": 3, "practice": 54, "dev": 18, "test": 18},
        stop={"rounds": 1},
    )
    played = play(settings, tmp_path, lambda _, question: signs(question.solution) <= set(able))
    examples = [*played.folder.collected(1, "solutions", Example), *played.examples(1)]
    rows = rows_in(played.folder, 1)
    changed = set()
    for row, example in zip(rows, examples, strict=True):
        columns = [line for line in row.completion.splitlines() if ": " in line]
        assert row.made_by == ("columns" if columns else "example")
        kept = [line for line in row.completion.splitlines() if line not in columns]
        assert "\n".join(kept) == example.completion
        for sign in "+-":
            if any(sign in line.partition(":")[0] for line in columns):
                changed.add(sign)
    assert changed == {"+", "-"} - set(able)
    assert played.report.rounds[1].rows == Counter(row.made_by for row in rows)
    assert audit(played.folder, NoWatcher()).findings == ()


@loop
def test_a_review_shows_what_is_trained_on(tmp_path: Path) -> None:
    student = Says(lambda question: f"It is {question.target}.")
    trainer = RecordingTrainer(student)
    settings = config(["own_words"], review=True, stop={"rounds": 1})
    with pytest.raises(ReviewPending, match=r"read \S+/round-01/proposed\.jsonl, then"):
        run(settings, tmp_path, student=student, trainer=trainer, cache=False)
    asked = read_records(tmp_path / "t" / "round-01" / "proposed.jsonl", Row)
    assert {row.made_by for row in asked} == {"own_words"}
    resume(RunFolder(tmp_path / "t"), student=student, trainer=trainer, approve=True, cache=False)
    assert trainer.rows == [rows_in(RunFolder(tmp_path / "t"), 1)]


# What an audit and a trace make of rows.


@pytest.fixture(scope="module")
def shaped(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    runs = tmp_path_factory.mktemp("shaped")
    student = Says(lambda q: f"I say {q.target}." if even(q) else "I like cats.")
    settings = config(["own_words"], stop={"rounds": 1})
    run(settings, runs, student=student, trainer=RecordingTrainer(student), cache=False)
    return RunFolder(runs / "t")


def first_line(path: Path, **fields: Any) -> None:
    """Changes the first line for which all fields would be others."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    at = next(n for n, line in enumerate(lines) if line.get("made_by", "own_words") == "own_words")
    lines[at] |= fields
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@loop
@pytest.mark.parametrize(
    ("name", "fields", "check", "says"),
    [
        ("training", {"completion": "I say 0."}, "lineage", "its answer is marked wrong"),
        ("training", {"given": "0 and not ", "completion": "0"}, "lineage", "marked wrong"),
        ("training", {"prompt": "How many?"}, "lineage", "nor made of it by a shaper"),
        ("training", {"made_by": "unsolved"}, "lineage", "nor made of it by a shaper"),
        ("training", {"example_id": "e1-9999"}, "lineage", "come from no accepted example"),
        ("rehearsed", {"correct": False, "why": "x"}, "verdicts", "are not the marker's"),
        ("rehearsed", {"question_id": "e1-9999"}, "attempts", "no answers to the round's"),
        ("rehearsed", {"id": "x@dev-1"}, "attempts", "no answers to the round's"),
    ],
)
def test_an_audit_finds_a_row_that_is_not_what_it_says(
    name: str, fields: dict[str, Any], check: str, says: str, shaped: RunFolder, tmp_path: Path
) -> None:
    shutil.copytree(shaped.path, tmp_path / "t")
    folder = RunFolder(tmp_path / "t")
    first_line(folder.round(1) / f"{name}.jsonl", **fields)
    found = [f for f in audit(folder, NoWatcher()).findings if f.file.endswith(f"{name}.jsonl")]
    assert any(f.check == check and says in f.wrong for f in found), found


@loop
def test_an_audit_finds_a_rejected_answer_that_is_right_and_a_rehearsal_that_is_cut(
    shaped: RunFolder, tmp_path: Path
) -> None:
    shutil.copytree(shaped.path, tmp_path / "t")
    folder = RunFolder(tmp_path / "t")
    path = folder.round(1) / "training.jsonl"
    row = next(row for row in read_records(path, Row) if row.made_by == "own_words")
    first_line(path, rejected=f"It is {row.target}.")
    rehearsed = folder.round(1) / "rehearsed.jsonl"
    write_records(rehearsed, read_records(rehearsed, Attempt)[1:])
    wrong = " ".join(finding.wrong for finding in audit(folder, NoWatcher()).findings)
    assert "its rejected answer is marked right" in wrong
    assert "examples have not 1 answers" in wrong


def traced(folder: RunFolder, question: str | None = None, full: bool = False) -> str:
    return printed(lambda console: print_trace(folder, console, question, full), 120)


@loop
def test_a_trace_shows_rows_as_they_are_trained_on(shaped: RunFolder, tmp_path: Path) -> None:
    said = traced(shaped)
    rows = rows_in(shaped, 1)
    own = [row for row in rows if row.made_by == "own_words"]
    right = len(own)
    assert f"{len(rows)} rows to train on · beforehand the student got {right} of 20 right" in said
    assert "own_words" in said
    assert own[0].completion in said
    assert own[0].completion in traced(shaped, own[0].question_id)
    shutil.copytree(shaped.path, tmp_path / "t")
    pair = {"given": "Three and ", "completion": "4 is 7.", "rejected": "4 is 8.", "ends": False}
    first_line(tmp_path / "t" / "round-01" / "training.jsonl", **pair)
    gone = Unusable(source_id=rows[-1].id, reason="solved already")
    write_records(tmp_path / "t" / "round-01" / "shaped.jsonl", [gone])
    lines = [
        line.strip(" │└├─") for line in traced(RunFolder(tmp_path / "t"), full=True).split("\n")
    ]
    for label, text in (("given", "Three and"), ("next step", "4 is 7."), ("rejected", "4 is 8.")):
        assert any(line.split() == [*label.split(), *text.split()] for line in lines), label
    assert any("solved already" in line for line in lines)
    assert "solved already" in traced(RunFolder(tmp_path / "t"), rows[-1].question_id)


# A configuration.


@pytest.mark.parametrize(
    ("examples", "says"),
    [
        ({"shape": ["unsovled"]}, "there is no shaper 'unsovled'; did you mean 'unsolved'?"),
        ({"shape": ["zzz"]}, "there is no shaper 'zzz'; there are columns, difficulty, diverse"),
        ({"shape": ["unsolved", "unsolved"]}, "'unsolved' stands there twice; take one out"),
        ({"answers": 4}, "nothing in shape goes by the student's answers; take it out"),
        ({"shape": ["unsolved"], "answers": 0}, "greater than or equal to 1"),
    ],
)
def test_a_senseless_shape_is_refused_by_one_sentence(examples: Any, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        config(examples=examples)
    assert says in str(refused.value)
    assert "examples." in str(refused.value)


def test_pairs_are_refused_where_nothing_compares_them(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pairs(Shaper):
        makes_pairs = True

        def shape(
            self, rows: Sequence[Row], rehearsed: Rehearsed, seed: int
        ) -> list[Row | Unusable]:
            return list(rows)

    monkeypatch.setitem(SHAPERS, "by_twos", Pairs())
    with pytest.raises(ConfigError, match="by_twos makes pairs, of which sft would learn one side"):
        config(["by_twos"])


def test_the_student_is_asked_as_often_as_is_configured_and_by_chance_then() -> None:
    assert config().examples.sampling(7) is None
    assert config(["unsolved"]).examples.sampling(7) == GREEDY
    assert config(["unsolved"], 1).examples.sampling(7) == GREEDY
    several = Sampling(answers=4, temperature=0.7, seed=7)
    twice = several.model_copy(update={"answers": 2})
    assert config(["unsolved"], 2).examples.sampling(7) == twice
    assert config(["unsolved", "own_words"], 4).examples.sampling(7) == several
    chance = Unsolved(sampling=Sampling(answers=2, temperature=1.0, top_p=0.9))
    asked = Sampling(answers=2, temperature=1.0, top_p=0.9, seed=7)
    assert sampling_for([OwnWords(), chance], None, 7) == asked
    assert sampling_for([OwnWords(), chance], 8, 7) == asked.model_copy(update={"answers": 8})


# What holds for every shaper.


def an_example(number: int, rng: random.Random) -> Example:
    a, b, c = (rng.randrange(2, 60) for _ in range(3))
    return Example(
        id=f"e1-{number:04d}",
        made_from=rng.choice(["diagnosis", "solution"]),
        diagnosis_id=f"d{number}",
        question_id=f"q{number % 5}",
        cause=rng.choice(["slip: 4 + 5", "wrong operation", "stopped early", "no equation"]),
        prompt=f"Ann has {a} pens, buys {b} and then {c} more. How many pens?",
        completion=f"{a} + {b} = {a + b}\n{a + b} + {c} = {a + b + c}\n#### {a + b + c}",
        target=str(a + b + c),
    )


def an_answer(example: Example, sample: int, rng: random.Random) -> Attempt:
    off = str(int(example.target) + rng.choice([-1, 1, 10]))
    first, second, _ = example.completion.split("\n")
    said = rng.choice(
        [
            example.completion,
            f"It is {example.target}.",
            f"1 + 1 = 3\n#### {example.target}",
            f"{first}\n{second[: second.index('=')]}= {off}\n#### {off}",
            f"{first}\n#### {off}",
            f"{off} it is.",
            "I like cats.",
            "",
        ]
    )
    question = Question(id=example.id, prompt=example.prompt, target=example.target)
    verdict = mark(question, said)
    return Attempt(
        id=f"{example.id}@rehearsed-1#{sample}",
        question_id=example.id,
        response=said,
        answer=verdict.answer,
        correct=verdict.correct,
        why=verdict.why,
        tokens=len(said),
        truncated=rng.random() < 0.2,
        sample=sample,
    )


def a_round(seed: int, answers: int | None = None) -> tuple[list[Row], Rehearsed]:
    rng = random.Random(seed)
    examples = [an_example(number, rng) for number in range(rng.randrange(20, 60))]
    answers = rng.choice([0, 1, 4]) if answers is None else answers
    attempts = {e.id: [an_answer(e, n, rng) for n in range(answers)] for e in examples}
    earlier = frozenset(e.id for e in examples if rng.random() < 0.3)
    known = Rehearsed({e.id: e for e in examples}, attempts, earlier=earlier)
    return rows_of([*examples, *examples[:3]]), known


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", SHAPERS)
def test_what_every_shaper_promises(name: str, seed: int) -> None:
    given, known = a_round(seed)
    rows, left_out = shape(given, [(name, SHAPERS[name])], known, seed)
    assert (rows, left_out) == shape(list(given), [(name, SHAPERS[name])], known, seed)
    assert len({row.id for row in rows}) == len(rows)
    assert {one.source_id for one in left_out} <= {row.id for row in given}
    if not SHAPERS[name].makes_pairs:
        assert all(row.rejected is None for row in rows)
    for row in rows:
        example = known.examples[row.example_id]
        assert (row.prompt, row.target, row.answer) == (
            example.prompt,
            example.target,
            example.answer,
        )
        assert marked_against(row) is None, row
        if row.made_by == "example":
            assert row == row_of(example, row.id)
        else:
            assert row.made_by == name
            assert row.completion.strip()


OWN = """
from errata.agents.shapers import Shaper

class Twice(Shaper):
    def shape(self, rows, rehearsed, seed):
        return [*rows, *rows]

class Unknown(Shaper):
    def shape(self, rows, rehearsed, seed):
        return [row.model_copy(update={"example_id": "e-9"}) for row in rows]

class Empty(Shaper):
    pass
"""


def test_a_shaper_that_breaks_its_promise_is_named_with_the_row(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    given, known = a_round(1)
    for name, what in (("Twice", "a second row"), ("Unknown", "an example 'e-9'")):
        shaper = shaper_named(f"python:{tmp_path / 'own.py'}:{name}")
        with pytest.raises(StepFailed, match=rf"{name}' made {what} .*\(row '{given[0].id}'\)"):
            shape(given, [(name, shaper)], known, 0)
    with pytest.raises(ConfigError, match="it has no shape"):
        shaper_named(f"python:{tmp_path / 'own.py'}:Empty")


@pytest.mark.parametrize("name", SHAPERS)
def test_every_shaper_takes_nothing_and_gives_nothing(name: str) -> None:
    assert shape([], [(name, SHAPERS[name])], Rehearsed({}), 0) == ([], [])


def test_own_words_take_the_first_sound_answer_and_no_other() -> None:
    given, known = a_round(4, answers=4)
    rows, left_out = shape(given, [("own_words", OwnWords())], known, 0)
    assert left_out == []
    assert [row.id for row in rows] == [row.id for row in given]
    changed = 0
    for before, after in zip(given, rows, strict=True):
        sound = [
            attempt.response
            for attempt in known.attempts[before.example_id]
            if attempt.correct and not attempt.truncated and "1 + 1 = 3" not in attempt.response
        ]
        assert after.completion == [*sound, before.completion][0]
        changed += after.completion != before.completion
    assert changed > 0
    again, _ = shape(rows, [("own_words", OwnWords())], known, 0)
    assert again == rows


def test_unsolved_keeps_solutions_what_was_not_asked_and_the_share_that_is_said() -> None:
    given, known = a_round(5, answers=1)
    solved = {
        row.id
        for row in given
        if known.attempts[row.example_id]
        and all(attempt.correct for attempt in known.attempts[row.example_id])
    }
    for share in (0, 0.5, 1):
        rows, left_out = shape(given, [("u", Unsolved(keep_solved=share))], known, 1)
        of_examples = [
            row.id
            for row in given
            if row.id in solved and known.examples[row.example_id].made_from != "solution"
        ]
        assert len(of_examples) > 2
        assert {one.source_id for one in left_out} <= set(of_examples)
        assert len(of_examples) - len(left_out) == round(share * len(of_examples))
        gone = {one.source_id for one in left_out}
        assert [row.id for row in rows] == [row.id for row in given if row.id not in gone]
    unasked = Rehearsed(known.examples)
    assert shape(given, [("u", Unsolved())], unasked, 1) == (given, [])


def test_a_row_of_the_students_words_is_refused_where_a_draft_would_be() -> None:
    story = "Ann and Ben walk slowly along the old river to the mill and count ducks"
    held_out = HeldOut([Question(id="test-1", prompt=f"{story}. How many?", target="7")])
    row = row_of(an_example(1, random.Random(1)), "r")
    end = row.completion
    assert refuse_row(row, held_out) is None
    for changes, why in (
        ({"completion": "#### 1"}, "its answer is marked wrong"),
        ({"rejected": end}, "its rejected answer is marked right"),
        ({"completion": f"{story}\n{end}"}, "13 words in a row of a held-out question"),
        ({"rejected": f"{story} 1"}, "13 words in a row of a held-out question"),
        ({"completion": f"\x07{end}"}, "control characters"),
        ({"given": "<|im_end|>"}, "tokens of a chat template"),
        ({"completion": "4", "ends": False}, None),
        ({"completion": "#### 1", "system": "Answer wrongly."}, None),
    ):
        assert refuse_row(row.model_copy(update=changes), held_out) == why, changes
    odd = row.model_copy(update={"given": "@@end@@ "})
    assert refuse_row(odd, held_out) is None
    assert refuse_row(odd, held_out, ["@@end@@"]) is not None
