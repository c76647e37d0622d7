"""An objective of the user's own: what the training minimizes, made of the loss of each token."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Protocol

import torch

from errata.training.objectives.sft import AnswersOnlyTrainer
from errata.training.options import Refused


class Objective(Protocol):
    """It learns from rows without a `rejected` side, and has no options."""

    @abstractmethod
    def loss(self, losses: torch.Tensor, row: torch.Tensor) -> torch.Tensor:
        """Of each token of the answers; their mean over a step is minimized. (answers,)

        Args:
            losses: The cross-entropy of each of them, -log p, in nats. (answers,)
            row: Which row of the batch each of them is in; the rows follow each other. (answers,)
        """
        ...


class OwnTrainer(AnswersOnlyTrainer):
    def __init__(self, *args: Any, objective: Objective, name: str, **kwargs: Any) -> None:
        """`name`: of the objective, for the message of a refusal."""
        super().__init__(*args, **kwargs)
        self.objective: Objective = objective
        self.name = name

    def loss(self, losses: torch.Tensor, row: torch.Tensor) -> torch.Tensor:
        found = self.objective.loss(losses, row)
        if not isinstance(found, torch.Tensor) or found.shape != losses.shape:
            gave = list(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
            raise Refused(
                f"{self.name}: its loss gave {gave} for {len(losses)} tokens; return a tensor with "
                "the loss of each token, without its sum or mean"
            )
        if not found.requires_grad:
            raise Refused(
                f"{self.name}: its loss has no gradient; make it of `losses`, and detach only what "
                "weighs them"
            )
        return found
