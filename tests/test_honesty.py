"""What a run promises: nothing measured is learnt, each setting reaches its agent, every figure is
what the answers say."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from recording import Played, RecordingInstructor, RecordingWriter, Right, Sums, play, variations

from errata.agents.data_writer import Ask
from errata.agents.embeddings import WordEmbeddings
from errata.agents.errors import BudgetSpent
from errata.agents.exams import plain
from errata.agents.exams.arithmetic import KINDS, make_questions
from errata.agents.jsonl import read_records
from errata.agents.records import (
    Diagnosis,
    Draft,
    Mistake,
    Question,
    Refusal,
    RefusalLine,
    Unusable,
)
from errata.graph.config import RunConfig, parse_config

pytestmark = pytest.mark.loop

ALL = [kind.name for kind in KINDS]


def config(**changes: Any) -> RunConfig:
    given: dict[str, Any] = {
        "name": "t",
        "strategy": "lec",
        "exam": {"name": "arithmetic", "seed": 3, "practice": 18, "dev": 18, "test": 18},
        "examples": {"per_round": 20},
        "stop": {"rounds": 1},
    }
    given |= changes
    # What promotes has tests of its own: here one more right answer does.
    given["stop"] = {"gate": "any", "guard_practice": False} | given["stop"]
    return parse_config(given, "test")


def knows(*counts: int) -> Right:
    """The model of each round knows so many of the 18 kinds; the last count stands for all after.

    Each set of 18 questions has each kind once.
    """
    return lambda index, question: question.kind in ALL[: counts[min(index, len(counts) - 1)]]


def of_set(question: Question) -> str:
    return question.id.rpartition("/")[2].partition("-")[0]


# What is measured is not learnt.

ANOTHER_WORD = re.compile(r"[A-Z]\w*")
REWORDED = {
    "as it is": lambda text: text,
    "in capitals, without points": lambda text: re.sub(r"[?.]", "", text).upper(),
    "with another name": lambda text: ANOTHER_WORD.sub("Zoltan", text, count=1),
}
HOMES = ("practice", "dev", "test", "out-of-domain", "stranger")


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Played, dict[str, list[Question]]]:
    """A run whose writer copies questions of all sets, and others that are in none."""
    runs = tmp_path_factory.mktemp("copied")
    for name in ("practice", "dev", "test"):
        rows = [q.model_dump(include={"prompt", "target", "solution", "kind"}) for q in far(name)]
        (runs / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = config(
        out_of_domain={"name": "far"} | {n: str(runs / n) for n in ("practice", "dev", "test")},
        examples={"per_round": 100},
    )
    here = make_questions(3, "practice", 18, taken := set())
    sets = {
        "practice": here[:3],
        "dev": make_questions(3, "dev", 18, taken)[:3],
        "test": make_questions(3, "test", 18, taken)[:3],
        "out-of-domain": far("test")[:3],
        "stranger": make_questions(3, "stranger", 18, taken)[:3],
    }
    waiting = [
        question.model_copy(update={"prompt": reword(question.prompt)})
        for name, questions in sets.items()
        for question in questions
        for way, reword in REWORDED.items()
        if name != "practice" or way != "with another name"  # that may be practised
        if name != "stranger" or way == "as it is"  # the others would be written before
    ]

    def copies(ask: Ask) -> Sequence[Draft | Unusable]:
        count = min(ask.count, len(waiting))
        return [as_draft(waiting.pop(0), ask) for _ in range(count)] or variations(ask)

    played = play(settings, runs, knows(9), writer=RecordingWriter(copies, examples_per_ask=8))
    assert waiting == []
    return played, sets


def far(name: str) -> list[Question]:
    return make_questions(77, f"far-{name}", 18, set())


def as_draft(question: Question, ask: Ask) -> Draft:
    return Draft(
        diagnosis_id=ask.lesson.id,
        prompt=question.prompt,
        completion=question.solution or "",
        target=question.target,
    )


@pytest.mark.parametrize(
    ("home", "reason"),
    [
        ("practice", "written before"),
        ("dev", "too near to a dev or test question"),
        ("test", "too near to a dev or test question"),
        ("out-of-domain", "too near to a dev or test question"),
    ],
)
def test_a_copy_of_an_exam_question_is_refused_and_reaches_no_training(
    home: str, reason: str, copied: tuple[Played, dict[str, list[Question]]]
) -> None:
    played, sets = copied
    lines = read_records(played.folder.round(1) / "refusals.jsonl", RefusalLine)
    reasons = {r.draft.prompt: r.reason for line in lines if isinstance(r := line.result, Refusal)}
    trained = {row.prompt for row in played.trainer.rows[0]}
    for question in sets[home]:
        for way, reword in REWORDED.items():
            if home == "practice" and way == "with another name":
                continue
            prompt = reword(question.prompt)
            assert reasons[prompt] == reason, way
            assert prompt not in trained
    assert {plain(q.prompt) for q in sets[home]}.isdisjoint(plain(prompt) for prompt in trained)


def test_the_same_kind_of_question_from_no_exam_is_trained_on(
    copied: tuple[Played, dict[str, list[Question]]],
) -> None:
    played, sets = copied
    assert {q.prompt for q in sets["stranger"]} <= {row.prompt for row in played.trainer.rows[0]}


def test_what_was_learnt_in_an_earlier_round_is_not_written_again(tmp_path: Path) -> None:
    first: list[Draft] = []

    def again(ask: Ask) -> Sequence[Draft | Unusable]:
        if len(first) < 6:
            first.extend(sums(ask))
            return first
        return first[:6]

    sums = Sums()
    settings = config(stop={"rounds": 2}, examples={"per_round": 6})
    played = play(settings, tmp_path, knows(17), writer=RecordingWriter(again, examples_per_ask=8))
    assert played.report.status == "no examples accepted"
    assert len(played.trainer.rows) == 1
    assert set(played.report.rounds[2].examples.rejected) == {"written before"}


# Each setting reaches the agent that it is for.


@pytest.mark.parametrize(("start", "rounds"), [("best", [0, 1, 1]), ("base", [0, 0, 0])])
def test_training_starts_from_the_model_that_the_configuration_names(
    start: str, rounds: list[int], tmp_path: Path
) -> None:
    began = tmp_path / "round-00" / "adapter"
    settings = config(
        training={"start": start, "after_refusal": "same"},
        stop={"rounds": 3},
        student={"model": "m", "adapter": str(began)},
    )
    played = play(settings, tmp_path / "runs", knows(6, 9, 7, 8))
    assert played.report.best_round == 1
    adapters = [str(began), str((played.folder.round(1) / "adapter").resolve())]
    assert [job.start.adapter for job in played.trainer.jobs] == [adapters[n] for n in rounds]
    assert {job.start.base for job in played.trainer.jobs} == {"m"}


@pytest.mark.parametrize(("replay", "share"), [(0, 0), (0.5, 0.5), (1.0, 1), (3.0, 1)])
def test_replay_mixes_in_that_share_of_the_earlier_examples(
    replay: float, share: float, tmp_path: Path
) -> None:
    settings = config(training={"replay": replay, "after_refusal": "same"}, stop={"rounds": 3})
    played = play(settings, tmp_path, knows(9), writer=RecordingWriter(Sums()))
    for index in (1, 2, 3):
        fresh = played.examples(index)
        earlier = list(chain.from_iterable(played.examples(before) for before in range(1, index)))
        assert len(earlier) == 20 * (index - 1)
        rows = played.trained_on(index)
        assert rows[-20:] == fresh
        replayed = [row.id for row in rows[:-20]]
        assert len(replayed) == share * len(earlier)
        assert replayed == [row.id for row in earlier if row.id in replayed]


def test_the_seed_of_the_training_chooses_what_is_replayed(tmp_path: Path) -> None:
    def replayed(seed: int, name: str) -> list[set[str]]:
        training = {"replay": 0.5, "seed": seed, "after_refusal": "same"}
        settings = config(name=name, training=training, stop={"rounds": 3})
        played = play(settings, tmp_path, knows(9), writer=RecordingWriter(Sums()))
        return [{row.id for row in rows[:-20]} for rows in played.trainer.rows]

    first = replayed(0, "first")
    assert replayed(0, "again") == first
    other = replayed(5, "other")
    assert other[1] != first[1]
    assert other[2] != first[2]


def test_each_training_has_a_seed_of_its_own_and_the_configured_settings(tmp_path: Path) -> None:
    def jobs(seed: int) -> list[dict[str, Any]]:
        training = {"seed": seed, "rank": 4, "alpha": 5, "learning_rate": 0.5, "epochs": 7}
        student = {"quantize": "4bit", "system": "Solve."}
        settings = config(name=f"s{seed}", training=training, student=student, stop={"rounds": 3})
        played = play(settings, tmp_path, knows(9, 10, 11, 12))
        given = settings.training.model_dump(exclude={"seed"})
        for job in played.trainer.jobs:
            assert (job.quantize, job.system) == ("4bit", "Solve.")
            assert job.settings.model_dump(exclude={"seed"}) == given
        return [job.settings.seed for job in played.trainer.jobs]

    first, other = jobs(0), jobs(100)
    assert len({*first, *other}) == 6
    assert [seed + 100 for seed in first] == other


def test_the_seed_of_the_writing_decides_what_is_written(tmp_path: Path) -> None:
    def written(name: str, seed: int) -> bytes:
        writer = RecordingWriter(variations)
        played = play(config(name=name, seed=seed), tmp_path, knows(9), writer=writer)
        return (played.folder.round(1) / "examples.jsonl").read_bytes()

    first = written("first", 0)
    assert written("same", 0) == first
    assert written("other", 1) != first


def test_each_round_and_turn_asks_the_writer_with_a_seed_of_its_own(tmp_path: Path) -> None:
    writer = RecordingWriter(Sums(), examples_per_ask=8)
    settings = config(stop={"rounds": 2}, examples={"per_round": 200, "per_mistake": 100})
    play(settings, tmp_path, knows(9), writer=writer)
    keys = [(ask.lesson.id, ask.seed) for ask in writer.asks]
    assert len(keys) > len({ask.lesson.id for ask in writer.asks})
    assert len(keys) == len(set(keys))
    rounds = [{ask.seed for ask in writer.asks if ask.lesson.id[1:3] == n} for n in ("01", "02")]
    assert rounds[0]
    assert rounds[0].isdisjoint(rounds[1])


@pytest.mark.parametrize(("k", "neighbours"), [(1, 1), (5, 5), (50, 9)])
def test_under_lec_the_instructor_gets_each_mistake_with_its_nearest_right_answers(
    k: int, neighbours: int, tmp_path: Path
) -> None:
    played = play(config(strategy="lec", contrast={"k": k}), tmp_path, knows(9))
    practice = {q.id: q for q in played.exams.practice}
    right = [q for q in played.exams.practice if q.kind in ALL[:9]]
    words = WordEmbeddings()
    assert len(played.instructor.got) == 9
    for mistake in played.instructor.got:
        asked = words.embed_query(mistake.question.prompt)
        near = sorted(
            (sum(a * b for a, b in zip(asked, words.embed_query(q.prompt), strict=True)), q.id)
            for q in right
        )[-neighbours:]
        assert [s.similarity for s in mistake.contrast] == pytest.approx(
            [similarity for similarity, _ in reversed(near)], abs=1e-3
        )
        assert len({solved.question.id for solved in mistake.contrast}) == neighbours
        for solved in mistake.contrast:
            assert solved.question == practice[solved.question.id]
            assert solved.attempt.question_id == solved.question.id
            assert solved.attempt.correct


def test_under_le_the_instructor_gets_each_mistake_alone(tmp_path: Path) -> None:
    played = play(config(strategy="le"), tmp_path, knows(9))
    assert len(played.instructor.got) == 9
    assert all(mistake.contrast == () for mistake in played.instructor.got)
    assert not (played.folder.round(1) / "contrasts.jsonl").exists()


@pytest.mark.parametrize("strategy", ["le", "lec"])
def test_the_instructor_sees_practice_questions_alone_and_no_right_one_as_a_mistake(
    strategy: str, tmp_path: Path
) -> None:
    played = play(config(strategy=strategy, stop={"rounds": 2}), tmp_path, knows(6, 12))
    practice = {q.id: q for q in played.exams.practice}
    assert len(played.instructor.got) == 12 + 6
    for mistake in played.instructor.got:
        assert mistake.question == practice[mistake.question.id]
        assert mistake.attempt.question_id == mistake.question.id
        assert not mistake.attempt.correct
        assert {solved.question.id for solved in mistake.contrast} <= practice.keys()


def test_the_student_holds_no_weights_while_another_is_trained(tmp_path: Path) -> None:
    played = play(config(stop={"rounds": 2}), tmp_path, knows(6, 12))
    assert played.trainer.loaded == [None, None]
    assert played.student.loaded is None  # nor when all is over


# Dev decides, and the test is sealed.


def test_a_candidate_better_on_practice_and_worse_on_dev_is_dropped(tmp_path: Path) -> None:
    def right(index: int, question: Question) -> bool:
        count = {0: 9, 1: 8 if of_set(question) == "dev" else 18}[index]
        return question.kind in ALL[:count]

    played = play(config(), tmp_path, right)
    assert [r.promoted for r in played.report.rounds] == [True, False]
    assert played.report.model.adapter is None
    assert played.report.test.final == played.report.test.base


def test_a_candidate_worse_on_practice_and_better_on_dev_is_kept(tmp_path: Path) -> None:
    def right(index: int, question: Question) -> bool:
        count = {0: 9, 1: 10 if of_set(question) == "dev" else 3}[index]
        return question.kind in ALL[:count]

    played = play(config(), tmp_path, right)
    assert played.report.best_round == 1
    assert played.report.test.final.correct == 3
    assert played.report.test.base.correct == 9


def test_the_mistakes_are_those_of_the_best_model_and_not_of_the_last(tmp_path: Path) -> None:
    wrong = {0: ALL[:6], 1: ALL[2:6], 2: ALL[10:], 3: ALL[2:6]}
    played = play(config(stop={"rounds": 3}), tmp_path, lambda n, q: q.kind not in wrong[n])
    assert [r.promoted for r in played.report.rounds] == [True, True, False, False]
    seen = [
        [m.question.kind for m in read_records(file, Mistake)]
        for index in (1, 2, 3)
        if (file := played.folder.round(index) / "mistakes.jsonl")
    ]
    assert seen == [wrong[0], wrong[1], wrong[1]]
    assert [m.question.kind for m in played.instructor.got] == [*wrong[0], *wrong[1], *wrong[1]]
    assert [r.mistakes for r in played.report.rounds[1:]] == [6, 4, 4]


@pytest.mark.parametrize(("best", "models"), [(2, [0, 2]), (0, [0])])
def test_the_sealed_test_is_asked_after_the_last_training_once_of_base_and_best(
    best: int, models: list[int], tmp_path: Path
) -> None:
    counts = (6, 8, 10, 9) if best else (6, 6, 5, 6)
    played = play(config(stop={"rounds": 3}), tmp_path, knows(*counts))
    asked = played.student.asked
    ids = [question.id for question in played.exams.test]
    final = asked[-len(models) * len(ids) :]
    assert final == [(model, id) for model in models for id in ids]
    before = asked[: -len(final)]
    assert not {id for _, id in before} & set(ids)
    assert played.trainer.asked[-1] <= len(before)
    assert played.report.best_round == best
    adapter = str((played.folder.round(2) / "adapter").resolve())
    assert played.report.model.adapter == (adapter if best else None)
    assert played.report.test.final.correct == counts[best]


def test_dev_is_asked_once_of_each_model_and_practice_once_of_each_best_that_a_round_follows(
    tmp_path: Path,
) -> None:
    played = play(config(stop={"rounds": 3}), tmp_path, knows(6, 8, 7, 9))
    asked = Counter((index, id.partition("-")[0]) for index, id in played.student.asked)
    dev = {(index, "dev"): 18 for index in range(4)}
    practice = {(index, "practice"): 18 for index in (0, 1)}
    assert asked == dev | practice | {(0, "test"): 18, (3, "test"): 18}


# What is asked of the writer.


def test_a_round_writes_its_quota_and_asks_for_no_more(tmp_path: Path) -> None:
    played = play(config(), tmp_path, knows(9))
    assert sum(ask.count for ask in played.writer.asks) == 20
    assert len(played.examples(1)) == 20


def test_few_mistakes_do_not_fill_a_round(tmp_path: Path) -> None:
    settings = config(examples={"per_round": 100, "per_mistake": 3})
    played = play(settings, tmp_path, knows(14))
    assert len(played.examples(1)) == 3 * 4
    assert sum(ask.count for ask in played.writer.asks) == 3 * 4


def test_each_refused_draft_is_counted_by_its_reason(tmp_path: Path) -> None:
    sums = Sums()
    brought: list[str] = []

    def mixed(ask: Ask) -> Sequence[Draft | Unusable]:
        drafts = {
            "accepted": sums.next(ask),
            "wrong equation": sums.next(ask).model_copy(
                update={"completion": "1 + 1 = 3\n#### 3", "target": "3"}
            ),
            "empty prompt or completion": sums.next(ask).model_copy(update={"prompt": " "}),
        }
        drafts["written before"] = drafts["accepted"]
        brought.extend([*drafts][: ask.count])  # more than that is not looked at
        return [*drafts.values(), Unusable(source_id=ask.lesson.id, reason="no more")]

    writer = RecordingWriter(mixed, examples_per_ask=8)
    played = play(config(), tmp_path, knows(15), writer=writer)
    counts = Counter(brought)
    told = played.report.rounds[1].examples
    assert told.accepted == counts["accepted"] == len(played.trainer.rows[0]) > 10
    assert told.written == counts.total()
    del counts["accepted"]
    assert told.rejected == counts
    assert told.unwritable == {"no more": len(writer.asks)}


# Every figure is what the answers say.


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_figures_of_the_report_are_what_the_answers_say(tmp_path: Path) -> None:
    played = play(config(stop={"rounds": 3}), tmp_path, knows(6, 9, 7, 13))
    here = played.folder.path
    report = json.loads((here / "report.json").read_text())

    def right(file: Path, exam: str) -> dict[str, bool]:
        """By the last number of each answer, without errata's markers."""
        targets = {q["id"]: q["target"] for q in lines(here / "exam" / f"{exam}.jsonl")}
        said = {a["question_id"]: re.findall(r"\d+", a["response"]) for a in lines(file)}
        assert said.keys() == targets.keys()
        return {id: said[id][-1:] == [target] for id, target in targets.items()}

    best = right(here / "round-00" / "dev.jsonl", "dev")
    for index, told in enumerate(report["rounds"]):
        folder = here / f"round-{index:02d}"
        dev = right(folder / "dev.jsonl", "dev")
        assert told["dev"]["correct"] == sum(dev.values())
        assert told["dev"]["accuracy"] == sum(dev.values()) / 18
        assert told["dev"]["n"] == 18
        assert told["dev"]["unclear"] == 18 - sum(dev.values())
        assert told["promoted"] == (index == 0 or sum(dev.values()) > sum(best.values()))
        decided = json.loads((folder / "promotion.json").read_text())
        assert decided["fixed"] == sum(dev[id] > best[id] for id in dev)
        assert decided["broken"] == sum(dev[id] < best[id] for id in dev)
        assert decided["round"] == index
        if told["promoted"]:
            best = dev
            assert report["best_round"] >= index
        if index:
            wrong = [line["attempt"]["correct"] for line in lines(folder / "mistakes.jsonl")]
            assert wrong == [False] * told["mistakes"]
            causes = Counter(line["result"]["cause"] for line in lines(folder / "diagnoses.jsonl"))
            assert told["causes"] == causes
            assert told["examples"]["accepted"] == len(lines(folder / "examples.jsonl"))
    assert report["best_round"] == 3
    base, final = (right(here / "final" / f"test-{m}.jsonl", "test") for m in ("base", "best"))
    assert report["test"]["base"]["accuracy"] == sum(base.values()) / 18
    assert report["test"]["final"]["accuracy"] == sum(final.values()) / 18
    gain = (sum(final.values()) - sum(base.values())) / 18
    assert report["test"]["gain"]["accuracy"] == pytest.approx(gain)
    kinds = {q["id"]: q["kind"] for q in lines(here / "exam" / "test.jsonl")}
    assert report["test"]["final"]["by_kind"] == {
        kind: [final[id], 1] for id, kind in kinds.items()
    }


