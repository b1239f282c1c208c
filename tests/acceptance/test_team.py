"""Files handed over to workers on other machines, by the command itself."""

from __future__ import annotations

import asyncio
import csv
import json
import re
import signal
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from tests.support.ledgers import deliver, start
from tests.support.postgres import carried_out, let_leases_end
from tests.support.team import TeamDesk, can_freeze, home, team_desk, until, worker
from tests.support.team_sheet import (
    FIRST,
    MANY,
    ORDERS,
    each_once,
    is_over,
    outcomes,
    sheet,
    submitted,
    texts,
    written,
)

from ordersheet.core.operation_state import OperationState
from ordersheet.ledger import Ledger

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command import Desk
    from tests.support.postgres import Server

    from ordersheet.core.ledger_url import LedgerUrl
    from ordersheet.sandbox.server import Running

pytestmark = pytest.mark.needs("postgres", "dbos")


@pytest.fixture
def server(tmp_path: Path, big_shop: Running, team_writer: str) -> TeamDesk:
    return team_desk(home(tmp_path, "server"), big_shop, team_writer)


def rows(report: Path) -> list[dict[str, str]]:
    with report.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def rows_by_outcome(figures: Path) -> dict[str, int]:
    """Give how many rows a worker's figures tell, by outcome."""
    found = re.findall(r'worker_rows_total\{outcome="(.*?)"\} (\d+)', figures.read_text(encoding="utf-8"))
    return {outcome: int(number) for outcome, number in found}


def test_a_worker_sends_what_a_clerk_hands_over_and_anybody_fetches_the_report(
    clerk: TeamDesk, server: TeamDesk, big_shop: Running, team_url: LedgerUrl
) -> None:
    sheet(clerk)
    run = submitted(clerk)
    assert f"0 of 3 chunks done; {MANY} rows wait, and no worker has taken any" in server.run("show", run).out
    early = server.run("report", run)
    assert (early.code, "not finished" in early.err, server.reports()) == (3, True, [])
    twice = clerk.run("submit", "calls.csv", "--yes")
    assert (twice.code, run in twice.err) == (2, True)
    (clerk.folder / "calls.csv").unlink()
    signs = ("--health", "alive", "--metrics", "worker.prom")
    with worker(server, *signs, name="worker") as one:
        until(lambda: is_over(server, run), "the run's end")
        until(lambda: "outcome=" in (server.folder / "worker.prom").read_text(), "the figures")
        assert one.end() == 128 + signal.SIGTERM
    assert (
        f'ordersheet_worker_rows_total{{outcome="applied"}} {MANY}'
        in (server.folder / "worker.prom").read_text()
    )
    assert (server.folder / "alive").exists()
    assert outcomes(clerk, run) == {"applied": MANY}
    assert each_once(big_shop)
    assert server.run("report", "last").code == 0
    (report,) = server.reports()
    assert [(row["order"], row["update_status"]) for row in rows(report)] == [
        (str(order), "ok") for order in ORDERS
    ]
    listed = server.run("runs", "--json").json["runs"]
    assert [(one["run"], one["state"], one["rows"]) for one in listed] == [(run, "finished", MANY)]
    told = [json.loads(line) for line in server.run("show", run, "--rows", "--json").out.splitlines()]
    assert {len(row["operations"]) for row in told} == {1}
    assert {row["operations"][0]["submitted"]["run"] for row in told} == {run}
    # Who wrote it is the clerk, not the worker who carried it.
    who = server.run("show", "--order", str(FIRST)).out
    assert f", run {run}, row 2 of {clerk.folder / 'calls.csv'}" in who
    assert "through a worker of" in who
    undo = server.run("undo", run, "--yes", "--json")
    assert undo.code == 0, undo.err
    assert (undo.json["undo_of"], undo.json["outcomes"]) == (run, {"undone": MANY})
    assert not +written(big_shop)
    assert server.run("undo", run, "--yes", "--json").json["outcomes"] == {"undone": MANY}
    # After its retention the report is a table of its own, and says why.
    assert server.run("purge", "--all", "--yes").code == 0
    with Ledger.open(team_url, create=False, read_only=True) as ledger:
        assert list(ledger.submissions().file(run)) == []
    later = clerk.run("report", run)
    assert (later.code, "is gone or has changed" in later.err + later.out) == (0, True)


