"""A ledger in PostgreSQL: what is refused at its door, who may do what, what holds when it goes away."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.support.ledgers import FIELD, MONDAY, Clock, append, begin, deliver, run, start, take, work
from tests.support.pooler import pooling
from tests.support.postgres import GIVEN, carried_out, let_leases_end, with_option

from ordersheet.core.errors import LedgerError
from ordersheet.core.history.orderbook import OperationRef
from ordersheet.core.journal import AttemptEnded, Done, Settle
from ordersheet.core.ledger_url import LedgerUrl
from ordersheet.core.model import Outcome, RowResult
from ordersheet.core.operation_state import MOVES, OperationState
from ordersheet.delivery.latest_reading import STOOD_STILL
from ordersheet.delivery.transport.base import LATEST_START
from ordersheet.ledger import Ledger, RunState, make_shared, upgrade
from ordersheet.ledger.postgresql.connect import ServerFacts, connect, inspect_server, now, opened
from ordersheet.ledger.postgresql.cursor import GatheringCursor
from ordersheet.ledger.postgresql.ddl import LEASE_LEFT
from ordersheet.ledger.postgresql.lease import RENEW
from ordersheet.ledger.writer import BEFORE_COMMIT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.postgres import Server

pytestmark = pytest.mark.needs("postgres")

STRIKE = work(7, (2, append("Delayed by strike")))


def refusal(url: LedgerUrl, *, read_only: bool = False) -> LedgerError:
    """Open a ledger and write; gives the one sentence or two that it is refused with."""
    with pytest.raises(LedgerError) as caught, Ledger.open(url, read_only=read_only) as ledger:
        ledger.start_run(start())
    said = str(caught.value)
    assert said.endswith(".")
    assert "\n" not in said
    assert "s3cret" not in said
    return caught.value


# --- at the door


def test_a_database_without_a_ledger_is_told_how_to_make_one(postgres_server: Server) -> None:
    url = LedgerUrl(postgres_server.of(postgres_server.make_database()), Path())
    assert refusal(url).code == "no-ledger"
    assert refusal(url, read_only=True).code == "no-ledger"
    make_shared(url)
    with pytest.raises(LedgerError, match="already"):
        make_shared(url)
    carried_out(url, "UPDATE ordersheet.meta SET value = '99' WHERE name = 'version'")
    assert refusal(url).code == "newer"
    carried_out(url, "UPDATE ordersheet.meta SET value = '1' WHERE name = 'version'")
    assert refusal(url).code == "older"
    carried_out(url, "UPDATE ordersheet.meta SET value = '2' WHERE name = 'version'")
    assert upgrade(url) == 2
    carried_out(url, "ALTER TABLE ordersheet.baseline SET UNLOGGED")
    refused = refusal(url)
    assert (refused.code, "baseline" in str(refused)) == ("unlogged", True)
    assert any("baseline" in fault for fault in Ledger.check(url).faults)


def test_another_schema_of_that_name_or_another_encoding_is_left_alone(postgres_server: Server) -> None:
    url = LedgerUrl(postgres_server.of(postgres_server.make_database()), Path())
    carried_out(url, "CREATE SCHEMA ordersheet")
    with pytest.raises(LedgerError, match="not a ledger's"):
        make_shared(url)
    other = postgres_server.make_database(ENCODING="'LATIN1'", LOCALE="'C'")
    with pytest.raises(LedgerError, match="LATIN1"):
        make_shared(LedgerUrl(postgres_server.of(other), Path()))


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("postgresql://ann:s3cret@127.0.0.1:1/orders", "gone"),
        ("postgresql://ann:s3cret/s3cret@127.0.0.1:1/orders", "gone"),
        ("postgresql://ann@127.0.0.1:1/orders?password=s3cret", "gone"),
        ("postgresql://ann:s3cret@127.0.0.1:1/orders?nonsense=1", "ledger"),
        ("postgresql://ann@no-such-host.invalid/orders", "gone"),
    ],
)
def test_a_url_with_a_typo_is_told_without_its_password(url: str, code: str) -> None:
    assert refusal(LedgerUrl(url, Path())).code in (code, "gone", "ledger")


def test_a_user_or_database_that_is_not_there_is_told(postgres_server: Server, ledger_database: str) -> None:
    for url in (postgres_server.of("nobody_made_this"), postgres_server.of(ledger_database, "nobody_here")):
        refused = refusal(LedgerUrl(url, Path()))
        assert refused.code == "denied"
        # A server that asks for a password tells nobody who is not there.
        assert any(word in str(refused) for word in ("does not exist", "password authentication failed"))


GOOD = ServerFacts(
    version=160000, encoding="UTF8", read_only=False, fsync=True, clock=MONDAY.timestamp(), user="ann",
    there=True, schema=True,
)  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (GOOD._replace(version=130010), "server-too-old"),
        (GOOD._replace(fsync=False), "fsync-off"),
        (GOOD._replace(read_only=True), "read-only"),
        (GOOD._replace(clock=GOOD.clock + 600), "clock-off"),
        (GOOD._replace(clock=GOOD.clock - 600), "clock-off"),
    ],
)
def test_a_server_that_cannot_keep_what_a_ledger_promises_is_refused(facts: ServerFacts, code: str) -> None:
    url = LedgerUrl("postgresql://db/orders", Path())
    inspect_server(GOOD, url, MONDAY, read_only=False)
    inspect_server(GOOD._replace(clock=GOOD.clock + 300), url, MONDAY, read_only=False)
    with pytest.raises(LedgerError) as caught:
        inspect_server(facts, url, MONDAY, read_only=False)
    assert caught.value.code == code


def test_a_clock_far_from_the_database_s_is_refused(ledger_url: LedgerUrl) -> None:
    opened(ledger_url, now(), read_only=False)
    with pytest.raises(LedgerError, match="10 minutes ahead"):
        opened(ledger_url, datetime.now(UTC) + timedelta(minutes=10), read_only=False)


def test_a_database_that_takes_no_changes_lets_one_look(ledger_url: LedgerUrl) -> None:
    looking = with_option(ledger_url, "default_transaction_read_only=on")
    assert refusal(looking).code == "read-only"
    with Ledger.open(looking, read_only=True) as ledger:
        assert ledger.runs() == []


def test_what_is_committed_waits_for_the_disk_whatever_the_settings_say(ledger_url: LedgerUrl) -> None:
    hasty = with_option(ledger_url, "synchronous_commit=off")
    with Ledger.open(hasty) as ledger:
        journal = ledger.start_run(start())
        seen: list[object] = []
        ledger._writing().do(  # noqa: SLF001 - what a transaction of the writer sees
            lambda cursor: seen.append(
                cursor.gather("SELECT current_setting('synchronous_commit')").fetchone()  # type: ignore[attr-defined]
            )
        )
        assert seen == [("on",)]
        journal.finish()


def test_each_transaction_may_have_another_session(ledger_url: LedgerUrl) -> None:
    """A pooler such as PgBouncer, in transaction mode."""
    if GIVEN:
        pytest.skip("the pooler of the tests knows the server that they start")
    with pooling(ledger_url.url) as pooler:
        pooled = LedgerUrl(pooler.url, ledger_url.home)
        with Ledger.open(pooled) as ledger:
            journal = ledger.start_run(start())
            for order in range(7, 12):
                assert run(deliver(journal, work(order, (order, append("x"))))) == [None]
            journal.finish()
            assert [one.outcome for one in ledger.results(journal.run)] == [Outcome.APPLIED] * 5
            assert len(ledger.order_history(9)) == 1
        assert pooler.sessions > 20
    with Ledger.open(ledger_url) as ledger:
        assert run(deliver(ledger.start_run(start()), work(9, (9, append("x"))))) == [Outcome.ALREADY_APPLIED]


# --- who may do what


def test_a_clerk_changes_no_rule_and_a_reader_nothing(postgres_server: Server, ledger_url: LedgerUrl) -> None:
    name = carried_out(ledger_url, "SELECT current_database()")[0][0]
    users, login = {}, postgres_server.login
    for role in ("ordersheet_writer", "ordersheet_reader"):
        user = f"{role}_{name}"
        carried_out(ledger_url, f"DROP ROLE IF EXISTS {user}; CREATE ROLE {user} {login} IN ROLE {role}")
        users[role] = LedgerUrl(postgres_server.of(name, user), ledger_url.home)
    with Ledger.open(users["ordersheet_writer"]) as ledger:
        journal = ledger.start_run(start())
        assert run(deliver(journal, STRIKE)) == [None]
        journal.finish()
        for change in (
            "DELETE FROM ordersheet.operation",
            "UPDATE ordersheet.operation SET key = 'other'",
            "UPDATE ordersheet.meta SET value = ''",
            "ALTER TABLE ordersheet.operation DISABLE TRIGGER ALL",
            "CREATE TABLE ordersheet.other (x int)",
        ):
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.IntegrityError)):
                carried_out(users["ordersheet_writer"], change)
    with Ledger.open(users["ordersheet_reader"], read_only=True) as ledger:
        assert ledger.runs()[0].person == f"ann, in the database ordersheet_writer_{name}"
        assert [one.state for one in ledger.order_history(7)] == [OperationState.APPLIED]
    refused = refusal(users["ordersheet_reader"])
    assert (refused.code, "ordersheet_writer" in str(refused)) == ("denied", True)


_RIGHTS = """
SELECT role, name, string_agg(may, ' ' ORDER BY may)
FROM unnest(ARRAY['ordersheet_writer', 'ordersheet_reader']) AS role,
     unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER', 'SELECT']) AS may,
     (SELECT oid, relname AS name FROM pg_class
      WHERE relnamespace = 'ordersheet'::regnamespace AND relkind = 'r') AS its