def test_what_the_trace_tells_is_what_the_records_hold(tmp_path: Path) -> None:
    settings = config(stop={"rounds": 2}, training={"replay": 0.5})
    played = play(settings, tmp_path, knows(6, 9, 7))
    told: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for event in lines(played.folder.path / "trace.jsonl"):
        told.setdefault((event["round"], event["event"]), []).append(event)
    for index in (1, 2):
        report = played.report.rounds[index]
        (collected,) = told[index, "mistakes collected"]
        assert collected["mistakes"] == report.mistakes
        (found,) = told[index, "contrasts found"]
        assert (found["mistakes"], found["solved"]) == (report.mistakes, 18 - report.mistakes)
        (named,) = told[index, "mistakes diagnosed"]
        assert (named["diagnoses"], named["unusable"]) == (report.mistakes, 0)
        assert named["causes"] == report.causes
        (written,) = told[index, "examples written"]
        assert written["accepted"] == report.examples.accepted
        assert written["rejected"] == report.examples.rejected | report.examples.unwritable
        assert written["causes"] == Counter(e.cause for e in played.examples(index))
        (trained,) = told[index, "trained"]
        assert trained["fresh"] == len(played.examples(index)) == 20
        assert trained["replayed"] == 10 * (index - 1)
        assert (trained["tokens"], trained["skipped"], trained["loss"]) == (10, 3, 0.25)
        steps = told[index, "step"]
        assert [(s["step"], s["steps"], s["loss"]) for s in steps] == [(1, 2, 0.5), (2, 2, 0.25)]
    (kept,) = told[1, "promoted"]
    assert (kept["fixed"], kept["broken"], kept["dev"]) == (3, 0, 0.5)
    (dropped,) = told[2, "dropped"]
    assert (dropped["fixed"], dropped["broken"]) == (0, 2)
    steps = [
        (event["round"], event["event"], event["step"])
        for event in lines(played.folder.path / "trace.jsonl")
        if event["event"].startswith("step ")
    ]
    round_of = "collect contrast diagnose write prepare review train examine".split()
    expected = [(0, "examine"), *((index, step) for index in (1, 2) for step in round_of)]
    assert steps == [
        (index, f"step {what}", step)
        for index, step in [*expected, (2, "final_exam")]
        for what in ("started", "finished")
    ]
    exams = [e["exam"] for (_, event), all in told.items() if event == "exam marked" for e in all]
    assert Counter(exams) == {"dev": 3, "practice": 2, "test": 2}
    for event in told[0, "exam marked"]:
        assert (event["n"], event["correct"], event["accuracy"]) == (18, 6, pytest.approx(1 / 3))


