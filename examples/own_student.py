"""A student of your own: anything that answers questions can be examined.

    python examples/own_student.py

This one is no language model: it adds up all numbers of a question. To take part in a run, hand it
to `errata.graph.run.run(config, student=…, trainer=…)` with a trainer that makes the adapters it
reads; `errata.agents.testing` has a pair of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from errata.agents.examiner import examine
from errata.agents.exams import named_questions
from errata.agents.records import (
    GREEDY,
    Accuracy,
    ModelRef,
    Question,
    Response,
    Sampling,
)
from errata.agents.scores import accuracy
from errata.agents.student import Student


class AddingStudent:
    """A `Student`: see `errata.agents.student`."""

    def ask(
        self,
        model: ModelRef,
        questions: Sequence[Question],
        answered: frozenset[str],
        sampling: Sampling = GREEDY,
    ) -> Iterator[Response]:
        """`model` says which weights answer; there are none here, and nothing is left to chance.

        A student that is never asked several times can do without `sampling`. One that reads
        `question.prompt` alone would miss what was said before it, where an exam has conversations.
        """
        for question in questions:
            if question.id not in answered:
                asked = [text for role, text in question.conversation() if role == "user"]
                numbers = re.findall(r"[0-9]+", " ".join(asked))
                text = f"{' + '.join(numbers)} = {sum(map(int, numbers))}"
                for sample in range(sampling.answers):
                    yield Response(
                        question_id=question.id,
                        sample=sample,
                        text=text,
                        tokens=len(text),
                        truncated=False,
                    )

    def close(self) -> None:
        """There is no memory to free."""


def main(exam: str = "arithmetic", questions: int = 180) -> Accuracy:
    student: Student = AddingStudent()
    asked = named_questions(exam, seed=0, limit=questions)
    attempts = list(examine(student, ModelRef(base="adds"), asked, exam))
    found = accuracy(asked, attempts)
    low, high = found.ci95
    print(f"{found.accuracy:.1%} of {found.n} right (95% interval {low:.1%} to {high:.1%})")
    for kind, (right, count) in found.by_kind.items():
        print(f"  {kind}: {right} of {count}")
    return found


if __name__ == "__main__":
    main()
