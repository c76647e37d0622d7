"""A frozen value that crosses a boundary."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen value that crosses a boundary: disk, process or LLM."""

    model_config = ConfigDict(frozen=True, extra="forbid")
