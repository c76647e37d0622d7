"""What the agents hand on to each other: small, frozen records.

A record knows its own id and the ids of what it came from, so that one question can be
followed from the mistake to the answer after training. Records live as JSON lines in the
run folder; `errata.graph.run_folder` reads and writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Precision = Literal["auto", "bfloat16", "float32"]
"""Number format of the weights; `auto` asks the hardware."""


class Record(BaseModel):
    """A frozen value that crosses a boundary: disk, process or LLM."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Question(Record):
    """One exam question."""

    id: str = Field(min_length=1)
    prompt: str = Field(min_length=1)
    target: str = Field(min_length=1)
    """The right answer, as the exam's marker reads it."""
    solution: str | None = None
    """Worked solution: prose and equations, the final answer last."""
    kind: str | None = None
    """What sort of question this is; accuracy is also reported by kind."""


class ModelRef(Record):
    """The weights that answer: a base model, with or without a LoRA adapter."""

    base: str
    """`bundled`, a folder, or a hub id."""
    adapter: str | None = None
    """Folder of the LoRA adapter."""

    def __str__(self) -> str:
        return f"{self.base} + {self.adapter}" if self.adapter else self.base


class Response(Record):
    """What the student said to one question."""

    question_id: str
    text: str
    tokens: int = Field(ge=0)
    """Generated tokens, the end mark included."""
    cut: bool
    """True when the answer ran into the token limit."""


class Attempt(Record):
    """A marked response."""

    id: str
    question_id: str
    response: str
    answer: str | None
    """The answer as the marker read it; None when it found none."""
    correct: bool
    tokens: int = Field(ge=0)
    cut: bool


class Solved(Record):
    """A question that the student got right, near one that it got wrong."""

    question: Question
    attempt: Attempt
    similarity: float = Field(ge=-1.001, le=1.001)
    """Cosine similarity of the two questions' embeddings."""


class Mistake(Record):
    """A wrongly answered practice question: all that an instructor may see."""

    id: str
    question: Question
    attempt: Attempt
    contrast: tuple[Solved, ...] = ()
    """The nearest questions answered correctly, nearest first. Empty under Learning from Error."""


class Diagnosis(Record):
    """What went wrong in one mistake, as an instructor sees it."""

    id: str
    mistake_id: str
    question_id: str
    cause: str = Field(min_length=1)
    """A short label; diagnoses that share it share the quota of examples."""
    explanation: str
    """What in this response went wrong."""
    missing_skill: str
    advice: str
    """What the data writer should write, and how."""


class Unusable(Record):
    """A diagnosis or draft that could not be had, and why. Data, not an error."""

    source_id: str
    """Id of the mistake or diagnosis that it was to come from."""
    reason: str


class Draft(Record):
    """An example as a writer proposes it, not yet checked."""

    diagnosis_id: str
    prompt: str
    completion: str
    target: str
    """The final answer the writer claims."""


class Example(Record):
    """A checked training example."""

    id: str
    diagnosis_id: str
    question_id: str
    cause: str
    prompt: str
    completion: str
    target: str


class Refusal(Record):
    """A draft that failed a check and is trained on by nobody."""

    reason: str
    draft: Draft


class DiagnosisLine(Record):
    """One line of diagnoses.jsonl."""

    result: Diagnosis | Unusable


class RefusalLine(Record):
    """One line of refusals.jsonl."""

    result: Refusal | Unusable


class LlmCall(Record):
    """One call to an LLM, for the trace: what it saw, what it said, what it took."""

    agent: str
    model: str
    source_id: str
    """Id of the mistake or diagnosis that the call was about."""
    messages: tuple[tuple[str, str], ...]
    """(role, text), as sent."""
    reply: str
    error: str | None
    """Why the reply could not be used; None when it could."""
    tokens_in: int | None
    tokens_out: int | None
    seconds: float


class Accuracy(Record):
    """A share of right answers with its 95% interval (Wilson)."""

    accuracy: float
    n: int
    correct: int
    ci95: tuple[float, float]
    by_kind: Mapping[str, tuple[int, int]] = Field(default_factory=dict)
    """Kind → (right, asked)."""


class TrainingSettings(Record):
    """How the LoRA adapter is trained."""

    rank: int = Field(default=16, ge=1)
    alpha: int = Field(default=32, ge=1)
    """LoRA scale; updates are multiplied by alpha / rank."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: tuple[str, ...] = ("all-linear",)
    """Names of the layers that get an adapter, or `all-linear`."""
    learning_rate: float = Field(default=1e-3, gt=0)
    epochs: float = Field(default=2, gt=0)
    batch: int = Field(default=8, ge=1)
    """Examples per optimizer step."""
    warmup: float = Field(default=0.05, ge=0, lt=1)
    """Share of the steps over which the learning rate rises."""
    max_tokens: int = Field(default=1024, ge=8)
    """Longer examples are left out, and counted."""
    seed: int = 0
    start: Literal["base", "best"] = "base"
    """Train a new adapter, or go on from the best one so far."""
    replay: float = Field(default=1.0, ge=0)
    """Earlier rounds' examples to mix in, as a share of those that there are."""
    precision: Precision = "auto"
