"""Calls to one server: concurrency, rate limits, retries with backoff."""

from __future__ import annotations

import asyncio
import functools
import gc
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Event, Thread
from typing import Generic, TypeVar

from errata.agents.chat_models.failures import may_pass, retry_after_s
from errata.agents.chat_models.settings import LlmSettings
from errata.agents.errors import ErrataError, InstructorError

T = TypeVar("T")

MOST_FAILURES_IN_A_ROW = 5  # failed calls in a row, after which a server is asked no more
LONGEST_BACKOFF_S = 60.0  # between two tries
LONGEST_RETRY_AFTER_S = 600.0  # a server that asks for more is not waited for
CLOSING_S = 10.0  # patience with calls that were cancelled


class RetriesExhaustedError(InstructorError):
    """A call that failed however often it was tried. Another one may not."""


@dataclass(frozen=True)
class Done(Generic[T]):
    """A finished job, or why it has none."""

    result: T | None = None
    failure: BaseException | None = None


class Pacing:
    """Runs jobs side by side in one event loop, each of which sends calls to the same server."""

    def __init__(
        self,
        concurrency: int = 8,
        retries: int = 4,
        timeout_s: float | None = 120,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        backoff_s: float = 1.0,
    ) -> None:
        """
        Args:
            concurrency: Jobs under way at once. Results that nobody has taken yet count as such,
                but for an eighth, so that a kill loses little.
            retries: Of a call that met a lost connection, a time-out, a 429 or 5xx.
            timeout_s: Patience with one try.
            tokens_per_minute: In and out together.
            backoff_s: Longest wait before the first retry; it doubles each time.
        """
        self.concurrency = concurrency
        self.retries = retries
        self.timeout_s = timeout_s
        self.requests = RateLimit(requests_per_minute)
        self.tokens = RateLimit(tokens_per_minute)
        self.backoff_s = backoff_s
        self.paused_until = 0.0  # a server that asks for a pause asks it of all calls
        self.stopped = asyncio.Event()

    @classmethod
    def from_settings(cls, settings: LlmSettings) -> Pacing:
        if settings.model.startswith("local:"):  # one conversation at a time, however slow
            return cls(concurrency=1, retries=0, timeout_s=None)
        return cls(
            settings.concurrency,
            settings.retries,
            settings.timeout_s,
            settings.requests_per_minute,
            settings.tokens_per_minute,
            settings.backoff_s,
        )

    def run(self, jobs: Iterable[Callable[[], Awaitable[T]]]) -> Iterator[T]:
        """The jobs' results as they come.

        A job whose retries are exhausted does not stop the others, unless several in a row do.
        After any other failure none is begun; what is under way is still finished and yielded.
        Then the first failure is raised. Left early, by Ctrl-C too, it cancels what is under way.

        Raises:
            ErrataError: A job raised it.
        """
        loop = event_loop()
        done: SimpleQueue[Done[T] | None] = SimpleQueue()
        slots = asyncio.Semaphore(self.concurrency + self.concurrency // 8)
        ended = Event()
        work = asyncio.run_coroutine_threadsafe(self.work(iter(jobs), slots, done, ended), loop)
        failure: BaseException | None = None
        try:
            while (each := done.get()) is not None:
                if each.failure is not None:
                    failure = failure or each.failure
                else:
                    yield each.result  # type: ignore[misc]  # T may hold None
                loop.call_soon_threadsafe(slots.release)
        finally:
            work.cancel()
            ended.wait(CLOSING_S)
        if failure is not None:
            raise failure

    async def work(
        self,
        jobs: Iterator[Callable[[], Awaitable[T]]],
        slots: asyncio.Semaphore,
        done: SimpleQueue[Done[T] | None],
        ended: Event,
    ) -> None:
        self.stopped = asyncio.Event()
        closed = False  # to new jobs
        failed_in_a_row = 0

        async def worker() -> None:
            nonlocal closed, failed_in_a_row
            while not closed:
                await slots.acquire()
                job = None if closed else next(jobs, None)
                if job is None:
                    slots.release()
                    return
                try:
                    result = await job()
                except RetriesExhaustedError as failure:
                    failed_in_a_row += 1
                    if failed_in_a_row >= MOST_FAILURES_IN_A_ROW:
                        closed = True
                        self.stopped.set()
                    done.put(Done(failure=failure))
                except Exception as failure:
                    closed = True
                    # A spent budget stops what is new only.
                    if isinstance(failure, InstructorError) or not isinstance(failure, ErrataError):
                        self.stopped.set()
                    done.put(Done(failure=failure))
                else:
                    failed_in_a_row = 0
                    done.put(Done(result))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self.concurrency):
                    group.create_task(worker())
        finally:
            done.put(None)
            ended.set()

    async def send(self, call: Callable[[], Awaitable[T]], tokens: int = 0) -> T:
        """What the call brings, in its turn and within its time, tried again where that may help.

        Args:
            tokens: That it should take; see `correct`.

        Raises:
            Exception: The call's own, of the last try.
        """
        tried = 0
        while True:
            await self.wait_for_turn(tokens)
            try:
                async with asyncio.timeout(self.timeout_s):
                    return await call()
            except Exception as error:
                tried += 1
                asked_s = retry_after_s(error)
                if tried > self.retries or not may_pass(error) or self.stopped.is_set():
                    raise
                if asked_s is not None and asked_s > LONGEST_RETRY_AFTER_S:
                    raise
                longest = min(LONGEST_BACKOFF_S, self.backoff_s * 2 ** (tried - 1))
                if asked_s is not None:
                    self.paused_until = max(self.paused_until, time.monotonic() + asked_s)
                # At random between 0 and the longest, so that many do not come back as one.
                await self.sleep((asked_s or 0) + random.uniform(0, longest))
                if self.stopped.is_set():
                    raise

    def correct(self, tokens: int) -> None:
        """The last call took `tokens` more than `send` was given; fewer, where negative."""
        self.tokens.reserve(tokens)

    async def wait_for_turn(self, tokens: int) -> None:
        """Waits until the server may be asked."""
        now = time.monotonic()
        wait_s = max(self.requests.reserve(1), self.tokens.reserve(tokens))
        while wait_s > 0 or self.paused_until > now:
            await self.sleep(max(wait_s, self.paused_until - now))
            wait_s, now = 0, time.monotonic()
            if self.stopped.is_set():
                return

    async def sleep(self, seconds: float) -> None:
        """Sleeps, but wakes when the server is given up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stopped.wait()


class RateLimit:
    """So many a minute, spread evenly: within no minute are there more."""

    def __init__(self, per_minute: int | None) -> None:
        self.per_minute = per_minute
        self.free_at = 0.0

    def reserve(self, amount: int) -> float:
        """Seconds until `amount` may be sent; its place is taken."""
        if self.per_minute is None:
            return 0
        now = time.monotonic()
        start = max(now, self.free_at)
        self.free_at = start + 60 * amount / self.per_minute
        return start - now


@functools.cache
def event_loop() -> asyncio.AbstractEventLoop:
    """The loop of all calls, in a thread of its own.

    One for the process: providers' packages keep their connections for the process, and a
    connection works in the loop only in which it was made.
    """
    # The providers' packages are large and stay: the garbage collector would look through them
    # again and again, and hold up all calls meanwhile.
    gc.freeze()
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, name="llm calls", daemon=True).start()
    return loop
