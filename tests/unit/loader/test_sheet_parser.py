"""The two ways of reading a row are one: what a parser that knows neither of them finds."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.handmade_xlsx import MAIN

from ordersheet.core.errors import SourceError
from ordersheet.core.model import column_letters
from ordersheet.loader.xlsx.plain_rows import FIELD
from ordersheet.loader.xlsx.sheet import SheetParser

BLANK = {"7"}
"""The number of an empty shared string."""


class Found(NamedTuple):
    row: int
    hidden: bool
    cells: tuple[tuple[int, int, str, bool, str], ...]


def parsed(sheet: str, size: int) -> list[Found]:
    data = sheet.encode()
    parser = SheetParser("sheet1.xml", BLANK)
    out = []
    for portion in parser.parse(data[at : at + size] for at in range(0, len(data), size)):
        for row in portion:
            shapes = [parser.shapes[int(shape)] for shape in row.shapes.split()]
            cells = zip(shapes, row.values.split(FIELD), strict=True)
            out.append(Found(row.number, row.hidden, tuple(sorted((*shape, text) for shape, text in cells))))
    return out


def by_tree(sheet: str) -> list[Found]:
    """Read the same from a tree of elements."""
    out = []
    number = 0
    for row in ET.fromstring(sheet).iter(f"{{{MAIN}}}row"):
        number = int(row.get("r", number + 1))
        column = -1
        cells = []
        for cell in row.findall(f"{{{MAIN}}}c"):
            reference = cell.get("r")
            column = column + 1 if reference is None else index_of(reference.rstrip("0123456789"))
            kind = cell.get("t", "n")
            value = cell.find(f"{{{MAIN}}}v")
            formula = cell.find(f"{{{MAIN}}}f") is not None
            inline = cell.find(f"{{{MAIN}}}is")
            text = (value.text or "") if value is not None else ""
            if inline is not None:
                kind = "inlineStr"
                text = "".join(shown(part) for part in inline.iter(f"{{{MAIN}}}t"))
            uncomputed = formula and not text and not (kind == "str" and value is not None)
            if (text or uncomputed) and not (kind == "s" and text in BLANK):
                cells.append((column, int(cell.get("s", "0")), kind, formula, text))
        if cells:
            out.append(Found(number, row.get("hidden") == "1" or row.get("ht") == "0", tuple(sorted(cells))))
    return out


def shown(element: ET.Element) -> str:
    kept = element.get("{http://www.w3.org/XML/1998/namespace}space") == "preserve"
    return (element.text or "") if kept else (element.text or "").strip(" \t\r\n")


def index_of(letters: str) -> int:
    return next(index for index in range(20_000) if column_letters(index) == letters)


raw_texts = st.text("ab 0\"'>é€\n\t", max_size=6).map(lambda text: text.replace("\r", ""))
written = st.one_of(
    st.integers(0, 99).map(str),
    raw_texts.map(lambda text: text.replace(">", "&gt;")),
    st.sampled_from(["&amp;lt;", "&#10;x", "a&#13;b", "<![CDATA[x<y]]>", "7", "", "a<!-- no -->b", "&apos;"]),
)
attributes = st.sampled_from(["", ' s="1"', ' s="12"', ' s="2" t="s"', ' t="s"', ' t="str"', ' t="n"'])
odd = st.sampled_from(["", "", "", ' cm="1"', " "])


@st.composite
def cells(draw: st.DrawFn, letters: str, number: int) -> str:
    place = f' r="{letters}{number}"'
    rest = draw(attributes) + draw(odd)
    text = draw(written)
    space = draw(st.sampled_from(["", ' xml:space="preserve"']))
    return draw(
        st.sampled_from(
            [
                f"<c{place}{rest}><v>{text}</v></c>",
                f"<c{place}{rest}><v>{text}</v></c>",
                f"<c{rest}{place}><v>{text}</v></c>",
                f"<c{place}{rest}/>",
                f"<c{place}{rest}></c>",
                f"<c{place}{rest}><f>1+1</f><v>{text}</v></c>",
                f'<c{place}{rest}><f t="shared" si="0"/></c>',
                f'<c{place} t="inlineStr"><is><t{space}>{text}</t></is></c>',
                f'<c{place} t="inlineStr"><is><r><t{space}>{text}</t></r><r><t>b</t></r></is></c>',
            ]
        )
    )


@st.composite
def sheets(draw: st.DrawFn) -> str:
    numbers = draw(st.lists(st.integers(1, 130), unique=True, max_size=8).map(sorted))
    between = st.sampled_from(["", "", "", "\n", "<!-- <row r='1'/> -->", '<!-- </row><row r="9"> -->'])
    out = []
    for number in numbers:
        columns = draw(st.lists(st.sampled_from("ABCDZ"), unique=True, max_size=4).map(sorted))
        inside = "".join(draw(cells(letters, number)) for letters in columns)
        opened = draw(st.sampled_from(["", ' spans="1:2"', ' hidden="1"', ' ht="0" customHeight="1"']))
        out.append(f'{draw(between)}<row r="{number}"{opened}>{inside}</row>')
    head = draw(st.sampled_from(["", '<?xml version="1.0"?>', "<!-- <sheetData> -->"]))
    return f'{head}<worksheet xmlns="{MAIN}"><sheetData>{"".join(out)}</sheetData></worksheet>'


@given(sheets(), st.sampled_from([1, 7, 64, 100_000]))
@example(f'<worksheet xmlns="{MAIN}"><sheetData><!-- </row><row r="1"><c r="A1"><v>1</v></c></row> -->'
         '<row r="2"><c r="A2" s="12"><v>1</v></c></row><row r="3"><c r="A3" s="1"><v>1</v></c></row>'
         "</sheetData></worksheet>", 5)  # fmt: skip
def test_rows_are_what_a_tree_of_elements_holds(sheet, size):
    assert parsed(sheet, size) == by_tree(sheet)


@given(
    st.integers(0, 60),
    st.integers(1, 3000),
    st.sampled_from(["", "<!-- </row>", "<![CDATA[", "<?x </row>"]),
    st.data(),
)
def test_many_unusual_rows_hide_nothing(odd, size, opening, data):
    number = odd + 1
    closing = {"<!-- </row>": "-->", "<![CDATA[": "]]>", "<?x </row>": "?>"}.get(opening, "")
    rows = "".join(f'<row r="{n}"><c  r="A{n}"><v>{n}</v></c></row>' for n in range(1, number))
    hidden = f'{opening}<row r="{number}"><c r="A{number}"><v>x</v></c></row>{closing}' if opening else ""
    usual = "".join(f'<row r="{n}"><c r="A{n}"><v>{n}</v></c></row>' for n in range(number, number + 5))
    sheet = f'<worksheet xmlns="{MAIN}"><sheetData>{rows}{hidden}{usual}</sheetData></worksheet>'
    cut = data.draw(st.integers(1, size))
    assert parsed(sheet, cut) == by_tree(sheet)


@given(st.lists(st.sampled_from(["{}", "1{}", "11", "3{}", "{}1"]), min_size=2, max_size=30))
@example(["1{}", "1{}"])
def test_rows_whose_styles_hold_their_numbers_are_told_apart(styles):
    rows = "".join(
        f'<row r="{number}"><c r="A{number}" s="{style.format(number)}"><v>5</v></c></row>'
        for number, style in enumerate(styles, 1)
    )
    sheet = f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'
    assert parsed(sheet, 10_000) == by_tree(sheet)


@pytest.mark.parametrize(
    "rows",
    [
        '<row r="2"><c r="A2"><v>1</v></c></row><row r="2"><c r="A2"><v>2</v></c></row>',
        '<row r="3"><c r="A3"><v>1</v></c></row><row r="2"><c r="A2"><v>2</v></c></row>',
        '<row r="2"><c r="A2"><v>1</v></c><c r="A2"><v>2</v></c></row>',
        '<row r="2"><c r="A3"><v>1</v></c></row>',
        '<row r="2"><c r="A2"><v>1</v><v>2</v></c></row>',
        '<row r="2"><c r="A2"><v>1</x></c></row>',
        '<row r="2" r="3"><c r="A2"><v>1</v></c></row>',
        '<row r="2"><c r="A2"><v>1</v></c><v></c></row>',
        '<row r="2"><c r="A2"><v>\x1f</v></c></row>',
    ],
)
@pytest.mark.parametrize("size", [3, 100_000])
def test_what_is_damaged_is_refused_whoever_reads_it(rows, size):
    with pytest.raises(SourceError):
        parsed(f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>', size)


@pytest.mark.parametrize("opening", ["<!-- </row>", "<?x </row>"])
def test_a_row_in_a_comment_is_none_where_the_file_is_read_in_pieces(opening):
    rows = "".join(f'<row r="{n}"><c  r="A{n}"><v>{n}</v></c></row>' for n in range(1, 61))
    begin = f'<worksheet xmlns="{MAIN}"><sheetData>{rows}{opening}'
    closing = "-->" if opening.startswith("<!") else "?>"
    sheet = f'{begin}<row r="61"><c r="A61"><v>x</v></c></row>{closing}</sheetData></worksheet>'
    assert parsed(sheet, len(begin.encode())) == by_tree(sheet)
