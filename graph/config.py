"""RunConfig: the configuration of a run, from a TOML file; unknown keys are refused."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    PrivateAttr,
    Tag,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from errata.agents.chat_models import LlmSettings
from errata.agents.chat_models.ledger import Budget, Prices
from errata.agents.cluster.settings import ClusterSettings
from errata.agents.errors import ConfigError
from errata.agents.exams import ArithmeticExam, FileExam, NamedExam
from errata.agents.exams.files import FileSet
from errata.agents.exams.judge import JudgeSettings
from errata.agents.exams.layouts import LAYOUTS
from errata.agents.exams.twists import TwistedExam
from errata.agents.own_code import check_own
from errata.agents.promotion import Gate
from errata.agents.records import Record, Sampling, TrainingSettings
from errata.agents.served.adapter import refuse_training
from errata.agents.shapers import Shaper, check_objective
from errata.agents.shapers.chosen import sampling_for, shaper_named
from errata.agents.student import ServeSettings, StudentSettings
from errata.agents.variations.writer import Drills, SmallSteps
from errata.agents.ways import WAYS, Way, own_way
from errata.agents.weights import check_here
from errata.training.own_code import OWN_OR_NAMED, OwnCode, is_own, with_path_from

FROM_AN_LLM = 300
VARIATIONS_OF_EACH, MOST_VARIATIONS = 5, 3000
"""Examples in a round, where `examples.per_round` does not say how many."""


class Variations(Record):
    """The offline instructor and writer: no LLM."""

    model: Literal["variations"] = "variations"
    """Says so."""
    small_steps: SmallSteps = "slips"
    """Which examples against mistakes are worked in small steps (`73 - 28 = 73 - 20 - 8 =
    53 - 8 = 45`): `always` all, `slips` those against a slip in calculating, `never` none. The
    others are worked as the exam's own solutions are. It is the writer's."""
    drills: Drills = "slips"
    """Against which mistakes half of the examples are sheets of bare operations: `slips`;
    `calculations`, all in which a calculation does not hold, or no equation is found and no
    neighbour has the like done right; or `never`. It is the writer's."""
    rename: bool = True
    """Whether the written examples call people and things otherwise too: other first names, other
    countable things of the same sort. It is the writer's."""


InstructorSettings = Annotated[
    Annotated[Variations, Tag("variations")] | Annotated[LlmSettings, Tag("llm")],
    Discriminator(lambda given: "variations" if of(given, "model") == "variations" else "llm"),
]
"""`variations`, or an LLM as LangChain's `init_chat_model` names it: `openai:gpt-5-mini`."""

ExamSettings = Annotated[
    Annotated[ArithmeticExam, Tag("arithmetic")]
    | Annotated[NamedExam, Tag("named")]
    | Annotated[FileExam, Tag("files")],
    Discriminator(lambda given: exam_tag(given)),
]
"""`arithmetic`, one of the seven by its name, or questions in files."""


Strategy = Annotated[
    Annotated[
        Literal["sft", "augment", "sft+augment", "le", "lec", "le+lec", "sft+lec"], Tag("named")
    ]
    | Annotated[OwnCode, Tag("own")],
    OWN_OR_NAMED,
]


MeasuredSettings = Annotated[
    Annotated[TwistedExam, Tag("twisted")]
    | Annotated[ArithmeticExam, Tag("arithmetic")]
    | Annotated[NamedExam, Tag("named")]
    | Annotated[FileExam, Tag("files")],
    Discriminator(lambda given: "twisted" if is_twisted(given) else exam_tag(given)),
]
"""An exam as above, or a sealed one again with a twist."""


def several(given: object) -> object:
    return given if isinstance(given, list | tuple) else [given]


def untwisted_ones(given: object) -> object:
    """Raises: ValueError: One of them is an exam that is only measured."""
    found = several(given)
    if isinstance(found, list | tuple) and any(map(is_twisted, found)):
        raise ValueError("a twisted exam is only measured: move it to [[out_of_domain]]")
    return found


OneOrMore = Annotated[tuple[ExamSettings, ...], BeforeValidator(untwisted_ones)]
OneOrMoreMeasured = Annotated[tuple[MeasuredSettings, ...], BeforeValidator(several)]


def is_twisted(given: object) -> bool:
    return of(given, "twist") is not None


