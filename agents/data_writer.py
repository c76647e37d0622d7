"""The Data-Writer turns diagnoses into checked training examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from errata.agents.records import Diagnosis, Draft, Mistake, Unusable


class Writer(Protocol):
    def draft(
        self, mistake: Mistake, diagnosis: Diagnosis, count: int, seed: int
    ) -> Sequence[Draft | Unusable]:
        """At most `count` new examples for one diagnosis, not yet checked.

        Args:
            seed: The same seed asks for the same drafts, another seed for others.

        Raises:
            InstructorError: The writer cannot be reached or refuses to work.
        """
        ...
