"""What stands in the orders: `check --online` in words, and the command `export`."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ordersheet.cli.app import app, examples, settings_of
from ordersheet.cli.arguments import checked, with_options
from ordersheet.cli.console import Console, columns, plural
from ordersheet.console.diff import marked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ordersheet.pipeline.changes import Change
    from ordersheet.pipeline.export import Exported
    from ordersheet.pipeline.online import Online

FIRST_CHANGES = 20
_NOTES = {
    "not visible": "is not in the shop's answer (its ID, market, status or store); it is sent all the same",
    "unread": "could not be read",
    "changed since": "no longer holds what its expect: column says; it is not sent",
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
    yield marked(change.now, change.then or "", width=shutil.get_terminal_size().columns, indent=4)


@app.command(
    epilog=examples(
        "ordersheet export new.xlsx --newer-than 2026-11-01",
        "ordersheet export open.csv --newer-than 2026-11-01 --status pending --json",
        "ordersheet export as-they-are.xlsx --orders calls.xlsx",
    )
)
@with_options("export")
def export(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The new file, .xlsx or .csv.")],
    *,
    newer_than: Annotated[
        str | None,
        typer.Option(metavar="D", help="Orders placed after this date (and time), in the shop's time zone."),
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option(metavar="D", help="Orders placed before this date (and time), in the shop's time zone."),
    ] = None,
    orders: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The orders whose IDs stand in this sheet.")
    ] = None,
    status: Annotated[
        str | None, typer.Option(metavar="S", help="Orders with this status alone, as the API names it.")
    ] = None,
    fields: Annotated[
        str | None,
        typer.Option(metavar="a,b", help="Further fields of the API's answer, such as orderCurrency."),
    ] = None,
    edit: Annotated[
        str | None,
        typer.Option(
            metavar="internalComment|comment",
            help="Fill in this comment, to be edited: edited cells alone are sent, where it still stands.",
        ),
    ] = None,
    flags: dict[str, Any],
) -> None:
    """Write orders of the shop into a new sheet, to look at, fill in and send."""
    from ordersheet.cli.signals import signals_press
    from ordersheet.console.log_line import CallLog
    from ordersheet.console.progress import reading_progress
    from ordersheet.pipeline.export import Chosen, parse_edit, parse_moment
    from ordersheet.pipeline.export import export as export_orders

    settings = settings_of(flags)
    console = Console(json_mode=settings.json)
    log = CallLog(settings.log_format, file=str(out), run=None)
    chosen = Chosen(
        newer_than=checked("--newer-than", parse_moment)(newer_than) if newer_than else None,
        older_than=checked("--older-than", parse_moment)(older_than) if older_than else None,
        orders=orders,
        status=status,
        edit=checked("--edit", parse_edit)(edit) if edit else None,
        fields=tuple(name.strip() for name in (fields or "").split(",") if name.strip()),
    )
    looking = partial(reading_progress, progress=settings.progress, log=log, unit="order")
    with signals_press(console.say) as stop:
        found = export_orders(out, settings, chosen, looking=looking, stop=stop)
    _say_exported(found, console, as_json=settings.json)


def _say_exported(found: Exported, console: Console, *, as_json: bool) -> None:
    if as_json:
        told = {
            "schema": 1,
            "command": "export",
            "file": str(found.path.absolute()),
            "orders": found.orders,
            "missing": found.missing,
            "as_of": f"{found.as_of:%Y-%m-%dT%H:%M:%SZ}",
            "requests": {"get": found.requests.get, "pushed_back": found.requests.pushed_back},
        }
        typer.echo(json.dumps(told))
    missing = f", {found.missing:,} not in the shop's answer" if found.missing else ""
    console.say(
        f"{plural(found.orders, 'order')}{missing}, as of {found.as_of.astimezone():%Y-%m-%d %H:%M:%S}, "
        f"with {plural(found.requests.get, 'request')}",
        *found.notes,
        "Dates are in the shop's own time zone, which the API does not tell.",
        str(found.path.absolute()),
    )
