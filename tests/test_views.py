"""What a person sees of a run: summary, list, trace, picture, progress."""

from __future__ import annotations

import io
import re
import shutil
from pathlib import Path

import pytest
from doubles import table_agents
from rich.console import Console
from screen import printed, words

from errata.agents.chat_models.ledger import Budget
from errata.agents.errors import RunError
from errata.agents.exams.arithmetic import KINDS
from errata.agents.exams.several import load_exams
from errata.agents.records import Accuracy, LlmCall
from errata.graph.commands.exam import Evaluation, ExamResult
from errata.graph.commands.mark import Marks
from errata.graph.commands.runs import standing
from errata.graph.config import parse_config
from errata.graph.costs import Cost, CostRow, Estimate, EstimateRow
from errata.graph.page.data import gather
from errata.graph.report import Report
from errata.graph.run import run
from errata.graph.run_folder import RunFolder
from errata.graph.trace import Trace
from errata.graph.views.charts import draw_report
from errata.graph.views.costs import estimate_lines
from errata.graph.views.exams import print_evaluation, print_marks
from errata.graph.views.progress import TerminalWatcher
from errata.graph.views.runs import print_runs
from errata.graph.views.summary import print_summary
from errata.graph.views.trace import print_trace

NAMES = [kind.name for kind in KINDS]
LOST = NAMES[2]  # the base model cannot do it, the first round learns it

