"""A process that works in a ledger as told on its command line, and tells how far it has come.

After `python -m tests.support.ledger_process`:

`LEDGER hold ORDER...` claims the orders, begins a row of each, and waits.
`FOLDER kill [URL STEP]` delivers five rows, dying by SIGKILL at the first, second, ... point (or at each
STEP-th), until one comes to its end; each in a ledger of its own, or in the shared one at a store of its own.
`LEDGER small BYTES` delivers rows while no file may grow beyond BYTES.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.ledgers import append, deliver, settle, start, take, unsynced, work

from ordersheet.core.errors import LedgerError
from ordersheet.core.journal import Begin, Done, Release
from ordersheet.core.ledger_url import LedgerUrl, is_ledger_url
from ordersheet.core.model import Outcome, RowResult
from ordersheet.core.operation_state import OperationState
from ordersheet.ledger import Ledger

if TYPE_CHECKING:
    from ordersheet.ledger import RunJournal

ROWS = range(2, 7)
SIGNS = "sent.txt"


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def hold(journal: RunJournal, ledger: Ledger, orders: list[int]) -> None:
    for order in orders:
        (book,) = await journal.take([work(order, (order, append("held")))])
        if book is None:
            say(f"refused {order}")
            continue
        at = ledger.clock()
        await journal.write(Begin(order, order, 1, book.row_asks(order), {"internalComment": "before"}, at))
    say(f"holding {journal.run}")
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


async def send_until_killed(journal: RunJournal, ledger: Ledger, signs: Path) -> None:
    """Begin, let a byte leave (a line in a file), finish; as the promise is kept, the line comes last."""
    for row in ROWS:
        book = await take(journal, work(row, (row, append("text"))))
        asks = tuple(decision.ask for decision in book.plan(row) if decision.outcome is None)
        if asks:
            await journal.write(Begin(row, row, 1, asks, None, ledger.clock()))
            with signs.open("a", encoding="utf-8") as file:
                file.write(f"{row}\n")
            at = ledger.clock()
            await settle(journal, asks, OperationState.APPLIED, at)
            await journal.write(Done(RowResult(row, str(row), Outcome.APPLIED, "", at)))
        await journal.write(Release(row))
    journal.finish()


def kill_at_each_point(folder: Path, url: str | None = None, step: str = "1") -> None:
    """Fork for each point, so that all is imported once; the n-th child works in the folder named n."""
    for point in itertools.count(1, int(step)):
        own = folder / str(point)
        own.mkdir()
        ledger = own / "ledger.sqlite3" if url is None else LedgerUrl(url, own)
        child = os.fork()
        if child == 0:
            deliver_until(ledger, point, own / SIGNS)
            os._exit(0)
        if os.waitpid(child, 0)[1] == 0:
            return


def deliver_until(place: Path | LedgerUrl, point: int, signs: Path) -> None:
    left = point

    def count(_name: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    # A killed process loses nothing that it has handed to the system, synced or not.
    with Ledger.open(place, on_point=count, connect=unsynced) as ledger:
        journal = ledger.start_run(start(store=f"shop {point}"))
        asyncio.run(send_until_killed(journal, ledger, signs))


def main() -> None:
    path, what, *rest = sys.argv[1:]
    if what == "hold":
        with Ledger.open(LedgerUrl(path, Path("home")) if is_ledger_url(path) else Path(path)) as ledger:
            asyncio.run(hold(ledger.start_run(start()), ledger, [int(order) for order in rest]))
    elif what == "kill":
        kill_at_each_point(Path(path), *rest)
    else:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(rest[0]), int(rest[0])))
        with Ledger.open(Path(path)) as ledger:
            journal = ledger.start_run(start())
            row = 2
            try:
                for row in range(2, 2000):
                    asyncio.run(deliver(journal, work(row, (row, append("text " * 200)))))
            except LedgerError as error:
                say(f"{error.code} {row}")
            try:
                asyncio.run(deliver(journal, work(1, (1, append("text")))))
            except LedgerError as error:
                say(f"{error.code} later")


if __name__ == "__main__":
    main()
