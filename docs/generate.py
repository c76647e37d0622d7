"""Writes the parts of docs/*.md that are taken from the code.

    python docs/generate.py

They stand between `<!-- generated: NAME -->` and `<!-- end -->`: the tree of modules, the keys of a
configuration, and the records in a run folder, each with the string that stands under it in the
code; the commands and their exit codes. A test checks that they are up to date.
"""

from __future__ import annotations

import ast
import inspect
import re
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import typer
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from errata.agents.chat_models.ledger import Entry
from errata.agents.engine import Engine
from errata.agents.exams.corrections import Corrected
from errata.agents.marking.judged import JudgedCall
from errata.agents.planner import Plan
from errata.agents.promotion import Promotion
from errata.agents.records import (
    Attempt,
    DiagnosisLine,
    Example,
    Mistake,
    Picked,
    Question,
    RefusalLine,
    Review,
    Row,
    Unusable,
)
from errata.agents.trainer import Trained
from errata.agents.verifier import Vote
from errata.graph.asks import Asked
from errata.graph.cli import EXIT_CODES, NO_JSON, app
from errata.graph.comparing.auditioned import Audition
from errata.graph.comparing.comparison import Comparison
from errata.graph.comparing.flips import Flips
from errata.graph.config import RunConfig
from errata.graph.costs import Estimate
from errata.graph.judging import JudgesReport
from errata.graph.manifest import FinishedFile, Seal
from errata.graph.page.looks import Look
from errata.graph.provenance import Provenance
from errata.graph.readings import Readings
from errata.graph.report import Report
from errata.graph.run_folder import NotCountedQuestion, StepTime
from errata.training.jobs import Machine

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

RECORDS: dict[str, type[BaseModel]] = {
    "config.json": Provenance,
    "manifest.jsonl": FinishedFile,
    "seal.json": Seal,
    "estimate.json": Estimate,
    "exam/*.jsonl": Question,
    "round-*/plan.json": Plan,
    "round-*/mistakes.jsonl": Mistake,
    "round-*/contrasts.jsonl": Mistake,
    "round-*/diagnoses.jsonl": DiagnosisLine,
    "round-*/picked.jsonl": Picked,
    "round-*/solutions.jsonl": Example,
    "round-*/left-out.jsonl": Unusable,
    "round-*/asks.jsonl": Asked,
    "round-*/votes.jsonl": Vote,
    "round-*/examples.jsonl": Example,
    "round-*/refusals.jsonl": RefusalLine,
    "round-*/rehearsed.jsonl": Attempt,
    "round-*/shaped.jsonl": Unusable,
    "round-*/proposed.jsonl": Row,
    "round-*/review.json": Review,
    "round-*/review-votes.jsonl": Vote,
    "round-*/training.jsonl": Row,
    "round-*/trained.json": Trained,
    "round-*/dev.jsonl": Attempt,
    "round-*/practice.jsonl": Attempt,
    "round-*/guard.jsonl": Attempt,
    "round-*/promotion.json": Promotion,
    "final/readings.json": Readings,
    "final/*.jsonl": Attempt,
    "corrected.jsonl": Corrected,
    "not-counted.jsonl": NotCountedQuestion,
    "calibration.json": JudgesReport,
    "judged.jsonl": JudgedCall,
    "steps.jsonl": StepTime,
    "machines.jsonl": Machine,
    "engine.json": Engine,
    "costs.jsonl": Entry,
    "looks.jsonl": Look,
    "report.json": Report,
}
"""File of a run, as a pattern → what each of its lines, or its one object, is."""


def renewed(text: str) -> str:
    """The text of a page with its generated parts made anew."""
    makers = {
        "tree": tree,
        "configuration": configuration,
        "files": files,
        "records": records,
        "commands": commands,
        "exit_codes": exit_codes,
        "auditions": lambda: fields_of(
            model for model in models_in(Audition) if model not in models_in(Comparison)
        ),
        "comparisons": lambda: fields_of([*models_in(Comparison), *models_in(Flips)]),
    }
    return BLOCK.sub(lambda found: f"{found[1]}\n{makers[found[2]]()}\n{found[3]}", text)


