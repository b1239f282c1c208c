"""A way to a PostgreSQL that is cut once, at the n-th commit: before it arrives, or before its answer."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from tests.support.listener import Listener
from tests.support.pooler import message, packed, startup

if TYPE_CHECKING:
    from collections.abc import Iterator

_READY, _QUERY = b"Z", b"Q"


class CutLink:
    """Listens on this computer, and passes on to a server that listens on a port.

    Attributes:
        url: of the same database, by this way.
        cuts: how often it was cut.
    """

    def __init__(self, url: str, number: int, *, arrives: bool) -> None:
        parts = urlsplit(url)
        self._server = (parts.hostname or "", parts.port or 0)
        self._left, self._arrives, self.cuts = number, arrives, 0
        self._lock = threading.Lock()
        self._listener = Listener(self._serve)
        place = f"{parts.username}@127.0.0.1:{self._listener.port}"
        self.url = urlunsplit(parts._replace(netloc=place))

    def close(self) -> None:
        self._listener.close()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, EOFError), client, socket.create_connection(self._server) as server:
            server.sendall(startup(client))
            self._answer(server, client)
            while True:
                kind, body = message(client)
                cut = kind == _QUERY and b"COMMIT" in body and b"begin_writing" in body and self._is_due()
                if cut and not self._arrives:
                    return
                server.sendall(packed(kind, body))
                if kind == b"X":
                    return
                self._answer(server, None if cut else client)
                if cut:
                    return

    def _is_due(self) -> bool:
        with self._lock:
            self._left -= 1
            self.cuts += self._left == 0
            return self._left == 0

    def _answer(self, server: socket.socket, client: socket.socket | None) -> None:
        kind = b""
        while kind != _READY:
            kind, body = message(server)
            if client is not None:
                client.sendall(packed(kind, body))


@contextmanager
def cut_link(url: str, number: int, *, arrives: bool) -> Iterator[CutLink]:
    """Cut the way at the n-th transaction that writes; `arrives`: only its answer is lost."""
    link = CutLink(url, number, arrives=arrives)
    try:
        yield link
    finally:
        link.close()
