"""A file or a frame becomes a table: cells as the person sees them, or refused with the reason."""

from __future__ import annotations

from ordersheet.loader.source import open_frame, open_table
from ordersheet.loader.table import Table

__all__ = ["Table", "open_frame", "open_table"]
