"""Many orders read from a real sandbox, by pages and by IDs, and a whole list walked through."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordersheet.api import ListedOrder
from ordersheet.core.secret import Secret
from ordersheet.core.stop_switch import StopSwitch
from ordersheet.delivery import DeliveryOptions, SystemClock, make_transport_factory
from ordersheet.delivery.reading.orders import ReadAccess, ReadEnd, read_orders
from ordersheet.delivery.reading.walk import walk_list
from ordersheet.sandbox.app import SandboxConfig
from ordersheet.sandbox.faults import parse_fault
from ordersheet.sandbox.server import Running, running
from ordersheet.sandbox.store import Store, order_date

if TYPE_CHECKING:
    from ordersheet.delivery import Progress

FIRST, COUNT = 83_000, 3_000


def access(
    sandbox: Running, told: list[Progress] | None = None, stop: StopSwitch | None = None
) -> ReadAccess:
    return ReadAccess(
        make_transport_factory(Secret(sandbox.key)),
        DeliveryOptions(sandbox.base_url),
        SystemClock(),
        stop or StopSwitch(),
        (told if told is not None else []).append,
    )


def shop(**config: Any) -> Any:
    return running(Store(orders=range(FIRST, FIRST + COUNT)), SandboxConfig(**config))


def read(sandbox: Running, orders: Any, **more: Any) -> tuple[dict[int, ListedOrder | None], ReadEnd]:
    found: dict[int, ListedOrder | None] = {}

    def keep(order: int, one: ListedOrder | None) -> None:
        assert order not in found
        found[order] = one

    return found, asyncio.run(read_orders(orders, access(sandbox), keep, **more))


def test_a_dense_file_costs_few_requests_and_tells_the_truth() -> None:
    with shop() as sandbox:
        wanted = range(FIRST + 100, FIRST + 2_100)
        found, end = read(sandbox, wanted)
        # Ten of them lie in another market, where no list shows them: each is asked for by its ID.
        assert end.requests.get <= 10 + 10
        assert set(found) == set(wanted)
        for order, one in found.items():
            if order % 100 >= 90 and 83_600 <= order < 83_700:
                assert one is None  # In another market: no answer holds it.
                continue
            assert one is not None
            assert (one.order, one.date) == (order, order_date(order))
            assert (one.comments["internalComment"] == "Gift wrap asked for by phone") == (order % 4 == 0)


@pytest.mark.parametrize("fault", ["get-misses", "get-repeats", "get-shuffled", "get-empty:3", "get-500:20%"])
def test_lists_that_are_wrong_cost_more_and_lose_nothing(fault: str) -> None:
    with shop(faults=[parse_fault(fault)]) as sandbox:
        wanted = range(FIRST + 10, FIRST + 70)
        found, end = read(sandbox, wanted)
        assert set(found) | end.unread == set(wanted)
        assert end.requests.get <= len(wanted) * 2.5
        if fault not in ("get-misses", "get-500:20%"):
            assert sum(one is not None for one in found.values()) >= len(wanted) - 1


def test_a_page_that_is_too_large_is_asked_for_smaller() -> None:
    store = Store(orders=range(FIRST, FIRST + 300))
    for order in store:
        order.internal_comment = "x" * 20_000
    with running(store) as sandbox:
        found, end = read(sandbox, range(FIRST, FIRST + 300))
        assert all(found.values())
        assert end.requests.get < 60


def test_a_key_that_may_not_read_is_told() -> None:
    with shop(methods=frozenset({"PUT"})) as sandbox:
        found, end = read(sandbox, range(FIRST, FIRST + 50))
        assert end.unreadable
        assert not found
        assert end.unread == set(range(FIRST, FIRST + 50))


def test_a_wrong_key_stops_with_a_sentence() -> None:
    with shop() as sandbox:
        found, end = read(sandbox._replace(key="wrong"), range(FIRST, FIRST + 50))
        assert not found
        assert "key" in end.stopped.lower()


def test_an_interrupt_ends_it() -> None:
    with shop(latency=0.05) as sandbox:
        stop, found = StopSwitch(), dict[int, ListedOrder | None]()

        def keep(order: int, one: ListedOrder | None) -> None:
            found[order] = one
            stop.press()

        end = asyncio.run(read_orders(range(1, 100_000, 777), access(sandbox, stop=stop), keep))
        assert end.stopped
        assert set(found) | end.unread == set(range(1, 100_000, 777))


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 300), st.integers(0, 299), st.integers(0, 299), st.sampled_from([1, 7, 250]))
def test_a_walk_tells_each_order_between_two_times_once(most: int, one: int, other: int, limit: int) -> None:
    store = Store(orders=range(FIRST, FIRST + 300))
    newer, older = order_date(FIRST + min(one, other)), order_date(FIRST + max(one, other))
    with running(store, SandboxConfig(largest_page=most)) as sandbox:
        told: Counter[int] = Counter()
        end = asyncio.run(
            walk_list(
                access(sandbox),
                lambda one: told.update([one.order]),
                newer_than=newer,
                older_than=older,
                limit=min(limit, 50),
            )
        )
        assert not end.stopped
        wanted = [order.id for order in store.between(newer, older)]
        assert told == Counter(wanted)


@pytest.mark.parametrize("fault", ["get-shuffled", "get-repeats"])
def test_a_walk_through_lists_in_no_order(fault: str) -> None:
    store = Store(orders=range(FIRST, FIRST + 300))
    with running(store, SandboxConfig(largest_page=40, faults=[parse_fault(fault)])) as sandbox:
        told: Counter[int] = Counter()
        asyncio.run(walk_list(access(sandbox), lambda one: told.update([one.order])))
        assert told == Counter([order.id for order in store.between(None, None)])
