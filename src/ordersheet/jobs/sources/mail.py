"""Attachments of the mails in a folder of a mailbox (IMAP).

`imaps://user@host/INBOX`, its password in the environment (`ORDERSHEET_MAIL_PASSWORD`), in the file that
`ORDERSHEET_MAIL_PASSWORD_FILE` names, or in `~/.netrc`. Mails stay where they are, and as they are: the
ledger remembers which attachments were taken.
"""

from __future__ import annotations

import fnmatch
import netrc
import os
import re
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from ordersheet.core.errors import SettingsError
from ordersheet.jobs.sources.base import FileGone, SourceFile, SourceGone, wanted

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ordersheet.jobs.definition import JobDefinition

PASSWORD = "ORDERSHEET_MAIL_PASSWORD"  # noqa: S105 - the name of a variable
DAYS = 14
"""How far back mails are looked at."""
_PATIENCE = 30
"""Seconds to wait for any answer of the server."""
_LONGEST_NAME = 120
"""Bytes of a name that every file system takes."""
_ARRIVED = re.compile(rb'INTERNALDATE "([^"]+)"')
_SENTENCES = {
    "MailboxLoginError": "the server does not take this user with this password",
    "MailboxFolderSelectError": "it has no such folder",
    "SSLCertVerificationError": "its certificate is not trusted; ca_bundle names an authority of your own",
}


