"""Attachments of the mails in a folder of a mailbox (IMAP).

`imaps://user@host/INBOX`, its password in the environment (`ORDERSHEET_MAIL_PASSWORD`), in the file that
`ORDERSHEET_MAIL_PASSWORD_FILE` names, or in `~/.netrc`. Mails stay where they are: the ledger remembers which
attachments were taken, and a mail whose attachment is done is marked as seen.
"""

from __future__ import annotations

import netrc
import os
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from ordersheet.core.errors import SettingsError
from ordersheet.jobs.sources.base import FileGone, SourceFile, SourceGone, wanted

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping

    from ordersheet.jobs.definition import JobDefinition

PASSWORD = "ORDERSHEET_MAIL_PASSWORD"  # noqa: S105 - the name of a variable
DAYS = 14
"""How far back mails are looked at."""
_LARGEST = 64 * 1024 * 1024


class MailSource:
    """The attachments of a mailbox.

    Args:
        url: the mailbox.
        pattern: which attachments are of interest.
        password: the account's.
        tls: for the connection; None for the system's own trust. Unused with `imap://`.
    """

    moves = False

    def __init__(self, url: str, pattern: str, password: str, *, tls: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        if not parts.hostname or not parts.username:
            raise SettingsError(
                f"{url} names no mailbox. It looks like imaps://user@mail.example.com/INBOX.", code="bad-url"
            )
        self._host, self._user = parts.hostname, unquote(parts.username)
        self._secure = parts.scheme == "imaps"
        self._port = parts.port or (993 if self._secure else 143)
        self._folder = unquote(parts.path.strip("/")) or "INBOX"
        self._pattern = pattern
        self._password = password
        self._tls = tls
        self._found: dict[str, tuple[str, str]] = {}
        """By name: the mail's number and the attachment's own name."""

    @classmethod
    def of(cls, job: JobDefinition) -> MailSource:
        """Make a job's source."""
        return cls(job.source, job.pattern, _password(job.source, os.environ), tls=_trust())

    @property
    def shown(self) -> str:
        """The mailbox."""
        return f"{self._user}@{self._host}/{self._folder}"

    def look(self) -> list[SourceFile]:
        """Give the attachments of the latest mails; where two have one name, the later is called (2)."""
        from imap_tools import AND

        since = (datetime.now(UTC) - timedelta(days=DAYS)).date()
        found: list[SourceFile] = []
        self._found = {}
        with self._open() as box:
            for mail in box.fetch(AND(date_gte=since), mark_seen=False, bulk=False):
                for attachment in mail.attachments:
                    if not wanted(attachment.filename, self._pattern) or attachment.size > _LARGEST:
                        continue
                    name = self._name(attachment.filename)
                    self._found[name] = (str(mail.uid), attachment.filename)
                    modified = mail.date if mail.date.tzinfo else mail.date.replace(tzinfo=UTC)
                    found.append(SourceFile(name, attachment.size, modified.astimezone(UTC), str(mail.uid)))
        return found

    def names(self) -> frozenset[str]:
        """Give every name that the last look saw."""
        return frozenset(self._found)

    def fetch(self, name: str, target: Path) -> None:
        """Copy an attachment to this computer."""
        from imap_tools import AND

        number, filename = self._found.get(name, ("", ""))
        if not number:
            self.look()
            number, filename = self._found.get(name, ("", ""))
        with self._open() as box:
            for mail in box.fetch(AND(uid=number or "0"), mark_seen=False):
                for attachment in mail.attachments:
                    if attachment.filename == filename:
                        target.write_bytes(attachment.payload)
                        return
        raise FileGone(f"{self.shown}: the mail with {name} is not there any more.")

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
        del folder, name
        return f"{self.shown}: {working}"

    def put(self, local: Path, folder: str, name: str) -> str:
        """Copy a file to a folder of this computer, since a mailbox takes none."""
        from ordersheet.jobs.sources.folder import FolderSource

        place = Path(folder).expanduser()
        if not place.is_absolute():
            raise SettingsError(
                "A job that takes attachments needs report_to, a folder of this computer with its full path.",
                code="bad-job",
            )
        return FolderSource(place, "*", "working").put(local, str(place), name)

    def has(self, working: str) -> bool:
        """Tell whether the attachment was found."""
        return working in self._found

    def prune(self, folder: str, before: datetime) -> int:
        """Remove nothing: mails stay."""
        del folder, before
        return 0

    def faults(self) -> list[str]:
        """Try to log in and to see the folder."""
        try:
            self.look()
        except SourceGone as gone:
            return [f"The source cannot be used: {gone}"]
        return []

    def _name(self, filename: str) -> str:
        from ordersheet.jobs.sources.base import free_name

        return free_name(filename, self._found)

    @contextmanager
    def _open(self) -> Iterator[Any]:
        from imap_tools import MailBox, MailBoxUnencrypted

        try:
            box: Any
            if self._secure:
                box = MailBox(self._host, port=self._port, timeout=30, ssl_context=self._tls)
            else:
                box = MailBoxUnencrypted(self._host, port=self._port, timeout=30)
            with box.login(self._user, self._password, initial_folder=self._folder) as opened:
                yield opened
        except (SourceGone, SettingsError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever the server says can hold what was sent to it
            raise SourceGone(
                f"{self.shown}: the mailbox cannot be opened ({type(error).__name__})."
            ) from None


def _password(url: str, environ: Mapping[str, str]) -> str:
    parts = urlsplit(url)
    if parts.password:
        raise SettingsError(
            f"The source of a mailbox holds a password. Put it into {PASSWORD} or into the file that "
            f"{PASSWORD}_FILE names.",
            code="bad-url",
        )
    if environ.get(PASSWORD):
        return environ[PASSWORD]
    if environ.get(f"{PASSWORD}_FILE"):
        try:
            return Path(environ[f"{PASSWORD}_FILE"]).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(
                f"The file that {PASSWORD}_FILE names cannot be read.", code="no-key"
            ) from error
    with suppress(OSError, netrc.NetrcParseError):
        found = netrc.netrc().authenticators(parts.hostname or "")
        if found is not None and found[2]:
            return found[2]
    raise SettingsError(
        f"No password is known for the mailbox {url}. Set {PASSWORD} or {PASSWORD}_FILE, or add the host to "
        "~/.netrc.",
        code="no-key",
    )


def _trust() -> ssl.SSLContext:
    from ordersheet.delivery.transport.factory import tls_context

    return tls_context()
