"""Whether this machine can do a configuration's run, and how long it takes: `errata check`.

`look` sees to what can be seen in seconds, without loading weights; `rehearse` asks two practice
questions, trains a step on them, and asks them again, in a temporary folder.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from errata.agents.cluster.connection import connect, listed, living_nodes, places, together
from errata.agents.errors import ErrataError, StepFailed
from errata.agents.exams.several import RunExams
from errata.agents.jsonl import write_records
from errata.agents.records import Question, Record, Row, TrainingSettings
from errata.agents.student import Student
from errata.agents.trainer import TrainingJob
from errata.agents.weights import check_model
from errata.agents.weights.launched import find_launcher
from errata.graph.agents import Given, open_student_and_trainer
from errata.graph.commands.check import servers
from errata.graph.config import RunConfig
from errata.training.memory import (
    BUNDLED,
    GIB,
    Memory,
    Need,
    Precision,
    UnknownShape,
    estimate,
    shape_of,
)
from errata.training.order import LARGEST

TIGHT = 0.9
"""Share of the free memory above which it is said that it may not suffice."""
CHARACTERS = 3  # of a token, at the least: English has four
TEMPLATE = 40  # tokens that a chat template brings
BETWEEN = 8  # of them for each further message
GPU_QUERY = ("nvidia-smi", "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader")


class Looked(Record):
    """Something that a run needs, and whether it is there."""

    what: str
    state: Literal["ok", "warning", "problem"]
    said: str
    do: str = ""
    """What a person does about it."""
    arithmetic: tuple[str, ...] = ()


class Rehearsed(Record):
    """What two practice questions took."""

    load_s: float
    """Until the first answer."""
    question_s: float
    """A question, with the weights loaded, two asked at once."""
    token_s: float
    """A training token, one row at a time."""
    run_s: float
    """A whole run as configured, without what LLMs take."""


class Asked(Record):
    """An agent that was asked one small question."""

    agent: str
    model: str
    problem: str | None


class Checkup(Record):
    """What `errata check --json` prints."""

    sees: str
    """Which gain the run can see."""
    looked: tuple[Looked, ...]
    rehearsed: Rehearsed | None
    agents: tuple[Asked, ...]


class Gpu(Record):
    name: str
    total: int
    """Bytes."""
    free: int
    """Bytes."""


class Machine(Record):
    """What there is to compute with."""

    gpus: tuple[Gpu, ...]
    memory: int | None
    """Bytes that a new process may take; None where the system does not say."""
    bfloat16: bool
    """Whether `precision = "auto"` becomes bfloat16 here."""


def machine_here() -> Machine:
    gpus = gpus_here()
    flags = ""
    with suppress(OSError):
        flags = Path("/proc/cpuinfo").read_text(errors="replace")
    fast = bool(gpus) or " avx512_bf16" in flags or " amx_tile" in flags
    return Machine(gpus=gpus, memory=memory_here(), bfloat16=fast)


def gpus_here() -> tuple[Gpu, ...]:
    """As NVIDIA's own program tells; those that CUDA_VISIBLE_DEVICES hides are left out."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return ()
    try:
        said = subprocess.run(
            GPU_QUERY, capture_output=True, text=True, timeout=30, check=True
        ).stdout
        found = []
        for line in said.splitlines():
            name, total, free = (part.strip() for part in line.rsplit(",", 2))
            sizes = [int(size.split()[0]) * 2**20 for size in (total, free)]
            found.append(Gpu(name=name, total=sizes[0], free=sizes[1]))
    except (OSError, ValueError, subprocess.SubprocessError):
        return ()
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    wanted = [part.strip() for part in seen.split(",")] if seen else []
    if all(part.isdecimal() and int(part) < len(found) for part in wanted) and wanted:
        return tuple(found[int(part)] for part in wanted)
    return tuple(found)


def memory_here() -> int | None:
    """What is free, or what the container allows, whichever is less."""
    found = []
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                found.append(int(line.split()[1]) * 1024)
    with suppress(OSError, ValueError):
        allowed = int(Path("/sys/fs/cgroup/memory.max").read_text())
        found.append(allowed - int(Path("/sys/fs/cgroup/memory.current").read_text()))
    return min(found, default=None)


