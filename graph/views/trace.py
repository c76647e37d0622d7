"""What the agents of a run saw and said, as a tree: round by round, or along one question."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from rich.console import Console, Group
from rich.tree import Tree

from errata.agents.errors import RunError
from errata.agents.jsonl import read_record, so_far
from errata.agents.plain_text import one_line
from errata.agents.promotion import Promotion
from errata.agents.records import (
    Attempt,
    Diagnosis,
    DiagnosisLine,
    Draft,
    Example,
    Mistake,
    Picked,
    Question,
    Record,
    Refusal,
    RefusalLine,
    Row,
    Solved,
    Unusable,
    whole_text,
)
from errata.agents.scores import accuracy
from errata.agents.verifier import DISAGREE, Vote
from errata.graph.run_folder import RunFolder, withheld
from errata.graph.trace import blanked, events_of, failure_of, last_training, step_under_way
from errata.graph.views.printer import Lines, Printer, asked, count, duration, sparkline

R = TypeVar("R", bound=Record)

MOST_GROUPS = 8  # causes, or reasons of refusal, before the rest is only counted


def print_trace(
    folder: RunFolder, console: Console, question: str | None = None, full: bool = False
) -> None:
    """What each agent saw and said, round by round; of an unfinished run, as far as it came.

    Args:
        question: Follow this practice question alone.
        full: Everything, at full length.

    Raises:
        RunError: There is no such practice question.
    """
    out = Printer(console, full)
    story = Story(folder)
    if question is None:
        out.print(trace_tree(story, out))
        if not full and (first := story.first_question()):
            first = shlex.quote(first)
            name = shlex.quote(folder.name)
            out.print("")
            out.print(f"errata trace {name} --question {first}   follows one question", "dim")
            out.print(f"errata trace {name} --full   shows everything", "dim")
    else:
        out.print(question_tree(story, out, question))


class Story:
    """The records of a run, as far as they are written. Reading changes nothing in the folder."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.events = events_of(folder.path)
        indices = [int(p.name.removeprefix("round-")) for p in folder.path.glob("round-[0-9]*")]
        self.last_round = max(indices, default=0)
        self.practice = {q.id: q for q in so_far(folder.exam("practice"), Question)}

    def of_round(self, index: int, name: str, of: type[R]) -> list[R]:
        return so_far(self.folder.path / f"round-{index:02d}" / f"{name}.jsonl", of)

    def attempts(self, index: int, exam: str) -> list[Attempt]:
        return self.of_round(index, exam, Attempt)

    def mistakes(self, index: int) -> list[Mistake]:
        return self.folder.mistakes_so_far(index)

    def first_question(self) -> str | None:
        """A practice question that something was learnt from."""
        ids = [mistake.question.id for mistake in self.mistakes(1)]
        ids += [picked.question.id for picked in self.of_round(1, "picked", Picked)]
        ids += [example.question_id for example in self.of_round(1, "solutions", Example)]
        return ids[0] if ids else None

    def diagnoses(self, index: int) -> list[Diagnosis | Unusable]:
        return [line.result for line in self.of_round(index, "diagnoses", DiagnosisLine)]

    def refusals(self, index: int) -> list[Refusal | Unusable]:
        """Held-out questions are not given away."""
        results = [line.result for line in self.of_round(index, "refusals", RefusalLine)]
        return [withheld(each) if isinstance(each, Refusal) else each for each in results]

    def events_named(self, index: int, event: str) -> list[dict[str, Any]]:
        return [e for e in self.events if e["round"] == index and e["event"] == event]

    def seconds(self, index: int, *steps: str) -> str:
        """` · 12 s`, or nothing where no step is finished."""
        found = [
            e["seconds"] for e in self.events_named(index, "step finished") if e["step"] in steps
        ]
        return f" · {duration(sum(found))}" if found else ""

    def verdict(self, index: int) -> str:
        """`promoted`, `dropped` or, before it is examined, nothing."""
        decided = self.promotion(index)
        return "" if decided is None else "promoted" if decided.promoted else "dropped"

    def promotion(self, index: int) -> Promotion | None:
        path = self.folder.promotion(index)
        return read_record(path, Promotion) if path.exists() else None

    def calls(self, index: int, agent: str | None = None) -> list[dict[str, Any]]:
        """Of one agent, or of all."""
        sources = self.folder.held_out_sources(index)
        return [
            blanked(call, sources)
            for call in self.events_named(index, "llm call")
            if agent is None or call["agent"].replace("_", " ") == agent
        ]

    def exam_line(self, exam: str, attempts: Sequence[Attempt]) -> str:
        """`dev 33.3% (18 of 54)`, or how far it came."""
        questions = so_far(self.folder.exam(exam), Question)
        if len(attempts) < len(questions):
            return f"{exam} exam: {len(attempts)} of {len(questions)} answered so far"
        found = accuracy(questions, attempts)
        return f"{exam} exam {found.accuracy:.1%} right ({found.correct} of {found.n})"


