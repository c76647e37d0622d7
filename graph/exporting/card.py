"""README.md of an export: what the run knows of its model, in the form that model hubs read.

Nothing private goes into it: a folder is named by its last part alone, an address never.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from errata.agents.records import Accuracy
from errata.graph.config import RunConfig, Variations
from errata.graph.exporting.certificate import Certificate
from errata.graph.manifest import FinishedFile
from errata.graph.report import ExamReport, Gain, Report
from errata.training.export_jobs import Target
from errata.training.jobs import FinishedTraining

BUNDLED = "HuggingFaceTB/SmolLM2-135M-Instruct"
"""What `bundled` is, on the hub."""
LICENSE = re.compile(r"^license:[ \t]*[\"']?([\w.-]+)", re.MULTILINE)
SETS = ("practice", "dev", "test", "out-of-domain", "guard")


@dataclass(frozen=True)
class Known:
    """All that a card may say."""

    report: Report
    config: RunConfig
    round: int
    to: Target
    versions: dict[str, str]
    """Package → version that the run began with."""
    manifest: Sequence[FinishedFile]
    training: FinishedTraining | None
    """Of the adapter; None where it is not on record."""
    certificate: Certificate
    conversations: bool = False
    """Whether messages stand before the questions that it was examined on."""

    @property
    def chosen(self) -> bool:
        """Whether the sealed test was asked of this very model."""
        return self.round == self.report.best_round


def public_name(name: str) -> str:
    """`local:/home/ada/models/tiny` as `local:tiny`; a hub id as it is."""
    parts = name.split(":")
    return ":".join(Path(part).name if part.startswith(("/", ".", "~")) else part for part in parts)


def hub_id(base: str) -> str | None:
    """Where the base lies on the hub; None of a folder."""
    if base == "bundled":
        return BUNDLED
    is_folder = base.startswith(("/", ".", "~")) or Path(base).exists()
    return base if not is_folder and re.fullmatch(r"[\w.-]+/[\w.-]+", base) else None


def licence_of(base: str) -> str | None:
    """As the base's own card names it, where that is on this machine."""
    if base == "bundled":
        return "apache-2.0"
    page = Path(base).expanduser() / "README.md"
    if not page.is_file() and hub_id(base):
        from huggingface_hub import try_to_load_from_cache

        cached = try_to_load_from_cache(base, "README.md")
        page = Path(cached) if isinstance(cached, str) else page
    if not page.is_file():
        return None
    head = page.read_text(encoding="utf-8", errors="replace")[:20_000].split("---")
    found = LICENSE.search(head[1]) if len(head) > 2 and not head[0].strip() else None
    return found[1] if found else None


def card(known: Known) -> str:
    """The whole README.md."""
    parts = [head(known), f"# {known.report.name}\n", opening(known), use(known)]
    parts += [figures(known), chosen(known), data(known), licence(known), limits(known)]
    parts.append(parity(known))
    return "\n".join(parts)


def head(known: Known) -> str:
    """The YAML that hubs read; each value is JSON, which YAML holds."""
    base = known.config.student.model
    values: dict[str, Any] = {
        "library_name": "peft" if known.to == "adapter" else "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["errata", *(["lora"] if known.to == "adapter" else [])],
    }
    if on_hub := hub_id(base):
        values["base_model"] = on_hub
        values["base_model_relation"] = "adapter" if known.to == "adapter" else "finetune"
    if found := licence_of(base):
        values["license"] = found
    if known.chosen:
        values["model-index"] = [{"name": known.report.name, "results": results(known)}]
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]
    return "\n".join(["---", *lines, "---", ""])


def results(known: Known) -> list[dict[str, Any]]:
    """As model-index wants them; accuracies in percent."""
    exams = known.report.exams or [whole_test(known)]
    return [
        {
            "task": {"type": "text-generation", "name": "Question answering"},
            "dataset": {
                "type": exam.exam,
                "name": f"{exam.exam} ({'' if exam.in_domain else 'out of domain, '}sealed)",
            },
            "metrics": [
                {
                    "type": "accuracy",
                    "name": f"accuracy, {exam.n} questions",
                    "value": round(100 * exam.final, 2),
                }
            ],
        }
        for exam in exams
    ]


def whole_test(known: Known) -> ExamReport:
    """The one exam of a run that has no others."""
    test = known.report.test
    return ExamReport(
        exam=known.config.exam[0].name,
        in_domain=True,
        n=test.final.n,
        base=test.base.accuracy,
        final=test.final.accuracy,
        gain=test.gain,
    )


