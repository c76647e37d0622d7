"""The Instructor names what went wrong in each mistake.

Who stands behind it is a line of configuration: `errata.agents.variations.writer` needs no LLM,
`errata.agents.llm` asks one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from errata.agents.records import Diagnosis, Mistake, Unusable


class Instructor(Protocol):
    def diagnose(self, mistakes: Sequence[Mistake]) -> Iterator[Diagnosis | Unusable]:
        """One result for each mistake, as they come, in any order.

        A mistake that cannot be diagnosed yields an `Unusable` with the reason.

        Raises:
            InstructorError: The instructor cannot be reached or refuses to work.
            BudgetSpent: What is left of the budget may not hold another call.
        """
        ...
