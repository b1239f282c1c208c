"""Lists of orders: how they are asked for, and what is kept of an answer.

`GET <base>/orders` takes `limit`, `offset`, `newer_than` and `older_than` (order-api reference).
An order in the answer carries names, addresses, e-mails and payment data too: they are not kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from ordersheet.api.answers import (
    DATE,
    READ_NAMES,
    OrderView,
    attributes_of,
    order_id_of,
    parse_date,
    text_of,
)
from ordersheet.api.entries import read_members
from ordersheet.api.payload import orders_url
from ordersheet.core.model import COMMENT_FIELDS, JsonValue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class ListedOrder:
    """What is kept of one order of an answer."""

    order: int
    comments: Mapping[str, str | None]
    """By PUT's field name, the whole text; None where the answer has none, or two that differ."""
    attributes: Mapping[str, JsonValue] | None
    """By `attributeName_elementName`; None where the answer does not show attributes at all."""
    date: datetime | None
    """When it was placed, in the shop's own time zone; None where the answer does not say so."""
    status: str = ""
    market: str = ""
    hold: bool | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    """By dotted name, what was asked for beside that; as a text."""

    @property
    def view(self) -> OrderView:
        """The order as the answer to a single GET gives it."""
        return OrderView(
            self.order, found=True, comments=self.comments, date=self.date, attributes=self.attributes
        )


@dataclass(frozen=True, slots=True)
class OrderList:
    """The answer to one list."""

    orders: tuple[ListedOrder, ...]
    """In the answer's order; an order that stands there twice is given once, where it stood first."""
    entries: int
    """How many entries the answer had, unusable ones and repeats included."""


def list_url(
    base: str,
    *,
    newer_than: datetime | None = None,
    older_than: datetime | None = None,
    limit: int,
    offset: int = 0,
) -> str:
    """Give the address of a list.

    Args:
        base: the store's address.
        newer_than: in the shop's time zone, to the second; None for no bound.
        older_than: likewise.
        limit: the most orders that are wanted; the server may give fewer.
        offset: how many to leave out at its beginning.
    """
    asked: dict[str, object] = {"limit": limit}
    if offset:
        asked["offset"] = offset
    if newer_than is not None:
        asked["newer_than"] = newer_than.strftime(DATE)
    if older_than is not None:
        asked["older_than"] = older_than.strftime(DATE)
    return f"{orders_url(base)}?{urlencode(asked)}"


def read_list_answer(body: bytes, content_type: str | None, fields: Sequence[str] = ()) -> OrderList | None:
    """Read an answer with any number of orders; the answer to a single GET is one too.

    Args:
        body: the whole body; the caller caps its length.
        content_type: the header, for its charset.
        fields: names of further fields of an order to keep, dotted for nested ones.

    Returns:
        None where the body is not the documented object. An answer of `no` has no orders.
    """
    found: dict[int, ListedOrder] = {}

    def keep(entry: JsonValue) -> None:
        number = order_id_of(entry.get("orderId")) if isinstance(entry, dict) else None
        if number is None or not isinstance(entry, dict):
            return
        one = _listed(number, entry, fields)
        found[number] = one if number not in found else _agreed(found[number], one)

    answer = read_members(body, content_type, "orders", keep)
    if answer is None:
        return None
    if answer.rest.get("status") == "no":
        return OrderList((), 0)
    if answer.rest.get("status") != "ok" or answer.entries is None:
        return None
    return OrderList(tuple(found.values()), answer.entries)


def _listed(number: int, entry: dict[str, JsonValue], fields: Sequence[str]) -> ListedOrder:
    hold = entry.get("hold")
    return ListedOrder(
        order=number,
        comments={name: text_of(entry.get(READ_NAMES[name])) for name in COMMENT_FIELDS},
        attributes=attributes_of(entry.get("extraAttributes")),
        date=parse_date(entry.get("orderDate")),
        status=_word(entry.get("orderStatus")) or _word(entry.get("status")),
        market=_word(entry.get("marketId")),
        hold=hold if isinstance(hold, bool) else None,
        fields={name: _named(entry, name) for name in fields},
    )


def _named(entry: dict[str, JsonValue], name: str) -> str:
    """Give a field by its dotted name, as a text; "" where there is none."""
    value: JsonValue = entry
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        return ""
    return text_of(value) or "" if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _agreed(one: ListedOrder, other: ListedOrder) -> ListedOrder:
    """The same order twice: where its texts differ, the answer says nothing of them."""
    comments = {
        name: text if text == other.comments.get(name) else None for name, text in one.comments.items()
    }
    attributes = one.attributes if one.attributes == other.attributes else None
    return replace(one, comments=comments, attributes=attributes)


def _word(value: JsonValue) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
