"""A person's review of a round's rows: read, checked, put on record, and made into rows."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from errata.agents.checks import Checker, refuse_row
from errata.agents.errors import ErrataError, RunError
from errata.agents.jsonl import Journal, naming, part_of, read_record, write_record
from errata.agents.plain_text import one_line
from errata.agents.records import Draft, Example, Question, Review, ReviewEntry, Row
from errata.agents.verifier import DISAGREE, Vote
from errata.agents.weights.models import special_tokens
from errata.graph.config import RunConfig
from errata.graph.context import Context, held_out_in
from errata.graph.rows import row_of
from errata.graph.run_folder import RunFolder
from errata.graph.votes import RememberingSolver, verifier_for

QUESTION_OF_A_PAIR = (
    "its rows are pairs, whose worse side answers the question as it was: edit the answer alone, "
    "or reject it"
)
STEP_OF_A_PAIR = "its rows are single steps of an answer: accept or reject it"


def read_review(path: Path) -> Review:
    """Raises: RunError: It cannot be read, or is no review."""
    try:
        return Review.model_validate_json(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise RunError(f"{path} is no review: {first_problem(error)}") from None


def first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]


def review_from(answer: Any, folder: RunFolder, index: int) -> Review:
    """What stands in the answer to an interrupt: true, false, or a review, whose `run` and `round`
    need not be said.

    Raises:
        RunError: It is none of these.
    """
    if isinstance(answer, str):
        try:
            answer = json.loads(answer)
        except (ValueError, RecursionError):
            answer = None
    if isinstance(answer, bool):
        return everything(answer, folder, index)
    if not isinstance(answer, Mapping):
        raise RunError('a review is answered with true, false, or {"entries": […]}')
    try:
        said = json.dumps({"run": folder.name, "round": index} | dict(answer))
        return Review.model_validate_json(said)
    except (ValidationError, TypeError, ValueError) as error:
        wrong = first_problem(error) if isinstance(error, ValidationError) else str(error)
        raise RunError(f"the answer is no review: {wrong}") from None


def everything(approved: bool, folder: RunFolder, index: int) -> Review:
    """All rows are accepted, or all are rejected."""
    ids = dict.fromkeys(row.example_id for row in proposed(folder, index))
    rejected = tuple(ReviewEntry(example_id=id, verdict="rejected") for id in ids)
    return Review(run=folder.name, round=index, entries=() if approved else rejected)


def proposed(folder: RunFolder, index: int) -> list[Row]:
    """The rows of a round that a person is asked about."""
    return folder.collected(index, "proposed", Row)


def reviews_before(folder: RunFolder, index: int) -> list[Review]:
    """Those of the rounds before this one, in their order."""
    paths = [folder.review(at) for at in range(1, index)]
    return [read_record(path, Review) for path in paths if path.exists()]


# What a review makes of examples and rows.


def as_reviewed(examples: Iterable[Example], reviews: Iterable[Review]) -> list[Example]:
    """The examples as they may be trained on after these reviews: without the rejected ones, the
    others as they were last edited."""
    kept = {example.id: example for example in examples}
    for review in reviews:
        for entry in review.entries:
            if entry.verdict == "rejected":
                kept.pop(entry.example_id, None)
            elif entry.verdict == "edited" and entry.example_id in kept:
                kept[entry.example_id] = edited(kept[entry.example_id], entry)
    return list(kept.values())


def edited(example: Example, entry: ReviewEntry) -> Example:
    """The example as the person would have it; what solvers said of it before says nothing now."""
    texts = {name: getattr(entry, name) for name in ("prompt", "completion", "target")}
    said = {name: text for name, text in texts.items() if text is not None}
    return example.model_copy(update={**said, "votes": None})


def reviewed_rows(
    rows: Iterable[Row], examples: Mapping[str, Example], review: Review
) -> list[Row]:
    """The rows that are trained on.

    Args:
        rows: As they were proposed.
        examples: By id, as the round began with them.
    """
    entries = {entry.example_id: entry for entry in review.entries}
    made: list[Row] = []
    done: set[str] = set()
    for row in rows:
        entry = entries.get(row.example_id)
        if entry is None or entry.verdict == "accepted":
            made.append(row)
        elif entry.verdict == "edited":
            new = edited(examples[row.example_id], entry)
            if row.rejected is not None:
                changed = {"given": "", "completion": new.completion, "target": new.target}
                changed["rejected"] = row.given + row.rejected
                made.append(row.model_copy(update=changed))
            elif row.example_id not in done:
                made.append(row_of(new, new.id))
            done.add(row.example_id)
    return made


# Whether it may be taken.


def check_fits(review: Review, folder: RunFolder, index: int) -> None:
    """Raises: RunError: It is of another run or round, or names what is not there."""
    if (review.run, review.round) != (folder.name, index):
        raise RunError(
            f"the review is of round {review.round} of the run {one_line(review.run, 60)!r}, and "
            f"round {index} of {folder.name!r} waits: `errata review {folder.name}` makes one"
        )
    known = {row.example_id for row in proposed(folder, index)}
    seen: set[str] = set()
    for entry in review.entries:
        id = one_line(entry.example_id, 60)
        if entry.example_id not in known:
            raise RunError(
                f"the review names an example {id!r}, and no row of round {index} is made of it: "
                "take it out"
            )
        if entry.example_id in seen:
            raise RunError(f"the review names the example {id!r} twice: take one out")
        if entry.verdict == "edited" and (entry.prompt, entry.completion, entry.target) == (
            None,
            None,
            None,
        ):
            raise RunError(
                f"the review calls the example {id!r} edited and has no text of it: give it a "
                "prompt, a completion or a target, or call it accepted"
            )
        seen.add(entry.example_id)


def known_examples(folder: RunFolder, index: int) -> dict[str, Example]:
    """All that a round's rows may be made of, by id, as it is before the round's own review."""
    fresh = folder.collected(index, "examples", Example)
    solutions = folder.collected(index, "solutions", Example)
    earlier = [e for at in range(1, index) for e in folder.collected(at, "examples", Example)]
    every = as_reviewed([*earlier, *solutions, *fresh], reviews_before(folder, index))
    return {example.id: example for example in every}


def refuse_edits(review: Review, folder: RunFolder, config: RunConfig) -> dict[str, str]:
    """Example → why it must not be trained on as it was edited; the solver is not asked yet.

    The checks are those that drafts pass, in the review's order.
    """
    index = review.round
    edits = [entry for entry in review.entries if entry.verdict == "edited"]
    if not edits:
        return {}
    known = known_examples(folder, index)
    named = {entry.example_id for entry in review.entries if entry.verdict != "accepted"}
    own = {known[e.example_id].question_id for e in edits if is_solution(known[e.example_id])}
    others: list[Question | Example] = [
        *(question for question in folder.questions("practice") if question.id not in own),
        *(each for each in known.values() if each.id not in named and not is_solution(each)),
    ]
    held_out = held_out_in(folder)
    special = special_tokens(config.student.model)
    checker = Checker(held_out, others, special)
    rows: dict[str, list[Row]] = {}
    for row in proposed(folder, index):
        rows.setdefault(row.example_id, []).append(row)
    refused: dict[str, str] = {}
    for entry in edits:
        old = known[entry.example_id]
        why = checker.refuse(draft_of(edited(old, entry)))
        pairs = [row for row in rows[old.id] if row.rejected is not None]
        if why is None and pairs:
            if edited(old, entry).prompt != old.prompt:
                why = QUESTION_OF_A_PAIR
            elif not all(row.ends for row in pairs):
                why = STEP_OF_A_PAIR
            else:
                made = reviewed_rows(pairs, known, review)
                why = next(filter(None, (refuse_row(row, held_out, special) for row in made)), None)
        if why is not None:
            refused[old.id] = why
    return refused


def check_recorded(folder: RunFolder, index: int, config: RunConfig) -> None:
    """Looks at a review on record before rows are made by it: it may be no file of errata's.

    Raises:
        RunError: It does not fit, or its edits must not be trained on.
    """
    path = folder.review(index)
    if not path.exists() or (folder.round(index) / "training.jsonl").exists():
        return
    review = read_record(path, Review)
    try:
        check_fits(review, folder, index)
        if refused := refuse_edits(review, folder, config):
            raise RunError(f"its edits are refused: {'; '.join(refusals(refused))}")
    except RunError as error:
        raise RunError(f"{path} was not checked: {error}; move it away, then resume") from None


def is_solution(example: Example) -> bool:
    return example.made_from == "solution"


def draft_of(example: Example) -> Draft:
    return Draft(
        diagnosis_id=example.diagnosis_id or example.id,
        before=example.before,
        prompt=example.prompt,
        completion=example.completion,
        target=example.target,
        answer=example.answer,
    )


def take(review: Review, index: int, context: Context) -> dict[str, str]:
    """Puts a review on record; or says of its edited examples why they must not be trained on, and
    then changes nothing.

    Raises:
        RunError: It does not fit the round that waits.
        InstructorError, BudgetSpent: The solver's.
    """
    folder = context.folder
    check_fits(review, folder, index)
    refused = refuse_edits(review, folder, context.config)
    with ExitStack() as stack:
        solver = context.agents.llms.solver
        edits = [entry for entry in review.entries if entry.verdict == "edited"]
        if solver is not None and edits:
            reopen_votes(folder, index)
            votes = stack.enter_context(Journal(votes_path(folder, index), Vote))
            remembering = RememberingSolver(solver, votes)
            refused |= unconfirmed(review, remembering, refused, context)
            if not refused:
                votes.finish(order=remembering.place)
    if not refused:
        by = review.by.strip() or login_name()
        write_record(folder.review(index), review.model_copy(update={"by": by}))
    return refused


def votes_path(folder: RunFolder, index: int) -> Path:
    return folder.round(index) / "review-votes.jsonl"


def reopen_votes(folder: RunFolder, index: int) -> None:
    """Solutions go on being added where a kill came before the review that they are of."""
    path = votes_path(folder, index)
    if path.exists() and not folder.review(index).exists():
        with naming(path):
            path.replace(part_of(path))


def unconfirmed(
    review: Review, solver: RememberingSolver, refused: Mapping[str, str], context: Context
) -> dict[str, str]:
    """Edited example → what independent solutions say against it."""
    verifier = verifier_for(solver, context.config.verify)
    assert verifier is not None
    context.trace.round = review.round
    known = known_examples(context.folder, review.round)
    practice = {question.id: question for question in context.questions("practice")}
    asked = [
        edited(known[entry.example_id], entry)
        for entry in review.entries
        if entry.verdict == "edited" and entry.example_id not in refused
    ]
    drafts = [(practice[example.question_id], draft_of(example)) for example in asked]
    ids = {id(draft): example.id for (_, draft), example in zip(drafts, asked, strict=True)}
    return {
        ids[id(found.draft)]: f"{DISAGREE} ({found.detail})"
        for found in verifier.verify(drafts)
        if not verifier.confirms(found)
    }


def refusals(refused: Mapping[str, str]) -> list[str]:
    """One clause for each."""
    return [f"{id}: {why}" for id, why in refused.items()]


def answered(answer: Any, index: int, context: Context) -> Sequence[str]:
    """Takes the answer to an interrupt; what stands against it, where it is not taken."""
    try:
        return refusals(take(review_from(answer, context.folder, index), index, context))
    except ErrataError as error:
        return [str(error)]


def login_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user need not have a name
        return "unknown"
