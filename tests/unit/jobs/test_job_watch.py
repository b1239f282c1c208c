"""How long a watcher rests, by a clock that goes on while the machine sleeps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from ordersheet.jobs.passes import PassReport
from ordersheet.jobs.schedule import Schedule
from ordersheet.jobs.watch import WatchedJob, Watcher

START = datetime(2026, 11, 27, 22, 1, tzinfo=UTC)


@dataclass
class Night:
    """A job that is looked at, while the machine sleeps for some hours after the first look."""

    slept: float
    looks: int = 0
    asked: int = 0

    def look(self) -> PassReport:
        self.looks += 1
        return PassReport()

    def wait(self, _report: PassReport, _due_in: float) -> float:
        """Something is expected by nine."""
        return 11 * 3600.0

    def seconds(self) -> float:
        self.asked += self.looks > 0
        return self.slept if self.asked > 2 else 0.0

    def clock(self) -> datetime:
        return START + timedelta(seconds=self.seconds())


@pytest.mark.parametrize("schedule", [Schedule(cron="0 2 * * 0"), Schedule(every=1e6)])
def test_what_was_due_while_the_machine_slept_is_looked_at_when_it_wakes(schedule):
    night = Night(slept=12 * 3600.0)
    work: Any = SimpleNamespace(
        place=SimpleNamespace(job=SimpleNamespace(schedule=schedule)), teller=SimpleNamespace(untold=[])
    )
    passes: Any = night
    job = WatchedJob(make=lambda: (work, passes), tell_broken=lambda _why: None, name="nightly")
    log: Any = SimpleNamespace()
    Watcher([job], night.clock, lambda: night.looks > 1, log, seconds=night.seconds, longest_sleep=0.01).run()
    assert night.looks == 2
