"""The student on vLLM servers: what it asks, and what becomes of servers that fail."""

from __future__ import annotations

import json
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from errata.agents.engine import Engine
from errata.agents.errors import (
    ConfigError,
    ErrataError,
    ExamError,
    ModelError,
    RunError,
    StepFailed,
)
from errata.agents.jsonl import read_record
from errata.agents.records import GREEDY, ModelRef, Question, Response, Sampling
from errata.agents.served.check import check_servers
from errata.agents.served.student import ServedStudent
from errata.agents.student import Revisited, StudentSettings, Under
from errata.agents.testing.openai_server import Fault
from errata.agents.testing.vllm_server import END, Letters, VllmServer
from errata.agents.weights import LocalStudent
from errata.graph.agents import Given, open_student_and_trainer
from errata.graph.commands.exam import OpenedExam, evaluate, read_urls
from errata.graph.config import RunConfig, load_config, parse_config
from errata.graph.watcher import NoWatcher

BASE = ModelRef(base="models/letters")
GONE = Fault(body=b"{" * 100, reset_after=0)
QUESTIONS = [Question(id=f"q{at:02}", prompt=f"What is {at} + 1?", target="1") for at in range(12)]


@contextmanager
def student_of(
    folder: Path, *servers: VllmServer, said: list[str] | None = None, **settings: Any
) -> Iterator[ServedStudent]:
    """A student on running servers, patient for a moment only."""
    told: list[str] = [] if said is None else said
    given: dict[str, Any] = {"model": BASE.base, "batch_size": 2} | settings
    with ExitStack() as stack:
        urls = tuple(stack.enter_context(server).base_url for server in servers)
        student = ServedStudent(
            StudentSettings(**given, urls=urls), folder, 16, told.append, (0.01, 0.02), Letters
        )
        stack.callback(student.close)
        yield student


def ask(
    student: ServedStudent,
    model: ModelRef = BASE,
    questions: list[Question] | list[Revisited] = QUESTIONS,
    answered: frozenset[str] = frozenset(),
    sampling: Sampling = GREEDY,
) -> list[Response]:
    found = list(student.ask(model, questions, answered, sampling))
    return sorted(found, key=lambda response: (response.question_id, response.sample))


