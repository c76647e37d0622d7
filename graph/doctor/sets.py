"""Whether the sets are apart, and hold nothing twice or with its answer in the question."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from errata.agents.exams import plain
from errata.agents.exams.corrections import Correction
from errata.agents.exams.held_out import (
    NearQuestions,
    answered_in,
    asked_texts,
    same_as,
    whole,
)
from errata.agents.exams.layouts import stem
from errata.agents.exams.reworded import setting
from errata.agents.exams.stories import shared_stories
from errata.agents.records import ChoiceAnswer, CodeAnswer, Question, whole_text
from errata.graph.doctor.finding import TAKE_THEM, Finding, Share, graded, plural, said_share, share
from errata.graph.doctor.targets import agree

Sets = Mapping[str, Sequence[Question]]

OPENING = 8
"""Words that a question must have to be looked for inside others."""
LISTED = 6
HOW = {
    "equal": "the same as one",
    "group": "variants of one",
    "answered": "answered in an earlier message of one",
    "near": "nearly the same as one",
    "inside": "word for word inside one",
    "words": "with thirteen words in a row of one",
}
REFUSED = ("equal", "group", "answered")
"""Of two sets with such a pair no run starts."""
NEAR = 0.05
"""Share of a held-out set from which questions that are nearly the same are serious: an exam with
few wordings has some by itself."""
STATED = re.compile(
    r"(?:\b(?:answer|target|label|solution|result|gold|expected)\b[\"']?\s{0,3}(?:is|:|=|->)|####)"
    r"\s{0,3}[\"'(*]{0,3}",
    re.IGNORECASE,
)
"""What announces an answer."""
BULK = 0.2
"""Share of questions that hold their target beyond chance, from which that is said."""


class Pair:
    def __init__(self, one: Question, other: Question, sets: tuple[str, str], how: str) -> None:
        self.one, self.other, self.sets, self.how = one, other, sets, how


def goes(pair: Pair) -> bool:
    """Whether one of the two is left out by the corrections."""
    return pair.how in (*REFUSED, "near")


def leaks(sets: Sets) -> list[Pair]:
    """Questions of two sets that are one question, each pair by the clearest sign."""
    names = list(sets)
    found: list[Pair] = []
    paired: set[tuple[str, str]] = set()

    def add(one: Question, other: Question, pair: tuple[str, str], how: str) -> None:
        if (one.id, other.id) not in paired:
            paired.add((one.id, other.id))
            found.append(Pair(one, other, pair, how))

    homes: dict[str, list[tuple[str, Question]]] = defaultdict(list)
    for name in names:
        for question in sets[name]:
            for text in same_as(question):
                for other_name, other in homes[text]:
                    if other_name != name:
                        how = "group" if text.startswith("group ") else "equal"
                        add(other, question, (other_name, name), how)
                homes[text].append((name, question))
    asked = {
        text: (name, question)
        for name in names
        if name != "practice"
        for question in sets[name]
        for text in asked_texts(question)
    }
    for question in sets.get("practice", ()):
        for text in answered_in(question):
            if text in asked:
                name, other = asked[text]
                add(question, other, ("practice", name), "answered")
    by_id = {(name, question.id): question for name in names for question in sets[name]}
    for at, name in enumerate(names[1:], 1):
        near = NearQuestions()
        for question in sets[name]:
            near.add(plain(stem(question)), question.id, setting(question))
        for before in names[:at]:
            for question in sets[before]:
                twin = near.nearest(plain(stem(question)), setting(question))
                if twin is not None:
                    add(question, by_id[name, twin], (before, name), "near")
    practice = sets.get("practice", ())
    held_out = [(name, question) for name in names if name != "practice" for question in sets[name]]
    for question, name, other in contained(practice, held_out):
        add(question, other, ("practice", name), "inside")
    for name in names:
        if name != "practice":
            for question, other in shared_stories(practice, sets[name]):
                add(question, other, ("practice", name), "words")
    return found


def contained(
    practice: Sequence[Question], held_out: Sequence[tuple[str, Question]]
) -> Iterator[tuple[Question, str, Question]]:
    """Practice questions that hold a held-out one word for word, numbers included."""
    opening: dict[str, list[tuple[str, str, Question]]] = defaultdict(list)
    for name, question in held_out:
        text = plain(stem(question))
        if len(found := text.split()) >= OPENING:
            opening[" ".join(found[:OPENING])].append((text, name, question))
    for question in practice:
        text = plain(question.prompt)
        found = text.split()
        for at in range(len(found) - OPENING + 1):
            for inner, name, other in opening.get(" ".join(found[at : at + OPENING]), ()):
                if other.before in ((), question.before) and f" {inner} " in f" {text} ":
                    yield question, name, other


def find_leaks(sets: Sets) -> Iterator[Finding]:
    pairs = leaks(sets)
    if not pairs:
        return
    groups: dict[tuple[str, tuple[str, str]], list[Pair]] = defaultdict(list)
    for pair in pairs:
        groups[pair.how, pair.sets].append(pair)
    shares: list[Share] = []
    evidence: list[str] = []
    for (how, (first, later)), of in sorted(groups.items(), key=lambda g: list(HOW).index(g[0][0])):
        found = len({pair.other.id for pair in of})
        what = f"{later} questions {HOW[how]} of {first}"
        shares.append(share(what, found, len(sets[later])))
        named = ", ".join(f"{pair.one.id} and {pair.other.id}" for pair in of[:LISTED])
        evidence.append(f"{what}: {named}" + (" …" if len(of) > LISTED else ""))
    equal = [pair for pair in pairs if pair.how in REFUSED]
    much = any(one.count >= NEAR * one.of for one in shares)
    said, do = "have many words in common", []
    if any(pair.how == "words" for pair in pairs):
        do += [
            "errata init FILE --near together",
            "It divides the questions anew: those that tell one story are on one side. Where a "
            "column says which belong together, name it with --group.",
        ]
    if any(goes(pair) for pair in pairs):
        said = "are one, or nearly"
        do += [
            "errata doctor … --corrections corrections.jsonl",
            "It leaves out the first of each pair that is the same or nearly so; look at the "
            "others.",
            TAKE_THEM,
        ]
    if not do:
        do.append("Look at each pair, and take one of the two out.")
    if equal:
        do.append("Until then no run starts with these sets.")
    yield Finding(
        name="leaks",
        severity="serious" if equal or much else "warning",
        said=f"{plural(len(pairs), 'pair')} of questions of two sets {said}",
        shares=tuple(shares),
        evidence=tuple(evidence),
        questions=tuple(dict.fromkeys(id for p in pairs for id in (p.one.id, p.other.id))),
        do=tuple(do),
    )


def duplicates(sets: Sets) -> list[tuple[str, list[Question]]]:
    """Set → questions of it that ask the same, word for word."""
    found = []
    for name, questions in sets.items():
        same: dict[str, list[Question]] = defaultdict(list)
        for question in questions:
            same[whole(question)].append(question)
        found += [(name, twins) for twins in same.values() if len(twins) > 1]
    return found


def conflicting(twins: Sequence[Question]) -> bool:
    first = twins[0]
    if isinstance(first.answer, CodeAnswer):
        return False
    return any(not agree(first, other.target, first.target) for other in twins[1:])


def find_duplicates(sets: Sets) -> Iterator[Finding]:
    groups = duplicates(sets)
    if not groups:
        return
    against = [(name, twins) for name, twins in groups if conflicting(twins)]
    shares, grades, evidence = [], [], []
    for name, questions in sets.items():
        for what, chosen in (("stand there twice or more", groups), ("have two targets", against)):
            ids = [q.id for home, twins in chosen if home == name for q in twins]
            if ids:
                one = share(f"{name} questions that {what}", len(ids), len(questions))
                shares.append(one)
                evidence.append(f"{said_share(one)} {one.what}")
                if chosen is against:
                    grades.append(one)
    for name, twins in against[:LISTED]:
        said = ", ".join(
            q.id if name not in ("practice", "dev") else f"{q.id} ({q.target[:40]})" for q in twins
        )
        evidence.append(f"two targets in {name}: {said}")
    do = ["Take all but one of each out."]
    if against:
        do = [
            "errata doctor … --corrections corrections.jsonl",
            "It leaves out all that have two targets: keep the right one of each, if you know it.",
            TAKE_THEM,
        ]
    said = f"{plural(len(groups), 'question')} stand more than once in a set"
    if against:
        said += f", {len(against)} of them with targets that contradict each other"
    yield Finding(
        name="duplicates",
        severity=graded(grades) if grades else "warning",
        said=said,
        shares=tuple(shares),
        evidence=tuple(evidence),
        questions=tuple(q.id for _, twins in (against or groups) for q in twins),
        do=tuple(do),
    )


def find_targets_in_questions(sets: Sets) -> Iterator[Finding]:
    """The target where the question announces it; or more targets in questions than chance puts
    there, which is what the targets of their neighbours do."""
    shares, evidence, told = [], [], []
    grades = []
    for name, questions in sets.items():
        asked = [q for q in questions if not isinstance(q.answer, CodeAnswer)]
        announced = [question for question in asked if announces(question)]
        if announced:
            one = share(f"{name} questions that announce their target", len(announced), len(asked))
            shares.append(one)
            grades.append(one)
            told += announced
            evidence.append(
                f"{said_share(one)} {one.what}: " + ", ".join(q.id for q in announced[:LISTED])
            )
        free = [q for q in asked if not isinstance(q.answer, ChoiceAnswer)]
        own, chance = held(free)
        if free and (own - chance) / len(free) >= BULK:
            one = share(f"{name} questions in which their target stands", own, len(free))
            shares.append(one)
            evidence.append(f"{said_share(one)} {one.what}; by chance {chance}")
    if not shares:
        return
    yield Finding(
        name="target in the question",
        severity=graded(grades) if grades else "warning",
        said="Questions hold their own targets",
        shares=tuple(shares),
        evidence=tuple(evidence),
        questions=tuple(question.id for question in told),
        do=(
            "Take the column or the sentence that says the answer out of the questions; it is fine "
            "where answers are to be found in a text that is given.",
        ),
    )


def announces(question: Question) -> bool:
    """Whether the question says `answer: TARGET` or the like; worked questions before it aside."""
    worked = "\n\nQ: " in question.prompt
    text = stem(question) if worked else question.prompt
    target = question.target.strip().lower()
    for found in STATED.finditer(text):
        after = text[found.end() : found.end() + len(target) + 1].lower()
        if after.startswith(target) and not after[len(target) :].isalnum():
            return True
    return False


def held(questions: Sequence[Question]) -> tuple[int, int]:
    """In how many questions their own target stands, and in how many their neighbour's of the same
    kind does."""
    kinds: dict[str | None, list[Question]] = defaultdict(list)
    for question in questions:
        kinds[question.kind].append(question)
    own = chance = 0
    for of_kind in kinds.values():
        for at, question in enumerate(of_kind):
            text = f" {plain(stem(question))} "
            own += f" {plain(question.target)} " in text
            chance += f" {plain(of_kind[at - 1].target)} " in text
    return own, chance


def left_out(sets: Sets) -> list[Correction]:
    """A line for each question that must go for the sets to be apart, and without contradiction."""
    lines: dict[str, Correction] = {}
    for pair in leaks(sets):
        if goes(pair):
            why = f"{HOW[pair.how]} of {pair.sets[1]}: {pair.other.id}"
            lines[pair.one.id] = going(pair.one, why)
    for name, twins in duplicates(sets):
        if conflicting(twins):
            for question in twins:
                others = ", ".join(q.id for q in twins if q is not question)
                why = f"{name} has it with another target: {others}"
                lines.setdefault(question.id, going(question, why))
    return list(lines.values())


def going(question: Question, why: str) -> Correction:
    return Correction(
        id=question.id, leave_out=True, was=question.target, why=why, prompt=whole_text(question)
    )
