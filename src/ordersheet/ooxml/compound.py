"""The container of old Office files, and of encrypted new ones: which streams it has.

Only the directory is read, as [MS-CFB] describes it, and of that only what lies right below the root: a
document of Word inside a workbook has its streams in a storage of its own.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO

COMPOUND_FILE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""The first bytes of such a file."""
_HEADER = 512
_ENTRY = 128
_FIRST_TABLES = 109
_NOTHING = 0xFFFF_FFFA
"""From here on a number means that there is no such sector, or no such entry."""
_MOST_SECTORS = 1 << 16
_SHIFTS = (9, 12)


def streams_of(file: BinaryIO) -> frozenset[str]:
    """Give the names of the streams and storages right below the root; none where it is damaged."""
    file.seek(0)
    header = file.read(_HEADER)
    try:
        if not header.startswith(COMPOUND_FILE):
            return frozenset()
        return frozenset(_names(b"".join(_directory(file, header))))
    except (struct.error, IndexError, OverflowError):
        return frozenset()


def _directory(file: BinaryIO, header: bytes) -> list[bytes]:
    """Read the sectors of the directory in their order."""
    (shift,) = struct.unpack_from("<H", header, 30)
    if shift not in _SHIFTS:
        return []
    size = 1 << shift

    def sector(number: int) -> bytes:
        file.seek((number + 1) * size)
        return file.read(size)

    tables = list(struct.unpack_from(f"<{_FIRST_TABLES}I", header, 76))
    (more,) = struct.unpack_from("<I", header, 68)
    while more < _NOTHING and len(tables) < _MOST_SECTORS:
        *numbers, more = struct.unpack(f"<{size // 4}I", sector(more))
        tables += numbers
    found: list[bytes] = []
    (place,) = struct.unpack_from("<I", header, 48)
    while place < _NOTHING and len(found) < _MOST_SECTORS:
        found.append(sector(place))
        table = sector(tables[place // (size // 4)])
        (place,) = struct.unpack_from("<I", table, place % (size // 4) * 4)
    return found


def _names(directory: bytes) -> list[str]:
    """Walk the tree of the root's own entries."""
    (first,) = struct.unpack_from("<I", directory, 76)
    names: list[str] = []
    waiting, seen = [first], set[int]()
    while waiting:
        number = waiting.pop()
        if number >= _NOTHING or number in seen:
            continue
        seen.add(number)
        entry = directory[number * _ENTRY : (number + 1) * _ENTRY]
        (length,) = struct.unpack_from("<H", entry, 64)
        names.append(entry[: max(min(length, 64) - 2, 0)].decode("utf-16-le", "replace"))
        waiting += struct.unpack_from("<2I", entry, 68)
    return names
