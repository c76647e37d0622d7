"""How far a judge agrees with a person, measured before its verdicts decide anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from errata.agents.errors import ExamError
from errata.agents.exams.conversations import read_conversation
from errata.agents.exams.rows import first_problem, read_rows
from errata.agents.marking.judged import How, Judge
from errata.agents.records import NO_TARGET, JudgedAnswer, Question, Record, Turns
from errata.agents.scores import wilson

LEAST = 30
"""Labelled answers, below which nothing is said."""
LEAST_EACH = 5
"""The same of right ones, and of wrong ones: of one kind alone chance agrees as well."""
MOST_SILENT = 0.05
"""Share of answers that a judge may leave without a verdict."""

Counted = tuple[int, int]
"""(how many, of how many)."""


class Labelled(Record):
    """One answer that a person labelled."""

    before: Turns = ()
    prompt: str = Field(min_length=1)
    target: str | None = Field(default=None, min_length=1, coerce_numbers_to_str=True)
    """The reference answer; None where there is none."""
    response: str
    right: bool = Field(strict=True)


class Calibration(Record):
    """A judge's verdicts beside a person's, on the same answers."""

    rows: int
    """Answers with both verdicts."""
    agreement: float
    """Share of them on which both say the same."""
    agreement_ci95: tuple[float, float]
    """Wilson."""
    kappa: float
    """Cohen's (1960): how much of what chance would not bring is agreed on; 1 all, 0 nothing."""
    kappa_ci95: tuple[float, float]
    """From that of the agreement, with the share that chance would bring taken as it was seen."""
    wrongly_right: Counted
    """Called right by the judge, of those that are wrong to the person."""
    wrongly_wrong: Counted
    """Called wrong by the judge, of those that are right to the person."""
    flips_again: Counted
    """Verdicts that change when the same is asked once more."""
    flips_turned: Counted
    """Verdicts that change when the answer stands before the reference; of those with one."""
    agrees_short: Counted
    """Verdicts that agree, of the shorter half of the answers."""
    agrees_long: Counted
    """The same of the longer half: where it is much less, length sways the judge."""
    silent: int
    """Answers for which the judge gave no verdict that could be read."""

    def problem(self, kappa_at_least: float) -> str | None:
        """Why the judge must not be believed; None where it may."""
        if self.silent > MOST_SILENT * (self.rows + self.silent):
            return (
                f"it gave no verdict on {self.silent} of {self.rows + self.silent} answers: take "
                "another model"
            )
        if self.kappa < kappa_at_least:
            return (
                f"its kappa with the labels is {self.kappa:.2f}, below kappa_at_least = "
                f"{kappa_at_least:g}: say more exactly in the rubric what is right, or take "
                "another model"
            )
        return None


def read_labelled(file: Path) -> list[Labelled]:
    """The answers that a person labelled.

    Raises:
        ExamError: The file or a line of it cannot be read, two contradict each other, or there are
            too few.
    """
    found: list[Labelled] = []
    labels: dict[Labelled, tuple[str, bool]] = {}
    for row in read_rows(file, file.stem):
        if row.problem:
            raise ExamError(f"{row.where} {row.problem}")
        try:
            found.append(Labelled.model_validate(asked_in(row.fields)))
        except ExamError as error:
            raise ExamError(f"{row.where}: {error}") from None
        except ValidationError as error:
            raise ExamError(
                f"{row.where}: {first_problem(error)}; a labelled answer has prompt or messages, "
                "response, right (true or false) and, if there is a reference answer, target"
            ) from None
        one = found[-1]
        where, said = labels.setdefault(
            one.model_copy(update={"right": True}), (row.where, one.right)
        )
        if said != one.right:
            raise ExamError(
                f"{where} and {row.where} label the same answer to the same question, once right "
                "and once wrong: leave the line that you mean"
            )
    right = sum(one.right for one in found)
    if len(found) < LEAST or min(right, len(found) - right) < LEAST_EACH:
        raise ExamError(
            f"{file} labels {len(found)} answers, {right} of them right: a judge is calibrated on "
            f"{LEAST} or more, with {LEAST_EACH} or more right and wrong ones; label others too"
        )
    return found