def exam_tag(given: object) -> str:
    name = of(given, "name")
    if isinstance(of(given, "practice"), str | dict | FileSet):
        return "files"
    return "arithmetic" if name == "arithmetic" else "named" if name in LAYOUTS else "files"


def of(given: object, key: str) -> object:
    return given.get(key) if isinstance(given, dict) else getattr(given, key, None)


class ContrastSettings(Record):
    """How neighbours are found."""

    k: int = Field(default=3, ge=1)
    """Correctly answered questions to lay beside each mistake."""
    embeddings: str = "words"
    """`words` (offline), or a provider and model as LangChain's `init_embeddings` names them."""


class ExampleSettings(Record):
    """How many examples are written."""

    per_round: int | None = Field(default=None, ge=1)
    """New examples in a round, at most; of several exams each gets an equal part. Where not said,
    300 from an LLM; from `variations`, which costs nothing, five for each practice question, and
    no fewer than 300 or more than 3,000."""
    per_exam: Mapping[str, int] = Field(default_factory=dict)
    """Exam → new examples in a round, in place of its equal part."""
    per_mistake: int = Field(default=20, ge=1)
    """New examples for each diagnosed mistake, or question picked blindly, at most: a few mistakes
    do not fill a round."""
    shape: tuple[str, ...] = ()
    """What is made of the accepted examples before they are trained on, one shaper after the other
    (docs/ways.md), such as `unsolved`: without most of what the student gets right already."""
    answers: int | None = Field(default=None, ge=1)
    """How often the student is asked each example beforehand, where what is named in `shape` goes
    by its answers; as that says where not said. Several are drawn by chance."""

    @field_validator("shape")
    @classmethod
    def shapers_are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for at, name in enumerate(names):
            if not is_own(name):  # the user's own is opened with its path, in `load_config`
                shaper_named(name)
            if name in names[:at]:
                raise ValueError(f"{name!r} stands there twice; take one out")
        return names

    @field_validator("answers")
    @classmethod
    def answers_are_used(cls, answers: int | None, others: ValidationInfo) -> int | None:
        named = others.data.get("shape")
        if (
            answers
            and named is not None
            and not any(is_own(name) or shaper_named(name).sampling for name in named)
        ):
            raise ValueError(
                "nothing in shape goes by the student's answers; take it out, or name a shaper "
                "that does, such as unsolved"
            )
        return answers

    def with_paths_from(self, folder: Path) -> ExampleSettings:
        """The same, files of the user's own shapers taken from `folder`."""
        shape = tuple(with_path_from(name, folder) for name in self.shape)
        return self.model_copy(update={"shape": shape})

    @property
    def shapers(self) -> list[tuple[str, Shaper]]:
        """What `shape` names."""
        return [(name, shaper_named(name)) for name in self.shape]

    def sampling(self, seed: int) -> Sampling | None:
        """How the student is asked the examples beforehand; None where it is not."""
        return sampling_for([shaper for _, shaper in self.shapers], self.answers, seed)

    def quotas(self, mistakes: Mapping[str, int], per_round: int) -> dict[str, int]:
        """Exam → new examples to ask for, given its number of diagnosed mistakes.

        Args:
            per_round: Of all exams together; see `RunConfig.per_round`.
        """
        equal = per_round // max(1, len(mistakes))
        return {
            exam: min(self.per_exam.get(exam, equal), self.per_mistake * count)
            for exam, count in mistakes.items()
        }


class VerifySettings(Record):
    """Whether each example is solved again by an LLM before anything is trained on it.

    What `variations` writes is solved again in any case, by `variations` itself, at no cost.
    """

    votes: int = Field(default=0, ge=0)
    """Independent solutions of each example, at most; the solver sees neither the example's
    working nor its answer."""
    agreement: float = Field(default=2, gt=0)
    """Solutions that must come to the example's answer; below 1, which share of `votes`."""
    solver: LlmSettings | None = None
    """The LLM that solves, with the keys of `[instructor]`; the writer's where not said. Another
    one makes other errors than the writer does, and confirms fewer of the writer's."""
    temperature: float | None = Field(default=None, ge=0)
    """Of the solver, in place of its own."""

    @model_validator(mode="after")
    def agreement_can_be_had(self) -> VerifySettings:
        if self.agreement >= 1 and self.agreement != int(self.agreement):
            raise ValueError("agreement is a whole number of votes, or a share below 1")
        if self.votes and self.agreement > self.votes:
            raise ValueError(
                f"agreement asks for {self.agreement:g} of {self.votes} votes: ask for no more "
                "than there are"
            )
        if self.solver is not None and self.solver.preset is not None:
            raise ValueError("a preset is the instructor's; take it out of [verify.solver]")
        if self.solver is not None and self.solver.prompt is not None:
            raise ValueError("the solver has one prompt; take `prompt` out of [verify.solver]")
        return self


