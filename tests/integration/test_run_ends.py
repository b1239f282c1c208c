"""Runs that meet what must not happen, or not last: an error in a lane, an answer too large, long waits."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

import pytest
from tests.support.delivery import OPTIONS, append, sheet
from tests.support.fake_store import Connection, Store
from tests.support.fast_clock import FastClock
from tests.support.ledgers import start, unsynced
from tests.support.scripted_api import Api, serving

from ordersheet.core.model import Outcome, RowResult, StoppedBy
from ordersheet.core.secret import Secret
from ordersheet.core.stop_switch import StopSwitch
from ordersheet.delivery import DeliveryEnd, DeliveryOptions, SystemClock, deliver, make_transport_factory
from ordersheet.delivery.transport.base import LARGEST_BODY
from ordersheet.ledger import Ledger

if TYPE_CHECKING:
    from pathlib import Path

    from ordersheet.delivery.verdict.observation import Observation

WORKS = sheet(*((order, append(f"text {order}")) for order in range(1, 13)))
SAYS_NOTHING_WAS_APPLIED = {Outcome.NOT_SENT, Outcome.NOT_APPLIED, Outcome.REFUSED}


class FaultyConnection(Connection):
    """One whose program has an error, which shows at one request before or after the store does its part."""

    def __init__(self, store: Store, requests: itertools.count[int], at: int, *, before: bool) -> None:
        super().__init__(store)
        self._requests, self._at, self._before = requests, at, before

    async def request(
        self, method: str, url: str, body: bytes | None, *, deadline: float, most: int = LARGEST_BODY
    ) -> Observation:
        fails = next(self._requests) == self._at
        if fails and self._before:
            raise ZeroDivisionError("an error in this program")
        seen = await super().request(method, url, body, deadline=deadline, most=most)
        if fails:
            raise ZeroDivisionError("an error in this program")
        return seen


def send(path: Path, store: Store, at: int = -1, *, before: bool) -> tuple[DeliveryEnd, list[RowResult]]:
    """Send the works; the request of this number fails. Gives the end, and what a report would tell."""
    requests = itertools.count()
    with Ledger.open(path, connect=unsynced) as ledger:
        journal = ledger.start_run(start(settle=OPTIONS.settle))
        delivery = deliver(
            WORKS,
            journal=journal,
            transports=lambda: FaultyConnection(store, requests, at, before=before),
            options=OPTIONS,
            clock=SystemClock(),
            stop=StopSwitch(),
            progress=lambda _: None,
        )
        end = asyncio.run(delivery)
        rows = [(update.row, work.order) for work in WORKS for update in work.updates]
        journal.finish(end.stopped_by, end.rest or end.message, rows)
        return end, list(journal.results())


@pytest.mark.parametrize("before", [True, False], ids=["before it leaves", "after it was carried out"])
@pytest.mark.parametrize("at", [0, 1, 2, 5, 9])
def test_an_error_in_a_lane_ends_the_run_and_every_row_is_told_as_it_is(tmp_path, at, before):
    store = Store()
    end, told = send(tmp_path / "ledger.db", store, at, before=before)
    assert end.stopped_by is StoppedBy.INTERNAL
    assert "ZeroDivisionError" in end.message
    assert [result.row for result in told] == [update.row for work in WORKS for update in work.updates]
    for result, work in zip(told, WORKS, strict=True):
        applied = store.count(work.order, f"text {work.order}")
        assert applied <= 1
        if result.outcome.ok:
            assert applied == 1
        if result.outcome in SAYS_NOTHING_WAS_APPLIED:
            assert applied == 0, result


def test_what_an_error_left_open_is_looked_up_by_the_next_run(tmp_path):
    store, path = Store(), tmp_path / "ledger.db"
    send(path, store, 1, before=False)
    end, told = send(path, store, before=False)
    assert end.stopped_by is None
    assert all(result.outcome.ok for result in told)
    assert all(store.count(work.order, f"text {work.order}") == 1 for work in WORKS)


def test_an_order_whose_answer_is_larger_than_a_mebibyte_is_sent_to_without_being_read(tmp_path):
    api = Api()
    api.order(1)["internalComment"] = "x" * LARGEST_BODY
    with serving(api) as base, Ledger.open(tmp_path / "ledger.db", connect=unsynced) as ledger:
        journal = ledger.start_run(start(store=base))
        delivery = deliver(
            sheet((1, append("a")), (2, append("b"))),
            journal=journal,
            transports=make_transport_factory(Secret("practice")),
            options=DeliveryOptions(base, lanes=2, settle=9.0, timeout=600.0),
            clock=FastClock(),
            stop=StopSwitch(),
            progress=lambda _: None,
        )
        end = asyncio.run(delivery)
        told = [result.outcome for result in ledger.results(journal.run)]
    assert (end.stopped_by, told) == (None, [Outcome.APPLIED, Outcome.APPLIED])
    assert api.order(1)["internalComment"].endswith("x\na")
    assert any("Order 1 is too large to be read" in warning for warning in end.warnings)
