"""The headers of requests, which hold the API key."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from ordersheet.core.secret import Secret

MOST_KEPT = 256
"""Heads of requests that are kept, to be used again."""


class RequestHeaders:
    """The headers of every request, built once; they hold the key, so nothing shows them.

    Attributes:
        hide: takes the key out of a server's text.
    """

    def __init__(self, api_key: Secret) -> None:
        try:
            number = version("ordersheet")
        except PackageNotFoundError:
            number = "unknown"
        named = {
            "Accept": "application/json, application/xml;q=0.9",
            "Accept-Encoding": "identity",
            "API-Authorization": api_key.reveal(),
            "Content-Type": "application/json",
            "User-Agent": f"ordersheet/{number}",
        }
        self.hide = api_key.taken_out_of
        self._fixed = [(name.encode(), value.encode()) for name, value in named.items()]
        self._made: dict[tuple[bytes, int | None], httpx.Headers] = {}
        """By the host and the body's length: all in which those of two requests differ."""

    def of(self, url: httpx.URL, body: bytes | None) -> httpx.Headers:
        """Give all headers of a request; what a cache held a while ago proves nothing to a reading."""
        key = url.netloc, None if body is None else len(body)
        made = self._made.get(key)
        if made is None:
            last = (b"Cache-Control", b"no-cache") if body is None else (b"Content-Length", b"%d" % len(body))
            if len(self._made) >= MOST_KEPT:
                self._made.clear()
            made = self._made[key] = httpx.Headers([(b"Host", url.netloc), *self._fixed, last])
        return made

    def __repr__(self) -> str:
        return "<RequestHeaders>"
