"""errata probe: practice questions at the edge of what a student can."""

from pathlib import Path
from typing import Annotated

import typer

from errata.graph.command_line.options import Config, Json
from errata.graph.command_line.terminal import tell, working


def probe(
    config: Config,
    out: Annotated[Path, typer.Option(help="Practice questions at the edge go here (JSON lines).")],
    adapter: Annotated[
        str | None, typer.Option(help="LoRA adapter, in place of the configuration's.")
    ] = None,
    per_rung: Annotated[int, typer.Option(min=2, help="Questions of each difficulty.")] = 12,
    as_json: Json = False,
) -> None:
    """Make practice questions harder until CONFIG's student fails."""
    from errata.graph.commands.probe import probe as probe_student
    from errata.graph.config import load_config
    from errata.graph.views.probe import print_probe

    settings = load_config(config)
    if adapter is not None:
        changed = settings.student.model_copy(update={"adapter": adapter})
        settings = settings.model_copy(update={"student": changed})
    with working(to_stderr=as_json) as watcher:
        found = probe_student(settings, out, watcher, per_rung)
    tell(found, as_json, print_probe, str(out))
