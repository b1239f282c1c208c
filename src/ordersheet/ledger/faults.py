"""What the disk and SQLite can do to a ledger, in plain sentences.

The one place where foreign errors become LedgerError.
"""

from __future__ import annotations

import errno
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from ordersheet.core.errors import LedgerError, OrdersheetError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ordersheet.core.ledger_url import LedgerUrl

_FULL = "The disk that holds the ledger {path} is full. Free some space and run again."
_IO = (
    "The ledger {path} could not be written or read: the disk reported a fault. Check the disk, and"
    " run again."
)
_READ_ONLY = (
    "The ledger {path} cannot be written: it, its folder or its disk is read-only. Make it writable;"
    " another one would not know what was sent before."
)
_DENIED = (
    "The ledger {path} cannot be opened: access is denied. Check who owns the file and its folder;"
    " another ledger would not know what was sent before."
)
_DAMAGED = (
    "The ledger {path} is damaged. Put a backup in its place; without one, choose a new ledger with"
    " --ledger and look at the orders first."
)
_NOT_ONE = "{path} is not a ledger of ordersheet. Choose another file with --ledger."
_BUSY = "Another program keeps the ledger {path} locked. Close it, and run again."
_MISSING = "The ledger {path} cannot be opened. Check that the file and its folder are there, and yours."

_BY_PRIMARY_CODE = {
    sqlite3.SQLITE_FULL: ("disk-full", _FULL),
    sqlite3.SQLITE_IOERR: ("disk-fault", _IO),
    sqlite3.SQLITE_READONLY: ("read-only", _READ_ONLY),
    sqlite3.SQLITE_PERM: ("denied", _DENIED),
    sqlite3.SQLITE_CORRUPT: ("damaged", _DAMAGED),
    sqlite3.SQLITE_NOTADB: ("not-a-ledger", _NOT_ONE),
    sqlite3.SQLITE_BUSY: ("busy", _BUSY),
    sqlite3.SQLITE_LOCKED: ("busy", _BUSY),
    sqlite3.SQLITE_PROTOCOL: ("busy", _BUSY),
    sqlite3.SQLITE_CANTOPEN: ("missing", _MISSING),
}

_BY_ERRNO = {
    errno.ENOSPC: ("disk-full", _FULL),
    errno.EDQUOT if hasattr(errno, "EDQUOT") else errno.ENOSPC: ("disk-full", _FULL),
    errno.EROFS: ("read-only", _READ_ONLY),
    errno.EACCES: ("denied", _DENIED),
    errno.EPERM: ("denied", _DENIED),
    errno.ENOENT: ("missing", _MISSING),
}


def translate(fault: BaseException, path: Path | LedgerUrl) -> LedgerError:
    """Say in one sentence what an error of SQLite, SQLAlchemy or the system means for the ledger.

    Args:
        fault: what was raised.
        path: the ledger's place, for the sentence.
    """
    if isinstance(fault, LedgerError):
        return fault
    if isinstance(fault, DBAPIError) and fault.orig is not None:
        fault = fault.orig
    code, sentence = (
        "ledger",
        "The ledger {path} cannot be used ({fault}). Mend it; another would not know what was sent before.",
    )
    if isinstance(fault, OSError) and fault.errno is not None:
        code, sentence = _BY_ERRNO.get(fault.errno, ("disk-fault", _IO))
    elif isinstance(fault, sqlite3.Error):
        # The extended codes keep the primary one in their low byte.
        number = getattr(fault, "sqlite_errorcode", None)
        if number is not None:
            code, sentence = _BY_PRIMARY_CODE.get(number & 0xFF, (code, sentence))
    return LedgerError(sentence.format(path=path, fault=fault), code=code)


@contextmanager
def plain_words(path: Path) -> Iterator[None]:
    """Turn what SQLite, SQLAlchemy or the system raise inside into LedgerError."""
    try:
        yield
    except OrdersheetError:
        raise
    except (sqlite3.Error, DBAPIError, OSError) as fault:
        raise translate(fault, path) from fault
