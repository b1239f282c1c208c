"""The pace against servers whose limits it does not know, on a clock of its own."""

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.limits import (
    AtOnce,
    Bucket,
    Changing,
    Limit,
    Queue,
    Run,
    Window,
    exact,
    seconds,
    silent,
    simulate,
)

from ordersheet.delivery.rate.estimator import AHEAD, RateEstimator, Ticket
from ordersheet.delivery.rate.limiter import RateLimiter

HEADERS = [seconds, exact, silent]
LATENCIES = [0.01, 0.05, 0.3]


@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize(("rate", "burst"), [(2, 20), (5, 50), (10, 20), (10, 100)])
def test_a_hidden_bucket_is_found_and_kept_to(rate, burst, header, latency):
    run = simulate(RateEstimator(), Bucket(rate, burst), until=600, header=header, latency=latency)
    first = run.count(0, 60)
    assert first >= 0.9 * (burst + 60 * rate)
    assert run.pushed_back(0, 60) <= 40
    later = run.count(60, 600)
    assert later >= 0.97 * 540 * rate
    assert 1000 * run.pushed_back(60, 600) < 15 * later


@pytest.mark.parametrize("puts", [0.03, 0.5, 0.9])
@pytest.mark.parametrize("header", HEADERS)
def test_a_bucket_for_updates_and_readings_together_is_found_whatever_their_mix(header, puts):
    run = simulate(RateEstimator(), Bucket(5, 20), until=600, header=header, puts=puts)
    later = run.count(60, 600)
    assert later >= 0.97 * 540 * 5
    assert 1000 * run.pushed_back(60, 600) < 15 * later


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("rate", [2, 3, 5, 7])
def test_slow_answers_and_short_pauses_do_not_beat_against_each_other(rate, header):
    run = simulate(RateEstimator(), Bucket(rate, 50), until=600, latency=1.0, header=header)
    assert run.count(0, 600) >= 0.95 * (50 + 600 * rate)
    assert 1000 * len(run.refused) < 30 * len(run.accepted)


@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("header", HEADERS)
def test_a_second_bucket_below_the_first_shows_later(header, latency):
    """100 per 10 s and 1,000 per hour: after 1,000 requests, a 36th of the rate is left."""
    run = simulate(
        RateEstimator(),
        Bucket(10, 100),
        Bucket(1000 / 3600, 1000),
        until=3600,
        header=header,
        latency=latency,
    )
    assert run.count(0, 60) >= 0.9 * 700
    assert len(run.accepted) >= 0.97 * 2000
    assert run.pushed_back(0, 60) <= 40
    assert 1000 * len(run.refused) < 25 * len(run.accepted)


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("limit", [(20, 10), (100, 10)])
def test_a_limit_that_counts_by_the_clock(limit, header):
    run = simulate(RateEstimator(), Window(*limit), until=600, header=header)
    assert run.count(0, 600) >= 0.8 * 60 * limit[0]
    # A server that names no time is asked again every second or two until its clock comes round.
    assert 1000 * len(run.refused) < (70 if header is silent else 25) * len(run.accepted)


def test_a_limit_that_rises_is_followed():
    run = simulate(RateEstimator(), Changing(200, Bucket(2, 20), Bucket(10, 20, since=200)), until=600)
    assert run.count(300, 600) >= 0.95 * 3000
    assert run.count(200, 300) >= 0.35 * 1000


def test_a_limit_that_falls_is_followed():
    run = simulate(RateEstimator(), Changing(200, Bucket(10, 20), Bucket(2, 20, since=200)), until=600)
    assert run.count(200, 600) >= 0.97 * 800
    assert run.pushed_back(200, 260) <= 12


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("most", [1, 2, 3, 4, 6])
def test_a_limit_on_requests_at_once(most, header):
    run = simulate(RateEstimator(), AtOnce(most), until=300, latency=0.1, header=header)
    assert run.count(0, 300) >= 0.5 * 300 * most / 0.1
    assert 1000 * len(run.refused) < 15 * len(run.accepted)


