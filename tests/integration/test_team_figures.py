"""The figures of docs/team.md are those that were measured, and the scripts that measure them run."""

from __future__ import annotations

import json

import pytest
from benchmarks.team_page import FIGURES, PAGE, PARTS, publish, put


def test_the_page_shows_the_figures_that_are_kept(tmp_path):
    known = json.loads(FIGURES.read_text(encoding="utf-8"))
    page = PAGE.read_text(encoding="utf-8")
    assert set(known) == set(PARTS)
    for part, found in known.items():
        assert f"<!-- {part} -->" in page
        assert put(page, part, found) == page
        told = tmp_path / "team.md"
        told.write_text(f"before\n<!-- {part} -->\nold\n<!-- end of {part} -->\nafter\n", encoding="utf-8")
        publish(part, found, told, tmp_path / "figures.json")
        text = told.read_text(encoding="utf-8")
        assert (text.startswith("before\n"), text.endswith("after\n"), "old" in text) == (True, True, False)
    assert json.loads((tmp_path / "figures.json").read_text(encoding="utf-8")) == known


@pytest.mark.needs("postgres")
@pytest.mark.torture
def test_what_a_shared_ledger_costs_is_measured_to_the_end(tmp_path):
    from benchmarks.shared_ledger import main

    main(["--rows", "60", "--rounds", "1", "--out", str(tmp_path / "cost.json")])
    found = json.loads((tmp_path / "cost.json").read_text(encoding="utf-8"))
    assert all(cost["own"] > 0 for case in found["cases"].values() for cost in case.values())


@pytest.mark.needs("postgres", "dbos")
@pytest.mark.torture
def test_what_one_database_carries_is_measured_to_the_end(tmp_path):
    from benchmarks.team_limits import WORKERS, main, render

    main(["--rows", "60", "--most", "1", "--seconds", "4", "--out", str(tmp_path / "limits.json")])
    found = json.loads((tmp_path / "limits.json").read_text(encoding="utf-8"))
    assert found["together"]["connections"] >= WORKERS
    assert found["waiting"]["transactions_per_second"] > 0
    assert f"{found['calculated']['connections']:,}" in render(found)
