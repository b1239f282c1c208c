from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.support.handmade_xlsx import HEAD, MAIN, STRICT, parts_of, sheet, strings, styles, write_parts

from ordersheet.core.errors import SourceError
from ordersheet.core.model import RESULT_COLUMNS, CellKind
from ordersheet.loader.cells import STALE_VALUE
from ordersheet.loader.xlsx.workbook import open_workbook

if TYPE_CHECKING:
    from pathlib import Path

    from ordersheet.core.model import Cell
    from ordersheet.loader.xlsx.workbook import WorkbookTable


def is_id(text: str) -> bool:
    return text.casefold() in ("order id", "bestellnummer")


def table_of(
    tmp_path: Path,
    *sheets: str | bytes,
    wanted: str | None = None,
    change: dict[str, bytes] | None = None,
    **options: Any,
) -> WorkbookTable:
    parts = parts_of(*sheets, **options)
    parts.update(change or {})
    return open_workbook(write_parts(tmp_path / "orders.xlsx", parts), is_id_header=is_id, sheet=wanted)


def cells_of(tmp_path: Path, rows: str, **options: Any) -> dict[str, str]:
    """Give what is shown in each cell, by address."""
    table = table_of(tmp_path, sheet(rows), **options)
    return {cell.address: cell.shown for row in table.rows() for cell in row.cells.values()}


def one_cell(
    tmp_path: Path,
    inside: str,
    attributes: str = "",
    **options: Any,
) -> Cell | None:
    table = table_of(tmp_path, sheet(f'<row r="2"><c r="B2"{attributes}>{inside}</c></row>'), **options)
    found = [cell for row in table.rows() for cell in row.cells.values()]
    return found[0] if found else None


# ---- what a cell is ----

RICH = (
    "<is><r><rPr><b/></rPr><t>in</t></r><r><t xml:space='preserve'> line</t></r>"
    "<rPh sb='0' eb='1'><t>NO</t></rPh></is>"
)


@pytest.mark.parametrize(
    ("attributes", "inside", "shown", "value", "kind"),
    [
        ("", "<v>83651</v>", "83651", 83651, CellKind.NUMBER),
        ("", "<v>83651.0</v>", "83651", 83651, CellKind.NUMBER),
        ("", "<v>8.3651E4</v>", "83651", 83651, CellKind.NUMBER),
        ("", "<v>0.30000000000000004</v>", "0.3", 0.3, CellKind.NUMBER),
        ("", "<v> 5 </v>", "5", 5, CellKind.NUMBER),
        (' t="n"', "<v>0</v>", "0", 0, CellKind.NUMBER),
        (' t="b"', "<v>1</v>", "TRUE", True, CellKind.BOOLEAN),
        (' t="b"', "<v>false</v>", "FALSE", False, CellKind.BOOLEAN),
        (' t="s"', "<v>1</v>", "rich text", "rich text", CellKind.TEXT),
        (' t="s"', "<v>2</v>", "東京", "東京", CellKind.TEXT),
        (' t="str"', "<f>A1</f><v>a &amp; b</v>", "a & b", "a & b", CellKind.TEXT),
        (' t="str"', "<v> a\n b </v>", " a\n b ", " a\n b ", CellKind.TEXT),
        (' t="str"', "<v>A_x000D_B_x005F_x000D_</v>", "A\rB_x000D_", "A\rB_x000D_", CellKind.TEXT),
        (' t="str"', "<v>_xD83D__xDE00_</v>", "😀", "😀", CellKind.TEXT),
        (' t="inlineStr"', "<is><t>in</t></is>", "in", "in", CellKind.TEXT),
        (' t="inlineStr"', RICH, "in line", "in line", CellKind.TEXT),
        ("", "<f>1+1</f><v>2</v>", "2", 2, CellKind.NUMBER),
        (' t="d"', "<v>2026-11-23</v>", "2026-11-23", "2026-11-23", CellKind.DATE),
        (' t="d"', "<v>2026-11-23T13:45Z</v>", "2026-11-23T13:45:00", "2026-11-23T13:45:00", CellKind.DATE),
        (' t="d" s="1"', "<v>2026-11-23T13:45:00.4</v>", "2026-11-23", "2026-11-23", CellKind.DATE),
        (' t="d"', "<v>13:45:00</v>", "13:45:00", "13:45:00", CellKind.DATE),
        (' s="1"', "<v>46349.4</v>", "2026-11-23", "2026-11-23", CellKind.DATE),
        (' s="2"', "<v>123</v>", "00123", 123, CellKind.NUMBER),
    ],
)  # fmt: skip
def test_a_cell_is_read_as_it_is_seen(tmp_path, attributes, inside, shown, value, kind):
    shared = strings(
        "<t>x</t>",
        '<r><t xml:space="preserve">rich </t></r><r><rPr><b/></rPr><t>text</t></r>',
        "<t>東京</t><rPh sb='0' eb='2'><t>トウキョウ</t></rPh><phoneticPr fontId='1'/>",
    )
    cell = one_cell(tmp_path, inside, attributes, shared=shared, style=styles("dd.mm.yyyy", "00000"))
    assert cell is not None
    assert tuple(cell) == (shown, value, kind, 1, 2, None)
    assert type(cell.value) is type(value)


