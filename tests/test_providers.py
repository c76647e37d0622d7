"""From a line of configuration to a chat model, and what is said when that cannot be."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from errata.agents.chat_models import LlmSettings, open_chat_model
from errata.agents.chat_models.providers import PROVIDERS, dialect
from errata.agents.chat_models.secrets import forms_of
from errata.agents.errors import ConfigError, InstructorError, ModelError
from errata.agents.testing.openai_server import OpenAIServer
from errata.graph.agents import open_instructor_and_writer
from errata.graph.config import load_config, parse_config

KEY = "sk-secret/0123+456789=="

MAKER = """
from langchain_core.language_models import GenericFakeChatModel

def make_model():
    return GenericFakeChatModel(messages=iter([]))

def make_nothing():
    return "a model"

def make_an_end():
    raise SystemExit(0)

def make_trouble():
    raise RuntimeError("out of paper")
"""


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_a_provider_without_its_package_is_named_with_what_pip_can_install(
    provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if provider.requirement is None:
        pytest.skip("errata brings it along")
    monkeypatch.setitem(sys.modules, provider.package, None)
    monkeypatch.setitem(sys.modules, "langchain_community", None)
    with pytest.raises(InstructorError, match=f'pip install "{re.escape(provider.requirement)}"$'):
        open_chat_model(LlmSettings(model=f"{provider.name}:some-model"))


def test_what_pip_is_told_to_install_is_what_pyproject_asks_for() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    extras = {each for asked in project["optional-dependencies"].values() for each in asked}
    brought = {re.split(r"[<>=]", each)[0] for each in project["dependencies"]}
    for provider in PROVIDERS:
        package = provider.package.replace("_", "-")
        if provider.requirement is None:
            assert package in brought
        else:
            assert provider.requirement in extras
            assert re.split(r"[<>=]", provider.requirement)[0] == package


def test_each_provider_hears_the_limits_in_its_own_words() -> None:
    options = {
        "base_url": None,
        "temperature": 0.5,
        "max_tokens": 9,
        "api_key": SecretStr(KEY),
        "timeout": 1.5,
        "max_retries": 0,
    }
    ollama = dialect("ollama", dict(options))
    assert (ollama["num_predict"], ollama["client_kwargs"]) == (9, {"timeout": 1.5})
    assert dialect("openrouter", dict(options))["timeout"] == 1500
    assert dialect("mistralai", dict(options))["timeout"] == 2
    assert dialect("google_genai", dict(options))["max_retries"] == 1
    assert dialect("openai", dict(options)) == options


def test_a_key_may_lie_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    settings = LlmSettings(model="openai:gpt-5-mini", api_key_file=file)
    with OpenAIServer(lambda request: "yes") as server:
        local = settings.model_copy(update={"base_url": server.base_url})
        model = open_chat_model(local)
        model.invoke("Well?")
        assert server.requests[0].authorization == f"Bearer {KEY}"
        model.root_client.close()
    for shown in (repr(model), repr(local), local.model_dump_json()):
        assert not any(form in shown for form in forms_of(KEY))


def test_a_key_file_that_holds_no_key_is_named_and_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "key"
    settings = LlmSettings(model="openai:gpt-5-mini", api_key_file=file)
    with pytest.raises(InstructorError, match=r"key cannot be read: No such file"):
        open_chat_model(settings)
    for content in ("", f"{KEY}\nmore of it"):
        file.write_text(content)
        with pytest.raises(InstructorError, match="must be one line") as raised:
            open_chat_model(settings)
        assert KEY not in str(raised.value)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"api_key_env": "A", "api_key_file": "b"}, "keep one"),
        ({"base_url": "http://127.0.0.1/v1?key=abc"}, "no key may stand in it"),
        ({"model": "local:bundled", "temperature": 0.5}, "temperature says nothing to a local"),
        ({"model": "python:a:b", "max_tokens": 5}, "max_tokens says nothing to a python"),
    ],
    ids=str,
)
def test_settings_that_would_be_passed_over_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        LlmSettings(**({"model": "openai:gpt-5-mini"} | wrong))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"http://user:{KEY}@host/v1", "name the key in api_key_env"),
        (f"http://host/v1?key={KEY}", "name the key in api_key_env"),
        ("http://host:99999/v1", "'http://host:99999/v1' is no address.*port from 1 to 65535"),
        ("http://host:0/v1", "is no address"),
        ("http:///v1", "'http:///v1' is no address"),
        ("http://[::1/v1", "is no address"),
        ("http://a b/v1", "is no address"),
        ("localhost:8000", "is no address"),
    ],
)
def test_an_address_that_cannot_be_is_refused_when_it_is_read_and_shows_no_key(
    url: str, said: str
) -> None:
    instructor = {"model": "openai:x", "base_url": url}
    with pytest.raises(
        ConfigError, match=f"my.toml: 'instructor.base_url' is wrong: .*{said}"
    ) as e:
        parse_config({"exam": {"name": "arithmetic"}, "instructor": instructor}, "my.toml")
    assert KEY not in str(e.value)


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "[::1]:8000", "my-host", "host.example:65535"])
def test_an_address_that_can_be_is_taken(host: str) -> None:
    assert LlmSettings(model="openai:x", base_url=f"https://{host}/v1").base_url


def test_a_function_of_yours_makes_the_model_and_is_found_beside_the_configuration(
    tmp_path: Path,
) -> None:
    (tmp_path / "my_maker.py").write_text(MAKER)
    for name in ("python:my_maker:make_model", "python:my_maker.py:make_model"):
        settings = LlmSettings(model=name).with_paths_from(tmp_path)
        model = open_chat_model(settings)
        assert type(model).__name__ == "GenericFakeChatModel"
        assert model.name == settings.model


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("my_maker.py:make_nothing", "it returns str, and must return a BaseChatModel"),
        ("my_maker.py:make_trouble", "RuntimeError: out of paper"),
        ("my_maker.py:make_it", r"there is no make_it in .*my_maker\.py; correct the name"),
        ("my_maker.py:make_an_end", "SystemExit: 0"),
        ("no_such_maker:make_model", "there is no module no_such_maker"),
        ("no_such_maker.py:make_model", r"there is no file .*no_such_maker\.py; paths are"),
        ("make_model", "write python:my_code.py:NAME"),
    ],
)
def test_a_function_that_makes_no_model_is_named_with_the_reason(
    place: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "my_maker.py").write_text(MAKER)
    settings = LlmSettings(model=f"python:{place}").with_paths_from(tmp_path)
    with pytest.raises(InstructorError, match=said):
        open_chat_model(settings)


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is no model folder"):
        open_chat_model(LlmSettings(model=f"local:{tmp_path}"))


def test_paths_are_taken_from_the_folder_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "my.toml").write_text(
        """
        [exam]
        name = "arithmetic"
        [instructor]
        model = "local:weights"
        prompt = "my_instructor.md"
        [writer]
        model = "openai:gpt-5-mini"
        api_key_file = "keys/openai"
        """
    )
    config = load_config(tmp_path / "my.toml")
    assert isinstance(config.instructor, LlmSettings)
    assert isinstance(config.writer, LlmSettings)
    assert config.instructor.model == f"local:{tmp_path / 'weights'}"
    assert config.instructor.prompt == tmp_path / "my_instructor.md"
    assert config.writer.api_key_file == tmp_path / "keys" / "openai"


def test_one_model_serves_both_and_keeps_each_prompt_to_its_own(tmp_path: Path) -> None:
    def opened(**tables: Any) -> Any:
        exam = {"name": "arithmetic"}
        return open_instructor_and_writer(
            parse_config({"exam": exam, **tables}, "x"), tmp_path, print
        )

    both = opened(instructor={"model": "local:bundled"})
    assert len(both.clients) == 1
    two = opened(
        instructor={"model": "local:bundled"}, writer={"model": "local:bundled", "max_tokens": 9}
    )
    assert len(two.clients) == 2
    with pytest.raises(ConfigError, match="my_prompt"):
        opened(instructor={"model": "local:bundled", "prompt": str(tmp_path / "my_prompt.md")})


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        (
            {
                "instructor": {"model": "openai:a", "preset": "paper"},
                "writer": {"model": "openai:b"},
            },
            "take .writer. out",
        ),
        ({"writer": {"model": "openai:b", "preset": "paper"}}, "move it to .instructor."),
    ],
)
def test_the_papers_preset_leaves_no_place_for_a_writer(tables: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=f"'writer' is wrong: .*{said}"):
        parse_config({"exam": {"name": "arithmetic"}} | tables, "my.toml")
