"""A question and its answer as token ids: one code for asking and for training."""

from __future__ import annotations

from transformers.tokenization_utils_base import PreTrainedTokenizerBase

IGNORED = -100  # the label that the loss passes over


def prompt_ids(tokenizer: PreTrainedTokenizerBase, prompt: str) -> list[int]:
    """Token ids of the question, up to where the answer begins. (tokens,)

    Follows the tokenizer's chat template; without one, the bare prompt and a line break.
    """
    return encode(tokenizer, prompt_text(tokenizer, prompt))


def example_ids(
    tokenizer: PreTrainedTokenizerBase, prompt: str, completion: str
) -> tuple[list[int], list[int]]:
    """Token ids and labels of one training example: (tokens,) and (tokens,).

    The ids begin with `prompt_ids`; the loss is on the completion and its end mark only.
    """
    asked = prompt_ids(tokenizer, prompt)
    answered = [*encode(tokenizer, completion), tokenizer.eos_token_id]
    return asked + answered, [IGNORED] * len(asked) + answered


def prompt_text(tokenizer: PreTrainedTokenizerBase, prompt: str) -> str:
    if tokenizer.chat_template is None:
        return prompt + "\n"
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
    )
    return str(text)


def encode(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])
