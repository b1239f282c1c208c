"""The book of one order: what a file asks of it, what the history holds, what is in doubt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.history.decide import Ruling, decide, outcome_of
from ordersheet.core.history.entries import Ask, Decision, Entry, OperationRef, Policy
from ordersheet.core.history.tries import EarlierTries, Story
from ordersheet.core.operation_state import OperationState

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from ordersheet.core.model import Operation

__all__ = [
    "Ask",
    "Decision",
    "Doubt",
    "Entry",
    "OperationRef",
    "OperationState",
    "OrderBook",
    "Policy",
    "TakenOut",
    "decide",
]


_DONE = frozenset({OperationState.APPLIED, OperationState.THERE})


@dataclass(frozen=True, slots=True)
class Doubt:
    """An operation that may or may not have been applied, or whose last look is still owed."""

    ref: OperationRef
    operation: Operation
    baseline: str | None
    """What the field held before the attempt; None where it was not read."""
    heard_ago: float | None = None
    """How many seconds ago the server was first heard after the last attempt was given up, or taken over from
    a dead process, by a clock that nobody can turn; None where that is not known: nothing was heard of it, or
    the machine was started anew since."""
    state: OperationState = OperationState.IN_DOUBT
    """IN_DOUBT, or APPLIED where only the last look is owed."""
    takes_back: tuple[Entry, ...] | None = None
    """Of an undo: what it took back, if it was applied. Its order waits until that is settled."""
    whole: str | None = None
    """The run that was submitted, where workers sent it and `ref.run` is a try of a chunk."""

    @property
    def known_as(self) -> str:
        """Its run, as people know it."""
        return self.whole or self.ref.run

    @property
    def may_be_sent_again(self) -> bool:
        """Whether nothing is lost where it is simply sent once more."""
        return self.operation.kind.overwrites and self.takes_back is None


class TakenOut(NamedTuple):
    """What an undo has taken out of a field: a reading that still shows it is an old copy."""

    texts: tuple[str, ...]
    at: datetime
    """When (UTC)."""


class OrderBook:
    """One order in one run: what the file asks, what the history holds, what is in doubt.

    It lives in memory under the order's claim. Delivery asks it before each row and tells it what became
    of each operation; it decides anew from what it then knows.

    Attributes:
        order: the order's ID.
        doubts: open doubts and owed looks that other runs left, adopted with the claim.

    Args:
        order: its ID.
        asks: in file order.
        history: oldest first.
        policy: the run's options.
        doubts: see above.
        absent: what was in doubt once and is proven not applied.
        gone: by field, what an undo has taken out of it.
        taken_back: by field and key, what undos have taken back: no earlier report speaks of it any more.
    """

    __slots__ = (
        "_absent",
        "_asks",
        "_fields",
        "_given",
        "_gone",
        "_policy",
        "_rows",
        "_taken_back",
        "_tries",
        "doubts",
        "order",
    )

    def __init__(
        self,
        order: int,
        asks: Sequence[Ask],
        history: Sequence[Entry],
        policy: Policy,
        doubts: Sequence[Doubt] = (),
        absent: Sequence[Entry] = (),
        taken_back: Collection[tuple[str, str]] = (),
        gone: Mapping[str, TakenOut] | None = None,
    ) -> None:
        self.order = order
        self.doubts = tuple(doubts)
        self._absent = list(absent)
        self._taken_back = taken_back
        self._gone = gone or {}
        self._asks = tuple(asks)
        self._given = tuple(history)
        self._policy = policy
        self._tries: EarlierTries | None = None
        self._rows: dict[int, list[tuple[Ask, int]]] | None = None
        self._fields: dict[str, _Field] | None = None

    def go_on_from(self, tries: EarlierTries) -> None:
        """Decide by what earlier tries of the same rows have come to; told before anything is asked."""
        self._tries = tries

    @property
    def rows(self) -> tuple[int, ...]:
        """The rows of this file that ask something of the order, in file order."""
        return tuple(dict.fromkeys(ask.row for ask in self._asks))

    def row_asks(self, row: int) -> tuple[Ask, ...]:
        """Give what a row asks of the order, in the row's own order.

        Raises:
            KeyError: where the row asks nothing of this order.
        """
        self._open()
        assert self._rows is not None
        return tuple(ask for ask, _ in self._rows[row])

    @property
    def batch(self) -> str | None:
        """The batch with whose part of the history the file is compared; None for all of it."""
        return self._policy.batch

    def asks_of(self, field: str) -> tuple[Ask, ...]:
        """Give what the file asks of one field, in file order."""
        return tuple(self._field(field).asks)

    def plan(self, row: int) -> tuple[Decision, ...]:
        """Decide each operation of a row, in the row's order, from what is known now.

        Raises:
            KeyError: where the row asks nothing of this order.
        """
        asks = self._asks
        alone = self._fields is None and asks and asks[0].row == asks[-1].row == row
        if alone and self._tries is None:
            if not self._given:
                return tuple([Decision(ask, None) for ask in asks])
            repeated = self._repeated()
            if repeated is not None:
                return repeated
        fields = self._open()
        assert self._rows is not None
        return tuple([fields[ask.operation.field].ruling().decisions[at] for ask, at in self._rows[row]])

    def _repeated(self) -> tuple[Decision, ...] | None:
        """Decide a lone row where the whole history of each field is the very same thing, done.

        None where it is anything else.
        """
        policy, entries = self._policy, {entry.ref.field: entry for entry in self._given}
        if len(entries) < len(self._given) or policy.duplicates == "send":
            return None
        decisions = []
        for ask in self._asks:
            entry = entries.pop(ask.operation.field, None)
            if (
                entry is None
                or entry.state not in _DONE
                or (entry.kind, entry.key) != (ask.operation.kind, ask.key)
                or ask.occurrence not in (1, entry.occurrence)
                or policy.batch not in (None, entry.batch)
            ):
                return None
            decisions.append(Decision(ask, outcome_of(entry), entry))
        return tuple(decisions)

    def waits_for(self, row: int) -> int | None:
        """Name the first earlier row that has yet to send something to a field of this row.

        An overwrite that was given up in doubt is such a case: what follows it in the file was decided as
        coming after it, and would stand twice if it were sent without.
        """
        fields = self._open()
        assert self._rows is not None
        waiting = []
        for ask, at in self._rows[row]:
            ruling = fields[ask.operation.field].ruling()
            if ruling.waiting < at:
                waiting.append(ruling.decisions[ruling.waiting].ask.row)
        return min(waiting, key=self.rows.index, default=None)

    def record(self, entry: Entry) -> None:
        """Write an operation into the history, or change its state where it stands there already."""
        self._field(entry.ref.field).record(entry)

    def confirm(self, ref: OperationRef, at: datetime, message: str) -> None:
        """Let what another run left in doubt stand as applied."""
        entry = self._field(ref.field).entries[ref]
        self.record(entry._replace(state=OperationState.APPLIED, at=at, message=message))

    def gone(self, field: str) -> TakenOut | None:
        """Give what an undo has taken out of a field, unless the field was written to since."""
        found = self._gone.get(field)
        if found is None or any(entry.at is None or entry.at > found.at for entry in self.history(field)):
            return None
        return found

    def was_undone(self, ask: Ask) -> bool:
        """Tell whether this very thing was done once, and taken back by an undo."""
        return (ask.operation.field, ask.key) in self._taken_back

    def take_back(self, doubt: Doubt, at: datetime) -> None:
        """An undo that was in doubt is seen in the order: what it took back is no part of the history."""
        del at
        for entry in doubt.takes_back or ():
            self._field(entry.ref.field).forget(entry.ref, undone=True)

    def forget(self, ref: OperationRef) -> None:
        """Take an operation out of the history: it is proven absent."""
        entry = self._field(ref.field).forget(ref)
        if entry is not None:
            self._absent.append(entry)

    def tried(self, field: str) -> tuple[Entry, ...]:
        """Give what was sent to a field and is thought to be absent: it may turn up there all the same."""
        return tuple(entry for entry in self._absent if entry.ref.field == field)

    def history(self, field: str) -> tuple[Entry, ...]:
        """Give the history of one field, oldest first."""
        return tuple(self._field(field).entries.values())

    def _open(self) -> dict[str, _Field]:
        """Sort asks and history by field, when it is first needed."""
        if self._fields is None:
            self._fields = {}
            self._rows = {}
            for ask in self._asks:
                asks = self._field(ask.operation.field).asks
                self._rows.setdefault(ask.row, []).append((ask, len(asks)))
                asks.append(ask)
            for entry in self._given:
                self._field(entry.ref.field).entries[entry.ref] = entry
            if self._tries is not None:
                for name, field in self._fields.items():
                    field.begin(Story(self._tries, name))
        return self._fields

    def _field(self, name: str) -> _Field:
        fields = self._fields if self._fields is not None else self._open()
        found = fields.get(name)
        if found is None:
            found = fields[name] = _Field(self._policy)
        return found


class _Field:
    """One field of the order, with its decisions as long as nothing changes them."""

    __slots__ = ("_added", "_own", "_policy", "_ruling", "_story", "asks", "entries")

    def __init__(self, policy: Policy) -> None:
        self.asks: list[Ask] = []
        self.entries: dict[OperationRef, Entry] = {}
        self._policy = policy
        self._own: set[OperationRef] = set()
        self._added: dict[OperationRef, Entry] = {}
        self._ruling: Ruling | None = None
        self._story: Story | None = None

    def begin(self, story: Story) -> None:
        """Decide by what earlier tries have come to."""
        self._own.update(story.own)
        self._story = story

    def record(self, entry: Entry) -> None:
        known = entry.ref in self.entries
        self.entries[entry.ref] = entry
        if self._story is not None:
            self._story.record(entry)
        if not known:
            self._own.add(entry.ref)
        if not known or entry.ref in self._added:
            self._added[entry.ref] = entry
        else:
            self._ruling = None

    def forget(self, ref: OperationRef, *, undone: bool = False) -> Entry | None:
        entry = self.entries.pop(ref, None)
        if self._story is not None:
            self._story.forget(ref, undone=undone)
        if self._added.pop(ref, None) is None:
            self._ruling = None
        return entry

    def ruling(self) -> Ruling:
        """Give the decisions as of now: the earlier ones, gone on with, where that is enough."""
        if self._ruling is None or not all(map(self._ruling.advance, self._added.values())):
            self._ruling = self._decided()
        self._added.clear()
        while self._story is not None and self._story.take_in(self._ruling, self.asks, self._policy):
            self._ruling = self._decided()
        return self._ruling

    def _decided(self) -> Ruling:
        if self._story is not None:
            return self._story.ruling(self.asks, self._policy, self._own)
        return Ruling(self.asks, tuple(self.entries.values()), self._policy, self._own)
