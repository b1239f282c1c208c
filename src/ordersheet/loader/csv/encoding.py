"""How the bytes of a text file become characters: a byte order mark, strict UTF-8, UTF-16, or a code page.

What the file itself says is taken. Where it says nothing, its letters are asked (code_pages.py), and where
they do not tell either, the file is refused with the readings to choose from: a guess is never sent.
"""

from __future__ import annotations

import codecs
import io
import unicodedata
from string import ascii_uppercase
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.errors import SourceError, UsageError
from ordersheet.core.model import Problem
from ordersheet.loader.csv.code_pages import label
from ordersheet.loader.csv.text import line_of

if TYPE_CHECKING:
    from pathlib import Path

    from ordersheet.core.errors import EncodingChoice

HEAD = 1 << 16
"""Bytes that tell a byte order mark, and UTF-16 without one."""

_BOMS = (
    # UTF-32 first: its little-endian mark begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WIDE = ("utf-16", "utf-32")
_SAVE_ANEW = 'Or save the sheet anew as "CSV UTF-8" or as .xlsx.'


class Encoding(NamedTuple):
    """An encoding that a file is to be read in."""

    name: str
    """The Python name; `utf-8-sig`, `utf-16` and `utf-32` stand for a BOM at the beginning."""
    source: str
    """`option`, `byte order mark`, `strict UTF-8`, `UTF-16 without a mark` or `letters`."""


def stated_encoding(path: Path, wanted: str | None = None) -> Encoding | None:
    """Give the encoding that a person or the file itself states; None where neither does.

    Args:
        path: the file.
        wanted: the encoding that a person decided on, by any name that Python knows.

    Raises:
        UsageError: `wanted` is no encoding.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    mark = next((name for bom, name in _BOMS if head.startswith(bom)), None)
    if wanted is not None:
        name = _codec(wanted)
        if mark is not None and mark.removesuffix("-sig").startswith(name[:6]):
            name = mark
        elif name in _WIDE:
            name = _unmarked(head) or f"{name}-le"
        return Encoding(name, "option")
    if mark is not None:
        return Encoding(mark, "byte order mark")
    wide = _unmarked(head)
    return Encoding(wide, "UTF-16 without a mark") if wide is not None else None


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
    strange = any(unicodedata.category(char)[0] == "C" and char not in "\t\r\n\x1a" for char in set(text))
    return None if strange else name


def fault(path: Path, name: str) -> int:
    """Give the position of the first byte that does not decode; the length where the end is at fault."""
    decoder = codecs.getincrementaldecoder(name)("strict")
    position = 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            kept = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                return position - kept + error.start
            position += len(chunk)
    return position


# ---- refusals ----


def undecodable(path: Path, name: str) -> SourceError:
    """The file does not decode as `name`."""
    position = fault(path, name)
    with path.open("rb") as file:
        file.seek(position)
        byte = file.read(1)
    what = f"byte {position + 1:,} (0x{byte.hex().upper()})" if byte else "its end"
    return SourceError(
        f"The file does not read as {name}: line {line_of(path, position):,}, {what} does not fit. Say what "
        "it is saved in with --encoding (for example cp1252), or save it as .xlsx or as CSV UTF-8.",
        code="encoding",
    )


def damaged_utf8(path: Path, others: int) -> SourceError:
    """The file is UTF-8 but for a few bytes, `others` in number."""
    position = fault(path, "utf-8")
    with path.open("rb") as file:
        file.seek(position)
        byte = file.read(1)
    more = f"; {others - 1:,} more such bytes follow" if others > 1 else ""
    return SourceError(
        f"The file is written in UTF-8, but line {line_of(path, position):,} holds a byte that is not: byte "
        f"{position + 1:,}{f' (0x{byte.hex().upper()})' if byte else ''}{more}. Something was added in "
        "another encoding. Type that text again and save the file as CSV UTF-8, or save the sheet as .xlsx.",
        code="encoding",
    )


def no_page(path: Path) -> SourceError:
    """No encoding that is told by itself reads all bytes."""
    position = fault(path, "utf-8")
    return SourceError(
        f"The file is not UTF-8 (line {line_of(path, position):,}, byte {position + 1:,} does not fit), and "
        "no code page of Excel's gives letters alone for all its bytes. Say what it is saved in with "
        f"--encoding. {_SAVE_ANEW}",
        code="encoding",
    )


def several_readings(choices: tuple[EncodingChoice, ...]) -> SourceError:
    """Several encodings read the cells that are sent as text, and differently."""
    lines = ["The file can be read in several ways, and its letters do not tell which is right:"]
    lines += [
        f"  --encoding {choice.encoding:9} {label(choice.encoding).partition(' ')[2]}: {_cells(choice)}"
        for choice in choices
    ]
    lines.append(f"Say the one that reads right. {_SAVE_ANEW}")
    return SourceError("\n".join(lines), code="encoding", problems=_problems(choices), choices=choices)


def mixed_encodings(choices: tuple[EncodingChoice, ...]) -> SourceError:
    """The first choice reads the file, but for a cell that the second reads."""
    most, other = choices
    return SourceError(
        f"The file holds text in two encodings. Most of it reads as {label(most.encoding)}; {_cells(most)} "
        f"would be {_cells(other)} in {label(other.encoding)}. Type that text again and save the sheet as "
        '"CSV UTF-8" or as .xlsx. Where all of it is right as it is, say '
        f"--encoding {most.encoding}.",
        code="encoding",
        problems=_problems(choices),
        choices=choices,
    )


def unread(choice: EncodingChoice) -> SourceError:
    """The likeliest page makes no words of the file."""
    return SourceError(
        "The file does not say what it is saved in, and nothing that Excel saves in makes words of it: as "
        f"{label(choice.encoding)}, {_cells(choice)}. Say its encoding with --encoding. {_SAVE_ANEW}",
        code="encoding",
        problems=_problems((choice,)),
        choices=(choice,),
    )


def _problems(choices: tuple[EncodingChoice, ...]) -> list[Problem]:
    """Give each differing cell with its readings."""
    problems = []
    for readings in zip(*(choice.cells for choice in choices), strict=True):
        cell, first = readings[0]
        told = [
            f'--encoding {choice.encoding} reads "{text}"'
            for choice, (_, text) in zip(choices, readings, strict=True)
        ]
        row = int(cell.lstrip(ascii_uppercase))
        problems.append(Problem("encoding", f"{'; '.join(told)}.", row=row, cell=cell, value=first))
    return problems


def _cells(choice: EncodingChoice) -> str:
    return ", ".join(f'{address} "{text}"' for address, text in choice.cells)
