"""How a run ends: what its summary says of the end, and its rows as the ledger has them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ordersheet.core.errors import RunStopped, exit_code_of
from ordersheet.core.model import StoppedBy
from ordersheet.core.result import iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from ordersheet.core.ledger_url import LedgerUrl
    from ordersheet.core.model import RowResult
    from ordersheet.core.result import Counted
    from ordersheet.core.summary import RunSummary


def rows_of(path: Path | LedgerUrl, run: str) -> Iterator[RowResult]:
    """Give a run's rows, from the ledger at this path."""
    from ordersheet.ledger import Ledger

    with Ledger.open(path, create=False, read_only=True) as ledger:
        yield from ledger.results(run)


def summed_up(
    known: RunSummary,
    counted: Counted,
    notes: Iterable[str | None],
    time: tuple[datetime, datetime],
    signal: int | None = None,
) -> RunSummary:
    """Add to what is known of a run what follows from its end.

    Args:
        known: whose run it was, what it was about, and what stopped it.
        counted: its rows.
        notes: sentences about its end.
        time: when it began and when it ended.
        signal: with which somebody asked for its end; counts where something stopped it.
    """
    began, ended = time
    stopped_by = known.stopped_by
    code = exit_code(stopped_by, counted.amiss, signal if stopped_by is not None else None)
    return replace(
        known,
        exit_code=code,
        # A key that was refused is refused again, until somebody sees to it.
        retry=stopped_by is not StoppedBy.KEY_REFUSED and (code not in (0, 1) or counted.unfinished > 0),
        left_out=counted.left_out,
        status=counted.status,
        outcomes=counted.outcomes,
        started=iso(began),
        seconds=round((ended - began).total_seconds(), 3),
        error=" ".join(filter(None, notes)) or None,
    )


def exit_code(stopped_by: StoppedBy | None, amiss: int, signal: int | None) -> int:
    """Give the command's exit code: a signal wins over 3, 3 over 1."""
    if signal is not None:
        return exit_code_of(signal)
    if stopped_by is not None:
        return RunStopped.exit_code
    return 1 if amiss else 0
