"""A walk through a list, whatever order it comes in: every order once."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from ordersheet.api import ListedOrder, parse_date
from ordersheet.delivery.reading.walk import Walk

START = datetime(2026, 9, 1, 8, 0)  # noqa: DTZ001 - the shop's times name no zone


@given(
    steps=st.lists(st.integers(0, 5), min_size=0, max_size=60),
    manner=st.sampled_from(["rising", "falling", "by id"]),
    most=st.integers(1, 30),
    dated=st.booleans(),
)
def test_each_order_is_told_once(steps: list[int], manner: str, most: int, *, dated: bool) -> None:
    # Steps of no seconds: many orders that were placed in one second, as an import places them.
    dates, at = [], START
    for step in steps:
        at += timedelta(seconds=step)
        dates.append(at)
    if manner == "by id":
        dates.reverse()
    shop = [ListedOrder(n, {}, None, date) for n, date in enumerate(dates, start=1)]
    told: list[int] = []
    walk = Walk(None, None, 25)
    for _ in range(400):
        if walk.over:
            break
        query = dict(parse_qsl(urlsplit(walk.url("https://shop.example.com")).query))
        newer, older = parse_date(query.get("newer_than")), parse_date(query.get("older_than"))
        found = [
            one
            for one in shop
            if one.date is not None
            and (newer is None or one.date > newer)
            and (older is None or one.date < older)
        ]
        if manner != "by id":
            found.sort(key=lambda one: (one.date, one.order), reverse=manner == "falling")
        first = int(query.get("offset", 0))
        page = found[first : first + min(int(query["limit"]), most)]
        if not dated:
            page = [ListedOrder(one.order, {}, None, None) for one in page]
        told += [one.order for one in walk.new_of(tuple(page), len(page))]
    assert walk.over
    assert sorted(told) == [one.order for one in shop]
