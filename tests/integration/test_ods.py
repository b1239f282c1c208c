from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ordersheet.core.errors import SourceError
from ordersheet.core.model import CellKind
from ordersheet.loader import open_table
from ordersheet.loader.ods.reader import OdsTable, open_ods

if TYPE_CHECKING:
    from pathlib import Path

SPACES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{full}:1.0"'
    for name, full in (
        ("office", "office"),
        ("table", "table"),
        ("text", "text"),
        ("style", "style"),
        ("number", "datastyle"),
        ("draw", "drawing"),
    )
)
CALCEXT = 'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
MANY_ROWS = 'table:number-rows-repeated="60000"'
MANY_COLUMNS = 'table:number-columns-repeated="16384"'
HEAD = "<R><C><P>Order ID</P></C><C><P>Note</P></C></R>"
SHORT = (
    ("<R>", "<table:table-row>"),
    ("<R ", "<table:table-row "),
    ("</R>", "</table:table-row>"),
    ("<C>", "<table:table-cell>"),
    ("<C/>", "<table:table-cell/>"),
    ("<C ", "<table:table-cell "),
    ("</C>", "</table:table-cell>"),
    ("<P>", "<text:p>"),
    ("</P>", "</text:p>"),
    ("<S>", '<table:table table:name="Orders">'),
    ("<H>", '<table:table table:name="Secret" table:style-name="ta2">'),
    ("</S>", "</table:table>"),
)


def is_id(text: str) -> bool:
    return text == "Order ID"


@pytest.fixture
def written(tmp_path: Path) -> Any:
    def written(body: str, *, styles: str = "", prolog: str = "", pack: int = zipfile.ZIP_STORED) -> Path:
        for short, full in SHORT:
            body = body.replace(short, full)
        path = tmp_path / "orders.ods"
        with zipfile.ZipFile(path, "w", pack) as archive:
            archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
            archive.writestr(
                "content.xml",
                f'<?xml version="1.0" encoding="UTF-8"?>{prolog}<office:document-content {SPACES} {CALCEXT}>'
                f"<office:automatic-styles>{styles}</office:automatic-styles><office:body><office:spreadsheet>"
                f"{body}</office:spreadsheet></office:body></office:document-content>",
            )
        return path

    return written


@pytest.fixture
def opened(written: Any) -> Any:
    def opened(rows: str, **options: Any) -> OdsTable:
        return open_ods(written(f"<S>{HEAD}{rows}</S>", **options), is_id_header=is_id)

    return opened


def note(opened: Any, cell: str, **options: Any) -> Any:
    (row,) = opened(f"<R><C><P>1</P></C>{cell}</R>", **options).rows()
    return row.cells.get(1)


@pytest.mark.parametrize(
    ("inside", "shown"),
    [
        ("<P>a</P><P></P><P>b</P>", "a\n\nb"),
        ("<P>a<text:s/>b<text:s text:c='3'/>c<text:tab/>d<text:line-break/>e</P>", "a b   c\td\ne"),
        ("<P>a <text:span>b<text:span>c</text:span></text:span><text:a>d</text:a></P>", "a bcd"),
        ("<office:annotation><P>secret</P></office:annotation><P>a</P>", "a"),
        ("<P>a<text:note><text:note-body><P>no</P></text:note-body></text:note>b</P>", "ab"),
        ("<P>a</P><draw:frame><draw:text-box><P>shape</P></draw:text-box></draw:frame>", "a"),
        ("<P>\n   a\n   b</P>", "a b"),
        ("<P>a  b</P>", "a  b"),
        ("<P>&lt;clear&gt;</P>", "<clear>"),
        ("<P>NA</P>", "NA"),
    ],
)
def test_a_text_is_what_the_cell_shows(opened, inside, shown):
    cell = note(opened, f'<C office:value-type="string">{inside}</C>')
    assert (cell.shown, cell.value, cell.kind, cell.problem) == (shown, shown, CellKind.TEXT, None)


