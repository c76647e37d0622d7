"""Size of the page of a run, and how long a browser takes to open it.

    python benchmarks/page.py [--sizes 468 10000 100000]
    python benchmarks/page.py --pictures runs/demo      # docs/pictures/page.png

The files of a finished run of two rounds are written with errata's own records, without playing it:
answers right or wrong by chance, as long as an exam's of word problems; for each mistake a call to
an LLM, a diagnosis and an example. Its page is built as any other, and opened in chromium from the
disk, with its processor time held to that of the cores it may use (`taskset -c 1` for one).

`write` is what building takes, in processor seconds, with its peak memory. `read` and `shown` are
the browser's own marks, from the start of the navigation: `shown` is when the result stands there;
`CPU` is the processor time of the tab until then, which other work on the machine does not change.
`flips`, `causes` and `examples` are processor seconds of the tab from a click to the list with its
texts. `heap` is the tab's JavaScript heap after all of that, `tab` its whole memory. `sent` is what
--serve sends before the result stands there, `its CPU` the tab's processor time until then.
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
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright
from scale import NAMES, PLACES, THINGS

from errata.agents.jsonl import write_record, write_records
from errata.agents.planner import plan
from errata.agents.promotion import Promotion
from errata.agents.records import (
    Attempt,
    Diagnosis,
    DiagnosisLine,
    Draft,
    Example,
    LlmCall,
    Mistake,
    ModelRef,
    Question,
    Refusal,
    RefusalLine,
    Row,
)
from errata.agents.trainer import Trained
from errata.graph.config import RunConfig, parse_config
from errata.graph.decision import decide
from errata.graph.page.build import build
from errata.graph.page.serve import serving
from errata.graph.provenance import provenance_of
from errata.graph.report import build_report
from errata.graph.run_folder import RunFolder
from errata.graph.state import State
from errata.graph.trace import Trace

CHROMIUM = "/usr/bin/chromium"
PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "page.png"


RIGHT = (0.5, 0.58, 0.66)
"""Share of right answers, of the base model and after each round."""
CAUSES = 20


def made(folder: Path, size: int) -> RunFolder:
    """The files of a finished run of two rounds; eight of ten questions are practice."""
    rng = random.Random(1)
    config = parse_config(
        {
            "name": "page",
            "strategy": "le",
            "exam": {"name": "page", "practice": "p.jsonl", "dev": "d.jsonl", "test": "t.jsonl"},
            "stop": {"rounds": 2, "gate": "any", "guard_practice": False},
        },
        "page",
    )
    here = RunFolder(folder / "runs" / "page")
    for name in ("exam", "round-00", "round-01", "round-02", "final"):
        (here.path / name).mkdir(parents=True)
    write_record(here.path / "config.json", provenance_of(config))
    shares = (("practice", 0.8), ("dev", 0.1), ("test", 0.1))
    sets = {
        name: [question(rng, f"{name}-{at:06}") for at in range(int(size * share))]
        for name, share in shares
    }
    for name, questions in sets.items():
        write_records(here.exam(name), questions)
    for at in range(len(RIGHT)):
        for name in ("practice", "dev"):
            said = [answer(rng, one, f"{name}-{at}", RIGHT[at]) for one in sets[name]]
            write_records(here.round(at) / f"{name}.jsonl", said)
        if at:
            taught(here, at, rng, config, sets["practice"])
        write_record(here.promotion(at), decided(here, at, config))
    for at, model in ((0, "base"), (2, "best")):
        said = [answer(rng, one, f"test-{model}", RIGHT[at]) for one in sets["test"]]
        write_records(here.final_exam("test", model), said)
    state = State(round=2, best_round=2, status="round budget spent")
    write_record(here.path / "report.json", build_report(here, config, state))
    return here


def question(rng: random.Random, id: str) -> Question:
    """A story of three sums."""
    a, b, c = (rng.randint(10, 9_999) for _ in range(3))
    name, thing, place = rng.choice(NAMES), rng.choice(THINGS), rng.choice(PLACES)
    other = rng.choice(NAMES)
    return Question(
        id=id,
        prompt=f"{name} has {a} {thing} in the {place} and buys {b} more. {other} has {c} times as "
        f"many as {name} and gives {a} away. How many {thing} does {other} have now?",
        target=str(c * (a + b) - a),
        solution=f"{name} has {a} + {b} = {a + b} {thing}.\n{other} has {c} * {a + b} = "
        f"{c * (a + b)} at first,\nand {c * (a + b)} - {a} = {c * (a + b) - a} now.\n"
        f"#### {c * (a + b) - a}",
        kind=f"kind {rng.randrange(18)}",
    )


def answer(rng: random.Random, asked: Question, exam: str, share: float) -> Attempt:
    right = rng.random() < share
    number = asked.target if right else str(int(asked.target) + rng.randint(1, 999))
    return Attempt(
        id=f"{asked.id}@{exam}",
        question_id=asked.id,
        response=(asked.solution or "").replace(asked.target, number),
        answer=number,
        correct=right,
        why=f"{number} is {'' if right else 'not '}{asked.target}",
        tokens=rng.randint(40, 90),
        truncated=False,
    )


def taught(
    here: RunFolder, at: int, rng: random.Random, config: RunConfig, practice: Sequence[Question]
) -> None:
    """What a round wrote between its mistakes and its training; a tenth of the drafts refused."""
    folder, trace = here.round(at), Trace(here.path / "trace.jsonl")
    trace.round = at
    before = here.attempts(here.round(at - 1) / "practice.jsonl")
    mistakes = [
        Mistake(id=attempt.id, question=one, attempt=attempt)
        for one, attempt in zip(practice, before, strict=True)
        if not attempt.correct
    ]
    diagnoses, examples, refusals = [], [], []
    for number, mistake in enumerate(mistakes):
        found = Diagnosis(
            id=f"d-{mistake.id}",
            mistake_id=mistake.id,
            question_id=mistake.question.id,
            cause=f"cause {rng.randrange(CAUSES)}",
            explanation=f"It wrote {mistake.attempt.answer}, not {mistake.question.target}.",
            missing_skill="Keeping an earlier result while the next one is worked out.",
            advice="Stories of three sums with other people, things and numbers.",
        )
        diagnoses.append(found)
        trace.tell_call(
            LlmCall(
                agent="instructor",
                model="openai:gpt-x",
                source_id=mistake.id,
                messages=(("user", f"{mistake.question.prompt}\n\n{mistake.attempt.response}"),),
                reply=found.model_dump_json(include={"cause", "explanation", "advice"}),
                error=None,
                tokens_in=rng.randint(300, 900),
                tokens_out=rng.randint(60, 300),
                seconds=round(rng.uniform(0.5, 9), 2),
            )
        )
        new = question(rng, f"e{at:02}-{number:06}")
        texts = {"prompt": new.prompt, "completion": new.solution or "", "target": new.target}
        if number % 10:
            example = Example(
                id=new.id,
                diagnosis_id=found.id,
                question_id=found.question_id,
                cause=found.cause,
                votes=(2, 2),
                **texts,
            )
            examples.append(example)
        else:
            draft = Draft(diagnosis_id=found.id, **texts)
            refusals.append(RefusalLine(result=Refusal(reason="written before", draft=draft)))
    write_records(folder / "mistakes.jsonl", mistakes)
    write_records(folder / "diagnoses.jsonl", [DiagnosisLine(result=one) for one in diagnoses])
    write_records(folder / "examples.jsonl", examples)
    write_records(folder / "refusals.jsonl", refusals)
    write_records(
        folder / "training.jsonl",
        [
            Row(id=f"r{one.id}", example_id=one.id, **one.model_dump(include=ROW))
            for one in examples
        ],
    )
    write_record(here.plan(at), plan(config.training, here.history(at)))
    model = ModelRef(base="bundled", adapter=str(folder / "adapter"))
    write_record(folder / "trained.json", Trained(model=model, tokens=9, skipped=0, loss=0.1))


ROW = {"question_id", "prompt", "completion", "target", "answer"}


def decided(here: RunFolder, at: int, config: RunConfig) -> Promotion:
    return decide(
        at,
        max(0, at - 1),
        [True] * max(0, at - 1),
        config,
        here.questions,
        lambda index, name: here.attempts(here.round(index) / f"{name}.jsonl"),
    )


@contextmanager
def chromium() -> Iterator[Any]:
    with sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


class Tab:
    """A page in the browser, and what its process took so far."""

    def __init__(self, browser: Any, url: str) -> None:
        self.page = browser.new_page(viewport={"width": 1280, "height": 900})
        self.session = self.page.context.new_cdp_session(self.page)
        self.session.send("Performance.enable")
        self.page.goto(url)
        self.page.wait_for_selector("html[data-ready]", timeout=300_000)

    def metric(self, name: str) -> float:
        found = self.session.send("Performance.getMetrics")["metrics"]
        return next(float(one["value"]) for one in found if one["name"] == name)

    def mark(self, name: str) -> float:
        """Seconds from the start of the navigation."""
        return float(
            self.page.evaluate("name => performance.getEntriesByName(name)[0].startTime", name)
            / 1000
        )

    def took(self, link: str, until: str) -> float:
        """Processor seconds from a click in the navigation until something is there."""
        begun = self.metric("ProcessTime")
        self.page.click(f"nav[aria-label=Pages] >> text={link}")
        self.page.wait_for_selector(until, timeout=300_000)
        return self.metric("ProcessTime") - begun


def memory_of_tab(browser: Any) -> float:
    """MiB of the largest renderer: what it holds alone, and its share of the rest."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    pids = [one["id"] for one in processes if one["type"] == "renderer"]
    texts = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    lines = [line for text in texts for line in text.splitlines() if line.startswith("Pss:")]
    return max(int(line.split()[1]) for line in lines) / 1024


