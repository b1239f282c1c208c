"""How one request travels: the only module that touches the network, over httpx.

A PUT leaves this machine at most once for each call, whatever happens on the way. Nothing here decides what
an ending means; it is told as an `Observation`.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from ordersheet.errors import SettingsError
from ordersheet.sender.observation import Failure, Observation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import httpx

LARGEST_BODY = 1 << 20
"""Bytes of an answer that are read; the documented ones have less than a hundred."""

_KEPT_HEADERS = {
    b"content-type": "content-type",
    b"retry-after": "retry-after",
    b"date": "date",
    b"location": "location",
}
_PROXY_SCHEMES = frozenset({"http", "https"})


class Transport(Protocol):
    """One connection, used by one lane, for one request at a time."""

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
        """End the request under way within so many seconds; it then returns with `Failure.CUT`."""

    async def drop(self) -> None:
        """Close the connection: the next request opens a new one."""

    async def close(self) -> None:
        """Close for good."""


def make_transport_factory(
    api_key: str,
    *,
    proxy: str | None = None,
    ca_bundle: Path | None = None,
    tls: ssl.SSLContext | None = None,
) -> Callable[[], Transport]:
    """Prepare all that the lanes share, and give what makes one lane's transport.

    Args:
        api_key: sent as `API-Authorization` with each request, and kept nowhere else.
        proxy: the address of an HTTP proxy; None for none. The environment is not looked at.
        ca_bundle: a PEM file of further certificate authorities, beside the operating system's.
        tls: a ready context instead of the system's store and the bundle.

    Raises:
        SettingsError: a key that no header can carry, an unreadable bundle, or a proxy address that is none.
    """
    if not api_key or not api_key.isascii() or not api_key.isprintable() or api_key != api_key.strip():
        raise SettingsError(
            "The API key is empty or holds a character that cannot be sent (a blank at an end, a line break, "
            "or a letter outside ASCII). Copy it again.",
            code="bad-key",
        )
    if proxy is not None:
        _check_proxy(proxy)
    context = tls or tls_context(ca_bundle)
    headers = _headers(api_key)
    return lambda: HttpxTransport(headers, tls=context, proxy=proxy)


def tls_context(ca_bundle: Path | None = None) -> ssl.SSLContext:
    """Make the context that checks servers: the operating system's store, and a bundle on top.

    Raises:
        SettingsError: the bundle cannot be read or holds no certificate.
    """
    import truststore  # noqa: PLC0415 - slow to import, and of no use to --help

    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca_bundle is not None:
        try:
            context.load_verify_locations(cafile=str(ca_bundle))
        except (OSError, ValueError) as bad:
            raise SettingsError(
                f"The certificate bundle {ca_bundle} cannot be read as PEM certificates. "
                "Check the path, or leave the option out.",
                code="bad-ca-bundle",
            ) from bad
    return context


class HttpxTransport:
    """A transport over one httpx connection, driven without httpx's client.

    The client's conveniences (redirects, cookies, environment proxies, decoding) are either dangerous here or
    cost time; and a pool shared by all lanes slows down as it grows.
    """

    def __init__(self, headers: _Headers, *, tls: ssl.SSLContext, proxy: str | None = None) -> None:
        self._headers = headers
        self._tls = tls
        self._proxy = proxy
        self._http: httpx.AsyncHTTPTransport | None = None
        self._last: Observation | None = None
        self._timeout: asyncio.Timeout | None = None
        self._cut = False

    def __repr__(self) -> str:
        return f"<HttpxTransport {'open' if self._http else 'closed'}>"

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
        seen = _Exchange()
        self._cut = False
        try:
            async with asyncio.timeout(deadline) as self._timeout:
                await self._exchange(method, url, body, seen)
        except TimeoutError:
            if seen.failure is None:
                # A TimeoutError can also be the system's own (ETIMEDOUT), before our deadline.
                seen.failure = Failure.CUT if self._cut else Failure.DEADLINE
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

    async def _exchange(self, method: str, url: str, body: bytes | None, seen: _Exchange) -> None:
        http = self._http or self._open()
        response = await http.handle_async_request(self._headers.request(method, url, body, seen.trace))
        try:
            seen.status = response.status_code
            seen.keep(response.headers.raw)
            async for chunk in response.stream:  # type: ignore[union-attr]
                seen.body += chunk
                if len(seen.body) > LARGEST_BODY:
                    seen.failure = Failure.TOO_LARGE
                    return
        finally:
            await response.stream.aclose()  # type: ignore[union-attr]

    def _open(self) -> httpx.AsyncHTTPTransport:
        import httpx  # noqa: PLC0415 - slow to import, and of no use to --help

        one = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=15.0)
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

    async def drop(self) -> None:
        """Close the connection: the next request opens a new one."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def close(self) -> None:
        """Close for good."""
        await self.drop()


