"""For each rule the worlds in which it would lie, one by one, held against the shop's own log."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.views import CUTS, View
from tests.support.world_judge import judge
from tests.support.world_run import run
from tests.support.world_shop import BY_HAND
from tests.support.worlds import (
    DEEDS,
    DENSE,
    NO_FAULT,
    ORDERS,
    SWALLOWED,
    Ask,
    AskedRow,
    Deed,
    Fault,
    Lists,
    Start,
    World,
)


def rows_of(orders: tuple[int, ...]) -> tuple[AskedRow, ...]:
    return tuple(AskedRow(order, (Ask("internalComment", "append", f"call {order}"),)) for order in orders)


def holds(world: World) -> None:
    assert not judge(run(world)), world


# --- unknown attempts, and answers


@pytest.mark.parametrize("late", [0.5, 20.0, 85.0])
@pytest.mark.parametrize("answer", ["500", "lost"])
def test_what_still_arrives_within_settle_is_not_sent_a_second_time(late, answer):
    fault = Fault("applied late", answer=answer, late=late)
    for learned in ("nothing", "honest growth"):
        for number in range(3):
            faults = (*(NO_FAULT,) * number, fault)
            holds(World(rows_of((*ORDERS, 5, 6)), learned=learned, held=(("old", ""),), faults=faults))


@pytest.mark.parametrize("late", [5.0, 60.0])
@pytest.mark.parametrize("after", [0.0, 1.0, 20.0])
def test_what_a_killed_run_had_under_way_is_not_sent_beside_it(late, after):
    for killed in (0.07, 0.1, 0.15, 0.3):
        for number in range(3):
            faults = (*(NO_FAULT,) * number, Fault("applied late", answer="lost", late=late))
            starts = (Start(0.0, killed=killed), Start(after))
            holds(World(rows_of((*ORDERS, 5, 6)), learned="honest growth", faults=faults, starts=starts))


@pytest.mark.parametrize("applies", ["all", "none"])
def test_an_ok_that_speaks_of_another_order_says_nothing_of_this_one(applies):
    for number in range(4):
        faults = (*(NO_FAULT,) * number, Fault("another order's answer", applies, "other order"))
        holds(World(rows_of(ORDERS), faults=faults))


# --- guards, and how old a reading may be


def turned_away_for(pause: float) -> Fault:
    return Fault("turned away for a while", "none", "429", headers=(("retry-after", f"{pause:g}"),))


def before(pause: float, within: float) -> list[float]:
    """Moments of a pause, each at least so long before what leaves after it."""
    return [at for at in (0.01, 0.05, 0.1, pause / 2, pause - within) if at <= pause - within]


@pytest.mark.parametrize("pause", [6.0, 100.0])
@pytest.mark.parametrize("deed", DEEDS[:3:2])
def test_no_guarded_overwrite_leaves_long_after_its_reading(pause, deed):
    row = AskedRow(1, (Ask("internalComment", "replace", "new"),))
    world = World((row,), held=(("old", ""),), guarded=True)
    for at in before(pause, 5.5):
        deeds = (Deed(at, 1, "internalComment", deed),)
        holds(replace(world, faults=(turned_away_for(pause),), deeds=deeds))
        for call in range(2, 8):
            holds(replace(world, starts=(Start(0.0, still=(call, pause)),), deeds=deeds))


@pytest.mark.parametrize("pause", [40.0, 100.0])
def test_what_somebody_adds_while_a_row_waits_is_not_taken_for_ours(pause):
    """The very text that the row adds, which is then lost on its way."""
    row = AskedRow(1, (Ask("internalComment", "append", BY_HAND[0]),))
    for at in before(pause, 31.0):
        deeds = (Deed(at, 1, "internalComment", DEEDS[0]),)
        faults = (turned_away_for(pause), *(SWALLOWED,) * 3)
        holds(World((row,), held=(("old", ""),), learned="honest growth", faults=faults, deeds=deeds))


@pytest.mark.parametrize("name", [name for name in CUTS if name.endswith(("ellipsis", "dots"))])
@pytest.mark.parametrize("kind", ["replace", "append"])
def test_no_guarded_row_goes_out_where_a_reading_shows_less_than_stands(name, kind):
    """What the reading leaves out may be anybody's, though all that it shows is as the sheet has it."""
    rows = tuple(AskedRow(order, (Ask("internalComment", kind, f"new {order}"),)) for order in ORDERS)
    texts = [("line\n" * 50 + f"and below it {order}", "") for order in ORDERS]
    told = run(World(rows, View((name,)), held=tuple(texts), guarded=True))
    assert not judge(told)
    assert not told.shop.puts


# --- lists


CUT_AT = {
    "first 20 characters": "o" * 20,
    "first 60 characters": "o" * 60,
    "first 200 characters": "o" * 200,
    "first 3 lines": "o\no\no",
}
"""By how a list cuts: the most that it shows whole."""


@pytest.mark.parametrize("cut", CUT_AT)
@pytest.mark.parametrize("long", [6, 12])
def test_the_one_order_that_a_list_cuts_is_not_taken_for_ours(cut, long):
    """What the list leaves out of the one long comment is the very text that is asked for."""
    held = [("old", "")] * len(DENSE)
    held[long - 1] = (f"{CUT_AT[cut]}\ncall {long}", "")
    faults = (NO_FAULT,) * (long - 1) + (SWALLOWED,) * 20
    holds(World(rows_of(DENSE), held=tuple(held), faults=faults, lists=Lists(View((cut,)))))


@pytest.mark.parametrize("pause", [14.0, 20.0])
def test_a_list_that_proves_itself_nowhere_is_not_taken_for_the_one_before(pause):
    """After a pause another list is read: an old copy, in which all that would tell so is missing."""
    for answered in range(4, 9):
        held = tuple(("old" if order <= answered + 1 else f"call {order}", "") for order in DENSE)
        faults = (*(NO_FAULT,) * answered, turned_away_for(pause), *(SWALLOWED,) * 20)
        lists = Lists(manner="every second one old")
        holds(World(rows_of(DENSE), held=held, held_since=-1.0, faults=faults, lists=lists))


@pytest.mark.parametrize("target", [2, 5, 8])
def test_what_a_list_shows_of_another_order_keeps_no_row_from_being_sent(target):
    """Somebody wrote the very text into the order beside it, whose lines the list shows, too."""
    held = [("", "")] * len(DENSE)
    held[target] = (f"call {target}", "")
    held[-1] = ("several\nlines of\nan order", "")
    holds(World(rows_of(DENSE[::-1]), held=tuple(held), lists=Lists(View(("another order's lines last",)))))
