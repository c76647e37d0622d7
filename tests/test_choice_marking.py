"""Marking multiple choice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.agents.marking import mark
from errata.agents.marking.choice import mark_choice
from errata.agents.records import ChoiceAnswer, Question

DATA = Path(__file__).parents[2] / "shared" / "data"

ROLLING = {"A": "slower", "B": "faster", "C": "at the same speed", "D": "not at all"}
ORDERS = {"A": "4", "B": "8", "C": "12", "D": "2.5"}
NUMBERED = {"1": "4", "2": "8", "3": "1", "4": "2"}
ROMAN = {"i": "cell", "ii": "cell wall", "iii": "all of the above", "iv": "both i and ii"}
GENES = {"A": "R", "B": "rr", "C": "Rr", "D": "RR"}
MIXED = {"A": "water", "B": "air", "C": "Both A and B", "D": "None of these"}
TWICE = {"A": "12", "B": "-4", "C": "4", "D": "12"}
BRACKETS = {"A": "(9/10)^k", "B": "(1/10)^k", "C": "1/10", "D": "[A]2[B]"}


def read(response: str, options: Mapping[str, str]) -> str | None:
    """The label that the response is read as; None when it is unclear."""
    verdict = mark_choice(response, next(iter(options)), options)
    assert verdict.correct == (verdict.answer == next(iter(options)))
    assert (verdict.answer is None) == verdict.why.startswith("unclear: ")
    return verdict.answer


@pytest.mark.parametrize(
    ("response", "label"),
    [
        ("A is wrong because sand rubs, so the answer is C.", "C"),
        ("The answer is not B but D", "D"),
        ("The answer isn't (B), it's C.", "C"),
        ("I first thought B. Final answer: **D**", "D"),
        ("The answer is B.\n\nWait. The answer is C.", "C"),
        ("If the answer is B, sand helps. So the answer is A.", "A"),
        ("The wrong answer is B. I choose D", "D"),
        ("The answer is C, A is wrong.", "C"),
        ("The answer is (C), as (A) and (B) are wrong.", "C"),
        ("B is wrong and C is right.", "C"),
        ("So, the correct answer is:\n\n**B. faster**", "B"),
        ("B\n\nThis is not slower, nor at the same speed.", "B"),
        ("B. faster, because there is less to rub on.\nSlower would need more.", "B"),
        ("It is rough, and so on.\n\nC", "C"),
        ("B. Trucks roll better on sand.", "B"),
        ("The answer is:\nB. faster\n\nC. at the same speed would need ice.", "B"),
        ("#### Explanation\nSand rubs.\n#### A", "A"),
        ("Answer: Let's think step by step. It rubs. So it's A.", "A"),
    ],
)
def test_the_last_statement_wins_over_letters_on_the_way(response: str, label: str) -> None:
    assert read(response, ROLLING) == label


@pytest.mark.parametrize(
    "response",
    r"""\boxed{C}/$\boxed{\text{(C)}}$/(C)/C)/C./c/[C]/C: at the same speed/Option C/option c./
    **C. at the same speed**/#### C/answer: c/Answer - C/The answer is 'C'./ANSWER: C/**Answer:** C/
    The best choice is **(C)**/C is the correct answer./I would go with C./It must be C./So (C)./
    The answer is C because of friction./C.at the same speed/- C/The answer to the question is C/
    At the same speed./So it rolls at the same speed./at the same speed (C)""".split("/"),
)
def test_a_choice_can_be_written_in_many_ways(response: str) -> None:
    assert read(response, ROLLING) == "C"


@pytest.mark.parametrize(
    "response",
    [
        "A plant needs sand.",
        "I think so.",
        "The answer is a plant.",
        "Vitamin C is correct.",
        "The answer isn't B.",
        "I would not choose B.",
        "(A) is wrong. (B) is wrong. (D) cannot be right.",
        "B. Trucks roll on sand.\nC. They stop.",
        "B. faster is wrong",
        "A. slower\nB. faster\nC. at the same speed\nD. not at all",
    ],
)
def test_what_chooses_nothing_is_unclear(response: str) -> None:
    assert mark_choice(response, "A", ROLLING).why == "unclear: no choice is stated"


@pytest.mark.parametrize("response", ["", " \n ", "**", "...", "Hm."])
def test_an_empty_response_is_unclear(response: str) -> None:
    verdict = mark_choice(response, "A", ROLLING)
    assert (verdict.correct, verdict.answer) == (False, None)
    assert verdict.why == "unclear: no choice is stated"


@pytest.mark.parametrize(
    "response",
    [
        "The answer is A or B.",
        "The answer is (A) and (B).",
        "A, B",
        "(A) or (B) is correct.",
        "It could be slower or faster.",
        "The answer is B. slower",
        "The answer is slower (B).",
        "(A) slower (B) faster",
    ],
)
def test_two_options_at_once_are_unclear(response: str) -> None:
    assert mark_choice(response, "A", ROLLING).why == "unclear: A and B are named at once"


def test_options_repeated_as_a_list_are_passed_over() -> None:
    listed = "\n".join(f"{label}. {text}" for label, text in ROLLING.items())
    assert read(f"{listed}\n\nAnswer: B", ROLLING) == "B"
    assert read(f"{listed}\n\nB. faster", ROLLING) == "B"
    assert read(f"Options:\n{listed}\nSand rubs. It is slower.", ROLLING) == "A"


@pytest.mark.parametrize(
    ("response", "label"),
    [
        ("The answer is 8", "B"),
        ("2 * 4 = 8.", "B"),
        ("The order is 12.", "C"),
        ("$8$", "B"),
        ("The answer is 2.5.", "D"),
        ("#### 4", "A"),
        ("The answer is 4.5", None),
        ("The answer is -4", None),
        ("The answer is 4/5", None),
        ("4 of the 8 are left.", None),
        ("A. 8", None),
    ],
)
def test_options_that_are_numbers_are_quoted_whole(response: str, label: str | None) -> None:
    assert read(response, ORDERS) == label


@pytest.mark.parametrize(
    ("response", "label"),
    [
        ("2", "2"),
        ("The answer is 2.", "2"),  # the label, though option 4 is the number 2
        ("The answer is 2. 8", "2"),
        ("The answer is 2 kg", "4"),  # a unit: the number
        ("The answer is 8", "2"),
        ("(3)", "3"),
        ("Option 3", "3"),
        ("2. 4", None),
        ("The answer is 2.5", None),
        ("There are 3 stars. I see 2 of them.", None),
    ],
)
def test_labels_that_are_numbers_are_not_found_in_prose(response: str, label: str | None) -> None:
    assert read(response, NUMBERED) == label


@pytest.mark.parametrize(
    ("options", "response", "label"),
    [
        (ROMAN, "The answer is ii", "ii"),
        (ROMAN, "III", "iii"),
        (ROMAN, "The answer is I.", "i"),
        (ROMAN, "It is the cell wall.", "ii"),
        (ROMAN, "The answer is both i and ii", "iv"),
        (ROMAN, "All of the above.", "iii"),
        (ROMAN, "I think it grows", None),
        (MIXED, "The answer is both A and B.", "C"),
        (MIXED, "C. Both A and B", "C"),
        (MIXED, "None of these", "D"),
        (MIXED, "The answer is A and B.", None),
        (GENES, "The answer is Rr.", "C"),
        (GENES, "RR", "D"),
        (GENES, "rr", "B"),
        (TWICE, "The answer is 12", None),
        (TWICE, "The answer is (D) 12", "D"),
        (TWICE, "12 (D)", "D"),
        (TWICE, "The answer is -4", "B"),
        (BRACKETS, "The answer is (1/10)^k", "B"),
        (BRACKETS, "(B) (1/10)^k", "B"),
        (BRACKETS, "The answer is [A]2[B]", "D"),
    ],
)
def test_options_that_mention_labels_or_hold_each_other_are_told_apart(
    options: dict[str, str], response: str, label: str | None
) -> None:
    assert read(response, options) == label


def test_a_target_that_is_no_label_is_an_error_not_a_wrong_answer() -> None:
    with pytest.raises(ValueError, match="'E' is no label: the labels are A, B, C, D"):
        mark_choice("The answer is A.", "E", ROLLING)


PLANETS = {"A": "Mercury", "B": "Venus", "C": "Earth", "D": "Mars"}
CROPS = {"A": "Mining", "B": "Hunting and gathering", "C": "Fishing", "D": "Agriculture"}

RESPONSES = r"""
D | The planet that it describes is D. Mars. Mercury is closer to the sun, and so is Venus.
D | The planet that it describes is D. Mars. It is red. Earth is blue.
D | The planet is **D. Mars**. Mercury, Venus and Earth are closer to the sun.
D | The planet is (D) Mars. Venus is hot.
D | The planet is D) Mars, I believe. Venus is hot.
D | The planet is D: Mars. Venus is hot.
D | The planet is **D**: Mars. Venus is hot.
D | The planet is option D. Mars. Venus is hot.
D | The planet is most likely D. Mars. Venus is hot.
D | It's D. Mars. Venus is hot.
D | This must be D. Mars. Venus is hot.
D | The planet is Mars (D). Venus is hot.
D | The planet is Mars (option D). Venus is hot, Mercury small.
D | Mars (D) is the red planet. Venus is hot and Mercury small.
D | **Mars** (D) is the red planet. Venus is hot and Mercury small.
D | The red planet = D. Mars. Earth is blue.
D | The red one would be D. Mars.\n\nVenus is hot, and Earth is blue.
D | The red one is D. Mars.\nMercury: small.\nVenus: hot.
D | We look for a red planet: D. Mars. It is not Earth, which is blue; Venus is hot.
D | The red planet is D. Mars, not A. Mercury. Venus is hot.
D | The red planet is D. Mars, and it is not B. Venus.
D | The red planet is D. Mars. A. Mercury is small. Venus is hot.
D | The red planet is D. Mars. B. Venus is wrong, for it is white.
D | It is not B. Venus. The red planet is D. Mars. Earth is blue.
D | If it were white it would be B. Venus. The red planet is D. Mars. Earth is blue.
D | Some people think it is B. Venus. The red planet is D. Mars. Earth is blue.
D | It is tempting to say that it is B. Venus, but the red planet is D. Mars. Earth is blue.
D | We eliminate B. Venus and see D. Mars there. Earth and Mercury are no candidates.
D | I would look for D. Mars in the sky. Earth is below, Venus is white.
D | D. Mars\n\nA. Mercury is the closest to the sun.
D | D. Mars\n\nA. Mercury is the closest to the sun.\nB. Venus is the hottest.
D | D. Mars\nVenus is hot and Earth is blue.
D | D) Mars\n\nB. Venus is hot.
D | (D) Mars is red.\nVenus is white.
D | That leaves D.
D | Mercury is small and Venus is white. That leaves D.
D | A. Mercury is small. B. Venus is white. C. Earth is blue. That leaves D.
D | A. Mercury is wrong. That leaves us with D.
D | A and B are white, C is blue, which leaves D.
D | A, B and C are out, leaving only D. Mars.
D | B... actually, no: D.
D | B. Wait, no, D.
D | B. No, it's D.
D | B. Sorry, I mean D.
D | B\nActually, D. Mars.
D | The answer is B. Hmm, wait, D.
D | The answer is B... no, D.
D | <answer>D</answer>
D | <answer> D. Mars </answer>
D | <answer>Mars</answer>
D | Venus is white.\n<answer>(D)</answer>
D | <final_answer>D</final_answer>
D | <answer>\nD\n</answer>
D | The answer is D.\n\nQuestion: Which is blue?\nAnswer: A
D | D\n\nQuestion: Which is blue?\nA. Mercury\nB. Venus\nAnswer: B
D | Mars is red, so it is D.\n\nQ: Which is blue?\nA: Earth. The answer is C.
D | The answer is D. Mars.\n\n## Question 2: Which is blue?\n\nThe answer is C.
D | D. Mars\n\nHuman: Which is blue?\n\nC. Earth
D | It is D. Mars.\n\nNext question: Which is blue?\nAnswer: C
D | Question: Which is red?\nAnswer: D
D | Let me see.\nQuestion: Which is red?\nAnswer: D
C | The red planet is D. Mars. No wait, it says blue. The answer is C.
C | The red planet is D. Mars, but the blue one is asked for. So it is C.
C | The red planet is D. Mars. But that is not asked. Therefore, it must be C.
C | Mars (D) is red, so it is C.
C | D. Mars is red. C is correct.
C | I see D. Mars in the sky. I choose C.
C | Some say it is D. Mars. The answer is (C) Earth.
C | Not D. Mars, but C. Earth.
C | It is D. Mars.\nActually, C.
C | I looked at D. Mars.\n\n**C. Earth**
C | D. Mars is not blue. Earth is.
? | The planet is D. Mars. The planet is A. Mercury.
? | It is D. Mars or C. Earth.
? | It is either D. Mars or C. Earth, and Venus is hot.
? | The planets are A. Mercury, B. Venus, C. Earth and D. Mars.
? | The options are A. Mercury; B. Venus; C. Earth; D. Mars.
? | The choices are: A. Mercury. B. Venus. C. Earth. D. Mars. Let me think.
? | Mercury (A), Venus (B), Earth (C), Mars (D).
? | A. Mercury, B. Venus, C. Earth, D. Mars
? | A. Mercury\nB. Venus\nC. Earth\nD. Mars
? | It is not D. Mars.
? | The planet is not D. Mars.
? | It can never be D. Mars.
? | D. Mars is wrong.
? | D. Mars is ruled out.
? | Mars (D) is incorrect.
? | We eliminate D.
? | We eliminate D. Mars.
? | I am ruling out D. Mars.
? | If it is D. Mars, then it is red.
D | It might be D. Mars.
? | Whether it is D. Mars remains open.
? | People often say it is D. Mars, which is wrong.
? | A. Mercury\nIt is small.\nB. Venus\nIt is white.
? | No, D is wrong.
? | That leaves D or C.
? | That leaves nothing.
? | <answer></answer>
? | <answer>D or C</answer>
? | Question: Which is red?
? | The answer is C or D.\n\nQuestion: Which is blue?\nAnswer: A
"""


@pytest.mark.parametrize(
    ("label", "response"),
    [(line[0], line[4:].replace(r"\n", "\n")) for line in RESPONSES.strip().split("\n")],
)
def test_a_hundred_responses_are_read_as_a_person_reads_them(label: str, response: str) -> None:
    assert read(response, PLANETS) == (None if label == "?" else label)


@pytest.mark.parametrize(
    ("response", "label"),
    [
        (
            "The most widespread economic activity is D. Agriculture. While mining, hunting and "
            "gathering, and fishing are also practised, they are far less common.",
            "D",
        ),
        ("Agriculture (D) is everywhere. Fishing and mining are not.", "D"),
        ("It is B. Hunting and gathering. Fishing came later, mining last.", "B"),
        ("Mining (A) needs tools. The oldest is B. Hunting and gathering. Fishing is next.", "B"),
    ],
)
def test_the_options_that_are_discussed_after_the_choice_do_not_replace_it(
    response: str, label: str
) -> None:
    assert read(response, CROPS) == label


LABELS = st.sampled_from(["ABCDE", "1234", "abc", ["i", "ii", "iii"], ["A1", "A2", "B1"], "PQ"])
WORDS = st.lists(st.text("kmpqz", min_size=3, max_size=9), min_size=5, max_size=5, unique=True)
WAYS = """{L}/({L})/{L}./**{L}**/{L}. {T}/({L}) {T}/The answer is {L}./The answer is ({L}) {T}/
Answer: {L}/#### {L}/\\boxed{{{L}}}/{T}/So it is {T}./I first thought {O}. Final answer: {L}/
({O}) is wrong, so the answer is ({L})./The answer is not {O} but {L}.""".split("/")


@given(LABELS, WORDS, st.integers(0, 9), st.sampled_from(WAYS))
def test_every_usual_way_to_state_any_label_of_any_options_is_read(
    labels: list[str] | str, words: list[str], at: int, way: str
) -> None:
    options = dict(zip(labels, words, strict=False))
    label, other = [*options][at % len(options)], [*options][at % len(options) - 1]
    assert read(way.format(L=label, T=options[label], O=other).strip(), options) == label


PIECES = "The answer is /A/B/(A)/2/not /but /or /and /\n/slower/8/ is correct/#### /}/**/I /if /. "


@given(
    st.text() | st.lists(st.sampled_from(PIECES.split("/"))).map("".join),
    st.dictionaries(st.text(max_size=3), st.text(max_size=6), min_size=2, max_size=5),
)
def test_any_text_can_be_marked(response: str, options: dict[str, str]) -> None:
    for known in (options, ROLLING, NUMBERED, TWICE):
        answer = read(response, known)
        assert answer is None or answer in known


def test_a_long_response_does_no_harm() -> None:
    for piece in ("A or ", "the answer is ", "(", "A. slower\n", "*", "option "):
        mark_choice(piece * 4000 + "is correct", "A", ROLLING)


def test_of_a_response_of_millions_of_characters_the_two_ends_are_read() -> None:
    answer = ChoiceAnswer(options=ROLLING)
    asked = Question(id="q", prompt="How does it roll?", target="B", answer=answer)
    going_on = "and so on " * 500_000
    assert mark(asked, f"The answer is B.\n{going_on}").correct
    assert mark(asked, f"The answer is A.\n{going_on}\nThe answer is B.").correct
    assert not mark(asked, f"The answer is B.\n{going_on}\nThe answer is A.").correct


UNLIKE_THE_REST = {
    ("mmlu/train.json", 261): "two options are 12",
    ("mmlu/train.json", 460): "two options are the same fraction",
    ("mmlu/train.json", 804): "two options are 60,000,000",
    ("mmlu/train.json", 1623): "two options are the same list",
    ("mmlu/train.json", 1633): "option D is the letter c, read as the label C",
}


@pytest.mark.slow
@pytest.mark.skipif(not DATA.exists(), reason="the real MMLU and ARC files are not on this machine")
@pytest.mark.parametrize(("name", "count"), [("mmlu/train.json", 1816), ("arc/test.json", 1172)])
def test_gold_answers_of_real_exams_are_right_and_others_wrong(name: str, count: int) -> None:
    rows = json.loads((DATA / name).read_text(encoding="utf-8"))
    assert len(rows) == count
    for n, row in enumerate(rows):
        labels = row.get("label") or [*"ABCD"]
        options = {label: row[label] for label in labels}
        ways = [way for way in WAYS if "{T}" not in way or (name, n) not in UNLIKE_THE_REST]
        at = labels.index(row["answer"])
        for label, other in ((labels[at], labels[at - 1]), (labels[at - 1], labels[at])):
            for way in ways:
                response = way.format(L=label, T=options[label], O=other).strip()
                verdict = mark_choice(response, row["answer"], options)
                assert verdict.answer == label, (n, response)
                assert verdict.correct == (label == row["answer"])
