"""Every figure of a run, as --json prints it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ordersheet.core.model import RequestCounts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ordersheet.core.model import Problem, SentColumn, StoppedBy, UnsentColumn


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What --json prints of a run, field by field (docs/contract.md)."""

    command: str
    run: str | None = None
    undo_of: str | None = None
    """Of an undo: the run that it took back."""
    batch: str | None = None
    profile: str | None = None
    file: str | None = None
    sha256: str | None = None
    sheet: str | None = None
    host: str | None = None
    report: str | None = None
    ledger: str | None = None
    ledger_created: bool = False
    exit_code: int = 0
    stopped_by: StoppedBy | None = None
    resume_after: str | None = None
    retry: bool = False
    rows: int = 0
    columns: tuple[SentColumn, ...] = ()
    not_sent: tuple[UnsentColumn, ...] = ()
    """Columns that hold something and are not sent."""
    customer_visible: int = 0
    """Texts to send, or sent, that customers may see."""
    folder_settings: Mapping[str, str] = field(default_factory=dict)
    """What an `ordersheet.toml` of the working folder has set, by key."""
    left_out: int = 0
    """Rows that were left out on purpose (--limit, --rows, hidden and skipped); `no` in `status`, too."""
    status: Mapping[str, int] = field(default_factory=dict)
    outcomes: Mapping[str, int] = field(default_factory=dict)
    requests: RequestCounts = field(default_factory=RequestCounts)
    started: str | None = None
    seconds: float = 0.0
    problems: tuple[Problem, ...] = ()
    changes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Of `check --online`: how many fields by what would become of them, and by field."""
    error: str | None = None
