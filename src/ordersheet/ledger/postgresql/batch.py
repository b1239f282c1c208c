"""One statement for many: the same of the ledger's statements, with the values of many rows at once.

To read, plan and begin a statement takes the server longer than what it does to one line. So where statements
that are alike come together in a commit, they leave as one, with their values as a list that is `given`.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.ledger import statements
from ordersheet.ledger.postgresql.dialect import compiled_for, translated
from ordersheet.ledger.postgresql.literals import literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.types import TypeEngine

    from ordersheet.ledger.compiled import Params, Statement

MOST = 1000
"""So many lines one statement names at most."""

_KEYS: Mapping[Statement, tuple[str, ...]] = {
    statements.BEGIN_ROW: ("p_run", "p_row"),
    statements.DONE: ("p_run", "p_row"),
    statements.NOT_SENT: ("p_run", "p_row"),
    statements.BEGIN_OPERATION: ("p_run", "p_row", "p_field"),
    statements.SETTLE: ("p_run", "p_row", "p_field"),
    statements.GAVE_UP: ("p_run", "p_row", "p_number"),
    statements.HEARD: ("p_store", "p_order"),
    statements.RELEASE: ("p_store", "p_order"),
}
"""What names the line, or the lines, that a statement changes: none is named twice by one statement."""
_PLAIN = re.compile(r"(?s)(INSERT INTO [^()]*\([^()]*\)) VALUES \(([^()]*)\)(?: RETURNING .*)?")
_OR_UPDATE = re.compile(
    r"(?s)(INSERT INTO [^()]*\([^()]*\)) VALUES \(([^()]*)\)( ON CONFLICT .*?)(?: RETURNING .*)?"
)
_UPDATE = re.compile(r"(?s)(UPDATE \S+ SET .*?) WHERE (.*)")
_DELETE = re.compile(r"(?s)(DELETE FROM \S+) WHERE (.*)")


class Batch(NamedTuple):
    """A statement, as it is written for many values."""

    names: tuple[str, ...]
    """Of its values, in the order in which they are given."""
    key: tuple[str, ...]
    """Of the values that no two of them may have in common; empty where the database looks to that."""
    before: str
    after: str
    casts: tuple[str, ...]
    """What type each value is; the first line says it for all."""

    def key_of(self, values: Params | tuple[object, ...]) -> tuple[object, ...] | None:
        """Give what names the line that is changed; None where it need not be looked at."""
        if not self.key:
            return None
        if isinstance(values, dict):
            return tuple([values[name] for name in self.key])
        return tuple([values[self.names.index(name)] for name in self.key])

    def filled(self, given: Sequence[Params | tuple[object, ...]]) -> str:
        """Write the statement for all of these values."""
        names = self.names
        lines = [
            [literal(one[name]) for name in names] if isinstance(one, dict) else list(map(literal, one))
            for one in given
        ]
        lines[0] = [f"CAST({value} AS {cast})" for value, cast in zip(lines[0], self.casts, strict=True)]
        values = "), (".join([", ".join(line) for line in lines])
        return f"{self.before}(VALUES ({values})) AS given ({', '.join(names)}){self.after}"


@cache
def batch(statement: Statement) -> Batch | None:
    """Give one of the ledger's statements as it is written for many; None where it is not written so."""
    words = translated(statement)
    compiled = compiled_for(statement)
    names = tuple(compiled.positiontup or compiled.binds)
    key = _KEYS.get(statement, ())
    words = words % (
        tuple(f"given.{name}" for name in names)
        if compiled.positiontup
        else {name: f"given.{name}" for name in names}
    )
    casts = tuple(_cast(compiled.binds[name].type) for name in names)
    if plain := _PLAIN.fullmatch(words):
        return Batch(names, key, f"{plain[1]} SELECT {plain[2]} FROM ", "", casts)
    if not key:
        return None
    if upsert := _OR_UPDATE.fullmatch(words):
        return Batch(names, key, f"{upsert[1]} SELECT {upsert[2]} FROM ", upsert[3], casts)
    if change := _UPDATE.fullmatch(words):
        return Batch(names, key, f"{change[1]} FROM ", f" WHERE {change[2]}", casts)
    if removal := _DELETE.fullmatch(words):
        return Batch(names, key, f"{removal[1]} USING ", f" WHERE {removal[2]}", casts)
    raise ValueError(f"no statement for many values can be made of: {words}")


def _cast(kind: TypeEngine[object]) -> str:
    return {"INTEGER": "BIGINT", "FLOAT": "FLOAT8"}.get(str(kind), "TEXT")
