"""The command that makes the ledger forget: purge."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ordersheet.cli.app import app, settings_of
from ordersheet.cli.arguments import checked, with_options
from ordersheet.cli.console import Console, plural, says_yes
from ordersheet.cli.ledger import open_ledger
from ordersheet.config.options import types
from ordersheet.core.errors import UsageError

if TYPE_CHECKING:
    from ordersheet.config.settings import Settings
    from ordersheet.ledger import Ledger
    from ordersheet.ledger.records import Purged


@app.command(epilog="Example: ordersheet purge --older-than 90d")
@with_options("purge")
def purge(
    *,
    older_than: Annotated[
        int | None,
        typer.Option(
            "--older-than",
            metavar="DAYS",
            help="Such as 90d.",
            parser=checked("--older-than", types.days),
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Whatever may be purged, however young.")] = False,
    flags: dict[str, Any],
) -> None:
    """Remove texts and copies of files whose time has ended; what was applied stays known."""
    if (older_than is None) == (not everything):
        raise UsageError("Say either --older-than 90d or --all.", code="bad-purge")
    settings = settings_of(flags)
    with open_ledger(settings, read_only=False) as ledger:
        undoable = ledger.undoable(timedelta(days=older_than or 0))
        if undoable:
            Console().say(f"{plural(undoable, 'run')} can no longer be undone after this.")
        if everything:
            _ask_for_all(settings)
        done = ledger.purge_all() if older_than is None else ledger.purge(timedelta(days=older_than))
        _say_purged(done)
        _remove_large_files(ledger, settings)


def _say_purged(done: Purged) -> None:
    copies = plural(done.copies, "copy", "copies")
    Console().say(f"Purged: {plural(done.runs, 'run')}, {plural(done.texts, 'text')}, {copies} of inputs.")
    if done.in_doubt:
        Console().say(
            f"{plural(done.in_doubt, 'operation')} in doubt keep their texts until they are settled."
        )


def _remove_large_files(ledger: Ledger, settings: Settings) -> None:
    """Remove the inputs that lie elsewhere, too.

    Raises:
        FilePlaceError: their place cannot be used now.
    """
    from ordersheet.pipeline.kept_input import remove_unwanted

    if settings.large_files is not None:
        removed = remove_unwanted(ledger, settings.large_files)
        if removed:
            Console().say(f"Removed from {settings.large_files}: {plural(removed, 'file')}.")
        return
    left = sum(one.removed is None for one in ledger.submissions().large_files.unwanted())
    if left:
        Console().say(
            f"{plural(left, 'large file')} of no use any more must be removed by a computer that knows"
            " their place: set large-files, and purge again."
        )


def _ask_for_all(settings: Settings) -> None:
    """Ask before every text goes, since nobody gets them back."""
    if settings.yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            "purge --all removes every text and copy that may go, and there is no terminal to ask at. "
            "Add --yes to do it without being asked.",
            code="no-answer",
        )
    Console().say(f"Remove every text and copy that may go from {settings.ledger}? [y/N] ", end="")
    if not says_yes(sys.stdin.readline()):
        raise UsageError("Nothing was removed.", code="declined")
