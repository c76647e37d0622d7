"""What answers with labels and in JSON amount to, beside the share of right ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from errata.agents.marking.json_value import parsed, right_fields
from errata.agents.marking.schema import misfit
from errata.agents.records import (
    Attempt,
    JsonAnswer,
    JsonScores,
    LabelAnswer,
    LabelScore,
    LabelScores,
    Question,
)

NO_LABEL = ""
"""Column of the confusion table for answers in which no label could be read."""


def label_scores(
    questions: Sequence[Question], made: Mapping[str, Sequence[Attempt]]
) -> LabelScores | None:
    """Of the questions that are answered with a label; None where there are none.

    Macro-F1 is the mean of the labels' F1 (Opitz and Burst 2019, arXiv 1911.03347); a label that is
    neither asked for nor said has none. An answer without a label lowers its label's recall. Where
    exams have different labels, all of them count.

    Args:
        made: Question id → its attempts.
    """
    confusion: dict[str, dict[str, int]] = {}
    for question in questions:
        if isinstance(question.answer, LabelAnswer):
            for label in question.answer.labels:
                confusion.setdefault(label, {})
            row = confusion[question.target]
            for attempt in made[question.id]:
                said = NO_LABEL if attempt.answer is None else attempt.answer
                row[said] = row.get(said, 0) + 1
    if not confusion:
        return None
    scores = tuple(
        LabelScore(
            label=label,
            asked=sum(row.values()),
            said=sum(other.get(label, 0) for other in confusion.values()),
            right=row.get(label, 0),
        )
        for label, row in confusion.items()
    )
    return LabelScores(
        macro_f1=fmean(score.f1 for score in scores if score.f1 is not None),
        labels=scores,
        confusion=confusion,
    )


def json_scores(
    questions: Sequence[Question], made: Mapping[str, Sequence[Attempt]]
) -> JsonScores | None:
    """Of the questions that are answered in JSON; None where there are none.

    A field counts as wrong where nothing parses. Where all is right, so is each field.

    Args:
        made: Question id → its attempts.
    """
    asked = parses = fits = 0
    fields: dict[str, list[int]] = {}
    for question in questions:
        answer = question.answer
        if not isinstance(answer, JsonAnswer):
            continue
        wanted = parsed(question.target)
        for attempt in made[question.id]:
            asked += 1
            value = None
            if attempt.answer is not None:
                value = parsed(attempt.answer)
                parses += 1
                fits += not answer.schema_ or misfit(value, answer.schema_) is None
            for path, right in right_fields(value, wanted, answer.fields):
                count = fields.setdefault(path, [0, 0])
                count[0] += right and attempt.answer is not None
                count[1] += 1
    if not asked:
        return None
    named = {path: (right, total) for path, (right, total) in fields.items() if path}
    return JsonScores(asked=asked, parsed=parses, fits=fits, fields=named)
