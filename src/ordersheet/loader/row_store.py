"""Raw rows of a sheet, kept packed so that a sheet is parsed once and read as often as needed.

A row is one text, in whatever form its reader gives it. Blocks of rows are packed, in memory at first and
then in a temporary file: a million rows of eight columns take about 50 MB of disk, and no memory.
"""

from __future__ import annotations

import struct
import tempfile
import weakref
import zlib
from typing import TYPE_CHECKING

from ordersheet.core.errors import no_temporary_room

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROW = "\x1e"
"""Between rows; XML 1.0 has no such character, and JSON escapes it."""
_BLOCK = 256 * 1024
"""Characters in a block."""
_MEMORY = 8 * 2**20
_SIZE = struct.Struct("<I")


class RowStore:
    """Rows as texts, written once, read many times."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_MEMORY, mode="w+b")  # noqa: SIM115 - lives as long as this
        weakref.finalize(self, self._file.close)
        self._waiting: list[str] = []
        self._size = 0

    def add(self, row: str) -> None:
        """Add the next row."""
        self._waiting.append(row)
        self._size += len(row)
        if self._size > _BLOCK:
            self.flush()

    def flush(self) -> None:
        """Write what waits; called once after the last row."""
        if not self._waiting:
            return
        block = zlib.compress(_ROW.join(self._waiting).encode("utf-8"), 1)
        try:
            self._file.seek(0, 2)
            self._file.write(_SIZE.pack(len(block)) + block)
            # What does not fit is told now, and not when the rows are read.
            self._file.flush()
        except OSError as error:
            raise no_temporary_room(tempfile.tempdir, error) from error
        self._waiting.clear()
        self._size = 0

    def __iter__(self) -> Iterator[list[str]]:
        place = 0
        while True:
            # Several readers may be under way: each has its own place.
            self._file.seek(place)
            head = self._file.read(_SIZE.size)
            if not head:
                return
            (size,) = _SIZE.unpack(head)
            place += _SIZE.size + size
            yield zlib.decompress(self._file.read(size)).decode("utf-8").split(_ROW)
