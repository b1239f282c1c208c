"""`ordersheet ledger …`: what is done to the ledger as a whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ordersheet.cli.app import app, settings_of
from ordersheet.cli.arguments import with_options
from ordersheet.cli.console import Console, plural
from ordersheet.cli.ledger import open_ledger, refuse_missing_ledger
from ordersheet.config.ledger_place import ledger, refuse_open_password
from ordersheet.core.errors import UsageError
from ordersheet.core.ledger_url import LedgerUrl

group = typer.Typer(
    name="ledger",
    help="Make a shared ledger, move one, bring one up to date, back it up, or check it.",
    rich_markup_mode=None,
    no_args_is_help=True,
)
app.add_typer(group)

Url = Annotated[
    str, typer.Argument(metavar="URL", help="postgresql://host/database, or env:NAME or file:PATH of it.")
]
_PLACE = "A path, postgresql://host/database, or env:NAME or file:PATH of that."
Source = Annotated[str, typer.Argument(metavar="FROM", help=_PLACE)]
Destination = Annotated[str, typer.Argument(metavar="TO", help=_PLACE)]
Target = Annotated[Path, typer.Argument(metavar="TARGET", help="A new file, or a folder.")]


@group.command(epilog="Example: ordersheet ledger backup /srv/backup/ledger-monday.db")
@with_options("ledger backup")
def backup(
    target: Target,
    flags: dict[str, Any],
) -> None:
    """Copy the ledger as it is at this moment, also while runs go on; readable by you alone."""
    settings = settings_of(flags)
    with open_ledger(settings, read_only=True) as opened:
        own = opened.path if isinstance(opened.path, Path) else None
        name = "ledger.db" if own is None else own.name
        place = (target / name if target.is_dir() else target).absolute()
        if own is not None and place.exists() and place.samefile(own):
            raise UsageError(f"{place} is the ledger itself. Choose another name.", code="exists")
        try:
            opened.back_up(place, overwrite=settings.overwrite)
        except FileExistsError:
            raise UsageError(
                f"{place} exists already. Choose another name, or add --overwrite.", code="exists"
            ) from None
    Console().say(str(place))


@group.command(epilog="Example: ordersheet ledger check")
@with_options("ledger check")
def check(flags: dict[str, Any]) -> None:
    """Check the ledger from end to end, and change nothing: exit 0 where it is whole, else 1."""
    from ordersheet.ledger import Ledger

    settings = settings_of(flags)
    refuse_missing_ledger(settings)
    found = Ledger.check(settings.ledger)
    if settings.json:
        told = {
            "schema": 1,
            "command": "ledger check",
            "ledger": str(settings.ledger),
            "version": found.version,
            "runs": found.runs,
            "operations": found.operations,
            "faults": list(found.faults),
        }
        typer.echo(json.dumps(told))
    else:
        verdict = "is not whole:" if found.faults else "is whole:"
        counts = f"{plural(found.runs, 'run')}, {plural(found.operations, 'operation')}"
        Console().say(f"{settings.ledger} {verdict} {counts}.", *(f"  {fault}" for fault in found.faults))
        if found.faults:
            Console().say("Put a backup in its place (docs/operations.md), or send a copy of it for help.")
    raise typer.Exit(1 if found.faults else 0)


@group.command(epilog="Example: ordersheet ledger init postgresql://owner@db.example/orders")
def init(url: Url) -> None:
    """Make a shared ledger in a database of PostgreSQL's: tables, rules, and roles for those who use it."""
    from ordersheet.ledger import make_shared

    place = _given_place(url)
    if not isinstance(place, LedgerUrl):
        raise UsageError(
            f"{place} is a file: a ledger in a file is made by the first send. Give postgresql://host/database.",
            code="not-shared",
        )
    make_shared(place)
    Console().say(
        f"{place} is a ledger now.",
        *_queue_for_workers(place),
        "Grant the role ordersheet_writer to those who send, and ordersheet_reader to those who only look.",
    )


@group.command(epilog="Example: ordersheet ledger upgrade")
@with_options("ledger upgrade")
def upgrade(flags: dict[str, Any]) -> None:
    """Bring the ledger to this program's version; no other command does so with a shared one."""
    from ordersheet.ledger import upgrade as upgrade_ledger

    settings = settings_of(flags)
    refuse_missing_ledger(settings)
    version = upgrade_ledger(settings.ledger)
    told = _queue_for_workers(settings.ledger) if isinstance(settings.ledger, LedgerUrl) else ()
    Console().say(f"{settings.ledger} is of version {version}.", *told)


def _queue_for_workers(place: LedgerUrl) -> tuple[str, ...]:
    """Make the tables of the workers' queue, where its library is installed here; gives what to say."""
    from ordersheet.team.queue import make_tables

    if make_tables(place):
        return ()
    return (
        "For workers (ordersheet submit), install ordersheet[team] here and run: ordersheet ledger upgrade",
    )


@group.command(epilog="Example: ordersheet ledger move ~/.local/share/ordersheet/ledger.db file:ledger-url")
def move(source: Source, target: Destination) -> None:
    """Move a ledger from a file to a shared one, or back; the old one takes no more runs, and says why."""
    from ordersheet.ledger import move as move_ledger

    old, new = _given_place(source), _given_place(target)
    moved = move_ledger(old, new)
    Console().say(
        f"{old} was moved to {new}: {moved.lines:,} lines, each compared, {plural(moved.copies, 'input')}.",
        "Name the new one with --ledger, or in your settings file.",
    )


def _given_place(text: str) -> Path | LedgerUrl:
    refuse_open_password(text, "the command line")
    try:
        return ledger(text)
    except ValueError as error:
        raise UsageError(f"The ledger's place {error}.", code="bad-ledger") from None
