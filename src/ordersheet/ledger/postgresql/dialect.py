"""The ledger's statements in PostgreSQL's words: made of the same Core, once each, when it is first used."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.dml import OnConflictClause
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import iterate

from ordersheet.ledger.compiled import ListMembers, core_of

if TYPE_CHECKING:
    from sqlalchemy import Dialect

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
def compiled_for(text: str) -> SQLCompiler:
    """Compile one of the ledger's statements, known by its text in SQLite's dialect."""
    statement = core_of(text)
    for part in iterate(statement):
        if isinstance(part, OnConflictClause):
            # PostgreSQL can also name a constraint here, and looks whether it was.
            part.constraint_target = None  # type: ignore[attr-defined]
    dialect = _BY_PLACE if "?" in text else BY_NAME
    done = statement.compile(
        dialect=dialect, schema_translate_map={None: SCHEMA}, render_schema_translate=True
    )
    assert isinstance(done, SQLCompiler)
    return done


@cache
def translated(text: str) -> str:
    """Give one of the ledger's statements, known by its text in SQLite's dialect, as psycopg takes it."""
    return str(compiled_for(text))
