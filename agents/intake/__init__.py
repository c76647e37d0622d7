"""From a person's own file to an exam: what it holds, how it is answered, how it is divided."""

from errata.agents.intake.findings import Finding, Undecided
from errata.agents.intake.looking import Looked, Wishes, look
from errata.agents.intake.reading import Source, read_source

__all__ = ["Finding", "Looked", "Source", "Undecided", "Wishes", "look", "read_source"]
