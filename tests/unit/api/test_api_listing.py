"""Lists of orders: what is asked for, and what is kept of an answer that nobody can trust."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ordersheet.api import list_url, parse_date, read_list_answer
from ordersheet.api.entries import Members, read_members

WHEN = datetime(2026, 11, 27, 21, 5, 9)  # noqa: DTZ001 - the shop's times name no zone


def answer(*orders: object, **more: object) -> bytes:
    return json.dumps({"status": "ok", "orders": list(orders), **more}).encode()


def read(*orders: object) -> Any:
    found = read_list_answer(answer(*orders), "application/json")
    assert found is not None
    return found


def test_a_list_is_asked_for_by_times_limit_and_offset() -> None:
    url = list_url("https://shop.example.com/api/", newer_than=WHEN, older_than=WHEN, limit=50, offset=100)
    parts = urlsplit(url)
    assert parts.path == "/api/orders"
    assert dict(parse_qsl(parts.query)) == {
        "limit": "50",
        "offset": "100",
        "newer_than": "2026-11-27 21:05:09",
        "older_than": "2026-11-27 21:05:09",
    }
    assert urlsplit(list_url("https://shop.example.com", limit=20)).query == "limit=20"


def test_what_is_kept_of_an_order() -> None:
    (one,) = read(
        {
            "orderId": "83651",
            "internalComment": "a",
            "otherComment": "b",
            "orderDate": "2026-11-27 21:05:09",
            "orderStatus": "pending",
            "marketId": "SE",
            "hold": True,
            "email": "anna@example.com",
            "shippingAddress": {"name": "Anna", "comment": "no"},
            "products": [{"comment": "of a line", "otherComment": "of a line"}],
        }
    ).orders
    assert (one.order, one.date, one.status, one.market, one.hold) == (83651, WHEN, "pending", "SE", True)
    assert one.comments == {"internalComment": "a", "comment": "b"}
    assert one.attributes is None
    assert one.view.found
    assert one.view.comments == one.comments
    assert "anna" not in repr(one).lower()


@pytest.mark.parametrize(
    ("shown", "kept"),
    [
        ({"erp_reference": "x", "gift_wrap": "1"}, {"erp_reference": "x", "gift_wrap": "1"}),
        ({"erp": {"reference": "x", "no": 5}}, {"erp_reference": "x", "erp_no": 5}),
        ({"tags_list": {"1": "a"}}, {"tags_list": {"1": "a"}}),
        ({}, {}),
        ([], {}),
        (None, None),
        ("text", None),
        (["x"], None),
    ],
)
def test_attributes_flat_or_nested(shown: object, kept: object) -> None:
    assert read({"orderId": 1, "extraAttributes": shown}).orders[0].attributes == kept


def test_an_order_that_stands_twice_with_two_texts_says_nothing_of_them() -> None:
    found = read(
        {"orderId": "1", "internalComment": "a", "otherComment": "same"},
        {"orderId": 1, "internalComment": "b", "otherComment": "same"},
        {"orderId": "2", "internalComment": "c"},
    )
    assert found.entries == 3
    assert [one.order for one in found.orders] == [1, 2]
    assert found.orders[0].comments == {"internalComment": None, "comment": "same"}


def test_entries_that_are_no_orders_are_counted_and_left_out() -> None:
    found = read({"orderId": "1"}, "text", None, {"orderId": True}, {"no": "id"}, [])
    assert ([one.order for one in found.orders], found.entries) == ([1], 6)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"status":"ok"}', b'{"status":"OK","orders":[]}', b"<x/>", b"{"]
)
def test_what_is_not_the_documented_object(body: bytes) -> None:
    assert read_list_answer(body, None) is None


def test_an_answer_of_no_has_no_orders() -> None:
    found = read_list_answer(b'{"status":"no","msg":"bad limit"}', None)
    assert found is not None
    assert found.orders == ()


@pytest.mark.parametrize("text", ["2026-11-27 21:05:09", "2026-11-27T21:05:09", " 2026-11-27 21:05:09 "])
def test_times(text: str) -> None:
    assert parse_date(text) == WHEN


def as_the_standard_library_reads_it(text: str) -> datetime | None:
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"):
        try:
            return datetime.strptime(text.strip(), form)  # noqa: DTZ007 - the shop's times name no zone
        except ValueError:
            continue
    return None


SHAPE = re.compile(r"\s?\d{4}\d?-(1?\d|0\d)-[0-3]?\d(([Tt]|\s{1,2})[0-2]?\d:[0-6]?\d:[0-6]?\d)?\s?", re.ASCII)


@given(st.from_regex(SHAPE, fullmatch=True))
@example("2026-11-27t21:05:09")
@example("2026-11-27  21:05:09")
def test_a_time_is_read_as_the_standard_library_reads_it(text: str) -> None:
    assert parse_date(text) == as_the_standard_library_reads_it(text)


@pytest.mark.parametrize("value", [None, 5, "", "yesterday", "27.11.2026", "2026-13-01", True])
def test_what_is_no_time(value: Any) -> None:
    assert parse_date(value) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["orderId", "orders", "status", "x"]), inner)
        ),
    )
)
def test_no_answer_is_too_strange(value: Any) -> None:
    read_list_answer(json.dumps(value).encode(), None)
    read_list_answer(answer(value), None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text('ab{["\\,:]} \u00e4', max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('ab"', max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    listed=st.lists(JSON, max_size=5),
    rest=st.dictionaries(st.text("abst", max_size=4).filter(lambda name: name != "orders"), JSON, max_size=4),
    before=st.booleans(),
    indent=st.sampled_from([None, 0, 3]),
)
def test_a_list_read_entry_by_entry_is_the_list(*, listed: Any, rest: Any, before: bool, indent: int) -> None:
    whole = {"orders": listed, **rest} if before else {**rest, "orders": listed}
    entries: list[Any] = []
    found = read_members(json.dumps(whole, indent=indent).encode(), None, "orders", entries.append)
    assert found == Members(rest, len(listed))
    assert entries == listed


@given(
    listed=st.lists(JSON, max_size=3),
    at=st.integers(0, 60),
    end=st.sampled_from([b"", b"}", b"]", b"x", b",1"]),
)
def test_what_is_cut_or_goes_on_is_no_list(listed: Any, at: int, end: bytes) -> None:
    whole = answer(*listed)
    body = whole[:at] + end
    try:
        expected = json.loads(body)
    except ValueError:
        expected = None
    found = read_members(body, None, "orders", lambda _entry: None)
    assert (found is None) == (not isinstance(expected, dict))


@pytest.mark.parametrize(
    "body", [b"[]", b"", b'{"orders":[],"orders":[]}', b'{"a":1,}', b"{1:2}", b'{"orders":' + b"[" * 100_000]
)
def test_what_holds_no_single_list_of_orders_is_none(body: bytes) -> None:
    assert read_members(body, None, "orders", lambda _entry: None) is None


def test_orders_that_are_no_list_are_no_answer() -> None:
    assert read_list_answer(b'{"status":"ok","orders":5}', None) is None
    assert read_list_answer(b'{"status":"ok","orders":{}}', None) is None
