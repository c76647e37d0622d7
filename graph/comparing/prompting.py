"""The arm `prompt`: a better system prompt in place of a training, chosen on dev.

    arms/prompt-SEED/
      exam/                   the comparison's questions
      prompts.json            what the instructor proposed, from practice mistakes alone
      candidates/N/dev.jsonl  the answers to dev under each of them
      choice.json             which has the most right answers there, and whether that is proof
      round-00/, final/       the answers under the chosen one; an arm `prompt+WAY` begins with them

All candidates are there before the first is asked dev. So the chosen one is proven better where its
test holds at the level of one of as many rounds as there are candidates (docs/promotion.md).
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from errata.agents.chat_models.ledger import Ledger
from errata.agents.errors import BudgetSpent
from errata.agents.jsonl import part_of, read_record, write_record
from errata.agents.promotion import Compared, Guard, Promotion, exam_guards, judge, practice_guards
from errata.agents.records import Attempt, Question, Record
from errata.agents.stratified import stratified
from errata.agents.student import Under
from errata.agents.system_prompts import PromptChecker, RefusedPrompt
from errata.agents.ways.le import mistakes_of
from errata.agents.weights.models import special_tokens
from errata.graph.agents import open_prompt_writer
from errata.graph.config import RunConfig
from errata.graph.context import Context, held_out_in
from errata.graph.costs import Cost, EstimateRow, cost_of, costs_log, prices_of
from errata.graph.estimate import estimate_proposals, judged_in
from errata.graph.nodes import practised, run_exam
from errata.graph.run_folder import CALIBRATION, HELD_OUT, SEALED, RunFolder, StepTime
from errata.graph.trace import Trace

SHOWN = 12
"""Mistakes that an LLM sees, at most."""


class Proposed(Record):
    """prompts.json"""

    made_by: str
    """The instructor."""
    prompts: tuple[str, ...]
    """Those that passed the checks."""
    refused: tuple[RefusedPrompt, ...]
    why: str = ""
    """Why there are none, where it was not asked or did not answer."""


class TriedPrompt(Record):
    """A system prompt, and what it brought on dev."""

    text: str
    right: int
    asked: int


class PromptChoice(Record):
    """choice.json: the system prompts of one seed, and the one that was chosen on dev."""

    seed: int
    """1 is the configuration's own."""
    made_by: str
    """The instructor."""
    own: TriedPrompt
    """The student's own system prompt; the text is empty where its model has its own."""
    tried: tuple[TriedPrompt, ...]
    refused: tuple[RefusedPrompt, ...]
    """Proposed, and not tried."""
    why: str
    """Why none was proposed; empty where some were."""
    chosen: int | None
    """Of those tried, the one with the most right answers, the first of equals; None where none
    has more than the student's own. On these questions it flatters: it was chosen on them."""
    promotion: Promotion | None
    """Whether the chosen one is proven better, with as many looks at dev as prompts were tried."""

    @property
    def system(self) -> str | None:
        """The chosen prompt; None: the student keeps its own."""
        return None if self.chosen is None else self.tried[self.chosen].text

    @property
    def proven(self) -> bool:
        return self.promotion is not None and self.promotion.promoted

    @property
    def status(self) -> str:
        """How it ended, in a few words."""
        if self.chosen is None:
            return "no better prompt" if self.tried else "no prompt to try"
        return "better prompt" if self.proven else "prompt not proven better"


def prompt_settings(config: RunConfig) -> RunConfig:
    """The configuration as the arm takes it: its instructor is asked, whatever else is done."""
    update = {"strategy": "le", "writer": None, "verify": type(config.verify)()}
    return config.model_copy(update=update)


def stage_at(comparison: RunFolder, seed: int) -> RunFolder:
    return RunFolder(comparison.path / "arms" / f"prompt-{seed}")


def choice_in(stage: RunFolder) -> PromptChoice | None:
    """None where nothing is chosen yet."""
    path = stage.path / "choice.json"
    return read_record(path, PromptChoice) if path.exists() else None


