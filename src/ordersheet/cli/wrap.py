"""Lines for a terminal, broken between words where it ends."""

from __future__ import annotations

import os
import re
import unicodedata
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from typing import TextIO

_NARROWEST = 40
"""Columns below which breaking lines would only make them harder to read."""
_DEEPEST = 0.5
"""The share of the width beyond which the lines that follow do not hang below the first."""
_BELOW = 4
"""Columns by which such a line is set in."""
_SHORTEST_EXAMPLE = 8
_WORDS = re.compile(r"( *)([^ ]+)")


class Hanging(str):
    """A line whose further lines begin below a column of it, such as the last one of a table."""

    __slots__ = ("cut", "hang")
    hang: int
    cut: bool

    def __new__(cls, text: str, hang: int, *, cut: bool = False) -> Self:
        """Make the line.

        Args:
            text: the line.
            hang: how many characters stand before the column.
            cut: what does not fit into the terminal's width may be left out: it is an example of something.
        """
        line = super().__new__(cls, text)
        line.hang = hang
        line.cut = cut
        return line


def width_of(stream: TextIO) -> int | None:
    """Tell how many columns a terminal has; None where there is no terminal, or it does not say."""
    columns = 0
    with suppress(OSError, ValueError):
        if stream.isatty():
            columns = os.get_terminal_size(stream.fileno()).columns
    return columns if columns >= _NARROWEST else None


def wrapped(line: str, width: int | None) -> str:
    """Break a text between words so that no line is wider; a single longer word, such as a path, stays whole.

    Args:
        line: a text; further lines begin where its first word does, or where it says (`Hanging`).
        width: columns; None breaks nothing.
    """
    if width is None or (len(line) < width and line.isascii() and "\n" not in line):
        return line
    if not isinstance(line, Hanging):
        return "\n".join(_broken(part, width, None) for part in line.split("\n"))
    if line.cut and _columns(line) > width and line.hang + _SHORTEST_EXAMPLE <= width:
        return _shortened(line, width)
    if line.hang <= width * _DEEPEST or _columns(line) <= width:
        return _broken(line, width, line.hang)
    # The column begins so far to the right that it goes below what stands before it.
    before, column = line[: line.hang].rstrip(), line[line.hang :]
    return "\n".join(_broken(part, width, _BELOW) for part in (before, " " * _BELOW + column) if part.strip())


def _shortened(line: str, width: int) -> str:
    while _columns(line) >= width:
        line = line[:-1]
    return line + "…"


def _broken(line: str, width: int, hang: int | None) -> str:
    indent = len(line) - len(line.lstrip(" ")) if hang is None else hang
    lines, current, used = [], "", 0
    for gap, word in _WORDS.findall(line):
        space = _columns(word)
        if current.strip() and used + len(gap) + space > width:
            lines.append(current)
            current, used = " " * indent, indent
        else:
            current, used = current + gap, used + len(gap)
        current, used = current + word, used + space
    return "\n".join([*lines, current])


def _columns(text: str) -> int:
    """How many columns a text takes: two for wide letters, none for what stands on top of another."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )
