"""Event loops in threads of their own, for what a test's own thread waits for."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator


@contextmanager
def looping() -> Iterator[asyncio.AbstractEventLoop]:
    """Give a loop that runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def soon(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any]) -> Any:
    """Run something in such a loop, and wait for it."""
    return asyncio.run_coroutine_threadsafe(work, loop).result(30)
