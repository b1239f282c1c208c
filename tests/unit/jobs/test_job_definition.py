"""What a `[jobs.NAME]` table may say, and each fault of it in one line."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, time

import pytest

from ordersheet.core.errors import SettingsError
from ordersheet.jobs.definition import read_jobs
from ordersheet.jobs.places import overlaps

NOW = datetime(2026, 11, 27, 23, 30, tzinfo=UTC)


def read(text: str):
    return read_jobs(tomllib.loads(text)["jobs"], "ordersheet.toml")


def test_a_whole_job():
    job = read(
        """
        [jobs.nightly]
        source = "sftp://orders@files.example.com/in"
        pattern = "*.xlsx"
        profile = "qa"
        mapping = "calls.toml"
        max-no = "5%"
        batch = "{file_date} {stem}"
        schedule = "30 6 * * 1-5"
        timezone = "Europe/Stockholm"
        stable = "30s"
        marker = ".done"
        done = "sent"
        expect_by = "07:00"
        notify = ["mailto://orders@example.com", "env:SLACK"]
        notify_on = ["failed"]
        attach_report = true
        keep = "90d"
        give_up = "12h"
        """
    )["nightly"]
    assert job.options == {"mapping": "calls.toml", "max_no": "5%"}
    assert (job.folders.done, job.folders.failed, job.folders.working) == ("sent", "failed", "working")
    assert (job.stable, job.give_up, job.expect_by, job.marker) == (30, 43200, time(7), ".done")
    assert job.notify_on == {"failed"}
    # The file's day and today are those of the job's time zone.
    assert job.batch_of("calls.xlsx", NOW, NOW) == "2026-11-28 calls"
    assert job.schedule.next_after(NOW) == datetime(2026, 11, 30, 5, 30, tzinfo=UTC)


def test_what_a_job_does_without_being_told():
    job = read('[jobs.a]\nsource = "in"')["a"]
    assert job.batch_of("calls.xlsx", NOW, NOW) is None
    assert job.notify_on == {"failed", "partial", "nothing"}
    assert (job.schedule.every, job.stable, job.attach_report) == (60, 10, False)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("colour = 'red'", "does not know: colour"),
        ("every = '5'", "every must be a time such as 10s, 5m, 24h or 90d, not '5'"),
        ("every = '0s'", "must be more than nothing"),
        ("every = '5m'\nschedule = '0 6 * * *'", "has both every and schedule"),
        ("schedule = '0 6 * *'", "five fields"),
        ("schedule = '99 6 * * *'", "is no schedule"),
        ("schedule = '0 0 30 2 *'", "a date that never comes"),
        ("timezone = 'Mars/Olympus'", "a time zone such as Europe/Stockholm"),
        ("batch = '{when}'", "there are {date}, {file_date}"),
        ("batch = '{'", "a placeholder that is none"),
        ("expect_by = '7'", "a time of day such as 07:00"),
        ("notify_on = ['always']", "failed, partial, nothing, done"),
        ("attach_report = 'yes'", "true or false"),
        ("max-no = 'many'", "a number of rows such as 20"),
        ("yes = true", "does not know: yes"),
        ("report = 'x'", "does not know: report"),
        ("limit = 5", "does not know: limit"),
    ],
)
def test_a_fault_is_one_line(line, said):
    with pytest.raises(SettingsError) as caught:
        read(f'[jobs.a]\nsource = "in"\n{line}')
    assert said in str(caught.value)
    assert "[jobs.a] of ordersheet.toml" in str(caught.value)


def test_every_fault_is_told_at_once():
    with pytest.raises(SettingsError) as caught:
        read("[jobs.a]\nstable = 'x'\n[jobs.b]\nsource = 'in'\nkeep = 'y'")
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert any("has no source" in line for line in lines)


def test_an_address_that_may_be_a_secret_is_not_repeated():
    with pytest.raises(SettingsError) as caught:
        read('[jobs.a]\nsource = "in"\nnotify = "slack://token"\nnotify_on = 5')
    assert "token" not in str(caught.value)


def test_a_password_does_not_stand_in_the_settings_file():
    with pytest.raises(SettingsError) as caught:
        read('[jobs.a]\nsource = "sftp://orders:secret@files.example.com/in"')
    assert "holds a password in clear" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_what_may_be_a_signature_in_a_source_is_not_shown():
    job = read('[jobs.a]\nsource = "https://files.example.com/calls.xlsx?signature=secret"')["a"]
    assert job.shown_source == "https://files.example.com/calls.xlsx"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('source = "in"\ndone = "."', "done is the source itself"),
        ('source = "in"\nreport_to = "../in"', "report_to is the source itself"),
        ('source = "in"\ndone = "x"\nfailed = "./x"', "must be three folders"),
        ('source = "sftp://a@b/in"\ndone = "/done"', "a folder below the source"),
        ('source = "sftp://a@b/in"\nfailed = "../x"', "a folder below the source"),
        ('source = "https://a/b.xlsx"\nmarker = ".done"', "marker cannot be seen"),
        ('source = "imaps://a@b/INBOX"', "report_to must name a folder of this computer"),
        ('source = "imaps://a@b/INBOX"\nreport_to = "here"', "report_to must name a folder of this computer"),
    ],
)
def test_folders_that_cannot_work_are_faults(lines, said):
    with pytest.raises(SettingsError) as caught:
        read(f"[jobs.a]\n{lines}")
    assert said in str(caught.value)


def test_two_jobs_that_would_take_the_same_files_are_named():
    found = overlaps(
        read(
            """
            [jobs.a]
            source = "in"
            pattern = "*.xlsx"
            [jobs.b]
            source = "./in/"
            pattern = "calls*"
            [jobs.c]
            source = "in"
            pattern = "*.csv"
            [jobs.d]
            source = "out"
            """
        )
    )
    assert [sentence.partition(" take")[0] for sentence in found] == ["The jobs a and b", "The jobs b and c"]
