"""Which column is what: by what the person says, by its name, by what stands in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from statistics import median

from errata.agents.errors import ExamError
from errata.agents.intake.findings import Undecided
from errata.agents.intake.reading import CHATS, Given, split_name
from errata.agents.records import Record

NONE = "none"
ASKS = re.compile(r"\s*(what|which|who|whose|how|when|where|why)\b", re.IGNORECASE)
"""In place of a column's name: there is no such column."""

PROMPTS = (
    "prompt question instruction instructions query user_prompt user_query problem "
    "problem_statement utterance user_message user_input message ticket input inputs request "
    "input_text text sentence statement claim review comment email body content document "
    "description tweet post complaint x"
).split()
TWO_TEXTS = (
    ("premise", "hypothesis"),
    ("sentence1", "sentence2"),
    ("text1", "text2"),
    ("question1", "question2"),
    ("text_a", "text_b"),
)
"""Names of two texts that are asked about together."""
CONTEXTS = "context passage background input document article source_text support".split()
"""What a question is about; shown before it, or after an instruction."""
HEADINGS = "subject title headline".split()
HEADED = "body text content message email review comment description document post".split()
"""Texts that may have a heading of their own."""
TARGETS = (
    ("target", "gold", "gold_answer", "gold_label", "ground_truth", "groundtruth", "truth",
     "correct_answer", "best_answer", "correct_option", "correct_label", "correct_response",
     "right_answer",
     "expected", "expected_output", "expected_answer", "expected_response", "expected_label",
     "reference", "reference_answer", "ideal", "ideal_answer", "ideal_response", "final_answer",
     "true_label", "answerkey", "answer_key"),
    ("answer", "answers", "label", "labels", "output", "outputs", "response", "completion", "reply",
     "result", "correct", "summary", "translation", "chosen", "sql", "json"),
    ("category", "categories", "class", "intent", "sentiment", "emotion", "tag", "tags", "rating",
     "stars", "score", "y", "department", "priority", "severity", "status", "topic"),
)  # fmt: skip
"""Names of right answers; a name of an earlier line goes before all of the later ones."""
GIVEN = (
    "model_output model_answer model_response model_prediction prediction predicted "
    "predicted_label ai_output ai_answer ai_response llm_output llm_answer llm_response bot_answer "
    "bot_response assistant_response generated generation generated_answer"
).split()
"""Names of what a model answered: right only where a person says so."""
CHOSEN = "chosen chosen_response".split()
REJECTED = "rejected rejected_response".split()
"""The better and the worse answer of a pair."""
WRONG = "incorrect_answers wrong_answers distractors incorrect_options incorrect".split()
"""Lists of options without the right one."""
SOLUTIONS = (
    "solution worked_solution rationale reasoning explanation working steps cot chain_of_thought "
    "thought canonical_solution"
).split()
CORRECTIONS = (
    "correction corrected corrected_output corrected_answer human_correction corrected_response "
    "corrected_label edited edited_output revised human_answer human_label human_response"
).split()
KINDS = "kind subject topic skill domain task type difficulty level category".split()
GROUPS = (
    "group group_id session session_id conversation_id thread thread_id user user_id customer "
    "customer_id account_id author author_id template template_id source_id document_id"
).split()
IDS = "id uid uuid idx index question_id row_id example_id key guid".split()
OPTIONS = "options choices candidates alternatives".split()
SPLITS = "split fold partition subset set".split()
LETTERS = "abcdefgh"
WRONG_ONE = re.compile(r"(?:distractor|(?:incorrect|wrong)(?:_answer|_option)?)_?[1-9]")
MODELS = "model predicted pred generated rejected incorrect wrong old previous num has".split()
"""First words of names that are no right answer's, whatever the last one is."""
ANSWERS = "answer output label target expected gold correct".split()
"""First words of names that are no question's."""
NO_TEXT = re.compile(r"\S+@\S+|[#+-]?[\d.,]+|https?://\S+|[0-9a-fA-F-]{32,36}")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}([./])\d{1,2}\1\d{2,4}(?!\d)")


