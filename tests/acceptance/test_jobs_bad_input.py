"""Jobs that cannot work as they are set up: one sentence, exit 2, and nothing lost."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.job_desk import listening, serving
from tests.support.job_sources import sftp_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.command import Desk, Ended

CALLS = "Order ID;Internal comment\n83601;Called\n"


class Job:
    """One job, as its table in a settings file says, on a folder that a file has come to."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.inbox = desk.folder / "in"
        self.inbox.mkdir()
        (self.inbox / "calls.csv").write_text(CALLS, encoding="utf-8")
        self.keys: dict[str, Any] = {"source": str(self.inbox), "pattern": "*.csv", "stable": "0s"}
        self.more = ""
        self.env: dict[str, str] = {}

    def options(self) -> list[str]:
        lines = [f"{key} = {json.dumps(value)}" for key, value in self.keys.items()]
        path = self.desk.file("own.toml", "[jobs.nightly]\n" + "\n".join(lines) + f"\n{self.more}")
        return ["--config", str(path)]

    def run(self, *words: str) -> Ended:
        return self.desk.run(*(words or ("jobs", "run", "nightly")), *self.options(), env=self.env)

    def refused(self, *said: str) -> str:
        """Run it and its trial; give what was said."""
        ended = self.run()
        assert ended.code == 2, ended.err
        assert all(words in ended.err for words in said), ended.err
        assert len(ended.err.strip().splitlines()) == 1, ended.err
        assert (self.inbox / "calls.csv").read_text(encoding="utf-8") == CALLS
        doctor = self.run("doctor")
        told = " ".join((doctor.out + doctor.err).split())
        assert doctor.code != 0
        assert any(words in told for words in said), told
        return ended.err


@pytest.fixture
def job(desk):
    return Job(desk)


def test_a_job_that_can_work_is_told_to_be_fine_and_nothing_is_sent(job):
    tried = job.run("doctor", "--json")
    assert (tried.code, tried.json["jobs"]) == (0, [{"name": "nightly", "faults": []}])
    assert (job.inbox / "calls.csv").is_file()
    assert [path.name for path in job.inbox.iterdir()] == ["calls.csv"]
    assert "nightly: fine" in job.run("doctor").out


FAULTS = {
    "schedule = 'every morning'": "five fields",
    "schedule = '0 6 31 2 *'": "never comes",
    "schedule = '0 25 * * *'": "is no schedule",
    "timezone = 'Europe/Stokholm'": "must be a time zone",
    "done = '.'": "would come again",
    "done = 'working'": "three folders",
    "senders = ['*@example.com']": "no mailbox",
    "max-no = 'a few'": "max-no",
    "patern = '*.csv'": "patern",
}
"""What is wrong with a table by itself, and what is said of it."""


def test_every_fault_of_the_settings_file_is_a_line_and_nothing_is_done(job):
    for number, line in enumerate(FAULTS):
        job.more += f"[jobs.a{number}]\nsource = {json.dumps(str(job.inbox))}\n{line}\n"
    for words in (("jobs", "run", "nightly"), ("watch",), ("jobs",), ("doctor",)):
        ended = job.run(*words)
        lines = ended.err.strip().splitlines() if words != ("doctor",) else ended.out.splitlines()
        assert ended.code == (1 if words == ("doctor",) else 2)
        for number, said in enumerate(FAULTS.values()):
            assert [said in line for line in lines if f"[jobs.a{number}]" in line] == [True]
    assert (job.inbox / "calls.csv").is_file()


BROKEN = {
    "notify = ['mialto://me:hunter2@example.com']": "Address 1 of notify",
    "notify = ['env:NOBODY_SET_THIS']": "NOBODY_SET_THIS",
    "notify = ['file:/nowhere/mail']": "/nowhere/mail",
    "source = 'sftp://127.0.0.1:1/in'": "cannot be reached",
    "source = 'https://127.0.0.1:1/calls.csv'": "cannot be reached",
    "source = 'https://127.0.0.1:1/'": "names no file",
    "source = 'gopher://example.com/in'": "protocol",
    "source = 'env:NOBODY_SET_THIS'": "NOBODY_SET_THIS",
    "profile = 'nowhere'": "nowhere",
}
"""What is seen only when a job is to work."""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGTERM")
def test_jobs_that_cannot_work_are_told_apart_and_the_others_go_on(job):
    for number, line in enumerate(BROKEN):
        folder = job.desk.folder / f"in{number}"
        folder.mkdir()
        (folder / "calls.csv").write_text(CALLS, encoding="utf-8")
        source = "" if line.startswith("source") else f"source = {json.dumps(str(folder))}\n"
        job.more += f"[jobs.b{number}]\n{source}{line}\nstable = '0s'\n"
    job.keys["every"] = "1s"
    done = job.inbox / "done" / "calls.csv"
    lines = watch_until(
        job, lambda said: done.exists() and len({one["job"] for one in troubles(said)}) == len(BROKEN)
    )
    for number, said in enumerate(BROKEN.values()):
        assert said in next(one["error"] for one in troubles(lines) if one["job"] == f"b{number}")
    tried = {one["name"]: one["faults"] for one in job.run("doctor", "--json").json["jobs"]}
    assert tried.pop("nightly") == []
    for number, said in enumerate(BROKEN.values()):
        assert said in " ".join(tried[f"b{number}"])
    assert "hunter2" not in str(lines) + str(tried)
    for number, said in ((1, "NOBODY_SET_THIS"), (3, "cannot be reached"), (8, "nowhere")):
        ended = job.run("jobs", "run", f"b{number}")
        assert (ended.code, said in ended.err, len(ended.err.splitlines())) == (2, True, 1)
    assert all((job.desk.folder / f"in{number}" / "calls.csv").is_file() for number in range(len(BROKEN)))


