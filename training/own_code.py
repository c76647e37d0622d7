"""Code of the user's own that a configuration names: `python:FILE.py:NAME`, `python:MODULE:NAME`.

NAME is a class or a function, called without arguments, or the wanted thing itself. A module is
looked for in the working directory too.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Annotated, Any

from pydantic import Discriminator, Field
from typing_extensions import get_protocol_members

PREFIX = "python:"

PATTERN = r"^python:.+:\w+$"
OwnCode = Annotated[str, Field(pattern=PATTERN)]
"""As it stands in a configuration."""
OWN_OR_NAMED = Discriminator(lambda given: "own" if str(given).startswith(PREFIX) else "named")
"""Between `OwnCode` and the names of what is shipped, so that a wrong name is told of its own."""


class OwnCodeError(ValueError):
    """What is named cannot be had. The message is one sentence; the cause is the code's own."""


def is_own(name: str) -> bool:
    return re.fullmatch(PATTERN, name) is not None


def with_path_from(name: str, folder: Path) -> str:
    """The same, its file taken from `folder`; other names as they are."""
    if not is_own(name):
        return name
    place, attribute = parts_of(name)
    is_file = place.endswith(".py")
    file = folder / (place if is_file else place.replace(".", "/") + ".py")
    return f"{PREFIX}{file.resolve()}:{attribute}" if is_file or file.is_file() else name


def made_by(name: str, what: str, protocol: Any = None) -> Any:
    """What the named code makes.

    Args:
        what: That it must make, as `a way to learn`.
        protocol: Whose members it must have.

    Raises:
        OwnCodeError: There is no such code, it fails, or a member is missing.
    """
    found = named(name, what)
    if inspect.isabstract(found):
        raise OwnCodeError(lacks(name, what, found.__abstractmethods__))
    try:
        made = found() if inspect.isclass(found) or inspect.isroutine(found) else found
    except (Exception, SystemExit) as error:
        raise failed(name, what, error) from error
    members = get_protocol_members(protocol) if protocol is not None else ()
    if missing := [member for member in members if not hasattr(made, member)]:
        raise OwnCodeError(lacks(name, what, missing))
    return made


def function_by(name: str, what: str) -> Any:
    """The named function itself; of a class, what it makes.

    Raises:
        OwnCodeError: There is no such code, it fails, or it cannot be called.
    """
    found = named(name, what)
    if inspect.isclass(found):
        try:
            found = found()
        except (Exception, SystemExit) as error:
            raise failed(name, what, error) from error
    if not callable(found):
        raise OwnCodeError(f"{name} does not give {what}: it cannot be called; name a function")
    return found


def check_unloaded(name: str, what: str, methods: Collection[str] = ()) -> None:
    """What can be seen of the named code without running it: for what a child process loads.

    Raises:
        OwnCodeError: As `made_by`; of a class with bases no method is missed.
    """
    place, attribute = parts_of(name)
    file = file_of(name)
    if file is None or not file.is_file():
        raise nowhere(name, place)
    try:
        body = ast.parse(file.read_bytes()).body
    except (SyntaxError, ValueError, OSError) as error:
        raise failed(name, what, error) from error
    if attribute not in names_in(body):
        raise OwnCodeError(f"{name}: there is no {attribute} in {place}; correct the name")
    for each in body:
        if isinstance(each, ast.ClassDef) and each.name == attribute and not each.bases:
            there = set(names_in(each.body))
            if missing := set(methods) - there:
                raise OwnCodeError(lacks(name, what, missing))


def names_in(body: Sequence[ast.stmt]) -> Iterator[str]:
    """What a module or a class says at its top: imported, defined or assigned."""
    for each in body:
        if isinstance(each, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in each.names)
        elif isinstance(each, ast.ClassDef | ast.FunctionDef):
            yield each.name
        elif isinstance(each, ast.Assign):
            yield from (target.id for target in each.targets if isinstance(target, ast.Name))


def file_of(name: str) -> Path | None:
    """Where the named code stands; None where that cannot be found out."""
    place, _ = parts_of(name)
    if place.endswith(".py"):
        return Path(place)
    try:
        spec = importlib.util.find_spec(place)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None


def parts_of(name: str) -> tuple[str, str]:
    """FILE.py or MODULE, and NAME."""
    place, _, attribute = name.removeprefix(PREFIX).rpartition(":")
    if not place:
        raise OwnCodeError(f"{name} names nothing in a file: write python:my_code.py:NAME")
    return place, attribute


def named(name: str, what: str) -> Any:
    """What stands under the name.

    Raises:
        OwnCodeError: There is no such code, or it fails.
    """
    place, attribute = parts_of(name)
    module = module_of(name, what)
    if not hasattr(module, attribute):
        raise OwnCodeError(f"{name}: there is no {attribute} in {place}; correct the name")
    return getattr(module, attribute)


def module_of(name: str, what: str) -> ModuleType:
    place, _ = parts_of(name)
    file = Path(place) if place.endswith(".py") else None
    if file is not None and not file.is_file():
        raise nowhere(name, place)
    beside = str(file.resolve().parent if file is not None else Path.cwd())
    if beside not in sys.path:
        sys.path.append(beside)  # last: a file of the user's must not hide a library
    try:
        return importlib.import_module(place) if file is None else module_from(file)
    except ModuleNotFoundError as error:
        raise nowhere(name, error.name or place) from error
    except (Exception, SystemExit) as error:
        raise failed(name, what, error) from error


class Uncached(SourceFileLoader):
    """Compiles the file as it is: the cache takes a file of the same size for the old one within a
    second, and nothing is left in the user's folder."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def module_from(file: Path) -> ModuleType:
    loader = Uncached(file.stem, str(file))
    spec = importlib.util.spec_from_file_location(file.stem, file, loader=loader)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(file.stem, module)  # dataclasses and pickle look their module up
    spec.loader.exec_module(module)
    return module


def nowhere(name: str, place: str) -> OwnCodeError:
    if place.endswith(".py"):
        return OwnCodeError(
            f"{name}: there is no file {place}; paths are taken from the configuration's folder"
        )
    return OwnCodeError(
        f"{name}: there is no module {place} in the configuration's folder, in the working "
        "directory or installed"
    )


def failed(name: str, what: str, error: BaseException) -> OwnCodeError:
    said = " ".join(str(error).split())
    return OwnCodeError(f"{name} does not give {what}: {type(error).__name__}: {said}")


def lacks(name: str, what: str, missing: Collection[str]) -> str:
    return f"{name} does not give {what}: it has no {' and no '.join(sorted(missing))}; add it"