def test_another_worker_goes_on_where_one_was_killed(
    clerk: TeamDesk, server: TeamDesk, big_shop: Running, team_url: LedgerUrl
) -> None:
    sheet(clerk)
    run = submitted(clerk, "--rate", "60", "--settle", "1")
    with worker(server, name="first") as first:
        until(lambda: sum(written(big_shop).values()) > 20, "the first rows")
        first.send(signal.SIGKILL)
        first.process.wait()
    assert not is_over(clerk, run)
    let_leases_end(team_url)
    with worker(server, name="second"):
        until(lambda: is_over(clerk, run), "the run's end")
    assert each_once(big_shop)
    # What the run did before is not told as an earlier run's.
    assert set(outcomes(clerk, run)) <= {"applied", "confirmed"}
    # Several tries sent it, and one undo takes all of it back.
    undo = clerk.run("undo", run, "--yes", "--json")
    assert undo.json["outcomes"] == {"undone": MANY}, undo.err
    assert not +written(big_shop)


@pytest.mark.torture
def test_what_a_colleague_writes_between_two_tries_of_a_chunk_stands(
    clerk: TeamDesk, server: TeamDesk, big_shop: Running, team_url: LedgerUrl, tmp_path: Path
) -> None:
    """Replacements, which the rules would send again: what stands is no longer what the file asks for."""
    colleague = team_desk(home(tmp_path, "colleague"), big_shop, clerk.url)
    head, orders = "order,internalComment,replaceInternalComment\n", range(FIRST, FIRST + 60)
    clerk.file("calls.csv", head + "".join(f"{order},Called {order},true\n" for order in orders))
    run = submitted(clerk, "--rate", "10", "--settle", "1")
    with worker(server, name="first") as first:
        until(lambda: sum(written(big_shop).values()) > 10, "the first rows")
        first.send(signal.SIGKILL)
        first.process.wait()
    done = [order for order, number in written(big_shop).items() if number]
    let_leases_end(team_url)
    colleague.file("news.csv", head + "".join(f"{order},Newer {order},true\n" for order in done))
    sent = colleague.run("send", "news.csv", "--yes", "--settle", "1")
    assert sent.code == 0, sent.err
    with worker(server, name="second"):
        until(lambda: is_over(clerk, run), "the run's end")
    held = texts(big_shop)
    assert {order: held[order] for order in done} == {order: f"Newer {order}" for order in done}
    assert {held[order] for order in orders if order not in done} == {
        f"Called {order}" for order in orders if order not in done
    }
    told = outcomes(clerk, run)
    assert set(told) <= {"applied", "confirmed", "unconfirmed"}
    # Of a few under way nobody knows whether they were applied before.
    assert told["applied"] >= len(orders) - 8


@pytest.mark.torture
@pytest.mark.skipif(not can_freeze(), reason="nothing can be frozen here")
def test_one_that_was_frozen_sends_nothing_of_what_others_have_taken_over(
    clerk: TeamDesk, server: TeamDesk, big_shop: Running, team_url: LedgerUrl
) -> None:
    sheet(clerk)
    run = submitted(clerk, "--rate", "60", "--settle", "1")
    with worker(server, name="frozen") as frozen:
        until(lambda: sum(written(big_shop).values()) > 20, "the first rows")
        frozen.send(signal.SIGSTOP)
        let_leases_end(team_url)
        with worker(server, name="other"):
            until(lambda: is_over(clerk, run), "the run's end")
            frozen.send(signal.SIGCONT)
            until(lambda: "not heard of" in frozen.said, "the frozen one's word")
    assert each_once(big_shop)
    assert set(outcomes(clerk, run)) <= {"applied", "confirmed"}


