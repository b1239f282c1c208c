"""Worlds at random, each held against its shop's own log; and the judge, which must find what is false."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.support.views import CHANGES, CUTS, HONEST, NEVER_FRESH, Held, Reader, View
from tests.support.world_judge import judge
from tests.support.world_run import run
from tests.support.world_shop import FLAGS, Did
from tests.support.worlds import (
    DEEDS,
    DENSE,
    FAULTS,
    LOST,
    NO_FAULT,
    SWALLOWED,
    Ask,
    AskedRow,
    Deed,
    Fault,
    Lists,
    Start,
    World,
    dense_worlds,
    refusing_worlds,
    worlds,
)

from ordersheet.core.model import Outcome, RowResult

ONE_ROW = World(rows=(AskedRow(1, (Ask("internalComment", "append", "called"), Ask("ref", "set", "A"))),))
SHORT, LONG = 60, 6_000
TELLS_NOTHING = ("lost", "500", "503", "other order", "no object")
FREE = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # What a long search found and a broken-off session never told is tried first by the next one.
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)


def at_noon(_order: int, _at: float) -> Held:
    return Held("called <b>Anna</b>\nabout the parcel", "x" * 80)


# --- the judge


def kinds(told) -> set[str]:
    return {one.kind for one in judge(told)}


def test_a_world_without_any_trouble_keeps_the_promise():
    told = run(ONE_ROW)
    assert not judge(told)
    assert [report.results[2].outcome for report in told.reports] == [Outcome.APPLIED]


def test_a_text_that_came_twice_is_found_and_what_a_gateway_doubled_is_not():
    told = run(ONE_ROW)
    (did,) = [one for one in told.shop.log if one.kind == "append"]
    told.shop.log.append(did)
    assert not judge(told)
    told.shop.log.append(did._replace(put=did.put + 1))
    assert kinds(told) == {"doubled"}


def test_an_ok_that_is_not_true_yet_is_found():
    told = run(ONE_ROW)
    told.shop.log[:] = [one._replace(at=one.at + 100) for one in told.shop.log]
    assert kinds(told) == {"false ok"}


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.NOT_SENT, Outcome.NOT_APPLIED])
def test_a_no_that_was_applied_is_found_and_an_unconfirmed_is_not(outcome):
    told = run(ONE_ROW)
    results = told.reports[0].results
    results[2] = RowResult(2, "1", Outcome.UNCONFIRMED, "not known")
    assert not judge(told)
    results[2] = RowResult(2, "1", outcome, "no")
    assert kinds(told) == {"false no"}


def test_a_row_that_is_missing_from_a_report_is_found():
    told = run(ONE_ROW)
    told.reports[0].results.clear()
    assert kinds(told) == {"rows", "false no"}


def test_a_part_that_was_not_applied_is_found():
    told = run(ONE_ROW)
    told.shop.log.clear()
    told.reports[0].results[2] = RowResult(2, "1", Outcome.PARTLY_APPLIED, "partly")
    assert kinds(told) == {"false part"}


def test_a_text_that_this_ledger_wrote_is_not_there_already():
    told = run(World(rows=(AskedRow(1, ONE_ROW.rows[0].asks[:1]),)))
    told.shop.log[:] = [one._replace(who="an earlier run") for one in told.shop.log]
    told.reports[0].results[2] = RowResult(2, "1", Outcome.ALREADY_THERE, "there")
    assert kinds(told) == {"false there"}


def test_a_person_who_adds_the_same_text_is_no_finding():
    told = run(ONE_ROW)
    told.shop.log.append(Did(1.0, "", 0, 1, "internalComment", "append", "called"))
    assert not judge(told)


def test_an_update_to_what_a_person_wrote_before_it_was_read_is_found():
    row = AskedRow(1, (Ask("internalComment", "replace", "new"),))
    told = run(World(rows=(row,), held=(("old", ""),), guarded=True))
    assert not judge(told)
    told.shop.log.insert(0, Did(0.0, "", 0, 1, "internalComment", "overwrite", "Anna was here"))
    assert kinds(told) == {"unguarded"}
    told.shop.log[0] = told.shop.log[0]._replace(at=0.05)
    assert not judge(told), "what comes between reading and writing nobody can see"


# --- the shop


def test_what_left_arrives_though_its_run_was_killed():
    told = run(World(ONE_ROW.rows, starts=(Start(0.0, killed=0.07), Start())))
    assert {one.who for one in told.shop.log if one.kind == "append"} == {"run0"}
    assert told.reports[0].end is None
    assert not judge(told)


def test_a_frozen_server_carries_out_what_came_meanwhile():
    told = run(World(ONE_ROW.rows, faults=(NO_FAULT,), freezes=((1, 40.0),)))
    assert [one.at > 40.0 for one in told.shop.log[:1]] == [True]


@pytest.mark.parametrize("fault", [LOST, Fault("no, comments applied", "comments", "no")])
def test_a_single_part_is_applied_whole_or_not_at_all(fault):
    told = run(World(rows=(AskedRow(1, ONE_ROW.rows[0].asks[1:]),), faults=(fault,)))
    assert {one.field for one in told.shop.log} <= {"ref"}
    assert not judge(told)


@pytest.mark.parametrize("name", [*CUTS, *CHANGES])
def test_each_view_of_a_text_shows_something_else_of_some_text(name):
    texts = [
        "",
        "Anna\nAnna <b>o\N{DIAERESIS}ffnet</b> \N{GRINNING FACE}",
        "4\n4\n1\n2",
        "x" * 300,
        "e\u0301  \u00e9",
    ]
    reader = Reader(View((name,)))

    def shown(text: str) -> str:
        order, _ = reader.show(1, 0.0, lambda order, _at: Held(text if order == 1 else "b"))
        return str(order["internalComment"])

    assert [shown(text) for text in texts] != texts


def test_a_cache_a_lag_and_replicas_show_what_was_there_before():
    def held(_order: int, at: float) -> Held:
        return Held("new" if at >= 100 else "old")

    def seen(view: View, *times: float) -> list[str]:
        reader = Reader(view)
        return [reader.show(1, at, held)[0]["internalComment"] for at in times]

    assert seen(HONEST, 99, 100) == ["old", "new"]
    assert seen(View(moment="lagging", seconds=10), 105, 110) == ["old", "new"]
    assert seen(View(moment="cached", seconds=10), 99, 105, 109) == ["old", "old", "new"]
    assert seen(View(moment="two replicas", seconds=50), 120, 121, 122, 200) == ["new", "old", "new", "new"]
    assert seen(View(moment="one of three replicas", seconds=50), 120, 121, 122) == ["new", "new", "old"]


def test_a_field_in_a_store_of_its_own_shows_another_moment_than_the_other():
    def held(_order: int, at: float) -> Held:
        return Held("new", "new") if at >= 100 else Held("old", "old")

    def seen(moment: str, *times: float) -> list[tuple[str, str]]:
        reader = Reader(View(apart=("comment", moment, 10.0)))
        shown = [reader.show(1, at, held)[0] for at in times]
        return [(one["internalComment"], one["otherComment"]) for one in shown]

    assert seen("lagging", 105, 110) == [("new", "old"), ("new", "new")]
    assert seen("cached", 99, 105, 109) == [("old", "old"), ("new", "old"), ("new", "new")]
    assert seen("two replicas", 105, 106, 107) == [("new", "new"), ("new", "old"), ("new", "new")]
    assert not View(apart=("comment", "lagging", 10.0)).honest


def test_headers_tell_the_age_where_they_tell_it():
    _, headers = Reader(View(moment="lagging", seconds=10, tells=("age", "date"))).show(1, 3600.0, at_noon)
    assert headers == {"age": "10", "date": "Thu, 01 Jan 1970 00:59:50 GMT"}
    assert Reader().show(1, 3600.0, at_noon)[1] == {}


# --- the promise


@st.composite
def updates_that_may_get_lost(draw: st.DrawFn) -> World:
    """Draw a world in which everything can be known: an honest store that this ledger has read before."""
    fields = [("internalComment",), ("comment",), ("internalComment", "comment")]
    rows = [
        AskedRow(order, tuple(Ask(field, "append", "called") for field in draw(st.sampled_from(fields))))
        for order in range(1, draw(st.integers(1, 4)) + 1)
    ]
    fates = st.sampled_from([fault for fault in FAULTS if fault.answer in TELLS_NOTHING])
    # A reading fails now and then, and never often in a row.
    misread = draw(st.lists(st.sampled_from(["ok", "lost", "502", "429", "not the object", "too large"])))
    return World(
        rows=tuple(rows),
        learned="honest growth",
        earlier=draw(st.integers(1, 2)),
        faults=tuple(draw(st.lists(fates, max_size=8))),
        get_faults=tuple(chain.from_iterable((fault, "ok") for fault in misread)),
    )


@settings(FREE, max_examples=SHORT)
@given(world=updates_that_may_get_lost())
def test_an_honest_store_that_was_read_before_leaves_nothing_unconfirmed(world):
    told = run(world)
    assert not judge(told)
    assert Outcome.UNCONFIRMED not in {one.outcome for one in told.reports[-1].results.values()}


def test_a_text_is_not_there_because_one_of_ours_looks_like_it():
    texts = ("paid", "<b>paid</b>")
    told = run(World(tuple(AskedRow(1, (Ask("internalComment", "append", text),)) for text in texts)))
    assert not judge(told)
    assert {one.outcome for one in told.reports[-1].results.values()} == {Outcome.APPLIED}


def holds(world: World) -> None:
    told = run(world)
    assert not judge(told), world


@pytest.mark.parametrize(
    "examples", [SHORT, pytest.param(LONG, marks=pytest.mark.torture)], ids=["short", "long"]
)
def test_an_honest_store_never_makes_a_status_false(examples):
    @settings(FREE, max_examples=examples)
    @given(world=worlds())
    def check(world: World) -> None:
        holds(replace(world, view=HONEST))

    check()


@pytest.mark.parametrize(
    "examples", [2 * SHORT, pytest.param(LONG, marks=pytest.mark.torture)], ids=["short", "long"]
)
def test_no_world_makes_a_status_false(examples):
    @settings(FREE, max_examples=examples)
    @given(world=worlds())
    def check(world: World) -> None:
        holds(world)

    check()


@pytest.mark.parametrize(
    "examples", [SHORT // 3, pytest.param(LONG // 4, marks=pytest.mark.torture)], ids=["short", "long"]
)
def test_no_list_makes_a_status_false(examples):
    @settings(FREE, max_examples=examples)
    @given(world=dense_worlds())
    def check(world: World) -> None:
        holds(world)

    check()


@st.composite
def guarded_worlds(draw: st.DrawFn) -> World:
    """Draw a world whose sheet is guarded, and in which somebody writes at any moment."""
    moments = st.sampled_from((0.01, 0.05, 0.09, 0.13, 0.2, 5.0, 95.0, 250.0))
    deeds = st.builds(
        Deed, moments, st.sampled_from((1, 1, 2)), st.sampled_from(tuple(FLAGS)), st.sampled_from(DEEDS[:3])
    )
    world = draw(st.one_of(worlds(), worlds(), dense_worlds()))
    # Of a view that shows half of a text and has shown no whole one, nobody can tell what a guard is held to.
    second = None if world.second is None else world.second._replace(view=HONEST)
    by_hand = tuple(draw(st.lists(deeds, min_size=1, max_size=3)))
    return replace(world, view=HONEST, second=second, guarded=True, deeds=by_hand)


@pytest.mark.parametrize(
    "examples", [SHORT // 2, pytest.param(LONG, marks=pytest.mark.torture)], ids=["short", "long"]
)
def test_no_guarded_row_goes_out_over_what_somebody_wrote(examples):
    @settings(FREE, max_examples=examples)
    @given(world=guarded_worlds())
    def check(world: World) -> None:
        holds(world)

    check()


@pytest.mark.parametrize(
    "examples", [SHORT // 2, pytest.param(LONG, marks=pytest.mark.torture)], ids=["short", "long"]
)
def test_no_world_makes_a_refusal_false(examples):
    @settings(FREE, max_examples=examples)
    @given(world=refusing_worlds())
    def check(world: World) -> None:
        holds(world)

    check()


HIDING = [
    Lists(view) for view in (View(("nothing",)), View(("first 5 characters",)), View(("first 1 lines",)))
] + [
    Lists(View(moment="lagging", seconds=NEVER_FRESH)),
    Lists(View(moment="cached", seconds=NEVER_FRESH)),
    Lists(manner="texts of the next one"),
    Lists(manner="by another date"),
    Lists(leaves_out=3, twice=True, most=7),
    Lists(manner="falling"),
    Lists(manner="moved by an update", most=7),
]


@pytest.mark.parametrize("lists", HIDING, ids=lambda lists: f"{lists.view.name}, {lists.manner}")
def test_what_a_list_hides_is_not_taken_for_ours(lists):
    """Each text stands in its order already, and what is sent after the first answers never arrives."""
    rows = tuple(AskedRow(order, (Ask("internalComment", "append", f"call {order}"),)) for order in DENSE)
    standing = [("", "old", "one\ntwo", "x" * 60)[order % 4] for order in DENSE]
    held = tuple(
        (text if order < 7 else f"{text}\ncall {order}".strip(), "")
        for order, text in zip(DENSE, standing, strict=True)
    )
    faults = (NO_FAULT,) * 6 + (SWALLOWED,) * 20
    holds(World(rows, held=held, held_since=-1.0, faults=faults, lists=lists))


def test_a_list_that_shows_things_as_they_are_is_read_instead_of_each_order():
    rows = tuple(AskedRow(order, (Ask("internalComment", "append", f"call {order}"),)) for order in DENSE)
    told = run(World(rows, held=(("before", ""),) * len(DENSE), lists=Lists()))
    assert not judge(told)
    assert told.shop.pages <= 2
    assert told.shop.gets <= len(DENSE) // 2 + 3
