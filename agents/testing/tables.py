"""A student and a trainer that answer from a table: the whole loop in milliseconds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from errata.agents.errors import StepFailed
from errata.agents.jsonl import read_records
from errata.agents.records import GREEDY, ModelRef, Question, Response, Row, Sampling
from errata.agents.student import Prompted
from errata.agents.trainer import OnStep, Trained, TrainingJob
from errata.training.finished import NAME, put_in_place, sha256_of
from errata.training.jobs import FinishedTraining


class TableStudent:
    """Knows the kinds of questions that its adapter lists; answers others without a number.

    What it is asked is in `asked`, as (adapter or `base`, question id) for each answer, and a line
    in `log`, where one is given. A `Prompted` question's has ` under ` and the prompt after the
    adapter.
    """

    def __init__(
        self,
        knows: Sequence[str] = (),
        log: Path | None = None,
        says: Mapping[str, Sequence[str]] | None = None,
        under: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """
        Args:
            knows: Kinds that it knows without an adapter.
            under: System prompt → kinds that it knows besides, asked under it.
            says: Question id → what any model answers. Asked greedily that is the first text;
                asked several times it is each in turn, beginning with that of the sampling's seed.
        """
        self.knows = frozenset(knows)
        self.log = log
        self.says = says or {}
        self.under = under or {}
        self.asked: list[tuple[str, str]] = []
        self.loaded: ModelRef | None = None

    def ask(
        self,
        model: ModelRef,
        questions: Sequence[Question],
        answered: frozenset[str],
        sampling: Sampling = GREEDY,
    ) -> Iterator[Response]:
        self.loaded = model
        known = self.knows
        if model.adapter is not None:
            known |= set(json.loads((Path(model.adapter) / "table.json").read_text()))
        for question in questions:
            if question.id in answered:
                continue
            system = None
            if isinstance(question, Prompted) and not question.has_system:
                system = question.system
            knows = known | set(self.under.get(system, ()) if system is not None else ())
            who = (model.adapter or "base") + ("" if system is None else f" under {system}")
            solution = question.solution or ""
            always = solution if question.kind in knows else f"I like {question.kind}."
            texts = self.says.get(question.id, (always,))
            first = sampling.seed if sampling.temperature else 0
            for sample in range(sampling.answers):
                self.asked.append((who, question.id))
                if self.log is not None:
                    with self.log.open("a") as file:
                        file.write(f"ask {model.adapter or 'base'} {question.id}\n")
                text = texts[(first + sample) % len(texts)]
                yield Response(
                    question_id=question.id,
                    sample=sample,
                    text=text,
                    tokens=len(text),
                    truncated=False,
                )

    def close(self) -> None:
        self.loaded = None


class TableTrainer:
    """Its adapter lists the kinds of the examples, as far as `learns` allows."""

    def __init__(
        self,
        kinds: Mapping[str, str],
        learns: Sequence[Sequence[str]],
        log: Path | None = None,
    ) -> None:
        """
        Args:
            kinds: Practice question id → kind.
            learns: Kinds that the training of each round can bring; the last one stands for all
                rounds after it.
            log: Gets a line for each training.
        """
        self.kinds = kinds
        self.learns = list(learns)
        self.log = log
        self.jobs: list[TrainingJob] = []

    def train(self, job: TrainingJob, on_step: OnStep) -> Trained:
        named = next(part for part in reversed(job.adapter.parts) if part.startswith("round-"))
        index = int(named.removeprefix("round-"))
        self.jobs.append(job)
        if self.log is not None:
            with self.log.open("a") as file:
                file.write(f"train {index}\n")
        rows = read_records(job.examples, Row)
        if not rows:  # as the real one
            raise StepFailed(f"no example of {job.examples} is as short as training.max_tokens")
        taught = {self.kinds[row.question_id] for row in rows}
        on_step(1, 1, 0.5)
        learnt = sorted(taught & set(self.learns[min(index, len(self.learns)) - 1]))
        scratch = job.adapter.with_name(job.adapter.name + ".part")
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        (scratch / "table.json").write_text(json.dumps(learnt))
        finished = FinishedTraining(
            job=job,
            examples_sha256=sha256_of(job.examples),
            tokens=job.settings.tokens or 10,
            epochs=1,
            skipped=0,
            loss=0.5,
        )
        (scratch / NAME).write_text(finished.model_dump_json())
        put_in_place(scratch, job.adapter)  # as the real trainer ends
        model = ModelRef(base=job.start.base, adapter=str(job.adapter))
        return Trained(model=model, tokens=job.settings.tokens or 10, skipped=0, loss=0.5)
