"""The orders that the sandbox holds, and what an update does to them."""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from bisect import bisect_left, bisect_right
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

HOME_MARKET = "SE"
OTHER_MARKET = "NO"
SEEDED = range(83600, 83700)
"""The orders of a fresh sandbox. Those from 83690 on lie in another market."""
FIRST_ELSEWHERE = 83690
LARGEST = 10**12
"""Orders on demand end here, so that an ID with a digit too many does not exist."""

COMMENTS = {"internalComment": "replaceInternalComment", "comment": "replaceComment"}
"""The comment fields of an update, each with its replace flag."""
API = "the API"
"""Who made a change that came through it."""
_REMEMBERED = 200
_FIRST_DATE = datetime(2026, 9, 1, 9, 0)  # noqa: DTZ001 - the API's dates name no time zone
_LAST_MINUTE = 200 * 365 * 24 * 60
_KNOWN = {"order", "extraAttributes", "xml", *COMMENTS, *COMMENTS.values()}

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, data TEXT NOT NULL);
"""


@dataclass(slots=True)
class Order:
    """One order, as far as updates touch it."""

    id: int
    market: str = HOME_MARKET
    internal_comment: str = ""
    comment: str = ""
    """What PUT calls `comment` and GET calls `otherComment`."""
    attributes: dict[str, Any] = field(default_factory=dict)
    applied: int = 0
    """How many updates were applied to it."""

    @property
    def date(self) -> datetime:
        """When it was placed, in the shop's time."""
        return order_date(self.id)

    def to_json(self) -> dict[str, Any]:
        """Give everything the sandbox knows of the order."""
        return {
            "id": self.id,
            "market": self.market,
            "internalComment": self.internal_comment,
            "comment": self.comment,
            "extraAttributes": dict(self.attributes),
            "applied": self.applied,
        }


def order_date(number: int) -> datetime:
    """Make up when an order was placed: never earlier for a higher ID, one about every 17 minutes."""
    minutes = 17 * (number - SEEDED.start) + number * 7919 % 11
    return _FIRST_DATE + timedelta(minutes=min(minutes, _LAST_MINUTE))


class StoredChange(NamedTuple):
    """One field of an order, changed."""

    at: float
    """Unix seconds."""
    who: str
    order: int
    field: str
    before: str
    after: str


