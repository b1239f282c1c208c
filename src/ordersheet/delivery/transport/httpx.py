"""The engine for proxies, and the one to measure h11's by: one connection of httpx's own transport.

httpx's client would bring redirects that take the key along, cookies, environment proxies and a shared pool
that slows down as it grows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from ordersheet.delivery.transport.base import IDLE_LIMIT, reset_at_close

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Mapping

_CONNECTED = "connection.connect_tcp.complete"


class HttpxTransport(httpx.AsyncBaseTransport):
    """One httpx connection, straight or through a proxy, that is reset where no answer is waited for."""

    def __init__(self, *, tls: ssl.SSLContext, proxy: str | None = None) -> None:
        self._tls = tls
        self._proxy = proxy
        self._http: httpx.AsyncHTTPTransport | None = None
        self._stream: Any = None
        """httpcore's, over TCP."""
        self._socket: Any = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, once, and give its answer as soon as the head is there."""
        tell = request.extensions.get("trace")

        async def trace(event: str, info: Mapping[str, Any]) -> None:
            if event == _CONNECTED:
                self._stream = info["return_value"]
                self._socket = self._stream.get_extra_info("socket")
                self.reset_at_close(on=True)
            if tell is not None:
                await tell(event, info)

        # httpcore closes by itself what is cancelled, so this has to be said before.
        self.reset_at_close(on=True)
        request.extensions = {**request.extensions, "trace": trace}
        response = await (self._http or self._open()).handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _HttpxAnswer(self, response.stream)
        return response

    async def aclose(self) -> None:
        """Close the connection."""
        http, self._http = self._http, None
        stream, self._stream, self._socket = self._stream, None, None
        if http is not None:
            await http.aclose()
        if stream is not None:
            # httpcore leaves a connection that was given up in its TLS handshake to the collector.
            await stream.aclose()

    def _open(self) -> httpx.AsyncHTTPTransport:
        self._http = httpx.AsyncHTTPTransport(
            verify=self._tls,
            trust_env=False,
            http1=True,
            http2=False,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=IDLE_LIMIT),
            proxy=self._proxy,
            retries=0,
        )
        return self._http

    def reset_at_close(self, *, on: bool) -> None:
        """Say what a close means from now on: while a request is under way, a reset."""
        if self._socket is not None:
            reset_at_close(self._socket, on=on)


class _HttpxAnswer(httpx.AsyncByteStream):
    """An answer's body, after which the connection may be closed in peace."""

    def __init__(self, owner: HttpxTransport, inner: httpx.AsyncByteStream) -> None:
        self._owner = owner
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            yield chunk
        self._owner.reset_at_close(on=False)

    async def aclose(self) -> None:
        surplus = _surplus(self._inner)
        await self._inner.aclose()
        if surplus:
            await self._owner.aclose()


def _surplus(stream: object) -> bool:
    """Tell whether bytes came behind the answer: httpx would read the next answer out of them.

    httpx has no public way to ask. Where its insides have changed, the answer is yes: a connection too many
    costs time, an answer too many a row.
    """
    inner = stream
    for name in ("_httpcore_stream", "_stream", "_connection", "_h11_state"):
        inner = getattr(inner, name, None)
    trailing = getattr(inner, "trailing_data", (b"?", False))
    return bool(trailing[0])
