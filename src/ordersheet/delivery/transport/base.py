"""One connection, whatever engine speaks over it: headers, deadline, and what is seen of a request meanwhile.

The seam to the network is httpx's own, `httpx.AsyncBaseTransport`. What must be known beyond it, whether a
byte of the request left, comes through the `trace` extension, by the names that httpcore gives to its events.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from typing import TYPE_CHECKING, Any, Protocol

import httpx

from ordersheet.core.uptime import elapsed
from ordersheet.delivery.verdict.observation import Failure, Observation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ordersheet.delivery.transport.headers import RequestHeaders

LARGEST_BODY = 1 << 20
"""Bytes that are read of an answer to an update, or with one order."""

IDLE_LIMIT = 4.0
"""Seconds after which a kept connection is not used again: some servers close it after five."""

LATEST_START = 30.0
"""Seconds after the call in which a request may still begin to leave, however long its deadline is.

A process that was frozen while it connected may be taken for dead some time after, and others may have its
order: of a lease that is renewed in time, more than this is left.
"""

SENDING = "http11.send_request_headers.started"
"""The event after which a byte may have left."""
MOST = "most_body_bytes"
"""The extension of a request that says how much of its answer's body is read."""
TARGET = "target"
"""The extension of a request that says what is asked for, in place of its address's path and query."""
TUNNEL = "proxy.start_tls.started"
"""The event after which a proxy has opened the way."""
_ALMOST = 0.98
"""httpx leaks a socket whose TLS handshake is cancelled, so its own limit on connecting comes first."""

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

    async def request(
        self, method: str, url: str, body: bytes | None, *, deadline: float, most: int = LARGEST_BODY
    ) -> Observation:
        """Send one request, once, and tell what was seen of it.

        Never raises for what the network or the server does. Where the task is cancelled, CancelledError goes
        on, and `last` still tells whether bytes left.

        Args:
            method: `PUT` or `GET`.
            url: the full address.
            body: the payload; None for none.
            deadline: seconds for the whole call, from connecting to the last byte of the answer.
            most: bytes of the answer's body that are read; a longer one is `Failure.TOO_LARGE`.
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


class Exchange:
    """What is being seen of one request while it is under way."""

    __slots__ = (
        "_began",
        "_clock",
        "body",
        "bytes_left",
        "detail",
        "failure",
        "headers",
        "most",
        "status",
        "tunnelled",
    )

    def __init__(
        self,
        *,
        bytes_left: bool = False,
        most: int = LARGEST_BODY,
        clock: Callable[[], float] = elapsed,
    ) -> None:
        self._clock, self._began = clock, clock()
        self.most = most
        self.bytes_left = bytes_left
        self.tunnelled = False
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.failure: Failure | None = None
        self.detail = ""

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Take an event of the engine; through a proxy those of its CONNECT do not count.

        Raises:
            httpx.ConnectTimeout: no byte has left, and it is too late to begin.
        """
        if event == SENDING:
            if not self.bytes_left and self._clock() - self._began > LATEST_START:
                raise httpx.ConnectTimeout("connected too late")
            self.bytes_left = self.bytes_left or info["request"].method not in ("CONNECT", b"CONNECT")
        elif event == TUNNEL:
            self.tunnelled = True

    async def read(self, response: httpx.Response, hide: Callable[[str], str]) -> None:
        """Note an answer as it arrives."""
        # Without a request there would be none.
        self.bytes_left = True
        stream = response.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        try:
            self.status = response.status_code
            for name, value in response.headers.raw:
                kept = KEPT_HEADERS.get(name.lower())
                if kept is not None:
                    self.headers[kept] = hide(value.decode("latin-1"))
            async for chunk in stream:
                self.body += chunk
                if len(self.body) > self.most:
                    self.failure = Failure.TOO_LARGE
                    return
        finally:
            await stream.aclose()

    def fail(self, fault: BaseException, kind: Failure | None = None) -> None:
        """Word a failure without its own text, which can hold a header's value."""
        self.failure = kind or failure_of(fault, sent=self.bytes_left)
        self.detail = _chain(fault)

    def observation(self, seconds: float, hide: Callable[[str], str], proxy: str | None) -> Observation:
        """Freeze it.

        Args:
            seconds: from the call to its end.
            hide: takes the key out of a server's text.
            proxy: the address of the proxy that was to be used; None for none.
        """
        at_the_proxy = self.failure is not None and not self.bytes_left and not self.tunnelled
        return Observation(
            bytes_left=self.bytes_left,
            status=self.status,
            headers=self.headers,
            body=bytes(self.body[: self.most]),
            failure=self.failure,
            detail=self.detail,
            seconds=seconds,
            hide=hide,
            stuck_at_proxy=proxy if at_the_proxy else None,
        )


