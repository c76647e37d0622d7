"""errata runs: the runs here."""

import json

from errata.graph.command_line.options import HERE, Json, Runs
from errata.graph.command_line.terminal import console


def list_runs(runs: Runs = HERE, as_json: Json = False) -> None:
    """List the runs here: why each stopped, and what it gained."""
    from errata.graph.commands.runs import standing
    from errata.graph.run_folder import all_runs
    from errata.graph.views.runs import print_runs

    found = [standing(folder) for folder in all_runs(runs)]
    if as_json:
        print(json.dumps({"runs": [run.model_dump(mode="json") for run in found]}, indent=2))
    else:
        print_runs(found, console())
