"""A shop that keeps its own truth: what it applied, in the order it did so, written down before it answers.

`python -m tests.support.oracle FOLDER` listens on loopback and prints its port. It shares no code with
ordersheet nor with its sandbox. Each first part of a path (`/desk7/orders`) is a shop of its own, with a log
of its own (`FOLDER/desk7.jsonl`), a random generator of its own, and faults as asked for at
`POST /desk7/~faults`. Reading an order is faithful: where it is answered, it tells what the order holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import socket
import struct
import sys
import time
import zlib
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

COMMENTS = {
    "internalComment": "replaceInternalComment",
    "comment": "replaceComment",
}
KEY_HEADER = "api-authorization"
ELSEWHERE = "elsewhere"
LARGE = 3 << 20
"""Bytes of an answer that is too large."""


class Fault(NamedTuple):
    """What becomes of one PUT: whether it is applied, and how it is answered."""

    answer: str
    applies: bool = False


def _done(answer: str) -> Fault:
    return Fault(answer, applies=True)


def _either(answer: str) -> dict[str, Fault]:
    return {f"{answer}, applied": _done(answer), f"{answer}, not applied": Fault(answer)}


PUT_FAULTS = {
    **_either("close"),
    **_either("reset"),
    **_either("status 500"),
    **_either("status 502"),
    **_either("status 504"),
    **_either("status 409"),
    **_either("cut head"),
    **_either("cut body"),
    **_either("not HTTP"),
    **_either("HTML"),
    **_either("another order"),
    **_either("stall"),
    **_either("too large"),
    **_either("ok in capitals"),
    **_either("order is true"),
    "status 202, applied": _done("status 202"),
    "status 204, applied": _done("status 204"),
    "status 408, not applied": Fault("status 408"),
    "status 421, not applied": Fault("status 421"),
    "status 425, not applied": Fault("status 425"),
    "close, applied late": Fault("late, close"),
    "status 504, applied late": Fault("late, status 504"),
    "answered slowly, applied late": Fault("slow"),
    "drip, applied": _done("drip"),
}
"""Those after which nothing slows down."""
PUSH_BACKS = {
    **_either("status 503"),
    "status 503 with Retry-After, not applied": Fault("status 503 seconds"),
    "status 429, seconds": Fault("status 429 seconds"),
    "status 429, Unix time": Fault("status 429 unix"),
    "status 429, milliseconds": Fault("status 429 milliseconds"),
    "status 429, date": Fault("status 429 date"),
}
"""After these the client is to hold back."""
REFUSALS = {"refused": Fault("no")}
REDIRECTS = {
    name: fault
    for status in (301, 302, 303, 307, 308)
    for name, fault in _either(f"redirect {status}").items()
}
"""To another origin, where another shop would take the very same request."""
GET_FAULTS = (
    *("close", "reset", "status 500", "status 502", "status 504", "cut head", "cut body", "not HTTP", "HTML"),
    *("stall", "too large"),
)
GET_PUSH_BACKS = ("status 503", "status 429 seconds")
ALL_FAULTS = {**PUT_FAULTS, **PUSH_BACKS, **REFUSALS, **REDIRECTS}


@dataclass
class Plan:
    """Which faults come how often; shares of all requests of that kind."""

    seed: int = 0
    share: float = 0.0
    kinds: tuple[str, ...] = tuple(PUT_FAULTS)
    get_share: float = 0.0
    get_kinds: tuple[str, ...] = GET_FAULTS
    push_back: float = 0.0
    refuse: float = 0.0
    late: float = 0.2
    """Seconds within which what is applied late is applied."""
    stall: float = 30.0
    """Seconds for which a stalled answer is withheld."""
    latency: float = 0.0


@dataclass
class Order:
    internalComment: str = ""  # noqa: N815 - the API's own name
    comment: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)

    def apply(self, payload: dict[str, Any]) -> None:
        for name, flag in COMMENTS.items():
            if name in payload:
                held, text = getattr(self, name), payload[name]
                setattr(self, name, text if payload.get(flag) is True or not held else f"{held}\n{text}")
        for name, value in payload.get("extraAttributes", {}).items():
            if value == "":
                self.attributes.pop(name, None)
            else:
                self.attributes[name] = value

    def shown(self, number: int) -> dict[str, Any]:
        return {
            "orderId": str(number),
            "internalComment": self.internalComment,
            "otherComment": self.comment,
            "extraAttributes": self.attributes,
        }


class Shop:
    """One shop: its orders, its log, its faults."""

    def __init__(self, name: str, folder: str) -> None:
        self.orders: dict[int, Order] = {}
        self.plan = Plan()
        self.random = random.Random(0)
        self.late: set[asyncio.Task[None]] = set()
        self._log = os.open(
            os.path.join(folder, f"{name}.jsonl"),  # noqa: PTH118 - a plain descriptor is wanted
            os.O_WRONLY | os.O_CREAT | os.O_APPEND,
            0o600,
        )

    def note(self, did: str, **more: Any) -> None:
        os.write(self._log, json.dumps({"did": did, "at": time.time(), **more}).encode() + b"\n")

    def order(self, number: int) -> Order:
        return self.orders.setdefault(number, Order())

    def apply(self, body: bytes, who: str, *, late: bool = False) -> None:
        payload = json.loads(body)
        self.note("applied", who=who, late=late, body=body.decode())
        self.order(payload["order"]).apply(payload)

    def apply_later(self, body: bytes, who: str) -> None:
        async def wait() -> None:
            await asyncio.sleep(seconds)
            self.apply(body, who, late=True)

        seconds = self.random.uniform(0.3, 1.0) * self.plan.late
        task = asyncio.ensure_future(wait())
        self.late.add(task)
        task.add_done_callback(self.late.discard)

    def put_fate(self) -> tuple[str, Fault]:
        plan, roll = self.plan, self.random.random()
        for share, kinds in (
            (plan.share, plan.kinds),
            (plan.push_back, tuple(PUSH_BACKS)),
            (plan.refuse, ("refused",)),
        ):
            if roll < share:
                name = self.random.choice(kinds)
                return name, ALL_FAULTS[name]
            roll -= share
        return "none", _done("ok")

    def get_fate(self) -> str:
        plan, roll = self.plan, self.random.random()
        if roll < plan.get_share:
            return self.random.choice(plan.get_kinds)
        if roll < plan.get_share + plan.push_back:
            return self.random.choice(GET_PUSH_BACKS)
        return "ok"


class Request(NamedTuple):
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def who(self) -> str:
        """The run that sent it: the middle part of its key (the key itself is written nowhere)."""
        return [*self.headers.get(KEY_HEADER, "").split("."), "?", "?"][1]


def _response(status: int, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Told", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def _retry_after(kind: str) -> str:
    soon = time.time() + 1
    match kind:
        case "unix":
            return f"{int(soon)}"
        case "milliseconds":
            return f"{int(soon * 1000)}"
        case "date":
            return formatdate(soon, usegmt=True)
        case _:
            return "1"


class Oracle:
    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.shops: dict[str, Shop] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._one(reader, writer):
                pass
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {}
        for line in filter(None, head[1:]):
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        parts = urlsplit(target)
        _, name, what = parts.path.split("/", 2)
        request = Request(method, what, parse_qs(parts.query), headers, body)
        if name not in self.shops:
            self.shops[name] = Shop(name, self.folder)
        shop = self.shops[name]
        if what.startswith("~"):
            writer.write(_response(200, await self._told(shop, what, body)))
            await writer.drain()
            return True
        if shop.plan.latency:
            await asyncio.sleep(shop.plan.latency)
        if method == "PUT":
            return await self._put(shop, request, writer)
        return await self._get(shop, request, writer)

    async def _told(self, shop: Shop, what: str, body: bytes) -> bytes:
        """Carry out what the test itself asks for."""
        if what == "~faults":
            shop.plan = Plan(**json.loads(body))
            shop.random = random.Random(shop.plan.seed)
        elif what == "~mark":
            shop.note("mark", **json.loads(body))
        elif what == "~quiet":
            while shop.late:
                await asyncio.gather(*shop.late)
        elif what == "~person":
            payload = json.loads(body)
            shop.note("person", body=body.decode())
            shop.order(payload["order"]).apply(payload)
        elif what == "~state":
            return json.dumps(
                {str(number): one.shown(number) for number, one in shop.orders.items()}
            ).encode()
        return b"{}"

    async def _put(self, shop: Shop, request: Request, writer: asyncio.StreamWriter) -> bool:
        number = json.loads(request.body)["order"]
        name, fault = shop.put_fate()
        row = zlib.crc32(request.body)
        shop.note("put", who=request.who, fault=name, order=number, row=row, calm=not shop.plan.share)
        if fault.applies:
            shop.apply(request.body, request.who)
        answer = fault.answer
        if answer.startswith("late, "):
            shop.apply_later(request.body, request.who)
            answer = answer.removeprefix("late, ")
        elif answer == "slow":
            await asyncio.sleep(shop.random.uniform(0.3, 1.0) * shop.plan.late)
            shop.apply(request.body, request.who, late=True)
            answer = "ok"
        return await self._answer(shop, writer, answer, number, {"status": "ok", "order": number})

    async def _get(self, shop: Shop, request: Request, writer: asyncio.StreamWriter) -> bool:
        number = int(request.query["order"][0])
        answer = shop.get_fate()
        shop.note("get", who=request.who, fault=answer, order=number)
        whole = {"status": "ok", "orders": [shop.order(number).shown(number)]}
        return await self._answer(shop, writer, answer, number, whole)

    async def _answer(
        self, shop: Shop, writer: asyncio.StreamWriter, answer: str, number: int, whole: dict[str, Any]
    ) -> bool:
        """Answer as told; False where the connection is to be closed."""
        good = _response(200, json.dumps(whole).encode())
        words = answer.split()
        if answer == "close":
            return False
        if answer == "reset":
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        if answer == "stall":
            await asyncio.sleep(shop.plan.stall)
            return False
        if words[0] == "status":
            extra = (f"Retry-After: {_retry_after(words[2])}",) if len(words) > 2 else ()
            date = (f"Date: {formatdate(usegmt=True)}",) if shop.random.random() < 0.5 else ()
            writer.write(_response(int(words[1]), b"" if words[1] == "204" else b"{}", *extra, *date))
        elif words[0] == "redirect":
            port = writer.get_extra_info("sockname")[1]
            place = f"Location: http://localhost:{port}/{ELSEWHERE}/orders"
            writer.write(_response(int(words[1]), b"{}", place))
        elif answer in _BROKEN:
            writer.write(_BROKEN[answer](good))
        else:
            return await self._answer_in_words(writer, answer, number, good)
        await writer.drain()
        return words[0] in ("status", "redirect")

    async def _answer_in_words(
        self, writer: asyncio.StreamWriter, answer: str, number: int, good: bytes
    ) -> bool:
        if answer == "drip":
            for at in range(0, len(good), 16):
                writer.write(good[at : at + 16])
                await writer.drain()
                await asyncio.sleep(0.005)
            return True
        told = {
            "another order": {"status": "ok", "order": number + 1},
            "ok in capitals": {"status": "OK", "order": number},
            "order is true": {"status": "ok", "order": True},
            "no": {"status": "no", "msg": "order in wrong market", "order": number},
        }
        writer.write(good if answer == "ok" else _response(200, json.dumps(told[answer]).encode()))
        await writer.drain()
        return True


_BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "cut head": lambda good: good[:20],
    "cut body": lambda good: good[:-4],
    "not HTTP": lambda _good: b"\x16\x03\x01 no web server here\r\n\r\n",
    "HTML": lambda _good: _response(200, b"<!doctype html><p>Back soon</p>"),
    "too large": lambda _good: _response(200, b'{"status":"ok","x":"' + b"x" * LARGE + b'"}'),
}


async def main() -> None:
    oracle = Oracle(sys.argv[1])
    server = await asyncio.start_server(oracle.serve, "127.0.0.1", 0, backlog=512)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    # The one who asked for the oracle holds its standard input open; when that ends, so does the oracle.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
