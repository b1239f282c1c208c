"""Undo against the store's own truth: faults, kills and a second person, in virtual time.

The judge knows what stood in the store and who wrote it, and nothing of walks, baselines or ledgers.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support import virtual_time
from tests.support.delivery import Run, World, append, clear, replaced, sheet
from tests.support.fake_store import LOST, SWALLOWED, Fate, Order, Store, no, status
from tests.support.views import CUTS

from ordersheet.core.model import COMMENT_FIELDS, Outcome
from ordersheet.delivery.verdict.observation import Failure

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from ordersheet.core.model import Operation, OrderWork

O = Outcome  # noqa: E741 - it stands in nearly every line here
ORDERS = (1, 2)
FATES = st.sampled_from(
    [
        *[Fate()] * 6,
        LOST,
        SWALLOWED,
        Fate(failure=Failure.DEADLINE, seconds=40.0, late=30.0),
        Fate(status=500, body=b"<html>"),
        Fate(status=503, body=b"busy", applies=False),
        Fate(failure=Failure.CONNECT, bytes_left=False, applies=False),
        status(429, retry_after="3"),
        no("wrong market"),
    ]
)
NAMES = st.sampled_from(COMMENT_FIELDS)
KINDS = st.sampled_from(["append", "append", "append", "replace", "clear"])
ROWS = st.lists(st.tuples(st.sampled_from(ORDERS), NAMES, KINDS), min_size=1, max_size=5)


@dataclass
class Shop:
    """A store in which a person writes at chosen moments, and which remembers what that was."""

    store: Store
    typed: dict[tuple[int, str], list[str]] = field(default_factory=dict)
    moments: list[str] = field(default_factory=list)
    """What the person does when the next requests are through."""

    def __post_init__(self) -> None:
        self.store.after_put = self._after

    def _after(self, _store: Store, payload: dict[str, Any]) -> None:
        word = self.moments.pop(0) if self.moments else "nothing"
        name = next((name for name in COMMENT_FIELDS if name in payload), None)
        if word == "types" and name is not None:
            self.person(payload["order"], name)

    def person(self, order: int, name: str) -> None:
        texts = self.typed.setdefault((order, name), [])
        texts.append(f"somebody's word {len(texts)} in {name} of {order}")
        held = getattr(self.store.order(order), name)
        setattr(self.store.order(order), name, f"{held}\n{texts[-1]}" if held else texts[-1])

    def texts(self) -> dict[tuple[int, str], str]:
        return {
            (order, name): getattr(self.store.order(order), name)
            for order in ORDERS
            for name in COMMENT_FIELDS
        }


def file_of(rows: list[tuple[int, str, str]], tag: str) -> list[OrderWork]:
    asked: list[tuple[int, list[Operation]]] = []
    for at, (order, name, kind) in enumerate(rows):
        text = f"{tag} says {at} of it"
        make = {"append": append, "replace": replaced}.get(kind)
        asked.append((order, [clear(name) if make is None else make(text, name)]))
    return sheet(*asked)


async def killed_after(seconds: float, world: World, run: Coroutine[Any, Any, Run]) -> Run | None:
    """Let a run go on for so long, then let its process die."""
    task = asyncio.ensure_future(run)
    done, _ = await asyncio.wait([task], timeout=seconds)
    if done:
        return task.result()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    world.ledger.alive.clear()
    return None


def new_shop() -> tuple[Shop, World]:
    store = Store({1: Order("stood here before", ""), 2: Order("", "and here")})
    shop = Shop(store)
    return shop, World(store).show()


async def undone(world: World, run: str, kills: list[float]) -> Run:
    for seconds in kills:
        ended = await killed_after(seconds, world, world.undo(run))
        if ended is not None:
            return ended
    return await world.undo(run)


KILLS = st.lists(st.floats(0.001, 130.0), max_size=2)
SHORT = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@SHORT
@given(rows=ROWS, fates=st.lists(FATES, max_size=5), undo_fates=st.lists(FATES, max_size=6), kills=KILLS)
def test_with_nobody_else_writing_every_field_is_what_it_was(rows, fates, undo_fates, kills):
    async def main() -> None:
        shop, world = new_shop()
        before = shop.texts()
        world.store.put_fates = list(fates)
        await world.send(file_of(rows, "the run"))
        world.store.put_fates = list(undo_fates)
        ended = await undone(world, "R1", kills)
        world.store.put_fates = []
        await asyncio.sleep(200)
        if all(result.outcome in (O.UNDONE, O.NOTHING_TO_UNDO) for result in ended.results.values()):
            assert shop.texts() == before
        again = await world.undo("R1")
        if all(result.outcome in (O.UNDONE, O.NOTHING_TO_UNDO) for result in again.results.values()):
            assert shop.texts() == before
        else:
            left = {result.outcome for result in again.results.values()}
            assert left <= {
                O.UNDONE,
                O.NOTHING_TO_UNDO,
                O.KEPT,
                O.UNCONFIRMED,
                O.CANNOT_BE_UNDONE,
                O.NOT_SENT,
            }

    virtual_time.run(main())


@SHORT
@given(
    rows=ROWS,
    fates=st.lists(FATES, max_size=4),
    undo_fates=st.lists(FATES, max_size=6),
    kills=KILLS,
    moments=st.lists(st.sampled_from(["types", "nothing"]), max_size=8),
)
def test_no_text_of_somebody_else_is_lost_by_an_undo(rows, fates, undo_fates, kills, moments):
    async def main() -> None:
        shop, world = new_shop()
        world.store.put_fates = list(fates)
        await world.send(file_of(rows, "the run"))
        shop.moments = list(moments)
        if moments[:1] == ["types"]:
            shop.person(1, "internalComment")
        world.store.put_fates = list(undo_fates)
        await undone(world, "R1", kills)
        world.store.put_fates = []
        await asyncio.sleep(200)
        await world.undo("R1")
        texts = shop.texts()
        for place, typed in shop.typed.items():
            lost = [text for text in typed if text not in texts[place].split("\n")]
            assert not lost, (place, texts[place])

    virtual_time.run(main())


@SHORT
@given(rows=ROWS, fates=st.lists(FATES, max_size=4), kills=KILLS)
def test_what_is_called_undone_is_gone_and_what_is_kept_stands(rows, fates, kills):
    async def main() -> None:
        shop, world = new_shop()
        await world.send(file_of(rows, "the run"))
        held = shop.texts()
        world.store.put_fates = list(fates)
        ended = await undone(world, "R1", kills)
        world.store.put_fates = []
        await asyncio.sleep(200)
        texts = shop.texts()
        for at, (order, name, kind) in enumerate(rows):
            result = ended.results.get(at + 2)
            line = f"the run says {at} of it"
            if kind == "clear" or result is None or line not in held[order, name].split("\n"):
                continue
            stands = line in texts[order, name].split("\n")
            if result.outcome is O.UNDONE:
                assert not stands
            elif result.outcome in (O.KEPT, O.CANNOT_BE_UNDONE):
                assert stands

    virtual_time.run(main())


@SHORT
@given(rows=ROWS, fates=st.lists(FATES, max_size=4), kills=KILLS)
def test_after_undo_and_send_it_is_as_if_the_run_had_been_once(rows, fates, kills):
    async def main() -> None:
        shop, world = new_shop()
        works = file_of(rows, "the run")
        await world.send(works)
        once = shop.texts()
        world.store.put_fates = list(fates)
        await undone(world, "R1", kills)
        world.store.put_fates = []
        await asyncio.sleep(200)
        ended = await world.undo("R1")
        if any(result.outcome not in (O.UNDONE, O.NOTHING_TO_UNDO) for result in ended.results.values()):
            return
        sent = await world.send(works)
        assert all(outcome.ok for outcome in sent.outcomes), sent.results
        assert shop.texts() == once

    virtual_time.run(main())


def test_a_lost_answer_is_looked_up_and_not_sent_again():
    async def main() -> None:
        shop, world = new_shop()
        before = shop.texts()
        await world.send(sheet((1, append("Called"))))
        puts = len(world.store.puts)
        world.store.put_fates = [LOST]
        ended = await world.undo("R1")
        assert ended.outcomes == [O.UNDONE]
        assert len(world.store.puts) == puts + 1
        assert shop.texts() == before

    virtual_time.run(main())


def test_somebody_who_writes_on_what_was_restored_keeps_it():
    """Simply sent again, the restored text would lie on top of hers."""

    async def main() -> None:
        shop, world = new_shop()
        await world.send(sheet((1, append("Called"))))
        shop.moments = ["types"]
        world.store.put_fates = [LOST]
        ended = await world.undo("R1")
        assert ended.outcomes == [O.UNCONFIRMED]
        assert "ordersheet resolve R2 --row 2 applied" in ended.results[2].message
        assert shop.texts()[1, "internalComment"].endswith("of 1")
        later = await world.send(sheet((1, append("More"))))
        assert later.outcomes == [O.NOT_SENT]

    virtual_time.run(main())


@pytest.mark.parametrize("name", [name for name in CUTS if not name.endswith(" 1 lines")])
def test_an_undo_puts_back_all_of_what_stood_there_or_nothing(name):
    """Whatever the shop leaves out of what it shows, unless it ends just where what was sent ended, too."""

    async def main(before: str) -> None:
        store = Store({1: Order(before)}, shown=lambda text: CUTS[name](text, ""))
        world = World(store).show()
        await world.send(sheet((1, replaced("another text"))))
        await world.undo("R1")
        await asyncio.sleep(200)
        assert store.order(1).internalComment in (before, "another text")

    for size in (4, 20, 21, 60, 61, 201, 400):
        for text in ("line of letters, and so on and on " * 12, "two\nlines\n" * 40):
            virtual_time.run(main(f"{text[: size - 1]}."))


def test_what_the_shop_cuts_is_not_put_back():
    async def main() -> None:
        long = "x" * 400
        store = Store({1: Order(long, "")})
        store.shown = lambda held: held[:200]
        world = World(store)
        await world.send(sheet((1, replaced("short"))))
        ended = await world.undo("R1")
        assert ended.outcomes == [O.CANNOT_BE_UNDONE]
        assert store.orders[1].internalComment == "short"

    virtual_time.run(main())


def test_a_copy_of_before_the_undo_is_no_baseline():
    """It shows the text that was taken back: not sent once more, it would be called already there."""

    async def main() -> None:
        shop, world = new_shop()
        await world.send(sheet((1, append("Called"))))
        old = world.store.read(1)
        await world.undo("R1")
        world.store.get_fates = [Fate(body=old)]
        sent = await world.send(sheet((1, append("Called"))))
        assert sent.outcomes == [O.APPLIED]
        assert shop.texts()[1, "internalComment"].endswith("Called")

    virtual_time.run(main())
