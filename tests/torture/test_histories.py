"""Histories: sheets edited, sent, killed, sent again, by two processes, on two computers, among people."""

from __future__ import annotations

import itertools
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.support.leases import short_leases
from tests.support.oracle_check import (
    Effect,
    Findings,
    check_end,
    check_nothing_twice,
    check_report,
    read_sheet,
)
from tests.support.oracle_plan import Plan
from tests.support.torture import LATE

if TYPE_CHECKING:
    from tests.support.oracle_check import Line
    from tests.support.postgres import Server
    from tests.support.torture import Desk, Ended, Workshop

ORDERS = (1001, 1002, 1003)
CLOSED = frozenset({"overwritten since", "already there"})
FAULTS = Plan(share=0.3, get_share=0.1, late=LATE, stall=4.0)
MORE = ("--timeout", "1")
names = itertools.count(1)


class Histories(RuleBasedStateMachine):
    """One sheet's life; after each step the promise is held against the oracle's log."""

    yard: Workshop
    server: Server | None = None
    """Where its ledger is made; None for a ledger in a file."""

    def __init__(self) -> None:
        super().__init__()
        self.name = f"history-{next(names)}"
        self.cleanup = ExitStack()
        url = None
        if self.server is not None:
            url = self.server.ledger()
            self.cleanup.enter_context(short_leases(url))
        self.desk: Desk = self.yard.desk(self.name, shared=url)
        self.texts = itertools.count(1)
        self.rows: list[list[str]] = []
        self.asked: Counter[Effect] = Counter()
        self.batches: set[tuple[str | None, Effect]] = set()
        self.touched: set[int] = set()
        self.once_only = True
        self.killed = False

    # --- the sheet

    @initialize(orders=st.lists(st.sampled_from(ORDERS), min_size=2, max_size=4))
    def first_rows(self, orders):
        for order in orders:
            self.add_row(order, "append", 0)

    @rule(
        order=st.sampled_from(ORDERS),
        kind=st.sampled_from(["append", "append", "replace", "clear", "comment", "hold", "both"]),
        at=st.integers(0, 20),
    )
    def add_row(self, order, kind, at):
        text = f"text {next(self.texts)}."
        cells = {
            "append": [text, "", "", "", "", ""],
            "replace": [text, "yes", "", "", "", ""],
            "clear": ["<clear>", "", "", "", "", ""],
            "comment": ["", "", text, "", "", ""],
            "hold": ["", "", "", "", "01"[at % 2], ""],
            "both": [text, "", f"also {text}", "", "01"[at % 2], ""],
        }[kind]
        self.rows.insert(min(at, len(self.rows)), [str(order), *cells])

    @precondition(lambda self: len(self.rows) > 1)
    @rule(at=st.integers(0, 20))
    def remove_row(self, at):
        self.rows.pop(at % len(self.rows))

    @rule(at=st.integers(0, 20))
    def correct_text(self, at):
        row = self.rows[at % len(self.rows)]
        if row[1] and row[1] != "<clear>":
            row[1] = f"text {next(self.texts)}."

    # --- people

    @rule(order=st.sampled_from(ORDERS), overwrites=st.booleans())
    def person(self, order, overwrites):
        payload = {"order": order, "internalComment": f"a person's {next(self.texts)}."}
        self.yard.oracle.tell(self.name, "person", **payload, replaceInternalComment=overwrites)
        self.touched.add(order)

    # --- sending

    @rule(faulty=st.booleans(), how=st.sampled_from(["plain", "plain", "again", "batch 1", "batch 2"]))
    def send(self, faulty, how):
        self._check(self._send(how, faulty=faulty))

    @rule(seam=st.integers(3, 90), faulty=st.booleans(), how=st.sampled_from(["plain", "again", "batch 1"]))
    def send_and_kill(self, seam, faulty, how):
        self._check(self._send(how, faulty=faulty, seam=seam))

    @rule(faulty=st.booleans(), seam=st.none() | st.integers(3, 90))
    def send_twice_at_once(self, faulty, seam):
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(self._send, "plain", faulty=faulty)
            second = pool.submit(self._send, "plain", faulty=faulty, seam=seam)
        self._check(first.result(), second.result())

    @rule()
    def finish(self):
        lines = self._finish()
        again = self._send("plain", faulty=False)
        puts = [one for one in self.desk.oracle.log(self.name) if one["did"] == "put"]
        assert not [one for one in puts if one["who"] == again.who], "the same file again sends something"
        found = check_end(self.desk.done(), [one for one in lines if self._untouched(one)], history=True)
        assert found.kept or not self.once_only, found

    @precondition(lambda self: self.server is None)
    @rule()
    def hand_the_report_to_another_computer(self):
        lines = self._finish()
        report = next(one.report for one in reversed(self.desk.ended) if one.report is not None)
        shutil.copy(report, self.desk.folder / "handed.csv")
        before = len(self.desk.done())
        refused = self.desk.send(sheet="handed.csv", ledger=f"{next(self.texts)}.db")
        known = any(line.status == "ok" for line in lines)
        assert not known or refused.code == 2, refused
        if all(line.status == "ok" for line in lines):
            self.desk.send("--trust-report", sheet="handed.csv", ledger=f"{next(self.texts)}.db")
            assert len(self.desk.done()) == before

    def _send(self, how: str, *, faulty: bool, seam: int | None = None) -> Ended:
        with self.desk.lock:
            self.desk.write(self.rows)
            self._ask(how)
            seed = next(self.texts)
        self.yard.oracle.plan(self.name, Plan(**{**vars(FAULTS), "seed": seed}) if faulty else Plan())
        more = {"again": ["--again"], "plain": []}.get(how, ["--batch", how, "--same-file"])
        return self.desk.send(*MORE, *more, seam=seam)

    def _ask(self, how: str) -> None:
        """Count how often each text has been asked for, at most."""
        batch = how if how.startswith("batch") else None
        for row in read_sheet(self.desk.path):
            for effect in row.effects:
                if how == "again":
                    self.asked[effect] += 1
                self.batches.add((batch, effect))
        if how != "plain":
            self.once_only = False

    def _check(self, *runs: Ended) -> None:
        done = self.desk.done()
        asked = Counter(effect for _, effect in self.batches) + self.asked
        found = check_nothing_twice(done, asked)
        for ended in runs:
            if not ended.killed:
                assert ended.code in (0, 1, 3), ended
                found += check_report(done, self.desk.lines(ended, found), ended.who)
        found.doubled = [one for one in found.doubled if not self._by_a_person(one)]
        assert found.kept, (found, runs)

    def _by_a_person(self, finding: str) -> bool:
        """Somebody who changes an order between our request and our reading can make a doubt look settled."""
        return any(str(order) in finding for order in self.touched)

    def _finish(self) -> list[Line]:
        """Send until every row is done, refused for good, or waits for a person."""
        lines: list[Line] = []
        for _ in range(5):
            ended = self._send("plain", faulty=False)
            self._check(ended)
            lines = self.desk.lines(ended, Findings())
            if not [one for one in lines if one.status != "ok" and self._untouched(one)]:
                return lines
            if not [one for one in lines if one.outcome not in CLOSED and one.status != "ok"]:
                return lines
        assert not [one for one in lines if one.status != "ok" and self._untouched(one)], lines
        return lines

    def _untouched(self, line: Line) -> bool:
        return line.row.effects[0].order not in self.touched

    def teardown(self) -> None:
        with self.cleanup:
            if self.rows:
                self.finish()
        shutil.rmtree(self.desk.folder)


def hold(machine: type[Histories], examples: int, steps: int) -> None:
    limits = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    run_state_machine_as_test(machine, settings=limits)


@pytest.mark.parametrize(
    ("examples", "steps"), [(3, 6), pytest.param(60, 10, marks=pytest.mark.torture)], ids=["short", "long"]
)
def test_the_promise_holds_after_any_history(yard, examples, steps):
    hold(type("HistoriesHere", (Histories,), {"yard": yard}), examples, steps)


@pytest.mark.needs("postgres")
@pytest.mark.parametrize(
    ("examples", "steps"),
    [(1, 4), pytest.param(40, 10, marks=pytest.mark.torture)],
)
def test_the_promise_holds_after_any_history_in_a_shared_ledger(yard, postgres_server, examples, steps):
    machine = type("HistoriesThere", (Histories,), {"yard": yard, "server": postgres_server})
    hold(machine, examples, steps)
