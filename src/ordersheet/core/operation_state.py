"""Where an operation stands, and which moves are legal: one table for delivery, ledger, history and tests."""

from __future__ import annotations

from enum import StrEnum


class OperationState(StrEnum):
    """Where an operation stands in the ledger, and in the history of its field."""

    SENDING = "sending"
    """Written ahead: a request that carries it may leave at any moment, or has left."""
    APPLIED = "applied"
    """Answered ok, or seen in the order."""
    REFUSED = "refused"
    """Answered no."""
    ABSENT = "absent"
    """Proven not applied, or no byte left."""
    IN_DOUBT = "in doubt"
    """It may or may not have been applied."""
    THERE = "there"
    """Not sent, because the text stood in the order and this ledger had not written it."""

    __hash__ = str.__hash__  # an Enum's own is not C, and each row is looked up by it a dozen times

    @property
    def in_history(self) -> OperationState | None:
        """How a history shows it to whoever has just taken the order's claim; None where it does not.

        What another process left `sending` is in doubt from then on, and what is absent was never there.
        """
        if self is OperationState.SENDING:
            return OperationState.IN_DOUBT
        return None if self is OperationState.ABSENT else self


_S = OperationState
IN_HISTORY = tuple(dict.fromkeys(state.in_history for state in _S if state.in_history is not None))
"""The states that a history shows."""

FIRST_STATES = frozenset({_S.SENDING, _S.THERE})
"""The states in which an operation enters the ledger."""

MOVES: dict[tuple[OperationState, OperationState], str] = {
    (_S.SENDING, _S.APPLIED): "answered ok",
    (_S.SENDING, _S.REFUSED): "answered no, or turned away with 403",
    (_S.SENDING, _S.ABSENT): "no byte left, or turned away before it was looked at",
    (_S.SENDING, _S.IN_DOUBT): "no answer that tells, or the process died",
    (_S.IN_DOUBT, _S.APPLIED): "seen in the order, or resolved",
    (_S.IN_DOUBT, _S.REFUSED): "sent again and answered no, with nothing of it in the order",
    (_S.IN_DOUBT, _S.ABSENT): "not in the order after settle, or resolved",
    (_S.IN_DOUBT, _S.SENDING): "sent again: an overwrite only",
    (_S.ABSENT, _S.SENDING): "sent again",
}
"""The legal moves, and what makes each. To stay is legal too, but for `sending`."""


def is_legal(old: OperationState | None, new: OperationState, *, appends: bool) -> bool:
    """Tell whether an operation may go from one state to another.

    Args:
        old: where it stands; None where it is new.
        new: where it goes.
        appends: whether it is an append, which is never sent while it is in doubt.
    """
    if old is None:
        return new in FIRST_STATES
    if old is new:
        return new is not _S.SENDING
    if appends and (old, new) == (_S.IN_DOUBT, _S.SENDING):
        return False
    return (old, new) in MOVES
