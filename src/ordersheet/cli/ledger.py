"""The commands that look into the ledger: runs, show, resolve and report."""

from __future__ import annotations

import json
from datetime import UTC
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ordersheet.cli.app import app, settings_of
from ordersheet.cli.arguments import checked, with_options
from ordersheet.cli.console import Console, columns, plural, short
from ordersheet.config.options import types
from ordersheet.core.errors import UsageError
from ordersheet.core.result import cells, iso

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ordersheet.config.settings import Settings
    from ordersheet.ledger import Ledger, OperationInfo, RowInfo, RunInfo

Run = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, its unique beginning, or last.")]


def refuse_missing_ledger(settings: Settings) -> None:
    """Refuse a command that only looks, where there is nothing to look at.

    Raises:
        UsageError: there is no ledger.
    """
    if not settings.ledger.exists():
        raise UsageError(
            f"There is no ledger at {settings.ledger}: nothing was sent yet, or --ledger names another.",
            code="no-ledger",
        )


def open_ledger(settings: Settings, *, read_only: bool) -> Ledger:
    """Open the ledger that the settings name; it must be there."""
    from ordersheet.ledger import Ledger

    refuse_missing_ledger(settings)
    return Ledger.open(settings.ledger, create=False, read_only=read_only)


def _print_json(value: Mapping[str, object]) -> None:
    typer.echo(json.dumps(value))


@app.command(epilog="Example: ordersheet runs")
@with_options("runs")
def runs(flags: dict[str, Any]) -> None:
    """List what was done, when, and from which file."""
    settings = settings_of(flags)
    with open_ledger(settings, read_only=True) as ledger:
        found = ledger.runs()
    if settings.json:
        _print_json({"schema": 1, "command": "runs", "runs": [run_object(info) for info in found]})
        return
    console = Console()
    if not found:
        console.say("No run yet.")
    console.say(*columns(_run_cells(info) for info in found))


def _run_cells(info: RunInfo) -> tuple[str, ...]:
    started = info.started.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    batch = f"batch {info.batch}" if info.batch else ""
    batch = f"undo of {info.undo_of}" if info.undo_of else batch
    no = info.rows - info.ok - info.left_out
    left_out = f", {info.left_out:,} left out" if info.left_out else ""
    rows = f"{info.ok:,} ok, {no:,} no{left_out}"
    return info.run, started, info.state.value, rows, info.host, batch, info.input


def run_object(info: RunInfo) -> dict[str, object]:
    """Give one run as `runs --json` and `show --json` have it."""
    return {
        "run": info.run,
        "undo_of": info.undo_of,
        "state": info.state.value,
        "store": info.store,
        "host": info.host,
        "profile": info.profile,
        "batch": info.batch,
        "again": info.again,
        "file": info.input,
        "sha256": info.sha256,
        "sheet": info.sheet,
        "user": info.user,
        "uid": info.uid,
        "machine": info.machine,
        "version": info.tool_version,
        "started": iso(info.started),
        "finished": iso(info.finished),
        "stopped_by": info.stopped_by,
        "error": info.message or None,
        "report": info.report,
        "rows": info.rows,
        "status": {"ok": info.ok, "no": info.rows - info.ok},
        "left_out": info.left_out,
        "outcomes": dict(info.outcomes),
    }


@app.command(epilog="Example: ordersheet show last --rows")
@with_options("show")
def show(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run's id, its unique beginning, or last.")
    ] = "last",
    *,
    rows: Annotated[bool, typer.Option("--rows", help="Each row, too.")] = False,
    order: Annotated[
        int | None,
        typer.Option(
            "--order",
            metavar="ID",
            help="All that was done to this order.",
            parser=checked("--order", types.whole(1)),
        ),
    ] = None,
    flags: dict[str, Any],
) -> None:
    """Show one run, its rows, or what was done to one order and by whom."""
    settings = settings_of(flags)
    console = Console(json_mode=settings.json)
    with open_ledger(settings, read_only=True) as ledger:
        if order is not None:
            _show_order(ledger.order_history(order), order, settings, console)
            return
        info = ledger.run(run)
        if settings.json and rows:
            for row in ledger.rows(info.run):
                _print_json(row_object(row))
        elif settings.json:
            _print_json({"schema": 1, "command": "show", **run_object(info)})
        else:
            console.say(*_run_lines(info, _how_far(ledger, info)))
            if rows:
                console.say("", *columns(_row_cells(row) for row in ledger.rows(info.run)))


def _how_far(ledger: Ledger, info: RunInfo) -> str | None:
    """Say how far workers have come with a run; None where none send it."""
    if not info.submitted or info.finished is not None:
        return None
    state = ledger.submissions().state(info.run)
    under_way, waiting = state.chunks.get("taken", 0), state.chunks.get("waiting", 0)
    whole = sum(state.chunks.values())
    done = f"{whole - under_way - waiting:,} of {plural(whole, 'chunk')} done"
    if state.stopped:
        return f"{done}, {under_way:,} under way; it is being stopped"
    left = ledger.submissions().rows_to_go(info.run)
    waits = f"{left.rows:,} {'row waits' if left.rows == 1 else 'rows wait'}"
    if not left.begun:
        return f"{done}; {waits}, and no worker has taken any of it yet"
    return f"{done}, {under_way:,} under way; {waits}"


