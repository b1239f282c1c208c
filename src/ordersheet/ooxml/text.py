"""The encoding of an XML part: told from its first bytes, and put back when the part was changed."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from ordersheet.ooxml.refusals import not_a_workbook

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_DECLARED = re.compile(rb"""^<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_AS_IS = ("utf-8", "ascii")


def codec_of(start: bytes) -> str:
    """Tell a part's encoding from its first bytes, as a Python codec.

    Raises:
        SourceError: where the declared encoding is not known.
    """
    if start.startswith((codecs.BOM_UTF16_LE, b"<\0")):
        return "utf-16-le"
    if start.startswith((codecs.BOM_UTF16_BE, b"\0<")):
        return "utf-16-be"
    declared = _DECLARED.match(start)
    if declared is None:
        return "utf-8"
    try:
        return codecs.lookup(declared[1].decode()).name
    except LookupError as error:
        name = declared[1].decode()
        raise not_a_workbook(f"A part of the file is in an encoding that is not known, {name}.") from error


def to_utf8(chunks: Iterable[bytes], codec: str) -> Iterator[bytes]:
    """Give a part's bytes as UTF-8, byte order mark included where there is one."""
    if codec in _AS_IS:
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder(codec)()
    try:
        for chunk in chunks:
            yield decoder.decode(chunk).encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        raise not_a_workbook(
            f"The file is damaged: a part of it is not in the encoding that it declares, {codec}."
        ) from error


def from_utf8(chunks: Iterable[bytes], codec: str) -> Iterator[bytes]:
    """Give UTF-8 back in the part's own encoding; what it lacks becomes a character reference."""
    if codec == "utf-8":
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    for chunk in chunks:
        yield decoder.decode(chunk).encode(codec, "xmlcharrefreplace")