def write_adapter(folder: Path, learnt: float = 1.0, **config: Any) -> ModelRef:
    """A LoRA adapter of one number, as safetensors writes it."""
    folder.mkdir(parents=True)
    said = {"peft_type": "LORA", "r": 8, "lora_alpha": 8, "target_modules": ["q_proj"]} | config
    (folder / "adapter_config.json").write_text(json.dumps(said))
    header = {"q_proj.lora_B.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    head = json.dumps(header).encode()
    data = struct.pack("<Q", len(head)) + head + struct.pack("<f", learnt)
    (folder / "adapter_model.safetensors").write_bytes(data)
    return ModelRef(base=BASE.base, adapter=str(folder))


def after(count: int, fault: Fault, path: str = "/v1/completions", until: int = 10**9) -> Any:
    """A fault of all requests from the `count`th one to `path` on, up to one before `until`."""
    seen = 0

    def of(asked: str, body: dict[str, Any]) -> Fault | None:
        nonlocal seen
        mine = asked == path and body.get("max_tokens") != 1
        seen += mine
        return fault if mine and count < seen <= until else None

    return of


# What is asked.


def test_every_question_is_asked_by_token_ids_and_all_that_may_change_an_answer_is_said(
    tmp_path: Path,
) -> None:
    server = VllmServer()
    with student_of(tmp_path, server, system="Solve.", max_new_tokens=20) as student:
        found = ask(student)
    assert [response.question_id for response in found] == [q.id for q in QUESTIONS]
    assert found[0] == Response(
        question_id="q00", sample=0, text="#### 14", tokens=8, truncated=False
    )
    prompts = {tuple(body.pop("prompt")) for body in server.completions}
    assert prompts == {tuple(f"Solve.\n{q.prompt}".encode()) for q in QUESTIONS}
    assert server.completions[0] == {
        "model": "base",
        "max_tokens": 20,
        "n": 1,
        "temperature": 0,
        "top_p": 1,
        "top_k": 0,
        "min_p": 0,
        "repetition_penalty": 1,
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "seed": 0,
        "stop_token_ids": [END],
        "ignore_eos": True,
        "skip_special_tokens": True,
        "return_token_ids": True,
    }


def test_an_answer_that_runs_into_the_limit_is_told_from_one_that_ends_there(
    tmp_path: Path,
) -> None:
    texts = {"What is 0 + 1?": "12345", "What is 1 + 1?": "1234"}
    server = VllmServer(lambda adapter, prompt, body: texts.get(prompt, ""))
    with student_of(tmp_path, server, max_new_tokens=5) as student:
        long, short = ask(student, questions=QUESTIONS[:2])
    assert (long.text, long.tokens, long.truncated) == ("12345", 5, True)
    assert (short.text, short.tokens, short.truncated) == ("1234", 5, False)


def test_only_what_is_not_answered_is_asked(tmp_path: Path) -> None:
    server = VllmServer()
    with student_of(tmp_path, server) as student:
        found = ask(student, answered=frozenset(q.id for q in QUESTIONS[1:]))
        assert ask(student, answered=frozenset(q.id for q in QUESTIONS)) == []
    assert [response.question_id for response in found] == ["q00"]
    assert len(server.completions) == 1


def test_a_sample_has_a_seed_of_its_own_and_a_resume_draws_the_same(tmp_path: Path) -> None:
    server = VllmServer(lambda adapter, prompt, body: str(body["seed"]))
    sampling = Sampling(answers=3, temperature=0.7, top_p=0.9, seed=5)
    with student_of(tmp_path, server) as student:
        undisturbed = ask(student, sampling=sampling)
        resumed = ask(student, answered=frozenset(["q00", "q01"]), sampling=sampling)
        other = ask(student, sampling=sampling.model_copy(update={"seed": 6}))
    assert len({response.text for response in undisturbed}) == 36
    assert resumed == undisturbed[6:]
    assert not {r.text for r in undisturbed} & {r.text for r in other}
    assert {(b["temperature"], b["top_p"], b["top_k"]) for b in server.completions} == {
        (0.7, 0.9, 0)
    }


def test_a_second_look_is_asked_as_a_conversation(tmp_path: Path) -> None:
    server = VllmServer(lambda adapter, prompt, body: prompt)
    again = [Revisited(**dict(QUESTIONS[0]), said="It is 2.", request="Look again.")]
    with student_of(tmp_path, server, system="Solve.") as student:
        [found] = ask(student, questions=again)
    wanted = "system: Solve.\nuser: What is 0 + 1?\nassistant: It is 2.\nuser: Look again."
    assert found.text == wanted


def test_a_prompt_that_travels_with_the_question_stands_in_place_of_the_students_own(
    tmp_path: Path,
) -> None:
    server = VllmServer(lambda adapter, prompt, body: prompt)
    with student_of(tmp_path, server, system="Solve.") as student:
        found = list(Under(student, "Think.").ask(BASE, QUESTIONS[:1], frozenset()))
    assert [each.text for each in found] == ["system: Think.\nuser: What is 0 + 1?"]


def test_no_more_is_under_way_at_a_server_than_is_allowed(tmp_path: Path) -> None:
    one, other = VllmServer(), VllmServer()
    for server in (one, other):
        server.fault = lambda path, body: Fault(503) if path == "/never" else None
    with student_of(tmp_path, one, other, batch_size=3) as student:
        ask(student)
    assert max(one.most_under_way, other.most_under_way) <= 3
    assert one.completions
    assert other.completions


def test_a_question_too_long_for_the_servers_is_said_before_anything_is_asked(
    tmp_path: Path,
) -> None:
    server = VllmServer(max_model_len=100)
    long = Question(id="long", prompt="x" * 81, target="1")
    with (
        student_of(tmp_path, server, max_new_tokens=20) as student,
        pytest.raises(ConfigError, match=r"long and its answer may take 101 tokens.*hold 100"),
    ):
        ask(student, questions=[*QUESTIONS, long])
    assert server.completions == []


def test_an_exam_that_is_left_half_way_asks_no_further(tmp_path: Path) -> None:
    server = VllmServer()
    before = threading.active_count()
    with student_of(tmp_path, server, batch_size=1) as student:
        answers = student.ask(BASE, QUESTIONS, frozenset())
        next(answers)
        answers.close()
        asked = len(server.completions)
        assert len(ask(student)) == 12
    assert asked < 12
    assert threading.active_count() <= before


# Adapters.


def test_an_adapter_is_loaded_on_every_server_and_asked_by_a_name_of_its_own(
    tmp_path: Path,
) -> None:
    def says(adapter: str | None, prompt: str, body: dict[str, Any]) -> str:
        return adapter or "base"

    servers = [VllmServer(says), VllmServer(says)]
    first = write_adapter(tmp_path / "round-01" / "adapter")
    second = write_adapter(tmp_path / "round-02" / "adapter", learnt=2.0)
    with student_of(tmp_path / "run", *servers) as student:
        base, one = ask(student), ask(student, first)
        [loaded] = servers[0].loaded
        assert loaded.startswith("round-01-")
        two = ask(student, second)
        assert all(list(s.loaded.values()) == [second.adapter] for s in servers)
        ask(student)
    assert {r.text for r in base} == {"base"}
    assert {r.text for r in one} == {first.adapter}
    assert {r.text for r in two} == {second.adapter}
    assert [server.loaded for server in servers] == [{}, {}]


def test_other_weights_in_the_same_folder_get_another_name(tmp_path: Path) -> None:
    server = VllmServer()
    model = write_adapter(tmp_path / "adapter")
    with student_of(tmp_path / "run", server) as student:
        ask(student, model)
        [before] = server.loaded
        weights = tmp_path / "adapter" / "adapter_model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-4] + struct.pack("<f", 3.0))
        ask(student, model)
        [now] = server.loaded
    assert before != now


def test_an_adapter_that_does_nothing_stops_the_step(tmp_path: Path) -> None:
    server = VllmServer(applies=False)
    model = write_adapter(tmp_path / "adapter")
    with (
        student_of(tmp_path / "run", server) as student,
        pytest.raises(StepFailed, match=r"does nothing.*does not apply it"),
    ):
        ask(student, model)
    assert server.completions == []


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_an_adapter_whose_lora_b_is_zero_is_said_to_be_untrained(
    tmp_path: Path, zero: float
) -> None:
    server = VllmServer(applies=False)
    model = write_adapter(tmp_path / "adapter", learnt=zero)
    with (
        student_of(tmp_path / "run", server) as student,
        pytest.raises(StepFailed, match="its lora_B is all zero"),
    ):
        ask(student, model)


def test_noise_of_the_server_is_not_taken_for_an_adapter(tmp_path: Path) -> None:
    """A server whose log-probabilities are a little different each time."""
    server = VllmServer(applies=False)
    noise = iter(range(10**6))

    def noisy(body: dict[str, Any]) -> dict[str, Any]:
        for at in (body["choices"][0]["prompt_logprobs"] or [None])[1:]:
            for said in at.values():
                said["logprob"] += next(noise) % 7 / 1000
        return body

    server.alter = noisy
    model = write_adapter(tmp_path / "adapter")
    with (
        student_of(tmp_path / "run", server) as student,
        pytest.raises(StepFailed, match="does nothing"),
    ):
        ask(student, model)


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"use_dora": True}, "it is a DoRA adapter"),
        ({"init_lora_weights": "pissa_niter_16"}, "a base that pissa_niter_16 has changed"),
        ({"modules_to_save": ["lm_head"]}, "it holds whole layers: lm_head"),
        ({"bias": "all"}, "it changes biases"),
        ({"r": 64}, "LoRA rank 64 is greater than max_lora_rank 16"),
    ],
)
def test_an_adapter_that_vllm_cannot_load_is_refused_by_name(
    tmp_path: Path, config: dict[str, Any], why: str
) -> None:
    model = write_adapter(tmp_path / "adapter", **config)
    with student_of(tmp_path / "run", VllmServer()) as student, pytest.raises(ModelError) as error:
        ask(student, model)
    assert why in str(error.value)
    assert str(tmp_path / "adapter") in str(error.value)


