"""Search the model's world exhaustively for a history that breaks the promise."""

from __future__ import annotations

from itertools import product as combinations
from typing import TYPE_CHECKING

from tests.support.model_promise import BrokenError, check, check_complete
from tests.support.model_world import KILLS, OK, REFUSED, World

from ordersheet.core.history.orderbook import Policy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.support.model_world import BookMaker, File

ORDINARY = (Policy(),)
OPTIONS = (
    Policy(),
    Policy(batch="monday"),
    Policy(batch="tuesday"),
    Policy(again=True),
    Policy(retry_no=True),
    Policy(duplicates="send"),
)


def files(longest: int, letters: str = "abXY") -> list[File]:
    """Give all files of up to this many rows, each with one operation on the same field."""
    return [
        tuple((("comment", letter),) for letter in row)
        for length in range(1, longest + 1)
        for row in combinations(letters, repeat=length)
    ]


def endings(rows: int, faults: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Give all ways in which a run can meet at most one fault."""
    yield ()
    for at in range(rows):
        for fault in faults:
            yield (OK,) * at + (fault,)


def step(world: World, file: File, policy: Policy, ending: Sequence[str]) -> World:
    """Let a copy of a world see one more run, and check it.

    A run that met nothing worse than a refusal must leave nothing open, and send nothing when repeated.

    Raises:
        BrokenError: where the promise is broken, with the whole story.
    """
    later = world.copy()
    try:
        report = later.run(file, policy, ending)
        check(later, report)
        if not report.killed and set(ending) <= {OK, REFUSED}:
            check_complete(later.copy(), report)
        later.adopt()
    except BrokenError as broken:
        raise BrokenError("\n".join([*later.story, str(broken)])) from None
    return later


def grow(
    worlds: Sequence[World],
    these: Sequence[File],
    faults: Sequence[str],
    policies: Sequence[Policy] = ORDINARY,
) -> list[World]:
    """Let each world see one more run, and give those that differ, together with those there were."""
    grown = {world.key(): world for world in worlds}
    for world in worlds:
        for file, policy in combinations(these, policies):
            for ending in endings(len(file), faults):
                later = step(world, file, policy, ending)
                grown.setdefault(later.key(), later)
    return list(grown.values())


def search(
    make_book: BookMaker,
    histories: Sequence[int],
    last: int,
    *,
    letters: str = "abXY",
    policies: Sequence[Policy] = ORDINARY,
    faults: Sequence[str] = (REFUSED, *KILLS),
) -> int:
    """Try all files after all histories, with orders that can be read and with orders that cannot.

    Args:
        make_book: what decides.
        histories: how many rows the files before may have, oldest first; each may meet one fault.
        last: how many rows the last file may have; each of its runs may meet one fault, too.
        letters: the operations that files are made of.
        policies: the options that each run may have.
        faults: what may happen to a request.

    Returns:
        How many different histories the last file was tried after.

    Raises:
        BrokenError: with the story of the first history that breaks the promise.
    """
    tried = 0
    for reads in (True, False):
        worlds = [World(make_book, reads)]
        for longest in histories:
            worlds = grow(worlds, files(longest, letters), faults, policies)
        tried += len(worlds)
        for world in worlds:
            for file, policy in combinations(files(last, letters), policies):
                for ending in endings(len(file), (REFUSED,)):
                    step(world, file, policy, ending)
    return tried
