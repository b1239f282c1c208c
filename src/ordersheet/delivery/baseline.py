"""What an order holds before a row leaves: when that is read, what it keeps back, and how long it serves."""

from __future__ import annotations

from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING

from ordersheet.core.model import COMMENT_FIELDS, Outcome
from ordersheet.delivery import messages
from ordersheet.delivery.guards import guards_grew_old, is_unchanged, why_not_sent
from ordersheet.delivery.latest_reading import LatestReading
from ordersheet.delivery.own_texts import OwnTexts
from ordersheet.delivery.page_readings import PageReadings
from ordersheet.delivery.reconcile import held_in, stands_there, stood_in, turned_up

if TYPE_CHECKING:
    from ordersheet.core.history.orderbook import OrderBook
    from ordersheet.delivery.actions import WasRead
    from ordersheet.delivery.clock import Moment
    from ordersheet.delivery.order_notes import OrderNotes
    from ordersheet.delivery.parts import Part, RowInHand
    from ordersheet.delivery.run_facts import RunFacts


class AtTurn(Enum):
    """What a row's baseline is worth when its turn to leave has come."""

    SERVES = auto()
    GREW_OLD = auto()
    """It is read once more, and the row is decided anew."""
    GUARDS_NO_MORE = auto()
    """What the row takes away is read at once."""


class Baseline:
    """What one order holds before its rows leave.

    Attributes:
        latest: what it was seen to hold last.
        pages: what pages of orders show of it.
        own_texts: what it must show.

    Args:
        order: its ID.
        book: its history, and what the file asks.
        run: what all orders of the run share.
        notes: take what a reading makes of a row.
        claimed: when its claim was taken (monotonic); None where no page may serve.
    """

    def __init__(
        self, order: int, book: OrderBook, run: RunFacts, notes: OrderNotes, claimed: float | None
    ) -> None:
        self.latest = LatestReading()
        self.pages = PageReadings(order, book, run, claimed)
        self.own_texts = OwnTexts(order, book, run)
        self._book = book
        self._run = run
        self._notes = notes

    # --- before the row takes its turn

    def why_not_sent(self, row: RowInHand) -> tuple[Outcome, str] | None:
        """Say why a guard keeps a row back; None where none does, or the order is to be read for it."""
        view, run = self.latest.view, self._run
        if not row.update.guards or (view is None and run.readable):
            return None
        return why_not_sent(row, view, self._book, run, self.latest.stale)

    def needed(self, row: RowInHand, sending: list[Part]) -> bool:
        """Tell whether these parts are compared with what the order holds before they are sent."""
        run = self._run
        return bool(row.update.guards) or run.wants_baseline(sending) or run.wants_attributes(sending)

    def compare(self, row: RowInHand, sending: list[Part], now: Moment) -> list[Part]:
        """Take what the order holds as the parts' baseline; give those that are still to be sent."""
        for part in sending:
            self._compare(row, part, now)
        return [part for part in sending if part.outcome is None]

    def _compare(self, row: RowInHand, part: Part, now: Moment) -> None:
        """Take what a field holds as a part's baseline, and see whether the part is needed at all."""
        view, stale = self.latest.view, self.latest.stale
        held = held_in(view, part.field)
        trusted = self._run.trusts(part.field) and part.field not in stale
        part.seen = stood_in(view, part.field) if trusted or not part.in_comment else None
        if part.appends or not part.open:
            # An overwrite in doubt is judged by what stood there before its first attempt.
            part.baseline = held if trusted else None
        if self._run.options.skip_unchanged and is_unchanged(part, view, self._run, stale):
            self._notes.left_there(row, part, Outcome.UNCHANGED, messages.UNCHANGED, now)
        if not part.appends or not stands_there(part.ask, held, self._book, self._run.options):
            return
        if turned_up(self._book.tried(part.field), part.ask):
            self._notes.turned_up(row, part, now)
        elif not part.sent:
            why = messages.already_there(part.ask.operation)
            self._notes.left_there(row, part, Outcome.ALREADY_THERE, why, now)

    # --- what was read

    def read(self, row: RowInHand, told: WasRead, now: Moment) -> float | None:
        """Take a reading; say in how many seconds the order is read again, None where this one is to do.

        What a page shows may not be enough. It is not kept then, and the order is read by its ID.
        """
        view, run = told.view, self._run
        lacks = partial(self.own_texts.lacked, row, view=view, now=now)
        if told.in_page and not self.pages.enough(row, view, lacks):
            return None
        if told.asked is not None:
            self.latest.asked_at = told.asked
        if view is not None:
            fields = row.looked_at
            lacking = set(filter(lacks, fields))
            pause = self.latest.pause(lacking, last=run.ended)
            if pause is not None:
                return pause
            row.missing = not view.found
            for field in fields.intersection(COMMENT_FIELDS):
                run.trust[field].read(held_in(view, field) or "")
            run.shows_attributes = run.shows_attributes and (not view.found or view.attributes is not None)
        self.see(told, now)
        if view is None and run.readable and not run.ended:
            self._leave_out(row, told)
        return None

    def _leave_out(self, row: RowInHand, told: WasRead) -> None:
        """Nobody could read the order, so nothing of the row is sent."""
        assert told.cause is not None
        for part in row.to_send:
            self._notes.leave_out(row, part, messages.unread(told.cause))
            if part.outcome is Outcome.NOT_SENT:
                self._run.warn_unread(told.cause)

    def see(self, told: WasRead, now: Moment) -> None:
        """Keep a reading, and learn from it whether this store shows what was answered ok."""
        self.latest.came(told, now)
        self.pages.seen(told)
        if told.view is not None and told.view.found:
            self._notes.events += self.own_texts.read(told.view, now)

    # --- when its turn has come, and afterwards

    def at_turn(self, row: RowInHand, sending: list[Part], now: Moment) -> AtTurn:
        """Say what it is worth now: it may have grown old while the row waited for its turn."""
        if self.latest.grows_old(now):
            self.latest.forget()
            if not row.reread:
                row.reread = True
                return AtTurn.GREW_OLD
            for part in sending:
                part.baseline = part.baseline if part.open and not part.appends else None
        unread = self.latest.view is None
        if row.update.guards and (unread or guards_grew_old(row, self.latest.age(now))):
            return AtTurn.GUARDS_NO_MORE
        return AtTurn.SERVES

    def guards_still(self, row: RowInHand, now: Moment) -> bool:
        """Tell whether a row that was written ahead may leave, as far as its guards go."""
        return not guards_grew_old(row, self.latest.age(now))

    def answered_ok(self, part: Part, now: Moment) -> None:
        """Every reading must show it from now on."""
        self.own_texts.answered_ok(part, self.latest.asked_at)
        self.pages.wrote(part, now.seconds)
