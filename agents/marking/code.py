"""Marking: the program in a response, and whether it passes the exam's tests."""

from __future__ import annotations

from errata.agents.errors import BoxBroke, ExamError, SandboxError
from errata.agents.records import CodeAnswer, Verdict
from errata.agents.sandbox.box import run_in_box
from errata.agents.sandbox.job import Job, Limits, brief

LIMITS = Limits()


def mark_code(response: str, answer: CodeAnswer, limits: Limits = LIMITS) -> Verdict:
    """The verdict on a response that holds a program; it runs in the sandbox.

    As HumanEval's tests are meant (https://github.com/openai/human-eval): right when
    `check(candidate)` raises nothing.

    Raises:
        ExamError: The tests do not parse, do not define `check` or fail of themselves.
        SandboxError: This machine cannot keep programs in.
        BoxBroke: This box failed; the next may not.
    """
    outcome = run_in_box(Job(response, answer.stub, answer.tests, answer.entry_point), limits)
    match outcome.kind:
        case "exam":
            raise ExamError(f"{brief(answer.entry_point)} cannot be marked: {outcome.why}")
        case "box":
            raise BoxBroke(f"{brief(answer.entry_point)} was not marked: {outcome.why}")
        case "unsafe":
            raise SandboxError(f"{brief(answer.entry_point)} was not marked: {outcome.why}")
    return Verdict(correct=outcome.kind == "right", answer=outcome.program, why=outcome.why)