def opening(known: Known) -> str:
    base = public_name(hub_id(known.config.student.model) or known.config.student.model)
    form = "A LoRA adapter for" if known.to == "adapter" else "The weights of"
    changed = "" if known.to == "adapter" else " with a LoRA adapter merged into them"
    return (
        f"{form} {base}{changed}, trained by errata on examples made from the model's own errors "
        f"(strategy `{public_name(known.config.strategy)}`, round {known.round} of "
        f"{len(known.report.rounds) - 1}).\n"
    )


def use(known: Known) -> str:
    """A program to copy: the one that the certificate was made with, for one question."""
    student = known.config.student
    base = public_name(hub_id(student.model) or student.model)
    lines = ["```python", "from transformers import AutoModelForCausalLM, AutoTokenizer"]
    if known.to == "adapter":
        lines[1] += ", GenerationConfig"
        lines += [
            "from peft import PeftModel",
            "",
            'tokenizer = AutoTokenizer.from_pretrained("THIS FOLDER")',
            f"base = AutoModelForCausalLM.from_pretrained({json.dumps(base)})",
            'model = PeftModel.from_pretrained(base, "THIS FOLDER")',
            'model.generation_config = GenerationConfig.from_pretrained("THIS FOLDER")',
            "base.generation_config = model.generation_config  # the base's own may sample",
        ]
    else:
        lines += [
            "",
            'tokenizer = AutoTokenizer.from_pretrained("THIS FOLDER")',
            'model = AutoModelForCausalLM.from_pretrained("THIS FOLDER")',
        ]
    messages = [{"role": "user", "content": "YOUR QUESTION"}]
    if student.system is not None:
        messages.insert(0, {"role": "system", "content": student.system})
    lines += [
        f"messages = {json.dumps(messages, ensure_ascii=False)}",
        "inputs = tokenizer.apply_chat_template(",
        '    messages, add_generation_prompt=True, return_dict=True, return_tensors="pt"',
        ")",
        f"outputs = model.generate(**inputs, max_new_tokens={student.max_new_tokens})",
        'answer = outputs[0, inputs["input_ids"].shape[1] :]',
        "print(tokenizer.decode(answer, skip_special_tokens=True))",
        "```",
    ]
    return "\n".join(
        [
            "## Use\n",
            *lines,
            "",
            "All figures below are of greedy answers (temperature 0, no penalties) of at most "
            f"{student.max_new_tokens} tokens, asked as above. A server such as vLLM samples "
            "unless told otherwise: send `temperature: 0`.\n",
        ]
    )


def percent(found: Accuracy) -> str:
    low, high = (100 * bound for bound in found.ci95)
    return f"{100 * found.accuracy:.1f} ({low:.1f} to {high:.1f})"


def points(gain: Gain) -> str:
    low, high = (100 * bound for bound in gain.ci95)
    return f"{100 * gain.accuracy:+.1f} ({low:+.1f} to {high:+.1f})"


def figures(known: Known) -> str:
    report = known.report
    if not known.chosen:
        return (
            "## Figures\n\nThe sealed test was asked of the base and of the run's best model, "
            f"round {report.best_round}, and not of this one. So nothing here says how good it is "
            "on questions that decided nothing.\n"
        )
    test = report.test
    lines = [
        "## Figures\n",
        "Accuracy in percent, with 95% intervals; gains are paired, question by question.\n",
        "| exam | questions | base | this model | gain |",
        "| --- | --- | --- | --- | --- |",
        f"| sealed test | {test.final.n} | {percent(test.base)} | {percent(test.final)} "
        f"| {points(test.gain)} |",
    ]
    for exam in report.exams:
        kind = "sealed test" if exam.in_domain else "out of domain"
        lines.append(
            f"| {exam.exam} ({kind}) | {exam.n} | {100 * exam.base:.1f} | {100 * exam.final:.1f} "
            f"| {points(exam.gain)} |"
        )
    for twisted in report.twisted:
        for fall in twisted.falls:
            lines.append(
                f"| {twisted.exam}, twisted ({twisted.twist}), {fall.model} model | {twisted.n} | "
                f"plain {100 * fall.plain:.1f} | twisted {100 * fall.twisted:.1f} "
                f"| {points(fall.difference)} |"
            )
    if test.gain.ci95[0] <= 0 <= test.gain.ci95[1]:
        lines.append("\nThe interval of the gain holds 0: it may be chance.")
    for reading in report.readings:
        of = f" of {reading.exam}" if reading.exam else ""
        before = reading.earlier or "nobody"
        lines.append(f"\nThe sealed set `{reading.set}`{of} had been read by {before} before.")
    return "\n".join([*lines, ""])


