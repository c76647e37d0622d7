"""A Modelfile for Ollama: the tokenizer's own chat template, said in Go's template language.

What stands before and after the messages of each role is found by rendering the chat template
itself on markers. The two are then rendered on conversations and compared, character by character;
a template that is not of that form (one that treats messages by their place, say) is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter

Message = dict[str, str]
"""`role` and `content`."""
Render = Callable[[list[Message], bool], str]
"""Messages as the model reads them; when True, up to where its answer begins."""

TEXTS = (
    "How many?",
    "Two\nlines, and  spaces.",
    "Quotes \"a\" 'b', braces {{ .Content }} {% if %}, é, 数, <b>, 1 < 2 & 3 > 2.",
    "x",
)
"""No text is blank at its ends: many templates strip messages, which Ollama's cannot."""
LARGEST_CONTEXT = 8192
"""Tokens: Ollama reserves memory for all of them when the model is loaded."""


class NoModelfile(ValueError):
    """A chat template that cannot be said in Ollama's words."""


@dataclass(frozen=True)
class Found:
    """A chat template in Go's template language."""

    template: str
    system: str | None
    """What stands as the system prompt where a conversation brings none."""
    notes: tuple[str, ...]


def go_template(render: Render, bos: str, system: str | None) -> Found:
    """The chat template behind `render`, in Go's template language.

    Args:
        bos: The text of the token that begins every prompt; Ollama puts it there by itself.
        system: That the model was trained with.

    Raises:
        NoModelfile: It is not of a form that can be said there, or says something else there.
    """

    def rendered(messages: list[Message], opens: bool = True) -> str:
        text = render(messages, opens)
        return text[len(bos) :] if bos and text.startswith(bos) else text

    try:
        user, assistant, opening = pieces(rendered)
        default, block = system_pieces(rendered, user, opening)
    except Exception as error:  # whatever a template raises, or markers that it does not show
        raise NoModelfile(
            "the chat template shows no fixed text around each message "
            f"({' '.join(str(error).split()) or type(error).__name__}): export with --to merged, "
            "and write the Modelfile by hand"
        ) from None
    roles = {"system": block, "user": user, "assistant": assistant}
    template = written({role: around for role, around in roles.items() if around}, opening)
    if system is not None and block is None:
        raise NoModelfile(
            "the chat template has no place of its own for the system prompt that the run used: "
            "export with --to merged, and write the Modelfile by hand"
        )
    notes = [] if block else ["the Modelfile's template leaves out any system prompt"]
    first = system if system is not None else default
    for conversation in conversations(block is not None):
        asked = [dict(message) for message in conversation]
        given = asked
        if first is not None and asked[0]["role"] != "system":
            given = [{"role": "system", "content": first}, *asked]  # as Ollama does with SYSTEM
            if system is not None:
                asked = given
        if evaluate(template, given) != rendered(asked):
            raise NoModelfile(
                "the chat template does not treat all messages of a role alike, and what Ollama "
                f"would make of a conversation of {len(asked)} messages is another text: export "
                "with --to merged, and write the Modelfile by hand"
            )
    blank = [{"role": "user", "content": " x "}]
    if " x " not in rendered(blank):
        notes.append(
            "the chat template strips each message, which Ollama's cannot: send none that begins "
            "or ends blank"
        )
    return Found(template, first, tuple(notes))


def pieces(rendered: Callable[..., str]) -> tuple[tuple[str, str], tuple[str, str], str]:
    """What stands before and after a message of the user and of the assistant, and at the end.

    Raises:
        ValueError: A role's messages do not all stand between the same texts.
    """
    one, two, three = (
        {"role": role, "content": f"«{role} {at}»"}
        for at, role in enumerate(("user", "assistant", "user"))
    )
    talk = rendered([one, two, three])
    _, rest = cut(talk, one["content"])
    between, rest = cut(rest, two["content"])
    again, end = cut(rest, three["content"])
    _, user_after = cut(rendered([one], opens=False), one["content"])
    _, assistant_after = cut(rendered([one, two], opens=False), two["content"])
    return (
        (without(again, assistant_after), user_after),
        (without(between, user_after), assistant_after),
        without(end, user_after),
    )


def without(text: str, beginning: str) -> str:
    """The text after its `beginning`. Raises: ValueError: it begins otherwise."""
    if not text.startswith(beginning):
        raise ValueError("a message ends otherwise where another follows")
    return text[len(beginning) :]


def system_pieces(
    rendered: Callable[..., str], user: tuple[str, str], opening: str
) -> tuple[str | None, tuple[str, str] | None]:
    """The default system prompt, and what stands around a system prompt; None: there is none."""
    marker, question = "«system»", "«first»"
    asked = [{"role": "user", "content": question}]
    alone = rendered(asked)
    if not alone.endswith(question.join(user) + opening):
        raise ValueError("the first message stands between other texts than later ones")
    alone = alone.removesuffix(question.join(user) + opening)
    try:
        text = rendered([{"role": "system", "content": marker}, *asked])
        before, rest = cut(text, marker)
        after, _ = cut(rest, question)
        if not after.endswith(user[0]):
            raise ValueError("a system prompt stands inside the user's message")
        after = after.removesuffix(user[0])
    except Exception:  # templates without a system prompt refuse it, or put it elsewhere
        if alone:
            raise
        return None, None
    if not alone:
        return None, (before, after)
    if not (alone.startswith(before) and alone.endswith(after)):
        raise ValueError("without a system prompt something else stands in its place")
    return alone[len(before) : len(alone) - len(after)], (before, after)


