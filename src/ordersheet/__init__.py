"""ordersheet: a spreadsheet of orders in, the same spreadsheet with `ok` or `no` beside every row out."""

from __future__ import annotations

from ordersheet.core.errors import (
    Interrupted,
    LedgerError,
    MappingError,
    OrdersheetError,
    RunStopped,
    SettingsError,
    SourceError,
    UsageError,
)
from ordersheet.core.model import (
    Outcome,
    Problem,
    RowPayload,
    RowResult,
    SentColumn,
    UnsentColumn,
)
from ordersheet.core.result import RunResult
from ordersheet.core.summary import RunSummary
from ordersheet.pipeline.library import check, export, send, undo

__all__ = [
    "Interrupted",
    "LedgerError",
    "MappingError",
    "OrdersheetError",
    "Outcome",
    "Problem",
    "RowPayload",
    "RowResult",
    "RunResult",
    "RunStopped",
    "RunSummary",
    "SentColumn",
    "SettingsError",
    "SourceError",
    "UnsentColumn",
    "UsageError",
    "check",
    "export",
    "send",
    "undo",
]
