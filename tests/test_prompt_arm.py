"""A better system prompt as the rival of a training: the arm `prompt` of a comparison."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from doubles import Stopping
from judging import Seen, exam_files, judge_server, judged_toml
from screen import printed

from errata.agents.errors import ConfigError, RunError
from errata.agents.exams import HeldOut
from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.agents.jsonl import read_record, read_records
from errata.agents.records import Attempt, ModelRef, Question, Response
from errata.agents.student import Prompted, prompts_of
from errata.agents.system_prompts import HELD_OUT, PRACTICE, PlainPrompts, PromptChecker
from errata.agents.testing.mistakes import missed
from errata.agents.testing.openai_server import OpenAIServer
from errata.agents.testing.tables import TableStudent, TableTrainer
from errata.graph.commands.audit import audit
from errata.graph.comparing.compare import compare, outlook
from errata.graph.comparing.comparison import Comparison
from errata.graph.config import RunConfig, load_config, parse_config
from errata.graph.report import Report
from errata.graph.run_folder import RunFolder
from errata.graph.views.compare import print_comparison
from errata.graph.watcher import NoWatcher

ALL = [kind.name for kind in KINDS]
NUMBER = Question(id="n", prompt="What is 1 + 1?", target="2")
PLAIN = PlainPrompts().propose([missed(NUMBER)], 100, None, 0)
GOOD, BETTER = PLAIN[1], PLAIN[3]
UNDER = {GOOD: ALL[:4], BETTER: ALL[:12]}


def config(**changes: Any) -> RunConfig:
    given: dict[str, Any] = {
        "name": "c",
        "exam": {"name": "arithmetic", "practice": 36, "dev": 18, "test": 18},
        "examples": {"per_round": 24},
        "stop": {"rounds": 1},
        "prompts": len(PLAIN),
    }
    return parse_config(given | changes, "test")


def trainer_for(settings: RunConfig) -> TableTrainer:
    kinds = {q.id: q.kind or "" for q in load_exams(settings.exam).practice}
    return TableTrainer(kinds, [ALL[:6] + ALL[14:]])


def stage_in(runs: Path, seed: int = 1) -> RunFolder:
    return RunFolder(runs / "c.compare" / "arms" / f"prompt-{seed}")


def as_table(found: Comparison, folder: Path) -> str:
    return printed(lambda console: print_comparison(found, console, folder), 100)


Finished = tuple[Comparison, Path, TableStudent, TableTrainer]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The prompt alone, a training alone, and both, with one seed."""
    runs = tmp_path_factory.mktemp("runs")
    student, trainer = TableStudent(ALL[:3], under=UNDER), trainer_for(config())
    arms = ["prompt", "le", "prompt+le"]
    found = compare(config(), arms, 1, runs, student=student, trainer=trainer)
    return found, runs, student, trainer


@pytest.mark.loop
def test_the_prompt_with_the_most_right_answers_to_dev_is_chosen(finished: Finished) -> None:
    found, _, _, _ = finished
    [choice] = found.prompts
    assert choice.system == BETTER
    assert {tried.text for tried in choice.tried} == set(PLAIN)
    assert (choice.own.right, choice.own.asked) == (3, 18)
    assert max(tried.right for tried in choice.tried) == 12


@pytest.mark.loop
def test_a_prompt_is_made_from_mistakes_beside_a_way_that_looks_at_none(tmp_path: Path) -> None:
    settings = config(strategy="sft", stop={"rounds": 1, "guard_practice": False})
    student, trainer = TableStudent(ALL[:3], under=UNDER), trainer_for(settings)
    found = compare(settings, ["prompt", "sft"], 1, tmp_path, student=student, trainer=trainer)
    assert [choice.system for choice in found.prompts] == [BETTER]


@pytest.mark.loop
def test_each_look_at_dev_is_paid_for_in_the_level_of_the_proof(finished: Finished) -> None:
    [choice] = finished[0].prompts
    assert choice.promotion is not None
    assert choice.promotion.level == pytest.approx(0.05 / len(PLAIN))
    assert choice.proven


@pytest.mark.loop
def test_only_the_chosen_prompt_is_asked_the_sealed_test_and_once(finished: Finished) -> None:
    _, runs, student, _ = finished
    asked = Counter(student.asked)
    assert set(asked.values()) == {1}
    sealed = {q.id for q in read_records(stage_in(runs).exam("test"), Question)}
    who = {who for who, question in asked if question in sealed and " under " in who}
    assert {name.partition(" under ")[2] for name in who} == {BETTER}


