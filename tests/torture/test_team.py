"""Workers that are killed and frozen, at a shop with faults: nothing twice, lost, or misreported."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from tests.support.oracle_check import (
    Findings,
    check_end,
    check_nothing_twice,
    check_report,
    read_report,
    read_sheet,
)
from tests.support.oracle_plan import Plan
from tests.support.postgres import carried_out, let_leases_end
from tests.support.postgres_cluster import cluster
from tests.support.torture import LATE, SECRET, SETTLE, mixed_rows

from ordersheet.core.ledger_url import LedgerUrl

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.torture import Desk as TortureDesk

pytestmark = [pytest.mark.needs("postgres", "dbos"), pytest.mark.torture]
FAULTS = Plan(seed=11, share=0.05, get_share=0.03, late=LATE, stall=4.0)
PATIENCE = 900.0
MOST_HARM = 25
"""So many kills and freezes."""


class Crew:
    """Workers at one ledger and one shop, killed and started anew."""

    def __init__(self, desk: TortureDesk, stack: ExitStack) -> None:
        self.desk, self._stack = desk, stack
        self.logs: list[Path] = []
        self.processes: list[subprocess.Popen[bytes]] = []
        self.harmed = 0

    def env(self, who: str) -> dict[str, str]:
        assert self.desk.shared is not None
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("ORDERSHEET_")},
            "ORDERSHEET_BASE_URL": f"http://127.0.0.1:{self.desk.oracle.port}/{self.desk.shop}",
            "ORDERSHEET_API_KEY": f"key.{who}.{SECRET}",
            "ORDERSHEET_LEDGER": self.desk.shared.url,
            "ORDERSHEET_STORE": "torture",
        }

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "ordersheet", *words],
            cwd=self.desk.folder,
            env=self.env("clerk"),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def submit(self, *words: str) -> str:
        handed = self.command("submit", self.desk.sheet, "--yes", "--json", *words)
        assert handed.returncode == 0, handed.stderr
        return str(json.loads(handed.stdout)["run"])

    def start(self, *, key: str = "worker", env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        log = self.desk.folder.parent / f"{self.desk.folder.name}-worker{len(self.logs)}.log"
        self.logs.append(log)
        file = self._stack.enter_context(log.open("wb"))
        one = subprocess.Popen(
            [sys.executable, "-m", "ordersheet", "worker", "--poll", "0.3"],
            cwd=self.desk.folder,
            env=self.env(key) | (env or {}),
            stdout=file,
            stderr=file,
        )
        self.processes.append(one)
        return one

    def living(self) -> list[subprocess.Popen[bytes]]:
        return [one for one in self.processes if one.poll() is None]

    def ready(self) -> list[subprocess.Popen[bytes]]:
        """Give those that look for work."""
        told = zip(self.processes, self.logs, strict=True)
        return [one for one, log in told if one.poll() is None and "Working for" in log.read_text()]

    def end(self) -> None:
        for one in self.living():
            one.send_signal(signal.SIGCONT)
            one.kill()
            one.wait()
        for log in self.logs:
            said = log.read_text(encoding="utf-8", errors="replace")
            assert "Traceback" not in said, said
            assert SECRET not in said


def harm(crew: Crew, chance: random.Random) -> None:
    """Kill or freeze one of the workers, and let others think it dead."""
    assert crew.desk.shared is not None
    ready = crew.ready()
    if len(ready) < 2:
        # On a busy machine they take their time; and somebody has to get on.
        return
    victim = chance.choice(ready)
    crew.harmed += 1
    if chance.random() < 0.6:
        victim.kill()
        victim.wait()
        crew.start()
        let_leases_end_of(crew, victim.pid)
    else:
        victim.send_signal(signal.SIGSTOP)
        let_leases_end_of(crew, victim.pid)
        time.sleep(chance.uniform(0.5, 2.0))
        victim.send_signal(signal.SIGCONT)


def let_leases_end_of(crew: Crew, pid: int) -> None:
    assert crew.desk.shared is not None
    carried_out(
        crew.desk.shared,
        "UPDATE ordersheet.lease SET valid_until = clock_timestamp() - interval '1 second'"
        f" WHERE process_id IN (SELECT id FROM ordersheet.process WHERE pid = {pid})",
    )


def finished(crew: Crew, run: str) -> Callable[[], bool]:
    assert crew.desk.shared is not None
    url = crew.desk.shared

    def ask() -> bool:
        return bool(carried_out(url, f"SELECT finished FROM ordersheet.run WHERE name = '{run}'")[0][0])

    return ask


def findings(crew: Crew, run: str, number: int) -> Findings:
    """Hold the report of a run against all that was applied."""
    desk = crew.desk
    report = desk.folder / "reports" / f"team{number}.csv"
    report.parent.mkdir(exist_ok=True)
    written = crew.command("report", run, "--report", str(report))
    assert written.returncode == 0, written.stderr
    done = desk.done()
    found = check_nothing_twice(done)
    lines = read_report(report, read_sheet(desk.path), found)
    found += check_report(done, lines, "worker")
    if all(line.status == "ok" for line in lines):
        found += check_end(done, lines)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_workers_that_are_killed_and_frozen_send_each_row_once(yard, team_url, seed):
    chance = random.Random(seed)
    desk = yard.desk(f"team-{seed}", mixed_rows(900, 170 + seed, orders=700), FAULTS, shared=team_url)
    options = (
        "--settle",
        str(SETTLE),
        "--timeout",
        "1",
        "--grace",
        "5",
        "--concurrency",
        "8",
        "--rate",
        "60",
    )
    with ExitStack() as stack:
        crew = Crew(desk, stack)
        stack.callback(crew.end)
        for _ in range(3):
            crew.start()
        for number in range(6):
            if number == 1:
                yard.oracle.plan(desk.shop, Plan())
            run = crew.submit(*options)
            is_over, end = finished(crew, run), time.monotonic() + PATIENCE
            while not is_over():
                assert time.monotonic() < end, [log.read_text() for log in crew.logs]
                time.sleep(chance.uniform(0.5, 3.0))
                if number == 0 and crew.harmed < MOST_HARM:
                    harm(crew, chance)
            found = findings(crew, run, number)
            assert found.kept, found
            told = crew.command("show", run, "--json").stdout
            if number > 0 and '"no": 0' in told:
                return
    raise AssertionError("some rows are still not ok")


def test_the_database_crashes_while_workers_send(yard, postgres_server):
    """Each time all connections are gone, and with them what was not committed."""
    from ordersheet.ledger.postgresql.making import make
    from ordersheet.team.queue import make_tables

    with cluster() as server, ExitStack() as stack:
        server.make()
        server.start()
        url = LedgerUrl(server.url, server.folder / "home")
        make(url)
        make_tables(url)
        desk = yard.desk("team-crash", mixed_rows(300, 9, orders=240), FAULTS, shared=url)
        crew = Crew(desk, stack)
        stack.callback(crew.end)
        crew.start()
        crew.start()
        run = crew.submit("--settle", str(SETTLE), "--timeout", "1", "--rate", "40")
        for _ in range(3):
            time.sleep(4)
            server.crash()
            time.sleep(1)
            server.start()
            # As after a minute: those who came back have leases of their own.
            let_leases_end(url)
        is_over, end = finished(crew, run), time.monotonic() + PATIENCE
        while not is_over():
            assert time.monotonic() < end, [log.read_text() for log in crew.logs]
            time.sleep(0.5)
        assert findings(crew, run, 0).kept


def test_the_database_s_leases_all_end_at_once(yard, team_url):
    """As after the database was away for longer than a lease: nobody is dead, and nobody may go on."""
    desk = yard.desk("team-away", mixed_rows(300, 7, orders=240), shared=team_url)
    with ExitStack() as stack:
        crew = Crew(desk, stack)
        stack.callback(crew.end)
        crew.start()
        crew.start()
        run = crew.submit("--settle", str(SETTLE), "--rate", "60")
        is_over, end = finished(crew, run), time.monotonic() + PATIENCE
        for _ in range(2):
            time.sleep(3)
            let_leases_end(team_url)
        while not is_over():
            assert time.monotonic() < end
            time.sleep(0.5)
        assert findings(crew, run, 0).kept