# Each end has its cause.


def practised_well(index: int, question: Question) -> bool:
    return of_set(question) == "practice" or question.kind in ALL[:9]


@pytest.mark.parametrize(
    ("right", "stop", "status", "rounds"),
    [
        (knows(14), {"target_accuracy": 0.5}, "target reached", 1),
        (knows(9), {"target_accuracy": 0.5}, "target not proven", 1),
        (knows(8, 14), {"target_accuracy": 0.5}, "target reached", 2),
        (knows(8, 9), {"target_accuracy": 0.5}, "target not proven", 2),
        (knows(8), {"target_accuracy": 0.5, "rounds": 2}, "round budget spent", 3),
        (knows(9), {"rounds": 1}, "round budget spent", 2),
        (knows(9, 18), {"rounds": 1, "target_accuracy": 0.8}, "target reached", 2),
        (knows(9, 18), {"rounds": 1, "target_accuracy": 1.0}, "target not proven", 2),
        (practised_well, {"target_accuracy": 0.9}, "no mistakes left", 1),
        (practised_well, {"target_accuracy": 0.5}, "target not proven", 1),
    ],
)
def test_a_run_ends_for_the_reason_that_it_names(
    right: Right, stop: dict[str, Any], status: str, rounds: int, tmp_path: Path
) -> None:
    played = play(config(stop=stop), tmp_path, right)
    assert played.report.status == status
    assert len(played.report.rounds) == rounds
    assert len(played.trainer.jobs) == rounds - 1


