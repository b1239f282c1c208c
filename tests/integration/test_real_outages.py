"""Outages of a server with real sockets, in time that runs faster: probes, recovery, a stop in the end."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import dataclass, field

import pytest
from tests.support.delivery import put_attribute, sheet
from tests.support.fake_store import Store
from tests.support.fast_clock import FastClock
from tests.support.memory_journal import MemoryLedger
from tests.support.rawserver import RawServer, Seen, Wire, answer

from ordersheet.core.model import Outcome
from ordersheet.core.secret import Secret
from ordersheet.core.stop_switch import StopSwitch
from ordersheet.core.uptime import uptime
from ordersheet.delivery import DeliveryEnd, DeliveryOptions, deliver, make_transport_factory

ROWS, SERVED = 60, 20
"""Rows of the sheet, and updates that are answered before the outage."""


@dataclass
class Outage:
    """A shop that takes some updates and then fails whatever comes, for so many seconds of a clock."""

    kind: str
    seconds: float
    clock: FastClock = field(default_factory=FastClock)
    store: Store = field(default_factory=Store)
    lock: threading.Lock = field(default_factory=threading.Lock)
    began: float | None = None
    failed_at: list[float] = field(default_factory=list)

    def __call__(self, wire: Wire, seen: Seen) -> None:
        with self.lock:
            fails = self._fails(self.clock.monotonic())
            if not fails:
                self.store.apply(json.loads(seen.body))
        if not fails:
            wire.send(answer(seen.order))
        elif self.kind == "reset":
            wire.reset()
        else:
            pause = "Retry-After: 1\r\n" if self.kind.endswith("and a pause") else ""
            head = f"HTTP/1.1 {self.kind[:3]} Not now\r\n{pause}Content-Length: 2\r\n\r\n{{}}"
            wire.send(head.encode())

    def _fails(self, now: float) -> bool:
        if self.began is None and len(self.store.applied) == SERVED:
            self.began = now
        fails = self.began is not None and now < self.began + self.seconds
        if fails:
            self.failed_at.append(now)
        return fails


def send_into(outage: Outage) -> tuple[DeliveryEnd, dict[int, Outcome]]:
    journal = MemoryLedger(uptime).journal("R1")
    with RawServer([outage] * 5000) as server:
        delivery = deliver(
            sheet(*((order, put_attribute(order)) for order in range(1, ROWS + 1))),
            journal=journal,
            transports=make_transport_factory(Secret("key")),
            options=DeliveryOptions(
                server.url.removesuffix("/orders"), lanes=4, settle=3.0, timeout=300.0, attempts=12
            ),
            clock=outage.clock,
            stop=StopSwitch(),
            progress=lambda _: None,
        )
        end = asyncio.run(delivery)
    return end, {row: result.outcome for row, result in journal.results.items()}


@pytest.mark.parametrize("kind", ["429 and a pause", "503 and a pause", "503", "reset"])
def test_a_short_outage_is_probed_once_a_second_and_the_run_goes_on_after_it(kind):
    outage = Outage(kind, 20.0)
    end, outcomes = send_into(outage)
    assert end.stopped_by is None
    assert set(outcomes.values()) == {Outcome.APPLIED}
    assert len(outcomes) == ROWS
    lasted = outage.failed_at[-1] - outage.failed_at[0]
    # What was under way together when it began is no probe.
    assert len(outage.failed_at) <= lasted + 4 + 10
    assert {payload["order"] for payload in outage.store.applied} == set(range(1, ROWS + 1))


@pytest.mark.parametrize("kind", ["503", "reset"])
def test_a_server_that_fails_everything_for_two_minutes_stops_the_run(kind):
    outage = Outage(kind, 1e9)
    end, outcomes = send_into(outage)
    assert end.stopped_by == "server-down"
    assert outage.failed_at[-1] - outage.failed_at[0] >= 100
    assert len(outage.failed_at) <= 54
    assert list(outcomes.values()).count(Outcome.APPLIED) == SERVED
    told = {Outcome.NOT_SENT, Outcome.NOT_APPLIED, Outcome.UNCONFIRMED}
    assert set(outcomes.values()) - {Outcome.APPLIED} <= told
    assert len(outcomes) == ROWS or end.rest
