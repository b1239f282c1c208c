"""A small world to try the rules of what is already done in: client, ledger, server, faults and people.

One order. A file is a tuple of rows, a row a tuple of (field, operation). An operation is one letter: small
for an append of that text, capital for an overwrite with it. A fault says what becomes of one request.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from tests.support.model_wordings import reworded

from ordersheet.core.history.orderbook import Ask, Decision, Entry, OperationRef, OrderBook, Policy
from ordersheet.core.model import Operation, OperationKind, Outcome
from ordersheet.core.operation_state import OperationState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Row: TypeAlias = tuple[tuple[str, str], ...]
File: TypeAlias = tuple[Row, ...]

OK, REFUSED, LOST, MUTE, LATE = "ok", "refused", "lost", "mute", "late"
STOPPED, KILLED_BEFORE, KILLED_AFTER, KILLED_LATE = "stopped", "killed before", "killed after", "killed late"
KILLS = (STOPPED, KILLED_BEFORE, KILLED_AFTER, KILLED_LATE)
"""The process dies before it wrote `sending`, after it, after the server applied, or before it does."""
FAULTS = (REFUSED, LOST, MUTE, LATE, *KILLS)
ATTEMPTS = 2


class Book(Protocol):
    """What the client asks: the product's OrderBook, or a reworded one."""

    def plan(self, row: int) -> tuple[Decision, ...]: ...
    def waits_for(self, row: int) -> int | None: ...
    def record(self, entry: Entry) -> None: ...
    def forget(self, ref: OperationRef) -> None: ...
    def history(self, field: str) -> tuple[Entry, ...]: ...


class RewordedBook:
    """An order's book that decides by another wording, each time from scratch."""

    def __init__(self, wording: str, asks: Sequence[Ask], history: Sequence[Entry], policy: Policy) -> None:
        self._wording = wording
        self._asks = asks
        self._entries = {entry.ref: entry for entry in history}
        self._policy = policy
        self._own: set[OperationRef] = set()

    def _decided(self, name: str) -> list[Decision]:
        asks = [ask for ask in self._asks if ask.operation.field == name]
        return list(reworded(self._wording, asks, self.history(name), self._policy, self._own))

    def plan(self, row: int) -> tuple[Decision, ...]:
        return tuple(
            decision
            for ask in self._asks
            if ask.row == row
            for decision in self._decided(ask.operation.field)
            if decision.ask is ask
        )

    def waits_for(self, row: int) -> int | None:
        return min(
            (
                decision.ask.row
                for ask in self._asks
                if ask.row == row
                for decision in self._decided(ask.operation.field)
                if decision.outcome is None and decision.ask.row < row
            ),
            default=None,
        )

    def record(self, entry: Entry) -> None:
        if entry.ref not in self._entries:
            self._own.add(entry.ref)
        self._entries[entry.ref] = entry

    def forget(self, ref: OperationRef) -> None:
        del self._entries[ref]

    def history(self, field: str) -> tuple[Entry, ...]:
        return tuple(entry for entry in self._entries.values() if entry.ref.field == field)


BookMaker: TypeAlias = "Callable[[Sequence[Ask], Sequence[Entry], Policy], Book]"


def product(asks: Sequence[Ask], history: Sequence[Entry], policy: Policy) -> Book:
    """Make the very book that ordersheet uses."""
    return OrderBook(1, asks, history, policy)


def with_wording(wording: str) -> BookMaker:
    """Make books that decide by another wording."""
    return lambda asks, history, policy: RewordedBook(wording, asks, history, policy)


class Line(NamedTuple):
    """What stands in a field: a text, and who put it there (`""`: a person)."""

    text: str
    run: str
    batch: str | None = None
    occurrence: int = 1


class Sent(NamedTuple):
    """One operation as the server applied it."""

    ref: OperationRef
    text: str
    batch: str | None


@dataclass(slots=True)
class Server:
    """What the shop holds, and everything that it ever applied."""

    fields: dict[str, tuple[Line, ...]] = field(default_factory=dict)
    log: tuple[Sent, ...] = ()
    late: tuple[tuple[tuple[Ask, Entry], ...], ...] = ()
    """Requests that were given up and have yet to arrive."""

    def apply(self, parts: Iterable[tuple[Ask, Entry]]) -> None:
        for ask, entry in parts:
            name, text = ask.operation.field, ask.operation.value
            before = () if entry.kind.overwrites else self.fields.get(name, ())
            line = Line(text, entry.ref.run, entry.batch, entry.occurrence)
            self.fields[name] = (*before, line)
            self.log += (Sent(entry.ref, text, entry.batch),)

    def settle(self) -> None:
        for parts in self.late:
            self.apply(parts)
        self.late = ()


@dataclass(slots=True)
class Report:
    """What a run says of each operation of its file; None where the run was killed before it could."""

    run: str
    file: File
    policy: Policy
    asks: tuple[Ask, ...]
    outcomes: dict[tuple[int, str], Outcome] = field(default_factory=dict)
    sent: int = 0
    killed: bool = False


