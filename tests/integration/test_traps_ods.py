"""Traps in .ods files: what styles, settings and other programs say of a cell."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from ordersheet.loader import open_table
from ordersheet.loader.cells import HIDDEN_BY_CONDITION, HIDDEN_VALUE, HIDDEN_ZERO
from ordersheet.loader.numberformat.render import LONG_NUMBER

if TYPE_CHECKING:
    from pathlib import Path

    from ordersheet.core.model import Cell

SPACES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{full}:1.0"'
    for name, full in (
        ("office", "office"),
        ("table", "table"),
        ("text", "text"),
        ("style", "style"),
        ("number", "datastyle"),
    )
)
SPACES += ' xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
TYPE = "application/vnd.oasis.opendocument.spreadsheet"
TWICE = 'table:number-columns-repeated="2"'
MANIFEST = (
    '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
    f'<manifest:file-entry manifest:media-type="{TYPE}" manifest:full-path="/"/></manifest:manifest>'
)
FORMATS = (
    '<number:time-style style:name="length" number:truncate-on-overflow="false">'
    "<number:hours/></number:time-style>"
    '<number:time-style style:name="clock"><number:hours/><number:minutes/></number:time-style>'
    '<number:date-style style:name="day"><number:day/><number:month/><number:year/></number:date-style>'
    '<number:date-style style:name="moment"><number:year/><number:hours/></number:date-style>'
    '<number:date-style style:name="hours"><number:hours/><number:minutes/></number:date-style>'
    '<number:number-style style:name="two"><number:number number:decimal-places="2"/></number:number-style>'
)


def style(name: str, *, shows: str = "", parent: str = "") -> str:
    own = f' style:data-style-name="{shows}"' if shows else ""
    inherited = f' style:parent-style-name="{parent}"' if parent else ""
    return f'<style:style style:name="{name}" style:family="table-cell"{own}{inherited}/>'


def note(
    tmp_path: Path,
    cell: str,
    *,
    styles: str = "",
    named: str = "",
    column: str = "",
    row: str = "",
    after: str = "",
    settings: str = "",
    mimetype: bool = True,
) -> Cell | None:
    """Give the cell beside an order's ID."""
    text = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    head = f"<table:table-row>{text.format('Order ID')}{text.format('Note')}</table:table-row>"
    first = stored("float", "83651", "83651")
    line = f"<table:table-row{row}>{first}{cell}</table:table-row>"
    body = f'<table:table table:name="Orders">{column}{head}{line}'
    content = (
        f"<office:document-content {SPACES}>"
        f"<office:automatic-styles>{FORMATS}{styles}</office:automatic-styles>"
        f"<office:body><office:spreadsheet>{body}{after}</table:table></office:spreadsheet></office:body>"
        "</office:document-content>"
    )
    path = tmp_path / "orders.ods"
    with zipfile.ZipFile(path, "w") as package:
        if mimetype:
            package.writestr("mimetype", TYPE)
        package.writestr("content.xml", content)
        package.writestr("META-INF/manifest.xml", MANIFEST)
        if named:
            inside = f"<office:styles>{named}</office:styles>"
            whole = f"<office:document-styles {SPACES}>{inside}</office:document-styles>"
            package.writestr("styles.xml", whole)
        if settings:
            package.writestr("settings.xml", settings)
    (found,) = open_table(path, is_id_header=lambda text: text == "Order ID").rows()
    assert found.cells[0].value == 83651
    assert isinstance(found.cells[0].value, int)
    return found.cells.get(1)


def stored(kind: str, value: str, shown: str, style_name: str = "") -> str:
    attribute = {"date": "date-value", "time": "time-value", "boolean": "boolean-value"}.get(kind, "value")
    own = f' table:style-name="{style_name}"' if style_name else ""
    return (
        f'<table:table-cell{own} office:value-type="{kind}" office:{attribute}="{value}">'
        f"<text:p>{shown}</text:p></table:table-cell>"
    )


@pytest.mark.parametrize("depth", [0, 1, 2, 5])
@pytest.mark.parametrize("place", ["cell", "row", "column"])
@pytest.mark.parametrize(
    ("shows", "kind", "value", "text", "shown"),
    [
        ("length", "time", "PT36H00M00S", "36:00", "36:00"),
        ("clock", "time", "PT36H00M00S", "12:00", "12:00:00"),
        ("moment", "date", "2026-03-31", "31.03.26 00:00", "2026-03-31T00:00:00"),
        ("day", "date", "2026-03-31T14:23:05", "31.03.26", "2026-03-31"),
        ("hours", "date", "2026-03-31T14:23:05", "14:23", "14:23:05"),
        ("two", "float", "0.123456789012", "0.12", "0.12"),
    ],
)
def test_a_format_may_come_from_a_styles_parent(tmp_path, depth, place, shows, kind, value, text, shown):
    chain = style("own0", shows=shows) + "".join(
        style(f"own{n}", parent=f"own{n - 1}") for n in range(1, depth + 1)
    )
    name = f"own{depth}"
    found = note(
        tmp_path,
        stored(kind, value, text, name if place == "cell" else ""),
        styles=chain if depth != 2 else "",
        named=FORMATS + chain if depth == 2 else "",
        row=f' table:default-cell-style-name="{name}"' if place == "row" else "",
        column=f'<table:table-column {TWICE} table:default-cell-style-name="{name}"/>'
        if place == "column"
        else "",
    )
    assert found is not None
    assert (found.shown, found.problem) == (shown, None)


