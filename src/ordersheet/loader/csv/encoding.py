"""How the bytes of a text file become characters: BOM, strict UTF-8, UTF-16, or a detector's best guess.

All of the file is decoded once, strictly, before any of it is used: an encoding that fits the first
page and not the last would be a guess. Memory does not grow with the file.
"""

from __future__ import annotations

import codecs
import io
import re
import unicodedata
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.errors import SourceError, UsageError
from ordersheet.ooxml.refusals import too_big

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHUNK = 1 << 20
"""Bytes read at a time."""
LONGEST_LINE = 16 << 20
"""Bytes without a line break that are taken for one line; a cell of Excel holds 32,767 characters."""
SAMPLE = 200_000
"""Bytes that the detector is shown."""
HEAD = 50_000
"""Bytes of the beginning that are among them in any case."""

_BOMS = (
    # UTF-32 first: its little-endian mark begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WIDE = ("utf-16", "utf-32")
_ASCII = b'0123456789 ;,|\t"\r\nAZaz'
_SELDOM = re.compile(r"hp|mac(?!roman)|cp(7..|85[5-7]|86[0-4]|869)|kz|ptcp", re.IGNORECASE)
"""What no program of this century saves a sheet in: guessed only where nothing else decodes."""


class Encoding(NamedTuple):
    """An encoding that the whole file decodes in."""

    name: str
    """The Python name; `utf-8-sig`, `utf-16` and `utf-32` stand for a BOM at the beginning."""
    source: str
    """`option`, `byte order mark`, `strict UTF-8` or `detector`."""


def find_encoding(path: Path, wanted: str | None = None) -> Encoding:
    """Find the encoding that all of a text file decodes in.

    Args:
        path: the file.
        wanted: the encoding that a person decided on, by any name that Python knows.

    Raises:
        UsageError: `wanted` is no encoding.
        SourceError: `encoding` where the file does not decode, `nul-bytes`, or `bomb` for an endless line.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(1 << 16)
    mark = next((name for bom, name in _BOMS if head.startswith(bom)), None)
    if wanted is not None:
        name = _codec(wanted)
        if mark is not None and mark.removesuffix("-sig").startswith(name[:6]):
            name = mark
        elif name in _WIDE:
            name = _unmarked(head) or f"{name}-le"
        return Encoding(_must_decode(path, name), "option")
    if mark is not None:
        return Encoding(_must_decode(path, mark), "byte order mark")
    wide = _unmarked(head)
    if wide is not None and _fault(path, wide) is None:
        return Encoding(wide, "detector")
    if _fault(path, "utf-8") is None:
        return Encoding("utf-8", "strict UTF-8")
    return Encoding(_detect(path), "detector")


def _codec(wanted: str) -> str:
    try:
        name = codecs.lookup(wanted.strip()).name
        io.TextIOWrapper(io.BytesIO(), encoding=name).close()
    except (LookupError, UnicodeError, ValueError) as error:
        raise UsageError(
            f'"{wanted}" is no text encoding. Common ones are utf-8, cp1252 (Western Windows), cp1250 '
            "(Central European Windows), iso8859-15 and utf-16.",
            code="unknown-encoding",
        ) from error
    return name


def _must_decode(path: Path, name: str) -> str:
    fault = _fault(path, name)
    if fault is not None:
        raise undecodable(path, name, fault)
    return name


def _unmarked(head: bytes) -> str | None:
    """Tell UTF-16 without a BOM: NUL bytes on one side only, and text without control characters."""
    odd, even = head[1::2].count(0), head[0::2].count(0)
    if bool(odd) == bool(even) or (odd + even) * 20 < len(head):
        return None
    name = "utf-16-le" if odd else "utf-16-be"
    try:
        text = codecs.getincrementaldecoder(name)().decode(head)
    except UnicodeDecodeError:
        return None
    strange = any(unicodedata.category(char)[0] == "C" and char not in "\t\r\n" for char in set(text))
    return None if strange else name


def _fault(path: Path, name: str) -> int | None:
    """Give the position of the first byte that does not decode; None where all do."""
    decoder = codecs.getincrementaldecoder(name)("strict")
    wide = name.startswith(_WIDE)
    position = line_begin = 0
    with path.open("rb") as file:
        for chunk in chain(iter(lambda: file.read(CHUNK), b""), (b"",)):
            if not wide and 0 in chunk:
                raise nul_bytes(path, position + chunk.index(0))
            kept = len(decoder.getstate()[0])
            try:
                text = decoder.decode(chunk, not chunk)
            except UnicodeDecodeError as error:
                return position - kept + error.start
            if wide and "\0" in text:
                raise nul_bytes(path, None)
            line_begin = _line_begin(chunk, position, line_begin)
            position += len(chunk)
            if position - line_begin > LONGEST_LINE:
                raise too_big(
                    f"The line that begins at byte {line_begin:,} is longer than {LONGEST_LINE >> 20} MB"
                )
    return None


def _line_begin(chunk: bytes, position: int, line_begin: int) -> int:
    last = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
    return line_begin if last < 0 else position + last + 1


def _detect(path: Path) -> str:
    import chardet

    guesses = [str(guess["encoding"]) for guess in chardet.detect_all(_sample(path), ignore_threshold=True)]
    if any(guess.lower() in ("iso-8859-1", "ascii", "none") for guess in guesses[:1]):
        # They differ in 27 characters, the euro sign among them, that nobody means as control codes.
        guesses.insert(0, "cp1252")
    for guess in sorted(guesses, key=lambda guess: bool(_SELDOM.match(guess))):
        try:
            name = codecs.lookup(guess).name
            plain = _ASCII.decode(name) == _ASCII.decode("ascii")
        except (LookupError, UnicodeError):
            continue
        if plain and _fault(path, name) is None:
            return name
    raise undecodable(path, "utf-8", _fault(path, "utf-8") or 0)


def _sample(path: Path) -> bytes:
    """Take the beginning, which tells the language, and then the lines with more than ASCII in them."""
    sample = bytearray()
    for line in _lines(path):
        if len(sample) < HEAD or not line.isascii():
            sample += line
            if len(sample) >= SAMPLE:
                break
    return bytes(sample[:SAMPLE])


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while line := file.readline(SAMPLE):
            yield line


# ---- refusals ----


def nul_bytes(path: Path, position: int | None) -> SourceError:
    """The file has NUL characters, the first at byte `position` where that is known."""
    where = (
        ""
        if position is None
        else f" (the first is byte {position + 1:,}, line {_line_of(path, position):,})"
    )
    return SourceError(
        f"The file holds NUL characters{where}, as no text file does: it is damaged, or it is no CSV. Export "
        "it anew, or save it as .xlsx.",
        code="nul-bytes",
    )


def undecodable(path: Path, name: str, position: int) -> SourceError:
    """The byte at `position` is not possible in the encoding `name`."""
    with path.open("rb") as file:
        file.seek(position)
        byte = file.read(1)
    what = f"byte {position + 1:,} (0x{byte.hex().upper()})" if byte else "its end"
    return SourceError(
        f"The file does not read as {name}: line {_line_of(path, position):,}, {what} does not fit. Say what "
        "it is saved in with --encoding (for example cp1252), or save it as .xlsx or as CSV UTF-8.",
        code="encoding",
    )


def _line_of(path: Path, position: int) -> int:
    """Count the line of a byte, as an editor does: CR LF, LF and CR each end one."""
    line, left, cr = 1, position, False
    with path.open("rb") as file:
        while left and (chunk := file.read(min(CHUNK, left))):
            left -= len(chunk)
            pairs = chunk.count(b"\r\n") + (cr and chunk[:1] == b"\n")
            line += chunk.count(b"\n") + chunk.count(b"\r") - pairs
            cr = chunk[-1:] == b"\r"
    return line
