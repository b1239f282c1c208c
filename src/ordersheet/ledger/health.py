"""Whether a ledger is whole: the database's own check, and ours. Nothing is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, select

from ordersheet.core.model import OperationKind
from ordersheet.core.operation_state import OperationState
from ordersheet.ledger import schema
from ordersheet.ledger.engine import engine_for
from ordersheet.ledger.faults import plain_words
from ordersheet.ledger.files import inspect
from ordersheet.ledger.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection, Select

_MOST_LINES = 100
"""So many lines of the database's own check are told."""


class LedgerHealth(NamedTuple):
    """What a look at a ledger found."""

    version: int
    """Of its tables."""
    runs: int
    operations: int
    faults: tuple[str, ...]
    """One sentence each; none where it is whole."""


def check(path: Path, *, busy: float) -> LedgerHealth:
    """Look at a ledger from end to end.

    Args:
        path: its file.
        busy: seconds to wait for another process's transaction.

    Raises:
        LedgerError: it cannot be opened or read at all.
    """
    with plain_words(path):
        inspect(path)
        with engine_for(path, read_only=True, busy=busy).connect() as connection:
            damage = tuple(_damage(connection))
            version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            if damage:
                # What a damaged database answers is not to be believed.
                return LedgerHealth(version, 0, 0, damage)
            runs, operations = (
                connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in (schema.run, schema.operation)
            )
            return LedgerHealth(version, runs, operations, tuple(_breaches(connection, version)))


def _damage(connection: Connection) -> Iterator[str]:
    for (line,) in connection.exec_driver_sql(f"PRAGMA integrity_check({_MOST_LINES})"):
        if line != "ok":
            yield f"The database is damaged: {line}."


def own_rules() -> dict[str, Select[Any]]:
    """Give what counts the breaches of the ledger's own rules, each with its words."""
    operation, run, row = schema.operation, schema.run, schema.row
    states, kinds = [str(state) for state in OperationState], [str(kind) for kind in OperationKind]
    return {
        "operations belong to no run": select(func.count())
        .select_from(operation.outerjoin(run, run.c.id == operation.c.run_id))
        .where(run.c.id.is_(None)),
        "operations are in a state that there is not": select(func.count())
        .select_from(operation)
        .where(operation.c.state.not_in(states)),
        "operations are of a kind that there is not": select(func.count())
        .select_from(operation)
        .where(operation.c.kind.not_in(kinds)),
        "operations are being sent and not open": select(func.count())
        .select_from(operation)
        .where(operation.c.state == str(OperationState.SENDING), operation.c.open == 0),
        "appends are in doubt and not open": select(func.count())
        .select_from(operation)
        .where(
            operation.c.kind == str(OperationKind.APPEND),
            operation.c.state == str(OperationState.IN_DOUBT),
            operation.c.open == 0,
        ),
        "rows belong to no run": select(func.count())
        .select_from(row.outerjoin(run, run.c.id == row.c.run_id))
        .where(run.c.id.is_(None)),
        "rows of an ended run have no outcome": select(func.count())
        .select_from(row.join(run, run.c.id == row.c.run_id))
        .where(run.c.finished.is_not(None), row.c.outcome.is_(None)),
    }


def _breaches(connection: Connection, version: int) -> Iterator[str]:
    for what, statement in own_rules().items():
        number = connection.execute(statement).scalar_one()
        if number:
            yield f"{number:,} {what}."
    for table, *_ in connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()[:_MOST_LINES]:
        yield f"A line of the table {table} belongs to nothing."
    found = {name for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_schema")}
    missing = [rule.name for rule in RULES if rule.since <= version and rule.name not in found]
    if missing:
        yield f"Rules that the database enforces are missing: {', '.join(missing)}."
