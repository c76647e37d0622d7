"""Both ways of LLMs-as-Instructors: each mistake is diagnosed alone and beside correct answers.

As the authors use their two strategies together (arXiv 2407.00497). Half of the examples come of
each.
"""

from __future__ import annotations

from collections.abc import Sequence

from errata.agents.data_writer import Diagnosed, Lesson
from errata.agents.records import Mistake
from errata.agents.ways.le import mistakes_of
from errata.agents.ways.way import Collected, Practised, Way


class BothFromError(Way):
    steps = ("contrast", "diagnose", "write")

    def collect(self, practised: Practised, round_index: int, seed: int) -> Collected:
        return Collected(mistakes=mistakes_of(practised, round_index))

    def shown(self, mistakes: Sequence[Mistake], contrasted: Sequence[Mistake]) -> list[Mistake]:
        """Each mistake alone, then each once more beside its neighbours, where it has any."""
        beside = [
            mistake.model_copy(update={"id": f"{mistake.id}-contrast"})
            for mistake in contrasted
            if mistake.contrast
        ]
        return [*mistakes, *beside]

    def parts(self, lessons: Sequence[Lesson]) -> Sequence[Sequence[Lesson]]:
        beside = [o for o in lessons if isinstance(o, Diagnosed) and o.mistake.contrast]
        alone = [o for o in lessons if isinstance(o, Diagnosed) and not o.mistake.contrast]
        return [part for part in (alone, beside) if part]