def test_a_server_that_loads_no_adapters_says_how_it_would(tmp_path: Path) -> None:
    model = write_adapter(tmp_path / "adapter")
    with (
        student_of(tmp_path / "run", VllmServer(loads=False)) as student,
        pytest.raises(ModelError, match="start it with VLLM_ALLOW_RUNTIME_LORA_UPDATING=1"),
    ):
        ask(student, model)


def test_a_server_that_forgets_the_adapter_gets_it_again(tmp_path: Path) -> None:
    server = VllmServer(lambda adapter, prompt, body: adapter or "base")
    model = write_adapter(tmp_path / "adapter")
    asked = 0

    def forgets(path: str, body: dict[str, Any]) -> None:
        nonlocal asked
        if path == "/v1/completions" and body["max_tokens"] > 1:
            asked += 1
            if asked in (3, 7):
                server.loaded.clear()

    server.fault = forgets
    with student_of(tmp_path / "run", server) as student:
        found = ask(student, model)
    assert [response.text for response in found] == [model.adapter] * 12


def test_a_server_that_never_keeps_the_adapter_is_given_up(tmp_path: Path) -> None:
    server = VllmServer()
    model = write_adapter(tmp_path / "adapter")

    def forgets(path: str, body: dict[str, Any]) -> None:
        if path == "/v1/completions" and body["max_tokens"] > 1:
            server.loaded.clear()

    server.fault = forgets
    with (
        student_of(tmp_path / "run", server) as student,
        pytest.raises(StepFailed, match="forgets the adapter again and again"),
    ):
        ask(student, model)


