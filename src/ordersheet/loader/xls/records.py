"""What xlrd does not tell of an .xls: formulas, stale values, conditional formats, and texts' own code pages.

The records of a sheet are walked once more, and only their heads are looked at ([MS-XLS], 2.1.4 and 2.3).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_FORMULA = (0x0006, 0x0206, 0x0406)
_BEGIN, _END, _STALE, _CONDITIONS, _CONDITION = 0x0809, 0x000A, 0x005E, 0x0879, 0x087A
_OLD_BEGINS = (0x0009, 0x0209, 0x0409)
_COLOUR_SCALE = 3
_PLACE = struct.Struct("<HH")
"""A cell's row and column."""
_OLDER_THAN_97 = 80

CHARSETS = {
    0: "cp1252",
    77: "mac_roman",
    128: "cp932",
    129: "cp949",
    134: "cp936",
    136: "cp950",
    161: "cp1253",
    162: "cp1254",
    163: "cp1258",
    177: "cp1255",
    178: "cp1256",
    186: "cp1257",
    204: "cp1251",
    222: "cp874",
    238: "cp1250",
}
"""The code page of a font's character set ([MS-WMF], 2.1.1.5); 1 and 255 are those of the machine."""
_CODE_PAGES = {10000: "mac_roman", 32768: "mac_roman", 32769: "cp1252", 367: "ascii", 21010: "utf_16_le"}


class SheetRecords(NamedTuple):
    """What the records of a sheet say."""

    formulas: frozenset[tuple[int, int]]
    """Row and column, from 0, of each cell with a formula."""
    stale: bool
    """Whether the sheet was saved without being computed (the record UNCALCED)."""
    conditions: tuple[tuple[int, int, int, int], ...]
    """First and last row, first and last column, from 0, of conditional formats of Excel 2007 and later.

    They may show another number format, or an icon in place of the value.
    """


def read_records(stream: bytes, begin: int) -> SheetRecords:
    """Walk the records of one sheet.

    Args:
        stream: the workbook stream.
        begin: where the sheet begins in it.
    """
    formulas: set[tuple[int, int]] = set()
    conditions: list[tuple[int, int, int, int]] = []
    stale = False
    waiting: list[tuple[int, int, int, int]] = []
    for kind, data in _records(stream, begin):
        if kind in _FORMULA and len(data) >= _PLACE.size:
            row, column = _PLACE.unpack_from(data)
            formulas.add((row, column))
        elif kind == _STALE:
            stale = True
        elif kind == _CONDITIONS:
            waiting = _blocks(data)
        elif kind == _CONDITION and data[12:13] != bytes((_COLOUR_SCALE,)):
            conditions += waiting
            waiting = []
    return SheetRecords(frozenset(formulas), stale, tuple(conditions))


def _records(stream: bytes, begin: int) -> Iterator[tuple[int, bytes]]:
    """Give the records of a sheet itself, those of charts in it left out."""
    at, depth = begin, 0
    while at + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, at)
        if kind == _BEGIN or kind in _OLD_BEGINS:
            depth += 1
        elif kind == _END:
            depth -= 1
            if depth <= 0:
                return
        elif depth == 1:
            yield kind, stream[at + 4 : at + 4 + size]
        at += 4 + size


def _blocks(data: bytes) -> list[tuple[int, int, int, int]]:
    """Read the blocks of a CondFmt12: their count, and then each in eight bytes."""
    try:
        (count,) = struct.unpack_from("<H", data, 24)
        return [struct.unpack_from("<4H", data, 26 + 8 * number) for number in range(count)]
    except struct.error:
        return []


def text_codec(biff_version: int, codepage: int | None, charset: int | None) -> str | None:
    """Tell in which code page a text of a file before Excel 97 is: None where nothing says it.

    Args:
        biff_version: of the file, 80 for Excel 97 and later.
        codepage: the file's.
        charset: the character set of the cell's font; None where fonts have none.
    """
    if biff_version >= _OLDER_THAN_97:
        return "utf-8"
    if charset is not None and charset != 0 and charset in CHARSETS:
        return CHARSETS[charset]
    if codepage is not None:
        return _CODE_PAGES.get(codepage, f"cp{codepage}")
    return None if charset is None else CHARSETS.get(charset)
