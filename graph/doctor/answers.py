"""What the base model's dev answers say: are they read, are they cut, is there room to learn."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from errata.agents.exams import plain
from errata.agents.marking.number import read_number
from errata.agents.plain_text import toml_string
from errata.agents.promotion import Compared, flips, tail
from errata.agents.records import Accuracy, Attempt, ChoiceAnswer, NumberAnswer, Question
from errata.agents.scores import groups_of, holm, paired_gain
from errata.graph.doctor.finding import Finding, Severity, Share, Try, plural, said_share, share
from errata.graph.page.advice import UNCLEAR

SOME = 0.02
"""Share of answers that are cut or unread from which that is said."""
MUCH_CUT = 0.1
"""Share of answers that are cut and wrong from which the token limit is mended first."""
NEAR = 0.2
"""Share of wrong answers up to which a base may be at its ceiling; with more, dev is too small."""
FLOOR = 0.05
"""Share of right answers below which a base has hardly a right answer to learn beside."""
LIKELY = 0.05
TRIED = "What other ways to ask bring was tried: see what the form alone brings."

FORMS: dict[str, tuple[str, ...]] = {
    "number": (
        "Solve the problem step by step. Write the final answer alone on the last line: #### and "
        "the number.",
        "Think briefly. End with: The answer is N. N is one number.",
    ),
    "choice": (
        "Think briefly. End with: The answer is X. X is the letter of the right option.",
        "Answer with the letter of the right option and nothing else.",
    ),
    "text": (
        "Think step by step. End with: So the answer is X. X is the answer alone, on the same "
        "line.",
        "Give only the answer, as short as it can be.",
    ),
    "math": (
        r"Solve the problem step by step. Put the final answer in \boxed{}.",
        r"Work briefly, and end with the final answer alone in \boxed{}.",
    ),
    "label": (
        "Choose the one label that fits best. Answer with that label alone.",
        "Think briefly. End with: The answer is X. X is one of the labels.",
    ),
    "json": (
        "Answer with one JSON value of the form that is asked for, and nothing else.",
        "Copy each value from the text. Write valid JSON with all fields, without any explanation.",
    ),
    "code": (
        "Answer with the whole function in one Python code block, and nothing after it.",
        "Write the complete function in a ```python block. No explanation.",
    ),
}
PLAIN = ("Give only the answer, in exactly the form that the question asks for.",)
"""Of any other type."""


@dataclass(frozen=True)
class Change:
    """Another way to ask the base model."""

    what: str
    system: str | None = None
    max_new_tokens: int | None = None

    @property
    def toml(self) -> str:
        if self.max_new_tokens is not None:
            return f"[student]\nmax_new_tokens = {self.max_new_tokens}"
        return f"[student]\nsystem = {toml_string(self.system or '')}"


def changes(
    questions: Sequence[Question],
    answers: Sequence[Attempt],
    system: str | None,
    max_new_tokens: int,
) -> list[Change]:
    """What is worth a try: more tokens where answers are cut, and prompts that state the form."""
    found = []
    if any(attempt.truncated for attempt in answers):
        more = 4 * max_new_tokens
        found.append(Change(f"{more} tokens in place of {max_new_tokens}", max_new_tokens=more))
    [(kind, _)] = Counter(question.answer.type for question in questions).most_common(1)
    for form in FORMS.get(kind, PLAIN):
        whole = form if system is None else f"{system}\n{form}"
        found.append(Change(f"the system prompt {toml_string(form)}", system=whole))
    return found


def find_unread(
    questions: Sequence[Question],
    answers: Sequence[Attempt],
    max_new_tokens: int,
    tried: bool = False,
    model: str = "base model",
) -> Iterator[Finding]:
    """Answers that were cut, that state nothing the marker can read, or that hold the target where
    it does not read.

    Args:
        tried: Whether `find_what_form_brings` says what other ways to ask bring.
        model: Whose answers they are.
    """
    by_id = {question.id: question for question in questions}
    n = len(answers)
    cut = [a for a in answers if a.truncated and not a.correct]
    unread = [a for a in answers if a.answer is None and not a.correct]
    elsewhere, chance, looked = held_elsewhere(questions, answers)
    shares = [
        share("dev answers that were cut and are wrong", len(cut), n),
        share("dev answers in which no answer could be read", len(unread), n),
        share("wrong dev answers that hold the target somewhere", len(elsewhere), looked),
    ]
    excess = len(elsewhere) - chance
    said: list[str] = []
    if shares[0].count >= max(1, SOME * n):
        said.append("are cut by max_new_tokens")
    if shares[1].count >= max(1, SOME * n):
        said.append("state nothing that can be read")
    if looked and excess >= max(2, 0.1 * looked) and shares[2].ci95[0] > chance / looked:
        said.append("hold the target where it is not read")
    if not said:
        return
    severity: Severity = "warning"
    if shares[0].count >= MUCH_CUT * n or shares[1].count > UNCLEAR * n:
        severity = "serious"
    evidence = [f"{said_share(one)} {one.what}" for one in shares[:2] if one.count]
    if looked:
        evidence.append(f"{said_share(shares[2])} {shares[2].what}; by chance {chance}")
    examples = [a for a in (*unread, *cut, *elsewhere) if a.question_id in by_id][:2]
    for attempt in examples:
        end = " ".join(attempt.response.split())[-120:]
        evidence.append(f"{attempt.question_id} ({attempt.why}): … {end}")
    do = [TRIED if tried else "errata doctor … --ask --try"]
    if cut and not tried:
        do.append(f"[student]\nmax_new_tokens = {2 * max_new_tokens}")
    yield Finding(
        name="unread answers",
        severity=severity,
        said=f"Of the {model}'s dev answers, some {' and some '.join(said)}",
        shares=tuple(one for one in shares if one.count),
        evidence=tuple(evidence),
        questions=tuple(dict.fromkeys(a.question_id for a in (*cut, *unread, *elsewhere))),
        do=tuple(do),
    )


def held_elsewhere(
    questions: Sequence[Question], answers: Sequence[Attempt]
) -> tuple[list[Attempt], int, int]:
    """Wrong answers that hold the target; how many hold their neighbour's target, which is chance;
    and how many were looked at. Programs and formulas are not; of a choice the option's text is."""
    made = {attempt.question_id: attempt for attempt in answers}
    kinds: dict[str | None, list[Question]] = defaultdict(list)
    for question in questions:
        wrong = question.id in made and not made[question.id].correct
        if wrong and question.answer.type not in ("code", "math"):
            kinds[question.kind].append(question)
    found, chance, looked = [], 0, 0
    for of_kind in kinds.values():
        for at, question in enumerate(of_kind):
            said = f" {plain(made[question.id].response)} "
            looked += 1
            if f" {sought(question)} " in said:
                found.append(made[question.id])
            neighbour = of_kind[at - 1]
            chance += neighbour is not question and f" {sought(neighbour)} " in said
    return found, chance, looked