# Servers that fail.


def test_a_server_that_dies_gives_its_questions_to_the_others(tmp_path: Path) -> None:
    said: list[str] = []

    def slowly(adapter: str | None, prompt: str, body: dict[str, Any]) -> str:
        time.sleep(0.03)  # until the other one is given up
        return "#### 14"

    dying, other = VllmServer(), VllmServer(slowly)

    def dies(path: str, body: dict[str, Any]) -> Fault | None:
        return GONE if len(dying.completions) > 2 else None

    dying.fault = dies
    with student_of(tmp_path, dying, other, said=said) as student:
        found = ask(student)
        assert [response.question_id for response in found] == [q.id for q in QUESTIONS]
        count = len(dying.completions)
        assert len(ask(student)) == 12
    assert len(dying.completions) == count
    assert any("is lost, the others go on" in line for line in said)


def test_a_server_that_is_busy_for_a_while_is_waited_for(tmp_path: Path) -> None:
    server = VllmServer()
    server.fault = after(3, Fault(503, b'{"error": {"message": "busy"}}'), until=6)
    with student_of(tmp_path, server) as student:
        assert len(ask(student)) == 12


def test_when_all_are_gone_the_step_fails_and_a_resume_goes_on_where_they_are_back(
    tmp_path: Path,
) -> None:
    servers = [VllmServer(), VllmServer()]

    def gone(path: str, body: dict[str, Any]) -> Fault | None:
        return GONE if sum(len(server.completions) for server in servers) > 5 else None

    for server in servers:
        server.fault = gone
    with student_of(tmp_path, *servers) as student:
        found: list[Response] = []
        with pytest.raises(StepFailed, match=r"no server of the student is left .*resume the run"):
            found.extend(student.ask(BASE, QUESTIONS, frozenset()))
        for server in servers:
            server.fault = lambda path, body: None
        rest = ask(student)
    assert len(rest) == 12


def test_a_server_that_is_not_there_costs_nothing_but_itself(tmp_path: Path) -> None:
    gone, there = VllmServer(), VllmServer()
    gone.fault = lambda path, body: GONE
    with student_of(tmp_path, gone, there) as student:
        assert len(ask(student)) == 12
    alone = VllmServer()
    alone.fault = lambda path, body: GONE
    with (
        student_of(tmp_path, alone) as student,
        pytest.raises(StepFailed, match=r"no server of the student can be reached .*start one"),
    ):
        ask(student)


def test_a_question_that_no_server_answers_is_named(tmp_path: Path) -> None:
    one, other = VllmServer(), VllmServer()
    for server in (one, other):
        server.fault = lambda path, body: (
            Fault(500) if body.get("prompt") == list(b"What is 7 + 1?") else None
        )
    why = {"prompt": "Why?"}
    many = [QUESTIONS[7].model_copy(update=why | {"id": f"x{at}"}) for at in range(200)]
    with (
        student_of(tmp_path, one, other) as student,
        pytest.raises(StepFailed, match=r"no server answers q07, asked \d+ times: it answered 500"),
    ):
        ask(student, questions=[QUESTIONS[7], *many])


