"""Prompts: Markdown beside the agent, rendered strictly, with untrusted text fenced as data."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from pathlib import Path
from string import Template

from errata.agents.errors import ConfigError

SECTION = re.compile(r"^<!-- (\w+) -->\n", re.MULTILINE)

CONTROL = re.compile(
    r"""
    <(?= [|\N{FULLWIDTH VERTICAL LINE}]       # <|im_start|>, <|eot_id|>, and DeepSeek's wide bars
       | </?SYS>>
       | /?[A-Z][A-Z0-9]{0,30} _ (?: TOKEN | [0-9]{1,6} ) [|]? >    # <BOS_TOKEN>, <SPECIAL_10>
       | /?\w{1,20} : \w{1,30} >                                   # <seed:bos>
       | /?(?: s | bos | eos | pad | unk | mask | cls | sep | sop | eop | image | audio | video
             | think | thinking | reasoning | tools? | tool_calls? | tool_response | function_call
             | (?: start | end ) _of_ \w{1,20} | (?: BOS | EOS | PAD | UNK | MASK | CLS | SEP )
             | fim_\w{1,20} | (?: extra_id | unused | reserved ) _? \w{0,20} ) >
     )
    | \[(?= \|                                                     # [|user|]
       | /?(?: g? (?: MASK ) | sMASK | INST | SYSTEM_PROMPT | AVAILABLE_TOOLS | TOOL_CALLS
             | TOOL_RESULTS | TOOL_CONTENT | ARGS | CALL_ID | THINK | PREFIX | MIDDLE | SUFFIX
             | MODEL_SETTINGS | (?: BEGIN_ | END_ )? (?: IMG | AUDIO | TOOL ) (?: _\w{1,20} )? ) \]
     )
    """,
    re.VERBOSE,
)
"""Where a token of some chat template begins. By the forms that the tokens of published models
have: bars within brackets, `<NAME_TOKEN>`, `<NAME_9>`, `<name:word>`, and a list of words. A
token of another form is not known; nor is one that a tokenizer makes of plain words, such as
`User:` or `### Instruction`. Models that errata loads itself are given text as text besides."""


class Prompt:
    """The sections of one Markdown prompt; a line `<!-- name -->` begins each."""

    def __init__(self, own: Path, custom: Path | None = None) -> None:
        """Reads errata's `own` prompt, or `custom` in its place.

        Raises:
            ConfigError: `custom` cannot be read, or has not the sections and fields of the one
                that it replaces.
        """
        self.path = custom or own
        self.sections = read_sections(own)
        if custom is not None:
            needed, self.sections = self.sections, read_sections(custom)
            check_names(custom, "section", needed, self.sections)
            for name, section in needed.items():
                where = f"{custom}, section {name}"
                given = self.sections[name].get_identifiers()
                check_names(where, "field", section.get_identifiers(), given)

    def render(self, section: str, **fields: str) -> str:
        """The section with each `$field` filled in; what is filled in is not read again.

        Raises:
            ValueError: A field is missing, or the section has no such field.
        """
        template = self.sections[section]
        wanted = set(template.get_identifiers())
        if wanted != set(fields):
            missing, unknown = sorted(wanted - set(fields)), sorted(set(fields) - wanted)
            raise ValueError(
                f"{self.path.name}, section {section}: missing {missing}, unknown {unknown}"
            )
        return template.substitute(fields)


def read_sections(path: Path) -> dict[str, Template]:
    """Raises: ConfigError: The file cannot be read as a prompt."""
    try:
        text = path.expanduser().read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"the prompt {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"the prompt {path} is not UTF-8 text: save it as that") from None
    before, *parts = SECTION.split(text)
    if before.strip():
        raise ConfigError(
            f"{path}: text before the first section; begin the file with `<!-- system -->`"
        )
    sections: dict[str, Template] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        if name in sections:
            raise ConfigError(f"{path}: the section {name!r} stands there twice; keep one")
        sections[name] = Template(body.strip())
        if not sections[name].is_valid():
            raise ConfigError(
                f"{path}, section {name}: a `$` that begins no field; write `$$` for the sign"
            )
    return sections


def check_names(where: object, noun: str, needed: Collection[str], given: Collection[str]) -> None:
    """Raises: ConfigError: A name is missing or unknown."""
    sign = "$" if noun == "field" else ""
    for name in needed:
        if name not in given:
            raise ConfigError(f"{where}: the {noun} {sign}{name} is missing; add it")
    for name in given:
        if name not in needed:
            near = difflib.get_close_matches(name, needed, n=1)
            hint = f"did you mean {sign}{near[0]}?" if near else "take it out"
            raise ConfigError(f"{where}: unknown {noun} {sign}{name}; {hint}")


def fence(text: str) -> str:
    """Fences untrusted text as data, in backticks that it does not hold itself.

    The text cannot close the fence: the fence is longer than any run of backticks in it.
    """
    text = neutralise(text)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    mark = "`" * max(5, longest + 1)  # 5: the usual ``` within does not look like the end
    return f"{mark}data\n{text}\n{mark}"


def neutralise(text: str) -> str:
    """Breaks the control tokens of chat templates with a space: `<|im_end|>` to `< |im_end|>`.

    A server that builds its prompt from text would read them as the end of our message.
    """
    return CONTROL.sub(r"\g<0> ", text)
