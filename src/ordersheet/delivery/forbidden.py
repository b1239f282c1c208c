"""What a 403 to an update means, which the answer alone does not tell (`forbidden` in `verdict/put.py`).

A lone one refuses its row. Three in a row, with no 200 between, say that this key may update nothing here:
the run stops, and those rows are not sent. So a row that was turned away waits, and its order's claim with
it (`forbidden_rows.py`), until an update is answered 200, the run stops for it, or nothing more can show it.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from ordersheet.delivery.verdict.put import StopReason

if TYPE_CHECKING:
    from ordersheet.core.journal import Event
    from ordersheet.delivery.clock import Moment

FORBIDDEN_IN_A_ROW = 3


class TurnedAway(Protocol):
    """An order with rows that were turned away with 403."""

    def settle(self, *, refused: bool, now: Moment) -> list[Event]:
        """Tell what those rows have come to."""


class ForbiddenUpdates:
    """Those of a whole run: how many in a row, and the orders that wait for what they mean."""

    def __init__(self) -> None:
        self._in_a_row = 0
        self._waiting: list[TurnedAway] = []

    def __bool__(self) -> bool:
        """Tell whether any row waits."""
        return bool(self._waiting)

    def answered(self, status: int | None) -> StopReason | None:
        """Count a PUT's status; None where no answer came. 200 begins the count anew."""
        if status == HTTPStatus.OK:
            self._in_a_row = 0
        elif status == HTTPStatus.FORBIDDEN:
            self._in_a_row += 1
            if self._in_a_row >= FORBIDDEN_IN_A_ROW:
                return StopReason.FORBIDDEN
        return None

    def wait(self, rows: TurnedAway) -> None:
        """Let an order's rows wait."""
        if rows not in self._waiting:
            self._waiting.append(rows)

    def settle(self, *, refused: bool, now: Moment) -> list[Event]:
        """Tell what all rows that wait have come to: refused, or not sent since the run stops."""
        waiting, self._waiting = self._waiting, []
        return [event for rows in waiting for event in rows.settle(refused=refused, now=now)]