def improve_prompt(seed: int, config: RunConfig, comparison: Context) -> PromptChoice:
    """The prompt that is chosen for a seed, as far as it is not chosen yet.

    Args:
        config: Of an arm with this seed.
        comparison: Holds the questions, and the base model's answers to practice and dev.

    Raises:
        ErrataError: A step failed; called again it goes on where it was.
    """
    stage = stage_at(comparison.folder, seed)
    if not stage.path.exists():
        stage.create(lambda scratch: copy_questions(comparison.folder, scratch))
    stage.manifest.verify()
    stage.manifest.record_finished()  # a kill may have come before it
    if (choice := choice_in(stage)) is not None:
        return choice
    trace = Trace(stage.path / "trace.jsonl")
    proposed = propose(config, stage, trace, comparison)
    under = [within(comparison, stage, trace, text) for text in proposed.prompts]
    for at, context in enumerate(under):
        title = f"system prompt {at + 1} of {len(under)}: dev exam"
        sit("dev", candidate_dev(stage, at), "dev-0", title, context)
    dev = stage.questions("dev")
    own = tried(config.student.system or "", dev, comparison.attempts(0, "dev"))
    found = [
        tried(text, dev, stage.attempts(candidate_dev(stage, at)))
        for at, text in enumerate(proposed.prompts)
    ]
    chosen, promotion = None, None
    if found and (most := max(each.right for each in found)) > own.right:
        chosen = [each.right for each in found].index(most)
        put(candidate_dev(stage, chosen), stage.round(0) / "dev.jsonl")
        stage.manifest.record_finished()
        promotion = decide_on(under[chosen], len(found), config, comparison)
    choice = PromptChoice(
        seed=seed,
        made_by=proposed.made_by,
        own=own,
        tried=tuple(found),
        refused=proposed.refused,
        why=proposed.why,
        chosen=chosen,
        promotion=promotion,
    )
    write_record(stage.path / "choice.json", choice)
    stage.manifest.record_finished()
    told = f"{len(found)} tried on dev, {choice.status}"
    told += f": {promotion.why}" if promotion else f"; {proposed.why}" if proposed.why else ""
    comparison.watcher.say(f"system prompts: {told}")
    return choice


def copy_questions(comparison: RunFolder, to: RunFolder) -> None:
    records = (comparison.not_counted.path, comparison.corrections, comparison.path / CALIBRATION)
    comparison.copy_files((*comparison.path.glob("exam/*.jsonl"), *records), to)


def propose(config: RunConfig, stage: RunFolder, trace: Trace, comparison: Context) -> Proposed:
    """The checked candidates: prompts.json, so that nobody is asked twice."""
    path = stage.path / "prompts.json"
    if path.exists():
        return read_record(path, Proposed)
    began = time.monotonic()
    mistakes = mistakes_of(practised({"best_round": 0}, comparison), 1)
    free = [mistake for mistake in mistakes if not mistake.question.has_system]
    shown = stratified(free, SHOWN, config.seed)
    held_out = [question for name in HELD_OUT for question in stage.questions(name)]
    system = config.student.system
    checker = PromptChecker(
        held_out_in(stage),
        held_out,
        stage.questions("practice"),
        special_tokens(config.student.model),
        system,
    )
    why, texts = "", list[str]()
    costs = costs_log(stage)
    ledger = Ledger(prices_of(prompt_settings(config)), config.budget, costs.read(), costs.add)
    writer = open_prompt_writer(config, stage.path, trace.tell_call, ledger)
    comparison.watcher.progress("system prompts", 0, config.prompts)
    if not mistakes:
        why = "the student made no mistake in practice"
    elif not shown or all(question.has_system for question in stage.questions("dev")):
        why = "the questions bring system messages of their own, which no other one replaces"
    else:
        try:
            texts = writer.propose(shown, config.prompts, system, config.seed)
        except BudgetSpent as spent:
            why = str(spent)
        else:
            why = "" if texts else "the instructor's reply could not be used"
    kept: list[str] = []
    refused: list[RefusedPrompt] = []
    for text in texts:
        reason = checker.refuse(text)
        if reason is None:
            kept.append(text)
        else:
            refused.append(RefusedPrompt(text=text, reason=reason))
    comparison.agents.llms.close()
    made_by = config.instructor.model
    found = Proposed(made_by=made_by, prompts=tuple(kept), refused=tuple(refused), why=why)
    write_record(path, found)
    stage.manifest.record_finished()
    note_time("propose", began, stage)
    return found


