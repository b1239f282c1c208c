"""A company's network: an authority for certificates, a server that shows one of them, and a proxy."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Authority(NamedTuple):
    """What a company gives to its computers, and what its server has."""

    bundle: Path
    """The authority's own certificate: what --ca-bundle names."""
    certificate: Path
    key: Path


def make_authority(folder: Path) -> Authority:
    """Make an authority, and a certificate of it for `localhost`, with the openssl command."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("the openssl command is missing: no certificates can be made")

    def call(*words: str) -> None:
        subprocess.run([openssl, *words], cwd=folder, check=True, capture_output=True)

    new = ("-newkey", "rsa:2048", "-nodes")
    call("req", "-x509", *new, "-days", "2", "-subj", "/CN=Company CA", "-keyout", "ca.key", "-out", "ca.pem")
    call("req", *new, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr")
    (folder / "names").write_text("subjectAltName=DNS:localhost\n", encoding="utf-8")
    signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-days", "2")
    call("x509", "-req", "-in", "server.csr", *signing, "-out", "server.pem")
    return Authority(folder / "ca.pem", folder / "server.pem", folder / "server.key")


@contextlib.contextmanager
def behind_tls(port: int, authority: Authority) -> Iterator[int]:
    """Put a server of secure connections before a port of plain ones, and give the new port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate, authority.key)
    ended = threading.Event()

    def accept() -> None:
        while not ended.is_set():
            try:
                client, _ = listener.accept()
            except OSError:
                continue
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    def serve(client: socket.socket) -> None:
        client.settimeout(30)
        with (
            contextlib.suppress(OSError),  # a client that does not trust us hangs up
            context.wrap_socket(client, server_side=True) as secure,
            socket.create_connection(("127.0.0.1", port)) as plain,
        ):
            threading.Thread(target=pump, args=(plain, secure), daemon=True).start()
            pump(secure, plain)

    def pump(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            ended.set()
            thread.join(5)


class Proxy(NamedTuple):
    """A proxy that listens, and the file in which it writes down what went through it."""

    url: str
    log: Path

    def tunnels(self, port: int) -> int:
        """How many connections to a port of this computer went through it."""
        return self.log.read_text(encoding="utf-8").count(f"CONNECT localhost:{port}")


@contextlib.contextmanager
def tinyproxy(folder: Path, *, allowed: int | None = None) -> Iterator[Proxy]:
    """Run tinyproxy on a free port.

    Args:
        folder: for its settings and its log.
        allowed: the only port to which it lets connections through; None for all.
    """
    program = shutil.which("tinyproxy")
    if program is None:
        pytest.skip("tinyproxy is not installed: no real proxy to go through")
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    log = folder / "tinyproxy.log"
    log.touch()
    log.chmod(0o666)
    lines = [f"Port {port}", "Listen 127.0.0.1", "Allow 127.0.0.1", f'LogFile "{log}"', "LogLevel Connect"]
    lines += [f"ConnectPort {allowed}"] if allowed is not None else []
    (folder / "tinyproxy.conf").write_text("\n".join([*lines, ""]), encoding="utf-8")
    process = subprocess.Popen(
        [program, "-d", "-c", folder / "tinyproxy.conf"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "LC_ALL": "C"},
    )
    try:
        _wait_for(port, process)
        yield Proxy(f"http://127.0.0.1:{port}", log)
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        assert process.poll() is None, "tinyproxy ended at once"
        time.sleep(0.05)
    raise AssertionError("tinyproxy does not listen")
