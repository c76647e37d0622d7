"""errata doctor: answers that are cut or not read, bases without room, what the form brings."""

from __future__ import annotations

import pytest
from ailing import arithmetic, dev_answers
from examining import SMALL, reached

from errata.agents.records import Question
from errata.graph.doctor.answers import changes, find_no_room, find_unread, find_what_form_brings


def test_answers_that_were_cut_or_state_nothing_are_all_named() -> None:
    dev = arithmetic(0, SMALL)["dev"]
    [found] = find_unread(dev, dev_answers(dev, cut=6, mute=4, wrong=5), 64)
    assert set(found.questions) == {q.id for q in dev[:10]}
    assert found.severity == "serious"
    assert "[student]\nmax_new_tokens = 128" in found.do
    assert list(find_unread(dev, dev_answers(dev, cut=0, mute=0, wrong=10), 64)) == []
    [after] = find_unread(dev, dev_answers(dev, cut=6, mute=4, wrong=5), 64, tried=True)
    assert "--try" in " ".join(found.do)
    assert "--try" not in " ".join(after.do)  # it was tried, and says what more tokens bring
    assert "max_new_tokens" not in " ".join(after.do)


def test_targets_in_answers_where_they_are_not_read_are_counted_beyond_chance() -> None:
    dev = [Question(id=str(n), prompt=f"{n}?", target=str(1000 + n)) for n in range(40)]
    wrong = dev_answers(dev, cut=0, mute=0, wrong=20)
    holding = [
        a.model_copy(update={"response": f"It is {1000 + n}. #### 9"}) if n < 20 else a
        for n, a in enumerate(wrong)
    ]
    [found] = find_unread(dev, holding, 64)
    assert "hold the target where it is not read" in found.said
    assert set(found.questions) == {str(n) for n in range(20)}
    # The neighbour's number stands there as often: chance.
    listed = " ".join(str(1000 + n) for n in range(40))
    chance = [a.model_copy(update={"response": listed}) if n < 20 else a
              for n, a in enumerate(wrong)]  # fmt: skip
    assert list(find_unread(dev, chance, 64)) == []


@pytest.mark.parametrize(
    ("right", "of", "word"), [(146, 150, "ceiling"), (150, 150, "ceiling"), (1, 100, "nothing")]
)
def test_a_base_at_the_ceiling_or_at_the_floor_is_serious(right: int, of: int, word: str) -> None:
    [found] = find_no_room(reached(right, of), 0.95, 0.08)
    assert found.severity == "serious"
    assert word in found.said


def test_a_base_at_the_floor_is_no_obstacle_to_a_strategy_that_trains_on_the_answers() -> None:
    [found] = find_no_room(reached(1, 100), 0.95, 0.08, solutions=True, tried=True)
    assert found.severity == "warning"
    assert "sft+lec" not in " ".join(found.do)
    assert "--try" not in " ".join(found.do)
    [other] = find_no_room(reached(1, 100), 0.95, 0.08)
    assert "sft+lec" in " ".join(other.do)
    [full] = find_no_room(reached(150, 150), 0.95, 0.08, solutions=True)
    assert full.severity == "serious"


@pytest.mark.parametrize(("right", "of"), [(60, 150), (120, 150), (20, 150)])
def test_a_base_with_room_and_some_right_answers_is_no_finding(right: int, of: int) -> None:
    assert list(find_no_room(reached(right, of), 0.95, 0.08)) == []


def test_what_a_prompt_alone_brings_is_paired_and_corrected_for_the_number_of_tries() -> None:
    dev = arithmetic(0, {"practice": 1, "dev": 100, "test": 1})["dev"]
    base = dev_answers(dev, cut=0, mute=40, wrong=0)
    better, chance = (dev_answers(dev, 0, mute, 0) for mute in (10, 35))
    one, other = changes(dev, base, None, 64)
    [found] = find_what_form_brings(dev, base, [(one, chance), (other, better)])
    assert found.severity == "serious"
    first, second = found.tries
    assert (first.gain, second.gain) == pytest.approx((0.30, 0.05))
    assert first.toml == found.do[0]
    assert first.ci95[0] > 0.2
    assert second.p_holm > 0.03  # 5 fixed and none broken: p = 0.031 by itself
    [found] = find_what_form_brings(dev, base, [(one, base), (other, base)])
    assert found.severity == "warning"
    assert found.do == ()


def test_a_prompt_of_ones_own_is_kept_before_the_form_and_is_toml() -> None:
    import tomllib

    dev = arithmetic(0, SMALL)["dev"]
    cut = dev_answers(dev, cut=1, mute=0, wrong=0)
    own = 'You are "Ada".\n\tBe \\ brief.\x7f\x01'
    more, *prompts = changes(dev, cut, own, 64)
    assert tomllib.loads(more.toml) == {"student": {"max_new_tokens": 256}}
    for one in prompts:
        assert tomllib.loads(one.toml)["student"]["system"].startswith(own)
