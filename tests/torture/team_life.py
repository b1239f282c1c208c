"""One team's life: desks and workers that send one sheet with one ledger, and what befalls them meanwhile."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.support.kill_driver import KILL, PROCESS
from tests.support.leases import short_leases
from tests.support.oracle_check import Findings
from tests.support.oracle_plan import Plan
from tests.support.postgres import Server, carried_out
from tests.support.postgres_cluster import Cluster, cluster
from tests.support.torn_link import TornLink, torn_link
from tests.support.torture import SETTLE, Ended, mixed_rows
from tests.torture.campaign import plan_of

from ordersheet.core.ledger_url import LedgerUrl
from ordersheet.ledger import make_shared
from ordersheet.ledger.writer import AFTER_COMMIT, BEFORE_COMMIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.torture import Desk, Workshop

MOST_DESKS, WORKERS = 5, 3
FROZEN = 5.5
"""Seconds: longer than an update that is written ahead may wait."""
SHARE, PUSHED_BACK = 0.03, 0.001
MOST_COMMITS = 120
HELD_BACK = 2.0
"""Seconds: a lease ends here as soon as its process is dead or stands still."""
SENDS = 14
PATIENCE = 1800.0
_MORE = ("--timeout", "1", "--attempts", "12", "--concurrency", "16")
_SUBMITTED = "SELECT name FROM ordersheet.run JOIN ordersheet.submission ON run_id = run.id"


class Harm(NamedTuple):
    """How often what befalls a team."""

    kills: float = 0.65
    """The share of processes that are killed: at a moment, or at a step of ledger, request or file."""
    freezes: float = 0.1
    """The share of those that stand still."""
    moments: float = 0.2
    """The share of kills that come at a moment, however far the process is."""
    crash: tuple[float, float] = (30.0, 90.0)
    """Seconds between two crashes of the database, or cuts of the way to it."""
    life: tuple[float, float] = (15.0, 120.0)
    """Seconds that a process lives, at the most."""
    steps: tuple[int, int] = (100, 2000)
    """How many of them."""


class Home(NamedTuple):
    """Where teams live one after the other: a database server, and the way to it."""

    server: Cluster
    link: TornLink

    def ledger(self, number: int) -> tuple[LedgerUrl, LedgerUrl]:
        """Make an empty ledger with a queue; gives its URL, and that by the way that is cut."""
        at = Server(self.server.url)
        name = f"team_{number}_{os.getpid()}"
        with closing(at.connect()) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}".encode())
        direct = at.of(name)
        through = direct.replace(f":{self.server.port}/", f":{self.link.port}/")
        return LedgerUrl(direct, Path()), LedgerUrl(through, Path())


_TEMPLATE = "team_template"
_MAKING = threading.Lock()
"""The queue's library is one for the whole process."""


@contextmanager
def home() -> Iterator[Home]:
    """Start a server."""
    from ordersheet.team.queue import make_tables

    with cluster() as server:
        server.make()
        server.start(max_connections="200")
        at = Server(server.url)
        with closing(at.connect()) as connection:
            connection.execute(f"CREATE DATABASE {_TEMPLATE} TEMPLATE template0".encode())
        url = LedgerUrl(at.of(_TEMPLATE), Path())
        make_shared(url)
        with _MAKING:
            assert make_tables(url)
        with torn_link(server.port) as link:
            yield Home(server, link)


