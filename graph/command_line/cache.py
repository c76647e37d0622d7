"""errata cache: the replies of LLMs, shown or forgotten."""

import json
from contextlib import closing
from typing import Annotated

import typer

from errata.graph.command_line.options import Json
from errata.graph.command_line.terminal import console


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Forget the replies.")] = False,
    older_than: Annotated[
        str | None,
        typer.Option(metavar="AGE", help="With --clear: only those, such as 30d or 12h."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show or clear the cache of LLM replies."""
    from errata.agents.chat_models.cache import ReplyCache, replies_path
    from errata.graph.views.costs import print_cache

    with closing(ReplyCache(replies_path())) as replies:
        if clear:
            replies.clear(0 if older_than is None else seconds(older_than))
        elif older_than is not None:
            raise typer.BadParameter("goes with --clear", param_hint="--older-than")
        if as_json:
            models = [found.model_dump() for found in replies.contents()]
            print(json.dumps({"path": str(replies.path), "models": models}, indent=2))
        else:
            print_cache(replies, console())


def seconds(age: str) -> float:
    """Of `12h`, `30d` or `8w`."""
    number, unit = age[:-1], age[-1:]
    if not number.isdecimal() or unit not in "hdw":
        raise typer.BadParameter(f"{age!r} is no age such as 12h, 30d or 8w")
    return int(number) * {"h": 3600, "d": 86_400, "w": 604_800}[unit]
