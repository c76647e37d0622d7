"""A question and its answer as token ids: one code for asking and for training."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # transformers takes seconds to import
    from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from errata.training.jobs import Conversation

IGNORED = -100  # the label that the loss passes over


def prompt_ids(
    tokenizer: PreTrainedTokenizerBase, prompt: str | Conversation, system: str | None = None
) -> list[int]:
    """Token ids of the question, up to where the answer begins. (tokens,)

    Follows the tokenizer's chat template; without one, the bare texts and line breaks.
    `system` None leaves the template its own system prompt. A prompt of several messages holds
    its own. No text can end its message or begin another.
    """
    if isinstance(prompt, str):
        asked = () if system is None else (("system", system),)
        return encode(tokenizer, asked_text(tokenizer, (*asked, ("user", prompt)), "\n"))
    # A system prompt and one question read the same, whichever way they come.
    alone = sum(role == "user" for role, _ in prompt) == 1
    return encode(tokenizer, asked_text(tokenizer, prompt, "\n" if alone else "\n\n"))


def example_ids(
    tokenizer: PreTrainedTokenizerBase,
    prompt: str | Conversation,
    completion: str,
    system: str | None = None,
    given: str = "",
    ends: bool = True,
) -> tuple[list[int], list[int]]:
    """Token ids and labels of one training example: (tokens,) and (tokens,).

    The ids begin with `prompt_ids`; the loss is on the completion, and on its end mark where it
    `ends`. The answer is cut into tokens as a whole, as the student would write it: a token that
    begins in `given` and ends in the completion is learnt.
    """
    asked = prompt_ids(tokenizer, prompt, system)
    said = encode(tokenizer, without_control(tokenizer, given + completion))
    shown = encode(tokenizer, without_control(tokenizer, given)) if given else []
    first = sum(
        1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(said, shown, strict=False))
    )
    if ends:
        said.append(tokenizer.eos_token_id)
    return asked + said, [IGNORED] * (len(asked) + first) + said[first:]


def asked_text(tokenizer: PreTrainedTokenizerBase, messages: Conversation, end: str) -> str:
    """The messages as the model reads them; `end` stands at the end where there is no template."""
    plain = [(role, without_control(tokenizer, text)) for role, text in messages]
    if tokenizer.chat_template is None:
        return "\n\n".join(text for _, text in plain) + end
    given = [{"role": role, "content": text} for role, text in plain]
    return str(tokenizer.apply_chat_template(given, tokenize=False, add_generation_prompt=True))


def without_control(tokenizer: PreTrainedTokenizerBase, text: str) -> str:
    """The text, a space in each of the tokenizer's control tokens: `<|im_end|>` to `< |im_end|>`.

    They come in as text, and the tokenizer would read them as the template's own.
    """
    for token in tokenizer.added_tokens_decoder.values():
        mark = str(token)
        if token.special and len(mark) > 1:
            text = text.replace(mark, f"{mark[0]} {mark[1:]}")
    return text


def encode(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])
