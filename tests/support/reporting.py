"""Results to write, and an independent look at what was written."""

from __future__ import annotations

import re
import warnings
import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import openpyxl

from ordersheet.core.model import Outcome, RowResult, TableFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

TIME = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
HEADERS = ("update_status", "update_outcome", "update_message", "update_time")
OK = ("ok", "applied", "Done.", "2026-11-23T09:30:00Z")
NO = ("no", "invalid", "A2: not a number.", None)

_CELL = re.compile(rb"<(?:\w+:)?c(?=[\s/>])(?:[^<>]*/>|[^<>]*>.*?</(?:\w+:)?c>)", re.DOTALL)


def result(row: int, *, ok: bool = True, message: str | None = None) -> RowResult:
    outcome, said, time = (Outcome.APPLIED, OK[2], TIME) if ok else (Outcome.INVALID, NO[2], None)
    return RowResult(row, str(row), outcome, said if message is None else message, time)


def results(rows: Iterable[int], bad: Sequence[int] = ()) -> Iterator[RowResult]:
    """Give results once, as a run does."""
    return (result(row, ok=row not in bad) for row in rows)


def sheet_facts(
    sheet: str = "Orders", header_row: int = 1, earlier: tuple[int, ...] = (), form: str = "xlsx"
) -> TableFacts:
    return TableFacts(form, sheet, header_row, result_columns=earlier)


def parts(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as package:
        assert package.testzip() is None
        return {info.filename: package.read(info) for info in package.infolist()}


def cells(xml: bytes) -> list[bytes]:
    """List the cells of a sheet as they are written."""
    return _CELL.findall(xml)


def load_book(path: Path) -> openpyxl.Workbook:
    """Load a workbook with openpyxl, whatever it warns that it would lose on saving."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return openpyxl.load_workbook(path)


def grid(path: Path, sheet: str | None = None) -> list[list[object]]:
    """Read a sheet with openpyxl."""
    book = load_book(path)
    page = book[sheet] if sheet else book.worksheets[0]
    return [list(row) for row in page.iter_rows(values_only=True)]


def rezip(source: Path, target: Path, changed: dict[str, bytes], dropped: Iterable[str] = ()) -> Path:
    """Write a package again with some parts changed, dropped or added."""
    held = parts(source) | changed
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in held.items():
            if name not in dropped:
                package.writestr(name, data)
    return target