@pytest.mark.loop
def test_the_figures_of_a_prompt_are_those_of_its_answers(finished: Finished) -> None:
    found, runs, _, _ = finished
    answers = read_records(stage_in(runs).final_exam("test", "base"), Attempt)
    share = sum(attempt.correct for attempt in answers) / len(answers)
    row = found.rows[1]
    assert row.arm == "prompt"
    assert row.trained[0].accuracy.value == share == row.shipped[0].accuracy.value
    gain = row.trained[0].gain
    assert gain is not None
    assert gain.value == pytest.approx(share - found.rows[0].trained[0].accuracy.value)
    assert gain.value > 0.3
    assert (row.examples, row.tokens, row.money) == (0, 0, None)


@pytest.mark.loop
def test_a_training_after_the_prompt_learns_and_is_asked_under_it(finished: Finished) -> None:
    found, runs, student, trainer = finished
    system = {job.adapter.parents[1].name: job.system for job in trainer.jobs}
    assert system == {"le-1": None, "prompt-le-1": BETTER}
    arm = RunFolder(runs / "c.compare" / "arms" / "prompt-le-1")
    missed = {m["question"]["kind"] for m in lines(arm.round(1) / "mistakes.jsonl")}
    assert missed == set(ALL[12:])  # what is wrong under the prompt, not without it
    adapters = {who for who, _ in student.asked if "prompt-le-1" in who}
    assert {who.partition(" under ")[2] for who in adapters} == {BETTER}
    both, le = found.rows[3], found.rows[2]
    assert both.trained[0].accuracy.value > le.trained[0].accuracy.value
    assert both.runs[0].seconds >= found.rows[1].runs[0].seconds  # the prompt's time is in it


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.loop
def test_the_table_names_the_prompt_and_says_what_its_dev_figure_is_worth(
    finished: Finished,
) -> None:
    found, runs, _, _ = finished
    shown = as_table(found, runs)
    assert "3/18" in shown
    assert "12/18" in shown
    assert "chosen on these questions" in shown
    assert json.dumps(BETTER)[1:20] in shown
    assert "prompt trained on" not in shown


@pytest.mark.loop
def test_a_prompt_that_is_no_better_is_not_taken_and_the_test_not_read_for_it(
    tmp_path: Path,
) -> None:
    student = TableStudent(ALL[:3], under={GOOD: ALL[:3]})
    settings = config(prompts=2)
    found = compare(settings, ["prompt"], 1, tmp_path, student=student, trainer=None)
    [choice] = found.prompts
    assert (choice.chosen, choice.system, choice.status) == (None, None, "no better prompt")
    row = found.rows[1]
    assert row.trained[0].gain is not None
    assert row.trained[0].gain.value == 0
    sealed = {q.id for q in read_records(stage_in(tmp_path).exam("test"), Question)}
    assert not [who for who, question in student.asked if question in sealed and "under" in who]


@pytest.mark.loop
def test_nobody_is_asked_for_prompts_that_the_questions_own_would_replace(tmp_path: Path) -> None:
    exam = {}
    for name in ("practice", "dev", "test"):
        rows = [
            {
                "messages": [
                    {"role": "system", "content": "You are a till."},
                    {"role": "user", "content": f"What are {n} {name}s?"},
                ],
                "target": n,
            }
            for n in range(3)
        ]
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        exam[name] = str(tmp_path / name)
    student = TableStudent([], under=UNDER)
    found = compare(config(exam=exam), ["prompt"], 1, tmp_path, student=student, trainer=None)
    [choice] = found.prompts
    assert (choice.tried, choice.status) == ((), "no prompt to try")
    assert "system messages of their own" in choice.why
    assert not [who for who, _ in student.asked if "under" in who]


@pytest.mark.loop
def test_a_prompt_that_is_not_proven_better_is_measured_and_not_shipped(tmp_path: Path) -> None:
    student = TableStudent(ALL[:3], under={GOOD: ALL[:5]})
    found = compare(config(), ["prompt"], 1, tmp_path, student=student)
    [choice] = found.prompts
    assert choice.system == GOOD
    assert choice.promotion is not None
    assert not choice.proven
    assert choice.promotion.verdict == "better, may be chance"
    row = found.rows[1]
    assert row.trained[0].accuracy.value > found.rows[0].trained[0].accuracy.value
    assert row.shipped[0].accuracy.value == found.rows[0].trained[0].accuracy.value


