"""For every test: no certificate is trusted, no time limit is set, the rest of memory is let be.

No test reaches the internet.
"""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

gc.disable()  # until the tests begin: nearly all that is made before stays

# A busy machine breaks nothing.
settings.register_profile("any", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any")
settings.register_profile("quick", settings.get_profile("any"), max_examples=20)  # `make quick`


SECONDS = {"model": 4.0, "browser": 2.0, "slow": 2.0, "process": 1.0, "loop": 0.5}
"""What a test with such a mark takes, roughly."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest come first: none is begun when the other worker has no more."""
    takes: defaultdict[Path, float] = defaultdict(float)
    for item in items:
        marks = (SECONDS.get(mark.name, 0) for mark in item.iter_markers())
        takes[item.path] += max(marks, default=0) + 0.02
    items.sort(key=lambda item: -takes[item.path])


def pytest_collection_finish() -> None:
    """What the modules hold stays; to look through it again and again takes time."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _no_certificates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Each client of a provider reads the certificates anew, which takes longer than most tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SSL_CERT_FILE", raising=False)
        patch.setenv("SSL_CERT_DIR", str(tmp_path_factory.mktemp("certificates")))
        yield
