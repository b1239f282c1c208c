"""How many requests a second the benchmark's server answers, asked by something that does nothing else.

    python -m benchmarks.load [--requests 40000] [--connections 8]

What is measured against the server only means something as long as it stays far below this figure.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from urllib.parse import urlsplit

from benchmarks.server import Running

_BODY = b'{"order":%d,"internalComment":"Delayed by strike"}'
_REQUEST = (
    b"PUT %b/orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
)


class Asker(asyncio.Protocol):
    """Sends the next request as soon as something came back."""

    def __init__(self, left: list[int], path: bytes, done: asyncio.Future[None]) -> None:
        self.left = left
        self.path = path
        self.done = done

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first one."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.data_received(b"")

    def data_received(self, data: bytes) -> None:
        """Send the next one; the answers are short, so each comes in one piece."""
        del data
        if not self.left:
            if not self.done.done():
                self.done.set_result(None)
            return
        body = _BODY % self.left.pop()
        self.transport.write(_REQUEST % (self.path, len(body), body))


async def load(base_url: str, requests: int, connections: int) -> float:
    """Give the requests a second that the server at this address answers."""
    at, loop = urlsplit(base_url), asyncio.get_running_loop()
    left = list(range(requests))
    assert at.hostname is not None
    assert at.port is not None
    done: list[asyncio.Future[None]] = [loop.create_future() for _ in range(connections)]
    began = time.perf_counter()
    for one in done:
        await loop.create_connection(
            lambda one=one: Asker(left, at.path.encode(), one),  # type: ignore[misc]
            at.hostname,
            at.port,
        )
    await asyncio.gather(*done)
    return requests / (time.perf_counter() - began)


def main() -> None:
    """Print the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=40_000)
    parser.add_argument("--connections", type=int, default=8)
    asked = parser.parse_args()
    with Running() as server:
        speed = asyncio.run(load(server.base_url, asked.requests, asked.connections))
    print(f"the server answers {speed:,.0f} requests/s over {asked.connections} connections")


if __name__ == "__main__":
    main()
