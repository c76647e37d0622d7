"""The child process that a marker of the user's own runs in; see `OwnMarker` in own.py.

One JSON line for each answer: `{"question", "response"}` in; `{"right"}`, `{"score"}`,
`{"verdict"}` or `{"failed"}` out, after a line that says it is ready.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from numbers import Real
from typing import Any

from errata.agents.errors import ErrataError
from errata.agents.own_code import own_function
from errata.agents.plain_text import one_line, well_formed
from errata.agents.records import Question, Verdict


def main(name: str) -> None:
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the marker prints is no reply

    def reply(said: dict[str, Any]) -> None:
        print(json.dumps(said), file=replies, flush=True)

    asked = os.fdopen(os.dup(0), "r", encoding="utf-8", newline="\n")
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)  # what the marker reads is no question
    try:
        marker = own_function(name, "a marker")
    except ErrataError as error:
        reply({"failed": str(error)})
        return
    reply({"ready": True})
    here = os.getpid()
    for line in asked:
        given = json.loads(line)
        question = Question.model_validate(given["question"])
        try:
            said = read(marker(question, given["response"]))
        except (Exception, SystemExit) as error:
            where = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
            at = f" in line {where[-1].lineno} of {where[-1].filename}" if where else ""
            raised = one_line(well_formed(f"{type(error).__name__}: {error}"), 300)
            said = {"failed": f"raised {raised}{at}"}
        if os.getpid() != here:
            os._exit(0)  # a fork of the marker's: its reply would be taken for the next answer's
        reply(said)


def read(said: object) -> dict[str, Any]:
    """Raises: TypeError: It is no verdict."""
    if isinstance(said, Verdict):
        return {"verdict": said.model_dump(mode="json")}
    if type(said).__name__ in ("bool", "bool_"):  # numpy's own too
        return {"right": bool(said)}
    if isinstance(said, Real):
        return {"score": float(said)}
    raise TypeError(f"gave {one_line(repr(said), 60)}, which is no bool, float or Verdict")


if __name__ == "__main__":
    main(sys.argv[1])
