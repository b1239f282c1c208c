"""What `check --online` says: the counts, and the first changes as old and new."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from ordersheet.cli.console import columns, plural
from ordersheet.console.diff import marked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ordersheet.pipeline.changes import Change
    from ordersheet.pipeline.online import Online

FIRST_CHANGES = 20
_NOTES = {
    "not visible": "is not in the shop's answer (its ID, market, status or store); it is sent all the same",
    "unread": "could not be read",
}


def seen_online(online: Online) -> Iterator[str]:
    """Say what stands in the orders and what would become of it."""
    read, requests = plural(len(online.orders), "order"), plural(online.requests.get, "request")
    yield ""
    yield f"What stands in the orders now: {read} read with {requests}"
    yield from columns(
        (f"{sum(fields.values()):,}".rjust(7), word, ", ".join(f"{n:,} {name}" for name, n in fields.items()))
        for word, fields in online.counts().items()
    )
    shown = [change for change in online.all() if change.changes or change.word.value in _NOTES]
    if not shown:
        return
    yield ""
    yield f"The first {len(shown[:FIRST_CHANGES])} of {len(shown):,}, as old and new:"
    for change in shown[:FIRST_CHANGES]:
        yield from _change(change)
    if any(change.word.value == "append" and change.now for change in shown):
        yield "  (How the shop joins a comment and a text added to it is not known; here it is a new line.)"


def _change(change: Change) -> Iterator[str]:
    yield f"  row {change.row}, order {change.order}, {change.field}: {change.word}"
    if change.word.value in _NOTES:
        yield f"    {_NOTES[change.word.value]}"
        return
    if change.now is None:
        yield f"    now: not shown by this API; then: {'' if change.then is None else change.then}".rstrip()
        return
    width = shutil.get_terminal_size().columns - 4
    for line in marked(change.now, change.then or "", width=width, colour=sys.stderr.isatty()):
        yield f"    {line}"