def trace_tree(story: Story, out: Printer) -> Tree:
    tree = Tree(out.text(story.folder.name, "bold"), guide_style="dim")
    base = tree.add(out.text("Base model", "bold"))
    add_examiner(base, story, out, 0)
    for index in range(1, story.last_round + 1):
        verdict = story.verdict(index)
        color = {"promoted": "green", "dropped": "yellow"}.get(verdict, "")
        round_ = tree.add(
            out.text(f"Round {index}{': ' if verdict else ''}{verdict}", f"bold {color}")
        )
        add_blind(round_, story, out, index)
        add_analyst(round_, story, out, index)
        add_instructor(round_, story, out, index)
        add_writer(round_, story, out, index)
        add_verifier(round_, story, out, index)
        add_rows(round_, story, out, index)
        add_trainer(round_, story, out, index)
        add_examiner(round_, story, out, index)
    sat = {
        name: so_far(story.folder.final_exam("test", name), Attempt) for name in ("base", "best")
    }
    if sat["base"]:
        branch = tree.add(out.text("Sealed test", "bold"))
        for name, attempts in sat.items():
            if attempts:
                branch.add(out.text(f"{name} model: {story.exam_line('test', attempts)}"))
    if (ended := how_it_ends(story)) is not None:
        tree.add(out.text(ended, "yellow"))
    return tree


def how_it_ends(story: Story) -> str | None:
    """Of a run that is not finished, with the command that goes on."""
    now, why = step_under_way(story.events), failure_of(story.events)
    name = shlex.quote(story.folder.name)
    match story.folder.stands(story.events):
        case "finished":
            return None
        case "at work":
            return f"at work: `{now}`" if now else "at work"
        case "waits for your review":
            return f"waits for your review: `errata review {name}`"
        case "stopped":
            ended = f"failed: {one_line(why)}" if why else "has begun and not ended"
            at = f"`{now}` {ended}" if now else "stopped between two steps"
            return f"unfinished: {at}; `errata resume {name}` goes on"


def add_examiner(branch: Tree, story: Story, out: Printer, index: int) -> None:
    dev = story.attempts(index, "dev")
    if not dev:
        return
    says = [story.exam_line("dev", dev)]
    if verdict := story.verdict(index) if index else "":
        says.append(verdict)
    for exam in ("practice", "guard"):
        if attempts := story.attempts(index, exam):
            says.append(story.exam_line(exam, attempts))
    node = branch.add(out.agent("Examiner", " · ".join(says) + story.seconds(index, "examine")))
    decided = story.promotion(index)
    if index and decided:
        out.leaf(node, decided.verdict, [("why", decided.why)])


def add_blind(branch: Tree, story: Story, out: Printer, index: int) -> None:
    """What a round took from the practice questions without a look at the answers."""
    if picked := story.of_round(index, "picked", Picked):
        says = f"{count(len(picked), 'practice question')} in a random order, blind to errors"
        branch.add(out.agent("Examiner", says + story.seconds(index, "collect")))
    solutions = story.of_round(index, "solutions", Example)
    left_out = story.of_round(index, "left-out", Unusable)
    if solutions or left_out:
        says = f"{count(len(solutions), 'solution')} of practice questions"
        if left_out:
            says += f", {len(left_out)} left out"
        node = branch.add(out.agent("Examiner", says))
        for example in out.some(solutions, 1):
            out.leaf(node, example.question_id, written(example))
        out.rest(node, solutions, 1, "solutions")
        add_unusable(node, out, left_out)


