"""What the LLMs of a run may take, said before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from errata.agents.chat_models import LlmSettings
from errata.agents.chat_models.ledger import Prices, Usage, estimate
from errata.agents.contrast_analyst import BLOCK, told_apart
from errata.agents.data_writer import LARGEST_ASK, Ask, Diagnosed, Lesson
from errata.agents.embeddings import StoredEmbeddings
from errata.agents.llm import LlmInstructor, LlmSolver, LlmWriter
from errata.agents.llm.paper import PaperInstructor
from errata.agents.records import Attempt, Diagnosis, Mistake, Picked, Question, Solved
from errata.agents.scores import tally
from errata.agents.verifier import Problem
from errata.graph.agents import Agents
from errata.graph.config import RunConfig
from errata.graph.costs import CONTRAST, INSTRUCTOR, VERIFIER, WRITER, Estimate, EstimateRow

DIAGNOSIS_TOKENS, EXAMPLE_TOKENS, SOLUTION_TOKENS = 250, 200, 150
"""Typical of a model that does not think first."""
RESPONSE_CHARACTERS = 400  # of a student, where no solution says how long they get
SAMPLE = 40  # questions whose prompts are rendered; the others are taken to be as long


def estimate_run(
    config: RunConfig, agents: Agents, practice: Sequence[Question]
) -> Estimate | None:
    """An estimate that takes every practice question to be missed in every round, and every
    example to be accepted at once; None where no LLM is asked."""
    way = config.way
    sample = practice[:: -(-len(practice) // SAMPLE)]
    mistakes = mistakes_at(config, sample)
    rounds = config.rounds
    quotas = config.examples.quotas(tally(question.exam or "" for question in practice))
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
    return Estimate(rows=tuple(rows)) if rows else None


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
