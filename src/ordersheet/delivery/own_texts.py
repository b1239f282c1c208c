"""What was answered ok a moment ago: it must show in every reading, or the reading is an old copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.delivery.parts import may_be_overwritten
from ordersheet.delivery.reconcile import held_in, latest_texts, shows_gone
from ordersheet.delivery.verdict.proof import holds_all
from ordersheet.delivery.verdict.trust import control_of

if TYPE_CHECKING:
    from ordersheet.api import OrderView
    from ordersheet.core.history.orderbook import OrderBook
    from ordersheet.core.journal import Event
    from ordersheet.delivery.clock import Moment
    from ordersheet.delivery.parts import Part, RowInHand
    from ordersheet.delivery.run_facts import RunFacts
    from ordersheet.delivery.verdict.trust import Control

MOST_OURS = 20
"""How many of the latest texts are looked for in a reading."""


class OwnTexts:
    """What one order's comments must show, since it was answered ok."""

    def __init__(self, order: int, book: OrderBook, run: RunFacts) -> None:
        self._order = order
        self._book = book
        self._run = run
        self._latest: dict[str, list[str]] = {}
        """By field, as far as it was asked for."""
        self._controls: dict[str, Control] = {}
        """By field: the latest append that was answered ok, until the order is read again."""

    def lacked(self, row: RowInHand | None, field: str, view: OrderView | None, now: Moment) -> bool:
        """Tell whether a reading lacks what was answered ok a moment ago: it is an old copy, no baseline."""
        held = held_in(view, field)
        if held is None or not self._run.shows(field) or may_be_overwritten(row, field):
            return False
        latest = self._latest.get(field)
        if latest is None:
            latest = self._latest[field] = latest_texts(self._book.history(field), now.utc)
        return not holds_all(held, latest[-MOST_OURS:]) or shows_gone(self._book.gone(field), held, now.utc)

    def answered_ok(self, part: Part, asked_at: float) -> None:
        """Keep what was answered ok: the next reading must show it.

        Args:
            part: what was applied.
            asked_at: when its baseline was asked for (monotonic).
        """
        field, text, latest = part.field, part.text, self._latest.get(part.field)
        if latest is not None:
            self._latest[field] = [*latest[-MOST_OURS:], text] if part.appends else [text]
        self.overwritten(field)
        if part.appends and part.baseline is not None:
            control = control_of(self._order, field, part.baseline, text, asked_at)
            self._controls[field] = control
            self._run.remember(control)

    def overwritten(self, field: str) -> None:
        """What was appended before need not show any more."""
        self._controls.pop(field, None)
        self._run.forget_control(field, self._order)

    def read(self, view: OrderView, now: Moment) -> list[Event]:
        """Learn from a reading whether this store shows what was answered ok."""
        controls, self._controls = self._controls, {}
        events: list[Event] = []
        for control in controls.values():
            events += self._run.control_read(control, held_in(view, control.field), now)
        return events

    def judged(self, field: str) -> None:
        """A reading of a field was judged by others: it tells nothing of this append any more."""
        self._controls.pop(field, None)

    def look_up_anew(self) -> None:
        """Something was confirmed that must show from now on, too."""
        self._latest.clear()