def add_analyst(branch: Tree, story: Story, out: Printer, index: int) -> None:
    mistakes = story.mistakes(index)
    if not mistakes:
        return
    contrasted = [m for m in mistakes if m.contrast]
    if contrasted:
        says = (
            f"{count(len(contrasted), 'mistake')}, each beside the nearest questions answered right"
        )
        node = branch.add(
            out.agent("Contrast Analyst", says + story.seconds(index, "collect", "contrast"))
        )
    else:
        node = branch.add(
            out.agent("Examiner", f"{count(len(mistakes), 'mistake')} collected, no contrast")
        )
    for mistake in out.some(contrasted or mistakes, 1):
        near = [(f"{s.similarity:.2f}", whole_text(s.question)) for s in mistake.contrast]
        out.leaf(node, mistake.question.id, [*asked(mistake.question), *near])
    out.rest(node, contrasted or mistakes, 1, "mistakes")


def add_instructor(branch: Tree, story: Story, out: Printer, index: int) -> None:
    results = story.diagnoses(index)
    if not results:
        return
    mistakes = {m.id: m for m in story.mistakes(index)}
    by_cause: dict[str, list[Diagnosis]] = {}
    for result in results:
        if isinstance(result, Diagnosis):
            by_cause.setdefault(result.cause, []).append(result)
    unusable = [result for result in results if isinstance(result, Unusable)]
    says = f"{count(len(results) - len(unusable), 'diagnosis', 'diagnoses')}, "
    says += count(len(by_cause), "cause")
    if unusable:
        says += f", {len(unusable)} without a usable diagnosis"
    node = branch.add(out.agent("Instructor", says + story.seconds(index, "diagnose")))
    for cause, diagnoses in out.some(most_first(by_cause), MOST_GROUPS):
        named = node.add(out.counted(cause, len(diagnoses)))
        for diagnosis in out.some(diagnoses, 1):
            mistake = mistakes[diagnosis.mistake_id]
            lines = [*seen(mistake), *beside(mistake, out), *said(diagnosis)]
            out.leaf(named, mistake.question.id, lines)
        out.rest(named, diagnoses, 1, "diagnoses")
    add_unusable(node, out, unusable)
    add_calls(node, out, story.calls(index, "instructor"))


def add_writer(branch: Tree, story: Story, out: Printer, index: int) -> None:
    examples = story.of_round(index, "examples", Example)
    refusals = story.refusals(index)
    calls = story.calls(index, "data writer")
    if not (examples or refusals or calls):
        return
    says = f"{count(len(examples), 'example')} accepted, {len(refusals)} refused"
    node = branch.add(out.agent("Data Writer", says + story.seconds(index, "write")))
    by_cause: dict[str, list[Example]] = {}
    for example in examples:
        by_cause.setdefault(example.cause, []).append(example)
    for cause, found in out.some(most_first(by_cause), MOST_GROUPS):
        named = node.add(out.counted(cause, len(found)))
        for example in out.some(found, 2):
            out.leaf(named, f"{example.id} from {example.question_id}", written(example))
        out.rest(named, found, 2, "examples")
    by_reason: dict[str, list[Refusal]] = {}
    for refusal in refusals:
        if isinstance(refusal, Refusal):
            by_reason.setdefault(refusal.reason, []).append(refusal)
    for reason, refused in out.some(most_first(by_reason), MOST_GROUPS):
        named = node.add(out.counted(f"refused: {reason}", len(refused), "yellow"))
        for refusal in out.some(refused, 1):
            out.leaf(named, f"from {refusal.draft.diagnosis_id}", refused_draft(refusal))
        out.rest(named, refused, 1, "refused drafts")
    add_unusable(node, out, [r for r in refusals if isinstance(r, Unusable)])
    add_calls(node, out, calls)


