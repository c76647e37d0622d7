"""What a failed call means: whether to try again, and one sentence for a person."""

from __future__ import annotations

import math
import re
import time
from email.utils import parsedate_to_datetime
from typing import Any

from errata.agents.plain_text import one_line

PASSING = {408, 409, 425, 429}  # and all from 500
GARBLED = (ValueError, TypeError, AttributeError, LookupError)
"""What clients raise over a reply of status 200 that they cannot make out."""


def may_pass(error: BaseException) -> bool:
    """Whether the same call may succeed if it is tried again."""
    from langchain_core import exceptions as langchain

    status = status_of(error)
    if redirects(error):
        return False
    if status is not None and status != 200:
        spent = getattr(error, "code", None) == "insufficient_quota"
        return (status in PASSING or status >= 500) and not spent
    return (
        isinstance(
            error,
            (
                langchain.ModelRateLimitError,
                langchain.ModelAPIError,
                langchain.ModelTimeoutError,
                langchain.ModelConnectionError,
                TimeoutError,
                ConnectionError,
            ),
        )
        or is_garbled(error)
        or any(kind.__name__ == "TransportError" for kind in type(error).__mro__)
    )


def is_garbled(error: BaseException) -> bool:
    return isinstance(error, GARBLED) and status_of(error) in (None, 200)


def refuses_form(error: BaseException) -> bool:
    """Whether the server may have refused the form of the reply that was asked for."""
    if is_too_long(error) or is_filtered(error):
        return False
    status = status_of(error)
    if status in (400, 422, 501):
        return True
    named = re.search(r"response_format|structured|parameters", what_it_said(error))
    return isinstance(error, NotImplementedError) or (status == 404 and named is not None)


def is_too_long(error: BaseException) -> bool:
    """Whether the prompt does not fit into the model's context."""
    from langchain_core.exceptions import ContextOverflowError, ModelInvalidRequestError

    # LangChain knows OpenAI's own wording only; vLLM and llama.cpp have others.
    return isinstance(error, ContextOverflowError) or (
        (isinstance(error, ModelInvalidRequestError) or status_of(error) == 400)
        and re.search(r"context.(length|window|size)", what_it_said(error)) is not None
    )


def is_filtered(error: BaseException) -> bool:
    """Whether the provider's content filter stopped the call."""
    code = getattr(error, "code", None)
    return code in ("content_filter", "content_policy_violation") or (
        status_of(error) == 400 and "content_filter" in what_it_said(error)
    )


def has_no_choices(error: BaseException) -> bool:
    """Whether it is a whole response that holds no reply."""
    body = body_of(error)
    if body is None:  # LangChain does not always say what it could not make out
        named = "null value for 'choices'" in str(error)
        return status_of(error) is None and (named or isinstance(error, IndexError))
    return bool(re.search(r'"choices"\s*:\s*(\[\s*\]|null)', body)) and '"error"' not in body


def status_of(error: BaseException) -> int | None:
    status = getattr(error, "status_code", None)
    if status is None:
        status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def body_of(error: BaseException) -> str | None:
    """What the server sent, where the client could not make it out; else None."""
    response = getattr(error, "response", None)
    if getattr(response, "status_code", None) != 200:
        return None
    try:
        return str(response.text)  # type: ignore[union-attr]
    except Exception:  # it was not read to its end
        return ""


def retry_after_s(error: BaseException) -> float | None:
    """Seconds that the server asks to wait (RFC 9110, section 10.2.3: seconds or a date)."""
    headers: Any = getattr(getattr(error, "response", None), "headers", None)
    if headers is None:
        return None
    if (value := headers.get("retry-after-ms")) and re.fullmatch(r"\d+(\.\d*)?", value):
        return float(value) / 1000
    value = headers.get("retry-after")
    if not value:
        return None
    if re.fullmatch(r"\d{1,15}(\.\d*)?", value):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def sentence_for(error: BaseException, name: str) -> str:
    """One sentence for whatever a provider raised: what failed, and the remedy."""
    from langchain_core import exceptions as langchain

    url = getattr(getattr(error, "request", None), "url", None)
    where = f"{name} at {url}" if url else name
    said = what_it_said(error)
    if redirects(error):
        return f"{where} redirects again and again: let base_url name the address it ends at"
    match error:
        case langchain.ModelAuthenticationError() | langchain.ModelPermissionDeniedError():
            return (
                f"{where} refuses the API key: let api_key_env name the environment variable "
                "that holds a valid one"
            )
        case langchain.ModelNotFoundError():
            return f"{where} was not found: check model and base_url ({said})"
        case langchain.ModelRateLimitError():
            asked_s = retry_after_s(error)
            wait = "wait" if asked_s is None else f"wait {duration(asked_s)}, as it asks,"
            return (
                f"{where} allows no more requests for now: {wait} and resume, ask fewer at "
                f"once, or raise retries ({said})"
            )
        case langchain.ModelTimeoutError() | TimeoutError():
            return f"{where} did not answer in time: raise timeout_s or ask fewer at once"
        case langchain.ModelConnectionError():
            return f"{where} cannot be reached: start the server or correct base_url"
        case langchain.ModelAPIError():
            return f"{where} failed, retries included: see its log, then resume ({said})"
        case langchain.ModelInvalidRequestError():
            return (
                f"{where} refuses the request: check the settings, and that the model takes "
                f"json_schema replies ({said})"
            )
    if isinstance(error, GARBLED) and (body := body_of(error)) is not None:
        began = one_line(body)[:80]
        return (
            f"{where} sent what is no chat completion: check base_url and the server's log, then "
            f"resume (it begins {began!r})"
        )
    return f"{where} failed: check model and base_url ({type(error).__name__}: {said})"


def redirects(error: BaseException) -> bool:
    """Whether the server sent the call from one address to the next without end."""
    cause: BaseException | None = error
    while cause is not None:
        if type(cause).__name__ == "TooManyRedirects":  # httpx; providers wrap it
            return True
        cause = cause.__cause__
    return False


def duration(seconds: float) -> str:
    """`35 s`, `10 h`."""
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{round(seconds / length):,} {unit}"
    return f"{math.ceil(seconds)} s"


def what_it_said(error: BaseException) -> str:
    """The server's own words and its code, on one line."""
    body = getattr(error, "body", None)
    if not isinstance(body, dict) or "message" not in body:
        return one_line(str(error))
    return one_line(f"{body['message']} {body.get('code') or ''}")
