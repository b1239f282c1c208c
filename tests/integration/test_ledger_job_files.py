"""Files that jobs take: exactly once, by one process, and gone on with after it has died."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ordersheet.ledger import Ledger

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 27, 21, 0, tzinfo=UTC)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "home" / "ledger.db"


def opened(path: Path) -> Ledger:
    return Ledger.open(path, clock=lambda: NOW)


def test_a_content_is_taken_once_in_a_batch(path):
    with opened(path) as ledger:
        files = ledger.job_files()
        first, new = files.take("nightly", "a.xlsx", "aa", None, state="taken")
        assert (new, first.name, first.state, first.taken) == (True, "a.xlsx", "taken", NOW)
        again, new = files.take("nightly", "b.xlsx", "aa", None, state="taken")
        assert (new, again) == (False, first)
        assert files.take("nightly", "a.xlsx", "aa", "2026-11-28", state="taken")[1]
        assert files.take("other", "a.xlsx", "aa", None, state="taken")[1]
        assert files.find("nightly", "aa", None) == first
        assert files.find("nightly", "bb", None) is None


def test_what_is_saved_is_found(path):
    with opened(path) as ledger:
        files = ledger.job_files()
        one, _ = files.take("nightly", "a.xlsx", "aa", None, state="taken")
        one = files.save(one, facts={"run": "R1", "place": "working/a.xlsx"})
        one = files.save(one, state="sent", facts={"place": None, "ok": 3}, finished=True)
        assert files.find("nightly", "aa", None) == one
        assert (one.state, one.facts, one.finished) == ("sent", {"run": "R1", "ok": 3}, NOW)
        files.take("nightly", "b.xlsx", "bb", None, state="notice")
        assert files.latest("nightly", "sent", "taken") == [one]


def test_a_line_that_is_taken_back_can_be_taken_anew(path):
    with opened(path) as ledger:
        files = ledger.job_files()
        one, _ = files.take("nightly", "a.xlsx", "aa", None, state="taken")
        files.release(one)
        assert files.take("nightly", "a.xlsx", "aa", None, state="taken")[1]


def test_the_living_keep_theirs_and_the_dead_are_gone_on_with(path):
    with opened(path) as mine:
        first, _ = mine.job_files().take("nightly", "a.xlsx", "aa", None, state="taken")
        with opened(path) as other:
            assert other.job_files().adopt("nightly") == []
            theirs, _ = other.job_files().take("nightly", "b.xlsx", "bb", None, state="taken")
            assert mine.job_files().adopt("nightly") == [first]
        assert mine.job_files().adopt("nightly") == [first, theirs]
        mine.job_files().save(first, finished=True)
        assert mine.job_files().adopt("nightly") == [theirs]


def test_of_many_at_once_exactly_one_takes_it(path):
    taken: list[bool] = []
    ready = threading.Barrier(4)

    def take() -> None:
        with opened(path) as ledger:
            ready.wait()
            for content in range(20):
                _, new = ledger.job_files().take("nightly", "a", f"{content}", None, state="taken")
                taken.append(new)

    with opened(path):
        threads = [threading.Thread(target=take) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (len(taken), sum(taken)) == (80, 20)
