"""Which machines there are, and what a student or a trainer takes of one."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, field_validator

from errata.agents.records import Record


class ClusterSettings(Record):
    """Further machines, joined by Ray, that answer and train (docs/cluster.md)."""

    address: str = Field(default="auto", min_length=1)
    """`auto`, the cluster that runs on this machine, or the one that RAY_ADDRESS names; `local`, a
    new one of this machine alone, which ends with the run; or `ray://HOST:10001`."""
    students: int = Field(default=1, ge=1)
    """Students that answer at the same time; each holds the weights."""
    student: Mapping[str, float] = Field(default_factory=lambda: {"CPU": 1})
    """What one of them takes of a node: `CPU`, `GPU`, `memory` in bytes, or resources by the names
    that you gave them. `CPU` is 1 where not said, and on a CPU as many threads compute."""
    trainers: int = Field(default=1, ge=1)
    """Processes that share a training: in each step they see together `batch` times `accumulate`
    times `trainers` examples."""
    trainer: Mapping[str, float] = Field(default_factory=lambda: {"CPU": 1})
    """What one of them takes of a node, as `student`."""
    wait_s: float = Field(default=600, gt=0)
    """Seconds to wait for a node with room for a student, or for all trainers; then the step fails
    and the run can be resumed."""
    mixed: bool = False
    """Take nodes that compute in different ways (another GPU, other instructions, another number
    format), though an answer then depends on who gave it. Else they are refused."""

    @field_validator("student", "trainer")
    @classmethod
    def amounts_are_positive(cls, wanted: Mapping[str, float]) -> Mapping[str, float]:
        for name, amount in wanted.items():
            if amount <= 0:
                raise ValueError(f"{amount:g} of {name} is nothing; say more, or take it out")
            if name == "GPU" and amount > 1 and amount != int(amount):
                raise ValueError(f"{amount:g} of GPU: say a part of one, or whole ones")
        return wanted
