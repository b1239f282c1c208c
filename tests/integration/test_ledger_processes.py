"""Several processes on one ledger: claims, death by SIGKILL, adoption, and the settling by hand."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.ledger_process import ROWS, SIGNS
from tests.support.ledgers import (
    FIELD,
    Clock,
    append,
    attribute,
    begin,
    deliver,
    run,
    settle,
    start,
    take,
    work,
)
from tests.support.postgres import let_leases_end

from ordersheet.core.errors import UsageError
from ordersheet.core.history.orderbook import OperationRef
from ordersheet.core.journal import Release, Settle
from ordersheet.core.model import Outcome
from ordersheet.core.operation_state import OperationState
from ordersheet.ledger import Ledger, RunState
from ordersheet.ledger.files import locks_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


def command(path: Path, *words: object) -> list[str]:
    return [sys.executable, "-m", "tests.support.ledger_process", str(path), *map(str, words)]


@contextmanager
def holding(path, *orders) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Let another process hold these orders, each with a row under way; gives it and its run."""
    with subprocess.Popen(
        command(path, "hold", *orders), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        word, name = process.stdout.readline().split()
        assert word == "holding"
        try:
            yield process, name
        finally:
            process.kill()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.sqlite3"


def test_what_another_living_process_has_claimed_is_left_to_it(path):
    with Ledger.open(path) as ledger, holding(path, 7):
        journal = ledger.start_run(start())
        taken, free = run(journal.take([work(7, (7, append("held"))), work(8, (8, append("x")))]))
        assert taken is None
        assert free is not None
        assert list(run(journal.owed())) == []
        states = {info.state for info in ledger.runs()}
        assert states == {RunState.RUNNING}
        with pytest.raises(UsageError, match="right now"):
            ledger.resolve(ledger.runs()[1].run, 7, applied=True, who="ann")


def test_what_a_killed_process_left_is_adopted_and_not_sent_again(path):
    with Ledger.open(path) as ledger:
        with holding(path, 7, 8) as (process, name):
            process.kill()
            process.wait()
        journal = ledger.start_run(start())
        assert ledger.run(name).state is RunState.KILLED
        assert list(run(journal.owed())) == [7, 8]
        book = run(take(journal, work(7, (2, append("held")))))
        (doubt,) = book.doubts
        assert doubt.ref == OperationRef(name, 7, FIELD)
        assert doubt.heard_ago is None
        assert doubt.baseline == "before"
        assert book.plan(2)[0].outcome is Outcome.UNCONFIRMED
        run(journal.write(Settle(doubt.ref, OperationState.APPLIED, "seen", ledger.clock()), Release(7)))
        outcomes = [result.outcome for result in ledger.results(name)]
        assert outcomes == [Outcome.CONFIRMED, Outcome.UNCONFIRMED]
        assert list(run(journal.owed())) == [7, 8], "a last look is owed, and order 8 is in doubt"


def test_a_lock_file_that_is_merely_left_lying_about_holds_nothing(path):
    with holding(path, 7) as (process, _):
        process.kill()
        process.wait()
    assert len(list(locks_folder(path).iterdir())) == 1
    with Ledger.open(path) as ledger:
        assert run(ledger.start_run(start()).take([work(7)]))[0] is not None
    assert list(locks_folder(path).iterdir()) == []


def test_an_orderly_end_leaves_no_claim_and_no_lock(path):
    with Ledger.open(path) as ledger:
        run(take(ledger.start_run(start()), work(7)))
        with Ledger.open(path) as other:
            assert run(other.start_run(start()).take([work(7)])) == [None]
    assert list(locks_folder(path).iterdir()) == []
    with Ledger.open(path) as ledger:
        run(take(ledger.start_run(start()), work(7)))


def test_two_runs_of_one_process_do_not_share_an_order_until_one_has_finished(path):
    with Ledger.open(path) as ledger:
        first, second = ledger.start_run(start()), ledger.start_run(start())
        run(take(first, work(7)))
        run(take(first, work(7)))
        assert run(second.take([work(7)])) == [None]
        first.finish()
        run(take(second, work(7)))


def test_what_is_claimed_together_can_be_released_in_parts(path):
    works = [work(7), work(8), work(9)]
    with Ledger.open(path) as ledger:
        first, second = ledger.start_run(start()), ledger.start_run(start())
        assert None not in run(first.take(works))
        assert run(second.take(works)) == [None, None, None]
        run(first.write(Release(7), Release(9)))
        assert [book is not None for book in run(second.take(works))] == [True, False, True]


@pytest.mark.needs("postgres")
def test_of_many_processes_one_gets_the_order_of_a_shared_ledger(ledger_url):
    of_many_one_gets_the_order(ledger_url.url)


def test_of_many_processes_one_gets_the_order(path):
    Ledger.open(path).close()
    of_many_one_gets_the_order(path)


def of_many_one_gets_the_order(path) -> None:
    processes = [
        subprocess.Popen(
            command(path, "hold", 7), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    words = []
    for process in processes:
        assert process.stdout is not None
        words.append(process.stdout.readline().split()[0])
    for process in processes:
        process.kill()
        process.communicate()
    assert sorted(words) == ["holding", "refused", "refused"]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_killed_at_each_point_nothing_leaves_unrecorded_and_nothing_leaves_twice(tmp_path):
    """The n-th point of the ledger's transactions kills the process, until one run comes to its end."""
    subprocess.run(command(tmp_path, "kill"), cwd=ROOT, check=True)
    judge_kills(tmp_path, lambda folder: folder / "ledger.sqlite3")


@pytest.mark.needs("postgres")
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
@pytest.mark.parametrize(("step", "least"), [(11, 5), pytest.param(1, 50, marks=pytest.mark.torture)])
def test_killed_at_each_point_a_shared_ledger_knows_as_much(tmp_path, ledger_url, step, least):
    subprocess.run(command(tmp_path, "kill", ledger_url.url, step), cwd=ROOT, check=True)
    let_leases_end(ledger_url)
    judge_kills(tmp_path, lambda _folder: ledger_url, least)


def judge_kills(parent, ledger_of, least=50) -> None:
    folders = sorted(
        (folder for folder in parent.iterdir() if folder.name.isdecimal()), key=lambda it: int(it.name)
    )
    assert len(folders) > least
    sent: list[str] = []
    for folder in folders:
        signs = folder / SIGNS
        sent = signs.read_text(encoding="utf-8").split() if signs.exists() else []
        with Ledger.open(ledger_of(folder)) as ledger:
            journal = ledger.start_run(start(store=f"shop {folder.name}"))
            books = run(journal.take([work(row, (row, append("text"))) for row in ROWS]))
        decided = {str(book.order): book.plan(book.order)[0].outcome for book in books if book is not None}
        known = [order for order in decided if decided[order] is not None]
        assert known[: len(sent)] == sent, "what left is known"
        assert len(known) <= len(sent) + 1, "what is known had left, or was about to"
        assert all(decided[order] is Outcome.ALREADY_APPLIED for order in sent[:-1])
    assert sent == [str(row) for row in ROWS]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not there to count syncs")
def test_a_write_returns_only_after_the_log_is_synced(path, tmp_path):
    """Power loss forgets what was not synced: the system calls tell in which order things were done."""
    log = tmp_path / "calls"
    words = [
        "strace",
        "-f",
        "-y",
        "-o",
        str(log),
        "-e",
        "trace=pwrite64,write,fsync,fdatasync",
        *command(path, "hold", 7),
    ]
    with subprocess.Popen(
        words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        if not process.stdout.readline().startswith("holding"):
            process.kill()
            pytest.skip("strace may not trace here")
        process.communicate("go on\n")
    calls = log.read_text(encoding="utf-8", errors="replace").splitlines()
    told = next(number for number, call in enumerate(calls) if '"holding ' in call)
    kinds = ["sync" if "sync(" in call else "write" for call in calls[:told] if "-wal>" in call]
    assert kinds[-1] == "sync"
    # The store of the run, what is unfinished of --again, the claim, the row's begin; and the process before.
    assert sum(one == "write" and two == "sync" for one, two in itertools.pairwise(kinds)) >= 5


# --- resolve


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def in_doubt(path, clock):
    """A ledger with a row that asked for an append and an attribute, both in doubt."""
    with Ledger.open(path, clock=clock, uptime=clock.uptime) as ledger:
        journal = ledger.start_run(start(settle=90.0))

        async def doubtful() -> None:
            book = await take(journal, work(7, (2, append("text")), (2, attribute(1))))
            asks = book.row_asks(2)
            await begin(journal, 7, asks[:1], ledger.clock())
            await settle(journal, asks[:1], OperationState.IN_DOUBT, ledger.clock())

        run(doubtful())
        journal.finish("interrupt")
        yield ledger


def test_a_person_settles_what_is_in_doubt(in_doubt):
    ledger = in_doubt
    assert [result.outcome for result in ledger.results("last")] == [Outcome.UNCONFIRMED]
    result = ledger.resolve("last", 2, applied=True, who="ann")
    assert result.outcome is Outcome.CONFIRMED
    assert "ann" in result.message
    assert list(ledger.results("last")) == [result]
    assert ledger.run("last").outcomes == {"confirmed": 1}
    (operation,) = ledger.order_history(7)
    assert (operation.state, operation.resolved_by) == (OperationState.APPLIED, "ann")
    journal = ledger.start_run(start())
    assert list(run(journal.owed())) == []
    assert run(deliver(journal, work(7, (2, append("text"))))) == [Outcome.ALREADY_APPLIED]


def absent(ledger: Ledger, name: str = "last", row: int = 2) -> Outcome:
    return ledger.resolve(name, row, applied=False, who="ann").outcome


def test_absence_counts_only_once_the_request_can_no_longer_arrive(in_doubt, clock):
    with pytest.raises(UsageError, match="for 90 s"):
        absent(in_doubt)
    clock.move(seconds=89)
    with pytest.raises(UsageError, match="for 1 s"):
        absent(in_doubt)
    clock.move(seconds=1)
    assert absent(in_doubt) is Outcome.NOT_APPLIED
    assert run(deliver(in_doubt.start_run(start()), work(7, (2, append("text"))))) == [None]


@pytest.mark.parametrize("hours", [1, -24])
def test_a_time_of_day_that_is_turned_makes_nobody_wait_longer_or_shorter(in_doubt, clock, hours):
    clock.turn(hours=hours)
    with pytest.raises(UsageError, match="for 90 s"):
        absent(in_doubt)
    clock.move(seconds=90)
    assert absent(in_doubt) is Outcome.NOT_APPLIED


def test_after_the_machine_was_started_anew_a_whole_wait_begins_at_the_first_try(in_doubt, clock):
    clock.start_anew()
    clock.move(hours=1)
    with pytest.raises(UsageError, match="for 90 s"):
        absent(in_doubt)
    clock.move(seconds=60)
    with pytest.raises(UsageError, match="for 30 s"):
        absent(in_doubt)
    clock.move(seconds=30)
    assert absent(in_doubt) is Outcome.NOT_APPLIED


def test_where_no_clock_outlasts_a_process_the_time_of_day_counts_but_never_backwards(in_doubt, clock):
    clock.boot = None
    clock.move(seconds=30)
    with pytest.raises(UsageError, match="for 60 s"):
        absent(in_doubt)
    clock.turn(days=-1)
    with pytest.raises(UsageError, match="for 90 s"):
        absent(in_doubt)
    clock.move(seconds=90)
    assert absent(in_doubt) is Outcome.NOT_APPLIED


def test_what_a_dead_process_left_may_be_called_absent_settle_after_its_adoption(path, clock):
    with holding(path, 7) as (process, name):
        process.kill()
        process.wait()
    clock.move(days=1)
    with Ledger.open(path, clock=clock, uptime=clock.uptime) as ledger:
        with pytest.raises(UsageError, match="for 90 s"):
            absent(ledger, name, 7)
        clock.move(seconds=90)
        assert absent(ledger, name, 7) is Outcome.NOT_APPLIED


def test_a_row_that_waited_for_an_earlier_run_s_doubt_is_settled_by_it(in_doubt):
    ledger = in_doubt
    first = ledger.find_run("last")
    journal = ledger.start_run(start())
    run(deliver(journal, work(7, (3, append("text")))))
    journal.finish()
    assert ledger.resolve(journal.run, 3, applied=True, who="ann").outcome is Outcome.CONFIRMED
    for name in (first, journal.run):
        assert ledger.run(name).outcomes == {"confirmed": 1}


def test_there_must_be_something_to_settle(in_doubt):
    ledger = in_doubt
    ledger.resolve("last", 2, applied=True, who="ann")
    with pytest.raises(UsageError, match="not in doubt"):
        ledger.resolve("last", 2, applied=True, who="ann")
    with pytest.raises(UsageError, match="no row 9"):
        ledger.resolve("last", 9, applied=True, who="ann")


def test_an_overwrite_in_doubt_is_sent_again_and_not_settled_by_hand(path):
    with Ledger.open(path) as ledger:
        journal = ledger.start_run(start())
        run(deliver(journal, work(7, (2, attribute(1))), ledger.clock(), state=OperationState.IN_DOUBT))
        with pytest.raises(UsageError, match="sent again without harm"):
            ledger.resolve("last", 2, applied=True, who="ann")
        assert run(deliver(ledger.start_run(start()), work(8))) == []


def test_claims_of_hundreds_of_orders_are_taken_in_one_go(path):
    commits: list[str] = []
    with Ledger.open(path, on_point=commits.append) as ledger:
        journal = ledger.start_run(start())
        commits.clear()
        books = run(journal.take([work(order, (order, append("x"))) for order in range(1, 1001)]))
        assert len([book for book in books if book is not None]) == 1000
        assert commits.count("before commit") == 1
        assert asyncio.iscoroutinefunction(journal.take)
