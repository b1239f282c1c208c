"""How big a workbook may be: beyond any real one, and below what hurts the machine that reads it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of everything that is unpacked and parsed, whichever the form of the file."""

    parts: int = 10_000
    directory: int = 16 * 2**20
    """Bytes of the zip's directory."""
    part: int = 3 * 2**30
    """Bytes of one part unpacked: a million rows of sixty columns."""
    small_part: int = 32 * 2**20
    """The same for parts that are kept in memory, such as the styles."""
    total: int = 6 * 2**30
    """Bytes of all parts unpacked."""
    ratio: int = 400
    """Unpacked to packed; deflate ends at 1032, and real sheets stay below 100."""
    ratio_from: int = 32 * 2**20
    """Bytes unpacked below which the ratio does not matter."""
    token: int = 4 * 2**20
    """Bytes of one tag or comment."""
    sheets: int = 2000
    rows: int = 1_048_576
    shapes: int = 100_000
    """Combinations of column, style and type in a sheet."""
    merges: int = 200_000
    blocks: int = 20_000
    """Blocks of conditional formats, and of array formulas."""
    cell_text: int = 2**20
    """Characters of one cell; Excel ends at 32,767."""
    row_text: int = 64 * 2**20
    """Characters of one row."""
    strings: int = 20_000_000
    """Shared texts."""
    blank_strings: int = 1_000_000
    """Empty shared texts; a program that writes each text once has one."""
    styles: int = 200_000
    """Excel ends at 65,490."""


LIMITS = Limits()