def tree() -> str:
    """A line for each module, under its folder: the first sentence of its docstring."""
    lines: list[str] = []
    for top in ("graph", "agents", "training"):
        folders = {path.parent for path in (ROOT / top).rglob("*.py")}
        for folder in sorted(folders):
            init = folder / "__init__.py"
            lines += ["", f"**`{folder.relative_to(ROOT)}/`** {first_sentence(init)}".rstrip(), ""]
            for path in sorted(folder.iterdir()):
                if path.suffix == ".py" and path != init:
                    lines.append(f"- `{path.relative_to(ROOT)}`: {first_sentence(path)}")
                elif path.suffix == ".md":
                    lines.append(f"- `{path.relative_to(ROOT)}`: What an LLM is told.")
    return "\n".join(lines[1:]) + "\n"


def first_sentence(module: Path) -> str:
    """Of the string with which a module begins, if it does."""
    before, _, doc = module.read_text(encoding="utf-8").partition('"""')
    return "" if before else " ".join(doc.partition('"""')[0].partition("\n\n")[0].split())


# The configuration.


def configuration() -> str:
    """A section for each table of a configuration, a table of its keys in each."""
    tables = [section("The top of the file", [RunConfig])]
    seen: set[type[BaseModel]] = set()
    for name, field in RunConfig.model_fields.items():
        models = [model for model in models_in(field.annotation) if model not in seen]
        seen.update(models)
        like = {"out_of_domain": "exam", "guard": "exam", "writer": "instructor"}.get(name)
        if like:
            title = f"`[{name}]`\n\n{strings(RunConfig)[name]}\n\nKeys as `[{like}]`"
            own = section(f"{title}, or:", models) if models else f"## {title}.\n"
            tables.append(own)
        elif models:
            tables.append(section(f"`[{name}]`", models))
    return "\n".join(tables)


def section(title: str, models: list[type[BaseModel]]) -> str:
    parts = [f"## {title}\n"]
    for model in models:
        if model is not RunConfig:
            parts.append(f"{first_line(model)}\n")
        parts.append("| key | value | default | |\n| --- | --- | --- | --- |")
        said = strings(model)
        parts += [
            row(
                f"`{field.serialization_alias or name}`",
                value_of(field),
                default_of(field),
                said.get(name, about(field)),
            )
            for name, field in model.model_fields.items()
        ]
        parts.append("")
    return "\n".join(parts)


def about(field: FieldInfo) -> str:
    """Of a field without a string: what the table that it holds is."""
    [model] = models_in(field.annotation)[:1] or [BaseModel]
    return first_line(model) if model is not BaseModel else ""


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The records that an annotation names, and those that their fields name, in their order."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        inner = [m for f in annotation.model_fields.values() for m in models_in(f.annotation)]
        return list(dict.fromkeys([annotation, *inner]))
    return list(dict.fromkeys(m for arg in typing.get_args(annotation) for m in models_in(arg)))


def value_of(field: FieldInfo) -> str:
    limits = {Ge: "≥", Gt: ">", Le: "≤", Lt: "<"}
    bounds = [
        f"{limits[type(limit)]} {next(iter(vars_of(limit)))}"
        for limit in field.metadata
        if type(limit) in limits
    ]
    return ", ".join([kind(field.annotation), *bounds])


def vars_of(limit: Any) -> Iterator[Any]:
    return (getattr(limit, name) for name in ("ge", "gt", "le", "lt") if hasattr(limit, name))


def kind(annotation: Any) -> str:
    """A type in the words of TOML."""
    simple = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    if annotation in simple:
        return simple[annotation]
    if annotation is Path:
        return "path"
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if models_in(annotation):
        return "table, or several" if origin is tuple else "table"
    if origin is typing.Annotated:
        return kind(args[0])
    if origin is typing.Literal:
        return ", ".join(f"`{arg}`" for arg in args)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(kind(arg) for arg in args if arg is not types.NoneType)
    if origin is tuple:
        return f"list of {kind(args[0])}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"table: {kind(args[0])} → {kind(args[1])}"
    raise TypeError(f"no word for {annotation}: give `kind` one")


