"""Whole runs in which a file, a person, a terminal or a server does what nobody expects."""

from __future__ import annotations

import asyncio
import csv
import os
import shutil
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from tests.support.command import Desk
from tests.support.rawserver import RawServer
from tests.support.scripted_api import Api, comments, options, serving

import ordersheet
from ordersheet.config.settings import resolve
from ordersheet.core.errors import MappingError, RunStopped, SourceError, UsageError
from ordersheet.core.model import RequestCounts
from ordersheet.core.result import RunResult
from ordersheet.core.stop_switch import StopSwitch
from ordersheet.delivery import DeliveryEnd, run_in_thread
from ordersheet.ledger import Ledger
from ordersheet.pipeline.send import send

if TYPE_CHECKING:
    from pathlib import Path

    from ordersheet.pipeline.preview import Preview


def outcomes(result: RunResult) -> list[str]:
    return [row.outcome.value for row in result.rows]


def test_a_file_saved_while_the_question_is_asked_is_not_sent(tmp_path: Path, api: Api, base: str) -> None:
    file = comments(tmp_path, "1,a", "2,b")

    def ask(_seen: Preview) -> bool:
        comments(tmp_path, "9,new", "1,a", "2,b")
        return True

    with pytest.raises(SourceError, match="changed after it had been read"):
        send(file, resolve(options(base, tmp_path)), ask=ask)
    assert not api.puts
    assert not list((tmp_path / "ledger.db.copies").iterdir())


def test_half_a_character_in_one_order_stops_nothing(tmp_path: Path, api: Api, base: str) -> None:
    """A server that cuts texts by UTF-16 units can leave half an emoji behind."""
    api.order(1)["internalComment"] = "cut off \ud83d"
    result = ordersheet.send(comments(tmp_path, "1,a", "2,b"), **options(base, tmp_path))
    assert outcomes(result) == ["applied", "applied"]


def test_again_at_one_store_is_not_settled_at_another(tmp_path: Path, api: Api, base: str) -> None:
    """The same text to the same order number is meant once more at two stores, and resolved at one."""
    file, other = comments(tmp_path, "1,a"), Api()
    with serving(other) as other_base:
        here, there = options(base, tmp_path), options(other_base, tmp_path)
        ordersheet.send(file, **here)
        ordersheet.send(file, **there)
        api.on_put = lambda _payload: (401, {})
        with pytest.raises(RunStopped):
            ordersheet.send(file, again=True, **here)
        other.on_put, other.on_get = (lambda _payload: (500, {})), (lambda _order: (403, {}))
        doubtful = ordersheet.send(file, again=True, **there)
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.resolve(str(doubtful.run), 2, applied=True, who="Kim")
    api.on_put = lambda _payload: None
    assert outcomes(ordersheet.send(file, **here)) == ["applied"]
    assert api.order(1)["internalComment"] == "a\na"


def test_a_trusted_report_keeps_its_duplicates_from_being_sent(tmp_path: Path, api: Api, base: str) -> None:
    """A row that only repeats a trusted one must not be sent in its place."""
    first = ordersheet.send(comments(tmp_path, "1,a", "1,a", "2,b"), **options(base, tmp_path))
    assert outcomes(first) == ["applied", "duplicate", "applied"]
    api.orders.clear()  # the text can no longer be recognised in the order
    elsewhere = options(base, tmp_path, ledger=tmp_path / "elsewhere.db", report=tmp_path / "second.csv")
    with pytest.raises(UsageError, match="calls 3 rows ok"):
        ordersheet.send(tmp_path / "report.csv", **elsewhere)
    shown: list[Preview] = []

    def ask(seen: Preview) -> bool:
        shown.append(seen)
        return True

    send(tmp_path / "report.csv", resolve(elsewhere | {"trust_report": True}), ask=ask)
    assert sorted(payload["order"] for payload in api.applied) == [1, 2]
    assert (shown[0].to_send, +shown[0].operations) == (0, {})


def test_rows_that_the_ledger_could_not_take_are_told_all_the_same(
    tmp_path: Path, api: Api, base: str
) -> None:
    def lose_the_lock(_payload: dict[str, Any]) -> None:
        for lock in (tmp_path / "ledger.db.locks").iterdir():
            lock.unlink()

    api.on_put = lose_the_lock
    file = comments(tmp_path, *(f"{order},a" for order in range(1, 6)))
    with pytest.raises(RunStopped) as stopped:
        ordersheet.send(file, concurrency=1, **options(base, tmp_path))
    result = stopped.value.result
    assert isinstance(result, RunResult)
    assert (result.exit_code, len(api.applied)) == (3, 1)
    assert outcomes(result) == ["applied"] + ["not sent"] * 4
    with (tmp_path / "report.csv").open(encoding="utf-8", newline="") as report:
        assert [line["update_outcome"] for line in csv.DictReader(report)] == outcomes(result)


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no file that is open")
def test_a_ledger_that_is_gone_is_no_run_that_sent_nothing(tmp_path: Path, api: Api, base: str) -> None:
    def remove(_payload: dict[str, Any]) -> None:
        for file in tmp_path.glob("ledger.db*"):
            shutil.rmtree(file) if file.is_dir() else file.unlink()

    api.on_put = remove
    with pytest.raises(RunStopped, match="Rows were sent before that"):
        ordersheet.send(comments(tmp_path, "1,a"), **options(base, tmp_path))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows removes no folder that a process works in")
