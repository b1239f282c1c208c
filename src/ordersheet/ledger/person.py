"""Who does something to the ledger, as far as the operating system knows."""

from __future__ import annotations

import getpass
import os
from typing import NamedTuple


class Person(NamedTuple):
    """Somebody at this computer."""

    name: str
    """The login name. An environment variable (LOGNAME, USER) can make it anything."""
    uid: int | None
    """The user's number, which only the system sets; None on Windows."""

    def __str__(self) -> str:
        return self.name if self.uid is None else f"{self.name} (uid {self.uid})"


def this_person() -> Person:
    """Name the person who runs this process; a container's user may have no name."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError, ImportError):
        name = "unknown"
    return Person(name, os.getuid() if hasattr(os, "getuid") else None)
