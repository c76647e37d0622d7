"""The page of a run as one self-contained HTML file: `runs/NAME/view.html`.

It loads nothing: script and style stand in it, and a content security policy names their hashes.
What students and LLMs wrote is JSON, gzipped, in base64, so no text can end a script; the script
puts it into text nodes only.
"""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template

from errata.agents.errors import RunError
from errata.agents.jsonl import write_text
from errata.agents.plain_text import one_line
from errata.agents.records import Accuracy, Record
from errata.graph.page.data import page_of, records_kept
from errata.graph.page.joined import Gathered
from errata.graph.page.looks import looks, note_look
from errata.graph.page.records import PER_SHARD, Page, Shard
from errata.graph.report import Report
from errata.graph.run_folder import RunFolder

STATIC = Path(__file__).parent / "static"
MOST_BYTES = 200_000_000
"""Of a file: far beyond it browsers take long, or refuse."""


class Vendored(Record):
    """One line of static/VENDORED."""

    file: str
    source: str
    licence: str
    sha256: str


def vendored() -> list[Vendored]:
    lines = (STATIC / "VENDORED").read_text().splitlines()
    fields = [line.split() for line in lines if line and not line.startswith("#")]
    return [Vendored(**dict(zip(Vendored.model_fields, each, strict=True))) for each in fields]


@functools.cache
def script() -> str:
    """The library and the page's own modules as one module: a page without network imports none.

    The library's files lie as npm packs them; only their import and export lines are put in terms
    of one scope each.
    """
    parts = [f"const {name} = {in_scope(name)};" for name in ("preact", "hooks", "htm")]
    parts += [(STATIC / name).read_text() for name in ("text.js", "charts.js", "page.js")]
    return "\n".join(parts)


def in_scope(name: str) -> str:
    """An ES module as an expression: the object of its exports, or its default export."""
    text = (STATIC / f"{name}.mjs").read_text()
    text = re.sub(r"^//# sourceMappingURL=.*$", "", text, flags=re.MULTILINE).strip()
    text = re.sub(
        r'^import\{([^}]*)\}from"preact";',
        lambda found: f"const{{{found[1].replace(' as ', ':')}}}=preact;",
        text,
    )
    text = re.sub(
        r"export\{([^}]*)\};?$",
        lambda found: f"return{{{','.join(map(renamed, found[1].split(',')))}}};",
        text,
    )
    text = text.replace("export default ", "return ", 1)
    if re.search(r"\b(?:import|export)\b\s*[{*\"']", text):
        raise AssertionError(f"{name}.mjs has imports or exports of a form that is not known")
    return f"(() => {{{text}\n}})()"


def renamed(export: str) -> str:
    """`name:local` for `local as name`."""
    local, _, name = export.partition(" as ")
    return f"{name}:{local}" if name else local


@functools.cache
def style() -> str:
    return (STATIC / "page.css").read_text()


def policy(connect: str = "'none'") -> str:
    """The content security policy: this script, this style, and nothing else."""
    hashes = {
        kind: sha256_of_text(text) for kind, text in (("script", script()), ("style", style()))
    }
    return (
        f"default-src 'none'; script-src '{hashes['script']}'; style-src '{hashes['style']}'; "
        f"img-src data:; connect-src {connect}; base-uri 'none'; form-action 'none'"
    )


