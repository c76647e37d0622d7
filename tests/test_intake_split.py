"""How a file is divided into practice, dev and test: groups, near-duplicates, templates."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from intake_files import (
    LAYOUTS,
    WORDS,
    found,
    looked,
    pairs,
    questions,
    sides,
    write_csv,
    write_lines,
)

from errata.agents.errors import ConfigError, ExamError
from errata.agents.exams.files import row_question
from errata.agents.exams.held_out import NearTexts, check_disjoint
from errata.agents.exams.stories import shared_stories
from errata.agents.exams.words import plain
from errata.agents.intake import Looked
from errata.agents.intake.columns import Said
from errata.agents.intake.split import USUAL

# How it is divided.


def test_a_long_system_message_makes_no_two_questions_nearly_the_same(tmp_path: Path) -> None:
    long = " ".join(f"Rule {at}: {word}." for at, word in enumerate(WORDS * 20))
    rows = [
        {
            "messages": [
                {"role": "system", "content": f"{long} {'Be brief.' if at % 2 else 'Be kind.'}"},
                {"role": "user", "content": q},
                {"role": "assistant", "content": str(at)},
            ]
        }
        for at, (q, _) in enumerate(questions())
    ]
    seen = looked(write_lines(tmp_path / "a.jsonl", rows))
    assert not seen.undecided
    assert {one.name for one in seen.findings}.isdisjoint({"near-duplicates", "across the sides"})
    assert len(seen.rows) == 60


@pytest.mark.parametrize("published", [False, True])
def test_a_chat_that_goes_on_is_on_the_side_of_its_beginning(
    published: bool, tmp_path: Path
) -> None:
    rows: list[dict[str, Any]] = []
    for at, (q, rng) in enumerate(questions(60)):
        turns = [{"role": "user", "content": q}, {"role": "assistant", "content": str(at)}]
        more = {"role": "user", "content": f"And {rng.choice(WORDS)}?"}
        last = {"role": "assistant", "content": str(at + 7)}
        rows += [{"messages": turns}, {"messages": [*turns, more, last]}]
        if published:
            rows[-2]["split"] = "test" if at % 4 else "train"
            rows[-1]["split"] = "train" if at % 2 else "validation"
    seen = looked(write_lines(tmp_path / "a.jsonl", rows))
    sets = {
        side: [row_question({**row.fields, "answer": "number"}, row.where) for row in kept]
        for side, kept in seen.divided.sides.items()
    }
    check_disjoint(sets)
    assert len(seen.left_out) == (30 if published else 0)
    if published:
        assert "a question of another side (a.jsonl, line 3, in test)" in seen.left_out[0].reason
        assert "on their way are left out" in found(seen, "answered on the way")


def test_new_rows_move_none_of_the_others(tmp_path: Path) -> None:
    rows = pairs(200)
    before = sides(looked(write_csv(tmp_path / "a.csv", rows)))
    more = [*rows, *pairs(300, seed=1)]
    after = sides(looked(write_csv(tmp_path / "b.csv", more)))
    assert {question: after[question] for question in before} == before
    turned = sides(looked(write_csv(tmp_path / "c.csv", more[::-1])))
    assert turned == after
    assert 60 <= list(after.values()).count("dev") <= 140


def test_groups_are_on_one_side(tmp_path: Path) -> None:
    rows = [row | {"session": f"s{at // 4}"} for at, row in enumerate(pairs(200))]
    seen = looked(write_csv(tmp_path / "a.csv", rows))
    homes: dict[str, set[str]] = {}
    for side, kept in seen.divided.sides.items():
        for row in kept:
            homes.setdefault(row.fields["group"], set()).add(side)
    assert len(homes) == 50
    assert all(len(found) == 1 for found in homes.values())
    apart = looked(tmp_path / "a.csv", columns=Said(group="none"))
    assert sides(apart) != sides(seen)


def nearly(count: int) -> list[dict[str, Any]]:
    """Questions, each with another one that differs in its last word."""
    rows = []
    for row in pairs(count):
        other = row["question"].rstrip("?").rsplit(" ", 1)[0] + " indeed?"
        rows += [row, {"question": other, "answer": row["answer"]}]
    return rows


def near_across(seen: Looked) -> int:
    """Questions that nearly equal one of another side."""
    count = 0
    for side, rows in seen.divided.sides.items():
        texts = NearTexts()
        for other, theirs in seen.divided.sides.items():
            if other != side:
                for row in theirs:
                    texts.add(plain(row.asked), row.where)
        count += sum(texts.nearest(plain(row.asked)) is not None for row in rows)
    return count


def test_near_duplicates_are_on_one_side(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", nearly(80))
    seen = looked(path)
    assert near_across(seen) == 0
    assert len(seen.rows) == 160
    assert "warning" in found(seen, "near-duplicates")
    assert near_across(looked(path, near="ignore")) > 20


def test_a_near_duplicate_that_a_group_draws_to_another_side_is_left_out(tmp_path: Path) -> None:
    rows = [*nearly(8), *pairs(300, seed=1)]
    rows = [row | {"session": f"s{at % 310}"} for at, row in enumerate(rows)]
    seen = looked(write_csv(tmp_path / "a.csv", rows))
    assert not seen.undecided
    assert near_across(seen) == 0
    assert "nearly equal rows of two sides" in found(seen, "across the sides")
    assert 0 < len(seen.left_out) == 316 - len(seen.rows)


@pytest.mark.slow
def test_rows_of_one_template_take_time_as_their_number(tmp_path: Path) -> None:
    ask = "Please sort the following message of a customer into one of the classes that we use: "

    def seconds(count: int) -> float:
        rows = [
            {"question": f"{ask}{' '.join(rng.choices(WORDS, k=9))}", "label": "ab"[at % 2]}
            for at, (_, rng) in enumerate(questions(count))
        ]
        path = write_csv(tmp_path / f"{count}.csv", rows)
        begin = time.process_time()
        looked(path, answer="label")
        return time.process_time() - begin

    assert seconds(3200) < 10 * seconds(800)


def test_near_duplicates_with_other_answers_are_named(tmp_path: Path) -> None:
    rows = nearly(40)
    rows[7]["answer"] = 7777
    said = found(looked(write_csv(tmp_path / "a.csv", rows)), "near-duplicates, other answers")
    assert "a.csv, line 9" in said


def test_a_file_made_from_one_template_is_asked_about(tmp_path: Path) -> None:
    rows = [
        {"text": f"Please help me with the {a} of my new phone today {b}", "label": a}
        for a in WORDS[:4]
        for b in WORDS
    ]
    path = write_csv(tmp_path / "a.csv", rows)
    [question] = looked(path).undecided
    assert (question.flag, question.proposal) == ("--near", "ignore")
    seen = looked(path, near="ignore")
    assert not seen.undecided
    assert "a run trains on none of these" in found(seen, "near held-out questions")


def test_the_same_row_twice_is_kept_once(tmp_path: Path) -> None:
    rows = pairs()
    rows += [rows[3] | {"question": rows[3]["question"].upper()}]
    seen = looked(write_csv(tmp_path / "a.csv", rows))
    assert len(seen.rows) == 60
    assert "a.csv, line 62" in found(seen, "duplicates")


def test_a_question_with_several_answers_is_left_out_wherever_it_stands(tmp_path: Path) -> None:
    rows = pairs()
    rows += [rows[3] | {"answer": 1234}]
    seen = looked(write_csv(tmp_path / "a.csv", rows))
    assert [one.where for one in seen.left_out] == ["a.csv, line 5", "a.csv, line 62"]
    assert "1234" in seen.left_out[0].reason
    assert "problem" in found(seen, "conflicting answers")


def test_published_splits_are_kept_and_what_lacks_is_cut_off_train(tmp_path: Path) -> None:
    seen = looked(LAYOUTS["a folder of datasets, with class names"][0](tmp_path))
    assert {row.split for row in seen.divided.sides["test"]} == {"test"}
    assert {row.split for row in seen.divided.sides["dev"]} == {"train"}
    assert set(seen.judged.labels) == {"refund", "delivery", "login", "bug"}
    assert len(seen.divided.sides["test"]) == 30


def test_a_train_row_that_stands_in_test_too_is_left_out_of_train(tmp_path: Path) -> None:
    path = LAYOUTS["a file for each split"][0](tmp_path)
    rows = (path / "test.csv").read_text().splitlines()
    with (path / "train.csv").open("a") as file:
        file.write(f"{rows[1]}\n")
    seen = looked(path)
    assert len(seen.divided.sides["test"]) == 30
    assert [one.where for one in seen.left_out] == ["train.csv, line 32"]


def test_sizes_can_be_said_and_come_with_what_they_show(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", pairs(300))
    seen = looked(path, dev=100, test=50)
    assert (seen.sizes.practice, seen.sizes.dev, seen.sizes.test) == (150, 100, 50)
    assert "100 dev questions show a gain of about 12 points" in seen.sizes.why
    with pytest.raises(ExamError, match="60 questions leave none for practice"):
        looked(write_csv(tmp_path / "b.csv", pairs()), dev=40, test=40)


def test_the_first_questions_of_a_side_are_no_matter_of_the_files_order(tmp_path: Path) -> None:
    rows = [row | {"answer": at} for at, row in enumerate(pairs(200))]
    seen = looked(write_csv(tmp_path / "a.csv", rows))
    first = [int(row.fields["target"]) for row in seen.divided.sides["practice"][:20]]
    assert first != sorted(first)


def test_options_with_labels_of_their_own_keep_them(tmp_path: Path) -> None:
    rows = [
        {"question": q, "choices": {"text": ["x", "y"], "label": ["1", "2"]}, "answerKey": "2"}
        for q, _ in questions()
    ]
    row = looked(write_lines(tmp_path / "a.jsonl", rows)).rows[0]
    assert (row.fields["options"], row.fields["target"]) == ({"1": "x", "2": "y"}, "2")


# Rows from templates.


TEMPLATE = "Please sort this message of a customer into one of our classes"


def chains(count: int, length: int) -> list[list[str]]:
    """Texts of which each nearly equals the next one, and no other."""
    found = []
    for _, rng in questions(count):
        said = rng.choices(WORDS, k=10 + 2 * length)
        found.append([" ".join(said[2 * at : 2 * at + 10]) for at in range(length)])
    return found


def test_rows_of_templates_are_asked_about_before_they_are_left_out(tmp_path: Path) -> None:
    texts = [text for chain in chains(25, 12) for text in (*chain[::2], *chain[1::2])]
    path = write_csv(tmp_path / "a.csv", [{"text": q, "label": q[:5]} for q in texts])
    [question] = looked(path, answer="text").undecided
    assert (question.flag, question.proposal) == ("--near", "together")
    assert question.choices == ("together", "drop", "ignore")
    together, drop, ignore = (looked(path, answer="text", near=near) for near in question.choices)
    assert near_across(together) == near_across(drop) == 0 < near_across(ignore)
    assert len(together.rows) == len(ignore.rows) == 300 > len(drop.rows) > 100
    assert "nearly the same as an earlier row (a.csv, line" in drop.left_out[0].reason
    with pytest.raises(ConfigError, match="--near takes together, drop, ignore; it is 'keep'"):
        looked(path, answer="text", near="keep")


def test_a_few_rows_between_two_sides_are_left_out_with_the_flag_that_keeps_them(
    tmp_path: Path,
) -> None:
    between = [{"question": q, "answer": 1} for a, b, c in chains(8, 3) for q in (a, c, b)]
    seen = looked(write_csv(tmp_path / "a.csv", [*pairs(300, seed=1), *between]))
    assert not seen.undecided
    assert "--near together keeps them" in found(seen, "across the sides")
    kept = looked(tmp_path / "a.csv", near="together")
    assert len(kept.rows) == len(seen.rows) + len(seen.left_out) == 324
    assert near_across(kept) == 0


def test_rows_that_are_kept_together_are_groups_that_count_as_one_question(tmp_path: Path) -> None:
    texts = [text for chain in chains(25, 12) for text in (*chain[::2], *chain[1::2])]
    rows = [{"text": q, "label": q[:5]} for q in [*texts, "What a lone question this one is"]]
    seen = looked(write_csv(tmp_path / "a.csv", rows), answer="text", near="together")
    assert "a group, which counts as one question" in found(seen, "near-duplicates")
    worth = len({row.group for row in seen.divided.sides["dev"]})
    assert f"dev questions, which count as {worth} since some are of one group, show no gain" in (
        seen.sizes.why
    )
    assert next(one.count for one in seen.findings if one.name == "too few questions") == worth < 20
    read = [row_question({**row.fields, "answer": "text"}, row.where) for row in seen.rows]
    assert sorted(Counter(question.group for question in read).values()) == [1, *[12] * 25]


def test_rows_that_tell_one_story_are_kept_together_whatever_they_ask(tmp_path: Path) -> None:
    rows = []
    for at, (_, rng) in enumerate(questions(90)):
        story = " ".join(rng.choices(WORDS, k=14))
        rows += [
            {"question": f"{story}. How many {a} {b} {c} {at + n} are there?", "answer": at}
            for n, (a, b, c) in enumerate(rng.choices(WORDS, k=3) for _ in range(3))
        ]

    def across(**wishes: Any) -> int:
        """Practice questions that share a story with a dev or test question."""
        seen = looked(write_csv(tmp_path / "a.csv", rows), **wishes)
        sets = {
            side: [row_question({**row.fields, "answer": "number"}, row.where) for row in kept]
            for side, kept in seen.divided.sides.items()
        }
        return len([*shared_stories(sets["practice"], [*sets["dev"], *sets["test"]])])

    assert across() > 50
    assert across(near="together") == 0
    said = found(looked(tmp_path / "a.csv", near="together"), "near-duplicates")
    assert "nearly equal an earlier one or tell its story are kept" in said


def test_words_that_most_rows_begin_or_end_with_make_no_story(tmp_path: Path) -> None:
    rows = []
    for _, rng in questions(60):
        own = " ".join(rng.choices(WORDS, k=40))
        rows.append({"question": f"{TEMPLATE}, and say why: {own}, {TEMPLATE}", "answer": 1})
    seen = looked(write_csv(tmp_path / "a.csv", rows), near="together")
    assert not any(row.group for row in seen.rows)


def test_a_column_of_groups_stays_where_near_duplicates_are_kept_together(tmp_path: Path) -> None:
    rows = [row | {"session": f"s{at // 4}"} for at, row in enumerate(nearly(80))]
    seen = looked(write_csv(tmp_path / "a.csv", rows), near="together")
    assert {row.group for row in seen.rows} == {f"s{at}" for at in range(40)}
    assert "a group, which" not in found(seen, "near-duplicates")


def test_a_family_on_two_published_sides_is_a_group_on_each(tmp_path: Path) -> None:
    rows = []
    for one, a, between, b, other in chains(60, 5):
        for text, split in ((one, "test"), (a, "test"), (between, ""), (b, ""), (other, "")):
            rows.append({"question": text, "answer": 1, "split": split or "train"})
    seen = looked(write_csv(tmp_path / "a.csv", rows), near="together")
    sets = {
        side: [row_question({**row.fields, "answer": "number"}, row.where) for row in kept]
        for side, kept in seen.divided.sides.items()
    }
    check_disjoint(sets)
    assert len(sets["test"]) == 120
    assert len({question.group for question in sets["test"]}) == 60
    assert len({question.group for question in sets["practice"]}) > 20


def test_no_more_texts_of_one_template_are_compared_where_there_are_more() -> None:
    def compared(count: int) -> int:
        texts = NearTexts(USUAL)
        for at in range(count):
            texts.add(plain(f"{TEMPLATE} {'x' * at}"), str(at))
        ids: list[str] = []

        def passed_over(id: str) -> bool:
            ids.append(id)
            return True

        assert not [*texts.all_near(plain(f"{TEMPLATE} or another"), but=passed_over)]
        return len(ids)

    assert 0 < compared(400) == compared(100) < 100
