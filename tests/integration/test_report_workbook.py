from __future__ import annotations

import re
from typing import TYPE_CHECKING

import openpyxl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.reporting import HEADERS, NO, OK, cells, grid, parts, result, results, rezip, sheet_facts

from ordersheet.core.model import Cell, CellKind, Header, Problem, Row
from ordersheet.loader import open_table
from ordersheet.reporter import write_fresh, write_problems, write_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHEET = "xl/worksheets/sheet1.xml"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def book(path: Path, fill: Callable[[xlsxwriter.Workbook, xlsxwriter.worksheet.Worksheet], None]) -> Path:
    with xlsxwriter.Workbook(path) as made:
        sheet = made.add_worksheet("Orders")
        fill(made, sheet)
    return path


def plain(made, sheet) -> None:
    sheet.write_row(0, 0, ["Order ID", "Text", "N"], made.add_format({"bold": True}))
    sheet.write_row(1, 0, [1, "a", 1.5])
    sheet.write_row(2, 0, [2, "b", 2.5])
    sheet.freeze_panes(1, 0)


def with_sheet(tmp_path: Path, xml: bytes) -> Path:
    """Give a plain workbook whose sheet is the given XML."""
    return rezip(book(tmp_path / "plain.xlsx", plain), tmp_path / "in.xlsx", {SHEET: xml})


def worksheet(rows: str, *, before: str = "", after: str = "", p: str = "", main: str = MAIN) -> bytes:
    declared = f"xmlns:{p[:-1]}" if p else "xmlns"
    inner = f"{before}<{p}sheetData>{rows}</{p}sheetData>{after}"
    return f'<{p}worksheet {declared}="{main}" xmlns:r="{RELATIONS}">{inner}</{p}worksheet>'.encode()


def text(value: str, ref: str = "", p: str = "", style: str = "") -> str:
    place = f' r="{ref}"' if ref else ""
    return f'<{p}c{place}{style} t="inlineStr"><{p}is><{p}t>{value}</{p}t></{p}is></{p}c>'


def spliced(source: Path, rows, *, bad=(), earlier=(), header_row=1) -> Path:
    target = source.with_name("out.xlsx")
    facts = sheet_facts("Orders", header_row, earlier)
    written = write_report(source, facts, results(rows, bad), target)
    assert written.note is None
    assert written.path == target
    return target


def test_a_plain_workbook_gets_four_columns_and_keeps_all_else(tmp_path):
    source = book(tmp_path / "in.xlsx", plain)
    out = spliced(source, [2, 3], bad=[3])
    assert grid(out) == [
        ["Order ID", "Text", "N", *HEADERS],
        [1, "a", 1.5, *OK],
        [2, "b", 2.5, *NO],
    ]
    old, new = parts(source), parts(out)
    assert list(old) == list(new)
    assert {name for name in old if old[name] != new[name]} == {SHEET, "xl/styles.xml"}
    assert [cell for cell in cells(new[SHEET]) if cell in cells(old[SHEET])] == cells(old[SHEET])


def test_bad_rows_carry_a_fill_and_headers_their_neighbours_style(tmp_path):
    out = spliced(book(tmp_path / "in.xlsx", plain), [2, 3], bad=[3])
    sheet = openpyxl.load_workbook(out)["Orders"]
    assert sheet["D1"].font.bold
    assert sheet["D2"].fill.fill_type is None
    assert {sheet[f"{column}3"].fill.fgColor.rgb for column in "DEFG"} == {"FFFFC7CE"}
    assert sheet["C3"].fill.fill_type is None
    assert sheet.freeze_panes == "A2"
    assert sheet.dimensions == "A1:G3"


def test_a_report_fed_in_again_has_its_columns_replaced_not_doubled(tmp_path):
    first = spliced(book(tmp_path / "in.xlsx", plain), [2, 3], bad=[2, 3])
    again = tmp_path / "again.xlsx"
    write_report(first, sheet_facts(earlier=(3, 4, 5, 6)), results([2, 3], bad=[3]), again)
    assert grid(again) == [["Order ID", "Text", "N", *HEADERS], [1, "a", 1.5, *OK], [2, "b", 2.5, *NO]]
    old, new = parts(first), parts(again)
    assert {name for name in old if old[name] != new[name]} == {SHEET}
    sheet = openpyxl.load_workbook(again)["Orders"]
    assert sheet["D2"].fill.fill_type is None


