"""Which side each question falls on: the same one every time, and one side for what belongs
together.

A question's side follows from a hash of its words, or of its group, so new rows move none of the
others. A question that nearly equals an earlier row goes where that one is; one that belongs to
two sides is left out.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from errata.agents.exams.held_out import NearTexts
from errata.agents.exams.rows import Skipped
from errata.agents.exams.stories import Stories
from errata.agents.intake.findings import Finding, State, finding
from errata.agents.intake.rows import OwnRow
from errata.agents.promotion import ALPHA, visible_gain
from errata.agents.records import Record

Side = Literal["practice", "dev", "test"]
SIDES: tuple[Side, ...] = ("practice", "dev", "test")
Near = Literal["first", "together", "drop", "ignore"]
"""What becomes of near-duplicates. `first`: a row goes where the one is that it nearly equals, and
is left out where it nearly equals rows of two sides. `together`: all that are near to each other or
tell one story, however many lie between, are on one side, and in one group. `drop`: the first of
them is kept alone. `ignore`: they are divided like others."""
SHARE = 0.2
"""Of the questions that go to dev, and as many to test, as in the exams that have one split."""
GIVEN: dict[str, Side] = {"train": "practice", "validation": "dev", "test": "test"}
ENOUGH = {"practice": 2000, "dev": 400, "test": 400}
"""Questions of a side that a run begins with: each round asks all of practice, and dev again."""
LOPSIDED = 0.5
"""Share of all questions in one family of near-duplicates, from which on these decide too much."""
READ = 2000
"""Characters of a question that are compared with those of others."""
USUAL = 32
"""Questions; words that more of them share are their template, and say of none alone that it is
near another."""
LEAST = 20
"""Dev questions, below which no gain of a size that comes about can be proven."""


class Sizes(Record):
    """Questions of each side, and why so many."""

    practice: int
    dev: int
    test: int
    used: dict[str, int]
    """Side → how many of them a run begins with."""
    why: str


@dataclass
class Divided:
    """The sides, each in an order that chance made and that stays."""

    sides: dict[Side, list[OwnRow]]
    left_out: list[Skipped] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    largest_family: float = 0.0
    """Share of all questions in the largest family of near-duplicates."""
    said: frozenset[str] = frozenset()
    """Sides whose size the person said: all of such a side is used."""


def place_of(words: str) -> float:
    """Where words, or a group, fall between 0 and 1: at the same place every time."""
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:8]) / 2**64


def divide(
    rows: Sequence[OwnRow],
    near: Near = "first",
    dev: int | None = None,
    test: int | None = None,
) -> Divided:
    """Puts each row on its side.

    Args:
        near: What becomes of near-duplicates.
        dev, test: About so many questions, in place of a fifth; then new rows may move others.
    """
    rows = sorted(rows, key=lambda row: ["test", "validation", "train", ""].index(row.split))
    divided = Divided({side: [] for side in SIDES})
    divided.said = frozenset(s for s, size in (("dev", dev), ("test", test)) if size is not None)
    kept = unequal(rows, divided.left_out)
    first = {row.asked_text: key_of(row) for row in kept if row.group is None}
    keys = {row.where: key_in(row, first) for row in kept}
    published = {GIVEN[row.split] for row in kept if row.split}
    family = families_of(kept) if near == "together" else {}
    keys |= {where: keys[head] for where, head in family.items()}
    tested, deved = shares_for(sorted(map(place_of, keys.values())), dev, test)

    def hashed(row: OwnRow) -> Side:
        place = place_of(keys[row.where])
        side: Side = "test" if place < tested else "dev" if place < tested + deved else "practice"
        # What is published as test stays test; a side that is not published is cut off train.
        own = GIVEN.get(row.split)
        return side if own is None or (own == "practice" and side not in published) else own

    texts = NearTexts(USUAL)
    home: dict[str, Side] = {}
    pairs: dict[str, str] = {where: head for where, head in family.items() if where != head}
    settled = near == "ignore" or (near == "together" and not published)
    for row in kept:
        text = row.told[:READ]
        twins: dict[Side, str] = {}
        if not settled and (same := texts.texts.get(text)) is not None:
            twins = {home[same]: same}
        elif not settled:
            for twin in texts.all_near(text, but=lambda one: home[one] in twins):  # noqa: B023
                twins[home[twin]] = twin
        if near == "drop" and twins:
            reason = f"nearly the same as an earlier row ({next(iter(twins.values()))})"
            divided.left_out.append(Skipped(where=row.where, reason=reason))
            continue
        free = row.group is None and not row.split and near == "first"
        side = next(iter(twins)) if free and len(twins) == 1 else hashed(row)
        if any(other != side for other in twins):
            other = next(other for other in twins if other != side)
            reason = f"nearly the same as a question of another side ({twins[other]}, in {other})"
            divided.left_out.append(Skipped(where=row.where, reason=reason))
            continue
        if side in twins and near == "first":
            pairs[row.where] = twins[side]
            family[row.where] = family.get(twins[side], twins[side])
        home[row.where] = side
        if not settled:
            texts.add(text, row.where)
        divided.sides[side].append(row)
    leave_out_answered(divided)
    if near == "together" and not any(row.group for row in kept):
        divided.sides = {side: grouped(found, family) for side, found in divided.sides.items()}
    for found in divided.sides.values():
        found.sort(key=lambda row: place_of(row.words or row.asked))
    sizes = Counter(family.get(where, where) for where in home)
    divided.largest_family = max(sizes.values(), default=0) / max(1, len(kept))
    divided.findings = told(kept, pairs, divided.left_out, near)
    if near == "ignore":
        divided.findings += not_trained(divided.sides)
    return divided


def families_of(rows: Sequence[OwnRow]) -> dict[str, str]:
    """Place of each row → that of the first row of its family: whoever is near one of a family,
    tells its story, or is in its group, is of it."""
    heads: dict[str, str] = {}

    def head_of(where: str) -> str:
        while heads[where] != where:
            heads[where] = heads[heads[where]]
            where = heads[where]
        return where

    order = {row.where: at for at, row in enumerate(rows)}
    groups: dict[str, str] = {}
    texts = NearTexts(USUAL)
    stories = Stories(row.told[:READ] for row in rows)
    tellers: dict[int, str] = {}
    for row in rows:
        heads[row.where] = head = row.where

        def join(other: str) -> None:
            nonlocal head
            one, two = sorted((head, head_of(other)), key=order.__getitem__)
            heads[two] = head = one

        if row.group is not None:
            join(groups.setdefault(row.group, row.where))
        text = row.told[:READ]
        if (same := texts.texts.get(text)) is not None:
            join(same)
        else:
            for twin in texts.all_near(text, but=lambda one: head_of(one) == head):  # noqa: B023
                join(twin)
        texts.add(text, row.where)
        for run in stories.told(text):
            join(tellers.setdefault(hash(run), row.where))
    return {where: head_of(where) for where in heads}


def grouped(rows: Sequence[OwnRow], family: Mapping[str, str]) -> list[OwnRow]:
    """The same, those of one family in a group, which is named by the first of them."""
    sizes = Counter(family[row.where] for row in rows)
    first: dict[str, str] = {}
    found = []
    for row in rows:
        head = family[row.where]
        if sizes[head] > 1:
            group = first.setdefault(head, row.where)
            row = replace(row, fields={**row.fields, "group": group})
        found.append(row)
    return found


def not_trained(sides: Mapping[Side, Sequence[OwnRow]]) -> list[Finding]:
    """Practice rows that a run refuses to train on, since they give held-out ones away."""
    held_out = NearTexts(USUAL)
    for row in (*sides["dev"], *sides["test"]):
        held_out.add(row.told[:READ], row.where)
    rows = [row.where for row in sides["practice"] if held_out.nearest(row.told[:READ]) is not None]
    if not rows:
        return []
    said = (
        f"{len(rows):,} of {len(sides['practice']):,} practice questions nearly equal one of dev "
        "or test: a run trains on none of these."
    )
    do = "name a column that says which belong together with --group, or vary the questions"
    return [finding("near held-out questions", "problem", said, rows, do)]


def key_in(row: OwnRow, first: Mapping[str, str]) -> str:
    """What its side follows from: a conversation goes where the row is of which it is the rest.

    Args:
        first: A row's text → its key.
    """
    if row.group is not None:
        return key_of(row)
    return next((first[text] for text in row.answered if text in first), key_of(row))


def leave_out_answered(divided: Divided) -> None:
    """Takes out practice conversations that answer a dev or test question on their way."""
    held_out = {
        row.asked_text: (side, row.where) for side in ("dev", "test") for row in divided.sides[side]
    }
    kept = []
    for row in divided.sides["practice"]:
        twins = (held_out[text] for text in row.answered if text in held_out)
        side, where = next(twins, ("", ""))
        if where:
            reason = f"an earlier message is a question of another side ({where}, in {side})"
            divided.left_out.append(Skipped(where=row.where, reason=reason))
        else:
            kept.append(row)
    divided.sides["practice"] = kept


def key_of(row: OwnRow) -> str:
    return f"group {row.group}" if row.group else row.words or row.asked


def unequal(rows: Sequence[OwnRow], left_out: list[Skipped]) -> list[OwnRow]:
    """Each question once; those with several answers not at all."""
    first: dict[str, OwnRow] = {}
    answers: dict[str, dict[str, str]] = {}
    for row in rows:
        answers.setdefault(row.words, {}).setdefault(row.answer.strip(), row.where)
    kept = []
    for row in rows:
        text = row.words
        found = answers[text]
        if len(found) > 1:
            shown = ", ".join(f"{answer[:40]!r} in {where}" for answer, where in found.items())
            reason = f"this question has several answers ({shown[:200]}): leave the right one"
            left_out.append(Skipped(where=row.where, reason=reason))
        elif text in first:
            reason = f"the same question and answer as another row ({first[text].where})"
            left_out.append(Skipped(where=row.where, reason=reason))
        else:
            first[text] = row
            kept.append(row)
    return kept


def shares_for(places: Sequence[float], dev: int | None, test: int | None) -> tuple[float, float]:
    """Shares of test and dev, for as many questions as are wanted."""
    tested = SHARE if test is None else place_after(places, test)
    if dev is None:
        return tested, min(SHARE, 1 - tested)
    before = sum(place < tested for place in places)
    return tested, place_after(places, before + dev) - tested


def place_after(places: Sequence[float], count: int) -> float:
    """A place below which `count` questions lie."""
    return places[count] if count < len(places) else 1.0


def told(
    rows: Sequence[OwnRow], pairs: dict[str, str], left_out: Sequence[Skipped], near: Near
) -> list[Finding]:
    """What was found of equal and nearly equal questions."""
    found = []

    def add(name: str, state: State, places: Sequence[str], said: str, do: str = "") -> None:
        if places:
            found.append(finding(name, state, said, places, do))

    def left(begin: str) -> list[str]:
        return [one.where for one in left_out if one.reason.startswith(begin)]

    said = "Rows that ask and answer the same as an earlier one are left out."
    add("duplicates", "warning", left("the same question"), said)
    said = "Questions with several answers are left out: nobody knows which one is right."
    do = "leave the right answer alone, or put what makes the difference into the question"
    add("conflicting answers", "problem", left("this question"), said, do)
    or_story = " or tell its story" if near == "together" else ""
    said = f"Rows that nearly equal an earlier one{or_story} are kept, all of a kind on one side."
    if near == "together" and not any(row.group for row in rows):
        said += " They are a group, which counts as one question when a gain is judged."
    do = "--near drop would keep the first of a kind alone" if near == "first" else ""
    add("near-duplicates", "warning", [*pairs], said, do)
    if near == "first":
        answers = {row.where: row.answer for row in rows}
        differ = [one for one, twin in pairs.items() if answers[one] != answers[twin]]
        said = "Rows that nearly equal an earlier one, and have another answer."
        do = "look at some of them: is the answer right, and does a word make the difference?"
        add("near-duplicates, other answers", "warning", differ, said, do)
    said = "Rows that nearly equal an earlier one are left out."
    add("near-duplicates", "warning", left("nearly the same as an earlier"), said)
    said = "Rows that nearly equal rows of two sides are left out."
    do = "--near together keeps them: all that are near to each other are on one side then"
    across = left("nearly the same as a question")
    add("across the sides", "warning", across, said, do if near == "first" else "")
    said = "Chats that answer a question of another side on their way are left out."
    add("answered on the way", "warning", left("an earlier message"), said)
    return found


def apart(rows: Sequence[OwnRow]) -> int:
    """How many questions they are worth: the variants of a group are one."""
    return len({row.group or row.where for row in rows})


def sizes_of(divided: Divided, rounds: int) -> Sizes:
    """How many questions each side has, how many a run begins with, and what dev can show."""
    counts = {side: len(rows) for side, rows in divided.sides.items()}
    used = {
        side: count if side in divided.said else min(count, ENOUGH[side])
        for side, count in counts.items()
    }

    def shown(dev: Sequence[OwnRow]) -> str:
        gain = visible_gain(apart(dev), (ALPHA["sure"] or 0) / rounds)
        return "no gain at all" if gain is None else f"a gain of about {100 * gain:.0f} points"

    dev = divided.sides["dev"]
    asked = dev[: used["dev"]]
    of_groups = any(row.group for row in dev)
    worth = f", which count as {apart(asked)} since some are of one group," if of_groups else ""
    why = f"{len(asked)} dev questions{worth} show {shown(asked)} 4 times in 5, in "
    why += f"{rounds} {'round' if rounds == 1 else 'rounds'}"
    if counts["dev"] > used["dev"]:
        why += f"; all {counts['dev']:,} would show {shown(dev)}, and take longer to ask"
    return Sizes(used=used, why=why, **counts)  # type: ignore[arg-type]
