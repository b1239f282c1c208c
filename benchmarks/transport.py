"""Requests a second of each engine of the transport, with nothing else around them.

    python -m benchmarks.transport [--rows 4000] [--lanes 8] [--rounds 3]

The server runs in a process of its own: bare asyncio, which answers what it is asked and no more. The engines
take turns, so that what else the machine does falls on all of them.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import re
import statistics
import time
from typing import TYPE_CHECKING, Literal

from benchmarks.server import RequestReader

from ordersheet.api import put_body
from ordersheet.core.model import Operation, OperationKind
from ordersheet.core.secret import Secret
from ordersheet.delivery.transport.factory import make_transport_factory
from ordersheet.delivery.verdict.put import VerdictKind, classify

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from ordersheet.delivery.transport.factory import Transport

ENGINES: tuple[Literal["h11", "httpx"], ...] = ("h11", "httpx")
_ORDER = re.compile(rb'"order":(\d+)')


class Server(RequestReader):
    """Answers each update with `ok`."""

    def answer(self, head: bytes, body: bytes) -> None:  # noqa: ARG002 - it looks at the order alone
        """Answer one request."""
        order = _ORDER.search(body)
        said = b'{"status":"ok","order":%b}' % (order[1] if order else b"0")
        first = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self.transport.write(first % len(said) + said)


def serve(tell: Connection) -> None:
    """Serve until the process is ended, and tell the port."""

    async def work() -> None:
        server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
        tell.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(work())


async def measure(make: Callable[[], Transport], url: str, rows: int, lanes: int) -> tuple[float, float]:
    """Send so many updates; give the rows a second and the CPU seconds of a row."""
    left = iter(range(1, rows + 1))
    operations = [Operation("internalComment", OperationKind.APPEND, "Delayed by strike")]

    async def lane() -> None:
        transport = make()
        for order in left:
            seen = await transport.request("PUT", url, put_body(order, operations, xml=False), deadline=30)
            if classify(seen, order=order).kind is not VerdictKind.ANSWERED_OK:
                raise RuntimeError(seen.detail)
        await transport.close()

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(lane() for _ in range(lanes)))
    return rows / (time.perf_counter() - wall), (time.process_time() - cpu) / rows


def main() -> None:
    """Print one line for each engine."""
    parser = argparse.ArgumentParser(description=__doc__)
    for option, usual in (("rows", 4000), ("lanes", 8), ("rounds", 3)):
        parser.add_argument(f"--{option}", type=int, default=usual)
    asked = parser.parse_args()
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    server.start()
    try:
        url = f"http://127.0.0.1:{here.recv()}/orders"
        found: dict[str, list[tuple[float, float]]] = {engine: [] for engine in ENGINES}
        for _ in range(asked.rounds):
            for engine in ENGINES:
                make = make_transport_factory(Secret("a key"), engine=engine)
                found[engine].append(asyncio.run(measure(make, url, asked.rows, asked.lanes)))
        for name, rounds in found.items():
            speed = statistics.median(one[0] for one in rounds)
            cpu = statistics.median(one[1] for one in rounds)
            print(f"{name:6} {speed:8.0f} rows/s  {cpu * 1e6:6.0f} microseconds of CPU a row")
    finally:
        server.terminate()
        server.join()


if __name__ == "__main__":
    main()
