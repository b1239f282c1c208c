"""What a run gives back: figures, JSON, tables."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pandas as pd
import pytest

from ordersheet.core.model import (
    RESULT_COLUMNS,
    Outcome,
    Problem,
    RequestCounts,
    RowResult,
    StoppedBy,
)
from ordersheet.core.result import RunResult, cells, count, summary_object
from ordersheet.core.summary import RunSummary
from ordersheet.pipeline.run_end import exit_code

AT = datetime(2026, 11, 23, 12, 0, 0, 999, tzinfo=UTC)
ROWS = (
    RowResult(2, "1", Outcome.APPLIED, "Done.", AT),
    RowResult(3, "2", Outcome.REFUSED, "no", AT),
    RowResult(5, "x", Outcome.NOT_SENT, "left out", left_out=True),
)


def result(frame: pd.DataFrame | None = None) -> RunResult:
    status, outcomes, *_ = count(ROWS)
    problem = Problem("bad-order-id", "mend it", row=5, column="Order ID", cell="A5", value="x")
    summary = RunSummary(
        "send",
        run="r1",
        status=status,
        outcomes=outcomes,
        requests=RequestCounts(2, 1, 0),
        problems=(problem,),
    )
    return RunResult(summary, lambda: iter(ROWS), frame)


def test_rows_left_out_on_purpose_do_not_count_as_amiss():
    assert count(ROWS) == ({"ok": 1, "no": 2}, {"applied": 1, "refused": 1, "not sent": 1}, 1, 0, 1)
    assert count([RowResult(2, "1", Outcome.APPLIED_TWICE, "look")]) == (
        {"ok": 1, "no": 0},
        {"applied twice": 1},
        1,
        0,
        0,
    )


def test_rows_that_can_still_be_finished_are_counted():
    unfinished = (Outcome.NOT_SENT, Outcome.NOT_APPLIED, Outcome.UNCONFIRMED)
    results = [RowResult(2, "1", outcome, "", left_out=False) for outcome in Outcome]
    assert count(results).unfinished == len(unfinished)


@pytest.mark.parametrize(
    ("stopped_by", "amiss", "signal", "code"),
    [
        (None, 0, None, 0),
        (None, 3, None, 1),
        (StoppedBy.LEDGER, 3, None, 3),
        (StoppedBy.INTERRUPTED, 3, 2, 130),
        (StoppedBy.INTERRUPTED, 0, 15, 143),
    ],
)
def test_a_signal_wins_over_3_and_3_over_1(stopped_by, amiss, signal, code):
    assert exit_code(stopped_by, amiss, signal) == code


def test_times_are_iso_8601_in_utc_without_fractions():
    assert cells(ROWS[0]) == ("ok", "applied", "Done.", "2026-11-23T12:00:00Z")
    assert cells(ROWS[2])[3] == ""


def test_the_json_object_has_the_keys_of_the_contract_in_its_order():
    found = json.loads(result().to_json())
    assert list(found) == [
        *(
            "schema",
            "command",
            "run",
            "undo_of",
            "batch",
            "profile",
            "file",
            "sha256",
            "sheet",
            "host",
            "report",
            "ledger",
        ),
        *("ledger_created", "exit_code", "stopped_by", "resume_after", "retry"),
        *("rows", "columns", "not_sent", "customer_visible", "folder_settings", "left_out"),
        *("status", "outcomes"),
        *("requests", "started", "seconds", "problems", "changes", "error"),
    ]
    assert found["requests"] == {"put": 2, "get": 1, "pushed_back": 0}
    assert list(found["problems"][0]) == ["code", "sheet", "row", "column", "cell", "value", "message"]
    assert summary_object(result().summary) == found


def test_a_file_s_results_become_a_table_of_their_own():
    table = result().to_frame()
    assert list(table.columns) == ["row", "order", *RESULT_COLUMNS]
    assert list(table["row"]) == [2, 3, 5]


def test_a_frame_keeps_its_index_order_and_columns_and_gets_four_more():
    frame = pd.DataFrame({"Order ID": [1, 2, None, "x"], "update_status": "old"}, index=[9, 7, 7, 1])
    table = result(frame).to_frame()
    assert list(table.index) == [9, 7, 7, 1]
    assert list(table.columns) == ["Order ID", *RESULT_COLUMNS]
    assert list(table["update_status"]) == ["ok", "no", "", "no"]
    assert list(frame["update_status"]) == ["old"] * 4