def test_a_row_that_is_no_longer_reported_loses_its_old_status(tmp_path):
    first = spliced(book(tmp_path / "in.xlsx", plain), [2, 3])
    write_report(first, sheet_facts(earlier=(3, 4, 5, 6)), results([3]), tmp_path / "again.xlsx")
    assert grid(tmp_path / "again.xlsx")[1] == [1, "a", 1.5, None, None, None, None]


def test_a_table_grows_with_the_columns(tmp_path):
    def fill(made, sheet):
        plain(made, sheet)
        columns = [{"header": "Order ID"}, {"header": "Text"}, {"header": "N"}]
        sheet.add_table(0, 0, 2, 2, {"columns": columns})

    out = spliced(book(tmp_path / "in.xlsx", fill), [2, 3])
    table = next(iter(openpyxl.load_workbook(out)["Orders"].tables.values()))
    assert table.ref == table.autoFilter.ref == "A1:G3"
    assert [column.name for column in table.tableColumns] == ["Order ID", "Text", "N", *HEADERS]
    assert len({column.id for column in table.tableColumns}) == 7
    assert b'<tableColumns count="7">' in parts(out)["xl/tables/table1.xml"]


def test_a_filter_grows_with_the_columns_so_that_sorting_keeps_rows_whole(tmp_path):
    def fill(made, sheet):
        plain(made, sheet)
        made.add_worksheet("Other").autofilter("A1:C9")
        sheet.autofilter("A1:C3")

    out = spliced(book(tmp_path / "in.xlsx", fill), [2, 3])
    book_ = openpyxl.load_workbook(out)
    assert book_["Orders"].auto_filter.ref == "A1:G3"
    assert book_["Other"].auto_filter.ref == "A1:C9"
    assert b">Orders!$A$1:$G$3<" in parts(out)["xl/workbook.xml"]
    assert b">Other!$A$1:$C$9<" in parts(out)["xl/workbook.xml"]


def test_a_table_elsewhere_stays_as_it_is_and_one_that_cannot_grow_is_named(tmp_path):
    def fill(made, sheet):
        plain(made, sheet)
        sheet.add_table(
            0, 0, 2, 2, {"columns": [{"header": "Order ID"}, {"header": "Text"}, {"header": "N"}]}
        )
        sheet.write("F3", "a note")
        sheet.add_table("I20:J22")

    source = book(tmp_path / "in.xlsx", fill)
    written = write_report(source, sheet_facts(), results([2, 3]), tmp_path / "out.xlsx")
    assert "beside the table" in (written.note or "")
    assert parts(written.path)["xl/tables/table1.xml"] == parts(source)["xl/tables/table1.xml"]
    assert grid(written.path)[2][:6] == [2, "b", 2.5, None, None, "a note"]


def test_charts_images_comments_and_formulas_are_kept(tmp_path):
    def fill(made, sheet):
        plain(made, sheet)
        sheet.write_formula("C2", "=1+0.5", None, 1.5)
        sheet.write_comment("A1", "the number")
        chart = made.add_chart({"type": "column"})
        chart.add_series({"values": "=Orders!$C$2:$C$3"})
        sheet.insert_chart("B10", chart)
        sheet.data_validation("B2:B3", {"validate": "list", "source": ["a", "b"]})
        sheet.conditional_format("C2:C3", {"type": "cell", "criteria": ">", "value": 1})

    source = book(tmp_path / "in.xlsx", fill)
    out = spliced(source, [2, 3])
    old, new = parts(source), parts(out)
    assert {name for name in old if old[name] != new[name]} == {SHEET, "xl/styles.xml"}
    assert b'<c r="C2"><f>1+0.5</f><v>1.5</v></c>' in new[SHEET]
    assert openpyxl.load_workbook(out, data_only=True)["Orders"]["C2"].value == 1.5


def test_data_at_the_right_is_never_overwritten(tmp_path):
    def fill(made, sheet):
        plain(made, sheet)
        sheet.write(2, 5, "note of mine")

    out = spliced(book(tmp_path / "in.xlsx", fill), [2, 3])
    assert grid(out)[2] == [2, "b", 2.5, None, None, "note of mine", *OK]