@pytest.mark.parametrize("lanes", [8, 64])
def test_a_queue_of_our_making_is_kept_short(lanes):
    """A server that works off 20 a second: more lanes only make each of them wait."""
    run = simulate(RateEstimator(), until=300, lanes=lanes, queue=Queue(lambda _now: 20.0))
    assert run.count(60, 300) >= 0.9 * 240 * 20
    assert waits(run, 60, 300) < 1.0
    # Without a pace, all lanes would stand in the queue all the time.
    assert lanes / 20 > waits(run, 60, 300)


@pytest.mark.parametrize("lanes", [8, 64])
def test_a_server_that_slows_down_is_given_room(lanes):
    run = simulate(
        RateEstimator(), until=400, lanes=lanes, queue=Queue(lambda now: 100.0 if now < 100 else 10.0)
    )
    assert run.count(200, 400) >= 0.85 * 200 * 10
    assert waits(run, 200, 400) < 2.5


def test_a_server_that_grows_faster_is_followed():
    run = simulate(RateEstimator(), until=400, queue=Queue(lambda now: 10.0 if now < 100 else 100.0))
    assert run.count(200, 400) >= 0.75 * 200 * 100


def waits(run: Run, start: float, end: float) -> float:
    """Seconds that a request spends on its way, on average (Little's law needs no bookkeeping)."""
    sent = [at for at in run.sent if start <= at < end]
    done = [at for at in run.accepted if start <= at < end]
    under_way = len([at for at in run.sent if at < start]) - len([at for at in run.accepted if at < start])
    area = under_way * (end - start) + sum(end - at for at in sent) - sum(end - at for at in done)
    return area / (end - start) / (len(done) / (end - start))


def test_slowness_that_is_not_our_doing_costs_no_rate():
    """Answers take 0.05 s, then 2 s, whatever the rate: no cut makes them quicker, so the cuts end."""

    class Far(Queue):
        def wait(self, now: float) -> float:
            return 0.0 if now < 50 else 2.0

    run = simulate(RateEstimator(), until=400, lanes=8, queue=Far(lambda _now: 1.0))
    assert run.count(200, 400) >= 0.8 * 200 * 8 / 2.05


def test_without_a_limit_the_start_costs_less_than_half_a_second():
    run = simulate(RateEstimator(), until=20, lanes=8, latency=0.004)
    assert run.count(0, 20) >= (20 - 0.5) * 8 / 0.004
    assert run.refused == []


@pytest.mark.parametrize("cap", [0.5, 3, 40])
def test_a_cap_is_kept_to_from_the_first_request_on(cap):
    run = simulate(RateEstimator(cap=cap), Bucket(100, 1000), until=100)
    assert run.count(0, 100) >= 0.95 * 100 * cap - 2
    for start in range(0, 100, 5):
        assert sum(start <= at < start + 5 for at in run.sent) <= cap * 5 + 1 + cap * 0.1


def test_a_gate_holds_every_lane_and_opens_on_one_after_the_other():
    pace = RateEstimator()
    tickets = [pace.sent(0.0) for _ in range(8)]
    pace.pushed_back(1.0, tickets[0], 30.0)
    for ticket in tickets[1:]:
        pace.pushed_back(1.1, ticket, 30.0)
    slots = [pace.reserve(1.2) for _ in range(8)]
    assert min(slots) >= 31.1
    assert not pace.may_go(31.0, pace.generation)
    gaps = [later - earlier for earlier, later in itertools.pairwise(slots)]
    assert min(gaps) >= 1 / pace.rate - 1e-9


def test_several_refusals_of_one_pushback_cut_once():
    one, many = RateEstimator(), RateEstimator()
    for pace, refused in ((one, 1), (many, 8)):
        tickets = [pace.sent(0.1 * number) for number in range(8)]
        for ticket in tickets[:refused]:
            pace.pushed_back(1.0, ticket, 1.0)
    assert one.rate == many.rate