WHERE has_table_privilege(role, its.oid, may) GROUP BY role, name
"""
_BEYOND = """
SELECT 'public: ' || relname FROM pg_class, aclexplode(relacl) AS granted
WHERE relnamespace = 'ordersheet'::regnamespace AND granted.grantee = 0
UNION ALL SELECT 'makes tables: ' || role FROM unnest(ARRAY['ordersheet_writer', 'ordersheet_reader']) AS role
WHERE has_schema_privilege(role, 'ordersheet', 'CREATE')
UNION ALL SELECT 'acts as its owner: ' || proname FROM pg_proc
WHERE pronamespace = 'ordersheet'::regnamespace AND prosecdef
UNION ALL SELECT 'more than a role: ' || rolname FROM pg_roles
WHERE rolname IN ('ordersheet_writer', 'ordersheet_reader')
  AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolcanlogin OR rolbypassrls OR rolreplication)
UNION ALL SELECT 'draws numbers: ' || relname FROM pg_class
WHERE relnamespace = 'ordersheet'::regnamespace AND relkind = 'S'
  -- The planner may look at this before the kind.
  AND CASE WHEN relkind = 'S' THEN has_sequence_privilege('ordersheet_reader', oid, 'USAGE, UPDATE') END
"""


def test_the_server_s_own_catalog_gives_each_role_what_the_page_says_and_no_more(
    ledger_url: LedgerUrl,
) -> None:
    tables = {name for (name,) in carried_out(ledger_url, "SELECT tablename FROM pg_tables WHERE"
              " schemaname = 'ordersheet'")}  # fmt: skip
    may = {(role, table): rights for role, table, rights in carried_out(ledger_url, _RIGHTS)}
    assert may == {
        **{("ordersheet_reader", table): "SELECT" for table in tables},
        **{("ordersheet_writer", table): "DELETE INSERT SELECT UPDATE" for table in tables - {"meta"}},
        ("ordersheet_writer", "meta"): "SELECT",
    }
    assert carried_out(ledger_url, _BEYOND) == []


@pytest.mark.parametrize("old", [OperationState.SENDING, OperationState.IN_DOUBT, OperationState.APPLIED])
def test_the_database_itself_holds_to_the_legal_moves(ledger_url: LedgerUrl, old: OperationState) -> None:
    with Ledger.open(ledger_url) as ledger:
        journal = ledger.start_run(start())

        async def prepare() -> None:
            book = await take(journal, STRIKE)
            await begin(journal, 7, book.row_asks(2), MONDAY)
            if old is not OperationState.SENDING:
                await journal.write(Settle(OperationRef(journal.run, 2, FIELD), old, "", MONDAY))

        run(prepare())
        legal = {new for before, new in MOVES if before is old} | ({old} - {OperationState.SENDING})
        if old is OperationState.IN_DOUBT:
            legal.discard(OperationState.SENDING)
        reached = set()
        for new in OperationState:
            with (
                suppress(psycopg.IntegrityError),
                connect(ledger_url) as connection,
                connection.transaction(force_rollback=True),
            ):
                connection.execute("UPDATE ordersheet.operation SET state = %s", (new.value,))
                reached.add(new)
        assert reached == legal


# --- leases


def test_one_that_was_not_heard_of_writes_no_more_and_comes_back_as_another(
    ledger_url: LedgerUrl,
) -> None:
    """A computer that slept through its lease: another has gone on, and this one may not send."""
    with Ledger.open(ledger_url) as asleep, Ledger.open(ledger_url) as other:
        first, second = asleep.start_run(start()), other.start_run(start())
        book = run(take(first, STRIKE))
        assert run(second.take([STRIKE])) == [None]
        carried_out(
            ledger_url,
            "UPDATE ordersheet.lease SET valid_until = clock_timestamp() - interval '1 second'"
            f" WHERE process_id = (SELECT process_id FROM ordersheet.run WHERE name = '{first.run}')",
        )
        assert other.run(first.run).state is RunState.KILLED
        assert run(second.take([STRIKE])) != [None]
        with pytest.raises(LedgerError) as caught:
            run(begin(first, 7, book.row_asks(2), MONDAY))
        assert caught.value.code == "lease-lost"
        with pytest.raises(LedgerError):
            first.finish("ledger")
        # Its rows are told from memory; and a new run of the same process is somebody new.
        outcomes = [one.outcome for one in first.results(rest=[(2, "7")], message="stopped")]
        assert outcomes == [Outcome.NOT_SENT]
        later = asleep.start_run(start())
        assert run(later.take([STRIKE])) == [None]
        run(deliver(later, work(8, (3, append("x")))))
        later.finish()


@pytest.mark.parametrize("minutes", [5, -5])
def test_two_computers_whose_clocks_are_minutes_apart_agree_on_who_lives_and_what_is_done(
    ledger_url: LedgerUrl, minutes: float
) -> None:
    """Leases go by the database's clock, and doubts by clocks that nobody can turn."""
    off, right = Clock(MONDAY + timedelta(minutes=minutes)), Clock()
    with (
        Ledger.open(ledger_url, clock=off, uptime=off.uptime) as here,
        Ledger.open(ledger_url, clock=right, uptime=right.uptime) as there,
    ):
        first, second = here.start_run(start()), there.start_run(start())
        run(begin(first, 7, run(take(first, STRIKE)).row_asks(2), off.now))
        assert run(second.take([STRIKE])) == [None]
        assert run(deliver(first, work(8, (3, append("x"))), off.now)) == [None]
        assert run(deliver(second, work(8, (3, append("x"))), right.now)) == [Outcome.ALREADY_APPLIED]
        let_leases_end(ledger_url)
        with Ledger.open(ledger_url, clock=right, uptime=right.uptime) as third:
            last = third.start_run(start())
            (doubt,) = run(take(last, STRIKE)).doubts
            assert doubt.ref == OperationRef(first.run, 2, FIELD)
            # Whatever the clocks say, nothing was heard of the shop since it was taken over.
            assert doubt.heard_ago is None
            assert [one.run for one in third.runs()] == [last.run, second.run, first.run]


