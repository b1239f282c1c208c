"""An Order API that does next to nothing, so that the client is what is measured.

    python -m benchmarks.server [--latency 0.05] [--rate 2 --burst 20] [--lists 1]

Bare asyncio in a process of its own: it keeps each order's comments in memory, answers what it is asked, and
counts. It writes its port on the first line of its output. `GET /bench/stats` gives the counts as JSON;
`GET /bench/reset` begins anew.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import re
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[1]
_LENGTH = re.compile(rb"(?i)content-length: *(\d+)")
_ASKED = re.compile(rb"GET [^ ]*/orders\?order=(\d+) ")
_LISTED = re.compile(rb"GET [^ ]*/orders\?(limit=[^ ]*) ")
_DATE = "%Y-%m-%d %H:%M:%S"
_FIRST_PLACED = datetime(2020, 1, 1, tzinfo=UTC)
_LONGEST_LIST = 250
_HEAD = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b\r\n%b"


@dataclass
class Shop:
    """What all connections share."""

    latency: float = 0.0
    rate: float = 0.0
    """A token bucket's requests a second; 0 for no limit."""
    burst: float = 0.0
    lists: float = 0.0
    """1 for a shop that gives lists of orders, so that many are read at once."""
    comments: dict[int, str] = field(default_factory=dict)
    counts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew: with orders that hold nothing, a full bucket, and every count at 0."""
        self.comments.clear()
        self.counts = {"put": 0, "get": 0, "pushed_back": 0, "first": None, "last": None, "seconds": {}}
        self.tokens, self.filled = self.burst, time.monotonic()

    def refused(self) -> bytes | None:
        """Give the answer of 429 where the bucket is empty."""
        if not self.rate:
            return None
        now = time.monotonic()
        self.tokens = min(self.burst, self.tokens + (now - self.filled) * self.rate)
        self.filled = now
        if self.tokens >= 1:
            self.tokens -= 1
            return None
        self.count("pushed_back")
        wait = math.ceil((1 - self.tokens) / self.rate)
        return _HEAD % (b"429 Too Many Requests", 2, b"Retry-After: %d\r\n" % wait, b"{}")

    def count(self, what: str) -> None:
        """Count a request, in all and by the second."""
        now = time.time()
        self.counts[what] += 1
        if self.counts["first"] is None:
            self.counts["first"] = now
        self.counts["last"] = now
        by_second = self.counts["seconds"].setdefault(int(now - self.counts["first"]), [0, 0])
        by_second[what == "pushed_back"] += 1

    def answer(self, head: bytes, body: bytes) -> bytes:
        """Answer one request."""
        if head.startswith(b"PUT"):
            return self.refused() or self._put(json.loads(body))
        asked = _ASKED.match(head)
        if asked is not None:
            return self.refused() or self._shown([int(asked[1])])
        listed = _LISTED.match(head)
        if listed is not None:
            return self.refused() or self._list(dict(parse_qsl(listed[1].decode())))
        if b"/bench/reset" in head:
            self.reset()
        said = json.dumps(self.counts).encode()
        return _HEAD % (b"200 OK", len(said), b"", said)

    def _put(self, asked: dict[str, Any]) -> bytes:
        self.count("put")
        order, text = asked["order"], asked.get("internalComment")
        if text:
            before = self.comments.get(order)
            self.comments[order] = text if before is None else f"{before}\n{text}"
        said = b'{"status":"ok","order":%d}' % order
        return _HEAD % (b"200 OK", len(said), b"", said)

    def _list(self, asked: dict[str, str]) -> bytes:
        """List the orders between two dates, the newest first: there is one of each minute."""
        if not self.lists:
            self.count("get")
            return _HEAD % (b"400 Bad Request", 2, b"", b"{}")
        low = _minute(asked["newer_than"]) if "newer_than" in asked else 0
        high = _minute(asked["older_than"]) if "older_than" in asked else low + _LONGEST_LIST
        newest = range(high - 1, low, -1)
        return self._shown(newest[: min(int(asked["limit"]), _LONGEST_LIST)])

    def _shown(self, orders: Iterable[int]) -> bytes:
        self.count("get")
        found = [
            {
                "orderId": str(order),
                "orderDate": (_FIRST_PLACED + timedelta(minutes=order)).strftime(_DATE),
                "internalComment": self.comments.get(order, ""),
                "otherComment": "",
            }
            for order in orders
        ]
        said = json.dumps({"status": "ok", "orders": found}).encode()
        return _HEAD % (b"200 OK", len(said), b"", said)


def _minute(date: str) -> int:
    placed = datetime.strptime(date, _DATE).replace(tzinfo=UTC)
    return int((placed - _FIRST_PLACED) / timedelta(minutes=1))


class RequestReader(asyncio.Protocol):
    """Reads one request after the other; `answer` says what becomes of each."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self.buffer, 0, end)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self.buffer) < whole:
                return
            head, body = self.buffer[: end + 4], self.buffer[end + 4 : whole]
            self.buffer = self.buffer[whole:]
            self.answer(head, body)

    def answer(self, head: bytes, body: bytes) -> None:
        """Answer one request."""
        raise NotImplementedError


class Connection(RequestReader):
    """Answers as the shop does, after its latency."""

    def __init__(self, shop: Shop) -> None:
        super().__init__()
        self.shop = shop

    def answer(self, head: bytes, body: bytes) -> None:
        """Answer one request."""
        said = self.shop.answer(head, body)
        if self.shop.latency and b"/bench/" not in head:
            asyncio.get_running_loop().call_later(self.shop.latency, self.transport.write, said)
        else:
            self.transport.write(said)


async def serve(shop: Shop) -> None:
    """Serve on a free port of 127.0.0.1 until the process is ended."""
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(shop), "127.0.0.1", 0, backlog=1000
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class Running:
    """The server in a process of its own, for as long as it is used as a context manager.

    Attributes:
        base_url: of the Order API.
    """

    def __init__(self, **options: float) -> None:
        self._options = [f"--{name}={value}" for name, value in options.items()]

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "benchmarks.server", *self._options]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._root = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        self.base_url = f"{self._root}/api/order-api/1"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate()

    def reset(self) -> None:
        """Begin to count anew."""
        self._ask("reset")

    def stats(self) -> dict[str, Any]:
        """Tell what came: counts, the first and the last moment, answers and refusals by the second."""
        return self._ask("stats")

    def _ask(self, what: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self._root}/bench/{what}", timeout=30) as answer:
            told: dict[str, Any] = json.load(answer)
        return told


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    for option, usual in (("latency", 0.0), ("rate", 0.0), ("burst", 0.0), ("lists", 0.0)):
        parser.add_argument(f"--{option}", type=float, default=usual)
    asyncio.run(serve(Shop(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
