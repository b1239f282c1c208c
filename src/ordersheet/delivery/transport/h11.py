"""The engine that speaks HTTP/1.1 through h11, over one asyncio connection of its own.

httpx's own time for a request is several times all else that a row costs, and it reads the next answer out
of bytes that came behind the last one. What is needed here is little: one request at a time, written once.
"""

from __future__ import annotations

import asyncio
import select
import sys
import time
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import h11

from ordersheet.delivery.transport.base import (
    IDLE_LIMIT,
    KEPT_HEADERS,
    LARGEST_BODY,
    Engine,
    Exchange,
    RequestHeaders,
)
from ordersheet.delivery.verdict.observation import Failure

if TYPE_CHECKING:
    import ssl

_HEAD_LIMIT = 1 << 16
"""Bytes of the status line and the headers together."""


class _Address(NamedTuple):
    host: str
    port: int
    tls: bool
    named: bytes
    """The `Host` header."""
    target: bytes


def _address(url: str) -> _Address:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or not url.isascii() or " " in url:
        raise ValueError("not an address in its normal form")
    tls = parts.scheme == "https"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _Address(
        parts.hostname, parts.port or (443 if tls else 80), tls, parts.netloc.encode(), target.encode()
    )


class H11Transport(Engine):
    """A transport straight to the server."""

    def __init__(self, headers: RequestHeaders, *, tls: ssl.SSLContext) -> None:
        super().__init__()
        self._headers = headers
        self._tls = tls
        self._wire: H11Protocol | None = None
        self._origin: tuple[str, int, bool] | None = None
        self._url: tuple[str, _Address] | None = None

    async def drop(self) -> None:
        """Close the connection: the next request opens a new one."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.abort()
            # The transport says goodbye to its socket in the loop's next round.
            await asyncio.sleep(0)

    async def _exchange(
        self, method: str, url: str, body: bytes | None, seen: Exchange, deadline: float
    ) -> None:
        del deadline
        if self._url is None or self._url[0] != url:
            self._url = (url, _address(url))
        to = self._url[1]
        headers = [(b"Host", to.named), *(self._headers.fixed if body is not None else self._headers.reading)]
        if body is not None:
            headers.append((b"Content-Length", b"%d" % len(body)))
        request = h11.Request(method=method, target=to.target, headers=headers)
        wire = await self._connected(to)
        seen.bytes_left = True
        if not await wire.ask(request, body, seen):
            await self.drop()

    async def _connected(self, to: _Address) -> H11Protocol:
        origin = (to.host, to.port, to.tls)
        if self._wire is not None:
            if origin == self._origin and await self._wire.quiet():
                return self._wire
            await self.drop()
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(
            H11Protocol,
            to.host,
            to.port,
            ssl=self._tls if to.tls else None,
            server_hostname=to.host if to.tls else None,
            happy_eyeballs_delay=0.25,
        )
        if not wire.open:
            # Nobody would ever tell of an answer to what is written now.
            raise ConnectionResetError("closed on arrival")
        self._wire, self._origin = wire, origin
        return wire


class H11Protocol(asyncio.Protocol):
    """One connection: at most one question, and no word but its answer."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_LIMIT)
        self._seen: Exchange | None = None
        self._body = bytearray()
        self._answered: asyncio.Future[None] | None = None
        self._usable = False
        self._idle_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._usable = True
        self._idle_since = time.monotonic()

    def data_received(self, data: bytes) -> None:
        """Read what the server says."""
        if self._seen is None:
            # Nobody asked: whatever this is, no later request may take it for its answer.
            self.abort()
            return
        self._http.receive_data(data)
        try:
            whole = self._read(self._seen)
        except h11.RemoteProtocolError as fault:
            self._seen.fail(fault, Failure.GARBLED)
            whole = True
        if whole:
            self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end, from whichever side it came."""
        self._usable = False
        if self._seen is None:
            return
        try:
            if exc is None:
                self._http.receive_data(b"")
                if self._read(self._seen):
                    self._end(None)
                    return
        except h11.RemoteProtocolError:
            pass
        self._end(exc or ConnectionError("closed before the end of the answer"))

    @property
    def open(self) -> bool:
        """Whether neither side has ended the connection, as far as the loop has seen."""
        return self._usable

    def abort(self) -> None:
        """Close at once, whatever still waits to be written."""
        self._usable = False
        if self._transport is not None:
            self._transport.abort()

    async def quiet(self) -> bool:
        """Tell whether the connection can carry another request: open, young, and without a word unasked."""
        if time.monotonic() - self._idle_since > IDLE_LIMIT:
            return False
        if self._silent():
            return True
        # A farewell, a word unasked, or a part of TLS: the loop reads it, and then it shows.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return self._silent()

    async def ask(self, request: h11.Request, body: bytes | None, seen: Exchange) -> bool:
        """Write a request, and wait until its answer has arrived whole, or what comes is no answer.

        Returns:
            Whether the connection can carry another request.

        Raises:
            OSError: the connection ended before that.
        """
        assert self._transport is not None
        http = self._http
        written = http.send(request)
        if body is not None:
            written += http.send(h11.Data(data=body))
        written += http.send(h11.EndOfMessage())
        self._body = seen.body = bytearray()
        self._seen = seen
        self._answered = asyncio.get_running_loop().create_future()
        try:
            self._transport.write(written)
            await self._answered
        finally:
            self._seen = self._answered = None
            self._idle_since = time.monotonic()
        if not (http.our_state is http.their_state is h11.DONE) or http.trailing_data[0]:
            # Bytes behind the answer belong to no request: the next answer would be read out of them.
            return False
        http.start_next_cycle()
        return True

    def _read(self, seen: Exchange) -> bool:
        """Read what has arrived; tell whether the answer is whole, or too large to go on with.

        Raises:
            h11.RemoteProtocolError: it is no answer.
        """
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Data):
                room = LARGEST_BODY - len(self._body)
                self._body += event.data[:room]
                if len(event.data) > room:
                    seen.failure = Failure.TOO_LARGE
                    return True
            elif isinstance(event, h11.Response):
                _note_head(event, seen)
            elif not isinstance(event, h11.InformationalResponse):
                return isinstance(event, h11.EndOfMessage)

    def _end(self, fault: Exception | None) -> None:
        if self._answered is None or self._answered.done():
            return
        if fault is None:
            self._answered.set_result(None)
        else:
            self._answered.set_exception(fault)

    def _silent(self) -> bool:
        """Tell whether the connection stands and nothing waits in the system's buffer, not even its end."""
        if not self._usable or self._transport is None:
            return False
        number: int = self._transport.get_extra_info("socket").fileno()
        if sys.platform == "win32":
            return not select.select([number], [], [], 0)[0]
        poll = select.poll()  # select alone cannot look at numbers above 1023.
        poll.register(number, select.POLLIN)
        return not poll.poll(0)


def _note_head(head: h11.Response, seen: Exchange) -> None:
    """Note the status, and the headers that decide.

    Raises:
        h11.RemoteProtocolError: two framings at once, of which h11 would choose one (RFC 9112, 6.1).
    """
    seen.status = head.status_code
    framings = set()
    for name, value in head.headers:
        kept = KEPT_HEADERS.get(name)
        if kept is not None:
            seen.headers[kept] = value.decode("latin-1")
        elif name in (b"content-length", b"transfer-encoding"):
            framings.add(name)
    if len(framings) > 1 or (b"transfer-encoding" in framings and head.http_version < b"1.1"):
        raise h11.RemoteProtocolError("two framings")
