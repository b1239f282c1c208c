"""A shop in virtual time: it keeps its own log of what it applied, and shows its orders in a view."""

from __future__ import annotations

import asyncio
import bisect
import json
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from tests.support.views import HONEST, Held, Reader
from tests.support.virtual_time import START
from tests.support.worlds import DISTURBING, NO_FAULT, Deed, Fault, Lists, SecondKey, World

from ordersheet.delivery.transport.base import LARGEST_BODY
from ordersheet.delivery.verdict.observation import Failure, Observation

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.views import View

FLAGS = {"internalComment": "replaceInternalComment", "comment": "replaceComment"}
BY_HAND = ("Anna was here", "Anna wrote this anew")
"""What people write."""
UNREAD = frozenset({"403", "404"})
"""Answers to a GET after which nothing is read, or the order is not there."""
MOVED = 30
"""By how many places an update moves an order in a list."""
WAY, ANSWER = 0.02, 0.02
"""Seconds that a request and its answer are under way."""


class Did(NamedTuple):
    """One operation that the shop carried out."""

    at: float
    who: str
    """The run that asked for it; `""` for a person."""
    put: int
    """Which PUT it came with: a gateway that carries one out twice gives it the same number."""
    order: int
    field: str
    kind: str
    """`append` or `overwrite`."""
    text: str
    elsewhere: bool = False
    """Whether another shop did it, that had taken this one's place."""


