"""What the agents hand on to each other: small, frozen records.

A record knows its own id and the ids of what it came from, so that one question can be
followed from the mistake to the answer after training. Records live as JSON lines in the
run folder; `errata.graph.run_folder` reads and writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from errata.agents.plain_text import well_formed
from errata.training.jobs import GREEDY as GREEDY
from errata.training.jobs import Conversation, LoraSettings, asked_as
from errata.training.jobs import ModelRef as ModelRef
from errata.training.jobs import Precision as Precision
from errata.training.jobs import Record as Record
from errata.training.jobs import Sampling as Sampling
from errata.training.own_code import PATTERN

Text = Annotated[str, AfterValidator(well_formed)]
"""What a model or a program said: no file could hold halves of surrogate pairs."""


Role = Literal["system", "user", "assistant"]


def in_turn(turns: tuple[tuple[Role, str], ...]) -> tuple[tuple[Role, str], ...]:
    """Raises: ValueError: No question of the user's can follow on these messages."""
    spoken = [role for role, _ in turns]
    if spoken[:1] == ["system"]:
        del spoken[0]
    roles = cycle(("user", "assistant"))
    if len(spoken) % 2 or any(role != next(roles) for role in spoken):
        raise ValueError(
            "the messages before a prompt are the system's, or none of it, and then the user's and "
            "the assistant's in turn, the assistant's last"
        )
    return turns


Turns = Annotated[
    tuple[tuple[Role, Text], ...],
    AfterValidator(in_turn),
    Field(exclude_if=lambda turns: not turns),  # without any, a file's bytes and hashes are as ever
]
"""(role, text) of the messages before a prompt, oldest first."""


class NumberAnswer(Record):
    """The stated final number of the response counts, or else the last one."""

    type: Literal["number"] = "number"


class ChoiceAnswer(Record):
    """The label of one of several options."""

    type: Literal["choice"] = "choice"
    options: Mapping[str, str] = Field(min_length=2)
    """Label → option, in the order shown."""


class CodeAnswer(Record):
    """A Python function that passes tests, in the sandbox."""

    type: Literal["code"] = "code"
    stub: str = ""
    """What the function begins with: imports, helpers, its signature and docstring."""
    tests: str
    """A program that defines `check(candidate)`, as HumanEval's do."""
    entry_point: str = Field(min_length=1)
    """Name of the function."""


class TextAnswer(Record):
    """Exactly the target, after `the answer is`."""

    type: Literal["text"] = "text"


class MathAnswer(Record):
    """A formula in LaTeX that is worth the same as the target."""

    type: Literal["math"] = "math"


class LabelAnswer(Record):
    """One label of a closed set."""

    type: Literal["label"] = "label"
    labels: Mapping[str, tuple[str, ...]] = Field(min_length=2)
    """Label → its synonyms, in the order shown."""


FieldMatch = Literal["exact", "number", "set"]
"""How two values in JSON are compared."""


class JsonAnswer(Record):
    """A JSON value that is the target's, field by field."""

    type: Literal["json"] = "json"
    schema_: str = ""
    """The JSON Schema that it must fit, as text; empty where there is none."""
    fields: Mapping[str, FieldMatch] = Field(default_factory=dict)
    """Dotted path of a field → how it is compared; exactly where not said."""


class RegexAnswer(Record):
    """A text that a regular expression finds, or that the target matches as one."""

    type: Literal["regex"] = "regex"
    pattern: str | None = Field(default=None, min_length=1)
    """Finds the answer in the response: its group 1, or all of its last match. None: the target is
    the pattern, and the stated answer must match it whole."""


class OwnAnswer(Record):
    """Whatever a marker of the user's own calls right."""

    type: Literal["own"] = "own"
    marker: str = Field(pattern=PATTERN)
    """`python:FILE.py:NAME`."""
    threshold: float | None = None
    """Score from which an answer is right, where the marker gives scores."""


class JudgedAnswer(Record):
    """Whatever an LLM calls right by a rubric."""

    type: Literal["judge"] = "judge"
    model: str
    """The LLM, as the configuration names it."""
    rubric: str
    """SHA-256 of the rubric's text."""
    threshold: float | None = None
    """Score of 0 to 10 from which an answer is right, where the judge gives scores."""


NO_TARGET = "(no reference answer)"
"""Target of a question without one: its marker or its rubric says what is right."""

Answer = Annotated[
    NumberAnswer
    | ChoiceAnswer
    | CodeAnswer
    | TextAnswer
    | MathAnswer
    | LabelAnswer
    | JsonAnswer
    | RegexAnswer
    | OwnAnswer
    | JudgedAnswer,
    Field(discriminator="type"),
]
"""How a question is answered, with what its marker needs to know."""