def look(config: RunConfig, exams: RunExams, runs: Path, machine: Machine) -> list[Looked]:
    """All that can be seen without loading weights, the model first."""
    found = [*the_model(config), *the_gpus(machine)]
    found += the_memory(config, exams, machine)
    found += the_launch(config.training)
    found += the_disk(config, runs)
    found += the_servers(config, runs)
    found += the_cluster(config)
    return found


def the_model(config: RunConfig) -> Iterator[Looked]:
    try:
        check_model(config.student.model_ref)
    except ErrataError as error:
        yield Looked(what="model", state="problem", said=str(error))
    else:
        yield Looked(what="model", state="ok", said=f"{config.student.model_ref}")


def the_gpus(machine: Machine) -> Iterator[Looked]:
    if not machine.gpus:
        said = "no GPU is seen: student and training compute on the CPU"
        yield Looked(what="GPU", state="ok", said=said)
    for gpu in machine.gpus:
        said = f"{gpu.name}: {in_gib(gpu.free)} free of {in_gib(gpu.total)}"
        yield Looked(what="GPU", state="ok", said=said)


# Memory.


def the_memory(config: RunConfig, exams: RunExams, machine: Machine) -> Iterator[Looked]:
    try:
        memory = memory_of(config, exams, machine)
    except (OSError, ValueError) as error:
        yield Looked(
            what="memory",
            state="warning",
            said=f"cannot be said beforehand ({error})",
            do="`errata check --rehearse` shows whether it suffices",
        )
        return
    if config.cluster is not None:
        said = "student and training work on the cluster's nodes, whose memory is not seen here"
        yield Looked(what="memory", state="warning", said=said)
        return
    where = "GPU" if machine.gpus else "memory"
    free = machine.gpus[0].free if machine.gpus else machine.memory
    for name, need, remedy in (
        ("student", memory.student, "lower student.batch_size or student.max_new_tokens"),
        (
            "training",
            memory.training,
            "lower training.batch and raise training.accumulate, set "
            "training.gradient_checkpointing, or lower training.max_tokens",
        ),
    ):
        if name == "student" and config.student.on_servers:
            continue
        found = weighed(name, need, free, where, remedy)
        if config.student.quantize is not None and found.state == "problem":
            less = "without 4 bits, which take less: --rehearse shows whether it suffices"
            found = found.model_copy(update={"state": "warning", "said": f"{found.said}, {less}"})
        yield found


def weighed(name: str, need: Need, free: int | None, where: str, remedy: str) -> Looked:
    """One child's need against what is free."""
    sums = tuple(f"{one.what}: {in_gib(one.bytes)} ({one.how})" for one in need.items)
    said = f"the {name} takes about {need.gib:.1f} GiB"
    if free is None:
        said += "; how much is free, the system does not say"
        return Looked(what=where, state="warning", said=said, arithmetic=sums)
    said += f" of {in_gib(free)} that are free"
    share = need.gib * GIB / max(free, 1)
    state: Literal["ok", "warning", "problem"]
    state = "ok" if share <= TIGHT else "warning" if share <= 1 else "problem"
    do = "" if state == "ok" else f"{remedy}; or take a smaller model or a larger machine"
    return Looked(what=where, state=state, said=said, do=do, arithmetic=sums)