def sought(question: Question) -> str:
    if isinstance(question.answer, ChoiceAnswer):
        return plain(question.answer.options.get(question.target, question.target))
    if isinstance(question.answer, NumberAnswer) and (worth := read_number(question.target)):
        return plain(f"{worth.normalize():f}".removeprefix("-"))
    return plain(question.target)


def find_what_form_brings(
    questions: Sequence[Question],
    base: Sequence[Attempt],
    tried: Sequence[tuple[Change, Sequence[Attempt]]],
) -> Iterator[Finding]:
    """The base model asked in other ways, paired with its answers as configured. All tries are
    corrected together (Holm), since the best of several flatters."""
    if not tried:
        return
    counted = [flips(Compared(questions, base, answers)) for _, answers in tried]
    ps = holm([tail(fixed, fixed + broken) for fixed, broken in counted])
    tries = []
    for (change, answers), p in zip(tried, ps, strict=True):
        gain, ci95 = paired_gain(base, answers, groups_of(questions))
        tries.append(
            Try(
                what=change.what,
                toml=change.toml,
                right=sum(attempt.correct for attempt in answers),
                asked=len(answers),
                gain=gain,
                ci95=ci95,
                p_holm=p,
            )
        )
    tries.sort(key=lambda one: -one.gain)
    best = tries[0]
    sure = best.gain > 0 and best.p_holm <= LIKELY
    evidence = tuple(
        f"{100 * one.gain:+.1f} points (95% interval {100 * one.ci95[0]:+.1f} to "
        f"{100 * one.ci95[1]:+.1f}), p = {one.p_holm:.2g}: {one.what}"
        for one in tries
    )
    yield Finding(
        name="what the form alone brings",
        severity="serious" if sure else "warning",
        said=(
            f"{best.what[0].upper()}{best.what[1:]} brings {100 * best.gain:+.1f} points on dev, "
            "without any training"
            if sure
            else "No other way to ask brings more than chance: the form is not what is missing"
        ),
        evidence=evidence,
        tries=tuple(tries),
        do=(best.toml, "Then look again: what is left is what training is for.") if sure else (),
    )


