"""One exam on many servers: who is asked what next, and what becomes of a server that fails."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Condition, Event, Thread

from errata.agents.errors import ErrataError, StepFailed
from errata.agents.plain_text import visible
from errata.agents.served.server import AdapterForgotten, Choice, Connection, Server, Unanswered

WAITS_S = (0.25, 0.5, 1, 2, 4, 8)
"""Between looks at a server that failed; after the last it is asked no more."""
MOST_MENDED = 8
"""How often in a row a server may be mended without an answer in between."""
MOST_TRIES = MOST_MENDED + 1
"""Of one request, on whatever servers: by then they have answered others, or were given up."""


@dataclass
class Item:
    """A request, and what is to be known with its answer."""

    id: str
    sample: int
    request: dict[str, object]
    tries: int = 0


class Asking:
    """The requests of one exam, and the threads that send them: some for each server."""

    def __init__(
        self,
        servers: Sequence[Server],
        items: Sequence[Item],
        at_once: int,
        again: Callable[[Server], None],
        ended: Callable[[Server], str | None],
        waits_s: Sequence[float] = WAITS_S,
    ) -> None:
        """
        Args:
            items: In the order in which they are sent.
            at_once: Requests under way on each server.
            again: Gives a server its adapter again.
            ended: How a server of ours ended; None where it runs, or is not ours.
        """
        self.servers = servers
        self.open = deque(items)
        self.left = len(items)
        """Items without an answer, those under way too."""
        self.changed = Condition()
        self.stopped = Event()
        self.found: SimpleQueue[tuple[Server, Item, Choice] | BaseException] = SimpleQueue()
        self.again, self.ended, self.waits_s = again, ended, waits_s
        self.connections: list[Connection] = []
        self.threads: list[Thread] = []
        many = min(at_once, len(items))
        for server in servers:
            for _ in range(many if server.dead is None else 0):
                connection = server.connect()
                self.connections.append(connection)
                self.threads.append(
                    Thread(target=self.work, args=(server, connection), daemon=True)
                )

    def answers(self) -> Iterator[tuple[Server, Item, Choice]]:
        """As they come.

        Raises:
            StepFailed: No server is left, or one refuses what it is asked.
        """
        if not self.threads:
            raise self.nobody_left()
        wanted = self.left
        try:
            for thread in self.threads:
                thread.start()
            for _ in range(wanted):
                found = self.found.get()
                if isinstance(found, BaseException):
                    raise found
                yield found
        finally:
            self.stopped.set()
            with self.changed:
                self.changed.notify_all()
            for connection in self.connections:
                connection.close()
            for thread in self.threads:
                if thread.ident is not None:
                    thread.join()

    def work(self, server: Server, connection: Connection) -> None:
        """One thread: a request at a time, as long as there are any and the server answers."""
        try:
            while (item := self.take(server)) is not None:
                mended = server.mended
                try:
                    choice = server.complete(connection, item.request)
                except (Unanswered, AdapterForgotten) as problem:
                    self.give_back(item)
                    if not self.mended(server, problem, mended):
                        return
                    if item.tries >= MOST_TRIES:
                        raise StepFailed(
                            f"no server answers {item.id}, asked {item.tries} times: {problem}; "
                            "see the servers' logs"
                        ) from None
                else:
                    server.failures = 0
                    self.done(server, item, choice)
        except BaseException as error:
            if not self.stopped.is_set():
                self.found.put(error)
        finally:
            connection.close()

    def take(self, server: Server) -> Item | None:
        """The next one; None when nothing is left, or this server is asked no more."""
        with self.changed:
            while not self.open and self.left and self.may_ask(server):
                self.changed.wait()  # another server may give back what it has under way
            if not self.open or not self.may_ask(server):
                return None
            return self.open.popleft()

    def may_ask(self, server: Server) -> bool:
        return server.dead is None and not self.stopped.is_set()

    def give_back(self, item: Item) -> None:
        with self.changed:
            item.tries += 1
            self.open.appendleft(item)
            self.changed.notify()

    def done(self, server: Server, item: Item, choice: Choice) -> None:
        with self.changed:
            self.left -= 1
            if not self.left:
                self.changed.notify_all()
        self.found.put((server, item, choice))

    def mended(self, server: Server, problem: Exception, mended: int) -> bool:
        """Whether the server may be asked again; whoever comes first waits for it.

        Args:
            mended: How often it had been mended when the request was sent.
        """
        with server.lock:
            if server.dead is not None or self.stopped.is_set():
                return False
            if server.mended != mended:
                return True  # another thread has seen to it
            server.failures += 1
            why = self.mend(server, problem)
            server.mended += 1
            if why is None:
                return True
            if not self.stopped.is_set():
                server.dead = why
                if all(each.dead is not None for each in self.servers):
                    self.found.put(self.nobody_left())
        with self.changed:
            self.changed.notify_all()
        return False

    def mend(self, server: Server, problem: Exception) -> str | None:
        """Waits until the server is well and gives it its adapter again; why that cannot be."""
        forgot = isinstance(problem, AdapterForgotten)
        why = str(problem)
        if server.failures > MOST_MENDED:
            return why
        waits_s = self.waits_s[min(server.failures, len(self.waits_s)) - 1 :]
        for wait_s in (0, *waits_s) if forgot else waits_s:
            if self.stopped.wait(wait_s):
                return why
            if gone := self.ended(server):
                return gone
            if server.is_well:
                try:
                    if forgot:
                        self.again(server)
                except (Unanswered, AdapterForgotten):
                    continue
                return None
        return why

    def nobody_left(self) -> ErrataError:
        whys = "; ".join(f"{server.url}: {visible(server.dead or '')}" for server in self.servers)
        return StepFailed(
            f"no server of the student is left ({whys}): mend that, then resume the run"
        )
