"""Original formats of exams: one function each, from a row's fields to a question.

Each reads the exam's own files and the rows of its dataset on the hub. `id` is for a row that
has none of its own. Each raises ExamError for a row that is no question.
"""

from __future__ import annotations

import hashlib
import string
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeGuard, get_args

from errata.agents.errors import ExamError
from errata.agents.exams.code_tests import (
    check_code,
    check_from,
    entry_point_of,
    with_docstring_closed,
)
from errata.agents.exams.wordings import untwisted
from errata.agents.marking.label import names_all
from errata.agents.marking.number import is_target
from errata.agents.marking.schema import sketch
from errata.agents.records import (
    ChoiceAnswer,
    CodeAnswer,
    Draft,
    Example,
    JsonAnswer,
    LabelAnswer,
    MathAnswer,
    Question,
    RegexAnswer,
    TextAnswer,
)

Layout = Literal["gsm8k", "gsm-plus", "mmlu", "arc-challenge", "mbpp", "humaneval", "bbh"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)

Fields = Mapping[str, Any]
"""A row as its file has it. A field that is null is as good as missing: the hub's tables give
every row every column."""


def read_layout(
    layout: Layout, fields: Fields, id: str, worked: Mapping[str, str] | None = None
) -> Question:
    """The question in a row of one of the seven.

    Args:
        worked: BIG-Bench Hard's task → worked questions to put before each; none when not said.
    """
    match layout:
        case "gsm8k":
            return gsm8k(fields, id)
        case "gsm-plus":
            return gsm_plus(fields, id)
        case "mmlu":
            return mmlu(fields, id)
        case "arc-challenge":
            return arc(fields, id)
        case "mbpp":
            return mbpp(fields, id)
        case "humaneval":
            return humaneval(fields, id)
        case "bbh":
            return bbh(fields, id, worked)


def wording(fields: Fields) -> str:
    """The question alone, without options, tests or worked questions."""
    for name in ("question", "text", "prompt", "input"):
        given = fields.get(name)
        if isinstance(given, Mapping):  # ARC's first files
            given = given.get("stem")
        if isinstance(given, str):
            return given
    return ""


# What a student is shown.


def choice_prompt(question: str, options: Mapping[str, str]) -> str:
    """The question, a line for each option, and how to give the answer."""
    lines = "\n".join(f"{label}. {text}" for label, text in options.items())
    *others, last = options
    labels = f"{', '.join(others)} or {last}"
    return f'{question}\n\n{lines}\n\nEnd with "The answer is", then {labels}.'


def code_prompt(stub: str) -> str:
    """The beginning of a function, to be completed."""
    return f"Complete this function.\n\n{fenced(stub)}\n\n{code_reply()}"


def code_reply(entry_point: str = "") -> str:
    named = f" `{entry_point}`" if entry_point else ""
    return f"Reply with the whole function{named} in one fenced python block."


def text_prompt(question: str, worked: str = "") -> str:
    """The question after worked ones, or with how to give the answer."""
    if worked:  # as in the chain-of-thought runs of BIG-Bench Hard (arXiv 2210.09261)
        return f"{worked}\n\nQ: {question}\nA: Let's think step by step."
    return f'{question}\n\nEnd with "So the answer is", then the answer alone.'


def math_prompt(question: str) -> str:
    """The question, and how to give the answer."""
    return f"{question}\n\nPut the final answer in \\boxed{{}}."


def label_prompt(question: str, labels: Mapping[str, tuple[str, ...]]) -> str:
    """The question, and the labels to choose from; alone where it names all of them itself."""
    if names_all(question, labels):
        return question
    return f"{question}\n\n{LABEL_LINE} and nothing else: {alternatives(labels)}."


def alternatives(labels: Mapping[str, object]) -> str:
    """`refund, bug or other`"""
    *others, last = labels
    return f"{', '.join(others)} or {last}"


def json_prompt(question: str, schema: str) -> str:
    """The question, and the form of the answer; alone where it speaks of JSON itself."""
    if "json" in question.lower():
        return question
    form = sketch(schema)
    return f"{question}\n\n{JSON_LINE} and nothing else{f': {form}' if form else '.'}"


LABEL_LINE = "Answer with one label"
JSON_LINE = "Answer with JSON"
"""How what is said of the answer begins, in a twisted question too."""


def stem(question: Question | Draft | Example) -> str:
    """The question as its exam words it, without options, instructions or worked questions, and
    without what a twist put around it."""
    prompt = untwisted(question.prompt)
    match question.answer:
        case ChoiceAnswer():
            return prompt.rsplit("\n\n", 2)[0]
        case CodeAnswer(stub=stub) if stub:
            return stub
        case CodeAnswer():
            return prompt.partition("\n\n")[0]
        case TextAnswer() | RegexAnswer():
            asked = prompt.rpartition("\n\nQ: ")[2].removesuffix("\nA: Let's think step by step.")
            return untwisted(asked.partition('\n\nEnd with "So the answer is')[0])
        case MathAnswer():
            return prompt.removesuffix(math_prompt(""))
        case LabelAnswer():
            return before(prompt, LABEL_LINE)
        case JsonAnswer():
            return before(prompt, JSON_LINE)
    return prompt


