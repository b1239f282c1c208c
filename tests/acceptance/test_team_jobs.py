"""Jobs whose files are sent by the workers of a shared ledger."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.postgres import carried_out
from tests.support.team import PATIENCE, TeamDesk, WorkerProcess, home, team_desk, until, worker

from ordersheet.core.model import StoppedBy
from ordersheet.core.stop_switch import StopSwitch
from ordersheet.jobs.definition import read_jobs
from ordersheet.jobs.setup import JobsOfCall
from ordersheet.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ordersheet.core.ledger_url import LedgerUrl
    from ordersheet.sandbox.server import Running

pytestmark = pytest.mark.needs("postgres", "dbos")
ORDERS = range(84000, 84230)
"""Two chunks."""


class JobDesk:
    """A computer with one job, whose ledger is shared."""

    def __init__(self, desk: TeamDesk, settings: str = "") -> None:
        self.desk = desk
        self.inbox = desk.folder / "in"
        self.inbox.mkdir()
        self.keys = {"source": str(self.inbox), "pattern": "*.csv", "stable": "0s", "settle": 1.0}
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in self.keys.items())
        self.config = str(desk.file("own.toml", f"{settings}[jobs.nightly]\n{lines}"))

    def put(self, name: str = "calls.csv", *more: str) -> None:
        rows = [*(f"{order},Called {order}" for order in ORDERS), *more]
        (self.inbox / name).write_text("order,internalComment\n" + "\n".join(rows) + "\n", encoding="utf-8")

    def run(self, *words: str) -> Any:
        return self.desk.run(*words, "--config", self.config)

    @contextmanager
    def running(self, name: str) -> Iterator[WorkerProcess]:
        """Make a pass in a process of its own."""
        words = ("jobs", "run", "nightly", "--config", self.config)
        one = WorkerProcess(self.desk, self.desk.folder / f"{name}.log", words, {})
        try:
            yield one
        finally:
            one.clear_away()

    def listed(self) -> dict[str, Any]:
        (told,) = self.run("jobs", "--json").json["jobs"]
        return dict(told)

    def runs(self) -> list[dict[str, Any]]:
        return list(self.desk.run("runs", "--json").json["runs"])

    def names(self, folder: str) -> list[str]:
        place = self.inbox / folder
        return sorted(path.name for path in place.iterdir()) if place.is_dir() else []


@pytest.fixture
def jobs(tmp_path: Path, big_shop: Running, team_writer: str) -> JobDesk:
    return JobDesk(team_desk(home(tmp_path, "server"), big_shop, team_writer))


@pytest.fixture
def elsewhere(tmp_path: Path, big_shop: Running, team_writer: str) -> TeamDesk:
    return team_desk(home(tmp_path, "elsewhere"), big_shop, team_writer)


def texts(shop: Running) -> Counter[str]:
    """Count the texts of these sheets in all orders."""
    with urllib.request.urlopen(shop.page_url + "state.json") as answer:
        orders = json.load(answer)["orders"]
    return Counter(text for one in orders for text in re.findall(r"Called \d+", str(one["internalComment"])))


def each_once(shop: Running) -> bool:
    return texts(shop) == Counter(f"Called {order}" for order in ORDERS)


def test_a_job_hands_its_file_to_the_workers_and_puts_their_report_where_it_belongs(
    jobs: JobDesk, elsewhere: TeamDesk, big_shop: Running
) -> None:
    jobs.put("calls.csv", "none,Called nobody")
    with worker(elsewhere):
        ended = jobs.run("jobs", "run", "nightly")
    assert ended.code == 1, ended.err
    assert "workers send it" in ended.err
    assert each_once(big_shop)
    (run,) = jobs.runs()
    assert (run["state"], run["outcomes"]) == ("finished", {"applied": len(ORDERS), "invalid": 1})
    assert len(jobs.names("done")) == 2
    assert jobs.names("working") == []
    assert (jobs.listed()["state"], jobs.listed()["run"]) == ("sent", run["run"])
    jobs.put("again.csv", "none,Called nobody")
    assert jobs.run("jobs", "run", "nightly").code == 0
    assert len(jobs.runs()) == 1


def test_one_that_is_ended_while_workers_send_goes_on_with_the_same_run(
    jobs: JobDesk, elsewhere: TeamDesk, big_shop: Running, team_url: LedgerUrl
) -> None:
    jobs.put()

    class Killed(Exception):
        pass

    def killed(point: str) -> None:
        if point == "sent":
            raise Killed

    with pytest.raises(Killed):
        one_pass(jobs, team_url, killed)
    (run,) = jobs.runs()
    assert jobs.listed()["state"] == "taken"
    with jobs.running("first") as first:
        until(lambda: "0 of 2 chunks" in first.said, "the same run")
        first.process.kill()
        first.process.wait()
    assert jobs.listed()["state"] == "waiting"
    (holder,) = carried_out(team_url, "SELECT process_id FROM ordersheet.job_file")
    with worker(elsewhere), jobs.running("next") as after:
        # Nobody can tell yet that it is dead.
        until(lambda: "with another process" in after.said, "a word of the dead one")
        late = "UPDATE ordersheet.lease SET valid_until = clock_timestamp() WHERE process_id ="
        carried_out(team_url, f"{late} {holder[0]}")
        assert after.process.wait(PATIENCE) == 0, after.said
    assert [one["run"] for one in jobs.runs()] == [run["run"]]
    assert each_once(big_shop)
    assert len(jobs.names("done")) == 2


def one_pass(jobs: JobDesk, url: LedgerUrl, on_point: Callable[[str], None]) -> None:
    """Make a pass of the job in this process."""
    with ExitStack() as stack:
        for name, value in jobs.desk.env().items():
            stack.enter_context(pytest.MonkeyPatch.context()).setenv(name, value)
        ledger = stack.enter_context(Ledger.open(url, create=False))
        flags = {"config": jobs.config}
        found = read_jobs({"nightly": jobs.keys}, "own.toml")
        call = JobsOfCall(found, flags, ledger, StopSwitch(), None, on_point)
        _work, passes = call.make("nightly")
        report = passes.look()
        assert report.gone is None


def handed_over(jobs: JobDesk, url: LedgerUrl) -> str:
    """Let the job hand a file over to workers of which there are none yet; names the run."""
    jobs.put()
    one_pass(jobs, url, lambda _point: None)
    (run,) = jobs.runs()
    return str(run["run"])


def test_what_somebody_stops_goes_to_the_failed_ones_and_comes_again_where_it_is_wanted(
    jobs: JobDesk, elsewhere: TeamDesk, big_shop: Running, team_url: LedgerUrl
) -> None:
    run = handed_over(jobs, team_url)
    assert elsewhere.run("stop", run).code == 0
    ended = jobs.run("jobs", "run", "nightly")
    assert ended.code == 3, ended.err
    (problems,) = [name for name in jobs.names("failed") if name.endswith(".problems.txt")]
    told = (jobs.inbox / "failed" / problems).read_text(encoding="utf-8")
    assert run in told
    assert "let the file come again" in told
    assert not texts(big_shop)
    jobs.put()
    with worker(elsewhere):
        assert jobs.run("jobs", "run", "nightly").code == 0
    assert each_once(big_shop)


@pytest.mark.torture
def test_a_large_file_of_a_job_waits_for_its_place_and_goes_to_the_workers(
    tmp_path: Path, elsewhere: TeamDesk, big_shop: Running, team_url: LedgerUrl, team_writer: str
) -> None:
    share = tmp_path / "share"
    settings = f'large-files = "{share}"\nlarge-from = 0.001\n'
    jobs = JobDesk(team_desk(home(tmp_path, "server"), big_shop, team_writer), settings)
    jobs.put()
    away = jobs.run("jobs", "run", "nightly")
    assert (away.code, jobs.names("failed"), jobs.runs()) == (3, [], [])
    facts = carried_out(team_url, "SELECT facts FROM ordersheet.job_file")
    assert (jobs.listed()["state"], "it is not there" in str(facts)) == ("waiting", True)
    share.mkdir()
    # As if the pause until its next try were over.
    pause = """'"resume_after": "[^"]*"', '"resume_after": null'"""
    carried_out(team_url, f"UPDATE ordersheet.job_file SET facts = regexp_replace(facts, {pause})")
    with worker(elsewhere):
        assert jobs.run("jobs", "run", "nightly").code == 0
    assert each_once(big_shop)
    assert len(jobs.names("done")) == 2
    assert len(list(share.iterdir())) == 1


def test_a_watcher_that_ends_leaves_the_run_to_the_workers_and_a_pass_later_finds_its_end(
    jobs: JobDesk, elsewhere: TeamDesk, big_shop: Running
) -> None:
    jobs.put()
    watching = WatchProcess(jobs)
    try:
        until(lambda: "workers send it" in watching.said, "the hand-over")
        watching.process.send_signal(signal.SIGTERM)
        assert watching.process.wait(60) == 128 + signal.SIGTERM
    finally:
        watching.clear_away()
    with worker(elsewhere):
        until(lambda: jobs.runs()[0]["finished"], "the run's end")
    assert jobs.run("jobs", "run", "nightly").code == 0
    assert each_once(big_shop)
    assert len(jobs.runs()) == 1
    assert len(jobs.names("done")) == 2


class WatchProcess:
    """`watch`, started."""

    def __init__(self, jobs: JobDesk) -> None:
        self._log = jobs.desk.folder / "watch.log"
        self._file = self._log.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ordersheet", "watch", "--config", jobs.config],
            cwd=jobs.desk.folder,
            env=jobs.desk.env(),
            stdout=self._file,
            stderr=self._file,
        )

    @property
    def said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def clear_away(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._file.close()


def began_long_ago(url: LedgerUrl) -> None:
    """Let all runs have begun before this year's first hour."""
    carried_out(
        url,
        "SET session_replication_role = replica;"
        " UPDATE ordersheet.run SET started = '2026-01-01T00:00:00.000000Z'",
    )


