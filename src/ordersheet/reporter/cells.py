"""Cells that a person mended, put into a copy of their file; everything else in it stays byte for byte."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

from ordersheet.core.errors import SourceError, UsageError
from ordersheet.core.model import column_letters
from ordersheet.ooxml.refusals import CannotSplice
from ordersheet.reporter.atomic_file import AtomicFile
from ordersheet.reporter.csv import DelimitedCells
from ordersheet.reporter.text import CELL_LIMIT, cell_text, text_element

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ordersheet.core.model import TableFacts
    from ordersheet.ooxml.package import Package
    from ordersheet.reporter.added_columns import Written
    from ordersheet.reporter.xlsx.scan import RowBytes, RowShapes

Texts: TypeAlias = "Mapping[tuple[int, int], str]"
"""By row number and column (0 for A): the text that a cell is to show; `""` empties it."""
_FORMULA = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?f[\s/>]")


def write_cells(source: Path, facts: TableFacts, texts: Texts, target: Path) -> Written:
    """Write a copy of a file in which some cells hold other texts.

    Args:
        source: the file.
        facts: what the loader found out about it.
        texts: the new texts.
        target: the copy's path.

    Returns:
        Where the copy is.

    Raises:
        UsageError: a cell of this file cannot be changed so that every program sees the new text.
        OrdersheetError: `report-unwritable`, where no place can be written.
    """
    if facts.form not in ("csv", "xlsx", "xlsm"):
        raise UsageError(
            f"Cells of an .{facts.form} file cannot be mended here. Mend it in your spreadsheet program, or "
            "save it as .xlsx, and choose it again.",
            code="cannot-mend",
        )
    for (row, column), text in texts.items():
        if cell_text(text) != text.replace("\r\n", "\n").replace("\r", "\n") or len(text) > CELL_LIMIT:
            raise UsageError(
                f"{column_letters(column)}{row}: this text holds signs that a cell cannot hold, or more than "
                f"{CELL_LIMIT:,} characters. Type it again.",
                code="cannot-mend",
            )
    by_row: dict[int, dict[int, str]] = {}
    for (row, column), text in texts.items():
        by_row.setdefault(row, {})[column] = text
    try:
        with AtomicFile(target, source) as out:
            if facts.form == "csv":
                DelimitedCells(source, facts, by_row).write(out)
            else:
                _write_workbook(source, facts, by_row, out)
            return out.land()
    except CannotSplice as reason:
        raise UsageError(
            f"Cells of this file cannot be mended here, because {reason}. Mend it in your spreadsheet "
            "program, and choose it again.",
            code="cannot-mend",
        ) from reason


def _write_workbook(
    source: Path, facts: TableFacts, by_row: Mapping[int, Mapping[int, str]], out: AtomicFile
) -> None:
    from ordersheet.ooxml.package import open_package
    from ordersheet.ooxml.package_copy import check_copyable, copy_package
    from ordersheet.reporter.xlsx.workbook import find_sheet

    with open_package(source) as package:
        check_copyable(package)
        place = find_sheet(package, facts.sheet)
        copy_package(package, out, {place.sheet: lambda: _sheet(package, place.sheet, by_row)})


def _sheet(package: Package, part: str, by_row: Mapping[int, Mapping[int, str]]) -> Iterator[bytes]:
    from ordersheet.ooxml.text import codec_of, from_utf8, to_utf8
    from ordersheet.reporter.xlsx.scan import RowShapes, SheetReader

    codec = codec_of(next(package.chunks(part, big=True), b""))
    reader = SheetReader(to_utf8(package.chunks(part, big=True), codec))
    shapes, prefix = RowShapes(reader.prefix), reader.prefix.decode()

    def rows() -> Iterator[bytes]:
        due = dict(by_row)
        for row in reader.rows():
            texts = due.pop(row.number, None)
            yield b"".join(row[1:] if texts is None else _with_texts(row, texts, shapes, prefix))
        if due:
            raise SourceError(f"Row {min(due)} is not in the sheet.", code="no-such-row")

    return from_utf8(chain((reader.head,), rows(), reader.tail()), codec)


def _with_texts(row: RowBytes, texts: Mapping[int, str], shapes: RowShapes, prefix: str) -> tuple[bytes, ...]:
    tag = row.tag if not row.tag.endswith(b"/>") else row.tag[:-2].rstrip() + b">"
    close = row.close or f"</{prefix}row>".encode()
    cells = shapes.cells(row.body)
    parts: list[bytes] = []
    done = 0
    for column in sorted(texts):
        own = next((cell for cell in cells if cell.column == column), None)
        if own is not None and _FORMULA.search(row.body[own.begin : own.end]):
            raise UsageError(
                f"{column_letters(column)}{row.number} holds a formula. Mend it in your spreadsheet program, "
                "and choose the file again.",
                code="cannot-mend",
            )
        after = next((cell.begin for cell in cells if cell.column > column), len(row.body))
        begin, end = (own.begin, own.end) if own is not None else (after, after)
        style = own.style if own is not None else None
        parts += (row.body[done:begin], _cell(column, row.number, texts[column], style, prefix))
        done = end
    return row.gap, tag, *parts, row.body[done:], close


def _cell(column: int, number: int, text: str, style: str | None, prefix: str) -> bytes:
    place = f'<{prefix}c r="{column_letters(column)}{number}"' + (f' s="{style}"' if style else "")
    if not text:
        return f"{place}/>".encode()
    shown = text_element(text, f"{prefix}t")
    return f'{place} t="inlineStr"><{prefix}is>{shown}</{prefix}is></{prefix}c>'.encode()
