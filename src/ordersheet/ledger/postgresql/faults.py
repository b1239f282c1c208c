"""What PostgreSQL and the way to it can do to a ledger, in plain sentences."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg

from ordersheet.core.errors import LedgerError, OrdersheetError
from ordersheet.ledger.faults import translate as of_system

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ordersheet.core.ledger_url import LedgerUrl

LEASE_LOST = "ORL01"
"""Raised by the database itself, where a process writes whose lease has ended."""
MISSED = "ORL02"
"""Raised by the database itself, where a statement did not change what it names."""

_SENTENCES = {
    LEASE_LOST: (
        "lease-lost",
        (
            "This process was not heard of at the ledger {url} for so long that others may have gone on with"
            " its orders (a computer that slept, or a network that was cut). Run again."
        ),
    ),
    "53100": (
        "disk-full",
        "The disk of the ledger's database {url} is full. Free some space there, and run again.",
    ),
    "53300": (
        "busy",
        (
            "The ledger's database {url} takes no more connections. Close some, or raise max_connections,"
            " and run again."
        ),
    ),
    "57P03": ("busy", "The ledger's database {url} is starting or stopping. Run again in a moment."),
    "55P03": ("busy", "Another program keeps the ledger {url} locked. End it, and run again."),
    "25006": (
        "read-only",
        (
            "The ledger {url} cannot be written: its database takes no changes (a replica, or"
            " default_transaction_read_only). Name the primary with --ledger."
        ),
    ),
    "42501": (
        "denied",
        (
            "The ledger {url} does not let this user do that: {fault}. Ask whoever keeps the database for the"
            " rights (docs/team.md)."
        ),
    ),
    "3D000": (
        "no-ledger",
        "There is no database for the ledger {url}: {fault}. Check the name, or make it with createdb.",
    ),
    "XX001": ("damaged", "The ledger's database {url} is damaged: {fault}. Restore it from a backup."),
    "XX002": ("damaged", "The ledger's database {url} is damaged: {fault}. Restore it from a backup."),
    "28P01": ("denied", "The ledger's database {url} does not take this user or password. Check both."),
    "28000": ("denied", "The ledger's database {url} does not let this user in: {fault}."),
    "42P01": (
        "not-a-ledger",
        "The database {url} lacks a table of the ledger: {fault}. Make it with: ordersheet ledger init",
    ),
}
_GONE = (
    "gone",
    (
        "The ledger's database {url} cannot be reached: {fault}. See that it runs and can be reached from"
        " here, and run again."
    ),
)
_REFUSED = (
    "denied",
    "The server of the ledger {url} turned this user away: {fault}. Check database, user and password.",
)
_TURNED_AWAY = "FATAL:"
_IN_WORDS = (
    ("57P03", ("starting up", "shutting down", "not yet accepting connections", "in recovery mode")),
    ("53300", ("too many clients", "too many connections", "remaining connection slots")),
)
"""What libpq tells in words alone where no connection came about, by the state that the server meant."""
_OTHER = (
    "ledger",
    "The ledger {url} cannot be used ({fault}). Mend it, and run again.",
)

_PASSING = frozenset(("40001", "40P01"))
"""Serialization failure and deadlock: the same transaction may well succeed when it is tried anew."""


def passing(fault: BaseException) -> bool:
    """Tell whether the same transaction may well succeed if it is tried anew."""
    return isinstance(fault, psycopg.Error) and fault.sqlstate in _PASSING


def translate(fault: BaseException, url: LedgerUrl) -> LedgerError:
    """Say in one sentence what an error of PostgreSQL, psycopg or the system means for the ledger."""
    if isinstance(fault, LedgerError):
        return fault
    if not isinstance(fault, psycopg.Error):
        return of_system(fault, url)
    state = fault.sqlstate or _state_in_words(str(fault))
    code, sentence = _SENTENCES.get(state or "", _GONE if _is_gone(fault) else _OTHER)
    if state is None and _TURNED_AWAY in str(fault):
        code, sentence = _REFUSED
    return LedgerError(sentence.format(url=url, fault=url.hide(_first_line(fault))), code=code)


def _state_in_words(said: str) -> str | None:
    if "no password supplied" in said:
        # libpq's own words: the server asked for one.
        return "28P01"
    if _TURNED_AWAY not in said:
        return None
    return next((state for state, words in _IN_WORDS if any(word in said for word in words)), None)


def _is_gone(fault: psycopg.Error) -> bool:
    # Without a state, libpq itself speaks: of a connection that could not be made, or was cut. Class 08 is
    # the connection, 57P the server's own end.
    state = fault.sqlstate
    return isinstance(fault, psycopg.OperationalError) and (state is None or state[:3] in ("57P", "080"))


def _first_line(fault: psycopg.Error) -> str:
    said = fault.diag.message_primary or str(fault)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    # What libpq says of a connection ends in the cause; above it stand the addresses that were tried.
    return (lines[0] if lines else type(fault).__name__).rpartition(_TURNED_AWAY)[2].strip().rstrip(".")


@contextmanager
def plain_words(url: LedgerUrl) -> Iterator[None]:
    """Turn what PostgreSQL, psycopg or the system raise inside into LedgerError."""
    try:
        yield
    except OrdersheetError:
        raise
    except (psycopg.Error, OSError) as fault:
        raise translate(fault, url) from fault