def default_of(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    if default is PydanticUndefined:
        return "required"
    if default is None or default == () or default == {}:
        return "not set"
    if isinstance(default, BaseModel):
        return "see below"
    if isinstance(default, bool):
        return f"`{default}`".lower()
    if isinstance(default, tuple):
        return f"`{list(default)}`"
    return f"`{default}`"


# The run folder.


def files() -> str:
    """What each file of a run holds."""
    lines = ["| file | holds |", "| --- | --- |"]
    for pattern, model in RECORDS.items():
        one = "one" if pattern.endswith(".json") else "a line each:"
        lines.append(row(f"`{pattern}`", f"{one} [`{model.__name__}`](#{model.__name__.lower()})"))
    return "\n".join(lines) + "\n"


def records() -> str:
    """A table of fields for each record that a file of a run holds."""
    known: list[type[BaseModel]] = []
    for model in RECORDS.values():
        wanted = [model] if model is Provenance else models_in(model)
        known += [found for found in wanted if found not in known]
    return fields_of(sorted(known, key=lambda model: model.__name__))


def fields_of(models: Iterable[type[BaseModel]]) -> str:
    """A table of fields for each record."""
    parts = []
    for model in dict.fromkeys(models):
        parts += [f"### {model.__name__}\n", f"{first_line(model)}\n"]
        parts.append("| field | type | |\n| --- | --- | --- |")
        written, said = types_of(model), strings(model)
        for name in model.model_fields:
            parts.append(row(f"`{name}`", f"`{written[name]}`", said.get(name, "")))
        parts.append("")
    return "\n".join(parts)


# The command line.


def commands() -> str:
    """A line for each command: what it does, and whether it prints JSON."""
    group: Any = typer.main.get_command(app)
    lines = ["| command | does | `--json` |", "| --- | --- | --- |"]
    for name, command in group.commands.items():
        does = command.help.partition("\n\n")[0]
        lines.append(row(f"`{name}`", does, f"no: {NO_JSON[name]}" if name in NO_JSON else "yes"))
    return "\n".join(lines) + "\n"


def exit_codes() -> str:
    lines = ["| code | says |", "| --- | --- |"]
    return "\n".join([*lines, *(row(f"{code}", says) for code, says in EXIT_CODES.items())]) + "\n"


# What stands in the code.


def row(*cells: str) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def first_line(model: type[BaseModel]) -> str:
    return " ".join((model.__dict__.get("__doc__") or "").partition("\n\n")[0].split())


def strings(model: type[BaseModel]) -> dict[str, str]:
    """Field → the string under it."""
    return {name: said for name, (_, said) in written(model) if said}


def types_of(model: type[BaseModel]) -> dict[str, str]:
    """Field → its type, as the code writes it."""
    return {name: of for name, (of, _) in written(model)}


def written(model: type[BaseModel]) -> Iterator[tuple[str, tuple[str, str]]]:
    """(field, (type, string)) of a record's class and of those that it comes from, these first."""
    for each in reversed(model.__mro__):
        if issubclass(each, BaseModel) and each.__module__.startswith("errata."):
            yield from fields_in(Path(inspect.getfile(each)))[each.__name__].items()


@cache
def fields_in(module: Path) -> dict[str, dict[str, tuple[str, str]]]:
    """Class → field → its type, and the string under it or none.

    (`inspect.getsource` would parse the module anew for each class in it.)
    """
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for definition in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(definition, ast.ClassDef):
            fields = found[definition.name] = {}
            for field, below in pairwise([*definition.body, ast.Pass()]):
                if isinstance(field, ast.AnnAssign):
                    said = ast.literal_eval(below.value) if isinstance(below, ast.Expr) else ""
                    fields[ast.unparse(field.target)] = (ast.unparse(field.annotation), said)
    return found


def main() -> None:
    for page in sorted((ROOT / "docs").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        page.write_text(renewed(text), encoding="utf-8")


if __name__ == "__main__":
    main()