def chosen(known: Known) -> str:
    """What the dev questions decided."""
    report = known.report
    lines = [
        "## What was chosen on dev\n",
        f"After each round the candidate was asked the dev questions; the gate "
        f"(`{known.config.stop.gate}`) decided whether it became the best. These figures flatter "
        "the model that they chose. The run ended with: " + report.status + ".\n",
        "| round | dev, in percent | became the best |",
        "| --- | --- | --- |",
    ]
    for one in report.rounds:
        dev = "no candidate" if one.dev is None else percent(one.dev)
        lines.append(f"| {one.index or 'base'} | {dev} | {'yes' if one.promoted else 'no'} |")
    return "\n".join([*lines, ""])


def data(known: Known) -> str:
    """What it was trained on, and the hashes of it all."""
    config = known.config
    there = {line.path: line for line in known.manifest}
    rows = known.report.rounds[known.round].rows
    lines = ["## Data\n"]
    if rows:
        made = ", ".join(f"{count} by `{public_name(by)}`" for by, count in rows.items())
        lines.append(f"Trained on {sum(rows.values())} rows ({made}).")
    writer = config.writer or config.instructor
    roles = (("diagnose", "instructor", config.instructor), ("write", "writer", writer))
    for step, role, settings in roles:
        if step in config.way.steps:
            offline = " (errata's own, no LLM)" if isinstance(settings, Variations) else ""
            lines.append(f"The {role} was `{public_name(settings.model)}`{offline}.")
    lines.append(
        "Nothing was learnt from the dev, guard, test and out-of-domain questions; each row was "
        "checked against them."
    )
    exams = ", ".join(f"`{exam.name}`" for exam in config.exam)
    lines += [f"The practice questions are of {exams}.\n", "| file of the run | SHA-256 |"]
    lines.append("| --- | --- |")
    for name in (*(f"exam/{each}.jsonl" for each in SETS), training_file(known)):
        if name in there:
            lines.append(f"| {name} | `{there[name].sha256}` |")
            if there[name].questions_sha256:
                lines.append(f"| {name}, in any order | `{there[name].questions_sha256}` |")
    if known.training is not None:
        job = known.training.job.settings
        long = f"{job.epochs:g} epochs" if job.epochs is not None else f"{job.tokens} tokens"
        lines.append(
            f"\nTraining: {job.adapter}, rank {job.rank}, alpha {job.alpha}, objective "
            f"`{public_name(job.objective)}`, learning rate {job.learning_rate:g}, {long} "
            f"({known.training.tokens} tokens), batch {known.training.batch or job.batch} times "
            f"{job.accumulate}, seed {job.seed}."
        )
    packages = ", ".join(
        f"{name} {known.versions[name]}"
        for name in ("errata", "torch", "transformers", "peft", "trl")
        if name in known.versions
    )
    lines.append(f"\nMade with {packages}.")
    return "\n".join([*lines, ""])


def training_file(known: Known) -> str:
    return f"round-{known.round:02d}/training.jsonl"


def licence(known: Known) -> str:
    base = known.config.student.model
    named = public_name(hub_id(base) or base)
    found = licence_of(base)
    said = f"The base, {named}, is under `{found}`" if found else f"See that of the base, {named}"
    return (
        f"## Licence\n\n{said}; its terms go on. The training rows may bring terms of their own: "
        "those of the practice questions, and those of whoever provides the LLM that wrote them.\n"
    )


def limits(known: Known) -> str:
    outside = [exam.exam for exam in known.report.exams if not exam.in_domain]
    asked = (
        f"Outside what it was trained for it was asked {', '.join(outside)} only"
        if outside
        else "Nothing outside what it was trained for was asked"
    )
    return "\n".join(
        [
            "## What it is not for\n",
            "- Questions unlike those of the exams above: no figure here says anything of them. "
            f"{asked}, so what it has forgotten elsewhere is not known.",
            "- Decisions about people, or advice in law, medicine or money: it was examined for "
            "right answers, not for harm, bias or truthfulness.",
            "- Conversations longer than those that it was examined on."
            if known.conversations
            else "- Conversations: it was trained and examined on single questions.",
            "- Answers with chance (a temperature above 0), or longer ones than above.",
            "",
        ]
    )


def parity(known: Known) -> str:
    found = known.certificate
    lines = [
        "## Does the export answer as the run did?\n",
        f"{found.why[0].upper()}{found.why[1:]}.",
    ]
    lines += [f"Not checked: {one}." for one in found.not_checked]
    lines.append("`certificate.json` holds each difference, the versions and the files' hashes.")
    if found.seal is not None:
        lines.append(
            f"\nThe run is sealed: `{found.seal}`. Whoever has its folder can check every figure "
            f"with `errata audit {found.run} --seal {found.seal}`."
        )
    return "\n".join([*lines, ""])
