"""Calls side by side: how many, how fast, and what follows a failed one."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import Any

import pytest
from test_llm import GOOD, client_for, diagnosis, mistake

from errata.agents.chat_models.cache import ReplyCache
from errata.agents.chat_models.client import ChatClient, split_thinking
from errata.agents.chat_models.ledger import Budget, Ledger
from errata.agents.chat_models.pacing import Pacing, RateLimit, RetriesExhaustedError
from errata.agents.data_writer import Ask, Diagnosed
from errata.agents.errors import BudgetSpent, InstructorError
from errata.agents.llm import LlmInstructor, LlmWriter
from errata.agents.records import Diagnosis, LlmCall, Unusable
from errata.agents.testing.openai_server import Fault, OpenAIServer, Reply, completion, error

pytestmark = pytest.mark.slow


def jobs(count: int, do: Callable[[int], Awaitable[int]]) -> list[Callable[[], Awaitable[int]]]:
    return [partial(do, number) for number in range(count)]


async def slowly(number: int) -> int:
    await asyncio.sleep(0.02)
    return number


def test_all_jobs_are_done_side_by_side_up_to_the_limit() -> None:
    under_way: set[int] = set()
    most = 0

    async def job(number: int) -> int:
        nonlocal most
        under_way.add(number)
        most = max(most, len(under_way))
        await slowly(number)
        under_way.remove(number)
        return number

    assert sorted(Pacing(concurrency=4).run(jobs(30, job))) == list(range(30))
    assert most == 4


def test_no_more_is_begun_than_was_taken_so_a_kill_loses_little() -> None:
    begun = 0

    async def job(number: int) -> int:
        nonlocal begun
        begun += 1
        return number

    results = Pacing(concurrency=3).run(jobs(30, job))
    for taken in range(10):
        next(results)
        time.sleep(0.01)
        assert begun <= taken + 1 + 3
    results.close()


def test_left_early_it_cancels_what_is_under_way() -> None:
    ended: list[str] = []

    async def job(number: int) -> int:
        if number == 0:
            return 0
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return number

    results = Pacing(concurrency=5).run(jobs(9, job))
    assert next(results) == 0
    time.sleep(0.05)
    results.close()
    assert ended == ["cancelled"] * 4


def test_one_call_in_vain_stops_no_other_and_is_raised_at_the_end() -> None:
    async def job(number: int) -> int:
        if number == 3:
            raise RetriesExhaustedError("three")
        return await slowly(number)

    taken: list[int] = []
    with pytest.raises(InstructorError, match="three"):
        taken.extend(Pacing(concurrency=2).run(jobs(20, job)))
    assert sorted(taken) == [number for number in range(20) if number != 3]


def test_a_server_that_only_fails_is_given_up_after_some_calls() -> None:
    begun = 0

    async def job(number: int) -> int:
        nonlocal begun
        begun += 1
        raise RetriesExhaustedError("dead")

    with pytest.raises(InstructorError, match="dead"):
        list(Pacing(concurrency=2).run(jobs(1000, job)))
    assert begun <= 7


def test_a_spent_budget_lets_what_is_under_way_end() -> None:
    async def job(number: int) -> int:
        if number == 5:
            raise BudgetSpent("spent")
        return await slowly(number)

    taken: list[int] = []
    with pytest.raises(BudgetSpent):
        taken.extend(Pacing(concurrency=3).run(jobs(50, job)))
    assert set(taken) >= {0, 1, 2, 3, 4}
    assert len(taken) < 10


def test_requests_are_spread_evenly_over_the_minute() -> None:
    sent: list[float] = []
    pacing = Pacing(concurrency=8, requests_per_minute=1200)

    async def call() -> int:
        sent.append(time.monotonic())
        return 0

    list(pacing.run(jobs(10, lambda number: pacing.send(call))))
    assert sent[-1] - sent[0] >= 9 * 0.05 - 0.01


def test_tokens_count_as_they_were_taken_and_not_as_they_were_guessed() -> None:
    limit = RateLimit(60_000)
    assert limit.reserve(1000) == 0
    limit.reserve(-500)
    assert limit.reserve(0) == pytest.approx(0.5, abs=0.05)
    assert RateLimit(None).reserve(10**9) == 0


def diagnosed_by(
    reply: Callable[[dict[str, Any]], Reply], count: int = 1, **changes: Any
) -> tuple[list[Diagnosis | Unusable], OpenAIServer, list[LlmCall], float]:
    calls: list[LlmCall] = []
    with OpenAIServer(reply) as server:
        client = client_for(server, calls.append, **({"retries": 2, "backoff_s": 0.02} | changes))
        start = time.monotonic()
        found = list(LlmInstructor(client).diagnose([mistake(n) for n in range(1, count + 1)]))
    return found, server, calls, time.monotonic() - start


def first(fault: Reply, then: Reply = GOOD) -> Callable[[dict[str, Any]], Reply]:
    replies = iter([fault])
    return lambda request: next(replies, then)


def test_a_server_that_asks_for_a_pause_gets_it() -> None:
    for_a_second = error(429, "slow down", Retry_After="1")
    [found], server, _, seconds = diagnosed_by(first(for_a_second))
    assert isinstance(found, Diagnosis)
    assert seconds >= 1
    assert server.calls == 2


def test_the_pause_may_be_a_date_and_holds_for_all_calls() -> None:
    sent: list[float] = []
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    paused = error(503, "restarting", Retry_After=format_datetime(until, usegmt=True))
    replies = iter([paused])

    def reply(request: dict[str, Any]) -> Reply:
        sent.append(time.time())
        return next(replies, GOOD)

    found, *_ = diagnosed_by(reply, count=4, concurrency=1)
    assert len(found) == 4
    assert sent[1] >= until.timestamp() - 0.05


def test_a_pause_that_is_too_long_is_told_and_not_waited_for() -> None:
    with pytest.raises(InstructorError, match="wait 24 h, as it asks, and resume"):
        diagnosed_by(lambda request: error(429, "tomorrow", Retry_After="86400"))


@pytest.mark.parametrize(
    ("asked", "told"),
    [("36000", "10 h"), ("604800", "7 days"), ("9" * 30, "wait and resume")],
    ids=["10 hours", "a week", "no number that could be"],
)
def test_how_long_a_server_asks_to_wait_is_said(asked: str, told: str) -> None:
    with pytest.raises(InstructorError, match=told):
        diagnosed_by(lambda request: error(429, "later", Retry_After=asked), retries=0)


def test_a_server_that_only_redirects_is_said_to_and_not_asked_again() -> None:
    asked = 0

    def reply(request: dict[str, Any]) -> Reply:
        nonlocal asked
        asked += 1
        return Fault(307, headers={"Location": "/v1/chat/completions"})

    with pytest.raises(InstructorError, match="redirects again and again: let base_url name"):
        diagnosed_by(reply)
    assert asked <= 25  # the client's own limit, once


def test_a_spent_quota_is_not_tried_again() -> None:
    body = {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}
    asked = 0

    def reply(request: dict[str, Any]) -> Reply:
        nonlocal asked
        asked += 1
        return (429, body)

    with pytest.raises(InstructorError, match="exceeded your quota"):
        diagnosed_by(reply)
    assert asked == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_what_cannot_pass_is_not_tried_again(status: int) -> None:
    asked = 0

    def reply(request: dict[str, Any]) -> Reply:
        nonlocal asked
        asked += 1
        return error(status, "no")

    with pytest.raises(InstructorError):
        diagnosed_by(reply)
    assert asked == (3 if status == 400 else 1)  # once for each form of the reply


def test_a_reply_that_drips_is_given_up_in_time() -> None:
    slow = Fault(body=json.dumps(completion(GOOD)).encode(), after_s=1)
    with pytest.raises(InstructorError, match="raise timeout_s"):
        diagnosed_by(lambda request: slow, timeout_s=0.1, retries=0)


def refusing(*forms: str) -> Callable[[dict[str, Any]], Reply]:
    """A server that knows not these forms of replies."""

    def reply(request: dict[str, Any]) -> Reply:
        form = request.get("response_format", {}).get("type", "text")
        return error(400, f"unknown parameter: {form}") if form in forms else GOOD

    return reply


@pytest.mark.parametrize(
    ("forms", "method"),
    [
        ((), "json_schema"),
        (("json_schema",), "json_mode"),
        (("json_schema", "json_object"), "text"),
    ],
)
def test_the_form_that_a_server_takes_is_found_once(forms: tuple[str, ...], method: str) -> None:
    with OpenAIServer(refusing(*forms)) as server:
        calls: list[LlmCall] = []
        client = client_for(server, calls.append)
        instructor = LlmInstructor(client)
        assert len(list(instructor.diagnose([mistake(n) for n in range(1, 9)]))) == 8
        assert instructor.chat.method == method
        asked = server.calls
        assert len(list(instructor.diagnose([mistake(n) for n in range(9, 17)]))) == 8
        assert server.calls == asked + 8
    assert len(calls) == 16
    assert not any(call.error for call in calls)
    prompt = server.requests[-1].body["messages"][0]["content"]
    assert ("# The form of the reply" in prompt) == bool(forms)


@pytest.mark.parametrize(
    ("text", "thinking", "said"),
    [
        ("<think>Hm, {}</think>{1}", "Hm, {}", "{1}"),
        ("\n<THINKING>a</THINKING>\n{1}", "a", "\n{1}"),
        ("<think>a</think><think>b</think>{1}", "a\nb", "{1}"),
        ("begun in the prompt</think>{1}", "begun in the prompt", "{1}"),
        ("<think>never ends {1}", "never ends {1}", ""),
        ('{"a": "</think>"}', "", '{"a": "</think>"}'),
        ("no thought", "", "no thought"),
    ],
)
def test_thoughts_and_reply_are_told_apart(text: str, thinking: str, said: str) -> None:
    assert split_thinking(text) == (thinking, said)


@pytest.mark.parametrize("tag", ["</think>", "<think></think>", "<think>"])
def test_a_reply_of_nothing_but_tags_is_split_in_time_that_grows_with_its_length(tag: str) -> None:
    def seconds(count: int) -> float:
        start = time.process_time()
        split_thinking(tag * count)
        return time.process_time() - start

    assert seconds(30_000) < 30 * max(min(seconds(3_000) for _ in range(3)), 0.002)


def test_thoughts_are_in_the_trace_and_not_in_the_reply() -> None:
    [found], _, [call], _ = diagnosed_by(lambda request: f"<think>It added.</think>{GOOD}")
    assert isinstance(found, Diagnosis)
    assert (call.thinking, call.reply) == ("It added.", GOOD)


def test_what_was_asked_before_costs_nothing(tmp_path: Any) -> None:
    calls: list[LlmCall] = []
    cache = ReplyCache(tmp_path / "replies.sqlite")
    with OpenAIServer(lambda request: GOOD) as server:
        model = client_for(server).model
        for _ in range(2):
            ledger = Ledger(budget=Budget(tokens=10_000))
            client = ChatClient(model, calls.append, None, cache, ledger)
            [found] = LlmInstructor(client).diagnose([mistake()])
            assert isinstance(found, Diagnosis)
        assert server.calls == 1
    cache.close()
    assert [call.cached for call in calls] == [False, True]
    assert ledger.tokens == 0


def test_a_budget_is_never_exceeded_by_calls_at_once() -> None:
    def reply(request: dict[str, Any]) -> Reply:
        body = completion(GOOD)
        asked = sum(len(message["content"]) for message in request["messages"]) // 4
        body["usage"] = {
            "prompt_tokens": asked,
            "completion_tokens": 100,
            "total_tokens": asked + 100,
        }
        return (200, body)

    ledger = Ledger(budget=Budget(tokens=20_000))
    found: list[Diagnosis | Unusable] = []
    with OpenAIServer(reply) as server:
        client = ChatClient(client_for(server).model, lambda call: None, None, None, ledger)
        diagnoses = LlmInstructor(client).diagnose([mistake(n) for n in range(1, 60)])
        with pytest.raises(BudgetSpent):
            found.extend(diagnoses)
    assert 5 <= len(found) == server.calls
    assert ledger.tokens <= 20_000
    assert not ledger.under_way


def test_asks_go_out_together() -> None:
    example = {"prompt": "2 + 2?", "completion": "2 + 2 = 4\n#### 4", "target": "4"}
    slow = Fault(
        body=json.dumps(completion(json.dumps({"examples": [example]}))).encode(), after_s=0.3
    )
    with OpenAIServer(lambda request: slow) as server:
        writer = LlmWriter(client_for(server, concurrency=6))
        asks = [Ask(Diagnosed(mistake(n), diagnosis(id=f"d-{n}")), 8, 0) for n in range(1, 13)]
        assert {ask.lesson.id for ask, _ in writer.draft(asks)} == {f"d-{n}" for n in range(1, 13)}
    assert server.most_under_way == 6
