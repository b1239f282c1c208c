"""What the torture needs around it: an oracle, drivers that run the command, and desks to send from."""

from __future__ import annotations

import csv
import http.client
import json
import os
import queue
import random
import re
import shutil
import subprocess
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.support import shim
from tests.support.kill_driver import KILL, Job, as_line
from tests.support.oracle_check import (
    HEADERS,
    Applied,
    Effect,
    Findings,
    Line,
    applied,
    check_end,
    check_nothing_twice,
    check_report,
    key_found,
    read_log,
    read_report,
    read_sheet,
)
from tests.support.oracle_plan import Plan

from ordersheet.ledger import Ledger, move

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ordersheet.core.ledger_url import LedgerUrl

ROOT = Path(__file__).parents[2]
SECRET = "5EC2E7-b0c3-torture"
_TO_RESOLVE = re.compile(r"resolve (\S+) --row (\d+)")
SETTLE = 0.7
LATE = 0.25
"""Seconds: what arrives late arrives within the settle time."""
TIMEOUT = 3.0


class Oracle:
    """The server process, and how a test speaks to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.oracle", str(folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def tell(self, shop: str, what: str, **told: Any) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", f"/{shop}/~{what}", json.dumps(told))
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def plan(self, shop: str, plan: Plan) -> None:
        self.tell(shop, "faults", **asdict(plan))

    def log(self, shop: str) -> list[dict[str, Any]]:
        return read_log(self.folder / f"{shop}.jsonl")

    def close(self) -> None:
        self._process.communicate()


class Ended(NamedTuple):
    """How one run of the command ended."""

    who: str
    code: int
    """Negative where a signal ended it."""
    points: int | None
    output: str
    report: Path | None

    @property
    def killed(self) -> bool:
        return self.code < 0


class Drivers:
    """Some driver processes; each runs one command at a time."""

    def __init__(self, number: int, *, preload: bool = False, workers: bool = False) -> None:
        env = {name: value for name, value in os.environ.items() if not name.startswith("ORDERSHEET_")}
        if preload:
            env["LD_PRELOAD"] = str(shim.build())
        self._free: queue.SimpleQueue[subprocess.Popen[str]] = queue.SimpleQueue()
        self._all = []
        for _ in range(number):
            driver = subprocess.Popen(
                [sys.executable, "-m", "tests.support.kill_driver", *(["workers"] if workers else [])],
                cwd=ROOT,
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            self._all.append(driver)
            self._free.put(driver)

    def run(self, job: Job) -> dict[str, Any]:
        driver = self._free.get()
        try:
            assert driver.stdin is not None
            assert driver.stdout is not None
            driver.stdin.write(as_line(job))
            driver.stdin.flush()
            return dict(json.loads(driver.stdout.readline()))
        finally:
            self._free.put(driver)

    def close(self) -> None:
        for driver in self._all:
            driver.communicate()


def _is_asked(effect: Effect, message: str) -> bool:
    """Tell whether a row's message asks for an append to be looked up; that of several parts names each."""
    if effect.kind != "append":
        return False
    parts = re.split(r"(?:^|(?<=\. ))(Adding|Replacing|Emptying|Setting) ", message)
    beginning = f"to {_FIELDS[effect.field]}: "
    told = [part for part in parts if part.startswith(beginning)]
    return not told or _TO_RESOLVE.search(told[0]) is not None


_FIELDS = {"internalComment": "the internal comment", "comment": "the comment"}
_SHOWN = "\n".join(f"{at} lines that are seen, and each of them is long enough to tell" for at in range(60))
SHOWN_ROW = ["1", _SHOWN, "", f"{_SHOWN}\nfor customers", "", "", ""]
"""A row whose order shows, read again, that a shop shows long comments as they were written."""