def test_no_mistakes_left_in_the_last_round_is_still_the_end_of_the_budget(tmp_path: Path) -> None:
    def right(index: int, question: Question) -> bool:
        return question.kind in ALL[: 18 if of_set(question) == "practice" and index else 9 + index]

    assert play(config(), tmp_path, right).report.status == "round budget spent"


@pytest.mark.parametrize("writes", ["nothing", "rubbish"])
def test_a_round_without_accepted_examples_ends_the_run_untrained(
    writes: str, tmp_path: Path
) -> None:
    def rubbish(ask: Ask) -> Sequence[Draft]:
        return [as_draft(ask.lesson.question, ask)] if writes == "rubbish" else []

    played = play(config(), tmp_path, knows(9), writer=RecordingWriter(rubbish))
    assert played.report.status == "no examples accepted"
    assert played.trainer.jobs == []
    assert played.report.rounds[1].dev is None
    assert played.report.test.final == played.report.test.base


class PoorInstructor(RecordingInstructor):
    """Its budget holds two mistakes."""

    def diagnose(self, mistakes: Sequence[Mistake]) -> Iterator[Diagnosis | Unusable]:
        yield from super().diagnose(mistakes[:2])
        raise BudgetSpent("no more")


def test_a_budget_spent_on_diagnoses_ends_the_run_after_what_they_bring(tmp_path: Path) -> None:
    settings = config(stop={"rounds": 5}, examples={"per_round": 20, "per_mistake": 4})
    played = play(settings, tmp_path, knows(9, 10), instructor=PoorInstructor())
    assert played.report.status == "budget spent"
    assert played.report.best_round == 1
    last = played.report.rounds[-1]
    assert last.index == 1
    assert last.causes.pop("(not diagnosed)") == 7
    assert sum(last.causes.values()) == 2
    assert last.examples.accepted == 8


def test_a_target_reached_with_the_last_of_the_budget_is_a_target_reached(tmp_path: Path) -> None:
    settings = config(stop={"target_accuracy": 0.8})
    played = play(settings, tmp_path, knows(9, 18), instructor=PoorInstructor())
    assert played.report.status == "target reached"


@pytest.mark.parametrize("calls", [0, 2])
def test_a_budget_spent_on_writing_ends_the_run_after_what_was_written(
    calls: int, tmp_path: Path
) -> None:
    sums = Sums()

    def poor(ask: Ask) -> Sequence[Draft]:
        if len(writer.asks) > calls:
            raise BudgetSpent("no more")
        return sums(ask)

    writer = RecordingWriter(poor)
    played = play(config(stop={"rounds": 5}), tmp_path, knows(9, 8), writer=writer)
    assert played.report.status == "budget spent"
    assert len(played.trainer.jobs) == (1 if calls else 0)
    last = played.report.rounds[-1]
    assert last.index == 1
    assert last.examples.accepted == sum(ask.count for ask in writer.asks[:calls])
    assert last.examples.unwritable == {"the budget was spent": 1}
