"""The command `undo`: what would be put back is shown, asked for, and done."""

from __future__ import annotations

import json
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ordersheet.cli.app import app, examples, settings_of
from ordersheet.cli.arguments import with_options
from ordersheet.cli.console import Console, after, columns, confirmer, end_facts, last_question, plural
from ordersheet.console.diff import marked
from ordersheet.console.log_line import CallLog
from ordersheet.console.unblocked import put, unblocked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ordersheet.config.settings import Settings
    from ordersheet.pipeline.undo_preview import UndoExample, UndoPreview

_BUCKETS = {
    "undone": "would be put back",
    "kept": "stay as they are, since somebody or another run wrote since",
    "cannot be undone": "cannot be undone",
}
_MOMENT = (
    "Between reading an order and writing to it lie at most five seconds: what somebody writes into the same "
    "field in that moment is lost."
)
_NO_CHANGE = (
    "That run changed no order. Where an earlier one had done what its rows ask, their messages in the "
    "report name it: undo that one by its id."
)
_MAILS = "An e-mail or a delivery note that the comment for customers has caused is not taken back by this."


@app.command(
    epilog=examples(
        "ordersheet undo last",
        "ordersheet undo last --rows 5,9-12",
        "ordersheet undo last --yes --json",
    )
)
@with_options("undo")
def undo(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, its unique beginning, or last.")],
    *,
    guess_attributes: Annotated[
        bool,
        typer.Option(
            "--guess-attributes",
            help="Put attributes that the shop does not show back to what this ledger wrote before.",
        ),
    ] = False,
    sheet: Annotated[
        Path | None,
        typer.Option(
            "--sheet",
            metavar="OUT",
            help="Send nothing: write what would be put back as a sheet with guards (.xlsx, .csv), to be "
            "looked at and sent.",
        ),
    ] = None,
    flags: dict[str, Any],
) -> None:
    """Put back what stood in the orders before a run, where nobody wrote since."""
    from ordersheet.cli.signals import signals_press
    from ordersheet.console.progress import reading_progress, sending_progress
    from ordersheet.pipeline.undo import UndoWays, preview_undo
    from ordersheet.pipeline.undo import undo as undo_run
    from ordersheet.pipeline.undo_sheet import refuse_sheet

    settings = settings_of(flags)
    log = CallLog(settings.log_format, file=None, run=None)
    console = Console(json_mode=settings.json, log=log)
    looking = partial(reading_progress, progress=settings.progress, log=log, unit="order")
    if sheet is not None:
        refuse_sheet(sheet, overwrite=settings.overwrite)
        with signals_press(console.say) as stop:
            seen = preview_undo(
                run, settings, guess=guess_attributes, ways=UndoWays(looking=looking, stop=stop)
            )
        _say_sheet(seen, sheet, console, as_json=settings.json)
        return
    with unblocked(log.dropped):
        with (
            signals_press(console.say) as stop,
            sending_progress(progress=settings.progress, log=log) as tell,
        ):
            ways = UndoWays(
                ask=_asker(console, settings),
                confirm=confirmer(console, settings),
                tell=tell,
                looking=looking,
                stop=stop,
                log=log,
            )
            result = undo_run(run, settings, guess=guess_attributes, ways=ways)
        console.say(*after(result))
        if settings.json:
            put(sys.stdout, result.to_json() + "\n")
        if log.json:
            log.say("end", "", **end_facts(result.summary))
        raise typer.Exit(result.exit_code)


def _say_sheet(seen: UndoPreview, sheet: Path, console: Console, *, as_json: bool) -> None:
    from ordersheet.pipeline.undo_sheet import write_sheet

    path, left = write_sheet(sheet, seen)
    if as_json:
        told = {
            "schema": 1,
            "command": "undo",
            "undo_of": seen.run,
            "sheet": str(path.absolute()),
            "rows": seen.rows,
            "left": left,
            "requests": {"get": seen.requests.get, "pushed_back": seen.requests.pushed_back},
        }
        put(sys.stdout, json.dumps(told) + "\n")
    console.say(*before(seen))
    if left:
        console.say(
            f"{plural(left, 'field')} cannot stand in such a sheet: its text cannot be a cell just as it is, "
            "or nobody can see what stands there. Undo those without --sheet."
        )
    console.say(
        "Nothing was sent. Send the sheet to put it back: a row goes out only if its order still holds what "
        "it holds now.",
        str(path.absolute()),
    )


def _asker(console: Console, settings: Settings) -> Callable[[UndoPreview], bool]:
    def ask(seen: UndoPreview) -> bool:
        console.say(*before(seen))
        if settings.yes or not seen.to_undo:
            return True
        question = f"Undo run {seen.run} for {plural(seen.to_undo, 'row')} at {seen.host}? [y/N] "
        return last_question(console, question, verb="undo")

    return ask


def before(seen: UndoPreview) -> Iterator[str]:
    """Say what would be put back, and what would stay."""
    read, requests = plural(seen.orders, "order"), plural(seen.requests.get, "request")
    yield f"What run {seen.run} did: {read} read with {requests}"
    yield from columns((f"{seen.rows[word]:,}".rjust(7), words) for word, words in _BUCKETS.items())
    if seen.before:
        yield f"{plural(seen.before, 'row')} of it an earlier undo has put back already."
    for word, words in _BUCKETS.items():
        found = seen.examples.get(word, [])
        if found:
            yield ""
            yield f"{words[:1].upper()}{words[1:]}, the first {len(found)}:"
        for one in found:
            yield from _example(one)
    yield ""
    yield from seen.warnings
    yield from _sentences(seen)


def _sentences(seen: UndoPreview) -> Iterator[str]:
    if seen.guessed:
        yield (
            f"{plural(seen.guessed, 'attribute')} of these the shop does not show: put back as this ledger "
            "knows, whatever somebody else has made of them."
        )
    if seen.counted_on:
        yield (
            f"{plural(seen.counted_on, 'row')} of later runs count on this one: they were left alone since "
            "it had done the same."
        )
    if seen.to_undo:
        yield _MOMENT
    if seen.for_customers:
        yield _MAILS
    if not any(seen.rows.values()) and not seen.before:
        yield _NO_CHANGE


def _example(one: UndoExample) -> Iterator[str]:
    yield f"  row {one.row}, order {one.order}, {one.field}"
    if one.why:
        yield f"    {one.why}"
    elif one.now is None or one.then is None:
        yield f"    now: not shown by this API; then: {one.then or ''}".rstrip()
    else:
        yield marked(one.now, one.then, width=shutil.get_terminal_size().columns, indent=4)
