"""Time that goes on while nothing here does: the machine sleeps, or the process is frozen."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import virtual_time
from tests.support.delivery import append
from tests.support.fake_store import Connection, Fate, Store
from tests.support.virtual_time import START, WAYS

from ordersheet.api import put_body
from ordersheet.core.stop_switch import StopSwitch
from ordersheet.delivery import DeliveryOptions
from ordersheet.delivery.attempts import Attempts
from ordersheet.delivery.clock import LONGEST_GAP, LOOK, SystemClock, WakingTime
from ordersheet.delivery.context import RequestContext
from ordersheet.delivery.progress import ProgressTally
from ordersheet.delivery.rate.limiter import RateLimiter
from ordersheet.delivery.run_facts import RunFacts
from ordersheet.delivery.transport.connections import Connections


@dataclass
class Watch(SystemClock):
    """A clock that stands where it is put."""

    at: float = 100.0

    def __post_init__(self) -> None:
        super().__init__(lambda: self.at)


@pytest.mark.parametrize("last_first", [False, True])
@given(others=st.lists(st.floats(0.0, 2.0), max_size=12), place=st.integers(0, 12))
def test_the_worlds_let_what_is_due_at_one_moment_happen_in_the_order_that_they_name(
    last_first, others, place
):
    came: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for number, after in enumerate(others):
            if number == place:
                loop.call_later(1.0, came.append, "earlier")
            loop.call_later(after, int)
        if place >= len(others):
            loop.call_later(1.0, came.append, "earlier")
        loop.call_later(1.0, came.append, "later")
        await asyncio.sleep(3.0)

    virtual_time.run(main(), last_first=last_first)
    assert came == (["later", "earlier"] if last_first else ["earlier", "later"])


GAPS = st.lists(st.one_of(st.floats(0.0, LONGEST_GAP), st.floats(LONGEST_GAP, 1e6)), max_size=30)


@given(GAPS)
def test_of_each_gap_between_two_looks_no_more_counts_than_a_busy_machine_takes(gaps):
    watch = Watch()
    waking, before = WakingTime(watch), watch.at
    for gap in gaps:
        watch.at += gap
        now = waking.look()
        assert now - before == pytest.approx(min(gap, LONGEST_GAP), abs=1e-6)
        assert waking.slept() == pytest.approx(watch.at - now, abs=1e-6)
        before = now


@pytest.mark.parametrize("slept", [0.0, 1.0, 60.0, 86_400.0])
def test_one_who_waits_goes_on_soon_after_the_machine_woke_up(slept):
    """The loop's own time leaves out what the machine slept, as on Linux."""
    clock = virtual_time.VirtualClock()

    async def main() -> float:
        loop = asyncio.get_running_loop()
        loop.call_later(20.0, clock.go_away, "suspended", slept)
        await clock.sleep(600.0)
        return loop.time()

    awake = virtual_time.run(main())
    assert awake == pytest.approx(max(600.0 - slept, 20.0), abs=6.0)
    assert awake + slept >= 600.0


@pytest.mark.parametrize("slept", [60.0, 86_400.0])
@pytest.mark.parametrize("way", WAYS)
def test_what_is_looked_at_all_the_while_counts_no_sleep(way, slept):
    clock = virtual_time.VirtualClock()

    async def main() -> float:
        loop = asyncio.get_running_loop()
        waking = WakingTime(clock)
        began = waking.look()
        keeping = asyncio.ensure_future(waking.keep())
        loop.call_later(20.0, clock.go_away, way, slept)
        await asyncio.sleep(100.0 if way == "suspended" else 100.0 + slept)
        keeping.cancel()
        return waking.look() - began

    assert virtual_time.run(main()) == pytest.approx(100.0, abs=LONGEST_GAP + LOOK)


@pytest.mark.parametrize("slept", [0.0, 1.0, 120.0, 86_400.0])
@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_lay_unread_while_the_computer_slept_says_nothing_of_the_server_s_clock(way, slept):
    """The server is a day ahead; it answers at once, and the answer is read when the computer wakes."""
    clock, ahead = virtual_time.VirtualClock(), 86_400.0
    answered = Fate(
        seconds=1.0, headers={"date": format_datetime(START + timedelta(seconds=ahead), usegmt=True)}
    )
    options = DeliveryOptions("https://shop.example.com/api")

    async def main() -> float | None:
        loop = asyncio.get_running_loop()
        limiter, tally = RateLimiter(clock), ProgressTally(lambda _: None, clock, None)
        run = RunFacts("R1", options, StopSwitch(), tally, on_end=limiter.release)
        connections = Connections(lambda: Connection(Store(put_fates=[answered])))
        context = RequestContext(run=run, connections=connections, clock=clock, limiter=limiter)
        ticket = await limiter.ready()
        assert ticket is not None
        loop.call_later(0.5, clock.go_away, way, slept)
        keeping = asyncio.ensure_future(context.waking.keep())
        await Attempts(context).put(1, put_body(1, [append("a")], xml=False), ticket)
        keeping.cancel()
        return run.server_ahead

    learned = virtual_time.run(main())
    assert learned is None or learned == pytest.approx(
        (START + timedelta(seconds=ahead)).timestamp(), abs=3.0
    )
    assert (learned is None) == (slept > LONGEST_GAP)