@pytest.mark.parametrize(
    ("cell", "shown", "kind", "value"),
    [
        ('office:value-type="float" office:value="1188.44"><P>1.188,44</P>', "1.188,44", "number", 1188.44),
        ('office:value-type="percentage" office:value="0.5"><P>50%</P>', "50%", "number", 0.5),
        ('office:value-type="currency" office:value="5"><P>5 kr</P>', "5 kr", "number", 5.0),
        ('office:value-type="boolean" office:boolean-value="true"><P>WAHR</P>', "TRUE", "boolean", True),
        ('office:value-type="date" office:date-value="2026-01-02"><P>2. Jan</P>',
         "2026-01-02", "date", "2026-01-02"),
        ('office:value-type="date" office:date-value="2026-01-02T03:04:05"><P>x</P>',
         "2026-01-02T03:04:05", "date", "2026-01-02T03:04:05"),
        ('table:style-name="moment" office:value-type="date" office:date-value="2026-01-02"><P>x</P>',
         "2026-01-02T00:00:00", "date", "2026-01-02T00:00:00"),
        ('office:value-type="time" office:time-value="PT09H05M00S"><P>9:05</P>',
         "09:05:00", "date", "09:05:00"),
        ('table:style-name="length" office:value-type="time" office:time-value="PT36H00M00S"><P>36:00</P>',
         "36:00", "number", 1.5),
        ('office:value-type="string" office:string-value="x">', "x", "text", "x"),
    ],
)  # fmt: skip
def test_a_value_is_shown_as_in_libreoffice_and_dates_as_iso(opened, cell, shown, kind, value):
    styles = (
        '<number:time-style style:name="N1" number:truncate-on-overflow="false"/>'
        '<number:date-style style:name="N2"><number:day/><number:hours/></number:date-style>'
        '<style:style style:name="length" style:family="table-cell" style:data-style-name="N1"/>'
        '<style:style style:name="moment" style:family="table-cell" style:data-style-name="N2"/>'
    )
    read = note(opened, f"<C {cell}</C>", styles=styles)
    assert (read.shown, read.kind.value, read.value, read.problem) == (shown, kind, value, None)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ('office:value-type="string" calcext:value-type="error"><P>#NV</P>', "error #NV"),
        ('table:formula="of:=NA()" office:value-type="string"><P>#N/A</P>', "error #N/A"),
        ('table:formula="of:=A1">', "without a saved value"),
        ('office:value-type="float" office:value="5">', "is not shown"),
        ('office:value-type="float" office:value="1e300"><P>#FMT</P>', "too large for"),
        ('office:value-type="float" office:value="5"><P>###</P>', "too narrow"),
        ('office:value-type="float" office:value="five"><P>5</P>', "no number"),
        ('office:value-type="date" office:date-value="1899-01-01"><P>x</P>', "1900-03-01"),
        ('office:value-type="date" office:date-value="soon"><P>x</P>', "is none"),
    ],
)
def test_a_cell_that_cannot_be_trusted_says_why(opened, cell, words):
    assert words in str(note(opened, f"<C {cell}</C>").problem)


@pytest.mark.parametrize(
    "cell", ["<C/>", '<C office:value-type="string"/>', '<C table:formula="of:=&quot;&quot;"><P></P></C>']
)
def test_a_cell_with_nothing_in_it_is_blank(opened, cell):
    assert note(opened, cell) is None


def test_an_error_in_a_column_of_its_own_fills_it(opened):
    table = opened('<R><C><P>1</P></C><C/><C office:value-type="float" office:value="5"/></R>')
    assert [h.filled for h in table.headers] == [True, False, True]


def test_rows_and_columns_that_repeat_are_counted(opened):
    table = opened(
        '<R table:number-rows-repeated="3"><C table:number-columns-repeated="16384"/></R>'
        '<R table:number-rows-repeated="2"><C/><C table:number-columns-repeated="2"><P>x</P></C></R>'
        '<R table:number-rows-repeated="1048000"><C table:style-name="ce1"/></R>'
    )
    rows = [
        (row.number, [(c, cell.shown, cell.address) for c, cell in row.cells.items()]) for row in table.rows()
    ]
    assert rows == [(5, [(1, "x", "B5"), (2, "x", "C5")]), (6, [(1, "x", "B6"), (2, "x", "C6")])]
    assert [row.cells.keys() for row in table.rows([2])] == [{2}, {2}]
    assert [h.text for h in table.headers] == ["Order ID", "Note", ""]


def test_hidden_rows_and_columns_wait_for_a_decision(written):
    path = written(
        '<S><table:table-column/><table:table-column table:visibility="collapse"/>'
        f"<table:table-header-rows>{HEAD}</table:table-header-rows><table:table-row-group>"
        '<R table:visibility="filter"><C><P>1</P></C></R>'
        '<R table:visibility="collapse"><C/></R></table:table-row-group>'
        "<R><C><P>2</P></C></R></S>"
    )
    table = open_ods(path, is_id_header=is_id)
    assert [(row.number, row.hidden) for row in table.rows()] == [(2, True), (4, False)]
    assert (table.facts.hidden_rows, [h.hidden for h in table.headers]) == (1, [False, True])
    with pytest.raises(SourceError, match=r"1 row of the sheet .* is hidden") as caught:
        table.refuse([0], hidden="refuse")
    assert caught.value.code == "hidden-rows"
    table.refuse([0, 1], hidden="skip")


def test_hidden_columns_that_are_sent_wait_for_a_decision(written):
    columns = '<table:table-column/><table:table-column table:visibility="collapse"/>'
    table = open_ods(written(f"<S>{columns}{HEAD}<R><C><P>1</P></C></R></S>"), is_id_header=is_id)
    table.refuse([0], hidden="refuse")
    with pytest.raises(SourceError, match=r'"Note" \(column B\)') as caught:
        table.refuse([0, 1], hidden="refuse")
    assert caught.value.code == "hidden-columns"


