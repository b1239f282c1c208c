"""What real servers do: one small world for each, held against the shop's own log.

Each was a false status once. The worlds of tests/torture draw their kind at random.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest
from tests.support.views import FIELDS, MOMENTS, NEVER_FRESH, TEXTS, View
from tests.support.virtual_time import START
from tests.support.world_judge import judge
from tests.support.world_run import Report, run
from tests.support.worlds import LOST, NO_FAULT, SWALLOWED, Ask, AskedRow, Fault, Start, World

from ordersheet.core.model import Outcome

O = Outcome  # noqa: E741 - it stands in nearly every line here
LONG = "p" * 200
LINES = "\n".join(f"{day} of March: spoke to the carrier" for day in range(1, 13))
PART = Fault("no, comments applied", "comments", "no")
FORBIDDEN = Fault("403", "none", "403")
ATTRIBUTE = Ask("ref", "set", "A")
FAR = (("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT"),)


def append(text: str, field: str = "internalComment") -> Ask:
    return Ask(field, "append", text)


def row(order: int, *asks: Ask) -> AskedRow:
    return AskedRow(order, asks)


CALLED = row(1, append("called"))


def in_doubt(view: View, *, held: str = "", learned: str = "", fault: Fault = LOST) -> World:
    """Make a world of one row whose answer is lost; an earlier run saw texts grow."""
    seen = learned or ("honest growth" if view.texts else "growth in this view")
    return World((CALLED,), view, seen, ((held, ""),), (fault,))


class Case(NamedTuple):
    """A world, and what the first run reports of its rows."""

    world: World
    outcomes: tuple[Outcome, ...]


CANNOT_PROVE_ABSENCE = {
    "only the first 200 characters are shown": Case(
        in_doubt(View(("first 200 characters",)), held=LONG), (O.UNCONFIRMED,)
    ),
    "only the first 3 lines are shown": Case(
        in_doubt(View(("first 3 lines",)), held=LINES), (O.UNCONFIRMED,)
    ),
    "the first 60 and an ellipsis are shown": Case(
        in_doubt(View(("first 60 and an ellipsis",)), held=LONG), (O.UNCONFIRMED,)
    ),
    "the last 60 characters are shown": Case(
        in_doubt(View(("last 60 characters",)), held=LONG, fault=SWALLOWED), (O.UNCONFIRMED,)
    ),
    "a cache is older than settle": Case(in_doubt(View(moment="cached", seconds=200.0)), (O.UNCONFIRMED,)),
    "a cache tells its age": Case(
        in_doubt(View(moment="cached", seconds=200.0, tells=("age",))), (O.UNCONFIRMED,)
    ),
    "a cache tells the date of what it holds": Case(
        in_doubt(View(moment="cached", seconds=200.0, tells=("date",))), (O.UNCONFIRMED,)
    ),
    "a replica lags by more than settle": Case(
        in_doubt(View(moment="lagging", seconds=100.0)), (O.UNCONFIRMED,)
    ),
    "a replica got no updates since": Case(
        in_doubt(View(moment="lagging", seconds=NEVER_FRESH)), (O.UNCONFIRMED,)
    ),
    "another order's lines are shown alone": Case(
        in_doubt(View(("another order's lines alone",))), (O.UNCONFIRMED,)
    ),
    "nothing was read back yet, and nothing is to be": Case(
        in_doubt(View(), learned="nothing", fault=SWALLOWED), (O.UNCONFIRMED,)
    ),
}
PROVES = {
    "an honest store, and the text never came": Case(in_doubt(View(), fault=SWALLOWED), (O.APPLIED,)),
    "an honest store, and the text came": Case(in_doubt(View()), (O.CONFIRMED,)),
    "presence counts though nothing was read back yet": Case(
        in_doubt(View(), learned="nothing"), (O.CONFIRMED,)
    ),
    "another row teaches that this store reads back": Case(
        World(
            (row(1, append("called", "comment")), row(2, append("a longer text", "comment"))),
            faults=(SWALLOWED,),
        ),
        (O.APPLIED, O.APPLIED),
    ),
    "a long field reads back whole, for it was seen to grow": Case(
        World(
            (row(2, append("first")), CALLED),
            held=((LONG, ""), (LONG + LONG, "")),
            faults=(NO_FAULT, SWALLOWED),
        ),
        (O.APPLIED, O.APPLIED),
    ),
    "a store whose clock is wrong": Case(in_doubt(View(tells=("other time",)), fault=LOST), (O.CONFIRMED,)),
    "what a lost update may have overwritten is no evidence against the store": Case(
        World(
            (
                row(1, append("first")),
                row(1, Ask("internalComment", "replace", "other words")),
                row(2, append("called")),
                row(1, append("at last")),
            ),
            learned="honest growth",
            faults=(NO_FAULT, NO_FAULT, LOST, NO_FAULT, SWALLOWED),
        ),
        (O.APPLIED, O.APPLIED, O.APPLIED, O.APPLIED),
    ),
}
STALE_BASELINES = {
    "a stale baseline does not confirm a text that another holds": Case(
        World(
            (row(1, append("called.")), CALLED),
            View(moment="cached", seconds=20.0),
            "honest growth",
            faults=(NO_FAULT, SWALLOWED),
        ),
        (O.APPLIED, O.UNCONFIRMED),
    ),
    "a stale baseline does not hide what a refused row applied": Case(
        World(
            (row(1, append("called.")), row(1, append("called"), ATTRIBUTE)),
            View(moment="cached", seconds=20.0),
            "honest growth",
            faults=(NO_FAULT, PART),
        ),
        (O.APPLIED, O.UNCONFIRMED),
    ),
}
REFUSED = {
    "an order that the shop does not have": Case(
        World((row(1, append("called"), ATTRIBUTE),), unknown=frozenset({1})), (O.REFUSED,)
    ),
    "a refused row of which the comment was applied": Case(
        World((row(1, append("called"), ATTRIBUTE),), learned="honest growth", faults=(PART,)),
        (O.PARTLY_APPLIED,),
    ),
    "a lone 403 among good rows": Case(
        World(
            (row(2, append("x")), CALLED, row(3, append("y"))),
            learned="honest growth",
            faults=(NO_FAULT, FORBIDDEN),
        ),
        (O.APPLIED, O.REFUSED, O.APPLIED),
    ),
    "a lone 403, and it is all there is": Case(World((CALLED,), faults=(FORBIDDEN,)), (O.REFUSED,)),
    "a 403, and a doubt about a later row of the order": Case(
        World((CALLED, row(1, append("y"))), learned="honest growth", faults=(FORBIDDEN, LOST)),
        (O.REFUSED, O.CONFIRMED),
    ),
    "a 429 that ends in the year 9999": Case(
        World((CALLED, row(1, append("y"))), faults=(Fault("429 for ever", "none", "429", headers=FAR),)),
        (O.NOT_SENT, O.NOT_SENT),
    ),
}
FROZEN = {
    "a server stands still for longer than settle": Case(
        World((CALLED,), learned="honest growth", freezes=((1, 125.0),)), (O.CONFIRMED,)
    ),
    "a server stands still, and only the next run hears of it": Case(
        World(
            (CALLED,),
            learned="honest growth",
            freezes=((1, 300.0),),
            starts=(Start(0.0), Start(0.0), Start()),
        ),
        (O.UNCONFIRMED,),
    ),
}
CASES = {**CANNOT_PROVE_ABSENCE, **PROVES, **STALE_BASELINES, **REFUSED, **FROZEN}


def outcomes(report: Report) -> tuple[Outcome, ...]:
    assert report.end is not None
    rest = [O.NOT_SENT] * (0 if report.end.rest == "" else len(CASES))
    told = [report.results[row].outcome for row in sorted(report.results)]
    return tuple(told + rest)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_status_is_true_and_says_what_can_be_known(case):
    told = run(case.world)
    assert not judge(told)
    expected = case.outcomes
    assert outcomes(told.reports[0])[: len(expected)] == expected


EVERY_VIEW = [
    View(),
    *(View((text,)) for text in TEXTS),
    *(View(moment=moment, seconds=seconds) for moment in MOMENTS[1:] for seconds in (1.0, 20.0, 200.0)),
    *(View(fields=fields) for fields in FIELDS[1:]),
]


@pytest.mark.parametrize("view", EVERY_VIEW, ids=lambda view: view.name)
def test_no_view_hides_what_a_refused_row_applied_where_longer_texts_were_looked_at_before(view):
    called = row(1, append("called"), ATTRIBUTE)
    rows = (row(1, append("a first text")), row(1, append("a second")), called)
    seen_now = World(rows, view, faults=(NO_FAULT, NO_FAULT, PART))
    seen_before = World((called,), view, "growth in this view", faults=(PART,))
    for world in (seen_now, seen_before):
        told = run(world)
        assert not judge(told)
        assert outcomes(told.reports[0])[-1] in (O.PARTLY_APPLIED, O.UNCONFIRMED)


REFUSAL = Fault("no", "none", "no")
REFUSED_ROW = row(1, append("called"), ATTRIBUTE)
SHOWS_MORE = "x" * 40 + "\nanother line"


@pytest.mark.parametrize("held", ["", LONG, LINES], ids=["empty", "long", "lines"])
@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_a_refusal_is_refused_within_seconds_by_a_store_that_shows_more_than_its_order_holds(held, first):
    other = row(2, append("a first text"))
    rows = (other, REFUSED_ROW) if first else (REFUSED_ROW, other)
    faults = (NO_FAULT, REFUSAL) if first else (REFUSAL, NO_FAULT)
    more = f"{held}\n{SHOWS_MORE}" if held else ""
    told = run(World(rows, held=((held, ""), (more, "")), faults=faults))
    assert not judge(told)
    assert sorted(outcomes(told.reports[0])) == [O.APPLIED, O.REFUSED]
    assert told.reports[0].at < 5


@pytest.mark.parametrize("held", ["", LONG, LINES], ids=["empty", "long", "lines"])
@pytest.mark.parametrize("fault", [PART, REFUSAL], ids=["applied", "not applied"])
def test_a_refusal_that_no_reading_can_prove_is_unconfirmed_and_says_what_was_not_seen(held, fault):
    view = View() if fault is REFUSAL else View(("nothing",))
    told = run(World((REFUSED_ROW,), view, held=((held, ""),), faults=(fault,)))
    assert not judge(told)
    assert outcomes(told.reports[0]) == (O.UNCONFIRMED,)
    (result,) = told.reports[0].results.values()
    assert "no other update has shown yet that this store shows a comment of this length" in result.message
    assert told.reports[0].at < 5


def test_a_comment_that_is_as_long_as_others_was_cut_unless_another_order_shows_more():
    """Both orders hold as much, and the second one is in doubt; an earlier run has written more elsewhere."""
    rows = (row(2, append("first")), CALLED)
    held = (("x" * 20, ""), ("y" * 20, ""))
    told = run(World(rows, learned="honest growth", held=held, faults=(NO_FAULT, SWALLOWED)))
    assert not judge(told)
    assert outcomes(told.reports[0]) == (O.APPLIED, O.APPLIED)


@pytest.mark.parametrize("also", [(), (append("paid", "comment"),)], ids=["alone", "with another column"])
def test_what_an_overwrite_in_doubt_may_have_taken_out_is_settled_with_it_in_the_same_run(also):
    replaced = Ask("internalComment", "replace", "new and longer")
    rows = (row(1, append("a"), *also), row(1, append("a"), ATTRIBUTE), row(1, replaced))
    lives = (Start(0.0, killed=0.28), Start())
    told = run(World(rows, faults=(NO_FAULT, NO_FAULT, SWALLOWED), starts=lives))
    assert not judge(told)
    assert outcomes(told.reports[1])[0] is O.ALREADY_APPLIED
    assert all(outcome.ok for outcome in outcomes(told.reports[1]))


CLOCKS = {
    "an hour forward": {"turned": ((22.0, 3600.0),)},
    "a day back": {"turned": ((22.0, -86_400.0),)},
    "forward while nobody knows for how long": {"turned": ((22.0, 3600.0),), "started_anew": frozenset({1})},
}


@pytest.mark.parametrize("clocks", CLOCKS.values(), ids=CLOCKS)
def test_a_clock_that_jumps_between_two_runs_doubles_no_text_and_costs_one_wait(clocks):
    still_under_way = Fault("applied late, answer lost", answer="lost", late=60.0)
    starts = (Start(0.0, killed=20.0), Start(5.0))
    told = run(World((CALLED,), View(), "honest growth", faults=(still_under_way,), starts=starts, **clocks))
    assert not judge(told)
    assert outcomes(told.reports[1]) == (O.ALREADY_APPLIED,)
    assert told.reports[1].at < 1000 + 25 + 2 * 100


@pytest.mark.parametrize("doubled", [False, True])
def test_an_overwrite_in_doubt_is_sent_again_though_what_it_may_have_taken_out_is_unconfirmed(doubled):
    again = (row(1, append("a")),) if doubled else ()
    rows = (row(1, append("a")), *again, row(1, Ask("internalComment", "replace", "new and longer")))
    lives = (Start(0.0, killed=0.3), Start(), Start())
    told = run(World(rows, faults=(NO_FAULT, SWALLOWED), starts=lives))
    assert not judge(told)
    assert outcomes(told.reports[1])[-1] is O.APPLIED
    assert all(outcome.ok for outcome in outcomes(told.reports[2]))


def test_a_refusal_of_an_order_that_nobody_finds_costs_no_wait():
    told = run(REFUSED["an order that the shop does not have"].world)
    assert told.reports[0].at < 5


def test_two_runs_that_each_hold_a_refused_order_of_the_other_both_come_to_their_end():
    rows = tuple(row(order, append("called")) for order in range(1, 9))
    starts = (Start(0.0), Start(-0.01, backwards=True))
    told = run(World(rows, learned="honest growth", faults=(FORBIDDEN, FORBIDDEN), starts=starts))
    assert not judge(told)
    assert max(report.at for report in told.reports) < 1010


@pytest.mark.parametrize("call", [2, 3, 4, 5])
def test_a_run_ends_though_another_stands_still_with_what_it_needs(call):
    starts = (Start(0.0, still=(call, 20_000.0)), Start(-0.3))
    told = run(World((CALLED, row(2, append("y"))), learned="honest growth", starts=starts))
    assert not judge(told)
    waited = told.reports[0]
    assert waited.at < 1000 + 3600 + 60
    stuck = [result for result in waited.results.values() if result.outcome is O.NOT_SENT]
    assert stuck
    assert all("another run" in result.message for result in stuck)


def test_what_stood_still_is_written_anew_before_a_byte_leaves():
    told = run(World((CALLED,), learned="honest growth", starts=(Start(0.0, still=(3, 60.0)),)))
    assert not judge(told)
    (did,) = [one for one in told.shop.log if one.who == "run0"]
    begun = max(one.at for one in told.ledger.operations.values() if one.ref.run == "run0")
    assert abs((begun - START).total_seconds() - did.at) < 1


def test_a_reading_that_fails_the_test_turns_trust_off_and_says_so():
    told = run(
        World(
            (row(1, append("first")), row(1, append("second")), CALLED),
            View(("first 60 characters",)),
            "honest growth",
            ((LONG, ""),),
            (NO_FAULT, NO_FAULT, LOST),
        )
    )
    assert not judge(told)
    assert outcomes(told.reports[0]) == (O.APPLIED, O.APPLIED, O.UNCONFIRMED)
    end = told.reports[0].end
    assert end is not None
    assert any("internal comment" in warning for warning in end.warnings)