@pytest.mark.parametrize(
    ("attributes", "inside", "kind", "words"),
    [
        (' t="e"', "<v>#N/A</v>", CellKind.ERROR, "#N/A"),
        (' t="e"', "<f>VLOOKUP(1,2,3)</f><v>#REF!</v>", CellKind.ERROR, "#REF!"),
        ("", "<f>1+1</f>", CellKind.BLANK, "save it"),
        ("", "<f>1+1</f><v></v>", CellKind.BLANK, "save it"),
        ("", "<f>1+1</f><v/>", CellKind.BLANK, "save it"),
        (' t="str"', "<f>A1</f>", CellKind.BLANK, "save it"),
        (' t="s"', "<v>99</v>", CellKind.TEXT, "garbled"),
        (' t="s"', "<v>-1</v>", CellKind.TEXT, "garbled"),
        ("", "<v>1_000</v>", CellKind.TEXT, "garbled"),
        ("", "<v>nan</v>", CellKind.TEXT, "garbled"),
        ("", "<v>1e999</v>", CellKind.TEXT, "garbled"),
        (' t="b"', "<v>2</v>", CellKind.TEXT, "garbled"),
        (' t="x"', "<v>2</v>", CellKind.TEXT, "garbled"),
        (' t="d"', "<v>yesterday</v>", CellKind.DATE, "is none"),
        (' t="str"', "<v>_xD83D_</v>", CellKind.TEXT, "half"),
        (' s="77"', "<v>5</v>", CellKind.NUMBER, "does not say"),
        (' s="1"', "<v>1.5</v>", CellKind.NUMBER, "fraction"),
        (' s="2"', "<v>59</v>", CellKind.DATE, "1900"),
    ],
)  # fmt: skip
def test_a_cell_that_cannot_be_trusted_has_a_problem(tmp_path, attributes, inside, kind, words):
    cell = one_cell(tmp_path, inside, attributes, shared=strings("<t>x</t>"), style=styles("# ?/?", "yyyy"))
    assert cell is not None
    assert cell.kind is kind
    assert cell.problem is not None
    assert words in cell.problem


@pytest.mark.parametrize(
    ("attributes", "inside"),
    [
        ("", ""),
        ("", "<v></v>"),
        ("", "<v> </v>"),
        (' t="s"', "<v>0</v>"),
        (' t="str"', "<f>A1</f><v></v>"),
        (' t="inlineStr"', "<is><t></t></is>"),
    ],
)
def test_a_cell_with_nothing_in_it_is_blank(tmp_path, attributes, inside):
    assert one_cell(tmp_path, inside, attributes, shared=strings("<t/>")) is None


