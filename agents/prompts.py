"""Prompts: Markdown beside the agent, rendered strictly, with untrusted text fenced as data."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

SECTION = re.compile(r"^<!-- (\w+) -->\n", re.MULTILINE)

CONTROL = re.compile(
    r"""
    <(?= [|\N{FULLWIDTH VERTICAL LINE}]       # <|im_start|>, <|eot_id|>, and DeepSeek's wide bars
       | </?SYS>>
       | /?(?: s | bos | eos | pad | unk | mask | cls | sep | image | think | tools | tool_call
             | tool_response | function_call | start_of_turn | end_of_turn | start_of_image
             | fim_\w+ | extra_id_\d+ | unused\d+ | reserved_\w+ ) >
     )
    | \[(?= /?(?: INST | SYSTEM_PROMPT | AVAILABLE_TOOLS | TOOL_CALLS | TOOL_RESULTS | TOOL_CONTENT
             | ARGS | CALL_ID | THINK | IMG | PREFIX | MIDDLE | SUFFIX ) \])
    """,
    re.VERBOSE,
)
"""Where a token of some chat template begins."""


class Prompt:
    """The sections of one Markdown prompt; a line `<!-- name -->` begins each."""

    def __init__(self, file_name: str) -> None:
        """Reads the prompt `file_name` of this folder."""
        text = Path(__file__).with_name(file_name).read_text(encoding="utf-8")
        _, *parts = SECTION.split(text)
        self.file_name = file_name
        self.sections = {
            name: Template(body.strip()) for name, body in zip(parts[::2], parts[1::2], strict=True)
        }

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
                f"{self.file_name}, section {section}: missing {missing}, unknown {unknown}"
            )
        return template.substitute(fields)


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
