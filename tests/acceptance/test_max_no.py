"""`--max-no` while sending: what the shop refuses can stop the run."""

from __future__ import annotations

import csv
import io
from collections import Counter

import pytest

HEADER = "Order ID,Internal comment\n"
MISSING = range(10_000, 10_040)
"""Orders that the sandbox does not have: it says no."""


def outcomes(desk) -> Counter[str]:
    (report,) = desk.reports()
    rows = list(csv.reader(io.StringIO(report.read_text(encoding="utf-8"))))[1:]
    return Counter(row[3] for row in rows)


@pytest.mark.parametrize(("allowed", "refused"), [("3", 4), ("10%", 5)])
def test_more_no_than_allowed_stop_the_run_with_the_rest_not_sent(desk, allowed, refused):
    path = desk.file("orders.csv", HEADER + "".join(f"{order},text\n" for order in MISSING))
    told = desk.run("send", path, "--yes", "--json", "--max-no", allowed, "--concurrency", 1)
    assert told.code == 3, told.err
    assert told.json["stopped_by"] == "too-many-no"
    assert "--max-no" in told.json["error"]
    assert outcomes(desk) == {"refused": refused, "not sent": 40 - refused}


def test_rows_with_problems_are_among_the_allowed_ones(desk):
    rows = "no number,text\n" + "".join(f"{order},text\n" for order in MISSING)
    path = desk.file("orders.csv", HEADER + rows)
    told = desk.run("send", path, "--yes", "--json", "--max-no", "3", "--concurrency", 1)
    assert told.code == 3, told.err
    assert outcomes(desk) == {"invalid": 1, "refused": 3, "not sent": 37}


def test_as_many_no_as_allowed_are_an_ordinary_end(desk):
    path = desk.file("orders.csv", HEADER + "10000,text\n83600,text\n83601,text\n")
    told = desk.run("send", path, "--yes", "--json", "--max-no", "1")
    assert told.code == 1, told.err
    assert told.json["stopped_by"] is None