def test_a_run_is_stopped_on_all_machines(
    clerk: TeamDesk, server: TeamDesk, big_shop: Running, team_url: LedgerUrl
) -> None:
    sheet(clerk)
    run = submitted(clerk, "--rate", "30", "--grace", "5")
    with worker(server):
        until(lambda: sum(written(big_shop).values()) > 5, "the first rows")
        stopped = clerk.run("stop", run)
        assert (stopped.code, run in stopped.err + stopped.out) == (0, True)
        until(lambda: is_over(clerk, run), "the run's end")
    told = clerk.run("show", run, "--json").json
    assert (told["state"], told["stopped_by"], told["rows"]) == ("stopped", "interrupted", MANY)
    # On a busy machine an answer may come later than the grace allows; that is then said.
    unknown = told["outcomes"].get("unconfirmed", 0)
    applied, stands = told["outcomes"]["applied"], sum(written(big_shop).values())
    assert applied <= stands <= applied + unknown < MANY
    assert clerk.run("stop", run).code == 2
    assert clerk.run("report", run).code == 0
    assert Counter(row["update_status"] for row in rows(clerk.reports()[0]))["ok"] == applied


def test_what_cannot_be_handed_over_or_worked_on_is_one_sentence(
    desk: Desk, clerk: TeamDesk, bare_desk: Desk, postgres_server: Server, team_url: LedgerUrl
) -> None:
    sheet(desk)
    for command in (("submit", "calls.csv", "--yes"), ("worker",), ("stop", "last")):
        alone = desk.run(*command)
        assert (alone.code, "many share" in alone.err) == (2, True), command
    assert clerk.run("submit", "missing.csv", "--yes").code == 2
    clerk.file("empty.csv", "")
    assert clerk.run("submit", "empty.csv", "--yes").code == 2
    assert clerk.run("stop", "last").code == 2
    nobody = clerk.run("worker", "--stores", "elsewhere")
    assert (nobody.code, "elsewhere" in nobody.err) == (2, True)
    nowhere = bare_desk.run("worker", env={"ORDERSHEET_LEDGER": team_url.url})
    assert (nowhere.code, "address and key" in nowhere.err) == (2, True)
    sheet(clerk, range(FIRST, FIRST + 2))
    run = submitted(clerk)
    carried_out(team_url, "UPDATE ordersheet.submission SET version = 99")
    older = clerk.run("worker")
    assert (older.code, "newer version" in older.err) == (2, True)
    assert outcomes(clerk, run) == {}


def test_a_worker_that_is_told_to_end_gives_its_chunk_back_at_once(
    clerk: TeamDesk, server: TeamDesk, big_shop: Running, team_url: LedgerUrl
) -> None:
    sheet(clerk, range(FIRST, FIRST + 60))
    run = submitted(clerk, "--rate", "10", "--grace", "5", "--settle", "1")
    with worker(server, name="first") as first:
        until(lambda: sum(written(big_shop).values()) > 3, "the first rows")
        assert first.end() == 128 + signal.SIGTERM
    assert not is_over(clerk, run)
    assert carried_out(team_url, "SELECT state, tries FROM ordersheet.chunk") == [("waiting", 0)]
    figures = server.folder / "worker.prom"
    with worker(server, "--metrics", str(figures), name="second"):
        until(lambda: is_over(clerk, run), "the run's end")
        # Also the rows that the first one sent: it is the chunk that is at its end.
        until(lambda: set(rows_by_outcome(figures)) <= {"applied", "confirmed"}, "the figures")
        until(lambda: sum(rows_by_outcome(figures).values()) == 60, "all rows")
    assert set(outcomes(clerk, run)) <= {"applied", "confirmed"}
    assert sum(written(big_shop).values()) == 60


