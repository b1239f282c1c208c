"""The one place where a statement of SQLAlchemy Core becomes text for the driver.

SQLAlchemy's own execution costs more than SQLite's here (a row takes about nine statements), so the compiled
text goes straight to the driver with plain values, none of which needs converting. No statement is written by
hand, so that another dialect has them all, too: `postgresql/dialect.py` says them in PostgreSQL's words.
There are nearly two hundred, of which a command needs a few: each is compiled when it is first carried out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, bindparam, literal_column, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.sql.functions import GenericFunction

if TYPE_CHECKING:
    from sqlalchemy import BindParameter, Select
    from sqlalchemy.sql.expression import ClauseElement

__all__ = [
    "NOTHING",
    "ONE",
    "ZERO",
    "ListMembers",
    "Params",
    "Statement",
    "bind",
    "constant",
    "insert",
    "listed",
    "named",
]

_BY_NAME, _BY_PLACE = sqlite.dialect(paramstyle="named"), sqlite.dialect(paramstyle="qmark")

Params = dict[str, Any]
"""The values of a statement by the names of its parameters, with `p_` before each."""


class Statement:
    """One of the ledger's statements.

    Attributes:
        core: as SQLAlchemy has it: other dialects have words of their own for it.
        by_place: its parameters take their values by place, not by name.
    """

    __slots__ = ("_text", "by_place", "core")

    def __init__(self, core: ClauseElement, *, by_place: bool = False) -> None:
        self.core = core
        self.by_place = by_place
        self._text: str | None = None

    def __str__(self) -> str:
        """Give it as text, in SQLite's dialect.

        Raises:
            ValueError: a value stands in it that is neither bound by name nor a constant.
        """
        if self._text is None:
            done = self.core.compile(dialect=_BY_PLACE if self.by_place else _BY_NAME)
            unnamed = [name for name in getattr(done, "bind_names", {}).values() if name[:2] != "p_"]
            if unnamed:
                raise ValueError(f"values without a name ({', '.join(unnamed)}) in: {done}")
            self._text = str(done)
        return self._text


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
