"""A file with one cell of interest, built from the words of docs/spreadsheets.md, and what comes of it."""

from __future__ import annotations

import json
import re
import zipfile
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from tests.support.handmade_xlsx import HEAD, parts_of, sheet, strings, styles, write_parts

from ordersheet import mapping
from ordersheet.core.errors import SourceError
from ordersheet.core.model import LeftOut, Operation, OrderUpdate, Outcome
from ordersheet.loader import open_table
from ordersheet.mapping.mapper import map_row

if TYPE_CHECKING:
    from pathlib import Path

ORDER, TEXT = "order", "text"
"""Whether the cell stands in the column of order IDs, or in a comment's."""
_ORDER_HEAD = HEAD.replace("<v>Comment</v>", "<v>Internal comment</v>")
_ODS = "application/vnd.oasis.opendocument.spreadsheet"


def in_workbook(path: Path, stored: str, number_format: str, place: str) -> Path:
    """Make an .xlsx with a cell stored as such as `number 83651`, `text "a"`, `error #N/A`, `formula`."""
    style = "1" if number_format else "0"
    kind, _, value = stored.partition(" ")
    shared = ""
    if kind == "text":
        shared = f'<t xml:space="preserve">{escape(json.loads(value))}</t>'
        cell = f'<c r="{{0}}" s="{style}" t="s"><v>1</v></c>'
    elif kind == "rich":
        shared = value
        cell = '<c r="{0}" t="s"><v>1</v></c>'
    elif kind == "number":
        cell = f'<c r="{{0}}" s="{style}"><v>{value}</v></c>'
    elif kind == "truth":
        cell = f'<c r="{{0}}" t="b"><v>{value}</v></c>'
    elif kind == "error":
        cell = f'<c r="{{0}}" t="e"><v>{value}</v></c>'
    elif kind == "formula":
        saved = f"<v>{value}</v>" if value else ""
        cell = f'<c r="{{0}}" s="{style}"><f>A1</f>{saved}</c>'
    else:
        assert kind == "nothing", stored
        cell = f'<c r="{{0}}" s="{style}"/>'
    other = '<c r="A2"><v>83651</v></c>' if place == TEXT else '<c r="B2" t="s"><v>0</v></c>'
    own = cell.format("B2" if place == TEXT else "A2")
    cells = other + own if place == TEXT else own + other
    parts = parts_of(
        sheet(f'<row r="2">{cells}</row>', head=_ORDER_HEAD),
        shared=strings("<t>a text</t>", shared or "<t/>"),
        style=styles(number_format or "General"),
    )
    return write_parts(path, {**parts, "[Content_Types].xml": b"<Types/>"})


def in_csv(path: Path, field: str, place: str) -> Path:
    """Make a CSV with a field as it stands in the file, quotes and all."""
    row = f"83651,{field}" if place == TEXT else f"{field},a text"
    path.write_bytes(f"Order ID,Internal comment\r\n{row}\r\n".encode())
    return path


def in_ods(path: Path, stored: str, shown: str, place: str) -> Path:
    """Make an .ods with a cell stored as such as `float 1188.44`, and shown as it is."""
    kind, _, value = stored.partition(" ")
    text = f"<text:p>{escape(shown)}</text:p>" if shown else ""
    attribute = {"date": "date-value", "time": "time-value", "boolean": "boolean-value"}.get(kind, "value")
    if kind == "formula":
        cell = '<table:table-cell table:formula="of:=[.A1]"/>'
    elif kind == "error":
        kinds = 'office:value-type="string" calcext:value-type="error"'
        cell = f'<table:table-cell table:formula="of:=1/0" {kinds}>{text}</table:table-cell>'
    elif kind == "string":
        cell = f'<table:table-cell office:value-type="string">{text}</table:table-cell>'
    elif kind == "annotated":
        note = "<office:annotation><text:p>A remark.</text:p></office:annotation>"
        cell = f'<table:table-cell office:value-type="string">{note}{text}</table:table-cell>'
    else:
        given = f"office:{attribute}={quoteattr(value)}"
        cell = f'<table:table-cell office:value-type="{kind}" {given}>{text}</table:table-cell>'
    plain = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    float_of = 'office:value-type="float" office:value="83651"'
    number = f"<table:table-cell {float_of}><text:p>83651</text:p></table:table-cell>"
    row = number + cell if place == TEXT else cell + plain.format("a text")
    spaces = " ".join(
        f'xmlns:{name}="urn:{rest}"'
        for name, rest in (
            ("office", "oasis:names:tc:opendocument:xmlns:office:1.0"),
            ("table", "oasis:names:tc:opendocument:xmlns:table:1.0"),
            ("text", "oasis:names:tc:opendocument:xmlns:text:1.0"),
            ("calcext", "org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"),
        )
    )
    head = plain.format("Order ID") + plain.format("Internal comment")
    content = (
        f'<office:document-content {spaces}><office:body><office:spreadsheet><table:table table:name="S">'
        f"<table:table-row>{head}</table:table-row><table:table-row>{row}</table:table-row>"
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("mimetype", _ODS)
        package.writestr("content.xml", content)
    return path


def outcome(path: Path, place: str) -> tuple[str, str]:
    """Read and map the one row: `sent` and what, `invalid` and why, or `file` and why it is refused."""
    try:
        table = open_table(path, is_id_header=mapping.id_header_test(None))
        found = mapping.resolve(table.headers)
        table.refuse(found.columns, hidden="refuse")
        (row,) = table.rows(found.columns)
    except SourceError as refusal:
        return "file", str(refusal)
    item = map_row(row, found, sheet=None)
    if isinstance(item, OrderUpdate):
        (operation,) = item.operations
        return "sent", str(item.order) if place == ORDER else _said(operation)
    assert isinstance(item, LeftOut)
    return ("blank", "") if item.outcome is Outcome.NOTHING_TO_UPDATE else ("invalid", item.message)


def _said(operation: Operation) -> str:
    return str(operation.value) if operation.kind == "append" else str(operation.kind)


def agrees(said: str, found: tuple[str, str]) -> bool:
    """Tell whether an outcome is what a table says: a JSON text, `invalid: words` or `blank`."""
    kind, text = found
    exact = re.fullmatch(r"`(.*)`", said)
    if exact:
        return kind == "sent" and text == json.loads(f'"{exact[1]}"')
    if said.startswith("invalid: "):
        return kind == "invalid" and said.removeprefix("invalid: ") in text
    return (kind, said) == ("blank", "left alone") or (kind == "sent" and said == text)