class Columns(Record):
    """What each column is; None where there is none such."""

    prompt: tuple[str, ...] = ()
    """Of several: their texts, one after the other."""
    target: str | None = None
    correction: str | None = None
    """A person's answer in place of the target, where it is filled in."""
    solution: str | None = None
    kind: str | None = None
    group: str | None = None
    id: str | None = None
    split: str | None = None
    options: tuple[str, ...] = ()
    """One column with a list, or one for each option."""
    wrong: tuple[str, ...] = ()
    """The same, of options without the right one."""
    asked: str = ""
    """Stands after each prompt: the name of a column of answers may be the question."""
    listed: bool = False
    """The options stand at the end of the question, a line each: `A) …`."""
    messages: str | None = None
    tests: str | None = None
    stub: str | None = None
    entry_point: str | None = None
    why: Mapping[str, str] = {}
    """Column → why it is taken for that; those that are not in it are not used."""


class Said(Record):
    """What the person says of the columns; None: nothing."""

    prompt: tuple[str, ...] = ()
    target: str | None = None
    solution: str | None = None
    kind: str | None = None
    group: str | None = None


def simple(name: str) -> str:
    """`Correct Answer` → `correct_answer`"""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[\W_]+", "_", spaced.lower()).strip("_")


class Reader:
    """Finds what each column is, one after the other; none is taken twice."""

    def __init__(self, names: Sequence[str], rows: Sequence[Given], said: Said) -> None:
        self.rows = rows
        self.said = said
        self.names = {simple(name): name for name in reversed(names) if name}
        self.all = [name for name in names if name]
        self.taken: set[str] = set()
        self.why: dict[str, str] = {}
        self.undecided: list[Undecided] = []
        for name in (*said.prompt, said.target, said.solution, said.kind, said.group):
            if name is not None and name != NONE and name not in self.all:
                raise ExamError(f"there is no column {name!r}; there are {', '.join(self.all)}")

    def take(self, name: str, why: str) -> str:
        self.taken.add(name)
        self.why[name] = why
        return name

    def named(self, known: Sequence[str], what: str) -> str | None:
        """The first column that has one of these names."""
        for one in known:
            name = self.names.get(one)
            if name is not None and name not in self.taken and self.filled(name):
                return self.take(name, f"{what}, by its name")
        return None

    def told(self, name: str | None, what: str) -> str | None:
        return None if name in (None, NONE) else self.take(str(name), f"{what}, as you say")

    def filled(self, name: str) -> bool:
        return any(not empty(row.fields.get(name)) for row in self.rows)

    def values(self, name: str) -> list[object]:
        return [v for row in self.rows if not empty(v := row.fields.get(name))]

    def width(self, name: str) -> float:
        """Characters of a cell, in the middle."""
        return median([len(str(value)) for value in self.values(name)] or [0])


def empty(value: object) -> bool:
    return value is None or (
        isinstance(value, str) and value.strip().lower() in ("", "nan", "#n/a")
    )


def read_columns(
    rows: Sequence[Given], said: Said, chat: str | None = None
) -> tuple[Columns, list[Undecided]]:
    """What each column is, and what only the person can say.

    Args:
        chat: Column that holds conversations, whatever it is called.

    Raises:
        ExamError: A column that they named is not there, or no column can be the question or the
            answer.
    """
    reader = Reader(list(dict.fromkeys(name for row in rows for name in row.fields)), rows, said)
    found: dict[str, object] = {}
    prompt = tuple(reader.take(name, "the question, as you say") for name in said.prompt)
    target = None if said.target == chat else reader.told(said.target, "the answer")
    chats = [chat] if chat else [reader.names[name] for name in CHATS if name in reader.names]
    if chats and not prompt:
        found["messages"] = reader.take(chats[0], "a conversation; its last answer is learnt")
    found["solution"] = reader.told(said.solution, "the worked solution")
    found["kind"] = reader.told(said.kind, "the kind")
    found["group"] = reader.told(said.group, "what must stay on one side")
    found |= code_columns(reader)
    found["options"] = option_columns(reader)
    if not found["options"]:
        found["wrong"] = wrong_columns(reader)
    worse = next((reader.names[name] for name in REJECTED if name in reader.names), None)
    if worse and any(name in reader.names for name in CHOSEN):
        reader.take(worse, "the worse answer of a pair: not used")
    if said.solution is None:
        found["solution"] = reader.named(SOLUTIONS, "the worked solution")
    found["correction"] = reader.named(CORRECTIONS, "a person's correction")
    found["split"] = split_column(reader)
    found["id"] = id_column(reader)
    if said.group is None:
        found["group"] = group_column(reader)
    if not prompt and not found.get("messages"):
        prompt = prompt_columns(reader)
    if target is None and not found.get("tests"):
        target, solution = target_column(reader, bool(found.get("messages")), found)
        found["solution"] = found["solution"] or solution
    if said.kind is None:
        found["kind"] = kind_column(reader)
    if not prompt and not found.get("messages"):
        prompt = (question_by_content(reader),)
    if target is None and not any(found.get(name) for name in ("messages", "tests", "correction")):
        target = answer_by_content(reader)
    if target and asks(target) and prompt:
        found["asked"] = target.strip()
        reader.why[target] += "; its name is the question, and stands after each text"
    columns = Columns(prompt=prompt, target=target, why=reader.why, **found)  # type: ignore[arg-type]
    return columns, reader.undecided