@pytest.mark.parametrize("calc", ['<calcPr fullCalcOnLoad="1"/>', '<calcPr calcCompleted="0"/>'])
def test_no_formula_is_trusted_where_the_file_asks_to_be_computed_anew(tmp_path, calc):
    for value in (0, 7):
        stale = one_cell(tmp_path, f"<f>A1</f><v>{value}</v>", properties=calc)
        assert stale is not None
        assert stale.problem == STALE_VALUE
        assert stale.value is None
    empty = one_cell(tmp_path, "<f>A1</f><v></v>", ' t="str"', properties=calc)
    assert empty is not None
    assert empty.problem == STALE_VALUE
    rows = '<row r="2"><c r="A2"><f>B1</f><v>{}</v></c></row>'
    assert cells_of(tmp_path, rows.format(0)) == {"A2": "0"}
    assert cells_of(tmp_path, '<row r="2"><c r="A2"><v>7</v></c></row>', properties=calc) == {"A2": "7"}


def test_dates_count_from_1904_where_the_workbook_says_so(tmp_path):
    rows = '<row r="2"><c r="A2" s="1"><v>1</v></c></row>'
    since = '<workbookPr date1904="1"/>'
    assert cells_of(tmp_path, rows, style=styles("dd.mm.yyyy"), properties=since) == {"A2": "1904-01-02"}


# ---- what programs make of the XML ----


def test_cells_and_rows_without_addresses_follow_each_other(tmp_path):
    rows = (
        "<row><c><v>1</v></c><c/><c><v>2</v></c></row><row r='7'><c r='C7'><v>3</v></c><c><v>4</v></c></row>"
    )
    assert cells_of(tmp_path, rows) == {"A2": "1", "C2": "2", "C7": "3", "D7": "4"}


def test_blanks_and_line_breaks_between_elements_are_no_content(tmp_path):
    rows = """
      <row r="2">
        <c r="A2" t="s">
          <v>1</v>
        </c>
        <c r="B2" t="str">
          <f>A1</f>
          <v>x</v>
        </c>
        <c r="C2" s="0">
        </c>
      </row>
    """
    assert cells_of(tmp_path, rows, shared=strings("<t>n</t>", "<t>y</t>")) == {"A2": "y", "B2": "x"}