def answers_for_the_base(body: dict[str, Any]) -> dict[str, Any]:
    return body | {"model": "base"}


def text_alone(body: dict[str, Any]) -> dict[str, Any]:
    choice = {k: v for k, v in body["choices"][0].items() if k != "token_ids"}
    return body | {"choices": [choice]}


def runs_over_the_end(body: dict[str, Any]) -> dict[str, Any]:
    ids = [*body["choices"][0]["token_ids"], 65, END]
    return body | {"choices": [body["choices"][0] | {"token_ids": ids}]}


def stops_without_an_end(body: dict[str, Any]) -> dict[str, Any]:
    ids = body["choices"][0]["token_ids"][:-1]
    return body | {"choices": [body["choices"][0] | {"token_ids": ids or [65]}]}


def two_for_one(body: dict[str, Any]) -> dict[str, Any]:
    return body | {"choices": body["choices"] * 2}


def something_else(body: dict[str, Any]) -> dict[str, Any]:
    return {"hello": "world"}


@pytest.mark.parametrize(
    ("alter", "why"),
    [
        (text_alone, "without token ids"),
        (runs_over_the_end, "does not keep to what it is asked"),
        (stops_without_an_end, "does not keep to what it is asked"),
        (two_for_one, "gives 2 answers for one"),
        (something_else, "says to /v1/completions what vLLM does not"),
    ],
)
def test_an_answer_that_is_not_what_was_asked_for_is_never_taken(
    tmp_path: Path, alter: Callable[[dict[str, Any]], dict[str, Any]], why: str
) -> None:
    server = VllmServer()
    with student_of(tmp_path, server) as student:
        ask(student)
        server.alter = alter
        with pytest.raises(StepFailed, match=why):
            ask(student)


def test_a_server_that_answers_for_the_base_is_no_server_of_an_adapter(tmp_path: Path) -> None:
    server = VllmServer()
    server.alter = answers_for_the_base
    model = write_adapter(tmp_path / "adapter")
    with (
        student_of(tmp_path / "run", server) as student,
        pytest.raises(StepFailed, match="answers for base: an adapter would not be asked"),
    ):
        ask(student, model)


def test_tokens_are_counted_here_whatever_a_server_says(tmp_path: Path) -> None:
    server = VllmServer()
    server.alter = lambda body: body | {"usage": {"prompt_tokens": -1, "completion_tokens": 10**9}}
    with student_of(tmp_path, server) as student:
        assert {response.tokens for response in ask(student)} == {8}


# Which servers.


def test_a_server_of_another_model_is_refused_until_its_name_is_said(tmp_path: Path) -> None:
    with (
        student_of(tmp_path / "one", VllmServer(root="/models/words")) as student,
        pytest.raises(ModelError, match=r"serves base \(/models/words\).*student.served_as"),
    ):
        ask(student)
    with student_of(tmp_path / "two", VllmServer(root="/x/words"), served_as="base") as student:
        assert len(ask(student)) == 12


def test_a_key_comes_from_the_environment_and_goes_into_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDENT_KEY", "sesame-open-yourself")
    server = VllmServer(key="sesame-open-yourself")
    with student_of(tmp_path, server, api_key_env="STUDENT_KEY") as student:
        assert len(ask(student)) == 12
    for file in filter(Path.is_file, tmp_path.rglob("*")):
        assert b"sesame" not in file.read_bytes()
    with (
        student_of(tmp_path, VllmServer(key="another")) as student,
        pytest.raises(StepFailed, match=r"wants a key: .*student\.api_key_env"),
    ):
        ask(student)
    monkeypatch.delenv("STUDENT_KEY")
    with (
        student_of(tmp_path, VllmServer(), api_key_env="STUDENT_KEY") as student,
        pytest.raises(ConfigError, match="STUDENT_KEY, which holds no key"),
    ):
        ask(student)


def test_no_proxy_of_the_environment_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with student_of(tmp_path, VllmServer()) as student:
        assert len(ask(student)) == 12


