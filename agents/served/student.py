"""The student on vLLM servers: asked for the same tokens, ended by the same, as the one here."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from errata.agents.engine import Engine, same_engine
from errata.agents.errors import ConfigError, ModelError, StepFailed
from errata.agents.plain_text import visible
from errata.agents.records import GREEDY, ModelRef, Question, Response, Sampling
from errata.agents.served.adapter import check_adapter, does_nothing, max_rank_for, name_of, rank_of
from errata.agents.served.asking import WAITS_S, Asking, Item
from errata.agents.served.process import Process, environment_for, flags_for, gpus_for, last_words
from errata.agents.served.server import (
    AdapterForgotten,
    Card,
    Choice,
    Server,
    Unanswered,
    prompt_logprobs,
)
from errata.agents.served.tokens import Tokenizer, Tokens
from errata.agents.student import StudentSettings, prompts_of
from errata.agents.weights.models import check_model

BASE = "base"
"""Name of the base model on servers of our own."""
PROBED = 8
"""Questions by which an adapter is told from its base."""
LOUDER = 2
"""An adapter must move log-probabilities so many times as much as asking the base twice does."""
SAY_EVERY_S = 60


class ServedStudent:
    """Answers with vLLM servers: those of `urls`, or those that it starts and ends itself."""

    def __init__(
        self,
        settings: StudentSettings,
        folder: Path,
        rank: int,
        say: Callable[[str], None] = lambda text: None,
        waits_s: Sequence[float] = WAITS_S,
        tokenizer: Callable[[str, str | None, Path], Tokenizer] = Tokens,
    ) -> None:
        """
        Args:
            folder: Gets engine.json, and the logs of servers and of the tokenizer.
            rank: Of the adapters that will be trained.
            say: Is told when servers start and when one is lost.
            waits_s: Between looks at a server that failed.
            tokenizer: Opens that of a model, with its system prompt; the folder gets its log.
        """
        self.settings, self.folder, self.say, self.waits_s = settings, folder, say, waits_s
        if (
            settings.adapter is not None
            and (Path(settings.adapter) / "adapter_config.json").exists()
        ):
            rank = max(rank, rank_of(Path(settings.adapter)))
        self.rank = rank
        self.servers: list[Server] = []
        self.processes: dict[str, Process] = {}
        """Url → the server that errata started there."""
        self.tokenizer = tokenizer
        self.tokens: Tokenizer | None = None
        self.most_tokens: int | None = None
        """Of a prompt and its answer together."""

    def close(self) -> None:
        """Ends what errata started; servers that others started forget the adapter."""
        for server in self.servers:
            if server.url not in self.processes:
                server.unload()
        for process in self.processes.values():
            process.close()
        if self.tokens is not None:
            self.tokens.close()
        self.servers, self.processes, self.tokens = [], {}, None

    def ask(
        self,
        model: ModelRef,
        questions: Sequence[Question],
        answered: frozenset[str],
        sampling: Sampling = GREEDY,
    ) -> Iterator[Response]:
        asked = [question for question in questions if question.id not in answered]
        if not asked:
            return
        check_model(model)
        tokens = self.open()
        self.revive()
        encoded = tokens.encode(prompts_of(asked, self.settings.system))
        # Longest first, as the student here: it shows at once whether they fit.
        encoded.sort(key=lambda pair: (-len(pair[1]), pair[0]))
        self.check_length(encoded[0])
        adapter = None if model.adapter is None else Path(model.adapter).resolve()
        probes = [ids for _, ids in encoded[-PROBED:]]
        self.load(adapter, probes)

        def again(server: Server) -> None:
            assert adapter is not None
            self.give(server, adapter, probes)

        name = self.living()[0].base if adapter is None else name_of(adapter)
        items = [
            Item(id, sample, self.request(name, ids, id, sample, sampling))
            for id, ids in encoded
            for sample in range(sampling.answers)
        ]
        asking = Asking(
            self.servers, items, self.settings.batch_size, again, self.ended, self.waits_s
        )
        try:
            yield from self.responses(asking, tokens)
        finally:
            if not self.living():  # servers of our own are started again by whoever asks next
                self.close()

    def responses(self, asking: Asking, tokens: Tokenizer) -> Iterator[Response]:
        """As the answers come."""
        lost = {server.url for server in self.servers if server.dead is not None}
        for server, item, choice in asking.answers():
            for each in self.servers:
                if each.dead is not None and each.url not in lost:
                    lost.add(each.url)
                    self.say(f"the server {each.url} is lost, the others go on: {each.dead}")
            ids = self.checked_ids(choice, server)
            ended = ids[-1] in tokens.ends
            yield Response(
                question_id=item.id,
                sample=item.sample,
                text=tokens.decode(ids[:-1] if ended else ids),
                tokens=len(ids),
                truncated=not ended,
            )

    @property
    def engine(self) -> Engine:
        """What answers; the servers are started where they are errata's own.

        Raises:
            StepFailed, ModelError: A server cannot be had.
        """
        tokens = self.open()
        return self.said_engine(tokens)

    # The servers.

    def open(self) -> Tokenizer:
        """All servers, ready; and the tokenizer."""
        if self.tokens is None:
            try:
                self.tokens = self.tokenizer(self.settings.model, self.settings.system, self.folder)
                if self.settings.serve is not None:
                    self.start(self.tokens.weights)
                else:
                    self.reach()
                self.look(self.tokens.weights)
                same_engine(self.folder, self.said_engine(self.tokens))
            except BaseException:
                self.close()
                raise
        return self.tokens

    def reach(self) -> None:
        """The servers of `urls`."""
        key = key_of(self.settings)
        self.servers = [Server(url, key, self.settings.timeout_s) for url in self.settings.urls]
        for server in self.servers:
            try:
                server.models()
            except Unanswered as problem:
                server.dead = str(problem)
                self.say(f"the server {server.url} cannot be reached: {problem}")

    def start(self, weights: str) -> None:
        """Starts a server for each GPU, and waits until all of them are ready."""
        assert self.settings.serve is not None
        gpus = gpus_for(self.settings)
        flags = flags_for(self.settings, self.rank)
        environment = environment_for(self.settings, on_gpu=bool(gpus[0]))
        self.say(f"starting {len(gpus)} vLLM server{'s' * (len(gpus) > 1)}")
        began = time.monotonic()
        for at, of_server in enumerate(gpus):
            log = self.folder / f"server-{at}.log"
            process = Process(self.settings, weights, BASE, flags, environment, of_server, log)
            self.processes[process.url] = process
            self.servers.append(Server(process.url, process.key, self.settings.timeout_s))
        told = began
        for server in self.servers:
            process = self.processes[server.url]
            while not server.is_well:
                if gone := process.ended():
                    raise StepFailed(f"a vLLM server did not start: {gone}")
                now = time.monotonic()
                if now - began > self.settings.serve.ready_s:
                    raise StepFailed(
                        f"a vLLM server was not ready after {now - began:.0f} s: see "
                        f"{process.log}, or raise student.serve.ready_s"
                    )
                if now - told > SAY_EVERY_S:
                    told = now
                    self.say(f"waiting for vLLM, {now - began:.0f} s{last_words(process.log)}")
                time.sleep(0.3)
        self.say(f"vLLM is ready after {time.monotonic() - began:.0f} s")

    def look(self, weights: str) -> None:
        """What each server serves: one model, this one, by one version."""
        versions: dict[str, str] = {}
        lengths: list[int] = []
        for server in self.living():
            try:
                card = base_card(server, self.settings, weights)
                versions[server.url] = server.version()
            except Unanswered as problem:
                server.dead = str(problem)
                continue
            server.base = card.id
            lengths += [card.max_model_len] if card.max_model_len is not None else []
        if not self.living():
            whys = "; ".join(f"{server.url}: {server.dead}" for server in self.servers)
            raise StepFailed(f"no server of the student can be reached ({whys}): start one")
        if len({server.base for server in self.living()}) > 1:
            told = ", ".join(f"{server.url} {server.base}" for server in self.living())
            raise ModelError(f"the servers call the model by several names ({told}): use one")
        if len(set(versions.values())) > 1:
            told = ", ".join(f"{url} {version}" for url, version in versions.items())
            raise StepFailed(f"the servers are of several versions ({told}): use one")
        self.most_tokens = min(lengths, default=None)
        if self.settings.serve is None:
            self.look_alike()

    def look_alike(self) -> None:
        """Servers that others started compute with the same version and settings, all of them."""
        assert self.tokens is not None
        marks: dict[str, str] = {}
        for server in self.living():
            try:
                marks[server.url] = self.fingerprint(server, self.tokens) or ""
            except Unanswered as problem:
                server.dead = str(problem)
        if len(set(marks.values())) > 1:
            told = ", ".join(f"{url} {visible(mark)}" for url, mark in marks.items())
            raise StepFailed(
                f"the servers compute with different settings ({told}): use alike ones"
            )

    def said_engine(self, tokens: Tokenizer) -> Engine:
        server = self.living()[0]
        try:
            version = server.version()
            model = base_card(server, self.settings, tokens.weights).root or server.base
            if self.settings.serve is not None:
                on_gpu = bool(gpus_for(self.settings)[0])
                return Engine(
                    name="vllm",
                    version=version,
                    model=model,
                    flags=flags_for(self.settings, self.rank),
                    environment=environment_for(self.settings, on_gpu),
                )
            mark = self.fingerprint(server, tokens)
            return Engine(name="vllm", version=version, model=model, fingerprint=mark)
        except Unanswered as problem:
            raise StepFailed(f"the server {server.url} does not answer: {problem}") from None

    def fingerprint(self, server: Server, tokens: Tokenizer) -> str | None:
        """Of a server that others started: its own mark of what it computes with."""
        connection = server.connect()
        try:
            request = self.request(server.base, tokens.ends[:1], "", 0, GREEDY) | {"max_tokens": 1}
            return server.completion(connection, request).system_fingerprint
        finally:
            connection.close()

    def living(self) -> list[Server]:
        return [server for server in self.servers if server.dead is None]

    def revive(self) -> None:
        """A server that was lost in an earlier exam may be back."""
        for server in self.servers:
            if server.dead is not None and self.ended(server) is None and server.is_well:
                server.dead, server.failures, server.adapter = None, 0, None
                self.look(self.tokens.weights if self.tokens is not None else "")

    def ended(self, server: Server) -> str | None:
        process = self.processes.get(server.url)
        return process.ended() if process is not None else None

    # The adapter.

    def load(self, adapter: Path | None, probes: Sequence[tuple[int, ...]]) -> None:
        """The adapter on every server; servers that fail are asked no more."""
        if adapter is None:
            return
        max_rank = max_rank_for(self.rank) if self.settings.serve is not None else None
        check_adapter(adapter, max_rank)
        name = name_of(adapter)
        for server in self.living():
            if server.adapter == (name, str(adapter)):
                continue
            try:
                self.give(server, adapter, probes)
            except (AdapterForgotten, Unanswered) as problem:
                server.dead = self.ended(server) or str(problem)

    def give(self, server: Server, adapter: Path, probes: Sequence[tuple[int, ...]]) -> None:
        """The adapter for one server; it must change what the server computes.

        Raises:
            Unanswered: The server does not answer.
            ModelError: It refuses the adapter.
            StepFailed: The adapter does nothing there.
        """
        name = name_of(adapter)
        server.load(name, str(adapter))
        once = self.logprobs(server, server.base, probes)
        twice = self.logprobs(server, server.base, probes)
        moved = self.logprobs(server, name, probes)
        if distance(moved, once) > LOUDER * distance(twice, once):
            return
        server.unload()
        if does_nothing(adapter):
            why = "its lora_B is all zero, so the training changed nothing"
        else:
            why = "the server takes it and does not apply it; another version of vLLM may"
        raise StepFailed(
            f"the adapter {adapter} does nothing on the server {server.url}: the log-probabilities "
            f"of {len(probes)} questions are the base's; {why}"
        )

    def logprobs(
        self, server: Server, model: str, probes: Sequence[tuple[int, ...]]
    ) -> list[float]:
        """Of the tokens of the probes' prompts, asked one after the other."""
        found: list[float] = []
        connection = server.connect()
        try:
            for ids in probes:
                said = {"max_tokens": 1, "prompt_logprobs": 0}
                request = self.request(model, ids, "", 0, GREEDY) | said
                choice = server.complete(connection, request)
                found += prompt_logprobs(choice, ids, server.url)
        finally:
            connection.close()
        return found

    # Requests and replies.

    def request(
        self, model: str, ids: Sequence[int], id: str, sample: int, sampling: Sampling
    ) -> dict[str, object]:
        """All that may change an answer is said: servers have defaults of their own."""
        assert self.tokens is not None
        return {
            "model": model,
            "prompt": list(ids),
            "max_tokens": self.settings.max_new_tokens,
            "n": 1,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p if sampling.temperature else 1.0,
            "top_k": 0,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "seed": seed_of(id, sample, sampling.seed) if sampling.temperature else 0,
            "stop_token_ids": list(self.tokens.ends),
            "ignore_eos": True,  # the ends are those of `stop_token_ids` and no others
            "skip_special_tokens": True,
            "return_token_ids": True,
        }

    def checked_ids(self, choice: Choice, server: Server) -> tuple[int, ...]:
        """Token ids of a response, its end mark included.

        Raises:
            StepFailed: They are not what was asked for.
        """
        assert self.tokens is not None
        ids = choice.token_ids
        if not ids:
            raise StepFailed(
                f"the server {server.url} answers without token ids: name a server of vLLM 0.32"
            )
        most = self.settings.max_new_tokens
        stopped, ended = choice.finish_reason == "stop", ids[-1] in self.tokens.ends
        early = any(token in self.tokens.ends for token in ids[:-1])
        if early or stopped != ended or len(ids) > most or (not stopped and len(ids) < most):
            raise StepFailed(
                f"the server {server.url} says {choice.finish_reason!r} to an answer of {len(ids)} "
                f"tokens of {most} at most, the last of them {'' if ended else 'no '}end mark: it "
                "does not keep to what it is asked"
            )
        return ids

    def check_length(self, longest: tuple[str, Sequence[int]]) -> None:
        id, ids = longest
        wanted = len(ids) + self.settings.max_new_tokens
        if self.most_tokens is not None and wanted > self.most_tokens:
            raise ConfigError(
                f"{id} and its answer may take {wanted} tokens, and the servers hold "
                f"{self.most_tokens}: start them with a larger --max-model-len, or lower "
                "student.max_new_tokens"
            )