@dataclass
class Shop:
    """The shop of one world."""

    world: World
    log: list[Did] = field(default_factory=list)
    reader: Reader = field(default_factory=Reader)
    lister: Reader = field(default_factory=Reader)
    """Shows orders in lists."""
    faults: list[Fault] = field(default_factory=list)
    get_faults: list[str] = field(default_factory=list)
    frozen_until: float = float("-inf")
    freezes: dict[int, float] = field(default_factory=dict)
    """For how long the server stands still, by the number of the PUT that lets it."""
    puts: int = 0
    gets: int = 0
    pages: int = 0
    """Lists among them."""
    disturbed: set[tuple[int, str]] = field(default_factory=set)
    """Fields to which a person did what the promise names as its limits."""
    read_at: dict[tuple[str, int], float] = field(default_factory=dict)
    """By run and order: when it was last read."""
    known: dict[int, float] = field(default_factory=dict)
    """By the number of a PUT: of which moment its run knew what the order held."""
    left: dict[int, float] = field(default_factory=dict)
    """By the number of a PUT: when it left."""
    second: bool = False
    """Whether the world's second key is in use."""
    _states: dict[tuple[bool, int], list[tuple[float, Held]]] = field(default_factory=dict)
    """By whether another shop has it, and its ID."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def show_in(self, view: View) -> None:
        self.reader = Reader(view)
        self.lister = Reader(HONEST if self.world.lists is None else self.world.lists.view)

    def change_key(self) -> None:
        """Answer as the world's second key has it from now on."""
        second = self.world.second
        assert second is not None
        self.second = True
        self.reader = Reader(second.view)
        for order, held in enumerate(second.held if second.elsewhere else (), start=1):
            self._states[True, order] = [(float("-inf"), Held(*held))]

    @property
    def _key(self) -> SecondKey:
        """What the key in use may see and do."""
        world = self.world
        if self.second and world.second is not None:
            more = (frozenset(), frozenset()) if world.second.elsewhere else (world.hidden, world.unknown)
            hidden, unknown = world.second.hidden | more[0], world.second.unknown | more[1]
            return world.second._replace(hidden=hidden, unknown=unknown)
        return SecondKey(hidden=world.hidden, unknown=world.unknown)

    def hold(self, order: int, held: Held, at: float | None = None, *, elsewhere: bool | None = None) -> None:
        """Let an order hold this, from now on or from an earlier moment."""
        place = (self._key.elsewhere if elsewhere is None else elsewhere), order
        states = self._states.setdefault(place, [])
        if not states and at is None:
            states.append((float("-inf"), Held()))
        states.append((self.now() if at is None else at, held))

    def held(self, order: int, at: float | None = None, *, elsewhere: bool | None = None) -> Held:
        """Tell what an order holds, or held at a moment."""
        states = self._states.get((self._key.elsewhere if elsewhere is None else elsewhere, order))
        if not states:
            return Held()
        if at is None:
            return states[-1][1]
        return states[bisect.bisect_right(states, at, key=lambda one: one[0]) - 1][1]

    def ever_held(self, order: int) -> list[Held]:
        """Tell all that an order held, one after the other."""
        return [held for where in (False, True) for _, held in self._states.get((where, order), [])]

    def begin(self) -> None:
        """Let the world's view, faults, freezes and people begin."""
        loop = asyncio.get_running_loop()
        self.show_in(self.world.view)
        self.faults, self.get_faults = list(self.world.faults), list(self.world.get_faults)
        self.freezes = {self.puts + number: seconds for number, seconds in self.world.freezes}
        for deed in self.world.deeds:
            loop.call_later(deed.at, self._do, deed)

    def calm(self) -> None:
        """Let everything be as documented from now on."""
        self.show_in(HONEST)
        self.lister = Reader()
        self.faults, self.get_faults = [], []

    def thaw(self, put: int | None = None) -> float:
        """Tell how many seconds go by until the server looks at what comes in; this PUT may freeze it."""
        if put in self.freezes:
            self.frozen_until = self.now() + self.freezes.pop(put)
        return max(0.0, self.frozen_until - self.now())

    def _do(self, deed: Deed) -> None:
        held = self.held(deed.order)
        text = getattr(held, deed.field)
        match deed.what:
            case "adds a line":
                text = f"{text}\n{BY_HAND[0]}" if text else BY_HAND[0]
            case "adds a line above":
                text = f"{BY_HAND[0]}\n{text}"
            case "writes it anew":
                text = BY_HAND[1]
            case "adds the same text":
                asked = [
                    ask.text
                    for row in self.world.rows
                    for ask in row.asks
                    if ask.field == deed.field and ask.text
                ]
                text = "\n".join([text, *asked[:1]])
            case _:
                text = text.rpartition("\n")[0]
        if deed.what in DISTURBING:
            self.disturbed.add((deed.order, deed.field))
        elsewhere = self._key.elsewhere
        self.log.append(Did(self.now(), "", 0, deed.order, deed.field, "overwrite", text, elsewhere))
        self.hold(deed.order, held._replace(**{deed.field: text}))

    def apply(self, payload: dict[str, Any], who: str, put: int, elsewhere: bool) -> None:  # noqa: FBT001 - told by call_later
        order = payload["order"]
        for name, flag in FLAGS.items():
            if name not in payload:
                continue
            held, text = self.held(order, elsewhere=elsewhere), payload[name]
            before = getattr(held, name)
            kind = "overwrite" if payload.get(flag) else "append"
            whole = f"{before}\n{text}" if before and kind == "append" else text
            self.hold(order, held._replace(**{name: whole}), elsewhere=elsewhere)
            self.log.append(Did(self.now(), who, put, order, name, kind, text, elsewhere))
        for name, value in payload.get("extraAttributes", {}).items():
            self.log.append(Did(self.now(), who, put, order, name, "overwrite", value, elsewhere))

    def next_fault(self, payload: dict[str, Any]) -> Fault:
        fault = self.faults.pop(0) if self.faults else NO_FAULT
        if payload["order"] in self._key.unknown:
            return Fault("unknown order", "none", "no")
        if payload["order"] in self._key.forbidden:
            return Fault("403", "none", "403")
        if fault.applies in ("all", "none"):
            return fault
        several = (
            len([name for name in FLAGS if name in payload]) + len(payload.get("extraAttributes", {})) > 1
        )
        if not several or set(_part(payload, fault)) == {"order"} or self._unseen(payload["order"], fault):
            # Of a single part, and of attributes alone, all or nothing is applied; and a `no` is believed
            # where nothing can be read.
            return fault._replace(applies="none")
        return fault

    def _unseen(self, order: int, fault: Fault) -> bool:
        reading = "ok" if self.world.second is None else self.world.second.reading
        return fault.answer == "no" and (
            order in self._key.hidden | self._key.unknown
            or self._key.reading in UNREAD
            or reading == "403"
            or bool(UNREAD & {*self.world.get_faults})
        )

    def next_get_fault(self) -> str:
        """Tell how the next reading is answered."""
        fault = self.get_faults.pop(0) if self.get_faults else "ok"
        return self._key.reading if fault == "ok" else fault

    def take(self, payload: dict[str, Any], who: str, put: int, fault: Fault) -> None:
        """Carry an update out, as the fault has it."""
        if fault.applies == "none":
            return
        part = payload if fault.applies == "all" else _part(payload, fault)
        loop, elsewhere = asyncio.get_running_loop(), self._key.elsewhere
        loop.call_later(fault.late, self.apply, part, who, put, elsewhere)
        if fault.again is not None:
            loop.call_later(fault.late + fault.again, self.apply, part, who, put, elsewhere)

    def read(self, order: int) -> tuple[bytes, dict[str, str]]:
        shown, headers = self.reader.show(order, START.timestamp() + self.now(), self._held_at)
        absent = order in self._key.hidden | self._key.unknown
        shown |= self._dated(order)
        return json.dumps({"status": "ok", "orders": [] if absent else [shown]}).encode(), headers

    def read_list(self, asked: dict[str, list[str]]) -> tuple[bytes, dict[str, str]]:
        """Show the orders between two times, as the world's lists do."""
        lists, key = self.world.lists or Lists(), self._key
        newer, older = (
            asked.get(name, [edge])[0] for name, edge in (("newer_than", ""), ("older_than", "9"))
        )
        numbers = [
            number
            for elsewhere, number in sorted(self._states)
            if elsewhere == key.elsewhere
            and newer < _date_of(self._page_of(number)) < older
            and number not in key.hidden | key.unknown
            and not (lists.leaves_out and number % lists.leaves_out == 0)
        ]
        if lists.manner == "empty":
            numbers = []
        if lists.manner == "falling":
            numbers.reverse()
        if lists.manner in ("shuffled", "by another date"):
            numbers.sort(key=lambda number: number * 7 % 5)
        self.pages += 1
        held: Callable[[int, float], Held] = self._held_at
        if lists.manner == "every second one old" and self.pages % 2 == 0:
            # A copy from before, in which what was changed since is still missing.
            numbers = [number for number in numbers if number not in {did.order for did in self.log}]
            held = self._held_at_first
        headers: dict[str, str] = {}
        entries = []
        for number in numbers[: min(lists.most, int(asked["limit"][0]))]:
            source = number + 1 if lists.manner == "texts of the next one" else number
            shown, headers = self.lister.show(source, START.timestamp() + self.now(), held)
            entry = shown | self._dated(number) | {"orderId": str(number)}
            if lists.manner == "without dates":
                del entry["orderDate"]
            entries += [entry] * (1 + lists.twice)
        return json.dumps({"status": "ok", "orders": entries}).encode(), headers

    def _dated(self, order: int) -> dict[str, str]:
        lists = self.world.lists
        if lists is None:
            return {}
        shown = order * 7 % 11 if lists.manner == "by another date" else self._page_of(order)
        return {"orderDate": _date_of(shown)}

    def _page_of(self, order: int) -> int:
        """Give the place of an order among the others: an update may move it."""
        if self.world.lists is None or self.world.lists.manner != "moved by an update":
            return order
        return order + MOVED * sum(did.order == order and bool(did.who) for did in self.log)

    def _held_at(self, order: int, at: float) -> Held:
        return self.held(order, at - START.timestamp())

    def _held_at_first(self, order: int, _at: float) -> Held:
        return self.held(order, float("-inf"))

    def date(self) -> dict[str, str]:
        """The header by which an answer tells the server's time, where it does."""
        tells = self.reader.view.tells
        now = START.timestamp() + self.now()
        if "other time" in tells:
            return {"date": formatdate(now - 5 * 3600, usegmt=True)}
        return {"date": formatdate(now, usegmt=True)} if "date" in tells else {}


