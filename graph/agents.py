"""From a run's settings to its agents: the one place where they are opened."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from errata.agents.chat_models import LlmSettings, open_chat_model
from errata.agents.chat_models.cache import ReplyCache, replies_path
from errata.agents.chat_models.ledger import Ledger
from errata.agents.cluster.connection import versions_of
from errata.agents.data_writer import LARGEST_ASK, Writer
from errata.agents.embeddings import open_embeddings
from errata.agents.instructor import Instructor
from errata.agents.marking.judged import Judge, judged_by
from errata.agents.records import JudgedAnswer, Question
from errata.agents.served.adapter import trained_rank
from errata.agents.served.student import ServedStudent
from errata.agents.student import Student, StudentSettings
from errata.agents.system_prompts import PlainPrompts, PromptWriter
from errata.agents.trainer import Trainer
from errata.agents.weights import LocalStudent, LocalTrainer, check_here
from errata.graph.config import RunConfig, Variations
from errata.graph.costs import costs_log, prices_of
from errata.graph.judging import open_judges
from errata.graph.provenance import CHANGE_ANSWERS
from errata.graph.run_folder import RunFolder
from errata.graph.trace import Trace

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

    from errata.agents.chat_models.client import ChatClient, OnCall
    from errata.agents.verifier import Solver


@dataclass(frozen=True)
class Given:
    """Agents of the caller's own; None takes what the configuration names."""

    student: Student | None = None
    trainer: Trainer | None = None
    instructor: Instructor | None = None
    writer: Writer | None = None
    embeddings: Embeddings | None = None


@dataclass(frozen=True)
class Agents:
    """Who works on a run."""

    student: Student
    trainer: Trainer
    instructor: Instructor
    writer: Writer
    embeddings: Embeddings
    llms: InstructorAndWriter
    ledger: Ledger = field(default_factory=Ledger)
    """What the LLMs take."""

    def unload(self) -> None:
        """Frees the memory that models on this machine hold; the next question loads them."""
        self.student.close()
        self.llms.close()


def open_agents(
    config: RunConfig,
    folder: RunFolder,
    trace: Trace,
    cache: ReplyCache | None,
    given: Given,
    say: Callable[[str], None] = lambda text: None,
) -> Agents:
    """The agents of a run. Nothing is loaded, sent or written yet.

    Args:
        say: Is told what the student's servers do.

    Raises:
        StepFailed: There is a [cluster], and it cannot be joined.
        ConfigError: A prompt or the embeddings do not fit, or the budget cannot be kept with the
            prices that are known.
        InstructorError: A provider's package, a key, or a function is missing.
    """
    costs = costs_log(folder)
    ledger = Ledger(prices_of(config), config.budget, costs.read(), costs.add, lambda: trace.round)
    llms = open_instructor_and_writer(
        config, folder.path, trace.tell_call, cache, ledger, given.instructor, given.writer
    )
    student, trainer = open_student_and_trainer(config, folder.path, given, say)
    return Agents(
        student=student,
        trainer=trainer,
        instructor=llms.instructor,
        writer=llms.writer,
        embeddings=given.embeddings
        or open_embeddings(
            config.contrast.embeddings if "contrast" in config.way.steps else "words", cache, ledger
        ),
        llms=llms,
        ledger=ledger,
    )


def check_practice(
    config: RunConfig, practice: Sequence[Question], given: Given | None = None
) -> None:
    """Called before anything is opened or asked.

    Raises:
        ConfigError: The way, or the instructor or writer that the configuration names, can make
            nothing of these practice questions.
    """
    from errata.agents.variations import check_variations

    config.way.check(practice)
    given = given or Given()
    writer = config.writer or config.instructor
    if (
        "diagnose" in config.way.steps
        and given.instructor is None
        and isinstance(config.instructor, Variations)
    ) or ("write" in config.way.steps and given.writer is None and isinstance(writer, Variations)):
        check_variations(practice)


def open_student_and_trainer(
    config: RunConfig, folder: Path, given: Given, say: Callable[[str], None] = lambda text: None
) -> tuple[Student, Trainer]:
    """Nothing is loaded yet. `folder` gets the student's job file and log.

    Raises:
        ConfigError: What they need is not installed here.
        ErrataError: There is a [cluster], and it cannot be joined.
    """
    if given.student is None and given.trainer is None:
        check_here(config.student, config.training)
    student, trainer = given.student, given.trainer
    if config.cluster is not None and (student is None or trainer is None):
        from errata.agents.cluster.student import RayStudent
        from errata.agents.cluster.trainer import RayTrainer

        versions = versions_of(CHANGE_ANSWERS)
        student = student or RayStudent(config.student, config.cluster, folder, versions)
        trainer = trainer or RayTrainer(config.cluster, versions)
    student = student or open_student(config.student, folder, trained_rank(config.training), say)
    return student, trainer or LocalTrainer()


def open_student(
    settings: StudentSettings,
    folder: Path,
    rank: int = 1,
    say: Callable[[str], None] = lambda text: None,
) -> Student:
    """The student on this machine, or on servers. Nothing is loaded or asked yet.

    Args:
        rank: Of the adapters that will be trained.
    """
    if settings.on_servers:
        return ServedStudent(settings, folder, rank, say)
    return LocalStudent(settings, folder)


