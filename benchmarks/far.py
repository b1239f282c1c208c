"""A way to a server that is far: whatever passes is late by so many seconds, in either direction.

    python -m benchmarks.far --socket /run/postgresql/.s.PGSQL.5432 --late 0.001

A process of its own, so that its processor time is nobody else's. It writes its port on the first line of its
output.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib


async def pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter, late: float) -> None:
    """Pass on what comes, each part when its time has come."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def read() -> None:
        part = b"-"
        while part:
            part = await source.read(1 << 16)
            waiting.put_nowait((loop.time() + late, part))

    reading = asyncio.create_task(read())
    with contextlib.suppress(OSError):
        while True:
            due, part = await waiting.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not part:
                break
            target.write(part)
            await target.drain()
    reading.cancel()
    target.close()


async def serve(socket: str, late: float) -> None:
    """Stand between, until the process is ended."""

    async def between(client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        server, asks = await asyncio.open_unix_connection(socket)
        await asyncio.gather(pass_on(client, asks, late), pass_on(server, answers, late))

    listener = await asyncio.start_server(between, "127.0.0.1", 0)
    print(listener.sockets[0].getsockname()[1], flush=True)
    await listener.serve_forever()


def main() -> None:
    """Stand between."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", required=True)
    parser.add_argument("--late", type=float, required=True)
    asked = parser.parse_args()
    asyncio.run(serve(asked.socket, asked.late))


if __name__ == "__main__":
    main()