def asked_in(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A labelled answer's fields, its messages as a prompt and what stands before.

    Raises:
        ExamError: They are no conversation.
    """
    given = dict(fields)
    if (messages := given.pop("messages", None)) is None:
        return given
    found = read_conversation(messages, given.get("prompt"))
    if found.reply is not None:
        raise ExamError("the last message is the assistant's; give it as response")
    return given | {"before": found.before, "prompt": found.prompt}


def calibrate(
    judge: Judge,
    answer: JudgedAnswer,
    labelled: Sequence[Labelled],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Calibration:
    """Asks the judge about each answer three times: as in an exam, once more, and with the answer
    before the reference; once alone where so many have no verdict that it is refused for that.

    Args:
        progress: Is told how many verdicts of how many there are.

    Raises:
        InstructorError, BudgetSpent: The judge cannot be asked.
        ExamError: It gave no verdict at all.
    """
    questions = [
        Question(
            id=f"label {at}",
            before=one.before,
            prompt=one.prompt,
            target=one.target or NO_TARGET,
            answer=answer,
        )
        for at, one in enumerate(labelled, 1)
    ]

    def verdict(at: int, how: How) -> bool | None:
        try:
            return judge.judge(questions[at], labelled[at].response, how).correct
        except ExamError:
            return None

    first: list[tuple[int, How]] = [(at, "plain") for at in range(len(labelled))]
    more: list[tuple[int, How]] = [
        (at, how)
        for at, one in enumerate(labelled)
        for how in ("again", "turned")
        if how == "again" or one.target is not None
    ]
    said: dict[How, dict[int, bool]] = {"plain": {}, "again": {}, "turned": {}}
    done = 0
    with ThreadPoolExecutor(judge.concurrency, "judge") as pool:
        try:
            for jobs in (first, more):
                asked = [(at, how, pool.submit(verdict, at, how)) for at, how in jobs]
                for at, how, job in asked:
                    if (found := job.result()) is not None:
                        said[how][at] = found
                    done += 1
                    progress(done, len(first) + len(more))
                if len(labelled) - len(said["plain"]) > MOST_SILENT * len(labelled):
                    break
        except BaseException as error:
            pool.shutdown(wait=False, cancel_futures=True)
            if not isinstance(error, Exception):  # Ctrl-C
                judge.stop()
            raise
    if not said["plain"]:
        raise ExamError("the judge gave no verdict on any labelled answer: take another model")
    return compared(labelled, said["plain"], said["again"], said["turned"])


def compared(
    labelled: Sequence[Labelled],
    plain: dict[int, bool],
    again: dict[int, bool],
    turned: dict[int, bool],
) -> Calibration:
    """What the verdicts, by the place of their answer, amount to."""
    right = [at for at in plain if labelled[at].right]
    wrong = [at for at in plain if not labelled[at].right]
    agreed = [at for at in plain if plain[at] == labelled[at].right]
    n = len(plain)
    judged_right = sum(plain.values())
    chance = (len(right) * judged_right + len(wrong) * (n - judged_right)) / n**2
    interval = wilson(len(agreed), n)
    kappa, *bounds = (beyond(share, chance) for share in (len(agreed) / n, *interval))
    by_length = sorted(plain, key=lambda at: (len(labelled[at].response), at))
    short, long = set(by_length[: n // 2]), set(by_length[n // 2 :])
    return Calibration(
        rows=n,
        agreement=len(agreed) / n,
        agreement_ci95=interval,
        kappa=kappa,
        kappa_ci95=(bounds[0], bounds[1]),
        wrongly_right=(sum(plain[at] for at in wrong), len(wrong)),
        wrongly_wrong=(sum(not plain[at] for at in right), len(right)),
        flips_again=flips(plain, again),
        flips_turned=flips(plain, turned),
        agrees_short=(len(short.intersection(agreed)), len(short)),
        agrees_long=(len(long.intersection(agreed)), len(long)),
        silent=len(labelled) - n,
    )


def beyond(agreement: float, chance: float) -> float:
    """Cohen's kappa; 0 where chance alone would agree on all."""
    return (agreement - chance) / (1 - chance) if chance < 1 else 0.0


def flips(first: dict[int, bool], second: dict[int, bool]) -> Counted:
    both = first.keys() & second.keys()
    return sum(first[at] != second[at] for at in both), len(both)