class StopSettings(Record):
    """When the loop ends, whichever comes first."""

    target_accuracy: float = Field(default=0.95, gt=0, le=1)
    """Share of right answers to the dev questions. It counts as reached when the lower end of its
    95% interval is there; a run whose share alone is there stops as `target not proven`."""
    rounds: int = Field(default=3, ge=1)
    """Trainings, at most."""
    gate: Gate = "sure"
    """What promotes a candidate: `sure`, proof on dev that 5% of the runs without any gain would
    bring, all rounds together; `likely`, the same with 20%; `any`, one more right answer."""
    guard_practice: bool = True
    """Refuse a candidate that forgets a kind of practice question; it costs one practice exam for
    each candidate that is better on dev."""
    patience: int | None = Field(default=None, ge=1)
    """Rounds in a row without a promotion that end the run; any number where not said."""
    hours: float | None = Field(default=None, gt=0)
    """Working time after which no new round is begun: that of all finished steps, of every start
    of the run; without limit where not said."""


class AuditionSettings(Record):
    """Instructors that `errata audition` may try beside each other."""

    instructors: Mapping[str, InstructorSettings] = Field(default_factory=dict)
    """What each is called in the table → its keys, those of `[instructor]`:
    `[audition.instructors.big]`. One that needs no keys is named on the command line alone."""

    @field_validator("instructors")
    @classmethod
    def names_can_be_given(
        cls, instructors: Mapping[str, InstructorSettings]
    ) -> Mapping[str, InstructorSettings]:
        for name in instructors:
            if not name.strip() or "," in name:
                raise ValueError(f"{name!r} cannot be named after --instructors: leave out commas")
        return instructors

    def with_paths_from(self, folder: Path) -> AuditionSettings:
        """The same, relative paths taken from `folder`."""
        moved = {
            name: given.with_paths_from(folder) if isinstance(given, LlmSettings) else given
            for name, given in self.instructors.items()
        }
        return AuditionSettings.model_construct(instructors=moved)


