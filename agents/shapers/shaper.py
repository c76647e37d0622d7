"""What a shaper decides: from rows, and what the student says to them, to better rows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from errata.agents.records import Attempt, Diagnosis, Example, Question, Row, Unusable
from errata.training.jobs import LoraSettings, Sampling


@dataclass(frozen=True)
class Rehearsed:
    """What is known of a round's rows before they are trained on."""

    examples: Mapping[str, Example]
    """By the `example_id` of a row."""
    attempts: Mapping[str, Sequence[Attempt]] = field(default_factory=dict)
    """What the best model says to an example before it learns from it, by the example's id; empty
    where no shaper asks for it."""
    diagnoses: Mapping[str, Diagnosis] = field(default_factory=dict)
    """Of the examples that were written against a mistake, by `Example.diagnosis_id`."""
    practised: Sequence[tuple[Question, Attempt]] = ()
    """The practice questions, each with the best model's answer."""
    earlier: frozenset[str] = frozenset()
    """Ids of the examples that an earlier round has trained on already."""


class Shaper(Protocol):
    """One step on the way from accepted examples to training rows; several follow each other."""

    sampling: Sampling | None = None
    """How it wants the student asked the examples beforehand; None: it needs no answers."""
    looks: bool = False
    """Whether it goes by the best model's answers to the practice questions."""
    makes_pairs: bool = False
    """Whether its rows have a `rejected` side: for objectives that compare."""

    @abstractmethod
    def shape(self, rows: Sequence[Row], rehearsed: Rehearsed, seed: int) -> list[Row | Unusable]:
        """The rows to go on with, and what was left out and why (`source_id`: the row's id).

        No completion that ends may be one that its marker calls wrong, and no `rejected` one that
        it calls right. The same arguments give the same rows.
        """
        ...


def check_objective(settings: LoraSettings, shapers: Mapping[str, Shaper]) -> None:
    """Whether the shapers of a configuration, by name, make the rows that its objective wants.

    Raises:
        ValueError: They do not; says what to change.
    """
    pairing = [name for name, shaper in shapers.items() if shaper.makes_pairs]
    if settings.options.wants == "pairs" and not pairing:
        raise ValueError(
            f"{settings.objective} learns from pairs, and examples.shape names no shaper that "
            "makes them; name one, or take another training.objective"
        )
    if settings.options.wants != "pairs" and pairing:
        raise ValueError(
            f"the shaper {pairing[0]} makes pairs, of which {settings.objective} would learn one "
            'side only; say training.objective = "dpo", or take the shaper out of examples.shape'
        )