@pytest.mark.parametrize("held_up", ["for months", "a moment ago"])
def test_what_workers_could_not_send_for_a_day_is_given_up_and_else_handed_over_once_more(
    jobs: JobDesk, team_url: LedgerUrl, big_shop: Running, held_up: str
) -> None:
    run = handed_over(jobs, team_url)
    if held_up == "for months":
        began_long_ago(team_url)
    with Ledger.open(team_url, create=False) as ledger:
        ledger.submissions().stop(run, by=StoppedBy.SERVER_DOWN, message="The server was down.")
    ended = jobs.run("jobs", "run", "nightly")
    assert ended.code == 3, ended.err
    given_up = held_up == "for months"
    assert jobs.listed()["state"] == ("failed" if given_up else "waiting")
    assert bool(jobs.names("failed")) == given_up
    assert not texts(big_shop)


def test_a_file_that_nobody_takes_for_an_hour_is_told(jobs: JobDesk, team_url: LedgerUrl) -> None:
    handed_over(jobs, team_url)
    began_long_ago(team_url)
    carried_out(team_url, "UPDATE ordersheet.job_file SET facts = replace(facts, 'resume_after', 'earlier')")
    one_pass(jobs, team_url, lambda _point: None)
    with Ledger.open(team_url, create=False, read_only=True) as ledger:
        (one,) = ledger.job_files().latest("nightly", "waiting")
    assert "Start a worker" in one.facts["error"]
    assert one.facts["run"] in one.facts["error"]


def test_a_shared_ledger_without_a_queue_has_its_jobs_send_by_themselves(
    tmp_path: Path, big_shop: Running, ledger_url: LedgerUrl
) -> None:
    jobs = JobDesk(team_desk(home(tmp_path, "alone"), big_shop, ledger_url.url))
    jobs.put()
    ended = jobs.run("jobs", "run", "nightly")
    assert ended.code == 0, ended.err
    assert each_once(big_shop)
    assert "workers" not in ended.err
