"""What an order owes a look for: one operation that is, or was, in doubt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ordersheet.core.model import COMMENT_FIELDS
from ordersheet.core.operation_state import OperationState

if TYPE_CHECKING:
    from ordersheet.core.history.orderbook import Doubt
    from ordersheet.delivery.parts import Part, RowInHand


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
        """Whether its row waits for it to be settled, and it is not merely looked at once more."""
        if self.doubt is not None:
            return self.doubt.state is OperationState.IN_DOUBT
        return self.part is not None and self.part.to_look_up

    @property
    def unsettled(self) -> bool:
        """Whether it is not known yet if it was applied."""
        return self.open or (self.part is not None and self.part.open)

    @property
    def text(self) -> str:
        """What it writes."""
        if self.part is not None:
            return self.part.text
        return "" if self.doubt is None else str(self.doubt.operation.value)
