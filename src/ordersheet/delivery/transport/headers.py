"""The headers of requests, which hold the API key."""

from __future__ import annotations

from functools import lru_cache
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
        self._made = lru_cache(MOST_KEPT)(self._make)

    def of(self, url: httpx.URL, body: bytes | None) -> httpx.Headers:
        """Give all headers of a request; what a cache held a while ago proves nothing to a reading."""
        return self._made(url.netloc, None if body is None else len(body))

    def _make(self, host: bytes, length: int | None) -> httpx.Headers:
        """Make those of the requests that are alike: they differ in the host and the body's length alone."""
        last = (b"Cache-Control", b"no-cache") if length is None else (b"Content-Length", b"%d" % length)
        return httpx.Headers([(b"Host", host), *self._fixed, last])

    def __repr__(self) -> str:
        return "<RequestHeaders>"
