"""Every option, outcome, exit code, column and JSON key of the contract has an acceptance test."""

from __future__ import annotations

from tests.support.contract_lines import coverage


def test_no_line_of_the_contract_is_left_out():
    found = coverage()
    assert len(found) > 150
    assert [f"{line.kind}: {line.name}" for line, tests in found.items() if not tests] == []