def test_a_lease_that_nearly_ends_is_renewed_by_whoever_writes(ledger_url: LedgerUrl) -> None:
    """A process was frozen between two renewals: its lease must outlast what it writes ahead now."""
    assert LEASE_LEFT > STOOD_STILL + LATEST_START
    with Ledger.open(ledger_url) as ledger:
        journal = ledger.start_run(start())
        book = run(take(journal, STRIKE))
        left = (
            f"SELECT valid_until > clock_timestamp() + interval '{LEASE_LEFT} seconds' FROM ordersheet.lease"
        )
        change = "UPDATE ordersheet.lease SET valid_until = clock_timestamp() + interval '%s seconds'"
        carried_out(ledger_url, change % (LEASE_LEFT - 1))
        run(begin(journal, 7, book.row_asks(2), MONDAY))
        assert carried_out(ledger_url, left) == [(True,)]


def test_what_a_dead_process_left_is_adopted_once_its_lease_has_ended(ledger_url: LedgerUrl) -> None:
    with Ledger.open(ledger_url) as dead, Ledger.open(ledger_url) as living:
        journal, next_one = dead.start_run(start()), living.start_run(start())
        run(begin(journal, 7, run(take(journal, STRIKE)).row_asks(2), MONDAY))
        let_leases_end(ledger_url)
        with Ledger.open(ledger_url) as third:
            (doubt,) = run(take(third.start_run(start()), STRIKE)).doubts
            assert doubt.ref == OperationRef(journal.run, 2, FIELD)
        del next_one
    assert carried_out(ledger_url, "SELECT count(*) FROM ordersheet.lease") == [(0,)]


