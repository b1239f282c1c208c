"""Tables and filter names that border on the added columns: made to hold them, so that rows sort whole."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from ordersheet.core.model import column_letters
from ordersheet.ooxml.edits import Edits, tags
from ordersheet.ooxml.references import parse_range
from ordersheet.reporter.xlsx.splice import widened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ordersheet.ooxml.edits import Tag
    from ordersheet.reporter.xlsx.splice import AddedPlace

FILTER_NAME = "_xlnm._FilterDatabase"
_NAMED_RANGE = re.compile(rb"(?:.*!)?(\$?[A-Z]{1,3}\$?\d+:\$?([A-Z]{1,3})\$?\d+)$", re.DOTALL)


def widened_table(data: bytes, headers: Sequence[str], place: AddedPlace) -> bytes | None:
    """Give a table part with the added columns in it, or None where it is to stay as it is.

    A table stays as it is where it is not the orders' own or does not end at the added columns, where it is
    filled from a database, and where it has a column of the same name.

    Args:
        data: the part as UTF-8.
        headers: the added headers.
        place: where the columns are added.
    """
    elements = tags(data)
    table = elements[0]
    block = parse_range(table.attributes.get("ref", ""))
    group = next((tag for tag in elements if tag.path == ("table",) and tag.name == "tableColumns"), None)
    if block is None or group is None or block.first_row != place.header_row:
        return None
    own = [tag for tag in elements if tag.path == ("table", "tableColumns") and tag.name == "tableColumn"]
    names = {tag.attributes.get("name", "").casefold() for tag in own}
    if (
        not place.joins(block)
        or table.attributes.get("tableType", "worksheet") != "worksheet"
        or table.attributes.get("headerRowCount") == "0"
        or not names.isdisjoint(header.casefold() for header in headers)
    ):
        return None
    edits = Edits()
    edits.attribute(data, table, "ref", widened(block, place.columns[-1]))
    for tag in elements[1:]:
        if tag.name in ("autoFilter", "sortState"):
            inner = parse_range(tag.attributes.get("ref", ""))
            if inner is not None and place.joins(inner):
                edits.attribute(data, tag, "ref", widened(inner, place.columns[-1]))
    number = max((int(tag.attributes.get("id", "0")) for tag in own), default=0)
    p = table.prefix
    new = "".join(
        f'<{p}tableColumn id="{number + n}" name={quoteattr(header)}/>' for n, header in enumerate(headers, 1)
    )
    edits.replace(group.close, group.close, new.encode())
    edits.attribute(data, group, "count", str(len(own) + len(headers)))
    return edits.apply(data)


def widened_filter_name(data: bytes, sheet_index: int, place: AddedPlace) -> bytes | None:
    """Give workbook.xml with the sheet's hidden filter name over the added columns; None for no change.

    Args:
        data: the part as UTF-8.
        sheet_index: the sheet's place among the workbook's sheets, from 0.
        place: where the columns are added.
    """
    edits = Edits()
    changed = False
    for tag in tags(data):
        if not _is_filter_name(tag, sheet_index):
            continue
        match = _NAMED_RANGE.match(data[tag.inner : tag.close])
        if match is None:
            continue
        block = parse_range(match[1].decode())
        if block is not None and place.joins(block):
            begin, end = match.span(2)
            edits.replace(tag.inner + begin, tag.inner + end, column_letters(place.columns[-1]).encode())
            changed = True
    return edits.apply(data) if changed else None


def _is_filter_name(tag: Tag, sheet_index: int) -> bool:
    return (
        tag.name == "definedName"
        and tag.path == ("workbook", "definedNames")
        and tag.attributes.get("name") == FILTER_NAME
        and tag.attributes.get("localSheetId") == str(sheet_index)
    )
