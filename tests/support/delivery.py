"""What the tests of the delivery loop share: works, a run in virtual time, and the promise as a check."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tests.support import virtual_time
from tests.support.fake_store import Connection, Order, Store
from tests.support.memory_journal import Kept, MemoryJournal, MemoryLedger, key_of

from ordersheet.core.history.orderbook import Ask, OperationRef
from ordersheet.core.model import (
    COMMENT_FIELDS,
    Guard,
    Operation,
    OperationKind,
    OrderUpdate,
    OrderWork,
    Outcome,
)
from ordersheet.core.operation_state import OperationState
from ordersheet.core.stop_switch import StopSwitch
from ordersheet.delivery import DeliveryEnd, DeliveryOptions, Progress, deliver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ordersheet.core.history.orderbook import Policy
    from ordersheet.core.model import RowResult

SHOWN = 900
"""An order that shows what an earlier run wrote to it."""
OPTIONS = DeliveryOptions("https://shop.example.com/api", lanes=2)


def append(text: str, name: str = "internalComment") -> Operation:
    return Operation(name, OperationKind.APPEND, text)


def replaced(text: str, name: str = "internalComment") -> Operation:
    return Operation(name, OperationKind.REPLACE, text)


def clear(name: str = "internalComment") -> Operation:
    return Operation(name, OperationKind.CLEAR, "")


def put_attribute(value: Any, key: str = "ref") -> Operation:
    return Operation(f"extraAttributes.{key}", OperationKind.SET, value)


def sheet(*rows: Any) -> list[OrderWork]:
    """Make the works of a file: each row an order, what is asked of it, and its guards; the first is row 2.

    Guards are a text for the internal comment, or texts by field.
    """
    by_order: dict[int, list[OrderUpdate]] = defaultdict(list)
    for at, (order, asked, *expected) in enumerate(rows, start=2):
        operations = asked if isinstance(asked, list) else [asked]
        texts = expected[0] if expected else {}
        texts = {"internalComment": texts} if isinstance(texts, str) else texts
        guards = tuple(Guard(*one) for one in texts.items())
        by_order[order].append(OrderUpdate(at, order, tuple(operations), guards))
    return [OrderWork(order, tuple(updates)) for order, updates in by_order.items()]


@dataclass
class Run:
    """What a run left behind."""

    end: DeliveryEnd
    results: dict[int, RowResult]
    journal: MemoryJournal
    told: list[Progress]
    seconds: float

    def outcome(self, row: int) -> Outcome:
        return self.results[row].outcome

    @property
    def outcomes(self) -> list[Outcome]:
        return [self.results[row].outcome for row in sorted(self.results)]


@dataclass
class World:
    """A store and a ledger, for as many runs as a test needs, on one virtual time."""

    store: Store = field(default_factory=Store)
    options: DeliveryOptions = OPTIONS
    runs: int = 0

    def __post_init__(self) -> None:
        self.clock = virtual_time.VirtualClock()
        self.ledger = MemoryLedger(self.clock.uptime)

    def show(self) -> World:
        """Let an earlier run have seen that this store shows what was written: orders can be trusted."""
        text = "a text of an earlier run that stands below what was there before"
        self.store.orders[SHOWN] = Order(text, text)
        for name in COMMENT_FIELDS:
            operation = append(text, name)
            ref, ask = OperationRef("earlier", 2, name), Ask(2, operation, key_of(operation))
            kept = Kept(ref, SHOWN, ask, OperationState.APPLIED, None, self.clock.now(), baseline="")
            self.ledger.operations[ref] = kept
            self.ledger.learned[name] = True
        return self

    async def send(
        self,
        works: Iterable[OrderWork],
        *,
        policy: Policy | None = None,
        switch: StopSwitch | None = None,
        prepare: Callable[[MemoryJournal], None] | None = None,
        undo_of: str | None = None,
        **options: Any,
    ) -> Run:
        self.runs += 1
        journal = self.ledger.journal(f"R{self.runs}", policy, undo_of=undo_of)
        if prepare is not None:
            prepare(journal)
        told: list[Progress] = []
        began = self.clock.monotonic()
        end = await deliver(
            works,
            journal=journal,
            transports=lambda: Connection(self.store),
            options=replace(self.options, **options),
            clock=self.clock,
            stop=switch or StopSwitch(),
            progress=told.append,
        )
        self.ledger.dies(journal.run)
        assert not self.ledger.refused
        return Run(end, journal.results, journal, told, self.clock.monotonic() - began)

    async def undo(self, run: str, **options: Any) -> Run:
        """Undo a run."""
        asked: dict[int, dict[int, list[Operation]]] = defaultdict(lambda: defaultdict(list))
        for ref, one in self.ledger.operations.items():
            stands = one.state in (OperationState.APPLIED, OperationState.IN_DOUBT, OperationState.SENDING)
            if ref.run == run and stands:
                asked[one.order][ref.row].append(one.ask.operation)
        works = [
            OrderWork(order, tuple(OrderUpdate(row, order, tuple(rows[row])) for row in sorted(rows)))
            for order, rows in asked.items()
        ]
        return await self.send(works, undo_of=run, **options)


def send(
    works: Iterable[OrderWork], store: Store | None = None, *, shown: bool = False, **options: Any
) -> Run:
    """Send one file once; `shown` where an earlier run has seen that readings can be trusted."""

    async def main() -> Run:
        world = World(store or Store())
        return await (world.show() if shown else world).send(works, **options)

    return virtual_time.run(main())


async def press_at(switch: StopSwitch, *seconds: float) -> None:
    """Press the switch after each of these seconds, counted from now."""
    began = asyncio.get_running_loop().time()
    for at in seconds:
        await asyncio.sleep(at - (asyncio.get_running_loop().time() - began))
        switch.press()