class RunConfig(Record):
    """One run of the loop."""

    name: str = Field(default="run", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Names the run's folder."""
    strategy: Strategy = "sft+lec"
    """The way to learn (docs/ways.md): the practice questions' own solutions, new questions blind
    to errors, or both; Learning from Error, Learning from Error by Contrast, or both. Or
    `python:FILE.py:NAME`, a way of your own."""
    seed: int = 0
    """Of the writing, and of what is picked blindly; the exam and the training have their own."""
    exam: OneOrMore = Field(min_length=1)
    """What is practised and sealed: one exam or several."""
    out_of_domain: OneOrMoreMeasured = ()
    """Exams that the base and the best model are asked at the end; nothing is learnt from them."""
    guard: OneOrMore = ()
    """Exams of what must not be forgotten: a significant loss in one refuses a candidate."""
    student: StudentSettings = StudentSettings()
    instructor: InstructorSettings = Variations()
    writer: InstructorSettings | None = None
    """As `instructor` where not said."""
    verify: VerifySettings = VerifySettings()
    contrast: ContrastSettings = ContrastSettings()
    examples: ExampleSettings = ExampleSettings()
    training: TrainingSettings = Field(default=TrainingSettings(), validate_default=True)
    stop: StopSettings = StopSettings()
    budget: Budget = Budget()
    """What the LLMs may take."""
    cluster: ClusterSettings | None = None
    """Further machines that answer and train; this one alone where not said."""
    review: bool = False
    """Pause before each training, so that a person can look at the examples."""
    tracing: bool = True
    """Whether LangSmith may trace the run, where the environment switches it on (docs/traces.md);
    with `--no-tracing` it is false, also when the run is resumed."""
    prompts: int = Field(default=4, ge=1)
    """System prompts that an arm `prompt` of `errata compare` tries on dev, at most."""
    audition: AuditionSettings = AuditionSettings()
    """Nothing to a run: what `errata audition` tries."""

    @field_validator("instructor")
    @classmethod
    def the_paper_needs_mistakes(
        cls, instructor: InstructorSettings, others: ValidationInfo
    ) -> InstructorSettings:
        strategy = others.data.get("strategy")
        if strategy in WAYS and (wrong := nothing_to_analyse(strategy, WAYS[strategy], instructor)):
            raise ValueError(wrong)
        return instructor

    @field_validator("examples")
    @classmethod
    def quotas_are_of_exams(
        cls, examples: ExampleSettings, others: ValidationInfo
    ) -> ExampleSettings:
        names = [exam.name for exam in others.data.get("exam", ())]
        unknown = [name for name in examples.per_exam if name not in names]
        if names and unknown:
            raise ValueError(f"per_exam names {unknown[0]!r}, and the exams are {', '.join(names)}")
        return examples

    _own_way: tuple[str, Way] | None = PrivateAttr(None)

    @property
    def twisted(self) -> tuple[TwistedExam, ...]:
        """The out-of-domain exams that ask the sealed test again."""
        return tuple(exam for exam in self.out_of_domain if isinstance(exam, TwistedExam))

    @field_validator("training")
    @classmethod
    def rows_fit_the_objective(
        cls, training: TrainingSettings, others: ValidationInfo
    ) -> TrainingSettings:
        examples = others.data.get("examples")
        if examples is not None and not any(map(is_own, examples.shape)):
            check_objective(training, dict(examples.shapers))
        return training

    @field_validator("training")
    @classmethod
    def servers_take_the_adapter(
        cls, training: TrainingSettings, others: ValidationInfo
    ) -> TrainingSettings:
        student = others.data.get("student")
        if student is not None and student.on_servers and (why := refuse_training(training)):
            raise ValueError(f"the student answers on servers, and {why}")
        return training

    @field_validator("cluster")
    @classmethod
    def one_place_to_work(
        cls, cluster: ClusterSettings | None, others: ValidationInfo
    ) -> ClusterSettings | None:
        student, training = others.data.get("student"), others.data.get("training")
        if cluster is not None and student is not None and student.on_servers:
            raise ValueError("the student answers on servers already; take student.urls or "
                             "student.serve out, or [cluster]")  # fmt: skip
        if cluster is not None and training is not None and training.launch:
            raise ValueError("trainers are placed by Ray; take training.launch out, or [cluster]")
        return cluster

    @property
    def way(self) -> Way:
        """What `strategy` names; one of the user's own is loaded once.

        Raises:
            ConfigError: There is no such way, or it does not go with `instructor`.
        """
        if self.strategy in WAYS:
            return WAYS[self.strategy]
        if self._own_way is None or self._own_way[0] != self.strategy:
            way = own_way(self.strategy)
            if wrong := nothing_to_analyse(self.strategy, way, self.instructor):
                raise ConfigError(f"'instructor' is wrong: {wrong}")
            self._own_way = (self.strategy, way)
        return self._own_way[1]

    def without_llms(self) -> RunConfig:
        """The same with nobody to teach, write or solve that is asked for money."""
        update = {"instructor": Variations(), "writer": None, "verify": VerifySettings()}
        return self.model_copy(update=update)

    def with_own_way(self, way: Way | None) -> RunConfig:
        """The same, with a way in place of the user's own; None: to be loaded anew."""
        copied = self.model_copy()
        copied._own_way = None if way is None else (self.strategy, way)
        return copied

    @property
    def file_exams(self) -> tuple[FileExam, ...]:
        """The exams that are a user's own files, whatever they are for."""
        every = (*self.exam, *self.out_of_domain, *self.guard)
        return tuple(exam for exam in every if isinstance(exam, FileExam))

    @property
    def judged_exams(self) -> tuple[tuple[FileExam, JudgeSettings], ...]:
        """Those whose answers an LLM judges, each with it."""
        return tuple((exam, exam.judge) for exam in self.file_exams if exam.judge is not None)

    def per_round(self, practice: int) -> int:
        """New examples in a round, at most.

        Args:
            practice: How many practice questions there are.
        """
        if self.examples.per_round is not None:
            return self.examples.per_round
        if isinstance(self.writer or self.instructor, LlmSettings):
            return FROM_AN_LLM
        return min(MOST_VARIATIONS, max(FROM_AN_LLM, VARIATIONS_OF_EACH * practice))

    @property
    def rounds(self) -> int:
        """Trainings, at most: as configured, or fewer where the way has no use for more."""
        return min(self.stop.rounds, self.way.rounds or self.stop.rounds)

    @property
    def asks_practice(self) -> bool:
        """Whether the student answers practice questions at all: for the way, a shaper or the
        guard. One of the user's own may look at the answers."""
        return (
            self.stop.guard_practice
            or self.strategy not in WAYS
            or WAYS[self.strategy].looks
            or any(is_own(name) or shaper_named(name).looks for name in self.examples.shape)
        )

    @property
    def practice_exams(self) -> int:
        """Models that are asked practice, at most: each that a round follows, all for the guard."""
        return self.rounds + self.stop.guard_practice if self.asks_practice else 0

    @field_validator("verify")
    @classmethod
    def somebody_solves(cls, verify: VerifySettings, others: ValidationInfo) -> VerifySettings:
        writer = others.data.get("writer") or others.data.get("instructor")
        if verify.votes and verify.solver is None and isinstance(writer, Variations):
            raise ValueError(
                "votes are an LLM's: name one under [verify.solver], or take votes out, since what "
                "`variations` writes is verified without"
            )
        return verify

    @property
    def solver(self) -> LlmSettings | None:
        """The LLM that solves examples again; None where there are no votes."""
        found = self.verify.solver or self.writer or self.instructor
        if not self.verify.votes or not isinstance(found, LlmSettings):
            return None
        changed: dict[str, object] = {"prompt": None, "preset": None}
        if self.verify.temperature is not None:
            changed["temperature"] = self.verify.temperature
        return found.model_copy(update=changed)

    @field_validator("writer")
    @classmethod
    def no_writer_beside_the_paper(
        cls, writer: InstructorSettings | None, others: ValidationInfo
    ) -> InstructorSettings | None:
        if isinstance(writer, LlmSettings) and writer.preset is not None:
            raise ValueError("a preset is the instructor's; move it to [instructor]")
        instructor = others.data.get("instructor")
        if writer and isinstance(instructor, LlmSettings) and instructor.preset == "paper":
            raise ValueError("with the instructor's preset there is no writer; take [writer] out")
        return writer


def nothing_to_analyse(strategy: str, way: Way, instructor: InstructorSettings) -> str | None:
    paper = isinstance(instructor, LlmSettings) and instructor.preset == "paper"
    if paper and "diagnose" not in way.steps:
        return f"the preset analyses mistakes, and {strategy} looks at none; take it out"
    return None


def exam_argument(exam: ExamSettings) -> str:
    """The exam as `errata exam` takes it."""
    if isinstance(exam, FileExam):
        return str(exam.test.file)
    if isinstance(exam, NamedExam) and exam.path is not None:
        return f"{exam.name}={exam.path}"
    return exam.name


def load_config(path: Path) -> RunConfig:
    """The configuration in a TOML file; paths in it are taken from the file's folder.

    Raises:
        ConfigError: The file cannot be read, or says something that a run does not know.
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"the configuration {path} cannot be read: {error.strerror}; name a TOML file"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None
    except (ValueError, RecursionError):  # Python's own limits, which tomllib does not mind
        raise ConfigError(
            f"{path} cannot be read: it is nested too deeply, or holds too long a number"
        ) from None
    config = with_paths_from(parse_config(given, str(path)), path.parent)
    try:
        # Code of the user's own is refused here, not in the middle of a command.
        _ = config.way
        check_objective(config.training, dict(config.examples.shapers))
        if is_own(config.training.objective):
            check_own(config.training.objective, "an objective", ["loss"])
        for exam in config.file_exams:
            exam.check_marker()
        check_here(config.student, config.training)
    except ValueError as error:  # a ConfigError is one, too
        raise ConfigError(f"{path}: {error}") from None
    return config


def parse_config(given: dict[str, Any], where: str) -> RunConfig:
    """Raises: ConfigError: with the place, the value and the remedy in one sentence."""
    try:
        return RunConfig.model_validate(given)
    except ValidationError as error:
        raise ConfigError(f"{where}: {first_problem(error, given)}") from None


def first_problem(error: ValidationError, given: dict[str, Any]) -> str:
    problem = error.errors(include_url=False)[0]
    tags = {"variations", "llm", "arithmetic", "named", "files", "twisted", "own"}
    place: list[str] = []
    inside: Any = given
    for step in problem["loc"]:
        if step in tags and not (isinstance(inside, dict) and step in inside):
            continue  # a choice pydantic made, not a key that the user wrote
        if isinstance(step, int) and not isinstance(inside, list):
            continue  # one table where several may stand
        place.append(str(step))
        inside = inside[step] if isinstance(step, int) else of(inside, str(step))
    name = ".".join(place)
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(place[-1], known_keys(problem["loc"]), n=1)
        hint = f"did you mean {near[0]!r}?" if near else "take it out"
        return f"unknown key {name!r}; {hint}"
    if problem["type"] == "missing" and "files" in problem["loc"]:
        called = str(of(problem["input"], "name") or "")
        near = difflib.get_close_matches(called, ["arithmetic", *LAYOUTS], n=1)
        hint = f"did you mean the exam {near[0]!r}?" if near else "add it"
        return f"{name!r} is missing; {hint}"
    if problem["type"] == "missing":
        return f"{name!r} is missing; add it"
    said = problem["msg"].removeprefix("Value error, ")
    message = said[0].lower() + said[1:]
    # A password may stand in an address.
    secret = "key" in place[-1] or place[-1] == "base_url" or "urls" in place
    if secret or isinstance(problem["input"], dict):
        return f"{name!r} is wrong: {message}"
    return f"{name!r} is wrong: {message} (it is {shown(problem['input'])})"


def shown(value: object) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        return "too large to be shown"
    return text if len(text) <= 200 else f"{text[:200]}…"


def known_keys(loc: tuple[int | str, ...]) -> list[str]:
    models: dict[str, list[type[Record]]] = {
        "exam": [ArithmeticExam, NamedExam, FileExam, JudgeSettings],
        "out_of_domain": [TwistedExam, ArithmeticExam, NamedExam, FileExam, JudgeSettings],
        "guard": [ArithmeticExam, NamedExam, FileExam, JudgeSettings],
        "student": [StudentSettings, ServeSettings],
        "instructor": [LlmSettings, Prices],
        "writer": [LlmSettings, Prices],
        "verify": [VerifySettings, LlmSettings, Prices],
        "contrast": [ContrastSettings],
        "examples": [ExampleSettings],
        "training": [TrainingSettings],
        "stop": [StopSettings],
        "budget": [Budget],
        "cluster": [ClusterSettings],
        "audition": [AuditionSettings, LlmSettings, Variations, Prices],
    }
    found = models.get(str(loc[0]), [RunConfig]) if len(loc) > 1 else [RunConfig]
    return [
        field.serialization_alias or name
        for model in found
        for name, field in model.model_fields.items()
    ]


def with_paths_from(config: RunConfig, folder: Path) -> RunConfig:
    """Relative exam files, model folders and code of the user's own, taken from `folder`."""

    def moved(exam: ExamSettings) -> ExamSettings:
        if isinstance(exam, FileExam):
            return exam.with_paths_from(folder)
        if isinstance(exam, NamedExam):
            paths = {name: getattr(exam, name) for name in ("path", "prompts")}
            return exam.model_copy(
                update={n: (folder / p).resolve() for n, p in paths.items() if p is not None}
            )
        return exam

    student = config.student
    changed: dict[str, object] = {}
    if (folder / student.model).is_dir():
        changed["model"] = str((folder / student.model).resolve())
    if student.adapter is not None:
        changed["adapter"] = str((folder / student.adapter).resolve())
    if student.serve is not None:
        changed["serve"] = student.serve.with_paths_from(folder)
    llms = {
        name: llm.with_paths_from(folder)
        for name, llm in (("instructor", config.instructor), ("writer", config.writer))
        if isinstance(llm, LlmSettings)
    }
    verify = config.verify
    if verify.solver is not None:
        verify = verify.model_copy(update={"solver": verify.solver.with_paths_from(folder)})
    return config.model_copy(
        update=llms
        | {
            "strategy": with_path_from(config.strategy, folder),
            "examples": config.examples.with_paths_from(folder),
            "exam": tuple(moved(exam) for exam in config.exam),
            "out_of_domain": tuple(
                exam if isinstance(exam, TwistedExam) else moved(exam)
                for exam in config.out_of_domain
            ),
            "guard": tuple(moved(exam) for exam in config.guard),
            "student": student.model_copy(update=changed),
            "training": config.training.model_copy(
                update={"objective": with_path_from(config.training.objective, folder)}
            ),
            "verify": verify,
            "audition": config.audition.with_paths_from(folder),
        }
    )
