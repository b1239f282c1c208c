"""The ledger's files: private, whole, its user's own; and what happens where they are not, or cease to be."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest
from tests.support.ledgers import MONDAY, append, begin, deliver, run, start, take, work

from ordersheet.core.errors import LedgerError
from ordersheet.core.journal import Done
from ordersheet.core.model import Outcome, RowResult
from ordersheet.ledger import Ledger
from ordersheet.ledger.engine import engine_for
from ordersheet.ledger.files import copies_folder, locks_folder, refuse_network
from ordersheet.ledger.migrations import migrate, version_of
from ordersheet.ledger.schema import SCHEMA_VERSION
from ordersheet.ledger.writer import AT_BEGIN, BEFORE_COMMIT

ROOT = Path(__file__).parents[2]
FIRST_VERSION = ROOT / "tests" / "support" / "ledger_version_1.sql"
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
STRIKE = work(7, (2, append("Delayed by strike")))


@pytest.fixture
def path(tmp_path):
    """A ledger in which order 7 has its text."""
    path = tmp_path / "ledger.sqlite3"
    with Ledger.open(path) as ledger:
        journal = ledger.start_run(start())
        run(deliver(journal, STRIKE))
        journal.finish()
    return path


def refusal(path, **options) -> LedgerError:
    with pytest.raises(LedgerError) as caught, Ledger.open(path, **options) as ledger:
        ledger.start_run(start())
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    assert "Traceback" not in message
    return caught.value


@POSIX
def test_a_new_ledger_is_its_user_s_alone(tmp_path):
    umask = os.umask(0)
    try:
        path = tmp_path / "a" / "b" / "ledger.sqlite3"
        source = tmp_path / "in.csv"
        source.write_text("order", encoding="utf-8")
        with Ledger.open(path) as ledger:
            assert ledger.created
            run(deliver(ledger.start_run(start()), STRIKE))
            ledger.keep_copy(source)
            for place in (path.parent, path.parent.parent, locks_folder(path), copies_folder(path)):
                assert stat.S_IMODE(place.stat().st_mode) == 0o700, place
            kept = [file for file in path.parent.rglob("*") if file.is_file()]
            assert {file.name for file in kept} >= {
                "ledger.sqlite3",
                "ledger.sqlite3-wal",
                "ledger.sqlite3-shm",
            }
            assert len(kept) == 5
            for file in kept:
                assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    finally:
        os.umask(umask)


def test_a_ledger_that_is_there_is_not_announced_as_new(path):
    with Ledger.open(path) as ledger:
        assert not ledger.created
        assert ledger.path == path


@POSIX
def test_a_ledger_that_others_may_read_is_closed_to_them(path):
    path.chmod(0o644)
    Ledger.open(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_there_must_be_one_where_none_may_be_made(tmp_path):
    assert refusal(tmp_path / "none", create=False).code == "no-ledger"
    assert refusal(tmp_path / "none", read_only=True).code == "no-ledger"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "truncated"),
        (b"SQLite format 3\0", "truncated"),
        (b"SQLite", "truncated"),
        (b"order;text\n7;hello\n", "not-a-ledger"),
        (b"\0" * 5000, "not-a-ledger"),
    ],
)
def test_what_is_no_ledger_is_refused_and_left_as_it_is(tmp_path, content, code):
    path = tmp_path / "ledger.sqlite3"
    path.write_bytes(content)
    assert refusal(path).code == code
    assert path.read_bytes() == content
    assert [file.name for file in tmp_path.iterdir()] == ["ledger.sqlite3"]


def test_a_folder_or_another_program_s_database_is_refused(tmp_path):
    assert refusal(tmp_path).code == "not-a-ledger"
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE t (x)")
    assert refusal(other).code == "not-a-ledger"


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_ledger_is_refused(path, part):
    size = path.stat().st_size
    os.truncate(path, int(size * part))
    assert refusal(path).code == "truncated"


def test_a_damaged_ledger_is_refused(path):
    content = bytearray(path.read_bytes())
    content[100:4096] = b"\xff" * 3996
    path.write_bytes(content)
    assert refusal(path).code == "damaged"


def test_a_newer_ledger_is_refused_unchanged(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = path.read_bytes()
    assert refusal(path).code == "newer"
    assert refusal(path, read_only=True).code == "newer"
    assert path.read_bytes() == before


@POSIX
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_another_user_s_ledger_is_refused(path):
    os.chown(path, 65534, 65534)
    assert refusal(path).code == "not-yours"


@POSIX
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    try:
        assert refusal(tmp_path / "ledger.sqlite3").code in ("denied", "read-only")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "9p", "virtiofs", "vboxsf", "drvfs"])
def test_a_network_disk_is_refused_and_this_one_is_not(tmp_path, kind):
    path = tmp_path / "ledger.sqlite3"
    refuse_network(path)
    with pytest.raises(LedgerError, match=rf"network disk \({kind}\)"):
        refuse_network(path, kind)
    if sys.platform == "win32":
        with pytest.raises(LedgerError, match="network disk"):
            refuse_network(Path(r"\\nas\share\ledger.sqlite3"))


def test_a_ledger_that_is_made_by_two_at_once_is_one(tmp_path):
    path = tmp_path / "ledger.sqlite3"
    code = (
        "from pathlib import Path; from ordersheet.ledger import Ledger;"
        f"print(Ledger.open(Path({str(path)!r})).created)"
    )
    makers = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = sorted(maker.communicate()[0].strip() for maker in makers)
    assert said == ["False", "False", "True"]
    assert [file.name for file in tmp_path.iterdir()] == ["ledger.sqlite3"]


def test_each_connection_waits_for_the_disk_and_overwrites_what_it_removes(path):
    wanted = {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "foreign_keys": 1, "fullfsync": 1}
    with engine_for(path).connect() as connection:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted}
    assert found == wanted


# --- migrations


def test_a_migration_writes_a_backup_first_and_takes_each_step(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        steps = {
            SCHEMA_VERSION: lambda cursor: cursor.execute("ALTER TABLE run ADD COLUMN extra TEXT"),
            SCHEMA_VERSION + 1: lambda cursor: cursor.execute("UPDATE run SET extra = 'new'"),
        }
        backup = migrate(connection, path, steps=steps, target=SCHEMA_VERSION + 2)
        assert version_of(connection) == SCHEMA_VERSION + 2
        assert connection.execute("SELECT extra FROM run").fetchall() == [("new",)]
    assert backup is not None
    assert backup.parent == path.parent
    if sys.platform != "win32":
        assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    with Ledger.open(backup) as old:
        assert len(old.order_history(7)) == 1


@pytest.fixture
def first_version(tmp_path):
    """A ledger as 0.1.0 wrote it: one text applied, and another in doubt."""
    path = tmp_path / "first.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(FIRST_VERSION.read_text(encoding="utf-8"))
    return path


@pytest.mark.parametrize("read_only", [True, False])
def test_a_ledger_of_the_first_version_is_read_by_whatever_opens_it(first_version, read_only):
    with Ledger.open(first_version, create=False, read_only=read_only) as ledger:
        latest, first = ledger.runs()
        assert (latest.stopped_by, first.outcomes) == ("server-down", {"applied": 1})
        assert [one.text for one in ledger.order_history(7)] == ["Delayed by strike"]
    backup = first_version.with_name(first_version.name + ".version1-1.bak")
    with closing(sqlite3.connect(backup)) as old:
        assert version_of(old) == 1


def test_an_older_ledger_has_the_tables_of_a_new_one(first_version, path):
    def tables(file: Path) -> dict[str, set[tuple[object, ...]]]:
        with closing(sqlite3.connect(file)) as connection:
            names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
            return {
                name: {line[1:4] for line in connection.execute(f"PRAGMA table_info({name})")}
                for (name,) in names
            }

    with Ledger.open(first_version) as ledger:
        again = ledger.start_run(start())
        assert run(deliver(again, STRIKE)) == [Outcome.ALREADY_APPLIED]
    assert tables(first_version) == tables(path)


def test_a_migration_that_fails_changes_nothing(path):
    def fail(cursor: sqlite3.Cursor) -> None:
        cursor.execute("DELETE FROM row")
        raise sqlite3.OperationalError("no")

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, path, steps={SCHEMA_VERSION: fail}, target=SCHEMA_VERSION + 1)
        with pytest.raises(LedgerError, match="does not know"):
            migrate(connection, path, steps={}, target=SCHEMA_VERSION + 1)
    with Ledger.open(path) as ledger:
        assert [result.outcome for result in ledger.results("last")] == [Outcome.APPLIED]


# --- faults while a run goes on


class Faulty:
    """Raises at the n-th point of a kind, once armed."""

    def __init__(self, point: str, fault: BaseException) -> None:
        self.point = point
        self.fault = fault
        self.armed = False

    def __call__(self, name: str) -> None:
        if self.armed and name == self.point:
            raise self.fault


@pytest.mark.parametrize("point", [AT_BEGIN, BEFORE_COMMIT])
@pytest.mark.parametrize(
    ("fault", "code"),
    [(OSError(errno.ENOSPC, "full"), "disk-full"), (OSError(errno.EIO, "bad"), "disk-fault")],
)
def test_after_a_fault_of_the_disk_nothing_is_written_and_all_is_told(path, point, fault, code):
    faulty = Faulty(point, fault)
    with Ledger.open(path, on_point=faulty) as ledger:
        journal = ledger.start_run(start())

        async def lanes() -> None:
            book = await take(journal, work(8, (3, append("x"))))
            faulty.armed = True
            for _ in range(2):
                with pytest.raises(LedgerError) as caught:
                    await begin(journal, 8, book.row_asks(3), MONDAY)
                assert caught.value.code == code
                # Even a disk that is well again: nobody knows what is on it.
                faulty.armed = False
            with pytest.raises(LedgerError):
                await deliver(journal, work(9))

        run(lanes())
        with pytest.raises(LedgerError):
            journal.finish("disk full")
        rest = [(3, "8"), (4, "9")]
        outcomes = [result.outcome for result in journal.results(rest=rest, message="stopped")]
        assert outcomes == [Outcome.NOT_SENT] * 2
    with Ledger.open(path) as ledger:
        assert ledger.order_history(8) == []
        assert len(ledger.order_history(7)) == 1


def test_a_result_that_could_not_be_written_is_told_all_the_same(path):
    faulty = Faulty(BEFORE_COMMIT, OSError(errno.ENOSPC, "full"))
    with Ledger.open(path, on_point=faulty) as ledger:
        journal = ledger.start_run(start())

        async def lane() -> None:
            book = await take(journal, work(8, (3, append("x"))))
            await begin(journal, 8, book.row_asks(3), MONDAY)
            faulty.armed = True
            with suppress(LedgerError):
                await journal.write(Done(RowResult(3, "8", Outcome.APPLIED, "Applied.", MONDAY)))

        run(lane())
        assert [result.outcome for result in journal.results(rest=[(3, "8"), (5, "9")])] == [
            Outcome.APPLIED,
            Outcome.NOT_SENT,
        ]


def stopped(path, change) -> str:
    """Change something about the files while a run goes on; gives the code of what it then meets."""
    with Ledger.open(path) as ledger:
        journal = ledger.start_run(start())
        book = run(take(journal, work(8, (3, append("x")))))
        change()
        with pytest.raises(LedgerError) as caught:
            run(begin(journal, 8, book.row_asks(3), MONDAY))
        return caught.value.code


@POSIX
def test_a_ledger_that_is_removed_or_replaced_while_in_use_is_noticed(path):
    copy = path.with_name("copy")
    shutil.copy(path, copy)
    assert stopped(path, path.unlink) == "removed"
    for leftover in path.parent.glob("ledger.sqlite3-*"):
        leftover.unlink()
    shutil.copy(copy, path)
    assert stopped(path, lambda: copy.replace(path)) == "removed"


@POSIX
def test_a_ledger_that_is_made_read_only_while_in_use_is_noticed(path):
    assert stopped(path, lambda: path.chmod(0o400)) == "read-only"


@POSIX
def test_a_lock_file_that_is_removed_while_in_use_is_noticed(path):
    assert stopped(path, lambda: shutil.rmtree(locks_folder(path))) == "removed"


@POSIX
def test_a_disk_that_takes_no_more_stops_the_writer(path):
    """Real: the system refuses to let any file grow, as a full disk does."""
    words = [sys.executable, "-m", "tests.support.ledger_process", str(path), "small", "2000000"]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert said[0] in ("disk-full", "disk-fault")
    assert said[2:] == [said[0], "later"]
    reached = int(said[1])
    assert reached > 20
    with Ledger.open(path) as ledger:
        known = [row for row in range(2, reached) if ledger.order_history(row)]
        assert known == list(range(2, reached))
        assert ledger.run("last").state == "killed"


def test_another_program_s_lock_is_told(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert refusal(path, busy=0.05).code == "busy"