def memory_of(config: RunConfig, exams: RunExams, machine: Machine) -> Memory:
    """
    Raises:
        OSError, ValueError: The model's config.json cannot be had, or names its sizes otherwise.
    """
    student, training = config.student, config.training
    auto: Precision = "bfloat16" if machine.bfloat16 else "float32"
    questions = [*exams.practice, *exams.dev]
    longest = max(asked_tokens(question, student.system) for question in questions)
    answers = [tokens_of(question.solution or question.target) for question in exams.practice]
    answer = min(max(max(answers), student.max_new_tokens // 2), training.max_tokens)
    takes = training.adapter in ("pissa", "corda")  # their base is in float32
    precision = auto if training.precision == "auto" else training.precision
    asked: Precision = auto if student.precision == "auto" else student.precision
    given: dict[str, Any] = {
        "on_gpu": bool(machine.gpus),
        "prompt_tokens": longest + TEMPLATE,
        "new_tokens": student.max_new_tokens,
        "ask_batch": student.batch_size,
        "rank": training.rank,
        "targets": training.targets,
        "row_tokens": min(longest + TEMPLATE + answer, training.max_tokens),
        "answer_tokens": answer,
        "batch": training.batch or LARGEST,
        "gradient_checkpointing": training.gradient_checkpointing,
    }
    shape = config_of(student.model)
    memory = estimate(shape, precision=asked, **given)
    base: Precision = "float32" if takes else precision
    trained = estimate(shape, precision=precision, base_precision=base, **given)
    return memory.model_copy(update={"training": trained.training})


def asked_tokens(question: Question, system: str | None) -> int:
    """Of all that the student is asked, but for the `TEMPLATE` of one message."""
    asked = question.conversation(system)
    return sum(tokens_of(text) for _, text in asked) + BETWEEN * len(question.before)


def tokens_of(text: str) -> int:
    """At most, nearly: there is no tokenizer here."""
    return -(-len(text) // CHARACTERS)


def config_of(base: str) -> dict[str, Any]:
    """A model's config.json; of a hub id from the cache, or else from the hub.

    Raises:
        OSError, ValueError: It cannot be had.
    """
    if base == "bundled":
        return dict(BUNDLED)
    path = Path(base).expanduser() / "config.json"
    if not path.is_file():
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError

        try:
            path = Path(hf_hub_download(base, "config.json"))
        except (HfHubHTTPError, HFValidationError) as error:
            raise UnknownShape(f"{base} has no config.json to be had: {error}") from None
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise UnknownShape(f"{path} is no table")
    return found


# What else a run needs.


def the_launch(settings: TrainingSettings) -> Iterator[Looked]:
    """The command that starts a training on several processes, where one is configured."""
    launch: Sequence[str] = getattr(settings, "launch", ())
    if not launch:
        return
    program = find_launcher(launch)
    if program is None:
        yield Looked(
            what="launch",
            state="problem",
            said=f"training.launch begins with {launch[0]!r}, which is not on the PATH",
            do="install it, or write its whole path",
        )
    else:
        yield Looked(what="launch", state="ok", said=f"training is started by {program}")


def the_servers(config: RunConfig, runs: Path) -> Iterator[Looked]:
    """Those that answer for the student."""
    for server in servers(config, runs):
        said = f"{server.name}: {server.problem or server.says}"
        yield Looked(what="student", state="problem" if server.problem else "ok", said=said)


def the_cluster(config: RunConfig) -> Iterator[Looked]:
    """Whether it can be joined, and has room for what [cluster] asks for."""
    cluster = config.cluster
    if cluster is None:
        return
    try:
        connect(cluster)
    except ErrataError as error:
        yield Looked(what="cluster", state="problem", said=str(error))
        return
    nodes = living_nodes()
    asked = {"CPU", "GPU", *cluster.student, *cluster.trainer}
    held = {name: amount for name, amount in together(nodes).items() if name in asked}
    living = f"{len(nodes)} living node{'' if len(nodes) == 1 else 's'}"
    said = f"the cluster {cluster.address} has {living}: {listed(held)}"
    yield Looked(what="cluster", state="ok", said=said)
    for who, count, wanted, fewest in (
        ("student", cluster.students, cluster.student, 1),  # one alone answers, if slowly
        ("trainer", cluster.trainers, cluster.trainer, cluster.trainers),
    ):
        room = places(nodes, wanted)
        state: Literal["ok", "warning", "problem"]
        state = "ok" if room >= count else "warning" if room >= fewest else "problem"
        said = f"there is room for {min(room, count)} of {count} {who}s, {listed(wanted)} each"
        do = "" if state == "ok" else f"add nodes, or lower {who}s or {who} under [cluster]"
        yield Looked(what="cluster", state=state, said=said, do=do)


def the_disk(config: RunConfig, runs: Path) -> Iterator[Looked]:
    """Room for an adapter a round, what a training writes beside it, and the journals."""
    there = next(path for path in (runs, *runs.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    try:
        adapter = shape_of(config_of(config.student.model)).adapter(
            config.training.rank, config.training.targets
        )
    except (OSError, ValueError):
        yield Looked(what="disk", state="ok", said=f"{in_gib(free)} free in {there}")
        return
    # As float32, twice where it begins with a part of the base; a tenth of a GiB for the rest.
    need = config.rounds * (2 * 4 * adapter) + GIB // 10
    said = f"a run writes about {in_gib(need)}; {in_gib(free)} are free in {there}"
    state: Literal["ok", "problem"] = "ok" if need < TIGHT * free else "problem"
    do = "" if state == "ok" else "make room, or choose another folder with --runs"
    yield Looked(what="disk", state=state, said=said, do=do)


def in_gib(bytes: float) -> str:
    return f"{bytes / GIB:.2f} GiB" if bytes < 10 * GIB else f"{bytes / GIB:.0f} GiB"


# A rehearsal.


def rehearse(config: RunConfig, exams: RunExams, given: Given) -> Rehearsed:
    """Asks two practice questions, trains on them, and asks them again. Nothing is left.

    Raises:
        ErrataError: The model cannot be had, or a child process failed.
    """
    questions = exams.practice[:2]
    with tempfile.TemporaryDirectory(prefix="errata-rehearsal-") as scratch:
        folder = Path(scratch)
        student, trainer = open_student_and_trainer(config, folder, given)
        try:
            base = config.student.model_ref
            load_s = timed(student, base, questions)
            question_s = timed(student, base, questions) / len(questions)
            student.close()
            rows = folder / "round-01" / "training.jsonl"  # as in a run
            write_records(rows, [row_of(question) for question in questions])
            told: list[float] = []
            trained = trainer.train(
                TrainingJob(
                    start=base,
                    examples=rows,
                    adapter=rows.with_name("adapter"),
                    settings=small(config.training),
                    system=config.student.system,
                    quantize=config.student.quantize,
                ),
                lambda step, steps, loss: told.append(time.monotonic()),
            )
            last_s = told[-1] - told[-2] if len(told) > 1 else 0.0
            token_s = last_s * max(1, len(told)) / max(1, trained.tokens)
            timed(student, trained.model, questions)
        finally:
            student.close()
    return Rehearsed(
        load_s=load_s,
        question_s=question_s,
        token_s=token_s,
        run_s=run_seconds(config, exams, load_s, question_s, token_s),
    )


def row_of(question: Question) -> Row:
    return Row(
        id=question.id,
        example_id=question.id,
        question_id=question.id,
        before=question.before,
        prompt=question.prompt,
        completion=question.solution or question.target,
        target=question.target,
        answer=question.answer,
    )


def timed(student: Student, model: Any, questions: Sequence[Question]) -> float:
    """Seconds until all of them are answered.

    Raises:
        StepFailed: They are not.
    """
    begun = time.monotonic()
    count = len(list(student.ask(model, questions, frozenset())))
    if count < len(questions):
        raise StepFailed(f"the student answered {count} of {len(questions)} questions")
    return time.monotonic() - begun


def small(settings: TrainingSettings) -> TrainingSettings:
    """A row a step, each row once, by the plainest objective: pairs are not at hand."""
    kept = settings.model_dump(exclude={"objective", "options", "tokens"})
    few = {"batch": 1, "accumulate": 1, "epochs": 1}
    return TrainingSettings.model_validate(kept | few)


def run_seconds(
    config: RunConfig, exams: RunExams, load_s: float, question_s: float, token_s: float
) -> float:
    """At most, nearly: every round takes all its examples and is promoted."""
    rounds = config.rounds
    asked = (1 + rounds) * len(exams.dev) + config.practice_exams * len(exams.practice)
    asked += rounds * len(exams.guard)
    asked += 2 * (len(exams.test) + len(exams.out_of_domain))
    sizes = [
        asked_tokens(q, config.student.system) + tokens_of(q.solution or q.target)
        for q in exams.practice
    ]
    row = sum(sizes) / len(sizes) + TEMPLATE
    tokens = config.training.tokens
    if tokens is None:
        way, practice = config.way, len(exams.practice)
        solutions = practice if way.solutions else 0
        written = config.per_round(practice) if "write" in way.steps else 0
        rows = solutions + written * (1 + config.training.replay * (rounds - 1) / 2)
        tokens = round(rows * row * (config.training.epochs or 1))
    return asked * question_s + rounds * (tokens * token_s + 3 * load_s)
