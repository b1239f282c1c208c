"""Traps in workbooks that come back: what lies beside the orders, and what other programs write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import openpyxl
import pytest
import xlsxwriter
from tests.support.handmade_xlsx import HEAD, MAIN, PACKAGE, parts_of, sheet, styles, write_parts
from tests.support.reporting import parts, results

from ordersheet.loader import open_table
from ordersheet.reporter import write_report

if TYPE_CHECKING:
    from pathlib import Path

    from ordersheet.loader.table import Table
    from ordersheet.reporter.added_columns import Written

RELS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
ROWS = "".join(
    f'<row r="{n}"><c r="A{n}"><v>{n}</v></c><c r="B{n}" t="str"><v>x</v></c></row>' for n in (2, 3, 4)
)
BESIDE = "select them too before you sort"


def opened(path: Path) -> Table:
    return open_table(path, is_id_header=lambda text: text == "Order ID")


def reported(path: Path, tmp_path: Path, bad: tuple[int, ...] = ()) -> Written:
    table = opened(path)
    rows = [row.number for row in table.rows()]
    return write_report(path, table.facts, results(rows, bad), tmp_path / "out.xlsx")


def table_part(ref: str, names: tuple[str, ...], totals: int = 0) -> str:
    shown = f' totalsRowCount="{totals}"' if totals else ""
    columns = "".join(f'<tableColumn id="{n}" name="{name}"/>' for n, name in enumerate(names, 1))
    return (
        f'<table xmlns="{MAIN}" id="1" name="T" displayName="T" ref="{ref}"{shown}><autoFilter ref="{ref}"/>'
        f'<tableColumns count="{len(names)}">{columns}</tableColumns></table>'
    )


def with_tables(path: Path, body: str, *tables: str) -> Path:
    made = parts_of(body)
    targets = ""
    for n, table in enumerate(tables, 1):
        made[f"xl/tables/table{n}.xml"] = table.encode()
        targets += f'<Relationship Id="t{n}" Type="{RELS}/table" Target="../tables/table{n}.xml"/>'
    relations = f'<Relationships xmlns="{PACKAGE}">{targets}</Relationships>'
    made["xl/worksheets/_rels/sheet1.xml.rels"] = relations.encode()
    made["[Content_Types].xml"] = b"<Types/>"
    return write_parts(path, made)


def legend(rows: str) -> str:
    head = HEAD.replace("</row>", '<c r="D1" t="str"><v>Code</v></c></row>')
    return sheet(rows, head=head)


def test_a_table_beside_the_orders_is_not_widened(tmp_path):
    own = table_part("A1:B4", ("Order ID", "Comment"))
    other = table_part("D1:D4", ("Code",))
    written = reported(with_tables(tmp_path / "in.xlsx", legend(ROWS), own, other), tmp_path)
    found = parts(written.path)
    assert found["xl/tables/table2.xml"] == other.encode()
    assert found["xl/tables/table1.xml"] == own.encode()
    assert BESIDE in (written.note or "")
    assert "table" in (written.note or "")


def test_the_orders_own_table_is_widened(tmp_path):
    own = table_part("A1:B4", ("Order ID", "Comment"))
    written = reported(with_tables(tmp_path / "in.xlsx", sheet(ROWS), own), tmp_path)
    assert b'ref="A1:F4"' in parts(written.path)["xl/tables/table1.xml"]
    assert written.note is None


@pytest.mark.parametrize(("filter_", "head", "noted"), [
    ("A1:B4", "D", True),
    ("D1:D4", "D", False),
    ("A1:B4", "", False),
])  # fmt: skip
def test_a_filter_that_the_columns_do_not_join_gets_a_note(tmp_path, filter_, head, noted):
    body = legend(ROWS) if head else sheet(ROWS)
    body = body.replace("</sheetData>", f'</sheetData><autoFilter ref="{filter_}"/>')
    made = {**parts_of(body), "[Content_Types].xml": b"<Types/>"}
    written = reported(write_parts(tmp_path / "in.xlsx", made), tmp_path)
    assert (BESIDE in (written.note or "")) is noted
    widened = b'<autoFilter ref="A1:F4"/>' in parts(written.path)["xl/worksheets/sheet1.xml"]
    assert widened is (not head)


def test_a_row_of_totals_is_no_order_and_gets_no_status(tmp_path):
    path = tmp_path / "in.xlsx"
    with xlsxwriter.Workbook(path) as book:
        page = book.add_worksheet("Orders")
        columns = [
            {"header": "Order ID", "total_function": "count", "total_value": 2},
            {"header": "Comment", "total_string": "Total"},
        ]
        data = [[83651, "a"], [83652, "b"]]
        page.add_table("A1:B4", {"columns": columns, "data": data, "total_row": True})
    table = opened(path)
    assert [row.number for row in table.rows()] == [2, 3]
    assert "Row 4" in " ".join(table.facts.notices)
    written = reported(path, tmp_path)
    book = openpyxl.load_workbook(written.path)
    assert [book["Orders"].cell(row, 3).value for row in (1, 2, 3, 4)] == ["update_status", "ok", "ok", None]


@pytest.mark.parametrize("kind", ["template", "template.macroEnabled"])
def test_a_template_comes_back_as_a_workbook(tmp_path, kind):
    base = "application/vnd.ms-excel" if "macro" in kind else "application/vnd.openxmlformats-officedocument"
    made = parts_of(sheet(ROWS))
    made["[Content_Types].xml"] = (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        f'<Override PartName="/xl/workbook.xml" ContentType="{base}.spreadsheetml.{kind}.main+xml"/></Types>'
    ).encode()
    written = reported(write_parts(tmp_path / "in.xltx", made), tmp_path)
    types = parts(written.path)["[Content_Types].xml"]
    assert b".template." not in types
    assert kind.replace("template", "sheet").encode() in types


def test_a_package_with_backslashes_in_its_names_is_spliced(tmp_path):
    made = {name.replace("/", "\\"): data for name, data in parts_of(sheet(ROWS)).items()}
    made["[Content_Types].xml"] = b"<Types/>"
    made["xl\\media\\image1.png"] = b"picture"
    written = reported(write_parts(tmp_path / "in.xlsx", made), tmp_path)
    assert written.note is None
    found = parts(written.path)
    assert set(found) == set(made)
    assert b"update_status" in found["xl\\worksheets\\sheet1.xml"]
    assert len(list(opened(written.path).rows())) == 3


@pytest.mark.parametrize("dangling", ["here", "elsewhere", "in a column", "nowhere"])
def test_a_style_that_is_not_there_stays_so(tmp_path, dangling):
    cell = '<c r="C2" s="2"/>'
    rows = ROWS.replace("</row>", f"{cell}</row>", 1) if dangling == "here" else ROWS
    other = f'<row r="2">{cell}</row>' if dangling == "elsewhere" else ""
    columns = '<cols><col min="3" max="3" width="9" style="2"/></cols>' if dangling == "in a column" else ""
    style = styles("0.00").replace("<cellXfs>", "<fills><fill/></fills><cellXfs>")
    body = sheet(rows, before=columns)
    made = {**parts_of(body, sheet(other, head=""), style=style), "[Content_Types].xml": b"<Types/>"}
    path = write_parts(tmp_path / "in.xlsx", made)
    found = parts(reported(path, tmp_path, bad=(2,)).path)["xl/styles.xml"]
    if dangling == "nowhere":
        assert found.count(b"<xf ") == style.encode().count(b"<xf ") + 1
    else:
        assert found == style.encode()


def test_where_there_is_no_room_for_results_it_is_said_before_anything_is_sent(tmp_path):
    types = {"[Content_Types].xml": b"<Types/>"}
    head = HEAD.replace("</row>", '<c r="XFC1" t="str"><v>last</v></c></row>')
    path = write_parts(
        tmp_path / "in.xlsx", {**parts_of(sheet(ROWS, head=head)), "[Content_Types].xml": b"<Types/>"}
    )
    assert "no room" in " ".join(opened(path).facts.notices)
    written = reported(path, tmp_path)
    assert "no room" in (written.note or "")
    path = write_parts(tmp_path / "in.xlsx", {**parts_of(sheet(ROWS)), **types})
    assert opened(path).facts.notices == ()
