"""Keys are taken out of all that is kept or shown, however they are written."""

from __future__ import annotations

import base64
import json
from itertools import takewhile
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from pydantic import SecretStr

if TYPE_CHECKING:  # LangChain takes a second to import; the command line must not wait for it
    from langchain_core.language_models import BaseChatModel

TELLING = 12  # characters of a key that are hidden without the rest
SHORTEST = 8  # a shorter one is a stand-in such as EMPTY, and a word that texts may hold


class Secrets:
    """The keys that a chat model holds; LangChain keeps them in SecretStr."""

    def __init__(self, model: BaseChatModel) -> None:
        held = [value for value in vars(model).values() if isinstance(value, SecretStr)]
        keys = {value.get_secret_value() for value in held}
        forms = {form for key in keys if len(key) >= SHORTEST for form in forms_of(key)}
        self.forms = sorted(forms, key=len, reverse=True)

    def hide(self, text: str) -> str:
        """The text with `[secret]` in the place of each key, or of its beginning: a long message
        is cut somewhere."""
        for form in self.forms:
            while (start := text.find(form[:TELLING])) >= 0:
                pairs = zip(form, text[start:], strict=False)
                length = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
                text = f"{text[:start]}[secret]{text[start + length :]}"
        return text


def forms_of(key: str) -> set[str]:
    """The key as it is, in JSON, in a URL, and in base64 within any longer text."""
    forms = {key, json.dumps(key)[1:-1], quote(key, safe=""), quote(key), quote_plus(key)}
    for shift in range(3):
        raw = b"\0" * shift + key.encode()
        # Only these characters do not depend on what stands before and after the key.
        first, last = (0, 2, 3)[shift], len(raw) * 8 // 6
        for encode in (base64.standard_b64encode, base64.urlsafe_b64encode):
            forms.add(encode(raw).decode()[first:last])
    return forms
