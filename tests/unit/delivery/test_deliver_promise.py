"""The promise, checked against the store's own list of what it applied, under random faults."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support import virtual_time
from tests.support.delivery import Run, World, append, clear, press_at, put_attribute, replaced, sheet
from tests.support.fake_store import Fate, Order, Store, no, status

from ordersheet.core.model import OperationKind, OrderWork, Outcome
from ordersheet.core.stop_switch import StopSwitch
from ordersheet.delivery.verdict.observation import Failure

if TYPE_CHECKING:
    from ordersheet.core.model import Operation

FLAGS = {"internalComment": "replaceInternalComment", "comment": "replaceComment"}
TEXTS = st.sampled_from(["delayed", "shipped on Monday", "Ö-delayed", "paid"])
COMMENTS = st.sampled_from(["internalComment", "comment"])


@st.composite
def asked(draw: st.DrawFn) -> list[Operation]:
    """Draw what one row asks: something of one comment, and perhaps of an attribute."""
    name = draw(COMMENTS)
    kind = draw(st.sampled_from(["append", "append", "append", "replace", "clear", "none"]))
    operations: list[Operation] = []
    if kind == "clear":
        operations.append(clear(name))
    elif kind != "none":
        operations.append((append if kind == "append" else replaced)(draw(TEXTS), name))
    if kind == "none" or draw(st.booleans()):
        operations.append(put_attribute(draw(st.sampled_from(["A", "B"]))))
    return operations


def told_apart(rows: list[tuple[int, list[Operation]]]) -> list[OrderWork]:
    """Make a sheet in which no two rows append the same text: what is applied can be told row by row."""
    return sheet(
        *(
            (
                order,
                [
                    one._replace(value=f"{one.value} {at}") if one.value and one.field in FLAGS else one
                    for one in asked
                ],
            )
            for at, (order, asked) in enumerate(rows)
        )
    )


FILES = st.lists(st.tuples(st.integers(1, 3), asked()), min_size=1, max_size=7).map(told_apart)
# Every way a PUT can go wrong; what is late arrives well within the settle of 90 s.
PUT_FATES = st.sampled_from(
    [
        Fate(),
        Fate(),
        Fate(),
        Fate(failure=Failure.CLOSED),
        Fate(failure=Failure.CLOSED, applies=False),
        Fate(failure=Failure.DEADLINE, seconds=40.0, late=30.0),
        Fate(status=503, body=b"busy", applies=False),
        Fate(status=503, body=b"busy", late=60.0),
        Fate(status=500, body=b"<html>"),
        Fate(failure=Failure.CONNECT, bytes_left=False, applies=False),
        status(429, retry_after="3"),
        status(421),
        no("wrong market"),
        status(404),
        Fate(body=b"not the documented object"),
        Fate(body=b'{"status":"ok","order":999}'),
    ]
)
GET_FATES = st.sampled_from(
    [Fate(), Fate(), Fate(), Fate(failure=Failure.CLOSED), Fate(status=502), status(429, retry_after="2")]
)


What = tuple[int, str, str]


def appended(payloads: list[dict[str, Any]], *, standing: bool) -> Counter[What]:
    """Count what was appended; with `standing`, since the field was last overwritten."""
    found: Counter[What] = Counter()
    for payload in payloads:
        for name, flag in FLAGS.items():
            if name not in payload:
                continue
            if not payload.get(flag):
                found[payload["order"], name, payload[name]] += 1
            elif standing:
                for what in [one for one in found if one[:2] == (payload["order"], name)]:
                    del found[what]
    return found


def asks(works: list[OrderWork], run: Run, *outcomes: Outcome) -> Counter[What]:
    """Count the appends that rows with these outcomes ask for."""
    return Counter(
        (work.order, operation.field, str(operation.value))
        for work in works
        for update in work.updates
        for operation in update.operations
        if operation.kind is OperationKind.APPEND and run.results[update.row].outcome in outcomes
    )


def check_first(works: list[OrderWork], run: Run, payloads: list[dict[str, Any]]) -> None:
    """Hold a first run's results against what the store applied."""
    assert set(run.results) == {update.row for work in works for update in work.updates}
    ok = asks(works, run, Outcome.APPLIED, Outcome.CONFIRMED)
    perhaps = asks(works, run, Outcome.UNCONFIRMED, Outcome.PARTLY_APPLIED)
    found = appended(payloads, standing=False)
    for what in ok | perhaps | found:
        assert ok[what] <= found[what] <= ok[what] + perhaps[what], (what, run.results)


def check_again(works: list[OrderWork], run: Run, store: Store) -> None:
    """Hold a later run's results against all that the store applied."""
    assert set(run.results) == {update.row for work in works for update in work.updates}
    asked_for = asks(works, run, *Outcome)
    for what, count in appended(store.applied, standing=True).items():
        assert count <= asked_for[what], (what, run.results)
    if all(result.outcome.ok for result in run.results.values()):
        fresh = Store()
        virtual_time.run(_send(fresh, works))
        for number, order in fresh.orders.items():
            assert lines(store.order(number)) == lines(order), run.results


async def _send(store: Store, works: list[OrderWork]) -> None:
    await World(store).send(works)


def lines(order: Order) -> tuple[object, ...]:
    return (
        sorted((order.internalComment or "").split("\n")),
        sorted((order.comment or "").split("\n")),
        order.attributes,
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(works=FILES, puts=st.lists(PUT_FATES, max_size=14), gets=st.lists(GET_FATES, max_size=14))
def test_every_result_is_true_under_faults_and_sending_again_brings_the_rest(works, puts, gets):
    later: list[tuple[Run, Store]] = []

    async def main() -> None:
        world = World(Store(put_fates=list(puts), get_fates=list(gets)))
        first = await world.send(works)
        await asyncio.sleep(100)
        check_first(works, first, world.store.applied)
        assert not world.ledger.claims
        # The same file again, with nothing going wrong: nothing that is ok is sent again, and it ends.
        before = len(world.store.applied)
        world.store.put_fates.clear()
        world.store.get_fates.clear()
        second = await world.send(works)
        later.append((second, world.store))
        sent = {payload["order"] for payload in world.store.applied[before:]}
        if all(result.outcome.ok for result in first.results.values()):
            assert not sent
        third_from = len(world.store.applied)
        if not {Outcome.UNCONFIRMED, Outcome.NOT_SENT} & set(second.outcomes):
            await world.send(works)
            assert world.store.applied[third_from:] == []

    virtual_time.run(main())
    for run, store in later:
        check_again(works, run, store)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    works=FILES,
    puts=st.lists(PUT_FATES, max_size=8),
    presses=st.lists(st.floats(0, 120), min_size=1, max_size=2).map(sorted),
)
def test_an_interrupt_at_any_moment_leaves_true_results_and_ends_within_grace(works, puts, presses):
    later: list[tuple[Run, Store]] = []

    async def main() -> None:
        world = World(Store(put_fates=list(puts)))
        switch = StopSwitch()
        pressing = asyncio.ensure_future(press_at(switch, *presses))
        first = await world.send(works, switch=switch)
        if first.end.stopped_by is not None:
            assert first.seconds <= presses[0] + 20.5
        pressing.cancel()
        await asyncio.sleep(200)
        check_first(works, first, world.store.applied)
        second = await world.send(works)
        later.append((second, world.store))

    virtual_time.run(main())
    for run, store in later:
        check_again(works, run, store)
