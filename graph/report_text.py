"""report.md: a report as a page of plain text, to be pasted into a ticket."""

from __future__ import annotations

from collections.abc import Iterator

from errata.agents.plain_text import one_line
from errata.agents.records import Accuracy
from errata.graph.judging import told
from errata.graph.report import Gain, Report, TestReport

STATUS = {
    "target reached": "the target was reached on dev",
    "target not proven": "the target was reached on dev, but not by the whole interval",
    "round budget spent": "all its rounds were used",
    "budget spent": "its budget of tokens or money was spent",
    "no promotion": "no candidate was better for as many rounds as were allowed",
    "out of time": "its hours were used",
    "no mistakes left": "no practice question was answered wrongly any more",
    "nothing new to learn": "another round would have brought nothing new",
    "no examples accepted": "no example passed the checks",
    "rejected": "a person rejected the examples",
}
MOST = 12
"""Kinds that are listed by name."""
HALF = 0.5


def page_of(report: Report) -> str:
    """The whole page, in Markdown that reads as plain text too; each figure is the report's."""
    parts = [
        (f"# {name(report.name)}: {name(report.status)}", ()),
        ("## What was asked", asked(report)),
        ("## What changed", changed(report)),
        ("## What got worse", worse(report)),
        ("## What was spent", spent(report)),
        ("## What it is not good for", limits(report)),
    ]
    return (
        "\n\n".join("\n".join([title, *(f"- {line}" for line in lines)]) for title, lines in parts)
        + "\n"
    )


def asked(report: Report) -> Iterator[str]:
    exams = ", ".join(map(name, report.model.exams))
    yield f"To make {name(report.model.base)} better at {exams}."
    yield f"Way to learn: {name(report.strategy)}."
    if report.model.system is not None:
        yield f"System prompt: {name(report.model.system)}"
    yield f"Target: {report.target_accuracy:.0%} right on dev."
    rounds = len(report.rounds) - 1
    why = STATUS.get(report.status, name(report.status))
    yield f"It stopped after {counted(rounds, 'round')}, because {why}."


def changed(report: Report) -> Iterator[str]:
    test = report.test
    yield f"Sealed test, {counted(test.final.n, 'question')} that nothing was learnt from."
    yield f"Before: {share(test.base)}."
    yield f"After: {share(test.final)}."
    sure = test.gain.ci95[0] > 0 or test.gain.ci95[1] < 0
    yield f"Gain: {points(test.gain)}, paired{'' if sure else '; may be chance'}."
    yield from shared_with_practice(test)
    for exam in report.exams:
        where = "" if exam.in_domain else " (out of domain)"
        yield (
            f"{name(exam.exam)}{where}, {counted(exam.n, 'question')}: {exam.base:.1%} before, "
            f"{exam.final:.1%} after, {points(exam.gain)}."
        )
    yield from by_answer_type(test.base, test.final)
    for model in report.rounds[1:]:
        if model.promotion is not None and model.dev is not None:
            yield (
                f"Round {model.index}: {share(model.dev)} on dev; {name(model.promotion.verdict)}: "
                f"{name(model.promotion.why)}."
            )
    if report.model.adapter is None:
        yield "There is no adapter that is better; the model to use is the one it began with."
    else:
        yield f"The adapter of round {report.best_round}: {name(report.model.adapter)}"


def shared_with_practice(test: TestReport) -> Iterator[str]:
    """What to know where many test questions share a story with practice."""
    if not test.shares_many:
        return
    left = "No others are left to judge by"
    if (found := test.apart) is not None:
        left = (
            f"On the {counted(found.n, 'question')} that do not: {found.base:.1%} before, "
            f"{found.final:.1%} after, {points(found.gain)}"
        )
    yield (
        f"{test.shared} of the {test.final.n} test questions share thirteen words in a row with "
        f"practice. {left}."
    )


def by_answer_type(base: Accuracy, final: Accuracy) -> Iterator[str]:
    """What accuracy does not say of labels and of JSON."""
    if final.labels is not None and base.labels is not None:
        was = {score.label: score for score in base.labels.labels}
        before, after = base.labels.macro_f1, final.labels.macro_f1
        yield f"Macro-F1 of the labels: {before:.3f} before, {after:.3f} after."
        scores = sorted(final.labels.labels, key=lambda score: -score.asked)
        for score in scores[:MOST]:
            yield (
                f"{name(score.label)}, {counted(score.asked, 'question')}: precision "
                f"{known(was[score.label].precision)} before, {known(score.precision)} after; "
                f"recall {known(was[score.label].recall)} before, {known(score.recall)} after."
            )
        if len(scores) > MOST:
            yield f"And {len(scores) - MOST} more labels; report.json has them."
        confused = sorted(
            (-count, label, said)
            for label, row in final.labels.confusion.items()
            for said, count in row.items()
            if said != label
        )
        for count, label, said in confused[:MOST]:
            answer = f"answered with {name(said)}" if said else "answered with no label"
            yield f"{name(label)} {answer} after: {-count}."
        if len(confused) > MOST:
            yield f"And {len(confused) - MOST} rarer confusions; report.json has them."
    if final.json_values is not None and base.json_values is not None:
        old, new = base.json_values, final.json_values
        yield f"Answers that parse as JSON: {old.parsed} of {old.asked} before, {new.parsed} after."
        if new.fits != new.parsed or old.fits != old.parsed:
            yield f"Answers that fit the schema: {old.fits} before, {new.fits} after."
        for path, (right, asked_) in list(new.fields.items())[:MOST]:
            yield (
                f"Field {name(path)}: {old.fields[path][0]} of {asked_} right before, "
                f"{right} after."
            )
        if len(new.fields) > MOST:
            yield f"And {len(new.fields) - MOST} more fields; report.json has them."


