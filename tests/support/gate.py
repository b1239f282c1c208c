"""A shop that answers when a test lets it, so that a page is met in the middle of a run without waiting."""

from __future__ import annotations

import asyncio
import threading


class Gate:
    """Lets so many requests through, and holds all others until it is opened."""

    def __init__(self, lets: int) -> None:
        self._left = lets
        self._lock = threading.Lock()
        self._opened = threading.Event()
        self.held = threading.Event()
        """Set once a request is held."""

    async def sleep(self, _seconds: float) -> None:
        """Stand for the sandbox's latency."""
        with self._lock:
            self._left -= 1
            held = self._left < 0
        if not held:
            return
        self.held.set()
        while not self._opened.is_set():  # noqa: ASYNC110 - it is opened by another thread
            await asyncio.sleep(0.01)

    def open(self) -> None:
        """Let everything through from now on."""
        with self._lock:
            self._left = 1 << 30
        self._opened.set()
