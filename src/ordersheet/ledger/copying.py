"""All lines of a ledger, from one database into an empty one, and compared one by one."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from ordersheet.core.errors import LedgerError
from ordersheet.ledger import schema
from ordersheet.ledger.compiled import ZERO, Statement, bind, insert, named

if TYPE_CHECKING:
    from sqlalchemy import Table

    from ordersheet.ledger.database import Cursor, Database

_LEFT = ("meta", "process", "claim", "pace")
"""What belongs to a place, and to those who are at work there."""
_TABLES = tuple(table for table in schema.metadata.sorted_tables if table.name not in _LEFT)


def _all_of(table: Table) -> Statement:
    # Who was at work there is nobody here: a number of theirs might be given out again.
    columns = [ZERO.label(column.name) if column.name == "process_id" else column for column in table.c]
    return Statement(select(*columns).order_by(*table.primary_key.columns))


ALL = {table.name: _all_of(table) for table in _TABLES}
_ADD = {
    table.name: Statement(
        insert(table).values({column.name: bind(column.name) for column in table.c}), by_place=True
    )
    for table in _TABLES
}
_FACTS = Statement(select(schema.meta.c.name, schema.meta.c.value))
_SET_FACT = Statement(
    update(schema.meta).where(schema.meta.c.name == bind("name")).values(value=bind("value"))
)
_KEPT_FACTS = ("salt", "created")


def facts(cursor: Cursor) -> dict[str, str]:
    """Read what a ledger knows of itself."""
    return dict(cursor.execute(_FACTS).fetchall())


def fill(source: tuple[Database, Cursor], target: tuple[Database, Cursor]) -> int:
    """Copy all that a ledger holds into an empty one, and compare it line by line.

    Args:
        source: the ledger's database, and a cursor that reads it as of one moment.
        target: the other's, and the cursor of a transaction that writes it, alone.

    Returns:
        How many lines were copied.

    Raises:
        LedgerError: what was written is not what was read; the transaction must be taken back.
    """
    (read, source_cursor), (write, target_cursor) = source, target
    known = facts(source_cursor)
    for name in _KEPT_FACTS:
        target_cursor.execute(_SET_FACT, named(name=name, value=known[name]))
    number = 0
    with write.without_rules(target_cursor):
        for table, text in ALL.items():
            for page in read.pages(source_cursor, text):
                target_cursor.executemany(_ADD[table], page)
                number += len(page)
    write.count_on(target_cursor)
    for table, text in ALL.items():
        pages = zip_longest(read.pages(source_cursor, text), write.pages(target_cursor, text))
        if any(found != copied for found, copied in pages):
            raise LedgerError(
                f"The table {table} of the ledger {read} did not arrive whole at {write}. Nothing was moved.",
                code="copy-differs",
            )
    return number