def add_verifier(branch: Tree, story: Story, out: Printer, index: int) -> None:
    votes = story.of_round(index, "votes", Vote)
    calls = story.calls(index, "verifier")
    if not (votes or calls):
        return
    examples = story.of_round(index, "examples", Example)
    refused = sum(
        isinstance(refusal, Refusal) and refusal.reason == DISAGREE
        for refusal in story.refusals(index)
    )
    says = f"{count(len(votes), 'independent solution')}: "
    says += f"{sum(bool(e.votes and e.votes[1]) for e in examples)} confirmed, {refused} refused"
    if abstained := sum(e.votes == (0, 0) for e in examples):
        says += f", {abstained} accepted that the solver cannot tell"
    add_calls(branch.add(out.agent("Verifier", says)), out, calls)


def add_rows(branch: Tree, story: Story, out: Printer, index: int) -> None:
    """What shapers made of the examples, as it is trained on; nothing where there were none."""
    rehearsed = story.of_round(index, "rehearsed", Attempt)
    rows = story.of_round(index, "training", Row)
    left_out = story.of_round(index, "shaped", Unusable)
    by_shaper: dict[str, list[Row]] = {}
    for row in rows:
        by_shaper.setdefault(row.made_by, []).append(row)
    if not (rehearsed or left_out or by_shaper.keys() - {"example"}):
        return
    says = [f"{count(len(rows), 'row')} to train on"] if rows or left_out else []
    if left_out:
        says.append(f"{len(left_out)} left out")
    if rehearsed:
        right = sum(attempt.correct for attempt in rehearsed)
        says.append(f"beforehand the student got {right} of {len(rehearsed)} right")
    node = branch.add(out.agent("Shapers", " · ".join(says) + story.seconds(index, "prepare")))
    for made_by, found in out.some(most_first(by_shaper), MOST_GROUPS):
        named = node.add(out.counted(MADE_BY.get(made_by, made_by), len(found)))
        for row in out.some(found, 2):
            out.leaf(named, f"{row.id} from {row.question_id}", learnt(row))
        out.rest(named, found, 2, "rows")
    add_unusable(node, out, left_out)


MADE_BY = {"example": "as they were written"}


def add_trainer(branch: Tree, story: Story, out: Printer, index: int) -> None:
    steps = last_training(story.events_named(index, "step"))
    ended = story.events_named(index, "trained")
    if not (steps or ended):
        return
    says: list[str] = []
    if ended:
        fresh, replayed = ended[-1]["fresh"], ended[-1]["replayed"]
        solutions = ended[-1].get("solutions", 0)
        if solutions:
            says.append(count(solutions, "solution"))
        if fresh or replayed or not solutions:
            says.append(f"{fresh} fresh and {replayed} replayed examples")
        if ended[-1]["skipped"]:
            says.append(f"{ended[-1]['skipped']} left out as too long")
    if steps:
        losses = [step["loss"] for step in steps]
        of = "" if ended else f" of {steps[-1]['steps']}, so far"
        says.append(f"{count(len(steps), 'step')}{of}")
        says.append(f"loss {losses[0]:.2f} → {losses[-1]:.2f} {sparkline(losses)}".rstrip())
    branch.add(out.agent("Trainer", " · ".join(says) + story.seconds(index, "train")))


def add_unusable(node: Tree, out: Printer, unusable: Sequence[Unusable]) -> None:
    by_reason: dict[str, list[Unusable]] = {}
    for result in unusable:
        by_reason.setdefault(result.reason, []).append(result)
    for reason, found in out.some(most_first(by_reason), MOST_GROUPS):
        named = node.add(out.counted(reason, len(found), "yellow"))
        sources = ", ".join(result.source_id for result in out.some(found, 3))
        named.add(out.text(sources + (", …" if len(found) > 3 and not out.full else ""), "dim"))


def add_calls(node: Tree, out: Printer, calls: Sequence[dict[str, Any]]) -> None:
    if not calls:
        return
    failed = [call for call in calls if call["error"]]
    tokens = {way: sum(c[f"tokens_{way}"] or 0 for c in calls) for way in ("in", "out")}
    models = ", ".join(sorted({call["model"] for call in calls}))
    branch = node.add(
        out.text(
            f"{count(len(calls), 'call')} to {models}: {tokens['in']:,} tokens in, "
            f"{tokens['out']:,} out, {count(len(failed), 'reply', 'replies')} of no use"
        )
    )
    for call in calls if out.full else failed[:1]:
        lines = [*call["messages"]] if out.full else []
        lines += [("reply", call["reply"]), ("error", call["error"] or "")]
        out.leaf(branch, f"about {call['source_id']}, {call['seconds']:.1f} s", lines)


