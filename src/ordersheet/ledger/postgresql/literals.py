"""Values as PostgreSQL reads them in a statement's text.

psycopg can do so as well, for every type there is, at several times the cost; a row takes about fifty values.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ESCAPE, _NUL, _ITSELF = "\ue000", "\ue000\ue001", "\ue000\ue002"
"""PostgreSQL has no NUL in its texts, and a server's answer may hold one."""


def filled(text: str, values: Mapping[str, object] | Sequence[object]) -> str:
    """Put values into a statement, by name (`%(name)s`) or by place (`%s`).

    Raises:
        TypeError: a value is neither a text, a number, true, false nor None.
    """
    if isinstance(values, dict):
        return text % {name: literal(value) for name, value in values.items()}
    return text % tuple(map(literal, values))


def literal(value: object) -> str:
    """Write one value."""
    if type(value) is str:
        return _quoted(value)
    if type(value) is int:
        # Two minus signs would begin a comment.
        return str(value) if value >= 0 else f" {value}"
    if value is None:
        return "NULL"
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is float:
        return f" {value!r}" if math.isfinite(value) else f"'{value}'::float8"
    raise TypeError(f"the ledger keeps no {type(value).__name__}")


def _quoted(text: str) -> str:
    if not text.isascii() or "\0" in text:
        text = text.replace(_ESCAPE, _ITSELF).replace("\0", _NUL)
    if "'" in text:
        text = text.replace("'", "''")
    if "\\" in text:
        # Said so that it does not depend on the server's standard_conforming_strings.
        return " E'" + text.replace("\\", "\\\\") + "'"
    return f"'{text}'"


def readable(line: tuple[object, ...]) -> tuple[object, ...]:
    """Give a line's texts as they were before they were written."""
    for value in line:
        if type(value) is str and not value.isascii() and _ESCAPE in value:
            break
    else:
        return line
    return tuple(
        value.replace(_NUL, "\0").replace(_ITSELF, _ESCAPE) if type(value) is str else value for value in line
    )