@pytest.mark.loop
def test_a_prompt_that_forgets_in_practice_is_not_proven(tmp_path: Path) -> None:
    """Better on dev, where few know; worse at the one kind that practice has many of."""

    class Forgetful(TableStudent):
        def ask(
            self, model: ModelRef, questions: Sequence[Question], answered: frozenset[str]
        ) -> Iterator[Response]:
            practice = len(questions) == 36
            for response in super().ask(model, questions, answered):
                [asked] = [q for q in questions if q.id == response.question_id]
                if practice and isinstance(asked, Prompted):
                    response = response.model_copy(update={"text": "forgotten"})
                yield response

    student = Forgetful(ALL[:9], under={BETTER: ALL})
    [choice] = compare(config(), ["prompt"], 1, tmp_path, student=student).prompts
    assert choice.promotion is not None
    assert choice.promotion.verdict == "regressed"
    assert not choice.proven


@pytest.mark.loop
def test_an_arm_stopped_anywhere_goes_on_and_ends_as_an_undisturbed_one(
    finished: Finished, tmp_path: Path
) -> None:
    whole, there, undisturbed, _ = finished
    asked: Counter[tuple[str, str]] = Counter()
    stops, arms = 0, ["prompt", "le", "prompt+le"]
    while True:
        student = TableStudent(ALL[:3], under=UNDER)
        given = {"student": Stopping(student, 47), "trainer": trainer_for(config())}
        try:
            found = compare(config(), arms, 1, tmp_path, **given)
        except KeyboardInterrupt:
            stops += 1
            assert stops < 20, "the comparison does not get on"
        else:
            break
        finally:
            asked.update(student.asked)
    assert stops >= 4
    assert found.prompts == whole.prompts
    assert [row.trained for row in found.rows] == [row.trained for row in whole.rows]
    moved = {(who.replace(str(tmp_path), str(there)), q) for who, q in asked}
    assert moved == set(undisturbed.asked)
    assert asked.total() - len(undisturbed.asked) <= stops


@pytest.mark.loop
@pytest.mark.parametrize(
    "name", ["prompts.json", "choice.json", "candidates/1/dev.jsonl", "../../provenance.json"]
)
def test_what_was_proposed_and_chosen_cannot_be_changed_unnoticed(
    name: str, finished: Finished, tmp_path: Path
) -> None:
    shutil.copytree(finished[1] / "c.compare", tmp_path / "c.compare")
    path = stage_in(tmp_path).path / name
    path.write_text(path.read_text() + " ")
    with pytest.raises(RunError, match=rf"{path.name} was changed"):
        compare(config(), ["prompt"], 1, tmp_path, student=TableStudent(ALL[:3], under=UNDER))


# With an LLM.


@pytest.mark.loop
def test_a_training_after_the_prompt_keeps_the_judges_verdicts_and_the_corrections(
    tmp_path: Path,
) -> None:
    exam_files(tmp_path)
    (tmp_path / "c.jsonl").write_text('{"id": "test-00002", "leave_out": true}\n')
    with judge_server() as server:
        path = judged_toml(tmp_path, server.base_url)
        path.write_text(
            path.read_text().replace("[exam.judge]", 'corrections = "c.jsonl"\n[exam.judge]')
        )
        settings = load_config(path)
        asked = load_exams(settings.exam).practice
        texts = PlainPrompts().propose([missed(asked[0])], 1, None, 0)
        student = TableStudent(["odd"], under={texts[0]: ["odd", "even"]})
        trainer = TableTrainer({q.id: q.kind or "" for q in asked}, [["odd"]])
        given: dict[str, Any] = {"student": student, "trainer": trainer}
        arms = ["sft", "prompt", "prompt+sft"]
        ahead = outlook(settings, arms, 1, tmp_path).estimate
        found = compare(settings, arms, 1, tmp_path, **given)
        seen = [Seen(request.body) for request in server.requests]
    assert ahead is not None
    [guess] = ahead.rows
    assert guess.agent == "judge"
    assert len(seen) <= guess.calls <= 2 * len(seen)
    assert found.prompts[0].system == texts[0]
    assert sum("you" in each.answer for each in seen) == 3 * 30  # one calibration for all
    for arm in ("sft-1", "prompt-sft-1"):
        here = RunFolder(tmp_path / "t.compare" / "arms" / arm)
        assert audit(here, NoWatcher()).findings == ()
        report = read_record(here.path / "report.json", Report)
        assert (report.corrected, len(report.judges)) == ({"test": 1}, 1)


