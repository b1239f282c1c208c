"""Every file that docs/spreadsheets.md speaks of, made anew, and what the command says of it."""

from __future__ import annotations

import csv
import io
import shutil
import zipfile
from functools import partial
from typing import TYPE_CHECKING

import openpyxl
import xlsxwriter
from tests.support import clerk_files
from tests.support.compound import compound_file
from tests.support.handmade_xlsx import MAIN, parts_of, sheet, write_parts
from tests.support.libreoffice import convert
from tests.support.reporting import parts, results
from typer.testing import CliRunner

from ordersheet import mapping
from ordersheet.cli import app
from ordersheet.core.model import RESULT_COLUMNS
from ordersheet.loader import open_table
from ordersheet.reporter import Written, write_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from openpyxl.worksheet.worksheet import Worksheet

    from ordersheet.core.model import TableFacts

HEADERS = ["Order ID", "Internal comment", "Place"]
ROWS: list[list[str | int]] = [[83600 + number, f"text {number}", "Malmö"] for number in range(3)]
CSV = "Order ID;Internal comment;Place\n83600;text 0;Malmö\n83601;text 1;Malmö\n83602;text 2;Malmö\n"
HEAD = "".join(
    f'<c r="{letter}1" t="str"><v>{name}</v></c>' for letter, name in zip("ABC", HEADERS, strict=True)
)
BODY = '<row r="2"><c r="A2"><v>83600</v></c><c r="B2" t="str"><v>text 0</v></c></row>'


def outcome(path: Path) -> tuple[str, str]:
    """Check a file with the command: `read`, `read; that row is invalid` and why, or `exit 2` and why."""
    result = CliRunner().invoke(app, ["check", str(path)])
    assert result.exit_code in (0, 1, 2), result.output
    kinds = {0: "read", 1: "read; that row is invalid", 2: "exit 2"}
    words = {0: "", 1: result.stdout, 2: result.stderr}
    return kinds[result.exit_code], words[result.exit_code]


# ---- workbooks ----


def book(folder: Path, change: Callable[[Worksheet], None] | None = None) -> Path:
    made = openpyxl.Workbook()
    page = made.active
    assert page is not None
    page.title = "Orders"
    page.append(HEADERS)
    for row in ROWS:
        page.append(row)
    if change is not None:
        change(page)
    path = folder / "orders.xlsx"
    made.save(path)
    return path


def changed(change: Callable[[Worksheet], None]) -> Callable[[Path], Path]:
    return partial(book, change=change)


def _add_sheet(page: Worksheet, *, hidden: bool) -> None:
    assert page.parent is not None
    other = page.parent.create_sheet("Other")
    other.append(["Order ID"])
    other.append([1])
    other.sheet_state = "hidden" if hidden else "visible"


def _only_hidden(page: Worksheet) -> None:
    assert page.parent is not None
    page.parent.create_sheet("Notes")["A1"] = "see the other sheet"
    page.sheet_state = "hidden"
    page.parent.active = 1


def _add_title(page: Worksheet) -> None:
    page.insert_rows(1, 2)
    page["A1"] = "Calls of week 47"


def _format_rows_below(page: Worksheet) -> None:
    for row in range(5, 40):
        page.cell(row, 1).number_format = "0.00"


def _hide_row(page: Worksheet) -> None:
    page.row_dimensions[3].hidden = True


def _hide_column(page: Worksheet) -> None:
    page.column_dimensions["B"].hidden = True


def _set(page: Worksheet, **cells: str) -> None:
    for address, value in cells.items():
        page[address] = value


def by_hand(folder: Path, xml: str = "", *, strict: bool = False) -> Path:
    main = "http://purl.oclc.org/ooxml/spreadsheetml/main" if strict else MAIN
    held = parts_of(xml or sheet(BODY, head=f'<row r="1">{HEAD}</row>', main=main), strict=strict)
    return write_parts(folder / "orders.xlsx", {**held, "[Content_Types].xml": b"<Types/>"})


