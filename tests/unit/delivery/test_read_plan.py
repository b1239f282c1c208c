"""Which requests read a set of orders, in shops of every manner: all are read, and with few requests."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.delivery.reading.plan import ReadOne, ReadPage, ReadPlan

START = datetime(2026, 9, 1, 8, 0)  # noqa: DTZ001 - the shop's times name no zone


@dataclass
class Shop:
    """A shop's lists, with whatever is wrong with them."""

    orders: dict[int, datetime]
    most: int = 250
    manner: str = "rising"
    """rising, falling, shuffled; also: misses, repeats, empty, no dates."""
    visible: frozenset[int] | None = None
    arriving: int = 0
    """Orders that are placed between two requests."""
    requests: list[ReadOne | ReadPage] = field(default_factory=list)
    rolled: random.Random = field(default_factory=lambda: random.Random(1))

    def one(self, order: int) -> datetime | None:
        self._arrive()
        return self.orders.get(order) if self._shows(order) else None

    def page(self, page: ReadPage) -> list[tuple[int, datetime | None]]:
        self._arrive()
        found = [
            (date, order)
            for order, date in self.orders.items()
            if self._shows(order)
            and (page.newer_than is None or date > page.newer_than)
            and (page.older_than is None or date < page.older_than)
        ]
        found.sort(reverse=self.manner == "falling")
        if self.manner == "shuffled":
            self.rolled.shuffle(found)
        found = found[: min(page.limit, self.most)]
        if self.manner == "empty":
            found = []
        if self.manner == "misses":
            found = found[1::3]
        if self.manner == "repeats":
            found = [entry for entry in found for _ in range(2)]
        return [(order, None if self.manner == "no dates" else date) for date, order in found]

    def _shows(self, order: int) -> bool:
        return self.visible is None or order in self.visible

    def _arrive(self) -> None:
        for _ in range(self.arriving):
            last = max(self.orders)
            self.orders[last + 1] = self.orders[last] + timedelta(minutes=1)


def read_all(shop: Shop, wanted: list[int]) -> dict[int, str]:
    """Read as a driver does: as many at once as the plan gives, answered in any order."""
    plan = ReadPlan()
    plan.add(wanted)
    how: dict[int, str] = {}
    under_way: list[ReadOne | ReadPage] = []
    while plan.left:
        while len(under_way) < 4 and (request := plan.next()) is not None:
            under_way.append(request)
            shop.requests.append(request)
        assert under_way, "nothing is asked for, and nothing is awaited"
        request = under_way.pop(shop.rolled.randrange(len(under_way)))
        if isinstance(request, ReadOne):
            assert request.order not in how
            how[request.order] = "one"
            plan.tell_one(request.order, shop.one(request.order))
            continue
        entries = shop.page(request)
        for order in plan.tell_page(dict(entries), len(entries)):
            assert order not in how
            how[order] = "page"
    assert plan.next() is None
    return how


def dense(first: int, count: int, *, minutes: int = 17) -> dict[int, datetime]:
    return {first + n: START + timedelta(minutes=minutes * n) for n in range(count)}


MANNERS = ("rising", "falling", "shuffled", "misses", "repeats", "empty", "no dates")


@given(
    st.sets(st.integers(1, 400), min_size=1, max_size=120),
    st.sets(st.integers(1, 400), max_size=300),
    st.sampled_from(MANNERS),
    st.integers(1, 300),
    st.integers(0, 2),
    st.integers(0, 20),
)
def test_every_order_is_read_once_in_a_bounded_number_of_requests(
    wanted: set[int], visible: set[int], manner: str, most: int, arriving: int, minutes: int
) -> None:
    shop = Shop(dense(1, 400, minutes=minutes), most, manner, frozenset(visible), arriving)
    how = read_all(shop, sorted(wanted))
    assert set(how) == wanted
    assert len(shop.requests) <= len(wanted) + max(1, 0.04 * len(wanted)) + 1
    # What a page showed was truly in it.
    assert all(order in visible for order, way in how.items() if way == "page")


@pytest.mark.parametrize("manner", ["rising", "falling"])
@pytest.mark.parametrize("most", [20, 100, 1000])
def test_consecutive_orders_cost_few_requests(manner: str, most: int) -> None:
    shop = Shop(dense(83_000, 20_000), most, manner)
    read_all(shop, list(range(85_000, 95_000)))
    per_page = min(most, 250)
    assert len(shop.requests) <= 10_000 / (per_page - 1) + 5


@pytest.mark.parametrize("manner", ["rising", "falling"])
def test_every_fifth_order_costs_few_requests(manner: str) -> None:
    shop = Shop(dense(83_000, 20_000), 100, manner)
    read_all(shop, list(range(85_000, 95_000, 5)))
    assert len(shop.requests) <= 0.06 * 2_000


@pytest.mark.parametrize("manner", MANNERS)
def test_scattered_orders_cost_one_request_each(manner: str) -> None:
    shop = Shop(dense(1, 200_000), 250, manner)
    wanted = list(range(1, 200_000, 1_000))
    read_all(shop, wanted)
    assert len(shop.requests) == len(wanted)


def test_dense_stretches_far_apart_are_each_read_by_pages() -> None:
    shop = Shop(dense(1, 100_000), 250)
    wanted = [first + n for first in (1_000, 40_000, 90_000) for n in range(500)]
    how = read_all(shop, wanted)
    assert sum(way == "one" for way in how.values()) <= 6
    assert len(shop.requests) <= 15


def test_an_order_that_no_page_showed_is_read_by_its_id() -> None:
    orders = dense(1, 500)
    shop = Shop(orders, visible=frozenset(n for n in orders if n % 2))
    how = read_all(shop, list(range(100, 200)))
    assert {order for order, way in how.items() if way == "one"} >= set(range(100, 200, 2))
    assert len(shop.requests) <= 60


@pytest.mark.parametrize("too_large", [True, False])
def test_a_shop_whose_pages_cannot_be_had_is_read_one_by_one(*, too_large: bool) -> None:
    plan = ReadPlan()
    plan.add(range(1, 101))
    limits, ones = [], 0
    while plan.left:
        request = plan.next()
        assert request is not None
        if isinstance(request, ReadPage):
            limits.append(request.limit)
            plan.tell_page_failed(too_large=too_large)
        else:
            ones += 1
            plan.tell_one(request.order, START + timedelta(minutes=request.order))
    assert ones == 100
    assert limits == ([250, 62, 15, 10] if too_large else [250])


def test_what_is_wanted_later_is_read_with_what_was_learned() -> None:
    shop = Shop(dense(1, 5_000))
    plan = ReadPlan()
    plan.add(range(1_000, 1_100))
    asked = []
    for later in (range(0), range(1_100, 1_400)):
        plan.add(later)
        while plan.left:
            request = plan.next()
            assert request is not None
            asked.append(request)
            if isinstance(request, ReadOne):
                plan.tell_one(request.order, shop.one(request.order))
            else:
                entries = shop.page(request)
                plan.tell_page(dict(entries), len(entries))
    assert len(asked) <= 5
    assert sum(isinstance(one, ReadOne) for one in asked) == 1
