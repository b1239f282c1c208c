"""The files that can be written: a report, the input with columns added, a table from results alone."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from ordersheet.core.errors import SourceError
from ordersheet.ooxml.refusals import CannotSplice
from ordersheet.reporter.added_columns import Added, AddedRow, Written, problems_added, results_added
from ordersheet.reporter.atomic_file import AtomicFile

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from ordersheet.core.model import Header, Problem, Row, RowResult, TableFacts
    from ordersheet.reporter.xlsx.workbook import WorkbookSplice

_TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
_WIDEST = 60
_NO_SPLICE = {
    "xls": "columns cannot be added to the old .xls form",
    "frame": "it was no file",
    "ods": "columns are added to .xlsx, .xlsm and CSV files alone",
}


def write_report(
    source: Path,
    facts: TableFacts,
    results: Iterable[RowResult],
    target: Path,
    *,
    headers: Sequence[Header] = (),
    rows: Iterable[Row] = (),
) -> Written:
    """Write the person's own file with the four result columns.

    The result columns stand at the right of everything in the header row and below. Those of an earlier
    report (`facts.result_columns`) are replaced where they are. Where the file cannot be given back so, a
    fresh .xlsx is written beside it, and the note says why.

    Args:
        source: the input, or the copy of it that was read.
        facts: what the loader found out about it.
        results: exactly one for each data row, in row order; taken once, as they are written.
        target: where to; `report_path_problem` tells beforehand whether it may be replaced.
        headers: the table's headers, for a fresh workbook (an .xls); without them it holds the results alone.
        rows: the table's rows with all columns, for the same; taken only where needed.

    Returns:
        Where the report really is, and what a person should read about it.

    Raises:
        OrdersheetError: `report-unwritable`, where no place can be written.
        ValueError: where a result belongs to no row of the file.
    """
    added = results_added(results)
    try:
        return _spliced(source, facts, added, target, replace=bool(facts.result_columns))
    except CannotSplice as reason:
        note = _fresh_note(facts, reason)
    path = _workbook_name(target)
    if headers:
        return _fresh_with_cells(added, headers, rows, path, source, facts=facts, note=note)
    return _fresh(results, path, source, facts.sheet, note)


def write_problems(
    source: Path,
    facts: TableFacts,
    problems: Mapping[int, Sequence[Problem]] | Iterable[tuple[int, str]],
    target: Path,
    *,
    headers: Sequence[Header] = (),
    rows: Iterable[Row] = (),
) -> Written:
    """Write the person's own file with one more column, `problem`.

    Args:
        source: the input, or the copy of it that was read.
        facts: what the loader found out about it.
        problems: by row number the problems of rows that have any; or pairs of row number and text, in
            row order.
        target: where to.
        headers: as for `write_report`.
        rows: as for `write_report`.

    Returns:
        Where the file really is, and what a person should read about it.

    Raises:
        OrdersheetError: `report-unwritable`, where no place can be written.
        ValueError: where a problem belongs to no row of the file.
    """
    added = problems_added(problems)
    try:
        return _spliced(source, facts, added, target, replace=False)
    except CannotSplice as reason:
        note = _fresh_note(facts, reason)
    path = _workbook_name(target)
    return _fresh_with_cells(added, headers, rows, path, source, facts=facts, note=note)


def write_columns(
    source: Path,
    facts: TableFacts,
    added_headers: tuple[str, ...],
    widths: tuple[int, ...],
    added_rows: Iterable[tuple[int, tuple[str, ...]]],
    target: Path,
    *,
    headers: Sequence[Header] = (),
    table_rows: Iterable[Row] = (),
) -> Written:
    """Write the person's own file with columns of any kind.

    Args:
        source: the input.
        facts: what the loader found out about it.
        added_headers: of the columns to add.
        widths: theirs, in characters.
        added_rows: row number and texts of the rows that get any, in row order.
        target: where to.
        headers: as for `write_report`.
        table_rows: as its `rows`.

    Returns:
        Where the file really is, and what a person should read about it.

    Raises:
        OrdersheetError: `report-unwritable`, where no place can be written.
    """
    rows = (AddedRow(row, texts, bad=False) for row, texts in added_rows)
    added = Added(added_headers, widths, rows)
    try:
        return _spliced(source, facts, added, target, replace=False)
    except CannotSplice as reason:
        note = _fresh_note(facts, reason)
    path = _workbook_name(target)
    return _fresh_with_cells(added, headers, table_rows, path, source, facts=facts, note=note)


def write_fresh(results: Iterable[RowResult], target: Path, *, sheet: str | None = None) -> Written:
    """Write a table of row, order and the four result columns, where the input is gone.

    Args:
        results: in row order.
        target: .csv, .tsv and .txt become a CSV table, all else a workbook named .xlsx.
        sheet: the name of the workbook's sheet.

    Returns:
        Where it really is.

    Raises:
        OrdersheetError: `report-unwritable`, where no place can be written.
    """
    path = target if target.suffix.lower() in _TEXT_SUFFIXES else _workbook_name(target)
    return _fresh(results, path, None, sheet, None)


def write_table(
    target: Path,
    headers: tuple[str, ...],
    widths: tuple[int, ...],
    rows: Iterable[tuple[int, tuple[str, ...]]],
    *,
    sheet: str,
    hidden: Collection[int] = (),
) -> Written:
    """Write a new workbook or CSV of texts.

    Args:
        target: .csv becomes a CSV table, all else a workbook.
        headers: the header row.
        widths: of the columns, in characters.
        rows: row number and texts of each row, one below the other; taken as they are written.
        sheet: the name of the workbook's sheet.
        hidden: columns of a workbook that are not shown, 0 for A.

    Returns:
        Where it really is.

    Raises:
        OrdersheetError: `report-unwritable`, where no place can be written.
    """
    from ordersheet.reporter.fresh import fresh_csv, fresh_workbook

    lines = (AddedRow(row, texts, bad=False) for row, texts in rows)
    with AtomicFile(target, None) as out:
        if target.suffix.lower() in _TEXT_SUFFIXES:
            fresh_csv(out, headers, lines)
        else:
            fresh_workbook(out, sheet, headers, widths, lines, hidden=hidden)
        return out.land()


def _spliced(source: Path, facts: TableFacts, added: Added, target: Path, *, replace: bool) -> Written:
    if facts.form == "csv":
        from ordersheet.reporter.csv import write_delimited

        with AtomicFile(target, source) as out:
            write_delimited(source, facts, added, out, replace=replace)
            return out.land()
    if facts.form in _NO_SPLICE:
        raise CannotSplice(_NO_SPLICE[facts.form])
    with ExitStack() as stack:
        plan = _plan(stack, source, facts, added, replace=replace)
        with AtomicFile(target, source) as out:
            plan.write(out)
            return out.land(" ".join(plan.notes) or None)


def _plan(
    stack: ExitStack, source: Path, facts: TableFacts, added: Added, *, replace: bool
) -> WorkbookSplice:
    from ordersheet.ooxml.package import open_package
    from ordersheet.reporter.xlsx.workbook import WorkbookSplice

    try:
        package = stack.enter_context(open_package(source))
        return WorkbookSplice(package, facts, added, replace=replace)
    except SourceError as fault:
        what = str(fault).partition(". ")[0]
        raise CannotSplice(f"columns could not be added to yours ({what[:1].lower()}{what[1:]})") from fault


def _fresh_note(facts: TableFacts, reason: CannotSplice) -> str:
    if facts.form == "frame":
        return "This is a new workbook."
    return f"This is a new workbook, because {reason}. Your file is as it was."


def _workbook_name(target: Path) -> Path:
    """Give the target's name for a workbook without macros."""
    return target if target.suffix.lower() == ".xlsx" else target.with_suffix(".xlsx")