def troubles(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in lines if one["event"] == "trouble"]


def test_a_source_that_is_no_folder_or_not_there(job):
    job.keys["source"] = str(job.inbox / "calls.csv")
    job.refused("calls.csv")
    job.keys["source"] = str(job.inbox / "nowhere")
    job.refused("nowhere")


def test_a_file_that_cannot_be_moved_is_not_told_as_being_sent(job):
    in_the_way = job.inbox / "working"
    in_the_way.write_text("no folder", encoding="utf-8")
    ended = job.run()
    assert ended.code == 2
    assert len(ended.err.strip().splitlines()) == 1, ended.err
    assert (job.inbox / "calls.csv").read_text(encoding="utf-8") == CALLS
    (told,) = job.run("jobs", "--json").json["jobs"]
    assert told["result"] == "not begun"
    in_the_way.unlink()
    assert job.run().code == 0
    (told,) = job.run("jobs", "--json").json["jobs"]
    assert told["result"] == "1 ok, 0 no"


def test_two_jobs_that_would_take_the_same_file(job):
    job.more = f"[jobs.other]\nsource = {json.dumps(str(job.inbox))}\npattern = 'c*'\n"
    job.refused("The jobs nightly and other")


def test_a_job_in_the_settings_of_the_working_folder(job):
    own = job.options()[1]
    text = (job.desk.folder / own).read_text(encoding="utf-8")
    job.desk.file("ordersheet.toml", text)
    job.desk.file("own.toml", "")
    ended = job.desk.run("jobs", "run", "nightly", "--config", own)
    assert ended.code == 2
    assert "ordersheet.toml" in ended.err
    assert len(ended.err.strip().splitlines()) == 1
    assert (job.inbox / "calls.csv").is_file()


@pytest.fixture
def sftp(tmp_path, job):
    job.env["HOME"] = str(tmp_path / "home")
    with sftp_server(tmp_path / "root", tmp_path / "home") as server:
        job.keys["source"] = server.url
        (server.root / "in" / "calls.csv").write_text(CALLS, encoding="utf-8")
        yield server


def test_a_server_whose_key_is_not_known_or_that_takes_nothing(job, sftp):
    job.refused("host key is not known")
    sftp.know()
    sftp.read_only()
    job.refused("mend the rights")
    assert [path.name for path in (sftp.root / "in").iterdir()] == ["calls.csv"]
    # Once that is mended, the file goes its way, and once.
    sftp.read_only(only=False)
    assert job.run().code == 0
    assert (sftp.root / "in" / "done" / "calls.csv").is_file()
    assert job.run("doctor").code == 0


def test_a_bucket_in_another_region(job):
    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = (
                b'<?xml version="1.0"?><Error><Code>AuthorizationHeaderMalformed</Code><Message>The '
                b"authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-north-1'"
                b"</Message><Region>eu-north-1</Region></Error>"
            )
            self.send_response(400)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    with serving(Elsewhere) as port:
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        job.env |= {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", **dict.fromkeys(names, "test")}
        job.env["AWS_DEFAULT_REGION"] = "us-east-1"
        job.keys["source"] = "s3://orders/in"
        assert "eu-north-1" in job.refused("region")


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGTERM")
def test_a_job_that_is_broken_is_told_once_and_the_others_go_on(job, tmp_path):
    with listening() as told:
        other = tmp_path / "other"
        other.mkdir()
        job.keys |= {"profile": "nowhere", "notify": ["mialto://typo", told.url], "every": "1s"}
        job.more = f"[jobs.other]\nsource = {json.dumps(str(other))}\nstable = '0s'\nevery = '1s'\n"
        (other / "more.csv").write_text(CALLS, encoding="utf-8")
        done = other / "done" / "more.csv"
        for _ in range(2):
            watch_until(job, lambda said: bool(troubles(said) and told.messages) and done.exists())
        (message,) = told.messages
        assert message["title"] == "nightly - this job does not work"
        assert "nowhere" in message["message"]
    assert (job.inbox / "calls.csv").read_text(encoding="utf-8") == CALLS


def watch_until(job: Job, true: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """Watch until something is true of what was logged, and then end it; gives what was logged."""
    words = [sys.executable, "-m", "ordersheet", "watch", *job.options(), "--log-format", "json"]
    log = job.desk.folder / "watch.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(words, cwd=job.desk.folder, env=job.desk.env(), stderr=stderr)

    def said() -> list[dict[str, Any]]:
        whole = log.read_text(encoding="utf-8").rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    try:
        end = time.monotonic() + 120
        while not true(said()):
            assert process.poll() is None
            assert time.monotonic() < end, said()
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert process.returncode == 143
    return said()
