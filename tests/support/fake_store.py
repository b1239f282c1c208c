"""A store that keeps its own truth, and connections to it that misbehave as told."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from ordersheet.delivery.transport.base import LARGEST_BODY
from ordersheet.delivery.verdict.observation import Failure, Observation

if TYPE_CHECKING:
    from collections.abc import Callable

READ_NAMES = {"internalComment": "internalComment", "comment": "otherComment"}


@dataclass
class Order:
    internalComment: str | None = ""  # noqa: N815 - the API's own name
    comment: str | None = ""
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass
class Fate:
    """What becomes of one request."""

    status: int = 200
    body: bytes | None = None
    """None for the documented answer."""
    applies: bool | Callable[[dict[str, Any]], dict[str, Any]] = True
    """Whether the store applies it, or which part of the payload."""
    failure: Failure | None = None
    bytes_left: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.01
    late: float | None = None
    """Applied so many seconds after it was given up, instead of at once."""


OK = Fate()
LOST = Fate(failure=Failure.CLOSED)
"""Applied, and the answer lost."""
SWALLOWED = Fate(failure=Failure.CLOSED, applies=False)
"""Never applied, and no answer."""
REFUSED_CONNECTION = Fate(failure=Failure.CONNECT, bytes_left=False, applies=False)


def no(message: str, *, applies: bool | Callable[[dict[str, Any]], dict[str, Any]] = False) -> Fate:
    return Fate(body=json.dumps({"status": "no", "msg": message}).encode(), applies=applies)


def status(code: int, **headers: str) -> Fate:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fate(status=code, body=b"{}", applies=False, headers=named)


@dataclass
class Store:
    """The store and the list of what it did."""

    orders: dict[int, Order] = field(default_factory=dict)
    applied: list[dict[str, Any]] = field(default_factory=list)
    """Payloads, in the order in which they were applied."""
    puts: list[dict[str, Any]] = field(default_factory=list)
    gets: list[int] = field(default_factory=list)
    times: list[tuple[str, int, float]] = field(default_factory=list)
    put_fates: list[Fate] = field(default_factory=list)
    """Of the next PUTs; then all is well."""
    get_fates: list[Fate] = field(default_factory=list)
    put_fate: Callable[[dict[str, Any]], Fate] | None = None
    get_fate: Callable[[int], Fate] | None = None
    separator: str = "\n"
    hidden: set[int] = field(default_factory=set)
    shows_attributes: bool = False
    stored: Callable[[str], str] = str
    """How the store changes a text that it stores."""
    shown: Callable[[str], str] = str
    """How it changes a text that it shows."""
    after_put: Callable[[Store, dict[str, Any]], None] | None = None
    on_put: Callable[[], None] | None = None

    def order(self, number: int) -> Order:
        return self.orders.setdefault(number, Order())

    def apply(self, payload: dict[str, Any]) -> None:
        self.applied.append(payload)
        order = self.order(payload["order"])
        for name, flag in (("internalComment", "replaceInternalComment"), ("comment", "replaceComment")):
            if name in payload:
                held = getattr(order, name)
                text = self.stored(payload[name])
                whole = text if payload.get(flag) or not held else held + self.separator + text
                setattr(order, name, whole)
        order.attributes.update(payload.get("extraAttributes", {}))
        if self.after_put is not None:
            self.after_put(self, payload)

    def read(self, number: int) -> bytes:
        if number in self.hidden:
            return b'{"status":"ok","orders":[]}'
        order = self.order(number)
        entry: dict[str, Any] = {
            "orderId": str(number),
            "internalComment": order.internalComment and self.shown(order.internalComment),
            "otherComment": order.comment and self.shown(order.comment),
        }
        if self.shows_attributes:
            entry["extraAttributes"] = order.attributes
        return json.dumps({"status": "ok", "orders": [entry]}).encode()

    def count(self, order: int, text: str, name: str = "internalComment") -> int:
        """How often a text was applied as an append."""
        return sum(1 for payload in self.applied if payload["order"] == order and payload.get(name) == text)


class Connection:
    """A transport to the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._last: Observation | None = None
        self._cut: asyncio.Event | None = None
        self.closed = False

    @property
    def last(self) -> Observation | None:
        return self._last

    async def request(
        self, method: str, url: str, body: bytes | None, *, deadline: float, most: int = LARGEST_BODY
    ) -> Observation:
        del most
        assert not self.closed
        now = asyncio.get_running_loop().time()
        store = self._store
        if method == "PUT":
            assert body is not None
            payload = json.loads(body)
            order = payload["order"]
            if store.on_put is not None:
                store.on_put()
            fate = store.put_fates.pop(0) if store.put_fates else OK
            if fate is OK and store.put_fate is not None:
                fate = store.put_fate(payload)
            if fate.bytes_left:
                store.puts.append(payload)
            self._apply(fate, payload)
            answer = fate.body
            if answer is None:
                answer = json.dumps({"status": "ok", "order": order}).encode()
            elif b'"status": "no"' in answer:
                answer = json.dumps(json.loads(answer) | {"order": order}).encode()
        else:
            order = int(parse_qs(urlsplit(url).query)["order"][0])
            fate = store.get_fates.pop(0) if store.get_fates else OK
            if fate is OK and store.get_fate is not None:
                fate = store.get_fate(order)
            store.gets.append(order)
            answer = store.read(order) if fate.body is None else fate.body
        store.times.append((method, order, now))
        failure = await self._wait(min(fate.seconds, deadline)) or fate.failure
        if fate.seconds > deadline:
            failure = failure or Failure.DEADLINE
        if failure is not None:
            self._last = Observation(bytes_left=fate.bytes_left, failure=failure)
        else:
            self._last = Observation(
                bytes_left=fate.bytes_left, status=fate.status, headers=fate.headers, body=answer
            )
        return self._last

    def _apply(self, fate: Fate, payload: dict[str, Any]) -> None:
        part = fate.applies(payload) if callable(fate.applies) else payload
        if not fate.applies:
            return
        if fate.late is None:
            self._store.apply(part)
        else:
            asyncio.get_running_loop().call_later(fate.seconds + fate.late, self._store.apply, part)

    async def _wait(self, seconds: float) -> Failure | None:
        self._cut = asyncio.Event()
        try:
            await asyncio.wait_for(self._cut.wait(), seconds)
        except TimeoutError:
            return None
        finally:
            self._cut = None
        return Failure.CUT

    def cut(self, *, within: float = 0.0) -> None:
        if self._cut is not None:
            asyncio.get_running_loop().call_later(within, self._cut.set)

    async def drop(self) -> None:
        """Nothing is kept between requests here."""

    async def close(self) -> None:
        self.closed = True
