"""Whether a shared ledger is whole: what its server promises, its tables and rules, and our own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from ordersheet.core.errors import LedgerError
from ordersheet.ledger import schema
from ordersheet.ledger.health import LedgerHealth, own_rules
from ordersheet.ledger.postgresql.connect import connect, facts_of, inspect_ledger, inspect_server, now
from ordersheet.ledger.postgresql.dialect import BY_NAME, SCHEMA
from ordersheet.ledger.postgresql.faults import plain_words
from ordersheet.ledger.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg
    from sqlalchemy import Select

    from ordersheet.core.ledger_url import LedgerUrl

_TRIGGERS = (
    f"SELECT tgname FROM pg_trigger WHERE tgrelid = '{SCHEMA}.operation'::regclass AND tgenabled = 'O'"
)


def check(url: LedgerUrl) -> LedgerHealth:
    """Look at a shared ledger from end to end, and change nothing.

    Raises:
        LedgerError: it cannot be reached, or there is none.
    """
    with plain_words(url), connect(url) as connection:
        facts = facts_of(connection)
        inspect_ledger(connection, facts, url, read_only=True)
        faults = list(_broken(connection))
        try:
            inspect_server(facts, url, now(), read_only=facts.read_only)
            inspect_ledger(connection, facts, url, read_only=facts.read_only)
        except LedgerError as fault:
            # Whoever may only look may look whether it is whole.
            if fault.code != "denied":
                faults.append(str(fault))
        runs, operations = (
            _count(connection, select(func.count()).select_from(table))
            for table in (schema.run, schema.operation)
        )
        return LedgerHealth(schema.SCHEMA_VERSION, runs, operations, tuple(faults))


def _broken(connection: psycopg.Connection[Any]) -> Iterator[str]:
    for what, statement in own_rules().items():
        if number := _count(connection, statement):
            yield f"{number:,} {what}."
    found = {name for (name,) in connection.execute(_TRIGGERS)}
    missing = [rule.name for rule in RULES if rule.name not in found]
    if missing:
        yield f"Rules that the database enforces are missing: {', '.join(missing)}."


def _count(connection: psycopg.Connection[Any], statement: Select[Any]) -> int:
    text = statement.compile(
        dialect=BY_NAME,
        schema_translate_map={None: SCHEMA},
        render_schema_translate=True,
        compile_kwargs={"literal_binds": True},
    )
    found = connection.execute(str(text).replace("%%", "%").encode()).fetchone()
    assert found is not None
    return int(found[0])
