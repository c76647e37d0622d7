"""How a missing extra is added, in one command that fits how errata itself was installed."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, distribution


def install(extra: str) -> str:
    """Such as `` `pip install -e ".[ray]"` in errata's folder ``; of a wheel, its name and version.

    The version keeps pip to the errata that is here, whatever an index has under its name. An
    installation says where it is from in direct_url.json (PEP 610); what a build leaves beside the
    code (errata.egg-info) has no RECORD of installed files.
    """
    in_checkout = f'`pip install -e ".[{extra}]"` in errata\'s folder'
    try:
        errata = distribution("errata")
    except PackageNotFoundError:  # the code alone, on the path
        return in_checkout
    origin = json.loads(errata.read_text("direct_url.json") or "{}")
    if "dir_info" in origin or errata.read_text("RECORD") is None:
        return in_checkout
    return f'`pip install "errata[{extra}]=={errata.version}"`'
