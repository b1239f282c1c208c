"""Files that come by themselves, to passes that are killed and to several watchers: each is sent once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.job_desk import JobDesk, inputs, leftovers, listening
from tests.support.torture import SECRET

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
ENDED = (143, -signal.SIGTERM)
"""How a watcher ends that is told to; the second where it had only begun to start."""


@pytest.fixture(scope="module")
def told_by():
    """Give a place to be told at, for each desk its own."""
    places = []

    def make():
        place = listening()
        places.append(place)
        return place.__enter__()

    yield make
    for place in places:
        place.__exit__(None, None, None)


@dataclass(frozen=True)
class Night:
    """How a job is set up, and what must have come of its files in the end."""

    name: str
    keys: Mapping[str, object] = field(default_factory=dict)
    times: int = 1
    """How often each text is to be applied."""
    earlier: bool = False
    """Whether files of the same names lie in done and failed from before."""
    reports: str = "done"
    """The folder below the source that reports go to."""

    def lies(self) -> dict[str, list[str]]:
        """Say which file must lie where."""
        if not self.earlier:
            places = {"a.csv": ["done"], "b.csv": ["done"], "c.csv": ["failed"]}
            return {**places, "c.csv.problems.txt": ["failed"]}
        places = {"a.csv": ["done"], "a (2).csv": ["done"], "b.csv": ["done"]}
        return {**places, "c.csv": ["failed"], "c (2).csv": ["failed"], "c.csv.problems.txt": ["failed"]}


PLAIN = Night("plain")
NIGHTS = (
    PLAIN,
    Night("marked", {"marker": ".whole", "batch": "{file}"}, times=2),
    Night("taken", {"keep": "9d"}, earlier=True),
    Night("elsewhere", {"report_to": "reports", "attach_report": True}, reports="reports"),
)


def a_night(yard, told_by, night: Night, name: str) -> JobDesk:
    """Three files: one to send, the same content again under another name, one that cannot be read."""
    jobs = JobDesk(yard.desk(f"job-{night.name}-{name}"), told_by(), **night.keys)
    if night.earlier:
        for place in ("done/a.csv", "failed/c.csv"):
            (jobs.inbox / place).parent.mkdir()
            (jobs.inbox / place).write_text("from before", encoding="utf-8")
    jobs.put("a.csv", "first", "second")
    jobs.put("b.csv", "first", "second")
    (jobs.inbox / "c.csv").write_text("nothing like an order\n1\n", encoding="utf-8")
    if "marker" in night.keys:
        for file in ("a.csv", "b.csv", "c.csv"):
            (jobs.inbox / f"{file}.whole").touch()
    return jobs


def faults_of(jobs: JobDesk, night: Night) -> list[str]:
    """Say where the promise was broken once all has come to its end."""
    applied = jobs.texts()
    found = [f"{text!r} was applied {n} times" for text, n in applied.items() if n != night.times]
    if set(applied) != {"first", "second"}:
        found.append(f"applied: {sorted(applied)}")
    places = jobs.places()
    expected = night.lies()
    if inputs(places, *expected) != expected:
        found.append(f"files lie in {places}")
    others = [name for name in places if name not in expected]
    # Where the process died after its report was written and before that was noted, the next writes its own.
    reports = [name for name in others if name[:2] in ("a-", "b-") and places[name] == [night.reports]]
    if not night.times <= len(reports) <= night.times + 1 or len(reports) != len(others):
        found.append(f"reports and others: {others}")
    titles = jobs.told.titles()
    for file in ("a.csv", "b.csv", "c.csv"):
        times = sum(count for title, count in titles.items() if title.startswith(file))
        if not 1 <= times <= 2:
            found.append(f"{file} was told of {times} times: {titles}")
    said = [line for message in jobs.told.messages for line in message["message"].splitlines()]
    if night.earlier and not any(line.endswith(str(jobs.inbox / "done" / "a (2).csv")) for line in said):
        found.append(f"nobody was told what a.csv is called now: {said}")
    return found


def killed_at(yard, told_by, night: Night, name: str, seam: int) -> tuple[bool, list[str]]:
    """Kill the first pass at a seam, let the next finish, and judge."""
    jobs = a_night(yard, told_by, night, f"{name}-{seam}")
    killed = jobs.run(seam=seam).killed
    most = 4
    while jobs.run().code != 0 and most:
        most -= 1
    quiet = len(jobs.told.messages)
    last = jobs.run()
    assert last.code == 0, last.output
    found = faults_of(jobs, night)
    if len(jobs.told.messages) != quiet:
        found.append("told again though nothing had come")
    found += [f"left behind: {name}" for name in leftovers(jobs)]
    return killed, [f"{night.name}, seam {seam}: {one}" for one in found]


def kill_at_seams(
    yard, told_by, name: str, *, night: Night = PLAIN, first: int = 1, step: int = 1
) -> tuple[int, list[str]]:
    points = a_night(yard, told_by, night, f"whole-{name}").run().points
    assert points is not None
    seams = range(first, points + 1, step)
    with ThreadPoolExecutor(4) as pool:
        ended = list(pool.map(lambda seam: killed_at(yard, told_by, night, name, seam), seams))
    return sum(killed for killed, _ in ended), [one for _, found in ended for one in found]


@pytest.mark.parametrize("night", NIGHTS, ids=lambda night: night.name)
def test_a_night_that_nothing_kills_is_as_the_judge_wants_it(yard, told_by, night):
    jobs = a_night(yard, told_by, night, "calm")
    assert jobs.run().code == 2
    assert not faults_of(jobs, night)


def test_a_pass_killed_at_some_seams_is_finished_by_the_next(yard, told_by):
    kills, found = kill_at_seams(yard, told_by, "some", first=5, step=19)
    assert kills > 6
    assert not found


@pytest.mark.torture
@pytest.mark.parametrize("night", NIGHTS, ids=lambda night: night.name)
def test_a_pass_killed_at_any_seam_is_finished_by_the_next(yard, told_by, night):
    """All nights together are over 500 kills."""
    kills, found = kill_at_seams(yard, told_by, "any", night=night)
    assert kills > 500 // len(NIGHTS)
    assert not found


# --- several watchers: real processes


def watching(jobs: JobDesk, number: int) -> subprocess.Popen[bytes]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("ORDERSHEET_")}
    env |= {
        "ORDERSHEET_BASE_URL": f"http://127.0.0.1:{jobs.desk.oracle.port}/{jobs.desk.shop}",
        "ORDERSHEET_API_KEY": f"key.watcher{number}.{SECRET}",
        "ORDERSHEET_LEDGER": str(jobs.desk.folder / "ledger.db"),
        "ORDERSHEET_STORE": "torture",
        "HOME": str(jobs.desk.folder),
    }
    command = [sys.executable, "-m", "ordersheet", "watch", "--config", str(jobs.config)]
    with (jobs.desk.folder.parent / f"{jobs.desk.folder.name}-watcher{number}.log").open("ab") as log:
        return subprocess.Popen(command, env=env, cwd=ROOT, stdout=log, stderr=log)


def write_slowly(jobs: JobDesk, name: str, texts: list[str]) -> None:
    """Write a file as a slow export does: a bit at a time, under its own name."""
    with (jobs.inbox / name).open("w", encoding="utf-8") as file:
        file.write("Order ID;Internal comment\n")
        for at, text in enumerate(texts):
            file.write(f"{1000 + at};{text}\n")
            file.flush()
            time.sleep(0.2)


def until(true, seconds: float = 600.0) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def several_watchers(yard, told_by, name: str, watchers: int, files: int, *, kills: int) -> list[str]:
    jobs = JobDesk(yard.desk(name), told_by(), stable="1s", every="1s")
    chance = random.Random(watchers)
    running = [watching(jobs, number) for number in range(watchers)]
    texts = [[f"file {at} row {row}" for row in range(6)] for at in range(files)]
    writers = [
        threading.Thread(target=write_slowly, args=(jobs, f"{at}.csv", texts[at])) for at in range(files)
    ]
    for writer in writers:
        writer.start()
    for number in range(kills):
        time.sleep(chance.uniform(1.0, 4.0))
        victim = running[number % watchers]
        victim.kill()
        victim.wait()
        running[number % watchers] = watching(jobs, watchers + number)
    for writer in writers:
        writer.join()
    names = [f"{at}.csv" for at in range(files)]

    def ended() -> bool:
        places = jobs.places()
        return all(places.get(one) == ["done"] for one in names) and len(jobs.told.titles()) >= files

    came = until(ended)
    for process in running:
        process.send_signal(signal.SIGTERM)
    codes = [process.wait(60) for process in running]
    found = [] if came else [f"not all came to an end: {jobs.places()}, {jobs.told.titles()}"]
    found += [f"a watcher ended with {code}" for code in codes if code not in ENDED]
    expected = {text for lines in texts for text in lines}
    applied = jobs.texts()
    found += [
        f"{text} {applied[text]} times" for text in sorted(expected | set(applied)) if applied[text] != 1
    ]
    titles = jobs.told.titles()
    for one in names:
        times = sum(count for title, count in titles.items() if title.startswith(f"{one} "))
        if not 1 <= times <= (2 if kills else 1):
            found.append(f"{one} was told of {times} times")
    return found


def test_two_watchers_take_each_file_once(yard, told_by):
    assert not several_watchers(yard, told_by, "job-two", watchers=2, files=3, kills=0)


@pytest.mark.torture
@pytest.mark.parametrize("kills", [0, 6])
def test_three_watchers_that_are_killed_take_each_file_once(yard, told_by, kills):
    assert not several_watchers(yard, told_by, f"job-three-{kills}", watchers=3, files=6, kills=kills)
