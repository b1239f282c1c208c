"""Guards against every small file, every moment of a kill, and a second person at every moment."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING

import pytest
from tests.support.model_guards import FIRST, BrokenError, GuardWorld, ending, explored

from ordersheet.core.history.orderbook import OrderBook
from ordersheet.core.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = tuple("".join(letters) for length in (1, 2) for letters in product("abX", repeat=length))
LONG_FILES = tuple("".join(letters) for letters in product("abXY", repeat=3))


class AloneBook(OrderBook):
    """A guard that stops its row alone: what follows on the same field goes on."""

    __slots__ = ()

    def waits_for(self, row: int) -> int | None:
        del row
        return None


def moments_of(file: str, *, skip_unchanged: bool = False) -> int:
    """Count what happens in a run that nothing befalls, and see that it does what the file asks, once."""

    async def main() -> int:
        world = GuardWorld(skip_unchanged=skip_unchanged)
        run, moments = await world.send(file)
        assert run is not None
        assert all(outcome.ok for outcome in run.outcomes), world.story
        assert world.held == ending(file)
        before = len(world.store.puts)
        again, _ = await world.send(file)
        assert again is not None
        assert all(outcome.ok for outcome in again.outcomes), world.story
        assert len(world.store.puts) == before, "the same file twice sends nothing the second time"
        return moments

    found: int = explored(main)
    return found


def kills(files: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    for file in files:
        yield from ((file, moment) for moment in range(1, moments_of(file) + 1))


def killed_and_sent_again(file: str, corrected: str, moment: int, *, skip_unchanged: bool = False) -> None:
    async def main() -> None:
        world = GuardWorld(skip_unchanged=skip_unchanged)
        await world.send(file, kill_at=moment)
        run, _ = await world.send(corrected)
        assert run is not None
        assert all(outcome.ok for outcome in run.outcomes), (world.story, run.results)
        world.judge_twice()
        if file == corrected:
            assert world.held == ending(file), world.story

    explored(main)


def somebody_writes(file: str, moment: int, kill_at: int | None, book: type[OrderBook] | None = None) -> None:
    """A second person writes at this moment, or before all (0); then the sheet is reviewed and sent anew."""

    async def main() -> None:
        world = GuardWorld(book)
        if moment == 0:
            world.edit()
        await world.send(file, edit_at=moment, kill_at=kill_at)
        await world.send(file)
        world.expects_none = False
        reviewed = world.held
        last, _ = await world.send(file, reviewed)
        assert last is not None
        if kill_at is not None and Outcome.UNCONFIRMED in last.outcomes:
            return  # Somebody wrote while it was in doubt: only a person can tell.
        # What was added before an overwrite in doubt stands no more, guards or none.
        fine = {Outcome.OVERWRITTEN_SINCE} if kill_at is not None else set()
        assert all(one.ok or one in fine for one in last.outcomes), (world.story, last.results)
        before = len(world.store.puts)
        again, _ = await world.send(file, reviewed)
        assert again is not None
        assert len(world.store.puts) == before, world.story

    explored(main)


def test_a_file_is_sent_once_and_goes_on_after_a_kill_at_any_moment():
    for file, moment in kills(FILES):
        killed_and_sent_again(file, file, moment)


def test_a_corrected_file_goes_on_after_a_kill_at_any_moment():
    for file, moment in kills(("a", "X", "ab")):
        for corrected in (f"{file}Y", f"{file}c"):
            killed_and_sent_again(file, corrected, moment)


def test_nobody_s_text_is_written_over_whenever_it_comes():
    for file in FILES:
        for moment in range(moments_of(file) + 1):
            somebody_writes(file, moment, None)


def test_nobody_s_text_is_written_over_although_the_run_is_killed():
    for file, kill_at in kills(("a", "X", "aX", "Xa")):
        for moment in {0, kill_at - 1, kill_at}:
            somebody_writes(file, moment, kill_at)


@pytest.mark.parametrize("file", ["F", "Fa", "aF", "FX", "XF", "Fab"])
def test_what_stands_there_already_is_sent_neither_now_nor_by_a_later_run(file: str) -> None:
    """Without its place in the history a later run would send it over what came below it."""
    for moment in range(1, moments_of(file, skip_unchanged=True) + 1):
        killed_and_sent_again(file, file, moment, skip_unchanged=True)


@pytest.mark.parametrize("file", FILES)
def test_what_another_batch_did_is_somebody_s_text_and_what_its_own_did_is_not(file: str) -> None:
    async def main() -> None:
        world = GuardWorld()
        await world.send(file, batch="May")
        before, reviewed = len(world.store.puts), world.held
        assert reviewed != FIRST
        run, _ = await world.send(file, batch="June")
        assert run is not None
        assert not any(outcome.ok for outcome in run.outcomes), (world.story, run.results)
        assert len(world.store.puts) == before, "nobody has said that it may stand there"
        for kill_at in (3, 4, 5, None):
            run, _ = await world.send(file, reviewed, kill_at=kill_at, batch="June")
        assert run is not None
        assert all(outcome.ok for outcome in run.outcomes), (world.story, run.results)

    explored(main)


NOBODY_CAN_LOOK = {
    "the field is not shown": b'{"status":"ok","orders":[{"orderId":"1"}]}',
    "only the other one is": b'{"status":"ok","orders":[{"orderId":"1","otherComment":"first"}]}',
    "nothing stands in it": b'{"status":"ok","orders":[{"orderId":"1","internalComment":null}]}',
    "there is no such order": b'{"status":"ok","orders":[]}',
    "it is another one": b'{"status":"ok","orders":[{"orderId":"2","internalComment":"first"}]}',
    "it is no answer": b"<html>first</html>",
    "it says no": b'{"status":"no","msg":"not now"}',
}


@pytest.mark.parametrize("answer", NOBODY_CAN_LOOK)
def test_no_guarded_row_goes_out_where_nobody_can_look(answer: str) -> None:
    async def main(file: str) -> None:
        world = GuardWorld(blind=NOBODY_CAN_LOOK[answer])
        run, _ = await world.send(file)
        assert run is not None
        assert not world.store.puts, (file, run.results)

    for file in FILES:
        explored(partial(main, file))


@pytest.mark.parametrize("file", ["Xa.", "aX.", "Xa.b.", "X.a"])
def test_unguarded_rows_beside_guarded_ones_stand_once(file: str) -> None:
    for moment in range(4):
        somebody_writes(file, moment, None)


def test_a_guard_that_stops_its_row_alone_lets_a_text_stand_twice():
    """What follows would be taken for what stands before the overwrite, and be added once more."""
    with pytest.raises(BrokenError, match="stands twice"):
        somebody_writes("Xa.", 0, None, AloneBook)


def test_rows_that_wait_for_a_guard_are_told_so_and_go_out_when_it_is_settled():
    async def main() -> None:
        world = GuardWorld()
        world.edit()
        run, _ = await world.send("Xa.")
        assert run is not None
        assert run.outcomes == [Outcome.CHANGED_SINCE, Outcome.NOT_SENT]
        world.expects_none = False
        run, _ = await world.send("Xa.", world.held)
        assert run is not None
        assert run.outcomes == [Outcome.APPLIED, Outcome.APPLIED]
        assert world.held == "X\na"

    explored(main)


@pytest.mark.torture
def test_longer_files_go_on_after_a_kill_at_any_moment():
    for file, moment in kills(LONG_FILES):
        killed_and_sent_again(file, file, moment)


@pytest.mark.torture
def test_nobody_s_text_is_written_over_in_longer_files():
    for file in LONG_FILES:
        for moment in range(moments_of(file) + 1):
            somebody_writes(file, moment, None)
            somebody_writes(file, moment, moment + 1)
