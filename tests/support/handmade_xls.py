"""Workbooks in the form of Excel 5 and 95 (BIFF5), record by record, for what no library writes."""

from __future__ import annotations

import struct

BOF, EOF, CODEPAGE, FONT, XF, BOUNDSHEET = 0x0809, 0x000A, 0x0042, 0x0031, 0x00E0, 0x0085
LABEL, NUMBER, FORMULA, UNCALCED, WINDOW2, CONDFMT12, CF12 = 0x0204, 0x0203, 0x0006, 0x5E, 0x23E, 0x879, 0x87A
SHOWS_ZEROS = 0x0010


def record(kind: int, data: bytes = b"") -> bytes:
    """Give one record."""
    return struct.pack("<HH", kind, len(data)) + data


def label(row: int, column: int, text: bytes) -> bytes:
    """Give a text, as the bytes that it is stored in."""
    return record(LABEL, struct.pack("<4H", row, column, 0, len(text)) + text)


def number(row: int, column: int, value: float) -> bytes:
    """Give a number."""
    return record(NUMBER, struct.pack("<3Hd", row, column, 0, value))


def formula(row: int, column: int, value: float) -> bytes:
    """Give a formula (of a constant) with its saved value."""
    tokens = b"\x1e\x01\x00"
    return record(FORMULA, struct.pack("<3HdHIH", row, column, 0, value, 0, 0, len(tokens)) + tokens)


def conditional(kind: int, rows: tuple[int, int], column: int) -> bytes:
    """Give a conditional format as Excel 2007 and later write it; `kind` 2 is a formula, 6 icons."""
    block = struct.pack("<4H", *rows, column, column)
    about = record(CONDFMT12, bytes(12) + struct.pack("<HH", 1, 0) + block + struct.pack("<H", 1) + block)
    return about + record(CF12, bytes(12) + bytes((kind, 0)) + bytes(20))


def workbook(
    cells: bytes,
    *,
    charset: int = 0,
    codepage: int | None = None,
    shows_zeros: bool = True,
    shows_formulas: bool = False,
) -> bytes:
    """Give a workbook of one sheet, all in one font.

    Args:
        cells: the sheet's records.
        charset: the font's character set.
        codepage: of the file; None for none.
        shows_zeros: whether the sheet's view shows zeros.
        shows_formulas: whether it shows formulas rather than what they give.
    """
    font = record(FONT, struct.pack("<5H4B", 200, 0, 0x7FFF, 400, 0, 0, 0, charset, 0) + b"\x05Arial")
    cell_format = record(XF, bytes(16))
    page = b"" if codepage is None else record(CODEPAGE, struct.pack("<H", codepage))
    head = record(BOF, struct.pack("<4H", 0x0500, 0x0005, 0, 0)) + page + font * 5 + cell_format * 16
    begin = len(head) + 4 + 7 + len(b"Orders") + 4
    head += record(BOUNDSHEET, struct.pack("<IHB", begin, 0, 6) + b"Orders") + record(EOF)
    view = record(
        WINDOW2, struct.pack("<HHHI", 0x06A6 | (SHOWS_ZEROS if shows_zeros else 0) | shows_formulas, 0, 0, 0)
    )
    return head + record(BOF, struct.pack("<4H", 0x0500, 0x0010, 0, 0)) + cells + view + record(EOF)