def code_columns(reader: Reader) -> dict[str, str | None]:
    tests = reader.named(("tests", "test"), "the tests of a program")
    if tests is None or not any("def check" in str(v) for v in reader.values(tests)[:50]):
        if tests is not None:
            reader.taken.discard(tests)
            del reader.why[tests]
        return {}
    return {
        "tests": tests,
        "stub": reader.named(("stub", "starter_code", "signature"), "how the function begins"),
        "entry_point": reader.named(("entry_point",), "the function's name"),
    }


def option_columns(reader: Reader) -> tuple[str, ...]:
    """A column with lists, or one for each option: `A`, `B` …, `option_a` …, `choice1` …"""
    for known in OPTIONS:
        name = reader.names.get(known)
        if name and name not in reader.taken and any(
            isinstance(v, list | Mapping) or str(v).lstrip().startswith("[")
            for v in reader.values(name)[:20]
        ):  # fmt: skip
            return (reader.take(name, "the options of a choice"),)
    for pattern in ("{a}", "option_{a}", "option{a}", "choice_{a}", "choice{a}", "option_{n}",
                    "option{n}", "choice_{n}", "choice{n}", "ending{z}", "opt_{a}"):  # fmt: skip
        found = []
        for at, letter in enumerate(LETTERS):
            name = reader.names.get(pattern.format(a=letter, n=at + 1, z=at))
            if name is None or name in reader.taken:
                break
            found.append(name)
        if len(found) >= 2:
            return tuple(reader.take(name, "an option of a choice") for name in found)
    return ()


def wrong_columns(reader: Reader) -> tuple[str, ...]:
    """Options without the right one: a list, or `distractor1` …, `incorrect_answer_1` …"""
    for known in WRONG:
        name = reader.names.get(known)
        if name and any(
            isinstance(v, list) or str(v).lstrip().startswith("[")
            for v in reader.values(name)[:20]
        ):  # fmt: skip
            return (reader.take(name, "the wrong options of a choice"),)
    found = [
        name for name in reader.all if WRONG_ONE.fullmatch(simple(name)) and free(reader, name)
    ]
    return tuple(reader.take(name, "a wrong option of a choice") for name in found)


def split_column(reader: Reader) -> str | None:
    for known in SPLITS:
        name = reader.names.get(known)
        if name and name not in reader.taken:
            values = {str(value) for value in reader.values(name)}
            if values and all(map(split_name, values)):
                return reader.take(name, "the side, by its name and its values")
    return None


def id_column(reader: Reader) -> str | None:
    for known in IDS:
        name = reader.names.get(known)
        if name and name not in reader.taken:
            values = [str(value) for value in reader.values(name)]
            if len(set(values)) == len(reader.rows):
                return reader.take(name, "the id: another one in each row")
    return None


def group_column(reader: Reader) -> str | None:
    """One whose values come up again, and are not just a few."""
    for known in GROUPS:
        name = reader.names.get(known)
        if name and name not in reader.taken:
            values = reader.values(name)
            kinds = len({str(value) for value in values})
            text = any(len(str(value)) > 60 for value in values[:100])
            if not text and 5 <= kinds < len(values):
                return reader.take(name, f"what must stay on one side: {kinds:,} of them")
    return None


