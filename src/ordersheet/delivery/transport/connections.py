"""The run's connections, lent to one request at a time."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ordersheet.delivery.transport.factory import Transport


class Connections:
    """As many connections as there were ever requests under way at once, and no more.

    There are more lanes than that: some wait for the disk. A server counts what is open, used or not.

    Args:
        make: makes a connection.
    """

    def __init__(self, make: Callable[[], Transport]) -> None:
        self._make = make
        self._all: list[Transport] = []
        self._idle: list[Transport] = []

    @contextmanager
    def one(self) -> Iterator[Transport]:
        """Lend the connection that was used last, for it is the least likely to have gone stale."""
        if self._idle:
            connection = self._idle.pop()
        else:
            connection = self._make()
            self._all.append(connection)
        try:
            yield connection
        finally:
            self._idle.append(connection)

    def cut(self, *, within: float = 0.0) -> None:
        """End the requests under way within so many seconds."""
        for connection in self._all:
            connection.cut(within=within)

    async def close(self) -> None:
        """Close all of them, for good."""
        await asyncio.gather(*(connection.close() for connection in self._all))