def test_pushbacks_that_name_no_time_wait_ever_longer():
    pace, gates, now = RateEstimator(), [], 0.0
    for _ in range(9):
        now = max(now, pace.reserve(now))
        pace.pushed_back(now, pace.sent(now), None)
        gates.append(pace.gate - now)
    assert gates == [1, 2, 4, 8, 10, 10, 10, 10, 10]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["accept", "push", "lose"]), st.floats(0, 30), st.none() | st.floats(0, 100)
        ),
        max_size=80,
    )
)
def test_whatever_happens_the_pace_stays_sane(steps):
    pace, now = RateEstimator(cap=500), 0.0
    under_way: list[Ticket] = []
    for what, passed, pause in steps:
        now = max(now + passed, pace.reserve(now))
        if pace.may_go(now, pace.generation) and pace.room() > 0:
            under_way.append(pace.sent(now))
        if under_way:
            ticket = under_way.pop(0)
            if what == "accept":
                pace.accepted(now, ticket)
            elif what == "push":
                pace.pushed_back(now, ticket, pause)
            else:
                pace.ended(ticket)
        assert 0.01 <= pace.rate <= 500
        assert pace.in_flight == len(under_way)
        assert pace.lanes is None or pace.lanes >= 1
        assert pace.gate <= now + 100


@settings(max_examples=25, deadline=None)
@given(
    rate=st.floats(0.5, 60),
    burst=st.floats(10, 100),
    latency=st.floats(0.002, 1),
    header=st.sampled_from(HEADERS),
)
def test_against_any_bucket_most_of_it_is_used_and_little_refused(rate, burst, latency, header):
    limit: Limit = Bucket(rate, burst)
    run = simulate(RateEstimator(), limit, until=600, latency=latency, header=header)
    possible = min(burst + 600 * rate, 600 * 8 / latency)
    # A pause in whole seconds overflows a store that fills sooner: that part nobody can use.
    usable = 0.5 if burst < 2 * rate else 0.85
    assert len(run.accepted) >= usable * possible
    assert len(run.refused) <= 40 + 0.06 * len(run.accepted)


class Turned:
    """A clock that jumps to the next sleeper as soon as nobody has anything to do."""

    def __init__(self) -> None:
        self.time = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._number = 0

    def monotonic(self) -> float:
        return self.time

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.time)

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._number += 1
        heapq.heappush(self._sleepers, (self.time + seconds, self._number, future))
        await future

    async def turn(self, until: float) -> None:
        while True:
            for _ in range(20):
                await asyncio.sleep(0)
            while self._sleepers and self._sleepers[0][2].done():
                heapq.heappop(self._sleepers)
            if not self._sleepers or self._sleepers[0][0] > until:
                self.time = until
                return
            self.time, _, future = heapq.heappop(self._sleepers)
            future.set_result(None)


def test_the_limiter_spaces_the_requests_of_all_lanes():
    async def work() -> list[float]:
        clock = Turned()
        limiter = RateLimiter(clock, rate=4)
        went: list[float] = []

        async def lane() -> None:
            while (ticket := await limiter.ready()) is not None:
                went.append(clock.time)
                limiter.accepted(ticket)

        lanes = [asyncio.create_task(lane()) for _ in range(3)]
        await clock.turn(5.0)
        limiter.release()
        await asyncio.gather(*lanes)
        return went

    went = asyncio.run(work())
    assert len(went) == pytest.approx(20, abs=2)
    assert all(b - a == pytest.approx(0.25) for a, b in itertools.pairwise(went[1:]))


