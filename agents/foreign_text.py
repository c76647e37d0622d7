"""What no exercise needs: unseen characters, tokens of chat templates, orders to the student.

Every expression takes time in proportion to the text: what repeats is bounded.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

INVISIBLE_LETTERS = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\u2028\u2029"
)
"""Fillers and selectors that Unicode does not count as formatting, and that show nothing."""
JOINERS = "\u200c\u200d"
SELECTORS = re.compile("[\ufe00-\ufe0f]")
SEEN = re.compile("[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd]")
"""Formatting that shows something: Arabic, Syriac and Kaithi number signs."""

CHAT_TOKEN = re.compile(
    r"""
    <[|\N{FULLWIDTH VERTICAL LINE}][^\s|<>]{1,40}[|\N{FULLWIDTH VERTICAL LINE}]>
  | <</?SYS>>
  | </?(?:s|bos|eos|pad|unk|start_of_turn|end_of_turn|start_of_image|end_of_text|end_of_utterance
      |think|tool_call|tool_response|fim_(?:prefix|middle|suffix|pad)|(?:BOS|EOS|PAD|UNK)
      |[A-Z]{2,20}(?:_[A-Z]{2,20}){0,3}_TOKEN|(?:extra_id|unused|reserved|SPECIAL)_[0-9]{1,6})>
  | \[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|gMASK|sMASK|MASK)\]
  | \[(?:CLS|SEP|UNK|PAD|BOS|EOS)\]
  | ^[ ]{0,3}\#{2,3}[ ](?:Instruction|Human|Assistant|System|User)s?:
    """,
    re.VERBOSE | re.MULTILINE,
)
"""Tokens of the chat templates of published models: ChatML (Qwen, SmolLM) and Llama 3
(`<|eot_id|>`), Llama 2 and Mistral (`[INST]`, `<<SYS>>`, `</s>`), Gemma (`<start_of_turn>`),
DeepSeek (wide bars), Command R (`<|START_OF_TURN_TOKEN|>`), GLM (`[gMASK]`), T5, BERT, StarCoder,
Alpaca and Vicuna (`### Instruction:`)."""

EARLIER = r"(?:previous|prior|preceding|above|earlier|foregoing|former|other)"
SAYINGS = r"(?:instruction|prompt|direction|rule|command|order|message|guideline)s?"
ORDER = re.compile(
    rf"""
    \b(?:ignore|disregard|forget|override|bypass)\s
      (?:all\s|any\s|every\s|of\s|the\s|your\s|these\s|those\s|my\s){{0,4}}
      (?:{EARLIER}\s{SAYINGS}|{SAYINGS}\s(?:above|before|given\sbefore)|your\s{SAYINGS})\b
  | \b(?:ignore|disregard|forget)\s(?:all\s|everything\s){{1,2}}
      (?:above|before\sthis|you\s(?:were|have\sbeen)\s(?:told|taught|trained))\b
  | \b(?:forget|ignore)\syour\s(?:training|{SAYINGS})\b
  | \b(?:new|updated|real|hidden|secret)\s(?:system\s)?(?:instructions?|prompt):
  | \bsystem\s(?:prompt|message)\b
  | ^[ \t>*_]{{0,6}}(?:system|developer)[*_]{{0,2}}[ ]?:
  | \bas\san?\s(?:helpful\s)?(?:AI|artificial\sintelligence|(?:large\s)?language\smodel|chatbot)
      (?:\s(?:language\smodel|model|assistant|chatbot)){{0,2}}\s?(?:,|\sI\b)
  | \b(?:I\sam|I'm|I\N{{RIGHT SINGLE QUOTATION MARK}}m|you\sare|you're|act\sas|pretend\sto\sbe)
      \s(?:now\s|only\s|just\s)?(?:an?\s)?(?:helpful\s|large\s|unrestricted\s){{0,2}}
      (?:AI\b|artificial\sintelligence|language\smodel|chatbot|ChatGPT|DAN\b)
  | \bfrom\snow\son,?\s(?:you\s(?:will|must|should|shall|are)|always|never|answer|reply|respond
      |ignore|say|output)\b
  | \b(?:I'm|I\sam)\ssorry,?\s(?:but\s)?I\s(?:can(?:not|'t|\snot)|am\s(?:not\sable|unable))\s
      (?:to\s)?(?:assist|help\swith|comply|fulfil|provide|answer)
  | \b(?:repeat|reveal|print|output|show)\s(?:me\s)?(?:the\s|your\s|all\s)
      (?:{SAYINGS}|words|text)\s(?:above|verbatim)\b
    """,
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
"""What is said to a model and not in a story: the phrasings of prompt injections (Perez & Ribeiro
2022, arXiv 2211.09527; Greshake et al. 2023, arXiv 2302.12173), roles, and refusals."""
SIDES = {"user": "asks", "human": "asks", "assistant": "answers", "ai": "answers", "bot": "answers"}
TURN = re.compile(
    rf"^[ \t>*_]{{0,6}}(?P<who>{'|'.join(SIDES)})[*_]{{0,2}}[ ]?:", re.IGNORECASE | re.MULTILINE
)
"""Who speaks, in a conversation of two."""


def foreign(text: str, special: Collection[str] = ()) -> str | None:
    """What stands in `text` and in no exercise, in plain words; None where there is nothing.

    Args:
        special: The tokens that the student's tokenizer does not take for text.
    """
    if has_unseen(text):
        return "invisible characters"
    if CHAT_TOKEN.search(text) or any(token in text for token in special):
        return "tokens of a chat template"
    if ORDER.search(text) or len({SIDES[turn["who"].lower()] for turn in TURN.finditer(text)}) > 1:
        return "instructions to the student"
    return None


def has_unseen(text: str) -> bool:
    r"""Whether a character shows nothing; emoji and the joiners of other scripts do show.

    A joiner may stand after a letter from beyond Latin, Greek and Cyrillic or after a symbol, a
    variation selector after a symbol, a digit or a letter of such scripts.
    """
    if text.isascii():
        return False
    before = ""
    for letter in text:
        if letter < "\xa0":
            before = letter
            continue
        if letter in INVISIBLE_LETTERS:
            return True
        if letter in JOINERS:
            if not joins(before):
                return True
        elif SELECTORS.match(letter):
            if not (joins(before) or before in {*"0123456789#*"} or is_symbol(before)):
                return True
        elif unicodedata.category(letter) in ("Cf", "Cs", "Cc") and not SEEN.match(letter):
            return True
        before = letter
    return False


def joins(letter: str) -> bool:
    """Whether a joiner after it may change what is seen."""
    if letter < "\u0590":
        return False
    return unicodedata.category(letter)[0] in "LM" or is_symbol(letter)


def is_symbol(letter: str) -> bool:
    return letter != "" and unicodedata.category(letter) in ("So", "Sk", "Sm", "Po")
