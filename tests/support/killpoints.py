"""Runs killed at their first, second, third … point, until one comes to its end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import TYPE_CHECKING

from tests.support import shim
from tests.support.leases import short_leases
from tests.support.torture import mixed_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.oracle_check import Findings
    from tests.support.postgres import Server
    from tests.support.torture import Workshop

ROWS, ORDERS = 9, 5
WAY_TOO_MANY = 2000


def kill_at_each_point(
    yard: Workshop,
    way: str,
    *,
    first: int = 1,
    step: int = 1,
    seed: int = 5,
    fresh: bool = False,
    server: Server | None = None,
) -> tuple[int, list[tuple[int, Findings]]]:
    """Kill runs at every `step`-th point, finish each, and hold its reports against the oracle.

    Args:
        yard: where.
        way: `seam`, or what the shim does: `kill` or `power`.
        first: the first point.
        step: how many points lie between two kills, plus one.
        seed: of the sheet.
        fresh: without a ledger at the start; the sheet then has one comment field.
        server: where each run has a shared ledger; None for one in a file.

    Returns:
        The number of kills, and what was found at which point.
    """
    rows = mixed_rows(ROWS, seed, orders=ORDERS)
    if fresh:
        rows = [[*row[:3], "", "", *row[5:]] for row in rows]
        rows = [row if any(row[1:]) else [row[0], f"instead of {row[0]}", *row[2:]] for row in rows]

    def killed_at(point: int) -> tuple[bool, int, Findings]:
        url = None if server is None else server.ledger()
        place = f"{way}-{seed}-{'new' if fresh else 'old'}{'' if url is None else '-shared'}-{point}"
        desk = yard.desk(place, rows, fresh=fresh, shared=url)
        with nullcontext() if url is None else short_leases(url):
            if way == "seam":
                ended = desk.send(seam=point)
            else:
                # What is lost with the power: all that is not synced, or this or that half of it.
                ended = desk.send(arm=shim.Arm(way, point, where=str(desk.folder), seed=point % 3))
            if ended.killed:
                desk.finish()
        return ended.killed, point, desk.findings()

    kills, found = 0, []
    with ThreadPoolExecutor(4) as pool:
        for batch in _batches(first, step):
            told = list(pool.map(killed_at, batch))
            kills += sum(killed for killed, _, _ in told)
            found += [(point, findings) for _, point, findings in told if not findings.kept]
            if not all(killed for killed, _, _ in told):
                return kills, found
    raise AssertionError("no run came to its end")


def _batches(first: int, step: int) -> Iterator[range]:
    for at in range(first, WAY_TOO_MANY, 4 * step):
        yield range(at, at + 4 * step, step)
