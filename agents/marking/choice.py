"""Marking multiple choice: which of a question's options a response settles on."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from errata.agents.records import Verdict


def mark_choice(response: str, target: str, options: Mapping[str, str]) -> Verdict:
    """The verdict on a response to a question with `options` (label → text).

    What counts, the first of these that there is:

    1. The last statement: a choice after `answer is`, `answer:`, `####`, `I choose`, `<answer>`,
       in a box or before `is correct`, one that takes back another (`no, it is D.`), or one that
       is the whole last line. Options that are only mentioned, denied (`not B but D`) or supposed
       (`if the answer is B`) are none.
    2. A choice that is the whole first line, or a label that begins it (`B. Because …`), unless
       the lines go through the options.
    3. The one option that something is said to be (`… is D. Mars.`), by its label with its own
       text; else the one that is named so (`D. Mars`, `Mars (D)`) at all. What ends the response
       in `so it is C` or `that leaves C` goes before.
    4. In the last sentence of the last line, or the one before: options quoted in full (a number
       only as the last word), bracketed (`(C)`) or named (`option C`, `so it is C`).

    A choice is a label in any case, standing so that it is no word and no number (`A plant`,
    `I think` and `2.5` choose nothing), or the whole text of an option; where several fit, the
    longest. What is both a label and a text (labels 1 to 4 on options that are numbers) is read
    as the label. The response is unclear, which is wrong, when nothing counts, and when what
    counts names two options: `B or C`, `B. slower` where A is `slower`, a text that two options
    share. The question's options repeated as a list are passed over. Of a response that goes on
    with a new `Question:` only what stands before is read, if that chooses. Case counts only in
    questions where two options, or an option and a label, differ in nothing else (`Rr`, `rr`).

    Sources: `answer is` and `answer:` as in MMLU-Pro (github.com/TIGER-AI-Lab/MMLU-Pro,
    compute_accuracy.py, `answer is \\(?([A-J])\\)?`), simple-evals (common.py, `Answer[ \\t]*:`)
    and lm-evaluation-harness (`mmlu_flan_cot_zeroshot`, strict-match); whole texts as in its
    `MultiChoiceRegexFilter`. They take the first match, or the last letter in brackets, or any
    last capital; here the last statement wins and no letter is guessed from prose.

    Raises:
        ValueError: `target` is no label.
    """
    if target not in options:
        raise ValueError(f"the target {target!r} is no label: the labels are {', '.join(options)}")
    labels = Reader(response, options).read()
    return verdict_on(labels, target, options, "no choice is stated")


def verdict_on(found: Collection[str], target: str, labels: Iterable[str], nothing: str) -> Verdict:
    """The verdict where one label must be found, and no other.

    Args:
        labels: All that there are, in the order in which several are named.
        nothing: What is said where none is found.
    """
    if not found:
        return Verdict(correct=False, answer=None, why=f"unclear: {nothing}")
    if len(found) > 1:
        named = " and ".join(label for label in labels if label in found)
        return Verdict(correct=False, answer=None, why=f"unclear: {named} are named at once")
    (answer,) = found
    why = f"{answer} is the target" if answer == target else f"{answer} is not {target}"
    return Verdict(correct=answer == target, answer=answer, why=why)


@dataclass(frozen=True)
class Choice:
    """A place in the response that names an option, or several at once."""

    start: int
    end: int
    labels: frozenset[str]
    quoted: bool
    """Whether the text of an option stands there, not only a label."""


class Reader:
    """Finds the choices in one response."""

    def __init__(self, response: str, options: Mapping[str, str]) -> None:
        self.known: dict[tuple[int, str], Choice | None] = {}
        """What is named at each place: texts can be made that ask again and again."""
        self.last_words: dict[int, int] = {}
        shown = {label: plain(text).strip(" .\n") for label, text in options.items()}
        names = {*map(plain, options), *shown.values()}
        fold = str.lower if len({*map(str.lower, names)}) == len(names) else str
        self.labels = {fold(plain(label)): frozenset({label}) for label in options if plain(label)}
        self.texts: dict[str, frozenset[str]] = {}
        for label, text in shown.items():
            if text:
                self.texts[fold(text)] = self.texts.get(fold(text), frozenset()) | {label}
        self.text = fold(plain(response))
        self.text = self.without_list()

    def read(self) -> frozenset[str]:
        """Labels of the options that are chosen: one in a clear response."""
        whole = self.text
        asked = NEXT_QUESTION.search(whole)
        if asked:
            self.text = whole[: asked.start()]
            if labels := self.chosen():
                return labels
            self.text = whole
        return self.chosen()

    def chosen(self) -> frozenset[str]:
        self.known, self.last_words = {}, {}
        lines = [line.span() for line in re.finditer(r"[^\n]+", self.text)]
        if not lines:
            return frozenset()
        statements = [*self.statements(), *self.whole_line(*lines[-1])]
        if statements:
            return max(statements, key=lambda choice: choice.start).labels
        if labels := self.concluded(lines[-1][1]):
            return labels
        for choice in self.opening(lines):
            return choice.labels
        named, repeated = self.full_names()
        return self.claimed(named, lines) or self.last_mentions(*lines[-1], named, repeated)

    def statements(self) -> Iterator[Choice]:
        """The choices that are stated as such, anywhere."""
        for match in STATED.finditer(self.text):
            if not self.before(UNMEANT, match.start()):
                choice = self.choice_at(match.end())
                if choice is None and (denied := NOT.match(self.text, match.end())):
                    other = self.choice_at(denied.end())
                    but = BUT.match(self.text, other.end) if other else None
                    choice = self.choice_at(but.end()) if but else None
                if choice:
                    yield choice
        for match in TAKES_BACK.finditer(self.text):
            choice = self.label_at(match.end(), closed=True)
            if choice:
                choice = self.with_neighbours(choice)
                line_end = self.text.find("\n", choice.end)
                if self.is_last(choice.end, line_end if line_end >= 0 else len(self.text)):
                    yield choice
        for match in CONFIRMED.finditer(self.text):
            choice = self.choice_before(match.start())
            if choice and not self.before(UNMEANT, choice.start):
                yield choice

    def whole_line(self, start: int, end: int) -> Iterator[Choice]:
        """The choice that is all of a line, if one is."""
        choice = self.choice_at(past(BULLET, self.text, start), end)
        if choice and choice.start < end and self.is_last(choice.end, end):
            yield choice

    def opening(self, lines: list[tuple[int, int]]) -> Iterator[Choice]:
        """The choice that begins the first line, unless more lines begin with labels."""
        starts = [past(OPENS, self.text, start) for start, _ in lines]
        begun = {label.labels for at in starts if (label := self.label_at(at, closed=True))}
        for choice in self.whole_line(*lines[0]):
            if len(begun) < 2 or not choice.quoted or not self.goes_through(choice, lines):
                yield choice
        label = self.label_at(starts[0])
        if label and len(begun) < 2:
            choice = self.with_neighbours(label)
            step = self.text[label.start : label.end].isdigit()  # 1. First we need …
            if (choice.quoted or (begun and not step) or REASON.match(self.text, label.end)) and (
                not RULED_OUT.match(self.text, choice.end)
            ):
                yield choice

    def goes_through(self, first: Choice, lines: list[tuple[int, int]]) -> bool:
        """Whether lines that begin with labels take up the options in turn, `first` too."""
        named = [
            label.labels
            for start, _ in lines
            if (label := self.label_at(past(OPENS, self.text, start), closed=True))
        ]
        return (
            named.count(first.labels) != 1
            or named[:2] == [*self.labels.values()][:2]
            or any(choice.quoted for line in lines[1:] for choice in self.whole_line(*line))
        )

    def concluded(self, end: int) -> frozenset[str]:
        """The choice that ends the response, at `end`, after `so it is` or `that leaves`."""
        for match in CONCLUDES.finditer(self.text, max(0, end - LONGEST_CONCLUSION), end):
            choice = self.choice_at(match.end(), end)
            if choice and not self.before(UNMEANT, match.start()) and self.is_last(choice.end, end):
                return choice.labels
        return frozenset()

    def claimed(self, named: list[Choice], lines: list[tuple[int, int]]) -> frozenset[str]:
        """The options that something is said to be, by label and text; else the one named so."""
        meant = [choice for choice in named if self.is_meant(choice)]
        claims = {choice for choice in meant if self.before(IS_SAID, choice.start)}
        if claims:
            joined = [
                after.labels
                for before, after in pairwise(meant)
                if before in claims and JOINED.fullmatch(self.text, before.end, after.start)
            ]
            return frozenset[str]().union(*(choice.labels for choice in claims), *joined)
        starts = [past(OPENS, self.text, start) for start, _ in lines]
        begun = {label.labels for at in starts if (label := self.label_at(at, closed=True))}
        once = {choice.labels for choice in meant}
        return once.pop() if len(once) == 1 and len(begun) < 2 else frozenset()

    def is_meant(self, choice: Choice) -> bool:
        """Whether it is neither denied nor supposed."""
        return not (
            self.before(DENIED, choice.start)
            or self.before(SUPPOSED, choice.start)
            or RULED_OUT.match(self.text, choice.end)
        )

    def full_names(self) -> tuple[list[Choice], list[Choice]]:
        """Labels with their own text, in order; apart from them those of lists of three or more."""
        found = sorted(self.find_full_names(), key=lambda choice: (choice.start, -choice.end))
        named: list[Choice] = []
        repeated: list[Choice] = []
        run: list[Choice] = []
        for choice in found:
            if run and choice.start < run[-1].end:
                continue
            if run and not LISTED.fullmatch(self.text, run[-1].end, choice.start):
                (named if len({each.labels for each in run}) < 3 else repeated).extend(run)
                run = []
            run.append(choice)
        (named if len({each.labels for each in run}) < 3 else repeated).extend(run)
        return named, repeated

    def find_full_names(self) -> Iterator[Choice]:
        """Labels with their own text: `B. slower`, `**B) slower**`, `slower (B)`."""
        for text, options in self.texts.items():
            for at in places(self.text, text, 0, len(self.text)):
                end = at + len(text)
                if not self.stands_alone(at, end) or self.text_at(at) != Choice(
                    at, end, options, quoted=True
                ):
                    continue  # part of a word, or of a longer option
                bracketed = LABEL_AFTER.match(self.text, end)
                if bracketed and self.labels.get(bracketed[1], frozenset()) & options:
                    yield Choice(at, bracketed.end(), self.labels[bracketed[1]], quoted=True)
                gap = LABEL_GAP.search(self.text, max(0, at - 12), at)
                for label, labels in self.labels.items() if gap else ():
                    start = gap.start() - len(label) if gap else 0
                    if (
                        labels & options
                        and start >= 0
                        and self.text.startswith(label, start)
                        and self.stands_alone(start, start + len(label))
                    ):
                        yield Choice(start, end, labels, quoted=True)

    def last_mentions(
        self, start: int, end: int, named: list[Choice], repeated: list[Choice]
    ) -> frozenset[str]:
        """What the last sentence of a line that names any options names, if it is near the end."""
        sentence: list[Choice] = []
        mentions = self.mentions(start, end, named, repeated)
        for choice in sorted(mentions, key=lambda choice: choice.start):
            if sentence and SENTENCE_ENDS.search(self.text, sentence[-1].end, choice.start):
                sentence = []
            sentence.append(choice)
        if sentence and len(SENTENCE_ENDS.findall(self.text, sentence[-1].end, end)) > 1:
            return frozenset()
        found = [choice.labels for choice in sentence]
        sure = frozenset[str]().union(*(labels for labels in found if len(labels) == 1))
        return sure.union(*(labels for labels in found if not labels & sure))

    def mentions(
        self, start: int, end: int, named: list[Choice], repeated: list[Choice]
    ) -> Iterator[Choice]:
        """The options that a line names and does not deny; of overlapping names the longest.

        Those of `named`, labels with their texts, count as one; those of `repeated` do not count.
        """
        found = [
            Choice(at, at + len(text), labels, quoted=True)
            for text, labels in self.texts.items()
            for at in places(self.text, text, max(start - len(text) + 1, 0), end)
            if self.stands_alone(at, at + len(text))
            and (not QUANTITY.fullmatch(text) or self.is_last(at + len(text), end))
        ]
        for label, labels in self.labels.items():
            for at in places(self.text, label, start, end):
                to = at + len(label)
                if (self.stands_alone(at, to) and LABEL_ENDS.match(self.text, to)) and (
                    self.before(NAMED, at, start)
                    or (
                        self.before(IT_IS, at, start)
                        and self.is_last(to, end)
                        and not label.isdigit()
                    )
                ):
                    found.append(Choice(at, to, labels, quoted=False))
        in_full = {choice for choice in named if start <= choice.start < end}
        found += in_full
        taken = bytearray(len(self.text))
        for choice in repeated:
            taken[choice.start : choice.end] = b"\1" * (choice.end - choice.start)
        for choice in sorted(found, key=lambda choice: choice.start - choice.end):
            if any(taken[choice.start : choice.end]):
                continue
            taken[choice.start : choice.end] = b"\1" * (choice.end - choice.start)
            if not (
                self.before(DENIED, choice.start, start)
                or RULED_OUT.match(self.text, choice.end)
                or (choice in in_full and self.before(SUPPOSED, choice.start))
            ):
                yield choice

    def choice_at(self, at: int, end: int | None = None) -> Choice | None:
        """The longest choice named at `at`, past `FILLER` that begins before `end`, with what
        else is named there."""
        end = len(self.text) if end is None else end
        starts = [at]
        while len(starts) <= MOST_FILLERS and starts[-1] < end:
            filler = FILLER.match(self.text, starts[-1])
            if filler is None:
                break
            starts.append(filler.end())
        best = longest(find(at) for find in (self.label_at, self.text_at) for at in starts)
        return self.with_neighbours(best) if best else None

    def with_neighbours(self, choice: Choice) -> Choice:
        """`choice`, and the text after its label, the label after its text, or a second choice."""
        after = range(choice.end, past(GAP, self.text, choice.end) + 1)
        if not choice.quoted:
            other = longest(self.text_at(at) for at in after)
        elif self.text[after[-1] - 1] in "([":
            other = self.label_at(after[-1], closed=True)
        else:
            other = None
        if other:
            own = other.labels & choice.labels
            if own or choice.quoted or TEXT_ENDS.match(self.text, other.end):
                labels = own or other.labels | choice.labels
                choice = Choice(choice.start, other.end, labels, quoted=bool(own))
        if also := ALSO.match(self.text, choice.end):
            at = past(BRACKET, self.text, also.end())
            second = longest((self.label_at(at, closed=True), self.text_at(at)))
            if second:
                own_text = self.text_at(past(GAP, self.text, second.end))
                listed = own_text and own_text.labels == second.labels
                if listed or SECOND_ENDS.match(self.text, second.end):
                    return replace(choice, end=second.end, labels=choice.labels | second.labels)
        return choice

    def label_at(self, at: int, closed: bool = False) -> Choice | None:
        """The label at `at`; `closed` when no words but its own text may follow."""
        key = (at, "closed label" if closed else "label")
        if key not in self.known:
            self.known[key] = self.find_label(at, closed)
        return self.known[key]

    def find_label(self, at: int, closed: bool) -> Choice | None:
        found = None
        for label, labels in self.labels.items():
            to = at + len(label)
            if self.text.startswith(label, at) and (found is None or to > found.end):
                own = self.text_at(past(GAP, self.text, to))
                if (
                    LABEL_ENDS.match(self.text, to)
                    or (own and own.start > to and own.labels == labels)
                    or (LABEL_GOES_ON.match(self.text, to) and not closed)
                ):
                    found = Choice(at, to, labels, quoted=False)
        return found

    def text_at(self, at: int) -> Choice | None:
        """The longest option that is quoted in full at `at`."""
        if (at, "text") not in self.known:
            self.known[at, "text"] = self.find_text(at)
        return self.known[at, "text"]

    def find_text(self, at: int) -> Choice | None:
        found = None
        for text, labels in self.texts.items():
            to = at + len(text)
            longer = found is None or to > found.end
            if longer and self.text.startswith(text, at) and self.stands_alone(at, to):
                found = Choice(at, to, labels, quoted=True)
        return found

    def choice_before(self, end: int) -> Choice | None:
        """The choice that ends at `end`, and the one that it is joined to (`A or B`)."""
        last = self.name_before(end)
        if last and (also := self.before(ALSO_BEFORE, last.start)):
            first = self.name_before(also.start())
            if first:
                return replace(last, start=first.start, labels=last.labels | first.labels)
        return last

    def name_before(self, end: int) -> Choice | None:
        """The longest name that ends at `end`."""
        return longest(
            Choice(end - len(name), end, labels, quoted)
            for names, quoted in ((self.labels, False), (self.texts, True))
            for name, labels in names.items()
            if self.text.endswith(name, 0, end)
            and self.stands_alone(end - len(name), end)
            and (quoted or self.before(LED_TO, end - len(name)))
        )

    def stands_alone(self, start: int, end: int) -> bool:
        """Whether nothing before or after belongs to the same word or number."""
        first, last = self.text[start], self.text[end - 1]
        before, after = self.text[max(start - 2, 0) : start], self.text[end : end + 3]
        if first.isalnum() and re.search(r"[\w\\]\Z|\w['-]\Z|[0-9][.,/]\Z", before):
            return False
        if first.isdigit() and before.endswith(("-", ".")):
            return False
        return not (last.isalnum() and re.match(r"\w|['-]\w|[.,:^][0-9]|[ ]?/[ ]?[0-9]", after))

    def is_last(self, at: int, end: int) -> bool:
        """Whether a line that ends at `end` holds no word after `at`."""
        if end not in self.last_words:
            last = end
            while last and self.text[last - 1] in CLOSING:
                last -= 1
            self.last_words[end] = last
        return at >= self.last_words[end]

    def before(self, pattern: re.Pattern[str], at: int, start: int = 0) -> re.Match[str] | None:
        """What `pattern` finds right before `at`; it reaches no further back than some words."""
        return pattern.search(self.text, max(start, at - 60), at)

    def without_list(self) -> str:
        """The text without the question's options, where lines repeat several of them.

        A line that gives one of them once more stays: it is the choice after the list.
        """
        kept: list[str] = []
        run: dict[frozenset[str], str] = {}
        at = 0
        for line in [*self.text.split("\n"), ""]:
            choice = next(self.whole_line(at, at + len(line)), None)
            at += len(line) + 1
            if choice and choice.quoted and choice.labels not in run:
                run[choice.labels] = line
                continue
            kept += [*run.values()] if len(run) == 1 else []
            run = {}
            kept.append(line)
        return "\n".join(kept).strip()


def plain(text: str) -> str:
    """`text` with plain quotes and dashes, single spaces and no empty lines."""
    for fancy, simple in (("‘’", "'"), ("“”", '"'), ("−–—", "-")):  # noqa: RUF001
        text = re.sub(f"[{fancy}]", simple, text)
    text = re.sub(r"\bisn't\b", "is not", text)
    return re.sub(r"\s*\n\s*", "\n", re.sub(r"[^\S\n]+", " ", text)).strip()


def past(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Where what `pattern` matches at `at` ends; `at` when it matches nothing."""
    match = pattern.match(text, at)
    return match.end() if match else at


