"""`submit`: check a file, and hand it over to the workers."""

from __future__ import annotations

import hashlib
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from ordersheet.config.target import key_for, target_of
from ordersheet.core.errors import LedgerError, OrdersheetError, SourceError, UsageError
from ordersheet.core.ledger_url import LedgerUrl
from ordersheet.ledger import Ledger
from ordersheet.ledger.chunks import written
from ordersheet.ledger.large_files import LargeFile
from ordersheet.ledger.submissions import Submission
from ordersheet.pipeline.before_sending import (
    refuse_many_problems,
    report_place,
    settle_before_sending,
    sha256_before,
)
from ordersheet.pipeline.extra_outputs import write_extra_outputs
from ordersheet.pipeline.guards import refuse_unread_guards
from ordersheet.pipeline.intake import prepare, refuse_missing_rows
from ordersheet.pipeline.kept_input import remove_unwanted
from ordersheet.pipeline.starting import start_of
from ordersheet.remote.kept_files import kept_files, new_name
from ordersheet.team.queue import ChunkTurn, Placed, QueueClient, pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from ordersheet.config.settings import Settings
    from ordersheet.core.file_place import FilePlace
    from ordersheet.core.model import OrderWork, Problem
    from ordersheet.core.stop_switch import StopSwitch
    from ordersheet.pipeline.intake import Prepared, Reading
    from ordersheet.pipeline.preview import Preview
    from ordersheet.remote.kept_files import KeptFiles