def before(prompt: str, line: str) -> str:
    """The prompt without its last paragraph, where that begins with `line`."""
    asked, _, last = prompt.rpartition("\n\n")
    return asked if last.startswith(line) and asked else prompt


# The seven.


def gsm8k(fields: Fields, id: str) -> Question:
    """GSM8K (github.com/openai/grade-school-math): the answer ends in `#### 72`."""
    solution = text_of(fields, "answer")
    before, mark, target = solution.rpartition("####")
    if not mark or not before.strip():
        raise ExamError(
            "the answer does not end in `#### ` and a number, as GSM8K's do; name the layout "
            "if it is another"
        )
    return Question(
        id=own_id(fields, id, "gsm8k"),
        prompt=text_of(fields, "question"),
        target=number_target(target.strip()),
        solution=solution,
        kind=fields.get("kind"),
    )


def gsm_plus(fields: Fields, id: str) -> Question:
    """GSM-Plus (arXiv 2402.19255): GSM8K's questions, changed in eight ways.

    Those made of one question are a group, where the file says which one that is.
    """
    seed = fields.get("seed_question")
    kind = fields.get("perturbation_type") or fields.get("type")
    if fields.get("extracted_answer") is not None:
        solution, target = text_of(fields, "answer"), text_of(fields, "extracted_answer")
    else:
        solution = text_of(fields, "solution")
        if "answer" in fields and fields["answer"] is None and kind == "critical thinking":
            target = "None"  # something that the question needs was taken out of it
        else:
            target = text_of(fields, "answer")
    return Question(
        id=own_id(fields, id, "gsm-plus"),
        prompt=text_of(fields, "question"),
        target=number_target(target.strip()),
        solution=solution,
        kind=kind,
        group=hashlib.sha256(seed.encode()).hexdigest()[:12] if isinstance(seed, str) else None,
    )


def mmlu(fields: Fields, id: str) -> Question:
    """MMLU (arXiv 2009.03300): four options; the answer is a letter, on the hub its index."""
    choices = fields.get("choices")
    if choices is not None:
        options = labelled(choices, "choices")
    else:
        options = {label: text_of(fields, label) for label in "ABCD"}
    target = fields.get("answer")
    if isinstance(target, int) and not isinstance(target, bool):
        if not 0 <= target < len(options):
            raise ExamError(f"the answer {target} is no index of the {len(options)} choices")
        target = list(options)[target]
    else:
        target = text_of(fields, "answer").strip()
    return choice_question(
        own_id(fields, id, "mmlu"),
        text_of(fields, "question"),
        options,
        target,
        kind=fields.get("subject") or None,
    )


def arc(fields: Fields, id: str) -> Question:
    """ARC (arXiv 1803.05457): three to five options, labelled with letters or digits."""
    question = fields.get("question")
    stem = question if isinstance(question, Mapping) else {}
    choices = fields.get("choices") or stem.get("choices")
    if isinstance(choices, Mapping):  # the hub's columns
        options = zipped(choices.get("label"), choices.get("text"))
    elif is_list(choices):
        pairs = [one for one in choices if isinstance(one, Mapping)]
        options = zipped([one.get("label") for one in pairs], [one.get("text") for one in pairs])
    else:
        options = {
            name: text_of(fields, name)
            for name in fields
            if len(name) == 1 and name in "ABCDEFGH12345678" and fields[name] is not None
        }
        labels = fields.get("label")
        labels = list(options) if labels is None else labels
        if not is_list(labels) or sorted(map(str, labels)) != sorted(options):
            raise ExamError(f"the label list {labels!r} and the options {listed(options)} differ")
        options = {str(label): options[str(label)] for label in labels}
    return choice_question(
        own_id(fields, id, "arc-challenge"),
        text_of(stem, "stem") if stem else text_of(fields, "question"),
        options,
        text_of(fields, "answerKey" if fields.get("answerKey") is not None else "answer").strip(),
        kind=None,
    )


def mbpp(fields: Fields, id: str) -> Question:
    """MBPP (arXiv 2108.07732): in HumanEval's layout, or with a list of asserts as on the hub."""
    if fields.get("test_list") is None:
        return function_question(fields, own_id(fields, id, "mbpp"))
    asserts = fields["test_list"]
    if not is_list(asserts) or not asserts:
        raise ExamError("the field 'test_list' is no list of asserts")
    asserts = [str(one) for one in asserts]
    imports = fields.get("test_imports")  # of the sanitized version
    setup = "\n".join(
        [*map(str, imports if is_list(imports) else ()), str(fields.get("test_setup_code") or "")]
    )
    code = str(fields.get("code") or "")
    entry_point = entry_point_of(asserts, code)
    tests = check_from(asserts, setup, entry_point)
    check_code("", tests, entry_point)
    text = text_of(fields, "text" if fields.get("text") is not None else "prompt")
    return Question(
        id=own_id(fields, id, "mbpp"),
        prompt="\n\n".join(
            [
                text.strip(),
                "Your code should pass these tests:",
                "\n".join(asserts),
                code_reply(entry_point),
            ]
        ),
        target=entry_point,
        solution=fenced(code) if code else None,
        answer=CodeAnswer(tests=tests, entry_point=entry_point),
    )


