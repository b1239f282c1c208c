"""A world from its beginning to its end, in virtual time: its runs, their kills, and what each reported."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.support import virtual_time
from tests.support.delivery import append, clear, put_attribute, replaced, sheet
from tests.support.memory_journal import MemoryLedger
from tests.support.views import HONEST, Held, Reader
from tests.support.world_shop import Connection, Shop
from tests.support.worlds import ATTEMPTS, SETTLE, TIMEOUT, Start, World

from ordersheet.api.answers import READ_NAMES
from ordersheet.core.history.orderbook import Policy
from ordersheet.core.stop_switch import StopSwitch
from ordersheet.delivery import DeliveryOptions, deliver

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.memory_journal import MemoryJournal
    from tests.support.world_ledgers import RealJournal
    from tests.support.worlds import Ask, AskedRow

    from ordersheet.core.journal import Event
    from ordersheet.core.model import Operation, OrderWork, RowResult
    from ordersheet.delivery import DeliveryEnd

OPTIONS = DeliveryOptions(
    "https://shop.example.com/api", lanes=2, attempts=ATTEMPTS, settle=SETTLE, timeout=TIMEOUT
)
BOUND = 2.5 * 3600
"""Seconds within which any run of so few rows is over, but for those in which it stands still itself: an hour
for another run that does, and some minutes a row."""
QUIET = 1000.0
"""Seconds after which nothing is under way any more."""
SEEN_BEFORE = (90, 91)
"""Orders of the file that an earlier run sent."""
SEEN = "sent to {order} by an earlier run\nand read back"
"""Each order's is its own: of a view that shows another order's lines, the same text twice proves nothing."""


class Report(NamedTuple):
    """What one run reported, and when."""

    who: str
    at: float
    results: dict[int, RowResult]
    end: DeliveryEnd | None
    """None where the run was killed: then nothing is reported."""
    endless: bool
    """It went on beyond BOUND, and was ended by the test."""


@dataclass
class Told:
    """All that came of a world."""

    world: World
    shop: Shop
    works: list[OrderWork]
    ledger: Any
    """A MemoryLedger, or a RealLedger."""
    clock: virtual_time.VirtualClock
    reports: list[Report] = field(default_factory=list)


def in_memory(clock: virtual_time.VirtualClock) -> MemoryLedger:
    """Give a world a ledger that is gone with it."""
    return MemoryLedger(clock.uptime)


def run(world: World, ledger: Callable[[virtual_time.VirtualClock], Any] = in_memory) -> Told:
    """Let a world happen, its runs on a ledger that is made for its clock."""
    return virtual_time.run(_happen(world, ledger), last_first=world.last_first)


def sheet_of(world: World) -> list[OrderWork]:
    """Make the works of the world's sheet; its first row is row 2."""
    return sheet(
        *((row.order, [_operation(ask) for ask in row.asks], _guards(world, row)) for row in world.rows)
    )


def _guards(world: World, row: AskedRow) -> dict[str, str]:
    """What the row's comments showed when the sheet was made, by their names; none where it has no guards."""
    if not world.guarded:
        return {}
    held = Held(*world.held[row.order - 1]) if row.order <= len(world.held) else Held()
    shown, _ = Reader(world.view).show(row.order, 0.0, lambda _order, _at: held)
    return {
        ask.field: text
        for ask in row.asks
        if ask.field in READ_NAMES and isinstance(text := shown.get(READ_NAMES[ask.field]), str)
    }


def _seen(order: int) -> tuple[int, list[Operation]]:
    text = SEEN.format(order=order)
    return order, [append(text), append(text, "comment")]


def _operation(ask: Ask) -> Operation:
    match ask.kind:
        case "append":
            return append(ask.text, ask.field)
        case "replace":
            return replaced(ask.text, ask.field)
        case "clear":
            return clear(ask.field)
        case _:
            return put_attribute(ask.text)


async def _happen(world: World, ledger: Callable[[virtual_time.VirtualClock], Any]) -> Told:
    clock = virtual_time.VirtualClock()
    shop = Shop(world)
    told = Told(world, shop, sheet_of(world), ledger(clock), clock)
    for order, held in enumerate(world.held, start=1):
        if world.held_since > float("-inf"):
            shop.hold(order, Held(), float("-inf"))
        shop.hold(order, Held(*held), world.held_since)
    if world.learned != "nothing":
        shop.show_in(HONEST if world.learned == "honest growth" else world.view)
        await _send(told, "earlier", sheet(*map(_seen, SEEN_BEFORE[: world.earlier])), Start())
        await asyncio.sleep(QUIET)
        told.reports.clear()
    shop.begin()
    for at, seconds in world.turned:
        asyncio.get_running_loop().call_later(at, setattr, clock, "ahead", seconds)
    under_way: list[asyncio.Future[None]] = []
    for number, start in enumerate(world.starts):
        if start.after >= 0:
            await asyncio.gather(*under_way)
        await asyncio.sleep(abs(start.after))
        clock.boots += number in world.started_anew
        if world.second is not None and world.second.run == number:
            if world.second.after is None:
                shop.change_key()
            else:
                asyncio.get_running_loop().call_later(world.second.after, shop.change_key)
        works = told.works[::-1] if start.backwards else told.works
        under_way.append(asyncio.ensure_future(_send(told, f"run{number}", works, start)))
    await asyncio.gather(*under_way)
    await asyncio.sleep(QUIET)
    return told


async def _send(told: Told, who: str, works: list[OrderWork], start: Start) -> None:
    """Send the sheet once, and end the run as the world has it."""
    journal, switch = told.ledger.journal(who, Policy(retry_no=start.retry_no)), StopSwitch()
    journal.seconds = _disk(start)
    bound = BOUND + (start.still[1] if start.still is not None else 0.0)
    task = asyncio.ensure_future(asyncio.wait_for(_deliver(told, who, journal, works, switch), bound))

    def kill() -> None:
        journal.fail_after = 0
        task.cancel()

    if start.killed_at_write is not None:
        _before_write(journal, start.killed_at_write, kill)
    loop = asyncio.get_running_loop()
    timers = [loop.call_later(start.killed, kill)] if start.killed is not None else []
    if start.pressed is not None:
        timers.append(loop.call_later(start.pressed, switch.press))
    end, endless = None, False
    try:
        end = await task
    except asyncio.CancelledError:
        pass  # It was killed.
    except TimeoutError:
        endless = True
    for timer in timers:
        timer.cancel()
    told.ledger.dies(who)
    told.reports.append(Report(who, told.shop.now(), journal.results | journal.kept, end, endless))


def _disk(start: Start) -> Callable[[], float]:
    """How long each call of the ledger takes: a millisecond, or for as long as the run stands still."""
    calls = itertools.count(1)

    def seconds() -> float:
        if start.still is not None and next(calls) == start.still[0]:
            return start.still[1]
        return 0.001

    return seconds


def _before_write(journal: MemoryJournal | RealJournal, number: int, kill: object) -> None:
    writes = 0

    def count(_events: tuple[Event, ...]) -> None:
        nonlocal writes
        writes += 1
        if writes == number and callable(kill):
            kill()

    journal.before_write = count


async def _deliver(
    told: Told, who: str, journal: MemoryJournal | RealJournal, works: list[OrderWork], switch: StopSwitch
) -> DeliveryEnd:
    return await deliver(
        works,
        journal=journal,
        transports=lambda: Connection(told.shop, who),
        options=OPTIONS,
        clock=told.clock,
        stop=switch,
        progress=lambda _: None,
    )
