"""Direct coverage optimization: what counts is that one of N answers is right, pass@N.

The loss is -log(1 - (1 - p)^N), p the probability of a whole answer: what the student will say once
in N answers anyway is not pressed further, and it stays unsure enough to say something else.
(Chen et al. 2025, Rethinking fine-tuning when scaling test-time compute, arXiv 2502.07154.)
"""

from __future__ import annotations

import torch

from errata.training.objectives.sft import AnswersOnlyTrainer


class CoverageTrainer(AnswersOnlyTrainer):
    """The gradient of that loss is the plain one of each row, times a factor between 1 and 0."""

    def loss(self, losses: torch.Tensor, row: torch.Tensor) -> torch.Tensor:
        return factors(self.sums(losses.detach()), self.options.answers)[row] * losses


def factors(losses: torch.Tensor, answers: int) -> torch.Tensor:
    """N (1 - p)^(N - 1) p / (1 - (1 - p)^N), of answers of probability p = exp(-loss). (batch,)"""
    p = torch.exp(-losses).clamp(1e-30, 1 - 1e-6)
    fails = torch.log1p(-p)  # log of the probability that one answer is another
    return answers * torch.exp((answers - 1) * fails) * p / -torch.expm1(answers * fails)
