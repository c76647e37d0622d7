"""How near to the ideal time many calls at once come, against a server that always takes 200 ms.

    python benchmarks/instructor_calls.py
    python benchmarks/instructor_calls.py --calls 500 --concurrency 16
    python benchmarks/instructor_calls.py --kills 50

The server is a process of its own on loopback. The ideal is calls / concurrency times the
latency: no time for anything but waiting. With `--kills`, a whole run with an LLM instructor over
HTTP is killed at random moments and resumed, and the calls that reached the server are compared
with those of an undisturbed run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from errata.agents.chat_models import ChatClient, LlmSettings, open_chat_model
from errata.agents.llm import LlmInstructor
from errata.agents.records import Attempt, Diagnosis, LlmCall, Mistake, Question

REPLY = {
    "explanation": "It wrote 20 + 5 where 20 - 5 was needed. Giving away makes less. " * 4,
    "cause": "wrong operation: adds where it must subtract",
    "missing_skill": "The student must be able to see that giving away makes less.",
    "advice": "Set giving beside getting, with numbers below 50. " * 3,
}


async def serve(latency_s: float) -> None:
    """Answers every POST alike after `latency_s`; prints its port first."""
    body = json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 0,
            "model": "slow",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": json.dumps(REPLY)},
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200},
        }
    ).encode()
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    answer = head.encode() + body

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                asked = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = asked.partition(b"content-length:")[2].split(b"\r\n")[0]
                await reader.readexactly(int(length))
                await asyncio.sleep(latency_s)
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def mistake(number: int) -> Mistake:
    question = Question(
        id=f"q-{number}",
        prompt=f"Ada has {number} pens and gives away 6. How many are left?",
        target=str(number - 6),
        solution=f"{number} - 6 = {number - 6}\n#### {number - 6}",
    )
    attempt = Attempt(
        id=f"a-{number}",
        question_id=question.id,
        response=f"{number} + 6 = {number + 6}\n#### {number + 6}",
        answer=str(number + 6),
        correct=False,
        why="",
        tokens=12,
        truncated=False,
    )
    return Mistake(id=f"m-{number}", question=question, attempt=attempt)


def measure(calls: int, concurrency: int, latency_s: float, trace: Path) -> None:
    command = [sys.executable, __file__, "--serve", "--latency", str(latency_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            settings = LlmSettings(
                model="openai:slow",
                base_url=f"http://127.0.0.1:{int(server.stdout.readline())}/v1",
                concurrency=concurrency,
            )
            with trace.open("w", encoding="utf-8") as file:

                def report(call: LlmCall) -> None:
                    file.write(call.model_dump_json() + "\n")

                instructor = LlmInstructor(ChatClient(open_chat_model(settings), report, settings))
                list(instructor.diagnose([mistake(number) for number in range(100)]))  # warm
                start, used = time.perf_counter(), time.process_time()
                results = list(instructor.diagnose([mistake(n) for n in range(100, 100 + calls)]))
                seconds = time.perf_counter() - start
                used = time.process_time() - used
        finally:
            server.kill()
    assert all(isinstance(result, Diagnosis) for result in results)
    ideal = calls / concurrency * latency_s
    print(
        f"{calls:,} calls, {concurrency} at once, {1000 * latency_s:.0f} ms each: {seconds:.2f} s, "
        f"ideal {ideal:.2f} s ({seconds / ideal - 1:+.1%}); {1000 * used / calls:.2f} ms of "
        "processor time a call"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.2, help="seconds")
    parser.add_argument("--kills", type=int, default=0, help="kills of a whole run, in its place")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(given.latency))
    elif given.kills:
        sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
        from killed_calls import compare

        with tempfile.TemporaryDirectory() as folder:
            print(compare(Path(folder), given.kills, given.seed))
    else:
        with tempfile.TemporaryDirectory() as folder:
            measure(given.calls, given.concurrency, given.latency, Path(folder) / "calls.jsonl")


if __name__ == "__main__":
    main()
