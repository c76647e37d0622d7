"""The door to `errata.training`: the student and the trainer in child processes here."""

from errata.agents.weights.here import check_here, check_quantize
from errata.agents.weights.models import check_model
from errata.agents.weights.student import LocalStudent
from errata.agents.weights.trainer import LocalTrainer

__all__ = ["LocalStudent", "LocalTrainer", "check_here", "check_model", "check_quantize"]