def base_card(server: Server, settings: StudentSettings, weights: str) -> Card:
    """The base model among what a server has.

    Raises:
        Unanswered, StepFailed: As `Server.get`.
        ModelError: The server has another one.
    """
    cards = [card for card in server.models() if card.parent is None]
    if settings.serve is not None:
        wanted = BASE
        found = [card for card in cards if card.id == BASE]
    elif settings.served_as is not None:
        wanted = settings.served_as
        found = [card for card in cards if card.id == wanted]
    else:
        wanted = end_of(weights)
        found = [card for card in cards if wanted in (end_of(card.id), end_of(card.root or ""))]
    if not found:
        there = ", ".join(f"{card.id} ({card.root})" for card in cards) or "none"
        raise ModelError(
            f"the server {server.url} serves {there}, and the student is {wanted}: start it with "
            "that model, or say in student.served_as by which name it serves it"
        )
    return found[0]


def end_of(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2].lower()


def key_of(settings: StudentSettings) -> str | None:
    """Raises: ConfigError: The variable that should hold it is empty."""
    if settings.api_key_env is None:
        return None
    key = os.environ.get(settings.api_key_env, "").strip()
    if not key or not key.isascii() or not key.isprintable():
        raise ConfigError(
            f"student.api_key_env names {settings.api_key_env}, which holds no key: set it in the "
            "environment"
        )
    return key


def seed_of(id: str, sample: int, seed: int) -> int:
    """Of one answer: the same whatever else is asked, and by whichever server."""
    said = json.dumps([seed, sample, id])
    return int.from_bytes(hashlib.sha256(said.encode()).digest()[:7], "big")


def distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Mean absolute difference."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / max(1, len(one))
