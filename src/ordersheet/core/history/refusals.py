"""Which of what a file asks was refused when it was last asked for: of several like asks, which one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.core.operation_state import OperationState

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ordersheet.core.history.entries import Ask, Entry, OperationRef


def ways_refused(
    asks: Sequence[Ask],
    wanted: Sequence[int],
    history: Sequence[Entry],
    places: Sequence[int],
    matched: Collection[int],
    own: Collection[OperationRef],
) -> list[dict[int, int]]:
    """Give each way to tell which asks were refused, by the index of the ask the place of its refusal.

    Where a file asks for the same several times, some of it may have been applied and some refused, and
    the history does not name the ask. By the plainest way, the first here, the latest entry speaks for
    all of them. By the others the last of like asks has the latest entry, and so on, each entry speaking
    for one; asks that are left over share the first entry, or the latest. What this run sent for a row
    speaks for that row.

    Args:
        asks: all that the file asks, in file order.
        wanted: the indexes that are looked at.
        history: all of the field's history.
        places: the places of it that are compared.
        matched: the places that have an ask already.
        own: what this run has sent.
    """
    if all(history[place].state is not OperationState.REFUSED for place in places):
        return [{}]
    alike, sent = _by_code(history, places, own)
    free = {
        code: [place for place in like if place not in matched and history[place].ref not in own]
        for code, like in alike.items()
    }
    first: dict[int, int] = {}
    latest: dict[int, int] = {}
    mine: dict[int, int] = {}
    paired: dict[int, int] = {}
    for index in reversed(wanted):
        ask = asks[index]
        code = (ask.operation.kind, ask.key)
        like = alike.get(code, [])
        if ask.occurrence > 1:
            like = [place for place in like if history[place].occurrence == ask.occurrence]
        if not like:
            continue
        first[index], latest[index] = like[0], like[-1]
        its_own = sent.get((ask.row, *code))
        if its_own is not None and ask.occurrence in (1, history[its_own].occurrence):
            mine[index] = its_own
            continue
        for at in range(len(free[code]) - 1, -1, -1):
            if ask.occurrence in (1, history[free[code][at]].occurrence):
                paired[index] = free[code].pop(at)
                break
    return _told_apart((latest | mine, first | paired | mine, latest | paired | mine), history)


def _by_code(
    history: Sequence[Entry], places: Sequence[int], own: Collection[OperationRef]
) -> tuple[dict[tuple[str, str], list[int]], dict[tuple[int, str, str], int]]:
    """Give the places of like entries, and by row those of what this run sent."""
    alike: dict[tuple[str, str], list[int]] = {}
    sent: dict[tuple[int, str, str], int] = {}
    for place in places:
        entry = history[place]
        alike.setdefault((entry.kind, entry.key), []).append(place)
        if entry.ref in own:
            sent[entry.ref.row, entry.kind, entry.key] = place
    return alike, sent


def _told_apart(ways: Sequence[dict[int, int]], history: Sequence[Entry]) -> list[dict[int, int]]:
    """Leave the refusals in each way, and each way once."""
    found = [
        {index: place for index, place in way.items() if history[place].state is OperationState.REFUSED}
        for way in ways
    ]
    return [way for at, way in enumerate(found) if way not in found[:at]]