class Question(Record):
    """One exam question."""

    id: str = Field(min_length=1)
    before: Turns = ()
    """The messages before `prompt`, which is the user's last one."""
    prompt: str = Field(min_length=1)
    target: str = Field(min_length=1)
    """The right answer, as the exam's marker reads it; of code, the function's name; of JSON, the
    value as text."""
    solution: str | None = None
    """Worked solution: prose and equations, the final answer last."""
    kind: str | None = None
    """What sort of question this is; accuracy is also reported by kind."""
    answer: Answer = NumberAnswer()
    exam: str | None = None
    """Name of the exam that it belongs to, where a run has several."""
    group: str | None = Field(default=None, min_length=1)
    """What it shares with its variants: together they count as one question in a comparison."""

    @property
    def has_system(self) -> bool:
        """Whether it begins with a system message, in whose place no other is put."""
        return self.before[:1] != () and self.before[0][0] == "system"

    def conversation(self, system: str | None = None) -> Conversation:
        """All that the student is asked; `system` stands first, unless it brings its own."""
        asked = asked_as(self.prompt, self.before, system)
        if not isinstance(asked, str):
            return asked
        told = () if system is None else (("system", system),)
        return (*told, ("user", asked))


class Response(Record):
    """What the student said to one question."""

    question_id: str
    sample: int = 0
    """Which of several responses to the question, from 0."""
    text: Text
    tokens: int = Field(ge=0)
    """Generated tokens, the end mark included."""
    truncated: bool
    """True when the answer ran into the token limit."""


class Verdict(Record):
    """What a marker says of one response."""

    correct: bool
    answer: str | None
    """The answer as the marker read it; None when it found none."""
    why: Text
    """What decided, in a few words: `72 is not 27`, `no final choice`, `time-out after 5 s`."""


class Attempt(Record):
    """A marked response."""

    id: str
    """`question@exam`; `question@exam#sample` where each question is asked several times."""
    question_id: str
    sample: int = 0
    """Which of several responses to the question, from 0."""
    response: str
    answer: str | None
    """The answer as the marker read it; None when it found none."""
    correct: bool
    why: str
    """What decided the verdict, in a few words."""
    tokens: int = Field(ge=0)
    truncated: bool


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


class Picked(Record):
    """A practice question to write from, blind to how the student answered it."""

    id: str
    question: Question

    @property
    def cause(self) -> str:
        """What the examples written from it are for."""
        return BLIND


BLIND = "blind to errors"


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
    """Id of the mistake, diagnosis or question that it was to come from."""
    reason: str
    budget_spent: bool = False
    """It was not asked for: what is left of the budget may not hold another call."""


class Draft(Record):
    """An example as a writer proposes it, not yet checked."""

    diagnosis_id: str
    """Id of the diagnosis that it was written from; of the `Picked` question, where the way is
    blind to errors."""
    before: Turns = ()
    """The messages before `prompt`: those of the question that it was written for."""
    prompt: str
    completion: str
    target: str
    """The final answer the writer claims."""
    answer: Answer = NumberAnswer()


class DraftedDiagnosis(Diagnosis):
    """A diagnosis whose examples came with it, in the same reply."""

    drafts: tuple[Draft, ...]


class Example(Record):
    """A checked training example."""

    id: str
    made_from: Literal["diagnosis", "question", "solution"] = "diagnosis"
    """`diagnosis`: written against a mistake. `question`: written from a practice question, blind
    to errors. `solution`: a practice question itself, with its own solution."""
    diagnosis_id: str | None
    """Id of the diagnosis or the `Picked` question that it was written from; None of a solution."""
    question_id: str
    """Of the practice question that it goes back to."""
    cause: str
    before: Turns = ()
    """The messages before `prompt`: those of the practice question."""
    prompt: str
    completion: str
    target: str
    answer: Answer = NumberAnswer()
    votes: tuple[int, int] | None = None
    """Independent solutions that come to its target, and all that there are; 0 and 0 where the
    solver abstained, None where none was asked for."""


class Row(Record):
    """One row of a training, as the student reads it and what it shall learn there."""

    id: str
    """Each row of a training has its own."""
    example_id: str
    """Of the `Example` that it was made from."""
    question_id: str
    """Of the practice question that it goes back to."""
    made_by: str = "example"
    """`example`: the example as it is; else the name of the shaper that made it."""
    before: Turns = ()
    """The messages before `prompt`: those of the practice question."""
    prompt: str
    completion: str
    """What is learnt, after `given`; given, completion and end are marked right where `ends`."""
    rejected: str | None = None
    """A worse text in place of `completion`, for objectives that compare."""
    given: str = ""
    """How the answer begins: shown, not learnt from."""
    ends: bool = True
    """False: a step of an answer, without its end mark."""
    system: str | None = None
    """System prompt of this row alone, in place of the student's own and of a system message in
    `before`."""
    target: str
    answer: Answer = NumberAnswer()

    @property
    def question(self) -> Question:
        """What it asks, for the marker."""
        return Question(
            id=self.example_id,
            before=self.before,
            prompt=self.prompt,
            target=self.target,
            answer=self.answer,
        )


