"""What a report says of each outcome, as a clerk reads it: what happened, and what to do."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.model import ATTRIBUTE_PREFIX, OperationKind, Outcome
from ordersheet.core.operation_state import OperationState
from ordersheet.delivery.parts import row_outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ordersheet.core.history.orderbook import Decision, Entry
    from ordersheet.core.model import Guard, Operation, StoppedBy
    from ordersheet.delivery.parts import Part
    from ordersheet.delivery.verdict.causes import Cause

APPLIED = "Done."
CONFIRMED = "No usable answer came, but the order was read again and holds it."
TURNED_UP = "An earlier request that was thought to be lost was applied after all: the order holds it."
TWICE = (
    "The text stands in the order more than once. Open the order and take out what is too much; do not send "
    "it again."
)
NOT_APPLIED = (
    "Tried, and the order was read: nothing of it was applied. Send the same file again to try once more."
)
NOT_APPLIED_LEDGER = "Proven not applied."
FORBIDDEN = "The server turned it away (403): this key may not update this order."
LEDGER_FAILED = "Not sent: the ledger could not be written, so nothing more was sent."
HALF_REFUSED = (
    "The API refused the row, and yet the text of another column was added. Whether this was applied too is "
    "not known; send the same file again once the reason is mended."
)

READING_UNCLEAR = (
    "The order was read again, but what its comment holds now does not tell: it was changed meanwhile, or is "
    "shown in another way."
)
ORDER_NOT_SHOWN = "The order was read again, but the answer does not show its comment."
NO_BASELINE = "What its comment held before was not read, or not for sure, so reading it again tells nothing."
NOT_READABLE = "This key may not read orders, so the order cannot be read again."
NOT_SHOWN = "The order was read again, but this store does not show comments as they were written."
SHOWN_IN_PART = "The order was read again, but this store seems to show only a part of its comment."
NO_LETTERS = "The order was read again, but a text without letters or digits may not be shown."
NO_CONTROL = (
    "The order was read again and does not show it, but no other update has shown yet that this store shows "
    "a comment of this length."
)
ENDS_LIKE_OTHERS = (
    "The order was read again, but its comment is as long as others are, so this store may show only the "
    "beginnings of comments."
)
CONTROL_WANTED = frozenset({NO_CONTROL, ENDS_LIKE_OTHERS})
"""What another order may disprove that shows more."""
READ_TOO_SOON = "The order was read again, but the run ended before that could show it for sure."
"""Why a reading that lacks a text does not prove that it was not added."""

ELSEWHERE = (
    "Not sent: another run is working on this order at this moment. Send the same file again when it is done."
)
HELD_TOO_LONG = (
    "Not sent: another run has held this order for an hour without going on. See that it goes on or ends "
    "(ordersheet runs shows it), then send the same file again."
)

_SHOWN = 60
_EARLIER_TRY = "an earlier try of this run"
_SHOWN_WHOLE = 500
"""Characters of a field that is shown for somebody to decide by."""
_NAMES = {"internalComment": "the internal comment", "comment": "the comment"}
_VERBS = {
    OperationKind.APPEND: "adding to {}",
    OperationKind.REPLACE: "replacing {}",
    OperationKind.CLEAR: "emptying {}",
    OperationKind.SET: "setting {}",
}


GUARD_UNREADABLE = (
    "Not sent: this key may not read orders, so it cannot be seen whether the order still holds what the "
    "expect: column says."
)
GUARD_NOT_VISIBLE = (
    "Not sent: the order is not in the shop's answer (its ID, market, status or store), so it cannot be seen "
    "whether it still holds what the expect: column says."
)
GUARD_GREW_OLD = (
    "Not sent: each time the order had been read, more than 5 seconds passed before this row's turn came. "
    "Send the same file again with a higher --rate."
)
UNCHANGED = "The order holds it already, so nothing was sent."


def guard_not_shown(field: str) -> str:
    """Say that a guard cannot be compared."""
    return (
        f"Not sent: the answer does not show {field_name(field)} whole and up to date, so it cannot be seen "
        "whether it still holds what the expect: column says. Send the same file again."
    )


def sent_before(run: str) -> str:
    """Say, behind why a row is not sent, that an earlier run may have had it applied."""
    return f" Run {run} sent it, and whether it was applied then is not known."


def changed_since(guard: Guard, held: str) -> str:
    """Say that a field holds something else than its guard says, and what."""
    now = f"It holds now: {_beginning(held, _SHOWN_WHOLE)}." if held.strip() else "It is empty now."
    return (
        f"Not sent: {field_name(guard.field)} was changed since this sheet was made. {now} Look at it; then "
        "write what is to stand, and what stands now into the expect: column."
    )


def what(operation: Operation) -> str:
    """Name an operation, such as `adding to the internal comment`."""
    return _VERBS[operation.kind].format(field_name(operation.field))


def field_name(field: str) -> str:
    """Name a field as a clerk knows it."""
    return _NAMES.get(field) or f"the attribute {field.removeprefix(ATTRIBUTE_PREFIX)}"


def refused(message: str, status: int | None) -> str:
    """Give the API's own words of a refusal."""
    if message:
        return f"The API refused it: {message}"
    if status is not None and status != HTTPStatus.OK:
        return f"The server cannot take this row (HTTP {status})."
    return "The API refused it and gave no reason."


