"""The results of a run, kept in memory as well: a ledger that is far away may be gone when they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.core.errors import LedgerError
from ordersheet.core.journal import Begin, Done
from ordersheet.core.model import RowResult
from ordersheet.core.operation_state import OperationState
from ordersheet.ledger.results import judged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ordersheet.core.journal import Event


class Remembered:
    """What a run has told its ledger of its rows so far."""

    def __init__(self) -> None:
        self._results: dict[int, RowResult] = {}
        self._under_way: dict[int, int] = {}

    def add(self, results: Iterable[RowResult]) -> None:
        """Keep results that the ledger has taken."""
        self._results.update((result.row, result) for result in results)

    def note(self, events: Iterable[Event]) -> None:
        """Keep what the ledger has taken of these events."""
        for event in events:
            if type(event) is Done:
                self._under_way.pop(event.result.row, None)
                self._results[event.result.row] = event.result
            elif type(event) is Begin:
                self._under_way[event.row] = event.order

    def complete(self, recorded: Iterator[RowResult]) -> Iterator[RowResult]:
        """Give the results that the ledger holds, and from memory those for which it cannot be asked."""
        last = 0
        try:
            for result in recorded:
                yield result
                last = result.row
        except LedgerError:
            outcome, message = judged([OperationState.SENDING])
            unknown = {
                row: RowResult(row, str(order), outcome, message) for row, order in self._under_way.items()
            }
            known = self._results | unknown
            yield from (known[row] for row in sorted(known) if row > last)
