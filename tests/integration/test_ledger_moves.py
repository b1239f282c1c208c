"""A ledger moved between a file and PostgreSQL: all of it arrives, and nobody goes on with the old one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from tests.support.ledgers import (
    FIELD,
    MONDAY,
    append,
    attribute,
    begin,
    deliver,
    run,
    start,
    take,
    unsynced,
    work,
)
from tests.support.postgres import carried_out

from ordersheet.core.errors import LedgerError, UsageError
from ordersheet.core.history.orderbook import OperationRef, Policy
from ordersheet.core.journal import Learned
from ordersheet.core.model import Outcome, RowResult
from ordersheet.core.operation_state import OperationState
from ordersheet.ledger import Ledger, RunState, move
from ordersheet.ledger.copying import ALL

if TYPE_CHECKING:
    from pathlib import Path

    from ordersheet.core.ledger_url import LedgerUrl

pytestmark = pytest.mark.needs("postgres")

STRIKE = work(7, (2, append("Delayed by strike")))


@pytest.fixture
def path(tmp_path):
    """A ledger in a file, with a little of everything in it."""
    path = tmp_path / "ledger.db"
    source = tmp_path / "in.csv"
    source.write_text("order\n7\n", encoding="utf-8")
    with Ledger.open(path, connect=unsynced) as ledger:
        copy, sha256 = ledger.keep_copy(source)
        journal = ledger.start_run(start(Policy(batch="b"), copy=copy, sha256=sha256, key_print="k" * 32))
        journal.add_left_out([RowResult(9, "", Outcome.INVALID, "bad\0 ü")])
        run(deliver(journal, work(6, (3, attribute({"a": [1, None, "x"]})))))
        run(deliver(journal, work(8, (4, append("lost"))), state=OperationState.ABSENT))
        run(journal.write(Learned(FIELD, reads_back=True)))
        journal.finish()
        again = ledger.start_run(start(Policy(again=True)))
        again.record_again([work(5, (2, append("once more")))])
        run(deliver(again, work(5, (2, append("once more")))))
        again.finish()
        ledger.job_files().take("nightly", "a.csv", "0" * 64, None, state="taken", facts={"n": 1})
        doubtful = ledger.start_run(start())
        run(begin(doubtful, 7, run(take(doubtful, STRIKE)).row_asks(2), MONDAY))
    return path


def seen(place: Path | LedgerUrl) -> object:
    """Tell all that a ledger tells people."""
    with Ledger.open(place, read_only=True) as ledger:
        runs = ledger.runs()
        return (
            [(info.run, info.state, info.outcomes, info.batch, info.options) for info in runs],
            [list(ledger.rows(info.run)) for info in runs],
            [ledger.order_history(order) for order in range(5, 9)],
            ledger.key_is_new("shop", "k" * 32),
            ledger.job_files().find("nightly", "0" * 64, None),
        )


def test_there_and_back_a_ledger_knows_what_it_knew(
    path: Path, ledger_url: LedgerUrl, tmp_path: Path
) -> None:
    before = seen(path)
    moved = move(path, ledger_url)
    assert (moved.lines > 20, moved.copies) == (True, 1)
    assert seen(ledger_url) == before
    with Ledger.open(ledger_url) as ledger:
        assert ledger.runs()[0].state is RunState.KILLED
        assert ledger.run(ledger.runs()[-1].run).copy is not None
        journal = ledger.start_run(start())
        assert [doubt.ref.row for doubt in run(take(journal, STRIKE)).doubts] == [2]
        assert run(deliver(journal, work(5, (2, append("once more"))))) == [Outcome.ALREADY_APPLIED]
        assert run(deliver(journal, work(4, (5, append("new"))))) == [None]
        journal.finish()
    back = tmp_path / "back" / "ledger.db"
    between = seen(ledger_url)
    move(ledger_url, back)
    assert seen(back) == between
    assert Ledger.check(back).faults == ()
    with Ledger.open(back) as ledger:
        (doubt,) = run(take(ledger.start_run(start()), STRIKE)).doubts
        assert doubt.ref == OperationRef(doubt.ref.run, 2, FIELD)


@pytest.mark.parametrize("read_only", [True, False])
def test_nobody_goes_on_with_a_ledger_that_was_moved(
    path: Path, ledger_url: LedgerUrl, *, read_only: bool
) -> None:
    move(path, ledger_url)
    with pytest.raises(LedgerError, match="was moved to postgresql://") as caught:
        Ledger.open(path, read_only=read_only)
    assert caught.value.code == "moved"
    with pytest.raises(UsageError, match="holds runs already"):
        move(path, ledger_url)


def test_one_that_had_it_open_goes_on_no_more_either(path: Path, ledger_url: LedgerUrl) -> None:
    with Ledger.open(path) as early:
        move(path, ledger_url)
        with pytest.raises(LedgerError, match="was moved to"):
            early.start_run(start())


def test_a_ledger_that_somebody_works_with_or_that_holds_runs_is_left_alone(
    path: Path, ledger_url: LedgerUrl, tmp_path: Path
) -> None:
    with Ledger.open(path) as busy:
        busy.start_run(start())
        with pytest.raises(UsageError, match="works with the ledger"):
            move(path, ledger_url)
    with Ledger.open(ledger_url) as ledger:
        assert ledger.runs() == []
        ledger.start_run(start()).finish()
    with pytest.raises(UsageError, match="holds runs already"):
        move(path, ledger_url)
    with pytest.raises(UsageError, match="itself"):
        move(path, path)
    with pytest.raises(LedgerError, match="no ledger at"):
        move(tmp_path / "none.db", ledger_url)
    with Ledger.open(path) as ledger:
        ledger.start_run(start()).finish()


def test_a_move_that_was_broken_off_lets_nobody_use_either_and_is_finished_by_another(
    path: Path, ledger_url: LedgerUrl
) -> None:
    carried_out(ledger_url, f"INSERT INTO ordersheet.meta VALUES ('filling', '{path}')")
    with pytest.raises(LedgerError, match="not whole"):
        Ledger.open(ledger_url)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO meta VALUES ('moved', ?)", (str(ledger_url),))
    with pytest.raises(LedgerError, match="was moved"):
        Ledger.open(path)
    move(path, ledger_url)
    with Ledger.open(ledger_url) as ledger:
        assert len(ledger.runs()) == 3


def test_a_copy_that_differs_in_one_line_is_refused_and_taken_back(path: Path, ledger_url: LedgerUrl) -> None:
    carried_out(
        ledger_url,
        "CREATE FUNCTION ordersheet.spoil() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.message := 'other'; RETURN NEW; END $$;"
        "CREATE TRIGGER spoil BEFORE INSERT ON ordersheet.row"
        " FOR EACH ROW EXECUTE FUNCTION ordersheet.spoil()",
    )
    try:
        with pytest.raises(LedgerError, match="did not arrive whole") as caught:
            move(path, ledger_url)
        assert caught.value.code == "copy-differs"
    finally:
        carried_out(
            ledger_url,
            "DROP TRIGGER spoil ON ordersheet.row; DROP FUNCTION ordersheet.spoil();"
            "DELETE FROM ordersheet.meta WHERE name = 'filling'",
        )
    with Ledger.open(path) as ledger:
        assert len(ledger.runs()) == 3
    assert carried_out(ledger_url, "SELECT count(*) FROM ordersheet.run") == [(0,)]


def test_a_backup_of_a_shared_ledger_is_a_ledger_in_a_file(
    path: Path, ledger_url: LedgerUrl, tmp_path: Path
) -> None:
    move(path, ledger_url)
    backup = tmp_path / "backup.db"
    with Ledger.open(ledger_url) as ledger:
        ledger.start_run(start())
        ledger.back_up(backup)
        with pytest.raises(FileExistsError):
            ledger.back_up(backup)
    assert Ledger.check(backup).runs == 4
    with Ledger.open(backup) as ledger:
        assert run(deliver(ledger.start_run(start()), work(5, (2, append("once more"))))) == [
            Outcome.ALREADY_APPLIED
        ]


def test_each_table_but_those_of_a_place_is_copied(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        tables = {
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            if not name.startswith("sqlite_")
        }
    assert set(ALL) == tables - {"meta", "process", "claim", "pace"}


def test_a_ledger_that_is_not_there_is_not_moved_and_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="nothing was moved"):
        move(tmp_path / "nothere.db", tmp_path / "new.db")
    assert list(tmp_path.iterdir()) == []
