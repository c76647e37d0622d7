"""benchmarks/judge_calibration.py: a calibration says of judges what is true of them."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[1] / "benchmarks" / "judge_calibration.py"
CALIBRATION: dict[str, Any] = runpy.run_path(str(PAGE))


def test_a_calibration_says_what_is_true_of_judges_with_known_errors() -> None:
    table = {row["judge"]: row for row in CALIBRATION["rows"](100, 60)}
    for row in table.values():
        assert float(row["said, mean"]) == pytest.approx(float(row["true kappa"]), abs=0.05)
        assert float(row["interval holds it"].rstrip("%")) >= 80
    assert table["errs on 5% by chance"]["refused"] == "0.0%"
    assert table["calls all right"]["refused"] == "100.0%"
    assert table["errs on the same 15%"]["flips again"] == "0%"
    order = table["swayed by order"]
    assert int(order["flips turned"].rstrip("%")) > 2 * int(order["flips again"].rstrip("%"))
    length = table["swayed by length"]
    assert int(length["agrees short"].rstrip("%")) > int(length["agrees long"].rstrip("%")) + 15
