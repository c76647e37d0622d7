"""A chat model over weights on this machine, in a child process: no server is needed."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from threading import Lock
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr

from errata.agents.chat_models.settings import LlmSettings
from errata.agents.records import ModelRef
from errata.agents.weights import check_model
from errata.agents.weights.child import Child
from errata.training.jobs import AskRequest, StudentJob

ROLES = {"system": "system", "human": "user", "ai": "assistant"}
LONGEST_REPLY = 1024  # tokens, where max_tokens is not said


def open_local_model(settings: LlmSettings, folder: Path | None) -> LocalChatModel:
    """Nothing is loaded yet. `folder` gets the child's job file and log.

    Raises:
        ModelError: The folder that the settings name holds no model.
    """
    weights = settings.model.partition(":")[2]
    check_model(ModelRef(base=weights))
    return LocalChatModel(
        name=settings.model,
        weights=weights,
        max_tokens=settings.max_tokens or LONGEST_REPLY,
        folder=folder or Path(tempfile.mkdtemp(prefix="errata-local-")),
    )


class LocalChatModel(BaseChatModel):
    """Answers greedily, one conversation at a time; keeps the weights loaded until closed."""

    weights: str
    """`bundled`, a folder, or a hub id."""
    max_tokens: int
    """Limit of one reply."""
    folder: Path
    """Gets the child's job file and log."""
    _child: Child | None = PrivateAttr(default=None)
    _one_at_a_time: Any = PrivateAttr(default_factory=Lock)

    @property
    def _llm_type(self) -> str:
        return "errata-local"

    def close(self) -> None:
        """Lets go of the weights; the next question loads them again."""
        if self._child is not None:
            self._child.process.kill()  # a reply under way is not waited for
        with self._one_at_a_time:
            if self._child is not None:
                self._child.close()
                self._child = None

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **options: Any,
    ) -> ChatResult:
        """Raises: StepFailed: The child died."""
        conversation = tuple((ROLES[message.type], message.text) for message in messages)
        with self._one_at_a_time:
            if self._child is None:
                self._child = self._open()
            try:
                [said] = self._child.ask(AskRequest(prompts=(("", conversation),)))
            except BaseException:  # a reply half read would be taken for the next one's
                self._child.close()
                self._child = None
                raise
        reply = AIMessage(
            said.text,
            usage_metadata={
                "input_tokens": said.prompt_tokens,
                "output_tokens": said.tokens,
                "total_tokens": said.prompt_tokens + said.tokens,
            },
            response_metadata={"finish_reason": "length" if said.truncated else "stop"},
        )
        return ChatResult(generations=[ChatGeneration(message=reply)])

    def _open(self) -> Child:
        # The instructor and the writer may be two models, or one with two limits.
        name = re.sub(r"\W+", "-", f"local-{self.weights}-{self.max_tokens}")
        job = StudentJob(
            model=ModelRef(base=self.weights), max_new_tokens=self.max_tokens, batch_size=1
        )
        return Child("student", job, self.folder, name)