def find_no_room(
    found: Accuracy,
    target: float,
    shown: float | None,
    solutions: bool = False,
    tried: bool = False,
) -> Iterator[Finding]:
    """A base at the ceiling, or below what can be learnt from.

    Args:
        target: Share of right answers that the run is to reach.
        shown: The smallest gain that dev shows 4 times in 5.
        solutions: Whether the strategy trains on practice's own answers, for which the base need
            get none right.
        tried: As of `find_unread`.
    """
    low, high = found.ci95
    right = (
        f"{found.correct} of {found.n} right (95% interval {100 * low:.1f} to {100 * high:.1f}%)"
    )
    one = Share(what="dev questions that the base model gets right", count=found.correct,
                of=found.n, ci95=found.ci95)  # fmt: skip
    room = 1 - found.accuracy
    if low >= target or (shown is not None and room < shown and room <= NEAR):
        why = f"the target is {target:.0%}" if low >= target else (
            f"all that is left is {100 * room:.1f} points, and dev shows gains from "
            f"{100 * (shown or 0):.1f} on"
        )  # fmt: skip
        yield Finding(
            name="base model",
            severity="serious",
            said=f"The base model is at the ceiling: {why}",
            shares=(one,),
            evidence=(right, *weak_kinds(found)),
            do=(
                "Take a harder exam: errata probe CONFIG --out practice.jsonl finds where the base "
                "begins to fail.",
                "Or use the model as it is.",
            ),
        )
    elif high < 2 * FLOOR or found.accuracy < FLOOR:
        look = "See first whether its answers are read at all: errata doctor … --ask --try"
        first = TRIED if tried else look
        if solutions:
            yield Finding(
                name="base model",
                severity="warning",
                said="The base model gets next to nothing right: it has the form to learn as well",
                shares=(one,),
                evidence=(right,),
                do=(first, "The strategy trains on practice's own answers, which show the form."),
            )
            return
        yield Finding(
            name="base model",
            severity="serious",
            said="The base model gets next to nothing right: what it lacks is more than an error",
            shares=(one,),
            evidence=(right,),
            do=(
                first,
                'Begin with the solutions: strategy = "sft+lec"',
                "Or take easier questions first, or a larger model.",
            ),
        )


def weak_kinds(found: Accuracy) -> list[str]:
    weak = [f"{kind} ({r}/{n})" for kind, (r, n) in found.by_kind.items() if 2 * r < n]
    return [f"{plural(len(weak), 'kind')} below half: {', '.join(weak[:8])}"] if weak else []