def unread(cause: Cause) -> str:
    """Say that a row was not sent because its order could not be read first."""
    return (
        f"Not sent: the order could not be read before its comment was to be changed: {cause.what}. "
        f"{cause.mend}"
    )


def others_work_on(orders: int, left: float) -> str:
    """Say that another run is waited for, and how long at most."""
    return f"another run is working on {orders} of these orders; waiting {round(left / 60)} minutes at most"


def crashed(error: Exception) -> str:
    """Say that something went wrong in ordersheet itself: what and where, in none of the error's words."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = "" if frame is None else f", {Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}"
    return (
        f"Something went wrong in ordersheet itself ({type(error).__name__}{place}). Nothing was sent after "
        "that, and every row is accounted for. Send the same file again to go on; please report this."
    )


def too_large(order: int) -> str:
    """Say that an order cannot be read since it is too large."""
    return (
        f"Order {order} is too large to be read (over 1 MiB): the run goes on without looking at it first. A "
        "request to it that stays without an answer is marked unconfirmed."
    )


def unreadable(status: int | None) -> str:
    """Say that the run goes on without reading orders."""
    return (
        f"This key may not read orders (HTTP {status}): the run goes on without looking at them first. "
        "A request that stays without an answer cannot be looked up, and its row is marked unconfirmed."
    )


def rows_unread(cause: Cause) -> str:
    """Say, once a run, that rows were not sent because their orders could not be read."""
    return f"Rows were not sent because their orders could not be read first: {cause.what}. {cause.mend}"


def unverifiable(field: str) -> str:
    """Say that a field does not read back."""
    return (
        f"A text that the API took for {field_name(field)} could not be read back as it was sent "
        "(shortened, changed, or kept elsewhere): reading back is off for that field. A request there "
        "that stays without an answer is marked unconfirmed."
    )


def no_api(base_url: str) -> str:
    """Say that no answer so far looks like one of an Order API."""
    return (
        f"Nothing that the server has answered looks like an Order API: the address ({base_url}) is probably "
        "not that of one. Run ordersheet doctor; once the address is right, send the same file again with "
        "--retry-no."
    )


def turned_away(status: int | None) -> str:
    """Say that the server took it none of the times it was sent."""
    return (
        f"The server turned it away each time (HTTP {status}), so nothing of it was applied. Send the same "
        "file again to try once more."
    )


def sentence(text: str) -> str:
    """Give the API's words an end, so that another sentence can follow."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def unconfirmed(part: Part, order: int, run: str, row: int, *, said: str = "", why: str = "") -> str:
    """Say what to look at, and how to settle it."""
    operation = part.ask.operation
    cause = sentence(said) if said else "No usable answer came."
    if why:
        cause = f"{cause} {why}"
    if not part.appends:
        return (
            f"{cause} Whether {what(operation)} was done is not known. Send the same file again: doing it "
            "twice does no harm."
        )
    return (
        f"{cause} Whether {quoted(operation)} was added to {field_name(operation.field)} is not known. "
        f"Look at order {order}; if the text is there: ordersheet resolve {run} --row {row} applied, if not: "
        f"ordersheet resolve {run} --row {row} absent."
    )


def not_read_again(cause: Cause | None, *, readable: bool, stopped: StoppedBy | None) -> str:
    """Say why an order was not read again.

    Args:
        cause: why the last attempt to read it got no usable answer; None where there was none.
        readable: whether this key may read orders.
        stopped: what ended the run early.
    """
    if not readable:
        return NOT_READABLE
    if cause is not None:
        return f"The order could not be read again: {cause.what}."
    return _ended(stopped, "the order was read again") if stopped is not None else ""


def not_sent_again(attempts: int, stopped: StoppedBy | None) -> str:
    """Say why what can be sent again without harm was not, or how often it was."""
    if stopped is not None:
        return _ended(stopped, "it was sent again")
    return f"It was sent {attempts} times." if attempts > 1 else "It was sent once."


def _ended(stopped: StoppedBy, before: str) -> str:
    return f"The run ended before {before} ({stopped.value.replace('-', ' ')})."


def quoted(operation: Operation) -> str:
    """Show the beginning of a text."""
    return _beginning(str(operation.value), _SHOWN)


def _beginning(text: str, most: int) -> str:
    text = " ".join(text.split())
    return f"“{text if len(text) <= most else text[: most - 1] + '…'}”"