def macros(folder: Path) -> Path:
    types = (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override '
        'PartName="/xl/workbook.xml" ContentType="application/vnd.ms-excel.sheet.macroEnabled.main+xml"/>'
        "</Types>"
    )
    held = parts_of(sheet(BODY, head=f'<row r="1">{HEAD}</row>'))
    added = {"[Content_Types].xml": types.encode(), "xl/vbaProject.bin": b"\xd0\xcf\x11\xe0"}
    return write_parts(folder / "orders.xlsm", {**held, **added})


def by_libreoffice(folder: Path, form: str) -> Path:
    target = folder / form
    target.mkdir()
    return convert([book(folder)], form, target)[0]


def renamed(folder: Path, name: str, make: Callable[[Path], Path]) -> Path:
    path = folder / name
    shutil.copyfile(make(folder), path)
    return path


def excel(folder: Path) -> Path:
    made = xlsxwriter.Workbook(str(folder / "orders.xlsx"))
    page = made.add_worksheet("Orders")
    for number, row in enumerate([HEADERS, *ROWS]):
        page.write_row(number, 0, row)
    made.close()
    return folder / "orders.xlsx"


def cut_off(folder: Path) -> Path:
    path = book(folder)
    path.write_bytes(path.read_bytes()[:2000])
    return path


def bomb(folder: Path) -> Path:
    filler = f'<row r="2"><c r="B2" t="str"><v>{" " * 40_000_000}</v></c></row>'
    return by_hand(folder, sheet(filler, head=f'<row r="1">{HEAD}</row>'))


def entities(folder: Path) -> Path:
    xml = sheet(BODY, head=f'<row r="1">{HEAD}</row>')
    return by_hand(folder, f'<!DOCTYPE worksheet [<!ENTITY a "b">]>{xml}')


def earlier_report(folder: Path) -> Path:
    def add(page: Worksheet) -> None:
        for column, name in enumerate(RESULT_COLUMNS, 4):
            page.cell(1, column, name)
            page.cell(2, column, "ok")

    return book(folder, add)


LETTERS = "Order ID;Internal comment\n1;Größe falsch\n2;Rückruf, bitte prüfen\n"

# ---- other files ----


def text(
    folder: Path, content: str, *, name: str = "orders.csv", encoding: str = "utf-8", mark: bytes = b""
) -> Path:
    path = folder / name
    path.write_bytes(mark + content.encode(encoding))
    return path


