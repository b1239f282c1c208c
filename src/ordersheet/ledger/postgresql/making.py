"""A new ledger in a database, and an older one brought up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from ordersheet.core.errors import LedgerError
from ordersheet.ledger.postgresql import ddl
from ordersheet.ledger.postgresql.connect import connect, facts_of, inspect_ledger, inspect_server, now
from ordersheet.ledger.postgresql.dialect import SCHEMA
from ordersheet.ledger.postgresql.faults import plain_words
from ordersheet.ledger.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    from ordersheet.core.ledger_url import LedgerUrl


def make(url: LedgerUrl) -> None:
    """Make a new, empty ledger, whole or not at all.

    Raises:
        LedgerError: there is one already, or the server or its user cannot have one.
    """
    with plain_words(url), connect(url) as connection:
        facts = facts_of(connection)
        inspect_server(facts, url, now(), read_only=False)
        if facts.there:
            raise LedgerError(f"There is a ledger in the database {url} already.", code="exists")
        if facts.schema:
            raise LedgerError(
                f"The database {url} has a schema {SCHEMA} that is not a ledger's. Choose another database.",
                code="not-a-ledger",
            )
        cursor = psycopg.ClientCursor(connection)
        cursor.execute("BEGIN")
        for statement in ddl.statements():
            cursor.execute(statement.encode())
        for name, value in ddl.first_facts().items():
            cursor.execute(f"INSERT INTO {SCHEMA}.meta (name, value) VALUES (%s, %s)".encode(), (name, value))
        cursor.execute("COMMIT")


def upgrade(url: LedgerUrl) -> int:
    """Bring a ledger to the version that this program writes, and grant its roles their rights anew.

    Returns:
        The version that it has now.

    Raises:
        LedgerError: there is none, a newer version wrote it, or its user may not change it.
    """
    with plain_words(url), connect(url) as connection:
        inspect_ledger(connection, facts_of(connection), url, read_only=True)
        for statement in ddl.rights():
            connection.execute(statement.encode())
    return SCHEMA_VERSION
