"""The seam between jobs and the places that files come from."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

_UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload")
PROBLEMS = ".problems.txt"
"""What a job writes beside a file that could not be read."""

RIGHTS = "Files are moved there when they are taken and done: mend the rights of its folders"
"""What to do where a place can be read and not written to."""


class SourceGone(Exception):
    """The source, or a file of it, cannot be reached now; the text is a sentence without a password."""


class FileGone(SourceGone):
    """The source is there, and this file of it is not: another process took it, or somebody moved it."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as one look found it."""

    name: str
    """What it is called there: a file's name, and nothing of a path."""
    size: int
    modified: datetime
    """In UTC."""
    version: str = ""
    """What else tells one state of it from another, such as an ETag."""
    place: str = ""
    """What the source finds it by, where several may have its name; else empty."""

    @property
    def key(self) -> str:
        """What the source finds it by."""
        return self.place or self.name


class Source(Protocol):
    """A place that files come from. What cannot be done raises `SourceGone`."""

    @property
    def shown(self) -> str:
        """The place, for people; no password in it."""

    @property
    def moves(self) -> bool:
        """Whether files can be moved there. Where not, the ledger alone remembers what was done with them."""

    def look(self) -> list[SourceFile]:
        """Give the files that are there now: no hidden, temporary or unfinished ones, no subfolders."""

    def names(self) -> frozenset[str]:
        """Give every name that the last look saw, those of no interest included."""

    def fetch(self, name: str, target: Path) -> None:
        """Copy a file to this computer, by the key that a look gave it."""

    def fetch_taken(self, working: str, target: Path) -> None:
        """Copy a file that was taken to this computer."""

    def take(self, name: str, number: int, marker: str | None = None) -> str:
        """Move a file to where it is worked on, in one step; done again, it does nothing more.

        Args:
            name: the file.
            number: no other file's; a place of its own.
            marker: the name of the file that said it was whole; it is removed, so that it does not speak for
                the next file of that name.

        Returns:
            What it is called there.
        """

    def give_back(self, working: str, name: str) -> None:
        """Move a taken file back to where it was, or beside what has come there since."""

    def free(self, folder: str, name: str) -> str:
        """Give a name like this one that is free in a folder now."""

    def put_away(self, working: str, folder: str, name: str) -> str | None:
        """Move a taken file to a folder under a name that was free there; done again, it does nothing more.

        Returns:
            Where it lies then; None where another file has that name by now.

        Raises:
            FileGone: it lies in neither place.
        """

    def put(self, local: Path, folder: str, name: str) -> str:
        """Copy a file of this computer to a folder, never over another, and give where it lies then.

        Where the very same bytes lie there under the name already, that is it.
        """

    def has(self, working: str) -> bool:
        """Tell whether a taken file still lies where it was taken to.

        Raises:
            SourceGone: that place cannot be seen, so that nobody can tell.
        """

    def prune(self, folder: str, before: datetime) -> int:
        """Remove the files of a folder that are older, and give how many there were."""

    def faults(self) -> list[str]:
        """Try whether it can be reached and written to, and say what cannot, in whole sentences."""


def wanted(name: str, pattern: str) -> bool:
    """Tell whether a name is one to take, and not hidden, temporary, unfinished or ours."""
    small = name.lower()
    hidden = name.startswith((".", "~$")) or "/" in name
    ours = small.endswith((*_UNFINISHED, PROBLEMS))
    return not hidden and not ours and fnmatch.fnmatchcase(small, pattern.lower())


def free_name(name: str, taken: Iterable[str]) -> str:
    """Give a name that is not taken: `calls.xlsx`, `calls (2).xlsx`, and so on."""
    names = set(taken)
    stem, dot, suffix = name.rpartition(".")
    stem, suffix = (stem, dot + suffix) if stem else (name, "")
    number = 1
    candidate = name
    while candidate in names:
        number += 1
        candidate = f"{stem} ({number}){suffix}"
    return candidate