def humaneval(fields: Fields, id: str) -> Question:
    """HumanEval (arXiv 2107.03374): a stub to complete, and a program with `check(candidate)`."""
    return function_question(fields, own_id(fields, id, "humaneval"))


def bbh(fields: Fields, id: str, worked: Mapping[str, str] | None) -> Question:
    """BIG-Bench Hard (arXiv 2210.09261): free input and a target that is matched exactly."""
    task = text_of(fields, "task")
    if worked is not None and task not in worked:
        raise ExamError(f"there is no prompt file {task}.txt; add it, or leave prompts out")
    return Question(
        id=own_id(fields, id, "bbh"),
        prompt=text_prompt(text_of(fields, "input"), worked[task] if worked else ""),
        target=text_of(fields, "target").strip(),
        kind=task,
        answer=TextAnswer(),
    )


# What they share.


def choice_question(
    id: str,
    question: str,
    options: Mapping[str, str],
    target: str,
    kind: str | None,
    solution: str | None = None,
    group: str | None = None,
) -> Question:
    """Raises: ExamError: the target is the label of no option, or there are not two."""
    if len(options) < 2:
        raise ExamError(f"there are not two options ({listed(options) or 'none'})")
    if target not in options:
        raise ExamError(f"the answer {target!r} is none of the options {listed(options)}")
    return Question(
        id=id,
        prompt=choice_prompt(question, options),
        target=target,
        solution=solution or f"{target}. {options[target]}\nThe answer is {target}.",
        kind=kind,
        group=group,
        answer=ChoiceAnswer(options=options),
    )


def function_question(fields: Fields, id: str) -> Question:
    stub, tests = with_docstring_closed(text_of(fields, "prompt")), text_of(fields, "test")
    entry_point = text_of(fields, "entry_point").strip()
    check_code(stub, tests, entry_point)
    body = fields.get("canonical_solution")
    return Question(
        id=id,
        prompt=code_prompt(stub),
        target=entry_point,
        solution=fenced(stub + body) if isinstance(body, str) else None,
        answer=CodeAnswer(stub=stub, tests=tests, entry_point=entry_point),
    )


def number_target(target: str) -> str:
    """Raises: ExamError: it is no number, nor `None`, GSM-Plus's word for no answer."""
    if not is_target(target):
        raise ExamError(f"the target {target!r} is not a number, and cannot be marked")
    return target


def labelled(options: object, field: str) -> dict[str, str]:
    """A list's options as A, B, C …"""
    if not is_list(options) or len(options) > 26:
        raise ExamError(f"the field {field!r} is no list of options")
    return zipped(list(string.ascii_uppercase[: len(options)]), options)


def is_list(given: object) -> TypeGuard[Sequence[object]]:
    return isinstance(given, Sequence) and not isinstance(given, str)


def zipped(labels: object, texts: object) -> dict[str, str]:
    if not is_list(labels) or not is_list(texts):
        raise ExamError("the field 'choices' has no lists label and text")
    options = {str(label): str(text) for label, text in zip(labels, texts, strict=False)}
    if not len(options) == len(labels) == len(texts):
        raise ExamError(f"the labels {listed(labels)} and the {len(texts)} options do not match")
    return options


def text_of(fields: Fields, name: str) -> str:
    """A field that must be there. Numbers are taken as they are written."""
    given = fields.get(name)
    if isinstance(given, int | float) and not isinstance(given, bool):
        given = str(given)
    if given is None:
        raise ExamError(f"the field {name!r} is missing; it has only {listed(fields) or 'none'}")
    if not isinstance(given, str) or not given.strip():
        raise ExamError(f"the field {name!r} is empty or no text")
    return given


def own_id(fields: Fields, otherwise: str, exam: str) -> str:
    """The row's own id; MBPP's are bare numbers, and get the exam's name before them."""
    if fields.get("id") is not None:
        return text_of(fields, "id")
    if fields.get("task_id") is None:
        return otherwise
    given = text_of(fields, "task_id")
    return f"{exam}-{given}" if given.isdigit() else given


def fenced(code: str) -> str:
    code = code.strip("\r\n")
    return f"```python\n{code}\n```"


def listed(names: object) -> str:
    return ", ".join(map(str, names)) if isinstance(names, Mapping | Sequence) else str(names)