class MailSource:
    """The attachments of a mailbox.

    Args:
        url: the mailbox.
        pattern: which attachments are of interest.
        password: the account's.
        senders: patterns of the addresses whose mails are of interest; of everybody where there are none.
        tls: for the connection; None for the system's own trust. Unused with `imap://`.
    """

    moves = False

    def __init__(
        self,
        url: str,
        pattern: str,
        password: str,
        *,
        senders: Sequence[str] = (),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        parts = urlsplit(url)
        self._host, self._user = _account(url)
        self._secure = parts.scheme == "imaps"
        self._port = parts.port or (993 if self._secure else 143)
        self._folder = unquote(parts.path.strip("/")) or "INBOX"
        self._pattern = pattern
        self._senders = tuple(sender.lower() for sender in senders)
        self._password = password
        self._tls = tls
        self._validity = ""
        self._read: dict[str, tuple[SourceFile, ...]] = {}
        """By a mail's number: its attachments of interest. What was read once is not read again."""

    @classmethod
    def of(cls, job: JobDefinition) -> MailSource:
        """Make a job's source."""
        from ordersheet.delivery.transport.factory import tls_context

        bundle = job.options.get("ca_bundle")
        tls = tls_context(Path(str(bundle)).expanduser() if bundle else None)
        password = _password(job.source, os.environ)
        return cls(job.source, job.pattern, password, senders=job.senders, tls=tls)

    @property
    def shown(self) -> str:
        """The mailbox."""
        return f"{self._user}@{self._host}/{self._folder}"

    def look(self) -> list[SourceFile]:
        """Give the attachments of the latest mails; each is found again by its mail's number and its own."""
        from imap_tools import AND

        since = (datetime.now(UTC) - timedelta(days=DAYS)).date()
        with self._open() as box:
            numbers = box.uids(AND(date_gte=since))
            known = {number: self._read[number] for number in numbers if number in self._read}
            for number in numbers:
                if number not in known:
                    known[number] = self._attached(box, number)
        self._read = known
        return [one for number in numbers for one in known[number]]

    def _attached(self, box: Any, number: str) -> tuple[SourceFile, ...]:  # noqa: ANN401 - has no types
        from imap_tools import AND

        found = []
        for mail in box.fetch(AND(uid=number), mark_seen=False):
            if not self._is_from_whom(mail.from_):
                continue
            came = _arrived(box, number) or mail.date.astimezone(UTC)
            for at, attachment in enumerate(mail.attachments):
                name = plain_name(attachment.filename)
                if name and wanted(name, self._pattern):
                    place = f"{self._validity}.{number}.{at}"
                    found.append(SourceFile(name, attachment.size, came, place=place))
        return tuple(found)

    def _is_from_whom(self, sender: str) -> bool:
        return not self._senders or any(fnmatch.fnmatchcase(sender.lower(), one) for one in self._senders)

    def names(self) -> frozenset[str]:
        """Give every name that the last look saw."""
        return frozenset(one.name for found in self._read.values() for one in found)

    def fetch(self, name: str, target: Path) -> None:
        """Copy an attachment to this computer.

        Args:
            name: its place, as a look gave it.
            target: where it goes.
        """
        from imap_tools import AND

        validity, number, at = name.split(".")
        content: bytes | None = None
        with self._open() as box:
            for mail in box.fetch(AND(uid=number), mark_seen=False) if validity == self._validity else ():
                attachments = mail.attachments
                if int(at) < len(attachments):
                    content = attachments[int(at)].payload
        if content is None:
            raise FileGone(f"{self.shown}: the mail is not there any more.")
        target.write_bytes(content)

    def fetch_taken(self, working: str, target: Path) -> None:
        """Copy an attachment to this computer; mails are not moved."""
        self.fetch(working, target)

    def take(self, name: str, number: int, marker: str | None = None) -> str:
        """Leave it where it is: the ledger remembers it."""
        del number, marker
        return name

    def give_back(self, working: str, name: str) -> None:
        """Leave it where it is."""

    def free(self, folder: str, name: str) -> str:
        """Give the name: nothing is moved."""
        del folder
        return name

    def put_away(self, working: str, folder: str, name: str) -> str | None:
        """Leave it where it is."""
        del working, folder
        return f"{self.shown}: {name}"

    def put(self, local: Path, folder: str, name: str) -> str:
        """Copy a file to a folder of this computer, since a mailbox takes none."""
        from ordersheet.jobs.sources.folder import FolderSource

        place = Path(folder).expanduser()
        if not place.is_absolute():
            raise SettingsError(
                "A mailbox takes no files: report_to must name a folder of this computer with its full path.",
                code="bad-job",
            )
        return FolderSource(place, "*", "working").put(local, str(place), name)

    def has(self, working: str) -> bool:
        """Tell that nothing was moved."""
        del working
        return False

    def prune(self, folder: str, before: datetime) -> int:
        """Remove nothing: mails stay."""
        del folder, before
        return 0

    def faults(self) -> list[str]:
        """Try to log in and to see the folder."""
        try:
            with self._open():
                return []
        except SourceGone as gone:
            return [f"The source cannot be used: {gone}"]

    @contextmanager
    def _open(self) -> Iterator[Any]:
        from imap_tools import MailBox, MailBoxUnencrypted

        box: Any = None
        try:
            if self._secure:
                box = MailBox(self._host, port=self._port, timeout=_PATIENCE, ssl_context=self._tls)
            else:
                box = MailBoxUnencrypted(self._host, port=self._port, timeout=_PATIENCE)
            box.login(self._user, self._password, initial_folder=None)
            box.folder.set(self._folder, readonly=True)
            self._note_validity(box.client.response("UIDVALIDITY")[1])
            yield box
            box.logout()
        except Exception as error:  # noqa: BLE001 - whatever the server says can hold what was sent to it
            kind = type(error).__name__
            why = _SENTENCES.get(kind, f"the mailbox cannot be opened or read ({kind})")
            raise SourceGone(f"{self.shown}: {why}.") from None
        finally:
            if box is not None:
                with suppress(Exception):  # Where it was logged out of, there is nothing left to close.
                    box.client.shutdown()

    def _note_validity(self, said: Iterable[bytes | None]) -> None:
        """Forget what was read where the server has numbered its mails anew."""
        validity = b"".join(word or b"" for word in said).decode("ascii", "replace")
        if validity != self._validity:
            self._validity, self._read = validity, {}


def plain_name(name: str) -> str:
    """Give the name of an attachment as a file can be called: no folders, nothing unseen, not too long."""
    name = re.split(r"[\\/]", name)[-1]
    name = re.sub(r"\s+", " ", "".join(sign for sign in name if sign.isprintable() or sign.isspace())).strip()
    stem, dot, suffix = name.rpartition(".")
    suffix = (dot + suffix)[-_LONGEST_NAME // 2 :] if dot else ""
    stem = stem if dot else name
    while len((stem + suffix).encode()) > _LONGEST_NAME:
        stem, suffix = (stem[:-1], suffix) if stem else ("", suffix[:-1])
    return stem + suffix


def _arrived(box: Any, number: str) -> datetime | None:  # noqa: ANN401 - the package has no types
    """Give when the server got a mail: what its sender wrote may be wrong, or not there."""
    _, said = box.client.uid("FETCH", number, "(INTERNALDATE)")
    for line in said:
        found = _ARRIVED.search(line) if isinstance(line, bytes) else None
        if found is not None:
            with suppress(ValueError):
                return datetime.strptime(found[1].decode().strip(), "%d-%b-%Y %H:%M:%S %z").astimezone(UTC)
    return None


def _account(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    if not parts.hostname or not parts.username:
        shown = url.partition("?")[0] if parts.password is None else "The source"
        raise SettingsError(
            f"{shown} names no mailbox. It looks like imaps://user@mail.example.com/INBOX, with %40 for an @ "
            "in the user's name.",
            code="bad-url",
        )
    return parts.hostname, unquote(parts.username)


def _password(url: str, environ: Mapping[str, str]) -> str:
    host, user = _account(url)
    given = urlsplit(url).password
    if given:  # Only an address that stands elsewhere may hold one: the settings file refuses it.
        return unquote(given)
    if environ.get(PASSWORD):
        return environ[PASSWORD]
    if environ.get(f"{PASSWORD}_FILE"):
        try:
            return Path(environ[f"{PASSWORD}_FILE"]).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"The file that {PASSWORD}_FILE names cannot be read.", code="no-key"
            ) from error
    with suppress(OSError, netrc.NetrcParseError):
        found = netrc.netrc().authenticators(host)
        if found is not None and found[2]:
            return found[2]
    raise SettingsError(
        f"No password is known for the mailbox of {user} at {host}. Set {PASSWORD} or {PASSWORD}_FILE, or "
        "add the host to ~/.netrc.",
        code="no-key",
    )