def _run_lines(info: RunInfo, how_far: str | None) -> Iterator[str]:
    yield from columns(
        [
            ("run", f"{info.run} ({info.state.value})"),
            *([("undo of", info.undo_of)] if info.undo_of else []),
            ("file", info.input + (f', sheet "{info.sheet}"' if info.sheet else "")),
            ("to", f"{info.host}" + (f", profile {info.profile}" if info.profile else "")),
            ("by", f"{info.person} on {info.machine}, ordersheet {info.tool_version}"),
            ("started", iso(info.started) or ""),
            (
                "ended",
                iso(info.finished) or ("(not yet)" if info.state.value == "running" else "(it was killed)"),
            ),
            *([("workers", how_far)] if how_far is not None else []),
            *([("batch", info.batch)] if info.batch else []),
            *([("report", info.report)] if info.report else []),
        ],
        indent=0,
    )
    yield ""
    yield from columns((f"{number:,}".rjust(7), outcome) for outcome, number in info.outcomes.items())
    if info.message:
        yield info.message


def row_object(row: RowInfo) -> dict[str, object]:
    """Give one row as `show RUN --rows --json` has it, one object a line."""
    result = row.result
    status, outcome, message, time = cells(result)
    return {
        "row": result.row,
        "order": result.order,
        "status": status,
        "outcome": outcome,
        "message": message,
        "time": time or None,
        "attempts": [
            {
                "number": attempt.number,
                "begun": iso(attempt.begun),
                "given_up": iso(attempt.given_up),
                "verdict": attempt.verdict,
                "http_status": attempt.status,
            }
            for attempt in row.attempts
        ],
        "operations": [operation_object(operation) for operation in row.operations],
    }


def operation_object(operation: OperationInfo) -> dict[str, object]:
    """Give one operation as `show --json` has it."""
    return {
        "store": operation.store,
        "run": operation.run,
        "row": operation.row,
        "order": operation.order,
        "field": operation.field,
        "kind": operation.kind.value,
        "state": operation.state.value,
        "text": operation.text,
        "earlier": operation.earlier,
        "time": iso(operation.at),
        "message": operation.message,
        "batch": operation.batch,
        "occurrence": operation.occurrence,
        "resolved_by": operation.resolved_by,
        "user": operation.user,
        "uid": operation.uid,
        "machine": operation.machine,
        "file": operation.input,
        "submitted": None
        if (whole := operation.submitted) is None
        else {"run": whole.run, "user": whole.user, "uid": whole.uid, "machine": whole.machine},
    }


def _row_cells(row: RowInfo) -> tuple[str, ...]:
    result = row.result
    return (
        str(result.row).rjust(7),
        result.order,
        result.status,
        result.outcome.value,
        short(result.message, 90),
    )


def _show_order(found: list[OperationInfo], order: int, settings: Settings, console: Console) -> None:
    if settings.json:
        for operation in found:
            _print_json(operation_object(operation))
        return
    if not found:
        console.say(f"This ledger has done nothing to order {order}.")
    store = None
    for operation in found:
        if operation.store != store:
            store = operation.store
            console.say(f"Order {order} at {store}:")
        sent = operation.submitted or operation
        by = f"{sent.person} on {sent.machine}, run {sent.run}, row {operation.row}"
        console.say(
            f"{iso(operation.at)}  {operation.kind.value} {operation.field}: {operation.state.value}",
            f"    by {by} of {operation.input}",
        )
        if operation.submitted:
            console.say(
                f"    through a worker of {operation.person} on {operation.machine}, run {operation.run}"
            )
        console.say(
            f"    text: {operation.text if operation.text is not None else '(no longer kept)'}",
        )
        if operation.earlier:
            console.say(f"    before: {operation.earlier}")
        if operation.message:
            console.say(f"    answer: {operation.message}")
        if operation.resolved_by:
            console.say(f"    settled by {operation.resolved_by}")


@app.command(epilog="Example: ordersheet resolve last --row 12 applied")
@with_options("resolve")
def resolve(
    run: Run,
    verdict: Annotated[
        str, typer.Argument(metavar="applied|absent", help="Whether the text stands in the order.")
    ],
    *,
    row: Annotated[
        int,
        typer.Option(
            "--row",
            metavar="N",
            help="The row, by the number you see.",
            parser=checked("--row", types.whole(1)),
        ),
    ],
    flags: dict[str, Any],
) -> None:
    """Settle an unconfirmed row, once a person has looked at the order."""
    from ordersheet.ledger import this_person

    if verdict not in ("applied", "absent"):
        raise UsageError(f"Say applied or absent, not {verdict}.", code="bad-verdict")
    settings = settings_of(flags)
    with open_ledger(settings, read_only=False) as ledger:
        result = ledger.resolve(run, row, applied=verdict == "applied", who=str(this_person()))
    Console().say(f"Row {result.row}, order {result.order}: {result.outcome.value}. {result.message}")


@app.command(epilog="Example: ordersheet report last")
@with_options("report")
def report(run: Run = "last", *, flags: dict[str, Any]) -> None:
    """Write the report of an earlier run again."""
    from ordersheet.pipeline.rereport import rewrite_report_by

    settings = settings_of(flags)
    with open_ledger(settings, read_only=True) as ledger:
        written = rewrite_report_by(settings, ledger, run)
    Console().say(*filter(None, [written.note, str(written.path.absolute())]))
    if settings.open:
        typer.launch(str(written.path))
