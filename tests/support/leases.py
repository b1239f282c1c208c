"""Leases that end as soon as their process is dead or stands still, rather than a minute later."""

from __future__ import annotations

import os
import threading
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.postgres import carried_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ordersheet.core.ledger_url import LedgerUrl

_EVERY = 0.2
"""Seconds."""


def moves(pid: int) -> bool:
    """Tell whether a process of this computer lives, and was not stopped by a signal."""
    return _exists(pid) and _state(pid) not in ("T", "t", "Z")


def _state(pid: int) -> str | None:
    """Give the letter that Linux has for what a process does; None where it tells none."""
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return None


def end_leases(url: LedgerUrl) -> Counter[str]:
    """End the leases of processes that are dead or stand still; gives how many of each there were."""
    known = carried_out(
        url,
        "SELECT process_id, pid FROM ordersheet.lease JOIN ordersheet.process ON id = process_id"
        " WHERE valid_until > clock_timestamp()",
    )
    still = {str(number): _state(pid) for number, pid in known if not moves(pid)}
    over = list(still)
    if over:
        carried_out(
            url,
            "UPDATE ordersheet.lease SET valid_until = clock_timestamp() - interval '1 second'"
            f" WHERE process_id IN ({', '.join(over)})",
        )
    return Counter("frozen" if state in ("T", "t") else "dead" for state in still.values())


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


@contextmanager
def short_leases(url: LedgerUrl, every: float = _EVERY) -> Iterator[Counter[str]]:
    """Let them end so, for as long as this lasts, and count them; the database may be away meanwhile.

    Args:
        url: the ledger's.
        every: seconds between two looks.
    """
    import psycopg

    over, ended = threading.Event(), Counter[str]()

    def watch() -> None:
        while not over.wait(every):
            with suppress(psycopg.OperationalError):
                ended.update(end_leases(url))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield ended
    finally:
        over.set()
        thread.join()
