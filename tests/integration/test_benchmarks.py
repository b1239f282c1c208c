"""The benchmarks work. How fast anything is, no test says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def figures(folder: Path, *parts: str) -> dict[str, Any]:
    """Run the short form of some parts; gives what each has found."""
    command = [sys.executable, "-m", "benchmarks.all", "--short", "--out", str(folder), *parts]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=3600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")}


@pytest.mark.skipif(sys.platform != "linux", reason="the page's reads /proc")
def test_the_short_form_of_a_benchmark_runs_to_its_end(tmp_path):
    found = figures(tmp_path, "ledger_share", "limited", "page")
    limited = found["limited"]
    assert (limited["went_on"], limited["doubled"], limited["lost"]) == (True, 0, 0)
    assert list(found["page"]["files"]) == ["workbook, 300 rows", "CSV, 300 rows"]
    assert set(found) == {"ledger_share", "limited", "page"}


@pytest.mark.torture
@pytest.mark.skipif(sys.platform != "linux", reason="the page's reads /proc")
def test_the_short_form_of_every_benchmark_runs_to_its_end(tmp_path):
    found = figures(tmp_path)
    assert set(found) == {"throughput", "scale", "pace", "few_requests", "ledger_share", "limited", "page"}
    names = [one["name"] for one in found["throughput"]["scenarios"]["no latency"]["contestants"]]
    assert "ordersheet, 8 lanes, no baseline" in names
    assert found["scale"]["around_a_run"]["csv_again_requests"] == 0
    each, guarded, fifth, hundredth = (one["requests_a_row"] for one in found["few_requests"]["runs"])
    assert max(each, guarded, fifth) < hundredth


def test_each_figure_of_the_committed_results_says_whether_a_ledger_was_kept():
    committed = json.loads((ROOT / "docs" / "performance.json").read_text(encoding="utf-8"))
    for scenario in committed["throughput"]["scenarios"].values():
        kept = {one["name"].startswith("ordersheet"): one["ledger"] for one in scenario["contestants"]}
        assert kept == {True: True, False: False}
