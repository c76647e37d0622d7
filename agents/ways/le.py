"""Learning from Error: the instructor sees each mistake alone.

Section 3 of LLMs-as-Instructors (arXiv 2407.00497).
"""

from __future__ import annotations

from collections.abc import Sequence

from errata.agents.records import Example, TrainingSettings
from errata.agents.ways.way import with_replay


class LearningFromError:
    contrasts = False

    def rows(
        self,
        fresh: Sequence[Example],
        earlier: Sequence[Example],
        settings: TrainingSettings,
        round_index: int,
    ) -> list[Example]:
        return with_replay(fresh, earlier, settings, round_index)
