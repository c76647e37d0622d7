"""Further machines, joined by Ray: students that answer there, and trainings there."""

from errata.agents.cluster.connection import connect
from errata.agents.cluster.settings import ClusterSettings
from errata.agents.cluster.student import RayStudent
from errata.agents.cluster.trainer import RayTrainer

__all__ = ["ClusterSettings", "RayStudent", "RayTrainer", "connect"]
