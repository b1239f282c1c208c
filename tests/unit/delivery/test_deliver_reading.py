"""How unknown becomes known: reading back, settle, parts one by one, the last look, what other runs left."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.support import virtual_time
from tests.support.delivery import Run, World, append, clear, put_attribute, replaced, send, sheet
from tests.support.fake_store import LOST, SWALLOWED, Fate, Order, Store, no, status

from ordersheet.core.history.orderbook import OperationRef
from ordersheet.core.journal import Begin, Learned, Looked
from ordersheet.core.model import Outcome
from ordersheet.core.operation_state import OperationState
from ordersheet.delivery.verdict.observation import Failure

O = Outcome  # noqa: E741 - it stands in nearly every line here
LATE = Fate(failure=Failure.DEADLINE, seconds=60.0, late=40.0)
GONE = Fate(status=502)


def put_times(store: Store, order: int) -> list[float]:
    return [at for method, number, at in store.times if method == "PUT" and number == order]


def get_times(store: Store, order: int) -> list[float]:
    return [at for method, number, at in store.times if method == "GET" and number == order]


@pytest.mark.parametrize(
    "fate",
    [
        LOST,
        Fate(status=500),
        Fate(status=503, headers={"retry-after": "1"}),
        Fate(status=409),
        Fate(status=408),
        Fate(status=204, body=b""),
        Fate(body=b"<html>"),
        Fate(body=b'{"status":"ok","order":999}'),
        Fate(body=b'{"status":"OK","order":1}'),
        Fate(failure=Failure.GARBLED),
    ],
)
def test_presence_counts_at_once_and_nothing_is_sent_twice(fate):
    store = Store(put_fates=[fate])
    run = send(sheet((1, append("a"))), store)
    assert run.outcomes == [O.CONFIRMED]
    assert len(store.puts) == 1
    told = [progress for progress in run.told if progress.done]
    assert told


def test_absence_counts_only_settle_after_the_attempt_was_given_up():
    store = Store(put_fates=[SWALLOWED])
    run = send(sheet((1, append("a"))), store, shown=True)
    assert run.outcomes == [O.APPLIED]
    first, second = put_times(store, 1)
    assert second >= first + 90
    assert store.count(1, "a") == 1


def test_what_arrives_late_is_confirmed_and_not_sent_again():
    store = Store(put_fates=[LATE])
    run = send(sheet((1, append("a"))), store)
    assert run.outcomes == [O.CONFIRMED]
    assert store.count(1, "a") == 1


def test_others_go_on_while_an_order_waits_to_be_sure():
    store = Store(put_fates=[SWALLOWED])
    run = send(sheet((1, append("a")), *[(n, append("b")) for n in range(2, 40)]), store, lanes=1)
    assert set(run.outcomes) == {O.APPLIED}
    assert max(put_times(store, 39)) < 60
    assert any("to be sure about 1 order" in (told.waiting or "") for told in run.told)


def test_an_unknown_blocks_the_later_rows_until_settle_even_where_its_text_was_seen():
    store = Store(put_fates=[LOST])
    run = send(sheet((1, append("a")), (1, append("b"))), store)
    assert run.outcomes == [O.CONFIRMED, O.APPLIED]
    first, second = put_times(store, 1)
    assert second >= first + 90


def test_an_idempotent_part_is_sent_again_at_once_and_blocks_later_rows_until_settle():
    store = Store(put_fates=[SWALLOWED])
    run = send(sheet((1, put_attribute(1)), (1, put_attribute(2))), store)
    assert run.outcomes == [O.APPLIED, O.APPLIED]
    first, again, later = put_times(store, 1)
    assert again - first < 5
    assert later - first >= 90


def test_attempts_are_limited_and_an_attribute_that_may_have_arrived_is_unconfirmed():
    store = Store(put_fate=lambda _: SWALLOWED)
    run = send(sheet((1, put_attribute(1)), (1, put_attribute(2)), (1, append("a"))), store, attempts=2)
    assert run.outcomes[:2] == [O.UNCONFIRMED, O.NOT_SENT]
    assert [payload.get("extraAttributes") for payload in store.puts[:2]] == [{"ref": 1}] * 2
    assert len([payload for payload in store.puts if "extraAttributes" in payload]) == 2


def test_an_append_proven_absent_after_its_last_attempt_is_not_applied_and_holds_the_order_back():
    store = Store(put_fate=lambda _: SWALLOWED)
    run = send(sheet((1, append("a")), (1, append("b"))), store, shown=True, attempts=3)
    assert run.outcomes == [O.NOT_APPLIED, O.NOT_SENT]
    assert len(store.puts) == 3
    assert "waits for row 2" in run.results[3].message


def test_the_next_run_starts_at_the_row_that_was_not_applied():
    async def main() -> Any:
        world = World(Store(put_fates=[SWALLOWED, SWALLOWED])).show()
        works = sheet((1, append("a")), (1, append("b")))
        await world.send(works, attempts=2)
        return world, await world.send(works)

    world, second = virtual_time.run(main())
    assert second.outcomes == [O.APPLIED, O.APPLIED]
    assert [payload["internalComment"] for payload in world.store.applied] == ["a", "b"]


def test_each_part_is_judged_by_itself():
    # The append arrived, the attribute goes out again, and the append does not.
    store = Store(
        put_fates=[Fate(failure=Failure.CLOSED, applies=lambda sent: {**sent, "extraAttributes": {}})]
    )
    run = send(sheet((1, [append("a"), put_attribute(1)])), store)
    assert run.outcomes == [O.CONFIRMED]
    assert store.puts[1] == {"order": 1, "extraAttributes": {"ref": 1}}
    assert store.count(1, "a") == 1


def test_absent_appends_and_all_idempotent_parts_go_out_in_one_new_payload():
    store = Store(put_fates=[SWALLOWED])
    run = send(sheet((1, [append("a"), replaced("b", "comment"), put_attribute(1)])), store, shown=True)
    assert run.outcomes == [O.APPLIED]
    assert len(store.puts) == 2
    assert store.puts[1] == store.puts[0]


def test_an_append_that_cannot_be_proven_is_left_out_and_the_row_is_unconfirmed():
    def anna(store, payload):
        store.order(1).internalComment = "Anna rewrote everything"

    store = Store(put_fates=[LOST], after_put=anna)
    run = send(sheet((1, [append("a"), put_attribute(1)]), (1, append("b"))), store)
    assert run.outcomes == [O.UNCONFIRMED, O.NOT_SENT]
    assert store.puts[1] == {"order": 1, "extraAttributes": {"ref": 1}}
    assert "resolve R1 --row 2 applied" in run.results[2].message
    assert "Setting the attribute ref: Done." in run.results[2].message
    assert "waits for row 2" in run.results[3].message


def test_a_replace_that_stays_unanswered_is_proven_by_what_the_field_holds():
    store = Store({1: Order("old")}, put_fate=lambda _: LOST)
    run = send(sheet((1, replaced("new"))), store, attempts=2)
    assert run.outcomes == [O.CONFIRMED]


def test_without_a_baseline_an_unknown_append_is_unconfirmed_and_not_sent_again():
    store = Store(put_fates=[LOST, Fate(status=500, applies=False)])
    run = send(sheet((1, append("a")), (2, [append("b"), put_attribute(1)])), store, baseline=False, lanes=1)
    assert run.outcomes == [O.UNCONFIRMED, O.UNCONFIRMED]
    assert [payload.get("internalComment") for payload in store.puts] == ["a", "b", None]


def test_an_order_that_is_not_in_the_answer_has_no_baseline():
    store = Store(put_fates=[LOST], hidden={1})
    run = send(sheet((1, append("a")), (2, append("b"))), store, lanes=1)
    assert run.outcomes == [O.UNCONFIRMED, O.APPLIED]
    assert store.count(1, "a") == 1


def test_a_comment_that_is_not_a_text_proves_nothing():
    store = Store({1: Order(internalComment=None)}, put_fates=[SWALLOWED])
    assert send(sheet((1, append("a"))), store).outcomes == [O.UNCONFIRMED]


def test_a_key_that_may_not_read_is_warned_of_once_and_never_counted_among_the_403s():
    store = Store(get_fate=lambda _: status(403))
    run = send(sheet(*[(n, append("a")) for n in range(1, 9)]), store)
    assert set(run.outcomes) == {O.APPLIED}
    assert len(run.end.warnings) == 1
    assert "may not read" in run.end.warnings[0]
    assert len(store.gets) <= 2


def test_a_look_without_an_answer_is_tried_again_later():
    def when(order):
        return GONE if 85 < asyncio.get_running_loop().time() < 140 else Fate()

    store = Store(put_fates=[SWALLOWED], get_fate=when)
    run = send(sheet((1, append("a"))), store, shown=True)
    assert run.outcomes == [O.APPLIED]
    assert put_times(store, 1)[1] > 140


def test_a_server_that_can_never_be_read_again_leaves_the_row_unconfirmed_and_the_order_owing():
    store = Store(put_fates=[SWALLOWED])
    store.get_fate = lambda _: GONE if store.puts else Fate()
    run = send(sheet((1, append("a"))), store)
    assert run.outcomes == [O.UNCONFIRMED]
    assert run.journal.ledger.looked == []
    assert virtual_time.run(run.journal.owed()) == [1]


# --- the last look


def test_every_order_that_was_in_doubt_is_looked_at_once_more():
    store = Store(put_fates=[LOST])
    run = send(sheet((1, append("a")), (2, append("b"))), store, lanes=1)
    assert run.journal.ledger.looked == [1]
    assert max(get_times(store, 1)) >= 90
    assert [type(events[-2]) for events in run.journal.log if Looked in map(type, events)] == [Looked]


def test_the_last_look_raises_what_arrived_twice():
    # Seen at once, and applied a second time by the server itself within settle.
    def once_more(store, payload):
        if len(store.applied) == 1:
            asyncio.get_running_loop().call_later(50, store.apply, payload)

    store = Store(put_fates=[LOST], after_put=once_more)
    run = send(sheet((1, append("a"))), store)
    assert run.outcomes == [O.APPLIED_TWICE]
    assert "more than once" in run.results[2].message
    assert (run.end.ok, run.end.no) == (1, 0)


def test_the_last_look_never_takes_a_proof_back():
    def removed(store, payload):
        asyncio.get_running_loop().call_later(50, setattr, store.order(1), "internalComment", "")

    store = Store(put_fates=[LOST], after_put=removed)
    assert send(sheet((1, append("a"))), store).outcomes == [O.CONFIRMED]


def test_an_answer_after_a_proven_absence_is_looked_at_too():
    # The first attempt arrives later than settle, together with the second: the last look sees it.
    def belated(store, payload):
        if store.count(1, "a") == 1 and payload["order"] == 1:
            store.apply(payload)

    store = Store(put_fates=[Fate(), SWALLOWED], after_put=belated)
    run = send(sheet((2, append("x")), (1, append("a"))), store, lanes=1)
    assert store.count(1, "a") == 2
    assert run.outcomes == [O.APPLIED, O.APPLIED_TWICE]


# --- refusals


def test_a_no_after_an_unknown_attempt_is_never_a_refusal():
    store = Store(put_fates=[SWALLOWED, no("closed")])
    run = send(sheet((1, put_attribute(1))), store)
    assert run.outcomes == [O.UNCONFIRMED]
    assert "closed" in run.results[2].message


def test_a_no_after_a_proven_absence_is_a_refusal():
    store = Store(put_fates=[SWALLOWED, no("closed")])
    assert send(sheet((1, append("a"))), store, shown=True).outcomes == [O.REFUSED]


TWO = sheet((1, [append("a"), put_attribute(1)]))


def test_a_no_to_several_parts_is_read_back_three_times_where_a_text_was_seen_to_show():
    store = Store(put_fates=[Fate(), no("closed")])
    works = sheet((2, append("x")), (1, [append("a"), put_attribute(1)]))
    run = send(works, store, lanes=1)
    assert run.outcomes == [O.APPLIED, O.REFUSED]
    assert len(store.gets) == 1 + 1 + 1 + 3


def test_a_no_to_several_parts_is_unconfirmed_where_no_text_was_ever_seen_to_show():
    store = Store(put_fates=[no("closed")])
    run = send(TWO, store)
    assert run.outcomes == [O.UNCONFIRMED]
    assert "closed" in run.results[2].message
    assert "no other update has shown yet" in run.results[2].message
    assert len(store.gets) == 3


def test_a_no_that_applied_the_append_is_partly_applied():
    store = Store(
        put_fates=[
            no("closed", applies=lambda sent: {"order": 1, "internalComment": sent["internalComment"]})
        ]
    )
    run = send(TWO, store)
    assert run.outcomes == [O.PARTLY_APPLIED]
    ledger = run.journal.ledger.operations
    assert ledger[OperationRef("R1", 2, "internalComment")].state is OperationState.APPLIED
    assert ledger[OperationRef("R1", 2, "extraAttributes.ref")].state is OperationState.IN_DOUBT


@pytest.mark.parametrize(
    ("works", "held"),
    [
        (TWO, None),
        (sheet((1, [replaced("same"), put_attribute(1)])), "same"),
    ],
)
def test_a_no_that_cannot_be_checked_is_unconfirmed(works, held):
    store = Store({1: Order(held or "")}, put_fates=[no("closed")])
    if held is None:
        store.get_fates = [Fate(), *[GONE] * 6]
    assert send(works, store).outcomes == [O.UNCONFIRMED]


def test_a_no_to_attributes_alone_or_without_baselines_is_not_read_back():
    store = Store(put_fates=[no("closed"), no("closed")])
    run = send(sheet((1, [put_attribute(1), put_attribute(2, "other")])), store)
    assert run.outcomes == [O.REFUSED]
    assert send(TWO, Store(put_fates=[no("closed")]), baseline=False).outcomes == [O.REFUSED]


# --- whether reading back works at this store


def learned(run: Run) -> list[Learned]:
    return [event for events in run.journal.log for event in events if isinstance(event, Learned)]


def test_the_first_answered_append_of_each_field_is_read_back_and_remembered():
    async def main() -> Any:
        world = World()
        first = await world.send(sheet((1, append("a")), (2, append("b", "comment")), (3, append("c"))))
        return first, await world.send(sheet((4, append("d"))))

    first, second = virtual_time.run(main())
    assert {(event.field, event.reads_back) for event in learned(first)} == {
        ("internalComment", True),
        ("comment", True),
    }
    assert learned(second) == []
    assert second.end.requests.get == 1


def test_absence_from_the_other_comment_proves_nothing_until_an_append_was_seen_there():
    unseen = Store(put_fates=[SWALLOWED])
    assert send(sheet((1, append("a", "comment"))), unseen).outcomes == [O.UNCONFIRMED]
    assert len(unseen.puts) == 1
    seen = Store(put_fates=[Fate(), SWALLOWED])
    run = send(sheet((1, append("a", "comment")), (2, append("b", "comment"))), seen, lanes=1)
    assert run.outcomes == [O.APPLIED, O.APPLIED]


@pytest.mark.parametrize(
    "stored", [lambda text: text[:3], lambda text: text.replace("&", "&amp;"), lambda _: ""]
)
def test_a_store_that_changes_texts_turns_reading_back_off_and_says_so(stored):
    store = Store(put_fates=[Fate(), SWALLOWED], stored=stored)
    run = send(sheet((1, append("long & text")), (2, append("another one"))), store, lanes=1)
    assert run.outcomes == [O.APPLIED, O.UNCONFIRMED]
    assert [event.reads_back for event in learned(run)] == [False]
    assert len(run.end.warnings) == 1
    assert "internal comment" in run.end.warnings[0]


def test_a_store_that_itself_adds_the_text_twice_is_noticed():
    store = Store(after_put=lambda store, payload: store.apply(payload) if len(store.applied) == 1 else None)
    assert send(sheet((1, append("a"))), store).outcomes == [O.APPLIED_TWICE]


# --- what other runs left


def killed(
    world: World, run: str, row: int, order: int, *operations: object, baseline: str | None = ""
) -> None:
    """Leave rows as a run leaves them that was killed while sending."""
    works = sheet((order, list(operations)))
    journal = world.ledger.journal(run)
    book = journal._take(works[0])  # noqa: SLF001 - the same
    assert book is not None
    asks = tuple(decision.ask._replace(row=row) for decision in book.plan(2))
    held = None if baseline is None else {"internalComment": baseline}
    journal._apply(Begin(order, row, 1, asks, held, world.clock.now()))  # noqa: SLF001 - at once, outside of time
    world.ledger.dies(run)


async def after_a_kill(
    store: Store, *rows, applied: bool, shown: bool = False, world_options=None
) -> tuple[World, Run]:
    world = World(store).show() if shown else World(store)
    killed(world, "dead", 7, 1, append("a"))
    if applied:
        store.apply({"order": 1, "internalComment": "a"})
    return world, await world.send(sheet(*rows), **(world_options or {}))


def test_a_row_of_a_dead_run_is_looked_up_before_anything_is_sent_to_its_order():
    world, run = virtual_time.run(after_a_kill(Store(), (1, append("a")), (1, append("b")), applied=True))
    assert run.outcomes == [O.ALREADY_APPLIED, O.APPLIED]
    assert [payload["internalComment"] for payload in world.store.puts] == ["b"]
    assert put_times(world.store, 1)[0] >= 90
    assert world.ledger.operations[OperationRef("dead", 7, "internalComment")].state is OperationState.APPLIED


def test_a_row_of_a_dead_run_that_is_absent_is_sent_by_this_file_alone():
    world, run = virtual_time.run(after_a_kill(Store(), (1, append("a")), applied=False, shown=True))
    assert run.outcomes == [O.APPLIED]
    assert put_times(world.store, 1)[0] >= 90
    world, run = virtual_time.run(after_a_kill(Store(), (1, append("other")), applied=False, shown=True))
    assert [payload["internalComment"] for payload in world.store.applied] == ["other"]


def test_what_is_in_doubt_on_other_orders_is_looked_up_before_the_run_ends():
    world, run = virtual_time.run(after_a_kill(Store(), (2, append("x")), applied=True))
    assert run.outcomes == [O.APPLIED]
    assert world.ledger.operations[OperationRef("dead", 7, "internalComment")].state is OperationState.APPLIED
    assert 1 in world.ledger.looked
    assert not world.ledger.claims
    assert world.store.count(1, "a") == 1


def test_an_append_of_a_dead_run_that_stays_in_doubt_holds_its_order_back_until_it_is_resolved():
    store = Store({1: Order("Anna was here")})
    world, run = virtual_time.run(after_a_kill(store, (1, append("b")), (2, append("c")), applied=False))
    assert run.outcomes == [O.NOT_SENT, O.APPLIED]
    assert "row 7 of run dead" in run.results[2].message
    assert virtual_time.run(world.ledger.journal("next").owed()) == [1]


def test_an_overwrite_of_a_dead_run_blocks_until_settle_and_is_sent_again_only_if_this_file_asks():
    async def main(*rows) -> Any:
        world = World()
        killed(world, "dead", 7, 1, put_attribute(1), clear())
        return world, await world.send(sheet(*rows))

    world, run = virtual_time.run(main((1, put_attribute(1))))
    assert run.outcomes == [O.APPLIED]
    assert put_times(world.store, 1)[0] >= 90
    world, run = virtual_time.run(main((2, put_attribute(1))))
    assert put_times(world.store, 1) == []


def test_an_owed_look_counts_what_this_ledger_applied_since():
    async def main(twice) -> Any:
        world = World(Store(put_fates=[LOST]))
        world.store.get_fate = lambda _: GONE if len(world.store.applied) == 1 else Fate()
        first = await world.send(sheet((1, append("a"))))
        world.store.get_fate = None
        if twice:
            world.store.apply({"order": 1, "internalComment": "a"})
        second = await world.send(sheet((1, append("b")), (2, append("c"))))
        return world, first, second

    world, first, second = virtual_time.run(main(twice=False))
    assert first.outcomes == [O.UNCONFIRMED]
    assert second.outcomes == [O.APPLIED, O.APPLIED]
    assert world.ledger.operations[OperationRef("R1", 2, "internalComment")].state is OperationState.APPLIED
    world, first, second = virtual_time.run(main(twice=True))
    assert "more than once" in world.ledger.operations[OperationRef("R1", 2, "internalComment")].message


def test_a_refusal_that_added_one_text_leaves_the_other_in_doubt_and_holds_the_order():
    """Somebody wrote into the other field meanwhile, so nothing is proven there."""
    store = Store(put_fates=[no("locked", applies=lambda sent: {"order": 1, "comment": sent["comment"]})])
    store.after_put = lambda store, _: setattr(store.order(1), "internalComment", "somebody's words")
    row = (1, [append("a"), append("c", "comment")])
    run = send(sheet(row, (1, append("b"))), store)
    assert run.outcomes == [O.UNCONFIRMED, O.NOT_SENT]
    assert "The API refused it: locked. The order was read again" in run.results[2].message
    assert "No usable answer came, but the order was read again and holds it." in run.results[2].message


def test_a_baseline_that_waited_through_a_long_pause_is_read_anew():
    """Somebody types the very text while the server makes everyone wait."""

    async def main() -> tuple[Run, Store]:
        store = Store(
            put_fates=[status(429, retry_after="600")],
            get_fate=lambda order: Fate(seconds=0.1 if order == 1 else 1.0),
        )

        async def clerk() -> None:
            await asyncio.sleep(300)
            store.order(2).internalComment = "paid"

        typing = asyncio.ensure_future(clerk())
        run = await World(store).send(sheet((1, append("z")), (2, append("paid"))), lanes=3)
        await typing
        return run, store

    run, store = virtual_time.run(main())
    assert run.outcomes == [O.APPLIED, O.ALREADY_THERE]
    assert store.order(2).internalComment == "paid"


def test_where_every_turn_comes_late_a_baseline_is_read_anew_but_once():
    run = send(sheet((1, append("a")), (2, append("b"))), store := Store(), rate=0.01)
    assert run.outcomes == [O.APPLIED, O.APPLIED]
    assert len(store.gets) <= 4 + 1
