"""The connection below a request, for misbehaviours that HTTP has no words for."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send


class SandboxWire:
    """One client's connection."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.held = False
        """Kept open on purpose, without an answer or with half of one."""

    @property
    def closed(self) -> bool:
        """Whether either side has ended it."""
        return self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Send bytes past the HTTP server."""
        self._transport.write(data)

    def close(self) -> None:
        """End the connection in good order, after what was written."""
        self._transport.close()

    def reset(self) -> None:
        """Break the connection, so that the client sees a reset."""
        sock = self._transport.get_extra_info("socket")
        if sock is not None:
            # A linger time of zero turns the close into a reset; Windows has shorter fields.
            linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._transport.abort()


class SandboxWires:
    """The open connections, by the client's address as ASGI tells it."""

    def __init__(self) -> None:
        self._by_client: dict[tuple[str, int], SandboxWire] = {}

    def opened(self, transport: asyncio.Transport) -> None:
        """Note a new connection."""
        self._by_client[_client(transport)] = SandboxWire(transport)

    def ended(self, transport: asyncio.Transport) -> None:
        """Forget a connection."""
        self._by_client.pop(_client(transport), None)

    def of(self, scope: Mapping[str, Any]) -> SandboxWire | None:
        """Give the connection of a request; None where the app runs without the sandbox's server."""
        client = scope.get("client")
        return self._by_client.get((str(client[0]), int(client[1]))) if client else None

    def let_go(self) -> None:
        """Break the connections that are kept open on purpose, so that the server can stop."""
        for wire in tuple(self._by_client.values()):
            if wire.held:
                wire.reset()


def _client(transport: asyncio.Transport) -> tuple[str, int]:
    host, port, *_ = transport.get_extra_info("peername") or ("", 0)
    return str(host), int(port)


class Gone(Response):
    """No answer: it waits until the client has left."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the ASGI form
        """Wait, and send nothing."""
        while (await receive())["type"] != "http.disconnect":
            pass


def raw_answer(status: int, content_type: str, body: bytes) -> bytes:
    """Give a whole HTTP/1.1 answer as it goes over the wire."""
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        f"content-type: {content_type}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body
