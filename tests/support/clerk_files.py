"""Spreadsheets as other people's programs save them, made anew for each test."""

from __future__ import annotations

import datetime as dt
import zipfile
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import openpyxl
import xlsxwriter

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("Müller", "Weiß", "Jäger", "Schröder")
REASONS = ("Sendung beschädigt", "Adresse fehlt", "Kunde nicht erreicht", "Nachnahme verweigert")


def filtered(path: Path) -> Path:
    """Make an Excel workbook with a filter on: 12 rows, 9 of them filtered out; widths, a chart."""
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("Returns")
    head = book.add_format({"bold": True, "bg_color": "#1F4E78", "font_color": "white", "text_wrap": True})
    money, day = (
        book.add_format({"num_format": "#,##0.00 [$€-407]"}),
        book.add_format({"num_format": "dd/mm/yyyy"}),
    )
    for column, (name, width) in enumerate(
        [
            ("Order ID", 11),
            ("Customer", 18),
            ("Reason", 24),
            ("Internal comment", 44),
            ("Amount", 13),
            ("Returned", 12),
        ]
    ):
        sheet.write(0, column, name, head)
        sheet.set_column(column, column, width)
    for row in range(1, 13):
        reason = REASONS[row % 4]
        sheet.write_row(
            row, 0, [83600 + row, NAMES[row % 4], reason, f"Returned: {reason.lower()}, refund agreed"]
        )
        sheet.write_number(row, 4, 1188.44 * row, money)
        sheet.write_datetime(row, 5, dt.datetime(2026, 11, row), day)  # noqa: DTZ001 - cells have no zone
        if row % 4 != 1:
            sheet.set_row(row, None, None, {"hidden": True})
    sheet.autofilter(0, 0, 12, 5)
    sheet.filter_column_list("C", [REASONS[1]])
    sheet.freeze_panes(1, 1)
    chart = book.add_chart({"type": "column"})
    chart.add_series({"values": "=Returns!$E$2:$E$13"})
    sheet.insert_chart("B16", chart)
    book.close()
    return path


def german_csv(path: Path) -> Path:
    """Make what a German Excel writes as CSV: cp1252, semicolons, decimal commas, quotes doubled, CR LF."""
    lines = ["Bestellnummer;Kunde;Interner Kommentar;Betrag;Kommentar;attr:parcel_weight"]
    for row in range(8):
        reason = REASONS[row % 4]
        lines.append(
            f'{83610 + row};{NAMES[row % 4]};"{reason}; laut ""Spedition Groß"" am {10 + row}.11.";'
            f"1.{100 + row},50 €;bitte prüfen;{row + 2},75"
        )
    lines.append("8,3618E+04;Müller;Übertragen;1,00 €;;")
    lines.append("#NV;Weiß;ohne Nummer;2,00 €;;")
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode("cp1252"))
    return path


_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"