def test_a_merged_block_at_the_right_hides_no_result(tmp_path):
    def fill(made, sheet):
        plain(made, sheet)
        sheet.merge_range("D2:E3", "")

    assert grid(spliced(book(tmp_path / "in.xlsx", fill), [2, 3]))[1][5:] == list(OK)


def test_styled_blanks_give_their_place_and_style(tmp_path):
    def fill(made, sheet):
        plain(made, sheet)
        bordered = made.add_format({"border": 1})
        for column in range(3, 20):
            sheet.write_blank(1, column, None, bordered)

    out = spliced(book(tmp_path / "in.xlsx", fill), [2, 3])
    sheet = openpyxl.load_workbook(out)["Orders"]
    assert [cell.value for cell in sheet[2]][3:8] == [*OK, None]
    assert sheet["D2"].border.left.style == "thin"
    assert sheet["T2"].border.left.style == "thin"


def test_hidden_columns_at_the_right_do_not_hide_the_results(tmp_path):
    def fill(made, sheet):
        plain(made, sheet)
        sheet.set_column("B:B", 33)
        sheet.set_column("C:XFD", 5, made.add_format({"italic": True}), {"hidden": True})

    xml = parts(spliced(book(tmp_path / "in.xlsx", fill), [2, 3]))[SHEET].decode()
    spans = [
        (int(low), int(high), "hidden" in rest, "style" in rest)
        for low, high, rest in re.findall(r'<col min="(\d+)" max="(\d+)"([^>]*)>', xml)
    ]
    assert spans == [
        (2, 2, False, False),
        (3, 3, True, True),
        *[(n, n, False, True) for n in (4, 5, 6, 7)],
        (8, 16384, True, True),
    ]


def test_no_room_at_the_right_gives_a_fresh_workbook_that_says_so(tmp_path):
    def fill(made, sheet):
        plain(made, sheet)
        sheet.write(1, 16382, "far")

    source = book(tmp_path / "in.xlsx", fill)
    written = write_report(source, sheet_facts(), results([2, 3], bad=[3]), tmp_path / "out.xlsx")
    assert "no room" in (written.note or "")
    assert grid(written.path) == [["row", "order", *HEADERS], ["2", "2", *OK], ["3", "3", *NO]]


@pytest.mark.parametrize("main", [MAIN, "http://purl.oclc.org/ooxml/spreadsheetml/main"])
@pytest.mark.parametrize("p", ["", "x:"])
def test_prefixes_and_the_strict_namespace(tmp_path, main, p):
    rows = f'<{p}row r="1">{text("Order ID", "A1", p)}</{p}row><{p}row r="2">{text("7", "A2", p)}</{p}row>'
    source = with_sheet(tmp_path, worksheet(rows, p=p, main=main))
    xml = parts(spliced(source, [2]))[SHEET].decode()
    assert f'<{p}c r="B2" t="inlineStr"><{p}is><{p}t>ok</{p}t></{p}is></{p}c>' in xml
    assert f"<{p}cols><{p}col " in xml
    if main == MAIN:
        assert grid(source.with_name("out.xlsx")) == [["Order ID", *HEADERS], ["7", *OK]]


def test_rows_and_cells_without_numbers(tmp_path):
    rows = f"<row>{text('Order ID')}{text('Text')}</row><row/><row>{text('7')}{text('a')}</row>"
    out = spliced(with_sheet(tmp_path, worksheet(rows)), [3])
    xml = parts(out)[SHEET]
    assert b'<c r="C3" t="inlineStr"><is><t>ok</t>' in xml
    assert b"<row/>" in xml


