"""The engine that speaks HTTP/1.1 itself, over one asyncio connection.

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

from ordersheet.sender.exchange import IDLE_LIMIT, LARGEST_BODY, Engine, Exchange, RequestHeaders
from ordersheet.sender.http1 import GarbledError, ResponseReader, TooLargeError
from ordersheet.sender.observation import Failure

if TYPE_CHECKING:
    import ssl


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


class LeanTransport(Engine):
    """A transport straight to the server."""

    def __init__(self, headers: RequestHeaders, *, tls: ssl.SSLContext) -> None:
        super().__init__()
        self._headers = headers
        self._tls = tls
        self._wire: _Wire | None = None
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
        wire = await self._connected(to)
        length = b"" if body is None else b"Content-Length: %d\r\n" % len(body)
        request = b"%b %b HTTP/1.1\r\nHost: %b\r\n%b%b\r\n%b" % (
            method.encode(),
            to.target,
            to.named,
            self._headers.block,
            length,
            body or b"",
        )
        reader = ResponseReader(LARGEST_BODY)
        seen.headers, seen.body = reader.headers, reader.body
        try:
            seen.bytes_left = True
            await wire.ask(request, reader)
        except GarbledError as fault:
            seen.fail(fault, Failure.GARBLED)
        except TooLargeError as fault:
            seen.fail(fault, Failure.TOO_LARGE)
        finally:
            seen.status = reader.status
        if not reader.reusable:
            await self.drop()

    async def _connected(self, to: _Address) -> _Wire:
        origin = (to.host, to.port, to.tls)
        if self._wire is not None:
            if origin == self._origin and await self._wire.quiet():
                return self._wire
            await self.drop()
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(
            _Wire,
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


class _Wire(asyncio.Protocol):
    """One connection: at most one question, and no word but its answer."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._reader: ResponseReader | None = None
        self._answered: asyncio.Future[None] | None = None
        self._usable = False
        self._idle_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._usable = True
        self._idle_since = time.monotonic()

    def data_received(self, data: bytes) -> None:
        if self._reader is None or self._answered is None:
            # Nobody asked: whatever this is, no later request may take it for its answer.
            self.abort()
            return
        try:
            whole = self._reader.feed(data)
        except (GarbledError, TooLargeError) as fault:
            self._end(fault)
            self.abort()
            return
        if whole:
            self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._usable = False
        if self._reader is not None:
            whole = self._reader.close() if exc is None else False
            self._end(None if whole else exc or ConnectionError("closed before the end of the answer"))

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

    async def ask(self, request: bytes, reader: ResponseReader) -> None:
        """Write a request, and wait until the reader has its answer whole.

        Raises:
            OSError: the connection ended before that.
            GarbledError, TooLargeError: what came is no answer.
        """
        assert self._transport is not None
        self._reader = reader
        self._answered = asyncio.get_running_loop().create_future()
        try:
            self._transport.write(request)
            await self._answered
        finally:
            self._reader = self._answered = None
            self._idle_since = time.monotonic()

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
