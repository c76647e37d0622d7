"""A question's people and things under other names: another story, the same numbers.

Only words that can stand for each other without touching the working: first names of one gender,
and countable things of one sort that imply no number (no week, no dozen, nothing with legs).
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from functools import cache

from errata.agents.records import Question

WORDS = re.compile(r"[^\W\d_]+")

GIRLS = """
Abigail Adriana Agnes Alice Alicia Alison Amanda Amelia Amy Andrea Angela Anita Anna Anne Audrey
Barbara Beatrice Beth Bianca Brenda Bridget Camila Carla Caroline Catherine Cecilia Cindy Claire
Clara Cynthia Deborah Diana Donna Edith Eleanor Elena Elisa Elizabeth Ella Ellen Emily Emma Erica
Esther Eva Evelyn Faye Fiona Gloria Gwen Haley Hannah Heather Helen Ingrid Irene Isabel Isabella
Jane Janet Jennifer Jenny Jessica Jill Joan Julia Julie Karen Kate Katie Kayla Kimberly Laura
Lauren Leah Linda Lisa Liz Lucy Lydia Maggie Mandy Marge Maria Marie Martha Mary Megan Melissa Mia
Michelle Molly Monica Nancy Naomi Natalie Nicole Nina Nora Olga Olivia Paige Pamela Patricia Paula
Rachel Rebecca Renee Rita Ruth Sally Samantha Sandra Sara Sarah Sharon Silvia Sofia Sophia Stella
Susan Tara Teresa Tina Uma Valerie Vanessa Vera Wendy Yvonne Zoe
""".split()
BOYS = """
Aaron Adam Adrian Alan Albert Alexander Alfred Allan Andrew Anthony Arnold Arthur Benjamin Bernard
Bob Bobby Brian Bruce Bryan Calvin Carl Carlos Cody Colin Conor Craig Daniel Danny Dave David
Dennis Derek Diego Donald Douglas Dylan Edgar Eduardo Edward Elijah Eric Ethan Eugene Evan Felix
Fernando Gabriel Gary George Gerald Gordon Gregory Harold Harry Henry Herbert Howard Hugo Ian
Isaac Ivan Jack Jacob Jake James Jason Jeff Jeremy Jerry Jim Joe Joel Joey John Jonathan Joseph
Joshua Juan Julian Justin Keith Kenneth Kevin Kyle Larry Lawrence Leo Leon Leonard Lewis Liam
Louis Lucas Luis Luke Marco Martin Matthew Maxwell Michael Miguel Nathan Nicholas Noah Oliver
Oscar Owen Patrick Paul Pedro Peter Philip Ralph Randy Raymond Richard Ricky Robert Roger Ronald
Roy Ryan Samuel Scott Sean Sebastian Simon Stephen Steven Stuart Ted Theodore Thomas Timothy Tom
Tony Tyler Victor Vincent Walter Warren Wayne William Zachary
""".split()

THINGS = tuple(
    tuple((each.partition("/")[0], each.partition("/")[2] or each + "s") for each in sort.split())
    for sort in (
        """apple banana peach/peaches plum mango/mangoes lemon lime carrot potato/potatoes
        tomato/tomatoes onion cookie cupcake muffin pancake donut bagel pretzel cracker
        sandwich/sandwiches pear apricot avocado cucumber turnip pumpkin melon coconut walnut
        almond brownie waffle biscuit taco burger cake pie egg cherry/cherries
        strawberry/strawberries grape""",
        """marble crayon pencil pen eraser ruler sticker stamp postcard balloon puzzle doll
        kite button bead ribbon badge magnet seashell pebble envelope bottlecap trophy/trophies
        medal candle lantern""",
        """tulip daffodil sunflower lily/lilies orchid daisy/daisies shrub seedling
        cactus/cacti fern""",
        """shirt skirt hat scarf/scarves jacket coat dress/dresses sweater necklace bracelet glove
        apron belt""",
        """novel magazine notebook album comic dictionary/dictionaries newspaper booklet""",
        """basket jar crate tray bucket carton drawer shelf/shelves cabinet bin""",
    )
)
"""(one, many) of things that can stand for each other."""


KINDS = tuple(
    frozenset(words.split())
    for words in (
        "food foods fruit fruits vegetable vegetables snack snacks sweet sweets dessert desserts",
        "toy toys stationery decoration decorations supplies",
        "flower flowers plant plants bouquet bouquets",
        "clothes clothing garment garments jewelry outfit outfits",
        "book books publication publications",
        "container containers furniture",
    )
)
"""Words for each sort as a whole: beside one of them its things keep their names, for `12 of the
30 books are novels` must stay true."""


@cache
def partners() -> dict[str, tuple[int, str]]:
    """Each word that may change → its group and form: no two groups share a word."""
    found: dict[str, tuple[int, str]] = {}
    for group, names in enumerate((GIRLS, BOYS)):
        found.update(dict.fromkeys(names, (group, "name")))
    for group, sort in enumerate(THINGS, start=2):
        for one, many in sort:
            found |= {one: (group, "one"), many: (group, "many")}
    return found


def other_names(text: str, rng: random.Random) -> dict[str, str]:
    """Old word → new, for the names and things of `text` that may be called otherwise.

    A name beside another word with a capital may be a place's; a thing changes only where it
    stands in the plural, as things that are counted do.
    """
    words = set(WORDS.findall(text))
    new: dict[str, str] = {}
    for group, names in enumerate((GIRLS, BOYS)):
        here = sorted(
            word
            for word in words
            if partners().get(word) == (group, "name") and not of_a_place(word, text)
        )
        fresh = [name for name in names if name not in words]
        new.update(zip(here, rng.sample(fresh, len(here)), strict=True))
    lower = {word.lower() for word in words}
    for sort, kind in zip(THINGS, KINDS, strict=True):
        if lower & kind:
            continue
        here_too = sorted(pair for pair in sort if pair[1] in lower)
        others = [pair for pair in sort if not {*pair} & lower]
        if len(others) < len(here_too):
            continue
        for pair, other in zip(here_too, rng.sample(others, len(here_too)), strict=True):
            new.update(zip(pair, other, strict=True))
    return new


def of_a_place(name: str, text: str) -> bool:
    """Whether `name` stands beside another word with a capital, as in `James Cook Road`."""
    return re.search(rf"(?<=[a-z,] )[A-Z]\w* {name}\b|\b{name} [A-Z]", text) is not None


def with_names(question: Question, new: Mapping[str, str]) -> Question:
    """The question and its solution with other words."""
    update = {"prompt": rename(question.prompt, new)}
    if question.solution:
        update["solution"] = rename(question.solution, new)
    return question.model_copy(update=update)


def rename(text: str, new: Mapping[str, str]) -> str:
    """`text` with other words; `a` and `an` before them follow."""

    def other(match: re.Match[str]) -> str:
        article, space, word = match["article"] or "", match["space"] or "", match["word"]
        changed = new.get(known(word))
        if changed is None:
            return match[0]
        changed = (changed[0].upper() if word[0].isupper() else changed[0].lower()) + changed[1:]
        if article:
            article = article[0] + ("n" if changed[0].lower() in "aeiou" else "")
        return article + space + changed

    return ARTICLE_AND_WORD.sub(other, text)


ARTICLE_AND_WORD = re.compile(
    r"(?:\b(?P<article>[Aa]n?)(?P<space> ))?(?<![^\W_])(?P<word>[^\W\d_]+)(?![^\W_])"
)


def names_between(old: str, new: str) -> dict[str, str] | None:
    """The renaming that makes `new` of `old`, numbers aside: {} where no word differs.

    None where more differs than names and things, or where two would become one.
    """
    before, after = WORDS.findall(old), WORDS.findall(new)
    if len(before) != len(after):
        return None
    found: dict[str, str] = {}
    for was, now in zip(before, after, strict=True):
        if was == now or {was.lower(), now.lower()} == {"a", "an"}:
            continue
        was, now = known(was), known(now)
        if partners().get(was) is None or partners().get(was) != partners().get(now):
            return None
        if found.setdefault(was, now) != now:
            return None
    apart = len(set(found.values())) == len(found)
    return found if apart and set(map(known, before)).isdisjoint(found.values()) else None


def known(word: str) -> str:
    """The word as it stands among those that may change; itself where it does not."""
    forms = (word, word.lower(), word.capitalize())
    return next((form for form in forms if form in partners()), word)