def test_comments_cdata_and_odd_white_space_do_not_confuse(tmp_path):
    rows = (
        "\n <row r='1' >" + text("Order ID", "A1") + "</row >\n<!-- </row> <row r='2'> -->"
        '<row r="2"\n>' + '<c r="A2" t=\'str\'><v><![CDATA[a</c></row><c r="Z9"/>]]></v></c>' + "</row>\n"
        "<?pi </row>?><row r='3'><c r='A3'><v>5</v></c><!-- <c r='Q3'><v>1</v></c> --></row>"
    )
    xml = parts(spliced(with_sheet(tmp_path, worksheet(rows)), [2, 3]))[SHEET].decode()
    assert xml.count('t="inlineStr"><is><t>ok') == 2
    assert "<!-- </row> <row r='2'> -->" in xml
    assert "<c r='A3'><v>5</v></c><!-- <c r='Q3'><v>1</v></c> --><c r=\"B3\"" in xml


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "iso-8859-1"])
def test_other_encodings_keep_theirs(tmp_path, codec):
    name = "UTF-16" if codec.startswith("utf-16") else codec
    rows = f'<row r="1">{text("Order ID é", "A1")}</row><row r="2">{text("7 é", "A2")}</row>'
    xml = f'<?xml version="1.0" encoding="{name}"?>' + worksheet(rows).decode()
    data = ("\ufeff" + xml if name == "UTF-16" else xml).encode(codec)
    source = with_sheet(tmp_path, data)
    facts = sheet_facts()
    written = write_report(source, facts, [result(2, message="→ é")], tmp_path / "out.xlsx")
    new = parts(written.path)[SHEET].decode(codec)
    assert text("7 é", "A2") in new
    assert "→ é" in new or "&#8594; é" in new
    assert grid(written.path)[1][3] == "→ é"


def test_spans_of_rows_are_widened(tmp_path):
    rows = (
        f'<row r="1" spans="1:1">{text("Order ID", "A1")}</row><row r="2" spans="1:9">{text("7", "A2")}</row>'
    )
    xml = parts(spliced(with_sheet(tmp_path, worksheet(rows)), [2]))[SHEET]
    assert b'<row r="1" spans="1:5">' in xml
    assert b'<row r="2" spans="1:9">' in xml


def test_title_rows_stay_and_the_header_row_is_where_it_is(tmp_path):
    rows = f'<row r="2">{text("Title", "H2")}</row><row r="4">{text("Order ID", "B4")}</row>'
    rows += f'<row r="5">{text("7", "B5")}</row>'
    out = spliced(with_sheet(tmp_path, worksheet(rows)), [5], header_row=4)
    assert grid(out)[3] == [None, "Order ID", *HEADERS, None, None]
    assert grid(out)[1][7] == "Title"


@pytest.mark.parametrize(
    ("xml", "why"),
    [
        (b'<!DOCTYPE worksheet [<!ENTITY a "b">]>' + worksheet("<row/>"), "document type"),
        (worksheet('<row r="2"/><row r="2"/>'), "twice"),
        (worksheet(f'<row r="1">{text("b", "B1")}{text("a", "A1")}</row>'), "not in order"),
        (worksheet('<row r="1"><c r="A1"><v>1</v></row>'), "breaks off or is garbled"),
        (worksheet("").replace(b"<sheetData></sheetData>", b"<sheetData/>"), "no rows"),
        (worksheet('<row r="9"/>'), "header row 1"),
        (worksheet("<other/>"), "no row"),
    ],
)
def test_what_cannot_be_spliced_safely_gives_a_fresh_workbook_and_the_reason(tmp_path, xml, why):
    source = with_sheet(tmp_path, xml)
    before = source.read_bytes()
    written = write_report(source, sheet_facts(), results([2]), tmp_path / "out.xlsm")
    assert why in (written.note or "")
    assert written.path == tmp_path / "out.xlsx"
    assert grid(written.path)[1] == ["2", "2", *OK]
    assert source.read_bytes() == before


def test_two_parts_of_one_name_are_not_guessed_between(tmp_path):
    source = rezip(
        book(tmp_path / "plain.xlsx", plain), tmp_path / "in.xlsx", {"xl/Worksheets/Sheet1.xml": b"<x/>"}
    )
    written = write_report(source, sheet_facts(), results([2, 3]), tmp_path / "out.xlsx")
    assert "two parts named" in (written.note or "")


def test_a_signature_is_kept_and_named_as_void(tmp_path):
    made = book(tmp_path / "plain.xlsx", plain)
    kind = "http://schemas.openxmlformats.org/package/2006/relationships/digital-signature/origin"
    relations = parts(made)["_rels/.rels"].replace(
        b"</Relationships>",
        f'<Relationship Id="s" Type="{kind}" Target="_xmlsignatures/origin.sigs"/></Relationships>'.encode(),
    )
    source = rezip(
        made, tmp_path / "in.xlsx", {"_rels/.rels": relations, "_xmlsignatures/origin.sigs": b"sig"}
    )
    written = write_report(source, sheet_facts(), results([2, 3]), tmp_path / "out.xlsx")
    assert "signature" in (written.note or "")
    assert parts(written.path)["_xmlsignatures/origin.sigs"] == b"sig"


