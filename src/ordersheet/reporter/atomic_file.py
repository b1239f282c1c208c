"""Where a report may stand, and how it gets there: never over the input, and whole or not at all."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ordersheet.core.errors import OrdersheetError
from ordersheet.reporter.added_columns import Written

if TYPE_CHECKING:
    from types import TracebackType

COPY_BLOCK = 1 << 20
_NAME_LIMIT = 120
"""Characters of a source's name that a default report's name keeps: folders limit a name to 255 bytes."""
_OTHER_NAMES = 99


def report_suffix(form: str, source_suffix: str = "") -> str:
    """Give the suffix of a report, by the form of its source (`TableFacts.form`).

    An .ods file, an .xls file and a frame are reported as .xlsx; a CSV file keeps its own suffix.
    """
    if form == "csv":
        return source_suffix or ".csv"
    return ".xlsm" if form == "xlsm" else ".xlsx"


def default_report_path(source_name: str, run: str, suffix: str, folder: Path) -> Path:
    """Give `<folder>/<name>-<run><suffix>`, the place of a report that was not asked for by name.

    Args:
        source_name: the input's name or path; its own suffix is dropped.
        run: the run's id.
        suffix: with its dot, as `report_suffix` gives it; `.xls` becomes `.xlsx`.
        folder: such as `reports`; it is not made here.
    """
    name = Path(source_name).name
    stem = Path(name).stem if Path(name).suffix else name
    if suffix.lower() == ".xls":
        suffix = ".xlsx"
    return folder / f"{stem[:_NAME_LIMIT] or 'orders'}-{run}{suffix}"


def same_file(one: Path, other: Path) -> bool:
    """Tell whether two paths are one file, through links, and in any case where the disk knows none."""
    with suppress(OSError):
        return one.samefile(other)
    return _plain(one) == _plain(other)


def _plain(path: Path) -> str:
    return os.path.normcase(os.path.realpath(path))


class Disk:
    """What an atomic file asks of the operating system."""

    def write(self, handle: int, data: memoryview) -> int:
        """Write at the handle's place, and give how many bytes were taken."""
        return os.write(handle, data)

    def sync(self, handle: int) -> None:
        """Return when everything is on the disk."""
        os.fsync(handle)

    def rename(self, path: Path, target: Path) -> None:
        """Give a file another name in the same folder, in one step."""
        path.replace(target)

    def other_folders(self, folder: Path) -> list[Path]:
        """Name the folders where a file may lie whose own folder takes none."""
        others: list[Path] = []
        with suppress(RuntimeError):
            others.append(Path.home())
        others.append(Path(tempfile.gettempdir()))
        return [other for other in others if other != folder]


class AtomicFile:
    """A file that is written beside its target and takes its name at the end, in one step.

    Where its folder fails (no room, no permission), it moves, with what it holds so far, to the person's
    home folder or the folder for temporary files, and goes on there.
    It is a binary file as far as zipfile and openpyxl need one.
    """

    def __init__(self, target: Path, never: Path | None, disk: Disk | None = None) -> None:
        """Open the file.

        Args:
            target: the name it is to take; an existing file there is replaced.
            never: the input, which is never replaced; None where there is none.
            disk: what writes; None for the operating system.

        Raises:
            OrdersheetError: `report-unwritable`, where no place can be written.
        """
        self._target = Path(os.path.realpath(target))
        self._never = never
        self._disk = disk or Disk()
        self._folders = [self._target.parent, *self._disk.other_folders(self._target.parent)]
        self._trouble: OSError | None = None
        self._note: str | None = None
        self._at = 0
        self._size = 0
        self._open_next()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        with suppress(OSError):
            self._temporary.unlink()

    def write(self, data: bytes) -> int:
        """Write all of it, here or at the next place."""
        while True:
            try:
                self._write_all(data, self._at)
            except OSError as error:
                self._move_on(error)
            else:
                self._at += len(data)
                self._size = max(self._size, self._at)
                return len(data)

    def tell(self) -> int:
        """Give the place of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to another place."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = base + offset
        return self._at

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def flush(self) -> None:
        """Do nothing: no byte is held back."""

    def land(self, note: str | None = None) -> Written:
        """Make the file durable and give it its name, or another where that one cannot be taken.

        Args:
            note: what is to be said of the file itself.

        Raises:
            OrdersheetError: `report-unwritable`, where no place can be written.
        """
        while True:
            try:
                self._disk.sync(self._file.fileno())
                self._file.close()
                path = self._take_name()
            except OSError as error:
                self._move_on(error)
            else:
                return Written(path, " ".join(filter(None, (self._moved(path), note))) or None)

    def _moved(self, path: Path) -> str | None:
        if path == self._target:
            return None
        why = f" ({self._trouble.strerror or self._trouble})" if self._trouble else ""
        return f"{self._target} could not be written{why}, so this lies at {path}."

    def _take_name(self) -> Path:
        """Rename to the target's name, else to that name with a number; raise where none can be taken."""
        first = self._temporary.parent / self._target.name
        if first == self._target and not (self._never and same_file(first, self._never)):
            try:
                return self._renamed(self._temporary, first)
            except OSError as error:
                self._trouble = error
        candidates = [first.with_name(f"{first.stem}-{n}{first.suffix}") for n in range(2, _OTHER_NAMES)]
        for path in [first, *candidates]:
            if not os.path.lexists(path):
                return self._renamed(self._temporary, path)
        raise FileExistsError(f"no free name like {first}")

    def _open_next(self) -> None:
        """Open a file in the next folder that takes one."""
        while self._folders:
            folder = self._folders.pop(0)
            path = folder / f".{self._target.stem[:_NAME_LIMIT]}-{secrets.token_hex(4)}.tmp"
            try:
                self._file = open(path, "x+b", buffering=0)  # noqa: SIM115, PTH123 - closed in __exit__
            except OSError as error:
                self._trouble = self._trouble or error
            else:
                self._temporary = path
                return
        raise OrdersheetError(
            f"The report could not be written at {self._target} ({self._trouble}), nor at any other place. "
            "Free some room or choose another place, then run `ordersheet report last`.",
            code="report-unwritable",
        )

    def _move_on(self, error: OSError) -> None:
        """Go on in the next folder, with what was written so far."""
        self._trouble = error
        old_file, old_path = self._file, self._temporary
        self._open_next()
        with open(old_path, "rb", buffering=0) as old:  # noqa: PTH123 - unbuffered
            left = self._size
            while left:
                block = old.read(min(COPY_BLOCK, left))
                if not block:
                    break
                self._write_all(block, self._size - left)
                left -= len(block)
        old_file.close()
        with suppress(OSError):
            old_path.unlink()

    def _write_all(self, data: bytes, at: int) -> None:
        handle = self._file.fileno()
        os.lseek(handle, at, os.SEEK_SET)
        view = memoryview(data)
        while view:
            view = view[self._disk.write(handle, view) :]

    def _renamed(self, temporary: Path, path: Path) -> Path:
        self._disk.rename(temporary, path)
        if os.name != "nt":
            with suppress(OSError):
                folder = os.open(path.parent, os.O_RDONLY)
                try:
                    self._disk.sync(folder)
                finally:
                    os.close(folder)
        return path
