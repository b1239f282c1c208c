"""Changes to an XML part at byte offsets, so that every byte that is not meant stays as it is."""

from __future__ import annotations

import re
from typing import NamedTuple

from ordersheet.ooxml.part import PartParser, main_name, refuse_depth
from ordersheet.ooxml.refusals import CannotSplice

_TAG_END = re.compile(rb"""(?:[^<>"']|"[^"<]*"|'[^'<]*')*>""")


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


def tags(data: bytes, name: str = "") -> list[Tag]:
    """List the elements of a UTF-8 document in document order.

    Args:
        data: the document.
        name: the part's name, for messages.

    Raises:
        SourceError: where the document is damaged or declares a document type.
    """
    found: list[Tag | None] = []
    open_: list[tuple[int, str, int, int, dict[str, str]]] = []
    parser = PartParser(name, encoding="utf-8")

    def start(element: str, attributes: dict[str, str]) -> None:
        begin = parser.expat.CurrentByteIndex
        open_.append((len(found), _short(element), begin, tag_end(data, begin), attributes))
        refuse_depth(len(open_), name)
        found.append(None)

    def end(_element: str) -> None:
        index, element, begin, inner, attributes = open_.pop()
        here = parser.expat.CurrentByteIndex
        empty = data[inner - 2 : inner] == b"/>"
        close, stop = (inner, inner) if empty else (here, data.index(b">", here) + 1)
        path = tuple(item[1] for item in open_)
        found[index] = Tag(element, path, begin, inner, close, stop, attributes, _prefix(data, begin))

    parser.expat.StartElementHandler = start
    parser.expat.EndElementHandler = end
    parser.feed(data, last=True)
    return [tag for tag in found if tag is not None]


def _short(name: str) -> str:
    return main_name(name) or name


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
