"""The solver without an LLM: a question's answer from the working of the one that it varies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from errata.agents.marking.equations import read_equations, show_value, value
from errata.agents.records import NumberAnswer, Turns
from errata.agents.variations.renaming import names_between, with_names
from errata.agents.variations.templates import Template, template_of
from errata.agents.variations.writer import BETWEEN_DRILLS, DRILL_WORDINGS
from errata.agents.verifier import Problem


class VariationsSolver:
    """Solves what it can recognise: the missed question with other numbers, and bare drills.

    The numbers are read from the draft's question alone and put into the equations of the missed
    question's own solution. It abstains from any other question.
    """

    def __init__(self) -> None:
        self.templates: dict[tuple[Turns, str], Template | None] = {}
        """By the missed question's text under its present names, and the messages before it; None
        where it cannot be varied."""

    def solve(self, problems: Sequence[Problem]) -> Iterator[tuple[Problem, str | None]]:
        """See `Solver.solve`."""
        for problem in problems:
            answer = None
            if isinstance(problem.answer, NumberAnswer):
                answer = drilled(problem.prompt) or self.varied(problem)
            yield problem, None if answer is None else f"#### {answer}"

    def varied(self, problem: Problem) -> str | None:
        names = names_between(problem.source.prompt, problem.prompt)
        if names is None:
            return None
        question = with_names(problem.source, names)
        asked = (question.before, question.prompt)
        if asked not in self.templates:
            self.templates[asked] = template_of(question)
        template = self.templates[asked]
        return None if template is None else template.target_of(problem.prompt)


def drilled(prompt: str) -> str | None:
    """The last result of a sheet of bare operations."""
    for wording in DRILL_WORDINGS:
        before, _, after = wording.partition("{}")
        if prompt.startswith(before) and prompt.endswith(after) and len(prompt) <= LONGEST_DRILL:
            last = prompt[len(before) : len(prompt) - len(after)].rpartition(BETWEEN_DRILLS)[2]
            found = read_equations(f"{last} = 0")
            if len(found) == 1 and found[0].start == 0 and found[0].equals == (len(last) + 1,):
                try:
                    return show_value(value(found[0].left))
                except ZeroDivisionError:
                    return None
    return None


LONGEST_DRILL = 1000