# One engine a run.


def test_the_engine_is_on_record_and_another_one_does_not_go_on_with_the_run(
    tmp_path: Path,
) -> None:
    with student_of(tmp_path, VllmServer()) as student:
        ask(student)
    engine = read_record(tmp_path / "engine.json", Engine)
    assert (engine.name, engine.version, engine.model) == ("vllm", "0.32.0", "/models/letters")
    with (
        student_of(tmp_path, VllmServer(version="0.33.0")) as student,
        pytest.raises(RunError, match=r"began with vllm 0\.32\.0, and here is vllm 0\.33\.0"),
    ):
        ask(student)
    own = LocalStudent(StudentSettings(model=BASE.base), tmp_path)
    with pytest.raises(RunError, match=r"began with vllm 0\.32\.0, and here is errata's own"):
        list(own.ask(BASE, QUESTIONS, frozenset()))


def test_a_run_that_began_on_this_machine_does_not_go_on_with_servers(tmp_path: Path) -> None:
    (tmp_path / "machines.jsonl").write_text("{}\n")
    with (
        student_of(tmp_path, VllmServer()) as student,
        pytest.raises(RunError, match="began with errata's own student"),
    ):
        ask(student)


def test_servers_of_two_versions_are_not_asked_together(tmp_path: Path) -> None:
    with (
        student_of(tmp_path, VllmServer(), VllmServer(version="0.33.0")) as student,
        pytest.raises(StepFailed, match="of several versions"),
    ):
        ask(student)


def other_mark(body: dict[str, Any]) -> dict[str, Any]:
    return body | {"system_fingerprint": "vllm-0.32.0-ffffffff"}


def test_servers_that_compute_with_other_settings_are_not_asked_together(tmp_path: Path) -> None:
    other = VllmServer()
    other.alter = other_mark
    with (
        student_of(tmp_path, VllmServer(), other) as student,
        pytest.raises(StepFailed, match="compute with different settings"),
    ):
        ask(student)


def test_a_server_that_comes_back_with_other_settings_gives_no_more_answers(tmp_path: Path) -> None:
    server = VllmServer()
    with student_of(tmp_path, server) as student:
        answers = student.ask(BASE, QUESTIONS, frozenset())
        next(answers)
        server.alter = other_mark
        with pytest.raises(StepFailed, match="answers of two engines do not stand in one exam"):
            list(answers)


# The configuration.


def config_with(**student: Any) -> dict[str, Any]:
    return {"exam": {"name": "arithmetic"}, "student": student}


