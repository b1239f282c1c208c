"""Leases that end as soon as their process is dead or stands still, rather than a minute later."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.postgres import carried_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ordersheet.core.ledger_url import LedgerUrl

_EVERY = 0.2


def moves(pid: int) -> bool:
    """Tell whether a process of this computer lives, and was not stopped by a signal."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "TtZ"
    return True


def end_leases(url: LedgerUrl) -> int:
    """End the leases of processes that are dead or stand still; gives how many that were."""
    known = carried_out(
        url,
        "SELECT process_id, pid FROM ordersheet.lease JOIN ordersheet.process ON id = process_id"
        " WHERE valid_until > clock_timestamp()",
    )
    over = [str(number) for number, pid in known if not moves(pid)]
    if over:
        carried_out(
            url,
            "UPDATE ordersheet.lease SET valid_until = clock_timestamp() - interval '1 second'"
            f" WHERE process_id IN ({', '.join(over)})",
        )
    return len(over)


@contextmanager
def short_leases(url: LedgerUrl) -> Iterator[None]:
    """Let them end so, for as long as this lasts; the database may be away meanwhile."""
    import psycopg

    over = threading.Event()

    def watch() -> None:
        while not over.wait(_EVERY):
            with suppress(psycopg.OperationalError):
                end_leases(url)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