@dataclass(slots=True)
class World:
    """One order at one store, one ledger, and whoever comes by.

    Attributes:
        reads: whether orders can be read. Where not, a person settles appends in doubt, truthfully, between
            runs, and an overwrite in doubt stays so.
    """

    make_book: BookMaker = product
    reads: bool = True
    server: Server = field(default_factory=Server)
    history: tuple[Entry, ...] = ()
    asked: dict[tuple[str, str], frozenset[object]] = field(default_factory=dict)
    """By field and text: how often it was asked for."""
    unfinished: dict[tuple[str, str, str | None], int] = field(default_factory=dict)
    """Occurrences that an `--again` run recorded, by field, text and batch, until they are finished."""
    runs: int = 0
    touched: bool = False
    """Whether a person ever changed the order."""
    story: tuple[str, ...] = ()
    """What happened so far, for whoever reads a counterexample."""

    def copy(self) -> World:
        server = Server(dict(self.server.fields), self.server.log, self.server.late)
        return World(
            self.make_book,
            self.reads,
            server,
            self.history,
            dict(self.asked),
            dict(self.unfinished),
            self.runs,
            self.touched,
            self.story,
        )

    def key(self) -> object:
        """What can make a difference to later runs: worlds alike in it need be tried but once.

        Texts are named by the order in which they turn up, since no rule looks at a text itself.
        """
        names: dict[str, str] = {}

        def name(text: str) -> str:
            return names.setdefault(text, f"{text.isupper()}{len(names)}")

        return (
            tuple((name(e.key), e.ref.field, e.state, e.occurrence, e.batch) for e in self.history),
            tuple(
                (field, tuple((name(line.text), bool(line.run), *line[2:]) for line in lines))
                for field, lines in self.server.fields.items()
            ),
            frozenset((name(sent.text), sent.ref.field, sent.batch) for sent in self.server.log),
            tuple((name(text), field, batch) for field, text, batch in self.unfinished),
            tuple((name(text), field, ids) for (field, text), ids in self.asked.items()),
        )

    @property
    def had_refusals(self) -> bool:
        """Whether the API ever refused anything."""
        return any(entry.state is OperationState.REFUSED for entry in self.history)

    # People.

    def person_types(self, name: str, text: str) -> None:
        self.touched = True
        self.story += (f"a person types {text}",)
        self.server.fields[name] = (*self.server.fields.get(name, ()), Line(text, ""))

    def person_removes(self, name: str) -> None:
        self.touched = True
        self.story += ("a person removes the last line",)
        self.server.fields[name] = self.server.fields.get(name, ())[:-1]

    # The client.

    def asks_of(self, file: File, policy: Policy) -> tuple[Ask, ...]:
        """Key what a file asks, with the occurrences that `--again` records before its first byte."""
        asks = []
        for number, row in enumerate(file, start=2):
            for name, letter in row:
                kind = OperationKind.REPLACE if letter.isupper() else OperationKind.APPEND
                occurrence = 1
                if kind is OperationKind.APPEND:
                    occurrence = self._occurrence(name, letter, policy)
                asks.append(Ask(number, Operation(name, kind, letter), letter, occurrence))
        return tuple(asks)

    def _occurrence(self, name: str, text: str, policy: Policy) -> int:
        what = (name, text, policy.batch)
        if policy.again and what not in self.unfinished:
            known = [
                e.occurrence
                for e in self.history
                if (e.ref.field, e.key, e.batch) == what and not e.kind.overwrites
            ]
            self.unfinished[what] = max(known, default=0) + 1
        return self.unfinished.get(what, 1)

    def _count(self, asks: Sequence[Ask], policy: Policy) -> None:
        copies: dict[tuple[str, str], int] = {}
        for ask in asks:
            what = (ask.operation.field, ask.key)
            copies[what] = copies.get(what, 0) + (1 if policy.duplicates == "send" else 0)
            identity = (policy.batch, ask.occurrence, copies[what])
            self.asked[what] = self.asked.get(what, frozenset()) | {identity}

    def run(self, file: File, policy: Policy = Policy(), faults: Sequence[str] = ()) -> Report:  # noqa: B008 - frozen
        """Send a file. Each request meets the next fault; none is left when they are used up."""
        self.runs += 1
        self.story += (f"{' '.join(letter for row in file for _, letter in row)} {policy} {list(faults)}",)
        self.adopt()
        asks = self.asks_of(file, policy)
        self._count(asks, policy)
        report = Report(f"r{self.runs}", file, policy, asks)
        client = _Client(self, report, self.make_book(asks, self.history, policy), list(faults))
        client.deliver()
        fields = {ask.operation.field for ask in asks} | {entry.ref.field for entry in self.history}
        self.history = tuple(entry for name in sorted(fields) for entry in client.book.history(name))
        if not report.killed:
            self._finish(report)
        return report

    def _finish(self, report: Report) -> None:
        for ask in report.asks:
            what = (ask.operation.field, ask.key, report.policy.batch)
            if report.outcomes[ask.row, ask.operation.field] not in _OPEN:
                self.unfinished.pop(what, None)

    def adopt(self) -> None:
        """Look up what is in doubt, a settle after it was given up."""
        self.server.settle()
        history = []
        for entry in self.history:
            if entry.state is not OperationState.IN_DOUBT or (entry.kind.overwrites and not self.reads):
                history.append(entry)
            elif any(sent.ref == entry.ref for sent in self.server.log):
                history.append(entry._replace(state=OperationState.APPLIED))
        self.history = tuple(history)


