"""docs/architecture.md is the house as it stands: who imports whom, and what each file is."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

from errata.graph.cli import app

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
FLOORS = ("graph", "agents", "training")
HEAVY = {"torch", "transformers", "peft", "trl", "accelerate"}


def modules() -> list[Path]:
    return sorted(path.relative_to(ROOT) for top in FLOORS for path in (ROOT / top).rglob("*.py"))


@cache
def imports(module: Path) -> tuple[str, ...]:
    """Full names of what a module imports, in functions and under TYPE_CHECKING too; its own
    package spelled out."""
    found: list[str] = []
    nodes: list[ast.AST] = [ast.parse((ROOT / module).read_text(encoding="utf-8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            found += (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports by dots; write the whole name"
            found += (f"{node.module}.{name.name}" for name in node.names)
        elif not isinstance(node, ast.expr):
            nodes.extend(ast.iter_child_nodes(node))
    return tuple(found)


def ours(name: str) -> Path | None:
    """The file behind an imported name of errata's: a module, or a package's `__init__`."""
    parts = name.split(".")
    if parts[0] != "errata" or len(parts) == 1:
        return None
    for end in (len(parts), len(parts) - 1):
        path = Path(*parts[1:end])
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if end > 1 and (ROOT / file).is_file():
                return file
    raise AssertionError(f"there is no {name}")


@cache
def targets(module: Path) -> frozenset[Path]:
    found = {ours(name) for name in imports(module)}
    return frozenset(found - {None, module})  # type: ignore[arg-type]


def drawing() -> tuple[dict[str, str], set[tuple[str, str]]]:
    """Path → its box in the picture; and the arrows between boxes, without the dotted ones."""
    lines = PAGE.read_text().partition("```mermaid\n")[2].partition("\n```")[0].splitlines()
    boxes: dict[str, str] = {}
    arrows: set[tuple[str, str]] = set()
    for line in lines:
        if found := re.fullmatch(r'\s*(\w+)\["(.+)"\]', line):
            for path in found[2].split("<br>"):
                assert (ROOT / path).exists(), f"{path} is drawn and is not there"
                boxes[path.rstrip("/")] = found[1]
        elif " --> " in line:
            sources, _, ends = line.strip().rstrip(";").partition(" --> ")
            arrows |= {(a, b) for a in sources.split(" & ") for b in ends.split(" & ")}
    return boxes, arrows


def test_the_picture_shows_each_import_between_folders_and_no_other() -> None:
    """To mend it: change an import, or an arrow of docs/architecture.md."""
    boxes, drawn = drawing()

    def box_of(module: Path) -> str:
        box = boxes.get(str(module), boxes.get(str(module.parent)))
        assert box, f"{module.parent}/ has no box in docs/architecture.md: draw one"
        return box

    there: dict[tuple[str, str], str] = {}
    for module in modules():
        for target in targets(module):
            if box_of(module) != box_of(target):
                there[box_of(module), box_of(target)] = f"{module} imports {target}"
    assert {arrow: why for arrow, why in there.items() if arrow not in drawn} == {}
    assert drawn - set(there) == set(), "drawn, and imported nowhere"


def test_the_picture_has_no_circle() -> None:
    _, drawn = drawing()
    while ends := {a for a, _ in drawn} - {b for _, b in drawn}:
        drawn = {(a, b) for a, b in drawn if a not in ends}
    assert drawn == set()


def test_the_floors_are_joined_by_arrows_downwards_only() -> None:
    for module in modules():
        above = FLOORS[: FLOORS.index(module.parts[0])]
        up = [str(target) for target in targets(module) if target.parts[0] in above]
        assert up == [], module


def test_no_import_leads_back_to_where_it_came_from() -> None:
    """Those inside functions and under TYPE_CHECKING counted too: a circle hides there as well."""
    done: set[Path] = set()

    def walk(module: Path, way: tuple[Path, ...]) -> None:
        assert module not in way, f"a circle: {' → '.join(map(str, (*way, module)))}"
        if module not in done:
            for target in targets(module):
                walk(target, (*way, module))
            done.add(module)

    for module in modules():
        walk(module, ())


def test_whoever_starts_children_never_loads_what_weights_need() -> None:
    @cache
    def heavy(module: Path) -> bool:
        named = {name.split(".")[0] for name in imports(module)}
        return bool(named & HEAVY) or any(heavy(target) for target in targets(module))

    assert heavy(Path("training/train.py"))
    assert [str(m) for m in modules() if m.parts[0] != "training" and heavy(m)] == []


def test_no_annotation_of_a_command_is_a_string() -> None:
    """typer would compile each of them twice whenever errata starts."""
    commands = [command.callback for command in app.registered_commands]
    assert len(commands) > 10
    for command in commands:
        assert command is not None
        assert str not in map(type, command.__annotations__.values()), command


def test_screens_are_imported_by_screens_and_the_command_line_only() -> None:
    views = {module for module in modules() if module.parts[:2] == ("graph", "views")}
    importers = {str(module) for module in modules() if module not in views}
    importers = {name for name in importers if targets(Path(name)) & views}
    assert {Path(name).parent for name in importers} == {Path("graph/command_line")}


def test_the_tree_has_exactly_one_line_for_each_module() -> None:
    named = re.findall(r"^- `(\S+\.py)`: \S", PAGE.read_text(), re.MULTILINE)
    assert sorted(named) == [str(module) for module in modules() if module.name != "__init__.py"]


def test_every_package_is_installed() -> None:
    there = {str(path.parent) for path in modules()}
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert set(told["packages"]) == {f"errata.{path.replace('/', '.')}" for path in there}
    assert told["package-dir"] == {f"errata.{path.replace('/', '.')}": path for path in there}
