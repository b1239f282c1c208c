"""A file in the ledger: cut into lines, and put together again."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from ordersheet.ledger import submission_statements as sql
from ordersheet.ledger.compiled import named
from ordersheet.ledger.runs import find_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from ordersheet.ledger.database import Cursor

_PART = 750_000
"""Bytes of a file that one line holds."""


def cut(blocks: Iterable[bytes]) -> Iterator[str]:
    """Give what each line holds."""
    for block in blocks:
        for begin in range(0, len(block), _PART):
            yield base64.b64encode(block[begin : begin + _PART]).decode()


def read(reading: Callable[[], AbstractContextManager[Cursor]], name: str) -> Iterator[bytes]:
    """Give the bytes of a run's file, as far as the ledger holds it."""
    with reading() as cursor:
        run_id = find_run(cursor, name)[1]
    last = 0
    while True:
        with reading() as cursor:
            found = cursor.execute(sql.PARTS, named(run=run_id, after=last)).fetchone()
        if found is None:
            return
        last = found[0]
        yield base64.b64decode(found[1])
