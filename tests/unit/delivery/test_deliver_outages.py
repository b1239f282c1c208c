"""Whole deliveries through outages, in virtual time: what leaves meanwhile, and how a run ends."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import virtual_time
from tests.support.delivery import Run, World, append, put_attribute, send, sheet
from tests.support.fake_store import REFUSED_CONNECTION, SWALLOWED, Fate, Store, status

from ordersheet.core.model import Outcome as O  # noqa: N817 - said often
from ordersheet.delivery.verdict.observation import Failure

MANY = sheet(*[(n, append(f"text {n}")) for n in range(1, 1001)])
ATTRIBUTES = sheet(*[(n, put_attribute(n)) for n in range(1, 1001)])
LONG = sheet(*[(n, put_attribute(n)) for n in range(1, 2501)])
PUSHED_BACK = status(429, retry_after="1")
BROKEN = status(500)


def now() -> float:
    return asyncio.get_running_loop().time()


def during(store: Store, start: float, end: float, fate: Fate, usual: Fate | None = None) -> None:
    """Let every request of that time have this fate."""

    def now_or_usual(_asked: object) -> Fate:
        return fate if start <= now() < end else usual or Fate(seconds=0.2)

    store.put_fate = store.get_fate = now_or_usual


def asked(store: Store, start: float, end: float) -> int:
    return sum(start <= at < end for _, _, at in store.times)


@pytest.mark.parametrize("fate", [PUSHED_BACK, status(503, retry_after="1"), status(429), BROKEN, SWALLOWED])
@pytest.mark.parametrize("lasting", [10.0, 60.0])
def test_an_outage_gets_a_probe_a_second_and_then_the_old_rate(fate, lasting):
    store = Store()
    during(store, 20.0, 20.0 + lasting, fate)
    run = send(LONG, store, lanes=8)
    assert run.end.stopped_by is None
    before = asked(store, 10.0, 20.0) / 10
    assert before >= 30
    # No storm, then probes alone.
    assert asked(store, 20.0, 21.0) <= before
    assert asked(store, 23.0, 20.0 + lasting) <= lasting - 3.0 + 1
    assert asked(store, 20.0 + lasting + 20.0, 20.0 + lasting + 30.0) >= 0.9 * 10 * before
    assert set(run.outcomes) == {O.APPLIED}
    # Each row once, and once more for each time that it could have been applied or was a probe.
    assert len(store.puts) <= len(LONG) + asked(store, 20.0, 20.0 + lasting)


@pytest.mark.parametrize("works", [MANY, ATTRIBUTES])
@pytest.mark.parametrize("fate", [BROKEN, SWALLOWED])
def test_a_server_that_fails_everything_stops_the_run_after_two_minutes_and_few_requests(works, fate):
    store = Store()
    during(store, 0.0, 1e9, fate)
    run = send(works, store, lanes=None)
    assert run.end.stopped_by == "server-down"
    assert "two minutes" in run.end.message
    assert 120 <= run.seconds < 160
    assert len(store.times) <= 100
    assert len(run.results) == 1000


def send_and_sleep(store: Store, way: str, slept: float, **options: Any) -> Run:
    """Send, and let the computer sleep after 21 seconds."""

    async def main() -> Run:
        loop, world = asyncio.get_running_loop(), World(store)
        loop.call_at(21.0, world.clock.go_away, way, slept)
        return await world.send(MANY, **options)

    return virtual_time.run(main())


@pytest.mark.parametrize("way", virtual_time.WAYS)
@pytest.mark.parametrize("fate", [REFUSED_CONNECTION, SWALLOWED, BROKEN, PUSHED_BACK])
@pytest.mark.parametrize("slept", [60.0, 150.0, 8 * 3600.0])
def test_a_computer_that_sleeps_amid_a_run_goes_on_when_it_wakes(fate, slept, way):
    """The network goes a second before the computer does, and comes back some seconds after it."""
    store = Store()
    during(store, 20.0, 26.0 + (slept if way == "frozen" else 0.0), fate)
    run = send_and_sleep(store, way, slept, lanes=8)
    assert run.end.stopped_by is None, run.end.message
    assert set(run.outcomes) == {O.APPLIED}
    assert sum(at >= 20.0 for _, _, at in store.times) > 500


@st.composite
def absences(draw: st.DrawFn) -> list[tuple[float, str, float]]:
    """When a computer goes away, counted from the last time that it came back, how, and for how long."""
    one = st.tuples(st.floats(5.0, 30.0), st.sampled_from(virtual_time.WAYS), st.floats(1.0, 1e5))
    return draw(st.lists(one, min_size=1, max_size=4))


@given(absences(), st.sampled_from([REFUSED_CONNECTION, SWALLOWED, BROKEN, PUSHED_BACK]), st.integers(1, 12))
@settings(max_examples=25)
def test_however_often_a_computer_goes_away_its_run_ends_and_each_status_is_true(absences, fate, lanes):
    """The network goes a second before it each time, and comes back four seconds after it."""
    store, works, without = Store(), MANY[:80], False

    def now_or_usual(_asked: object) -> Fate:
        return fate if without else Fate(seconds=1.0)

    async def go_away(world: World) -> None:
        nonlocal without
        for after, way, seconds in absences:
            await asyncio.sleep(after - 1.0)
            without = True
            await asyncio.sleep(1.0)
            world.clock.go_away(way, seconds)
            await asyncio.sleep(4.0)
            without = False

    async def main() -> Run:
        world = World(store)
        going = asyncio.ensure_future(go_away(world))
        run = await world.send(works, lanes=lanes)
        going.cancel()
        return run

    store.put_fate = store.get_fate = now_or_usual
    run = virtual_time.run(main())
    assert run.end.stopped_by is None, run.end.message
    assert len(run.outcomes) == len(works)
    for work, outcome in zip(works, run.outcomes, strict=True):
        stands = store.count(work.order, f"text {work.order}")
        assert outcome in (O.APPLIED, O.CONFIRMED, O.UNCONFIRMED)
        assert stands == 1 or (stands == 0 and outcome is O.UNCONFIRMED)


def test_a_pause_that_was_slept_through_is_over_when_the_computer_wakes():
    store = Store()
    during(store, 20.0, 20.9, status(429, retry_after="600"))
    run = send_and_sleep(store, "suspended", 8 * 3600.0, lanes=8)
    assert set(run.outcomes) == {O.APPLIED}
    woke = [at for _, _, at in store.times if at > 21.0]
    assert min(woke) < 21.0 + 15.0


@pytest.mark.parametrize("lanes", [1, 8])
@pytest.mark.parametrize("timeout", [30.0, 120.0, 300.0])
def test_a_server_that_never_answers_stops_the_run_as_soon_as_two_minutes_are_known_of(timeout, lanes):
    store = Store()
    during(store, 0.0, 1e9, Fate(failure=Failure.DEADLINE, applies=False, seconds=timeout))
    run = send(ATTRIBUTES, store, lanes=lanes, timeout=timeout)
    assert run.end.stopped_by == "server-down"
    # The first failure is known after one time-out: from then on it is two minutes, and what is under way.
    assert run.seconds <= 2 * timeout + 120.0 + 30.0


def test_a_server_that_fails_each_update_stops_the_run_after_fifty():
    store = Store(put_fate=lambda _: BROKEN)
    run = send(MANY, store, lanes=8)
    assert run.end.stopped_by == "server-down"
    assert "fifty updates" in run.end.message
    assert len(store.puts) < 70
    assert not store.applied
    assert set(run.outcomes) <= {O.NOT_SENT, O.NOT_APPLIED, O.UNCONFIRMED}


def test_push_backs_that_never_end_stop_the_run_after_an_hour():
    store = Store()
    during(store, 5.0, 1e9, PUSHED_BACK)
    run = send(MANY, store, lanes=8)
    assert run.end.stopped_by == "pushed-back"
    assert "For an hour" in run.end.message
    assert 3600 <= run.seconds < 3700
    assert asked(store, 10.0, 4000.0) <= 3700


@pytest.mark.parametrize("lanes", [1, 8])
@pytest.mark.parametrize("after", ["1", None])
def test_updates_that_are_all_pushed_back_from_the_first_on_sink_no_pace(lanes, after):
    """Readings are let through: they tell nothing of updates, and what is pushed back nothing of a rate."""
    fate = status(429, retry_after=after) if after else status(429)
    store = Store(put_fate=lambda _: fate, get_fate=lambda _: Fate(seconds=0.2))
    run = send(MANY, store, lanes=lanes)
    assert run.end.stopped_by == "pushed-back"
    assert 3600 <= run.seconds < 3700
    moments = [at for method, _, at in store.times if method == "PUT"]
    later = [second - first for first, second in itertools.pairwise(moments)][len(moments) // 2 :]
    assert max(later) <= 2 * float(after or 10) + 5
    assert 0.99 <= sum(later) / len(later) <= 1.6 * float(after or 10)


def test_a_run_that_waits_for_its_next_request_says_so():
    run = send(ATTRIBUTES[:5], lanes=1, rate=0.1)
    assert any((told.waiting or "").startswith("next request at ") for told in run.told)
    assert run.told[-1].waiting is None


def test_single_bad_requests_cost_no_pace():
    good, bad = Store(), Store()
    fates = iter(range(10**9))
    bad.put_fate = lambda _: BROKEN if next(fates) % 20 == 7 else Fate(seconds=0.2)
    good.put_fate = lambda _: Fate(seconds=0.2)

    def last_put(store: Store, run: Run) -> float:
        del run
        return sorted(at for method, _, at in store.times if method == "PUT")[990]

    quick = last_put(good, send(ATTRIBUTES, good, lanes=8))
    assert last_put(bad, send(ATTRIBUTES, bad, lanes=8)) <= 1.25 * quick
