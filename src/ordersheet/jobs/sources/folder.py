"""A folder of this computer, or one that it has mounted."""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ordersheet.jobs.sources.base import RIGHTS, FileGone, SourceFile, SourceGone, free_name, wanted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ordersheet.jobs.definition import JobDefinition

_NOT_ALLOWED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class FolderSource:
    """A folder.

    Args:
        root: the folder.
        pattern: which names are of interest.
        working: where files lie while they are worked on: a name below the folder, or a path.
    """

    moves = True

    def __init__(self, root: Path, pattern: str, working: str) -> None:
        self._root = root
        self._pattern = pattern
        self._working = self._place(working)
        self._names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, job: JobDefinition) -> FolderSource:
        """Make a job's source."""
        source = job.source
        if source.startswith("file://"):
            source = unquote(urlsplit(source).path)
        return cls(Path(source).expanduser().absolute(), job.pattern, job.folders.working)

    @property
    def shown(self) -> str:
        """The folder's path."""
        return str(self._root)

    def look(self) -> list[SourceFile]:
        """Give the files that are there now."""
        found, names = [], set()
        with _plainly(self._root), os.scandir(self._root) as entries:
            for entry in entries:
                names.add(entry.name)
                if not wanted(entry.name, self._pattern):
                    continue
                try:
                    facts = entry.stat()
                    if not entry.is_file():
                        continue
                except OSError:
                    continue  # It has gone meanwhile, or cannot be seen: the next look tells.
                modified = datetime.fromtimestamp(facts.st_mtime, UTC)
                found.append(SourceFile(entry.name, facts.st_size, modified, str(facts.st_mtime_ns)))
        self._names = frozenset(names)
        return sorted(found, key=lambda one: (one.modified, one.name))

    def names(self) -> frozenset[str]:
        """Give every name that the last look saw."""
        return self._names

    def fetch(self, name: str, target: Path) -> None:
        """Copy a file."""
        with _plainly(self._root), self._unless_gone(self._root / name):
            shutil.copyfile(self._root / name, target)

    def fetch_taken(self, working: str, target: Path) -> None:
        """Copy a file that was taken."""
        path = self._working / working
        with _plainly(self._working), self._unless_gone(path):
            shutil.copyfile(path, target)

    def take(self, name: str, number: int, marker: str | None = None) -> str:
        """Rename a file into a folder of its own below the working folder, where nobody else looks."""
        place = self._working / str(number)
        with _plainly(self._root), self._unless_gone(self._root / name):
            if not (place / name).exists():
                (self._root / name).stat()
                place.mkdir(parents=True, exist_ok=True)
                if marker is not None:
                    (self._root / marker).unlink(missing_ok=True)
                _renamed(self._root / name, place / name)
        return f"{number}/{name}"

    def give_back(self, working: str, name: str) -> None:
        """Move a taken file back."""
        with _plainly(self._root):
            _moved(self._working / working, self._root, name)
            _remove_if_empty((self._working / working).parent)

    def free(self, folder: str, name: str) -> str:
        """Give a name that is free in a folder."""
        place, taken = self._place(folder), set[str]()
        with _plainly(place):
            while os.path.lexists(place / (free := free_name(name, taken))):
                taken.add(free)
        return free

    def put_away(self, working: str, folder: str, name: str) -> str | None:
        """Move a taken file into a folder."""
        source, place = self._working / working, self._place(folder)
        target = place / name
        with _plainly(place):
            if not self.has(working):
                if not target.exists():
                    raise FileGone(f"{source}: it is not there any more.")
                return str(target)
            place.mkdir(parents=True, exist_ok=True)
            if not _linked(source, target):
                return None
            _remove_if_empty(source.parent)
        return str(target)

    def put(self, local: Path, folder: str, name: str) -> str:
        """Copy a file of this computer into a folder, whole or not at all."""
        place = self._place(folder)
        with _plainly(place):
            place.mkdir(parents=True, exist_ok=True)
            # The same name each time, and nobody else's: what a process that died left of it is used up.
            partial = place / f".{name}.{local.parent.name}.part"
            try:
                taken: set[str] = set()
                while (there := place / free_name(name, taken)).is_file():
                    if filecmp.cmp(local, there, shallow=False):
                        return str(there)
                    taken.add(there.name)
                shutil.copyfile(local, partial)
                return str(place / _moved(partial, place, name))
            finally:
                partial.unlink(missing_ok=True)

    def has(self, working: str) -> bool:
        """Tell whether a taken file still lies in the working folder."""
        with _plainly(self._working):
            # A share that is not mounted is an empty folder: what was taken has not left it.
            self._working.stat()
            return (self._working / working).exists()

    def prune(self, folder: str, before: datetime) -> int:
        """Remove what is older from a folder."""
        place, gone = self._place(folder), 0
        with _plainly(place):
            for path in place.iterdir() if place.is_dir() else ():
                if path.is_file() and datetime.fromtimestamp(path.stat().st_mtime, UTC) < before:
                    path.unlink()
                    gone += 1
        return gone

    def faults(self) -> list[str]:
        """Try to see and to write."""
        if not self._root.is_dir():
            what = "is no folder" if self._root.exists() else "is not there"
            return [f"The source {self._root} {what}. Make it, or correct source."]
        if not os.access(self._root, os.R_OK | os.W_OK | os.X_OK):
            return [
                f"The source {self._root} cannot be read and written. Done files are moved: mend its rights."
            ]
        return []

    @contextmanager
    def _unless_gone(self, path: Path) -> Iterator[None]:
        """Tell a file that has gone from a folder that has."""
        try:
            yield
        except FileNotFoundError as error:
            if not self._root.is_dir() or path.exists():
                raise
            raise FileGone(f"{path}: it is not there any more.") from error

    def _place(self, folder: str) -> Path:
        path = Path(folder).expanduser()
        return path if path.is_absolute() else self._root / path


def _moved(source: Path, folder: Path, name: str) -> str:
    """Move a file to a name that is free in a folder, never over another; gives that name."""
    taken: set[str] = set()
    while not _linked(source, folder / (candidate := free_name(name, taken))):
        taken.add(candidate)
    return candidate


def _linked(source: Path, target: Path) -> bool:
    """Move a file to a name; False where another file has it.

    A hard link refuses a name that exists, in one step. Where this was killed between the link and the
    removal of the old name, doing it again finds the link and goes on; where there are no hard links, the
    name is looked for first.
    """
    if not os.path.lexists(target):
        try:
            os.link(source, target)
        except FileExistsError:
            pass
        except OSError:
            _renamed(source, target)
            return True
    if not _is_same(source, target):
        return False
    source.unlink()
    return True


def _is_same(source: Path, target: Path) -> bool:
    try:
        return source.samefile(target)
    except OSError:
        return False


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _renamed(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError:
        if not source.exists():
            raise
        shutil.move(source, target)  # To another file system: copied whole, then removed.


@contextmanager
def _plainly(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        mend = f" {RIGHTS}." if error.errno in _NOT_ALLOWED else ""
        raise SourceGone(f"{place}: {error.strerror or error}.{mend}") from error
