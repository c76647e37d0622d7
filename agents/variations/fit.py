"""Which questions the instructor and the writer without an LLM have nothing for."""

from __future__ import annotations

from collections.abc import Sequence

from errata.agents.errors import ConfigError
from errata.agents.records import JsonAnswer, LabelAnswer, Question, RegexAnswer


def check_variations(practice: Sequence[Question]) -> None:
    """Raises: ConfigError: All of them are answered in ways in which no equation can stand."""
    without = [q for q in practice if isinstance(q.answer, LabelAnswer | JsonAnswer | RegexAnswer)]
    if practice and len(without) == len(practice):
        kinds = " or ".join(sorted({f'answer = "{q.answer.type}"' for q in without}))
        raise ConfigError(
            f"`variations` works on solutions with equations, and has nothing for {kinds}: choose "
            'strategy = "sft", which trains on the practice questions\' own targets, or name an '
            "LLM under [instructor]"
        )
