"""When a run must stop by itself: decided from what the attempts ended in; others act on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ordersheet.core.model import StoppedBy
from ordersheet.delivery.verdict.put import StopReason

if TYPE_CHECKING:
    from datetime import datetime

    from ordersheet.delivery.verdict.causes import Cause

FAILURES_IN_A_ROW = 5
FAILING_FOR = 30.0
"""Seconds."""
BROKEN_FOR, BROKEN_PUTS = 120.0, 50
"""Seconds in which nothing succeeds, and PUTs in a row that fail."""
PUSHED_BACK_FOR = 3600.0
"""Seconds in which everything is pushed back, or every update."""
UNKNOWN_ROWS = 5
UNKNOWN_SHARE = 100
"""One unknown row in so many that were sent."""

WORDS = {
    StopReason.KEY_REFUSED: StoppedBy.KEY_REFUSED,
    StopReason.FORBIDDEN: StoppedBy.FORBIDDEN,
    StopReason.REDIRECT: StoppedBy.REDIRECT,
    StopReason.DEAD_SERVER: StoppedBy.SERVER_DOWN,
    StopReason.FAILING: StoppedBy.SERVER_DOWN,
    StopReason.FAILED_PUTS: StoppedBy.SERVER_DOWN,
    StopReason.PUSHED_BACK: StoppedBy.PUSHED_BACK,
    StopReason.TOO_MANY_UNKNOWN: StoppedBy.TOO_MANY_UNKNOWN,
    StopReason.LONG_PAUSE: StoppedBy.RETRY_AFTER,
}
"""What `stopped_by` says of each reason."""
NOTHING_ANSWERS = frozenset({StopReason.LONG_PAUSE, StopReason.FAILING, StopReason.PUSHED_BACK})
"""Reasons after which it would be in vain to read orders."""

_SENTENCES = {
    StopReason.KEY_REFUSED: (
        "The server refused the key (401). Check the key and the address, then send the same file again."
    ),
    StopReason.FORBIDDEN: (
        "The server turned three updates in a row away (403): this key may not update orders, or not here. "
        "Ask whoever runs the shop's Order API to allow it, then send the same file again."
    ),
    StopReason.REDIRECT: (
        "The server sends requests on to another address, and the key is not sent there. Correct the store's "
        "address, then send the same file again."
    ),
    StopReason.DEAD_SERVER: (
        "The server could not be reached, five times in a row over at least half a minute: {what}. {mend}"
    ),
    StopReason.FAILING: "The server has failed every request for two minutes, lastly so: {what}. {mend}",
    StopReason.FAILED_PUTS: "The server has failed fifty updates in a row, lastly so: {what}. {mend}",
    StopReason.PUSHED_BACK: (
        "For an hour the server has let no update through (429 or 503: too many requests). Ask whoever runs "
        "the shop's Order API what is wrong, then send the same file again."
    ),
    StopReason.TOO_MANY_UNKNOWN: (
        "Too many requests stayed without an answer, and these orders cannot be read back. Look at the rows "
        "marked `unconfirmed`, and send the same file again when the server answers well."
    ),
    StopReason.LONG_PAUSE: (
        "The server asked for a pause of more than 15 minutes. Send the same file again after that."
    ),
}


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a run ends before its last row, and how to go on."""

    word: StoppedBy
    message: str
    resume_after: datetime | None = None
    """When running again makes sense (UTC), where the server said so."""


def stop_for(reason: StopReason, cause: Cause, *, resume_after: datetime | None = None) -> Stop:
    """Give a reason its word and its sentence.

    Args:
        reason: why the run stops.
        cause: why the latest request got no answer, where that is the reason.
        resume_after: when the server wants to be asked again.
    """
    message = _SENTENCES[reason].format(**cause._asdict())
    if resume_after is not None:
        message = (
            f"The server asked to wait until {resume_after.astimezone().strftime('%Y-%m-%d %H:%M')}. "
            "Send the same file again after that."
        )
    return Stop(WORDS[reason], message, resume_after)


class Breakers:
    """Counts what the attempts of all lanes ended in, and says when they must stop.

    How long something lasts is told by the run's waking time: while the computer sleeps, nothing was asked.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._failing_since: float | None = None
        self._broken_since: float | None = None
        self._broken_puts = 0
        self._puts_broken_since = 0.0
        self._pushed_since: float | None = None
        self._puts_pushed_since: float | None = None
        self._rows_sent = 0
        self._unknown_rows = 0

    def heard(self) -> None:
        """Note that the server gave an answer, whatever it said."""
        self._failures = 0
        self._failing_since = None

    def failed(self, at: float) -> StopReason | None:
        """Count a request that found no server, at this second of the run's waking time."""
        if self._failing_since is None:
            self._failing_since = at
        self._failures += 1
        if self._failures >= FAILURES_IN_A_ROW and at - self._failing_since >= FAILING_FOR:
            return StopReason.DEAD_SERVER
        return None

    def succeeded(self, *, put: bool) -> None:
        """Note an answer that is neither a failure nor a push-back."""
        self._broken_since = self._pushed_since = None
        if put:
            self._broken_puts, self._puts_pushed_since = 0, None

    def broke(self, at: float, *, known: float, sent: float, put: bool) -> StopReason | None:
        """Count a request that failed: a 5xx, no answer, or one that says nothing.

        Args:
            at: when that was known, in waking time.
            known: the same moment (monotonic).
            sent: when it had left (monotonic). What was under way when the first of them failed counts once.
            put: whether it was a PUT that left.
        """
        if self._broken_since is None:
            self._broken_since = at
        if put and (self._broken_puts == 0 or sent >= self._puts_broken_since):
            if self._broken_puts == 0:
                self._puts_broken_since = known
            self._broken_puts += 1
        if at - self._broken_since >= BROKEN_FOR:
            return StopReason.FAILING
        return StopReason.FAILED_PUTS if self._broken_puts >= BROKEN_PUTS else None

    def pushed_back(self, at: float, *, put: bool) -> StopReason | None:
        """Count a push-back: the server does answer, and wants fewer requests, or fewer updates."""
        self._broken_since = None
        if self._pushed_since is None:
            self._pushed_since = at
        since = self._pushed_since
        if put:
            if self._puts_pushed_since is None:
                self._puts_pushed_since = at
            # Readings may be let through all the while.
            since = min(since, self._puts_pushed_since)
        return StopReason.PUSHED_BACK if at - since >= PUSHED_BACK_FOR else None

    def row_sent(self) -> None:
        """Count a row whose first request is about to leave."""
        self._rows_sent += 1

    def row_unknown(self) -> StopReason | None:
        """Count a row that ended unknown where reading back is not possible."""
        self._unknown_rows += 1
        if self._unknown_rows > max(UNKNOWN_ROWS, self._rows_sent / UNKNOWN_SHARE):
            return StopReason.TOO_MANY_UNKNOWN
        return None
