"""Traps in workbooks: what a person sees is said somewhere else than in the cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.handmade_xlsx import MAIN, parts_of, sheet, strings, styles, write_parts

from ordersheet.core.errors import SourceError
from ordersheet.core.model import CellKind, column_letters
from ordersheet.loader.cells import (
    HIDDEN_BY_CONDITION,
    HIDDEN_VALUE,
    HIDDEN_ZERO,
    HOLDS_PICTURE,
    INVISIBLE,
    NO_SAVED_VALUE,
    SHOWN_AS_FORMULA,
    SHOWN_PLAINLY,
    see_text,
)
from ordersheet.loader.numberformat.render import LONG_NUMBER
from ordersheet.loader.xlsx.workbook import open_workbook

if TYPE_CHECKING:
    from pathlib import Path

    from ordersheet.core.model import Cell

X14 = "http://schemas.microsoft.com/office/spreadsheetml/2009/9/main"
XM = "http://schemas.microsoft.com/office/excel/2006/main"


def cells_of(tmp_path: Path, cells: str, *, row: int = 2, **options: Any) -> dict[int, Cell]:
    """Give the cells of one row; `before` and `after` stand around the rows."""
    around = {key: options.pop(key) for key in ("before", "after") if key in options}
    body = sheet(f'<row r="{row}"><c r="A{row}"><v>83651</v></c>{cells}</row>', **around)
    path = write_parts(tmp_path / "orders.xlsx", parts_of(body, **options))
    (found,) = open_workbook(path, is_id_header=lambda text: text == "Order ID").rows()
    assert found.cells[0].value == 83651
    return dict(found.cells)


def own_styles(*number_formats: int, dxfs: str = "") -> str:
    cells = "".join(f'<xf numFmtId="{number}"/>' for number in (0, *number_formats))
    return f'<styleSheet xmlns="{MAIN}"><cellXfs>{cells}</cellXfs><dxfs>{dxfs}</dxfs></styleSheet>'


# ---- what the sheet's view and its conditions do ----


FORMULAS = '<sheetViews><sheetView showFormulas="1" workbookViewId="0"/></sheetViews>'


@given(
    st.sampled_from(
        ["General", "0", "00000", "0.00", "#,##0", "0%", "yyyy-mm-dd", "h:mm", '"Box "0', "0.00E+00"]
    ),
    st.integers(-99_999, 99_999) | st.decimals(-999, 99_999, places=2),
)
def test_where_formulas_are_shown_no_number_is_read_that_its_format_shows_otherwise(
    tmp_path_factory, code, number
):
    """Excel and LibreOffice then show numbers as General does, whatever format they have."""
    folder = tmp_path_factory.mktemp("numbers")
    plain = cells_of(folder, f'<c r="B2"><v>{number}</v></c>')[1]
    seen = cells_of(folder, f'<c r="B2" s="1"><v>{number}</v></c>', before=FORMULAS, style=styles(code))[1]
    assert seen.problem is not None or seen.shown == plain.shown
    if code == "General":
        assert seen.problem is None


def test_where_formulas_are_shown_no_result_of_one_is_read(tmp_path):
    for result in ('t="str"><f>A2</f><v>text</v>', "><f>A2</f><v>5</v>", 't="b"><f>A2</f><v>1</v>'):
        cell = f'<c r="B2" {result}</c>'
        assert cells_of(tmp_path, cell)[1].problem is None
        assert cells_of(tmp_path, cell, before=FORMULAS)[1].problem == SHOWN_AS_FORMULA
    for own in ('t="str"><v>text</v>', "><v>5</v>", 't="b"><v>1</v>'):
        assert cells_of(tmp_path, f'<c r="B2" {own}</c>', before=FORMULAS)[1].problem is None
    pattern = styles('0;0;0;"for "@')
    text = '<c r="B2" s="1" t="str"><v>a</v></c>'
    assert cells_of(tmp_path, text, before=FORMULAS, style=pattern)[1].problem == SHOWN_PLAINLY


def test_an_order_id_is_read_by_its_value_where_formulas_are_shown(tmp_path):
    path = tmp_path / "orders.xlsx"
    body = sheet('<row r="2"><c r="A2" s="1"><v>83651</v></c></row>', before=FORMULAS)
    write_parts(path, parts_of(body, style=styles("#,##0")))
    (row,) = open_workbook(path, is_id_header=lambda text: text == "Order ID").rows()
    assert (row.cells[0].value, row.cells[0].problem) == (83651, None)


@pytest.mark.parametrize(
    ("listed", "hidden"),
    [
        ("", {0, 1}),
        ('<cols><col min="1" max="1" width="9"/></cols>', {1}),
        ('<cols><col min="1" max="2" width="9"/></cols>', set()),
        ('<cols><col min="1" max="1" width="9" hidden="1"/><col min="2" max="2" width="9"/></cols>', {0}),
    ],
)
def test_columns_that_no_width_is_left_for_are_hidden(tmp_path, listed, hidden):
    """So Excel writes a sheet down whose unused columns are all hidden."""
    narrow = f'<sheetFormatPr defaultColWidth="0" defaultRowHeight="15"/>{listed}'
    path = write_parts(tmp_path / "orders.xlsx", parts_of(sheet(before=narrow)))
    table = open_workbook(path, is_id_header=lambda text: text == "Order ID")
    assert {one.column for one in table.headers if one.hidden} == hidden


MC = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
CELL = '<c r="B2" t="str"><v>a</v></c>'


@pytest.mark.parametrize(
    "row",
    [
        f'<mc:AlternateContent {MC}><mc:Fallback><row r="2">{CELL}</row></mc:Fallback></mc:AlternateContent>',
        f'<row r="2"><mc:AlternateContent {MC}><mc:Fallback>{CELL}</mc:Fallback></mc:AlternateContent></row>',
    ],
)
def test_rows_and_cells_that_a_program_may_pass_over_refuse_the_file(tmp_path, row):
    path = write_parts(tmp_path / "orders.xlsx", parts_of(sheet(row)))
    with pytest.raises(SourceError, match="where none belong"):
        open_workbook(path, is_id_header=lambda text: text == "Order ID")


@pytest.mark.parametrize("kind", ["", ' t="n"', ' t="s"', ' t="str"', ' t="b"', ' t="e"'])
def test_a_text_in_a_cell_of_another_type_is_a_problem(tmp_path, kind):
    cell = f'<c r="B2"{kind}><is><t>12</t></is></c>'
    assert "garbled" in (cells_of(tmp_path, cell)[1].problem or "")


@pytest.mark.parametrize("value", ["0", "0.0", "-0"])
def test_a_zero_that_the_view_hides_is_a_problem(tmp_path, value):
    hides = '<sheetViews><sheetView showZeros="0" workbookViewId="0"/></sheetViews>'
    cell = f'<c r="B2"><v>{value}</v></c>'
    assert cells_of(tmp_path, cell)[1].problem is None
    assert cells_of(tmp_path, cell, before=hides)[1].problem == HIDDEN_ZERO
    assert cells_of(tmp_path, '<c r="B2"><v>5</v></c>', before=hides)[1].problem is None


def conditional(inside: str, where: str = "B2:B9") -> str:
    return f'<conditionalFormatting sqref="{where}">{inside}</conditionalFormatting>'


def newer(inside: str, where: str = "B2:B9") -> str:
    return (
        f'<extLst><ext xmlns:x14="{X14}" xmlns:xm="{XM}"><x14:conditionalFormattings>'
        f"<x14:conditionalFormatting>{inside}<xm:sqref>{where}</xm:sqref></x14:conditionalFormatting>"
        "</x14:conditionalFormattings></ext></extLst>"
    )


ICONS = '<cfRule type="iconSet"><iconSet showValue="0"/></cfRule>'
DXF = '<dxf><numFmt numFmtId="200" formatCode="{}"/></dxf>'
RULE = '<cfRule type="cellIs" dxfId="0" operator="lessThan"><formula>5</formula></cfRule>'
NUMBER = '<c r="B2"><v>3</v></c>'
TEXT = '<c r="B2" t="str"><v>a</v></c>'


@pytest.mark.parametrize(
    ("cell", "after", "code", "words"),
    [
        (NUMBER, conditional(ICONS), "0", HIDDEN_BY_CONDITION),
        (NUMBER, conditional(ICONS.replace("iconSet", "dataBar")), "0", HIDDEN_BY_CONDITION),
        (NUMBER, newer('<x14:cfRule><x14:iconSet showValue="0"/></x14:cfRule>'), "0", HIDDEN_BY_CONDITION),
        (NUMBER, newer('<x14:cfRule><x14:dxf><numFmt formatCode=";;;"/></x14:dxf></x14:cfRule>'), "0",
         HIDDEN_BY_CONDITION),
        (NUMBER, conditional(RULE), "0&quot; left&quot;", "3 left"),
        (NUMBER, conditional(RULE), ";;;", HIDDEN_BY_CONDITION),
        (NUMBER, conditional(RULE, "D4 B:B"), "0.0", "3.0"),
        (NUMBER, conditional(RULE, "1:9"), "0.0", "3.0"),
        (TEXT, conditional(RULE), ";;;", HIDDEN_BY_CONDITION),
        ('<c r="B2" t="b"><v>1</v></c>', conditional(RULE), ";;;", HIDDEN_BY_CONDITION),
        # What is shown alike, whether the condition holds or not, is no matter.
        (NUMBER, conditional(RULE), "0", None),
        (TEXT, conditional(RULE), "0.00", None),
        (TEXT, conditional(ICONS), "0", None),
        (NUMBER, conditional('<cfRule type="iconSet"><iconSet/></cfRule>'), "0.0", None),
        (NUMBER, conditional(RULE.replace('dxfId="0"', 'dxfId="7"')), "0.0", None),
        (NUMBER, conditional(RULE, "B3:B9 C2"), "0.0", None),
    ],
)  # fmt: skip
def test_a_condition_that_may_show_another_text_is_a_problem(tmp_path, cell, after, code, words):
    found = cells_of(tmp_path, cell, after=after, style=own_styles(dxfs=DXF.format(code)))[1]
    if words is None:
        assert found.problem is None
    else:
        assert found.problem is not None
        assert words in found.problem


# ---- texts ----


@pytest.mark.parametrize(
    ("inside", "shown"),
    [
        ("<t>  both ends \n</t>", "both ends"),
        ('<t xml:space="preserve"> kept </t>', " kept "),
        ("<r><t>hello</t></r><r><t> </t></r><r><t>world</t></r>", "helloworld"),
        ("<t>\u00a0a\u00a0</t>", "\u00a0a\u00a0"),
        ("<t>a &lt; b</t>", "a < b"),
        ("<t> </t>", None),
    ],
)
def test_blanks_count_where_the_file_says_that_they_do(tmp_path, inside, shown):
    of_sheet = cells_of(tmp_path, f'<c r="B2" t="inlineStr"><is>{inside}</is></c>')
    of_book = cells_of(tmp_path, '<c r="B2" t="s"><v>0</v></c>', shared=strings(inside))
    for found in (of_sheet, of_book):
        assert (found[1].shown if 1 in found else None) == shown


@pytest.mark.parametrize("sign", ["\u200b", "\u200f", "\ufeff", "\u2800", "\x1f", "\x85", "\xad"])
@pytest.mark.parametrize("column", ["A", "B"])
def test_a_sign_that_is_not_seen_is_named(tmp_path, sign, column):
    written = "_x001F_" if sign == "\x1f" else sign
    cells = {"A": '<c r="A2"><v>83651</v></c>', "B": ""}
    cells[column] = f'<c r="{column}2" t="str"><v>83{written}651</v></c>'
    body = sheet(f'<row r="2">{cells["A"]}{cells["B"]}</row>')
    path = write_parts(tmp_path / "orders.xlsx", parts_of(body))
    (row,) = open_workbook(path, is_id_header=lambda text: text == "Order ID").rows()
    problem = row.cells["AB".index(column)].problem
    assert problem is not None
    assert f"U+{ord(sign):04X}" in problem
    assert '"83"' in problem


@given(st.text())
def test_every_text_is_as_it_looks_or_a_problem(text):
    seen = see_text(text)
    assert seen.shown == text
    unseen = any(sign not in "\t\n\r" and not sign.isprintable() and ord(sign) < 0x2000 for sign in text)
    if unseen and "\u00a0" not in text and "\u1680" not in text:
        assert seen.problem is not None
    if text.isascii() and text.isprintable() and "DISPIMG" not in text:
        assert seen.problem is None
    assert (INVISIBLE.search(text) is None) or seen.problem is not None


@pytest.mark.parametrize(
    "cell",
    [
        '<c r="B2" t="str"><f>_xlfn.DISPIMG("ID_0A1B",1)</f><v>=DISPIMG("ID_0A1B",1)</v></c>',
        '<c r="B2" t="str"><v>=DISPIMG("ID_0A1B",1)</v></c>',
        '<c r="B2" t="s"><v>0</v></c>',
        '<c r="B2" t="e" vm="1"><v>#VALUE!</v></c>',
    ],
)
def test_a_picture_in_a_cell_is_no_value(tmp_path, cell):
    shared = strings('<t>=DISPIMG("ID_0A1B",1)</t>')
    assert cells_of(tmp_path, cell, shared=shared)[1].problem == HOLDS_PICTURE


# ---- numbers, dates and truth values ----


@pytest.mark.parametrize("value", ["7350012345678", "3.40434161094022E+17", "0.1234567890123"])
def test_a_number_that_general_shortens_is_a_problem_but_for_an_id(tmp_path, value):
    found = cells_of(tmp_path, f'<c r="B2"><v>{value}</v></c>')[1]
    assert found.problem == LONG_NUMBER
    assert found.value == float(value)
    body = sheet('<row r="2"><c r="A2"><v>123456789012</v></c></row>')
    path = write_parts(tmp_path / "orders.xlsx", parts_of(body))
    (row,) = open_workbook(path, is_id_header=lambda text: text == "Order ID").rows()
    assert (row.cells[0].value, row.cells[0].problem) == (123456789012, None)


@pytest.mark.parametrize("number", [*range(27, 37), *range(50, 59)])
def test_east_asian_formats_are_dates_and_times(tmp_path, number):
    def read(value: str) -> Cell:
        return cells_of(tmp_path, f'<c r="B2" s="1"><v>{value}</v></c>', style=own_styles(number))[1]

    assert read("46112.5").kind is CellKind.DATE
    if number in (32, 33):
        assert read("46112.5").shown == read("0.5").shown == "12:00:00"
    else:
        assert read("46112").shown == "2026-03-31"
    if number in (34, 35, 52, 53, 55, 56):
        assert read("0.5").shown == "12:00:00"
        assert read("46112.5").problem is not None


def test_a_truth_value_that_its_format_hides_is_a_problem(tmp_path):
    cell = '<c r="B2" s="1" t="b"><v>1</v></c>'
    assert cells_of(tmp_path, cell, style=styles(";;;"))[1].problem == HIDDEN_VALUE
    assert cells_of(tmp_path, cell, style=styles("0;0;0"))[1].problem is None


@pytest.mark.parametrize("text", ["1899-12-31T00:00:00", "1900-01-15", "1900-02-28T12:00:00"])
def test_an_iso_date_that_programs_read_differently_is_a_problem(tmp_path, text):
    found = cells_of(tmp_path, f'<c r="B2" t="d"><v>{text}</v></c>')[1]
    assert found.problem is not None
    assert "1900-03-01" in found.problem
    assert cells_of(tmp_path, '<c r="B2" t="d"><v>1900-03-01</v></c>')[1].problem is None


def test_the_biggest_number_is_shown(tmp_path):
    cell = '<c r="B2" s="1"><v>1.7976931348623157E+308</v></c>'
    assert cells_of(tmp_path, cell, style=styles("0.00E+00"))[1].shown == "1.80E+308"


# ---- formulas of many cells ----


@given(width=st.integers(1, 3), written=st.sets(st.integers(1, 2)), empty=st.sets(st.integers(1, 2)))
def test_cells_of_an_array_formula_without_a_value_are_not_blank(tmp_path_factory, width, written, empty):
    last = column_letters(width)
    cells = [f'<c r="B2"><f t="array" ref="B2:{last}2">A2:C2</f><v>1</v></c>']
    for column in sorted(written | empty):
        letters = column_letters(column + 1)
        kind, value = (' t="str"', "") if column in empty else ("", "5")
        cells.append(f'<c r="{letters}2"{kind}><v>{value}</v></c>')
    found = cells_of(tmp_path_factory.mktemp("a"), "".join(cells))
    for column in range(2, width + 1):
        if column - 1 not in written | empty:
            assert found[column].problem == NO_SAVED_VALUE
        elif column - 1 in empty:
            assert column not in found
        else:
            assert found[column].shown == "5"
