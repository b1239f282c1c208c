"""Jobs as the command runs them: real folders, a real sandbox, a real ledger."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from tests.support import command
from tests.support.job_desk import listening

from ordersheet.sandbox.app import SandboxConfig
from ordersheet.sandbox.server import running
from ordersheet.sandbox.store import Store

if TYPE_CHECKING:
    from pathlib import Path

ROWS = "Order ID;Internal comment\n83601;Called\n83602;Called too\n"


class Desk:
    """A computer of its own, with a shop and a folder that files come to."""

    def __init__(self, folder: Path, sandbox: Any) -> None:
        self.folder = folder
        self.inbox = folder / "in"
        self.inbox.mkdir()
        self.sandbox = sandbox
        self.config = folder / "own.toml"
        self.job()

    def job(self, **more: Any) -> None:
        keys = {"source": str(self.inbox), "pattern": "*.csv", "stable": "0s", **more}
        lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
        self.config.write_text("[jobs.nightly]\n" + "\n".join(lines), encoding="utf-8")

    def put(self, name: str, text: str = ROWS) -> None:
        (self.inbox / name).write_text(text, encoding="utf-8")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        desk = command.Desk(self.folder, self.sandbox.base_url, self.sandbox.key)
        places = ("--config", str(self.config), "--ledger", str(self.folder / "home" / "ledger.db"))
        ended = desk.run(*words, *places, env={"HOME": str(self.folder)})
        return subprocess.CompletedProcess(words, ended.code, ended.out, ended.err)

    def names(self, folder: str) -> list[str]:
        place = self.inbox / folder
        return sorted(path.name for path in place.iterdir()) if place.is_dir() else []


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def desk(tmp_path, store):
    with running(store, SandboxConfig()) as sandbox:
        yield Desk(tmp_path, sandbox)


def comment(store: Store, order: int) -> str | None:
    held = store.get(order)
    return held.internal_comment if held is not None else None


def test_a_file_is_sent_put_away_and_never_sent_again(desk, store):
    desk.put("calls.csv")
    ended = desk.run("jobs", "run", "nightly")
    assert ended.returncode == 0, ended.stderr
    assert comment(store, 83601) == "Called"
    done = desk.names("done")
    assert len(done) == 2
    assert "calls.csv" in done
    assert desk.names("working") == []
    # The same content under another name is put away, told, and not sent.
    desk.put("again.csv")
    ended = desk.run("jobs", "run", "nightly")
    assert (ended.returncode, comment(store, 83601)) == (0, "Called")
    assert "the same as an earlier file" in ended.stderr
    assert "again.csv" in desk.names("done")
    listed = json.loads(desk.run("jobs", "--json").stdout)["jobs"]
    assert [(job["name"], job["file"], job["state"]) for job in listed] == [("nightly", "again.csv", "same")]


def test_the_same_content_in_another_batch_is_sent(desk, store):
    desk.job(batch="{file}")
    desk.put("monday.csv")
    desk.run("jobs", "run", "nightly")
    desk.put("tuesday.csv")
    assert desk.run("jobs", "run", "nightly").returncode == 0
    assert comment(store, 83601) == "Called\nCalled"


def test_a_file_that_cannot_be_read_is_put_aside_with_the_reason(desk, store):
    desk.put("bad.csv", "nothing like an order\n1\n")
    ended = desk.run("jobs", "run", "nightly")
    assert ended.returncode == 2
    assert desk.names("failed") == ["bad.csv", "bad.csv.problems.txt"]
    assert "Order ID" in (desk.inbox / "failed" / "bad.csv.problems.txt").read_text(encoding="utf-8")
    # The next pass finds nothing left to do.
    assert desk.run("jobs", "run", "nightly").returncode == 0


def test_rows_that_end_in_no_are_exit_1(desk):
    desk.put("calls.csv", ROWS + "999;x\n")
    assert desk.run("jobs", "run", "nightly").returncode == 1


def test_two_files_of_one_name_both_stay(desk):
    desk.put("calls.csv")
    desk.run("jobs", "run", "nightly")
    desk.put("calls.csv", "Order ID;Internal comment\n83603;Other\n")
    desk.run("jobs", "run", "nightly")
    assert {"calls.csv", "calls (2).csv"} <= set(desk.names("done"))


def test_a_shop_that_is_away_leaves_the_file_to_be_gone_on_with(desk, store):
    desk.put("calls.csv")
    desk.sandbox = desk.sandbox._replace(key="wrong")
    ended = desk.run("jobs", "run", "nightly")
    assert ended.returncode == 3
    assert desk.names("done") == []
    assert len(list((desk.inbox / "working").iterdir())) == 1


def test_a_new_key_holds_a_file_up_and_does_not_blame_it(desk):
    desk.put("first.csv")
    desk.run("jobs", "run", "nightly")
    desk.put("second.csv", "Order ID;Internal comment\n83603;Other\n")
    desk.sandbox = desk.sandbox._replace(key="another")
    assert desk.run("jobs", "run", "nightly").returncode == 3
    assert desk.names("failed") == []
    assert [path.name for path in (desk.inbox / "working").glob("*/*")] == ["second.csv"]


def test_a_run_that_was_stopped_for_its_many_no_is_told_and_goes_on_when_it_comes_again(desk, store):
    with listening() as told:
        rows = "".join(f"{number};x\n" for number in (83601, 83602, *range(900, 990)))
        desk.job(notify=[told.url], **{"max-no": "2"})
        desk.put("calls.csv", f"Order ID;Internal comment\n{rows}")
        assert desk.run("jobs", "run", "nightly").returncode == 3
        (message,) = told.messages
        assert message["title"].startswith("calls.csv - ")
        assert "stopped, 2 ok, " in message["title"]
        assert "row 4, order 900: refused" in message["message"]
        assert "let the file come again" in message["message"]
        assert "calls.csv" in desk.names("failed")
        desk.job(notify=[told.url])
        desk.put("calls.csv", f"Order ID;Internal comment\n{rows}")
        assert desk.run("jobs", "run", "nightly").returncode == 1
        assert "2 ok, 90 no" in told.messages[-1]["title"]
    assert comment(store, 83601) == "x"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("jobs", "run", "other"), "There is no job 'other'"),
        (("watch", "other"), "There is no job 'other'"),
    ],
)
def test_a_job_that_is_not_there_is_one_sentence(desk, words, said):
    ended = desk.run(*words)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_source_that_is_not_there_is_told_and_nothing_is_lost(desk):
    desk.job(source=str(desk.folder / "nowhere"))
    ended = desk.run("jobs", "run", "nightly")
    assert ended.returncode == 2
    assert "nowhere" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_every_line_is_json_where_it_is_asked_for_and_the_last_sums_up(desk):
    desk.put("calls.csv")
    desk.job(verbose=True)
    ended = desk.run("jobs", "run", "nightly", "--log-format", "json")
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert all(line["job"] == "nightly" for line in lines)
    assert [line["event"] for line in lines[-2:]] == ["file", "end"]
    of_rows = [line for line in lines if line["event"] in ("begin", "attempt", "row")]
    assert len(of_rows) >= 6
    assert all(line["file"] == "calls.csv" and line["run"] for line in of_rows)
    assert {line["order"] for line in of_rows if "order" in line} == {83601, 83602}
    assert (lines[-1]["exit_code"], lines[-1]["files"]) == (0, 1)
