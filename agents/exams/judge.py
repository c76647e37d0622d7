"""What a configuration says of an LLM that judges answers: `[exam.judge]`."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import Field, model_validator

from errata.agents.chat_models.settings import LlmSettings
from errata.agents.errors import ExamError
from errata.agents.records import JudgedAnswer

LONGEST_RUBRIC = 20_000
"""Characters: it goes with every answer that is judged."""


class JudgeSettings(LlmSettings):
    """An LLM that says which answers are right, with the keys of `[instructor]`.

    It is calibrated before it judges anything: its verdicts are compared with a person's.
    """

    rubric: Path
    """Text or Markdown file that says what makes an answer right."""
    labelled: Path | None = None
    """JSON lines that a person labelled, to calibrate the judge by: `prompt`, `response`, `right`
    (true or false) and, where there is a reference answer, `target`."""
    kappa_at_least: float = Field(default=0.6, ge=0, le=1)
    """Cohen's kappa between judge and person below which the judge is refused. Where it errs alike
    both ways, kappa is the share of a true gain that its verdicts still show."""
    calibrated: bool = True
    """False uses a judge that nobody has compared with a person; the report says so."""
    threshold: float | None = Field(default=None, gt=0, le=10)
    """The judge gives a score of 0 to 10, and an answer is right from this one on; where not said,
    it says right or wrong."""

    @model_validator(mode="after")
    def somebody_labelled(self) -> JudgeSettings:
        if self.calibrated and self.labelled is None:
            raise ValueError(
                "a judge is calibrated before it is believed: label 50 or more answers yourself "
                'and name the file as labelled = "labelled.jsonl" (docs/judging.md), or say '
                "calibrated = false and have the report repeat that nobody did"
            )
        return self

    @model_validator(mode="after")
    def one_prompt(self) -> JudgeSettings:
        for name in ("prompt", "preset"):
            if getattr(self, name) is not None:
                raise ValueError(f"{name} is not a judge's; take it out and write into the rubric")
        return self

    def with_paths_from(self, folder: Path) -> JudgeSettings:
        """The same, relative paths taken from `folder`."""
        moved = super().with_paths_from(folder)
        changed = {"rubric": (folder / self.rubric.expanduser()).resolve()}
        if self.labelled is not None:
            changed["labelled"] = (folder / self.labelled.expanduser()).resolve()
        return self.model_validate(moved.model_dump() | changed)

    @property
    def llm(self) -> LlmSettings:
        """The model alone, as another agent would name it."""
        return LlmSettings.model_validate(self.model_dump(include=set(LlmSettings.model_fields)))

    def read_rubric(self) -> str:
        """Raises: ExamError: It cannot be read, is empty or too long."""
        try:
            text = self.rubric.read_text(encoding="utf-8-sig").strip()
        except OSError as error:
            raise ExamError(
                f"the rubric {self.rubric} cannot be read ({error.strerror}): write there what "
                "makes an answer right"
            ) from None
        except UnicodeDecodeError:
            raise ExamError(
                f"the rubric {self.rubric} is not UTF-8 text: save it as that"
            ) from None
        if not text:
            raise ExamError(f"the rubric {self.rubric} is empty: write what makes an answer right")
        if len(text) > LONGEST_RUBRIC:
            raise ExamError(
                f"the rubric {self.rubric} has {len(text):,} characters and goes with every "
                f"answer: shorten it to {LONGEST_RUBRIC:,}"
            )
        return text

    @property
    def answer(self) -> JudgedAnswer:
        """How questions are answered that it judges.

        Raises:
            ExamError: As `read_rubric`.
        """
        digest = hashlib.sha256(self.read_rubric().encode()).hexdigest()
        return JudgedAnswer(model=self.model, rubric=digest, threshold=self.threshold)
