"""A small world for guards: one order, one field, a second person who edits, and kills at any moment.

The machine itself is driven, in virtual time. A file is a text of rows: a small letter appends, a capital
replaces; a `.` behind it leaves the row without a guard. The judge knows the server's log, who wrote when,
and when the order was read; of the rules it knows nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support import virtual_time
from tests.support.delivery import SHOWN, World, append, replaced, sheet
from tests.support.fake_store import OK, Fate, Order, Store

from ordersheet.core.history.orderbook import Policy
from ordersheet.core.journal import Begin
from ordersheet.core.model import Outcome, StoppedBy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.delivery import Run

    from ordersheet.core.history.orderbook import OrderBook
    from ordersheet.core.model import OrderWork

FIRST = "first"
"""What stands in the field at the beginning, and what guards expect."""
PERSON = "person"
"""What a second person writes."""
FIELD = "internalComment"


class BrokenError(AssertionError):
    """The promise was broken; the message tells the story."""


class KilledError(BaseException):
    """The process is gone at this moment."""


def text_of(letter: str) -> str:
    """What a letter writes: `F` what stands there at the beginning."""
    return FIRST if letter == "F" else letter


def works(file: str, expected: str = FIRST) -> list[OrderWork]:
    """Make a file of letters."""
    rows: list[Any] = []
    for at, letter in enumerate(file):
        if letter == ".":
            continue
        operation = replaced(text_of(letter)) if letter.isupper() else append(letter)
        rows.append((1, operation) if file[at + 1 : at + 2] == "." else (1, operation, expected))
    return sheet(*rows)


@dataclass
class Moments:
    """What happens one after the other: readings, writes to the ledger, updates before and after."""

    kill_at: int | None = None
    edit_at: int | None = None
    edit: Callable[[], None] | None = None
    passed: int = 0

    def pass_by(self) -> None:
        self.passed += 1
        if self.passed == self.edit_at and self.edit is not None:
            self.edit()
        if self.passed == self.kill_at:
            raise KilledError


@dataclass
class GuardWorld:
    """One order and what becomes of it, from run to run."""

    book: type[OrderBook] | None = None
    """Decides by other rules than the product's, where a wording is to fail."""
    skip_unchanged: bool = False
    blind: bytes | None = None
    """How the order is answered where nobody can look; None where it is shown."""
    story: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = Store({1: Order(FIRST)})
        self.world = World(self.store).show()
        above = "lines\nof\nan\norder\nthat\nan\nearlier\nrun\nwrote\nto"
        shown = self.store.order(SHOWN)
        shown.internalComment = f"{above}\n{shown.internalComment}"
        for kept in self.world.ledger.operations.values():
            kept.baseline = above
        self.batches: list[str | None] = []
        """In which batch each update was applied."""
        self.edits: list[int] = []
        """How many updates had been applied when a person wrote."""
        self.read_after = 0
        """How many edits the latest reading can know of."""
        self.written_on: list[str] = []
        """Nobody's texts that could have been seen, and were written on. Told after the run: what is raised
        within one ends as a fault of that run."""

    @property
    def held(self) -> str:
        return self.store.order(1).internalComment or ""

    def edit(self) -> None:
        """A second person adds a line."""
        self.edits.append(len(self.store.applied))
        self.story.append("a person writes")
        self.store.order(1).internalComment = f"{self.held}\n{PERSON}{len(self.edits)}"

    async def send(
        self,
        file: str,
        expected: str = FIRST,
        *,
        kill_at: int | None = None,
        edit_at: int | None = None,
        batch: str | None = None,
    ) -> tuple[Run | None, int]:
        """Send a file; None where it was killed. Gives the number of moments, too."""
        self.story.append(f"{file} expecting {expected!r}, kill {kill_at}, edit {edit_at}")
        moments = Moments(kill_at, edit_at, self.edit)
        self.store.get_fate = lambda order: self._read(moments, order)
        self.store.on_put = lambda: self._about_to_change(moments, file)
        self.store.after_put = lambda _store, _payload: self._has_changed(moments, batch)
        name = f"R{self.world.runs + 1}"

        def prepare(journal: Any) -> None:
            journal.before_write = lambda _events: moments.pass_by()
            journal.book = self.book or journal.book

        try:
            run = await self.world.send(
                works(file, expected),
                policy=Policy(batch=batch),
                prepare=prepare,
                lanes=1,
                batch=batch,
                skip_unchanged=self.skip_unchanged,
            )
        except KilledError:
            self.world.ledger.dies(name)
            self._judge_updates()
            return None, moments.passed
        assert run.end.stopped_by is not StoppedBy.INTERNAL, (self.story, run.end.message)
        self._judge_updates()
        self._judge_report(run, name)
        return run, moments.passed

    def _read(self, moments: Moments, order: int) -> Fate:
        moments.pass_by()
        self.read_after = len(self.edits)
        return OK if self.blind is None or order == SHOWN else Fate(body=self.blind)

    def _about_to_change(self, moments: Moments, file: str) -> None:
        """An update arrives: nobody's text that could have been seen may be in its way."""
        moments.pass_by()
        unguarded = "." in file
        seen = [f"{PERSON}{number + 1}" for number in range(self.read_after)]
        if not unguarded and any(text in self.held for text in seen) and self.expects_none:
            self.written_on.append(self.held)

    def _has_changed(self, moments: Moments, batch: str | None) -> None:
        self.batches.append(batch)
        moments.pass_by()

    expects_none = True
    """Whether no guard expects a person's text."""

    def _judge_updates(self) -> None:
        if self.written_on:
            raise BrokenError("\n".join([*self.story, f"it writes on {self.written_on[0]!r}"]))

    def _judge_report(self, run: Run, name: str) -> None:
        sent = {event.row for events in run.journal.log for event in events if isinstance(event, Begin)}
        for row, result in run.results.items():
            if result.outcome in (Outcome.CHANGED_SINCE, Outcome.NOT_SENT) and row in sent:
                raise BrokenError("\n".join([*self.story, f"row {row} of {name} was sent: {result}"]))
        self.judge_twice()

    def judge_twice(self) -> None:
        """No text of ours stands twice since the field was last overwritten, whoever else wrote.

        In another batch it is meant once more.
        """
        standing: list[tuple[str, str | None]] = []
        for payload, batch in zip(self.store.applied, self.batches, strict=True):
            text = payload[FIELD], batch
            standing = [text] if payload.get("replaceInternalComment") else [*standing, text]
            if len(set(standing)) < len(standing):
                raise BrokenError("\n".join([*self.story, f"it stands twice: {standing}"]))


def ending(file: str, start: str = FIRST) -> str:
    """What a file makes of a field where nobody else writes: said once more, knowing nothing of the rules."""
    lines = [start]
    added: list[str] = []
    for letter in file.replace(".", ""):
        if letter.isupper():
            if lines != [text_of(letter)]:
                lines, added = [text_of(letter)], []
        elif letter not in added:
            lines.append(letter)
            added.append(letter)
    return "\n".join(lines)


def explored(main: Callable[[], Any]) -> Any:
    """Let one world see its story to the end."""
    return virtual_time.run(main())
