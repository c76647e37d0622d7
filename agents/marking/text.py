"""Marking text exactly, as BIG-Bench Hard asks for it: `So the answer is valid.`"""

from __future__ import annotations

import re

from errata.agents.records import Verdict

STATED = re.compile(r"\bthe (?:final |correct )?answer is\b:?\s*", re.IGNORECASE)
"""The phrase that BIG-Bench Hard's chain-of-thought prompts end in."""

MARKS = ("**", "*", "`", "$", '"', "'")
WRAPPING = (
    *((mark, mark) for mark in MARKS),
    *((rf"\{name}{{", "}") for name in ("boxed", "text", "textbf", "mathrm", "mathbf")),
    (r"\(", r"\)"),
    (r"\[", r"\]"),
)
"""What may stand around an answer."""

OPTION = re.compile(r"\(([A-Z])\)")


def mark_text(response: str, target: str) -> Verdict:
    """The verdict on a response that must give `target` exactly, after `the answer is`.

    The answer is the rest of the line after the last `the answer is` (the next line where nothing
    is left on it), or what the last line has from a `\\boxed{` on, or the whole last line. A
    closing full stop or exclamation mark, wrapping quotes, stars, backticks, dollar signs, boxes
    and `\\text{}`, and the width of white space do not count, also where the statement itself is
    wrapped (`**So the answer is X.**`); case and every other character do. A target such as `(A)`
    is also given by `A`, and by `(A)` and what that option says; naming a second option spoils it.

    Follows lm-evaluation-harness's `bbh_cot_fewshot` (`(?<=the answer is )(.*)(?=.)`, exact match,
    case kept), but takes the last statement where it takes the first, and strips a full stop where
    it drops the last character, whatever that is.

    Raises:
        ValueError: `target` holds nothing to compare with.
    """
    wanted = bare(target)
    if not wanted:
        raise ValueError(f"the target {target!r} holds no text")
    answer = stated_answer(response)
    if not answer:
        return Verdict(correct=False, answer=None, why="no answer is stated")
    if answer == wanted or is_option(answer, wanted):
        return Verdict(correct=True, answer=answer, why=f"{answer} is the target")
    return Verdict(correct=False, answer=answer, why=f"{answer} is not {wanted}")


def stated_answer(response: str) -> str:
    """What the response states last, without the marks around it; empty where it states nothing."""
    stated = [*STATED.finditer(response)]
    if stated:
        begins = response.rfind("\n", 0, stated[-1].start()) + 1
        before = response[begins : stated[-1].start()]
        return bare(closed(response[stated[-1].end() :].partition("\n")[0], before))
    last = response.strip().rpartition("\n")[2]
    before, box, after = last.partition(r"\boxed{")
    return bare(closed(box + after, before) if box else last)


def is_option(answer: str, wanted: str) -> bool:
    """Whether `answer` names the option `wanted`, such as `(A)`, and no other."""
    option = OPTION.fullmatch(wanted)
    if option is None:
        return False
    return answer == option[1] or (
        answer.startswith(wanted + " ") and set(OPTION.findall(answer)) == {option[1]}
    )


def closed(answer: str, before: str) -> str:
    """`answer` without a closing mark that was opened in `before`, on the same line."""
    answer = answer.strip()
    for mark in MARKS:
        if before.count(mark) % 2 and answer.count(mark) % 2:
            if answer.startswith(mark):
                answer = answer[len(mark) :].lstrip()
            else:
                inside = answer.rstrip(".!")
                if inside.endswith(mark):
                    answer = inside[: -len(mark)]
    return answer


def bare(text: str) -> str:
    """`text` without the full stop and the marks around it, its white space collapsed."""
    text = " ".join(text.split())
    start, end = 0, len(text)
    while True:
        at = start, end
        while end > start and text[end - 1] in ".! ":
            end -= 1
        while start < end and text[start] == " ":
            start += 1
        for opens, closes in WRAPPING:
            if (
                end - start > len(opens) + len(closes)
                and text.startswith(opens, start, end)
                and text.endswith(closes, start, end)
            ):
                start, end = start + len(opens), end - len(closes)
        if at == (start, end):
            return text[start:end]
