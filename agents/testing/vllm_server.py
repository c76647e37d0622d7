"""A double of a vLLM server on loopback: completions by token ids, adapters, and its faults.

It refuses what vLLM 0.32 refuses, with the same statuses and words. Its model reads and writes
bytes: `Letters` is its tokenizer.

with VllmServer(lambda adapter, prompt, body: "#### 14") as server:
    settings = StudentSettings(model=server.root, urls=(server.base_url,))
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from errata.agents.testing.openai_server import Fault, OpenAIServer, Reply
from errata.training.jobs import Conversation

END = 256
"""Ends a response."""
BASE = "base"

Says = Callable[[str | None, str, dict[str, Any]], str]
"""From the adapter's folder, the prompt and the whole request to the model's text."""


class Letters:
    """A tokenizer whose tokens are the bytes of a text, and an end mark."""

    ends: tuple[int, ...] = (END,)

    def __init__(self, base: str, system: str | None = None, folder: Path | None = None) -> None:
        self.weights = base
        self.system = system

    def encode(
        self, prompts: Sequence[tuple[str, str | Conversation]]
    ) -> list[tuple[str, tuple[int, ...]]]:
        return [(id, tuple(self.text(prompt).encode())) for id, prompt in prompts]

    def text(self, prompt: str | Conversation) -> str:
        if isinstance(prompt, str):
            return prompt if self.system is None else f"{self.system}\n{prompt}"
        return "\n".join(f"{role}: {text}" for role, text in prompt)

    def decode(self, ids: Sequence[int]) -> str:
        return bytes(ids).decode(errors="replace").strip()

    def close(self) -> None:
        pass


class VllmServer(OpenAIServer):
    """Serves one model while its `with` block runs; `loaded` maps each adapter to its folder.

    A test sets `fault` to answer in its place: called with path and body, it gives a fault, or None
    for the usual answer. `alter` changes the body of a good completion.
    """

    def __init__(
        self,
        says: Says = lambda adapter, prompt, body: "#### 14",
        root: str = "/models/letters",
        *,
        version: str = "0.32.0",
        max_model_len: int = 1024,
        max_lora_rank: int = 16,
        loads: bool = True,
        applies: bool = True,
        key: str | None = None,
        port: int = 0,
    ) -> None:
        """
        Args:
            loads: Adapters can be loaded at run time.
            applies: An adapter that is loaded changes what is computed.
            key: That requests to /v1 must bear.
        """
        super().__init__(lambda body: (404, {}), port)
        self.says, self.root, self.version = says, root, version
        self.max_model_len, self.max_lora_rank = max_model_len, max_lora_rank
        self.loads, self.applies, self.key = loads, applies, key
        self.base = BASE
        self.loaded: dict[str, str] = {}
        self.fault: Callable[[str, dict[str, Any]], Fault | None] = lambda path, body: None
        self.alter: Callable[[dict[str, Any]], dict[str, Any]] = lambda body: body

    @property
    def completions(self) -> list[dict[str, Any]]:
        """Bodies of the requests for answers, without those by which an adapter is probed."""
        asked = [r.body for r in self.requests if r.path == "/v1/completions"]
        return [body for body in asked if body["max_tokens"] > 1]

    def route(self, method: str, path: str, body: dict[str, Any], key: str | None) -> Reply:
        if (fault := self.fault(path, body)) is not None:
            return fault
        if path.startswith("/v1") and self.key is not None and key != f"Bearer {self.key}":
            return 401, {"error": "Unauthorized"}
        if (method, path) == ("GET", "/health"):
            return Fault()
        if (method, path) == ("GET", "/version"):
            return 200, {"version": self.version}
        if (method, path) == ("GET", "/v1/models"):
            return 200, {"object": "list", "data": self.cards()}
        if (method, path) == ("POST", "/v1/completions"):
            return self.complete(body)
        if self.loads and (method, path) == ("POST", "/v1/load_lora_adapter"):
            return self.load(body["lora_name"], body["lora_path"])
        if self.loads and (method, path) == ("POST", "/v1/unload_lora_adapter"):
            if self.loaded.pop(body["lora_name"], None) is None:
                return refused(404, f"The lora adapter '{body['lora_name']}' cannot be found.")
            return Fault(body=b"Success")
        return 404, {"detail": "Not Found"}

    def cards(self) -> list[dict[str, Any]]:
        base = {"id": self.base, "root": self.root, "parent": None}
        adapters = [
            {"id": name, "root": folder, "parent": self.base, "max_model_len": None}
            for name, folder in self.loaded.items()
        ]
        return [base | {"max_model_len": self.max_model_len}, *adapters]

    def load(self, name: str, folder: str) -> Reply:
        if not name or not folder:
            return refused(400, "Both 'lora_name' and 'lora_path' must be provided.")
        if name == self.base:
            return refused(400, f"The lora adapter '{name}' conflicts with a served base model.")
        if name in self.loaded:
            return refused(400, f"The lora adapter '{name}' has already been loaded. If you want …")
        failed = "Call to add_lora method failed: Worker failed with error"
        try:
            config = json.loads((Path(folder) / "adapter_config.json").read_text())
        except OSError:
            return refused(404, f"Loading lora {name} failed: No adapter found for {folder}")
        if config.get("use_dora"):
            return refused(500, f"{failed} 'vLLM does not yet support DoRA.'")
        if config["r"] > self.max_lora_rank:
            most = self.max_lora_rank
            why = f"LoRA rank {config['r']} is greater than max_lora_rank {most}."
            return refused(500, f"{failed} '{why}'")
        if not (Path(folder) / "adapter_model.safetensors").exists():
            return refused(500, f"{failed} '<path> doesn't contain tensors'")
        self.loaded[name] = folder
        return Fault(body=b"Success")

    def complete(self, body: dict[str, Any]) -> Reply:
        model, prompt, most = body["model"], body["prompt"], body.get("max_tokens", 16)
        if model != self.base and model not in self.loaded:
            return refused(404, f"The model `{model}` does not exist. Valid aliases: {self.base}.")
        if not prompt or any(type(token) is not int for token in prompt):
            return refused(400, "errata asks by token ids")
        if any(token > END for token in prompt):
            return refused(400, f"Token id {max(prompt)} is out of vocabulary")
        if len(prompt) + most > self.max_model_len:
            return refused(400, f"max_tokens={most} cannot be greater than max_model_len=…")
        if body.get("n", 1) > 1 and not body["temperature"]:
            return refused(400, "n must be 1 when using greedy sampling.")
        adapter = self.loaded.get(model) if self.applies else None
        text = bytes(token for token in prompt if token < END).decode(errors="replace")
        ends = set(body.get("stop_token_ids") or ())
        if not body.get("ignore_eos"):
            ends.add(END)
        said: list[int] = []
        for token in [*self.says(adapter, text, body).encode(), END, *([0] * most)]:
            said.append(token)
            if token in ends or len(said) == most:
                break
        choice = {
            "index": 0,
            "text": bytes(token for token in said if token < END).decode(errors="replace"),
            "finish_reason": "stop" if said[-1] in ends else "length",
            "token_ids": said if body.get("return_token_ids") else None,
            "prompt_logprobs": None,
        }
        if body.get("prompt_logprobs") is not None:
            moved = 0.5 if adapter is not None else 0.0
            choice["prompt_logprobs"] = [
                None,
                *({str(t): {"logprob": -t / 100 - moved, "rank": 1}} for t in prompt[1:]),
            ]
        return 200, self.alter(
            {
                "object": "text_completion",
                "model": model,
                "choices": [choice],
                "system_fingerprint": f"vllm-{self.version}-00000000",
                "usage": {"prompt_tokens": len(prompt), "completion_tokens": len(said)},
            }
        )


def refused(status: int, message: str) -> Reply:
    return status, {"error": {"message": message, "type": "BadRequestError", "code": status}}
