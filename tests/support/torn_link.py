"""A way to a server that a test may tear: all connections end, and for a while no new ones come through."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from tests.support.listener import Listener

if TYPE_CHECKING:
    from collections.abc import Iterator


class TornLink:
    """Listens on this computer, and passes bytes on to another port of it.

    Attributes:
        port: where it listens.
    """

    def __init__(self, port: int) -> None:
        self._server = ("127.0.0.1", port)
        self._torn = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = Listener(self._serve)
        self.port = self._listener.port

    def tear(self, seconds: float) -> None:
        """End all connections, and let none through for so long."""
        self._torn.set()
        with self._lock:
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
        time.sleep(seconds)
        self._torn.clear()

    def close(self) -> None:
        self._listener.close()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            if self._torn.is_set():
                return
            with socket.create_connection(self._server) as server:
                with self._lock:
                    self._open |= {client, server}
                back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                back.start()
                _pump(client, server)
                back.join()
                with self._lock:
                    self._open -= {client, server}


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(1 << 16):
            target.sendall(part)
    for one in (source, target):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@contextmanager
def torn_link(port: int) -> Iterator[TornLink]:
    """Give a way to a port, for as long as it is needed."""
    link = TornLink(port)
    try:
        yield link
    finally:
        link.close()