class _Headers:
    """The headers of every request; they hold the key, so nothing shows them."""

    def __init__(self, fixed: list[tuple[bytes, bytes]]) -> None:
        self._fixed = fixed

    def __repr__(self) -> str:
        return "<headers>"

    def request(self, method: str, url: str, body: bytes | None, trace: Any) -> httpx.Request:  # noqa: ANN401 - httpx's own type
        import httpx  # noqa: PLC0415 - in the cache by now

        return httpx.Request(method, url, headers=self._fixed, content=body, extensions={"trace": trace})


def _headers(api_key: str) -> _Headers:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - used once for each run

    try:
        number = version("ordersheet")
    except PackageNotFoundError:
        number = "unknown"
    fixed = {
        "Accept": "application/json, application/xml;q=0.9",
        "Accept-Encoding": "identity",
        "API-Authorization": api_key,
        "Content-Type": "application/json",
        "User-Agent": f"ordersheet/{number}",
    }
    return _Headers([(name.encode(), value.encode()) for name, value in fixed.items()])


class _Exchange:
    """What is being seen of one request while it is under way."""

    __slots__ = ("body", "bytes_left", "detail", "failure", "headers", "status")

    def __init__(self) -> None:
        self.bytes_left = False
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.body = b""
        self.failure: Failure | None = None
        self.detail = ""

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Take note of httpcore's own events."""
        if event == "http11.send_request_headers.started" and info["request"].method != b"CONNECT":
            self.bytes_left = True

    def keep(self, raw: list[tuple[bytes, bytes]]) -> None:
        for name, value in raw:
            kept = _KEPT_HEADERS.get(name.lower())
            if kept is not None:
                self.headers[kept] = value.decode("latin-1")

    def fail(self, fault: Exception) -> None:
        """Word a failure without its own text, which can hold a header's value."""
        self.failure = _failure(fault, sent=self.bytes_left)
        self.detail = _chain(fault)

    def observation(self, seconds: float) -> Observation:
        return Observation(
            bytes_left=self.bytes_left,
            status=self.status,
            headers=self.headers,
            body=self.body[:LARGEST_BODY],
            failure=self.failure,
            detail=self.detail,
            seconds=seconds,
        )


def _failure(fault: BaseException, *, sent: bool) -> Failure:
    import httpx  # noqa: PLC0415 - in the cache by now

    causes = list(_causes(fault))
    if sent:
        return (
            Failure.GARBLED if any(type(c).__module__.startswith("h11") for c in causes) else Failure.CLOSED
        )
    if any(isinstance(cause, httpx.ProxyError) for cause in causes):
        return Failure.PROXY
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return Failure.TLS
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return Failure.NAME
    return (
        Failure.CONNECT
        if any(isinstance(c, OSError | httpx.TransportError) for c in causes)
        else Failure.OTHER
    )


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
        errno = getattr(cause, "errno", None)
        words.append(type(cause).__name__ + (f" {errno}" if isinstance(errno, int) else ""))
    return " < ".join(words)


def _check_proxy(proxy: str) -> None:
    try:
        parts = urlsplit(proxy)
        fit = parts.scheme in _PROXY_SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fit = False
    if not fit:
        raise SettingsError(
            "The proxy's address must look like http://proxy.example.com:3128.", code="bad-proxy"
        )