_OPEN = frozenset({Outcome.NOT_SENT, Outcome.UNCONFIRMED, Outcome.NOT_APPLIED})


class _KilledError(Exception):
    pass


class _Client:
    """One run on the order, under its claim."""

    def __init__(self, world: World, report: Report, book: Book, faults: list[str]) -> None:
        self.world = world
        self.report = report
        self.book = book
        self.faults = faults

    def deliver(self) -> None:
        rows = list(dict.fromkeys(ask.row for ask in self.report.asks))
        held = False
        try:
            for row in rows:
                if held or self.book.waits_for(row) is not None:
                    held = True
                    for ask in self.report.asks:
                        if ask.row == row:
                            self._say(ask, Outcome.NOT_SENT)
                else:
                    held = self._row(row)
        except _KilledError:
            self.report.killed = True

    def _say(self, ask: Ask, outcome: Outcome) -> None:
        self.report.outcomes[ask.row, ask.operation.field] = outcome

    def _row(self, row: int) -> bool:
        """Deliver a row; tell whether it holds back the rows after it."""
        settled: dict[OperationRef, Outcome] = {}
        for _ in range(ATTEMPTS):
            if not self._attempt(row, settled):
                break
        holds = False
        for decision in self.book.plan(row):
            ask = decision.ask
            ref = self._ref(ask)
            if ref in settled:
                self._say(ask, settled[ref])
            elif decision.outcome is Outcome.DUPLICATE:
                assert decision.twin is not None
                twin = self.report.outcomes[decision.twin, ask.operation.field]
                self._say(ask, Outcome.DUPLICATE if twin.ok else twin)
            elif decision.outcome is None:
                doubtful = any(entry.ref == ref for entry in self.book.history(ask.operation.field))
                self._say(ask, Outcome.UNCONFIRMED if doubtful else Outcome.NOT_APPLIED)
                holds = True
            else:
                self._say(ask, decision.outcome)
                own = decision.entry is not None and decision.entry.ref == ref
                holds |= own and decision.outcome is Outcome.UNCONFIRMED
        return holds

    def _ref(self, ask: Ask) -> OperationRef:
        return OperationRef(self.report.run, ask.row, ask.operation.field)

    def _attempt(self, row: int, settled: dict[OperationRef, Outcome]) -> bool:
        """Send what is to be sent of a row; tell whether to try again."""
        parts = []
        for decision in self.book.plan(row):
            ask = decision.ask
            if decision.outcome is None:
                kind, batch = ask.operation.kind, self.report.policy.batch
                entry = Entry(self._ref(ask), kind, ask.key, OperationState.IN_DOUBT, ask.occurrence, batch)
                if self._stands_already(ask):
                    self.book.record(entry._replace(state=OperationState.THERE))
                else:
                    parts.append((ask, entry))
        if not parts:
            return False
        fault = self.faults.pop(0) if self.faults else OK
        if fault == STOPPED:
            raise _KilledError
        doubtful = {entry.ref for ask, entry in parts if entry in self.book.history(ask.operation.field)}
        for _, entry in parts:
            self.book.record(entry)
        self.report.sent += 1
        return self._meet(fault, parts, doubtful, settled)

    def _meet(
        self,
        fault: str,
        parts: list[tuple[Ask, Entry]],
        doubtful: set[OperationRef],
        settled: dict[OperationRef, Outcome],
    ) -> bool:
        if fault in (OK, MUTE, KILLED_AFTER):
            self.world.server.apply(parts)
        if fault in (LATE, KILLED_LATE):
            self.world.server.late += (tuple(parts),)
        if fault in KILLS:
            raise _KilledError
        known = fault in (OK, REFUSED)
        if not known:
            self.world.server.settle()
        for _, entry in parts:
            applied = fault not in (REFUSED, LOST)
            if fault == REFUSED and entry.ref in doubtful:
                continue  # an earlier attempt may have been applied: still unknown
            if known or (self.world.reads and applied):
                state = OperationState.REFUSED if fault == REFUSED else OperationState.APPLIED
                self.book.record(entry._replace(state=state))
                settled[entry.ref] = Outcome.APPLIED if applied else Outcome.REFUSED
                if not known:
                    settled[entry.ref] = Outcome.CONFIRMED
            elif self.world.reads:
                self.book.forget(entry.ref)
        return not known

    def _stands_already(self, ask: Ask) -> bool:
        name = ask.operation.field
        if ask.operation.kind.overwrites or ask.occurrence > 1 or not self.world.reads:
            return False
        wrote = any(e.key == ask.key and not e.kind.overwrites for e in self.book.history(name))
        return not wrote and any(line.text == ask.key for line in self.world.server.fields.get(name, ()))
