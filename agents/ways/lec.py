"""Learning from Error by Contrast: each mistake is shown beside the nearest correct answers.

Section 3 of LLMs-as-Instructors (arXiv 2407.00497).
"""

from __future__ import annotations

from errata.agents.ways.le import LearningFromError


class LearningFromErrorByContrast(LearningFromError):
    """What it is trained on is chosen as under Learning from Error."""

    contrasts = True