def _fresh(
    results: Iterable[RowResult], target: Path, source: Path | None, sheet: str | None, note: str | None
) -> Written:
    from ordersheet.reporter.fresh import PLAIN_HEADERS, PLAIN_WIDTHS, fresh_csv, fresh_workbook, plain_rows

    with AtomicFile(target, source) as out:
        if target.suffix.lower() in _TEXT_SUFFIXES:
            fresh_csv(out, PLAIN_HEADERS, plain_rows(results))
        else:
            fresh_workbook(out, sheet or "Report", PLAIN_HEADERS, PLAIN_WIDTHS, plain_rows(results))
        return out.land(note)


def _fresh_with_cells(
    added: Added,
    headers: Sequence[Header],
    rows: Iterable[Row],
    target: Path,
    source: Path,
    *,
    facts: TableFacts,
    note: str,
) -> Written:
    from ordersheet.reporter.fresh import FRESH_WIDTH, fresh_workbook, with_shown_cells

    earlier = facts.result_columns if len(added.headers) == len(facts.result_columns) else ()
    if headers:
        names, joined = with_shown_cells(added, headers, rows, earlier)
    else:
        names = ["row", *added.headers]
        joined = (new._replace(texts=(str(new.row), *new.texts)) for new in added.rows)
    own = names[: len(names) - len(added.headers)]
    widths = (*(min(max(FRESH_WIDTH, len(name) + 6), _WIDEST) for name in own), *added.widths)
    with AtomicFile(target, source) as out:
        place = facts.header_row if headers else None
        fresh_workbook(out, facts.sheet or "Report", names, widths, joined, header_row=place)
        return out.land(note)