@dataclass
class Desk:
    """One person's folder, sheet and ledger, and the shop that it sends to."""

    oracle: Oracle
    drivers: Drivers
    folder: Path
    shop: str
    sheet: str = "orders.csv"
    asked: Counter[Effect] = field(default_factory=Counter)
    """How often each append was asked for; once where it is not named."""
    ended: list[Ended] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    shown: bool = True
    """Whether its ledger knows an order that shows how much this shop lets one read."""
    shared: LedgerUrl | None = None
    """The ledger that it shares with others, instead of one in its folder."""

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def path(self) -> Path:
        return self.folder / self.sheet

    def write(self, rows: Sequence[Sequence[str]], name: str | None = None) -> Path:
        path = self.folder / (name or self.sheet)
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([HEADERS, *rows])
        return path

    def send(
        self,
        *more: str,
        sheet: str | None = None,
        seam: int | None = None,
        after: float | None = None,
        number: int = KILL,
        arm: shim.Arm | None = None,
        still: tuple[str, int, float] | None = None,
        ledger: str = "ledger.db",
        command: Sequence[str] | None = None,
    ) -> Ended:
        """Run `send` once, under a key of its own that names the run."""
        with self.lock:
            who = f"run{len(self.ended)}"
            self.ended.append(Ended(who, 0, None, "", None))
        report = self.folder / "reports" / f"{who}.csv"
        report.parent.mkdir(exist_ok=True)
        options = ["--settle", str(SETTLE), "--timeout", str(TIMEOUT), "--grace", "5", "--concurrency", "4"]
        argv = [*(command or ("send", sheet or self.sheet)), "--yes", "--no-progress", *options]
        argv += ["--report", str(report), *more]
        told: dict[str, Any] = {} if arm is None else {"arm": asdict(arm)}
        ended = self.run(who, argv, ledger=ledger, seam=seam, after=after, number=number, still=still, **told)
        ended = ended._replace(report=report if report.exists() else None)
        self.ended[int(who.removeprefix("run"))] = ended
        return ended

    def run(
        self, name: str, argv: Sequence[str], *, key: str = "", ledger: str = "ledger.db", **fate: Any
    ) -> Ended:
        """Run a command once.

        Args:
            name: names its output.
            argv: its arguments.
            key: the middle part of its API key, by which the shop's log tells who sent something; the name
                where it is not said.
            ledger: its file, where the desk shares none.
            fate: more of its `Job`.
        """
        output = self.output_of(name)
        output.touch()
        job = Job(
            argv=list(argv),
            cwd=str(self.folder),
            env={
                "ORDERSHEET_BASE_URL": f"http://127.0.0.1:{self.oracle.port}/{self.shop}",
                "ORDERSHEET_API_KEY": f"key.{key or name}.{SECRET}",
                "ORDERSHEET_LEDGER": str(self.folder / ledger) if self.shared is None else self.shared.url,
                "ORDERSHEET_STORE": "torture",
                "HOME": str(self.folder),
                "XDG_CONFIG_HOME": str(self.folder),
            },
            output=str(output),
            **fate,
        )
        told = self.drivers.run(job)
        ended = Ended(name, told["code"], told["points"], output.read_text(encoding="utf-8"), None)
        assert "Traceback" not in ended.output, ended.output
        return ended

    def output_of(self, name: str) -> Path:
        return self.folder.parent / f"{self.folder.name}-{name}.out"

    def done(self) -> list[Applied]:
        """Wait until nothing is under way at the shop, and give all that it ever applied."""
        self.oracle.tell(self.shop, "quiet")
        return applied(self.oracle.log(self.shop))

    def lines(self, ended: Ended, findings: Findings, sheet: str | None = None) -> list[Line]:
        if ended.report is None:
            return []
        return read_report(ended.report, read_sheet(self.folder / (sheet or self.sheet)), findings)

    def findings(self, *, finished: bool = True, history: bool = False) -> Findings:
        """Hold every report of this sheet against all that was applied."""
        done = self.done()
        found = check_nothing_twice(done, self.asked)
        lines: list[Line] = []
        for ended in self.ended:
            lines = self.lines(ended, found)
            found += check_report(done, lines, ended.who)
        if finished:
            found += check_end(done, lines, history=history)
        leaked = [*key_found(self.folder, SECRET), *key_found(self.oracle.folder, SECRET)]
        found.misreported += [f"the key stands in {path}" for path in leaked]
        found.misreported += [
            f"the output of {one.who} holds the key" for one in self.ended if SECRET in one.output
        ]
        return found

    def resolve(self, lines: Sequence[Line]) -> None:
        """Look each row up that is said to be unknown, and say what the shop holds, as a clerk would."""
        there = {one.effect for one in self.done()}
        for line in lines:
            said = _TO_RESOLVE.search(line.message)
            found = {effect in there for effect in line.row.effects if _is_asked(effect, line.message)}
            if line.outcome == "unconfirmed" and said is not None and len(found) == 1:
                with Ledger.open(self.shared or self.folder / "ledger.db") as ledger:
                    ledger.resolve(said[1], int(said[2]), applied=found.pop(), who="a clerk")

    def finish(self, *more: str, most: int = 6) -> list[Line]:
        """Send the same sheet until no row is open; the shop must be calm.

        What a second sending leaves unconfirmed, somebody looks up in the shop and resolves.
        """
        self._show()
        ended = None
        for number in range(most):
            ended = self.send(*more)
            assert ended.report is not None, ended.output
            lines = self.lines(ended, Findings())
            if lines and all(line.status == "ok" for line in lines):
                return lines
            if number > 0:
                self.resolve(lines)
        raise AssertionError(ended)

    def _show(self) -> None:
        """Send another sheet, whose text shows from then on that this shop shows what was written."""
        if not self.shown:
            other = Desk(self.oracle, self.drivers, self.folder / "other", self.shop)
            other.write([SHOWN_ROW])
            ended = other.send(ledger="../ledger.db")
            assert ended.code == 0, ended.output
            self.shown = True


