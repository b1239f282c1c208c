"""`check --online`: what stands in the orders now, and what a send would make of it. Nothing is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ordersheet.config.target import key_for, proxy_for, target_of
from ordersheet.core.errors import Interrupted, UsageError
from ordersheet.core.model import RequestCounts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ordersheet.api import ListedOrder
    from ordersheet.config.settings import Settings
    from ordersheet.core.history.orderbook import OrderBook
    from ordersheet.core.model import Guard, OrderUpdate
    from ordersheet.core.stop_switch import StopSwitch
    from ordersheet.delivery import Progress
    from ordersheet.delivery.reading.orders import ReadAccess, ReadEnd
    from ordersheet.pipeline.changes import Change


@dataclass(slots=True)
class Online:
    """What stands in the orders, and what would stand."""

    changes: dict[int, list[Change]] = field(default_factory=dict)
    """By row, in row order."""
    orders: dict[int, ListedOrder] = field(default_factory=dict)
    """The orders that an answer held."""
    asked: frozenset[int] = frozenset()
    """Those that were asked for."""
    unread: frozenset[int] = frozenset()
    """Those of which no usable answer came."""
    requests: RequestCounts = field(default_factory=RequestCounts)
    warnings: tuple[str, ...] = ()
    stopped: str = ""
    """Why not all orders were read, as a sentence; `""` where they were."""

    def counts(self) -> dict[str, dict[str, int]]:
        """Count the changes by word, and by field."""
        counted: dict[str, dict[str, int]] = {}
        for change in self.all():
            fields = counted.setdefault(change.word.value, {})
            fields[change.field] = fields.get(change.field, 0) + 1
        return counted

    def all(self) -> Iterator[Change]:
        """Give all changes in row order."""
        for row in sorted(self.changes):
            yield from self.changes[row]


def look_online(
    books: Callable[[], Iterable[OrderBook]],
    settings: Settings,
    *,
    guards: Callable[[], Iterator[OrderUpdate]] | None = None,
    all_orders: bool = False,
    tell: Callable[[Progress], None] | None = None,
    stop: StopSwitch | None = None,
) -> Online:
    """Read the orders of which something would be sent, and say what would become of them.

    Args:
        books: gives each order's book, each time anew.
        settings: address, key, rate and the like.
        guards: gives the rows that have guards.
        all_orders: read those too of which nothing would be sent.
        tell: told how many orders have been read.
        stop: how a signal ends it.

    Raises:
        UsageError: the key may not read orders, or was refused.
        Interrupted: a signal ended it; nothing was sent.
    """
    from ordersheet.delivery import run_in_thread
    from ordersheet.delivery.reading.orders import read_orders
    from ordersheet.pipeline.changes import changes_of

    wanted = [book.order for book in books() if all_orders or _sends(book)]
    access = read_access(settings, tell=tell, stop=stop)
    online = Online(asked=frozenset(wanted))
    missing: set[int] = set()

    def found(order: int, one: ListedOrder | None) -> None:
        if one is None:
            missing.add(order)
        else:
            online.orders[order] = one

    access.stop.armed = True
    end = run_in_thread(lambda: read_orders(wanted, access, found), access.stop)
    refuse_unreadable(end, access.stop, read=len(online.orders) + len(missing), without="--online")
    online.unread, online.requests, online.warnings = end.unread, end.requests, end.warnings
    online.stopped = end.stopped
    guarded: dict[int, dict[int, tuple[Guard, ...]]] = {}
    for update in guards() if guards is not None else ():
        guarded.setdefault(update.order, {})[update.row] = update.guards
    for book in books():
        seen = online.orders.get(book.order)
        read = seen is not None or book.order in missing
        for change in changes_of(book, seen, read=read, guards=guarded.get(book.order, {})):
            online.changes.setdefault(change.row, []).append(change)
    return online


def _sends(book: OrderBook) -> bool:
    return any(decision.outcome is None for row in book.rows for decision in book.plan(row))


def read_access(
    settings: Settings,
    *,
    tell: Callable[[Progress], None] | None = None,
    stop: StopSwitch | None = None,
    fields: tuple[str, ...] = (),
) -> ReadAccess:
    """Give the way to a shop whose orders are read.

    Raises:
        SettingsError: no address or no key is known.
    """
    from ordersheet.core.stop_switch import StopSwitch
    from ordersheet.delivery import DeliveryOptions, SystemClock, make_transport_factory
    from ordersheet.delivery.reading.orders import ReadAccess

    target = target_of(settings)
    key = key_for(settings, target)
    proxy = proxy_for(settings.proxy, target.base_url)
    options = DeliveryOptions(
        base_url=target.base_url,
        lanes=settings.concurrency if isinstance(settings.concurrency, int) else None,
        rate=settings.rate,
        timeout=settings.timeout,
        grace=settings.grace,
    )
    return ReadAccess(
        make_transport_factory(key, proxy=proxy, ca_bundle=settings.ca_bundle),
        options,
        SystemClock(),
        stop or StopSwitch(),
        tell or (lambda _progress: None),
        fields,
    )


def refuse_unreadable(end: ReadEnd, switch: StopSwitch, *, read: int, without: str = "") -> None:
    """Say so where orders cannot be read at all, or a signal ended it.

    Args:
        end: how reading ended.
        switch: what a signal presses.
        read: how many orders a usable answer came of.
        without: what may be left out to go on all the same; "" where nothing can.

    Raises:
        UsageError: the key may not read orders, or the server turned the whole away.
        Interrupted: a signal ended it.
    """
    if switch.level and switch.signal is not None:
        raise Interrupted("Interrupted.", signal=switch.signal, nothing_sent=True)
    if end.unreadable:
        other = f", or go on without {without}" if without else ""
        raise UsageError(
            "This key may not read orders, so what stands in them cannot be seen. Allow GET orders for it in "
            f"the plugin's settings{other}.",
            code="no-reading",
        )
    if end.stopped:
        raise UsageError(f"The orders could not be read. {end.stopped}", code="no-reading")
    if end.unread and not read:
        raise UsageError(f"The orders could not be read. {end.why}", code="no-reading")
