"""Whether a field holds what its guard says, or what this file has made of that since: pure, no I/O.

A guard was written before the file was sent. What the file itself has done to the field since is no reason to
stop: then a second send, after a kill or of a corrected file, could never go on.
"""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING

from ordersheet.core.history.normal import normalise_append as fold
from ordersheet.core.model import OperationKind
from ordersheet.core.operation_state import OperationState
from ordersheet.core.values import shows_as

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ordersheet.core.history.orderbook import Ask, Entry

_JOINT = r"(?:\s|&nbsp;|</?[A-Za-z][^<>]*>)*"
"""What a shop may put between a comment and what is added to it: white space and markup, no letter."""
_MOST_DOUBTS = 3
"""Operations in doubt beyond which nothing is tried out any more."""
_FORMULA_STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_WROTE = (OperationState.APPLIED, OperationState.IN_DOUBT)


def guard_holds(
    guard: str, held: str, asks: Sequence[Ask], history: Sequence[Entry], batch: str | None
) -> bool:
    """Tell whether a field holds what its guard says, or that with a closing run of the history on it.

    Args:
        guard: what the sheet expects; `""` for an empty field.
        held: what the field holds, whole and as it is.
        asks: what the file asks of the field.
        history: all that this ledger did to the field, oldest first.
        batch: the run's batch; a named one is compared with its own part alone.
    """
    return any(
        fold(held) == fold(expected) or _gone_on(expected, held, asks, history, batch)
        for expected in _readings_of(guard)
    )


def _readings_of(guard: str) -> Iterator[str]:
    """Give what a guard's cell may stand for: a CSV has an apostrophe before what looks like a formula."""
    yield guard
    if guard.startswith("'") and guard[1:].startswith(_FORMULA_STARTS):
        yield guard[1:]


def _gone_on(
    expected: str, held: str, asks: Sequence[Ask], history: Sequence[Entry], batch: str | None
) -> bool:
    """Tell whether this file's own operations lead from what is expected to what stands."""
    asked: dict[tuple[str, str], list[Ask]] = {}
    for ask in asks:
        asked.setdefault((ask.operation.kind, ask.key), []).append(ask)
    closing: list[tuple[Ask, bool]] = []
    doubts = 0
    for entry in reversed(history):
        if entry.state not in _WROTE:
            continue  # It left the field as it was.
        found = _asked_for(entry, asked, batch)
        doubtful = entry.state is OperationState.IN_DOUBT
        doubts += doubtful
        if found is None or doubts > _MOST_DOUBTS:
            return False
        closing.insert(0, (found, doubtful))
        if any(_leads_to(expected, held, run) for run in _versions(closing)):
            return True
    return False


def _asked_for(entry: Entry, asked: dict[tuple[str, str], list[Ask]], batch: str | None) -> Ask | None:
    if batch is not None and entry.batch != batch:
        return None
    for ask in asked.get((entry.kind, entry.key), ()):
        if ask.occurrence in (1, entry.occurrence):
            return ask
    return None


def _versions(closing: Sequence[tuple[Ask, bool]]) -> Iterator[list[Ask]]:
    """Give what may have been applied: whatever is in doubt was, or was not."""
    choices = [(True, False) if doubtful else (True,) for _, doubtful in closing]
    for chosen in product(*choices):
        yield [ask for (ask, _), applied in zip(closing, chosen, strict=True) if applied]


def _leads_to(expected: str, held: str, run: Sequence[Ask]) -> bool:
    """Tell whether these operations, done to what is expected, leave what stands; joints included."""
    last = max((at for at, ask in enumerate(run) if ask.operation.kind.overwrites), default=None)
    added = run if last is None else run[last + 1 :]
    if last is not None:
        over = run[last].operation
        if over.kind is OperationKind.SET or not isinstance(over.value, str):
            return not added and shows_as(over.value, held)
        expected = over.value
    pieces = [fold(expected), *(fold(str(ask.operation.value)) for ask in added)]
    if not added:
        return fold(held) == pieces[0]
    # Some shops add below, some above.
    return any(
        re.fullmatch(_JOINT + _JOINT.join(map(re.escape, order)) + _JOINT, fold(held)) is not None
        for order in (pieces, pieces[::-1])
    )