def test_a_workbook_without_styles_goes_without_the_fill(tmp_path):
    made = book(tmp_path / "plain.xlsx", plain)
    source = rezip(made, tmp_path / "in.xlsx", {}, dropped=["xl/styles.xml"])
    assert parts(spliced(source, [2, 3], bad=[3]))[SHEET].count(b">no<") == 1


def test_a_message_is_text_whatever_it_looks_like(tmp_path):
    source = book(tmp_path / "in.xlsx", plain)
    said = '=HYPERLINK("x") <b>&amp; \x01 line\nline  '
    write_report(source, sheet_facts(), [result(2, message=said), result(3)], tmp_path / "out.xlsx")
    cell = openpyxl.load_workbook(tmp_path / "out.xlsx")["Orders"]["F2"]
    assert cell.data_type != "f"
    assert cell.value == said.replace("\x01", "\ufffd")


def test_results_that_fit_no_row_are_never_dropped_silently(tmp_path):
    source = book(tmp_path / "in.xlsx", plain)
    with pytest.raises(ValueError, match="row 9"):
        write_report(source, sheet_facts(), results([2, 3, 9]), tmp_path / "out.xlsx")
    assert [path.name for path in tmp_path.iterdir()] == ["in.xlsx"]


def test_problems_stand_in_one_column(tmp_path):
    source = book(tmp_path / "in.xlsx", plain)
    problems = {3: [Problem("bad", "Not a number.", row=3, cell="A3")]}
    written = write_problems(source, sheet_facts(), problems, tmp_path / "out.xlsx")
    assert grid(written.path) == [
        ["Order ID", "Text", "N", "problem"],
        [1, "a", 1.5, None],
        [2, "b", 2.5, "A3: Not a number."],
    ]


def test_an_xls_is_reported_as_a_fresh_workbook_with_its_cells_as_shown(tmp_path):
    headers = (Header(0, "Order ID"), Header(1, ""), Header(2, "Text"), Header(3, "update_status"))
    rows = [
        Row(2, {0: Cell("=1", "=1", CellKind.TEXT, 0, 2), 2: Cell("00123", 123, CellKind.NUMBER, 2, 2)}),
        Row(4, {0: Cell("2", 2, CellKind.NUMBER, 0, 4)}),
    ]
    source = tmp_path / "in.xls"
    source.write_bytes(b"\xd0\xcf\x11\xe0")
    facts = sheet_facts("A/B: [1]", form="xls")
    written = write_report(
        source, facts, results([2, 4], bad=[4]), tmp_path / "out.xlsx", headers=headers[:3], rows=rows
    )
    assert "old .xls" in (written.note or "")
    assert grid(written.path) == [
        ["Order ID", None, "Text", *HEADERS],
        ["=1", None, "00123", *OK],
        [None] * 7,
        ["2", None, None, *NO],
    ]


def test_a_fresh_workbook_keeps_each_row_in_its_place_and_each_refused_cell_refused(tmp_path):
    headers = [Header(0, "Order ID"), Header(1, "Internal comment")]
    values = [
        Cell("#DIV/0!", None, CellKind.ERROR, 1, 4, "An error."),
        Cell("#BEZUG!", None, CellKind.ERROR, 1, 5, "An error."),
        Cell("", None, CellKind.BLANK, 1, 6, "A formula without a saved value."),
        Cell("_x0041_ =1", "_x0041_ =1", CellKind.TEXT, 1, 8),
        Cell("two\nlines", "two\nlines", CellKind.TEXT, 1, 9),
    ]
    rows = [Row(c.row, {0: Cell(str(c.row), c.row, CellKind.NUMBER, 0, c.row), 1: c}) for c in values]
    source = tmp_path / "in.ods"
    source.write_bytes(b"PK")
    facts = sheet_facts(header_row=3, form="ods")
    written = write_report(
        source, facts, results([4, 5, 6, 8, 9]), tmp_path / "out.xlsx", headers=headers, rows=rows
    )
    assert grid(written.path)[2][:2] == ["Order ID", "Internal comment"]
    table = open_table(written.path, is_id_header=lambda text: text == "Order ID")
    assert table.facts.header_row == 3
    read = [(row.number, row.cells[1].shown, bool(row.cells[1].problem)) for row in table.rows()]
    assert read == [
        (4, "#DIV/0!", True),
        (5, "#VALUE!", True),
        (6, "#N/A", True),
        (8, "_x0041_ =1", False),
        (9, "two\nlines", False),
    ]
    assert openpyxl.load_workbook(written.path).worksheets[0]["B9"].alignment.wrap_text


