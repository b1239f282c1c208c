"""How a run ends: its exit code, and its rows as the ledger has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.core.errors import RunStopped, exit_code_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ordersheet.core.ledger_url import LedgerUrl
    from ordersheet.core.model import RowResult, StoppedBy


def rows_of(path: Path | LedgerUrl, run: str) -> Iterator[RowResult]:
    """Give a run's rows, from the ledger at this path."""
    from ordersheet.ledger import Ledger

    with Ledger.open(path, create=False, read_only=True) as ledger:
        yield from ledger.results(run)


def exit_code(stopped_by: StoppedBy | None, amiss: int, signal: int | None) -> int:
    """Give the command's exit code: a signal wins over 3, 3 over 1."""
    if signal is not None:
        return exit_code_of(signal)
    if stopped_by is not None:
        return RunStopped.exit_code
    return 1 if amiss else 0
