"""What an undo says of each field, as a clerk reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.core.history.undo import WalkEnd
from ordersheet.core.model import Outcome
from ordersheet.delivery.messages import field_name, moment

if TYPE_CHECKING:
    from ordersheet.core.history.undo import PastAttempt, UndoneBefore

DONE = "Put back."
NOTHING = "That run did nothing to it that could be taken back."
NOT_VISIBLE = (
    "Cannot be undone: the shop's answer does not hold this order (its ID, market, status or store)."
)
NOT_APPLIED = (
    "Tried, and the order was read: it holds what it held before. Run the undo again to try once more."
)
TOO_SLOW = (
    "Not sent: each time more than 5 seconds went by between reading the order and writing to it, so that a "
    "text of somebody else might have been lost. Run the undo again when the shop lets more through."
)
CHANGED = "Kept: what stands in the order changed while it was being put back."
GUESSED = "Put back as this ledger knows it; the shop does not show attributes."
_SHOWN = 60


def shown(text: str) -> str:
    """Show the beginning of a text."""
    folded = " ".join(text.split())
    return f"“{folded if len(folded) <= _SHOWN else folded[: _SHOWN - 1] + '…'}”" if folded else "nothing"


def kept(field: str, end: WalkEnd, past: PastAttempt, now: str | None) -> tuple[Outcome, str]:
    """Say why what a run wrote to a field stays.

    Args:
        field: the field.
        end: why the walk went no further.
        past: the attempt at which it ended.
        now: what the field held there; None where it is not shown.
    """
    name, said = field_name(field), ""
    holds = "is not shown" if now is None else f"holds {shown(now)}"
    match end:
        case WalkEnd.OTHER_TEXT:
            said = f"{name} was changed since: it {holds}, not what row {past.ref.row} left."
        case WalkEnd.OTHER_RUN:
            said = (
                f"run {past.known_as} wrote to {name} after it, which {holds}. Undo that run "
                f"first: ordersheet undo {past.known_as}"
            )
        case WalkEnd.LEFT_OUT:
            said = f"row {past.ref.row}, which is not to be undone, wrote to {name} after it."
        case WalkEnd.IN_DOUBT:
            said = (
                f"whether row {past.ref.row} of run {past.known_as} reached {name} is not known, and it "
                f"{holds}."
            )
        case WalkEnd.NO_BASELINE:
            said = f"what stood in {name} before is not known; it was not read then, or is no longer kept."
            return Outcome.CANNOT_BE_UNDONE, f"Cannot be undone: {said}"
        case WalkEnd.FORGOTTEN:
            said = f"the texts of that run are no longer kept, so what it wrote to {name} cannot be told."
            return Outcome.CANNOT_BE_UNDONE, f"Cannot be undone: {said}"
    return Outcome.KEPT, f"Kept: {said}"


def not_shown(field: str) -> str:
    """Say that a field cannot be seen."""
    return (
        f"Cannot be undone: this API does not show {field_name(field)}, so what stands there, and stood "
        "there before, is not known."
    )


def not_trusted(field: str) -> str:
    """Say that what is read of a field may not be what stands there."""
    return (
        f"Cannot be undone: what this shop shows of {field_name(field)} may not be all that stands there, or "
        "not as it was written, and putting it back could lose some of it."
    )


def before(one: UndoneBefore) -> str:
    """Say that an earlier undo did it."""
    return f"Undone by run {one.by} on {moment(one.at)}."


def in_doubt(field: str, order: int, run: str, row: int, restored: str, said: str = "") -> str:
    """Say what to look at, and how to settle it."""
    name = field_name(field)
    cause = said or "No usable answer came, or the order could not be read again as it was put back."
    return (
        f"{cause} Whether {name} was put back is not known. Look at order {order}; if {name} holds "
        f"{shown(restored)}: ordersheet resolve {run} --row {row} applied, if not: ordersheet resolve {run} "
        f"--row {row} absent."
    )


def of_undo(text: str) -> str:
    """Let a sentence of delivery speak of an undo instead of a file."""
    return text.replace("Send the same file again", "Run the undo again").replace(
        "send the same file again", "run the undo again"
    )
