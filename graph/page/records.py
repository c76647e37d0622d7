"""What the page's script reads: an index of a run, and its texts in shards.

An index holds what every list and figure needs: ids, labels and verdicts as columns, and the
figures of report.json or of the functions that make it. Texts lie apart, in shards of some hundred
questions, examples or calls, and are read when they are looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from errata.agents.planner import Plan
from errata.agents.records import Record
from errata.agents.trainer import Trained
from errata.agents.variations.departures import Departures
from errata.graph.comparing.flips import Counts
from errata.graph.costs import Cost
from errata.graph.page.advice import Outcome
from errata.graph.page.helped import Helped
from errata.graph.page.looks import Look
from errata.graph.report import Report, RoundReport
from errata.graph.run_folder import Stands

PER_SHARD = 400
"""Questions, examples or calls whose texts are read together."""

Access = Literal["open", "click", "sealed"]
"""Of the texts of a set: `open`; `click`, on purpose; `sealed`, on purpose and written down."""
SETS: dict[str, Access] = {
    "practice": "open",
    "dev": "click",
    "guard": "click",
    "test": "sealed",
    "out-of-domain": "sealed",
}


class Pair(Record):
    """Two models' answers to the same questions."""

    first: str
    """Model, by its round; of two runs `RUN/ROUND`, counted from 0."""
    second: str
    counts: Counts
    gain: float
    """Paired, second minus first."""
    ci95: tuple[float, float]
    p: float


class SetIndex(Record):
    """One set of questions; each column has an entry for each of them."""

    name: str
    access: Access
    there: bool
    """Whether its texts are in the file; with --serve they can be had in any case."""
    ids: tuple[str, ...]
    kinds: tuple[int, ...]
    """Place in the run's `kinds`."""
    exams: tuple[int, ...]
    """Place in the run's `exams`."""
    causes: tuple[tuple[int, ...], ...]
    """Places in the run's `causes`, of all its diagnoses; empty where nothing was diagnosed."""
    verdicts: Mapping[str, str]
    """Round of a model → a character a question: 1 right, 0 wrong, - not answered."""
    pairs: tuple[Pair, ...]


class ExampleIndex(Record):
    """Drafts, accepted and refused, and requests that brought none; a column each."""

    ids: tuple[str, ...]
    """Empty of what was not accepted."""
    rounds: tuple[int, ...]
    causes: tuple[int, ...]
    """Place in the run's `causes`; -1 where it is not known."""
    questions: tuple[int, ...]
    """Place in the practice set; -1 where it is not known."""
    fates: tuple[int, ...]
    """-1 accepted; else a place in `reasons`."""
    trained: tuple[bool, ...]
    """Whether some row of its own round's training was made from it."""
    alike: tuple[int, ...]
    """The same number: the same words, whatever the numbers in them."""
    reviewed: tuple[str, ...]
    """A person's last word: accepted, edited, rejected; empty where no review names it."""
    reasons: tuple[str, ...]
    held_out: tuple[bool, ...]
    """For each of the reasons: whether the draft was too near to a held-out question."""


class CallIndex(Record):
    """Calls to LLMs, a column each."""

    agents: tuple[str, ...]
    models: tuple[str, ...]
    rounds: tuple[int, ...]
    sources: tuple[str, ...]
    questions: tuple[tuple[int, ...], ...]
    """Places in the practice set of those that the call was about."""
    tries: tuple[int, ...]
    """1 for the first call about its source in its round, 2 for a repair …"""
    failed: tuple[bool, ...]
    """The reply could not be used."""
    cached: tuple[bool, ...]
    tokens_in: tuple[int | None, ...]
    tokens_out: tuple[int | None, ...]
    seconds: tuple[float, ...]


class Proposed(Record):
    """What a round that waits for a person would train on: a column an example, in the order in
    which `errata review` asks about them."""

    round: int
    file: str
    """The review that was read, which is not taken yet; empty where there is none."""
    by: str
    """Who began it."""
    ids: tuple[str, ...]
    questions: tuple[int, ...]
    """Place in the practice set; -1 where it is not known."""
    solutions: tuple[bool, ...]
    """Whether it is the question's own solution."""
    verdicts: tuple[str, ...]
    """The word so far: accepted, edited, rejected; empty of none."""