def longest(choices: Iterable[Choice | None]) -> Choice | None:
    """The longest choice, of two that are equally long the first."""
    return max(filter(None, choices), key=lambda choice: choice.end - choice.start, default=None)


def places(text: str, name: str, start: int, end: int) -> Iterator[int]:
    """Where `name` stands in that part of `text`."""
    at = text.find(name, start, end)
    while at >= 0:
        yield at
        at = text.find(name, at + 1, end)


CLOSING = " .!*_)]}$\"'`"
MOST_FILLERS = 40

# Runs of signs are bounded below: a text can be nothing but such runs.

IS = r"""[*_"]*\s*(?::|=|→|is\b|-+(?=\s)|(?:would|should|must|will|has\sto|can\sonly)\sbe\b)"""

STATED = re.compile(
    rf"""
    \#{{4}}(?!\s*(?:option|choice)\b)
  | \\boxed\s*\{{
  | <(?:final[_\s])?answer>
  | \bfinal\sanswer\b(?:{IS})?
  | \b(?:answer|(?:correct|right|best|final|my)\s(?:choice|option|one)|(?:choice|option)(?=\s*:))
    (?:\s(?:choice|option|letter|here|to\s(?:the|this)\squestion))* {IS}
  | \b(?:I|we)(?:'d|'ll|'m|\s(?:will|would|should|must|am))?
    \s(?:choose|choosing|chose|select|selecting|pick|picking|go\swith|going\swith|opt\sfor)\b
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""What a final choice follows."""

FILLER = re.compile(
    r"""
    [\s*_`"'(\[{$:] | \\[a-z]{1,20}\s?\{ | \\[(\[]
  | (?:therefore|thus|clearly|definitely|probably|likely|simply|option|choice|letter|answer|number
      |that|the)\b,?\s+(?=\S)
  | an?\s+(?=\w\w)
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""What may stand between a statement and the choice."""

CONFIRMED = re.compile(
    r"""
    (?<![)\]*_"'])[)\]*_"']*\s(?:is|must\sbe|would\sbe)\s(?:therefore\s|thus\s|clearly\s)?(?:the\s|my\s)?
    (?:only\s|most\s|final\s)*(?:correct|right|best|appropriate|answer)
    (?=[.,;:!)*_\n]|$|\s(?:answer|choice|option|one|because|since|as|here|and|so)\b)
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""What a final choice may stand before."""

UNMEANT = re.compile(
    r"""
    (?:\b(?:not|never|if|whether|unless|suppose|assuming|wrong|incorrect|other|another|worst|first
      |initial|previous|original)|n't)
    \s+(?:(?:that|the|my|option|choice|answer|correct|right|best|final)\s+)*[("*_]*\Z
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""What makes a statement a denial, a condition, or one about another answer."""

NOT = re.compile(r"[\s*_]{0,16}not\b", re.IGNORECASE)
BUT = re.compile(r"[\s,;.)*]{0,16}(?:(?:but|rather|instead|it\sis|it's)\b[\s,]*)+", re.IGNORECASE)

LABEL_ENDS = re.compile(r"[)\]}*_`\"$]|</|'(?!\w)|[.,;:!?](?!\w)|\s?-{1,8}(?=\s)|\s?\(|\s?(?:\n|$)")
LABEL_GOES_ON = re.compile(
    r"\s(?:because|since|as|for|so|due|which|where|who|but|and|or|based|given|is|in|on|at|from|if"
    r"|when|while|the|this|that|it|there)\b",
    re.IGNORECASE,
)
"""Words that may follow a label, and follow no article and no number."""

LED_TO = re.compile(
    r"(?:^|[.,;:!?\n\"*(]|\b(?:option|choice|answer|letter|so|thus|therefore|hence|then|that|only"
    r"|think|believe|conclude|and|but))[\s(\[*_\"']*\Z",
    re.IGNORECASE,
)
"""Before a bare label that is confirmed: `vitamin C is correct` names no label."""

TEXT_ENDS = re.compile(r"\s?(?:</|[.,;!?)\]}\"'*$\n]|$)")
SECOND_ENDS = re.compile(r"[)\]*_\"']{0,16}\s?(?:</|[.,;!?\n]|$)")
GAP = re.compile(r"[ )\]}.:,;*_\"'(-]{0,16}")
ALSO = re.compile(
    r"[ )\]*_\"']{0,16}(?:,?[ ](?:and|or)[ ]|,[ ]|[ ]?[/&][ ]?)|[)\]]?[ ](?=[(\[])", re.IGNORECASE
)
ALSO_BEFORE = re.compile(r"[)\]*_\"']*(?:,?\s(?:and|or)\s|[/&])[(\[*_\"']*\Z", re.IGNORECASE)

IT_IS = re.compile(
    r"(?:\b(?:(?:it|this|that|which)(?:'s|\s(?:is|must\sbe|would\sbe|has\sto\sbe))"
    r"|(?:leaves|leaving)(?:\s(?:us|only|with|just))*|so|thus|therefore|hence)|=>|→)[,\s*(]*\Z",
    re.IGNORECASE,
)
LONGEST_CONCLUSION = 600
CONCLUDES = re.compile(
    r"""
    \b(?:
        (?:so|thus|therefore|hence|but),?\s(?:it|this|that)(?:'s|\s(?:is|must\sbe|has\sto\sbe))
      | (?:that|this|which)\sleaves(?:\sus)?(?:\s(?:only|with|just)){0,2}
      | leaving(?:\sus)?(?:\s(?:only|with|just)){0,2}
    )\s
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""What the last words follow when they are the choice."""

TAKES_BACK = re.compile(
    r"""
    (?:^|[.,;:!?\n(\u2026-]\s?)
    (?:(?:actually|wait|no|sorry|correction|scratch\sthat|on\ssecond\sthought|i\smean|hmm)
       [\s,.:;!\u2026-]{1,4}){1,4}
    (?:(?:it(?:'s|\sis|\smust\sbe)|that's|make\s(?:it|that)|i\smean)\s)?[*_("]{0,3}
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""What comes before the choice that takes back another."""

NEXT_QUESTION = re.compile(
    r"\n[#*_ ]{0,6}(?:(?:next|new)\s)?(?:question|problem|q|human|user)(?:\s?[0-9]{1,4})?"
    r"[*_ ]{0,4}:",
    re.IGNORECASE,
)
"""Where a model goes on with questions of its own."""

LABEL_GAP = re.compile(
    r"(?:[)\]}:.,;*_\"'-]{1,6}[ (*_\"']{1,5}|[ ][-:(][ ]?[\"*_(]{0,3})\Z", re.IGNORECASE
)
"""Between a label and its text."""
LABEL_AFTER = re.compile(
    r"[*_\"'., ]{0,5}[(\[][*_]{0,2}(?:(?:option|choice|letter|answer)\s)?"
    r"([^\s()\[\]*_.,]{1,12})[*_.]{0,3}[)\]]",
    re.IGNORECASE,
)
"""A label in brackets after its text."""
LISTED = re.compile(
    r"[\s,;.:/|)\]*_(\[-]{0,8}(?:(?:and|or|nor)\s)?[\s(\[*_\"']{0,4}", re.IGNORECASE
)
"""Between the options of a list."""
JOINED = re.compile(r"[)\]*_\"',]{0,4}\s?(?:and|or|/|&)\s[(\[*_\"']{0,3}", re.IGNORECASE)
IS_SAID = re.compile(
    r"""
    (?:\b(?:is|are|was|were|(?<!might\s)(?<!could\s)(?<!may\s)be)\b|'s|[=:→])[\s*_("\[]{0,4}
    (?:(?:that|the|an?|option|choice|answer|letter|most|likely|probably|clearly|simply|therefore
       |thus|indeed|best|described|as|by|called)\s){0,4}[*_("'\[]{0,4}\Z
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Before what something is said to be."""

SUPPOSED = re.compile(
    r"""
    \b(?:if|whether|unless|suppos(?:e|ing)|assum(?:e|ing)|wrong|incorrect|mistak\w+
      |distractors?|tempting|misread\w*|options|choices|thought
      |(?:people|students|you|many|some|others)\s(?:\w+\s)?(?:think|believe|say|assume|choose))\b[^.!?\n]*\Z
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""In the same sentence, before a choice that is not meant."""

NAMED = re.compile(r"(?:[(\[][*_\"\s]*|\b(?:option|choice|answer|letter)\s[*_\"(\s]*)\Z", re.I)
DENIED = re.compile(
    r"(?:\b(?:not|rather\sthan|instead\sof|unlike|neither|nor|never|than|eliminat\w+|rul\w+\sout"
    r"|exclud\w+|reject\w*|discard\w*|dismiss\w*)|n't)\s"
    r"(?:(?:be|been|to|just|simply|only|the|an?|option|choice|answer)\s)*[(*_\"']*\Z",
    re.IGNORECASE,
)
RULED_OUT = re.compile(
    r"[)\]*_\"']{0,16}(?:,?\swhich)?\s"
    r"(?:(?:is|are|was|would\sbe)\s(?:not|wrong|incorrect|false|out|ruled\sout"
    r"|eliminated|excluded|impossible|inaccurate|unlikely)|(?:are|does|do)n't|does\snot"
    r"|cannot|can't)\b",
    re.IGNORECASE,
)
SENTENCE_ENDS = re.compile(r"[.!?]\s")
BULLET = re.compile(r"[ ]*(?:[#>•*]+[ ]*|-[ ])*")
OPENS = re.compile(BULLET.pattern + r"(?:(?:option|choice)\s)?[(\[*_]*", re.IGNORECASE)
BRACKET = re.compile(r"[(\[]?")
QUANTITY = re.compile(r"[-+$€£]*[0-9][0-9., /%]*")
REASON = re.compile(r"[\s).:,*_-]{0,16}(?:because|since|as)\b", re.IGNORECASE)