class Team:
    """Sends a sheet to its end.

    Args:
        yard: with a driver for each desk, each worker, and one more.
        home: where its ledger is.
        number: what befalls it follows from this.
        desks: how many; drawn where None.
        rows: of the sheet.
        harm: how often what befalls it.
        until: when that ends, by the monotonic clock, so that all comes to its end soon after.
    """

    def __init__(
        self,
        yard: Workshop,
        home: Home,
        number: int,
        *,
        desks: int | None,
        rows: int,
        harm: Harm,
        until: float,
    ) -> None:
        self._chance = random.Random(number)
        self._home, self._yard, self._harm, self._until = home, yard, harm, until
        self.desks = desks or self._chance.randint(2, MOST_DESKS)
        self._direct, through = home.ledger(number)
        plan = plan_of(number, share=SHARE, push_back=PUSHED_BACK if number % 4 == 0 else 0.0)
        plan = replace(plan, get_share=SHARE, latency=0.02)
        self.desk: Desk = yard.desk(f"team{number}", mixed_rows(rows, number), plan, shared=self._direct)
        self.desk.shared = through
        self.happened: Counter[str] = Counter()
        self._over = threading.Event()
        self._workers = 0
        self._lock = threading.Lock()

    def _note(self, what: str, times: int) -> None:
        with self._lock:
            self.happened[what] += times

    def live(self) -> None:
        """Go through it all, and come to the sheet's end."""
        run = self._submit()
        everybody = self.desks + WORKERS + 1
        with short_leases(self._direct, every=1.0) as ended, ThreadPoolExecutor(everybody) as pool:
            workers = [pool.submit(self._work) for _ in range(WORKERS)]
            desks = [pool.submit(self._desk) for _ in range(self.desks)]
            trouble = pool.submit(self._trouble)
            try:
                for desk in desks:
                    desk.result()
                self._until_finished(run, workers)
            finally:
                self._over.set()
                trouble.result()
                self._end(workers)
        self._note("processes frozen beyond their lease", ended["frozen"])
        self._yard.oracle.plan(self.desk.shop, Plan())
        self._report(run)
        self.desk.finish(most=SENDS)

    def _submit(self) -> str:
        """Hand the sheet over to the workers; gives the name of the run."""
        options = ("--settle", str(SETTLE), "--timeout", "1", "--attempts", "12", "--concurrency", "8")
        handed = self.desk.run("submit", ("submit", self.desk.sheet, "--yes", "--json", *options))
        assert handed.code == 0, handed.output
        ((name,),) = carried_out(self._direct, _SUBMITTED)
        return str(name)

    def _desk(self) -> None:
        """Send, again and again, as this desk fares, until all is said to be done."""
        came_to_an_end = 0
        for _ in range(SENDS):
            ended = self.desk.send(*_MORE, **self._fate())
            self._note("processes killed", ended.killed)
            came_to_an_end += ended.code in (0, 1)
            if ended.code == 0 or came_to_an_end == 2:
                return
            if not ended.killed:
                # Its database was away.
                time.sleep(self._chance.uniform(0.2, 1.5))

    def _fate(self) -> dict[str, Any]:
        """Draw how a process ends: it is killed, stands still for a while, or nothing befalls it."""
        fate = self._chance.random()
        if time.monotonic() > self._until:
            return {}
        if fate < self._harm.kills * self._harm.moments:
            return {"after": self._chance.uniform(*self._harm.life), "number": KILL}
        if fate < self._harm.kills:
            return {"seam": self._chance.randint(*self._harm.steps)}
        if fate < self._harm.kills + self._harm.freezes:
            seam = self._chance.choice((AFTER_COMMIT, BEFORE_COMMIT))
            return {"still": (seam, self._chance.randint(4, MOST_COMMITS), FROZEN)}
        return {}

    def _work(self) -> None:
        """Let workers live, one after the other, until all is over."""
        while not self._over.is_set():
            with self._lock:
                self._workers += 1
                name = f"worker{self._workers}"
            fate = self._fate()
            if not fate and time.monotonic() <= self._until:
                fate = {"after": self._chance.uniform(*self._harm.life), "number": signal.SIGTERM}
            ended = self.desk.run(name, ("worker", "--poll", "1"), key="workers", held_back=HELD_BACK, **fate)
            self._note("processes killed", ended.killed)
            self._note("workers ended in order", not ended.killed)

    def _end(self, workers: list[Future[None]]) -> None:
        """End the workers that are left; each may be about to start, or frozen."""
        until = time.monotonic() + PATIENCE
        told: set[int] = set()
        while not all(one.done() for one in workers):
            assert time.monotonic() < until, "a worker does not end"
            for number in self._numbers():
                if number not in told:
                    # Once: who is told again cuts off what is under way.
                    told.add(number)
                    with suppress(ProcessLookupError):
                        os.kill(number, signal.SIGTERM)
            wait(workers, timeout=1.0)
        for one in workers:
            one.result()

    def _numbers(self) -> list[int]:
        """Give the numbers of the workers' processes that live."""
        found = []
        for at in range(1, self._workers + 1):
            with suppress(OSError, ValueError):
                place = f"{self.desk.output_of(f'worker{at}')}.{PROCESS}"
                found.append(int(Path(place).read_text(encoding="ascii")))
        return found

    def _until_finished(self, run: str, workers: list[Future[None]]) -> None:
        import psycopg

        until = time.monotonic() + PATIENCE
        finished = False
        while not finished:
            assert time.monotonic() < until, f"the submitted run {run} does not come to its end"
            for one in workers:
                if one.done():
                    one.result()
            with suppress(psycopg.OperationalError):
                told = carried_out(
                    self._direct, f"SELECT finished IS NOT NULL FROM ordersheet.run WHERE name = '{run}'"
                )
                finished = told[0][0]
            time.sleep(1.0)

    def _trouble(self) -> None:
        """Let the database crash, or its way be cut, now and then."""
        while not self._over.wait(self._chance.uniform(*self._harm.crash)):
            if time.monotonic() > self._until:
                return
            if self._chance.random() < 0.5:
                self._home.link.tear(self._chance.uniform(0.1, 2.0))
                self._note("cuts of the way to the database", 1)
            else:
                self._home.server.crash()
                self._over.wait(self._chance.uniform(0.0, 1.0))
                self._home.server.start(max_connections="200")
                self._note("crashes of the database", 1)

    def _report(self, run: str) -> None:
        """Fetch the report of what was submitted; it is held against the shop's log like all others."""
        report = self.desk.folder / "reports" / "submitted.csv"
        told = self.desk.run("report", ("report", run, "--report", str(report)))
        assert told.code == 0, told.output
        ended = Ended("workers", 0, None, told.output, report)
        assert self.desk.lines(ended, Findings())
        self.desk.ended.append(ended)
        self._note("runs by workers", 1)
