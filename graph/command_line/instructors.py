"""errata instructors: what could teach here."""

import json
from dataclasses import asdict

from errata.graph.command_line.options import Json
from errata.graph.command_line.terminal import console


def instructors(as_json: Json = False) -> None:
    """List what could teach here, and what is missing for it."""
    from errata.graph.commands.instructors import available
    from errata.graph.views.instructors import print_available

    found = available()
    if as_json:
        print(json.dumps({"instructors": [asdict(each) for each in found]}, indent=2))
    else:
        print_available(found, console())