def google_export(path: Path) -> Path:
    """Make what Google Sheets exports: shared strings, 1,000 rows of styled blank cells, custom heights."""
    texts: list[str] = []

    def shared(text: str) -> int:
        if text not in texts:
            texts.append(text)
        return texts.index(text)

    head = ["Order number", "Internal note", "attr:gift_wrap", "Shipped", "Total"]
    rows = []
    for number in range(1, 1001):
        cells = []
        for column, letter in enumerate("ABCDE"):
            place = f'r="{letter}{number}"'
            if number == 1:
                cells.append(f'<c {place} s="1" t="s"><v>{shared(head[column])}</v></c>')
            elif number > 7:
                cells.append(f'<c {place} s="2"/>')
            elif column == 0:
                cells.append(f'<c {place} s="3"><v>{83620 + number}.0</v></c>')
            elif column == 1:
                cells.append(f'<c {place} s="2" t="s"><v>{shared(f"Ring {number}: “ok” – 😀 done")}</v></c>')
            elif column == 2:
                cells.append(f'<c {place} s="2" t="b"><v>{number % 2}</v></c>')
            elif column == 3:
                cells.append(f'<c {place} s="4"><v>{46340 + number}.0</v></c>')
            else:
                cells.append(f'<c {place} s="5"><f>D{number}*2</f><v>{92680 + 2 * number}.0</v></c>')
        rows.append(f'<row r="{number}" ht="15.75" customHeight="1">{"".join(cells)}</row>')
    sheet = (
        f'<worksheet xmlns="{_MAIN}" xmlns:r="{_RELS}"><sheetPr><outlinePr summaryBelow="0" '
        'summaryRight="0"/></sheetPr><sheetViews><sheetView workbookViewId="0"><pane ySplit="1.0" '
        'topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
        '<selection activeCell="B3" sqref="B3" pane="bottomLeft"/></sheetView></sheetViews>'
        '<sheetFormatPr customHeight="1" defaultColWidth="12.63" defaultRowHeight="15.75"/>'
        '<cols><col customWidth="1" min="2" max="2" width="31.25"/></cols>'
        f'<sheetData>{"".join(rows)}</sheetData><drawing r:id="rId1"/></worksheet>'
    )
    strings = "".join(f"<si><t>{escape(text)}</t></si>" for text in texts)
    count = len(texts)
    parts = {
        "[Content_Types].xml": (
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            '<Default ContentType="application/xml" Extension="xml"/>'
            '<Default ContentType="application/vnd.openxmlformats-package.relationships+xml" '
            'Extension="rels"/>'
            f'<Override ContentType="{_TYPES}.worksheet+xml" PartName="/xl/worksheets/sheet1.xml"/>'
            f'<Override ContentType="{_TYPES}.sharedStrings+xml" PartName="/xl/sharedStrings.xml"/>'
            '<Override ContentType="application/vnd.openxmlformats-officedocument.drawing+xml" '
            'PartName="/xl/drawings/drawing1.xml"/>'
            f'<Override ContentType="{_TYPES}.styles+xml" PartName="/xl/styles.xml"/>'
            f'<Override ContentType="{_TYPES}.sheet.main+xml" PartName="/xl/workbook.xml"/></Types>'
        ),
        "_rels/.rels": _relationships(("rId1", "officeDocument", "xl/workbook.xml")),
        "xl/_rels/workbook.xml.rels": _relationships(
            ("rId2", "styles", "styles.xml"),
            ("rId3", "sharedStrings", "sharedStrings.xml"),
            ("rId4", "worksheet", "worksheets/sheet1.xml"),
        ),
        "xl/workbook.xml": (
            f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELS}"><workbookPr/><sheets>'
            '<sheet state="visible" name="Blad1" sheetId="1" r:id="rId4"/></sheets><definedNames/><calcPr/>'
            "</workbook>"
        ),
        "xl/worksheets/sheet1.xml": sheet,
        "xl/worksheets/_rels/sheet1.xml.rels": _relationships(
            ("rId1", "drawing", "../drawings/drawing1.xml")
        ),
        "xl/drawings/drawing1.xml": (
            '<xdr:wsDr xmlns:xdr="http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing"/>'
        ),
        "xl/sharedStrings.xml": f'<sst xmlns="{_MAIN}" count="{count}" uniqueCount="{count}">{strings}</sst>',
        "xl/styles.xml": (
            f'<styleSheet xmlns="{_MAIN}"><numFmts count="2">'
            '<numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/>'
            '<numFmt numFmtId="165" formatCode="#,##0.00\\ [$kr-41D]"/></numFmts>'
            '<fonts count="3"><font><sz val="10.0"/><color rgb="FF000000"/><name val="Arial"/>'
            '<scheme val="minor"/></font>'
            '<font><b/><color theme="1"/><name val="Arial"/><scheme val="minor"/></font>'
            '<font><color theme="1"/><name val="Arial"/><scheme val="minor"/></font></fonts>'
            '<fills count="2"><fill><patternFill patternType="none"/></fill><fill>'
            '<patternFill patternType="lightGray"/></fill></fills><borders count="1"><border/></borders>'
            '<cellStyleXfs count="1"><xf borderId="0" fillId="0" fontId="0" numFmtId="0" applyAlignment="1" '
            'applyFont="1"/></cellStyleXfs><cellXfs count="6">'
            '<xf borderId="0" fillId="0" fontId="0" numFmtId="0" xfId="0"/>'
            '<xf borderId="0" fillId="0" fontId="1" numFmtId="0" xfId="0" applyFont="1"/>'
            '<xf borderId="0" fillId="0" fontId="2" numFmtId="0" xfId="0" applyFont="1"/>'
            '<xf borderId="0" fillId="0" fontId="2" numFmtId="0" xfId="0" applyFont="1"/>'
            '<xf borderId="0" fillId="0" fontId="2" numFmtId="164" xfId="0" applyNumberFormat="1"/>'
            '<xf borderId="0" fillId="0" fontId="2" numFmtId="165" xfId="0" applyNumberFormat="1"/>'
            '</cellXfs><cellStyles count="1"><cellStyle xfId="0" name="Normal" builtinId="0"/></cellStyles>'
            '<dxfs count="0"/></styleSheet>'
        ),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, text in parts.items():
            package.writestr(name, f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{text}')
    return path


def _relationships(*targets: tuple[str, str, str]) -> str:
    inside = "".join(
        f'<Relationship Id="{key}" Type="{_RELS}/{kind}" Target="{target}"/>' for key, kind, target in targets
    )
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{inside}</Relationships>'


def for_libreoffice(path: Path) -> Path:
    """Make a workbook for LibreOffice to save in its own forms: a title, dates, money, formulas."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Retouren"
    sheet["A1"] = "Retouren Woche 47"
    sheet.append([])
    sheet.append(["Bestellnummer", "Interne Notiz", "Betrag", "Zurück am", "attr:erp_reference", "Bemerkung"])
    for row in range(6):
        sheet.append(
            [
                83640 + row,
                f"{REASONS[row % 4]}\nbitte prüfen",
                1188.44 + row,
                dt.date(2026, 11, 9 + row),
                123 + row,
                "x",
            ]
        )
        sheet.cell(4 + row, 3).number_format = "#,##0.00 €"
        sheet.cell(4 + row, 4).number_format = "dd.mm.yyyy"
        sheet.cell(4 + row, 5).number_format = "00000"
    sheet["B9"] = '="Betrag: "&C9'
    sheet["E9"] = "=1/0"
    sheet.freeze_panes = "A4"
    book.save(path)
    return path


def fill_in_template(path: Path) -> Path:
    """Fill in a template as a person does: IDs typed as text or pasted as numbers, and a few slips."""
    book = openpyxl.load_workbook(path)
    sheet = book["Orders"]
    filled: list[tuple[str | int | None, ...]] = [
        ("83650", "Called, will call back."),
        (83651, "Replaced text", "yes"),
        ("83652", None, None, "Your parcel is on its way.", "no"),
        ("83653", "<clear>"),
        ("83654", "Text", "maybe"),
        ("083655", "Text"),
        ("83656", None, "yes"),
    ]
    for number, values in enumerate(filled, 2):
        for column, value in enumerate(values, 1):
            cell = sheet.cell(number, column, value)
            cell.number_format = "@"
    book.save(path)
    return path
