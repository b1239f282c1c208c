"""XML parts of a package through expat: no DTD, no entities, no deep nesting, no endless tokens."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from xml.parsers import expat

from ordersheet.ooxml.limits import LIMITS, Limits
from ordersheet.ooxml.refusals import not_a_workbook, too_big

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CHUNK = 65_536
MAX_DEPTH = 200

MAIN = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",
)
"""The namespace of spreadsheets: transitional, and strict."""
SPACE = "http://www.w3.org/XML/1998/namespace space"
"""The attribute that says whether blanks around a text count."""
XML_BLANKS = " \t\r\n"
RELATIONSHIPS = (
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    "http://purl.oclc.org/ooxml/officeDocument/relationships",
)


def local_name(name: str) -> str:
    """Give a name without its namespace."""
    return name.rpartition(" ")[2]


def main_name(name: str) -> str:
    """Give a name without its namespace if that is the one of spreadsheets, else `""`."""
    space, _, local = name.rpartition(" ")
    return local if space in MAIN else ""


class PartParser:
    """An expat parser for one part, fed in chunks.

    Args:
        name: the part's name, for messages.
        namespaces: whether names come as `namespace local`; otherwise as they stand, which is faster.
        encoding: its encoding, where what it declares does not count.
        limits: how big it may be.

    Attributes:
        expat: the parser, for handlers to be set on.
        name: the part's name, for messages.
    """

    def __init__(
        self, name: str, *, namespaces: bool = True, encoding: str | None = None, limits: Limits = LIMITS
    ) -> None:
        self._most = limits.token
        self.name = name
        self.expat = expat.ParserCreate(encoding, " " if namespaces else None)
        self.expat.buffer_text = True
        self.expat.StartDoctypeDeclHandler = self._refuse_doctype
        self._fed = 0

    def _refuse_doctype(self, *_declaration: object) -> None:
        raise not_a_workbook(f"The part {self.name} declares a document type, which no workbook does.")

    def feed(self, chunk: bytes, *, last: bool = False) -> None:
        """Parse the next piece.

        Raises:
            SourceError: where it is not well-formed, or has an endless token.
        """
        try:
            self.expat.Parse(chunk, last)
        except expat.ExpatError as error:
            raise not_a_workbook(
                f"The file is damaged: its part {self.name} breaks off or is garbled at line {error.lineno}."
            ) from error
        except (LookupError, ValueError) as error:
            raise not_a_workbook(f"The part {self.name} is in an encoding that is not known.") from error
        self._fed += len(chunk)
        if not last and self._fed - max(self.expat.CurrentByteIndex, 0) > self._most:
            raise too_big(f"The part {self.name} has a tag of more than {self._most:,} bytes")


def plain_prefix(chunk: bytes) -> str | None:
    """Tell with which prefix a part names its elements, where that can be told from its root alone.

    Args:
        chunk: the part's begin.

    Returns:
        Such as `x:`, or `""` for none; None where the root is not in the chunk, or the namespace of
        spreadsheets has no prefix or several, so that namespaces must be followed throughout.
    """
    found: list[str] = []

    def root(_name: str, attributes: dict[str, str]) -> None:
        parser.StartElementHandler = None
        found.extend(key for key, space in attributes.items() if space in MAIN and key.startswith("xmlns"))

    parser = expat.ParserCreate()
    parser.StartElementHandler = root
    with contextlib.suppress(expat.ExpatError, LookupError, ValueError):  # the real parser says it
        parser.Parse(chunk)
    if len(found) != 1:
        return None
    prefix = found[0].removeprefix("xmlns").removeprefix(":")
    return f"{prefix}:" if prefix else ""


def refuse_depth(depth: int, name: str) -> None:
    """Refuse elements nested deeper than any real part has them."""
    if depth > MAX_DEPTH:
        raise too_big(f"The part {name} is nested {depth} levels deep")


def walk_part(chunks: Iterable[bytes], name: str, start: Callable[[list[str], dict[str, str]], None]) -> None:
    """Walk through the elements of a small part.

    Args:
        chunks: its bytes.
        name: its name, for messages.
        start: called at each element with its attributes and the names from the root to it, each as
            `namespace local`.

    Raises:
        SourceError: where it is damaged.
    """
    parser = PartParser(name)
    path: list[str] = []

    def begin(element: str, attributes: dict[str, str]) -> None:
        path.append(element)
        refuse_depth(len(path), name)
        start(path, attributes)

    def end(_element: str) -> None:
        path.pop()

    parser.expat.StartElementHandler = begin
    parser.expat.EndElementHandler = end
    for chunk in chunks:
        parser.feed(chunk)
    parser.feed(b"", last=True)
