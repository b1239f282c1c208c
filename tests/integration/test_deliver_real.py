"""The delivery loop with nothing faked: a real ledger, real connections, a server of bare sockets."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.delivery import append, put_attribute, replaced, sheet
from tests.support.fake_store import Store
from tests.support.fast_clock import FastClock
from tests.support.ledgers import start
from tests.support.rawserver import RawServer, Seen, Wire, answer

from ordersheet.core.model import Outcome
from ordersheet.core.secret import Secret
from ordersheet.core.stop_switch import StopSwitch
from ordersheet.delivery import DeliveryEnd, DeliveryOptions, SystemClock, deliver, make_transport_factory
from ordersheet.ledger import Ledger, RunJournal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ordersheet.core.model import OrderWork
    from ordersheet.delivery.clock import Clock

FAULTS = ("ok",) * 12 + ("apply and close", "apply and reset", "close", "reset", "500", "cut")


class FaultyStore:
    """Applies and answers over bare sockets, with a fault in place of some answers."""

    def __init__(self, seed: int) -> None:
        self.store = Store()
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        self.calm = False
        self.put_count = 0

    def __call__(self, wire: Wire, seen: Seen) -> None:
        with self.lock:
            fault = "ok" if self.calm else self.random.choice(FAULTS)
            if seen.method == "PUT":
                self.put_count += 1
            if seen.method == "PUT" and fault in ("ok", "apply and close", "apply and reset", "cut"):
                self.store.apply(json.loads(seen.body))
            whole = self._answer(seen, fault)
        if fault.endswith("close"):
            wire.close()
        elif fault.endswith("reset"):
            wire.reset()
        elif fault == "cut":
            wire.send(whole[:-3])
            wire.close()
        else:
            wire.send(whole)

    def _answer(self, seen: Seen, fault: str) -> bytes:
        if fault == "500":
            return answer(seen.order, code="500 Internal Server Error")
        if seen.method == "PUT":
            return answer(seen.order)
        body = self.store.read(seen.order)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.sqlite") as opened:
        yield opened


def run(
    ledger: Ledger,
    server: RawServer,
    works: list[OrderWork],
    *,
    switch: StopSwitch | None = None,
    beside: Callable[[StopSwitch], None] | None = None,
    clock: Clock | None = None,
    **options: Any,
) -> tuple[RunJournal, DeliveryEnd]:
    stop = switch or StopSwitch()
    journal = ledger.start_run(start(store=server.url))
    known = {"lanes": 8, "settle": 0.3, "timeout": 5.0, "attempts": 12} | options

    async def main() -> DeliveryEnd:
        if beside is not None:
            beside(stop)
        return await deliver(
            works,
            journal=journal,
            transports=make_transport_factory(Secret("key")),
            options=DeliveryOptions(server.url.removesuffix("/orders"), **known),
            clock=clock or SystemClock(),
            stop=stop,
            progress=lambda _: None,
        )

    return journal, asyncio.run(main())


def outcomes(ledger: Ledger, journal: RunJournal) -> dict[int, Outcome]:
    return {result.row: result.outcome for result in ledger.results(journal.run)}


async def _owed(journal: RunJournal) -> list[int]:
    return list(await journal.owed())


@pytest.mark.parametrize("seed", [3, 4])
def test_faults_of_every_kind_leave_nothing_doubled_lost_or_unconfirmed(ledger, seed):
    rows = []
    for at in range(24):
        asked = [append(f"note {at}.")] if at % 3 else [append(f"note {at}."), put_attribute(at)]
        rows.append((1 + at % 14, [replaced(f"fresh {at}", "comment")] if at % 10 == 9 else asked))
    works = sheet(*rows)
    faulty = FaultyStore(seed)
    fast: dict[str, Any] = {"clock": FastClock(), "settle": 9.0, "timeout": 150.0}
    with RawServer([faulty] * 5000) as server:
        # An earlier run has seen that this store shows long comments as they were written.
        faulty.calm = True
        long = "\n".join(["a line that is seen"] * 40)
        run(ledger, server, sheet((99, [append(long), append(long, "comment")])), **fast)
        faulty.calm = False
        journal, end = run(ledger, server, works, **fast)
        assert end.stopped_by is None
        found = outcomes(ledger, journal)
        assert len(found) == 24
        assert Outcome.UNCONFIRMED not in found.values()
        applied = Counter(
            payload["internalComment"] for payload in faulty.store.applied if "internalComment" in payload
        )
        for at in range(24):
            if at % 10 != 9:
                ok = found[at + 2] in (Outcome.APPLIED, Outcome.CONFIRMED)
                assert applied[f"note {at}."] == ok, (at, found[at + 2])
        faulty.calm = True
        before = faulty.put_count
        journal, end = run(ledger, server, works, **fast)
        # Nothing but what was never applied before.
        missing = sum(outcome in (Outcome.NOT_SENT, Outcome.NOT_APPLIED) for outcome in found.values())
        assert faulty.put_count - before == missing
        # Nobody else has to wait for an order, or to look one up.
        assert asyncio.run(_owed(journal)) == []


def test_an_interrupt_ends_a_real_run_that_waits_for_an_answer(ledger):
    def stalls(wire: Wire, _seen: Seen) -> None:
        wire.stall()

    def beside(switch: StopSwitch) -> None:
        asyncio.get_running_loop().call_later(0.3, switch.press)

    with RawServer([stalls] * 50) as server:
        works = sheet((1, append("a")), (2, append("b")))
        journal, end = run(ledger, server, works, baseline=False, timeout=60.0, grace=1.0, beside=beside)
    assert end.stopped_by == "interrupted"
    assert set(outcomes(ledger, journal).values()) == {Outcome.UNCONFIRMED}


def test_two_interrupts_cut_the_requests_at_once(ledger):
    def stalls(wire: Wire, _seen: Seen) -> None:
        wire.stall()

    def beside(switch: StopSwitch) -> None:
        for at in (0.2, 0.3):
            asyncio.get_running_loop().call_later(at, switch.press)

    with RawServer([stalls] * 50) as server:
        journal, end = run(
            ledger, server, sheet((1, append("a"))), baseline=False, timeout=600.0, grace=600.0, beside=beside
        )
    assert end.stopped_by == "interrupted"
    assert list(outcomes(ledger, journal).values()) == [Outcome.UNCONFIRMED]
