"""How a run ends before its last row: breakers, interrupts, a ledger that cannot be written."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support import virtual_time
from tests.support.delivery import Run, World, append, press_at, put_attribute, send, sheet
from tests.support.fake_store import LOST, REFUSED_CONNECTION, SWALLOWED, Fate, Store, no, status

from ordersheet.core.journal import Begin
from ordersheet.core.model import Outcome
from ordersheet.core.stop_switch import StopSwitch
from ordersheet.delivery.verdict.observation import Failure

O = Outcome  # noqa: E741 - it stands in nearly every line here
MANY = sheet(*[(n, append(f"text {n}")) for n in range(1, 301)])


def goes_on(works, store: Store, **options: Any) -> tuple[Run, Run]:
    """Send until it stops, mend the server, and send again."""

    async def main() -> tuple[Run, Run]:
        world = World(store)
        first = await world.send(works, **options)
        store.put_fate = store.get_fate = None
        store.put_fates.clear()
        store.get_fates.clear()
        return first, await world.send(works)

    return virtual_time.run(main())


def none_twice(store: Store) -> bool:
    sent = [(sent["order"], sent["internalComment"]) for sent in store.applied if "internalComment" in sent]
    return len(sent) == len(set(sent))


def test_a_refused_key_stops_the_run_and_the_rest_is_not_sent():
    store = Store(put_fates=[Fate(), status(401)])
    first, second = goes_on(MANY, store, lanes=1)
    assert first.end.stopped_by == "key-refused"
    assert "key" in first.end.message
    assert first.outcomes == [O.APPLIED] + [O.NOT_SENT] * 299
    assert first.end.rest == first.results[301].message
    assert len(store.applied) == 300
    assert none_twice(store)
    assert second.outcomes == [O.ALREADY_APPLIED] + [O.APPLIED] * 299
    assert not first.journal.ledger.claims


def test_a_401_on_reading_stops_as_on_sending():
    run = send(MANY, Store(get_fate=lambda _: status(401)))
    assert run.end.stopped_by == "key-refused"
    assert set(run.outcomes) == {O.NOT_SENT}


@pytest.mark.parametrize("code", [421, 425])
def test_a_server_that_turns_away_for_ever_is_not_asked_for_ever(code):
    store = Store(put_fate=lambda _: status(code))
    first, second = goes_on(sheet((1, append("a")), (2, put_attribute("x"))), store)
    assert first.outcomes == [O.NOT_APPLIED] * 2
    assert f"HTTP {code}" in first.results[2].message
    assert len(store.puts) == 6 * 2 + 2
    assert second.outcomes == [O.APPLIED] * 2


def test_three_403_in_a_row_stop_the_run_and_none_of_them_is_a_refusal():
    store = Store(put_fate=lambda _: status(403))
    first, second = goes_on(MANY, store)
    assert first.end.stopped_by == "forbidden"
    assert set(first.outcomes) == {O.NOT_SENT}
    assert set(second.outcomes) == {O.APPLIED}


@pytest.mark.parametrize("lanes", [1, 3])
def test_a_403_that_does_not_stop_the_run_is_a_refusal(lanes):
    store = Store(put_fates=[status(403), status(403)])
    run = send(sheet((1, append("a")), (2, append("b")), (3, append("c"))), store, lanes=lanes)
    assert sorted(run.outcomes) == [O.APPLIED, O.REFUSED, O.REFUSED]
    assert run.end.stopped_by is None
    assert not run.journal.ledger.claims


def test_two_403_at_the_end_of_a_run_are_refusals_and_a_refused_row_is_not_asked_again():
    first, second = goes_on(sheet((1, append("a")), (1, append("b"))), Store(put_fates=[status(403)] * 2))
    assert first.outcomes == [O.REFUSED, O.REFUSED]
    assert second.outcomes == [O.REFUSED, O.REFUSED]
    assert second.end.requests.put == 0
    assert not first.journal.ledger.claims


def test_403s_on_reading_between_do_not_count():
    store = Store(put_fates=[status(403), status(403)], get_fate=lambda _: status(403))
    run = send(sheet(*[(n, append("a")) for n in range(1, 5)]), store, lanes=1)
    assert run.outcomes == [O.REFUSED, O.REFUSED, O.APPLIED, O.APPLIED]


def test_a_redirect_stops_and_is_unconfirmed_until_it_was_read():
    store = Store(put_fates=[status(307, location="https://elsewhere.example.com/")])
    run = send(MANY[:5], store, shown=True, lanes=1)
    assert run.end.stopped_by == "redirect"
    # Proven after settle to have applied nothing.
    assert run.outcomes == [O.NOT_SENT] * 5
    assert run.seconds >= 90
    blind = Store(put_fates=[status(307)], get_fates=[Fate()])
    blind.get_fate = lambda _: status(307)
    assert send(MANY[:5], blind, lanes=1).outcomes == [O.UNCONFIRMED] + [O.NOT_SENT] * 4


def test_a_dead_server_stops_the_run_after_half_a_minute():
    store = Store(put_fate=lambda _: REFUSED_CONNECTION)
    store.get_fate = lambda _: REFUSED_CONNECTION
    run = send(MANY, store)
    assert run.end.stopped_by == "server-down"
    assert set(run.outcomes) == {O.NOT_SENT}
    assert 30 <= run.seconds < 90
    assert store.puts == []
    assert "no connection could be made. Check the address (" in run.end.message
    assert run.end.rest == f"Not sent. {run.end.message}"
    assert run.end.warnings == ()


def test_a_server_that_is_away_for_one_row_is_named_as_the_cause():
    run = send(sheet((1, append("a"))), Store(get_fate=lambda _: REFUSED_CONNECTION))
    assert run.outcomes == [O.NOT_SENT]
    assert run.end.stopped_by is None
    (warning,) = run.end.warnings
    for told in (run.results[2].message, warning):
        assert "no connection could be made. Check the address (" in told
        assert told.endswith("or try again later; send the same file again.")


NOWHERE = Fate(status=404, body=b"<html>Not Found</html>", applies=False)


@pytest.mark.parametrize(("status", "baseline"), [(404, True), (404, False), (405, False)])
def test_an_address_without_an_api_is_named_as_such_and_each_row_is_refused(status, baseline):
    nowhere = replace(NOWHERE, status=status)
    store = Store(put_fate=lambda _: nowhere, get_fate=lambda _: nowhere)
    run = send(MANY[:20], store, baseline=baseline)
    assert run.outcomes == [O.REFUSED] * 20
    assert run.end.stopped_by is None
    (warning,) = run.end.warnings
    for told in (run.results[2].message, warning):
        assert "is probably not that of one. Run ordersheet doctor" in told
    assert f"HTTP {status}" in run.results[2].message


def test_a_404_of_an_order_api_says_nothing_of_the_address():
    seen_by_reading = Store(put_fate=lambda _: NOWHERE)
    said = Fate(status=404, body=b'{"status":"no","msg":"order does not exist","order":1}', applies=False)
    seen_in_the_answer = Store(put_fate=lambda _: said, get_fate=lambda _: NOWHERE)
    for store in (seen_by_reading, seen_in_the_answer):
        run = send(sheet((1, append("a"))), store)
        assert run.outcomes == [O.REFUSED]
        assert "address" not in run.results[2].message
        assert run.end.warnings == ()


def test_an_api_that_speaks_up_late_takes_the_warning_back():
    store = Store(put_fates=[NOWHERE], get_fates=[NOWHERE])
    run = send(MANY[:3], store, lanes=1)
    assert run.outcomes == [O.REFUSED, O.APPLIED, O.APPLIED]
    assert "probably" in run.results[2].message
    assert run.end.warnings == ()
    unread = send(MANY[:3], Store(put_fates=[Fate(), NOWHERE]), lanes=1, baseline=False)
    assert unread.outcomes == [O.APPLIED, O.REFUSED, O.APPLIED]
    assert "address" not in unread.results[3].message


def test_too_many_unknown_rows_stop_the_run_where_nothing_can_be_read_back():
    store = Store(put_fate=lambda _: LOST)
    run = send(MANY, store, baseline=False, lanes=1)
    assert run.end.stopped_by == "too-many-unknown"
    assert run.outcomes == [O.UNCONFIRMED] * 6 + [O.NOT_SENT] * 294


def test_any_number_of_unknown_rows_is_read_back_where_that_works():
    run = send(MANY[:40], Store(put_fate=lambda _: LOST))
    assert set(run.outcomes) == {O.CONFIRMED}
    assert run.end.stopped_by is None


def test_a_pause_of_over_15_minutes_stops_the_run_and_says_when_to_go_on():
    store = Store(put_fates=[status(429, retry_after="3600")])
    first, second = goes_on(MANY, store, lanes=1)
    assert first.end.stopped_by == "retry-after"
    assert first.end.resume_after is not None
    since = (first.end.resume_after - datetime(2026, 3, 2, 10, 0, tzinfo=UTC)).total_seconds()
    assert 0 <= since < 5
    assert first.end.requests.pushed_back == 1
    assert first.seconds < 60
    assert set(second.outcomes) == {O.APPLIED}


@pytest.mark.parametrize("way", virtual_time.WAYS)
def test_an_hour_that_was_slept_through_is_no_hour_in_which_another_run_stood_still(way):
    slept = 4200.0

    async def main() -> Run:
        loop, world = asyncio.get_running_loop(), World()
        other = world.ledger.journal("other")
        world.ledger.claims[1] = other.run
        loop.call_later(30.0, world.clock.go_away, way, slept)
        loop.call_later(40.0 + (slept if way == "frozen" else 0.0), world.ledger.claims.clear)
        return await world.send(sheet((1, append("a")), (2, append("b"))))

    assert virtual_time.run(main()).outcomes == [O.APPLIED, O.APPLIED]


def test_pauses_that_never_end_are_told_and_end_the_run_after_an_hour():
    run = send(MANY, Store(put_fate=lambda _: status(429, retry_after="600")), lanes=4)
    assert run.end.stopped_by == "pushed-back"
    assert 3600 <= run.seconds <= 3600 + 600 + 60
    assert run.end.requests.pushed_back <= 4 + 7
    waits = {told.waiting for told in run.told if told.waiting is not None}
    assert {wait.rpartition(" ")[0] for wait in waits} == {"server asked to wait until"}
    assert len(waits) >= 4
    assert run.outcomes == [O.NOT_SENT] * 300
    assert all("for an hour" in result.message.lower() for result in run.results.values())


def test_a_pause_of_an_hour_is_told_in_each_row_with_the_moment_to_go_on_at():
    store = Store(put_fates=[Fate(), Fate(), status(429, retry_after="3600")])
    run = send(MANY, store, lanes=4)
    assert run.seconds < 60
    assert run.end.resume_after is not None
    when = run.end.resume_after.astimezone().strftime("%Y-%m-%d %H:%M")
    left = [result for result in run.results.values() if not result.outcome.ok]
    assert len(left) == 300 - len(store.applied)
    assert all(when in result.message for result in left)


# --- interrupts


def interrupted(works, store: Store, *presses: float, **options: Any) -> Run:
    async def main() -> Run:
        switch = StopSwitch()
        pressing = asyncio.ensure_future(press_at(switch, *presses))
        run = await World(store).send(works, switch=switch, **options)
        await pressing
        return run

    return virtual_time.run(main())


def test_an_interrupt_ends_a_settle_wait_at_once_and_reads_each_order_in_doubt_once():
    store = Store(put_fates=[SWALLOWED])
    run = interrupted(sheet((1, append("a")), (2, append("b"))), store, 30.0)
    assert run.end.stopped_by == "interrupted"
    assert run.seconds < 31
    assert run.outcomes == [O.UNCONFIRMED, O.APPLIED]
    after = [order for method, order, at in store.times if at >= 30]
    assert after == [1]
    assert not run.journal.ledger.claims


def test_what_the_one_look_after_an_interrupt_sees_is_confirmed():
    store = Store(put_fates=[Fate(failure=Failure.CLOSED, late=20.0)])
    assert interrupted(sheet((1, append("a"))), store, 30.0).outcomes == [O.CONFIRMED]


def test_an_interrupt_ends_a_gate_at_once():
    run = interrupted(MANY, Store(put_fates=[status(429, retry_after="600")]), 5.0, lanes=1)
    assert run.seconds < 6
    assert run.outcomes == [O.NOT_SENT] * 300
    assert "interrupted" in run.results[2].message


def test_a_row_under_way_may_finish_within_grace():
    store = Store(put_fate=lambda _: Fate(seconds=8.0))
    run = interrupted(sheet((1, append("a")), (1, append("b"))), store, 2.0)
    assert run.outcomes == [O.APPLIED, O.NOT_SENT]
    assert run.seconds < 20


def test_a_row_that_takes_longer_is_cut_within_grace_and_looked_up():
    store = Store(put_fate=lambda _: Fate(seconds=25.0, applies=False))
    run = interrupted(sheet((1, append("a"))), store, 2.0)
    assert run.outcomes == [O.UNCONFIRMED]
    assert run.seconds < 2 + 20


def test_the_second_interrupt_cuts_requests_and_reads_nothing():
    store = Store(put_fate=lambda _: Fate(seconds=25.0))
    run = interrupted(sheet((1, append("a"))), store, 2.0, 3.0)
    assert run.outcomes == [O.UNCONFIRMED]
    assert run.seconds < 3.5
    assert len(store.gets) == 1


def test_the_rest_is_written_in_few_commits_and_none_is_claimed():
    store = Store(put_fate=lambda _: Fate(seconds=1.0))
    run = interrupted(sheet(*[(n, append("a")) for n in range(1, 3001)]), store, 2.0)
    assert len(run.results) == 3000
    assert run.outcomes.count(O.NOT_SENT) > 2900
    assert len(run.journal.ledger.claims) == 0
    assert len(run.journal.log) < 150


# --- the ledger


def full_after(writes: int):
    def prepare(journal):
        journal.fail_after = writes

    return prepare


@pytest.mark.parametrize("writes", range(12))
def test_a_full_disk_stops_before_the_next_byte_and_accounts_for_what_was_sent(writes):
    store = Store(put_fates=[Fate(), SWALLOWED])
    works = sheet((1, append("a")), (2, append("b")), (1, append("c")), (3, put_attribute(1)))

    async def main() -> tuple[Run, list[int], Run]:
        world = World(store).show()
        begun: list[int] = []

        def prepare(journal):
            journal.fail_after = writes
            journal.before_write = lambda events: begun.extend(e.row for e in events if isinstance(e, Begin))

        first = await world.send(works, prepare=prepare)
        puts = list(store.puts)
        for payload in puts:
            assert any(row in begun for row in rows_of(payload))
        return first, begun, await world.send(works)

    first, _, second = virtual_time.run(main())
    told = first.results | first.journal.kept
    if first.end.stopped_by is not None:
        assert first.end.stopped_by == "ledger"
        assert "disk is full" in first.end.message
    for row, result in told.items():
        text = {2: "a", 3: "b", 4: "c"}.get(row)
        if text and result.outcome.ok:
            assert any(payload.get("internalComment") == text for payload in store.applied)
    # And the next run brings everything to its end, nothing twice.
    assert all(result.outcome.ok for result in second.results.values())
    assert none_twice(store)


def rows_of(payload) -> list[int]:
    return {"a": [2], "b": [3], "c": [4]}.get(payload.get("internalComment"), [5])


def test_a_ledger_that_cannot_even_be_read_sends_nothing():
    run = send(MANY, prepare=full_after(0))
    assert run.end.stopped_by == "ledger"
    assert run.end.requests.put == 0
    assert run.end.rest.startswith("Not sent.")


def test_the_switch_only_rises():
    switch = StopSwitch()
    assert [switch.press() for _ in range(5)] == [1, 2, 3, 3, 3]
    assert switch.raise_to(1) == 3


@pytest.mark.parametrize("most", [0, 2])
def test_more_no_than_allowed_stop_the_run_and_the_rest_is_not_sent(most):
    store = Store(put_fates=[Fate(), *[no("order in wrong market")] * 5])
    first, second = goes_on(MANY, store, lanes=1, most_no=most)
    assert first.end.stopped_by == "too-many-no"
    assert "--max-no" in first.end.message
    assert first.outcomes == [O.APPLIED] + [O.REFUSED] * (most + 1) + [O.NOT_SENT] * (298 - most)
    assert first.end.rest == first.results[301].message
    assert second.outcomes == [O.ALREADY_APPLIED] + [O.REFUSED] * (most + 1) + [O.APPLIED] * (298 - most)
    assert none_twice(store)


def test_as_many_no_as_allowed_do_not_stop_the_run():
    run = send(MANY, Store(put_fates=[no("order in wrong market")] * 3), most_no=3)
    assert run.end.stopped_by is None
    assert run.outcomes.count(O.REFUSED) == 3


def test_without_a_number_of_lanes_the_run_finds_out_how_many_help():
    def slow(_payload: dict[str, Any]) -> Fate:
        return Fate(seconds=0.5)

    works = sheet(*[(n, append(f"text {n}")) for n in range(1, 1001)])
    eight, found = Store(put_fate=slow), Store(put_fate=slow)
    usual = send(works, eight, lanes=8, baseline=False)
    auto = send(works, found, lanes=None, baseline=False)
    assert set(usual.outcomes) == set(auto.outcomes) == {O.APPLIED}
    assert none_twice(found)
    assert auto.seconds < 0.7 * usual.seconds


@pytest.mark.parametrize("pressed", [0.45, 0.6, 0.65])
def test_an_interrupt_while_an_order_in_doubt_is_put_down_is_not_lost(pressed):
    async def main() -> Run:
        switch = StopSwitch()
        pressing = asyncio.ensure_future(press_at(switch, pressed))
        run = await World(Store(put_fates=[Fate(failure=Failure.CLOSED, seconds=0.1)])).send(
            sheet((1, append("x"))),
            switch=switch,
            prepare=lambda journal: setattr(journal, "seconds", lambda: 0.2),
            lanes=1,
            baseline=False,
        )
        await pressing
        return run

    run = virtual_time.run(main())
    assert run.end.stopped_by == "interrupted"
    assert run.seconds < 20
