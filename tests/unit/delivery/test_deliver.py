"""The loop itself: claims, order, what is written when, and attempts that are final at once."""

from __future__ import annotations

import asyncio
import itertools
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support import virtual_time
from tests.support.delivery import World, append, clear, put_attribute, replaced, send, sheet
from tests.support.fake_store import REFUSED_CONNECTION, Fate, Order, Store, no, status

from ordersheet.core.history.orderbook import Policy
from ordersheet.core.journal import AttemptEnded, Begin, Done, Release, Settle
from ordersheet.core.model import Outcome
from ordersheet.delivery.verdict.observation import Failure

O = Outcome  # noqa: E741 - it stands in nearly every line here


def test_every_row_is_one_put_and_is_applied():
    store = Store()
    run = send(
        sheet((1, append("a")), (2, replaced("b", "comment")), (3, [append("c"), put_attribute(7)])), store
    )
    assert run.outcomes == [O.APPLIED] * 3
    assert sorted(store.puts, key=lambda payload: payload["order"]) == [
        {"order": 1, "internalComment": "a"},
        {"order": 2, "comment": "b", "replaceComment": True},
        {"order": 3, "internalComment": "c", "extraAttributes": {"ref": 7}},
    ]
    assert (run.end.ok, run.end.no, run.end.stopped_by, run.journal.kept) == (3, 0, None, {})
    assert (run.end.requests.put, run.end.requests.pushed_back) == (3, 0)
    assert run.journal.ledger.claims == {}


def test_the_attempt_is_on_disk_before_the_first_byte_leaves():
    store = Store()
    begun: list[int] = []
    seen: list[int] = []
    store.on_put = lambda: seen.append(len(begun))

    def prepare(journal):
        journal.before_write = lambda events: begun.extend(e.row for e in events if isinstance(e, Begin))

    send(sheet((1, append("a")), (1, append("b"))), store, prepare=prepare)
    assert seen == [1, 2]


def test_rows_of_one_order_go_out_one_after_the_other_in_file_order():
    store = Store()
    store.put_fate = lambda _payload: Fate(seconds=0.5)
    rows = [(1 + at % 2, append(f"text {at}")) for at in range(12)]
    run = send(sheet(*rows), store, lanes=6, baseline=False)
    assert run.outcomes == [O.APPLIED] * 12
    for order in (1, 2):
        texts = [payload["internalComment"] for payload in store.puts if payload["order"] == order]
        assert texts == [f"text {at}" for at in range(12) if 1 + at % 2 == order]
        times = [at for method, number, at in store.times if number == order and method == "PUT"]
        assert all(later - earlier >= 0.5 for earlier, later in itertools.pairwise(times))


def test_lanes_work_at_the_same_time():
    store = Store()
    store.put_fate = lambda _payload: Fate(seconds=10)
    assert send(sheet(*[(n, append("a")) for n in range(1, 5)]), store, lanes=4, baseline=False).seconds < 12


def test_each_comment_change_is_preceded_by_a_reading_and_attributes_alone_are_not():
    store = Store()
    send(sheet((1, append("a")), (1, append("b")), (2, put_attribute(1)), (3, clear())), store, lanes=1)
    methods = [(method, order) for method, order, _ in store.times]
    # The third GET of order 1 reads the first answered append back, and is the next row's baseline.
    assert methods == [
        ("GET", 1), ("PUT", 1), ("GET", 1), ("PUT", 1), ("PUT", 2), ("GET", 3), ("PUT", 3),
    ]  # fmt: skip


def test_no_baseline_reads_nothing():
    store = Store()
    run = send(sheet((1, append("a")), (2, clear())), store, baseline=False)
    assert store.gets == []
    assert run.outcomes == [O.APPLIED] * 2


def test_the_baseline_is_stored_with_the_attempt():
    store = Store({1: Order("before", "other")})
    run = send(sheet((1, [append("a"), append("b", "comment"), put_attribute(1)])), store)
    begins = [event for events in run.journal.log for event in events if isinstance(event, Begin)]
    assert begins[0].baseline == {"internalComment": "before", "comment": "other"}


def test_the_end_of_a_row_shares_a_commit_with_the_beginning_of_the_next():
    rows = [(1, append(f"text {at}")) for at in range(40)]
    run = send(sheet(*rows), baseline=False, lanes=1)
    kinds = [[type(event) for event in events] for events in run.journal.log]
    assert kinds[-2] == [AttemptEnded, Settle, Done, Begin]
    assert kinds[-1] == [AttemptEnded, Settle, Done, Release]