def _date_of(order: int) -> str:
    return f"2026-03-01 {order // 60:02}:{order % 60:02}:00"


def _part(payload: dict[str, Any], fault: Fault) -> dict[str, Any]:
    names = list(FLAGS) if fault.applies == "comments" else [fault.applies]
    kept = {name: payload[name] for name in names if name in payload}
    flags = {FLAGS[name]: payload[FLAGS[name]] for name in kept if FLAGS[name] in payload}
    return {"order": payload["order"], **kept, **flags}


class Connection:
    """One run's connection to the shop: what has left arrives, whatever becomes of the run."""

    def __init__(self, shop: Shop, who: str) -> None:
        self._shop, self._who = shop, who
        self._last: Observation | None = None
        self._cut: asyncio.Event | None = None

    @property
    def last(self) -> Observation | None:
        return self._last

    async def request(
        self, method: str, url: str, body: bytes | None, *, deadline: float, most: int = LARGEST_BODY
    ) -> Observation:
        loop, shop = asyncio.get_running_loop(), self._shop
        answered: asyncio.Future[Observation] = loop.create_future()
        if method == "PUT":
            payload = json.loads(body or b"")
            fault = shop.next_fault(payload)
            if fault.answer == "no connection":
                await asyncio.sleep(WAY)
                self._last = Observation(bytes_left=False, failure=Failure.CONNECT)
                return self._last
            shop.puts += 1
            shop.left[shop.puts] = shop.now()
            shop.known[shop.puts] = shop.read_at.get((self._who, payload["order"]), float("-inf"))
            loop.call_later(WAY, self._arrive, payload, shop.puts, fault, answered)
        else:
            shop.gets += 1
            loop.call_later(WAY, self._ask, parse_qs(urlsplit(url).query), most, answered)
        self._cut = asyncio.Event()
        cut = asyncio.ensure_future(self._cut.wait())
        try:
            await asyncio.wait((answered, cut), timeout=deadline, return_when=asyncio.FIRST_COMPLETED)
        finally:
            cut.cancel()
        if answered.done():
            self._last = answered.result()
        else:
            failure = Failure.CUT if self._cut.is_set() else Failure.DEADLINE
            self._last = Observation(bytes_left=True, failure=failure)
        self._cut = None
        return self._last

    def _arrive(
        self, payload: dict[str, Any], put: int, fault: Fault, answered: asyncio.Future[Observation]
    ) -> None:
        wait = self._shop.thaw(put)
        if wait:
            asyncio.get_running_loop().call_later(wait + 0.5, self._arrive, payload, put, fault, answered)
            return
        self._shop.take(payload, self._who, put, fault)
        _answer(answered, _of_put(fault, payload["order"], self._shop.date()))

    def _ask(self, asked: dict[str, list[str]], most: int, answered: asyncio.Future[Observation]) -> None:
        wait = self._shop.thaw()
        if wait:
            asyncio.get_running_loop().call_later(wait, self._ask, asked, most, answered)
            return
        fault = self._shop.next_get_fault()
        one = asked.get("order")
        body, headers = self._shop.read_list(asked) if one is None else self._shop.read(int(one[0]))
        if len(body) > most:
            fault = "too large"
        if one is None and (self._shop.world.lists or Lists()).manner == "turned away":
            fault = "403"
        if fault == "ok":
            for entry in json.loads(body)["orders"]:
                self._shop.read_at[self._who, int(entry["orderId"])] = self._shop.now()
        if fault == "too large":
            seen = Observation(bytes_left=True, status=200, failure=Failure.TOO_LARGE)
        elif fault == "lost":
            seen = Observation(bytes_left=True, failure=Failure.CLOSED)
        elif fault == "ok":
            seen = Observation(bytes_left=True, status=200, headers=headers, body=body)
        elif fault == "not the object":
            seen = Observation(bytes_left=True, status=200, body=b"<html>")
        else:
            more = {"retry-after": "2"} if fault == "429" else {}
            seen = Observation(bytes_left=True, status=int(fault), headers=more, body=b"{}")
        _answer(answered, seen)

    def cut(self, *, within: float = 0.0) -> None:
        if self._cut is not None:
            asyncio.get_running_loop().call_later(within, self._cut.set)

    async def drop(self) -> None:
        """Nothing is kept between requests here."""

    async def close(self) -> None:
        """Nothing is kept open."""


def _answer(answered: asyncio.Future[Observation], seen: Observation) -> None:
    def tell() -> None:
        if not answered.done():
            answered.set_result(seen)

    asyncio.get_running_loop().call_later(ANSWER, tell)


def _of_put(fault: Fault, order: int, date: dict[str, str]) -> Observation:
    headers = {**date, **dict(fault.headers)}
    match fault.answer:
        case "lost":
            return Observation(bytes_left=True, failure=Failure.CLOSED)
        case "ok" | "no" | "other order":
            told = {"status": "no" if fault.answer == "no" else "ok"}
            number = order + 1 if fault.answer == "other order" else order
            body = json.dumps({**told, "msg": "order in wrong market", "order": number})
            return Observation(bytes_left=True, status=200, headers=headers, body=body.encode())
        case "no object":
            return Observation(bytes_left=True, status=200, headers=headers, body=b"<html>")
        case _:
            return Observation(bytes_left=True, status=int(fault.answer), headers=headers, body=b"{}")
