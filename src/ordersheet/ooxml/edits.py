"""Changes to an XML part at byte offsets, so that every byte that is not meant stays as it is."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, NamedTuple, NoReturn
from xml.parsers import expat

from ordersheet.ooxml.refusals import CannotSplice

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRICT_MAIN = "http://purl.oclc.org/ooxml/spreadsheetml/main"

_TAG_END = re.compile(rb"""(?:[^<>"']|"[^"<]*"|'[^'<]*')*>""")
_DECLARED = re.compile(rb"""^<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_AS_IS = ("utf-8", "ascii")


class Tag(NamedTuple):
    """One element of a part, with its place in the part's bytes."""

    name: str
    """The local name for an element of the spreadsheet namespace, else `namespace local`."""
    path: tuple[str, ...]
    """The names of the elements around it, the root first."""
    begin: int
    """Offset of its first byte."""
    inner: int
    """Offset behind its start tag."""
    close: int
    """Offset of its end tag; of its end where it is empty."""
    end: int
    """Offset behind it."""
    attributes: dict[str, str]
    """By local name, or `namespace local` for those with a prefix."""
    prefix: str
    """With its colon, where the name is written with one."""

    @property
    def empty(self) -> bool:
        """Whether it is written as one tag."""
        return self.inner == self.end


def tags(data: bytes) -> list[Tag]:
    """List the elements of a UTF-8 document in document order.

    Raises:
        CannotSplice: where the document is not well-formed or declares a document type.
    """
    found: list[Tag | None] = []
    open_: list[tuple[int, str, int, int, dict[str, str]]] = []
    parser = expat.ParserCreate("utf-8", " ")
    parser.buffer_text = True

    def start(name: str, attributes: dict[str, str]) -> None:
        begin = parser.CurrentByteIndex
        open_.append((len(found), _short(name), begin, tag_end(data, begin), attributes))
        found.append(None)

    def end(_name: str) -> None:
        index, name, begin, inner, attributes = open_.pop()
        here = parser.CurrentByteIndex
        empty = data[inner - 2 : inner] == b"/>"
        close, stop = (inner, inner) if empty else (here, data.index(b">", here) + 1)
        path = tuple(item[1] for item in open_)
        found[index] = Tag(name, path, begin, inner, close, stop, attributes, _prefix(data, begin))

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = refuse_doctype
    try:
        parser.Parse(data, True)  # noqa: FBT003 - expat takes it by position only
    except expat.ExpatError as error:
        raise CannotSplice(f"a part of it is not well-formed XML ({error})") from error
    return [tag for tag in found if tag is not None]


def refuse_doctype(*_: object) -> NoReturn:
    """Refuse a document type: no workbook program writes one, and it can hide what a document holds."""
    raise CannotSplice("a part of it declares a document type")


def _short(name: str) -> str:
    namespace, _, local = name.rpartition(" ")
    return local if namespace in (MAIN, STRICT_MAIN) else name


def tag_end(data: bytes, begin: int) -> int:
    """Give the offset behind the tag that begins at an offset."""
    match = _TAG_END.match(data, begin + 1)
    if match is None:
        raise CannotSplice("a tag in it has no end")
    return match.end()


def _prefix(data: bytes, begin: int) -> str:
    match = re.compile(rb"<([^\s<>/:]+:)?").match(data, begin)
    return (match[1] or b"").decode() if match else ""


class Edits:
    """Replacements in one run of bytes, applied together."""

    def __init__(self) -> None:
        self._all: list[tuple[int, int, bytes]] = []

    def replace(self, begin: int, end: int, new: bytes) -> None:
        """Put new bytes in the place of old ones; begin and end may be the same."""
        self._all.append((begin, end, new))

    def attribute(self, data: bytes, tag: Tag, name: str, value: str) -> None:
        """Give an attribute of a start tag a value; it is added where it is not there."""
        place = re.compile(rb"\s" + name.encode() + rb"""\s*=\s*("[^"]*"|'[^']*')""").search(
            data, tag.begin, tag.inner
        )
        quoted = b'"' + value.encode() + b'"'
        if place is not None:
            self.replace(*place.span(1), quoted)
        else:
            at = tag.inner - (2 if tag.empty else 1)
            self.replace(at, at, b" " + name.encode() + b"=" + quoted)

    def apply(self, data: bytes, offset: int = 0) -> bytes:
        """Give the bytes with the replacements that lie in them; `data` begins at `offset` of the whole."""
        parts: list[bytes] = []
        done = 0
        for begin, end, new in sorted(self._all, key=lambda edit: edit[:2]):
            if offset <= begin and end <= offset + len(data):
                parts += (data[done : begin - offset], new)
                done = end - offset
        return b"".join((*parts, data[done:]))


def codec_of(start: bytes) -> str:
    """Tell a part's encoding from its first bytes, as a Python codec.

    Raises:
        CannotSplice: where the declared encoding is not known.
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
        raise CannotSplice(f"a part of it is in an unknown encoding, {declared[1].decode()}") from error


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
        raise CannotSplice(f"a part of it is not in the encoding that it declares, {codec}") from error


def from_utf8(chunks: Iterable[bytes], codec: str) -> Iterator[bytes]:
    """Give UTF-8 back in the part's own encoding; what it lacks becomes a character reference."""
    if codec == "utf-8":
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    for chunk in chunks:
        yield decoder.decode(chunk).encode(codec, "xmlcharrefreplace")
