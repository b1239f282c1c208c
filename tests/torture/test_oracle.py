"""The oracle itself: it finds what it is there to find, and it is nothing of ordersheet's."""

from __future__ import annotations

import ast
import csv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support import oracle, oracle_check, oracle_plan, views
from tests.support.oracle_check import (
    GATEWAY,
    HEADERS,
    RESULTS,
    Applied,
    Effect,
    Findings,
    check_end,
    check_nothing_twice,
    check_report,
    key_found,
    read_report,
    read_sheet,
)
from tests.support.oracle_plan import GATEWAY_FAULTS, PART_FAULTS, Plan
from tests.support.torture import LATE, mixed_rows

NOTE = Effect(7, "internalComment", "append", "note")
MORE = Effect(7, "internalComment", "append", "more")
FRESH = Effect(7, "internalComment", "overwrite", "fresh")
ROWS = [["7", "note", "", "", "", "", ""], ["7", "more", "", "", "", "", ""]]


def written(path: Path, header: list[str], rows: list[list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture
def judged(tmp_path):
    """Judge a report of two rows, with these outcomes, against what was done."""

    def judge(done: list[Applied], *results: tuple[str, str]) -> Findings:
        sheet = read_sheet(written(tmp_path / "sheet.csv", list(HEADERS), ROWS))
        rows = [[*row, *result, "Words.", ""] for row, result in zip(ROWS, results, strict=True)]
        report = written(tmp_path / "report.csv", [*HEADERS, *RESULTS], rows)
        findings = check_nothing_twice(done)
        lines = read_report(report, sheet, findings)
        findings += check_report(done, lines, "us")
        findings += check_end(done, lines)
        return findings

    return judge


def test_a_kept_promise_is_found_kept(judged):
    assert judged([Applied(NOTE, "us"), Applied(MORE, "us")], ("ok", "applied"), ("ok", "confirmed")).kept
    assert judged([Applied(NOTE, "us")], ("ok", "applied"), ("no", "not sent")).kept
    assert judged([Applied(NOTE, "us")], ("no", "unconfirmed"), ("no", "not sent")).kept


def test_a_doubled_text_is_found(judged):
    done = [Applied(NOTE, "us"), Applied(NOTE, "another"), Applied(MORE, "us")]
    assert judged(done, ("ok", "applied"), ("ok", "applied")).doubled


def test_a_text_that_stands_again_after_an_overwrite_is_not_doubled():
    assert check_nothing_twice([Applied(NOTE, "us"), Applied(FRESH, "us"), Applied(NOTE, "us")]).kept


def test_a_lost_row_is_found(judged):
    assert judged([Applied(NOTE, "us")], ("ok", "applied"), ("ok", "applied")).lost


def test_a_row_that_a_later_overwrite_took_away_is_found(judged):
    done = [Applied(NOTE, "us"), Applied(MORE, "us"), Applied(FRESH, "us")]
    assert judged(done, ("ok", "applied"), ("ok", "applied")).lost


def test_a_no_that_was_applied_is_found(judged):
    done = [Applied(NOTE, "us"), Applied(MORE, "us")]
    assert judged(done, ("ok", "applied"), ("no", "not applied")).misreported
    assert judged(done, ("ok", "applied"), ("no", "refused")).misreported
    assert not judged(done, ("ok", "applied"), ("no", "unconfirmed")).misreported


def test_a_wrong_order_is_found(judged):
    done = [Applied(MORE, "us"), Applied(NOTE, "us")]
    assert judged(done, ("ok", "applied"), ("ok", "applied")).disordered


@pytest.mark.parametrize(
    "rows",
    [
        [["7", "note", "", "", "", "", "", "ok", "applied", "Done.", ""]],
        [[*row, "ok", "applied", "Done.", ""] for row in (ROWS[1], ROWS[0])],
        [[*row, "ok", "applied", "Done.", ""] for row in (*ROWS, ROWS[0])],
        [[*row, "OK", "applied", "Done.", ""] for row in ROWS],
        [[*row, "ok", "applied", "", ""] for row in ROWS],
    ],
    ids=["missing", "moved", "twice", "status", "no words"],
)
def test_a_report_that_is_not_the_sheet_is_found(tmp_path, rows):
    sheet = read_sheet(written(tmp_path / "sheet.csv", list(HEADERS), ROWS))
    findings = Findings()
    read_report(written(tmp_path / "report.csv", [*HEADERS, *RESULTS], rows), sheet, findings)
    assert findings.misreported


def test_a_key_in_a_file_is_found(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "log").write_bytes(b"\x00API-Authorization: s3cret\x00")
    assert key_found(tmp_path, "s3cret") == [tmp_path / "deep" / "log"]
    assert key_found(tmp_path, "other") == []


@pytest.mark.parametrize("module", [oracle, oracle_check, oracle_plan, views])
def test_the_oracle_shares_no_code_with_ordersheet(module):
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    named = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    named += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert not [name for name in named if "ordersheet" in name]


def test_what_a_gateway_doubled_is_not_ours_and_may_be_called_applied_twice(judged):
    done = [Applied(NOTE, "us"), Applied(NOTE, GATEWAY), Applied(MORE, "us")]
    assert judged(done, ("ok", "applied"), ("ok", "applied")).kept
    assert judged(done, ("ok", "applied twice"), ("ok", "applied")).kept
    assert judged(done, ("ok", "applied"), ("ok", "applied twice")).misreported


def test_the_oracle_shows_its_orders_in_the_view_that_was_planned(yard):
    plan = Plan(view={"texts": ["first 5 characters"], "moment": "lagging", "seconds": 3600.0})
    desk = yard.desk("in-a-view", [["7", "a long note", "", "", "", "", ""]])
    assert desk.send().code == 0
    assert yard.oracle.tell(desk.shop, "state")["7"]["internalComment"] == "a long note"
    yard.oracle.plan(desk.shop, Plan(view={"texts": ["first 5 characters"]}))
    assert yard.oracle.tell(desk.shop, "state")["7"]["internalComment"] == "a lon"
    yard.oracle.plan(desk.shop, plan)
    assert yard.oracle.tell(desk.shop, "state")["7"]["internalComment"] == ""


def test_each_fault_of_a_gateway_or_of_a_part_leaves_true_reports(yard):
    def met(kind: str) -> tuple[str, Findings]:
        plan = Plan(seed=1, share=0.5, kinds=(kind,), late=LATE)
        desk = yard.desk(f"kind-{kind.replace(' ', '_')}", mixed_rows(16, 31), plan)
        desk.send("--timeout", "1")
        yard.oracle.plan(desk.shop, Plan())
        desk.send()
        return kind, desk.findings(finished=False)

    with ThreadPoolExecutor(4) as pool:
        for kind, findings in pool.map(met, (*GATEWAY_FAULTS, *PART_FAULTS)):
            assert findings.kept, (kind, findings)


def test_a_shop_that_stands_still_carries_out_what_came_meanwhile(yard):
    desk = yard.desk("stands-still", [["7", "note", "", "", "", "", ""]], Plan(freezes={"1": 1.5}))
    ended = desk.send("--timeout", "0.5")
    assert desk.findings(finished=False).kept, ended
    assert [one.effect.value for one in desk.done() if one.effect.order == 7] == ["note"]
