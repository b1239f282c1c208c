"""The one place where a statement of SQLAlchemy Core becomes text for the driver.

SQLAlchemy's own execution costs more than SQLite's here (a row takes about nine statements), so the compiled
text goes straight to the driver with plain values, none of which needs converting. No statement is written by
hand, so that another dialect has them all, too: `postgresql/dialect.py` says them in PostgreSQL's words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, bindparam, literal_column, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.sql.functions import GenericFunction

if TYPE_CHECKING:
    from sqlalchemy import BindParameter, Dialect, Select
    from sqlalchemy.sql.expression import ClauseElement

__all__ = [
    "BY_PLACE",
    "NOTHING",
    "ONE",
    "ZERO",
    "ListMembers",
    "Params",
    "bind",
    "compiled",
    "constant",
    "core_of",
    "insert",
    "listed",
    "named",
]

_BY_NAME, BY_PLACE = sqlite.dialect(paramstyle="named"), sqlite.dialect(paramstyle="qmark")

Params = dict[str, Any]
"""The values of a statement by the names of its parameters, with `p_` before each."""


def compiled(statement: ClauseElement, dialect: Dialect = _BY_NAME) -> str:
    """Give a statement as text; its parameters take their values by name, or by place (`BY_PLACE`).

    Raises:
        ValueError: a value stands in it that is neither bound by name nor a constant.
    """
    done = statement.compile(dialect=dialect)
    unnamed = [name for name in getattr(done, "bind_names", {}).values() if not name.startswith("p_")]
    if unnamed:
        raise ValueError(f"values without a name ({', '.join(unnamed)}) in: {done}")
    text = str(done)
    _CORE[text] = statement
    return text


_CORE: dict[str, ClauseElement] = {}


def core_of(text: str) -> ClauseElement:
    """Give the statement that `compiled` made a text of: other dialects have words of their own for it."""
    return _CORE[text]


def bind(name: str) -> BindParameter[Any]:
    """Give a place for a value; it bears the name with `p_` before it, lest it be taken for a column."""
    return bindparam(f"p_{name}")


def named(**values: object) -> Params:
    """Give values by the names of their parameters."""
    return {f"p_{name}": value for name, value in values.items()}


def constant(value: str | int) -> ColumnElement[Any]:
    """Give a value that is part of the statement's text: one of the program's own words or numbers."""
    return literal_column(f"'{value}'" if isinstance(value, str) else str(value))


ONE, ZERO, NOTHING = constant(1), constant(0), constant("")


class ListMembers(GenericFunction[Any]):
    """The members of a JSON list, which are whole numbers."""

    name = "json_each"
    inherit_cache = True


def listed(name: str) -> Select[Any]:
    """Give the whole numbers of a list that is handed over as one value, in JSON."""
    return select(ListMembers(bind(name)).table_valued("value").c.value)
