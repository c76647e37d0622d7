"""Any chat model: which one, where, how patiently it is asked, and what it may take."""

from errata.agents.chat_models.client import ChatClient
from errata.agents.chat_models.providers import open_chat_model
from errata.agents.chat_models.settings import LlmSettings

__all__ = ["ChatClient", "LlmSettings", "open_chat_model"]
