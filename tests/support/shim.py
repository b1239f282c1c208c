"""Builds the shim that stands between a process and the C library, and arms it from within."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("shim.c")
WRITES, SYNCS, SENDS, NAMES = 1, 2, 4, 8
EVERYTHING = WRITES | SYNCS | SENDS | NAMES
_MODES = ("count", "kill", "fail once", "fail on", "power")


@dataclass(frozen=True)
class Arm:
    """What the shim is to do, and when."""

    what: str
    """`count`, `kill`, `fail once`, `fail on` (from then on) or `power` (a kill that loses
    what was not synced)."""
    at: int = 0
    """The first, second, … of the calls that count."""
    kinds: int = EVERYTHING
    error: int = errno.ENOSPC
    where: str = ""
    """A part of the paths that count."""
    seed: int = 0
    """0 loses all that was not synced, others a part of it."""
    trace: str | None = None
    """A file that gets a letter for each call: w, t, s, n, P or G."""


def missing() -> str | None:
    """Say what the shim lacks here; None where it can be used."""
    if sys.platform != "linux":
        return "the shim needs Linux"
    if shutil.which("cc") is None:
        return "the shim needs a C compiler (cc)"
    return None


def build() -> Path:
    """Build the shim once for each version of its source."""
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    library = Path(tempfile.gettempdir()) / f"ordersheet-shim-{os.getuid()}-{digest}.so"
    if not library.exists():
        draft = library.with_suffix(f".{os.getpid()}")
        command: list[str | Path] = [
            "cc",
            "-shared",
            "-fPIC",
            "-O1",
            "-o",
            draft,
            SOURCE,
            "-ldl",
            "-lpthread",
        ]
        subprocess.run(command, check=True)
        draft.replace(library)
    return library


def arm(wanted: Arm) -> None:
    """Arm the shim in this process, which was started with it."""
    trace = -1
    if wanted.trace is not None:
        trace = os.open(wanted.trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    _library().shim_arm(
        _MODES.index(wanted.what),
        wanted.kinds,
        ctypes.c_long(wanted.at),
        wanted.error,
        wanted.where.encode(),
        wanted.seed,
        trace,
    )


def seen() -> int:
    """Give the number of calls that counted so far."""
    library = _library()
    library.shim_seen.restype = ctypes.c_long
    return int(library.shim_seen())


def _library() -> Any:
    return ctypes.CDLL(os.environ["LD_PRELOAD"])
