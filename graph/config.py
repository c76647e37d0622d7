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
    Tag,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from errata.agents.chat_models import LlmSettings
from errata.agents.chat_models.ledger import Budget, Prices
from errata.agents.errors import ConfigError
from errata.agents.exams import ArithmeticExam, FileExam, NamedExam
from errata.agents.exams.files import FileSet
from errata.agents.exams.layouts import LAYOUTS
from errata.agents.records import Record, TrainingSettings
from errata.agents.student import StudentSettings
from errata.agents.ways import WAYS, Way


class Variations(Record):
    """The offline instructor and writer: no LLM."""

    model: Literal["variations"] = "variations"
    """Says so."""


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


OneOrMore = Annotated[
    tuple[ExamSettings, ...],
    BeforeValidator(lambda given: given if isinstance(given, list | tuple) else [given]),
]


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

    per_round: int = Field(default=300, ge=1)
    """New examples in a round, at most; of several exams each gets an equal part."""
    per_exam: Mapping[str, int] = Field(default_factory=dict)
    """Exam → new examples in a round, in place of its equal part."""
    per_mistake: int = Field(default=20, ge=1)
    """New examples for each diagnosed mistake, or question picked blindly, at most: a few mistakes
    do not fill a round."""

    def quotas(self, mistakes: Mapping[str, int]) -> dict[str, int]:
        """Exam → new examples to ask for, given its number of diagnosed mistakes."""
        equal = self.per_round // max(1, len(mistakes))
        return {
            exam: min(self.per_exam.get(exam, equal), self.per_mistake * count)
            for exam, count in mistakes.items()
        }


class StopSettings(Record):
    """When the loop ends, whichever comes first."""

    target_accuracy: float = Field(default=0.95, gt=0, le=1)
    """Share of right answers to the dev questions."""
    rounds: int = Field(default=3, ge=1)
    """Trainings, at most."""


class RunConfig(Record):
    """One run of the loop."""

    name: str = Field(default="run", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Names the run's folder."""
    strategy: Literal["sft", "augment", "sft+augment", "le", "lec", "le+lec"] = "lec"
    """The way to learn (docs/ways.md): the practice questions' own solutions, new questions blind
    to errors, or both; Learning from Error, Learning from Error by Contrast, or both."""
    seed: int = 0
    """Of the writing, and of what is picked blindly; the exam and the training have their own."""
    exam: OneOrMore = Field(min_length=1)
    """What is practised and sealed: one exam or several."""
    out_of_domain: OneOrMore = ()
    """Exams that the base and the best model are asked at the end; nothing is learnt from them."""
    student: StudentSettings = StudentSettings()
    instructor: InstructorSettings = Variations()
    writer: InstructorSettings | None = None
    """As `instructor` where not said."""
    contrast: ContrastSettings = ContrastSettings()
    examples: ExampleSettings = ExampleSettings()
    training: TrainingSettings = TrainingSettings()
    stop: StopSettings = StopSettings()
    budget: Budget = Budget()
    """What the LLMs may take."""
    review: bool = False
    """Pause before each training, so that a person can look at the examples."""

    @field_validator("instructor")
    @classmethod
    def the_paper_needs_mistakes(
        cls, instructor: InstructorSettings, others: ValidationInfo
    ) -> InstructorSettings:
        strategy = others.data.get("strategy", "lec")
        paper = isinstance(instructor, LlmSettings) and instructor.preset == "paper"
        if paper and "diagnose" not in WAYS[strategy].steps:
            raise ValueError(
                f"the preset analyses mistakes, and {strategy} looks at none; take it out"
            )
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

    @property
    def way(self) -> Way:
        """What `strategy` names."""
        return WAYS[self.strategy]

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
    config = parse_config(given, str(path))
    return with_paths_from(config, path.parent)


def parse_config(given: dict[str, Any], where: str) -> RunConfig:
    """Raises: ConfigError: with the place, the value and the remedy in one sentence."""
    try:
        return RunConfig.model_validate(given)
    except ValidationError as error:
        raise ConfigError(f"{where}: {first_problem(error, given)}") from None


def first_problem(error: ValidationError, given: dict[str, Any]) -> str:
    problem = error.errors(include_url=False)[0]
    tags = {"variations", "llm", "arithmetic", "named", "files"}
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
    secret = "key" in place[-1] or place[-1] == "base_url"  # a password may stand in an address
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
        "exam": [ArithmeticExam, NamedExam, FileExam],
        "out_of_domain": [ArithmeticExam, NamedExam, FileExam],
        "student": [StudentSettings],
        "instructor": [LlmSettings, Prices],
        "writer": [LlmSettings, Prices],
        "contrast": [ContrastSettings],
        "examples": [ExampleSettings],
        "training": [TrainingSettings],
        "stop": [StopSettings],
        "budget": [Budget],
    }
    found = models.get(str(loc[0]), [RunConfig]) if len(loc) > 1 else [RunConfig]
    return [name for model in found for name in model.model_fields]


def with_paths_from(config: RunConfig, folder: Path) -> RunConfig:
    """Relative exam files and model folders, taken from `folder`."""

    def moved(exam: ExamSettings) -> ExamSettings:
        if isinstance(exam, FileExam):
            sets = {name: getattr(exam, name) for name in ("practice", "dev", "test")}
            return exam.model_copy(
                update={
                    name: given.model_copy(update={"file": (folder / given.file).resolve()})
                    for name, given in sets.items()
                }
            )
        if isinstance(exam, NamedExam):
            paths = {name: getattr(exam, name) for name in ("path", "prompts")}
            return exam.model_copy(
                update={n: (folder / p).resolve() for n, p in paths.items() if p is not None}
            )
        return exam

    student = config.student
    changed = {}
    if (folder / student.model).is_dir():
        changed["model"] = str((folder / student.model).resolve())
    if student.adapter is not None:
        changed["adapter"] = str((folder / student.adapter).resolve())
    llms = {
        name: llm.with_paths_from(folder)
        for name, llm in (("instructor", config.instructor), ("writer", config.writer))
        if isinstance(llm, LlmSettings)
    }
    return config.model_copy(
        update=llms
        | {
            "exam": tuple(moved(exam) for exam in config.exam),
            "out_of_domain": tuple(moved(exam) for exam in config.out_of_domain),
            "student": student.model_copy(update=changed),
        }
    )
