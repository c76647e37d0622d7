"""What the LLMs of a run may take, said before it begins."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from statistics import fmean

from errata.agents.calibration import read_labelled
from errata.agents.chat_models import LlmSettings
from errata.agents.chat_models.ledger import Prices, Usage, estimate
from errata.agents.contrast_analyst import BLOCK, told_apart
from errata.agents.data_writer import LARGEST_ASK, Ask, Diagnosed, Lesson
from errata.agents.embeddings import StoredEmbeddings
from errata.agents.exams.several import RunExams
from errata.agents.llm import LlmInstructor, LlmPromptWriter, LlmSolver, LlmWriter
from errata.agents.llm.judge import LlmJudge
from errata.agents.llm.paper import PaperInstructor
from errata.agents.marking.judged import Judges
from errata.agents.records import (
    Attempt,
    Diagnosis,
    JudgedAnswer,
    Mistake,
    Picked,
    Question,
    Solved,
)
from errata.agents.scores import tally
from errata.agents.system_prompts import PromptWriter
from errata.agents.verifier import Problem
from errata.graph.agents import Agents
from errata.graph.config import RunConfig
from errata.graph.costs import CONTRAST, INSTRUCTOR, JUDGE, VERIFIER, WRITER, Estimate, EstimateRow
from errata.graph.judging import warnings_of
from errata.graph.run_folder import SEALED

DIAGNOSIS_TOKENS, EXAMPLE_TOKENS, SOLUTION_TOKENS = 250, 200, 150
PROMPT_TOKENS, VERDICT_TOKENS = 150, 60
"""Typical of a model that does not think first."""
RESPONSE_CHARACTERS = 400  # of a student, where no solution says how long they get
SAMPLE = 40  # questions whose prompts are rendered; the others are taken to be as long


def estimate_run(
    config: RunConfig,
    agents: Agents,
    practice: Sequence[Question],
    exams: RunExams | None = None,
    judged: Collection[str] | None = None,
) -> Estimate | None:
    """An estimate that takes every practice question to be missed in every round, and every
    example to be accepted at once; None where no LLM is asked.

    Args:
        exams: All questions, of which a judge is asked; none where not said.
        judged: Sets whose answers by the base model are judged already, and by judges that are
            calibrated; None: neither is.

    Raises:
        ExamError: The answers that a judge is calibrated by cannot be read.
    """
    way = config.way
    sample = practice[:: -(-len(practice) // SAMPLE)]
    mistakes = mistakes_at(config, sample)
    rounds = config.rounds
    quotas = config.examples.quotas(
        tally(question.exam or "" for question in practice), config.per_round(len(practice))
    )
    quota = sum(quotas.values())
    rows: list[EstimateRow] = []
    if "contrast" in way.steps and isinstance(agents.embeddings, StoredEmbeddings):
        tokens = sum(map(estimate, told_apart(practice)))  # each text once
        rows.append(
            EstimateRow(
                agent=CONTRAST,
                model=agents.embeddings.name,
                calls=-(-len(practice) // BLOCK),
                tokens_in=tokens,
                tokens_out=0,
                money=None,
            )
        )
    if isinstance(agents.instructor, LlmInstructor) and isinstance(config.instructor, LlmSettings):
        prompts = [size(agents.instructor.messages(mistake)) for mistake in mistakes]
        looks = len(mistakes) // len(sample)  # at each mistake
        reply = DIAGNOSIS_TOKENS
        if isinstance(agents.instructor, PaperInstructor):  # it writes in the same call
            reply += agents.instructor.count * EXAMPLE_TOKENS
        calls = rounds * looks * len(practice)
        rows.append(row(INSTRUCTOR, config.instructor, calls, prompts, reply))
    llm = config.writer or config.instructor
    if isinstance(agents.writer, LlmWriter) and isinstance(llm, LlmSettings):
        even = -(-quota // len(practice))
        most = max(1, min(LARGEST_ASK, quota))
        each = min(most, max(even, agents.writer.examples_per_ask))  # examples in a call
        lessons: list[Lesson] = [Picked(id=question.id, question=question) for question in sample]
        if "diagnose" in way.steps:
            lessons = [Diagnosed(mistake, diagnosis_of(mistake)) for mistake in mistakes]
        prompts = [
            size(agents.writer.messages([Ask(lesson, each, config.seed)])) for lesson in lessons
        ]
        calls = rounds * -(-quota // each)
        rows.append(row(WRITER, llm, calls, prompts, each * EXAMPLE_TOKENS))
    solver = agents.llms.solver
    if "write" in way.steps and isinstance(solver, LlmSolver) and config.solver is not None:
        prompts = [size(solver.messages(problem_of(question))) for question in sample]
        calls = rounds * quota * config.verify.votes
        rows.append(row(VERIFIER, config.solver, calls, prompts, SOLUTION_TOKENS))
    warnings: tuple[str, ...] = ()
    if (
        exams is not None
        and (verdicts := judge_row(config, agents, exams, quota, judged)) is not None
    ):
        rows.append(verdicts)
        warnings = tuple(line for lines in warnings_of(config).values() for line in lines)
    return Estimate(rows=tuple(rows), warnings=warnings) if rows else None


def judge_row(
    config: RunConfig,
    agents: Agents,
    exams: RunExams,
    quota: int,
    done: Collection[str] | None,
) -> EstimateRow | None:
    """What the judges may take: their calibration, every exam of every round with each candidate
    promoted, each example, and each solution that is trained on; None where there is none.

    Args:
        quota: Examples of a round.
        done: As `judged` of `estimate_run`.
    """
    rounds, steps = config.rounds, config.way.steps
    calls = labels_judged(config) if done is None else 0
    candidates = dict.fromkeys(SEALED, 1) | {"practice": config.practice_exams - 1}
    for name, questions in exams.sets().items():
        times = candidates.get(name, rounds) + (name not in (done or ()))
        calls += max(0, times) * len(judged_in(questions))
    judged = judged_in(exams.practice)
    if judged:
        written = quota * len(judged) // len(exams.practice) if "write" in steps else 0
        sampling = config.examples.sampling(config.seed)
        calls += rounds * written * (1 + (sampling.answers if sampling else 0))
        calls += len(judged) if "write" not in steps else 0  # the questions' own solutions
    asked = [question for questions in exams.sets().values() for question in questions]
    return judging(config, agents.llms.judges, asked, calls)


def judging(
    config: RunConfig, judges: Judges, questions: Sequence[Question], calls: int
) -> EstimateRow | None:
    """What so many verdicts on answers to these questions may take; None where no LLM judges."""
    judge = next((judge for judge in judges.values() if isinstance(judge, LlmJudge)), None)
    asked = judged_in(questions)
    if judge is None or not asked or not calls:
        return None
    sample = asked[:: -(-len(asked) // SAMPLE)]
    prompts = [size(judge.messages(question, attempt_at(question).response)) for question in sample]
    return row(JUDGE, config.judged_exams[0][1], calls, prompts, VERDICT_TOKENS)


def judged_in(questions: Iterable[Question]) -> list[Question]:
    return [question for question in questions if isinstance(question.answer, JudgedAnswer)]


def labels_judged(config: RunConfig) -> int:
    """Verdicts that the judges are calibrated by.

    Raises:
        ExamError: The answers that a person labelled cannot be read.
    """
    return sum(
        3 * len(read_labelled(judge.labelled))
        for _, judge in config.judged_exams
        if judge.calibrated and judge.labelled is not None
    )


def estimate_proposals(
    config: RunConfig, writer: PromptWriter, shown: Sequence[Question]
) -> EstimateRow | None:
    """Of the one call that asks for system prompts, with each of `shown` missed; None where no LLM
    is asked."""
    if not isinstance(writer, LlmPromptWriter) or not isinstance(config.instructor, LlmSettings):
        return None
    mistakes = mistakes_at(config, shown)
    asked = writer.messages(mistakes, config.prompts, config.student.system, config.seed)
    reply = config.prompts * PROMPT_TOKENS
    return row(INSTRUCTOR, config.instructor, 1, [size(asked)], reply)


def row(
    agent: str, llm: LlmSettings, calls: int, prompts: Sequence[int], reply: int
) -> EstimateRow:
    """`prompts`, `reply`: tokens."""
    tokens_in = round(calls * fmean(prompts))
    tokens_out = calls * min(reply, llm.max_tokens or reply)
    return EstimateRow(
        agent=agent,
        model=llm.model,
        calls=calls,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        money=money(llm.prices, tokens_in, tokens_out),
    )


def money(prices: Prices | None, tokens_in: int, tokens_out: int) -> float | None:
    if prices is None:
        return None
    return prices.cost(Usage(tokens_in=tokens_in, tokens_out=tokens_out))


def size(messages: Sequence[tuple[str, str]]) -> int:
    """In tokens."""
    return sum(estimate(text) for _, text in messages)


def mistakes_at(config: RunConfig, questions: Sequence[Question]) -> list[Mistake]:
    """What the instructor would see if each were missed beside some that were not."""
    near = [Solved(question=q, attempt=attempt_at(q), similarity=0) for q in questions]
    alone = [
        Mistake(id=question.id, question=question, attempt=attempt_at(question))
        for question in questions
    ]
    if "contrast" not in config.way.steps:
        return alone
    beside = [
        mistake.model_copy(update={"contrast": tuple((near[at:] + near[:at])[: config.contrast.k])})
        for at, mistake in enumerate(alone)
    ]
    return config.way.shown(alone, beside)


def attempt_at(question: Question) -> Attempt:
    return Attempt(
        id=question.id,
        question_id=question.id,
        response=question.solution or "." * RESPONSE_CHARACTERS,
        answer=None,
        correct=False,
        why="",
        tokens=0,
        truncated=False,
    )


def problem_of(question: Question) -> Problem:
    """One as long as the practice question."""
    return Problem(question, question.id, question.prompt, question.answer, 0)


def diagnosis_of(mistake: Mistake) -> Diagnosis:
    """One as long as they get."""
    return Diagnosis(
        id=mistake.id,
        mistake_id=mistake.id,
        question_id=mistake.question.id,
        cause="." * 40,
        explanation="." * 300,
        missing_skill="." * 100,
        advice="." * 200,
    )
