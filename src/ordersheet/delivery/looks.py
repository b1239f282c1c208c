"""The looks that an order owes: what is in doubt there, and when a reading can tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ordersheet.core.model import COMMENT_FIELDS
from ordersheet.core.operation_state import OperationState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ordersheet.core.history.orderbook import Doubt
    from ordersheet.delivery.clock import Moment
    from ordersheet.delivery.parts import Part, RowInHand

NEVER = float("-inf")
MOST_MISSED = 5
"""How often a look that got no answer is put off."""
LOOK_AGAIN = 5.0
"""Seconds until the first of these; doubled each time."""


@dataclass(slots=True)
class PendingCheck:
    """An operation that was in doubt, and whose last look is owed."""

    field: str
    baseline: str | None
    row: RowInHand | None = None
    """The row of this run that it belongs to, with `part`; None for what another run left."""
    part: Part | None = None
    doubt: Doubt | None = None
    """What another run left."""

    @property
    def readable(self) -> bool:
        """Whether reading the order could tell anything about it."""
        return self.field in COMMENT_FIELDS and self.baseline is not None

    @property
    def open(self) -> bool:
        """Whether it is still to be settled, and not merely looked at once more."""
        if self.doubt is not None:
            return self.doubt.state is OperationState.IN_DOUBT
        return self.part is not None and self.part.to_look_up


class Looks:
    """What an order owes a look for.

    Attributes:
        checks: what is in doubt, or was.
        clear_at: when the latest unknown attempt can no longer arrive; no later row leaves before that.
    """

    def __init__(self) -> None:
        self.checks: list[PendingCheck] = []
        self.clear_at = NEVER
        self._owed = False
        self._peeked = False
        self._peeked_at_the_end = False
        self._missed = 0

    def adopt(self, doubts: Iterable[Doubt], now: Moment, settle: float) -> None:
        """Take over what other runs left in doubt."""
        for doubt in doubts:
            ago = max(0.0, (now.utc - doubt.given_up).total_seconds())
            left = max(0.0, settle - ago)
            self.clear_at = max(self.clear_at, now.seconds + left)
            self.checks.append(PendingCheck(doubt.operation.field, doubt.baseline, doubt=doubt))
            self._owed = True

    def attempt_unknown(self, now: Moment, settle: float) -> None:
        """An attempt has ended that may still arrive."""
        self.clear_at = now.seconds + settle
        self._owed, self._peeked, self._missed = True, False, 0

    def owe(self, row: RowInHand, part: Part) -> None:
        """Remember a part that was in doubt, for the last look."""
        if not any(check.part is part for check in self.checks):
            self.checks.append(PendingCheck(part.field, part.baseline, row=row, part=part))
            self._owed = True

    def hold(self, seconds: float) -> bool:
        """Tell whether the order is to be looked at, or to be left alone for a while, before a later row."""
        return bool(self.checks) or self._owed or seconds < self.clear_at

    @property
    def readable(self) -> bool:
        """Whether reading the order could tell anything."""
        return any(check.readable for check in self.checks)

    def worth_a_peek(self, *, ended: bool) -> bool:
        """Tell whether a look can tell something already, as presence counts at once.

        Args:
            ended: whether the run's end is decided: then each order is read once more.
        """
        if ended:
            return not self._peeked_at_the_end
        return not self._peeked and any(check.open and check.readable for check in self.checks)

    def peeked(self, *, ended: bool) -> None:
        """The order was asked for, whether or not it answered."""
        self._peeked, self._peeked_at_the_end = True, ended

    def put_off(self, now: Moment) -> bool:
        """The last look got no answer: put it off; False where that was done often enough."""
        self._missed += 1
        self.clear_at = now.seconds + LOOK_AGAIN * 2.0 ** (self._missed - 1)
        return self._missed < MOST_MISSED

    def end(self) -> Doubt | None:
        """Owe no look any more; gives an append of another run that is in doubt all the same."""
        left = (check.doubt for check in self.checks if check.open and check.doubt is not None)
        oldest = next((doubt for doubt in left if not doubt.operation.kind.overwrites), None)
        self.checks.clear()
        self.clear_at, self._owed = NEVER, False
        return oldest
