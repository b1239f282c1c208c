"""The report of an earlier run, written again: also of one that was killed, or whose sheet was moved."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ordersheet import reporter
from ordersheet.core.errors import OrdersheetError, RunUnfinishedError
from ordersheet.core.model import Outcome, RowResult
from ordersheet.loader import empty_table, open_table
from ordersheet.mapping.headers import fold
from ordersheet.pipeline.kept_input import InputGone, write_kept_input
from ordersheet.reporter.report_path import file_sha256, report_path_chooser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ordersheet.config.settings import Settings
    from ordersheet.core.file_place import FilePlace
    from ordersheet.ledger import Ledger, RunInfo
    from ordersheet.loader import Table

NOT_REACHED = "The run ended before this row's turn. Send the file again to go on."
NOT_YET = (
    "The run still goes on, and this row's turn has not come. Write the report again when the run has ended."
)


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A report written again."""

    path: Path
    note: str | None
    """What a person should know of it, such as that the input is gone."""


def rewrite_report(
    ledger: Ledger, text: str, *, target: Path | None, overwrite: bool, large_files: FilePlace | None = None
) -> Rewritten:
    """Write the report of a run again.

    Args:
        ledger: where the run stands.
        text: the run's id, its unique beginning, or `last`.
        target: a file or a folder; None for the usual place.
        overwrite: let it replace what is no earlier report.
        large_files: where inputs lie that are too large for the ledger, as far as this computer knows.

    Raises:
        UsageError: where the run is unknown, or its report cannot be written there.
        RunUnfinishedError: where workers still send it.
        FilePlaceError: where its input lies elsewhere, and cannot be had now.
    """
    from ordersheet.ledger import RunState

    info = ledger.run(text)
    if info.submitted and info.state is RunState.RUNNING:
        raise RunUnfinishedError(
            f"Run {info.run} is not finished: workers send it. See how far it is with: ordersheet show"
            f" {info.run}",
            code="unfinished",
        )
    with source_of(ledger, info, large_files) as source:
        return _rewritten(ledger, info, source, target=target, overwrite=overwrite)


def rewrite_report_by(settings: Settings, ledger: Ledger, run: str) -> Rewritten:
    """Write the report of a run again, where and how the settings say; errors as in `rewrite_report`."""
    return rewrite_report(
        ledger,
        run,
        target=settings.report,
        overwrite=settings.overwrite,
        large_files=settings.large_files,
    )


def _rewritten(
    ledger: Ledger, info: RunInfo, source: Path | None, *, target: Path | None, overwrite: bool
) -> Rewritten:
    from ordersheet.ledger import RunState

    table = _open(info, source) if source is not None else None
    named = Path(info.input)
    empty = None if source is None else empty_table(source)
    form = next((one.facts.form for one in (table, empty) if one is not None), "frame")
    place = report_path_chooser(named, form, target, source=_existing(named), overwrite=overwrite)(info.run)
    if empty is not None:
        return Rewritten(reporter.write_fresh((), place).path, None)
    if table is None or source is None:
        written = reporter.write_fresh(ledger.results(info.run), place, sheet=info.sheet or "Orders")
        why = (
            f"The input {info.input} is gone or has changed, so this is a table of its own, from the ledger."
        )
        return Rewritten(written.path, f"{why} {written.note}" if written.note else why)
    untold = NOT_YET if info.state is RunState.RUNNING else NOT_REACHED
    if info.undo_of is not None:
        untold = untold.replace("Send the file again", "Run the undo again")
    results = complete(table, ledger.results(info.run), untold)
    written = reporter.write_report(
        source, table.facts, results, place, headers=table.headers, rows=table.rows()
    )
    return Rewritten(written.path, written.note)


def _existing(path: Path) -> Path | None:
    return path if path.exists() else None


@contextmanager
def source_of(ledger: Ledger, info: RunInfo, large_files: FilePlace | None = None) -> Iterator[Path | None]:
    """Find the input as it was: a private copy, the file where nobody has changed it, or what was kept of it.

    Raises:
        FilePlaceError: it lies in the place for large files, and cannot be had now.
    """
    named = Path(info.input)
    if info.copy is not None and info.copy.exists():
        yield info.copy
    elif info.sha256 is not None and named.is_file() and file_sha256(named) == info.sha256:
        yield named
    elif info.submitted and info.purged is None:
        with TemporaryDirectory(prefix="ordersheet-") as folder:
            kept = Path(folder) / PureWindowsPath(named.name).name
            found = True
            try:
                write_kept_input(ledger, info, kept, large_files)
            except InputGone:
                found = False
            yield kept if found else None
    else:
        yield None


def _open(info: RunInfo, source: Path) -> Table | None:
    try:
        return open_table(
            source,
            is_id_header=_order_header(info.mapping),
            sheet=info.sheet,
            encoding=_option(info, "encoding") or info.encoding,
            delimiter=_option(info, "delimiter"),
        )
    except OrdersheetError:
        return None


def _option(info: RunInfo, name: str) -> str | None:
    value = info.options.get(name)
    return str(value) if value is not None else None


def _order_header(mapping: Mapping[str, Any]) -> Callable[[str], bool]:
    """Tell the order column as that run had it, whatever its mapping file says today."""
    headers = {fold(column["header"]) for column in mapping.get("columns", ()) if column["field"] == "order"}
    return lambda text: fold(text) in headers


def complete(table: Table, results: Iterable[RowResult], untold: str) -> Iterator[RowResult]:
    """Give a result for each data row of the table: the ledger's, or `not sent` where it has none.

    Args:
        table: the input.
        results: what the ledger has, in row order.
        untold: what is said of the other rows.
    """
    known = iter(results)
    ahead = next(known, None)
    for row in table.rows(()):
        while ahead is not None and ahead.row < row.number:
            ahead = next(known, None)
        if ahead is not None and ahead.row == row.number:
            yield ahead
        else:
            yield RowResult(row.number, "", Outcome.NOT_SENT, untold)
