"""A mailbox behind IMAP over TLS, in the test's own process: the commands that a reader of mails uses."""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.support.loops import looping, soon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WORDS = re.compile(rb'"((?:[^"\\]|\\.)*)"|(\S+)')


@dataclass
class Mail:
    """One mail as the server keeps it."""

    uid: int
    content: bytes
    came: datetime
    flags: set[str] = field(default_factory=set)


@dataclass
class Mailbox:
    """One account with one folder, and what was asked of it."""

    user: str = "orders@example.com"
    password: str = 'p"ass\\word'
    folder: str = "INBOX"
    mails: list[Mail] = field(default_factory=list)
    validity: int = 1
    port: int = 0
    asked: list[str] = field(default_factory=list)
    """The commands, without what they were about."""
    cut: int | None = None
    """Break the connection at the n-th command from now."""

    @property
    def url(self) -> str:
        return f"imaps://{self.user.replace('@', '%40')}@127.0.0.1:{self.port}/{self.folder}"

    def add(self, content: bytes, came: datetime | None = None) -> Mail:
        number = max((mail.uid for mail in self.mails), default=0) + 1
        mail = Mail(number, content, came or datetime.now(UTC))
        self.mails.append(mail)
        return mail


class _Session:
    """One connection."""

    def __init__(self, box: Mailbox, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._box = box
        self._reader = reader
        self._writer = writer
        self._known = False
        self._opened = False

    async def serve(self) -> None:
        self._say(b"* OK here")
        while (line := await self._reader.readline()) and not self._writer.is_closing():
            words = [one or other for one, other in _WORDS.findall(line)]
            tag, command = words[0], words[1].decode().upper()
            rest = [re.sub(rb"\\(.)", rb"\1", word) for word in words[2:]]
            if command == "UID":
                command, rest = f"UID {rest[0].decode().upper()}", rest[1:]
            self._box.asked.append(command)
            if self._box.cut is not None:
                self._box.cut -= 1
                if self._box.cut <= 0:
                    self._box.cut = None
                    return
            self._say(tag + b" " + self._answer(command, rest, line))
            await self._writer.drain()
            if command == "LOGOUT":
                return

    def _answer(self, command: str, rest: list[bytes], line: bytes) -> bytes:
        if command == "CAPABILITY":
            self._say(b"* CAPABILITY IMAP4rev1")
        elif command == "LOGIN":
            if [word.decode() for word in rest] != [self._box.user, self._box.password]:
                return b"NO [AUTHENTICATIONFAILED] no"
            self._known = True
        elif command == "LOGOUT":
            self._say(b"* BYE")
        elif not self._known:
            return b"BAD log in first"
        elif command in ("SELECT", "EXAMINE"):
            return self._open(command, rest[0].decode())
        elif not self._opened:
            return b"BAD open a folder first"
        elif command == "UID SEARCH":
            found = b" ".join(b"%d" % mail.uid for mail in self._search(line))
            self._say(b"* SEARCH " + found)
        elif command == "UID FETCH":
            self._fetch(int(rest[0]), line)
        else:
            return b"BAD no such command"
        return b"OK done"

    def _open(self, command: str, folder: str) -> bytes:
        if folder != self._box.folder:
            return b"NO there is no such folder"
        self._opened = True
        self._say(b"* %d EXISTS" % len(self._box.mails))
        self._say(b"* OK [UIDVALIDITY %d] since then" % self._box.validity)
        return b"OK [READ-ONLY] open" if command == "EXAMINE" else b"OK [READ-WRITE] open"

    def _search(self, line: bytes) -> list[Mail]:
        found = list(self._box.mails)
        since = re.search(rb"SINCE (\d{1,2}-\w{3}-\d{4})", line)
        if since is not None:
            day = datetime.strptime(since[1].decode(), "%d-%b-%Y").replace(tzinfo=UTC).date()
            found = [mail for mail in found if mail.came.date() >= day]
        uid = re.search(rb"UID (\d+)(?:\D|$)", line.split(b"SEARCH", 1)[1])
        if uid is not None:
            found = [mail for mail in found if mail.uid == int(uid[1])]
        return found

    def _fetch(self, uid: int, line: bytes) -> None:
        for number, mail in enumerate(self._box.mails, start=1):
            if mail.uid != uid:
                continue
            if b"BODY[" in line:
                mail.flags.add("\\Seen")
            facts = b"UID %d FLAGS (%s)" % (uid, " ".join(mail.flags).encode())
            facts += f' INTERNALDATE "{mail.came:%d-%b-%Y %H:%M:%S %z}"'.encode()
            if b"BODY" not in line:
                self._say(b"* %d FETCH (%s)" % (number, facts))
                return
            size = len(mail.content)
            self._say(
                b"* %d FETCH (%s RFC822.SIZE %d BODY[] {%d}\r\n" % (number, facts, size, size)
                + mail.content
                + b")"
            )

    def _say(self, line: bytes) -> None:
        self._writer.write(line + b"\r\n")


@contextmanager
def imap_server(certificate: Path, key: Path) -> Iterator[Mailbox]:
    """Serve a mailbox on loopback."""
    box = Mailbox()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    tasks: set[asyncio.Task[Any]] = set()

    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await _Session(box, reader, writer).serve()
        except (ConnectionError, ssl.SSLError):
            """Whoever asked has gone."""
        finally:
            writer.close()
            tasks.discard(task)

    async def listen() -> asyncio.Server:
        return await asyncio.start_server(met, "127.0.0.1", 0, ssl=tls)

    with looping() as loop:
        server = soon(loop, listen())
        box.port = server.sockets[0].getsockname()[1]
        try:
            yield box
        finally:

            async def close() -> None:
                server.close()
                for task in tuple(tasks):
                    task.cancel()
                if tasks:
                    await asyncio.wait(tuple(tasks), timeout=20)

            soon(loop, close())
