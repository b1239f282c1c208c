"""What pages show of one order, and whether that is enough: else the order is read by its ID, too.

A page may tell what stands in an order before something is added. Whatever keeps a row from being sent, and
whatever is taken away, is read by the order's ID.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.core.model import COMMENT_FIELDS
from ordersheet.delivery.guards import guards_an_overwrite, is_unchanged, why_not_sent
from ordersheet.delivery.reconcile import held_in, stands_there
from ordersheet.delivery.verdict.page_trust import WrittenText

if TYPE_CHECKING:
    from collections.abc import Callable

    from ordersheet.api import OrderView
    from ordersheet.core.history.orderbook import OrderBook
    from ordersheet.delivery.actions import WasRead
    from ordersheet.delivery.parts import Part, RowInHand
    from ordersheet.delivery.run_facts import RunFacts


class PageReadings:
    """One order's readings by pages.

    Attributes:
        in_use: the latest reading is what a page showed.

    Args:
        order: its ID.
        book: its history.
        run: what all orders of the run share.
        since: when its claim was taken (monotonic); None where no page may serve.
    """

    def __init__(self, order: int, book: OrderBook, run: RunFacts, since: float | None) -> None:
        self.in_use = False
        self._order = order
        self._book = book
        self._run = run
        self._since = since
        self._shown: OrderView | None = None
        """What a page showed that was not enough."""

    def since(self, row: RowInHand) -> float | None:
        """Say from when on a page may serve a row: since the claim, and the order's latest attempt."""
        attributes = self._run.wants_attributes(row.to_send) or row.looked_at.isdisjoint(COMMENT_FIELDS)
        by_id = self._shown is not None or attributes or guards_an_overwrite(row)
        return None if by_id else self._since

    def answered(self, seconds: float) -> None:
        """An attempt has ended: no page serves that was asked for before."""
        if self._since is not None:
            self._since = seconds

    def enough(self, row: RowInHand, view: OrderView | None, lacks: Callable[[str], bool]) -> bool:
        """Tell whether what a page shows may be the baseline.

        Args:
            row: what is to be sent.
            view: what the page shows.
            lacks: whether that lacks what a field was answered ok a moment ago.
        """
        pages = self._run.pages
        texts = {part.field: part.text for part in row.to_send if part.in_comment}
        texts = {guard.field: guard.text for guard in row.update.guards} | texts
        if any(map(lacks, texts)):
            # An old copy, and so may be what it shows of the others.
            pages.off = True
        whole = all(pages.serves(field, held_in(view, field), text) for field, text in texts.items())
        if whole and not self._decides(row, view):
            return True
        self._shown = view
        return False

    def _decides(self, row: RowInHand, view: OrderView | None) -> bool:
        """Tell whether what a page shows would keep a row, or a part of it, from being sent."""
        run, book = self._run, self._book
        if row.update.guards and why_not_sent(row, view, book, run, ()) is not None:
            return True
        return any(
            stands_there(part.ask, held_in(view, part.field), book, run.options)
            or (run.options.skip_unchanged and is_unchanged(part, view, run, ()))
            for part in row.to_send
        )

    def seen(self, told: WasRead) -> None:
        """Note where the latest reading is from, and whether a page had shown the same."""
        self.in_use = told.in_page
        if self._shown is not None and told.view is not None:
            self._run.pages.compare(self._shown, told.view)
            self._shown = None

    def wrote(self, part: Part, seconds: float) -> None:
        """An update was answered ok: pages must show it from now on."""
        written = WrittenText(part.text, part.appends, part.baseline, not self.in_use, seconds)
        self._run.pages.wrote(self._order, part.field, written)
