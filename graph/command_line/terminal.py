"""The terminal around a command: what is printed where, and what Ctrl-C and SIGTERM do."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import typer

if TYPE_CHECKING:  # nothing heavy before a command is known: --help answers at once
    from rich.console import Console

    from errata.agents.records import Record
    from errata.graph.views.printer import Printer
    from errata.graph.watcher import Watcher


R = TypeVar("R", bound="Record")
P = ParamSpec("P")


@contextmanager
def tracing_told(watcher: Watcher, wanted: bool) -> Iterator[None]:
    """Work that LangSmith may watch, which is said; or that it may not, unless `wanted`."""
    from errata.agents.chat_models.tracing import tracing_target, without_tracing

    with nullcontext() if wanted else without_tracing():
        if host := tracing_target():
            watcher.say(
                f"tracing is on: questions, answers and prompts go to {host}; --no-tracing "
                "keeps them here"
            )
        yield


@contextmanager
def working(
    run: Path | None = None, to_stderr: bool = False, again: bool = False
) -> Iterator[Watcher]:
    """Progress bars; Ctrl-C, or a scheduler's SIGTERM, says how to go on.

    Args:
        again: The same command goes on.
    """
    from errata.graph.views.progress import TerminalWatcher

    def stop(number: int, frame: object) -> None:
        raise Stopped

    before = signal.signal(signal.SIGTERM, stop)
    try:
        with TerminalWatcher(console(to_stderr)) as watcher:
            yield watcher
    except KeyboardInterrupt as stopped:
        begun = run is not None and (run / "config.json").exists()
        hint = f"; `errata resume {run.name}` goes on where it was" if run and begun else ""
        hint = "; the same command goes on where it was" if again else hint
        print_error(f"stopped{hint}")
        raise typer.Exit(143 if isinstance(stopped, Stopped) else 130) from None
    finally:
        signal.signal(signal.SIGTERM, before)


class Stopped(KeyboardInterrupt):
    """SIGTERM: the end of a batch job, or of a container."""


def tell(
    found: R,
    as_json: bool,
    screen: Callable[Concatenate[R, Console, P], None],
    *more: P.args,
    **named: P.kwargs,
) -> None:
    """What a command found: one JSON object, or a screen, which may take `more`."""
    if as_json:
        print(found.model_dump_json(indent=2))
    else:
        screen(found, console(), *more, **named)


def console(to_stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(highlight=False, stderr=to_stderr)


def printer(to_stderr: bool = False) -> Printer:
    from errata.graph.views.printer import Printer

    return Printer(console(to_stderr))


def print_error(sentence: str) -> None:
    """One line on standard error. What an exam, a model or a file name put into it stays text."""
    printer(to_stderr=True).unwrapped(" ".join(f"errata: {sentence}".split()))
