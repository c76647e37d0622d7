"""errata doctor: whether dev and the kinds are large enough for what is to be shown."""

from __future__ import annotations

import pytest
from examining import numbered, reached

from errata.agents.promotion import visible_gain
from errata.agents.records import Question
from errata.graph.doctor.size import find_dev_too_small, find_few_of_a_kind


def test_a_dev_that_cannot_show_what_is_left_to_gain_is_too_small_and_says_how_many_would_do() -> (
    None
):
    dev = [Question(id=str(n), prompt=f"{n}?", target="1") for n in range(60)]
    [found] = find_dev_too_small(dev, 3, "sure", 0.95, reached(51, 60))  # 10 points to gain
    assert found.severity == "serious"
    wanted = int(found.do[0].removeprefix("Give dev ").split()[0])
    enough = [Question(id=str(n), prompt=f"{n}?", target="1") for n in range(wanted)]
    assert list(find_dev_too_small(enough, 3, "sure", 0.95, reached(51, 60))) == []
    fewer = enough[: int(0.9 * wanted)]
    assert list(find_dev_too_small(fewer, 3, "sure", 0.95, reached(51, 60)))
    assert list(find_dev_too_small(dev, 3, "any", 0.95, reached(51, 60))) == []
    [alone] = find_dev_too_small(dev[:3], 1, "sure", 0.95, None)
    assert (alone.severity, "no gain at all" in alone.said) == ("serious", True)


def test_a_dev_that_misses_what_is_a_good_gain_is_a_warning_whatever_the_base_reaches() -> None:
    dev = [Question(id=str(n), prompt=f"{n}?", target="1") for n in range(60)]
    for base in (None, reached(24, 60)):  # half of all is left to gain
        [found] = find_dev_too_small(dev, 1, "sure", 0.95, base)
        assert found.severity == "warning"
        assert found.said.startswith("60 dev questions can show gains from 15 points on, and 10 ")
        assert [line.partition("\n")[0] for line in found.do[1:]] == ["[stop]"]
        wanted = int(found.do[0].removeprefix("Give dev ").split()[0])
        assert (visible_gain(wanted - 10, 0.05) or 1) > 0.1 >= (visible_gain(wanted, 0.05) or 1)
    [likely] = find_dev_too_small(dev[:30], 1, "likely", 0.95, None)
    assert len(likely.do) == 1  # there is no laxer gate, and no fewer rounds


def test_without_the_bases_answers_dev_should_show_what_few_rounds_exceed() -> None:
    [found] = find_dev_too_small(numbered(30), 3, "sure", 0.95, None)
    assert found.severity == "warning"
    assert "10 points are a good gain already" in found.said
    assert list(find_dev_too_small(numbered(2000), 3, "sure", 0.95, None)) == []
    assert list(find_dev_too_small(numbered(30), 3, "sure", 0.95, reached(30, 30))) == []
    [alike] = find_dev_too_small(numbered(2000, "g"), 3, "sure", 0.95, None)
    assert "no gain at all" in alike.said
    assert alike.severity == "serious"


@pytest.mark.parametrize(
    ("dev", "right", "severity", "shown", "against"),
    [
        (60, 51, "serious", "gains from 17 points on", "all that is to be gained is 10 points, up"),
        (60, 48, "serious", "gains from 17 points on", "all that is to be gained is 15 points, up"),
        (10, 4, "serious", "gains from 67 points on", "all that is to be gained is 55 points, up"),
        (60, 42, "warning", "gains from 17 points on", "10 points are a good gain already"),
        (3, None, "serious", "no gain at all", "10 points are a good gain already"),
    ],
)
def test_what_dev_shows_is_said_beside_what_there_is_to_gain(
    dev: int, right: int | None, severity: str, shown: str, against: str
) -> None:
    base = None if right is None else reached(right, dev)
    [found] = find_dev_too_small(numbered(dev), 3, "sure", 0.95, base)
    assert found.severity == severity
    assert found.said.startswith(f"{dev} dev questions can show {shown}, and {against}")
    assert found.evidence == (
        "gate sure, 3 rounds: each may err with 0.0167; a gain of 10 points is seen 4 times in 5 "
        "with 190 questions",
    )
    assert found.do[1:] == ("[stop]\nrounds = 1", '[stop]\ngate = "likely"')


