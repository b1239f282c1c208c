"""The ledger's statements in PostgreSQL's words: made of the same Core, once each, when it is first used."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.dml import OnConflictClause
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import iterate

from ordersheet.ledger.compiled import ListMembers

if TYPE_CHECKING:
    from sqlalchemy import Dialect

    from ordersheet.ledger.compiled import Statement

SCHEMA = "ordersheet"
"""Every name is written with it: a search path would be a state of the session, which a pooler may lose."""

BY_NAME: Dialect = PGDialect_psycopg(paramstyle="pyformat")  # type: ignore[no-untyped-call]
_BY_PLACE: Dialect = PGDialect_psycopg(paramstyle="format")  # type: ignore[no-untyped-call]


@compiles(ListMembers, "postgresql")
def _members(element: ListMembers, compiler: SQLCompiler, **how: Any) -> str:
    (given,) = element.clauses
    listed = f"json_array_elements_text(CAST({compiler.process(given, **how)} AS JSON))"
    return f"(SELECT CAST(member AS BIGINT) AS value FROM {listed} AS list (member))"


@cache
def compiled_for(statement: Statement) -> SQLCompiler:
    """Compile one of the ledger's statements."""
    for part in iterate(statement.core):
        if isinstance(part, OnConflictClause):
            # PostgreSQL can also name a constraint here, and looks whether it was.
            part.constraint_target = None  # type: ignore[attr-defined]
    done = statement.core.compile(
        dialect=_BY_PLACE if statement.by_place else BY_NAME,
        schema_translate_map={None: SCHEMA},
        render_schema_translate=True,
    )
    assert isinstance(done, SQLCompiler)
    return done


@cache
def translated(statement: Statement) -> str:
    """Give one of the ledger's statements as psycopg takes it."""
    return str(compiled_for(statement))
