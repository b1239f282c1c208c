"""How a shared ledger comes to be: its tables, its rules, its functions, and who may do what."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import MetaData
from sqlalchemy.schema import CreateIndex, CreateTable

from ordersheet.core.ledger_url import LEASE_SECONDS
from ordersheet.ledger import schema
from ordersheet.ledger.keys import SALT_BYTES
from ordersheet.ledger.postgresql.dialect import BY_NAME, SCHEMA
from ordersheet.ledger.postgresql.faults import LEASE_LOST, MISSED
from ordersheet.ledger.rules import RULES, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement

RENEW_SECONDS = 10
"""How often a lease is renewed."""
LEASE_LEFT = 40
"""So many seconds of its lease a process has left when it writes: longer than any byte then waits, though the
process is frozen between its renewals, or while it connects."""
WRITER, READER = "ordersheet_writer", "ordersheet_reader"
"""Roles without a login, to be granted to people's: the one may send, the other may look."""
_LOCK = 0x4F726453
"""The number of the lock that orders the transactions of one ledger: its application id as a file."""

_TABLES = f"""
CREATE TABLE {SCHEMA}.lease (
    process_id BIGINT NOT NULL PRIMARY KEY REFERENCES {SCHEMA}.process (id) ON DELETE CASCADE,
    valid_until TIMESTAMPTZ NOT NULL
)
"""

_REFUSE = f"""
CREATE FUNCTION {SCHEMA}.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'integrity_constraint_violation';
END $$
"""

_BEGIN = f"""
CREATE FUNCTION {SCHEMA}.begin_writing(me BIGINT, alone BOOLEAN, stores INT[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    store INT;
BEGIN
    PERFORM set_config('lock_timeout', '30s', true);
    PERFORM set_config('idle_in_transaction_session_timeout', '20s', true);
    IF current_setting('synchronous_commit') IN ('off', 'local') THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    -- Where a few lines are named, their index finds them, however small the tables still are.
    PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
        set_config('enable_mergejoin', 'off', true);
    IF alone AND stores = '{{}}' THEN
        PERFORM pg_advisory_xact_lock({_LOCK});
    ELSE
        PERFORM pg_advisory_xact_lock_shared({_LOCK});
    END IF;
    FOREACH store IN ARRAY stores LOOP
        IF alone THEN
            PERFORM pg_advisory_xact_lock({_LOCK}, store);
        ELSE
            PERFORM pg_advisory_xact_lock_shared({_LOCK}, store);
        END IF;
    END LOOP;
    IF me IS NOT NULL THEN
        PERFORM FROM {SCHEMA}.lease
        WHERE process_id = me AND valid_until > clock_timestamp() + interval '{LEASE_LEFT} seconds';
        IF NOT FOUND THEN
            UPDATE {SCHEMA}.lease SET valid_until = clock_timestamp() + interval '{LEASE_SECONDS} seconds'
            WHERE process_id = me AND valid_until > clock_timestamp();
            IF NOT FOUND THEN
                RAISE EXCEPTION USING MESSAGE = 'the lease has ended', ERRCODE = '{LEASE_LOST}';
            END IF;
        END IF;
    END IF;
END $$
"""
"""What every transaction that writes begins with. Nothing of it outlives the transaction (poolers).

Who claims orders is alone at their store, and keeps nobody from others; who starts or ends something is alone
in the whole ledger.
"""

_MUST_BE = f"""
CREATE FUNCTION {SCHEMA}.must_be(wanted BIGINT, changed BIGINT, which TEXT) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF wanted <> changed THEN
        RAISE EXCEPTION USING MESSAGE = which, ERRCODE = '{MISSED}';
    END IF;
END $$
"""

NUMBERED = tuple(
    table.name for table in schema.metadata.sorted_tables if list(table.primary_key.columns.keys()) == ["id"]
)
"""The tables whose lines get their numbers from a sequence."""


def statements() -> Iterator[str]:
    """Write what makes a new ledger, in order."""
    yield f"CREATE SCHEMA {SCHEMA}"
    tables = MetaData()
    for table in schema.metadata.sorted_tables:
        table.to_metadata(tables, schema=SCHEMA)
    for table in tables.sorted_tables:
        yield str(CreateTable(table).compile(dialect=BY_NAME))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            where = index.dialect_options["sqlite"]["where"]
            yield f"{CreateIndex(index).compile(dialect=BY_NAME)}{'' if where is None else _only(where)}"
    yield _TABLES
    yield _REFUSE
    for rule in RULES:
        yield trigger(rule)
    yield _BEGIN
    yield _MUST_BE
    yield from rights()


def _only(where: ColumnElement[bool]) -> str:
    """Write which lines an index holds; it knows no table's name."""
    condition = where.compile(dialect=BY_NAME, compile_kwargs={"literal_binds": True})
    column, _, rest = str(condition).partition(" ")
    return f" WHERE {column.rpartition('.')[2]} {rest}"


def trigger(rule: Rule) -> str:
    """Write one of the rules that the database holds every writer to."""
    condition = rule.condition.format(differs="IS DISTINCT FROM")
    when = f"WHEN ({condition}) " if condition else ""
    function, begin = f"{SCHEMA}.refuse", ""
    if rule.beside:
        # A trigger's own condition cannot look into other tables.
        function = f"{SCHEMA}.refuse_{rule.name}"
        beside = rule.beside.format(run=f"{SCHEMA}.run")
        begin = f"""
CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {beside} THEN
        RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
"""
    return (
        f"{begin}CREATE TRIGGER {rule.name} BEFORE {rule.event} ON {SCHEMA}.operation FOR EACH ROW {when}"
        f"EXECUTE FUNCTION {function}('{rule.message}')"
    )


def rights() -> Iterator[str]:
    """Write who may do what: nobody but the owner changes tables, rules, functions, or what `meta` says.

    Where the owner may make no roles, and nobody made them before, the owner alone has rights.
    """
    look = (f"GRANT USAGE ON SCHEMA {SCHEMA} TO %s", f"GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMA} TO %s")
    send = (
        f"GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {SCHEMA} TO %s",
        f"REVOKE INSERT, UPDATE, DELETE ON {SCHEMA}.meta FROM %s",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {SCHEMA} TO %s",
    )
    for role, granted in ((READER, look), (WRITER, (*look, *send))):
        steps = "; ".join(statement.replace("%s", role) for statement in granted)
        yield f"""
DO $$ BEGIN
    BEGIN
        CREATE ROLE {role} NOLOGIN;
    EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL;
    END;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        {steps};
    END IF;
END $$
"""


def first_facts() -> dict[str, str]:
    """Give what a new ledger knows of itself."""
    return {
        "salt": secrets.token_hex(SALT_BYTES),
        "created": datetime.now(UTC).isoformat(timespec="microseconds"),
        "version": str(schema.SCHEMA_VERSION),
    }