def within(comparison: Context, stage: RunFolder, trace: Trace, system: str) -> Context:
    """The student under a system prompt, its answers in the stage's folder."""
    agents = replace(comparison.agents, student=Under(comparison.agents.student, system))
    return replace(comparison, folder=stage, trace=trace, agents=agents)


def candidate_dev(stage: RunFolder, at: int) -> Path:
    return stage.path / "candidates" / f"{at + 1}" / "dev.jsonl"


def sit(name: str, path: Path, exam_id: str, title: str, context: Context) -> list[Attempt]:
    """An exam that is taken once. Its ids are those of a run that begins with the prompt."""
    if not path.exists():
        began = time.monotonic()
        run_exam(0, name, path, exam_id, title, context)
        note_time(exam_id, began, context.folder)
        context.folder.manifest.add([path])
    return context.folder.attempts(path)


def note_time(step: str, began: float, stage: RunFolder) -> None:
    seconds = round(time.monotonic() - began, 2)
    stage.step_times.add(StepTime(round=0, step=step, seconds=seconds))


def tried(text: str, dev: Sequence[Question], attempts: Sequence[Attempt]) -> TriedPrompt:
    right = {attempt.question_id for attempt in attempts if attempt.correct}
    return TriedPrompt(text=text, right=sum(q.id in right for q in dev), asked=len(dev))


def put(path: Path, to: Path) -> None:
    """A copy: whole, or not there."""
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, part_of(to))
    part_of(to).replace(to)


def decide_on(context: Context, looks: int, config: RunConfig, comparison: Context) -> Promotion:
    """Whether the chosen prompt is better and loses no guard, as a run's candidate would be."""
    stage = context.folder

    def compared(name: str) -> Compared:
        path = stage.round(0) / f"{name}.jsonl"
        title = f"the chosen system prompt: {name} exam"
        answers = sit(name, path, f"{name}-0", title, context)
        return Compared(stage.questions(name), comparison.attempts(0, name), answers)

    def guards() -> list[Guard]:
        found = practice_guards(compared("practice")) if config.stop.guard_practice else []
        return [*found, *(exam_guards(compared("guard")) if config.guard else ())]

    return judge(compared("dev"), (), looks, config.stop.gate, guards)


def sit_sealed(choice: PromptChoice, comparison: Context) -> None:
    """The sealed exams under the chosen prompt, once."""
    if choice.system is None:
        return
    stage = stage_at(comparison.folder, choice.seed)
    context = within(comparison, stage, Trace(stage.path / "trace.jsonl"), choice.system)
    for name in SEALED:
        if stage.exam(name).exists():
            title = f"the chosen system prompt: {name} exam"
            sit(name, stage.final_exam(name, "base"), f"{name}-base", title, context)


def has_sat(choice: PromptChoice, stage: RunFolder) -> bool:
    """Whether nothing is left of an arm that is no more than the prompt."""
    sealed = [name for name in SEALED if stage.exam(name).exists()]
    answers = [stage.final_exam(name, "base").exists() for name in sealed]
    return choice.system is None or all(answers)


def cost_of_prompts(stage: RunFolder, config: RunConfig) -> Cost | None:
    """None where no LLM was asked."""
    return cost_of(stage, prompt_settings(config))


def estimate_prompts(
    config: RunConfig, stage: RunFolder, practice: Sequence[Question]
) -> EstimateRow | None:
    """Of one seed; None where no LLM is asked.

    Raises:
        ErrataError: The instructor cannot be opened, or the budget cannot be kept.
    """
    prices_of(prompt_settings(config))
    writer = open_prompt_writer(config, stage.path, lambda call: None)
    return estimate_proposals(prompt_settings(config), writer, practice[:SHOWN])


def verdicts_on_prompts(config: RunConfig, sets: Mapping[str, Sequence[Question]]) -> int:
    """Verdicts of judges that one seed may take: of each prompt's dev answers, of the chosen one's
    to the guards, and to the sealed exams."""
    times = {"dev": config.prompts, "practice": int(config.stop.guard_practice)}
    return sum(times.get(name, 1) * len(judged_in(found)) for name, found in sets.items())