def test_merged_cells_are_refused_where_they_touch_data_that_is_sent(opened):
    merged = 'table:number-columns-spanned="1" table:number-rows-spanned="2"'
    table = opened(
        f"<R><C><P>1</P></C><C {merged}><P>x</P></C></R>"
        "<R><C><P>2</P></C><table:covered-table-cell><P>covered</P></table:covered-table-cell></R>"
    )
    assert [list(row.cells) for row in table.rows()] == [[0, 1], [0]]
    table.refuse([0], hidden="refuse")
    with pytest.raises(SourceError, match="B2:B3") as caught:
        table.refuse([0, 1], hidden="include")
    assert caught.value.code == "merged-cells"


def test_a_merged_title_is_harmless(written):
    title = '<R><C table:number-columns-spanned="2"><P>Week 47</P></C><table:covered-table-cell/></R>'
    table = open_ods(written(f"<S>{title}{HEAD}<R><C><P>1</P></C></R></S>"), is_id_header=is_id)
    assert table.facts.header_row == 2
    table.refuse([0, 1], hidden="refuse")


def test_a_sheet_is_chosen_among_the_visible_ones(written):
    hidden = (
        '<style:style style:name="ta2" style:family="table">'
        '<style:table-properties table:display="false"/></style:style>'
    )
    secret = f"<H>{HEAD}<R><C><P>2</P></C></R></S>"
    path = written(f"<S>{HEAD}<R><C><P>1</P></C></R></S>{secret}", styles=hidden)
    assert open_table(path, is_id_header=is_id).facts.sheet == "Orders"
    assert next(open_table(path, is_id_header=is_id, sheet="secret").rows()).cells[0].shown == "2"
    with pytest.raises(SourceError, match='"Orders", "Secret"') as unknown:
        open_table(path, is_id_header=is_id, sheet="x")
    assert unknown.value.code == "unknown-sheet"
    both = written(f"<S>{HEAD}</S>{secret}")
    with pytest.raises(SourceError) as several:
        open_table(both, is_id_header=is_id)
    assert several.value.code == "several-sheets"
    with pytest.raises(SourceError, match='--sheet "Secret"'):
        open_table(written(secret, styles=hidden), is_id_header=is_id)


@pytest.mark.parametrize(
    ("body", "options", "code"),
    [
        ("<S></S>", {}, "empty-file"),
        ("<S><R><C><P>Ref</P></C></R></S>", {}, "no-id-column"),
        ("<S><R><C><P>Order ID</P></C><C><P>Order ID</P></C></R></S>", {}, "two-id-columns"),
        ("<S><R>", {}, "not-a-workbook"),
        (f"<S>{HEAD}</S>", {"prolog": '<!DOCTYPE x [<!ENTITY a "b">]>'}, "not-a-workbook"),
        (f'<S>{HEAD}<R table:number-rows-repeated="1000000"><C><P>1</P></C></R></S>', {}, "bomb"),
        (f'<S>{HEAD}<R table:number-rows-repeated="1048576"><C/></R><R><C><P>1</P></C></R></S>', {}, "bomb"),
        (f'<S>{HEAD}<R><C table:number-columns-repeated="99999999999"><P>1</P></C></R></S>', {}, "bomb"),
        (f"<S>{HEAD}<R {MANY_ROWS}><C {MANY_COLUMNS}><P>1</P></C></R></S>", {}, "bomb"),
        (f"<S>{HEAD}<R><C><P>{'<text:span>' * 200}{'</text:span>' * 200}</P></C></R></S>", {}, "bomb"),
        (f'<S>{HEAD}<R><C><P><text:s text:c="1000000"/>{"x" * 99_999}</P></C></R></S>', {}, "bomb"),
        (f"<S>{HEAD}<R><C><P>1</P></C></R>{' ' * (32 << 20)}</S>", {"pack": zipfile.ZIP_DEFLATED}, "bomb"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_error(written, body, options, code):
    with pytest.raises(SourceError) as caught:
        open_ods(written(body, **options), is_id_header=is_id)
    assert caught.value.code == code


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_damaged_files_end_in_a_table_or_one_error(written, data):
    path = written(f"<S>{HEAD}<R><C><P>1</P></C><C><P>x</P></C></R></S>", pack=zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(30, len(content)))])
    try:
        for _ in open_table(path, is_id_header=is_id).rows():
            pass
    except SourceError as error:
        assert str(error)  # noqa: PT017 - either end is right


def test_an_encoding_that_nobody_knows_is_one_sentence(tmp_path):
    path = tmp_path / "orders.ods"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", '<?xml version="1.0" encoding="UTF-0"?><a/>')
    with pytest.raises(SourceError, match="an encoding that is not known"):
        open_ods(path, is_id_header=is_id)
