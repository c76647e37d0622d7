"""Everything that reads untrusted text, and texts made to take long to read."""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import NamedTuple, cast

from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr
from rich.console import Console

from errata.agents.chat_models.secrets import Secrets
from errata.agents.embeddings import WordEmbeddings
from errata.agents.exams.held_out import HeldOut, NearTexts
from errata.agents.exams.stories import shared_stories
from errata.agents.exams.words import plain
from errata.agents.foreign_text import foreign
from errata.agents.llm.lenient import find_values
from errata.agents.marking import mark
from errata.agents.marking.equations import read_equations, unmark
from errata.agents.prompts import fence, neutralise
from errata.agents.records import (
    Attempt,
    ChoiceAnswer,
    Draft,
    JsonAnswer,
    LabelAnswer,
    Mistake,
    Question,
    RegexAnswer,
    Solved,
    TextAnswer,
)
from errata.agents.sandbox.extract import extract, read_stub
from errata.agents.variations import VariationsInstructor, VariationsSolver
from errata.agents.variations.mentions import constants_of, find_mentions, spelled_numbers
from errata.agents.variations.templates import TemplateError, final_line, read_template
from errata.agents.verifier import Problem
from errata.graph.views.printer import Printer


class Text(NamedTuple):
    """A text of any length: `atom` over and over between two ends, `#` in it counted up."""

    atom: str
    before: str = ""
    after: str = ""
    counted: bool = False

    def of(self, length: int) -> str:
        """The text at about `length` characters."""
        count = max(1, length // len(self.atom))
        if self.counted:
            atoms = (self.atom.replace("#", str(10_000 + n)) for n in range(count))
            return self.before + "".join(atoms)[:length] + self.after
        return self.before + self.atom * count + self.after


SUM = Question(
    id="sum",
    prompt="Ann has 48 pens and buys 26 more. How many has she?",
    target="74",
    solution="48 + 26 = 74\n#### 74",
)
NONE = SUM.model_copy(update={"target": "none"})
WORD = Question(id="word", prompt="Is it?", target="valid", answer=TextAnswer())
LABEL = Question(
    id="label",
    prompt="Which?",
    target="not at all",
    answer=LabelAnswer(labels={"not at all": (), "sky": ("option a",), "A": (), "slower": ()}),
)
OBJECT = Question(id="object", prompt="?", target='{"a": [1]}', answer=JsonAnswer())
FITTING = OBJECT.model_copy(
    update={
        "answer": JsonAnswer(
            schema_='{"additionalProperties": {"items": {"$ref": "#"}, "uniqueItems": true}}',
            fields={"a": "set"},
        )
    }
)
VALUE = OBJECT.model_copy(update={"target": "1"})
FOUND = WORD.model_copy(update={"answer": RegexAnswer(pattern=r"answer : (\w+)|\d+")})
MATCHED = WORD.model_copy(update={"target": r"[\w ]+\.?", "answer": RegexAnswer()})
ROLLING = {"A": "slower", "B": "faster", "C": "sky", "D": "not at all"}
ORDERS = {"1": "4", "2": "8", "3": "1 1", "4": "(1"}
STUB = read_stub('def f(x):\n    """Twice x."""\n', "f")
KEYS = Secrets(cast(BaseChatModel, SimpleNamespace(key=SecretStr("sk-proj-ABCDEFGHIJKLMNOP"))))
SEALED = HeldOut([SUM, SUM.model_copy(update={"id": "b", "prompt": "so so so 1 1 1 (a) = a b"})])
PRINTER = Printer(Console(file=io.StringIO()))


def marker(question: Question) -> Callable[[str], object]:
    return lambda text: mark(question, text)


def choice(options: dict[str, str]) -> Callable[[str], object]:
    answer = ChoiceAnswer(options=options)
    return marker(Question(id="c", prompt="Which?", target=next(iter(options)), answer=answer))


def template(field: str) -> Callable[[str], object]:
    def read(text: str) -> None:
        with suppress(TemplateError):
            read_template(SUM.model_copy(update={field: text}))

    return read


def diagnose(field: str) -> Callable[[str], object]:
    """The instructor that needs no LLM: `text` is the wrong response, a right one beside it, or
    the worked solution."""

    def read(text: str) -> object:
        question = SUM.model_copy(update={"solution": text}) if field == "solution" else SUM
        attempt = Attempt(
            id="a",
            question_id="sum",
            response="48 + 26 = 64",
            answer=None,
            correct=False,
            why="",
            tokens=1,
            truncated=False,
        )
        given = attempt.model_copy(update={"response": text})
        contrast = Solved(question=SUM, attempt=given, similarity=1)
        missed = Mistake(
            id="m",
            question=question,
            attempt=given if field == "response" else attempt,
            contrast=(contrast,) if field == "contrast" else (),
        )
        return list(VariationsInstructor().diagnose([missed]))

    return read


def example(prompt: str, completion: str) -> Draft:
    return Draft(diagnosis_id="d", prompt=prompt, completion=completion, target="2")


def asked(prompt: str) -> Problem:
    return Problem(SUM, "d", prompt, SUM.answer, 0)


def worded(prompt: str) -> Question:
    return SUM.model_copy(update={"prompt": prompt})


READERS: dict[str, Callable[[str], object]] = {
    "number marker": marker(SUM),
    "number marker, none": marker(NONE),
    "text marker": marker(WORD),
    "label marker": marker(LABEL),
    "JSON marker": marker(OBJECT),
    "JSON marker, schema and set": marker(FITTING),
    "JSON marker, value": marker(VALUE),
    "regex marker": marker(FOUND),
    "regex marker, target": marker(MATCHED),
    "choice marker": choice(ROLLING),
    "choice marker, numbers": choice(ORDERS),
    "equations": read_equations,
    "unmark": unmark,
    "variations, response": diagnose("response"),
    "variations, solution": diagnose("solution"),
    "variations, contrast": diagnose("contrast"),
    "template, question": template("prompt"),
    "template, solution": template("solution"),
    "final line": lambda text: final_line(SUM.model_copy(update={"solution": text}), 7),
    "mentions": lambda text: list(find_mentions(text)),
    "constants": lambda text: constants_of(text, list(find_mentions(text))),
    "spelled numbers": lambda text: list(spelled_numbers(text)),
    "held-out, plain": plain,
    "held-out, nearest": SEALED.nearest,
    "held-out, resemblance": lambda text: SEALED.resemblance(example(text, text)),
    "held-out, near to another text": lambda text: NearTexts().nearest(plain(text)),
    "shared stories": lambda text: list(shared_stories([worded(text)], [worded(text)])),
    "foreign text": lambda text: foreign(text, {"<|im_start|>", "((("}),
    "solver, question": lambda text: list(VariationsSolver().solve([asked(text)])),
    "solver, drill": lambda text: list(VariationsSolver().solve([asked(f"What is {text}?")])),
    "embeddings": WordEmbeddings().embed_query,
    "fence": fence,
    "neutralise": neutralise,
    "printer": PRINTER.text,
    "printer, short": PRINTER.short,
    "lenient JSON": lambda text: list(find_values(text)),
    "secrets": KEYS.hide,
    "code extraction": lambda text: extract(text, STUB, "f"),
}

WORST: tuple[Text, ...] = (
    *(Text(atom) for atom in ("(", ")", "*", "<", "{", "[", "`", ".", "=", "\\", '"', "-", "_")),
    *(
        Text(atom)
        for atom in ("1", "1,", "1,111", "a", " ", "\n", "(\n", "1+", "(1+", "(1)*", "1 ")
    ),
    *(Text(atom) for atom in ("answer : ", "the answer is ", "\\boxed{", "#### ", "so ", "not ")),
    *(
        Text(atom)
        for atom in ("x sky ", "x option A, ", "A or ", "A. slower\n", "is D. not at all, ")
    ),
    *(Text(atom) for atom in ("<<1=1>>1 ", "<<1", "<<1=2>>", "<<=>>", "1 = 1 ", "((1+1)*(1+1))+")),
    *(Text(atom) for atom in ("x = [\n", "def f(:\n", "a=1\n) \n", "sk-proj-ABCD", "<fim_a", "<|")),
    *(
        Text(atom)
        for atom in ("ignore all ", "the ", "you are now a ", "as a ", "user:\n", "\u200d")
    ),
    *(Text(atom) for atom in ("wide ", "5 of the ", "the 3 ", "half 1/2 ", "7 = 3 + 4\n", "\\a")),
    Text(" ", "A", "x"),
    Text(" ", "= ", "<<1=1>>"),
    Text(" ", "<<1=1", ">>1"),
    Text("(", after="="),
    Text("1", "[", "x, 2]"),
    Text("=", "cannot be determined "),
    Text("A. slower B. faster ", after="is correct"),
    Text("a", "```", "`"),
    Text("answer ", after="7"),
    Text("1 + 1 = 2\n", after="#### 2"),
    Text("1+1+1+1 a b c d e ="),
    Text("Question: A\n", "B\n"),
    Text("$", "1 = ", "<<1=1>>"),
    Text("# ", counted=True),
    Text("w# ", counted=True),
    Text("# + 1 = #\n", counted=True),
    Text("<<#+1=#>>", counted=True),
    *(Text(atom) for atom in ("label: sky\n", "not sky ", "- sky\n", "{'", '{"a":', '["a" x]')),
    *(Text(atom) for atom in ('{"a": [1]} ', '{"a": "', "```\n", '{"a": [', "label is not ")),
    Text('{"#": [1]}, ', '{"a": [', "]}", counted=True),
    Text('"a#": [1, 1], ', "{", '"a": 1}', counted=True),
    Text("a#=0;", "def f(x): return x\n", counted=True),
)
"""What took longest before each reader was made linear, and what was tried against them since."""

PIECES = [
    *"0123456789abxACD\\{}[]()<>=+-*/\"'`,.:;$%#_|&^!?\n \t",
    *(
        "answer is ",
        "answer: ",
        "option A",
        "so ",
        "#### ",
        "def f(",
        "<<",
        ">>",
        "\\boxed{",
        "not ",
    ),
    *(
        "slower",
        "(B) ",
        "D. not at all",
        "sky",
        " is correct",
        "actually, ",
        "Question: ",
        "leaves ",
        "label: ",
        "not at all",
        '{"a": [1]}',
        '"a", ',
    ),
    *(
        "half ",
        "twenty-",
        "1/2 ",
        "out of ",
        " wide",
        "other ",
        "return ",
        "import a\n",
        "```python\n",
    ),
    *(
        '{"a": ',
        "//",
        "/*",
        "\\u12",
        "sk-proj-",
        "<|im_",
        "[/INST",
        "é",
        "\x1b",
        "€",
        "\u2028",
    ),
]
"""What the readers look for, to be strung together at random."""


def random_texts(reader: str, count: int) -> Iterator[Text]:
    chance = random.Random(reader)
    for _ in range(count):
        atom = "".join(chance.choices(PIECES, k=chance.randint(1, 4)))
        ends = ["".join(chance.choices(PIECES, k=chance.randint(0, 3))) for _ in range(2)]
        yield Text(atom, *ends)


def seconds(read: Callable[[str], object], text: str, best_of: int = 1) -> float:
    """CPU time of this thread."""
    took = []
    for _ in range(best_of):
        start = time.thread_time()
        read(text)
        took.append(time.thread_time() - start)
    return min(took)