def sha256_of_text(text: str) -> str:
    """As a content security policy writes it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@dataclass(frozen=True)
class Built:
    """What `errata view` wrote."""

    path: Path
    bytes: int
    sealed: Sequence[str]
    """Sets whose sealed texts are in the file."""


@records_kept()
def build(
    folders: Sequence[RunFolder], with_sealed: bool = False, review: Path | None = None
) -> Built:
    """Writes the page beside the (first) run.

    Args:
        with_sealed: With the questions of the sealed exams and the answers to them, which is
            noted in looks.jsonl first.
        review: What was said so far of the examples of a run that waits.

    Raises:
        RunError: A run or the review cannot be read, or the file not written; or it would be too
            large; or no run waits for the review.
    """
    page, runs = page_of(folders, review)
    if review is not None and not any(run.proposed and run.proposed.file for run in page.runs):
        waits = any(run.proposed for run in page.runs)
        why = f"there is no {review}" if waits else f"{folders[0].path} waits for no review"
        raise RunError(f"{why}: leave --review out")
    shown: list[str] = []
    if with_sealed:
        for folder, run in zip(folders, runs, strict=True):
            for found in run.index.sets:
                if found.access == "sealed":
                    note_look(folder, found.name, len(found.ids), "view --with-sealed")
                    shown.append(found.name)
        page = page.model_copy(
            update={
                "runs": tuple(
                    run.index.model_copy(
                        update={
                            "sets": tuple(
                                found.model_copy(update={"there": True}) for found in run.index.sets
                            ),
                            "looks": tuple(looks(folder)),
                        }
                    )
                    for folder, run in zip(folders, runs, strict=True)
                )
            }
        )
    data = [block("index", compressed(page))]
    size = 0
    for name, text in all_shards(page, runs):
        data.append(block(f"s-{name}", text))
        size += len(data[-1])
        if size > MOST_BYTES:
            raise RunError(
                f"the page of {folders[0].path} would be larger than "
                f"{MOST_BYTES // 1_000_000} MB: look at it with --serve"
            )
    html = whole(
        page, "\n".join(data), f'<meta http-equiv="Content-Security-Policy" content="{policy()}">'
    )
    name = "view.html" if len(folders) == 1 else f"view-{folders[1].name}.html"
    path = folders[0].path / name
    write_text(path, html)
    return Built(path, len(html.encode()), sorted(set(shown)))


def whole(page: Page, data: str, meta: str, served: bool = False) -> str:
    """The HTML of a page; `served` without data, which the script asks for."""
    names = " and ".join(one_line(run.name) for run in page.runs)
    return Template((STATIC / "page.html").read_text()).substitute(
        policy=meta,
        title=escape(f"{names} · errata"),
        style=style(),
        summary=summary(page),
        how=json.dumps({"served": served}),
        data=data,
        script=script(),
    )


def block(id: str, text: bytes) -> str:
    """Data that no browser runs, and no text in it can end."""
    return f'<script type="application/gzip" id="{id}">{base64.b64encode(text).decode()}</script>'


def compressed(record: Record) -> bytes:
    return gzip.compress(record.model_dump_json().encode(), 6, mtime=0)


def all_shards(page: Page, runs: Sequence[Gathered]) -> Iterator[tuple[str, bytes]]:
    """Name → gzipped JSON, of all texts but those of sets that are not to be there."""
    for at, (index, run) in enumerate(zip(page.runs, runs, strict=True)):
        there = {found.name: found.there for found in index.sets}
        for kind, texts in run.texts.items():
            if there.get(kind, True):
                for number in range(0, -(-len(texts) // PER_SHARD)):
                    yield f"{at}-{kind}-{number}", shard_of(run, kind, number)


def shard_of(run: Gathered, kind: str, number: int) -> bytes:
    """Raises: KeyError: there are no texts of that kind."""
    texts = run.texts[kind][number * PER_SHARD : (number + 1) * PER_SHARD]
    return compressed(Shard(texts=tuple(texts)))


def summary(page: Page) -> str:
    """What can be read without a script."""
    parts = ["<main>"]
    for run in page.runs:
        parts.append(f"<h1>{escape(one_line(run.name))}</h1>")
        if run.report is None:
            why = f": {run.failure}" if run.failure else ""
            sentences = [f"The run is not finished ({run.stands}){why}."]
        else:
            outcome, status = run.outcome, run.report.status
            sentences = [f"{outcome}; it stopped: {status}.", result(run.report), *run.caveats]
        sentences += [run.next_step] if run.next_step else []
        parts += (f"<p>{escape(one_line(said))}</p>" for said in sentences)
        parts.append("<table><caption>Dev exam by round</caption><thead><tr>")
        parts.append("".join(f'<th scope="col">{n}</th>' for n in ("Round", "Dev", "Verdict")))
        parts.append("</tr></thead><tbody>")
        for found in run.rounds:
            name = str(found.index) if found.index else "base"
            dev = said(found.dev) if found.dev else "no candidate"
            verdict = found.promotion.verdict if found.promotion else ""
            parts.append(
                f'<tr><th scope="row">{name}</th><td>{dev}</td><td>{escape(verdict)}</td></tr>'
            )
        parts.append("</tbody></table>")
    parts.append("<p>Lists, filters and texts need a browser that runs the page's own script.</p>")
    return "\n".join([*parts, "</main>"])


def result(report: Report) -> str:
    gain = report.test.gain
    low, high = (100 * bound for bound in gain.ci95)
    return (
        f"Sealed test: {said(report.test.base)} before, {said(report.test.final)} after; gain "
        f"{100 * gain.accuracy:+.1f} points, 95% interval {low:+.1f} to {high:+.1f}."
    )


def said(found: Accuracy) -> str:
    low, high = (100 * bound for bound in found.ci95)
    return f"{found.accuracy:.1%} ({low:.1f} to {high:.1f}) of {found.n}"