def test_the_problems_of_an_xls_stand_beside_all_its_rows(tmp_path):
    rows = [Row(n, {0: Cell(str(n), n, CellKind.NUMBER, 0, n)}) for n in (2, 3, 4)]
    source = tmp_path / "in.xls"
    source.write_bytes(b"\xd0\xcf\x11\xe0")
    facts = sheet_facts(form="xls")
    target = tmp_path / "out.xlsx"
    write_problems(source, facts, [(3, "Wrong.")], target, headers=[Header(0, "Order ID")], rows=rows)
    assert grid(target) == [["Order ID", "problem"], ["2", None], ["3", "Wrong."], ["4", None]]


def test_problems_that_cannot_stand_in_the_file_name_their_rows(tmp_path):
    source = book(tmp_path / "in.xlsx", lambda _, sheet: sheet.write(0, 16383, "Order ID"))
    written = write_problems(source, sheet_facts(), [(3, "Wrong.")], tmp_path / "out.xlsx")
    assert "no room" in (written.note or "")
    assert grid(written.path) == [["row", "problem"], ["3", "Wrong."]]


@pytest.mark.parametrize("name", ["out.xlsx", "out.csv"])
def test_a_table_from_results_alone(tmp_path, name):
    written = write_fresh(results([2, 3], bad=[3]), tmp_path / name)
    if name == "out.xlsx":
        assert grid(written.path) == [["row", "order", *HEADERS], ["2", "2", *OK], ["3", "3", *NO]]
    else:
        assert written.path.read_text("utf-8-sig") == (
            "row,order,"
            + ",".join(HEADERS)
            + "\n2,2,"
            + ",".join(OK)
            + "\n3,3,no,invalid,A2: not a number.,\n"
        )


VALUES = st.none() | st.integers(0, 999) | st.text(st.sampled_from("ab<&>'\" é\n"), min_size=1, max_size=5)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(VALUES, min_size=1, max_size=5), min_size=1, max_size=6), st.data())
def test_any_sheet_reads_as_before_with_the_results_beside_it(tmp_path, table, data):
    def fill(made, sheet):
        sheet.write(0, 0, "Order ID")
        for n, row in enumerate(table, 1):
            for column, value in enumerate(row):
                if isinstance(value, str):
                    sheet.write_string(n, column, value)
                elif value is not None:
                    sheet.write_number(n, column, value)

    source = book(tmp_path / "in.xlsx", fill)
    rows = [n for n, row in enumerate(table, 2) if any(value is not None for value in row)]
    bad = data.draw(st.lists(st.sampled_from(rows))) if rows else []
    before = grid(source)
    after = grid(spliced(source, rows, bad=bad))
    width = max((n + 1 for row in before for n, value in enumerate(row) if value is not None), default=1)
    assert [row[:width] for row in after] == [row[:width] for row in before]
    expected = [NO if n in bad else OK if n in rows else (None,) * 4 for n in range(2, len(after) + 1)]
    assert [tuple(row[width : width + 4]) for row in after] == [HEADERS, *expected]
    old, new = parts(source)[SHEET], parts(tmp_path / "out.xlsx")[SHEET]
    kept = iter(cells(new))
    assert all(cell in kept for cell in cells(old))


def test_a_package_without_its_first_bytes_gives_a_fresh_workbook(tmp_path):
    source = tmp_path / "in.xlsx"
    source.write_bytes(book(tmp_path / "plain.xlsx", plain).read_bytes()[10:])
    written = write_report(source, sheet_facts(), results([2, 3]), tmp_path / "out.xlsx")
    assert "is not an .xlsx workbook" in (written.note or "")