def whole_text(asked: Question | Draft | Example | Row) -> str:
    """All that the student reads: the messages before the prompt, each after its role, and the
    prompt; the prompt alone where nothing stands before it."""
    if not asked.before:
        return asked.prompt
    turns = (*asked.before, ("user", asked.prompt))
    return "\n\n".join(f"{role}: {text}" for role, text in turns)


class Refusal(Record):
    """A draft that failed a check and is trained on by nobody."""

    reason: str
    draft: Draft
    detail: str = ""
    """What decided, where the reason does not say it."""


class DiagnosisLine(Record):
    """One line of diagnoses.jsonl."""

    result: DraftedDiagnosis | Diagnosis | Unusable


class RefusalLine(Record):
    """One line of refusals.jsonl."""

    result: Refusal | Unusable


class ReviewEntry(Record):
    """What a person says of one example before it is trained on."""

    example_id: str
    """Of the `Example` whose rows are meant: all that are made of it."""
    verdict: Literal["accepted", "edited", "rejected"]
    """`edited`: trained on word for word as it stands here, if it passes the checks that written
    examples pass. `rejected`: trained on neither in this round nor later."""
    prompt: Text | None = None
    """Of an edited example: its question; None as it is. Means nothing of others."""
    completion: Text | None = None
    """Of an edited example: its answer; None as it is."""
    target: Text | None = None
    """Of an edited example: the final answer, where it is another one now."""
    note: Text = ""
    """Why, for whoever reads the records."""


class Review(Record):
    """review.json: a person's answer to a run that waits with its rows (`review = true`)."""

    run: str
    """Name of the run."""
    round: int = Field(ge=1)
    by: Text = ""
    """Who says so; the login name where it is empty."""
    entries: tuple[ReviewEntry, ...] = ()
    """An example that is not named is trained on as it is."""


class LlmCall(Record):
    """One call to an LLM, for the trace: what it saw, what it said, what it took."""

    agent: str
    model: str
    source_id: str
    """Id of the mistake or diagnosis that the call was about; of several, a space between."""
    messages: tuple[tuple[str, str], ...]
    """(role, text), as sent."""
    reply: str
    error: str | None
    """Why the reply could not be used; None when it could."""
    tokens_in: int | None
    tokens_out: int | None
    seconds: float
    cached: bool = False
    """The reply came from errata's own cache: nothing was sent."""
    thinking: str = ""
    """What a reasoning model thought before it replied."""


class LabelScore(Record):
    """How one label was told from the others."""

    label: str
    asked: int
    """Answers to questions whose target it is."""
    said: int
    """Answers that give it."""
    right: int

    @property
    def precision(self) -> float | None:
        """Share of the answers that give it which are right; None where none does."""
        return self.right / self.said if self.said else None

    @property
    def recall(self) -> float | None:
        """Share of its questions that are answered with it; None where it is no target."""
        return self.right / self.asked if self.asked else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of both; None where it is neither a target nor an answer."""
        return 2 * self.right / (self.asked + self.said) if self.asked + self.said else None


class LabelScores(Record):
    """What answers with labels amount to, beside the share of right ones."""

    macro_f1: float
    """Mean of the labels' F1, each counting alike; of those that are a target or an answer."""
    labels: tuple[LabelScore, ...]
    confusion: Mapping[str, Mapping[str, int]]
    """Target → answer → how often; the answer is empty where no label could be read."""


class JsonScores(Record):
    """What answers in JSON amount to, beside the share of right ones."""

    asked: int
    """Answers."""
    parsed: int
    """Those in which a JSON value could be read."""
    fits: int
    """Those of them that fit the schema; all of them where there is none."""
    fields: Mapping[str, tuple[int, int]]
    """Dotted path of a target's field → (right, asked)."""


class Accuracy(Record):
    """A share of right answers with its 95% interval (Wilson)."""

    accuracy: float
    n: int
    correct: int
    ci95: tuple[float, float]
    by_kind: Mapping[str, tuple[int, int]] = Field(default_factory=dict)
    """Kind → (right, asked)."""
    by_exam: Mapping[str, tuple[int, int]] = Field(default_factory=dict)
    """Exam → (right, asked), where there are several."""
    unclear: int = 0
    """Wrong answers in which no answer could be read."""
    labels: LabelScores | None = None
    """Of the questions that are answered with a label; None where there are none."""
    json_values: JsonScores | None = None
    """Of the questions that are answered in JSON; None where there are none."""


class TrainingSettings(LoraSettings):
    """How the LoRA adapter is trained, and from where."""

    start: Literal["base", "best"] = "base"
    """Train a new adapter, or go on from the best one so far."""
    replay: float = Field(default=1.0, ge=0)
    """Earlier rounds' examples to mix in, as a share of those that there are."""
    after_refusal: Literal["change", "same"] = "change"
    """Whether a round after a refused one trains otherwise than it; its plan.json says how."""