def raw(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def zipped(folder: Path, name: str, *members: str, content: bytes = b"x") -> Path:
    path = folder / name
    with zipfile.ZipFile(path, "w") as package:
        for member in members:
            package.writestr(member, content)
    return path


def with_password(folder: Path) -> Path:
    return raw(folder, "orders.xlsx", compound_file(["EncryptionInfo", "EncryptedPackage"]))


FILES: dict[str, Callable[[Path], Path]] = {
    ".xlsx, saved by Excel": excel,
    ".xlsx, exported by Google Sheets": lambda folder: clerk_files.google_export(folder / "g.xlsx"),
    '.xlsx, saved as "Strict Open XML"': partial(by_hand, strict=True),
    ".xlsm, with macros": macros,
    ".ods, saved by LibreOffice": partial(by_libreoffice, form="ods"),
    ".xls, the old form of Excel": partial(by_libreoffice, form="xls"),
    "CSV in UTF-8": partial(text, content=CSV),
    "CSV in UTF-8 with a byte order mark": partial(text, content=CSV, mark=b"\xef\xbb\xbf"),
    "CSV of a German Excel: Windows-1252, semicolons": partial(text, content=CSV, encoding="cp1252"),
    '"Unicode text" of Excel: UTF-16, tabs': partial(
        text, content=CSV.replace(";", "\t"), name="orders.txt", encoding="utf-16"
    ),
    "CSV with a first line `sep=;`": partial(text, content="sep=;\n" + CSV),
    "CSV parted by pipes": partial(text, content=CSV.replace(";", "|")),
    "CSV of an old program: page 850": partial(text, content=CSV, encoding="cp850"),
    "CSV that ends with the old mark for a file's end (0x1A)": partial(text, content=CSV + "\x1a"),
    "a workbook named .csv": partial(renamed, name="named.csv", make=book),
    "the header in row 3, below a title": changed(_add_title),
    "rows below the data that hold formats alone": changed(_format_rows_below),
    "merged cells in a column that is not sent": changed(lambda page: page.merge_cells("C2:C3")),
    "a hidden sheet beside the one with the orders": changed(lambda page: _add_sheet(page, hidden=True)),
    "errors in a column that is not sent": changed(lambda page: _set(page, C2="#N/A")),
    "an earlier report": earlier_report,
    "a CSV in which one row has a field too many": partial(text, content=CSV.replace("Malmö", "Malmö;x", 1)),
    "a CSV in which a text holds rows: a quote closed too late": partial(
        text, content=CSV.replace("text 0", '"text 0').replace("text 1", 'text 1"')
    ),
    "rows hidden by hand or by a filter": changed(_hide_row),
    "a hidden column that would be sent": changed(_hide_column),
    "merged cells in a column that is sent": changed(lambda page: page.merge_cells("B2:B3")),
    "two columns with the same header that would be sent": changed(
        lambda page: _set(page, C1="Internal comment")
    ),
    "two columns that could hold the order ID": changed(lambda page: _set(page, C1="Order number")),
    "no column of order IDs": changed(lambda page: _set(page, A1="Customer")),
    "several visible sheets with order IDs": changed(lambda page: _add_sheet(page, hidden=False)),
    "order IDs on a hidden sheet alone": changed(_only_hidden),
    "a header and no rows": partial(text, content=CSV.splitlines()[0] + "\n"),
    "an empty file": partial(text, content=""),
    "a CSV in which most rows are wider than the header": partial(
        text, content=CSV.replace("Malmö", "Malmö;x")
    ),
    "a CSV with a quote that is never closed": partial(text, content=CSV.replace(";text 1", ';"text 1')),
    "a CSV with NUL bytes": partial(text, content=CSV.replace("text 1", "text\0 1")),
    "a CSV in UTF-8 but for one byte": lambda folder: raw(
        folder, "orders.csv", f"{LETTERS}".encode() + b"4;5 \xb0C\n"
    ),
    "a CSV in two encodings": lambda folder: raw(
        folder, "orders.csv", LETTERS.encode("cp1252") + "4;Lieferung verspätet\n".encode("cp850")
    ),
    "a CSV that two code pages read as well": partial(
        text, content="Order ID;Internal comment\n1;así es\n", encoding="mac-roman"
    ),
    "a CSV in an encoding that Excel does not save in": partial(
        text, content="Order ID;Internal comment\n1;посылка потеряна\n", encoding="koi8-r"
    ),
    "a workbook with a password": with_password,
    ".xlsb": lambda folder: zipped(folder, "orders.xlsb", "xl/workbook.bin"),
    ".numbers": lambda folder: zipped(folder, "orders.numbers", "Index/Document.iwa"),
    "a web page named .xls": partial(
        raw, name="orders.xls", content=b"<html><table><tr><td>Order ID</td></tr></table>"
    ),
    "an XML spreadsheet of 2003 named .xls": partial(
        raw,
        name="orders.xls",
        content=b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>',
    ),
    "a CSV named .xlsx": partial(text, content=CSV, name="orders.xlsx"),
    "a zip with a CSV in it": lambda folder: zipped(folder, "orders.zip", "orders.csv"),
    "a document of Word": lambda folder: zipped(
        folder, "orders.docx", "[Content_Types].xml", "word/document.xml"
    ),
    "a PDF": partial(raw, name="orders.pdf", content=b"%PDF-1.7\n"),
    "a picture": partial(raw, name="orders.png", content=b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
    "a workbook that is cut off": cut_off,
    "a workbook that unpacks to far more than it should": bomb,
    "a workbook that declares XML entities": entities,
    "a folder": lambda folder: folder,
    "a file that is not there": lambda folder: folder / "nowhere.xlsx",
}


# ---- what comes back ----


def report_of(path: Path, target: Path) -> tuple[TableFacts, Written]:
    """Write the report of a run in which row 3 was refused."""
    table = open_table(path, is_id_header=mapping.id_header_test(None))
    numbers = [row.number for row in table.rows(())]
    written = write_report(
        path, table.facts, results(numbers, bad=[3]), target, headers=table.headers, rows=table.rows()
    )
    return table.facts, written


def statuses(path: Path) -> list[object]:
    """Read the status column of a workbook with openpyxl: of each row below the header."""
    page = openpyxl.load_workbook(path).worksheets[0]
    rows = [list(row) for row in page.iter_rows(values_only=True)]
    head = next(row for row in rows if RESULT_COLUMNS[0] in row)
    assert head.count(RESULT_COLUMNS[0]) == 1
    at = head.index(RESULT_COLUMNS[0])
    assert tuple(head[at : at + 4]) == RESULT_COLUMNS
    return [row[at] for row in rows[rows.index(head) + 1 :]]


def _same_workbook(folder: Path, path: Path) -> Path:
    _, written = report_of(path, folder / f"report{path.suffix}")
    before, after = parts(path), parts(written.path)
    may_change = ("xl/worksheets/sheet1.xml", "xl/styles.xml", "xl/tables/")
    assert written.note is None
    assert list(before) == list(after)
    assert all(after[name] == data for name, data in before.items() if not name.startswith(may_change))
    return written.path


def _xlsx_back(folder: Path) -> None:
    written = _same_workbook(folder, clerk_files.google_export(folder / "orders.xlsx"))
    assert statuses(written)[:3] == ["ok", "no", "ok"]


def _xlsm_back(folder: Path) -> None:
    written = _same_workbook(folder, macros(folder))
    assert written.suffix == ".xlsm"
    assert parts(written)["xl/vbaProject.bin"] == b"\xd0\xcf\x11\xe0"


def _template_back(folder: Path) -> None:
    made = openpyxl.load_workbook(book(folder))
    made.template = True
    made.save(folder / "orders.xltx")
    made.close()
    _, written = report_of(folder / "orders.xltx", folder / "report.xlsx")
    assert b"template" not in parts(written.path)["[Content_Types].xml"]
    assert statuses(written.path) == ["ok", "no", "ok"]


def _table_back(folder: Path) -> None:
    made = xlsxwriter.Workbook(str(folder / "orders.xlsx"))
    page = made.add_worksheet("Orders")
    page.add_table(0, 0, 3, 2, {"columns": [{"header": name} for name in HEADERS], "data": ROWS})
    made.close()
    written = _same_workbook(folder, folder / "orders.xlsx")
    (table,) = openpyxl.load_workbook(written).worksheets[0].tables.values()
    assert table.ref == "A1:G4"
    assert table.autoFilter.ref == "A1:G4"
    assert [column.name for column in table.tableColumns] == [*HEADERS, *RESULT_COLUMNS]


def _csv_back(folder: Path) -> None:
    source = text(folder, CSV.replace("\n", "\r\n"), encoding="cp1252")
    _, written = report_of(source, folder / "report.csv")
    old, new = source.read_bytes().split(b"\r\n"), written.path.read_bytes().split(b"\r\n")
    assert len(old) == len(new)
    assert all(after.startswith(before) for before, after in zip(old, new, strict=True))
    rows = list(csv.reader(io.StringIO(written.path.read_bytes().decode("cp1252")), delimiter=";"))
    assert [row[3] for row in rows] == ["update_status", "ok", "no", "ok"]


def _fresh_back(folder: Path) -> None:
    from tests.support.one_cell import TEXT, in_ods

    source = in_ods(folder / "orders.ods", "error", "#DIV/0!", TEXT)
    _, written = report_of(source, folder / "report.ods")
    assert written.path.suffix == ".xlsx"
    page = openpyxl.load_workbook(written.path).worksheets[0]
    assert (page["A2"].value, page["B2"].value, page["B2"].data_type) == ("83651", "#DIV/0!", "e")
    assert statuses(written.path) == ["ok"]


def _report_back(folder: Path) -> None:
    _, first = report_of(book(folder), folder / "first.xlsx")
    facts, second = report_of(first.path, folder / "second.xlsx")
    assert facts.result_columns == (3, 4, 5, 6)
    assert statuses(second.path) == ["ok", "no", "ok"]


REPORTS: dict[str, Callable[[Path], None]] = {
    ".xlsx": _xlsx_back,
    ".xlsm": _xlsm_back,
    "a workbook with a table or a filter": _table_back,
    "a template (.xltx, .xltm)": _template_back,
    "CSV, TSV, TXT": _csv_back,
    ".ods, .xls": _fresh_back,
    "an earlier report": _report_back,
}
