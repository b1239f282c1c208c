"""Files that are too large for the ledger, each under a name nobody guesses, in a folder or behind a URL.

A file gets its name once all of it is there, where a place can rename in one step; an object store shows a
file when it is whole. Its name stands in the ledger before the first byte goes out, so that what a process
leaves that dies in between is known, and taken away.
"""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ordersheet.core.errors import FilePlaceError, OrdersheetError
from ordersheet.remote import sftp
from ordersheet.remote.connection import Filesystem, connected, path_of, says_gone, sentence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fsspec.spec import AbstractBufferedFile

    from ordersheet.core.file_place import FilePlace

_RIGHTS = "Large files are written, read and removed there: mend the rights of its folder"
_PARTIAL = ".part"
_BLOCK = 8 << 20
"""Bytes that are held at a time; object stores take no smaller parts than 5 MB."""
_WORDS = {
    errno.ENOSPC: "it is full. Make room there, and run again",
    errno.EDQUOT: "it is full for this user. Make room there, and run again",
    errno.EACCES: f"it does not allow it. {_RIGHTS}",
    errno.EPERM: f"it does not allow it. {_RIGHTS}",
    errno.EROFS: f"it can only be read. {_RIGHTS}",
}


class KeptFileGone(Exception):
    """The place is there, and this file of it is not; the text is a sentence."""


class KeptFiles(Protocol):
    """A place for large files. What it cannot do raises `FilePlaceError`."""

    def put(self, name: str, blocks: Iterable[bytes]) -> None:
        """Write a file, whole or not at all.

        Args:
            name: nobody else's.
            blocks: its bytes; where giving them fails, nothing of the file stays.
        """

    def blocks(self, name: str) -> Iterator[bytes]:
        """Give the bytes of a file.

        Raises:
            KeptFileGone: it is not there.
        """

    def remove(self, name: str) -> None:
        """Remove a file, and what a process that died left of it; it may be gone already."""


def new_name() -> str:
    """Give a name that nobody else gives, and nobody guesses."""
    return f"ordersheet-{secrets.token_hex(16)}"


def kept_files(place: FilePlace) -> KeptFiles:
    """Give the way to a place; nothing is asked of it yet.

    Raises:
        SettingsError: nothing knows its protocol, or the package for that is not installed.
    """
    if "://" not in place.url:
        return _Folder(place, Path(place.url))
    if place.scheme == "file":
        return _Folder(place, Path(url2pathname(urlsplit(place.url).path)))
    return _Remote(place)


class _Folder:
    """A folder of this computer, or one that it has mounted."""

    def __init__(self, place: FilePlace, folder: Path) -> None:
        self._place, self._folder = place, folder

    def put(self, name: str, blocks: Iterable[bytes]) -> None:
        partial = self._folder / (name + _PARTIAL)
        with self._plainly():
            # One that is not there may be a share that is not mounted: what is put there, others do not see.
            self._folder.stat()
            try:
                with partial.open("xb") as file:
                    for block in blocks:
                        file.write(block)
                    file.flush()
                    os.fsync(file.fileno())
                partial.rename(self._folder / name)
                self._sync()
            except BaseException:
                with suppress(OSError):
                    partial.unlink(missing_ok=True)
                raise

    def _sync(self) -> None:
        """Make the name durable, where the system can; shares of other computers do so by themselves."""
        with suppress(OSError):
            descriptor = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def blocks(self, name: str) -> Iterator[bytes]:
        with self._plainly():
            self._folder.stat()
            try:
                source = (self._folder / name).open("rb")
            except FileNotFoundError as error:
                raise _gone(self._place, name) from error
        with source:
            while block := self._read(source):
                yield block

    def _read(self, source: BinaryIO) -> bytes:
        with self._plainly():
            return source.read(_BLOCK)

    def remove(self, name: str) -> None:
        with self._plainly():
            self._folder.stat()
            for one in (name, name + _PARTIAL):
                (self._folder / one).unlink(missing_ok=True)

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            words = _WORDS.get(error.errno or 0, f"it cannot be used ({error.strerror or error})")
            words = "it is not there" if isinstance(error, FileNotFoundError) else words
            raise _away(self._place, f"{words}.") from error


