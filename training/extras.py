"""How a missing extra is added, in one command that fits how errata itself was installed."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, distribution


def install(extra: str) -> str:
    """Such as `` `pip install -e ".[ray]"` in errata's folder ``; of a wheel, its name and version.

    The version keeps pip to the errata that is here, whatever an index has under its name. An
    installation says where it is from in direct_url.json (PEP 610).
    """
    try:
        errata = distribution("errata")
        origin = json.loads(errata.read_text("direct_url.json") or "{}")
    except PackageNotFoundError:  # a checkout on the path
        origin = {"dir_info": {}}
    if "dir_info" in origin:
        return f'`pip install -e ".[{extra}]"` in errata\'s folder'
    return f'`pip install "errata[{extra}]=={errata.version}"`'