def moment(at: datetime | None) -> str:
    """Show a time in UTC, to the minute."""
    return "an earlier day" if at is None else f"{at.isoformat(' ', 'minutes')[:16]} UTC"


def waits_for(row: str) -> str:
    """Say why a row was held back."""
    return (
        f"Not sent: it waits for {row} of the same order, which is not settled. Settle that one, then send "
        "the same file again."
    )


class RunName(NamedTuple):
    """How the run is called that tells a message."""

    run: str
    submitted: str | None = None
    """What people know it as, where it is a try of a chunk."""

    @property
    def known_as(self) -> str:
        """The run as people know it."""
        return self.submitted or self.run


def decided(decision: Decision, run: RunName) -> str:
    """Say why an operation is not sent, from the entry of the history that decided it."""
    entry = decision.entry
    assert entry is not None  # what repeats another row is told by that row
    when = moment(entry.at)
    if decision.follower is not None:
        return _overwritten(decision, entry, decision.follower, run)
    if decision.outcome is Outcome.REFUSED:
        said = f": {entry.message.removesuffix('.')}" if entry.message else ""
        return f"Refused on {when}{said}. Not asked again; --retry-no asks again."
    if decision.outcome is Outcome.ALREADY_THERE:
        return already_there(decision.ask.operation)
    if decision.outcome is Outcome.UNCHANGED:
        return f"{_capital(_who(entry, run))} saw on {when} that the order holds it already; not sent."
    if decision.outcome is Outcome.UNCONFIRMED:
        return (
            f"Sent by {_who(entry, run)} on {when}, and whether it was applied is not known. Look at the "
            f"order; then ordersheet resolve {entry.known_as} --row {entry.ref.row} applied, or absent."
        )
    return f"Done by {_who(entry, run)} on {when}; not sent again."


def _overwritten(decision: Decision, entry: Entry, follower: Entry, run: RunName) -> str:
    if entry.kind.overwrites:
        return _perhaps_overwritten(decision, entry, follower, run)
    there = entry.state is OperationState.THERE
    before = "The text stood in the order" if there else f"Added by {_who(entry, run)}"
    name, who = field_name(decision.ask.operation.field), _who(follower, run)
    if follower.state is OperationState.IN_DOUBT:
        return (
            f"{before} on {moment(entry.at)}, but then {who} asked to replace {name}, and no answer came, so "
            "the text may be gone. Look at the order; --again adds it again."
        )
    return (
        f"{before} on {moment(entry.at)}, and {who} replaced {name} on {moment(follower.at)}. Not sent; "
        "--again adds it again."
    )


def _perhaps_overwritten(decision: Decision, entry: Entry, follower: Entry, run: RunName) -> str:
    name = field_name(decision.ask.operation.field)
    return (
        f"Sent by {_who(entry, run)} on {moment(entry.at)}, and whether it was applied is not known. Then"
        f" {_who(follower, run)} wrote to {name} on {moment(follower.at)}, so it was not sent once more. Look"
        " at the order; if it is still wanted, send the file again."
    )


def _who(entry: Entry, run: RunName) -> str:
    if entry.ref.run == run.run:
        return f"row {entry.ref.row} of this file"
    return f"run {entry.known_as}" if entry.whole != run.submitted or entry.whole is None else _EARLIER_TRY


def already_there(operation: Operation) -> str:
    """Say that a text stood in the order before.

    That ordersheet never wrote it cannot be said: it may stand within a longer text of its own that is no
    longer kept, or be made of two of them. What is known for good is that no append was this very text.
    """
    return (
        f"Not sent: {quoted(operation)} already stands in {field_name(operation.field)}, and no run of this "
        "ledger added just this text. If it is meant once more, send with --again."
    )


def duplicate(twin: int, message: str, *, ok: bool) -> str:
    """Say that a part is the same as one of another row."""
    return f"The same as row {twin}; sent once." if ok else f"The same as row {twin}: {message}"


def row_message(outcome: Outcome, parts: Sequence[Part]) -> str:
    """Put the words of a row together from those of its parts.

    Where all parts share a fate, that is said once; otherwise each part is named.
    """
    if len({(part.outcome, part.message) for part in parts}) == 1:
        return parts[0].message
    if outcome.ok:
        lines = dict.fromkeys(part.message for part in parts if part.outcome is outcome)
        return " ".join(lines)
    return " ".join(f"{_capital(what(part.ask.operation))}: {part.message}" for part in parts)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def of_row(parts: Sequence[Part]) -> tuple[Outcome, str]:
    """Give a row's outcome and its message."""
    if len(parts) == 1 and parts[0].outcome is not None:
        return parts[0].outcome, parts[0].message
    outcome = row_outcome(part.outcome for part in parts if part.outcome is not None)
    return outcome, row_message(outcome, parts)