def known(found: float | None) -> str:
    return "unknown" if found is None else f"{found:.0%}"


def worse(report: Report) -> Iterator[str]:
    """What has fewer right answers than before; chance is among the reasons."""
    found = []
    for kind in reversed(report.test.kinds(len(report.test.final.by_kind))):
        if kind.after < kind.before:
            after = f"{kind.after} of {kind.asked} right after"
            found.append(f"{name(kind.kind)}: {after}, {kind.before} before.")
    for exam in report.exams:
        if exam.final < exam.base:
            found.append(f"{name(exam.exam)}: {points(exam.gain)}.")
    yield from found[:MOST]
    if len(found) > MOST:
        yield f"And {len(found) - MOST} more; report.json has them."
    for twisted in report.twisted:
        for fall in twisted.falls:
            if fall.model == "best" and fall.difference.accuracy < 0:
                yield (
                    f"With the twist {name(twisted.twist)} the best model falls from "
                    f"{fall.plain:.1%} to {fall.twisted:.1%}, {points(fall.difference)}."
                )
    if found:
        yield "A kind with few questions loses some by chance."
    elif report.best_round == 0:
        yield "Nothing: the model is the one that the run began with."
    else:
        yield "Nothing that was measured: no kind of question and no exam has fewer right answers."


def spent(report: Report) -> Iterator[str]:
    yield f"Time: {duration(report.seconds)} of finished steps."
    written = sum(model.examples.accepted for model in report.rounds)
    refused = sum(sum(model.examples.rejected.values()) for model in report.rounds)
    yield f"Examples: {written} accepted, {refused} refused by the checks."
    for model in report.rounds:
        if said := model.reviewed:
            yield (
                f"Round {model.index}, reviewed by {name(said.by)}: "
                f"{counted(said.accepted, 'example')} accepted, {said.edited} edited, "
                f"{said.rejected} rejected."
            )
    if report.cost is None:
        yield "No LLM was asked."
        return
    total = report.cost.total
    yield f"Calls to LLMs: {total.calls}, and {total.cached} replies from the cache."
    tokens = ("unknown" if n is None else f"{n}" for n in (total.tokens_in, total.tokens_out))
    yield "Tokens: {} in, {} out.".format(*tokens)
    if total.money is None or report.cost.currency is None:
        yield "Money: unknown, since no prices were given."
    else:
        yield f"Money: {total.money:.2f} {name(report.cost.currency)}."


def limits(report: Report) -> Iterator[str]:
    final, gain = report.test.final, report.test.gain
    yield f"Anything but questions like these {final.n}: it was measured on nothing else."
    for judge in report.judges:
        for line in told(judge):
            yield f"A second opinion: {name(line)}."
    if report.best_round and gain.ci95[0] <= 0:
        yield "A claim that it is better: the interval of the gain reaches below 0."
    weak = [k for k in report.test.kinds(len(final.by_kind)) if k.after < HALF * k.asked]
    if weak:
        named = ", ".join(f"{name(k.kind)} ({k.after} of {k.asked})" for k in weak[:MOST])
        more = f", and {len(weak) - MOST} more" if len(weak) > MOST else ""
        yield f"Kinds of which less than half is right: {named}{more}."
    elif not final.by_kind and final.accuracy < HALF:
        yield "Use without a check of each answer: less than half is right."
    if final.unclear:
        yield f"Programs that read its answers: in {final.unclear} of {final.n} none can be read."
    if report.best_round and report.out_of_domain is None:
        yield "Other tasks: what it may have forgotten of them was not measured."
    for reading in report.readings:
        if reading.earlier:
            yield (
                f"A fresh look: {reading.earlier} had read the set "
                f"{name(reading.set)} before, and each that was chosen by it flatters the next."
            )
    if corrected := ", ".join(f"{count} in {name(one)}" for one, count in report.corrected.items()):
        yield f"Figures of the files as they are: questions were corrected, {corrected}."
    yield "New facts: it practised skills."


def share(found: Accuracy) -> str:
    low, high = found.ci95
    return f"{found.accuracy:.1%} right (95% interval {100 * low:.1f} to {100 * high:.1f}%)"


def points(gain: Gain) -> str:
    low, high = (100 * bound for bound in gain.ci95)
    return f"{100 * gain.accuracy:+.1f} points (95% interval {low:+.1f} to {high:+.1f})"


def counted(number: int, noun: str) -> str:
    return f"{number} {noun if number == 1 else f'{noun}s'}"


def duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02} min"


def name(said: str) -> str:
    """Whatever an exam or a configuration calls something, on one line."""
    return one_line(said)
