"""How one request travels: the only modules that touch the network are in this room.

A PUT leaves this machine at most once for each call, whatever happens on the way. Nothing here decides what
an ending means; it is told as an `Observation`.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from ordersheet.core.errors import SettingsError
from ordersheet.delivery.transport.base import LARGEST_BODY, HttpConnection, Transport
from ordersheet.delivery.transport.h11 import H11Transport
from ordersheet.delivery.transport.headers import RequestHeaders

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ordersheet.core.secret import Secret

__all__ = ["LARGEST_BODY", "Transport", "make_transport_factory", "tls_context"]

_PROXY_SCHEMES = frozenset({"http", "https"})


def make_transport_factory(
    api_key: Secret,
    *,
    proxy: str | None = None,
    ca_bundle: Path | None = None,
    tls: ssl.SSLContext | None = None,
    engine: Literal["auto", "h11", "httpx"] = "auto",
) -> Callable[[], Transport]:
    """Prepare all that the lanes share, and give what makes one lane's transport.

    Args:
        api_key: sent as `API-Authorization` with each request; nowhere else is it unwrapped.
        proxy: the address of an HTTP proxy; None for none. The environment is not looked at.
        ca_bundle: a PEM file of further certificate authorities, beside the operating system's.
        tls: a ready context instead of the system's store and the bundle.
        engine: `h11` speaks to the server itself, and takes a fifth of httpx's time for it; `httpx` also
            knows proxies. `auto` is h11 where there is no proxy.

    Raises:
        SettingsError: a key that no header can carry, an unreadable bundle, or a proxy address that is none.
    """
    text = api_key.reveal()
    if not text or not text.isascii() or not text.isprintable() or text != text.strip():
        raise SettingsError(
            "The API key is empty or holds a character that cannot be sent (a blank at an end, a line break, "
            "or a letter outside ASCII). Copy it again.",
            code="bad-key",
        )
    if proxy is not None:
        _check_proxy(proxy)
    context = tls or tls_context(ca_bundle)
    headers = RequestHeaders(api_key)
    if proxy is None and engine != "httpx":
        return lambda: HttpConnection(lambda: H11Transport(tls=context), headers, targets=True)
    from ordersheet.delivery.transport.httpx import HttpxTransport

    told = None if proxy is None else _without_login(proxy)
    return lambda: HttpConnection(lambda: HttpxTransport(tls=context, proxy=proxy), headers, proxy=told)


def tls_context(ca_bundle: Path | None = None) -> ssl.SSLContext:
    """Make the context that checks servers: the operating system's store, and a bundle on top.

    Raises:
        SettingsError: the bundle cannot be read or holds no certificate.
    """
    import truststore

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


def _without_login(proxy: str) -> str:
    parts = urlsplit(proxy)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


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