def test_rows_that_end_in_no_elsewhere_end_a_chunk_here(
    clerk: TeamDesk, server: TeamDesk, big_shop: Running, team_url: LedgerUrl
) -> None:
    """`--max-no` is the run's: what other workers were refused counts in each chunk."""
    sheet(clerk)
    run = submitted(clerk, "--rate", "5", "--grace", "5", "--settle", "1", "--max-no", "3")
    with Ledger.open(team_url) as elsewhere:
        submissions = elsewhere.submissions()
        held = [one for number in (2, 3) if (one := submissions.take(run, number)) is not None]
        assert len(held) == 2
        with worker(server):
            until(lambda: sum(written(big_shop).values()) > 3, "the first rows")
            info = elsewhere.run(run)
            journal = elsewhere.start_run(start(store=info.store, part_of=run, part=2))
            for work in held[0].works[:4]:
                asyncio.run(deliver(journal, work, state=OperationState.REFUSED))
            journal.finish()
            until(lambda: submissions.state(run).stopped, "the run's end")
            for one in held:
                submissions.finish(one, "stopped")
            until(lambda: is_over(clerk, run), "the run's end")
    told = clerk.run("show", run, "--json").json
    assert (told["stopped_by"], told["outcomes"]["refused"]) == ("too-many-no", 4)
    assert sum(written(big_shop).values()) < MANY / 3


def test_a_ledger_without_a_queue_tells_how_it_gets_one(
    clerk: TeamDesk, ledger_url: LedgerUrl, postgres_server: Server
) -> None:
    sheet(clerk)
    no_ledger = postgres_server.of(postgres_server.make_database())
    lacking = clerk.run("submit", "calls.csv", "--yes", "--ledger", no_ledger)
    assert (lacking.code, "There is no ledger" in lacking.err) == (2, True), lacking.err
    for command in (("submit", "calls.csv", "--yes"), ("worker",)):
        lacking = clerk.run(*command, "--ledger", ledger_url.url)
        assert (lacking.code, "ledger upgrade" in lacking.err) == (2, True), command


def test_last_is_the_last_of_whoever_asks(
    clerk: TeamDesk, tmp_path: Path, big_shop: Running, team_url: LedgerUrl
) -> None:
    owner = team_desk(home(tmp_path, "owner"), big_shop, team_url.url)
    sheet(clerk, range(FIRST, FIRST + 2))
    nothing = owner.run("show", "last")
    assert (nothing.code, "no run yet" in nothing.err) == (2, True)
    run = submitted(clerk)
    nothing = owner.run("show", "last")
    assert (nothing.code, "the runs of all" in nothing.err) == (2, True)
    assert owner.run("stop", "last").code == 2
    sheet(owner, range(FIRST + 2, FIRST + 4))
    other = submitted(owner)
    assert owner.run("show", "last", "--json").json["run"] == other
    assert clerk.run("show", "last", "--json").json["run"] == run
    assert clerk.run("stop", "last").code == 0
    assert owner.run("show", "--json").json["state"] == "running"
    assert clerk.run("show", "--json").json["state"] == "stopped"


def test_figures_say_what_waits_and_a_newer_worker_drains_what_an_older_version_lined_up(
    clerk: TeamDesk, server: TeamDesk, big_shop: Running, team_url: LedgerUrl
) -> None:
    from ordersheet.ledger.postgresql.queue_schema import QUEUE_SCHEMA

    sheet(clerk)
    run = submitted(clerk)
    with Ledger.open(team_url, create=False, read_only=True) as ledger:
        (found,) = ledger.submissions().look(9).waiting.values()
        assert (found.chunks, found.since) == (3, ledger.run(run).started)
    table = f"{QUEUE_SCHEMA}.workflow_status"
    carried_out(team_url, f"UPDATE {table} SET application_version = '0'")
    figures = server.folder / "worker.prom"
    with worker(server, "--metrics", str(figures)):
        until(lambda: is_over(server, run), "the run's end")
        until(lambda: 'chunks_waiting{store="' in figures.read_text(), "the figures")
        until(lambda: "oldest_chunk_seconds 0\n" in figures.read_text(), "nothing that waits")
        until(lambda: f'{{outcome="applied"}} {MANY}' in figures.read_text(), "all rows")
    assert each_once(big_shop)
    with Ledger.open(team_url, create=False, read_only=True) as ledger:
        assert ledger.submissions().look(9).waiting == {}
