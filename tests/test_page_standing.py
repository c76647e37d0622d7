"""What the page says first: how a run stands, what came of it, what speaks against it."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk import WHY, desk_config, failed_run, guarded_run, labels_run, played
from screen import printed

from errata.agents.errors import RunError
from errata.agents.jsonl import write_record
from errata.agents.records import Accuracy, Review, ReviewEntry
from errata.graph.commands.review import open_walk
from errata.graph.judging import JudgeReport
from errata.graph.page.advice import caveats, next_step, outcome_of
from errata.graph.page.build import build
from errata.graph.page.data import gather
from errata.graph.page.records import RunIndex
from errata.graph.page.serve import Watched, signature_of
from errata.graph.report import Gain, Report
from errata.graph.run import ReviewPending
from errata.graph.run_folder import RunFolder
from errata.graph.views.trace import print_trace

pytestmark = pytest.mark.loop


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> RunIndex:
    return gather(labels_run(tmp_path_factory.mktemp("labels"))).index


@pytest.fixture
def report(labels: RunIndex) -> Report:
    """Four of twelve questions fixed, none broken: p is 0.125, and the interval above 0."""
    assert labels.report is not None
    return labels.report


def gained(report: Report, low: float, high: float, best: int = 1) -> Report:
    test = report.test.model_copy(
        update={"gain": Gain(accuracy=(low + high) / 2, ci95=(low, high))}
    )
    return report.model_copy(update={"test": test, "best_round": best})


@pytest.mark.parametrize(
    ("low", "high", "p", "best", "outcome"),
    [
        (0.1, 0.3, 0.01, 1, "proven gain"),
        (0.1, 0.3, None, 1, "proven gain"),
        (0.1, 0.3, 0.05, 1, "proven gain"),
        (0.1, 0.3, 0.051, 1, "gain may be chance"),
        (0.0, 0.3, 0.01, 1, "gain may be chance"),
        (-0.1, 0.0, 0.01, 1, "gain may be chance"),
        (-0.3, -0.1, 0.01, 1, "got worse"),
        (-0.1, 0.1, None, 0, "no better model"),
    ],
)
def test_a_gain_is_called_proven_only_where_interval_and_p_both_say_so(
    report: Report, low: float, high: float, p: float | None, best: int, outcome: str
) -> None:
    assert outcome_of(gained(report, low, high, best), p) == outcome


def test_what_speaks_against_a_model_is_said_before_it_is_relied_on(
    labels: RunIndex, report: Report
) -> None:
    assert labels.outcome == "gain may be chance"
    assert labels.caveats == (
        "p is above 0.05: so few answers changed that it may be chance.",
        "In 3 of its 12 answers no answer could be read.",
        "Only its own exam was asked: what it forgot of other things is not known (`[[guard]]` "
        "asks for it).",
    )
    reading = report.readings[0].model_copy(update={"earlier_runs": 2, "earlier_evaluations": 1})
    judge = JudgeReport.model_construct(
        exam="greetings", calibration=None, warnings=("nobody compared this judge with a person",)
    )
    more = {"readings": (reading,), "corrected": {"test": 3, "dev": 9}, "judges": (judge,)}
    model = report.model.model_copy(update={"quantize": "4bit"})
    test = report.test.model_copy(update={"shared": 3})
    said = caveats(report.model_copy(update={**more, "model": model, "test": test}), 0.001, True)
    assert said == (
        "In 3 of its 12 answers no answer could be read.",
        "Judge of greetings: nobody compared this judge with a person.",
        "The test set was read before, by 2 runs and 1 evaluation outside a run.",
        "3 of the 12 test questions share thirteen words in a row with practice. "
        "No others are left to judge by.",
        "Of the test questions 3 had another target, or were left out.",
        "It was asked rounded (4bit): unrounded it may differ.",
    )


def kinds(report: Report, **after: int) -> Report:
    """The base model gets 2 of 4 in each kind."""
    base, final = (
        found.model_copy(update={"by_kind": by, "unclear": 0})
        for found, by in (
            (report.test.base, dict.fromkeys(after, (2, 4))),
            (report.test.final, {kind: (right, 4) for kind, right in after.items()}),
        )
    )
    assert isinstance(base, Accuracy)
    test = report.test.model_copy(update={"base": base, "final": final})
    return report.model_copy(update={"test": test})


def test_the_kind_that_got_worst_is_named_first_of_all_kinds_that_did(report: Report) -> None:
    told = caveats(kinds(report, r=1, b=0, h=4), 0.01, watched=True)
    assert told == ("It got worse in 2 of 3 kinds, most in b: 2 of 4 right before, 0 after.",)
    assert caveats(kinds(report, r=2, b=3, h=4), 0.01, watched=True) == ()


def test_a_round_that_a_guard_refused_is_what_the_result_speaks_of(tmp_path: Path) -> None:
    folder = guarded_run(tmp_path)
    found = gather(folder).index
    assert (found.outcome, found.stands) == ("no better model", "finished")
    assert found.next_step == (
        "Round 1 was better on dev and was refused, since it lost guard exam manners: look under "
        "Flips at what it broke there, and practise some of that beside the rest."
    )
    assert not any("Only its own exam" in said or "chance" in said for said in found.caveats)
    assert found.next_step in build([folder]).path.read_text().replace("&#x27;", "'")


def test_a_candidate_that_was_better_by_chance_is_not_called_no_better(report: Report) -> None:
    base, first = report.rounds
    assert first.promotion is not None
    unsure = first.promotion.model_copy(update={"verdict": "better, may be chance"})
    rounds = (base, first.model_copy(update={"promotion": unsure}))
    found = kinds(gained(report, -0.1, 0.1, best=0), r=2).model_copy(update={"rounds": rounds})
    assert next_step(found, None).startswith("A round was better on dev, but not surely")


def test_a_run_that_failed_says_where_and_why_and_that_it_is_not_at_work(tmp_path: Path) -> None:
    folder = failed_run(tmp_path)
    found = gather(folder).index
    assert (found.stands, found.under_way, found.failure) == ("stopped", "train", WHY)
    assert (found.outcome, found.caveats, found.target_accuracy) == (None, (), 0.95)
    assert WHY in build([folder]).path.read_text().partition("<noscript>")[2].partition("</no")[0]
    shown = printed(lambda console: print_trace(folder, console, None, False), 120)
    assert f"`train` failed: {WHY}; `errata resume json` goes on" in shown

    before = signature_of(folder)
    with folder.locked():
        found = gather(folder).index
        assert (found.stands, found.under_way) == ("at work", "train")
        assert signature_of(folder) != before  # a served page follows
    assert signature_of(folder) == before


def test_a_failure_is_forgotten_as_soon_as_the_run_goes_on(tmp_path: Path) -> None:
    folder = failed_run(tmp_path)
    line = '{"time": "x", "round": 1, "agent": "graph", "event": "step started", "step": "train"}\n'
    with (folder.path / "trace.jsonl").open("a") as file:
        file.write(line)
    found = gather(folder).index
    assert (found.under_way, found.failure) == ("train", None)


def test_answers_that_could_not_be_read_are_spoken_of_once(report: Report) -> None:
    unread = report.test.final.model_copy(update={"unclear": 4})
    found = report.model_copy(update={"test": report.test.model_copy(update={"final": unread})})
    assert next_step(found, 0.01).startswith("In 4 of 12 answers to the sealed test no answer")
    assert not any("could be read" in said for said in caveats(found, 0.01, True))


def test_a_run_that_waits_for_a_person_says_so(waiting: RunFolder) -> None:
    found = gather(waiting).index
    assert (found.stands, found.failure) == ("waits for your review", None)
    shown = printed(lambda console: print_trace(waiting, console, None, False))
    assert "waits for your review: `errata review label`" in shown


@pytest.fixture
def waiting(tmp_path: Path) -> RunFolder:
    settings = desk_config(tmp_path, "label").model_copy(update={"review": True})
    with pytest.raises(ReviewPending):
        played(settings, tmp_path / "runs", {})
    return RunFolder(tmp_path / "runs" / "label")


def test_what_a_run_would_train_on_is_there_with_the_word_on_each(
    waiting: RunFolder, tmp_path: Path
) -> None:
    file = tmp_path / "said.json"
    found = gather(waiting, file).index.proposed  # the review need not be begun
    assert found is not None
    assert (found.file, set(found.verdicts)) == ("", {""})
    walk = open_walk(waiting, file, "nora")
    assert list(found.ids) == walk.order
    first, second, third, *_ = walk.order
    prompt = f"Kim reads: {walk.examples[third].prompt}"
    for entry in (
        ReviewEntry(example_id=second, verdict="rejected", note="no such shop"),
        ReviewEntry(example_id=third, verdict="edited", prompt=prompt),
        ReviewEntry(example_id=first, verdict="accepted"),
    ):
        assert walk.say(entry) is None
    gathered = gather(waiting, file)
    found = gathered.index.proposed
    assert found is not None
    assert (found.file, found.by, found.round) == (str(file), "nora", 1)
    assert found.verdicts == ("accepted", "rejected", "edited", *([""] * (len(walk.order) - 3)))
    texts = [text.model_dump() for text in gathered.texts["proposed"]]
    assert texts[1]["reviews"][0]["note"] == "no such shop"
    assert texts[2]["reviews"][0]["after"] == {"prompt": prompt}
    assert texts[2]["prompt"] == walk.examples[third].prompt
    assert texts[0]["rows"] == ({"round": 1, "by": "example", "rows": 1},)
    assert build([waiting], review=file).path.exists()


def test_a_review_that_no_run_waits_for_is_one_sentence(waiting: RunFolder, tmp_path: Path) -> None:
    file = tmp_path / "said.json"
    with pytest.raises(RunError, match=r"there is no .*said\.json: leave --review out"):
        build([waiting], review=file)
    write_record(file, Review(run="label", round=2))
    with pytest.raises(RunError, match="the review is of round 2"):
        build([waiting], review=file)
    (tmp_path / "other").mkdir()
    done = failed_run(tmp_path / "other")
    with pytest.raises(RunError, match=r"json waits for no review: leave --review out"):
        build([done], review=file)


def test_a_served_page_follows_the_review(waiting: RunFolder, tmp_path: Path) -> None:
    file = tmp_path / "said.json"
    watched = Watched([waiting], file)
    assert watched.page.runs[0].proposed is not None
    walk = open_walk(waiting, file, "nora")
    walk.say(ReviewEntry(example_id=walk.order[0], verdict="rejected"))
    watched.read_at = 0.0
    watched.renew()
    found = watched.page.runs[0].proposed
    assert found is not None
    assert found.verdicts[0] == "rejected"
