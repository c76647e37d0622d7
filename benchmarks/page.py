"""Size of the page of a run, and how long a browser takes to open it.

    python benchmarks/page.py [--sizes 468 10000 100000]
    python benchmarks/page.py --pictures runs/demo      # docs/pictures/page.png

Runs of several sizes are made with the instant doubles of scale.py (without contrasts, whose exact
neighbours grow with the square), their pages written, and opened in chromium from the disk. `run`
is what making the run takes, of which the page knows nothing; it is most of the benchmark. The
marks are the browser's own, from the start of the navigation: `shown` is when the result stands
there, `flips` how long the list of flips takes from a click to its first rows with their texts.
Peak memory is that of making the run and its page.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright
from scale import InstantInstructor, InstantStudent, InstantTrainer, InstantWriter, problem

from errata.graph.config import parse_config
from errata.graph.page.build import build
from errata.graph.run import run
from errata.graph.run_folder import RunFolder

CHROMIUM = "/usr/bin/chromium"
PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "page.png"


def made(folder: Path, size: int) -> RunFolder:
    """A finished run of two rounds; eight of ten questions are practice."""
    rng = random.Random(1)
    exam = {"name": "page"}
    seen: set[str] = set()
    for name, share in (("practice", 0.8), ("dev", 0.1), ("test", 0.1)):
        lines: list[str] = []
        while len(lines) < size * share:
            question = problem(rng, False)
            if question["prompt"] not in seen:
                seen.add(question["prompt"])
                kind = f"kind {len(lines) % 18}"
                lines.append(json.dumps({"id": f"{name}-{len(lines)}", "kind": kind, **question}))
        exam[name] = str(folder / f"{name}.jsonl")
        Path(exam[name]).write_text("\n".join(lines) + "\n")
    config = parse_config(
        {
            "name": "page",
            "strategy": "le",
            "exam": exam,
            "examples": {"per_round": int(size * 0.4)},
            "stop": {"rounds": 2, "gate": "any"},
        },
        "page",
    )
    run(
        config,
        folder / "runs",
        student=InstantStudent(),
        trainer=InstantTrainer(),
        instructor=InstantInstructor(20),
        writer=InstantWriter(),
    )
    return RunFolder(folder / "runs" / "page")


@contextmanager
def chromium() -> Iterator[Any]:
    with sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


def measure(size: int) -> dict[str, float]:
    """Seconds, and MB of 1,000,000 bytes."""
    with tempfile.TemporaryDirectory(prefix="errata-page-") as scratch, chromium() as browser:
        begun = time.perf_counter()
        folder = made(Path(scratch), size)
        ran = time.perf_counter() - begun
        begun = time.perf_counter()
        built = build([folder])
        wrote = time.perf_counter() - begun
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(built.path.as_uri())
        page.wait_for_selector("html[data-ready]", timeout=120_000)
        marks = page.evaluate(
            "Object.fromEntries(performance.getEntriesByType('mark')"
            ".map(mark => [mark.name, mark.startTime / 1000]))"
        )
        begun = time.perf_counter()
        page.click("nav[aria-label=Pages] >> text=Flips")
        page.wait_for_selector("td.answers code", timeout=120_000)
        return {
            "run s": ran,
            "MB": built.bytes / 1e6,
            "write s": wrote,
            "read s": marks["errata:read"],
            "shown s": marks["errata:shown"],
            "flips s": time.perf_counter() - begun,
            "MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }


def picture(run_folder: Path) -> None:
    """The beginning of the page of results, as the README shows it."""
    page_path = build([RunFolder(run_folder)]).path
    PICTURE.parent.mkdir(exist_ok=True)
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 1000}, color_scheme="light")
        page.goto(page_path.as_uri())
        page.wait_for_selector("html[data-ready]")
        page.screenshot(path=PICTURE)
    print(f"{PICTURE}: {PICTURE.stat().st_size / 1000:.0f} kB")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[468, 10_000, 100_000])
    parser.add_argument("--pictures", type=Path, metavar="RUN")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.pictures:
        picture(given.pictures)
        return
    if given.one:
        print(json.dumps(measure(given.one)))
        return
    names = ("run s", "MB", "write s", "read s", "shown s", "flips s", "MiB")
    print(f"{'questions':>10}" + "".join(f"{name:>9}" for name in names))
    for size in given.sizes:
        command = [sys.executable, __file__, "--one", str(size)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found = json.loads(done.stdout)
        print(f"{size:>10,}" + "".join(f"{value:>9.2f}" for value in found.values()), flush=True)


if __name__ == "__main__":
    main()