def test_a_comparison_counts_its_judge_on_each_prompt_and_keeps_room_for_it(
    tmp_path: Path,
) -> None:
    exam_files(tmp_path)

    def judged(arms: list[str], more: str = "") -> int:
        path = judged_toml(tmp_path, "http://127.0.0.1:9/v1", more=more)
        path.write_text(f"prompts = 3\n{path.read_text()}")
        ahead = outlook(load_config(path), arms, 1, tmp_path).estimate
        assert ahead is not None
        return sum(row.calls for row in ahead.rows)

    # Labels three times, the base's practice, dev and test; then dev under three prompts, and
    # practice and test under the chosen one.
    assert judged(["prompt"]) == 3 * 30 + 3 * 8 + 3 * 8 + 8 + 8
    # A round of practice, dev and test, and the practice solutions that it trains on.
    assert judged(["sft"]) == 3 * 30 + 3 * 8 + 3 * 8 + 8
    with pytest.raises(ConfigError, match=r"judge alone may take .* the budget holds 1,000"):
        judged(["prompt"], "[budget]\ntokens = 1000\n")


def replying(*prompts: str) -> Any:
    return lambda request: json.dumps({"prompts": prompts})


def llm_at(server: OpenAIServer, **keys: Any) -> dict[str, Any]:
    return {"model": "openai:scripted", "base_url": server.base_url} | keys


@pytest.mark.loop
def test_the_instructor_is_asked_once_a_seed_and_what_it_took_is_in_the_row(
    tmp_path: Path,
) -> None:
    prices = {"input": 1000.0, "output": 1000.0, "currency": "EUR"}
    texts = [f"Be careful, and do step {n} first." for n in range(4)]
    with OpenAIServer(replying(*texts)) as server:
        settings = config(instructor=llm_at(server, prices=prices), prompts=3)
        in_the_first_candidates_dev_exam = 36 + 18 + 18 + 20
        student = TableStudent(ALL[:3], under={texts[2]: ALL})
        stopped = Stopping(student, in_the_first_candidates_dev_exam)
        with pytest.raises(KeyboardInterrupt):
            compare(settings, ["prompt"], 2, tmp_path, student=stopped)
        student = TableStudent(ALL[:3], under={texts[2]: ALL})
        found = compare(settings, ["prompt"], 2, tmp_path, student=student)
        calls = server.calls
        sent = "".join(json.dumps(request.body) for request in server.requests)
    assert calls == 2  # seeds; nothing is paid twice
    assert [len(choice.tried) for choice in found.prompts] == [3, 3]
    assert [choice.system for choice in found.prompts] == [texts[2], texts[2]]
    assert (found.currency, found.rows[1].money) == ("EUR", pytest.approx(0.12))
    held = [
        q for name in ("dev", "test") for q in read_records(stage_in(tmp_path).exam(name), Question)
    ]
    assert not [q.id for q in held if q.prompt in sent]  # from practice alone


@pytest.mark.loop
def test_a_reply_that_cannot_be_used_leaves_the_students_own_prompt(tmp_path: Path) -> None:
    with OpenAIServer(lambda request: "I would rather not.") as server:
        settings = config(instructor=llm_at(server))
        found = compare(settings, ["prompt"], 1, tmp_path, student=TableStudent(ALL[:3]))
    [choice] = found.prompts
    assert (choice.status, choice.why) == (
        "no prompt to try",
        "the instructor's reply could not be used",
    )
    assert "could not be used" in as_table(found, tmp_path)


@pytest.mark.loop
def test_a_budget_that_holds_no_call_leaves_the_students_own_prompt(tmp_path: Path) -> None:
    with OpenAIServer(replying("Think.")) as server:
        settings = config(instructor=llm_at(server), budget={"tokens": 10})
        found = compare(settings, ["prompt"], 1, tmp_path, student=TableStudent(ALL[:3]))
        assert server.calls == 0
    assert "the budget of 10 tokens" in found.prompts[0].why


@pytest.mark.loop
def test_prompts_that_give_answers_away_are_tried_on_nobody(tmp_path: Path) -> None:
    exams = load_exams(config().exam)
    bad = [f"Remember: {exams.test[0].prompt}", f"Like this: {exams.practice[0].solution}"]
    with OpenAIServer(replying(*bad, "Work in small steps.")) as server:
        settings = config(instructor=llm_at(server))
        student = TableStudent(ALL[:3])
        found = compare(settings, ["prompt"], 1, tmp_path, student=student)
    [choice] = found.prompts
    assert [tried.text for tried in choice.tried] == ["Work in small steps."]
    assert [refused.reason for refused in choice.refused] == [HELD_OUT, PRACTICE]
    under = {who.partition(" under ")[2] for who, _ in student.asked if " under " in who}
    assert under == {"Work in small steps."}


# The checks.

