"""Keys are taken out of all that is kept or shown, however they are written.

Hidden: the key and its first characters, as they are, in JSON, in a URL, in hexadecimal and in
base64, broken by white space too. Not hidden: a key without its first characters, one that is
encoded in another way or twice, one shorter than 8 characters, and one that a model of the user's
own holds elsewhere than in its fields, in dicts and lists there, or in SecretStr.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from pydantic import SecretStr

if TYPE_CHECKING:  # LangChain takes a second to import; the command line must not wait for it
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel

RECOGNISED = 12  # characters of a key that are hidden without the rest
SHORTEST = 8  # a shorter one is a stand-in such as EMPTY, and a word that texts may hold
BREAK = r"(?:[ \t]{0,8}\r?\n[ \t]{0,8})?"
"""What may break a key: the end of a line, with spaces around it."""
BREAKS = re.compile(BREAK)
DEEPEST = 4  # dicts and lists within each other that are looked through


class Secrets:
    """The keys that a model of LangChain holds, which keeps them in SecretStr, and others."""

    def __init__(
        self, model: BaseChatModel | Embeddings | None = None, others: Iterable[str] = ()
    ) -> None:
        holding = () if model is None else vars(model).values()
        keys = {held.get_secret_value() for held in secrets_in(holding, DEEPEST)} | {*others}
        self.forms = sorted({f for key in keys if len(key) >= SHORTEST for f in forms_of(key)})
        heads = sorted({form[:RECOGNISED] for form in self.forms}, key=len, reverse=True)
        self.heads = re.compile("|".join(BREAK.join(map(re.escape, head)) for head in heads))

    def hide(self, text: str) -> str:
        """The text with `[secret]` in the place of each key, or of its beginning: a long message
        is cut somewhere. Takes time in proportion to the text."""
        if not self.forms:
            return text
        shown, at = [], 0
        while found := self.heads.search(text, at):
            shown += [text[at : found.start()], "[secret]"]
            at = max(end_of(form, text, found.start()) for form in self.forms)
        return "".join([*shown, text[at:]])


def end_of(form: str, text: str, at: int) -> int:
    """Where the text stops to be this form of a key, which begins at `at`."""
    for index, character in enumerate(form):
        gap = BREAKS.match(text, at) if index else None
        after = gap.end() if gap else at
        if not text.startswith(character, after):
            return at
        at = after + 1
    return at


def secrets_in(values: Iterable[Any], deepest: int) -> Iterator[SecretStr]:
    for value in values:
        if isinstance(value, SecretStr):
            yield value
        elif deepest and isinstance(value, dict):
            yield from secrets_in(value.values(), deepest - 1)
        elif deepest and isinstance(value, (list, tuple)):
            yield from secrets_in(value, deepest - 1)


def forms_of(key: str) -> set[str]:
    """The key as it is, in JSON, in a URL, in hexadecimal, and in base64 within a longer text."""
    forms = {key, json.dumps(key)[1:-1], quote(key, safe=""), quote(key), quote_plus(key)}
    forms |= {key.encode().hex(), key.encode().hex().upper()}
    for shift in range(3):
        raw = b"\0" * shift + key.encode()
        # Only these characters do not depend on what stands before and after the key.
        first, last = (0, 2, 3)[shift], len(raw) * 8 // 6
        for encode in (base64.standard_b64encode, base64.urlsafe_b64encode):
            forms.add(encode(raw).decode()[first:last])
    return forms
