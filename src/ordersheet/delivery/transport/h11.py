"""The engine that speaks HTTP/1.1 through h11, over one asyncio connection of its own.

httpx's own time for a request is several times all else that a row costs, and it reads the next answer out
of bytes that came behind the last one. What is needed here is little: one request at a time, written once.
"""

from __future__ import annotations

import asyncio
import select
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import h11
import httpx

from ordersheet.core.uptime import elapsed
from ordersheet.delivery.transport.base import IDLE_LIMIT, LARGEST_BODY, MOST, SENDING, TARGET, reset_at_close
from ordersheet.delivery.transport.headers import MOST_KEPT

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

_HEAD_LIMIT = 1 << 16
"""Bytes of the status line and the headers together."""
_PORTS = {"http": 80, "https": 443}


class _Origin(NamedTuple):
    host: str
    port: int
    tls: bool


def _origin(url: httpx.URL) -> _Origin:
    if url.scheme not in _PORTS or not url.host:
        raise httpx.UnsupportedProtocol("not an address of a server")
    return _Origin(url.host, url.port or _PORTS[url.scheme], url.scheme == "https")


def _head_of_update(target: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> h11.Request:
    return h11.Request(method="PUT", target=target, headers=list(headers))


class H11Transport(httpx.AsyncBaseTransport):
    """A transport straight to the server, over one connection."""

    def __init__(self, *, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._wire: H11Protocol | None = None
        self._origin: _Origin | None = None
        self._head_of_update = lru_cache(MOST_KEPT)(_head_of_update)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, once, and give its answer as soon as the head is there.

        Raises:
            httpx.TransportError: for all that connections do; `__cause__` is the fault itself.
        """
        assert isinstance(request.stream, httpx.AsyncByteStream)
        body = b"".join([part async for part in request.stream])
        trace = request.extensions.get("trace")
        try:
            asked = self._asked(request)
            wire = await self._connected(_origin(request.url))
        except (OSError, UnicodeError) as fault:
            raise httpx.ConnectError("no connection") from fault
        if trace is not None:
            await trace(SENDING, {"request": request})
        try:
            head = await wire.ask(asked, body, most=request.extensions.get(MOST, LARGEST_BODY))
        except h11.RemoteProtocolError as fault:
            raise httpx.RemoteProtocolError("not HTTP") from fault
        except OSError as fault:
            raise httpx.ReadError("no answer") from fault
        return httpx.Response(head.status_code, headers=list(head.headers), stream=_H11Answer(self, wire))

    def _asked(self, request: httpx.Request) -> h11.Request:
        """Give a request's head; h11 looks through each new one, and those of updates differ in little."""
        method, headers = request.method, request.headers.raw
        target = request.extensions.get(TARGET) or request.url.raw_path
        if method == "PUT":
            return self._head_of_update(target, tuple(headers))
        return h11.Request(method=method, target=target, headers=headers)

    async def aclose(self) -> None:
        """Close the connection: with a reset where a request is under way."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.abort()
            # The transport says goodbye to its socket in the loop's next round.
            await asyncio.sleep(0)

    async def _connected(self, origin: _Origin) -> H11Protocol:
        if self._wire is not None:
            if origin == self._origin and await self._wire.quiet():
                return self._wire
            await self.aclose()
        wire = H11Protocol()
        transport, _ = await asyncio.get_running_loop().create_connection(
            asyncio.Protocol if origin.tls else lambda: wire,
            origin.host,
            origin.port,
            happy_eyeballs_delay=0.25,
        )
        if origin.tls:
            await self._shake_hands(transport, wire, origin.host)
        if not wire.open:
            # Nobody would ever tell of an answer to what is written now.
            transport.abort()
            raise ConnectionResetError("closed on arrival")
        self._wire, self._origin = wire, origin
        return wire

    async def _shake_hands(self, transport: asyncio.Transport, wire: H11Protocol, host: str) -> None:
        """Put TLS between; where that is given up, the connection is closed at once.

        With TLS from the start, asyncio would keep it open until the server says goodbye, or for a minute.
        """
        try:
            loop = asyncio.get_running_loop()
            secured = await loop.start_tls(transport, wire, self._tls, server_hostname=host)
        except BaseException:
            transport.abort()
            raise
        if secured is not None:
            wire.connection_made(secured)


class _H11Answer(httpx.AsyncByteStream):
    """An answer's body, after which the connection is kept or closed."""

    def __init__(self, owner: H11Transport, wire: H11Protocol) -> None:
        self._owner = owner
        self._wire = wire

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while chunk := await self._wire.chunk():
                yield chunk
        except h11.RemoteProtocolError as fault:
            raise httpx.RemoteProtocolError("not HTTP") from fault
        except OSError as fault:
            raise httpx.ReadError("no whole answer") from fault

    async def aclose(self) -> None:
        if not self._wire.finish():
            await self._owner.aclose()


class H11Protocol(asyncio.Protocol):
    """One connection: at most one question, and nothing is taken from it but its answer."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_LIMIT)
        self._asked = self._whole = False
        self._heads: list[h11.Response] = []
        self._body = bytearray()
        self._received, self._most = 0, LARGEST_BODY
        self._fault: Exception | None = None
        self._news: asyncio.Future[None] | None = None
        self._usable = True
        self._idle_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._idle_since = elapsed()

    def data_received(self, data: bytes) -> None:
        """Read what the server says."""
        if not self._asked:
            # Nobody asked: whatever this is, no later request may take it for its answer.
            self.abort()
            return
        self._http.receive_data(data)
        try:
            self._read()
        except h11.RemoteProtocolError as fault:
            self._fault = fault
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end, from whichever side it came."""
        self._usable = False
        if not self._asked or self._whole:
            return
        try:
            if exc is None:
                self._http.receive_data(b"")
                self._read()
        except h11.RemoteProtocolError:
            pass
        if not self._whole:
            self._fault = self._fault or exc or ConnectionError("closed before the end of the answer")
        self._wake()

    @property
    def open(self) -> bool:
        """Whether neither side has ended the connection, as far as the loop has seen."""
        return self._usable and self._transport is not None

    def abort(self) -> None:
        """Close at once. Of a request without its whole answer, what has not left yet never does."""
        self._usable = False
        if self._transport is not None:
            sock = self._transport.get_extra_info("socket")
            if self._asked and not self._whole and sock is not None:
                reset_at_close(sock)
            self._transport.abort()

    async def quiet(self) -> bool:
        """Tell whether the connection can carry another request: open, young, and without a word unasked."""
        if elapsed() - self._idle_since > IDLE_LIMIT:
            return False
        if self._silent():
            return True
        # A farewell, a word unasked, or a part of TLS: the loop reads it, and then it shows.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return self._silent()

    async def ask(self, request: h11.Request, body: bytes, *, most: int = LARGEST_BODY) -> h11.Response:
        """Write a request, and wait for the head of its answer, of whose body so much is read.

        Raises:
            OSError: the connection ended before that.
            h11.RemoteProtocolError: what comes is no answer.
        """
        assert self._transport is not None
        http = self._http
        written = http.send(request)
        if body:
            written += http.send(h11.Data(data=body))
        written += http.send(h11.EndOfMessage())
        self._asked, self._whole, self._received, self._most = True, False, 0, most
        self._transport.write(written)
        while not self._heads:
            await self._more()
        return self._heads.pop()

    async def chunk(self) -> bytes:
        """Give what has arrived of the answer's body, and nothing at its end; one over the cap ends early.

        Raises:
            OSError: the connection ended before the answer did.
            h11.RemoteProtocolError: what comes is no answer.
        """
        while not self._body and not self._whole and self._received <= self._most:
            await self._more()
        chunk = bytes(self._body)
        self._body.clear()
        return chunk

    def finish(self) -> bool:
        """End a request, and tell whether the connection can carry another one."""
        http = self._http
        if not self._whole or not (http.our_state is http.their_state is h11.DONE) or http.trailing_data[0]:
            # Bytes behind the answer belong to no request: the next answer would be read out of them.
            return False
        self._asked = False
        self._idle_since = elapsed()
        http.start_next_cycle()
        return True

    async def _more(self) -> None:
        """Wait for something to happen."""
        if self._fault is not None:
            raise self._fault
        self._news = asyncio.get_running_loop().create_future()
        try:
            await self._news
        finally:
            self._news = None

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def _read(self) -> None:
        """Read what has arrived, up to the end of the answer or to where it is too large to go on with.

        Raises:
            h11.RemoteProtocolError: it is no answer.
        """
        while self._received <= self._most:
            match self._http.next_event():
                case h11.Data(data=data):
                    self._body += data
                    self._received += len(data)
                case h11.Response() as head:
                    _check_framing(head)
                    self._heads.append(head)
                case h11.InformationalResponse():
                    continue
                case event:
                    self._whole = isinstance(event, h11.EndOfMessage)
                    return

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


def _check_framing(head: h11.Response) -> None:
    """Refuse an answer with two framings at once, of which h11 would choose one (RFC 9112, 6.1).

    Raises:
        h11.RemoteProtocolError: it has two.
    """
    framings = {name for name, _ in head.headers if name in (b"content-length", b"transfer-encoding")}
    if len(framings) > 1 or (b"transfer-encoding" in framings and head.http_version < b"1.1"):
        raise h11.RemoteProtocolError("two framings")
