"""A world of one order in which runs are undone: judged by who wrote what, whatever the walk says."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product as combinations
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ordersheet.core.history.entries import Ask, Entry, OperationRef
from ordersheet.core.history.orderbook import OrderBook, Policy
from ordersheet.core.history.undo import FieldWalk, PastAttempt, walk_back
from ordersheet.core.model import Operation, OperationKind, Outcome
from ordersheet.core.operation_state import OperationState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

FIELD = "comment"
OK, MUTE, LOST, KILLED, KILLED_BEFORE = "ok", "mute", "lost", "killed", "killed before"
"""Answered; applied and the answer lost; lost on its way; applied or not as the process dies."""
Walk: TypeAlias = "Callable[[str, Sequence[PastAttempt], frozenset[str]], FieldWalk]"


class Piece(NamedTuple):
    """A text that stands in the field; `by` names its run, `""` a person."""

    text: str
    by: str


class Attempted(NamedTuple):
    """One request, and what it found."""

    ref: OperationRef
    kind: OperationKind
    text: str
    found: tuple[Piece, ...]


@dataclass(slots=True)
class UndoneWorld:
    """One field, one ledger."""

    walk: Walk = walk_back
    in_history: bool = False
    """Whether undos stand in the history as entries, and what they took back does too."""
    pieces: tuple[Piece, ...] = ()
    history: tuple[Entry, ...] = ()
    attempts: list[Attempted] = field(default_factory=list)
    undone: set[OperationRef] = field(default_factory=set)
    typed: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(piece.text for piece in self.pieces)

    def person(self) -> None:
        self.typed.append(f"hers {len(self.typed)}")
        self.pieces = (*self.pieces, Piece(self.typed[-1], ""))

    def send(self, run: str, letters: Sequence[str], faults: Sequence[str] = ()) -> list[Outcome]:
        """Send a file of one field: small letters are added, capitals replace. All is settled in the end."""
        kinds = [OperationKind.REPLACE if one.isupper() else OperationKind.APPEND for one in letters]
        asks = [
            Ask(row, Operation(FIELD, kind, letter), letter)
            for row, (letter, kind) in enumerate(zip(letters, kinds, strict=True), start=2)
        ]
        book = OrderBook(1, asks, self.history, Policy())
        left, outcomes = list(faults), []
        for ask in asks:
            (decision,) = book.plan(ask.row)
            if decision.outcome is not None:
                outcomes.append(decision.outcome)
                continue
            ref = OperationRef(run, ask.row, FIELD)
            self._deliver(ref, ask, left)
            book.record(Entry(ref, ask.operation.kind, ask.key, OperationState.APPLIED))
            outcomes.append(Outcome.APPLIED)
        self.history = book.history(FIELD)
        return outcomes

    def _deliver(self, ref: OperationRef, ask: Ask, faults: list[str]) -> None:
        """Send until it was applied; of what is lost an overwrite goes out again, applied or not."""
        text, kind = ask.key, ask.operation.kind
        while True:
            fault = faults.pop(0) if faults else OK
            self.attempts.append(Attempted(ref, kind, text, self.pieces))
            if fault != LOST:
                mine = (Piece(text, ref.run),)
                self.pieces = mine if kind.overwrites else (*self.pieces, *mine)
            if fault == OK or (fault == MUTE and not kind.overwrites):
                return

    def undo(self, run: str, fault: str = OK) -> FieldWalk:
        """Undo a run; what it did not come to is done by the next."""
        standing = {entry.ref for entry in self.history} | self.undone
        past = [
            PastAttempt(one.ref, one.kind, one.text, OperationState.APPLIED, _join(one.found))
            for one in self.attempts
            if one.ref in standing and one.ref not in self.undone
        ]
        found = self.walk(self.text, past, frozenset({run}))
        if found.restore is None or fault == KILLED_BEFORE:
            return found
        if fault == LOST:
            return self.undo(run)
        before = {_join(one.found): one.found for one in self.attempts}
        self.pieces = before[found.restore]
        if self.in_history:
            ref = OperationRef(f"undo of {run}", 2, FIELD)
            kind, restored = OperationKind.REPLACE, found.restore
            self.history = (*self.history, Entry(ref, kind, restored, OperationState.APPLIED))
        else:
            self.history = tuple(entry for entry in self.history if entry.ref not in found.undone)
        self.undone |= set(found.undone)
        return found


def _join(pieces: Sequence[Piece]) -> str:
    return "\n".join(piece.text for piece in pieces)


class Life(NamedTuple):
    """What happens in one world."""

    first: tuple[str, ...]
    """An earlier run's file."""
    second: tuple[str, ...]
    """The file of the run that is undone."""
    faults: tuple[str, ...]
    undo_fault: str
    person: str
    """When a person writes: never, before the undo, or between its two parts."""


def lives(longest: int) -> Iterator[Life]:
    """Give every small life."""
    files = [file for size in range(longest + 1) for file in combinations("abXY", repeat=size)]
    for first, second in combinations([file for file in files if len(file) < 2], files):
        if second:
            for faults in combinations((OK, MUTE, LOST), repeat=min(len(second), 2)):
                for undo_fault in (OK, MUTE, LOST, KILLED, KILLED_BEFORE):
                    for person in ("never", "before", "after"):
                        yield Life(first, second, faults, undo_fault, person)


class UndoBrokenError(AssertionError):
    """An undo did what it must not."""


def live(life: Life, walk: Walk = walk_back, *, in_history: bool = False) -> None:
    """Live a life, and hold it against what must be.

    Raises:
        UndoBrokenError: it is not so.
    """
    world = UndoneWorld(walk, in_history)
    world.send("A", life.first)
    before, history = world.text, world.history
    told = world.send("B", life.second, life.faults)
    after = world.text
    if life.person == "before":
        world.person()
    world.undo("B", life.undo_fault)
    if life.person == "after":
        world.person()
    if life.undo_fault in (KILLED, KILLED_BEFORE):
        world.undo("B")
    _must(all(text in world.text.split("\n") for text in world.typed), "a text of a person is lost", life)
    if life.person == "never":
        _must(world.text == before, "the field is not what it was", life)
        _must(world.history == history or in_history, "the history is not what it was", life)
        again = world.send("C", life.second)
        _must(again == told, "the file is not decided as if the run had never been", life)
        _must(world.text == after, "the file does not come to what it came to", life)
    else:
        world.send("C", life.second)
    sent = len(world.attempts)
    world.send("D", life.second)
    _must(len(world.attempts) == sent, "the second sending sends something", life)


def _must(holds: bool, what: str, life: Life) -> None:  # noqa: FBT001 - it reads as a sentence
    if not holds:
        raise UndoBrokenError(f"{what}: {life}")


def by_operations(now: str, attempts: Sequence[PastAttempt], runs: frozenset[str]) -> FieldWalk:
    """Walk by operations, each known by its latest attempt alone: a plausible simpler wording."""
    return walk_back(now, list({one.ref: one for one in attempts}.values()), runs)
