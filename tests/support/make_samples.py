"""Make the sample spreadsheets anew: `python -m tests.support.make_samples`.

The samples stand in the repository as a person would have saved them; this is how they were made.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from openpyxl import Workbook
from openpyxl.formatting.rule import CellIsRule
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

SAMPLES = Path(__file__).parents[2] / "samples"
SAVED = dt.datetime(2026, 11, 20, 9, 30, tzinfo=dt.UTC).replace(tzinfo=None)

CALLS = [
    "Customer called: parcel not received, address confirmed.",
    "Customer called: wants delivery after 17:00.",
    "Moved house, new address sent by e-mail on 19 Nov.",
    "Asked for a gift wrap, agreed without charge.",
    "Wrong size ordered, exchange agreed (M instead of L).",
    "Door code 4711#, leave the parcel at the concierge.",
    "Complaint about a late parcel; 10 % goodwill agreed.",
    "Customer is away until 2 December, hold the parcel.",
]
NAMES = [
    "Åsa Lindqvist",
    "Jürgen Weiß",
    "Zoë O'Brien",
    "Łukasz Nowak",
    "Inés Muñoz",
    "François Petit",
    "Mette Kjær",
]


def customer_service() -> None:
    """The demo's workbook: every kind of row, as a customer-service team would keep it."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Batch edit"
    headers = [
        ("Order ID", 12),
        ("Customer", 20),
        ("Called on", 12),
        ("Amount", 12),
        ("Internal comment", 52),
        ("Replace internal comment", 14),
        ("attr:erp_reference", 18),
        ("attr:hold_active", 14),
        ("Handled by", 14),
    ]
    sheet.append(["Calls of week 47 – to be added to the orders"])
    sheet.append([])
    sheet.append([name for name, _ in headers])
    for row in _demo_rows():
        sheet.append(row)
    sheet["A1"].font = Font(bold=True, size=14)
    for index, (_, width) in enumerate(headers, start=1):
        cell = sheet.cell(3, index)
        cell.font = Font(bold=True, color="FFFFFF")
        cell.fill = PatternFill("solid", fgColor="44546A")
        cell.alignment = Alignment(vertical="center", wrap_text=True)
        sheet.column_dimensions[get_column_letter(index)].width = width
    for cells in sheet.iter_rows(min_row=4, max_row=sheet.max_row):
        cells[2].number_format = "yyyy-mm-dd"
        cells[3].number_format = '#,##0.00 "SEK"'
        cells[4].alignment = Alignment(wrap_text=True, vertical="top")
        cells[6].number_format = "00000000"
    sheet.freeze_panes = "B4"
    sheet.auto_filter.ref = f"A3:I{sheet.max_row}"
    yes_no = DataValidation(type="list", formula1='"yes,no"', allow_blank=True)
    sheet.add_data_validation(yes_no)
    yes_no.add(f"F4:F{sheet.max_row}")
    sheet.conditional_formatting.add(
        f"D4:D{sheet.max_row}",
        CellIsRule(  # type: ignore[no-untyped-call]
            operator="greaterThan", formula=["2000"], fill=PatternFill("solid", bgColor="FFF2CC")
        ),
    )
    help_sheet = book.create_sheet("Read me")
    help_sheet.append(["One row for each order. Leave a cell empty to leave that field alone."])
    book.properties.created = book.properties.modified = SAVED
    book.save(SAMPLES / "customer-service.xlsx")


def _demo_rows() -> list[list[object]]:
    rows: list[list[object]] = []
    day = dt.date(2026, 11, 16)
    for index in range(24):
        order = 83600 + index
        comment = CALLS[index % len(CALLS)]
        reference = 120400 + index if index % 4 == 1 else None
        name, called = NAMES[index % len(NAMES)], day + dt.timedelta(days=index % 5)
        handled_by = "Karin" if index % 2 else "Tobias"
        amount = 349.5 + index * 61
        rows.append([order, name, called, amount, comment, None, reference, None, handled_by])
    rows += [
        [83630, "Åsa Lindqvist", day, 1299, "Checked and closed.", "yes", None, None, "Karin"],
        [83631, "Jürgen Weiß", day, 89.9, "Paid by bank transfer on 18 Nov.", "yes", None, None, "Karin"],
        [83632, "Zoë O'Brien", day, 459, "<clear>", None, None, None, "Karin"],
        [83633, "Łukasz Nowak", day, 2150, None, None, 120990, None, "Tobias"],
        [83634, "Inés Muñoz", day, 120, None, None, 120991, 1, "Tobias"],
        [83635, "François Petit", day, 777, None, None, None, 1, "Tobias"],
        [83636, "Mette Kjær", day, 64, None, None, None, "<clear>", "Tobias"],
        [83637, "Åsa Lindqvist", day, 310, None, None, "<clear>", "<clear>", "Tobias"],
        [83638, "Jürgen Weiß", day, 999, "On hold:\nwaiting for the supplier.", None, None, 1, "Karin"],
        [83600, "Åsa Lindqvist", day, 349.5, CALLS[0], None, None, None, "Karin"],
        [83600, "Åsa Lindqvist", day, 349.5, "Called again: parcel has arrived.", None, None, None, "Karin"],
        [83695, "Mette Kjær", day, 150, "Sold in another market.", None, None, None, "Karin"],
        [99999, "Nobody", day, 10, "An order that does not exist.", None, None, None, "Karin"],
        ["8364O", "Inés Muñoz", day, 75, "The ID ends in a letter O.", None, None, None, "Tobias"],
        [83640, "Łukasz Nowak", day, 500, None, "yes", None, None, "Tobias"],
        [83641, "Zoë O'Brien", day, 42, None, None, None, None, "Tobias"],
    ]
    return rows


def carrier_delay() -> None:
    """A carrier's delay notice as a German Excel saves CSV: semicolons, cp1252, Bestellnummer."""
    lines = ["Bestellnummer;Kunde;Interner Kommentar;Betrag;Lieferung"]
    for index in range(12):
        name = ("Müller", "Weiß", "Jäger", "Schröder")[index % 4]
        lines.append(
            f'{83650 + index};{name};"Verspätung laut Spediteur: {2 + index % 3} Tage; Kunde informiert";'
            f"{49 + index},90 €;{27 + index % 3}.11.2026"
        )
    (SAMPLES / "carrier-delay.csv").write_bytes(("\r\n".join(lines) + "\r\n").encode("cp1252"))


def attributes() -> None:
    """References from another system, with a mapping file that says where they go."""
    lines = ["Our ref,Invoice no,Gift,Delivery date,Notes"]
    lines += [
        f"{83670 + index},INV-{2040 + index},{('yes', 'no', 'no')[index % 3]},2026-12-{index + 1:02},checked"
        for index in range(8)
    ]
    (SAMPLES / "attributes.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (SAMPLES / "attributes.toml").write_text(
        """# Which column feeds which field, for attributes.csv.
version = 1

[columns]
"Our ref" = "order"
"Notes" = ""                    # not sent

[attributes]
"Invoice no" = "erp_reference"
"Gift" = { key = "gift_wrap", type = "bool01" }
"Delivery date" = { key = "delivery_date", type = "date" }
""",
        encoding="utf-8",
    )


def bare_ids() -> None:
    """A bare list of order IDs, to be sent with --set."""
    lines = ["Order ID", *(str(83680 + index) for index in range(8))]
    (SAMPLES / "order-ids.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    SAMPLES.mkdir(exist_ok=True)
    for make in (customer_service, carrier_delay, attributes, bare_ids):
        make()