class Training(Record):
    """One round's training, as far as it came."""

    round: int
    plan: Plan | None
    trained: Trained | None
    rows: int
    steps: tuple[tuple[int, float], ...]
    """(step, loss)."""
    rates: tuple[tuple[int, float], ...]
    """(step, learning rate), where the trainer told it."""
    of: int | None
    """Steps that there are to be."""


class RunIndex(Record):
    """All of a run but its texts."""

    name: str
    model: str
    strategy: str
    versions: Mapping[str, str]
    seal: str | None
    report: Report | None
    """None of a run that is not finished."""
    rounds: tuple[RoundReport, ...]
    target_accuracy: float
    """On dev."""
    system: str | None
    """The system prompt that the student was asked with."""
    stands: Stands
    under_way: str | None
    """The step that has begun and not ended, or failed."""
    failure: str | None
    """Why that step failed; None where that is not known."""
    outcome: Outcome | None
    """None of a run that is not finished, as the next two."""
    caveats: tuple[str, ...]
    """What to know before the best model is relied on."""
    next_step: str | None
    cost: Cost | None
    looks: tuple[Look, ...]
    kinds: tuple[str, ...]
    exams: tuple[str, ...]
    causes: tuple[str, ...]
    sets: tuple[SetIndex, ...]
    examples: ExampleIndex
    calls: CallIndex
    proposed: Proposed | None
    """Of a run that waits for a review."""
    training: tuple[Training, ...]
    helped: tuple[Helped, ...]
    departures: Mapping[str, Departures]
    """Round of a model → how its wrong answers to practice come about; empty where solutions have
    no equations, or there are too many answers."""
    per_shard: int = PER_SHARD


class Page(Record):
    """What the page is made of: one run, or two."""

    format: int = 1
    runs: tuple[RunIndex, ...]
    same: Mapping[str, tuple[int, ...]]
    """Of two runs: set → the place in the second run of each question of the first, -1 of none."""
    between: Mapping[str, tuple[Pair, ...]]
    """Of two runs: set → pairs of a model of each."""
    served: bool = False


class Said(Record):
    """One model's answer."""

    response: str
    answer: str | None
    why: str
    correct: bool
    tokens: int
    truncated: bool


class Near(Record):
    question_id: str
    similarity: float


class Named(Record):
    """A diagnosis."""

    cause: str
    explanation: str
    missing_skill: str
    advice: str


class Reviewed(Record):
    """What a person said of an example, in a round that waited for it."""

    round: int
    by: str
    verdict: str
    note: str
    before: Mapping[str, str]
    """The texts that were edited, by name: `prompt`, `completion`, `target`."""
    after: Mapping[str, str]


class Life(Record):
    """What one round made of a practice question."""

    round: int
    mistake: bool = False
    contrast: tuple[Near, ...] = ()
    diagnoses: tuple[Named, ...] = ()
    undiagnosed: tuple[str, ...] = ()
    """Why no diagnosis came."""
    picked: bool = False
    solution: bool = False
    """Its own solution is trained on."""
    solution_reviews: tuple[Reviewed, ...] = ()
    left_out: tuple[str, ...] = ()
    """Why its solution is not."""
    written: tuple[int, ...] = ()
    """Places among the examples, refused ones too."""
    rows: int = 0
    """Of the training that go back to it."""


class QuestionTexts(Record):
    before: tuple[tuple[str, str], ...]
    """(role, text) of the messages before the prompt."""
    prompt: str
    judged: bool
    """An LLM judges the answers: why one is right or wrong are its words."""
    target: str
    solution: str | None
    options: Mapping[str, str]
    said: Mapping[str, Said]
    """By the model's round."""
    life: tuple[Life, ...]


class Made(Record):
    """Training rows of one example in one round."""

    round: int
    by: str
    """`example`: word for word; else the shaper that made them."""
    rows: int


class ExampleTexts(Record):
    before: tuple[tuple[str, str], ...] = ()
    """(role, text) of the messages before the prompt."""
    prompt: str
    completion: str
    target: str
    detail: str
    votes: tuple[int, int] | None
    reviews: tuple[Reviewed, ...] = ()
    """In the order of their rounds; the texts above are those before any of them."""
    rows: tuple[Made, ...] = ()
    """That were trained on, those of later rounds' replay too."""


class CallTexts(Record):
    messages: tuple[tuple[str, str], ...]
    reply: str
    thinking: str
    error: str | None


class Shard(Record):
    """Texts of one kind, in their order."""

    texts: tuple[QuestionTexts | ExampleTexts | CallTexts, ...]
