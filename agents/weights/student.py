"""The student on this machine: a child process holds the weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from errata.agents.engine import same_engine
from errata.agents.records import GREEDY, ModelRef, Question, Response, Sampling
from errata.agents.student import StudentSettings, prompts_of
from errata.agents.weights.child import Child
from errata.agents.weights.models import check_model
from errata.training.jobs import AskRequest, Reply, StudentJob


class LocalStudent:
    """Answers with the weights on this machine; keeps the last model loaded until closed."""

    def __init__(self, settings: StudentSettings, folder: Path) -> None:
        """`folder` gets the child's job file and log."""
        self.settings = settings
        self.folder = folder
        self.child: Child | None = None
        self.loaded: ModelRef | None = None

    def close(self) -> None:
        if self.child is not None:
            self.child.close()
        self.child = self.loaded = None

    def ask(
        self,
        model: ModelRef,
        questions: Sequence[Question],
        answered: frozenset[str],
        sampling: Sampling = GREEDY,
    ) -> Iterator[Response]:
        if answered.issuperset(question.id for question in questions):
            return
        request = request_for(questions, answered, sampling, self.settings.system)
        try:
            for reply in self.open(model).ask(request):
                yield response_of(reply)
        except BaseException:  # stopped half-way: the rest of the replies must not be read later
            self.close()
            raise

    def open(self, model: ModelRef) -> Child:
        if self.child is None or self.loaded != model:
            self.close()
            check_model(model)
            same_engine(self.folder, None)
            job = StudentJob(
                model=model,
                max_new_tokens=self.settings.max_new_tokens,
                batch_size=self.settings.batch_size,
                precision=self.settings.precision,
                system=self.settings.system,
                quantize=self.settings.quantize,
            )
            self.child = Child("student", job, self.folder, "student")
            self.loaded = model
        return self.child


def request_for(
    questions: Sequence[Question], answered: frozenset[str], sampling: Sampling, system: str | None
) -> AskRequest:
    return AskRequest(prompts=prompts_of(questions, system), answered=answered, sampling=sampling)


def response_of(reply: Reply) -> Response:
    return Response(
        question_id=reply.id,
        sample=reply.sample,
        text=reply.text,
        tokens=reply.tokens,
        truncated=reply.truncated,
    )
