"""Folders for copies of people's files: gone with their process, or by the next one after a kill."""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ordersheet.ledger.process_lock import ProcessLock, is_alive

if TYPE_CHECKING:
    from collections.abc import Iterator

YOUNG = 60.0
"""Seconds for which a folder is left alone: its process may be about to lock it."""


@contextmanager
def temporary_folder(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """Give a folder of this process alone, after removing those that killed ones have left.

    Args:
        prefix: what its name begins with, and theirs.
        parent: where it lies; the system's place for temporary files where None.
    """
    parent = parent or Path(tempfile.gettempdir())
    remove_left_over(prefix, parent)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    lock = None
    try:
        lock = ProcessLock(folder)
        yield folder
    finally:
        if lock is not None:
            lock.release()
        shutil.rmtree(folder, ignore_errors=True)


def remove_left_over(prefix: str, parent: Path) -> None:
    """Remove the folders that killed processes have left; arguments as for `temporary_folder`."""
    for folder in parent.glob(f"{prefix}*"):
        with suppress(OSError):
            young = time.time() - folder.stat().st_mtime < YOUNG
            if not young and not any(is_alive(folder, lock.name) for lock in folder.glob("*.lock")):
                shutil.rmtree(folder, ignore_errors=True)