def test_a_refusal_is_final_and_holds_nothing_back():
    store = Store(put_fates=[no("order in wrong market")])
    run = send(sheet((1, append("a")), (1, append("b"))), store)
    assert run.outcomes == [O.REFUSED, O.APPLIED]
    assert run.results[2].message == "The API refused it: order in wrong market"
    assert len(store.puts) == 2


def test_a_final_status_is_a_refusal():
    run = send(sheet((1, append("a"))), Store(put_fates=[status(404)]))
    assert run.outcomes == [O.REFUSED]
    assert "HTTP 404" in run.results[2].message


def test_not_sent_and_pushed_back_are_sent_again_and_count_for_nothing():
    fates = [REFUSED_CONNECTION, status(429, retry_after="2"), status(421), status(425), REFUSED_CONNECTION]
    store = Store(put_fates=fates)
    run = send(sheet((1, append("a"))), store, attempts=1)
    assert run.outcomes == [O.APPLIED]
    assert store.count(1, "a") == 1
    assert run.end.requests.pushed_back == 1


def test_a_long_wait_reads_the_order_anew_before_it_is_sent():
    store = Store(put_fates=[status(429, retry_after="60")])
    world = World(store)

    async def main() -> Any:
        asyncio.get_running_loop().call_later(
            30, store.order(1).__setattr__, "internalComment", "Anna was here"
        )
        return await world.send(sheet((1, append("a"))))

    run = virtual_time.run(main())
    begins = [event for events in run.journal.log for event in events if isinstance(event, Begin)]
    assert [begin.baseline for begin in begins] == [
        {"internalComment": ""},
        {"internalComment": "Anna was here"},
    ]
    assert run.outcomes == [O.APPLIED]


def test_a_reading_that_stays_unanswered_leaves_the_row_and_the_later_ones_unsent():
    store = Store(get_fate=lambda order: Fate(status=502) if order == 1 else Fate())
    run = send(sheet((1, append("a")), (1, put_attribute(1)), (2, append("b"))), store)
    assert run.outcomes == [O.NOT_SENT, O.NOT_SENT, O.APPLIED]
    assert "could not be read" in run.results[2].message
    assert "waits for row 2" in run.results[3].message
    assert [payload["order"] for payload in store.puts] == [2]


def test_a_lost_reading_is_tried_again():
    store = Store(get_fates=[Fate(failure=Failure.CLOSED), Fate(status=503), Fate(body=b"garbage")])
    assert send(sheet((1, append("a"))), store).outcomes == [O.APPLIED]


def test_orders_with_nothing_to_send_cost_one_commit_for_many_and_no_request():
    async def main() -> Any:
        world = World()
        works = sheet(*[(n, append("a")) for n in range(1, 200)])
        await world.send(works, baseline=False)
        requests = len(world.store.times)
        again = await world.send(works)
        assert len(world.store.times) == requests
        return again

    run = virtual_time.run(main())
    assert set(run.outcomes) == {O.ALREADY_APPLIED}
    assert "run R1" in run.results[2].message
    assert len(run.journal.log) <= 6
    assert run.journal.ledger.claims == {}


def test_the_first_claim_is_small_and_works_are_read_as_the_delivery_goes_on():
    read: list[int] = []
    when_first_left: list[int] = []
    store = Store()
    store.on_put = lambda: when_first_left.append(len(read))

    def works() -> Any:
        for work in sheet(*[(n, append("a")) for n in range(1, 1001)]):
            read.append(work.order)
            yield work

    run = send(works(), store, baseline=False, lanes=4)
    assert run.end.ok == 1000
    assert when_first_left[0] <= 4 + 64
    assert max(at - done for done, at in enumerate(when_first_left)) <= 2 * 64 + 4 + 8


def test_duplicates_carry_the_fate_of_their_twin():
    store = Store(put_fates=[Fate(), no("closed")])
    run = send(sheet((1, append("a")), (1, append("a")), (2, append("b")), (2, append("b"))), store, lanes=1)
    assert run.outcomes == [O.APPLIED, O.DUPLICATE, O.REFUSED, O.REFUSED]
    assert run.results[3].message.startswith("The same as row 2")
    assert run.results[5].message.startswith("The same as row 4")
    assert len(store.puts) == 2