@dataclass(frozen=True)
class InstructorAndWriter:
    instructor: Instructor
    instructor_name: str
    writer: Writer
    writer_name: str
    solver: Solver | None
    """Solves examples again; None where nobody does."""
    clients: tuple[ChatClient, ...]
    """Of the chat models behind them."""
    judges: Mapping[JudgedAnswer, Judge] = field(default_factory=dict)
    """Each judge by the questions that it judges; they are no instructors, and see dev and test."""

    def close(self) -> None:
        """Unloads weights on this machine; the next question loads them again."""
        close_clients(self.clients)


def close_clients(clients: Iterable[ChatClient]) -> None:
    for client in clients:
        from errata.agents.chat_models.local import LocalChatModel

        if isinstance(client.model, LocalChatModel):
            client.model.close()


class Clients:
    """Clients of chat models: one where several agents ask the same, so that weights are loaded
    once and limits kept together. The arguments are those of `open_instructor_and_writer`."""

    def __init__(
        self,
        folder: Path,
        on_call: OnCall,
        cache: ReplyCache | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        self.folder = folder
        self.on_call = on_call
        self.cache = cache
        self.ledger = ledger
        self.opened: dict[LlmSettings, ChatClient] = {}

    def __call__(self, settings: LlmSettings) -> ChatClient:
        """Raises: InstructorError: A provider's package, a key, or a function is missing."""
        from errata.agents.chat_models.client import ChatClient

        alike = settings.model_copy(update={"prompt": None, "preset": None})
        if alike not in self.opened:
            model = open_chat_model(alike, self.folder)
            client = ChatClient(model, self.on_call, alike, self.cache, self.ledger)
            self.opened[alike] = client
        return self.opened[alike]


@contextmanager
def judges_at_hand(config: RunConfig, folder: Path) -> Iterator[None]:
    """Within it, the judges of a finished run or of one that waits can be asked. Verdicts on record
    and replies in the user's cache cost nothing; nothing is written into the run's folder.

    Raises:
        ErrataError: A judge cannot be opened.
    """
    if not config.judged_exams:
        yield
        return
    with (
        closing(ReplyCache(replies_path())) as cache,
        tempfile.TemporaryDirectory(prefix="errata-judge-") as scratch,
    ):
        clients = Clients(Path(scratch), lambda call: None, cache)
        try:
            with judged_by(open_judges(config, folder, clients, keep=False)):
                yield
        finally:
            close_clients(clients.opened.values())


def open_instructor_and_writer(
    config: RunConfig,
    folder: Path,
    on_call: OnCall,
    cache: ReplyCache | None = None,
    ledger: Ledger | None = None,
    instructor: Instructor | None = None,
    writer: Writer | None = None,
) -> InstructorAndWriter:
    """Nothing is sent yet.

    Args:
        instructor, writer: Of the caller's own, in place of those that `config` names.
        folder: Gets the logs of models on this machine.
        on_call: Gets every call to an LLM, one at a time.
        cache: Replies that need not be paid for again.
        ledger: Counts what is paid, and refuses what would be too much.

    Raises:
        ConfigError: A prompt of the user's does not fit.
        InstructorError: A provider's package, a key, or a function is missing.
    """
    from errata.agents.llm import LlmInstructor, LlmRewriter, LlmSolver, LlmWriter
    from errata.agents.llm.paper import PaperInstructor, PaperWriter
    from errata.agents.variations import (
        VariationsInstructor,
        VariationsSolver,
        VariationsWriter,
    )

    first, second = config.instructor, config.writer or config.instructor
    steps = config.way.steps
    client_for = Clients(folder, on_call, cache, ledger)
    if isinstance(first, LlmSettings) and first.preset == "paper":
        count = min(LARGEST_ASK, config.examples.per_mistake)
        instructor = instructor or PaperInstructor(client_for(first), count, first.prompt)
        writer = writer or PaperWriter()
    if instructor is None and "diagnose" in steps and isinstance(first, LlmSettings):
        instructor = LlmInstructor(client_for(first), first.prompt)
    if writer is None and "write" in steps and isinstance(second, LlmSettings):
        prompt = second.prompt if config.writer else None  # an instructor's does not write
        kind = LlmWriter if "diagnose" in steps else LlmRewriter
        writer = kind(client_for(second), prompt)
    solver: Solver | None = None
    if "write" in steps and config.solver is not None:
        solver = LlmSolver(client_for(config.solver))
    elif not isinstance(second, LlmSettings):
        solver = VariationsSolver()
    judges = open_judges(config, folder, client_for)
    offline = second if isinstance(second, Variations) else Variations()
    return InstructorAndWriter(
        instructor=instructor or VariationsInstructor(),
        instructor_name=first.model,
        writer=writer or VariationsWriter(offline.small_steps, offline.rename, offline.drills),
        writer_name=second.model,
        solver=solver,
        clients=tuple(client_for.opened.values()),
        judges=judges,
    )


def open_prompt_writer(
    config: RunConfig, folder: Path, on_call: OnCall, ledger: Ledger | None = None
) -> PromptWriter:
    """The instructor, to propose system prompts. Nothing is sent yet, and none comes from a cache.

    Raises:
        InstructorError: A provider's package, a key, or a function is missing.
    """
    if isinstance(config.instructor, Variations):
        return PlainPrompts()
    from errata.agents.chat_models.client import ChatClient
    from errata.agents.llm import LlmPromptWriter

    settings = config.instructor
    model = open_chat_model(settings, folder)
    return LlmPromptWriter(ChatClient(model, on_call, settings, None, ledger))
