"""The input of a submitted run: in the ledger, or elsewhere where it is too large for that."""

from __future__ import annotations

import hashlib
import tempfile
from typing import TYPE_CHECKING

from ordersheet.core.errors import FilePlaceError, no_temporary_room
from ordersheet.remote.kept_files import KeptFileGone, kept_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ordersheet.core.file_place import FilePlace
    from ordersheet.ledger import Ledger, RunInfo


class InputGone(Exception):
    """The input is not there any more, or is not what was handed over; the text is a sentence."""


def write_kept_input(ledger: Ledger, info: RunInfo, path: Path, place: FilePlace | None) -> None:
    """Write the input of a submitted run to a file of this computer.

    Args:
        ledger: where the run stands.
        info: the run.
        path: the file.
        place: where this computer finds what is too large for the ledger; None where that is not set.

    Raises:
        InputGone: it cannot be had any more.
        FilePlaceError: it cannot be had now.
        UsageError: there is no room here.
    """
    digest = hashlib.sha256()
    blocks = _blocks(ledger, info, place)
    try:
        with path.open("wb") as file:
            while (block := next(blocks, None)) is not None:
                digest.update(block)
                file.write(block)
    except OSError as error:
        raise no_temporary_room(tempfile.gettempdir(), error) from error
    if digest.hexdigest() != info.sha256:
        raise InputGone("The copy of the input that was kept is not what was handed over.")


def _blocks(ledger: Ledger, info: RunInfo, place: FilePlace | None) -> Iterator[bytes]:
    submissions = ledger.submissions()
    elsewhere = submissions.large_files.of_run(info.run)
    if elsewhere is None:
        yield from submissions.file(info.run)
        return
    name, was_put = elsewhere
    if place is None:
        raise FilePlaceError(
            f"The input of run {info.run} was put into {was_put}, and this computer does not know the way"
            " there: set large-files (ORDERSHEET_LARGE_FILES, or the settings file), as on the computer that"
            " handed it over.",
            code="no-file-place",
        )
    try:
        yield from kept_files(place).blocks(name)
    except KeptFileGone as gone:
        raise InputGone(str(gone)) from gone


def remove_unwanted(ledger: Ledger, place: FilePlace) -> int:
    """Remove the large files that no run needs any more; gives how many there were.

    Raises:
        FilePlaceError: the place cannot be used now; what is left is removed the next time.
        SettingsError: nothing here knows its protocol.
    """
    large, files = ledger.submissions().large_files, kept_files(place)
    found = large.unwanted()
    for one in found:
        files.remove(one.name)
        large.removed(one)
    return sum(one.removed is None for one in found)