def test_styles_that_inherit_in_a_circle_end(tmp_path):
    circle = style("a", parent="b") + style("b", parent="a")
    found = note(tmp_path, stored("date", "2026-03-31", "x", "a"), styles=circle)
    assert found is not None
    assert found.shown == "2026-03-31"


@pytest.mark.parametrize("value", ["PT12H0M0S", "PT12H", "PT12H00M00S", "P1DT12H", "PT720M", "PT43200S"])
def test_a_time_may_be_written_as_other_programs_do(tmp_path, value):
    found = note(tmp_path, stored("time", value, "12:00"))
    assert found is not None
    assert (found.shown, found.problem) == ("12:00:00", None)


@pytest.mark.parametrize(("value", "truth"), [("1", True), ("true", True), ("0", False), ("false", False)])
def test_a_truth_value_may_be_a_number(tmp_path, value, truth):
    found = note(tmp_path, stored("boolean", value, "WAHR"))
    assert found is not None
    assert (found.value, found.problem) == (truth, None)
    hidden = note(tmp_path, stored("boolean", value, ""))
    assert hidden is not None
    assert hidden.problem == HIDDEN_VALUE


@pytest.mark.parametrize(("value", "word"), [("1", "WAHR"), ("0", "FALSE")])
def test_a_truth_value_that_a_formula_gives_is_one(tmp_path, value, word):
    formula = stored("float", value, word).replace(
        "<table:table-cell", '<table:table-cell table:formula="of:=A()"'
    )
    found = note(tmp_path, formula)
    assert found is not None
    assert (found.shown, found.value, found.problem) == (
        "TRUE" if value == "1" else "FALSE",
        value == "1",
        None,
    )


def test_a_file_without_its_first_part_is_known_by_its_manifest(tmp_path):
    found = note(tmp_path, stored("string", "", "x"), mimetype=False)
    assert found is not None
    assert found.shown == "x"


@pytest.mark.parametrize("text", ["7,35001234568E+12", "7.35E+12", "1.23456789"])
def test_a_number_that_general_shortens_is_a_problem(tmp_path, text):
    value = "1.234567890123" if text.startswith("1") else "7350012345678"
    found = note(tmp_path, stored("float", value, text))
    assert found is not None
    assert found.problem == LONG_NUMBER
    whole = note(tmp_path, stored("float", value, value))
    assert whole is not None
    assert whole.problem is None


ZEROS = (
    '<office:document-settings xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:config="urn:oasis:names:tc:opendocument:xmlns:config:1.0"><config:config-item '
    'config:name="ShowZeroValues" config:type="boolean">{}</config:config-item></office:document-settings>'
)


def test_a_zero_that_the_view_hides_is_a_problem(tmp_path):
    zero = stored("float", "0", "0")
    for shows, problem in (("false", HIDDEN_ZERO), ("true", None)):
        found = note(tmp_path, zero, settings=ZEROS.format(shows))
        assert found is not None
        assert found.problem == problem


@pytest.mark.parametrize(
    ("inside", "where", "problem"),
    [
        ('<calcext:condition calcext:apply-style-name="other"/>', "Orders.B2:Orders.B9", HIDDEN_BY_CONDITION),
        ('<calcext:condition calcext:apply-style-name="other"/>', "$'My, Orders'.$B$2", HIDDEN_BY_CONDITION),
        ('<calcext:condition calcext:apply-style-name="other"/>', "Orders.D1 Orders.B3:Orders.B9", None),
        ('<calcext:condition calcext:apply-style-name="red"/>', "Orders.B2", None),
        ('<calcext:icon-set calcext:show-value="false"/>', "Orders.B2", HIDDEN_BY_CONDITION),
        ("<calcext:icon-set/>", "Orders.B2", None),
        ('<calcext:data-bar calcext:show-value="false"/>', "Orders.A1:Orders.Z99", HIDDEN_BY_CONDITION),
    ],
)
def test_a_condition_that_may_show_another_text_is_a_problem(tmp_path, inside, where, problem):
    after = (
        "<calcext:conditional-formats><calcext:conditional-format "
        f'calcext:target-range-address="{where}">{inside}</calcext:conditional-format></calcext:conditional-formats>'
    )
    styles = style("other", shows="two") + style("red")
    found = note(tmp_path, stored("float", "5", "5"), styles=styles, after=after)
    assert found is not None
    assert found.problem == problem


def test_a_style_that_chooses_its_format_by_a_condition_is_a_problem(tmp_path):
    mapped = (
        '<style:style style:name="m" style:family="table-cell">'
        '<style:map style:apply-style-name="x"/></style:style>'
    )
    found = note(tmp_path, stored("float", "5", "5", "m"), styles=mapped)
    assert found is not None
    assert found.problem == HIDDEN_BY_CONDITION


def test_a_sign_that_is_not_seen_is_named(tmp_path):
    found = note(tmp_path, stored("string", "", "a\u200bb"))
    assert found is not None
    assert "U+200B" in (found.problem or "")


def test_a_date_that_programs_read_differently_is_a_problem(tmp_path):
    found = note(tmp_path, stored("date", "1899-12-31", "31.12.99"))
    assert found is not None
    assert "1900-03-01" in (found.problem or "")
