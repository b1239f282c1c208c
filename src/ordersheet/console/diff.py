"""Old and new beside each other on a terminal: what goes, what comes, by colour and by sign."""

from __future__ import annotations

import difflib
import os
import re
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import TextIO

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_COLOURS = {"-": "\x1b[31m", "+": "\x1b[32m"}
_PLAIN = "\x1b[0m"
_SHORTEST = 8
"""Characters of a piece that is cut: shorter ones say nothing."""
_ABOUT = 12
"""Characters that are shown on either side of a change in a long text."""


class Painted(str):
    """A line with its changes, by signs alone; whoever knows the terminal paints it.

    Attributes:
        pieces: the same line in order: a kind (`=`, `-` or `+`), and the text with its signs.
    """

    __slots__ = ("pieces",)
    pieces: tuple[tuple[str, str], ...]

    def __new__(cls, pieces: Iterable[tuple[str, str]]) -> Self:
        """Put the pieces together."""
        kept = tuple(pieces)
        line = super().__new__(cls, "".join(text for _, text in kept))
        line.pieces = kept
        return line

    def in_colours(self, clean: Callable[[str], str]) -> str:
        """Give the line with colours, each text cleaned of what could do other things to a terminal."""
        return "".join(
            f"{_COLOURS[kind]}{clean(text)}{_PLAIN}" if kind in _COLOURS else clean(text)
            for kind, text in self.pieces
        )


def has_colours(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Tell whether a stream is a terminal that shows colours, and nobody asked for none (no-color.org)."""
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb" or not stream.isatty():
        return False
    # Windows' old console window shows the colours' codes as text.
    return os.name != "nt" or "WT_SESSION" in environ or "TERM" in environ


def marked(old: str, new: str, *, width: int, indent: int = 0) -> Painted:
    """Show what changes from one text to another, in a line of at most this width.

    What goes stands in [-...-], what comes in {+...+}. Of long texts the part that changes is shown.

    Args:
        old: what stands.
        new: what would stand.
        width: of the terminal, in characters.
        indent: blanks before it.
    """
    found = list(pieces(_one_line(old), _one_line(new)))
    line = _shortened(found, max(20, width - indent))
    return Painted([("=", " " * indent), *((kind, _signed(kind, text)) for kind, text in line)])


def _one_line(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\n", " ⏎ ")


def pieces(old: str, new: str) -> Iterator[tuple[str, str]]:
    """Give both texts in pieces: `=` for what stays, `-` for what goes, `+` for what comes."""
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    for kind, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            yield "=", "".join(before[a:b])
            continue
        if b > a:
            yield "-", "".join(before[a:b])
        if d > c:
            yield "+", "".join(after[c:d])


def _shortened(pieces: list[tuple[str, str]], width: int) -> list[tuple[str, str]]:
    """Cut what stays to what stands around the changes, then the changes themselves, until all fits."""
    if _length(pieces) <= width:
        return pieces
    kept = []
    last = len(pieces) - 1
    for at, (kind, text) in enumerate(pieces):
        if kind == "=" and len(text) > 2 * _ABOUT:
            head = "" if at == 0 else text[:_ABOUT]
            tail = "" if at == last else text[-_ABOUT:]
            kept.append((kind, f"{head}…{tail}"))
        else:
            kept.append((kind, text))
    while _length(kept) > width:
        longest = max(range(len(kept)), key=lambda at: len(kept[at][1]))
        kind, text = kept[longest]
        if len(text) < _SHORTEST:
            return _cut(kept, width)
        kept[longest] = kind, f"{text[: len(text) // 3]}…{text[-(len(text) // 3) :]}"
    return kept


def _cut(pieces: list[tuple[str, str]], width: int) -> list[tuple[str, str]]:
    kept: list[tuple[str, str]] = []
    for piece in pieces:
        if _length([*kept, piece]) > width - 1:
            return [*kept, ("=", "…")]
        kept.append(piece)
    return kept


def _length(pieces: list[tuple[str, str]]) -> int:
    return sum(len(text) + (0 if kind == "=" else 4) for kind, text in pieces)


def _signed(kind: str, text: str) -> str:
    return {"=": text, "-": f"[-{text}-]", "+": f"{{+{text}+}}"}[kind]
