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
from bisect import bisect_right
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from tests.support.oracle_plan import (
    ALL_FAULTS,
    GET_PUSH_BACKS,
    PUSH_BACKS,
    Fault,
    Plan,
)
from tests.support.views import Held, Reader, view_of

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


@dataclass
class Order:
    held: list[tuple[float, Held]] = field(default_factory=lambda: [(float("-inf"), Held())])
    """What the comments held, and since when."""
    attributes: dict[str, Any] = field(default_factory=dict)

    def apply(self, payload: dict[str, Any]) -> None:
        for name, flag in COMMENTS.items():
            if name in payload:
                _, now = self.held[-1]
                held, text = getattr(now, name), payload[name]
                whole = text if payload.get(flag) is True or not held else f"{held}\n{text}"
                self.held.append((time.time(), now._replace(**{name: whole})))
        for name, value in payload.get("extraAttributes", {}).items():
            if value == "":
                self.attributes.pop(name, None)
            else:
                self.attributes[name] = value

    def at(self, moment: float) -> Held:
        return self.held[bisect_right(self.held, moment, key=lambda one: one[0]) - 1][1]


class Shop:
    """One shop: its orders, its log, its faults."""

    def __init__(self, name: str, folder: str) -> None:
        self.orders: dict[int, Order] = {}
        self.plan = Plan()
        self.reader = Reader()
        self.puts = 0
        self.frozen_until = 0.0
        self.random = random.Random(0)
        self.late: set[asyncio.Task[None]] = set()
        self._log = os.open(
            os.path.join(folder, f"{name}.jsonl"),  # noqa: PTH118 - a plain descriptor is wanted
            os.O_WRONLY | os.O_CREAT | os.O_APPEND,
            0o600,
        )

    def note(self, did: str, **more: Any) -> None:
        os.write(self._log, json.dumps({"did": did, "at": time.time(), **more}).encode() + b"\n")

    def follow(self, plan: Plan) -> None:
        """Do from now on what a plan says."""
        self.plan = plan
        self.random = random.Random(plan.seed)
        self.reader = Reader(view_of(plan.view))
        self.puts = 0

    def show(self, number: int) -> tuple[dict[str, Any], dict[str, str]]:
        """Show an order in the plan's view."""
        order = self.order(number)
        shown, headers = self.reader.show(number, time.time(), self._held)
        return {**shown, "extraAttributes": order.attributes}, headers

    def _held(self, number: int, at: float) -> Held:
        return self.orders[number].at(at) if number in self.orders else Held()

    async def thaw(self, *, put: bool) -> None:
        """Stand still for as long as the plan says; what came meanwhile is carried out after that."""
        self.puts += put
        seconds = self.plan.freezes.get(str(self.puts)) if put else None
        if seconds is not None:
            self.frozen_until = time.time() + seconds
        await asyncio.sleep(max(0.0, self.frozen_until - time.time()))

    def order(self, number: int) -> Order:
        return self.orders.setdefault(number, Order())

    def apply(self, body: bytes, who: str, *, late: bool = False) -> None:
        payload = json.loads(body)
        self.note("applied", who=who, late=late, body=body.decode())
        self.order(payload["order"]).apply(payload)

    def apply_part(self, body: bytes, who: str) -> None:
        """Apply the comments alone, where there is more than that."""
        payload = json.loads(body)
        attributes = payload.pop("extraAttributes", {})
        comments = [name for name in COMMENTS if name in payload]
        if comments and len(comments) + len(attributes) > 1:
            self.apply(json.dumps(payload).encode(), who)

    def apply_again(self, body: bytes) -> None:
        """What a gateway does: the log tells it apart from what a run did."""
        payload = json.loads(body)
        self.note("gateway", body=body.decode())
        self.order(payload["order"]).apply(payload)

    def later(self, what: Callable[[], None]) -> None:
        """Do something within the plan's seconds for what is late."""

        async def wait() -> None:
            await asyncio.sleep(seconds)
            what()

        seconds = self.random.uniform(0.3, 1.0) * self.plan.late
        task = asyncio.ensure_future(wait())
        self.late.add(task)
        task.add_done_callback(self.late.discard)

    def put_fate(self) -> tuple[str, Fault]:
        plan, roll = self.plan, self.random.random()
        planned = plan.at.get(str(self.puts))
        if planned is not None:
            return planned, ALL_FAULTS[planned]
        for share, kinds in (
            (plan.share, plan.kinds),
            (plan.push_back, tuple(PUSH_BACKS)),
            (plan.refuse, ("refused",)),
        ):
            if roll < share:
                name = self.random.choice(kinds)
                return name, ALL_FAULTS[name]
            roll -= share
        return "none", Fault("ok", applies=True)

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
        await shop.thaw(put=method == "PUT")
        if method == "PUT":
            return await self._put(shop, request, writer)
        return await self._get(shop, request, writer)

    async def _told(self, shop: Shop, what: str, body: bytes) -> bytes:
        """Carry out what the test itself asks for."""
        if what == "~faults":
            shop.follow(Plan(**json.loads(body)))
        elif what == "~mark":
            shop.note("mark", **json.loads(body))
        elif what == "~quiet":
            await shop.thaw(put=False)
            while shop.late:
                await asyncio.sleep(0.05)
                await asyncio.gather(*shop.late)
        elif what == "~person":
            payload = json.loads(body)
            shop.note("person", body=body.decode())
            shop.order(payload["order"]).apply(payload)
        elif what == "~state":
            return json.dumps({str(number): shop.show(number)[0] for number in [*shop.orders]}).encode()
        return b"{}"

    async def _put(self, shop: Shop, request: Request, writer: asyncio.StreamWriter) -> bool:
        number = json.loads(request.body)["order"]
        name, fault = shop.put_fate()
        row = zlib.crc32(request.body)
        shop.note("put", who=request.who, fault=name, order=number, row=row, calm=not shop.plan.share)
        if fault.part:
            shop.apply_part(request.body, request.who)
        elif fault.applies:
            shop.apply(request.body, request.who)
        if fault.again:
            shop.later(lambda: shop.apply_again(request.body))
        answer = fault.answer
        if answer.startswith("late, "):
            shop.later(lambda: shop.apply(request.body, request.who, late=True))
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
        shown, headers = shop.show(number)
        extra = tuple(f"{name}: {value}" for name, value in headers.items())
        return await self._answer(shop, writer, answer, number, {"status": "ok", "orders": [shown]}, extra)

    async def _answer(
        self,
        shop: Shop,
        writer: asyncio.StreamWriter,
        answer: str,
        number: int,
        whole: dict[str, Any],
        extra: tuple[str, ...] = (),
    ) -> bool:
        """Answer as told; False where the connection is to be closed."""
        good = _response(200, json.dumps(whole).encode(), *extra)
        words = answer.split()
        if answer == "close":
            return False
        if answer == "reset":
            raw = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        if answer == "stall":
            await asyncio.sleep(shop.plan.stall)
            return False
        if words[0] == "status":
            wait = (f"Retry-After: {_retry_after(words[2])}",) if len(words) > 2 else ()
            date = (f"Date: {formatdate(usegmt=True)}",) if shop.random.random() < 0.5 else ()
            writer.write(_response(int(words[1]), b"" if words[1] == "204" else b"{}", *wait, *date))
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
