"""Baselines from pages: how old they are when their rows leave, and what they may be asked for."""

from __future__ import annotations

import pytest
from tests.support import world_run
from tests.support.delivery import append, send, sheet
from tests.support.fake_store import Fate, Store
from tests.support.world_judge import judge
from tests.support.worlds import DENSE, Ask, AskedRow, Fault, Lists, Start, World

from ordersheet.core.model import Outcome

FRESH = 30.0
ROWS = tuple(AskedRow(order, (Ask("internalComment", "append", f"call {order}"),)) for order in DENSE)
BEFORE = (("called\ntwice", ""),) * len(DENSE)


@pytest.mark.parametrize("lanes", [1, 8, None])
@pytest.mark.parametrize("rate", [0.2, 0.5, 2.0])
def test_no_baseline_is_older_than_half_a_minute_when_its_row_leaves(rate, lanes):
    store = Store()
    run = send(sheet(*((order, append("called")) for order in range(1, 25))), store, rate=rate, lanes=lanes)
    assert set(run.outcomes) == {Outcome.APPLIED}
    read: dict[int, float] = {}
    for method, order, at in store.times:
        if method == "GET":
            read[order] = at
        else:
            assert at - read[order] <= FRESH


def test_a_pause_that_the_server_asks_for_makes_a_baseline_old():
    store = Store(put_fates=[Fate(status=429, body=b"{}", applies=False, headers={"retry-after": "100"})])
    run = send(sheet((1, append("called")), (2, append("called"))), store)
    assert set(run.outcomes) == {Outcome.APPLIED}
    last = {(method, order): at for method, order, at in store.times}
    for order in (1, 2):
        assert (
            last["PUT", order]
            - max(
                at
                for method, one, at in store.times
                if (method, one) == ("GET", order) and at <= last["PUT", order]
            )
            <= FRESH
        )


def happened(world: World) -> world_run.Told:
    told = world_run.run(world)
    assert not judge(told)
    return told


def test_pages_are_read_where_orders_lie_densely_and_each_text_is_added_once():
    told = happened(World(ROWS, held=BEFORE, lists=Lists()))
    assert told.shop.pages
    assert told.shop.gets < len(ROWS)
    assert sorted(did.order for did in told.shop.log if did.kind == "append") == list(DENSE)


@pytest.mark.parametrize(
    "lists",
    [
        Lists(manner="empty"),
        Lists(manner="without dates"),
        Lists(manner="shuffled"),
        Lists(leaves_out=2),
        Lists(most=1),
    ],
    ids=lambda lists: f"{lists.manner}, {lists.most}, {lists.leaves_out}",
)
def test_lists_that_are_no_good_cost_few_requests(lists):
    told = happened(World(ROWS, held=BEFORE, lists=lists))
    assert told.shop.gets <= len(ROWS) + 4


def test_a_shop_that_turns_lists_away_is_read_by_the_ids():
    lost = Fault("never arrived", "none", "lost")
    told = happened(World(ROWS, held=BEFORE, lists=Lists(manner="turned away"), faults=(lost,)))
    assert told.shop.pages == 1
    outcomes = {result.outcome for result in told.reports[0].results.values()}
    assert outcomes == {Outcome.APPLIED}, "what was lost is looked up by its ID, and sent again"


@pytest.mark.parametrize("answer", ["429", "502", "lost", "not the object", "404"])
def test_a_page_that_is_not_answered_is_no_harm(answer):
    for at in range(4, 9):
        happened(World(ROWS, held=BEFORE, lists=Lists(), get_faults=("ok",) * at + (answer,)))


def test_a_page_that_is_too_large_is_asked_for_smaller_or_not_at_all():
    held = (("x" * 200_000, ""),) * len(DENSE)
    told = happened(World(ROWS, held=held, lists=Lists()))
    assert told.shop.gets <= 2 * len(ROWS)


@pytest.mark.parametrize("pressed", [0.05, 0.15, 0.25, 0.35, 0.5])
def test_an_interrupt_ends_those_that_wait_for_a_page(pressed):
    world = World(ROWS, held=BEFORE, lists=Lists(), starts=(Start(0.0, pressed=pressed), Start(200.0)))
    told = happened(world)
    assert told.reports[0].at <= 25.0
    assert {result.outcome.ok for result in told.reports[1].results.values()} == {True}


def test_orders_under_way_that_end_in_doubt_hold_no_other_up():
    lost = Fault("never arrived", "none", "lost")
    told = happened(World(ROWS, held=BEFORE, lists=Lists(), faults=(lost,) * 4))
    assert set(told.reports[0].results) == set(range(2, 2 + len(ROWS)))


def test_two_rows_of_an_order_are_read_one_after_the_other():
    again = tuple(AskedRow(order, (Ask("internalComment", "append", f"again {order}"),)) for order in DENSE)
    told = happened(World((*ROWS, *again), held=BEFORE, lists=Lists()))
    assert told.shop.gets >= len(ROWS)


def test_what_keeps_a_row_from_being_sent_is_read_by_the_id():
    held = tuple(("called\ntwice" if order < 8 else f"called\ncall {order}", "") for order in DENSE)
    told = happened(World(ROWS, held=held, lists=Lists()))
    outcomes = [told.reports[0].results[row].outcome for row in range(2, 2 + len(ROWS))]
    there = outcomes.count(Outcome.ALREADY_THERE)
    assert there == len(DENSE) - 7
    assert told.shop.pages
    assert told.shop.gets - told.shop.pages >= 4 + there