def measure(folder: RunFolder) -> dict[str, float]:
    """Seconds, and MB of 1,000,000 bytes."""
    with chromium() as browser:
        command = [sys.executable, __file__, "--build", str(folder.path)]
        built = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        tab = Tab(browser, (folder.path / "view.html").as_uri())
        cpu = tab.metric("ProcessTime")
        flips = tab.took("Flips", "td.answers code")
        kinds = tab.took("Causes", "text=Which data helped")
        examples = tab.took("Examples", "article .saying")
        with serving([folder]) as server:
            with urllib.request.urlopen(server.url) as first:
                sent = len(first.read())
            with urllib.request.urlopen(server.url + "index") as index:
                sent += len(index.read())
            served = Tab(browser, server.url)
            served_cpu = served.metric("ProcessTime")
        return {
            "MB": built["MB"],
            "write": built["CPU"],
            "MiB": built["MiB"],
            "read": tab.mark("errata:read"),
            "shown": tab.mark("errata:shown"),
            "CPU": cpu,
            "flips": flips,
            "causes": kinds,
            "examples": examples,
            "heap MiB": tab.metric("JSHeapUsedSize") / 2**20,
            "tab MiB": memory_of_tab(browser),
            "sent MB": sent / 1e6,
            "its CPU": served_cpu,
        }


def build_alone(folder: Path) -> None:
    """In a process of its own: its memory is that of building."""
    begun = time.process_time()
    built = build([RunFolder(folder)])
    took = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"MB": built.bytes / 1e6, "CPU": took, "MiB": peak}))


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
    parser.add_argument("--build", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.pictures:
        picture(given.pictures)
        return
    if given.build:
        build_alone(given.build)
        return
    for at, size in enumerate(given.sizes):
        with tempfile.TemporaryDirectory(prefix="errata-page-") as scratch:
            found = measure(made(Path(scratch), size))
        if not at:
            print(f"{'questions':>10}" + "".join(f"{name:>9}" for name in found))
        print(f"{size:>10,}" + "".join(f"{value:>9.2f}" for value in found.values()), flush=True)


if __name__ == "__main__":
    main()