pytestmark = pytest.mark.loop


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three rounds; the second brings less than the first and is dropped."""
    runs = tmp_path_factory.mktemp("runs")
    exam = {"name": "arithmetic", "practice": 36, "dev": 18, "test": 18}
    given = {"name": "tale", "strategy": "lec", "exam": exam, "examples": {"per_round": 60}}
    config = parse_config(given | {"stop": {"gate": "any"}}, "test")
    learns = [NAMES[:6], NAMES[:4], NAMES[:15]]
    questions = load_exams(config.exam).practice
    run(config, runs, **table_agents(questions, learns, knows=NAMES[:2]))
    return runs / "tale"


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> RunFolder:
    """A copy of the run, to spoil."""
    return RunFolder(shutil.copytree(finished, tmp_path / "runs" / "tale"))


@pytest.fixture
def report(finished: Path) -> Report:
    return Report.model_validate_json((finished / "report.json").read_text())


def traced(folder: RunFolder, question: str | None = None, full: bool = False) -> str:
    return words(printed(lambda console: print_trace(folder, console, question, full), 200))


def test_the_summary_says_why_it_stopped_and_what_the_sealed_test_gained(report: Report) -> None:
    shown = printed(lambda console: print_summary(report, console, Path("runs/tale")))
    assert "tale: round budget spent" in shown
    assert f"{report.test.base.accuracy:.1%}" in shown
    assert f"{report.test.final.accuracy:.1%}" in shown
    assert f"{100 * report.test.gain.accuracy:+.1f} points" in shown
    assert len(re.findall(r"promoted(?!:)", shown)) == 3  # rounds 1 and 3, and the legend
    assert LOST in shown


def test_the_summary_says_what_decided_each_round_and_that_the_best_was_chosen_on_dev(
    report: Report,
) -> None:
    shown = words(printed(lambda console: print_summary(report, console, Path("runs/tale"))))
    assert "round 1: promoted: 4 dev questions fixed, 0 broken; one more" in shown
    assert "round 2: no better: 0 dev questions fixed, 2 broken" in shown
    assert "round 3 was chosen on these questions: its figure flatters" in shown
    assert "reaches the target" not in shown
    unlearnt = report.model_copy(update={"best_round": 0})
    assert "chosen on" not in printed(lambda c: print_summary(unlearnt, c, Path("runs/tale")))


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (0.80, "83.3% on dev reaches the target of 80%, but not the whole interval (60.8 to 94.2)"),
        (0.60, "83.3% on dev reaches the target of 60%, and so does the whole interval"),
    ],
)
def test_the_summary_says_plainly_whether_the_target_is_proven(
    target: float, said: str, report: Report
) -> None:
    other = report.model_copy(update={"target_accuracy": target})
    assert said in words(printed(lambda c: print_summary(other, c, Path("runs/tale"))))


COST = Cost(
    currency="EUR",
    rows=(
        CostRow(
            agent="instructor",
            model="openai:gpt-x",
            round=1,
            calls=32,
            cached=4,
            tokens_in=1_234_567,
            cached_in=0,
            tokens_out=9876,
            reasoning=None,
            money=0.0412,
            estimated_calls=0,
            estimated_tokens=0,
        ),
    ),
    total=CostRow(
        agent="all",
        model="all",
        round=None,
        calls=32,
        cached=4,
        tokens_in=None,
        cached_in=None,
        tokens_out=None,
        reasoning=None,
        money=None,
        estimated_calls=2,
        estimated_tokens=500,
    ),
    estimate=(
        EstimateRow(
            agent="instructor",
            model="openai:gpt-x",
            calls=36,
            tokens_in=40_000,
            tokens_out=9000,
            money=3.5,
        ),
    ),
)


def test_the_summary_says_what_the_llms_took_beside_the_estimate(report: Report) -> None:
    paid = report.model_copy(update={"cost": COST})
    shown = printed(lambda console: print_summary(paid, console, Path("runs/tale")))
    lines = [line.split() for line in shown.splitlines()]
    assert ["instructor", "1", "32", "4", "1,234,567", "9,876", "unknown", "0.0412"] in lines
    assert ["all", "32", "4", "unknown", "unknown", "unknown", "unknown"] in lines
    assert ["estimate", "36", "40,000", "9,000", "3.50"] in lines
    assert "instructor: openai:gpt-x" in shown
    assert "did not count 2 calls: about 500 tokens" in shown
    tables = shown[: shown.index("What you have now")]
    assert max(len(line.rstrip()) for line in tables.splitlines()) <= 80


def test_a_run_without_an_llm_shows_no_costs(report: Report) -> None:
    shown = printed(lambda console: print_summary(report, console, Path("runs/tale")))
    assert "LLM" not in shown
    assert "unknown" not in shown


def test_an_estimate_names_each_agent_and_warns_of_a_small_budget() -> None:
    found = Estimate(rows=COST.estimate)
    said = estimate_lines(found, Budget(tokens=1000), "EUR")
    assert "  instructor, openai:gpt-x: 36 calls, 40,000 tokens in, 9,000 out, 3.50 EUR" in said
    assert "more than the budget" in said[-1]
    assert "more than the budget" not in str(estimate_lines(found, Budget(), "EUR"))
    nameless = Estimate(rows=(COST.estimate[0].model_copy(update={"money": None}),))
    assert "money unknown" in str(estimate_lines(nameless, Budget(), None))


def test_an_uncertain_gain_is_called_uncertain(report: Report) -> None:
    gain = report.test.gain.model_copy(update={"ci95": (-0.01, 0.2)})
    unsure = report.model_copy(update={"test": report.test.model_copy(update={"gain": gain})})
    assert "may be chance" in printed(lambda c: print_summary(unsure, c, Path("runs/tale")))
    assert "may be chance" not in printed(lambda c: print_summary(report, c, Path("runs/tale")))


def test_commands_in_the_summary_can_be_copied_from_a_narrow_window(report: Report) -> None:
    shown = printed(lambda console: print_summary(report, console, Path("runs/tale")), width=60)
    adapter = report.model.adapter
    assert f"errata exam bundled arithmetic --adapter {adapter}" in shown
    assert f'model = PeftModel.from_pretrained(base, "{adapter}")' in shown


def test_the_python_lines_of_the_summary_are_python(report: Report) -> None:
    shown = printed(lambda console: print_summary(report, console, Path("runs/tale")))
    lines = [line.strip() for line in shown.splitlines()]
    start = next(at for at, line in enumerate(lines) if line.startswith("from peft"))
    compile("\n".join(lines[start : start + 5]), "summary", "exec")


def test_the_summary_fits_in_eighty_columns(report: Report) -> None:
    shown = printed(lambda console: print_summary(report, console, Path("runs/tale")))
    tables = shown[: shown.index("What you have now")]
    assert max(len(line.rstrip()) for line in tables.splitlines()) <= 80
    assert "…" not in tables


def test_a_run_that_improved_nothing_names_no_adapter(report: Report) -> None:
    model = report.model.model_copy(update={"adapter": None})
    same = report.model_copy(update={"best_round": 0, "rounds": report.rounds[:1], "model": model})
    shown = printed(lambda console: print_summary(same, console, Path("runs/tale")))
    assert "No round was better" in shown
    assert "--adapter" not in shown


def test_a_round_without_a_candidate_is_said_to_have_none(report: Report) -> None:
    last = report.rounds[-1].model_copy(update={"dev": None, "promoted": False})
    cut = report.model_copy(update={"rounds": (*report.rounds[:-1], last)})
    assert "no candidate" in printed(lambda c: print_summary(cut, c, Path("runs/tale")))


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_terminal_without_unicode_gets_plain_letters(folder: RunFolder, encoding: str) -> None:
    report = Report.model_validate_json((folder.path / "report.json").read_text())
    rewrite(folder, "I like", "J'aime — 数学")
    for show in (
        lambda console: print_summary(report, console, folder.path),
        lambda console: print_runs([*map(standing, [folder])], console),
        lambda console: print_trace(folder, console, full=True),
    ):
        assert "->" in printed(show, 70, encoding) or "--*" in printed(show, 70, encoding)


def listed(*folders: RunFolder) -> str:
    return printed(lambda console: print_runs([*map(standing, folders)], console), 120)


def test_runs_are_listed_finished_or_not(folder: RunFolder) -> None:
    begun = RunFolder(shutil.copytree(folder.path, folder.path.with_name("begun")))
    (begun.path / "report.json").unlink()
    cut_trace(begun, after='"step": "train"')
    shown = listed(folder, begun)
    first, second = (line for line in shown.splitlines() if line.startswith(("tale", "begun")))
    assert "round budget spent" in first
    assert "unfinished: train" in second
    assert "errata resume" in shown


def test_a_run_that_a_process_holds_is_at_work(folder: RunFolder) -> None:
    (folder.path / "report.json").unlink()
    with folder.locked():
        assert "at work" in listed(folder)
    assert "at work" not in listed(folder)


def test_a_run_that_waits_for_a_review_says_so(folder: RunFolder) -> None:
    (folder.path / "report.json").unlink()
    cut_trace(folder, after='"step": "review"')
    assert "waits for your review" in listed(folder)


def test_the_report_of_another_version_does_not_hide_the_other_runs(folder: RunFolder) -> None:
    old = RunFolder(shutil.copytree(folder.path, folder.path.with_name("old")))
    (old.path / "report.json").write_text('{"name": "old"}')
    shown = listed(old, folder)
    assert "another version" in shown
    assert "round budget spent" in shown


def test_no_runs_are_no_error() -> None:
    assert "errata demo" in printed(lambda console: print_runs([], console))


def test_the_trace_shows_every_agent_in_every_round(folder: RunFolder) -> None:
    shown = traced(folder)
    for agent in ("Contrast Analyst", "Instructor", "Data Writer", "Trainer"):
        assert shown.count(agent) == 3
    assert shown.count("Examiner") == 4  # and the base model's
    assert "Round 1: promoted" in shown
    assert "Round 2: dropped" in shown
    assert "0 dev questions fixed, 2 broken" in shown
    assert "base model: test exam" in shown


@pytest.mark.slow
def test_the_full_trace_leaves_nothing_out(folder: RunFolder) -> None:
    last = "e03-00060"
    assert last not in traced(folder)
    assert last in traced(folder, full=True)
    assert "more mistakes" not in traced(folder, full=True)


def test_long_texts_are_shortened_unless_all_is_asked_for(folder: RunFolder) -> None:
    rewrite(folder, "I like", "word " * 150 + "end")
    shown = traced(folder)
    assert "more characters)" in shown
    assert "word end" not in shown
    assert "word end" in traced(folder, full=True)


def test_what_a_student_wrote_is_never_markup_nor_obeyed_by_the_terminal(folder: RunFolder) -> None:
    rewrite(folder, "I like", r"[red]I[/red] [/] \u001b[2J\u202e:smile: like")
    file = io.StringIO()
    print_trace(folder, Console(file=file, width=200, highlight=False, force_terminal=True))
    assert r"[red]I[/red] [/] \x1b[2J\u202e:smile: like" in file.getvalue()
    assert "\x1b[2J" not in file.getvalue()


def test_the_trace_of_a_killed_run_shows_what_there_is_and_changes_nothing(
    folder: RunFolder,
) -> None:
    for name in ("round-02", "round-03", "final"):
        shutil.rmtree(folder.path / name)
    (folder.path / "report.json").unlink()
    here = folder.path / "round-01"
    for name in ("examples", "refusals", "training", "dev", "practice"):
        (here / f"{name}.jsonl").unlink()
    (here / "promotion.json").unlink()
    diagnoses = here / "diagnoses.jsonl"
    lines = diagnoses.read_text().splitlines(keepends=True)
    (here / "diagnoses.jsonl.part").write_text("".join(lines[:2]) + lines[2][:40])
    diagnoses.unlink()
    cut_trace(folder, after='"step": "diagnose"')
    before = sorted(folder.path.rglob("*"))
    shown = traced(folder)
    assert "2 diagnoses" in shown
    assert "`diagnose` has begun and not ended" in shown
    assert "Data Writer" not in shown
    assert sorted(folder.path.rglob("*")) == before


def test_a_run_that_has_only_questions_has_a_trace(folder: RunFolder) -> None:
    for path in folder.path.iterdir():
        if path.name.startswith(("round", "final", "trace", "report")):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert "tale" in traced(folder)
    assert "no answer of this round's model yet" in traced(folder, "practice-0002")


def test_one_question_is_followed_from_its_mistake_to_the_later_answer(folder: RunFolder) -> None:
    shown = traced(folder, "practice-0002")
    steps = [
        "practice-0002 (",
        "Base model",
        "answered wrong",
        "Round 1",
        "m01-practice-0002",
        "similarity",
        "no equation",
        "e01-",
        "Student answered right",
    ]
    places = [shown.index(step) for step in steps]
    assert places == sorted(places)
    assert "practice-0003 (" not in shown


def test_an_unknown_question_is_refused_with_near_ids(folder: RunFolder) -> None:
    with pytest.raises(
        RunError, match=r"no practice question 'practice-2': did you mean practice-0002"
    ):
        traced(folder, "practice-2")


@pytest.mark.slow
def test_calls_to_an_llm_are_counted_and_shown_in_full_when_asked(folder: RunFolder) -> None:
    trace = Trace(folder.path / "trace.jsonl")
    trace.round = 1
    for error in (None, "no JSON"):
        call = LlmCall(
            agent="instructor",
            model="gpt-x",
            source_id="m01-practice-0002",
            messages=(("system", "You are an [instructor]."), ("user", "What went wrong?")),
            reply="It added [twice].",
            error=error,
            tokens_in=1200,
            tokens_out=None,
            seconds=1.5,
        )
        trace.tell_call(call)
    assert "2 calls to gpt-x: 2,400 tokens in, 0 out, 1 reply of no use" in traced(folder)
    assert "You are an [instructor]." not in traced(folder)
    assert "You are an [instructor]." in traced(folder, full=True)
    assert "It added [twice]." in traced(folder, full=True)
    assert "2 calls to gpt-x" in traced(folder, "practice-0002")
    assert "calls to gpt-x" not in traced(folder, "practice-0006")


@pytest.mark.parametrize(
    "told",
    [
        pytest.param([(1, 9.0), (2, 8.0), (1, 3.0), (2, 2.0), (3, 1.0)], id="from the beginning"),
        pytest.param([(1, 3.0), (2, 8.0), (3, 7.0), (2, 2.0), (3, 1.0)], id="from a checkpoint"),
    ],
)
def test_the_steps_that_a_killed_training_took_again_count_once(
    told: list[tuple[int, float]], folder: RunFolder
) -> None:
    cut_trace(folder, after='"step": "train"')
    trace = Trace(folder.path / "trace.jsonl")
    trace.round = 1
    for step, loss in told:
        trace.tell("trainer", "step", step=step, steps=10, loss=loss)
    assert "3 steps of 10, so far · loss 3.00 → 1.00 █▅▁" in traced(folder)
    assert gather(folder).index.training[0].steps == ((1, 3.0), (2, 2.0), (3, 1.0))


def test_the_result_of_one_exam_is_printed_by_kind() -> None:
    found = Accuracy(
        accuracy=0.5, n=4, correct=2, ci95=(0.15, 0.85), by_kind={"sums": (2, 2), "": (0, 2)}
    )
    reached = Evaluation(model="m", exams=(ExamResult(exam="one", result=found),), average=0.5)
    shown = printed(lambda console: print_evaluation(reached, console))
    assert "50.0% right: 2 of 4" in shown
    assert shown.index("sums") < shown.index("(no kind)")


@pytest.mark.slow
def test_the_picture_names_the_run_and_its_kinds(report: Report, tmp_path: Path) -> None:
    draw_report(report, tmp_path)
    svg = (tmp_path / "report.svg").read_text()
    assert "tale: round budget spent" in svg
    assert f"{LOST} (1)" in svg
    assert "target 95%" in svg
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in tmp_path.iterdir()} == {"report.svg", "report.png"}


@pytest.mark.slow
def test_the_same_report_draws_the_same_picture(report: Report, tmp_path: Path) -> None:
    pictures = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        draw_report(report, tmp_path / name)
        pictures.append((tmp_path / name / "report.svg").read_bytes())
    assert pictures[0] == pictures[1]


@pytest.mark.slow
def test_of_very_many_kinds_the_largest_are_drawn_and_it_says_so(
    report: Report, tmp_path: Path
) -> None:
    many = {f"kind ${n}^$ 数": (1, 2 + n) for n in range(60)}
    draw_report(with_kinds(report, many), tmp_path)
    svg = (tmp_path / "report.svg").read_text()
    assert "the 30 largest of 60" in svg
    assert "kind $59^$" in svg
    assert "kind $0^$" not in svg


@pytest.mark.slow
def test_an_exam_without_kinds_has_a_picture_without_them(report: Report, tmp_path: Path) -> None:
    draw_report(with_kinds(report, {}), tmp_path)
    svg = (tmp_path / "report.svg").read_text()
    assert "by kind" not in svg
    assert "Sealed test" in svg


def test_a_log_gets_a_line_every_ten_seconds_and_one_for_each_finished_step() -> None:
    now = 0.0
    file = io.StringIO()
    with TerminalWatcher(Console(file=file, width=80), clock=lambda: now) as watcher:
        watcher.progress("round 1: training", 0, 0)
        for step in range(25):
            watcher.progress("round 1: training", step, 100, "loss 0.31")
            now += 1
        watcher.say("round 1: training: loss 0.31")
    assert file.getvalue().splitlines() == [
        "round 1: training: 10/100, 1 min 30 s left, loss 0.31",
        "round 1: training: 20/100, 1 min 20 s left, loss 0.31",
        "round 1: training: loss 0.31",
    ]


def test_a_resumed_step_does_not_count_what_was_done_before_as_speed() -> None:
    now = 0.0
    file = io.StringIO()
    with TerminalWatcher(Console(file=file, width=80), clock=lambda: now) as watcher:
        watcher.progress("exam", 80, 100)
        now = 10.0
        watcher.progress("exam", 90, 100)
    assert file.getvalue() == "exam: 90/100, 10 s left\n"


def test_a_terminal_gets_a_bar_that_is_gone_afterwards() -> None:
    file = io.StringIO()
    console = Console(file=file, width=80, force_terminal=True, _environ={"TERM": "xterm"})
    with TerminalWatcher(console) as watcher:
        watcher.progress("round 1: [training]", 0, 0)
        watcher.progress("round 1: [training]", 40, 100, "loss 0.31")
        watcher.live.refresh()
        assert "40/100" in file.getvalue()
        assert "round 1: [training]" in file.getvalue()
        watcher.say("done [well]")
    assert "done [well]" in file.getvalue()
    assert "40/100" not in file.getvalue().rpartition("done [well]")[2]


def with_kinds(report: Report, kinds: dict[str, tuple[int, int]]) -> Report:
    test = report.test
    update = {
        name: found.model_copy(update={"by_kind": kinds})
        for name, found in (("base", test.base), ("final", test.final))
    }
    return report.model_copy(update={"test": test.model_copy(update=update)})


def rewrite(folder: RunFolder, old: str, new: str) -> None:
    """Puts other words into the student's mouth."""
    for path in folder.path.rglob("*.jsonl"):
        path.write_text(path.read_text().replace(old, new))


def cut_trace(folder: RunFolder, after: str) -> None:
    """The trace as a kill leaves it: its last whole event is the first that holds `after`."""
    path = folder.path / "trace.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    end = next(at for at, line in enumerate(lines) if after in line)
    path.write_text("".join(lines[: end + 1]) + '{"time": "20')


def test_responses_to_questions_left_out_are_said_beside_the_marks() -> None:
    found = Marks(
        exam="mbpp",
        responses=3,
        answered=3,
        unanswered=1,
        left_out=2,
        samples=1,
        accuracy=1.0,
        ci95=(0.4, 1.0),
        pass_at={1: 1.0},
        by_kind={},
        reasons={"right": 3},
    )
    shown = printed(lambda console: print_marks(found, console))
    assert "1 question without a response, not counted" in shown
    assert "2 responses to questions that were left out, not counted" in shown
