"""Rows that are tried several times, by a run that lets go of the order between two tries."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.history.decide import Ruling
from ordersheet.core.history.entries import Decision
from ordersheet.core.model import Outcome
from ordersheet.core.operation_state import OperationState

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ordersheet.core.history.entries import Ask, Entry, OperationRef, Policy


class EarlierTries(NamedTuple):
    """What is known of an order to which the same rows have come before."""

    entries: Sequence[Entry]
    """All operations, in the order of sending; also what somebody has undone since."""
    own: Collection[OperationRef]
    """Those of the earlier tries."""
    since: Collection[OperationRef]
    """Those of others since the first try has come to the order."""
    undone: Collection[OperationRef] = ()
    """Those of `since` that somebody has undone."""


class Story:
    """The history of one field as one try would have it that had kept the order all along.

    What others did between two tries is no part of it: so what an earlier try decided, sent or was refused
    stands, and is not sent over what they wrote, nor once more where they took it back. Two things are seen
    of what they did:

    - an append that would be sent, and that one of them has sent meanwhile, is not sent a second time; where
      a try has gone on to later rows since, it had found that, whatever the field has come to by now;
    - an overwrite that is in doubt is not sent again over what they have written after it, since it may have
      been applied before that.

    Args:
        tries: what is known of the order.
        name: the field's.
    """

    def __init__(self, tries: EarlierTries, name: str) -> None:
        of_field = [entry for entry in tries.entries if entry.ref.field == name]
        self.own = frozenset(entry.ref for entry in of_field if entry.ref in tries.own)
        self._places = {entry.ref: place for place, entry in enumerate(of_field)}
        self._others = {entry.ref: entry for entry in of_field if entry.ref in tries.since}
        self._entries = {entry.ref: entry for entry in of_field if entry.ref not in self._others}
        self._undone = {ref: self._others.pop(ref) for ref in tries.undone if ref in self._others}

    def record(self, entry: Entry) -> None:
        """Write an operation into it, or change its state."""
        self._places.setdefault(entry.ref, len(self._places))
        if entry.ref in self._others:
            self._others[entry.ref] = entry
        if entry.ref not in self._others or entry.ref in self._entries:
            self._entries[entry.ref] = entry

    def forget(self, ref: OperationRef, *, undone: bool = False) -> None:
        """Take an operation out of it; what an earlier try did is done, whoever took it back."""
        if undone and ref in self.own:
            self._entries[ref] = self._entries[ref]._replace(state=OperationState.APPLIED)
            return
        self._others.pop(ref, None)
        self._entries.pop(ref, None)

    def ruling(self, asks: Sequence[Ask], policy: Policy, own: Collection[OperationRef]) -> Ruling:
        """Decide what is sent of all that the file asks of the field."""
        followers = {ref: found for ref in self.own if (found := self._follower(ref)) is not None}
        history = [
            entry._replace(state=OperationState.APPLIED) if ref in followers else entry
            for ref, entry in self._entries.items()
            # Where nobody wrote after it, it is simply sent again: it is no part of what is behind.
            if ref in followers or not (ref in self.own and _is_open_overwrite(entry))
        ]
        ruling = Ruling(asks, history, policy, own)
        for index, (ask, _, entry, *_) in enumerate(ruling.decisions):
            if entry is not None and entry.ref in followers:
                doubtful, follower = self._entries[entry.ref], followers[entry.ref]
                ruling.decisions[index] = Decision(ask, Outcome.UNCONFIRMED, doubtful, follower=follower)
        return ruling

    def take_in(self, ruling: Ruling, asks: Sequence[Ask], policy: Policy) -> bool:
        """Let what others have sent meanwhile stand for the ask that waits; tells whether it does."""
        if ruling.waiting == len(asks):
            return False
        ask = asks[ruling.waiting]
        if ask.operation.kind.overwrites:
            return False
        written = [entry for entry in (*self._entries.values(), *self._others.values()) if _is_written(entry)]
        last = max((self._places[entry.ref] for entry in written if entry.kind.overwrites), default=-1)
        passed = self._passed(ask)
        standing = [entry for entry in written if self._places[entry.ref] > last]
        found = [entry for entry in (*written, *self._undone.values()) if self._places[entry.ref] < passed]
        for entry in sorted((*found, *standing), key=lambda one: self._places[one.ref]):
            if (
                entry.ref not in self._entries
                and (entry.kind, entry.key) == (ask.operation.kind, ask.key)
                and ask.occurrence in (1, entry.occurrence)
                and policy.batch in (None, entry.batch)
            ):
                known = {**self._entries, entry.ref: entry}
                self._entries = {ref: known[ref] for ref in sorted(known, key=self._places.__getitem__)}
                return True
        return False

    def _passed(self, ask: Ask) -> int:
        """Tell before which place a try has left an ask behind it, as it then sent a later row; -1: none."""
        return min((self._places[ref] for ref in self.own if ref.row > ask.row), default=-1)

    def _follower(self, ref: OperationRef) -> Entry | None:
        """Give what others wrote after an overwrite of an earlier try that is in doubt."""
        entry = self._entries.get(ref)
        if entry is None or not _is_open_overwrite(entry):
            return None
        later = (other for other in self._others.values() if self._places[other.ref] > self._places[ref])
        return next(filter(_is_written, later), None)


def _is_open_overwrite(entry: Entry) -> bool:
    return entry.kind.overwrites and entry.state is OperationState.IN_DOUBT


def _is_written(entry: Entry) -> bool:
    """Tell whether an operation has changed the field, or may have."""
    return entry.state in (OperationState.APPLIED, OperationState.IN_DOUBT)