class HttpConnection:
    """A transport over one `httpx.AsyncBaseTransport`: deadline, interrupts, and no fault is raised.

    Args:
        open_engine: makes the engine; a closed one is not used again.
        headers: of every request.
        proxy: the address of the proxy, without a login, that the engine goes through.
        traced: whether the engine tells of `SENDING`. What one that does not has been given counts as sent.
        targets: whether the engine heeds `TARGET`: then no address is parsed for its query. httpcore does
            not before 1.0.4.
        clock: gives seconds that go on while the process is frozen, or the machine sleeps.
    """

    def __init__(
        self,
        open_engine: Callable[[], httpx.AsyncBaseTransport],
        headers: RequestHeaders,
        *,
        proxy: str | None = None,
        traced: bool = True,
        targets: bool = False,
        clock: Callable[[], float] = elapsed,
    ) -> None:
        self._open_engine = open_engine
        self._headers = headers
        self._proxy = proxy
        self._traced = traced
        self._targets = targets
        self._clock = clock
        self._engine: httpx.AsyncBaseTransport | None = None
        self._url: tuple[str, httpx.URL] | None = None
        self._last: Observation | None = None
        self._timeout: asyncio.Timeout | None = None
        self._cut = False

    def __repr__(self) -> str:
        return "<HttpConnection>"

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

    async def request(
        self, method: str, url: str, body: bytes | None, *, deadline: float, most: int = LARGEST_BODY
    ) -> Observation:
        """Send one request, once, and tell what was seen of it (see `Transport`)."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        seen = Exchange(bytes_left=not self._traced, most=most, clock=self._clock)
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
            self._last = seen.observation(loop.time() - began, self._headers.hide, self._proxy)
            if seen.failure is not None:
                await self.drop()
        return self._last

    async def drop(self) -> None:
        """Close the connection: the next request opens a new one."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.aclose()

    async def close(self) -> None:
        """Close for good."""
        await self.drop()

    async def _exchange(
        self, method: str, url: str, body: bytes | None, seen: Exchange, deadline: float
    ) -> None:
        path, mark, query = url.partition("?") if self._targets else (url, "", "")
        to = self._parsed(path, whole=url)
        extensions: dict[str, Any] = {
            "trace": seen.trace,
            "timeout": {"connect": deadline * _ALMOST},
            MOST: seen.most,
        }
        if mark:
            extensions[TARGET] = b"%b?%b" % (to.raw_path, query.encode())
        request = httpx.Request(
            method,
            to,
            headers=self._headers.of(to, body),
            stream=httpx.ByteStream(body or b""),
            extensions=extensions,
        )
        if self._engine is None:
            self._engine = self._open_engine()
        try:
            await seen.read(await self._engine.handle_async_request(request), self._headers.hide)
        except httpx.ProxyError as fault:
            seen.fail(fault, failure_of(fault, sent=True) if seen.bytes_left else Failure.PROXY)
        except httpx.ConnectTimeout as fault:
            seen.fail(fault, Failure.DEADLINE)
        except httpx.RemoteProtocolError as fault:
            seen.fail(fault, Failure.GARBLED if seen.bytes_left else Failure.PROXY)

    def _parsed(self, url: str, *, whole: str) -> httpx.URL:
        if not whole.isascii() or not whole.isprintable() or " " in whole or "#" in whole:
            raise ValueError("not an address in its normal form")
        if self._url is None or self._url[0] != url:
            self._url = (url, httpx.URL(url))
        return self._url[1]


def reset_at_close(sock: socket.socket, *, on: bool = True) -> None:
    """Let a close throw away what the system has not sent yet, instead of sending it later."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(_LINGER, on, 0))
    except OSError:
        # It is closed already.
        return


_LINGER = "hh" if hasattr(socket, "SIO_RCVALL") else "ii"
"""How the system packs `struct linger`; the first is Windows."""


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
