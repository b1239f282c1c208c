"""Passes of a job with a clock, a sender and people of our own, over a real folder and a real ledger."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.job_world import START, WELL, job_world

from ordersheet.core.trying_again import FEWEST_TRIES
from ordersheet.jobs.file_work import Ended
from ordersheet.jobs.passes import GONE_AGAIN, GONE_FOR, GROWS_FOR, RETRY
from ordersheet.jobs.states import FAILED, TAKEN, WAITING
from ordersheet.jobs.temporary import temporary_folder
from ordersheet.ledger import Ledger


@pytest.fixture
def world(tmp_path):
    with job_world(tmp_path) as one:
        yield one


def test_a_file_that_grows_is_left_alone_until_it_has_rested(world):
    world.put("a.csv", "a")
    world.look()
    world.put("a.csv", "ab")
    world.look(9)
    world.look(9)
    assert world.sent == []
    world.look(2)
    assert world.sent == ["ab"]
    assert (world.names(), world.names("done")) == ([], ["a.csv"])


def test_a_file_that_another_process_has_begun_is_looked_at_again_soon(world):
    # In a shared ledger it may be dead, and counts as living for a minute.
    with Ledger.open(world.ledger.path) as other:
        other.job_files().take("nightly", "a.csv", "aa", None, state=TAKEN)
        report = world.look()
        assert (report.elsewhere, world.passes.wait(report, 86_400.0)) == (["a.csv"], RETRY)
    assert world.look().elsewhere == []


def test_a_marker_speaks_for_one_file_alone(world):
    world.set_up(marker=".done")
    world.put("a.csv")
    world.look(60)
    assert world.sent == []
    world.put("a.csv.done", "")
    world.look(60)
    assert (world.sent, world.names()) == (["a"], [])
    # Yesterday's marker says nothing of today's file, which is still being written.
    world.put("a.csv", "half of it")
    world.look(60)
    world.look(60)
    assert world.sent == ["a"]


@pytest.mark.parametrize("times", [1, 3])
def test_the_same_content_with_the_same_date_is_put_away_each_time(world, times):
    path = world.put("a.csv")
    for _ in range(times):
        os.utime(path, (1_700_000_000, 1_700_000_000))
        world.look()
        world.look(11)
        world.put("a.csv")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    world.look()
    world.look(11)
    assert world.sent == ["a"]
    assert world.names() == []
    assert len(world.names("done")) == times + 1
    assert sum("the same as a.csv of 2026-11-27" in subject for subject in world.people.subjects) == times


def test_a_file_that_is_taken_away_meanwhile_leaves_nothing_behind(world):
    world.set_up(stable="0s")
    path = world.put("a.csv")
    seen = world.passes._work.source.look()[0]  # noqa: SLF001 - between a look and the taking
    path.unlink()
    assert world.look().exit_code == 0
    assert seen.name == "a.csv"
    assert world.ledger.job_files().adopt("nightly") == []


def test_what_is_held_up_goes_on_when_it_may_and_is_given_up_in_the_end(world):
    world.set_up(stable="0s", give_up="2h")
    held = Ended(WAITING, {"error": "The API is down.", "retry": True, "run": "r1"})
    world.answers = [held] * 100
    world.put("a.csv")
    assert world.look().exit_code == 3
    world.look(30)
    assert len(world.sent) == 1  # The first pause is a minute.
    for _ in range(30):
        world.look(600)
    assert 3 < len(world.sent) < 12
    assert world.names("failed") == ["a.csv", "a.csv.problems.txt"]
    assert [subject.partition(" - ")[2] for subject in world.people.subjects] == ["given up, 0 ok"]


@pytest.mark.parametrize("days", [1, 3, 30])
def test_a_file_is_tried_again_however_long_the_machine_was_off(world, days):
    world.set_up(stable="0s", give_up="2h")
    world.answers = [Ended(WAITING, {"error": "The API is down.", "retry": True, "run": "r1"})] * 3
    world.put("a.csv")
    world.look()
    world.look(days * 86_400)
    # The network comes some seconds after the machine.
    world.look(3600)
    world.look(3600)
    assert len(world.sent) == 4
    assert world.names("done") == ["a.csv"]
    assert [subject.partition(" - ")[2] for subject in world.people.subjects] == ["shop.example.com: 1 ok"]


@pytest.mark.parametrize("hours", [23, 25])
def test_what_workers_have_tried_for_a_day_is_not_handed_to_them_once_more(world, hours):
    world.set_up(stable="0s")
    since = (START - timedelta(hours=hours)).isoformat()
    tried = {
        "error": "The API is down.",
        "retry": True,
        "run": "r1",
        "held_since": since,
        "tries": FEWEST_TRIES,
    }
    world.answers = [Ended(WAITING, tried)]
    world.put("a.csv")
    world.look()
    world.look(86_400)
    assert len(world.sent) == (1 if hours > 24 else 2)
    assert world.names("failed") == (["a.csv", "a.csv.problems.txt"] if hours > 24 else [])


def test_what_workers_send_once_more_is_not_given_up_meanwhile(world):
    world.set_up(stable="0s")
    since = (START - timedelta(days=3)).isoformat()
    tried = {"held_since": since, "tries": FEWEST_TRIES, "handed_over": START.isoformat(), "retry": True}
    world.answers = [Ended(WAITING, {**tried, "with_workers": True, "run": "r1"})]
    world.put("a.csv")
    world.look()
    assert world.names("failed") == []
    world.look(60)
    assert world.names("done") == ["a.csv"]


def test_a_refused_key_is_told_at_once_and_once_a_day(world):
    world.set_up(stable="0s")
    world.answers = [Ended(WAITING, {"error": "The key was refused.", "retry": False, "run": "r1"})] * 3
    world.put("a.csv")
    for after in (0, 3600, 3600, 3600):
        world.look(after)
    assert world.people.subjects[0] == "a.csv - held up, somebody must see to it"
    assert len(world.people.subjects) == 2  # that, and that it was done
    assert world.names("done") == ["a.csv"]


def test_a_source_that_goes_away_for_an_hour_is_told_and_loses_nothing(world):
    world.set_up(stable="0s")
    world.put("a.csv")
    away = world.folder / "away"
    world.inbox.rename(away)
    for _ in range(6):
        assert world.look(600).exit_code == 2
    assert world.people.subjects == ["nightly - its files cannot be reached"]
    assert GONE_FOR < 3600
    away.rename(world.inbox)
    assert world.look(60).exit_code == 0
    assert (world.sent, world.names("done")) == (["a"], ["a.csv"])


@settings(max_examples=25, deadline=None)
@given(
    away_for=st.floats(0.0, 2 * 86_400), asleep=st.lists(st.sampled_from((0.0, 600.0, 30_000.0)), max_size=3)
)
def test_a_source_that_is_out_of_reach_at_its_hour_is_looked_at_until_it_is_back(away_for, asleep):
    """Of a nightly job, on a machine that sleeps between its first looks."""
    with tempfile.TemporaryDirectory() as folder, job_world(Path(folder)) as world:
        world.set_up(stable="0s", schedule="30 6 * * *")
        world.put("a.csv")
        away = world.folder / "away"
        world.inbox.rename(away)
        looks, told_at = [0.0], None
        while (report := world.look()).gone is not None:
            if world.people.told and told_at is None:
                told_at = looks[-1]
                assert told_at >= GONE_FOR
                assert len(looks) >= FEWEST_TRIES
            wait = world.passes.wait(report, math.inf)
            assert GONE_AGAIN <= wait <= GONE_FOR
            wait += asleep.pop() if asleep else 0.0
            world.seconds += wait
            world.now += timedelta(seconds=wait)
            looks.append(world.seconds)
            if world.seconds > away_for:
                away.rename(world.inbox)
        assert world.names("done") == ["a.csv"]
        assert told_at is not None or away_for <= GONE_FOR or len(looks) <= FEWEST_TRIES
        assert all(later - sooner >= GONE_FOR for sooner, later in zip(looks, looks[5:], strict=False))
        world.inbox.rename(away)
        assert world.passes.wait(world.look(), math.inf) == GONE_AGAIN, "another time is another time"


def test_what_is_expected_from_a_source_that_is_out_of_reach_is_not_told_as_what_did_not_come(world):
    world.set_up(schedule="30 6 * * 1-5", timezone="Europe/Stockholm", expect_by="07:00")
    world.now = START.replace(hour=5, minute=45)
    world.inbox.rename(world.folder / "away")
    for _ in range(3):
        world.look(1800)
    (told,) = [message for message in world.people.told if message.kind == "nothing"]
    assert told.subject == "nightly - no file by 07:00, and its files cannot be reached"
    assert "could not see whether one lies at" in told.body
    assert str(world.inbox) in told.body


def test_a_share_that_is_gone_while_a_file_is_sent_does_not_make_it_lie_where_it_does_not(world):
    world.set_up(stable="0s")
    world.put("a.csv")
    away = world.folder / "away"

    def send_and_lose(*_args: object) -> Ended:
        world.inbox.rename(away)
        world.inbox.mkdir()  # A mount point without its share.
        return WELL

    work = world.passes._work  # noqa: SLF001 - the sender is a seam
    work.sender = type("Losing", (), {"send": staticmethod(send_and_lose)})()
    assert world.look().exit_code == 3
    assert world.people.told == []
    shutil.rmtree(world.inbox)
    away.rename(world.inbox)
    assert world.look(60).exit_code == 0
    assert world.names("done") == ["a.csv"]
    assert str(world.inbox / "done" / "a.csv") in world.people.told[-1].body


def test_a_done_folder_that_takes_nothing_is_tried_again_and_nothing_is_sent_twice(world):
    world.set_up(stable="0s")
    world.put("a.csv")
    # A file where the folder should be: what a full disk is to a folder, made without root's help.
    (world.inbox / "done").write_text("", encoding="utf-8")
    world.set_up(stable="0s", pattern="*.csv")
    assert world.look().exit_code == 3
    (world.inbox / "done").unlink()
    assert world.look(60).exit_code == 0
    assert (world.sent, world.names("done")) == (["a"], ["a.csv"])
    assert len(world.people.told) == 1


def test_a_file_whose_name_is_taken_is_told_under_the_name_that_it_got(world):
    world.put("a.csv", "first")
    world.look()
    world.look(after=20)
    world.put("a.csv", "second")
    world.look()

    def end(point):
        if point == "put away":
            raise KeyboardInterrupt

    world.set_up(on_point=end)
    world.look()
    with pytest.raises(KeyboardInterrupt):
        world.look(after=20)
    assert world.names("done") == ["a (2).csv", "a.csv"]
    world.set_up()
    world.look()
    assert world.people.told[-1].body.endswith(f"{world.inbox / 'done' / 'a (2).csv'}")


def test_a_file_that_came_to_nothing_may_come_again_and_one_that_was_sent_may_not(world):
    world.set_up(stable="0s")
    world.answers += [Ended(FAILED, {"error": "No such sheet."}), WELL]
    for again in ("failed", "sent", "same"):
        world.put("a.csv")
        (one,) = world.look(60).handled
        assert one.state == again
    assert world.sent == ["a", "a"]
    assert world.names("failed") == ["a.csv", "a.csv.problems.txt"]
    assert world.names("done") == ["a (2).csv", "a.csv"]


def test_a_file_that_somebody_takes_out_of_the_working_folder_is_told_as_gone(world):
    world.put("a.csv")
    world.look()

    def take_away(point):
        if point == "noted as sent":
            shutil.rmtree(world.inbox / "working" / "1")

    world.set_up(on_point=take_away)
    world.look()
    world.look(after=20)
    assert "somebody has taken it out of the working folder" in world.people.told[-1].body


def test_a_copy_that_a_killed_process_left_is_removed_by_the_next(world):
    private = world.folder / "private"
    old, young = private / "seen-old", private / "seen-young"
    for left in (old, young):
        left.mkdir(parents=True)
        (left / "file").write_text("somebody's text", encoding="utf-8")
    hours_ago = time.time() - 7200
    os.utime(old, (hours_ago, hours_ago))
    world.put("a.csv")
    world.look()
    world.look(after=20)
    assert [path.name for path in private.iterdir()] == ["seen-young"]


def test_the_copies_of_a_file_that_is_done_with_are_removed_by_the_next_pass(world):
    world.put("a.csv")
    world.look()
    world.answers.append(Ended(WAITING, {"retry": True}))
    world.look(after=20)
    assert [path.name for path in (world.folder / "private").iterdir()] == ["1"]
    # Killed between the line in the ledger and the removal: the folder is of nobody.
    (world.folder / "private" / "99").mkdir()
    world.look()
    assert [path.name for path in (world.folder / "private").iterdir()] == ["1"]


def test_a_copy_that_a_living_process_works_on_is_left_to_it(tmp_path):
    with temporary_folder("seen-", tmp_path) as mine:
        os.utime(mine, (0, 0))
        with temporary_folder("seen-", tmp_path) as other:
            assert mine.is_dir()
            assert other != mine
    assert not list(tmp_path.iterdir())


def test_people_who_do_not_hear_are_told_again_for_an_hour(world):
    world.set_up(stable="0s")
    world.people.deaf = True
    world.put("a.csv")
    world.look()
    assert world.names("done") == ["a.csv"]
    for _ in range(10):
        world.look(120)
    world.people.deaf = False
    world.look(600)
    assert len(world.people.told) == 1
    # For longer than that, it stands in the log, and the job goes on.
    world.people.deaf = True
    world.put("b.csv", "b")
    for _ in range(10):
        world.look(600)
    work = world.passes._work  # noqa: SLF001 - what the log is told
    assert work.teller.untold == ["Nobody was told of b.csv: Nobody hears."]
    assert world.ledger.job_files().adopt("nightly") == []


@pytest.mark.parametrize(
    ("day", "came", "told"),
    [
        (27, None, 1),
        (27, "new", 0),
        (27, "the same as before", 1),
        (28, None, 0),  # a Saturday
    ],
)
def test_what_was_expected_and_did_not_come_is_told_once_a_day(world, day, came, told):
    world.set_up(stable="0s", schedule="30 6 * * 1-5", timezone="Europe/Stockholm", expect_by="07:00")
    world.now = START.replace(day=26, hour=5, minute=45)
    world.put("before.csv", "before")
    world.look()
    world.people.told.clear()
    world.now = START.replace(day=day, hour=5, minute=30)
    if came is not None:
        world.put("a.csv", "before" if came.startswith("the same") else "new")
    report = world.look()
    assert world.passes.wait(report, float("inf")) <= 1800
    for _ in range(5):
        world.look(1800)
    nothing = [subject for subject in world.people.subjects if subject == "nightly - no file by 07:00"]
    assert len(nothing) == told


@pytest.mark.parametrize("seen_before", [False, True], ids=["it came meanwhile", "it was there before"])
def test_what_lies_there_when_the_machine_wakes_has_come(world, seen_before):
    world.set_up(schedule="30 6 * * 1-5", timezone="Europe/Stockholm", expect_by="07:00")
    world.now = START.replace(hour=4)
    if seen_before:
        world.put("a.csv")
    world.look()
    world.put("a.csv")
    for after in (5 * 3600, 11):
        world.look(after)
    assert world.people.subjects == ["a.csv - shop.example.com: 1 ok"]


def test_a_file_that_grows_and_grows_has_not_come(world):
    world.set_up(stable="100s", schedule="30 6 * * 1-5", timezone="Europe/Stockholm", expect_by="07:00")
    world.now = START.replace(hour=6)
    for at in range(int(GROWS_FOR / 90) + 3):
        world.put("a.csv", "a" * (at + 1))
        world.look(90)
    assert world.people.subjects == ["nightly - no file by 07:00"]


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0, 3600.0 * 24 * 400])
def test_a_clock_that_jumps_makes_no_file_run_twice_and_loses_none(world, jump):
    world.set_up(batch="{file}")
    world.put("a.csv")
    world.look()
    world.look(11, jump=jump)
    world.put("b.csv", "b")
    world.look(1, jump=-jump)
    world.look(11)
    world.look(60)
    assert sorted(world.sent) == ["a", "b"]
    assert world.names("done") == ["a.csv", "b.csv"]


def test_done_files_are_kept_as_long_as_was_said(world):
    world.set_up(stable="0s", keep="90d")
    world.put("a.csv")
    world.look()
    old = (START - timedelta(days=91)).timestamp()
    os.utime(world.inbox / "done" / "a.csv", (old, old))
    world.put("b.csv", "b")
    world.look(60)
    assert world.names("done") == ["b.csv"]
