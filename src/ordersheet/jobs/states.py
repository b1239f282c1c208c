"""How far a file has come, as its line in the ledger says it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

TAKEN, WAITING, SENT, FAILED, SAME, NOTICE = "taken", "waiting", "sent", "failed", "same", "notice"
"""`taken`: it is sent; `waiting`: to be gone on with later; `sent`, `failed`, `same`: it has ended, and
is put away; `notice`: no file, but something that is told once."""
FILE_STATES = (TAKEN, WAITING, SENT, FAILED, SAME)


def when(text: object) -> datetime:
    """Read a moment that was noted; the beginning of time where none was."""
    if not isinstance(text, str):
        return datetime.min.replace(tzinfo=UTC)
    return datetime.fromisoformat(text).astimezone(UTC)


def local_file(text: object) -> Path | None:
    """Give a file of this computer that was noted; None where it is gone."""
    path = Path(text) if isinstance(text, str) else None
    return path if path is not None and path.is_file() else None