def mixed_rows(number: int, seed: int, *, orders: int | None = None, name: str = "") -> list[list[str]]:
    """Make rows of every kind: appends, replaces, clears, attributes, several of one order."""
    chance = random.Random(seed)
    spread = orders or max(2, number * 2 // 3)
    rows = []
    for at in range(number):
        row = [str(1000 + chance.randrange(spread)), "", "", "", "", "", ""]
        text = f"text {name}{at}"
        kind = chance.random()
        if kind < 0.55:
            row[1] = text
        elif kind < 0.65:
            row[1:3] = f"new {text}", "yes"
        elif kind < 0.72:
            row[3] = text
        elif kind < 0.76:
            row[3:5] = f"new {text}", "yes"
        elif kind < 0.79:
            row[1] = "<clear>"
        elif kind < 0.86:
            row[1], row[3] = text, f"also {text}"
        elif kind < 0.92:
            row[1], row[5] = text, chance.choice("01")
        elif kind < 0.97:
            row[5] = chance.choice("01")
        else:
            row[6] = chance.choice([f"ref {at}", "<clear>"])
        rows.append(row)
    return rows


@contextmanager
def workshop(
    folder: Path, drivers: int = 2, *, preload: bool = False, workers: bool = False
) -> Iterator[Workshop]:
    """An oracle and drivers, for as long as they are needed."""
    oracle = Oracle(folder / "oracle")
    crew = Drivers(drivers, preload=preload, workers=workers)
    try:
        yield Workshop(folder, oracle, crew)
    finally:
        crew.close()
        oracle.close()


@dataclass
class Workshop:
    """Where desks are set up."""

    folder: Path
    oracle: Oracle
    drivers: Drivers
    warm: Path | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def desk(
        self,
        name: str,
        rows: Sequence[Sequence[str]] | None = None,
        plan: Plan | None = None,
        *,
        fresh: bool = False,
        shared: LedgerUrl | None = None,
    ) -> Desk:
        """Set up a desk.

        Args:
            name: its folder's and its shop's.
            rows: of its sheet.
            plan: the faults of its shop; None for none.
            fresh: without a ledger. Others have one that has seen both comments read back at this store,
                without which the absence of a text in the customer's comment would prove nothing.
            shared: an empty ledger that is to be its own.
        """
        desk = Desk(self.oracle, self.drivers, self.folder / name, name, shown=not fresh, shared=shared)
        if rows is not None:
            desk.write(rows)
        if not fresh:
            shutil.copy(self._warm_ledger(), desk.folder / "ledger.db")
            if shared is not None:
                move(desk.folder / "ledger.db", shared)
            order, text, _, other, *_ = SHOWN_ROW
            self.oracle.tell(name, "person", order=int(order), internalComment=text, comment=other)
        self.oracle.plan(name, plan or Plan())
        return desk

    def _warm_ledger(self) -> Path:
        with self.lock:
            if self.warm is None:
                desk = self.desk("warm", [SHOWN_ROW], fresh=True)
                assert desk.send().code == 0
                self.warm = desk.folder / "ledger.db"
                assert not self.warm.with_name("ledger.db-wal").exists()
            return self.warm
