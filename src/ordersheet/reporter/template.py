"""An empty workbook that a clerk can fill in: the right headers, lists of choices, and a help sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ordersheet.core.model import ORDER, REPLACE_FLAGS, column_letters
from ordersheet.reporter.atomic_file import AtomicFile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import IO

    from openpyxl.worksheet.worksheet import Worksheet

SHEET = "Orders"
HELP_SHEET = "Help"
ROWS = 100_000
"""How many rows below the header offer the lists."""

_COLUMNS = (
    (ORDER, "Order ID", 14),
    ("internalComment", "Internal comment", 44),
    (REPLACE_FLAGS["internalComment"], "Replace internal comment", 26),
    ("comment", "Customer comment", 44),
    (REPLACE_FLAGS["comment"], "Replace customer comment", 26),
)
_ATTRIBUTE = "attr:"
_ATTRIBUTE_WIDTH = 24

_HELP = (
    ("How to fill in this workbook", ""),
    ("Write on the sheet Orders, one row for each order. Save the file and hand it to ordersheet.", ""),
    ("", ""),
    ("Column", "What to write in it"),
    ("“Order ID”", "The number of the order, such as 83651. Every row needs it."),
    (
        "“Internal comment”",
        "A text for your colleagues. It is added below what the order's internal comment holds.",
    ),
    (
        "“Replace internal comment”",
        "Choose yes and the old internal comment is removed first: your text stands alone.",
    ),
    (
        "“Customer comment”",
        "A text that the customer may see. It is added below what the order's comment holds.",
    ),
    ("“Replace customer comment”", "Choose yes and the old comment is removed first."),
    (
        "“attr:…”",
        "A further value of the order, by the name behind the colon. It takes the old value's place.",
    ),
    ("", ""),
    ("Good to know", ""),
    ("A cell left empty changes nothing.", ""),
    ("<clear> in a comment or value empties it at the order.", ""),
    ("A column that you do not need may be deleted, and columns may stand in any order.", ""),
    ("Columns of your own may be added: they are not sent.", ""),
    ("Do not change the headers of the first row, and do not merge cells.", ""),
    (
        "You get the file back with four columns more: update_status says ok or no for each row.",
        "",
    ),
)


def write_template(target: Path, *, attributes: Sequence[str] = ()) -> Path:
    """Write the template.

    Args:
        target: where to, an .xlsx; an existing file is replaced, so ask before.
        attributes: keys of attributes that get a column each, in order.

    Returns:
        Where it really is: beside the target or in the home folder where the target cannot be written.

    Raises:
        OrdersheetError: `report-unwritable`, where no place can be written.
    """
    from openpyxl import Workbook

    book = Workbook()
    orders = cast("Worksheet", book.active)
    orders.title = SHEET
    columns = [(header, width) for _, header, width in _COLUMNS]
    columns += [(f"{_ATTRIBUTE}{key}", _ATTRIBUTE_WIDTH) for key in attributes]
    _lay_out(orders, columns)
    flags = [n for n, (field, *_) in enumerate(_COLUMNS) if field in REPLACE_FLAGS.values()]
    _offer_choices(orders, flags)
    _explain(book.create_sheet(HELP_SHEET))
    with AtomicFile(target, None) as out:
        book.save(cast("IO[bytes]", out))
        return out.land().path


def _lay_out(orders: Worksheet, columns: Sequence[tuple[str, int]]) -> None:
    """Write the headers, and give whole columns the text format, so that IDs stay as typed."""
    from openpyxl.styles import Alignment, Font, PatternFill

    for n, (header, width) in enumerate(columns, 1):
        cell = orders.cell(1, n, header)
        cell.font = Font(bold=True)
        cell.fill = PatternFill("solid", fgColor="FFDDE7F0")
        cell.alignment = Alignment(vertical="top", wrap_text=True)
        dimension: Any = orders.column_dimensions[column_letters(n - 1)]
        dimension.width = width
        dimension.number_format = "@"
    orders.freeze_panes = "A2"


def _offer_choices(orders: Worksheet, columns: Sequence[int]) -> None:
    from openpyxl.worksheet.datavalidation import DataValidation

    choices = DataValidation(type="list", formula1='"yes,no"', allow_blank=True)
    choices.showErrorMessage = True
    choices.errorTitle = "yes or no"
    choices.error = "Choose yes or no, or leave the cell empty. Empty means no."
    choices.showInputMessage = True
    choices.promptTitle = "yes or no"
    choices.prompt = "yes: the old text is removed first. Empty or no: the new text goes below it."
    for column in columns:
        letters = column_letters(column)
        choices.add(f"{letters}2:{letters}{ROWS + 1}")
    orders.add_data_validation(choices)


def _explain(sheet: Worksheet) -> None:
    """Fill the help sheet; its column names stand in quotes, so that no row of it reads like a header row."""
    from openpyxl.styles import Alignment, Font

    for row, (left, right) in enumerate(_HELP, 1):
        for column, text in enumerate((left, right), 1):
            if text:
                cell = sheet.cell(row, column, text)
                cell.alignment = Alignment(vertical="top", wrap_text=column > 1)
    for row in (1, 4, 12):
        for column in (1, 2):
            sheet.cell(row, column).font = Font(bold=True)
    sheet.column_dimensions["A"].width = 30
    sheet.column_dimensions["B"].width = 80