class Store:
    """The sandbox's orders, in memory, and in a file too where one is given.

    Args:
        path: an SQLite file; None keeps the orders in memory alone.
        orders: the IDs that a fresh store holds; ignored where the file holds orders already.
        on_demand: let every other ID up to 10^12 exist, empty and in the home market.
        market: the market whose orders the plugin shows.
        separator: what stands between a comment and text appended to it.
        state: the id of the stored state; made up where None.
        clock: gives Unix seconds.

    Raises:
        ValueError: the file is not one that a sandbox has written, or cannot be written.

    Attributes:
        state: names the stored state in the sandbox's address, so that a fresh store is another store.
        changes: who changed what since it was opened, newest first, the latest 200.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        orders: Iterable[int] = SEEDED,
        on_demand: bool = False,
        market: str = HOME_MARKET,
        separator: str = "\n",
        state: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.on_demand = on_demand
        self.market = market
        self.separator = separator
        self.changes: deque[StoredChange] = deque(maxlen=_REMEMBERED)
        self._clock = clock
        self._orders: dict[int, Order] = {}
        self._ids: list[int] = []
        self._file = _open(path) if path is not None else None
        found = self._load()
        self.state = found or state or secrets.token_hex(3)
        if found is None:
            self._orders = {number: seeded_order(number) for number in orders}
            self._save_all()

    def __len__(self) -> int:
        return len(self._orders)

    def __iter__(self) -> Iterator[Order]:
        """Give every order that is held, by ID."""
        return iter(sorted(self._orders.values(), key=lambda order: order.id))

    def between(self, newer: datetime | None, older: datetime | None) -> Iterator[Order]:
        """Give the visible orders that were placed after the one and before the other time, by ID."""
        if len(self._ids) != len(self._orders):
            self._ids = sorted(self._orders)
        first = 0 if newer is None else bisect_right(self._ids, newer, key=order_date)
        last = len(self._ids) if older is None else bisect_left(self._ids, older, key=order_date)
        for at in range(first, last):
            order = self._orders[self._ids[at]]
            if order.market == self.market:
                yield order

    def get(self, number: int) -> Order | None:
        """Give an order of whatever market; None where it does not exist."""
        order = self._orders.get(number)
        if order is None and self.on_demand and 0 < number <= LARGEST:
            return Order(number, self.market)
        return order

    def visible(self, number: int) -> Order | None:
        """Give an order if the plugin's market shows it."""
        order = self.get(number)
        return order if order is not None and order.market == self.market else None

    def refusal(self, payload: Mapping[str, Any]) -> str | None:
        """Say why an update is refused, in the API's words; None where it can be applied."""
        number = payload.get("order")
        order = self.get(number) if type(number) is int else None
        if order is None:
            return "order does not exist"
        if order.market != self.market:
            return "order in wrong market"
        return _ill_formed(payload)

    def apply(self, payload: Mapping[str, Any], change: Callable[[str], str] = str) -> None:
        """Carry out an update that `refusal` lets pass.

        Args:
            payload: the update.
            change: what happens to a comment's text on its way in.
        """
        order = self.get(payload["order"])
        if order is None:
            raise KeyError(payload["order"])
        for name, flag in COMMENTS.items():
            if name in payload:
                replace = payload.get(flag, False)
                self._set(
                    order, name, self._joined(_held(order, name), change(payload[name]), replace=replace), API
                )
        for key, value in payload.get("extraAttributes", {}).items():
            before = order.attributes.pop(key, "")
            if value != "":
                order.attributes[key] = value
            self._log(order, key, str(before), str(value), API)
        order.applied += 1
        self._orders[order.id] = order
        self._save(order)

    def edit(self, number: int, name: str, text: str, who: str) -> None:
        """Let somebody in the shop write a comment field anew; no update of the API.

        Args:
            number: an order that is there.
            name: the comment field, as PUT calls it.
            text: what stands there afterwards.
            who: the person.
        """
        order = self.get(number)
        if order is None:
            raise KeyError(number)
        self._set(order, name, text, who)
        self._orders[order.id] = order
        self._save(order)

    def _set(self, order: Order, name: str, text: str, who: str) -> None:
        before = _held(order, name)
        if name == "internalComment":
            order.internal_comment = text
        else:
            order.comment = text
        self._log(order, name, before, text, who)

    def _log(self, order: Order, name: str, before: str, after: str, who: str) -> None:
        self.changes.appendleft(StoredChange(self._clock(), who, order.id, name, before, after))

    def close(self) -> None:
        """Close the file, where there is one."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _joined(self, old: str, new: str, *, replace: bool) -> str:
        if replace or not old:
            return new
        return f"{old}{self.separator}{new}" if new else old

    def _load(self) -> str | None:
        if self._file is None:
            return None
        for number, data in self._file.execute("SELECT id, data FROM orders"):
            held = json.loads(data)
            self._orders[number] = Order(
                number,
                held["market"],
                held["internalComment"],
                held["comment"],
                held["extraAttributes"],
                held["applied"],
            )
        row = self._file.execute("SELECT value FROM meta WHERE name = 'state'").fetchone()
        return str(row[0]) if row else None

    def _save_all(self) -> None:
        if self._file is not None:
            with self._file:
                self._file.execute("INSERT OR REPLACE INTO meta VALUES ('state', ?)", (self.state,))
                self._file.executemany(
                    "INSERT OR REPLACE INTO orders VALUES (?, ?)",
                    ((order.id, json.dumps(order.to_json())) for order in self._orders.values()),
                )

    def _save(self, order: Order) -> None:
        if self._file is not None:
            with self._file:
                self._file.execute(
                    "INSERT OR REPLACE INTO orders VALUES (?, ?)", (order.id, json.dumps(order.to_json()))
                )


def _held(order: Order, name: str) -> str:
    return order.internal_comment if name == "internalComment" else order.comment


def seeded_order(number: int) -> Order:
    """Make up an order: the same for the same ID, always."""
    market = OTHER_MARKET if FIRST_ELSEWHERE <= number < SEEDED.stop else HOME_MARKET
    order = Order(number, market)
    if number % 4 == 0:
        order.internal_comment = "Gift wrap asked for by phone"
    if number % 5 == 0:
        order.comment = "Please leave the parcel with the neighbour"
    if number % 10 == 1:
        order.attributes["erp_reference"] = f"ERP-{number}"
    return order


def _open(path: Path) -> sqlite3.Connection:
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(path, check_same_thread=False)
        connection.executescript(_SCHEMA)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise ValueError(f"{path} cannot be used as a sandbox's file: {error}.") from None
    return connection


def _ill_formed(payload: Mapping[str, Any]) -> str | None:
    unknown = sorted(set(payload) - _KNOWN)
    if unknown:
        return f"unknown parameter {unknown[0]}"
    for comment, flag in COMMENTS.items():
        if not isinstance(payload.get(comment, ""), str):
            return f"{comment} must be a string"
        if not isinstance(payload.get(flag, False), bool):
            return f"{flag} must be a boolean"
    if not isinstance(payload.get("extraAttributes", {}), dict):
        return "extraAttributes must be an object"
    return None