def test_a_gain_that_no_dev_could_show_asks_for_a_harder_exam() -> None:
    [found] = find_dev_too_small(numbered(1000), 1, "sure", 0.951, reached(950, 1000))
    assert found.do[0] == "Take a harder exam, on which there is more to gain."
    assert "seen 4 times in 5 with more than anybody writes" in found.evidence[0]


def of_kinds(**counts: int) -> list[Question]:
    return [
        Question(id=f"{kind}{n}", prompt=f"{kind} {n}", target="1", kind=kind)
        for kind, count in counts.items()
        for n in range(count)
    ]


def test_a_kind_that_only_few_held_out_questions_have_is_no_serious_lack() -> None:
    # A tenth of dev, and less.
    for others, lacking, severity in ((36, 4, "serious"), (36, 3, "warning"), (95, 10, "warning")):
        sets = {"practice": of_kinds(a=30), "dev": of_kinds(a=others, b=lacking)}
        [found] = find_few_of_a_kind(sets)
        assert found.severity == severity
        assert found.said == "1 of 2 kinds have too few practice questions"
    [found] = find_few_of_a_kind({"practice": of_kinds(a=30), "test": of_kinds(b=1)})
    assert found.evidence[0].endswith("b (0/0)")


def test_kinds_that_dev_cannot_guard_are_named_alone_where_practice_has_enough() -> None:
    [found] = find_few_of_a_kind({"practice": of_kinds(a=30, b=30), "dev": of_kinds(a=30)})
    assert (found.severity, found.said) == ("warning", "1 of 2 kinds have too few dev questions")
    assert found.evidence[0].endswith("losing it refuses no candidate: b (30/0)")
    [seldom] = find_few_of_a_kind({"practice": of_kinds(a=1, b=3), "dev": of_kinds(a=30)})
    assert [line.partition(": ")[0] for line in seldom.evidence] == [
        "fewer than 10 practice questions",
        "fewer than 20 dev questions",
        "in brackets",
    ]
    assert seldom.evidence[0].endswith("few mistakes to learn from: a (1/30)")
    enough = {"practice": of_kinds(a=10), "dev": of_kinds(a=20)}
    assert list(find_few_of_a_kind(enough)) == []
    assert list(find_few_of_a_kind(enough | {"practice": of_kinds(a=9)}))
    assert list(find_few_of_a_kind(enough | {"dev": of_kinds(a=19)}))
    many = {f"k{n}": 30 for n in range(10)}
    [found] = find_few_of_a_kind({"practice": of_kinds(**many)})
    assert found.evidence[0].endswith("k7 (30/0) and 2 more")
    assert list(find_few_of_a_kind({"practice": numbered(3), "dev": numbered(3)})) == []


def test_kinds_that_practice_lacks_are_named() -> None:
    def of_kind(kind: str, count: int) -> list[Question]:
        return [Question(id=f"{kind}{n}", prompt=f"{kind} {n}", target="1", kind=kind)
                for n in range(count)]  # fmt: skip

    sets = {
        "practice": [*of_kind("a", 30), *of_kind("c", 3)],
        "dev": [*of_kind("a", 30), *of_kind("b", 20), *of_kind("c", 5)],
    }
    [found] = find_few_of_a_kind(sets)
    assert found.severity == "serious"
    assert found.evidence[0].endswith("b (0/20)")
    assert found.evidence[1].endswith("c (3/5)")
    assert list(find_few_of_a_kind({"practice": of_kind("a", 30), "dev": of_kind("a", 30)})) == []
