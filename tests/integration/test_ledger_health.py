"""A ledger is copied while it is written, and checked without being changed."""

from __future__ import annotations

import hashlib
import sqlite3
import stat
import sys
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.ledgers import append, begin, deliver, run, start, take, work

from ordersheet.core.errors import LedgerError
from ordersheet.core.model import Outcome
from ordersheet.ledger import Ledger
from ordersheet.ledger.schema import SCHEMA_VERSION

FIRST_VERSION = Path(__file__).parents[1] / "support" / "ledger_version_1.sql"
STRIKE = work(7, (2, append("Delayed by strike")))


@pytest.fixture
def path(tmp_path):
    """A ledger in which order 7 has its text, and a row of order 8 was killed while it was sent."""
    path = tmp_path / "ledger.sqlite3"
    with Ledger.open(path) as ledger:
        journal = ledger.start_run(start())
        run(deliver(journal, STRIKE))
        second = work(8, (3, append("x")))

        async def leave() -> None:
            book = await take(journal, second)
            await begin(journal, 8, book.row_asks(3), ledger.clock())

        run(leave())
    return path


def test_a_backup_of_an_open_ledger_is_whole_and_private(path, tmp_path):
    target = tmp_path / "copy.db"
    with Ledger.open(path) as ledger:
        writing = ledger.start_run(start())
        run(deliver(writing, work(9, (2, append("while it is copied")))))
        with Ledger.open(path, read_only=True) as other:
            other.back_up(target)
            with pytest.raises(FileExistsError):
                other.back_up(target)
            other.back_up(target, overwrite=True)
    if sys.platform != "win32":
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert sorted(file.name for file in tmp_path.glob("copy.db*")) == ["copy.db"]
    assert Ledger.check(target).faults == ()
    with Ledger.open(target) as copy:
        assert run(deliver(copy.start_run(start()), STRIKE)) == [Outcome.ALREADY_APPLIED]
        assert len(copy.order_history(9)) == 1


def test_a_backup_that_cannot_be_written_leaves_nothing(path, tmp_path):
    with Ledger.open(path, read_only=True) as ledger, pytest.raises(LedgerError):
        ledger.back_up(tmp_path / "missing" / "copy.db")
    assert not (tmp_path / "missing").exists()


def test_a_whole_ledger_is_whole_and_stays_as_it_is(path):
    before = hashlib.sha256(path.read_bytes()).digest()
    found = Ledger.check(path)
    assert (found.version, found.runs, found.operations, found.faults) == (SCHEMA_VERSION, 1, 2, ())
    assert hashlib.sha256(path.read_bytes()).digest() == before


def test_an_older_ledger_is_checked_as_it_is(tmp_path):
    path = tmp_path / "first.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(FIRST_VERSION.read_text(encoding="utf-8"))
    assert Ledger.check(path)[:3] == (1, 2, 2)
    assert Ledger.check(path).faults == ()


BREACHES = {
    "operations belong to no run": "DELETE FROM run",
    "operations are in a state that there is not": "UPDATE operation SET state = 'sent'",
    "operations are of a kind that there is not": "UPDATE operation SET kind = 'prepend'",
    "operations are being sent and not open": "UPDATE operation SET open = 0",
    "appends are in doubt and not open": "UPDATE operation SET state = 'in doubt', open = 0",
    "rows belong to no run": "DELETE FROM run",
    "rows of an ended run have no outcome": "UPDATE run SET finished = started",
    "A line of the table attempt belongs to nothing": "DELETE FROM run",
    "Rules that the database enforces are missing: operation_moves": "DROP TRIGGER operation_moves",
}


@pytest.mark.parametrize("fault", BREACHES)
def test_each_breach_of_our_rules_is_told(path, fault):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for name, statement in triggers:
            if name not in BREACHES[fault]:
                continue
            connection.execute(statement)
        connection.execute(BREACHES[fault])
        for name, statement in triggers:
            if name not in BREACHES[fault]:
                connection.execute(statement)
    assert any(fault in told for told in Ledger.check(path).faults)


def test_damage_is_told_by_the_database_s_own_check(path):
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'operation'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    content = bytearray(path.read_bytes())
    content[(page - 1) * size + 8 : page * size] = b"\x7f" * (size - 8)
    path.write_bytes(content)
    found = Ledger.check(path)
    assert found.faults
    assert all("damaged" in fault for fault in found.faults)