def test_who_claims_orders_keeps_nobody_from_another_store(ledger_url: LedgerUrl) -> None:
    """One stands still in the middle of a claim; meanwhile another claims, writes and delivers elsewhere."""
    claiming, go_on = threading.Event(), threading.Event()

    def at(name: str) -> None:
        if claiming.is_set() and name == BEFORE_COMMIT:
            go_on.wait()

    with Ledger.open(ledger_url, on_point=at) as slow, Ledger.open(ledger_url) as quick:
        here, there = slow.start_run(start(store="here")), quick.start_run(start(store="there"))
        claiming.set()
        with ThreadPoolExecutor(1) as pool:
            claim = pool.submit(run, here.take([STRIKE]))
            try:
                assert run(deliver(there, STRIKE)) == [None]
            finally:
                go_on.set()
            assert claim.result() != [None]
        claiming.clear()


def test_a_renewal_that_is_under_way_is_waited_for_by_whoever_would_take_over(ledger_url: LedgerUrl) -> None:
    """The lease ends while its renewal is held up, and the renewal is kept: nothing may be taken over."""
    with Ledger.open(ledger_url) as late, Ledger.open(ledger_url) as other:
        first, second = late.start_run(start()), other.start_run(start())
        assert run(first.take([STRIKE])) != [None]
        mine = f"(SELECT process_id FROM ordersheet.run WHERE name = '{first.run}')"
        carried_out(
            ledger_url,
            f"UPDATE ordersheet.lease SET valid_until = clock_timestamp() WHERE process_id = {mine}",
        )
        with connect(ledger_url) as renewing, ThreadPoolExecutor(1) as pool:
            renewing.execute("BEGIN")
            renewing.execute(
                "UPDATE ordersheet.lease SET valid_until = clock_timestamp() + interval '1 minute'"
                f" WHERE process_id = {mine}".encode()
            )
            claim = pool.submit(run, second.take([STRIKE]))
            waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            while not claim.done() and carried_out(ledger_url, waits) == [(0,)]:
                pass
            renewing.execute("COMMIT")
            assert claim.result() == [None]


