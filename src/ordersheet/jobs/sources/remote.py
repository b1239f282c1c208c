"""What fsspec reaches: SFTP, S3, HTTPS and others, each with the package for it."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from ordersheet.core.errors import SettingsError
from ordersheet.core.file_place import READ_ONLY, shown_url
from ordersheet.jobs.sources.base import RIGHTS, FileGone, SourceFile, SourceGone, free_name, wanted
from ordersheet.remote import sftp
from ordersheet.remote.connection import Filesystem, connected, path_of, says_gone, sentence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ordersheet.jobs.definition import JobDefinition

_VERSIONS = ("ETag", "etag", "e_tag", "VersionId")
_TIMES = ("LastModified", "last_modified", "mtime", "modified", "updated")


class RemoteSource:
    """A folder, or one file, behind a URL. It is connected to when it is first used, and again after a fault.

    Args:
        url: the URL.
        pattern: which names are of interest.
        working: the name of the folder below it for files that are worked on.
        options: for the protocol's package.

    Raises:
        SettingsError: the address is none, or the package for its protocol is not installed.
    """

    def __init__(self, url: str, pattern: str, working: str, options: dict[str, Any] | None = None) -> None:
        self._url = url
        self._scheme = url.partition("://")[0]
        self._pattern = pattern
        self._working = working
        self._options = options or {}
        self._names: frozenset[str] = frozenset()
        self._single = self._scheme in READ_ONLY
        self._renames = self._scheme in sftp.PROTOCOLS
        """Whether a rename is one step; else a move is a copy, and the ledger alone decides who takes."""
        path = path_of(url)
        self._root = url if self._single else path
        if self._single and not self._file_name():
            raise SettingsError(f"{shown_url(url)} names no file.", code="bad-url")
        self._connected: Filesystem | None = None

    @classmethod
    def of(cls, job: JobDefinition) -> RemoteSource:
        """Make a job's source."""
        bundle = job.options.get("ca_bundle")
        return cls(job.source, job.pattern, job.folders.working, trust(job.source, bundle))

    @property
    def shown(self) -> str:
        """The URL without a password."""
        return shown_url(self._url)

    @property
    def moves(self) -> bool:
        """Whether files can be moved there."""
        return not self._single

    def look(self) -> list[SourceFile]:
        """Give the files that are there now."""
        with self._plainly():
            self._fs.invalidate_cache()
            if self._single:
                return [self._facts(self._fs.info(self._root))]
            entries = self._entries()
        files = [entry for entry in entries if entry.get("type") != "directory"]
        found = [self._facts(entry) for entry in files]
        self._names = frozenset(one.name for one in found)
        found = [one for one in found if wanted(one.name, self._pattern)]
        return sorted(found, key=lambda one: (one.modified, one.name))

    def _entries(self) -> list[dict[str, Any]]:
        try:
            return list(self._fs.ls(self._root, detail=True))
        except FileNotFoundError:
            if self._renames:
                raise
            # An object store has no folders: where nothing lies, there is nothing. Its bucket must be.
            self._fs.ls(self._root.partition("/")[0], detail=False)
            return []

    def names(self) -> frozenset[str]:
        """Give every name that the last look saw."""
        return self._names

    def fetch(self, name: str, target: Path) -> None:
        """Copy a file to this computer."""
        with self._plainly(), self._unless_gone():
            self._fs.get_file(self._root if self._single else self._path(name), str(target))

    def fetch_taken(self, working: str, target: Path) -> None:
        """Copy a file that was taken to this computer."""
        with self._plainly(), self._unless_gone():
            self._fs.get_file(self._path(self._working, working), str(target))

    def take(self, name: str, number: int, marker: str | None = None) -> str:
        """Move a file into the working folder."""
        working = f"{number}/{name}"
        target = self._path(self._working, working)
        with self._plainly(), self._unless_gone():
            self._fs.invalidate_cache()
            if not self._is_there(target):
                self._fs.info(self._path(name))
                self._make(self._path(self._working, str(number)))
                if marker is not None:
                    with suppress(FileNotFoundError):
                        self._fs.rm_file(self._path(marker))
                self._move(self._path(name), target)
            elif not self._renames and self._equal(self._path(name), target):
                self._fs.rm_file(self._path(name))  # This was ended between the copy and the removal.
        return working

    def give_back(self, working: str, name: str) -> None:
        """Move a taken file back."""
        while self.put_away(working, "", self.free("", name)) is None:
            """Somebody has just put a file of that name there."""

    def free(self, folder: str, name: str) -> str:
        """Give a name that is free in a folder."""
        with self._plainly():
            return free_name(name, self._there(folder))

    def put_away(self, working: str, folder: str, name: str) -> str | None:
        """Move a taken file into a folder."""
        source, target = self._path(self._working, working), self._path(folder, name)
        with self._plainly(), self._unless_gone():
            self._fs.invalidate_cache()
            there = self._is_there(target)
            if not self._is_there(source):
                if not there:
                    raise FileNotFoundError(source)
            elif not there:
                self._make(self._path(folder))
                if not self._move(source, target):
                    return None
            elif not self._renames and self._equal(source, target):
                self._fs.rm_file(source)  # This was ended between the copy and the removal.
            else:
                return None
            if self._renames:  # Elsewhere there are no folders, only names with a / in them.
                sftp.remove_if_empty(self._fs, source.rpartition("/")[0])
        return self._shown_path(target)

    def put(self, local: Path, folder: str, name: str) -> str:
        """Copy a file of this computer into a folder, whole or not at all."""
        with self._plainly():
            self._make(self._path(folder))
            while True:
                there = self._there(folder)
                target = self._path(folder, name)
                if name in there and self._same(local, target):
                    return self._shown_path(target)
                target = self._path(folder, free_name(name, there))
                if not self._renames:
                    self._fs.put_file(str(local), target)  # An object store shows it when it is whole.
                    return self._shown_path(target)
                # The same name each time, and nobody else's: what a process that died left of it is used up.
                partial = self._path(folder, f".{name}.{local.parent.name}.part")
                self._fs.put_file(str(local), partial)
                if self._move(partial, target):
                    return self._shown_path(target)

    def has(self, working: str) -> bool:
        """Tell whether a taken file still lies in the working folder."""
        with self._plainly():
            self._fs.invalidate_cache()
            return self._is_there(self._path(self._working, working))

    def prune(self, folder: str, before: datetime) -> int:
        """Remove what is older from a folder."""
        gone = 0
        with self._plainly():
            self._fs.invalidate_cache()
            entries = (
                self._fs.ls(self._path(folder), detail=True) if self._is_there(self._path(folder)) else []
            )
            for entry in entries:
                if entry.get("type") != "directory" and self._facts(entry).modified < before:
                    self._fs.rm_file(entry["name"])
                    gone += 1
        return gone

    def faults(self) -> list[str]:
        """Try to see it, and to write below it."""
        try:
            self.look()
        except SourceGone as gone:
            return [f"The source cannot be used: {gone}"]
        try:
            if self.moves:
                self._write_something()
        except SourceGone as gone:
            return [f"The source can be read and not written to. {gone}"]
        return []

    def _write_something(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            probe = Path(folder) / "probe"
            probe.write_bytes(b"")
            with self._plainly():
                target = self._path(".ordersheet.part")
                self._fs.put_file(str(probe), target)
                self._fs.rm_file(target)

    # --- small things

    @property
    def _fs(self) -> Filesystem:
        if self._connected is None:
            self._connected = connected(self._url, self._options)
        return self._connected

    def _path(self, *parts: str) -> str:
        return "/".join([self._root.rstrip("/"), *(part for part in parts if part)])

    def _shown_path(self, path: str) -> str:
        return f"{self.shown.rstrip('/')}{path.removeprefix(self._root.rstrip('/'))}"

    def _facts(self, entry: dict[str, Any]) -> SourceFile:
        path = str(entry["name"]).rstrip("/")
        modified = next((entry[key] for key in _TIMES if entry.get(key) is not None), None)
        version = next((str(entry[key]) for key in _VERSIONS if entry.get(key)), "")
        name = self._file_name() if self._single else path.rpartition("/")[2]
        return SourceFile(name, int(entry.get("size") or 0), _moment(modified), version)

    def _file_name(self) -> str:
        """Give the name of the one file that a web address names."""
        return unquote(urlsplit(self._url).path.rpartition("/")[2]).replace("/", "_")

    def _is_there(self, path: str) -> bool:
        """Tell whether a file is there; fsspec's own `exists` calls one gone that cannot be asked for."""
        try:
            self._fs.info(path)
        except Exception as error:
            if not says_gone(error):
                raise
            return False
        return True

    def _there(self, folder: str) -> set[str]:
        self._fs.invalidate_cache()
        try:
            found = self._fs.ls(self._path(folder), detail=False)
        except FileNotFoundError:  # Where there are no folders, one without files is not there.
            return set()
        return {str(name).rstrip("/").rpartition("/")[2] for name in found}

    def _make(self, path: str) -> None:
        self._fs.makedirs(path, exist_ok=True)

    def _move(self, source: str, target: str) -> bool:
        """Move a file; False where another file has the name, as far as the protocol can tell."""
        if self._renames:
            return sftp.rename(self._fs, source, target)
        self._fs.mv(source, target)
        return True

    def _equal(self, one: str, other: str) -> bool:
        if not self._is_there(one) or self._fs.info(one).get("size") != self._fs.info(other).get("size"):
            return False
        return bool(self._fs.cat_file(one) == self._fs.cat_file(other))

    def _same(self, local: Path, target: str) -> bool:
        if self._fs.info(target).get("size") != local.stat().st_size:
            return False
        return bool(self._fs.cat_file(target) == local.read_bytes())

    @contextmanager
    def _unless_gone(self) -> Iterator[None]:
        """Tell a file that has gone from a folder that has."""
        try:
            yield
        except Exception as error:
            if not says_gone(error):
                raise
            self._fs.invalidate_cache()
            if not self._single:
                self._entries()
            raise FileGone(f"{self.shown}: the file is not there any more.") from error

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        try:
            yield
        except SourceGone:
            raise
        except FileNotFoundError as error:
            if self._single and type(error.__cause__).__name__ not in ("NoneType", "ClientResponseError"):
                # The package for HTTPS says so of every server that it does not reach.
                raise SourceGone(f"{self.shown}: {sentence(error.__cause__ or error, RIGHTS)}") from error
            raise SourceGone(f"{self.shown}: it is not there.") from error
        except Exception as error:
            self._connected = None  # A connection that has broken stays broken: the next use makes another.
            raise SourceGone(f"{self.shown}: {sentence(error, RIGHTS)}") from error


def trust(url: str, ca_bundle: object) -> dict[str, Any]:
    """Give what makes the package for HTTPS trust what the API's own connection trusts."""
    if not url.startswith("https://"):
        return {}
    from ordersheet.delivery.transport.factory import tls_context

    return {"ssl": tls_context(Path(str(ca_bundle)).expanduser() if ca_bundle else None)}


def _moment(value: object) -> datetime:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    return datetime.fromtimestamp(0, UTC)