def test_what_stands_in_the_order_as_a_line_is_not_added_again():
    async def main() -> Any:
        world = World(Store({1: Order("hello\na"), 2: Order("a b")}))
        first = await world.send(sheet((1, append("a")), (2, append("a"))))
        second = await world.send(sheet((1, append("a"))))
        third = await world.send(sheet((1, append("a"))), policy=Policy(again=True), again=True)
        return world, first, second, third

    world, first, second, third = virtual_time.run(main())
    assert first.outcomes == [O.ALREADY_THERE, O.APPLIED]
    assert second.outcomes == [O.ALREADY_THERE]
    assert third.outcomes == [O.APPLIED]
    assert world.store.count(1, "a") == 1


def test_what_the_ledger_wrote_itself_is_no_reason_not_to_send():
    store = Store()
    run = send(sheet((1, append("a")), (1, append("a"))), store, policy=Policy(duplicates="send"))
    assert run.outcomes == [O.APPLIED, O.APPLIED]
    assert store.count(1, "a") == 2


def test_a_row_of_which_a_part_stands_there_is_partly_applied():
    run = send(sheet((1, [append("a"), put_attribute(1)])), Store({1: Order("a")}))
    assert run.outcomes == [O.PARTLY_APPLIED]
    assert "Adding to the internal comment: Not sent" in run.results[2].message
    assert "Setting the attribute ref: Done." in run.results[2].message


def test_a_value_that_json_cannot_carry_is_a_problem_of_its_row_alone():
    run = send(sheet((1, put_attribute(float("nan"))), (2, put_attribute(1))))
    assert run.outcomes == [O.INVALID, O.APPLIED]


def test_progress_counts_what_is_done_and_comes_at_most_ten_times_a_second():
    run = send(sheet(*[(n, append("a")) for n in range(1, 400)]), baseline=False, total=399)
    assert (run.told[-1].done, run.told[-1].ok, run.told[-1].total) == (399, 399, 399)
    assert len(run.told) <= run.seconds * 10 + 2


def test_progress_says_what_it_waits_for():
    store = Store(put_fates=[status(429, retry_after="20")])
    run = send(sheet((1, append("a"))), store)
    until = datetime(2026, 3, 2, 9, 0, 20, tzinfo=UTC).astimezone().strftime("%H:%M:")
    assert any(f"server asked to wait until {until}" in (told.waiting or "") for told in run.told)
    assert run.told[-1].waiting is None


def test_an_order_that_another_run_has_claimed_is_put_off_and_taken_when_it_is_free():
    async def main() -> Any:
        world = World()
        slow = [(1, append("one")), (1, append("two"))]
        world.store.put_fate = lambda payload: Fate(seconds=20.0 if payload["order"] == 1 else 0.1)
        first = asyncio.ensure_future(world.send(sheet(*slow)))
        await asyncio.sleep(1)
        second = await world.send(sheet((1, append("one")), (2, append("x")), (1, append("three"))))
        return world, await first, second

    world, first, second = virtual_time.run(main())
    assert first.outcomes == [O.APPLIED, O.APPLIED]
    assert second.outcomes in ([O.APPLIED] * 3, [O.ALREADY_APPLIED, O.APPLIED, O.APPLIED])
    assert [world.store.count(1, text) for text in ("two", "three")] == [1, 1]
    assert any("another run" in (told.waiting or "") for told in second.told)


def test_two_runs_over_the_same_orders_in_opposite_order_do_not_lock_each_other_out():
    async def main() -> Any:
        world = World()
        rows = [(n, append(f"text {n}")) for n in range(1, 30)]
        runs = [world.send(sheet(*rows)), world.send(sheet(*reversed(rows)))]
        return world, await asyncio.gather(*runs)

    world, runs = virtual_time.run(main())
    assert len(world.store.applied) == 29
    assert all(result.outcome.ok for run in runs for result in run.results.values())


@pytest.mark.parametrize("seed", range(8))
def test_no_lane_sleeps_through_the_arrival_of_new_orders_however_long_the_disk_takes(seed):
    chance = random.Random(seed)

    def prepare(journal):
        journal.seconds = lambda: chance.random() / 10

    async def main() -> Any:
        world = World()
        works = sheet(*[(n, append("a")) for n in range(1, 700)])
        await world.send(works[::3], baseline=False, prepare=prepare)
        return await world.send(works, baseline=False, prepare=prepare, lanes=8)

    run = virtual_time.run(main())
    assert run.end.ok == 699
    assert run.seconds < 60
