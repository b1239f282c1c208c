"""A shared ledger that cannot keep what it promises: one sentence, exit 2 or 3, nothing sent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.postgres import GIVEN, Server, carried_out, let_leases_end
from tests.support.postgres_cluster import cluster

from ordersheet.core.ledger_url import LedgerUrl
from ordersheet.ledger import make_shared

if TYPE_CHECKING:
    from collections.abc import Callable

    from _pytest.mark.structures import ParameterSet
    from tests.support.command import Desk, Ended

pytestmark = pytest.mark.needs("postgres")

CALLS = "order,internalComment\n83600,Rang\n83601,Rang\n"
S = "ordersheet"
_RAISING = f"CREATE FUNCTION {S}.spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION"
_SPOILED = f"CREATE TRIGGER spoil BEFORE INSERT ON {S}.attempt FOR EACH ROW EXECUTE FUNCTION {S}.spoil()"


def long(*values: str) -> ParameterSet:
    """Leave a case to the long form of the tests."""
    return pytest.param(*values, marks=pytest.mark.torture)


def nothing_sent(held: Callable[[int], dict[str, object]]) -> bool:
    return not any("Rang" in str(held(order)["internalComment"]) for order in (83600, 83601))


def refused(desk: Desk, url: str, code: int, *words: str) -> Ended:
    """Send a sheet; it must be refused in one sentence or two that hold these words."""
    desk.file("calls.csv", CALLS)
    ended = desk.run("send", "calls.csv", "--yes", "--no-progress", "--ledger", url)
    assert ended.code == code, ended
    assert all(word in ended.err + ended.out for word in words), ended.err + ended.out
    return ended


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (f"UPDATE {S}.meta SET value = '99' WHERE name = 'version'", "newer version"),
        (f"DROP SCHEMA {S} CASCADE", "ledger init"),
        long(f"UPDATE {S}.meta SET value = '1' WHERE name = 'version'", "ledger upgrade"),
        long(f"DELETE FROM {S}.meta WHERE name = 'version'", "are not a ledger's"),
        long(f"ALTER TABLE {S}.baseline SET UNLOGGED", "unlogged"),
    ],
)
def test_a_ledger_that_cannot_be_used_is_refused(desk: Desk, postgres_server: Server, held, spoil, word):
    url = LedgerUrl(postgres_server.of(postgres_server.make_database()), Path())
    make_shared(url)
    carried_out(url, spoil)
    refused(desk, url.url, 2, word)
    assert nothing_sent(held)


def test_a_replica_is_looked_at_and_not_written(desk: Desk, postgres_server: Server, held) -> None:
    name = postgres_server.make_database()
    url = LedgerUrl(postgres_server.of(name), Path())
    make_shared(url)
    carried_out(url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    refused(desk, url.url, 2, "takes no changes")
    assert nothing_sent(held)
    assert desk.run("runs", "--ledger", url.url).code == 0


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:s3cret@127.0.0.1:1/orders",
        "postgresql://ann:s3cret@no-such-host.invalid/orders",
        "postgresql://ann:s3cret@127.0.0.1:1/orders?nonsense=1",
    ],
)
def test_a_url_with_a_typo_is_refused_without_its_password(desk: Desk, held, url: str) -> None:
    desk.file("place", url)
    ended = refused(desk, "file:place", 2, "ledger")
    assert "s3cret" not in ended.out + ended.err
    assert nothing_sent(held)


def test_a_reader_may_not_send(desk: Desk, postgres_server: Server, held) -> None:
    name = postgres_server.make_database()
    url = LedgerUrl(postgres_server.of(name), Path())
    make_shared(url)
    carried_out(url, f"CREATE ROLE looks_{name} {postgres_server.login} IN ROLE ordersheet_reader")
    refused(desk, postgres_server.of(name, f"looks_{name}"), 2, "ordersheet_writer")
    assert nothing_sent(held)
    carried_out(url, f"DROP ROLE looks_{name}")


@pytest.mark.parametrize(
    ("raised", "word"),
    [
        ("USING ERRCODE = 'disk_full', MESSAGE = 'could not extend file'", "is full"),
        long("USING ERRCODE = 'insufficient_privilege', MESSAGE = 'permission denied'", "rights"),
        long("USING ERRCODE = 'query_canceled', MESSAGE = 'canceling statement'", "canceling statement"),
    ],
)
def test_a_database_that_takes_nothing_more_stops_the_run_before_the_first_byte(
    desk: Desk, postgres_server: Server, held, raised: str, word: str
) -> None:
    url = LedgerUrl(postgres_server.of(postgres_server.make_database()), Path())
    make_shared(url)
    carried_out(url, f"{_RAISING} {raised}; END $$; {_SPOILED}")
    refused(desk, url.url, 3, word)
    assert nothing_sent(held)
    (report,) = desk.reports() or [*desk.folder.glob("*report*.csv"), *desk.folder.glob("calls*.csv")][-1:]
    assert report.read_text(encoding="utf-8-sig").count("not sent") == 2
    carried_out(url, f"DROP TRIGGER spoil ON {S}.attempt")
    # Its process could not take itself out of such a ledger; the next would wait for a minute.
    let_leases_end(url)
    again = desk.run("send", "calls.csv", "--yes", "--json", "--ledger", url.url)
    assert again.json["outcomes"] == {"applied": 2}


@pytest.mark.skipif(bool(GIVEN), reason="a server of its own is started, with other settings")
def test_a_server_with_fsync_off_is_refused(desk: Desk, held) -> None:
    with cluster() as server:
        server.make()
        server.start()
        url = Server(server.url).of(Server(server.url).make_database())
        make_shared(LedgerUrl(url, Path()))
        server.stop()
        server.start(fsync="off")
        refused(desk, url, 2, "fsync off")
        assert nothing_sent(held)
