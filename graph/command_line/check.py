"""errata check: all that a run needs, before it begins."""

from typing import Annotated

import typer

from errata.graph.command_line.options import HERE, Config, Json, NoTracing, Runs
from errata.graph.command_line.terminal import console, tracing_told, working


def check(
    config: Config,
    with_rehearsal: Annotated[
        bool,
        typer.Option(
            "--rehearse",
            help="Ask two practice questions, train on them, ask again: how long will a run take?",
        ),
    ] = False,
    runs: Runs = HERE,
    as_json: Json = False,
    no_tracing: NoTracing = False,
) -> None:
    """Look at all that a run of CONFIG needs, before it begins.

    The exams and the gain that they can show; GPUs, memory with its arithmetic, room on the disk,
    the command that launches a training; and the instructor, the writer and a solver, which are
    asked one small question each. The exit code is 2 where something would stop the run.
    """
    from errata.agents.exams.several import load_exams
    from errata.graph.agents import Given
    from errata.graph.commands.check import check as check_config
    from errata.graph.commands.check import sees
    from errata.graph.commands.machine import Asked, Checkup, look, machine_here, rehearse
    from errata.graph.config import load_config
    from errata.graph.views.check import print_looked, print_rehearsed
    from errata.graph.views.instructors import print_checked

    settings = load_config(config)
    rehearsed = None
    with (
        working(to_stderr=as_json) as watcher,
        tracing_told(watcher, not no_tracing and settings.tracing),
    ):
        exams = load_exams(settings.exam, settings.out_of_domain, guard=settings.guard)
        gain = sees(settings, exams)
        watcher.say(gain)
        looked = look(settings, exams, runs, machine_here())
        if not as_json:
            print_looked(looked, console())
        if with_rehearsal and not any(one.state == "problem" for one in looked):
            watcher.progress("rehearsing with two practice questions", 0, 0)
            rehearsed = rehearse(settings, exams, Given())
        found = check_config(settings)
    if as_json:
        agents = tuple(Asked(agent=a.agent, model=a.model, problem=a.problem) for a in found)
        told = Checkup(sees=gain, looked=tuple(looked), rehearsed=rehearsed, agents=agents)
        print(told.model_dump_json(indent=2))
    else:
        if rehearsed is not None:
            print_rehearsed(rehearsed, console())
        print_checked(found, console(), judged=bool(settings.judged_exams))
    if any(one.problem for one in found) or any(one.state == "problem" for one in looked):
        raise typer.Exit(2)
