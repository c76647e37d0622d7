"""errata demo: the bundled model on the built-in exam."""

from typing import Annotated

import typer

from errata.graph.command_line.options import HERE, Json, NoCache, NoTracing, Runs
from errata.graph.command_line.running import start


def demo(
    runs: Runs = HERE,
    name: Annotated[str | None, typer.Option(help="Name of the run's folder.")] = None,
    no_cache: NoCache = False,
    no_tracing: NoTracing = False,
    as_json: Json = False,
) -> None:
    """Improve the bundled model on the built-in arithmetic exam.

    No GPU, no key, no network.
    """
    from errata.graph.demo import demo_config

    start(demo_config(), runs, name, not no_cache, not no_tracing, as_json)
