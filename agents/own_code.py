"""Code of the user's own in place of a way, a shaper, an objective or a marker."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from errata.agents.errors import ConfigError, ErrataError
from errata.agents.plain_text import one_line
from errata.training.own_code import OwnCodeError, check_unloaded, function_by, made_by


def own(name: str, what: str, protocol: Any) -> Any:
    """What the named code makes; it has the members of `protocol`.

    Args:
        what: That it must make, as `a way to learn`.

    Raises:
        ConfigError: There is no such code, it fails, or a member is missing.
    """
    with in_one_sentence():
        return made_by(name, what, protocol)


def own_function(name: str, what: str) -> Any:
    """The named function itself; of a class, what it makes.

    Raises:
        ConfigError: There is no such code, it fails, or it cannot be called.
    """
    with in_one_sentence():
        return function_by(name, what)


def check_own(name: str, what: str, methods: Collection[str]) -> None:
    """As `own`, for code that only a child process may load: nothing is run.

    Raises:
        ConfigError: There is no such code, or a class without bases lacks one of `methods`.
    """
    with in_one_sentence():
        check_unloaded(name, what, methods)


@contextmanager
def in_one_sentence() -> Iterator[None]:
    try:
        yield
    except OwnCodeError as error:
        if isinstance(error.__cause__, ErrataError):
            raise error.__cause__ from None
        raise ConfigError(one_line(str(error), 1000)) from None
