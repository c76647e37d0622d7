"""What a run may learn from a person's file, with and without an LLM, and why."""

from __future__ import annotations

from errata.agents.errors import ConfigError
from errata.agents.records import Record

OFFLINE = "variations"
MOSTLY = 0.5
"""Share of the rows with a working from which on it is worth learning from."""
EPOCHS = 3


class Plan(Record):
    """How the configuration learns."""

    strategy: str
    why: str
    instructor: str
    """`variations`, or an LLM."""
    rounds: int
    epochs: int
    llm_adds: str
    """What an LLM would bring, where none is named."""


def plan_for(type: str, worked: float, equations: float, instructor: str | None) -> Plan:
    """The strategy for questions of a type.

    Args:
        worked: Share of the rows with a worked solution.
        equations: Share of the rows whose solution has equations.
        instructor: An LLM that the person names.

    Raises:
        ConfigError: Nothing can be learnt without an LLM.
    """
    if instructor is not None:
        return Plan(
            strategy="sft+lec",
            why="your own answers, and new examples against each mistake, written by the LLM",
            instructor=instructor,
            rounds=3,
            epochs=EPOCHS,
            llm_adds="",
        )
    if type == "code" and worked == 0:
        raise ConfigError(
            "programs with tests and no solutions: nothing can be learnt from them without an LLM; "
            "give a column `solution`, or name one with --instructor"
        )
    if type == "number" and equations >= MOSTLY:
        return Plan(
            strategy="sft+lec",
            why="your worked solutions, and new questions with other numbers against each mistake",
            instructor=OFFLINE,
            rounds=2,
            epochs=1,  # five new examples for each question are worth more than the same again
            llm_adds="examples in other words and of other stories: here only the numbers change",
        )
    what = "your worked solutions" if worked >= MOSTLY else "your own right answers"
    return Plan(
        strategy="sft",
        why=f"{what}; without an LLM nothing new can be written from these",
        instructor=OFFLINE,
        rounds=1,
        epochs=EPOCHS,
        llm_adds="a look at each mistake, and new checked examples against it",
    )
