"""A file or a frame becomes a table: cells as the person sees them, or refused with the reason."""

from __future__ import annotations

from ordersheet.loader.empty import empty_table
from ordersheet.loader.source import open_frame, open_table
from ordersheet.loader.table import Table

__all__ = ["Table", "empty_table", "open_frame", "open_table"]
