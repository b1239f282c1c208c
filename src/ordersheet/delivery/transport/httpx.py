"""The engine for proxies, and the one to measure the lean one by: one connection of httpx, driven directly.

httpx's client would bring redirects that take the key along, cookies, environment proxies and a shared pool
that slows down as it grows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from ordersheet.delivery.transport.base import (
    IDLE_LIMIT,
    KEPT_HEADERS,
    LARGEST_BODY,
    Engine,
    Exchange,
    RequestHeaders,
    failure_of,
)
from ordersheet.delivery.verdict.observation import Failure

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

_ALMOST = 0.98
"""httpx leaks a socket whose TLS handshake is cancelled, so its own limit on connecting comes first."""


class HttpxTransport(Engine):
    """A transport over one httpx connection, straight or through an HTTP proxy."""

    def __init__(self, headers: RequestHeaders, *, tls: ssl.SSLContext, proxy: str | None = None) -> None:
        super().__init__()
        self._headers = headers
        self._tls = tls
        self._proxy = proxy
        self._http: httpx.AsyncHTTPTransport | None = None

    async def drop(self) -> None:
        """Close the connection: the next request opens a new one."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def _exchange(
        self, method: str, url: str, body: bytes | None, seen: Exchange, deadline: float
    ) -> None:
        async def trace(event: str, info: Mapping[str, Any]) -> None:
            if event == "http11.send_request_headers.started" and info["request"].method != b"CONNECT":
                seen.bytes_left = True

        limits = {"connect": deadline * _ALMOST}
        request = httpx.Request(
            method,
            url,
            headers=self._headers.fixed if body is not None else self._headers.reading,
            content=body,
            extensions={"trace": trace, "timeout": limits},
        )
        try:
            await self._answer(request, seen)
        except httpx.ProxyError as fault:
            seen.fail(fault, failure_of(fault, sent=True) if seen.bytes_left else Failure.PROXY)
        except httpx.ConnectTimeout as fault:
            seen.fail(fault, Failure.DEADLINE)
        except httpx.RemoteProtocolError as fault:
            seen.fail(fault, Failure.GARBLED if seen.bytes_left else Failure.PROXY)

    async def _answer(self, request: httpx.Request, seen: Exchange) -> None:
        response = await (self._http or self._open()).handle_async_request(request)
        stream = response.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        try:
            seen.status = response.status_code
            for name, value in response.headers.raw:
                kept = KEPT_HEADERS.get(name.lower())
                if kept is not None:
                    seen.headers[kept] = value.decode("latin-1")
            body = bytearray()
            seen.body = body
            async for chunk in stream:
                body += chunk
                if len(body) > LARGEST_BODY:
                    seen.failure = Failure.TOO_LARGE
                    return
        finally:
            surplus = _surplus(stream)
            await stream.aclose()
        if surplus:
            await self.drop()

    def _open(self) -> httpx.AsyncHTTPTransport:
        one = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=IDLE_LIMIT)
        self._http = httpx.AsyncHTTPTransport(
            verify=self._tls,
            trust_env=False,
            http1=True,
            http2=False,
            limits=one,
            proxy=self._proxy,
            retries=0,
        )
        return self._http


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
