"""Both journals behind one face: the one of the ledger, and the one in memory that tests stand on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tests.support.ledgers import Clock, start, unsynced
from tests.support.memory_journal import MemoryJournal, MemoryLedger

from ordersheet.ledger import Ledger, RunJournal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ordersheet.core.history.orderbook import Policy
    from ordersheet.core.journal import Journal
    from ordersheet.core.ledger_url import LedgerUrl
    from ordersheet.core.model import RowResult


class Journals(Protocol):
    """Journals of several processes on one ledger."""

    clock: Clock

    def begin(self, policy: Policy | None = None) -> Journal:
        """Start a run in a process of its own."""

    def die(self, journal: Journal) -> None:
        """Let the process of a run end, without another word."""

    def results(self, journal: Journal) -> Mapping[int, RowResult]:
        """Tell each row's result."""

    def close(self) -> None:
        """Let all processes end."""


@dataclass
class MemoryJournals:
    """Journals in memory."""

    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self._ledger = MemoryLedger(self.clock.uptime)
        self._runs = 0

    def begin(self, policy: Policy | None = None) -> Journal:
        self._runs += 1
        return self._ledger.journal(f"run {self._runs}", policy)

    def die(self, journal: Journal) -> None:
        self._ledger.dies(journal.run)

    def results(self, journal: Journal) -> Mapping[int, RowResult]:
        assert isinstance(journal, MemoryJournal)
        return journal.results | journal.kept

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class LedgerJournals:
    """Journals in a real ledger; each has the ledger open for itself, as another process has."""

    path: Path | LedgerUrl
    clock: Clock = field(default_factory=Clock)
    opened: dict[str, Ledger] = field(default_factory=dict)

    def begin(self, policy: Policy | None = None) -> Journal:
        ledger = Ledger.open(self.path, clock=self.clock, uptime=self.clock.uptime, connect=unsynced)
        journal = ledger.start_run(start(policy))
        self.opened[journal.run] = ledger
        return journal

    def die(self, journal: Journal) -> None:
        self.opened.pop(journal.run).close()

    def results(self, journal: Journal) -> Mapping[int, RowResult]:
        assert isinstance(journal, RunJournal)
        return {result.row: result for result in journal.results()}

    def close(self) -> None:
        while self.opened:
            self.opened.popitem()[1].close()
