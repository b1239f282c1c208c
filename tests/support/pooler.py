"""A pooler that hands each transaction to a session of its own, and ends it after: the harshest there can be.

It speaks PostgreSQL's protocol as far as it must: a startup, then queries, each answered up to
`ReadyForQuery`.
"""

from __future__ import annotations

import socket
import struct
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from tests.support.listener import Listener

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENCRYPTION = (80877103, 80877104)
"""What a client asks before its startup: TLS, GSSAPI."""


class Pooler:
    """Listens on this computer; `sessions` counts how many it has opened."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.sessions = 0
        self._server = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432"
        self._listener = Listener(self._serve)
        self.url = f"postgresql://{parts.username}@127.0.0.1:{self._listener.port}{parts.path}"

    def close(self) -> None:
        self._listener.close()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, EOFError), client:
            first = startup(client)
            session: socket.socket | None = self._session(first, client)
            try:
                while True:
                    kind, body = message(client)
                    if kind == b"X":
                        return
                    if session is None:
                        session = self._session(first, None)
                    session.sendall(packed(kind, body))
                    if _relay(session, client) == b"I":
                        session.close()
                        session = None
            finally:
                if session is not None:
                    session.close()

    def _session(self, startup: bytes, client: socket.socket | None) -> socket.socket:
        self.sessions += 1
        session = socket.socket(socket.AF_UNIX)
        session.connect(self._server)
        session.sendall(startup)
        _relay(session, client)
        return session


def _exactly(source: socket.socket, number: int) -> bytes:
    found = b""
    while len(found) < number:
        part = source.recv(number - len(found))
        if not part:
            raise EOFError
        found += part
    return found


def startup(client: socket.socket) -> bytes:
    """Read what a client begins with; what it asks before, it does without."""
    while True:
        head = _exactly(client, 8)
        length, code = struct.unpack(">II", head)
        if code not in _ENCRYPTION:
            return head + _exactly(client, length - 8)
        client.sendall(b"N")


def packed(kind: bytes, body: bytes) -> bytes:
    """Write a message."""
    return kind + struct.pack(">I", len(body) + 4) + body


def message(source: socket.socket) -> tuple[bytes, bytes]:
    """Read a message."""
    kind = _exactly(source, 1)
    (length,) = struct.unpack(">I", _exactly(source, 4))
    return kind, _exactly(source, length - 4)


def _relay(session: socket.socket, client: socket.socket | None) -> bytes:
    """Pass on what a session says until it is ready; gives the state that it is then in."""
    while True:
        kind, body = message(session)
        if client is not None:
            client.sendall(packed(kind, body))
        if kind == b"Z":
            return body


@contextmanager
def pooling(url: str) -> Iterator[Pooler]:
    """Let a pooler stand before the server that a URL names, at its socket."""
    pooler = Pooler(url)
    try:
        yield pooler
    finally:
        pooler.close()
