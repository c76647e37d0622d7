"""Whether the files of a run hold together: each check takes nothing for granted and says what it
found.

Verdicts are marked again, decisions made again, figures built again; every example is followed
back to the mistake that it came from. docs/audit.md describes the checks for people.
"""

from errata.graph.audit.answers import check_attempts, check_not_counted, check_verdicts
from errata.graph.audit.evidence import Check, Finding, Run
from errata.graph.audit.figures import check_figures, check_promotions
from errata.graph.audit.lineage import check_adapters, check_lineage, check_rehearsals
from errata.graph.audit.questions import check_held_out, check_sets
from errata.graph.audit.seal import as_seal, check_readings, check_seal

CHECKS: tuple[Check, ...] = (
    check_not_counted,
    check_attempts,
    check_rehearsals,
    check_verdicts,
    check_promotions,
    check_sets,
    check_held_out,
    check_lineage,
    check_adapters,
    check_readings,
    check_figures,
)
"""All that can be asked of a run's records, in the order in which a person would."""

__all__ = ["CHECKS", "Check", "Finding", "Run", "as_seal", "check_seal"]