def cut(text: str, marker: str) -> tuple[str, str]:
    """What stands before and after the only `marker`. Raises: ValueError: there is not one."""
    if text.count(marker) != 1:
        raise ValueError(f"a message comes out {text.count(marker)} times")
    before, _, after = text.partition(marker)
    return before, after


def conversations(with_system: bool) -> list[list[Message]]:
    """Of one question and of several, with a system prompt and without."""
    found = []
    for at in range(len(TEXTS)):
        a, b, c, d = (TEXTS[(at + shift) % len(TEXTS)] for shift in range(4))
        turns = [("user", a), ("assistant", b), ("user", c), ("assistant", d), ("user", b)]
        for length in (1, 3, 5):
            talk = [{"role": role, "content": said} for role, said in turns[:length]]
            found.append(talk)
            if with_system:
                found.append([{"role": "system", "content": d}, *talk])
    return found


# Go's template language, as far as it is used here.


def written(roles: dict[str, tuple[str, str]], opening: str) -> str:
    """The Go template that puts these texts around each message."""
    branches: list[str] = []
    for role, (before, after) in roles.items():
        word = "else if" if branches else "if"
        said = f"{literal(before)}{{{{ .Content }}}}{literal(after)}"
        branches.append(f'{{{{ {word} eq .Role "{role}" }}}}{said}')
    chosen = "".join(branches) + "{{ end }}"
    return f"{{{{ range .Messages }}}}{chosen}{{{{ end }}}}{literal(opening)}"


def literal(text: str) -> str:
    """Go would read two braces as its own, also one before a pair of its own."""
    said = text.replace("{{", '{{ "{{" }}')
    return said[:-1] + '{{ "{" }}' if said.endswith("{") else said


Say = Callable[[Message], str]
"""What a part of a template says, at a message."""
ACTION = re.compile(r"\{\{ (.*?) \}\}")


def evaluate(template: str, messages: Sequence[Message]) -> str:
    """What Go's text/template makes of `template`, as far as `written` uses its language.

    Raises:
        ValueError: Something else stands in it.
    """
    parts = ACTION.split(template)  # text, action, text, action, …
    at = 0

    def block() -> list[Say]:
        """Up to the `end` or the `else` of the block, or of the template."""
        nonlocal at
        says: list[Say] = []
        while at < len(parts):
            part, is_action = parts[at], at % 2 == 1
            if is_action and (part == "end" or part.startswith("else ")):
                break
            at += 1
            if not is_action:
                says.append(partial(always, part))
            elif part == ".Content":
                says.append(itemgetter("content"))
            elif part == "range .Messages":
                says.append(partial(of_each, messages, block()))
                at += 1
            elif part.startswith("if eq .Role "):
                branches: dict[str, list[Say]] = {}
                while "eq .Role " in part:
                    branches[json.loads(part.rpartition(" ")[2])] = block()
                    part = parts[at]
                    at += 1
                says.append(partial(of_role, branches))
            elif part.startswith('"'):
                says.append(partial(always, json.loads(part)))
            else:
                raise ValueError(f"{part!r} is not known here")
        return says

    return all_of(block(), {})


def always(text: str, message: Message) -> str:
    return text


def of_each(messages: Sequence[Message], says: Sequence[Say], message: Message) -> str:
    return "".join(all_of(says, each) for each in messages)


def of_role(branches: Mapping[str, Sequence[Say]], message: Message) -> str:
    return all_of(branches.get(message["role"], []), message)


def all_of(says: Sequence[Say], message: Message) -> str:
    return "".join(say(message) for say in says)


# The file.


def modelfile(found: Found, ends: Sequence[str], max_new_tokens: int, context: int) -> str:
    """The Modelfile of a folder of safetensors, in which it lies.

    Raises:
        NoModelfile: A text cannot stand in it.
    """
    lines = ["FROM .", f"TEMPLATE {quoted(found.template, 'the chat template')}"]
    if found.system is not None:
        lines.append(f"SYSTEM {quoted(found.system, 'the system prompt')}")
    lines += [f"PARAMETER stop {quoted(end, 'the end mark')}" for end in ends]
    lines += [
        "PARAMETER temperature 0",
        "PARAMETER repeat_penalty 1",
        "PARAMETER seed 0",
        f"PARAMETER num_predict {max_new_tokens}",
        f"PARAMETER num_ctx {min(context, LARGEST_CONTEXT)}",
    ]
    return "\n".join(lines) + "\n"


def quoted(text: str, what: str) -> str:
    """Between three quotes, between which Ollama reads everything as it stands."""
    if '"""' in text or not all(sign.isprintable() or sign in "\n\t" for sign in text):
        raise NoModelfile(
            f"{what} holds three quotes in a row or a control character, which a Modelfile cannot: "
            "export with --to merged"
        )
    return f'"""{text}"""'