def test_a_report_that_nothing_takes_is_no_run_that_sent_nothing(tmp_path: Path, api: Api, base: str) -> None:
    gone = [tmp_path / name for name in ("out", "home", "temporary")]
    for folder in gone:
        folder.mkdir()

    def vanish(_payload: dict[str, Any]) -> None:
        for folder in gone:
            shutil.rmtree(folder)

    api.on_put = vanish
    desk = Desk(tmp_path, base, "practice")
    told = desk.run(
        *("send", comments(tmp_path, "1,a"), "--yes", "--json", "--report", gone[0] / "r.csv"),
        env={"HOME": str(gone[1]), "TMPDIR": str(gone[2])},
    )
    assert "ordersheet report last" in told.json["error"]
    summary = {name: told.json[name] for name in ("exit_code", "stopped_by", "report", "outcomes")}
    assert summary == {
        "exit_code": 3,
        "stopped_by": "report-unwritable",
        "report": None,
        "outcomes": {"applied": 1},
    }


def test_half_a_character_in_a_row_is_a_problem_of_that_row(tmp_path: Path, api: Api, base: str) -> None:
    # Columns of Python's own texts: Arrow's hold no half characters.
    frame = pd.DataFrame({"Order ID": ["\ud83d1", "2"], "internalComment": ["a", "b"]}, dtype=object)
    result = ordersheet.send(frame, **options(base, tmp_path, report=tmp_path / "report.xlsx"))
    assert outcomes(result) == ["invalid", "applied"]
    assert result.rows[0].order == "?1"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are always Unicode")
def test_a_name_that_is_no_utf8_can_be_sent_and_found_again(tmp_path: Path, api: Api, base: str) -> None:
    file = comments(tmp_path, "1,a", name=os.fsdecode(b"F\xf6rseningar.csv"))
    assert outcomes(ordersheet.send(file, **options(base, tmp_path))) == ["applied"]
    assert outcomes(ordersheet.send(file, **options(base, tmp_path))) == ["already applied"]
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        assert len(ledger.runs_of(file)) == 2


def test_a_constant_from_a_terminal_of_another_encoding_is_refused(tmp_path: Path, base: str) -> None:
    with pytest.raises(MappingError, match="half of a character"):
        ordersheet.send(
            comments(tmp_path, "1,"), set=["extraAttributes.erp_note=F\udcf6r"], **options(base, tmp_path)
        )


def test_a_text_once_more_that_was_not_found_is_asked_for_with_again(
    tmp_path: Path, api: Api, base: str
) -> None:
    """To resolve it settles the wish too, so that a plain send would call the row ok without it."""
    file, known = comments(tmp_path, "1,a"), options(base, tmp_path, settle=0.0)
    ordersheet.send(file, **known)
    api.on_put, api.on_get = (lambda _payload: (500, {})), (lambda _order: (403, {}))
    doubtful = ordersheet.send(file, again=True, **known)
    assert outcomes(doubtful) == ["unconfirmed"]
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        told = ledger.resolve(str(doubtful.run), 2, applied=False, who="Kim")
    assert told.message.endswith("Send the file with --again.")
    api.on_put, api.on_get = (lambda _payload: None), (lambda _order: None)
    assert outcomes(ordersheet.send(file, **known)) == ["already applied"]
    assert outcomes(ordersheet.send(file, again=True, **known)) == ["applied"]
    assert api.order(1)["internalComment"] == "a\na"


def test_a_progress_function_that_raises_ends_no_run(tmp_path: Path, api: Api, base: str) -> None:
    def broken(_state: object) -> None:
        raise ZeroDivisionError

    with pytest.warns(RuntimeWarning, match="ZeroDivisionError"):
        result = ordersheet.send(comments(tmp_path, "1,a", "2,b"), progress=broken, **options(base, tmp_path))
    assert outcomes(result) == ["applied", "applied"]
    assert len(api.puts) == 2


def test_a_lookup_that_hangs_keeps_no_run_from_its_end() -> None:
    found, end = threading.Event(), threading.Event()
    ended = DeliveryEnd(None, "", None, RequestCounts(), 0, 0, ())

    def hang() -> None:
        end.wait(30)
        found.set()

    async def look_up() -> DeliveryEnd:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                # Where asyncio looks names up, too: in a thread that cannot be called off.
                await asyncio.get_running_loop().run_in_executor(None, hang)
        return ended

    assert run_in_thread(look_up, StopSwitch()) is ended
    assert not found.is_set()
    end.set()


def test_no_more_connections_are_opened_than_requests_may_be_under_way(tmp_path: Path) -> None:
    rows = [f"{number},text {number}" for number in range(1, 61)]
    with RawServer() as server:
        base = server.url.removesuffix("/orders")
        result = ordersheet.send(
            comments(tmp_path, *rows), **options(base, tmp_path, concurrency=3, baseline=False)
        )
    assert result.ok == 60
    assert server.connections <= 3
