"""What the transport's engines share: its contract, the headers, the deadline, what is seen meanwhile."""

from __future__ import annotations

import asyncio
import socket
import ssl
from abc import ABC, abstractmethod
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol

from ordersheet.delivery.verdict.observation import Failure, Observation

LARGEST_BODY = 1 << 20
"""Bytes of an answer that are read; the documented ones have less than a hundred."""

IDLE_LIMIT = 4.0
"""Seconds after which a kept connection is not used again: some servers close it after five."""


KEPT_HEADERS = {
    b"content-type": "content-type",
    b"retry-after": "retry-after",
    b"date": "date",
    b"age": "age",
    b"location": "location",
}
"""The headers of an answer that decide, by their names in small letters."""


class Transport(Protocol):
    """One connection, for one request at a time."""

    async def request(self, method: str, url: str, body: bytes | None, *, deadline: float) -> Observation:
        """Send one request, once, and tell what was seen of it.

        Never raises for what the network or the server does. Where the task is cancelled, CancelledError goes
        on, and `last` still tells whether bytes left.

        Args:
            method: `PUT` or `GET`.
            url: the full address.
            body: the payload; None for none.
            deadline: seconds for the whole call, from connecting to the last byte of the answer.
        """

    @property
    def last(self) -> Observation | None:
        """What was seen of the latest request, also where it was cancelled; None before the first."""

    def cut(self, *, within: float = 0.0) -> None:
        """End the request under way within so many seconds; it then returns with `Failure.CUT`.

        Does nothing where none is under way.
        """

    async def drop(self) -> None:
        """Close the connection: the next request opens a new one."""

    async def close(self) -> None:
        """Close for good."""


class RequestHeaders:
    """The headers of every request, built once; they hold the key, so nothing shows them."""

    def __init__(self, api_key: str) -> None:
        try:
            number = version("ordersheet")
        except PackageNotFoundError:
            number = "unknown"
        named = {
            "Accept": "application/json, application/xml;q=0.9",
            "Accept-Encoding": "identity",
            "API-Authorization": api_key,
            "Content-Type": "application/json",
            "User-Agent": f"ordersheet/{number}",
        }
        self.fixed = [(name.encode(), value.encode()) for name, value in named.items()]
        self.reading = [*self.fixed, (b"Cache-Control", b"no-cache")]
        """Those of a GET: what a cache held a while ago proves nothing."""

    def __repr__(self) -> str:
        return "<RequestHeaders>"


class Exchange:
    """What is being seen of one request while it is under way."""

    __slots__ = ("body", "bytes_left", "detail", "failure", "headers", "status")

    def __init__(self) -> None:
        self.bytes_left = False
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.body: bytes | bytearray = b""
        self.failure: Failure | None = None
        self.detail = ""

    def fail(self, fault: BaseException, kind: Failure | None = None) -> None:
        """Word a failure without its own text, which can hold a header's value."""
        self.failure = kind or failure_of(fault, sent=self.bytes_left)
        self.detail = _chain(fault)

    def observation(self, seconds: float) -> Observation:
        """Freeze it."""
        return Observation(
            bytes_left=self.bytes_left,
            status=self.status,
            headers=self.headers,
            body=bytes(self.body[:LARGEST_BODY]),
            failure=self.failure,
            detail=self.detail,
            seconds=seconds,
        )


class Engine(ABC):
    """A transport but for the way it speaks HTTP: deadline, interrupts, and that no fault is raised."""

    def __init__(self) -> None:
        self._last: Observation | None = None
        self._timeout: asyncio.Timeout | None = None
        self._cut = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    @property
    def last(self) -> Observation | None:
        """What was seen of the latest request, also where it was cancelled; None before the first."""
        return self._last

    def cut(self, *, within: float = 0.0) -> None:
        """End the request under way within so many seconds; it then returns with `Failure.CUT`."""
        if self._timeout is None:
            return
        at = asyncio.get_running_loop().time() + within
        when = self._timeout.when()
        if when is None or at < when:
            self._cut = True
            self._timeout.reschedule(at)

    async def request(self, method: str, url: str, body: bytes | None, *, deadline: float) -> Observation:
        """Send one request, once, and tell what was seen of it (see `Transport`)."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        seen = Exchange()
        self._cut = False
        limit = asyncio.timeout(deadline)
        try:
            async with limit as self._timeout:
                await self._exchange(method, url, body, seen, deadline)
        except TimeoutError as fault:
            # The system has timeouts of its own (ETIMEDOUT), which are no deadline.
            ours = Failure.CUT if self._cut else Failure.DEADLINE
            seen.fail(fault, ours if limit.expired() else None)
        except asyncio.CancelledError:
            seen.failure = Failure.CUT
            raise
        except Exception as fault:  # noqa: BLE001 - ssl.SSLError and others arrive outside httpx's own tree
            seen.fail(fault)
        finally:
            self._timeout = None
            self._last = seen.observation(loop.time() - began)
            if seen.failure is not None:
                await self.drop()
        return self._last

    @abstractmethod
    async def drop(self) -> None:
        """Close the connection: the next request opens a new one."""

    async def close(self) -> None:
        """Close for good."""
        await self.drop()

    @abstractmethod
    async def _exchange(
        self, method: str, url: str, body: bytes | None, seen: Exchange, deadline: float
    ) -> None:
        """Send the request once, and note in `seen` what is seen of it, bytes that leave before they do.

        Whatever it raises is noted as well. The deadline is kept by the caller.
        """


def failure_of(fault: BaseException, *, sent: bool) -> Failure:
    """Name a fault for people; it proves nothing about what was sent."""
    causes = _causes(fault)
    if sent:
        return Failure.CLOSED
    for kind, failure in (
        (ssl.SSLError, Failure.TLS),
        (socket.gaierror, Failure.NAME),
        (UnicodeError, Failure.NAME),
        (ConnectionRefusedError, Failure.REFUSED),
        (OSError, Failure.CONNECT),
    ):
        if any(isinstance(cause, kind) for cause in causes):
            return failure
    return Failure.OTHER


def _causes(fault: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    cause: BaseException | None = fault
    while cause is not None and cause not in found:
        found.append(cause)
        cause = cause.__cause__ or cause.__context__
    return found


def _chain(fault: BaseException) -> str:
    words = []
    for cause in _causes(fault):
        number = getattr(cause, "errno", None)
        words.append(type(cause).__name__ + (f" {number}" if isinstance(number, int) else ""))
    return " < ".join(words)
