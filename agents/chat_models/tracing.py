"""LangSmith's tracing, which the environment switches on for all that LangChain does here.

The variables are those of https://docs.langchain.com/langsmith/env-var. With one of them a shell
sends every question, answer and prompt away; errata says where to, and can do without.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from errata.agents.plain_text import visible

SWITCHES = (
    "LANGSMITH_TRACING_V2",
    "LANGCHAIN_TRACING_V2",
    "LANGSMITH_TRACING",
    "LANGCHAIN_TRACING",
)
"""The first one that is set counts."""
ADDRESSES = ("LANGSMITH_ENDPOINT", "LANGCHAIN_ENDPOINT")
DEFAULT_HOST = "api.smith.langchain.com"


def tracing_target() -> str | None:
    """The host that questions, answers and prompts are sent to; None where they are not."""
    if first_set(SWITCHES) != "true":
        return None
    try:
        return visible(urlsplit(first_set(ADDRESSES).strip(" \"'")).hostname or DEFAULT_HOST)
    except ValueError:
        return DEFAULT_HOST


@contextmanager
def without_tracing() -> Iterator[None]:
    """Nothing is sent while its `with` block runs, by child processes neither."""
    from langsmith import tracing_context, utils

    forget: Callable[[], None] = utils.get_env_var.cache_clear  # type: ignore[attr-defined]
    before = {name: os.environ.get(name) for name in SWITCHES}
    os.environ.update(dict.fromkeys(SWITCHES, "false"))
    forget()  # it remembers what the variables said
    try:
        with tracing_context(enabled=False):  # a caller may have switched it on without them
            yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        forget()


@contextmanager
def without_tracing_in_node() -> Iterator[None]:
    """The same within a node of a graph that is traced itself: calls would inherit its tracer."""
    from langchain_core.runnables.config import ensure_config, var_child_runnable_config
    from langchain_core.tracers import LangChainTracer

    config = ensure_config()
    callbacks = config.get("callbacks")
    if not isinstance(callbacks, list | None):
        callbacks = callbacks.copy()
        for handler in [h for h in callbacks.handlers if isinstance(h, LangChainTracer)]:
            callbacks.remove_handler(handler)
    token = var_child_runnable_config.set({**config, "callbacks": callbacks})
    try:
        with without_tracing():
            yield
    finally:
        var_child_runnable_config.reset(token)


def first_set(names: tuple[str, ...]) -> str:
    values = (os.environ.get(name, "") for name in names)
    return next((value for value in values if value.strip()), "")
