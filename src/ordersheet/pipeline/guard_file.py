"""The person's own file with what stands in the orders now, as guards: review it today, send it tomorrow."""

from __future__ import annotations

from dataclasses import replace
from heapq import merge
from operator import itemgetter
from typing import TYPE_CHECKING

from ordersheet.core.errors import UsageError
from ordersheet.core.model import COMMENT_FIELDS, NOT_READ, ORDER, REPLACE_FLAGS
from ordersheet.mapping.headers import guard_header, is_guard_header
from ordersheet.pipeline.extra_outputs import refuse_place, write_beside
from ordersheet.pipeline.guards import guard_cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ordersheet.config.settings import Settings
    from ordersheet.pipeline.intake import Prepared
    from ordersheet.pipeline.online import Online
    from ordersheet.reporter import Written

WIDTH = 30
"""Characters."""


def refuse_guard(prepared: Prepared, settings: Settings) -> None:
    """Refuse what cannot be written before any order is read.

    Raises:
        UsageError: the source is a frame or has guards already, or the place is taken.
    """
    if settings.guard is None:
        return
    of_frame = "guard needs a file as its source; of a frame, to_frame() has what stands now."
    refuse_place(prepared, settings, "guard", of_frame=of_frame)
    twice = [header.text for header in prepared.table.headers if is_guard_header(header.text)]
    if twice:
        raise UsageError(
            f'The file is guarded already, by a column "{twice[0]}". Take the file it was made from.',
            code="guard-of-guarded",
        )


def write_guard(prepared: Prepared, settings: Settings, online: Online) -> tuple[Written, list[str]]:
    """Write the file with a column `expect:` for each field that is sent and shown.

    Returns:
        Where it is, and sentences about what could not be guarded.
    """
    assert settings.guard is not None
    fields, notes = _fields(prepared, online)
    headers, widths = tuple(map(guard_header, fields)), (WIDTH,) * len(fields)
    written = write_beside(prepared, headers, widths, _rows(prepared, fields, online), settings.guard)
    unread = len(online.asked) - len(online.orders)
    if unread:
        notes.append(
            f"Orders that are not in the shop's answers: {unread:,}. Their guards say {NOT_READ}, and with "
            "that their rows cannot be sent."
        )
    told = " ".join(filter(None, [written.note, *notes])) or None
    return replace(written, note=told), notes


def _fields(prepared: Prepared, online: Online) -> tuple[list[str], list[str]]:
    """Give the fields that can be guarded, and a sentence about each that cannot."""
    fields, notes = [], []
    shown = any(one.attributes is not None for one in online.orders.values())
    for sent in prepared.column_map.sent_columns():
        if sent.field in (ORDER, *REPLACE_FLAGS.values()):
            continue
        if sent.field in COMMENT_FIELDS or shown:
            fields.append(sent.field)
        else:
            notes.append(f"{sent.field} has no guard, since this shop's answers do not show it.")
    return fields, notes


def _rows(prepared: Prepared, fields: Sequence[str], online: Online) -> Iterator[tuple[int, tuple[str, ...]]]:
    from ordersheet.delivery.reconcile import standing_in

    staging, facts = prepared.staging, prepared.table.facts
    encoding = facts.encoding if facts.form == "csv" else None
    asking = ((one.row, int(one.order)) for one in staging.updates_by_row())
    others = ((one.row, None) for one in staging.left_out_results())
    for row, order in merge(asking, others, key=itemgetter(0)):
        seen = None if order is None else online.orders.get(order)
        view = None if seen is None else seen.view
        yield row, tuple([guard_cell(standing_in(view, field), encoding) for field in fields])
