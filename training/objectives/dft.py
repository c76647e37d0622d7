"""Dynamic fine-tuning: each token's loss is weighted by the probability that it has already.

So what the student finds unlikely pulls less than in supervised fine-tuning, where the gradient of
an unlikely token is the largest. (Wu et al. 2025, arXiv 2508.05629.)
"""

from __future__ import annotations

import torch

from errata.training.objectives.sft import AnswersOnlyTrainer


class DynamicTrainer(AnswersOnlyTrainer):
    def loss(self, losses: torch.Tensor, row: torch.Tensor) -> torch.Tensor:
        return torch.exp(-losses.detach()) * losses