def test_the_limiter_holds_everyone_until_the_time_the_server_named_and_then_lets_one_go_alone():
    async def work() -> list[int]:
        clock = Turned()
        limiter = RateLimiter(clock)
        first = await limiter.ready()
        assert first is not None
        limiter.pushed_back(first, clock.now() + timedelta(seconds=50))
        assert limiter.pause_left == 50
        waiting = [asyncio.create_task(limiter.ready()) for _ in range(3)]
        await clock.turn(49.9)
        assert not any(task.done() for task in waiting)
        went = []
        for now in (50.0, 60.0, 70.0, 1000.0):
            await clock.turn(now)
            went.append(sum(task.done() for task in waiting))
        probe = next(task.result() for task in waiting if task.done())
        assert probe is not None
        limiter.accepted(probe)
        await clock.turn(2000.0)
        return [*went, sum(task.done() for task in waiting)]

    assert asyncio.run(work()) == [1, 1, 1, 1, 3]


def test_a_release_ends_every_wait_and_those_to_come():
    async def work() -> list[Ticket | None]:
        clock = Turned()
        limiter = RateLimiter(clock)
        ticket = await limiter.ready()
        assert ticket is not None
        limiter.pushed_back(ticket, clock.now() + timedelta(seconds=500))
        waiting = [asyncio.create_task(limiter.ready()) for _ in range(4)]
        await clock.turn(1.0)
        limiter.release()
        return [*await asyncio.gather(*waiting), await limiter.ready()]

    assert asyncio.run(work()) == [None] * 5


def test_a_cancelled_lane_is_cancelled_even_after_a_release():
    async def work() -> bool:
        clock = Turned()
        limiter = RateLimiter(clock)
        ticket = await limiter.ready()
        assert ticket is not None
        limiter.pushed_back(ticket, None)
        waiting = asyncio.create_task(limiter.ready())
        await clock.turn(0.1)
        waiting.cancel()
        limiter.release()
        await asyncio.wait([waiting])
        return waiting.cancelled()

    assert asyncio.run(work())


def test_lanes_wait_for_room_where_the_number_at_once_is_limited():
    async def work() -> list[int]:
        clock = Turned()
        limiter = RateLimiter(clock, rate=1000)
        tickets = [await get(limiter, clock) for _ in range(3)]
        limiter.accepted(tickets.pop())
        tickets.append(await get(limiter, clock))
        limiter.pushed_back(tickets.pop(), clock.now() + timedelta(seconds=1))
        waiting = [asyncio.create_task(limiter.ready()) for _ in range(4)]
        went = []

        async def count() -> None:
            await clock.turn(clock.time + 100)
            went.append(sum(task.done() for task in waiting))

        await count()
        limiter.ended(tickets.pop())
        await count()
        limiter.ended(tickets.pop())
        await count()
        probe = next(task.result() for task in waiting if task.done())
        assert probe is not None
        limiter.accepted(probe)
        await count()
        limiter.release()
        await asyncio.gather(*waiting)
        return went

    # A probe, whatever became of those under way, and when it was taken as many as the server took at once.
    assert asyncio.run(work()) == [1, 1, 1, 3]


def test_requests_are_written_ahead_while_others_are_under_way_but_never_more_of_them_are():
    async def work() -> tuple[int, int, int, int]:
        clock = Turned()
        limiter = RateLimiter(clock, most=2)
        turns = [asyncio.create_task(limiter.turn()) for _ in range(2 * AHEAD + 2)]
        await clock.turn(1.0)
        written = [task.result() for task in turns if task.done()]
        going = [asyncio.create_task(limiter.ready(turn)) for turn in written]
        await clock.turn(2.0)
        tickets = [task.result() for task in going if task.done()]
        before = len(tickets)
        assert tickets[0] is not None
        limiter.accepted(tickets[0])
        await clock.turn(3.0)
        after = sum(task.done() for task in going)
        more = sum(task.done() for task in turns)
        limiter.release()
        assert [await task for task in going[after:]] == [None] * (len(going) - after)
        await asyncio.gather(*turns)
        return len(written), before, after, more

    assert asyncio.run(work()) == (2 * AHEAD, 2, 3, 2 * AHEAD + 1)


