"""The workers' queue beside the ledger: the way to its tables, and who may use them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import Engine, create_engine

from ordersheet.ledger.postgresql.connect import connect
from ordersheet.ledger.postgresql.ddl import WRITER
from ordersheet.ledger.postgresql.faults import plain_words

if TYPE_CHECKING:
    from ordersheet.core.ledger_url import LedgerUrl

QUEUE_SCHEMA = "ordersheet_queue"
"""The queue's tables are made by its library, in a schema of their own."""
_RIGHTS = "; ".join(
    statement.format(schema=QUEUE_SCHEMA, role=WRITER)
    for statement in (
        "GRANT USAGE ON SCHEMA {schema} TO {role}",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
        "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {role}",
    )
)
_GRANT = f"""
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{WRITER}') THEN
        {_RIGHTS};
    END IF;
END $$
"""
_THERE = f"SELECT to_regclass('{QUEUE_SCHEMA}.workflow_status') IS NOT NULL"


def engine_for_queue(url: LedgerUrl) -> Engine:
    """Give connections as SQLAlchemy hands them out, which is what the queue's library takes."""
    return create_engine(
        "postgresql+psycopg://", creator=lambda: _plain(url), pool_size=2, max_overflow=6, pool_pre_ping=True
    )


def _plain(url: LedgerUrl) -> object:
    connection = connect(url, application_name="ordersheet queue")
    # SQLAlchemy binds values, and begins and ends transactions, itself.
    connection.cursor_factory = psycopg.Cursor
    connection.autocommit = False
    return connection


def grant_queue(url: LedgerUrl) -> None:
    """Let those who send use the queue's tables, and change none of them.

    Raises:
        LedgerError: this user may not.
    """
    with plain_words(url), connect(url) as connection:
        connection.execute(_GRANT.encode())


def has_queue(url: LedgerUrl) -> bool:
    """Tell whether the queue's tables are there.

    Raises:
        LedgerError: the database cannot be asked.
    """
    with plain_words(url), connect(url) as connection:
        found = connection.execute(_THERE.encode()).fetchone()
        return bool(found and found[0])