def test_a_lease_that_has_ended_is_not_renewed(ledger_url: LedgerUrl) -> None:
    with Ledger.open(ledger_url) as ledger:
        ledger.start_run(start())
        let_leases_end(ledger_url)
        ((number,),) = carried_out(ledger_url, "SELECT process_id FROM ordersheet.lease")
        with connect(ledger_url) as renewing:
            cursor = GatheringCursor(psycopg.ClientCursor(renewing))
            assert cursor.gather(RENEW, {"me": number}).rowcount == 0


# --- the database goes away


def cut(url: LedgerUrl) -> None:
    """End every other session in the ledger's database, as a restart of its server does."""
    carried_out(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )


def settled(journal_run: str) -> tuple[AttemptEnded, Settle, Done]:
    return (
        AttemptEnded(2, 1, "answered ok", 200, MONDAY),
        Settle(OperationRef(journal_run, 2, FIELD), OperationState.APPLIED, "", MONDAY),
        Done(RowResult(2, "7", Outcome.APPLIED, "Applied.", MONDAY)),
    )


@pytest.mark.parametrize("goes", [cut, let_leases_end], ids=["restart", "lease"])
def test_without_its_database_nothing_leaves_and_rows_under_way_are_told(
    ledger_url: LedgerUrl, goes: Callable[[LedgerUrl], None]
) -> None:
    with Ledger.open(ledger_url) as ledger:
        journal = ledger.start_run(start())
        run(begin(journal, 7, run(take(journal, STRIKE)).row_asks(2), MONDAY))
        goes(ledger_url)
        with pytest.raises(LedgerError) as caught:
            run(journal.write(*settled(journal.run)))
        assert caught.value.code in ("gone", "lease-lost")
        with pytest.raises(LedgerError):
            run(take(journal, work(8, (3, append("x")))))
        with pytest.raises(LedgerError):
            journal.finish("ledger")
        told = list(journal.results(rest=[(2, "7"), (3, "8")], message="stopped"))
        assert [one.outcome for one in told] == [Outcome.APPLIED, Outcome.NOT_SENT]
    let_leases_end(ledger_url)
    with Ledger.open(ledger_url) as ledger:
        (doubt,) = run(take(ledger.start_run(start()), STRIKE)).doubts
        assert doubt.baseline == "before"


