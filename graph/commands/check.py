"""Whether a configuration's exams and LLMs work: `errata check`."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from errata.agents.chat_models import LlmSettings
from errata.agents.chat_models.client import ChatClient
from errata.agents.checks import wrong
from errata.agents.data_writer import Ask, Diagnosed, Lesson, Writer
from errata.agents.errors import ErrataError
from errata.agents.exams.several import RunExams
from errata.agents.instructor import Instructor
from errata.agents.promotion import foresight
from errata.agents.records import (
    Attempt,
    Diagnosis,
    Draft,
    LlmCall,
    Mistake,
    Picked,
    Question,
    Unusable,
)
from errata.agents.served.adapter import trained_rank
from errata.agents.served.check import CheckedServer, check_servers
from errata.agents.verifier import Solver, Verifier
from errata.graph.agents import InstructorAndWriter, check_practice, open_instructor_and_writer
from errata.graph.config import RunConfig
from errata.training.jobs import BUNDLED_FOLDER

MISTAKE = Mistake(
    id="check",
    question=Question(
        id="check-question",
        prompt="Ada has 20 pens and gives away 6. How many pens are left?",
        target="14",
        solution="20 - 6 = 14\n#### 14",
    ),
    attempt=Attempt(
        id="check-attempt",
        question_id="check-question",
        response="20 + 6 = 26\n#### 26",
        answer="26",
        correct=False,
        why="26 is not 14",
        tokens=16,
        truncated=False,
    ),
)


DIAGNOSIS = Diagnosis(
    id="d-check",
    mistake_id="check",
    question_id="check-question",
    cause="wrong operation: adds where it must subtract",
    explanation="It wrote 20 + 6 where 20 - 6 was needed: giving away makes less.",
    missing_skill="The student must be able to tell whether an event makes a quantity less.",
    advice="Short stories with numbers below 50 in which something is given away or used up.",
)


@dataclass(frozen=True)
class Checked:
    """What came of one small question."""

    agent: Literal["instructor", "writer", "verifier"]
    model: str
    result: Diagnosis | Draft | None
    """None: nothing that could be used."""
    problem: str | None
    calls: tuple[LlmCall, ...]
    method: str | None
    """How the LLM was given the fields of its reply."""


def sees(config: RunConfig, exams: RunExams) -> str:
    """Which gain a run of the configuration can see.

    Raises:
        ConfigError: Nothing can be learnt from its practice questions.
    """
    check_practice(config, exams.practice)
    return foresight(exams.dev, config.rounds, config.stop.gate)


def servers(config: RunConfig, runs: Path = Path("runs")) -> list[CheckedServer]:
    """Whether the servers that answer for the student can be used; none where none do.

    Args:
        runs: Where the run's folder will lie.
    """
    model = config.student.model
    weights = BUNDLED_FOLDER if model == "bundled" else model
    return check_servers(config.student, trained_rank(config.training), weights, runs)


def check(config: RunConfig) -> list[Checked]:
    """Asks the instructor, the writer and an LLM that solves examples again one small question
    each, with their own prompts: those of them that the configuration's way needs.

    Raises:
        ErrataError: One of them cannot be opened at all.
    """
    calls: list[LlmCall] = []
    with tempfile.TemporaryDirectory(prefix="errata-check-") as scratch:
        opened = open_instructor_and_writer(without_retries(config), Path(scratch), calls.append)
        try:
            checked: list[Checked] = []
            lesson: Lesson = Picked(id="check", question=MISTAKE.question)
            if "diagnose" in config.way.steps:
                checked.append(check_instructor(opened, calls))
                named = checked[0].result
                lesson = Diagnosed(MISTAKE, named if isinstance(named, Diagnosis) else DIAGNOSIS)
                calls.clear()
            if "write" in config.way.steps:
                checked.append(check_writer(opened, lesson, calls))
                calls.clear()
            if config.solver is not None and opened.solver is not None:
                checked.append(check_solver(opened.solver, config.solver.model, calls))
            return checked
        finally:
            opened.close()


def without_retries(config: RunConfig) -> RunConfig:
    """What is wrong is said at once."""
    asked = {
        name: llm.model_copy(update={"retries": 0})
        for name, llm in (("instructor", config.instructor), ("writer", config.writer))
        if isinstance(llm, LlmSettings)
    }
    verify = config.verify
    if verify.solver is not None:
        once = verify.solver.model_copy(update={"retries": 0})
        verify = verify.model_copy(update={"solver": once})
    return config.model_copy(update=asked | {"verify": verify})


def check_instructor(opened: InstructorAndWriter, calls: list[LlmCall]) -> Checked:
    result: Diagnosis | Unusable | None = None
    problem = None
    try:
        [result] = opened.instructor.diagnose([MISTAKE])
    except ErrataError as error:
        problem = str(error)
    if isinstance(result, Unusable):
        problem, result = result.reason, None
    return Checked(
        agent="instructor",
        model=opened.instructor_name,
        result=result,
        problem=problem,
        calls=tuple(calls),
        method=method_of(opened.instructor, calls),
    )


def check_writer(opened: InstructorAndWriter, lesson: Lesson, calls: list[LlmCall]) -> Checked:
    draft: Draft | None = None
    problem = None
    try:
        [(_, results)] = opened.writer.draft([Ask(lesson, 1, seed=0)])
    except ErrataError as error:
        problem = str(error)
    else:
        drafts = [result for result in results if isinstance(result, Draft)]
        reasons = [result.reason for result in results if isinstance(result, Unusable)]
        draft = drafts[0] if drafts else None
        refused = wrong(draft) if draft else None
        if refused:
            problem = f"its example would be refused: {refused}"
        elif draft is None:
            problem = reasons[0] if reasons else "it wrote no example"
    return Checked(
        agent="writer",
        model=opened.writer_name,
        result=draft,
        problem=problem,
        calls=tuple(calls),
        method=method_of(opened.writer, calls),
    )


def check_solver(solver: Solver, model: str, calls: list[LlmCall]) -> Checked:
    question = MISTAKE.question
    draft = Draft(
        diagnosis_id=DIAGNOSIS.id,
        prompt=question.prompt,
        completion=question.solution or "",
        target=question.target,
    )
    verifier = Verifier(solver)
    problem = None
    try:
        [found] = verifier.verify([(question, draft)])
    except ErrataError as error:
        problem = str(error)
    else:
        if not verifier.confirms(found):
            problem = f"it cannot solve {question.prompt!r}: {found.detail}"
    return Checked(
        agent="verifier",
        model=model,
        result=None if problem else draft,
        problem=problem,
        calls=tuple(calls),
        method=method_of(solver, calls),
    )


def method_of(agent: Instructor | Writer | Solver, calls: Sequence[LlmCall]) -> str | None:
    """The method that the agent's client settled on; None where no LLM answered."""
    client: ChatClient | None = getattr(agent, "client", None)
    return client.method if client is not None and any(call.reply for call in calls) else None
