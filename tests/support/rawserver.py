"""A server of bare sockets that keeps its own truth and misbehaves on demand, and a proxy of the same kind.

Nothing here shares a line with what it tests: requests are taken apart by hand, and what was applied is
written down before the first byte of an answer leaves.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl

Behaviour = Callable[["Wire", "Seen"], None]
"""Told of one whole request; answers, or does not. Closing is up to it; an open connection is read again."""


@dataclass
class Seen:
    """One whole request, as it came."""

    head: bytes
    body: bytes
    connection: int

    @property
    def method(self) -> str:
        return self.head.split(b" ", 1)[0].decode()

    @property
    def target(self) -> str:
        return self.head.split(b" ", 2)[1].decode()

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}

    @property
    def order(self) -> int:
        return int(json.loads(self.body)["order"]) if self.body else int(self.target.rpartition("=")[2])


class Wire:
    """One connection, from the server's side."""

    def __init__(self, sock: socket.socket, number: int, stopping: threading.Event) -> None:
        self.sock = sock
        self.number = number
        self.stopping = stopping
        self.open = True
        self.rest = b""

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def close(self) -> None:
        self.open = False
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.open = False
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def stall(self) -> None:
        """Keep still until the other side gives up, or the server is stopped."""
        self.sock.settimeout(0.01)
        while not self.stopping.is_set():
            try:
                if not self.sock.recv(65536):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        self.close()

    def request(self) -> Seen | None:
        data = self.rest
        while b"\r\n\r\n" not in data:
            more = self.sock.recv(65536)
            if not more:
                return None
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        wanted = int(length[1]) if length else 0
        while len(body) < wanted:
            more = self.sock.recv(65536)
            if not more:
                return None
            body += more
        self.rest = body[wanted:]
        return Seen(head, body[:wanted], self.number)


def answer(order: int, status: str = "ok", *, code: str = "200 OK", extra: str = "") -> bytes:
    """Make the bytes of a documented answer."""
    body = json.dumps({"status": status, "order": order}).encode()
    head = f"HTTP/1.1 {code}\r\nContent-Type: application/json\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def ok(wire: Wire, seen: Seen) -> None:
    """Answer as documented."""
    wire.send(answer(seen.order))


@dataclass
class RawServer:
    """Serves on 127.0.0.1, a thread for each connection.

    Each whole request is written down, and a PUT is applied, before its behaviour runs: the next of
    `behaviours`, and `ok` after the last.
    """

    behaviours: Sequence[Behaviour] = ()
    tls: ssl.SSLContext | None = None
    read_only: int | None = None
    """Bytes of the first connection's first request that are read before it is closed without an answer."""
    seen: list[Seen] = field(default_factory=list)
    applied: list[int] = field(default_factory=list)
    """The orders of whole PUTs, in the order in which they arrived."""
    connections: int = 0
    bytes_in: int = 0
    """Of a connection under `read_only`."""

    def __enter__(self) -> Self:
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._left = list(self.behaviours)
        self._wires: list[Wire] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.01)
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopping.set()
        for wire in self._wires:
            with contextlib.suppress(OSError):
                wire.close()
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/api/orders"

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            self.connections += 1
            sock.settimeout(10)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._start(self._serve, sock, self.connections)

    def _serve(self, sock: socket.socket, number: int) -> None:
        try:
            if self.tls is not None:
                sock = self.tls.wrap_socket(sock, server_side=True)
            wire = Wire(sock, number, self._stopping)
            self._wires.append(wire)
            if self.read_only is not None and number == 1:
                while self.bytes_in < self.read_only:
                    self.bytes_in += len(sock.recv(self.read_only - self.bytes_in))
                wire.reset()
            while wire.open:
                seen = wire.request()
                if seen is None:
                    break
                self._behave(wire, seen)
        except (OSError, ValueError):
            pass  # The other side went away, or never spoke TLS: that is what tests arrange.
        finally:
            sock.close()

    def _behave(self, wire: Wire, seen: Seen) -> None:
        with self._lock:
            self.seen.append(seen)
            if seen.method == "PUT":
                self.applied.append(seen.order)
            behaviour = self._left.pop(0) if self._left else ok
        behaviour(wire, seen)


@dataclass
class RawProxy:
    """An HTTP proxy: CONNECT tunnels and forwarded requests, or one answer instead of all that."""

    refuse: bytes | None = None
    """Answer each request with these bytes, and close; `b""` says nothing and keeps still."""
    heads: list[bytes] = field(default_factory=list)
    asked: threading.Event = field(default_factory=threading.Event)
    """Set when the first request has come."""
    reset: bool = False
    """Whether a client has reset its connection."""

    def __enter__(self) -> Self:
        self._stopping = threading.Event()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.01)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopping.set()
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        self._thread.join(5)
        self._listener.close()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            self._sockets.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            data = b""
            while b"\r\n\r\n" not in data:
                more = sock.recv(65536)
                if not more:
                    return
                data += more
            head, _, rest = data.partition(b"\r\n\r\n")
            self.heads.append(head)
            self.asked.set()
            if self.refuse is not None:
                if not self.refuse:
                    self._stopping.wait(10)
                sock.sendall(self.refuse)
                sock.close()
                return
            method, target = head.split(b" ", 2)[:2]
            if method == b"CONNECT":
                host, _, port = target.decode().rpartition(":")
                first = rest
            else:
                found = re.match(rb"http://([^/:]+):(\d+)(.*)", target)
                assert found is not None
                host, port = found[1].decode(), found[2].decode()
                first = data.replace(target, found[3], 1)
            upstream = socket.create_connection((host, int(port)))
            self._sockets.append(upstream)
            if method == b"CONNECT":
                sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            if first:
                upstream.sendall(first)
            threading.Thread(target=_pump, args=(upstream, sock), daemon=True).start()
            self.reset = _pump(sock, upstream)


def _pump(source: socket.socket, target: socket.socket) -> bool:
    """Hand on what comes; tell whether the source was reset."""
    reset = False
    with contextlib.suppress(OSError):
        while data := _received(source):
            target.sendall(data)
        reset = data is None
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
    return reset


def _received(source: socket.socket) -> bytes | None:
    try:
        return source.recv(65536)
    except ConnectionResetError:
        return None


def drip(data: bytes, *, pause: float = 0.02) -> Behaviour:
    """Send these bytes one at a time, and again from the start of the last line, for ever."""

    def behave(wire: Wire, _seen: Seen) -> None:
        for byte in _endless(data):
            if wire.stopping.is_set():
                return
            wire.send(bytes((byte,)))
            time.sleep(pause)

    return behave


def _endless(data: bytes) -> Iterator[int]:
    yield from data
    while True:
        yield ord(" ")


def sends(data: bytes, *, then: str = "keep") -> Behaviour:
    """Answer with these very bytes; then `keep` the connection, `close`, `reset` or `stall`."""

    def behave(wire: Wire, _seen: Seen) -> None:
        if data:
            wire.send(data)
        if then != "keep":
            getattr(wire, then)()

    return behave
