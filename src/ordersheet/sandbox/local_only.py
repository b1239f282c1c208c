"""Who may ask the sandbox: what was asked of this computer by name, and no other site's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})


class LocalOnly:
    """Answers only what was asked of this computer by name: another site's page cannot reach in.

    A Host that is not of this computer gets 421, so that a name which is made to point here reads nothing.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or turn it away."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            if _host_name(headers.get("host", "")) not in _LOCAL_HOSTS:
                await Response("This sandbox answers to 127.0.0.1 and localhost only.", 421)(
                    scope, receive, send
                )
                return
            if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
                await Response("Another site cannot read the sandbox.", 403)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _host_name(host: str) -> str:
    """Take the port off a Host header."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host
