"""The student on a vLLM server: the same answers as errata's own, and as fast as a bare client.

    python benchmarks/serving.py agreement --url http://127.0.0.1:8000/v1 [--adapter FOLDER]
    python benchmarks/serving.py speed --url http://127.0.0.1:8000/v1 --vllm VLLM_PYTHON

`agreement` asks both, greedily, and lists each question whose verdicts differ, with the first
token at which the answers part. `speed` sends the same requests through errata and through the
client of vLLM's own benchmark (`vllm bench serve`), which VLLM_PYTHON has; all of them are sent
once before, so that both find the prompts read.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

from errata.agents.examiner import examine
from errata.agents.exams import named_questions
from errata.agents.records import Attempt, ModelRef, Question
from errata.agents.served.student import ServedStudent
from errata.agents.served.tokens import Tokens
from errata.agents.student import Student, StudentSettings
from errata.agents.weights import LocalStudent

BARE_CLIENT = """
import asyncio, json, sys, time
import aiohttp
from vllm.benchmarks.lib.endpoint_request_func import (
    RequestFuncInput, async_request_openai_completions)

async def main():
    given = json.load(sys.stdin)
    at_once = asyncio.Semaphore(given["at_once"])
    connector = aiohttp.TCPConnector(limit=given["at_once"])
    timeout = aiohttp.ClientTimeout(total=6 * 3600)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        async def one(ids):
            async with at_once:
                return await async_request_openai_completions(RequestFuncInput(
                    prompt=ids, api_url=given["url"] + "/completions", prompt_len=len(ids),
                    output_len=given["tokens"], model=given["model"],
                    extra_body=given["more"]), session)
        begin = time.perf_counter()
        found = await asyncio.gather(*map(one, given["prompts"]))
        seconds = time.perf_counter() - begin
    assert all(each.success for each in found), [each.error for each in found][:1]
    print(json.dumps([sum(each.output_tokens for each in found), seconds]))

asyncio.run(main())
"""


def settings_of(given: argparse.Namespace, **more: object) -> StudentSettings:
    return StudentSettings.model_validate(
        {
            "model": given.model,
            "max_new_tokens": given.tokens,
            "batch_size": given.batch_size,
            "precision": given.precision,
        }
        | more
    )


def agreement(given: argparse.Namespace, questions: list[Question], folder: Path) -> None:
    served = ServedStudent(served_settings(given), folder / "served", 1)
    own = LocalStudent(settings_of(given), folder / "own")
    tokens = Tokens(given.model, None, folder)
    for adapter in (None, *given.adapter):
        model = ModelRef(base=given.model, adapter=adapter)
        there, here = ({a.question_id: a for a in sat(s, model, questions)} for s in (served, own))
        alike = sum(there[q.id].correct == here[q.id].correct for q in questions)
        word = sum(there[q.id].response == here[q.id].response for q in questions)
        right = [sum(a.correct for a in each.values()) for each in (here, there)]
        print(f"{model}: {len(questions)} questions, right here {right[0]}, on vLLM {right[1]}")
        print(f"  same verdict {alike / len(questions):.2%}, same text {word / len(questions):.2%}")
        for question in questions:
            one, other = here[question.id], there[question.id]
            if one.correct != other.correct:
                texts = [(side, attempt.response) for side, attempt in (("a", one), ("b", other))]
                (_, a), (_, b) = tokens.encode(texts)
                pairs = zip(a, b, strict=False)
                part = next((at for at, (x, y) in enumerate(pairs) if x != y), len(a))
                print(f"  {question.id}: here {one.response!r}, on vLLM {other.response!r}")
                print(f"    they part at token {part} of the conversation")
    for each in (served, own, tokens):
        each.close()


def speed(given: argparse.Namespace, questions: list[Question], folder: Path) -> None:
    settings = served_settings(given)
    student = ServedStudent(settings, folder, 1)
    model = ModelRef(base=given.model)
    print(student.engine)
    list(student.ask(model, questions, frozenset()))
    begin = time.perf_counter()
    made = sum(r.tokens for r in student.ask(model, questions, frozenset()))
    ours = made / (time.perf_counter() - begin)
    print(f"errata:      {ours:7.1f} tokens/s ({made} tokens)")
    [server] = student.servers
    assert student.tokens is not None
    encoded = student.tokens.encode([(q.id, q.prompt) for q in questions])
    encoded.sort(key=lambda pair: (-len(pair[1]), pair[0]))
    more = {"temperature": 0, "seed": 0, "stop_token_ids": student.tokens.ends, "ignore_eos": True}
    request = {
        "url": server.address + "/v1",
        "model": server.base,
        "tokens": given.tokens,
        "at_once": given.batch_size,
        "prompts": [ids for _, ids in encoded],
        "more": more,
    }
    said = subprocess.run(
        [given.vllm, "-c", BARE_CLIENT],
        input=json.dumps(request),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    count, seconds = json.loads(said.stdout.strip().splitlines()[-1])
    print(f"bare client: {count / seconds:7.1f} tokens/s ({count} tokens)")
    print(f"ratio:       {ours / (count / seconds):7.2f}")
    student.close()


def served_settings(given: argparse.Namespace) -> StudentSettings:
    return settings_of(given, urls=(given.url,), served_as=given.served_as)


def sat(student: Student, model: ModelRef, questions: list[Question]) -> list[Attempt]:
    return list(examine(student, model, questions, "agreement"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("agreement", "speed"))
    parser.add_argument("exam", nargs="?", default="arithmetic")
    parser.add_argument("--url", required=True)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--served-as")
    parser.add_argument("--adapter", action="append", default=[])
    parser.add_argument("--questions", type=int, default=400)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--precision", default="float32", help="Of errata's own student.")
    parser.add_argument("--vllm", help="A Python that has vLLM, for its benchmark's client.")
    given = parser.parse_args()
    questions = list(named_questions(given.exam, 0, given.questions))
    with tempfile.TemporaryDirectory() as scratch:
        {"agreement": agreement, "speed": speed}[given.what](given, questions, Path(scratch))


if __name__ == "__main__":
    main()