ORDERS_A_CHUNK = 200
_MEGABYTE = 1_000_000
_BLOCK = 3_000_000
_HOW_ROWS_ARE_SENT = (
    *("duplicates", "batch", "again", "retry_no", "skip_unchanged", "rate", "concurrency", "timeout"),
    *("attempts", "settle", "grace", "baseline", "xml"),
)
"""Settings that go with the run; address, key and the way there are the worker's own."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """A run that was handed over."""

    run: str
    sha256: str | None
    preview: Preview
    problems: tuple[Problem, ...]
    """The first rows that cannot be sent."""
    notes: tuple[str, ...]
    """What a person should read about the files that were written beside it."""


def goes_to_workers(path: Path, settings: Settings) -> bool:
    """Tell whether jobs and the page hand a file over; they send one that there is no room for.

    Raises:
        LedgerError: the database cannot be asked.
    """
    return has_workers(settings) and (settings.large_files is not None or not _is_large(path, settings))


def _is_large(path: Path, settings: Settings) -> bool:
    """Tell whether the ledger has no room for a file; one that cannot be seen is told where it is read."""
    try:
        return path.stat().st_size > settings.large_from * _MEGABYTE
    except OSError:
        return False


def has_workers(settings: Settings) -> bool:
    """Tell whether the ledger is shared and has a queue for workers.

    Raises:
        LedgerError: the database cannot be asked.
    """
    if not isinstance(settings.ledger, LedgerUrl):
        return False
    from ordersheet.ledger.shared import shared_ledgers

    shared_ledgers()
    from ordersheet.ledger.postgresql.queue_schema import has_queue

    return has_queue(settings.ledger)


def shared_place(settings: Settings, what: str) -> LedgerUrl:
    """Give the place of the shared ledger.

    Raises:
        UsageError: the ledger is a file.
    """
    if isinstance(settings.ledger, LedgerUrl):
        return settings.ledger
    raise UsageError(
        f"{what} needs a ledger that many share, and {settings.ledger} is a file. Name one with --ledger"
        " postgresql://… (docs/team.md), or send the file from here: ordersheet send FILE",
        code="not-shared",
    )


def submit(
    path: Path,
    settings: Settings,
    *,
    ask: Callable[[Preview], bool],
    confirm: Callable[[str], bool] | None,
    reading: Reading | None = None,
    stop: StopSwitch | None = None,
) -> Submitted:
    """Check a file, and hand it over to the workers.

    Args:
        path: the file.
        settings: every setting, checked.
        ask: is shown what would be done, and says whether to do it.
        confirm: asks a question that is answered by yes or no; None where nobody can be asked.
        reading: entered while the file is read, and told how many rows have been.
        stop: ends the look at the orders that guards need.

    Raises:
        OrdersheetError: nothing was handed over.
    """
    place = shared_place(settings, "submit")
    target = target_of(settings)
    files = _large_files(path, settings)
    sha256 = sha256_before(path)
    with prepare(path, settings, reading) as prepared:
        refuse_missing_rows(prepared, settings)
        refuse_many_problems(prepared, settings)
        refuse_unread_guards(prepared, settings)
        if prepared.column_map.guards:
            key_for(settings, target)
        if settings.wait:
            report_place(prepared, settings)
        large = None if files is None else _large(path, sha256, settings.large_files, files)
        extra = write_extra_outputs(prepared, settings)
        with closing(QueueClient(place)) as queue, Ledger.open(place, create=False) as ledger:
            settled = settle_before_sending(
                prepared, ledger, target, settings, sha256=sha256, confirm=confirm, stop=stop
            )
            if not ask(settled.seen):
                raise UsageError("The answer was no.", code="declined")
            given = Submission(
                start=start_of(prepared, settings, target, ledger, sha256, same_store=settled.same_store),
                settings=_settings_that_go_along(prepared, settings),
                left_out=prepared.staging.left_out_results(),
                chunks=map(written, _chunked(prepared.staging.works())),
                file=_blocks(path, sha256) if large is None else (),
                large=large,
            )
            run = ledger.submissions().submit(given)
            _line_up(queue, ledger, run)
            if settings.large_files is not None and files is not None:
                # What others have left there; whoever comes next does it where this fails.
                with suppress(OrdersheetError):
                    remove_unwanted(ledger, settings.large_files)
        notes = tuple(f"{one.path}: {one.note}" for one in extra if one.note)
        return Submitted(run, sha256, settled.seen, tuple(prepared.tally.problems), notes)


def _line_up(queue: QueueClient, ledger: Ledger, run: str) -> None:
    chunks = ledger.submissions().chunks_of(run)
    # It is handed over: what does not get into the queue from here, the workers put there.
    with suppress(LedgerError):
        for page in pages(Placed(ChunkTurn(run, one.number, 1), one.turn, one.store) for one in chunks):
            queue.put(page)


def _large_files(path: Path, settings: Settings) -> KeptFiles | None:
    """Give the way to where a file goes that is too large for the ledger; None for others.

    Raises:
        SourceError: it is too large, and there is no such place.
        SettingsError: nothing here knows the place's protocol.
    """
    if not _is_large(path, settings):
        return None
    if settings.large_files is None:
        raise SourceError(
            f"{path} has {path.stat().st_size / _MEGABYTE:,.0f} MB, and the ledger keeps files of up to"
            f" {settings.large_from:g} MB. Name a place for larger ones with large-files"
            " (ORDERSHEET_LARGE_FILES, the settings file, or --large-files s3://…), split it, or send it from"
            " here: ordersheet send FILE",
            code="too-large",
        )
    return kept_files(settings.large_files)


def _large(path: Path, sha256: str | None, place: FilePlace | None, files: KeptFiles) -> LargeFile:
    name = new_name()
    return LargeFile(name, str(place), lambda: files.put(name, _blocks(path, sha256)))


def _blocks(path: Path, sha256: str | None) -> Iterator[bytes]:
    """Read the file as the first pass has read it.

    Raises:
        SourceError: it cannot be read, or was changed meanwhile.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                yield block
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.", code="unreadable") from error
    if digest.hexdigest() != sha256:
        raise SourceError(
            f"{path} was changed after it had been read. Submit it again.", code="changed-meanwhile"
        )


def _settings_that_go_along(prepared: Prepared, settings: Settings) -> Mapping[str, object]:
    allowed, tally = settings.max_no, prepared.tally
    most_no = None if allowed is None else allowed.of(tally.rows) - tally.invalid
    return {**{name: getattr(settings, name) for name in _HOW_ROWS_ARE_SENT}, "most_no": most_no}


def _chunked(works: Iterator[OrderWork]) -> Iterator[list[OrderWork]]:
    while chunk := list(islice(works, ORDERS_A_CHUNK)):
        yield chunk
