"""Guards and --skip-unchanged: rows that go out only where the order still holds what the sheet says."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support import virtual_time
from tests.support.delivery import World, append, clear, put_attribute, replaced, send, sheet
from tests.support.fake_store import LOST, SWALLOWED, Fate, Order, Store, no, status

from ordersheet.core.history.orderbook import Policy
from ordersheet.core.journal import Begin, There
from ordersheet.core.model import Outcome

O = Outcome  # noqa: E741 - it stands in nearly every line here
REF = "extraAttributes.erp_ref"


def holding(text: str | None, **more: Any) -> Store:
    return Store({1: Order(text)}, **more)


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ("as it was", "as it was"),
        ("", ""),
        ("two\r\nlines ", "two lines"),
        ("Caf\u00e9", "Cafe\u0301"),
        ("- first", "'- first"),
    ],
)
def test_a_row_is_sent_where_its_field_holds_what_is_expected(held: str, expected: str) -> None:
    store = holding(held)
    run = send(sheet((1, replaced("new"), expected)), store)
    assert run.outcomes == [O.APPLIED]
    assert store.order(1).internalComment == "new"


@pytest.mark.parametrize(
    ("held", "expected"),
    [("as it was!", "as it was"), ("x", ""), ("", "x"), ("As it was", "as it was"), ("'- x", "- x")],
)
def test_nothing_of_a_row_is_sent_where_somebody_changed_it_and_what_stands_is_told(
    held: str, expected: str
) -> None:
    store = holding(held)
    run = send(sheet((1, [replaced("new"), put_attribute("R-1")], expected)), store)
    assert run.outcomes == [O.CHANGED_SINCE]
    assert not store.puts
    assert held in run.results[2].message or "empty now" in run.results[2].message


def test_later_rows_that_share_a_field_wait_and_others_go_on() -> None:
    store = holding("by hand")
    run = send(
        sheet(
            (1, replaced("new"), "as it was"),
            (1, [append("below"), put_attribute("R-1")]),
            (1, put_attribute("R-2")),
            (1, append("for all to see", "comment")),
            (2, append("another order")),
        ),
        store,
    )
    assert run.outcomes == [O.CHANGED_SINCE, O.NOT_SENT, O.NOT_SENT, O.APPLIED, O.APPLIED]
    assert "row 2" in run.results[3].message
    assert "row 3" in run.results[4].message
    assert store.order(1) == Order("by hand", "for all to see")


def test_a_guard_counts_for_the_whole_row_whatever_it_changes() -> None:
    store = holding("by hand")
    run = send(sheet((1, put_attribute("R-1"), "as it was"), (1, put_attribute("R-2"), "by hand")), store)
    assert run.outcomes == [O.CHANGED_SINCE, O.NOT_SENT]
    assert send(sheet((1, put_attribute("R-2"), "by hand")), store).outcomes == [O.APPLIED]


def test_rows_of_one_order_see_what_the_file_itself_has_done() -> None:
    store = holding("as it was", separator="<br />\n")
    run = send(
        sheet(
            (1, append("one"), "as it was"),
            (1, append("two"), "as it was"),
            (1, replaced("three"), "as it was"),
            (1, append("four"), "as it was"),
            (1, clear(), "as it was"),
            (1, append("five"), "as it was"),
        ),
        store,
    )
    assert run.outcomes == [O.APPLIED] * 6
    assert store.order(1).internalComment == "five"


def test_a_corrected_file_goes_on_from_what_the_first_one_did() -> None:
    async def main() -> None:
        world = World(holding("as it was"))
        await world.send(sheet((1, append("one"), "as it was")))
        corrected = sheet((1, append("one"), "as it was"), (1, append("two"), "as it was"))
        assert (await world.send(corrected)).outcomes == [O.ALREADY_APPLIED, O.APPLIED]
        other = sheet((1, append("three"), "as it was"))
        assert (await world.send(other)).outcomes == [O.CHANGED_SINCE]
        world.store.order(1).internalComment = "tidied up"
        gets = len(world.store.gets)
        assert (await world.send(corrected)).outcomes == [O.ALREADY_APPLIED, O.ALREADY_APPLIED]
        assert len(world.store.gets) == gets, "what is done is not looked at"

    virtual_time.run(main())


def test_a_named_batch_counts_on_its_own_part_of_the_history_alone() -> None:
    async def main() -> None:
        world = World(holding("as it was"))
        rows = sheet((1, append("one"), "as it was"))
        await world.send(rows, policy=Policy(batch="monday"), batch="monday")
        both = sheet((1, append("one"), "as it was"), (1, append("two"), "as it was"))
        run = await world.send(both, policy=Policy(batch="tuesday"), batch="tuesday")
        assert run.outcomes == [O.CHANGED_SINCE, O.NOT_SENT]

    virtual_time.run(main())


@pytest.mark.parametrize("fate", [LOST, Fate(status=500), SWALLOWED, Fate(status=502, applies=False)])
def test_what_stays_without_an_answer_is_found_out_as_ever(fate: Fate) -> None:
    store = holding("as it was", put_fates=[fate])
    run = send(sheet((1, replaced("new"), "as it was"), (1, append("below"), "as it was")), store, shown=True)
    assert {*run.outcomes} <= {O.APPLIED, O.CONFIRMED}
    assert store.order(1).internalComment == "new\nbelow"


def test_somebody_who_writes_while_a_row_is_in_doubt_is_not_written_over() -> None:
    store = holding("as it was", put_fates=[Fate(status=500, applies=False)])

    def edited() -> None:
        store.order(1).internalComment = "by hand"

    store.on_put = edited
    run = send(sheet((1, replaced("new"), "as it was")), store, shown=True)
    assert store.order(1).internalComment == "by hand"
    assert run.outcomes == [O.UNCONFIRMED]
    assert len(store.puts) == 1


@pytest.mark.parametrize("stands", ["by hand", None])
def test_what_an_earlier_run_left_in_doubt_is_named_where_a_guard_keeps_it_from_being_sent(
    stands: str | None,
) -> None:
    """Nothing of the row leaves now, and it may stand in the order: who reads the report must know both."""

    async def main() -> None:
        world = World(holding("as it was", put_fates=[Fate(status=500)] * 9)).show()
        rows = sheet((1, [replaced("new"), put_attribute("R-1")], "as it was"))
        assert (await world.send(rows, attempts=1)).outcomes == [O.UNCONFIRMED]
        world.store.order(1).internalComment = stands
        run = await world.send(rows)
        assert {*run.outcomes} <= {O.NOT_SENT, O.CHANGED_SINCE}
        assert "Run R1 sent it, and whether it was applied then is not known" in run.results[2].message
        untried = await world.send(sheet((1, replaced("another"), "as it was")))
        assert "R1" not in untried.results[2].message

    virtual_time.run(main())


@pytest.mark.parametrize(
    "store",
    [
        Store(hidden={1}),
        holding(None),
        holding("as it was", get_fates=[status(403)]),
        holding("as it was", get_fates=[Fate(status=500)] * 6),
        holding("as it was", get_fate=lambda _order: Fate(headers={"age": "5"})),
        holding("the first 60 letters and …"),
    ],
)
def test_without_a_whole_reading_a_guarded_row_is_not_sent(store: Store) -> None:
    expected = store.order(1).internalComment or ""
    run = send(sheet((1, [replaced("new"), put_attribute("R-1")], expected)), store)
    assert run.outcomes == [O.NOT_SENT]
    assert not store.puts


def test_a_field_that_ends_where_others_end_is_not_taken_for_whole() -> None:
    cut = "x" * 200
    store = Store({1: Order("a" + cut[1:]), 2: Order("b" + cut[1:])})
    rows = sheet((1, replaced("short")), (2, replaced("new"), "b" + cut[1:]))
    run = send(rows, store, lanes=1)
    assert run.outcomes == [O.APPLIED, O.NOT_SENT]


def test_an_attribute_is_guarded_where_the_answer_shows_it() -> None:
    def sent(now: Any, expected: str, *, shows: bool = True) -> list[Outcome]:
        store = Store({1: Order("", "", {} if now is None else {"erp_ref": now})}, shows_attributes=shows)
        return send(sheet((1, put_attribute("new", "erp_ref"), {REF: expected})), store).outcomes

    assert sent("old", "old") == sent(None, "") == sent(7, "7") == sent({"a": 1}, '{"a": 1}') == [O.APPLIED]
    assert sent("old", "other") == sent("old", "") == sent(None, "old") == [O.CHANGED_SINCE]
    assert sent("old", "old", shows=False) == [O.NOT_SENT]


def test_a_replace_leaves_within_five_seconds_of_its_reading_or_is_read_anew() -> None:
    store = holding("as it was")
    waits = [status(429, retry_after="7"), status(429, retry_after="7")]
    store.put_fates = waits
    run = send(sheet((1, replaced("new"), "as it was")), store, lanes=1)
    assert run.outcomes == [O.APPLIED], (run.results[2].message, store.times)
    puts = [at for method, _, at in store.times if method == "PUT"]
    gets = [at for method, _, at in store.times if method == "GET"]
    assert len(puts) == 3
    for put in puts:
        assert min(put - get for get in gets if get <= put) <= 5.0


@pytest.mark.parametrize("rate", [0.05, 0.5, 3.0])
def test_however_slow_the_pace_a_replace_costs_one_reading_of_a_moment_ago(rate: float) -> None:
    store = Store({n: Order("as it was") for n in range(1, 9)})
    run = send(sheet(*((n, replaced("new"), "as it was") for n in range(1, 9))), store, rate=rate, lanes=8)
    assert run.outcomes == [O.APPLIED] * 8
    assert len(store.times) == 16
    for order in range(1, 9):
        (read, sent) = (at for _, number, at in store.times if number == order)
        assert sent - read <= 1.0


def test_a_guarded_text_is_never_added_on_a_reading_that_grew_old() -> None:
    store = Store({n: Order("as it was") for n in range(1, 4)})
    run = send(sheet(*((n, append("new"), "as it was") for n in range(1, 4))), store, rate=0.02, lanes=3)
    assert run.outcomes == [O.APPLIED] * 3
    for order in range(1, 4):
        (sent,) = (at for method, number, at in store.times if (method, number) == ("PUT", order))
        assert min(sent - at for _, number, at in store.times if number == order and at < sent) <= 30.0
    begun = [event for events in run.journal.log for event in events if isinstance(event, Begin)]
    assert [event.baseline for event in begun] == [{"internalComment": "as it was"}] * 3


def test_what_equals_what_stands_is_left_out_if_asked_and_stands_in_the_history() -> None:
    async def main() -> None:
        world = World(Store({1: Order("the same\r\ntext", "", {"ref": "R-1"})}, shows_attributes=True))
        rows = sheet(
            (1, [replaced("the same\ntext"), put_attribute("R-1"), clear("comment")]),
            (1, [replaced("another"), put_attribute("R-1")]),
            (2, put_attribute("R-1")),
        )
        run = await world.send(rows, skip_unchanged=True)
        assert run.outcomes == [O.UNCHANGED, O.APPLIED, O.APPLIED]
        assert sorted(payload["order"] for payload in world.store.puts) == [1, 2]
        assert all("extraAttributes" in payload for payload in world.store.puts if payload["order"] == 2)
        there = [event for events in run.journal.log for event in events if isinstance(event, There)]
        assert len(there) == 3
        again = await world.send(rows)
        assert {*again.outcomes} <= {O.UNCHANGED, O.ALREADY_APPLIED, O.DUPLICATE}
        assert len(world.store.puts) == 2

    virtual_time.run(main())


def test_what_is_not_shown_is_sent_although_it_may_be_unchanged() -> None:
    store = Store({n: Order("", "", {"ref": "R-1"}) for n in range(1, 6)})
    run = send(sheet(*((n, put_attribute("R-1")) for n in range(1, 6))), store, skip_unchanged=True, lanes=1)
    assert run.outcomes == [O.APPLIED] * 5
    assert len(store.gets) == 1, "attributes that are not shown are read for once"
    cut = Store({1: Order("the first 60 letters and …")})
    run = send(sheet((1, replaced("the first 60 letters and …"))), cut, skip_unchanged=True)
    assert run.outcomes == [O.APPLIED]


def test_a_refused_row_and_a_guard_hold_nothing_back_that_they_need_not() -> None:
    store = holding("as it was", put_fates=[no("closed")])
    run = send(sheet((1, replaced("new"), "as it was"), (1, append("below"), "as it was")), store)
    assert run.outcomes == [O.REFUSED, O.APPLIED]
    begun = [event for events in run.journal.log for event in events if isinstance(event, Begin)]
    assert [event.baseline for event in begun] == [{"internalComment": "as it was"}] * 2