@pytest.mark.parametrize(
    ("student", "why"),
    [
        ({"urls": ["http://a/v1"], "serve": {}}, "urls and serve both say"),
        ({"urls": ["127.0.0.1:8000"]}, "http://HOST:PORT/v1"),
        ({"urls": ["http://me:word@host/v1"]}, "no password and no key"),
        ({"urls": ["http://a/v1", "http://a/v1/"]}, "an address stands there twice"),
        ({"served_as": "x"}, "served_as says nothing without urls"),
        ({"api_key_env": "X"}, "api_key_env says nothing without urls"),
        ({"serve": {"flags": ["--port", "80"]}}, "errata says --port itself"),
        ({"serve": {"flags": ["--max_lora_rank=8"]}}, "errata says --max-lora-rank itself"),
        ({"serve": {"environment": {"HF_TOKEN": "x"}}}, "the variable HF_TOKEN may be a key"),
        ({"serve": {"flags": ["--hf-token", "x"]}}, "--hf-token is a key"),
        ({"urls": ["http://a/v1"], "precision": "float32"}, "precision is what weights here"),
        ({"serve": {"gpus": 3, "gpus_each": 2}}, "no whole number of servers"),
        ({"serve": {"gpu": 3}}, "did you mean 'gpus'"),
    ],
)
def test_what_a_student_on_servers_cannot_be_is_refused(student: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_config(config_with(**student), "x.toml")
    assert why in str(error.value)
    assert "word" not in str(error.value).replace("password", "")


@pytest.mark.parametrize("training", [{"adapter": "dora"}, {"rank": 513}])
def test_an_adapter_that_no_server_could_load_is_refused_before_a_run(
    training: dict[str, Any],
) -> None:
    given = config_with(urls=["http://127.0.0.1:1/v1"]) | {"training": training}
    with pytest.raises(ConfigError, match="the student answers on servers, and vLLM loads"):
        parse_config(given, "x.toml")
    assert parse_config(config_with() | {"training": training}, "x.toml")


def test_a_configuration_chooses_servers(tmp_path: Path) -> None:
    (tmp_path / "vllm").touch()
    file = tmp_path / "x.toml"
    file.write_text(
        'student.serve.command = ["./vllm", "serve"]\nexam = {name = "arithmetic"}\n'
        'training = {adapter = "pissa", rank = 16}'
    )
    config = load_config(file)
    assert config.student.serve is not None
    assert config.student.serve.command == (str(tmp_path / "vllm"), "serve")
    student, _ = open_student_and_trainer(config, tmp_path, Given())
    assert isinstance(student, ServedStudent)
    assert student.rank == 32
    plain = RunConfig.model_validate(config_with())
    assert isinstance(open_student_and_trainer(plain, tmp_path, Given())[0], LocalStudent)


# The check before a run.


def checked(server: VllmServer, rank: int = 16, **settings: Any) -> tuple[str, str]:
    """(what is said, the problem)."""
    with server:
        student = StudentSettings(model=BASE.base, urls=(server.base_url,), **settings)
        [found] = check_servers(student, rank, BASE.base)
    return found.says, found.problem or ""


def test_a_check_says_what_a_server_serves_and_what_it_could_not_do(tmp_path: Path) -> None:
    good = VllmServer()
    says, problem = checked(good)
    assert "vLLM 0.32.0 serves /models/letters as base, 1024 tokens" in says
    assert problem == ""
    assert good.loaded == {}
    assert "takes no adapter of rank 32" in checked(VllmServer(), rank=32)[1]
    assert "VLLM_ALLOW_RUNTIME_LORA_UPDATING" in checked(VllmServer(loads=False))[1]
    assert "serves base (/models/words)" in checked(VllmServer(root="/models/words"))[1]
    assert "wants a key" in checked(VllmServer(key="x"))[1]
    gone = VllmServer()
    gone.fault = lambda path, body: GONE
    assert "cannot be reached" in checked(gone)[1]


def test_a_check_says_that_a_server_sees_other_folders() -> None:
    elsewhere = VllmServer()
    elsewhere.fault = lambda path, body: (
        Fault(404, b'{"error": {"message": "Loading lora x failed: No adapter found for /x"}}')
        if path == "/v1/load_lora_adapter"
        else None
    )
    assert "runs must lie where servers see the same path" in checked(elsewhere)[1]


def test_a_check_of_own_servers_looks_for_the_program(tmp_path: Path) -> None:
    settings = StudentSettings.model_validate({"serve": {"command": ["/nowhere/vllm", "serve"]}})
    [found] = check_servers(settings, 16, "bundled")
    assert "there is no such program" in (found.problem or "")
    with pytest.raises(ErrataError):
        raise ConfigError(found.problem)


# An exam outside any run.


def test_an_exam_that_was_stopped_goes_on_with_the_same_engine_only(tmp_path: Path) -> None:
    exam = [OpenedExam("sums", QUESTIONS)]
    out = tmp_path / "answers.jsonl"
    settings = StudentSettings(model=BASE.base, urls=("http://127.0.0.1:1/v1",))

    def evaluated(server: VllmServer, folder: str) -> None:
        with student_of(tmp_path / folder, server) as student:
            evaluate(settings, exam, out, NoWatcher(), student)

    dying = VllmServer()
    dying.fault = lambda path, body: GONE if len(dying.completions) > 4 else None
    with pytest.raises(StepFailed):
        evaluated(dying, "one")
    with pytest.raises(ExamError, match=r"engine\.version = '0\.32\.0', not '0\.33\.0'"):
        evaluated(VllmServer(version="0.33.0"), "two")
    last = VllmServer()
    evaluated(last, "three")
    assert 0 < len(last.completions) < 12
    assert len(out.read_text().splitlines()) == 12


def test_an_address_on_the_command_line_that_is_none_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match="--url is wrong: each is the address of a server"):
        read_urls(["localhost:8000"])
