"""Responses made without needless work are the responses that `generate` makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest
from tiny_models import write_tiny_model

from errata.training.jobs import AskRequest, ModelRef, Reply, Sampling, StudentJob

pytestmark = pytest.mark.model

FAMILIES = ("llama", "qwen2", "qwen3", "smollm3", "olmo2", "granite", "gemma", "mistral")
NO_WINDOW: dict[str, dict[str, Any]] = {"mistral": {"sliding_window": None}}
SIZES = {"hidden_size": 48, "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 8}
PROMPTS = [(f"q{at}", f"What is {at} + {7 * at}?" + " Say why." * (at % 4 * 3)) for at in range(12)]
LONG = [("long", "a" * 900), ("longer", "b" * 1100)]  # too long to be read with the others


def loaded(base: str, **job: Any) -> Any:
    from errata.training.student import load_student

    given = {"model": ModelRef(base=base), "max_new_tokens": 40, "batch_size": 12}
    student = load_student(StudentJob(**given | {"precision": "float32"} | job))
    student.ends = frozenset(range(2, 40))  # so that answers of many lengths are made
    student.model.generation_config.eos_token_id = sorted(student.ends)
    return student


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny", **SIZES)


def both(
    student: Any, prompts: list[tuple[str, str]] = PROMPTS, **sampling: Any
) -> tuple[list[Reply], list[Reply]]:
    """The replies as they are made, and as `generate` makes them."""
    ours = list(student.answer(prompts, sampling=Sampling(**sampling)))
    student.by_rows = False
    student.model.set_attn_implementation("eager")
    return ours, list(student.answer(prompts, sampling=Sampling(**sampling)))


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_answers_as_generate_lets_it(family: str, tmp_path: Path) -> None:
    config = SIZES | NO_WINDOW.get(family, {})
    student = loaded(write_tiny_model(tmp_path / family, family, **config))
    assert student.by_rows
    ours, theirs = both(student)
    assert ours == theirs
    assert len({reply.text for reply in ours}) > 6
    assert len({reply.tokens for reply in ours}) > 1


def test_prompts_of_unlike_length_and_answers_longer_than_the_room_at_first(base: str) -> None:
    student = loaded(base, max_new_tokens=140)
    student.ends = frozenset({2})
    student.model.generation_config.eos_token_id = [2]
    ours, theirs = both(student, [*PROMPTS[:3], *LONG])
    assert ours == theirs
    assert max(reply.tokens for reply in ours) == 140


@pytest.mark.parametrize("top_p", [1.0, 0.8])
def test_sampling_draws_what_generate_draws(base: str, top_p: float) -> None:
    ours, theirs = both(loaded(base), answers=3, temperature=1, top_p=top_p, seed=5)
    assert ours == theirs
    assert len({reply.text for reply in ours}) > 15
    assert len({reply.tokens for reply in ours}) > 3


def test_models_of_other_kinds_are_left_to_generate(tmp_path: Path) -> None:
    for family, config in (
        ("mistral", {"sliding_window": 8}),
        ("gemma2", {"head_dim": 8, "num_attention_heads": 6}),
        ("llama", {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}}),
    ):
        folder = tmp_path / f"{family}-{len(config)}"
        student = loaded(write_tiny_model(folder, family, **SIZES | config))
        assert not student.by_rows, family
        assert student.model.config._attn_implementation == "eager"
        assert len(list(student.answer(PROMPTS))) == len(PROMPTS)


def passes(student: Any) -> list[tuple[int, int]]:
    """Gets (rows, tokens) of each pass through the model."""
    shapes: list[tuple[int, int]] = []

    def note(module: Any, args: Any, given: dict[str, Any]) -> None:
        shapes.append(tuple(given["input_ids"].shape))

    student.model.register_forward_pre_hook(note, with_kwargs=True)
    return shapes


def test_what_all_prompts_begin_with_is_read_once_and_answers_that_end_leave(base: str) -> None:
    student = loaded(base, system="Answer briefly. " * 20)
    seen = passes(student)
    replies = list(student.answer(PROMPTS))
    read = sum(rows * tokens for rows, tokens in seen if tokens > 1)
    assert read < sum(reply.prompt_tokens for reply in replies) / 3
    decoded = [rows for rows, tokens in seen if tokens == 1]
    assert sum(decoded) == sum(reply.tokens for reply in replies) - len(replies)
    assert decoded[0] > decoded[-1] > 0


def test_prompts_of_unlike_length_are_not_padded_to_the_longest(base: str) -> None:
    student = loaded(base, max_new_tokens=2, batch_size=14)
    seen = passes(student)
    replies = list(student.answer([*LONG, *PROMPTS]))
    read = sum(rows * tokens for rows, tokens in seen if tokens > 1)
    assert read < 1.5 * sum(reply.prompt_tokens for reply in replies)


@pytest.mark.parametrize("by_rows", [True, False])
@pytest.mark.parametrize("raised", ["cuda", "cpu", "python"])
def test_a_batch_that_memory_has_no_room_for_is_halved_and_so_are_those_after_it(
    base: str, by_rows: bool, raised: str
) -> None:
    import torch

    errors = {
        "cuda": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."),
        "cpu": RuntimeError(
            "[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: not enough"
            " memory: you tried to allocate 99 bytes."
        ),
        "python": MemoryError(),
    }
    student = loaded(base, batch_size=8)
    student.by_rows = by_rows
    at_most, tries, told = 3, [], []
    student.on_less = told.append

    def refuse(module: Any, args: Any, given: dict[str, Any]) -> None:
        rows = len(given["input_ids"])
        tries.append(rows)
        if rows > at_most:
            raise errors[raised]

    student.model.register_forward_pre_hook(refuse, with_kwargs=True)
    replies = list(student.answer(PROMPTS))
    assert told == [4, 2]
    assert sum(rows > at_most for rows in tries) == 2
    small = loaded(base, batch_size=2)
    small.by_rows = by_rows
    assert replies == list(small.answer(PROMPTS))
    sampled = list(student.answer(PROMPTS[:1], sampling=Sampling(answers=5, temperature=1)))
    assert [reply.sample for reply in sampled] == [0, 1, 2, 3, 4]
    assert len({reply.text for reply in sampled}) == 5
    assert told == [4, 2]


def test_what_memory_had_room_for_is_told_before_the_answers_that_it_shaped(base: str) -> None:
    from errata.training.student import answer_requests

    class Wire:
        told: ClassVar[list[Any]] = []
        tell = told.append

        def requests(self) -> list[AskRequest]:
            return [AskRequest(prompts=tuple(PROMPTS)), AskRequest(prompts=tuple(PROMPTS[:5]))]

    student = loaded(base, batch_size=8)

    def refuse(module: Any, args: Any, given: dict[str, Any]) -> None:
        if len(given["input_ids"]) > 4:
            raise RuntimeError("DefaultCPUAllocator: not enough memory")

    student.model.register_forward_pre_hook(refuse, with_kwargs=True)
    answer_requests(student, cast(Any, Wire()))
    kinds = [(type(said).__name__, getattr(said, "at_once", None)) for said in Wire.told]
    reply, done = ("Reply", None), ("RequestDone", None)
    assert kinds[:2] == [("Machine", None), ("Machine", 4)]
    assert kinds[2:] == [reply] * 12 + [done] + [reply] * 5 + [done]


def test_no_memory_for_one_answer_is_said_and_another_error_is_not_taken_for_it(base: str) -> None:
    student = loaded(base)
    raised: list[Exception] = [RuntimeError("shapes do not fit")]

    def refuse(module: Any, args: Any) -> None:
        raise raised[0]

    student.model.register_forward_pre_hook(refuse)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        list(student.answer(PROMPTS))
    raised[0] = RuntimeError("DefaultCPUAllocator: not enough memory")
    with pytest.raises(MemoryError, match=r"memory for one response .*max_new_tokens"):
        list(student.answer(PROMPTS))


@pytest.mark.slow
@pytest.mark.process
def test_the_command_that_compares_ways_to_answer_on_a_gpu_runs_on_a_cpu() -> None:
    command = Path(__file__).parents[1] / "benchmarks" / "gpu_answering.py"
    done = subprocess.run(
        [sys.executable, str(command), "--tiny"], capture_output=True, text=True, check=True
    )
    assert done.stdout.count("6 of 6") == 3
