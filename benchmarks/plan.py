"""How long one round takes on machines that are not at hand: arithmetic on measured rates.

    python benchmarks/plan.py
    python benchmarks/plan.py --size 70B --practice 1000000 --asking 2600

Every rate can be given; the sources of those that are not stand in docs/scale.md. Asking and
training share the GPUs and take turns; the instructor is an API. What a step costs beside its
rate (loading, a server's start) is `--start`, once for asking and once for training.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass


@dataclass(frozen=True)
class Rates:
    """What GPUs were seen to do with a model of one size."""

    gpus: int
    """All together."""
    gpus_a_server: int
    """That share one copy of the weights when asked."""
    asking: float
    """Answer tokens a second of one server, prompts of the same length read along the way."""
    training: float
    """Tokens a second and GPU."""


SIZES = {
    "8B": Rates(gpus=8, gpus_a_server=1, asking=9193, training=10203),
    "70B": Rates(gpus=64, gpus_a_server=4, asking=3317, training=1039),
}
"""docs/scale.md names the measurements."""


@dataclass(frozen=True)
class Round:
    """What one round asks for."""

    practice: int
    dev: int
    answer_tokens: int
    examples: int
    example_tokens: int
    epochs: float
    filled: float
    """Share of a training batch's tokens that is no padding."""
    calls: int
    """Of the instructor, the writer and the verifier together."""
    call_s: float
    calls_at_once: int
    own_ms: float
    """errata's own time a practice question, in milliseconds."""
    start_s: float


def seconds(round: Round, rates: Rates) -> dict[str, float]:
    """By step."""
    servers = rates.gpus // rates.gpus_a_server
    answered = (round.practice + round.dev) * round.answer_tokens
    trained = round.examples * round.example_tokens * round.epochs
    return {
        "asking": round.start_s + answered / (servers * rates.asking),
        "instructor": round.calls * round.call_s / round.calls_at_once,
        "training": round.start_s + trained / (rates.gpus * rates.training * round.filled),
        "errata itself": round.practice * round.own_ms / 1000,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--size", choices=SIZES, action="append", help="of the model; both if unsaid"
    )
    for name, help in (
        ("gpus", "all together"),
        ("gpus-a-server", "that share one copy of the weights"),
        ("asking", "answer tokens a second of one server"),
        ("training", "tokens a second and GPU"),
    ):
        parser.add_argument(f"--{name}", type=float, help=help)
    parser.add_argument("--practice", type=int, default=100_000, help="questions")
    parser.add_argument("--dev", type=int, default=2_000, help="questions")
    parser.add_argument("--answer-tokens", type=int, default=128)
    parser.add_argument("--examples", type=int, default=20_000)
    parser.add_argument("--example-tokens", type=int, default=256, help="prompt and completion")
    parser.add_argument("--epochs", type=float, default=2)
    parser.add_argument("--filled", type=float, default=0.5, help="tokens that are no padding")
    parser.add_argument("--calls", type=int, help="of LLMs; one an example if unsaid")
    parser.add_argument("--call", type=float, default=10, help="seconds")
    parser.add_argument("--calls-at-once", type=int, default=64)
    parser.add_argument("--own", type=float, default=1.0, help="ms a question")
    parser.add_argument("--start", type=float, default=120, help="seconds")
    given = parser.parse_args()
    asked = Round(
        practice=given.practice,
        dev=given.dev,
        answer_tokens=given.answer_tokens,
        examples=given.examples,
        example_tokens=given.example_tokens,
        epochs=given.epochs,
        filled=given.filled,
        calls=given.examples if given.calls is None else given.calls,
        call_s=given.call,
        calls_at_once=given.calls_at_once,
        own_ms=given.own,
        start_s=given.start,
    )
    for size in given.size or SIZES:
        usual = SIZES[size]
        rates = Rates(
            gpus=int(given.gpus or usual.gpus),
            gpus_a_server=int(given.gpus_a_server or usual.gpus_a_server),
            asking=given.asking or usual.asking,
            training=given.training or usual.training,
        )
        if not 0 < rates.gpus_a_server <= rates.gpus:
            parser.error(f"{rates.gpus} GPUs make no server of {rates.gpus_a_server}")
        steps = seconds(asked, rates)
        print(
            f"{size} on {rates.gpus} GPUs, {rates.gpus // rates.gpus_a_server} servers: "
            f"{asked.practice:,} + {asked.dev:,} questions, {asked.examples:,} examples"
        )
        for step, took in steps.items():
            print(f"  {step:14}{took / 60:8.1f} min")
        print(f"  {'one round':14}{sum(steps.values()) / 60:8.1f} min")


if __name__ == "__main__":
    main()
