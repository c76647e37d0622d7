"""The objectives by name: the options of each, the rows that it wants and its learning rate."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, Tag, ValidationError

from errata.training.own_code import OWN_OR_NAMED, OwnCode
from errata.training.record import Record

ObjectiveName = Annotated[
    Annotated[Literal["sft", "dpo", "masked", "dft", "coverage"], Tag("named")]
    | Annotated[OwnCode, Tag("own")],
    OWN_OR_NAMED,
]
AdapterName = Literal["lora", "dora", "pissa", "corda"]
Wants = Literal["completions", "pairs"]
"""Of a training's rows: a completion each, or a completion and a worse one."""


class Refused(ValueError):
    """A training that cannot be: its rows, its adapter or both do not fit what is asked."""


class NoOptions(Record):
    """Options of `sft`, `dft` and an objective of one's own: there are none."""

    wants: ClassVar[Wants] = "completions"
    learning_rate: ClassVar[float] = 1e-3
    """Where the configuration says none."""


class DpoOptions(NoOptions):
    """Options of `dpo`."""

    wants: ClassVar[Wants] = "pairs"
    learning_rate: ClassVar[float] = 1e-4

    beta: float = Field(default=0.1, gt=0)
    """How soon a margin is large enough; the less, the further the student goes from its start."""
    nll: float = Field(default=0.2, ge=0)
    """Weight of the loss on the better side alone, which keeps it from becoming less likely."""


class MaskedOptions(NoOptions):
    """Options of `masked`."""

    share: float = Field(default=0.2, gt=0, lt=1)
    """Of the answers' tokens that are replaced in what the student reads, at its highest."""
    rise: float = Field(default=0.66, gt=0, le=1)
    """Share of the steps over which `share` is reached, from 0."""


class CoverageOptions(NoOptions):
    """Options of `coverage`."""

    answers: int = Field(default=8, ge=2)
    """The N of the pass@N that is to become high."""


Options = DpoOptions | MaskedOptions | CoverageOptions | NoOptions

OBJECTIVES: dict[str, type[NoOptions]] = {
    "sft": NoOptions,
    "dpo": DpoOptions,
    "masked": MaskedOptions,
    "dft": NoOptions,
    "coverage": CoverageOptions,
}


def read_options(objective: str, given: Mapping[str, object]) -> NoOptions:
    """Raises: ValueError: in one sentence, with the option and the remedy."""
    model = OBJECTIVES.get(objective, NoOptions)
    try:
        return model.model_validate(given)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        name = ".".join(map(str, problem["loc"]))
        if problem["type"] != "extra_forbidden":
            said = f"{name} of {objective}: {problem['msg']} (it is {problem['input']!r})"
            raise ValueError(said) from None
        known = list(model.model_fields)
        near = difflib.get_close_matches(name, known, n=1) or known
        hint = f"did you mean {near[0]!r}?" if near else "take it out"
        raise ValueError(f"{objective} has no option {name!r}; {hint}") from None