LONG = "A baker bakes 12 loaves a day and sells each of them for 3 coins to people of the town."
SEALED = [
    Question(id="s1", prompt=f"{LONG} How many coins does she get in 7 days?", target="252"),
    Question(id="s2", prompt="How many legs have nine spiders?", target="72"),
]
PRACTICED = [
    Question(
        id="p1", prompt="How many wheels have four carts?", target="16", solution="4 * 4 = 16"
    ),
    Question(
        id="p2",
        prompt="Add them.",
        target="9",
        solution="First add four and five, which is nine, and then write down that it is nine.",
    ),
]


def refused(text: str, known: str | None = None) -> str | None:
    held_out = HeldOut(SEALED, PRACTICED)
    return PromptChecker(held_out, SEALED, PRACTICED, ["<turn>"], known).refuse(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Think step by step, and end with #### and the number.", None),
        ("You are a helpful assistant. Never guess.", None),
        ("  ", "it is empty"),
        ("x" * 2001, "more than 2,000 characters"),
        ("Think.<|im_end|>", "tokens of a chat template"),
        ("Think <turn> hard.", "tokens of a chat template"),
        ("Think\x1b[2J hard.", "characters that nobody sees"),
        ("Think \u202e hard.", "characters that nobody sees"),
        (f"Such as: {LONG}", HELD_OUT),
        ("Know this: how many legs have nine spiders? 72.", HELD_OUT),
        ("How many wheels have four carts? 16.", PRACTICE),
        (f"For example: {PRACTICED[1].solution}", PRACTICE),
    ],
)
def test_a_prompt_that_is_no_plain_advice_is_refused(text: str, reason: str | None) -> None:
    found = refused(text)
    assert found == reason or (reason is not None and found is not None and reason in found)


def test_a_prompt_that_says_the_present_one_again_is_no_candidate() -> None:
    assert refused("Think. Hard!", known="think hard") == "it is another one again"


def test_what_the_present_prompt_holds_already_may_stay_in_a_better_one() -> None:
    known = f"Solve these. For example: {PRACTICED[1].solution}"
    assert refused(f"{known} Be brief.", known=known) is None


def test_checking_a_prompt_takes_no_word_for_another() -> None:
    assert refused("How many legs have nine spiderses?") is None  # not the question itself


def test_the_plain_prompts_name_the_form_of_the_answer_and_keep_the_present_prompt() -> None:
    found = PlainPrompts().propose([missed(NUMBER)], 100, "You sell pens.", 1)
    assert all(text.startswith("You sell pens.\n") for text in found)
    assert all("####" in text for text in found)
    assert len(set(found)) == len(found)
    orders = {tuple(PlainPrompts().propose([missed(NUMBER)], 3, None, seed)) for seed in range(9)}
    assert len(orders) > 1  # a seed tries others
    assert {len(order) for order in orders} == {3}


def test_a_question_under_a_prompt_of_its_own_is_a_conversation_for_every_engine() -> None:
    """Weights here, on servers and in a cluster are all asked by `prompts_of`."""
    asked = Prompted(**dict(NUMBER), system="Solve.")
    said = (("system", "Solve."), ("user", NUMBER.prompt))
    assert prompts_of([asked, NUMBER], "Other.") == (("n", said), ("n", NUMBER.prompt))
    own = NUMBER.model_copy(update={"before": (("system", "You are a till."),)})
    [(_, kept)] = prompts_of([Prompted(**dict(own), system="Solve.")], None)
    assert kept == (("system", "You are a till."), ("user", NUMBER.prompt))
    assert (own.has_system, NUMBER.has_system) == (True, False)


@pytest.mark.parametrize("arm", ["prompt+base", "prompt+", "prompt+prompt", "prompts"])
def test_an_arm_that_is_none_is_refused_with_those_that_there_are(arm: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no arm .*: choose among .*prompt\+WAY"):
        outlook(config(), [arm], 1, tmp_path)


def test_an_outlook_tells_of_the_prompts_and_what_they_may_cost(tmp_path: Path) -> None:
    llm = {"model": "openai:x", "base_url": "http://127.0.0.1:9/v1"}
    llm["prices"] = {"input": 1.0, "output": 2.0}  # type: ignore[assignment]
    ahead = outlook(config(instructor=llm), ["prompt", "prompt+sft"], 2, tmp_path)
    assert [(run.run, run.prompted) for run in ahead.runs] == [
        ("prompt-1", "alone"),
        ("prompt-sft-1", "first"),
        ("prompt-2", "alone"),
        ("prompt-sft-2", "first"),
    ]
    assert ahead.estimate is not None
    assert [(row.agent, row.calls) for row in ahead.estimate.rows] == [("instructor", 2)]
    assert not any(tmp_path.iterdir())