def prompt_columns(reader: Reader) -> tuple[str, ...]:
    """The question, with what it is about."""
    for names in TWO_TEXTS:
        both = [reader.names[one] for one in names if one in reader.names]
        if len(both) == 2 and all(free(reader, name) for name in both):
            return tuple(reader.take(name, "one of two texts, by its name") for name in both)
    found = [n for known in PROMPTS if (n := reader.names.get(known)) and free(reader, n)]
    main = next((name for name in found if not asks_nothing(reader.values(name))), None)
    if main is not None:
        reader.take(main, "the question, by its name")
    else:
        ends = [
            name
            for name in ending(reader, PROMPTS, (*MODELS, *ANSWERS))
            if not asks_nothing(reader.values(name))
        ]
        if not ends:
            return ()
        main = max(ends, key=reader.width)
        reader.take(main, "the question, by the last word of its name")
    head = heading(reader, main)
    context = next(
        (n for known in CONTEXTS if (n := reader.names.get(known)) and free(reader, n)), None
    )
    if context is None:
        return (*head, main)
    reader.take(context, "what the question is about, by its name")
    first = simple(main) in ("instruction", "instructions", "prompt")
    return (main, context) if first else (context, *head, main)


def heading(reader: Reader, main: str) -> tuple[str, ...]:
    """A mail's subject, an article's title: it stands before the text."""
    if simple(main) not in HEADED:
        return ()
    for known in HEADINGS:
        name = reader.names.get(known)
        mail = known == "subject" and simple(main) in ("body", "email", "message")
        if name and free(reader, name) and (mail or not few_values(reader.values(name))):
            return (reader.take(name, f"the heading of {main!r}, by its name"),)
    return ()


def asks_nothing(values: Sequence[object]) -> bool:
    """Whether they are numbers, addresses or the like, such as the sender in `email`."""
    bare = sum(bool(NO_TEXT.fullmatch(str(value).strip())) for value in values[:500])
    return bare > 0.9 * len(values[:500])


def ending(reader: Reader, known: Sequence[str], without: Sequence[str]) -> list[str]:
    """Columns whose last word is one of these names: `customer_message`, `Claim text`.

    Args:
        without: First words that make it something else.
    """
    found = []
    for name in reader.all:
        words = simple(name).split("_")
        told = len(words) > 1 and words[-1] in known and words[0] not in without
        if told and simple(name) not in (*GIVEN, *REJECTED) and free(reader, name):
            found.append(name)
    return found


def free(reader: Reader, name: str) -> bool:
    return name not in reader.taken and reader.filled(name)


def target_column(
    reader: Reader, chat: bool, found: Mapping[str, object]
) -> tuple[str | None, str | None]:
    """(answer, worked solution); the latter where another column is the answer written out."""
    if chat:
        return None, None
    if any(name in reader.names for name in REJECTED) and (
        better := reader.named(CHOSEN, "the better answer of a pair")
    ):
        return better, None
    given = [n for one in GIVEN if (n := reader.names.get(one)) and free(reader, n)]
    for tier in TARGETS:
        names = [n for known in tier if (n := reader.names.get(known)) and free(reader, n)]
        if not names:
            continue
        for name in given if not found.get("correction") else ():
            reader.take(name, "what a model answered: not used")
        if len(names) == 1:
            return in_words(reader, names[0]), None
        short, *others = sorted(names, key=reader.width)
        long = others[-1]
        if len(names) == 2 and reader.width(long) > 40 and contains(reader, long, short):
            reader.take(short, "the right answer, by its name")
            return short, reader.take(long, f"the worked solution: {short!r} stands in it")
        if found.get("correction"):
            return reader.take(names[0], "the answer that was given, by its name"), None
        ask_target(reader, names, names[0], "their names say so of each of them")
        return reader.take(names[0], "the right answer, by its name, among others"), None
    if given and found.get("correction"):
        return reader.take(given[0], "the answer that was given, by its name"), None
    words = [name for tier in TARGETS for name in tier]
    ends = ending(reader, words, MODELS)
    if not given and len(ends) == 1:
        return reader.take(ends[0], "the right answer, by the last word of its name"), None
    if given and not found.get("tests"):
        why = f"{given[0]!r} is what a model answered, and nobody says that it is right"
        ask_target(reader, [given[0], *left_of(reader, "right answer", "--target")], given[0], why)
        return reader.take(given[0], "the right answer: what a model answered"), None
    return None, None


