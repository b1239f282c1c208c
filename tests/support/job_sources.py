"""Servers that files come from and messages go to, each of the real protocol, in the test's own process."""

from __future__ import annotations

import asyncio
import http.server
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.support.loops import looping, soon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class Sftp:
    """An SFTP server, and what its user keeps in `~/.ssh`."""

    port: int
    root: Path
    home: Path
    host_line: str
    _listening: _SftpListening

    def know(self, line: str | None = None) -> None:
        """Put a host key into the user's known_hosts; the server's own where None."""
        (self.home / ".ssh" / "known_hosts").write_text((line or self.host_line) + "\n", encoding="utf-8")

    @property
    def url(self) -> str:
        return f"sftp://orders@127.0.0.1:{self.port}/in"

    def restart(self) -> None:
        """End every connection, and listen anew at the same port."""
        self.stop()
        self.listen()

    def listen(self) -> None:
        self._listening.listen(self.port)

    def read_only(self, *, only: bool = True) -> None:
        """Take nothing any more, or take it again."""
        self._listening.refuses = only

    def stop(self) -> None:
        """Be away: nobody listens any more, and whoever was connected is not."""
        self._listening.close()


class _SftpListening:
    """An SSH server that can be stopped and started, and leaves nothing running."""

    def __init__(self, loop: asyncio.AbstractEventLoop, root: Path, host_key: Any, authorized: Path) -> None:
        self._loop = loop
        self._root = root
        self._host_key = host_key
        self._authorized = authorized
        self._acceptor: Any = None
        self._connections: list[Any] = []
        self.refuses = False
        """Whether nothing can be written, moved or removed."""

    def listen(self, port: int = 0) -> int:
        return int(soon(self._loop, self._listen(port)))

    def close(self) -> None:
        soon(self._loop, self._close())

    async def _listen(self, port: int) -> int:
        import asyncssh

        connections, root = self._connections, self._root

        class Server(asyncssh.SSHServer):
            def connection_made(self, conn: Any) -> None:
                connections.append(conn)

        listening = self
        writing = asyncssh.FXF_WRITE | asyncssh.FXF_CREAT | asyncssh.FXF_TRUNC

        class Below(asyncssh.SFTPServer):
            def open(self, path: bytes, pflags: int, attrs: Any) -> Any:
                if pflags & writing:
                    self._allow()
                return super().open(path, pflags, attrs)

            def rename(self, oldpath: bytes, newpath: bytes) -> Any:
                self._allow()
                return super().rename(oldpath, newpath)

            def mkdir(self, path: bytes, attrs: Any) -> Any:
                self._allow()
                return super().mkdir(path, attrs)

            def _allow(self) -> None:
                if listening.refuses:
                    raise asyncssh.SFTPPermissionDenied("Permission denied")

        def below(channel: asyncssh.SSHServerChannel[bytes]) -> asyncssh.SFTPServer:
            return Below(channel, chroot=str(root).encode())

        self._acceptor = await asyncssh.listen(
            "127.0.0.1",
            port,
            server_factory=Server,
            server_host_keys=[self._host_key],
            authorized_client_keys=str(self._authorized),
            sftp_factory=below,
            reuse_address=True,
        )
        return int(self._acceptor.get_port())

    async def _close(self) -> None:
        if self._acceptor is None:
            return
        self._acceptor.close()
        await self._acceptor.wait_closed()
        self._acceptor = None
        for connection in self._connections:
            connection.abort()
            await connection.wait_closed()
        self._connections.clear()
        # What served a channel notices the end of its connection by itself, and is waited for.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=20)


@contextmanager
def sftp_server(root: Path, home: Path) -> Iterator[Sftp]:
    """Serve a folder over SFTP to the user whose key lies in `home`."""
    import asyncssh

    ssh = home / ".ssh"
    ssh.mkdir(mode=0o700, parents=True)
    user_key = asyncssh.generate_private_key("ssh-ed25519")
    user_key.write_private_key(str(ssh / "id_ed25519"))
    (ssh / "id_ed25519").chmod(0o600)
    user_key.write_public_key(str(ssh / "authorized"))
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    (root / "in").mkdir(parents=True)

    public = host_key.export_public_key().decode().strip()
    with looping() as loop:
        listening = _SftpListening(loop, root, host_key, ssh / "authorized")
        port = listening.listen()
        try:
            yield Sftp(port, root, home, f"[127.0.0.1]:{port} {public}", listening)
        finally:
            listening.close()


@contextmanager
def s3_server() -> Iterator[str]:
    """Speak S3 on loopback; gives its address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def private_authority(folder: Path) -> tuple[Path, Path, Path]:
    """Make an authority and a certificate of it for 127.0.0.1; gives the first, the second and its key."""
    ca, ca_key = folder / "ca.pem", folder / "ca.key"
    own, own_key, wish = folder / "own.pem", folder / "own.key", folder / "own.csr"
    names = folder / "names"
    names.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n", encoding="ascii")
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    signed = ["-extfile", names, "-out", own]
    for words in (
        ["req", "-x509", *new, "-subj", "/CN=own authority", "-days", "2", "-keyout", ca_key, "-out", ca],
        ["req", *new, "-subj", "/CN=localhost", "-keyout", own_key, "-out", wish],
        [
            *("x509", "-req", "-in", wish, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2"),
            *signed,
        ],
    ):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
    return ca, own, own_key


@contextmanager
def https_server(folder: Path, certificate: Path, key: Path) -> Iterator[str]:
    """Serve a folder over HTTPS; gives its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Mails:
    """What a mail server was given."""

    port: int = 0
    received: list[Any] = field(default_factory=list)


@contextmanager
def mail_server() -> Iterator[Mails]:
    """Take mails over SMTP."""
    from email import message_from_bytes, policy

    from aiosmtpd.controller import Controller

    mails = Mails()

    class Handler:
        async def handle_DATA(  # noqa: N802 - as the package calls it
            self, _server: Any, _session: Any, envelope: Any
        ) -> str:
            mails.received.append(message_from_bytes(envelope.content, policy=policy.default))
            return "250 OK"

    with socket.create_server(("127.0.0.1", 0)) as probe:
        mails.port = probe.getsockname()[1]
    controller = Controller(Handler(), hostname="127.0.0.1", port=mails.port)
    controller.start()
    try:
        yield mails
    finally:
        controller.stop()
