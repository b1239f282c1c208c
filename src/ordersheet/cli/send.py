"""check and send: what the command is for."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ordersheet.cli.app import FILE_ALONE, app, examples, settings_of
from ordersheet.cli.arguments import CommandWithBareOptions, with_options
from ordersheet.cli.console import (
    Console,
    after,
    before,
    columns_not_sent,
    confirmer,
    end_facts,
    last_question,
    notes,
    plural,
)
from ordersheet.cli.findings import called_ok, each_problem, first_payloads, problems, recognised
from ordersheet.cli.online import seen_online
from ordersheet.cli.remote import Fetched, fetched
from ordersheet.config.target import target_of
from ordersheet.console.log_line import CallLog
from ordersheet.console.unblocked import put, unblocked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ordersheet.config.settings import Settings
    from ordersheet.core.result import RunResult
    from ordersheet.pipeline.check import Checked
    from ordersheet.pipeline.preview import Preview

File = Annotated[
    str,
    typer.Argument(
        metavar="FILE", help="The spreadsheet: .xlsx, .xlsm, .csv, .tsv, .txt, .ods, .xls; or its URL."
    ),
]


@app.command(
    epilog=examples(
        "ordersheet check calls.xlsx",
        "ordersheet check calls.xlsx --online --preview seen.xlsx",
        "ordersheet check calls.csv --delimiter semicolon --encoding cp1252 --json",
    )
)
@with_options("check")
def check(file: File, flags: dict[str, Any]) -> None:
    """Read, map, validate and show what would be sent; sends nothing, needs no network."""
    settings = settings_of(flags)
    with fetched(file, flags) as here:
        log = _log_of(here, settings)
        checked = _checked(here.path, settings, Console(json_mode=settings.json, log=log), log)
        end(here.named(checked.result), settings, log)


def _log_of(here: Fetched, settings: Settings) -> CallLog:
    return CallLog(settings.log_format, file=here.shown, run=None)


def _checked(file: Path, settings: Settings, console: Console, log: CallLog) -> Checked:
    """Check a file, and show what was found."""
    from ordersheet.cli.signals import signals_press
    from ordersheet.console.progress import reading_progress
    from ordersheet.pipeline.check import check as check_file

    reading = partial(reading_progress, progress=settings.progress, log=log)
    looking = partial(reading, unit="order")
    with signals_press(console.say_of_signal) as stop:
        checked = check_file(file, settings, reading, looking=looking, stop=stop)
    prepared, seen = checked.prepared, checked.preview
    console.say(*recognised(prepared, hidden=settings.hidden))
    console.say(*columns_not_sent(seen), *notes(seen, settings), "", *before(seen), *called_ok(seen))
    if prepared.tally.groups:
        console.say("", "Problems:", *problems(prepared.tally.groups))
        if settings.verbose:
            console.say("", "Each of them:", *each_problem(prepared.tally.problems))
    if seen.to_send:
        console.say("", "The first rows as payloads:", *first_payloads(seen.first, whole=settings.verbose))
    if checked.online is not None:
        console.say(*seen_online(checked.online))
    for one in checked.written:
        console.say("", f"Written: {one.path}", *filter(None, [one.note]))
    return checked


@app.command(
    cls=CommandWithBareOptions,
    epilog=examples(
        "ordersheet send calls.xlsx",
        "ordersheet send calls.xlsx --limit 1 --open",
        "ordersheet send ids.csv --set internalComment='Delayed by strike' --yes",
    ),
)
@with_options("send")
def send(file: File, flags: dict[str, Any]) -> None:
    """Send each row, write the report; run it again to finish what is not finished."""
    with fetched(file, flags) as here:
        settings = settings_of(here.flags)
        log = _log_of(here, settings)
        console = Console(json_mode=settings.json, log=log)
        _send(here, settings, console, log, asker(console, settings, shown=False))


@app.command(FILE_ALONE, hidden=True, cls=CommandWithBareOptions)
@with_options("send")
def file_alone(file: File, flags: dict[str, Any]) -> None:
    """Check a file, ask, send it, and open the report: what dragging it onto the program does."""
    with fetched(file, flags) as here:
        settings = settings_of({**here.flags, "open": True})
        log = _log_of(here, settings)
        console = Console(json_mode=settings.json, log=log)
        target_of(settings)  # without an address there is nothing to be asked in the end
        if _checked(here.path, settings, console, log).preview.to_send:
            console.say("")
        _send(here, settings, console, log, asker(console, settings, shown=True))


def _send(
    here: Fetched, settings: Settings, console: Console, log: CallLog, ask: Callable[[Preview], bool]
) -> None:
    from ordersheet.cli.signals import signals_press
    from ordersheet.console.progress import reading_progress, sending_progress
    from ordersheet.pipeline.send import send as send_file

    with unblocked(log.dropped):
        with (
            signals_press(console.say) as stop,
            sending_progress(progress=settings.progress, log=log) as tell,
        ):
            reading = partial(reading_progress, progress=settings.progress, log=log)
            confirm = confirmer(console, settings)
            result = send_file(
                here.path, settings, ask=ask, confirm=confirm, tell=tell, reading=reading, stop=stop, log=log
            )
        result = here.put_report(result, console.say)
        console.say(*after(result))
        end(result, settings, log)


def asker(console: Console, settings: Settings, *, shown: bool) -> Callable[[Preview], bool]:
    """Give what asks whether to send; `shown` where all that bears on the answer has just been said."""

    def ask(seen: Preview) -> bool:
        if not shown:
            console.say(*columns_not_sent(seen), *notes(seen, settings), *before(seen))
        if settings.yes or not seen.to_send:
            return True
        return last_question(console, _question(seen), verb="send")

    return ask


def _question(seen: Preview) -> str:
    visible = seen.customer_visible
    told = f" {plural(visible, 'text')} of them may be seen by customers." if visible else ""
    return f"Send {plural(seen.to_send, 'row')} to {seen.host}?{told} [y/N] "


def end(result: RunResult, settings: Settings, log: CallLog) -> None:
    """Tell scripts what a run came to, open its report where that is wanted, and exit."""
    if settings.json:
        put(sys.stdout, result.to_json() + "\n")
    if log.json:
        log.say("end", "", **end_facts(result.summary))
    if settings.open and result.report is not None:
        typer.launch(str(result.report))
    raise typer.Exit(result.exit_code)