class _Remote:
    """A folder behind a URL."""

    def __init__(self, place: FilePlace) -> None:
        self._place = place
        self._root = path_of(place.url).rstrip("/")
        self._renames = place.scheme in sftp.PROTOCOLS
        self._connected: Filesystem | None = None

    @property
    def _fs(self) -> Filesystem:
        if self._connected is None:
            self._connected = connected(self._place.url, {})
        return self._connected

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _opened(self, path: str, mode: str) -> AbstractBufferedFile:
        # To the package for SFTP a block is one packet, whose size it knows best.
        return self._fs.open(path, mode, **({} if self._renames else {"block_size": _BLOCK}))

    def put(self, name: str, blocks: Iterable[bytes]) -> None:
        target = self._path(name)
        first = target + _PARTIAL if self._renames else target
        with self._plainly():
            try:
                size = self._write(first, blocks)
                if self._renames:
                    # Nobody else has the name, so that it is free.
                    sftp.rename(self._fs, first, target)
                self._fs.invalidate_cache()
                arrived = self._fs.info(target)["size"]
            except BaseException:
                with suppress(Exception):
                    self._fs.rm_file(first)
                raise
        if arrived != size:
            self.remove(name)
            raise _away(self._place, f"of {size:,} bytes, {arrived:,} arrived. Run again.")

    def _write(self, path: str, blocks: Iterable[bytes]) -> int:
        size = 0
        file = self._opened(path, "wb")
        try:
            for block in blocks:
                file.write(block)
                size += len(block)
        except BaseException:
            self._give_up(file)
            raise
        file.close()
        return size

    def _give_up(self, file: AbstractBufferedFile) -> None:
        """Let go of a file that is not to be; an object store makes one of what it has where it is closed."""
        with suppress(Exception):
            if self._renames:
                file.close()
            else:
                file.closed = True
                file.discard()

    def blocks(self, name: str) -> Iterator[bytes]:
        with self._plainly():
            self._fs.invalidate_cache()
            try:
                self._fs.info(self._path(name))
            except Exception as error:
                if not says_gone(error):
                    raise
                self._look()
                raise _gone(self._place, name) from error
            file = self._opened(self._path(name), "rb")
        try:
            while block := self._read(file):
                yield block
        finally:
            with suppress(Exception):
                file.close()

    def _read(self, file: AbstractBufferedFile) -> bytes:
        with self._plainly():
            return bytes(file.read(_BLOCK))

    def remove(self, name: str) -> None:
        with self._plainly():
            self._fs.invalidate_cache()
            for one in (name, name + _PARTIAL) if self._renames else (name,):
                try:
                    self._fs.rm_file(self._path(one))
                except Exception as error:
                    if not says_gone(error):
                        raise
            self._look()

    def _look(self) -> None:
        """Make sure that the place is there: of one that is not, nobody can tell what lies in it."""
        # An object store has no folders, only names with a / in them: its bucket must be.
        self._fs.ls(self._root if self._renames else self._root.partition("/")[0], detail=False)

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        try:
            yield
        except (OrdersheetError, KeptFileGone):
            raise
        except Exception as error:
            self._connected = None  # A connection that has broken stays broken: the next use makes another.
            words = "it is not there." if says_gone(error) else sentence(error, _RIGHTS)
            raise _away(self._place, words) from error


def _away(place: FilePlace, words: str) -> FilePlaceError:
    return FilePlaceError(f"The place for large files, {place}: {place.hide(words)}", code="file-place")


def _gone(place: FilePlace, name: str) -> KeptFileGone:
    return KeptFileGone(f"The file {name} is not in {place} any more.")