def test_a_statement_that_does_not_arrive_is_not_half_written(ledger_url: LedgerUrl) -> None:
    points: list[str] = []

    def at(name: str) -> None:
        points.append(name)
        if name == "before commit" and points.count(name) == number:
            cut(ledger_url)

    for number in range(1, 5):
        points.clear()
        with suppress(LedgerError), Ledger.open(ledger_url, on_point=at) as ledger:
            journal = ledger.start_run(start(store=f"shop {number}"))
            run(begin(journal, 7, run(take(journal, STRIKE)).row_asks(2), MONDAY))
    orphans = carried_out(
        ledger_url,
        "SELECT count(*) FROM ordersheet.operation o LEFT JOIN ordersheet.attempt a"
        " ON a.run_id = o.run_id AND a.row = o.row AND a.number = o.attempt WHERE a.run_id IS NULL",
    )
    assert orphans == [(0,)]
    assert Ledger.check(ledger_url).faults == ()


def test_what_the_ledger_does_not_know_is_refused_alone(ledger_url: LedgerUrl) -> None:
    """Statements leave together, with the commit: a refusal still takes back its own job, and no other."""
    with Ledger.open(ledger_url) as ledger:
        journal = ledger.start_run(start())
        wrong = Settle(OperationRef(journal.run, 99, FIELD), OperationState.APPLIED, "", MONDAY)

        async def both() -> tuple[object, object]:
            book = await take(journal, STRIKE)
            right = begin(journal, 7, book.row_asks(2), MONDAY)
            return await asyncio.gather(journal.write(wrong), right, return_exceptions=True)

        refused, written = run(both())
        assert isinstance(refused, LedgerError)
        assert "does not know" in str(refused)
        assert written is None
        assert [one.state for one in ledger.order_history(7)] == [OperationState.SENDING]


# --- texts


@pytest.mark.parametrize("text", ["a\0b", "\ue000", "\ue000\ue001\0", "%s %% ? 'x' \\", "ü€𝄞", ""])
def test_any_text_comes_back_as_it_was(ledger_url: LedgerUrl, text: str) -> None:
    with Ledger.open(ledger_url) as ledger:
        journal = ledger.start_run(start())
        journal.add_left_out([RowResult(9, "7", Outcome.INVALID, text)])
        assert [one.message for one in ledger.results(journal.run)] == [text]
        assert run(deliver(journal, work(7, (2, append(f"x{text}"))))) == [None]
        journal.finish()
        assert [one.text for one in ledger.order_history(7)] == [f"x{text}"]
