"""Who is alive: a lease, renewed while the process lives, which ends by the database's clock.

A lease that has ended is never renewed: its process comes back under a new number. Whoever takes over what it
held waits for that end; and since each write looks at its own lease in the same transaction, one that was
frozen writes nothing any more, and so sends nothing.
"""

from __future__ import annotations

import secrets
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from ordersheet.core.errors import LedgerError
from ordersheet.core.ledger_url import LEASE_SECONDS
from ordersheet.ledger.postgresql.cursor import gathering
from ordersheet.ledger.postgresql.ddl import RENEW_SECONDS
from ordersheet.ledger.postgresql.dialect import SCHEMA

if TYPE_CHECKING:
    from ordersheet.ledger.database import Cursor, Do

_UNTIL = f"clock_timestamp() + interval '{LEASE_SECONDS} seconds'"
_ENTER = f"INSERT INTO {SCHEMA}.lease (process_id, valid_until) VALUES (%(me)s, {_UNTIL})"
RENEW = (
    f"UPDATE {SCHEMA}.lease SET valid_until = {_UNTIL}"
    " WHERE process_id = %(me)s AND valid_until > clock_timestamp()"
)
LIVING = (
    f"SELECT valid_until > clock_timestamp() FROM {SCHEMA}.lease JOIN {SCHEMA}.process ON id = process_id"
    " WHERE lock = %(lock)s"
)
WHO_LIVES = (
    f"SELECT lock FROM {SCHEMA}.lease JOIN {SCHEMA}.process ON id = process_id"
    " WHERE lock IN (SELECT jsonb_array_elements_text(%(locks)s::jsonb)) AND valid_until > clock_timestamp()"
)
# The end is no condition of the search: a line that does not fit is not locked, and so not waited for.
STILL_LIVING = f"{LIVING} FOR SHARE OF lease"
"""The same in a transaction that writes, which may take over what it finds dead: a renewal that is under way
is waited for, and none begins before the transaction has ended."""


class Lease:
    """This process's lease. Implements `Presence`.

    Attributes:
        name: unique for ever.
        number: the process's, once it is entered.
    """

    def __init__(self, renew_seconds: float = RENEW_SECONDS) -> None:
        self.name = f"{secrets.token_hex(8)}.lease"
        self.number: int | None = None
        self._renew_seconds = renew_seconds
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def check(self) -> None:
        """Each transaction looks at the lease itself."""

    def entered(self, cursor: Cursor, number: int) -> None:
        """Begin the lease, in the transaction that enters the process."""
        gathering(cursor).gather(_ENTER, {"me": number})

    def keep(self, do: Do, number: int) -> None:
        """Renew the lease from now on, until it is released or lost; each transaction looks at it."""
        self.number = number
        self._thread = threading.Thread(target=self._renew, args=(do,), name="lease", daemon=True)
        self._thread.start()

    def _renew(self, do: Do) -> None:
        def renew(cursor: Cursor) -> None:
            gathering(cursor).gather(RENEW, {"me": self.number})

        with suppress(LedgerError):
            # Where it is lost, or the database is gone, whoever writes next hears of it.
            while not self._over.wait(self._renew_seconds):
                do(renew, alone=False)

    def forget(self, name: str) -> None:
        """A dead process's lease went with its line."""

    def release(self) -> None:
        """Renew it no more; its line went when the process left."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