def ask_target(reader: Reader, names: Sequence[str], proposal: str, why: str) -> None:
    reader.undecided.append(
        Undecided(
            flag="--target",
            asked="Which column is the right answer?",
            choices=tuple(dict.fromkeys(names)),
            proposal=proposal,
            why=why,
        )
    )


def in_words(reader: Reader, name: str) -> str:
    """The column; or the one beside it that has the names of its numbers, as in `label_text`."""
    for end in ("text", "name", "names", "str", "string"):
        other = reader.names.get(f"{simple(name)}_{end}")
        if other and free(reader, other):
            pairs = {(str(r.fields.get(name)), str(r.fields.get(other))) for r in reader.rows}
            numbers = all(number.isdecimal() for number, _ in pairs)
            if numbers and len(pairs) == len(dict(pairs)) == len({text for _, text in pairs}):
                reader.take(name, f"not used: {other!r} says its numbers in words")
                return reader.take(other, f"the right answer: {name!r} in words")
    return reader.take(name, "the right answer, by its name")


def contains(reader: Reader, long: str, short: str) -> bool:
    both = [(str(r.fields.get(long)), str(r.fields.get(short))) for r in reader.rows[:500]]
    return sum(inside in text for text, inside in both) > 0.8 * len(both)


def kind_column(reader: Reader) -> str | None:
    """One with a few values that come up often."""
    for known in KINDS:
        name = reader.names.get(known)
        if name and name not in reader.taken and few_values(reader.values(name)):
            return reader.take(name, "the kind, by its name")
    return None


def few_values(values: Sequence[object]) -> bool:
    texts = [str(value) for value in values]
    return 2 <= len(set(texts)) <= min(50, len(texts) // 3) and max(map(len, texts)) <= 60


def asks(name: str) -> bool:
    return name.strip().endswith("?")


def question_by_content(reader: Reader) -> str:
    """Where no name tells: what stands beside JSON objects, which are answers; the longest texts.

    Raises:
        ExamError: There is no column left, or the first line of the file is a row.
    """
    left = left_of(reader, "question", "--prompt")
    if any(
        re.fullmatch(r"[-+.\d]+|.{81,}", name.strip())
        or (asks(name) and (len(name.split()) > 4 or ASKS.match(name)))
        for name in reader.all
    ):
        raise ExamError(
            f"the first line looks like a row ({', '.join(left)[:80]}), not like the names of "
            "columns: put a line with names above it, such as question and answer"
        )
    texts = [name for name in left if not objects_in(reader.values(name))]
    if len(texts) == 1 < len(left):
        return reader.take(texts[0], "the question: all else that is left holds JSON objects")
    longest = max(texts or left, key=reader.width)
    why = "no name tells; its texts are the longest"
    reader.undecided.append(
        Undecided(
            flag="--prompt",
            asked="Which column is the question?",
            choices=tuple(left),
            proposal=longest,
            why=why,
        )
    )
    return reader.take(longest, f"the question: {why}")


def answer_by_content(reader: Reader) -> str:
    """Where no name tells: one of the columns that are left.

    Raises:
        ExamError: There is none.
    """
    left = left_of(reader, "right answer", "--target")
    likely = [name for name in left if not dates_in(reader.values(name))]
    if len(left) == 1 and likely:
        return reader.take(left[0], "the right answer: the only column that is left")
    why = "no name tells; it is the last one that is left and holds no dates"
    likely = likely or left
    ask_target(reader, left, likely[-1], why)
    return reader.take(likely[-1], "the right answer: no name tells, and it is left")


def objects_in(values: Sequence[object]) -> bool:
    """Whether most are JSON objects, or look like one."""
    held = sum(isinstance(v, Mapping) or str(v).lstrip().startswith("{") for v in values[:500])
    return held > 0.5 * len(values[:500])


def dates_in(values: Sequence[object]) -> bool:
    """Whether they begin as dates do: when a row was made, as a rule, and no answer."""
    return all(DATE.match(str(value).strip()) for value in values)


def left_of(reader: Reader, what: str, flag: str) -> list[str]:
    left = [name for name in reader.all if free(reader, name)]
    if not left:
        raise ExamError(
            f"no column is left to be the {what}; there are {', '.join(reader.all)[:200]}: name it "
            f"with {flag}" + ("; is the delimiter right (--delimiter)?" * (len(reader.all) == 1))
        )
    return left