def test_what_comes_after_the_rows_is_not_taken_for_a_cell(tmp_path):
    after = "<headerFooter><oddHeader>Page</oddHeader></headerFooter>"
    rows = '<row r="2"><c r="A2"><v>5</v></c></row>'
    table = table_of(tmp_path, sheet(rows, after=after))
    assert [row.cells[0].shown for row in table.rows()] == ["5"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("prefix", ["", "x:", "ß:"])
def test_prefixes_and_encodings_do_not_matter(tmp_path, encoding, prefix):
    colon = f":{prefix[:-1]}" if prefix else ""
    cell = f'<{prefix}c r="A{{}}" t="str"><{prefix}v>{{}}</{prefix}v></{prefix}c>'
    text = (
        f'<?xml version="1.0"?><{prefix}worksheet xmlns{colon}="{MAIN}" xmlns:o="other"><{prefix}sheetData>'
        f'<{prefix}row r="1">{cell.format(1, "Order ID")}</{prefix}row>'
        f'<o:row r="9"/><{prefix}row r="2">{cell.format(2, "é")}</{prefix}row>'
        f"</{prefix}sheetData></{prefix}worksheet>"
    )
    table = table_of(tmp_path, text.encode(encoding))
    assert [row.cells[0].shown for row in table.rows()] == ["é"]


def test_two_prefixes_for_one_namespace_are_followed(tmp_path):
    rows = '<x:row r="2"><x:c r="A2"><v>5</v></x:c></x:row>'
    text = sheet(rows).replace("<worksheet ", f'<worksheet xmlns:x="{MAIN}" ')
    assert [row.cells[0].shown for row in table_of(tmp_path, text).rows()] == ["5"]


def test_a_namespace_that_changes_halfway_is_refused_not_lost(tmp_path):
    rows = f'<y:row xmlns:y="{MAIN}" r="2"><y:c r="A2"><y:v>5</y:v></y:c></y:row>'
    with pytest.raises(SourceError, match="namespaces"):
        table_of(tmp_path, sheet(rows))


def test_strict_ooxml_is_read(tmp_path):
    rows = '<row r="2"><c r="A2"><v>5</v></c></row>'
    table = table_of(tmp_path, sheet(rows, main=STRICT), strict=True)
    assert [row.cells[0].shown for row in table.rows()] == ["5"]


def test_absolute_part_names_are_read(tmp_path):
    rows = '<row r="2"><c r="A2" t="s"><v>0</v></c></row>'
    assert cells_of(tmp_path, rows, absolute=True, shared=strings("<t>x</t>")) == {"A2": "x"}


def test_a_stale_dimension_loses_nothing(tmp_path):
    rows = "".join(f'<row r="{at}"><c r="A{at}"><v>{at}</v></c></row>' for at in range(2, 50))
    table = table_of(tmp_path, sheet(rows, before='<dimension ref="A1:B2"/>'))
    assert [row.number for row in table.rows()] == list(range(2, 50))


# ---- what a sheet is ----


def test_blank_and_merely_formatted_rows_are_no_rows(tmp_path):
    rows = (
        '<row r="2"><c r="A2"><v>1</v></c></row><row r="3"><c r="A3" s="0"/></row>'
        '<row r="5"><c r="B5" t="s"><v>0</v></c></row><row r="6"><c r="A6"><v>2</v></c></row>'
        '<row r="900000"><c r="A900000" s="0"/></row>'
    )
    table = table_of(tmp_path, sheet(rows), shared=strings("<t></t>"))
    assert [row.number for row in table.rows()] == [2, 6]


def test_hidden_rows_and_columns_are_known(tmp_path):
    rows = (
        '<row r="2" hidden="1"><c r="A2"><v>1</v></c></row><row r="3" ht="0"><c r="A3"><v>2</v></c></row>'
        '<row r="4"><c r="A4"><v>3</v></c></row><row r="5" hidden="true"/>'
    )
    before = '<cols><col min="2" max="2" hidden="1"/><col min="3" max="16384" width="0"/></cols>'
    table = table_of(tmp_path, sheet(rows, before=before))
    assert [(row.number, row.hidden) for row in table.rows()] == [(2, True), (3, True), (4, False)]
    assert table.facts.hidden_rows == 2
    assert [(header.text, header.hidden) for header in table.headers] == [
        ("Order ID", False),
        ("Comment", True),
    ]
    with pytest.raises(SourceError) as refused:
        table.refuse([0], hidden="refuse")
    assert refused.value.code == "hidden-rows"
    table.refuse([0, 1], hidden="include")
    table.refuse([0, 1], hidden="skip")


def test_merges_are_refused_only_where_they_touch_data_that_is_sent(tmp_path):
    rows = '<row r="2"><c r="A2"><v>1</v></c></row><row r="3"><c r="C3"><v>1</v></c></row>'
    after = (
        "<mergeCells><mergeCell ref='A1:B1'/><mergeCell ref='B3:C3'/><mergeCell ref='A9:A10'/></mergeCells>"
    )
    table = table_of(tmp_path, sheet(rows, after=after))
    table.refuse([0], hidden="refuse")
    with pytest.raises(SourceError, match="B3:C3") as refused:
        table.refuse([0, 1], hidden="refuse")
    assert refused.value.code == "merged-cells"


def test_a_sheet_is_refused_for_all_its_reasons_at_once(tmp_path):
    rows = '<row r="2"><c r="A2"><v>1</v></c></row><row r="3" hidden="1"><c r="A3"><v>2</v></c></row>'
    before = '<cols><col min="2" max="2" hidden="1"/></cols>'
    after = "<mergeCells><mergeCell ref='B2:B3'/><mergeCell ref='A2:A3'/></mergeCells>"
    table = table_of(tmp_path, sheet(rows, before=before, after=after))
    with pytest.raises(SourceError) as refused:
        table.refuse([0, 1], hidden="refuse")
    merged, unseen, column = str(refused.value).splitlines()
    assert "A2:A3, B2:B3." in merged
    assert "row 3." in unseen
    assert "(column B)" in column
    found = [(problem.code, problem.row, problem.cell) for problem in refused.value.problems]
    assert found == [
        ("merged-cells", 2, "A2:A3"),
        ("merged-cells", 2, "B2:B3"),
        ("hidden-rows", 3, None),
        ("hidden-columns", 1, "B1"),
    ]


def test_only_the_asked_for_columns_are_rendered_again_and_again(tmp_path):
    table = table_of(tmp_path, sheet('<row r="2"><c r="A2"><v>1</v></c><c r="B2"><v>2</v></c></row>'))
    first, second = table.rows([1]), table.rows()
    assert [list(row.cells) for row in first] == [[1]]
    assert [list(row.cells) for row in second] == [[0, 1]]


def test_a_header_below_a_title_and_a_column_without_one(tmp_path):
    head = (
        '<row r="1"><c r="A1" t="str"><v>Updates of November</v></c></row>'
        '<row r="4"><c r="B4" t="str"><v> Order \n ID </v></c><c r="C4" t="str"><v>Note</v></c></row>'
    )
    rows = '<row r="5"><c r="B5"><v>1</v></c><c r="E5"><v>2</v></c></row>'
    table = table_of(tmp_path, sheet(rows, head=head))
    assert table.facts.header_row == 4
    assert [(header.text, header.filled) for header in table.headers] == [
        ("", False), ("Order ID", True), ("Note", False), ("", False), ("", True),
    ]  # fmt: skip
    assert [row.number for row in table.rows()] == [5]


def test_an_earlier_report_is_recognised(tmp_path):
    names = ["Order ID", *RESULT_COLUMNS]
    head = "".join(f'<c r="{"ABCDE"[at]}1" t="str"><v>{name}</v></c>' for at, name in enumerate(names))
    assert table_of(tmp_path, sheet(head=f'<row r="1">{head}</row>')).facts.result_columns == (1, 2, 3, 4)


# ---- which sheet ----

OTHER = sheet(head='<row r="1"><c r="A1" t="str"><v>Prices</v></c></row>')


def test_the_only_visible_sheet_with_order_ids_is_taken(tmp_path):
    assert table_of(tmp_path, OTHER, sheet(), sheet(), states=("", "", "hidden")).facts.sheet == "S2"


@pytest.mark.parametrize(
    ("sheets", "states", "wanted", "code"),
    [
        ((sheet(), sheet()), (), None, "several-sheets"),
        ((sheet(), sheet()), (), "S9", "unknown-sheet"),
        ((OTHER,), (), None, "no-id-column"),
        ((OTHER, sheet()), ("", "veryHidden"), None, "no-id-column"),
        ((sheet(head=""),), (), None, "empty-file"),
        (
            (sheet(head=HEAD.replace("Comment", "Bestellnummer")),),
            (), None, "two-id-columns",
        ),
    ],
)  # fmt: skip
def test_a_sheet_that_is_not_clear_is_asked_for(tmp_path, sheets, states, wanted, code):
    with pytest.raises(SourceError) as refused:
        table_of(tmp_path, *sheets, states=states, wanted=wanted)
    assert refused.value.code == code


@pytest.mark.parametrize("wanted", ["S1", "S2"])
def test_a_sheet_can_be_named_even_a_hidden_one(tmp_path, wanted):
    assert table_of(tmp_path, sheet(), sheet(), states=("", "hidden"), wanted=wanted).facts.sheet == wanted


def test_macros_make_an_xlsm(tmp_path):
    types = (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Override PartName="/xl/workbook.xml" '
        'ContentType="application/vnd.ms-excel.sheet.macroEnabled.main+xml"/></Types>'
    )
    table = table_of(tmp_path, sheet(), change={"[Content_Types].xml": types.encode()})
    assert table.facts.form == "xlsm"
    assert table_of(tmp_path, sheet()).facts.form == "xlsx"


def test_an_empty_text_is_blank_however_its_number_is_written(tmp_path):
    rows = '<row r="2"><c r="A2" t="s"><v>0</v>\n  </c></row>'
    assert list(table_of(tmp_path, sheet(rows), shared=strings("<t/>")).rows()) == []


def test_blanks_alone_are_a_text_that_whoever_sends_it_judges(tmp_path):
    table = table_of(tmp_path, sheet('<row r="2"><c r="B2" t="str"><v>  </v></c></row>'))
    (row,) = table.rows()
    assert row.cells[1] == ("  ", "  ", CellKind.TEXT, 1, 2, None)
