"""An exam over three nodes of which one dies: all answered, none twice, how fast against one node.

    python benchmarks/cluster.py [--questions 2000] [--seconds 0.02] [--model FOLDER] [--asked 60]

All nodes are on this machine. The first table has students that take a fixed time an answer and
need no processor, so that it shows what the cluster itself costs; the second asks a real model, and
its texts are compared with those of a student on this machine. Both exams are asked in one run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from cluster_doubles import answering
from clusters import started
from tiny_models import write_tiny_model

from errata.agents.cluster.settings import ClusterSettings
from errata.agents.cluster.student import RayStudent
from errata.agents.records import ModelRef, Question
from errata.agents.student import StudentSettings
from errata.agents.weights import LocalStudent

BATCH = 8


def settings(students: int) -> ClusterSettings:
    return ClusterSettings(students=students, student={"CPU": 1, "pen": 2})


def fixed_times(cluster, count: int, seconds: float, scratch: Path) -> None:
    """`count` questions with one node; with three; with three of which one dies half-way."""
    questions = [Question(id=f"q{at:05}", prompt="?", target="4") for at in range(count)]
    model = ModelRef(base="none")
    asked = StudentSettings(batch_size=BATCH)
    print(f"{count} questions, {seconds:g} s each, batches of {BATCH}", flush=True)
    alone = 0.0
    for nodes, dies in ((1, False), (3, False), (3, True)):
        log = scratch / f"log-{nodes}-{dies}"
        student = RayStudent(asked, settings(nodes), scratch, actor=answering(seconds, log))
        said: Counter[str] = Counter()
        start = 0.0
        for response in student.ask(model, questions, frozenset()):
            # From the first answer on: nobody is to measure how long processes take to start.
            start = start or time.perf_counter()
            said[response.question_id] += 1
            if dies and said.total() == count // 2:
                cluster.remove_node(sorted(cluster.worker_nodes, key=id)[0], allow_graceful=False)
        took = time.perf_counter() - start
        student.close()
        alone = alone or took
        begun = Counter(log.read_text().split())
        print(
            f"{nodes} nodes{', one killed half-way' if dies else '':24} {took:7.1f} s, "
            f"{alone / took / nodes:4.0%} of {nodes} times one node; answered {len(said)}, "
            f"twice {sum(times > 1 for times in said.values())}, "
            f"batches begun again {begun.total() - len(begun)}",
            flush=True,
        )


def real_model(cluster, base: str, count: int, scratch: Path) -> None:
    """Texts over two nodes of which one dies, against those of this machine."""
    asked = StudentSettings(model=base, max_new_tokens=32, batch_size=BATCH, precision="float32")
    questions = [
        Question(id=f"q{at:05}", prompt="Go on. " * (at % 7) + f"What is {at} + 2?", target="4")
        for at in range(count)
    ]
    here = LocalStudent(asked, scratch / "here")
    ours = {r.question_id: r.text for r in here.ask(asked.model_ref, questions, frozenset())}
    here.close()
    there = RayStudent(asked, settings(2), scratch / "there")
    theirs: list[tuple[str, str]] = []
    for response in there.ask(asked.model_ref, questions, frozenset()):
        theirs.append((response.question_id, response.text))
        if len(theirs) == BATCH:
            cluster.remove_node(sorted(cluster.worker_nodes, key=id)[0], allow_graceful=False)
    there.close()
    same = sum(ours[id] == text for id, text in theirs)
    print(
        f"{count} questions of a real model, one of its nodes killed: {len(theirs)} answers, "
        f"{len(dict(theirs))} different questions, {same} texts as on this machine"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=0.02)
    parser.add_argument("--model", help="a folder or `bundled`; a tiny random one where not said")
    parser.add_argument("--asked", type=int, default=60, help="questions of the real model, or 0")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, started(nodes=3) as cluster:
        scratch = Path(folder)
        fixed_times(cluster, wanted.questions, wanted.seconds, scratch)
        if wanted.asked:
            base = wanted.model or write_tiny_model(scratch / "tiny")
            real_model(cluster, base, wanted.asked, scratch)


if __name__ == "__main__":
    main()