# One question, followed through all rounds.


def question_tree(story: Story, out: Printer, id: str) -> Tree:
    """Raises: RunError: No practice question has this id."""
    if id not in story.practice:
        short = unpadded(id)
        near = [known for known in story.practice if unpadded(known) == short]
        near = near or difflib.get_close_matches(id, story.practice, n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else "see practice.jsonl in its exam/"
        raise RunError(f"the run {story.folder.name} has no practice question {id!r}: {hint}")
    question = story.practice[id]
    lines = [
        *asked(question),
        ("solution", question.solution or ""),
        ("target", question.target),
    ]
    kind = f" ({question.kind})" if question.kind else ""
    tree = Tree(Group(out.text(id + kind, "bold"), out.lines(lines)), guide_style="dim")
    add_answer(tree.add(out.text("Base model", "bold")), story, out, 0, id)
    for index in range(1, story.last_round + 1):
        verdict = story.verdict(index)
        node = tree.add(out.text(f"Round {index}{': ' if verdict else ''}{verdict}", "bold"))
        mistakes = [m for m in story.mistakes(index) if m.question.id == id]
        if not mistakes and story.mistakes(index):
            node.add(out.text("no mistake of the best model so far, so nothing was written for it"))
        sources = {p.id for p in story.of_round(index, "picked", Picked) if p.question.id == id}
        for mistake in mistakes:
            sources |= add_mistake(node, story, out, index, mistake)
        add_solution(node, story, out, index, id)
        if sources:
            add_written(node, story, out, index, id, sources)
        add_shaped(node, story, out, index, id)
        add_answer(node, story, out, index, id)
    return tree


def unpadded(id: str) -> str:
    """`practice-12` for `practice-0012`."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", id)


def add_solution(node: Tree, story: Story, out: Printer, index: int, id: str) -> None:
    for example in story.of_round(index, "solutions", Example):
        if example.question_id == id:
            branch = node.add(out.agent("Examiner", "its own solution is trained on"))
            branch.add(out.lines([("answer", example.completion)]))
    for left_out in story.of_round(index, "left-out", Unusable):
        if left_out.source_id == id:
            node.add(out.agent("Examiner", f"its solution is not trained on: {left_out.reason}"))


def add_mistake(node: Tree, story: Story, out: Printer, index: int, mistake: Mistake) -> set[str]:
    """One mistake and its diagnosis; the ids that later records name it by."""
    node.add(out.agent("Examiner", f"a mistake, {mistake.id}"))
    if mistake.contrast:
        near = node.add(out.agent("Contrast Analyst", "nearest questions answered right"))
        for solved in mistake.contrast:
            out.leaf(
                near,
                f"{solved.question.id}, similarity {solved.similarity:.2f}",
                [*asked(solved.question), ("student", solved.attempt.response)],
            )
    sources = {mistake.id}
    for result in story.diagnoses(index):
        if isinstance(result, Unusable) and result.source_id == mistake.id:
            node.add(out.agent("Instructor", f"no usable diagnosis: {result.reason}"))
        if isinstance(result, Diagnosis) and result.mistake_id == mistake.id:
            sources.add(result.id)
            branch = node.add(out.agent("Instructor", result.cause))
            branch.add(out.lines(said(result)))
    return sources


def add_written(
    node: Tree, story: Story, out: Printer, index: int, id: str, sources: set[str]
) -> None:
    """The examples that were written from a practice question.

    Args:
        sources: Its ids as a mistake, a diagnosis, or a picked question.
    """
    examples = [e for e in story.of_round(index, "examples", Example) if e.question_id == id]
    if examples:
        branch = node.add(
            out.agent("Data Writer", f"{count(len(examples), 'example')} written from it")
        )
        for example in out.some(examples, 4):
            out.leaf(branch, example.id, written(example))
        out.rest(branch, examples, 4, "examples")
    elif (story.folder.path / f"round-{index:02d}" / "examples.jsonl").exists():
        node.add(out.agent("Data Writer", "no example written from it"))
    for refusal in story.refusals(index):
        if isinstance(refusal, Refusal) and refusal.draft.diagnosis_id in sources:
            branch = node.add(out.agent("Data Writer", f"a draft refused: {refusal.reason}"))
            branch.add(out.lines(refused_draft(refusal)))
        if isinstance(refusal, Unusable) and refusal.source_id in sources:
            node.add(out.agent("Data Writer", f"nothing could be written: {refusal.reason}"))
    calls = [c for c in story.calls(index) if sources & set(c["source_id"].split())]
    add_calls(node, out, calls)


def add_shaped(node: Tree, story: Story, out: Printer, index: int, id: str) -> None:
    """What shapers made of the rows that go back to a practice question."""
    shaped = [
        row
        for row in story.of_round(index, "training", Row)
        if row.question_id == id and row.made_by != "example"
    ]
    if shaped:
        branch = node.add(out.agent("Shapers", f"{count(len(shaped), 'row')} made anew"))
        for row in out.some(shaped, 4):
            out.leaf(branch, f"{row.id}, {row.made_by}", learnt(row))
        out.rest(branch, shaped, 4, "rows")
    own = {
        example.id
        for at in range(1, index + 1)
        for name in ("examples", "solutions")
        for example in story.of_round(at, name, Example)
        if example.question_id == id
    }
    gone = [
        result
        for result in story.of_round(index, "shaped", Unusable)
        if result.source_id.partition("#")[0] in own
    ]
    if gone:
        branch = node.add(out.agent("Shapers", f"{count(len(gone), 'row')} left out"))
        add_unusable(branch, out, gone)


def add_answer(node: Tree, story: Story, out: Printer, index: int, id: str) -> None:
    """The answer of a round's model, where it sat the practice exam."""
    attempt = next((a for a in story.attempts(index, "practice") if a.question_id == id), None)
    if attempt is not None:
        verdict = "right" if attempt.correct else "wrong"
        node.add(Group(out.agent("Student", f"answered {verdict}"), out.lines(answer(attempt))))
    elif story.verdict(index) == "dropped":
        node.add(out.agent("Student", "this round's model was dropped: it was not asked practice"))
    elif story.verdict(index) == "promoted":
        node.add(out.agent("Student", "was not asked practice: nothing was to be learnt from it"))
    else:
        node.add(out.agent("Student", "no answer of this round's model yet"))


# Records as labelled lines.


def seen(mistake: Mistake) -> Lines:
    question = mistake.question
    return [
        *asked(question),
        ("solution", question.solution or f"(none; target {question.target})"),
        *answer(mistake.attempt),
    ]


def answer(attempt: Attempt) -> Lines:
    lines = [("student", attempt.response or "(nothing)")]
    if attempt.truncated:
        lines.append(("", "(cut off at the token limit)"))
    lines.append(("marked", attempt.why))
    return lines


def beside(mistake: Mistake, out: Printer) -> Lines:
    def line(solved: Solved) -> str:
        return f"{whole_text(solved.question)}\n{solved.attempt.response}"

    return [("contrast", line(solved)) for solved in out.some(mistake.contrast, 1)]


def said(diagnosis: Diagnosis) -> Lines:
    return [
        ("diagnosis", diagnosis.explanation),
        ("missing", diagnosis.missing_skill),
        ("advice", diagnosis.advice),
    ]


def written(example: Example | Draft) -> Lines:
    return [*asked(example), ("answer", example.completion)]


def learnt(row: Row) -> Lines:
    """A row as the student is trained on it."""
    lines = [("system", row.system or ""), *asked(row), ("given", row.given)]
    lines += [("answer" if row.ends else "next step", row.completion)]
    return [*lines, ("rejected", row.rejected or "")]


def refused_draft(refusal: Refusal) -> Lines:
    why = [("why", refusal.detail)] if refusal.detail else []
    return [*written(refusal.draft), *why]


# Reading what there is.


def most_first(groups: Mapping[str, list[R]]) -> list[tuple[str, list[R]]]:
    return sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
