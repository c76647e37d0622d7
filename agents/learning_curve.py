"""A learning curve: accuracy against the logarithm of the rows trained on, and what follows.

Fine-tuning of language models gains about the same accuracy with each doubling of the rows, until
the curve flattens: Yuan et al. 2023 (arXiv 2308.01825), section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from errata.agents.records import Record
from errata.agents.scores import Z95

TRAINING_NOISE = 0.02
"""Standard deviation of a model's accuracy over trainings that differ in their seed alone. An
assumption; fine-tuning on few rows scatters by points, see Dodge et al. 2020 (arXiv 2002.06305)."""
MOST_TIMES = 10
"""How many times the rows a forecast looks ahead; what lies beyond is not forecast."""

Reach = Literal["reached already", "within ten times", "not within ten times", "too uncertain"]


class Estimate(Record):
    """A number with its 95% interval."""

    value: float
    ci95: tuple[float, float]


@dataclass(frozen=True)
class LearningCurve:
    """The line through the accuracies of models that were asked the same questions.

    The interval is paired. What a line says of any number of rows is a weighted sum of the
    accuracies, so it is the mean over the questions of the same sum of each question's answers:
    its standard error is theirs. Against false certainty from few questions it is taken as if, for
    each model, half a question more had been right with it alone and half a one wrong with it
    alone (after Agresti & Min, Statistics in Medicine 24, 2005). To that comes the noise of each
    training and of the one that is forecast, `TRAINING_NOISE`, or more where the points lie
    further off the line than questions can explain.
    """

    rows: Sequence[int]
    """Trained on, fewest first."""
    right: NDArray[np.bool_]
    """(models, questions)"""

    def at(self, times: float) -> Estimate:
        """Accuracy of a model trained on so many times the most rows."""
        x = np.log2(self.rows)
        weights = 1 / len(x) + (x[-1] + np.log2(times) - x.mean()) * self.slope_weights()
        found = self.weighted(weights, trainings=1)
        low, high = np.clip(found.ci95, 0, 1)
        return Estimate(value=float(np.clip(found.value, 0, 1)), ci95=(float(low), float(high)))

    def doubling(self) -> Estimate:
        """What each doubling of the rows brings: accuracy, from -1 to 1."""
        return self.weighted(self.slope_weights(), trainings=0)

    def reaches(self, target: float) -> Reach:
        """Whether an accuracy is reached within ten times the rows."""
        if self.right[-1].mean() >= target:
            return "reached already"
        low, high = self.at(MOST_TIMES).ci95
        if high < target:
            return "not within ten times"
        return "within ten times" if low >= target else "too uncertain"

    def times_to(self, target: float) -> float | None:
        """How many times the rows the line needs to reach an accuracy; None beyond ten."""
        slope = self.doubling().value
        now = self.right.mean() + slope * (np.log2(self.rows)[-1] - np.log2(self.rows).mean())
        if slope <= 0 or (target - now) / slope > np.log2(MOST_TIMES):
            return None
        return float(max(1.0, 2 ** ((target - now) / slope)))

    def slope_weights(self) -> NDArray[np.float64]:
        x = np.log2(self.rows)
        weights: NDArray[np.float64] = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
        return weights

    def weighted(self, weights: NDArray[np.float64], trainings: int) -> Estimate:
        """The mean over the questions of the weighted answers.

        Args:
            trainings: Further ones whose noise is in what is forecast.
        """
        each = weights @ self.right  # (questions,)
        noise = self.training_variance() * ((weights**2).sum() + trainings)
        added = np.concatenate([weights, weights.sum() - weights])  # (2 models,)
        seen = np.concatenate([each, added])
        shares = np.repeat([1.0, 0.5], [len(each), len(added)])
        variance = np.average((seen - np.average(seen, weights=shares)) ** 2, weights=shares)
        spread = Z95 * float(np.sqrt(variance / len(each) + noise))
        value = float(each.mean())
        return Estimate(value=value, ci95=(value - spread, value + spread))

    def training_variance(self) -> float:
        """Of each model's accuracy round the line: what the questions do not explain."""
        models = len(self.rows)
        x = np.log2(self.rows)
        on_line = 1 / models + np.outer(x - x.mean(), self.slope_weights())
        off = (np.eye(models) - on_line) @ self.right  # (models, questions)
        explained = off.var(axis=1, ddof=1).sum() / off.shape[1]
        unexplained = ((off.mean(axis=1) ** 2).sum() - explained) / (models - 2)
        return max(TRAINING_NOISE**2, float(unexplained))
