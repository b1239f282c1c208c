"""Who is alive: an operating system's lock that a process holds for as long as it lives.

The lock decides, never the file: the system lets go of it however the process ends, SIGKILL
included. A lock file that lies about unlocked, or is missing, belongs to a dead process.
"""

from __future__ import annotations

import os
import secrets
import sys
from typing import TYPE_CHECKING

from ordersheet.core.errors import LedgerError

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int, *, shared: bool) -> None:
        del (
            shared
        )  # Windows has no shared lock here: two who ask at once may both be told "alive", and ask again.
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int, *, shared: bool) -> None:
        # flock, not lockf: POSIX record locks vanish as soon as any handle on the file is closed.
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


class ProcessLock:
    """The lock of this process on one ledger, from its making until `release`.

    Attributes:
        name: the lock file's name, unique for ever.
    """

    def __init__(self, folder: Path) -> None:
        self.name = f"{secrets.token_hex(8)}.lock"
        self._path = folder / self.name
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _lock(self._descriptor, shared=False)
        except OSError as fault:
            self.release()
            raise LedgerError(
                f"The file system of {folder} has no file locks, which the ledger needs. Choose a ledger"
                f" on a local disk with --ledger.",
                code="no-locks",
            ) from fault
        self._identity = _identity(os.fstat(self._descriptor))

    def held(self) -> bool:
        """Tell whether others can still see the lock: its file is in place."""
        try:
            return _identity(self._path.stat()) == self._identity
        except OSError:
            return False

    def release(self) -> None:
        """Let go of the lock, and remove its file."""
        if self._descriptor < 0:
            return
        os.close(self._descriptor)
        self._descriptor = -1
        self._path.unlink(missing_ok=True)


def is_alive(folder: Path, name: str) -> bool:
    """Tell whether the process behind a lock still lives."""
    try:
        descriptor = os.open(folder / name, os.O_RDWR)
    except FileNotFoundError:
        return False
    except PermissionError:
        return True
    try:
        _lock(descriptor, shared=True)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