def test_after_a_push_back_what_is_written_ahead_has_to_take_another_turn():
    async def work() -> tuple[list[Ticket | None], list[int]]:
        clock = Turned()
        limiter = RateLimiter(clock, rate=10, most=8)
        first = await get(limiter, clock)
        turns = [asyncio.create_task(limiter.turn()) for _ in range(4)]
        await clock.turn(clock.time + 1)
        limiter.pushed_back(first, clock.now() + timedelta(seconds=50))
        began = clock.time
        refused = [await limiter.ready(await turn) for turn in turns]
        turns = [asyncio.create_task(limiter.turn()) for _ in range(4)]
        taken = []
        for passed in (49.9, 50.0, 1000.0):
            await clock.turn(began + passed)
            taken.append(sum(turn.done() for turn in turns))
        probe = await limiter.ready(next(turn.result() for turn in turns if turn.done()))
        assert probe is not None
        limiter.accepted(probe)
        await clock.turn(2000.0)
        return refused, [*taken, sum(turn.done() for turn in turns)]

    assert asyncio.run(work()) == ([None] * 4, [0, 1, 1, 4])


def test_nothing_that_is_written_ahead_leaves_through_a_closed_gate():
    """A straggler of an earlier push-back may close the gate again."""

    async def work() -> Ticket | None:
        clock = Turned()
        limiter = RateLimiter(clock, rate=10, most=8)
        first, straggler = await get(limiter, clock), await get(limiter, clock)
        limiter.pushed_back(first, clock.now() + timedelta(seconds=1))
        turn = asyncio.create_task(limiter.turn())
        await clock.turn(clock.time + 10)
        limiter.pushed_back(straggler, clock.now() + timedelta(seconds=600))
        return await limiter.ready(await turn)

    assert asyncio.run(work()) is None


def test_what_has_piled_up_behind_a_slow_disk_leaves_no_faster_than_the_rate():
    async def work() -> list[int]:
        clock = Turned()
        limiter = RateLimiter(clock, rate=10, most=8)
        turns = [asyncio.create_task(limiter.turn()) for _ in range(6)]
        await clock.turn(5.0)
        going = [asyncio.create_task(limiter.ready(await turn)) for turn in turns]
        went = []
        for passed in (0.0, 0.1, 0.2, 1.0):
            await clock.turn(5.0 + passed)
            went.append(sum(task.done() for task in going))
        return went

    assert asyncio.run(work()) == [1, 2, 3, 6]


def test_a_turn_that_is_passed_on_makes_room_for_another():
    async def work() -> tuple[bool, bool]:
        clock = Turned()
        limiter = RateLimiter(clock, most=1)
        turns = [asyncio.create_task(limiter.turn()) for _ in range(AHEAD + 1)]
        await clock.turn(1.0)
        before = turns[-1].done()
        turn = turns[0].result()
        assert turn is not None
        limiter.pass_on(turn)
        await clock.turn(2.0)
        return before, turns[-1].done()

    assert asyncio.run(work()) == (False, True)


def test_lanes_that_wait_for_their_moment_gain_by_a_rate_that_grows():
    """Fifty lanes begin at once; the first answers allow more than they began with."""

    async def work() -> int:
        clock = Turned()
        limiter = RateLimiter(clock)
        waiting = [asyncio.create_task(limiter.ready()) for _ in range(40)]
        await clock.turn(0.1)
        for task in waiting:
            if task.done() and (ticket := task.result()) is not None:
                limiter.accepted(ticket)
        await clock.turn(0.5)
        went = sum(task.done() for task in waiting)
        limiter.release()
        await asyncio.gather(*waiting)
        return went

    assert asyncio.run(work()) == 40


async def get(limiter: RateLimiter, clock: Turned) -> Ticket:
    task = asyncio.create_task(limiter.ready())
    await clock.turn(clock.time + 1)
    ticket = await task
    assert ticket is not None
    return ticket
