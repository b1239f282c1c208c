"""Who may ask this server: the person who started it, from its own pages, by this computer's own names.

A server on localhost is open to every page in the browser and to every user of the computer, so that each
request proves where it comes from (Host, Origin) and who asks (a cookie that only the start's token gives).
"""

from __future__ import annotations

import hmac
import secrets
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from ordersheet.web import messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

NEW_TOKEN = "/new-token"  # noqa: S105 - a path
_LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")
_SAFE_METHODS = ("GET", "HEAD")
_ANSWER_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class PageAccess:
    """What opens the page: tokens that are exchanged once, and the cookie that they are exchanged for.

    Attributes:
        secret: what a second start proves itself with; only its user can read it.
        cookie: the value of the cookie.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.secret = secrets.token_urlsafe(32)
        self.cookie = secrets.token_urlsafe(32)
        self._tokens: set[str] = set()

    @property
    def cookie_name(self) -> str:
        """The cookie's name; browsers share cookies between the ports of one computer."""
        return f"ordersheet-{self.port}"

    def new_token(self) -> str:
        """Give a token that opens the page once."""
        token = secrets.token_urlsafe(32)
        self._tokens.add(token)
        return token

    def take_token(self, token: str) -> bool:
        """Use a token up, and tell whether it was one."""
        known = next((one for one in self._tokens if hmac.compare_digest(one.encode(), token.encode())), None)
        self._tokens.discard(known or "")
        return known is not None

    def knows_cookie(self, header: str) -> bool:
        """Tell whether a Cookie header holds the cookie."""
        try:
            found = SimpleCookie(header).get(self.cookie_name)
        except CookieError:
            return False
        return found is not None and hmac.compare_digest(found.value.encode(), self.cookie.encode())

    def knows_secret(self, header: str) -> bool:
        """Tell whether an Authorization header holds the secret of a second start."""
        return hmac.compare_digest(header.encode(), f"Bearer {self.secret}".encode())


class OwnerOnly:
    """Lets the person who started the server in, and nobody else; pure ASGI."""

    def __init__(self, app: ASGIApp, access: PageAccess, touched: Callable[[], None]) -> None:
        """Guard an application.

        Args:
            app: what is guarded.
            access: tokens and cookie.
            touched: called for each request that is let in.
        """
        self._app = app
        self._access = access
        self._touched = touched
        self._hosts = frozenset(f"{name}:{access.port}" for name in _LOCAL_NAMES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or turn it away."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _ANSWER_HEADERS.items():
                    headers[name] = value
            await send(message)

        answer = self._refusal(scope)
        if answer is None:
            self._touched()
            await self._app(scope, receive, send_with_headers)
        else:
            await answer(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if host not in self._hosts:
            return PlainTextResponse(messages.OTHER_HOST, HTTPStatus.MISDIRECTED_REQUEST)
        if scope["method"] not in _SAFE_METHODS and not _from_own_page(headers, host):
            return PlainTextResponse(messages.OTHER_SITE, HTTPStatus.FORBIDDEN)
        if scope["path"] == NEW_TOKEN and self._access.knows_secret(headers.get("authorization", "")):
            return PlainTextResponse(self._access.new_token())
        if self._access.knows_cookie(headers.get("cookie", "")):
            return None if not _token_in(scope) else RedirectResponse("/", HTTPStatus.SEE_OTHER)
        return self._exchange(scope) or _closed(scope, headers)

    def _exchange(self, scope: Scope) -> Response | None:
        token = _token_in(scope)
        if not token or not self._access.take_token(token):
            return None
        answer = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        answer.set_cookie(
            self._access.cookie_name, self._access.cookie, httponly=True, samesite="strict", path="/"
        )
        return answer


def _token_in(scope: Scope) -> str | None:
    if scope["path"] != "/" or scope["method"] != "GET":
        return None
    return QueryParams(scope["query_string"]).get("token")


def _from_own_page(headers: Headers, host: str) -> bool:
    origin = headers.get("origin")
    # Without a referrer, browsers send the word null for a form's origin.
    if origin not in (None, "null"):
        return origin == f"http://{host}"
    return headers.get("sec-fetch-site") == "same-origin"


def _closed(scope: Scope, headers: Headers) -> Response:
    """Refuse without any content; a browser that comes from a file asks once more, now with its cookie.

    SameSite=Strict keeps the cookie back on the way from the redirect file, and on that way alone.
    """
    again = (
        scope["path"] == "/"
        and headers.get("sec-fetch-site") == "cross-site"
        and headers.get("sec-fetch-mode") == "navigate"
    )
    refresh = '<meta http-equiv="refresh" content="0;url=/">' if again else ""
    page = f'<!doctype html><html lang="en"><title>ordersheet</title>{refresh}<p>{messages.NO_COOKIE}</p>'
    return HTMLResponse(page, HTTPStatus.FORBIDDEN)
