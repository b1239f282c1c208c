"""The one door to every file: sniff it, hand it to its reader, and tell who has it open."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from ordersheet.core.errors import SourceError, UsageError
from ordersheet.loader.sniff import Form, sniff, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from ordersheet.loader.table import Table

_TEXT_NAMES = (".csv", ".tsv", ".txt", ".tab")


def open_table(
    path: Path,
    *,
    is_id_header: Callable[[str], bool],
    sheet: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> Table:
    """Open a file as a table of cells as the person sees them.

    Its first bytes decide what kind of file it is, not its name. The table can be read as often as needed.

    Args:
        path: the file.
        is_id_header: tells the order column's header, white space already folded.
        sheet: the sheet to read; needed only where several visible ones have an ID header.
        encoding: for a CSV, decides instead of what the file and its letters say.
        delimiter: for a CSV, decides instead of the detector.

    Raises:
        SourceError: the file cannot be read as one table without guessing.
        UsageError: `encoding` or `delimiter` is none, or the file is a workbook, which has neither.
    """
    form = sniff(path)
    if form is not Form.CSV and (encoding is not None or delimiter is not None):
        option = "--encoding" if encoding is not None else "--delimiter"
        raise UsageError(
            f"{option} is for CSV files; {path.name} is a workbook. Leave it out.", code="not-a-csv"
        )
    try:
        table = _open(form, path, is_id_header, sheet, encoding, delimiter)
    except OSError as error:
        raise unreadable(path, error) from error
    notices = notices_about(path, form)
    if notices:
        table.facts = replace(table.facts, notices=(*table.facts.notices, *notices))
    return table


def open_frame(frame: pd.DataFrame, *, is_id_header: Callable[[str], bool]) -> Table:
    """Open a DataFrame as a table; the frame is neither copied nor changed.

    Rows have the numbers that they would have in a sheet: the header is row 1, the first record row 2.

    Args:
        frame: the frame; its column labels are the headers, its index is not read.
        is_id_header: tells the order column's header.

    Raises:
        SourceError: it has no ID column, or two.
        UsageError: it is no DataFrame.
    """
    from ordersheet.loader.frame import read_frame

    return read_frame(frame, is_id_header=is_id_header)


def _open(
    form: Form,
    path: Path,
    is_id_header: Callable[[str], bool],
    sheet: str | None,
    encoding: str | None,
    delimiter: str | None,
) -> Table:
    # Each reader is imported only when a file needs it: xlrd alone costs more than a small CSV.
    if form is Form.CSV:
        from ordersheet.loader.csv.reader import open_csv

        if sheet is not None:
            raise SourceError("A CSV file has no sheets. Leave --sheet out.", code="unknown-sheet")
        return open_csv(path, is_id_header=is_id_header, encoding=encoding, delimiter=delimiter)
    if form is Form.XLSX:
        from ordersheet.loader.xlsx.workbook import open_workbook

        return open_workbook(path, is_id_header=is_id_header, sheet=sheet)
    if form is Form.ODS:
        from ordersheet.loader.ods.reader import open_ods

        return open_ods(path, is_id_header=is_id_header, sheet=sheet)
    from ordersheet.loader.xls.reader import open_xls

    return open_xls(path, is_id_header=is_id_header, sheet=sheet)


def notices_about(path: Path, form: Form) -> tuple[str, ...]:
    """Say what a person should know of a file before it is read.

    That a program has it open is known by the file that Excel (`~$name`) or LibreOffice (`.~lock.name#`) puts
    beside it.
    """
    notices: list[str] = []
    for program, name in (("Excel", f"~${path.name}"), ("LibreOffice", f".~lock.{path.name}#")):
        lock = path.with_name(name)
        try:
            open_elsewhere = lock.exists()
            saved = datetime.fromtimestamp(path.stat().st_mtime).astimezone()
        except OSError:
            continue
        if open_elsewhere:
            notices.append(
                f"{program} has {path.name} open. What is read is the state saved on "
                f"{saved:%Y-%m-%d at %H:%M:%S}; later changes are not in it."
            )
    if form is not Form.CSV and path.suffix.lower() in _TEXT_NAMES:
        notices.append(f"{path.name} is named like a text file and is a workbook; it is read as one.")
    return tuple(notices)
