"""The one style that is added to a workbook: a fill that makes a `no` catch the eye."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ordersheet.ooxml.edits import Edits, tags

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ordersheet.ooxml.edits import Tag

FILL_COLOUR = "FFC7CE"
"""A light red that black text stands well on, the one spreadsheet programs use for bad values."""


_USED = re.compile(rb"""\s(?:s|style)\s*=\s*["']([0-9]{1,7})["']""")
_OVERLAP = 64
"""Bytes of a chunk that are looked at again with the next, since an attribute may be cut in two."""


class StylesUsed:
    """Watches the bytes of sheets for the cell styles that they name.

    Attributes:
        last: the highest index of a style, -1 for none.
    """

    def __init__(self) -> None:
        self.last = -1

    def of(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Give the bytes of a sheet, and note the styles in them."""
        before = b""
        for chunk in chunks:
            found = set(_USED.findall(before + chunk))
            self.last = max([self.last, *map(int, found)])
            before = chunk[-_OVERLAP:]
            yield chunk


def count_styles(data: bytes) -> int:
    """Count the cell styles of styles.xml."""
    return sum(tag.name == "xf" and tag.path == ("styleSheet", "cellXfs") for tag in tags(data))


def with_bad_style(data: bytes) -> tuple[bytes, str | None]:
    """Give styles.xml with the fill in it, and the index of the cell style that shows it.

    A style that an earlier report added is used again. Where the part lacks what a style refers to,
    it is given back as it is, with None.

    Args:
        data: the part as UTF-8.
    """
    elements = tags(data)
    root = elements[0]
    fills = _child(elements, "fills")
    formats = _child(elements, "cellXfs")
    if fills is None or formats is None:
        return data, None
    p = root.prefix
    fill = (
        f'<{p}fill><{p}patternFill patternType="solid"><{p}fgColor rgb="FF{FILL_COLOUR}"/>'
        f'<{p}bgColor indexed="64"/></{p}patternFill></{p}fill>'
    ).encode()
    edits = Edits()
    fill_index = _member(data, elements, fills, fill, edits)
    form = (
        f'<{p}xf numFmtId="0" fontId="0" fillId="{fill_index}" borderId="0" xfId="0" applyFill="1"/>'
    ).encode()
    form_index = _member(data, elements, formats, form, edits)
    return edits.apply(data), str(form_index)


def _child(elements: list[Tag], name: str) -> Tag | None:
    return next(
        (tag for tag in elements if tag.name == name and tag.path == ("styleSheet",) and not tag.empty), None
    )


def _member(data: bytes, elements: list[Tag], group: Tag, new: bytes, edits: Edits) -> int:
    """Give the index of a member of a group, which is added where it is not there."""
    members = [
        data[tag.begin : tag.end]
        for tag in elements
        if tag.path == ("styleSheet", group.name) and group.begin < tag.begin < group.end
    ]
    if new in members:
        return members.index(new)
    edits.replace(group.close, group.close, new)
    edits.attribute(data, group, "count", str(len(members) + 1))
    return len(members)
