"""What `errata doctor` finds of what is planted in clean sets, and what it finds in clean ones.

    python benchmarks/doctor.py
    python benchmarks/doctor.py --svamp SVAMP.jsonl

Wrong targets, 5% of each set, in four ways: the target alone; the target and the last line of its
working; a whole working that holds together in itself; and a target without any working. Solved
again without an LLM, and by an instructor double that solves 80% or 95% of what it is asked, its
errors spread over a dozen answers (3 votes; each question once, and twice more where the first is
against the target). Then leaks, contradictions, announced targets and cut answers. Nothing here
asks a model; it takes seconds.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from ailing import (
    WRONG,
    Sets,
    SkilledSolver,
    Wrong,
    arithmetic,
    dev_answers,
    with_announced_targets,
    with_contradictions,
    with_leaks,
    with_wrong_targets,
    written,
)

from errata.agents.exams import FileSet
from errata.agents.exams.files import read_questions
from errata.agents.scores import wilson
from errata.graph.doctor.answers import find_unread
from errata.graph.doctor.sets import find_duplicates, find_leaks, find_targets_in_questions
from errata.graph.doctor.targets import Asked, ask_solver, gather

VOTES = 3
SKILLS = (None, 0.80, 0.95)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--svamp", type=Path, help="in errata's own format")
    parser.add_argument("--share", type=float, default=0.05, help="of wrong targets")
    parser.add_argument("--seeds", type=int, default=3, help="of each made exam, taken together")
    given = parser.parse_args()
    seeds = range(given.seeds)
    exams = {
        "arithmetic": [arithmetic(seed) for seed in seeds],
        "word problems": [written("number", seed) for seed in seeds],
        "choice": [written("choice", seed) for seed in seeds],
    }
    if given.svamp is not None:
        exams["SVAMP"] = [svamp(given.svamp)]
    print("wrong targets\n")
    print(f"{'exam':14} {'what is wrong':21} {'solved again by':24} {'found':>24}  false alarms")
    for name, all_sets in exams.items():
        for how in WRONG:
            if name != "choice" or how != "whole working":
                show(name, all_sets, how, given.share)
    print("\nother things planted: found of planted; clean questions named besides, and before")
    for name, all_sets in exams.items():
        others(name, all_sets[0])


def svamp(file: Path) -> Sets:
    questions = read_questions(FileSet(file=file))
    return {"practice": questions[:500], "dev": questions[500:700], "test": questions[700:]}


def show(name: str, all_sets: list[Sets], how: Wrong, share: float) -> None:
    rows = {skill: Row() for skill in SKILLS}
    for seed, sets in enumerate(all_sets):
        planted, ids = with_wrong_targets(sets, how, share, seed)
        gathered = gather(planted)
        for skill, row in rows.items():
            asked = [Asked(each.set, each.question, [*each.votes]) for each in gathered]
            if skill is not None:
                asked = [each for each in asked if each.set != "test"]
                solver = SkilledSolver(sets, skill, seed)
                ask_solver(asked, planted["practice"], solver, VOTES)
                row.calls += len(solver.asked)
            for each in asked:
                wrong = each.question.id in ids
                row.wrong += wrong
                row.found += wrong and each.suspect
                row.clean += not wrong
                row.alarms += not wrong and each.suspect
    for skill, row in rows.items():
        who = "no LLM" if skill is None else f"{skill:.0%} LLM, practice+dev"
        low, high = wilson(row.found, row.wrong)
        alarms = wilson(row.alarms, row.clean)
        found = f"{row.found} of {row.wrong} ({low:.0%} to {high:.0%})"
        print(
            f"{name:14} {how:21} {who:24} {found:>24}  {row.alarms} of {row.clean} "
            f"({alarms[0]:.1%} to {alarms[1]:.1%})"
            + (f", {row.calls / (row.wrong + row.clean):.2f} calls a question" if skill else "")
        )


@dataclass
class Row:
    wrong: int = 0
    found: int = 0
    clean: int = 0
    alarms: int = 0
    calls: int = 0


def others(name: str, sets: Sets) -> None:
    before = {f"leaks, {kind}": leaked(sets) for kind in ("equal", "near", "words")}
    before |= {"two targets": named(find_duplicates(sets))}
    before |= {"target announced": named(find_targets_in_questions(sets))}
    rows = {}
    for kind in ("equal", "near", "words"):
        made = with_leaks(sets, kind, 10)
        rows[f"leaks, {kind}"] = (made.ids, leaked(made.sets))
    made = with_contradictions(sets, 10)
    rows["two targets"] = (made.ids, named(find_duplicates(made.sets)))
    made = with_announced_targets(sets, 10)
    rows["target announced"] = (made.ids, named(find_targets_in_questions(made.sets)))
    for what, (planted, found) in rows.items():
        more = len(found - planted)
        own = len(before[what])
        counted = f"{len(planted & found):3} of {len(planted):3}"
        print(f"{name:14} {what:18} {counted}; {more} (partners of leaks counted), {own}")
    questions = sets["dev"]
    answers = dev_answers(questions, cut=20, mute=10, wrong=15)
    found = named(find_unread(questions, answers, 64))
    planted = {q.id for q in questions[:30]}
    print(
        f"{name:14} {'cut or unread':18} {len(planted & found):3} of {len(planted):3}; "
        f"{len(found - planted)}"
    )


def leaked(sets: Sets) -> set[str]:
    return named(find_leaks(sets))


def named(findings: object) -> set[str]:
    return {id for finding in findings for id in finding.questions}  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
