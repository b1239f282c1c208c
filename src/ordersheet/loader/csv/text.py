"""The bytes of a text file as lines: decoded strictly, block by block, and looked over on the way.

One pass sees all that a reader must know of a file's bytes, at the speed of C: whether there are NUL bytes or
endless lines, how it ends, and whether there is anything that needs a second look. Memory does not grow with
the file.
"""

from __future__ import annotations

import codecs
import io
import re
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from ordersheet.core.errors import SourceError
from ordersheet.loader.cells import INVISIBLE
from ordersheet.ooxml.refusals import too_big

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BLOCK = 1 << 18
"""Bytes decoded at a time."""
LONGEST_LINE = 16 << 20
"""Bytes without a line break that are taken for one line; a cell of Excel holds 32,767 characters."""
TRANSPARENT = "latin-1"
"""Gives each byte as one character: how a file is looked over whose encoding is not known yet."""

_WIDE = ("utf-16", "utf-32")
_ASCII, _HIGH = bytes(range(128)), bytes(range(128, 256))
_CONTROLS = bytes(byte for byte in (*range(32), 127) if chr(byte) not in "\t\r\n")
_SOFT_HYPHEN = "\xad"
"""The only byte that is not seen in any of the code pages."""


@dataclass(slots=True)
class TextTraits:
    """What a pass over a text file has seen so far."""

    odd_texts: bool = False
    """Whether a field may be Excel's `="…"`, or hold a picture or a sign that is not seen."""
    error_words: bool = False
    """Whether a field may be an error's word: these begin with #."""
    ascii_only: bool = True
    ends_open: bool = False
    """Whether the last line has no line end."""
    high_bytes: set[int] = field(default_factory=set)
    """Bytes from 128 on; only where the text is read as `TRANSPARENT`."""
    utf8_letters: int = 0
    """How many signs beyond ASCII are written as UTF-8 writes them; the same."""
    other_letters: int = 0
    """How many bytes beyond ASCII are not part of such a sign."""


def text_lines(
    path: Path, encoding: str, *, end_mark: int = 0, seen: TextTraits | None = None
) -> Iterator[str]:
    """Read a text file's lines, each with its own line end.

    Args:
        path: the file.
        encoding: the Python name.
        end_mark: bytes at the end that are not read.
        seen: told what was seen on the way.

    Raises:
        UnicodeDecodeError: a byte does not decode.
        SourceError: `nul-bytes`, or `bomb` for an endless line.
        OSError: the file cannot be read.
    """
    return chain.from_iterable(_blocks(path, encoding, end_mark, seen if seen is not None else TextTraits()))


def _blocks(path: Path, encoding: str, end_mark: int, seen: TextTraits) -> Iterator[io.StringIO]:
    """Give the text in blocks that end where a line does."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    wide, position, rest = encoding.startswith(_WIDE), 0, ""
    left = path.stat().st_size - end_mark if end_mark else None
    with path.open("rb") as file:
        while chunk := file.read(BLOCK if left is None else min(BLOCK, left)):
            left = None if left is None else left - len(chunk)
            if not wide and 0 in chunk:
                raise nul_bytes(path, position + chunk.index(0))
            text = rest + decoder.decode(chunk)
            if wide and "\0" in text:
                raise nul_bytes(path, None)
            position += len(chunk)
            # A CR at the end may be the first half of a line end.
            end = max(text.rfind("\n"), text.rfind("\r", 0, -1)) + 1
            text, rest = text[:end], text[end:]
            if len(rest) > LONGEST_LINE:
                raise too_big(
                    f"The line that goes on at byte {position:,} is longer than {LONGEST_LINE >> 20} MB"
                )
            if text:
                _look_over(text, encoding, seen)
                yield io.StringIO(text, newline="")
        rest += decoder.decode(b"", final=True)
    if rest:
        _look_over(rest, encoding, seen)
        seen.ends_open = not rest.endswith(("\n", "\r"))
        yield io.StringIO(rest, newline="")


def _look_over(text: str, encoding: str, seen: TextTraits) -> None:
    seen.odd_texts = seen.odd_texts or _is_odd(text, encoding)
    seen.error_words = seen.error_words or "#" in text
    if text.isascii():
        return
    seen.ascii_only = False
    if encoding == TRANSPARENT:
        data = text.encode(TRANSPARENT)
        seen.high_bytes.update(data.translate(None, _ASCII))
        plain = len(data.translate(None, _HIGH))
        whole = data.decode("utf-8", "ignore")
        seen.utf8_letters += len(whole) - plain
        seen.other_letters += len(data) - len(whole.encode())


def _is_odd(text: str, encoding: str) -> bool:
    """Tell whether a block needs its texts looked at one by one; at the cost of a fraction of reading it."""
    if '="' in text or "DISPIMG(" in text:
        return True
    data = text.encode()
    if len(data.translate(None, _CONTROLS)) < len(data):
        return True
    if encoding == TRANSPARENT:
        return _SOFT_HYPHEN in text
    return INVISIBLE.search(data.translate(None, _ASCII).decode()) is not None


def dos_end_mark(path: Path, encoding: str) -> int:
    """Count the bytes of the old mark for a file's end (0x1A), with a line end behind it, if it is there."""
    wide = encoding.startswith(_WIDE)
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - 16))
        tail = file.read()
    found = re.search(
        rb"(?:\x1a\x00|\x00\x1a|\x1a\x00{3}|\x00{3}\x1a)\Z" if wide else rb"\x1a+(?:\r?\n)?\Z", tail
    )
    return len(found[0]) if found else 0


def nul_bytes(path: Path, position: int | None) -> SourceError:
    """The file has NUL characters, the first at byte `position` where that is known."""
    where = (
        "" if position is None else f" (the first is byte {position + 1:,}, line {line_of(path, position):,})"
    )
    return SourceError(
        f"The file holds NUL characters{where}, as no text file does: it is damaged, or it is no CSV. Export "
        "it anew, or save it as .xlsx.",
        code="nul-bytes",
    )


def line_of(path: Path, position: int) -> int:
    """Count the line of a byte, as an editor does: CR LF, LF and CR each end one."""
    line, left, cr = 1, position, False
    with path.open("rb") as file:
        while left and (chunk := file.read(min(BLOCK, left))):
            left -= len(chunk)
            pairs = chunk.count(b"\r\n") + (cr and chunk[:1] == b"\n")
            line += chunk.count(b"\n") + chunk.count(b"\r") - pairs
            cr = chunk[-1:] == b"\r"
    return line
