"""Guards in sheets: what stands in their way, said before anything is sent, and how they are written."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from ordersheet.core.errors import UsageError
from ordersheet.core.model import COMMENT_FIELDS, NOT_READ, RequestCounts
from ordersheet.mapping import CLEAR
from ordersheet.pipeline.online import read_access, refuse_unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ordersheet.api import ListedOrder
    from ordersheet.config.settings import Settings
    from ordersheet.core.stop_switch import StopSwitch
    from ordersheet.mapping import Feed
    from ordersheet.pipeline.intake import Prepared

_MOST_TRIED = 3
"""Orders that are read at most to see whether a guarded field is shown."""


def editable(text: str, *, csv: bool) -> bool:
    """Tell whether a cell with this text, handed over again, says just this text."""
    from ordersheet.reporter import stands_whole

    word = text.strip().casefold()
    return word not in (CLEAR, NOT_READ) and stands_whole(text, csv=csv)


def guard_cell(text: str | None, encoding: str | None = None) -> str:
    """Give what a guard's cell says of what a field holds; that nobody read it, where it cannot say that.

    Args:
        text: what the field holds; None where that is not known.
        encoding: of the CSV that it goes into; None for a workbook.
    """
    from ordersheet.reporter import stands_whole

    if text is None or not stands_whole(text, csv=False):
        return NOT_READ
    try:
        text.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        return NOT_READ
    return text


def refuse_unread_guards(prepared: Prepared, settings: Settings) -> None:
    """Refuse guards in a run that reads no orders.

    Raises:
        UsageError: `guard-unread`.
    """
    guards = prepared.column_map.guards
    if guards and not settings.baseline:
        raise UsageError(
            f'The column "{guards[0].header}" is compared with what stands in the orders, and with '
            "--no-baseline they are not read. Leave --no-baseline out, or delete the column.",
            code="guard-unread",
        )


def refuse_unshown_guards(
    prepared: Prepared, settings: Settings, *, stop: StopSwitch | None = None
) -> RequestCounts:
    """Read one of the guarded orders, and refuse the file where its guards cannot be compared at all.

    Returns:
        The requests that this took.

    Raises:
        UsageError: `guard-not-shown`; or the key may not read orders.
        Interrupted: a signal ended it.
    """
    from ordersheet.delivery import run_in_thread
    from ordersheet.delivery.reading.orders import read_orders

    asked = RequestCounts()
    seen: list[ListedOrder] = []
    unshown: list[Feed] = []
    access = read_access(settings, stop=stop)

    def keep(_order: int, one: ListedOrder | None) -> None:
        if one is not None:
            seen.append(one)

    for order in prepared.staging.guarded_orders(_MOST_TRIED):
        one_of_them = partial(read_orders, [order], access, keep, paging=False)
        with _armed(access.stop):
            end = run_in_thread(one_of_them, access.stop)
        refuse_unreadable(end, access.stop, read=1, without="the expect: columns")
        asked += end.requests
        guards = prepared.column_map.guards
        unshown = [feed for feed in guards if not any(_shows(one, feed.field) for one in seen)]
        if end.unread or not unshown:
            break
    if seen and unshown:
        raise UsageError(
            f'The column "{unshown[0].header}" guards {unshown[0].field}, which this shop\'s answers do not '
            "show, so it cannot be compared. Delete the column to send without it.",
            code="guard-not-shown",
        )
    return asked


@contextmanager
def _armed(stop: StopSwitch) -> Iterator[None]:
    """Let a signal end the reading, and leave it as it was for the question that follows."""
    before, stop.armed = stop.armed, True
    try:
        yield
    finally:
        stop.armed = before


def _shows(one: ListedOrder, field: str) -> bool:
    return one.comments.get(field) is not None if field in COMMENT_FIELDS else one.attributes is not None
