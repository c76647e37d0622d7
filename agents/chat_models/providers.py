"""From settings to a chat model of LangChain."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from errata.agents.errors import ErrataError, InstructorError

if TYPE_CHECKING:  # LangChain takes a second to import; the command line must not wait for it
    from langchain_core.language_models import BaseChatModel

from errata.agents.chat_models.settings import NO_KEY, LlmSettings
from errata.agents.plain_text import one_line
from errata.training.own_code import OwnCodeError, made_by


@dataclass(frozen=True)
class Provider:
    """A provider that errata knows the package of; `init_chat_model` knows others too."""

    name: str
    """As in `name:model`."""
    package: str
    """As Python imports it."""
    requirement: str | None
    """As pip takes it, the same as in pyproject.toml; None: errata brings the package along."""
    key: str | None
    """Environment variable that the package reads its key from; None: it finds its own way."""


PROVIDERS = (
    Provider("openai", "langchain_openai", None, "OPENAI_API_KEY"),
    Provider("azure_openai", "langchain_openai", None, "AZURE_OPENAI_API_KEY"),
    Provider(
        "anthropic", "langchain_anthropic", "langchain-anthropic>=1.7,<2", "ANTHROPIC_API_KEY"
    ),
    Provider(
        "google_genai", "langchain_google_genai", "langchain-google-genai>=4.4,<5", "GOOGLE_API_KEY"
    ),
    Provider("mistralai", "langchain_mistralai", "langchain-mistralai>=1.1,<2", "MISTRAL_API_KEY"),
    Provider("groq", "langchain_groq", "langchain-groq>=1.1,<2", "GROQ_API_KEY"),
    Provider("deepseek", "langchain_deepseek", "langchain-deepseek>=1.1,<2", "DEEPSEEK_API_KEY"),
    Provider("xai", "langchain_xai", "langchain-xai>=1.3,<2", "XAI_API_KEY"),
    Provider(
        "openrouter",
        "langchain_openrouter",
        "langchain-openrouter>=0.2.9,<0.3",
        "OPENROUTER_API_KEY",
    ),
    Provider("bedrock_converse", "langchain_aws", "langchain-aws>=1.9,<2", None),
    Provider("ollama", "langchain_ollama", "langchain-ollama>=1.1,<2", None),
)


def open_chat_model(settings: LlmSettings, folder: Path | None = None) -> BaseChatModel:
    """The chat model that the settings describe. Nothing is sent yet.

    Args:
        folder: Gets the log of a `local:` model.

    Raises:
        InstructorError: A package, a key, a folder or a function is missing.
    """
    kind, _, rest = settings.model.partition(":")
    if kind == "local":
        from errata.agents.chat_models.local import open_local_model

        return open_local_model(settings, folder)
    if kind == "python":
        return own_model(settings.model)
    return open_provider(settings, kind, rest)


def open_provider(settings: LlmSettings, provider: str, model: str) -> BaseChatModel:
    from langchain.chat_models import init_chat_model

    key = api_key(settings)
    options = dialect(
        provider,
        {
            "base_url": settings.base_url,
            "temperature": settings.temperature,
            "max_tokens": settings.max_tokens,
            "api_key": key,
            "timeout": settings.timeout_s,
            "max_retries": 0,  # errata tries again itself, with all threads in step
        },
    )
    known = next((known for known in PROVIDERS if known.name == provider), None)
    try:
        opened: BaseChatModel = init_chat_model(
            model,
            model_provider=provider,
            name=settings.model,
            **{name: value for name, value in options.items() if value is not None},
        )
    except Exception as error:  # each provider has its own
        said = one_line(str(error))
        if package := re.search(r"pip install ([\w-]+)", said):
            requirement = known.requirement if known else None
            wanted = f'"{requirement}"' if requirement else package.group(1)
            raise InstructorError(
                f"{settings.model} needs a package that is not installed: pip install {wanted}"
            ) from None
        if variable := re.search(r"\b[A-Z][A-Z0-9_]*_KEY\b", said):
            raise no_key(settings, variable.group()) from None
        raise InstructorError(
            f"{settings.model} cannot be opened: check the provider, before the colon, and the "
            f"settings ({said})"
        ) from None  # a provider's own error may show the options, the key among them
    if key is None and known and known.key and not has_key(opened):
        raise no_key(settings, known.key)  # some packages notice only when they are asked
    return opened


def dialect(provider: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options as the provider's package calls them; those that it has not are left out."""
    match provider:
        case "openai" if options["base_url"]:
            # OpenAI's newer max_completion_tokens is passed over by servers of one's own.
            if limit := options.pop("max_tokens"):
                options["extra_body"] = {"max_tokens": limit}
        case "ollama":  # passes over what it does not know, in silence
            options = {
                "base_url": options["base_url"],
                "temperature": options["temperature"],
                "num_predict": options["max_tokens"],
                "client_kwargs": {"timeout": options["timeout"]},
            }
        case "google_genai":
            options["max_retries"] = 1  # counts the first try; 0 is Google's own default
        case "openrouter":
            options["timeout"] = round(1000 * options["timeout"])  # in milliseconds
        case "mistralai" | "bedrock_converse":
            options["timeout"] = math.ceil(options["timeout"])
    return options


def has_key(model: BaseChatModel) -> bool:
    return any(isinstance(v, SecretStr) and v.get_secret_value() for v in vars(model).values())


def no_key(settings: LlmSettings, variable: str) -> InstructorError:
    return InstructorError(
        f"{settings.model} has no API key: set the environment variable {variable}, or name "
        "another in api_key_env, or a file in api_key_file"
    )


def api_key(settings: LlmSettings) -> SecretStr | None:
    if settings.api_key_file is not None:
        return key_in(settings.api_key_file)
    if settings.api_key_env is None:
        return SecretStr(NO_KEY) if settings.base_url else None
    key = os.environ.get(settings.api_key_env)
    if not key:
        raise InstructorError(
            f"{settings.model} has no API key: set the environment variable "
            f"{settings.api_key_env}, which api_key_env names"
        )
    return SecretStr(key)


def key_in(file: Path) -> SecretStr:
    """Raises: InstructorError: The file cannot be read, or holds not one line; never shows it."""
    try:
        lines = file.expanduser().read_text(encoding="utf-8").strip().splitlines()
    except OSError as error:
        raise InstructorError(
            f"the API key in {file} cannot be read: {error.strerror}; correct api_key_file"
        ) from None
    except UnicodeDecodeError:
        lines = []
    if len(lines) != 1:
        raise InstructorError(f"{file} holds no API key: it must be one line of text")
    return SecretStr(lines[0].strip())


def own_model(name: str) -> BaseChatModel:
    """What the user's function returns.

    Raises:
        InstructorError: There is no such function, it fails, or it returns no chat model.
    """
    from langchain_core.language_models import BaseChatModel

    try:
        made = made_by(name, "a chat model")
    except OwnCodeError as error:
        if isinstance(error.__cause__, ErrataError):
            raise error.__cause__ from None
        raise InstructorError(one_line(str(error), 1000)) from None
    if not isinstance(made, BaseChatModel):
        raise InstructorError(
            f"{name} does not give a chat model: it returns {type(made).__name__}, and must "
            "return a BaseChatModel of LangChain"
        )
    return made.model_copy(update={"name": name}) if made.name is None else made
