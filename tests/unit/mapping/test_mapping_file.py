from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.support.cells import headers

from ordersheet.core.errors import MappingError
from ordersheet.mapping import read_mapping_file, resolve
from ordersheet.mapping.columns import ColumnMap, Constant, Feed, Unused, to_toml
from ordersheet.mapping.file import FileColumn
from ordersheet.mapping.values import Reading, ValueType

if TYPE_CHECKING:
    from pathlib import Path

    from ordersheet.core.model import Header
    from ordersheet.mapping.file import MappingFile

EVERYTHING = """
version = 1
clear = "(none)"
only = true

[columns]
"Our ref" = "order"
"Amount" = { field = "internalComment", as = "value" }
"Notes" = ""
"Extra" = "attr:other_key"
"Flag" = "Replace_internal_comment"

[attributes]
"ERP ref" = "erp_reference"
"Count" = { key = "stock_count", type = "int", as = "value" }
"Weight" = { key = "parcel_weight", type = "number", decimal = "," }
"Due" = { key = "delivery_date", type = "date", format = "dd.mm.yyyy" }

[values]
comment = "Delayed"
replaceComment = true
"attr:hold_active" = "1"
extraAttributes.list_value = [1, "a", { b = true }]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "map.toml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(MappingError) as caught:
        read_mapping_file(write(folder, text))
    assert caught.value.code == "mapping-file"
    first, *rest = str(caught.value).splitlines()
    assert "map.toml" in first
    return [line.strip() for line in rest]


def test_a_file_with_everything(tmp_path: Path) -> None:
    found = read_mapping_file(write(tmp_path, EVERYTHING))
    assert found.columns == (
        FileColumn("Our ref", "order"),
        FileColumn("Amount", "internalComment", Reading(by_value=True)),
        FileColumn("Notes", None),
        FileColumn("Extra", "extraAttributes.other_key"),
        FileColumn("Flag", "replaceInternalComment"),
        FileColumn("ERP ref", "extraAttributes.erp_reference"),
        FileColumn("Count", "extraAttributes.stock_count", Reading(ValueType.INT, by_value=True)),
        FileColumn("Weight", "extraAttributes.parcel_weight", Reading(ValueType.NUMBER, decimal=",")),
        FileColumn("Due", "extraAttributes.delivery_date", Reading(ValueType.DATE, format="dd.mm.yyyy")),
    )
    assert found.values == {
        "comment": "Delayed",
        "replaceComment": True,
        "extraAttributes.hold_active": "1",
        "extraAttributes.list_value": [1, "a", {"b": True}],
    }
    assert (found.clear, found.only) == ("(none)", True)
    assert found.attribute_headers == ("Extra", "ERP ref", "Count", "Weight", "Due")


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    found = read_mapping_file(write(tmp_path, ""))
    assert (found.columns, dict(found.values), found.clear, found.only) == ((), {}, "<clear>", False)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    assert read_mapping_file(write(tmp_path, "\ufeffonly = true")).only


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="cannot be read"):
        read_mapping_file(tmp_path / "absent.toml")
    with pytest.raises(MappingError, match="cannot be read"):
        read_mapping_file(tmp_path)
    latin = tmp_path / "latin.toml"
    latin.write_bytes('clear = "l\xf6schen"'.encode("latin-1"))
    with pytest.raises(MappingError, match="UTF-8"):
        read_mapping_file(latin)


@pytest.mark.parametrize(
    "text", ["[columns]\nOur ref = order", '[columns]\n"A" = "order"\n"A" = "comment"', "{"]
)
def test_a_file_that_is_no_toml_is_told_with_its_place(tmp_path: Path, text: str) -> None:
    with pytest.raises(MappingError, match=r"not TOML: .*(line \d|end of document)") as caught:
        read_mapping_file(write(tmp_path, text))
    assert "quotes" in str(caught.value)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    told = faults(
        tmp_path,
        """
        version = 2
        colums = {}
        [columns]
        "A" = "odrer"
        [attributes]
        "B" = { key = "a b" }
        [values]
        order = 5
        """,
    )
    assert len(told) == 5
    assert "did you mean order?" in told[2]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("version = true", "version"),
        ('version = "1"', "version"),
        ("verson = 1", '"verson" in the file is unknown'),
        ('only = "yes"', "only must be true or false"),
        ('clear = ""', "clear must be"),
        ("clear = 5", "clear must be"),
        ("columns = 5", "columns must be a table"),
        ("[columns]\nA = 5", 'field = "'),
        ("[columns]\nA = { as = 'value' }", 'field = "'),
        ("[columns]\nA = { field = 'comment', typo = 1 }", '"typo"'),
        ("[columns]\nA = { field = 'comment', type = 'int' }", "belongs to attributes"),
        ("[columns]\nA = { field = 'replaceComment', as = 'value' }", "no meaning"),
        ("[attributes]\nA = { key = 'a_b', format = 'dd.mm.yyyy' }", "belongs to the type date"),
        ("[attributes]\nA = { key = 'a_b', type = 'date', format = 'dd.mm' }", "day, month and year"),
        ("[attributes]\nA = { key = 'a_b', type = 'date', format = 5 }", "belongs to the type date"),
        ("[columns]\nA = { field = 'comment', as = 'text' }", "as must be"),
        ("[columns]\nA = 'colour'", "is no field"),
        ("[columns]\nA = 'attr:erp'", "no attribute key"),
        ("[columns]\n'' = 'comment'", "is not a header"),
        ("[columns]\nA = 'comment'\nB = 'comment'", 'fed by "B" and by "A"'),
        ("[columns]\nA = 'comment'\n[values]\ncomment = 't'", "[values]"),
        ("[columns]\nA = ''\n[attributes]\nA = 'a_b'", "keep one"),
        ("[attributes]\nA = 'erp'", "no attribute key"),
        ("[attributes]\nA = { key = 'a_b', type = 'integer' }", "known are: text, int"),
        ("[attributes]\nA = { key = 'a_b', type = 5 }", "known are: text, int"),
        ("[attributes]\nA = { key = 'a_b', decimal = ',' }", "decimal"),
        ("[attributes]\nA = { key = 'a_b', type = 'number', decimal = ';' }", "decimal"),
        ("[attributes]\nA = ['a_b']", 'key = "'),
        ("[values]\ncomment = 5", "in quotes"),
        ("[values]\ncomment = ' '", "blank"),
        ("[values]\n'attr:a_b' = nan", "not a text"),
        ("[values]\n'attr:a_b' = 2026-03-31", "in quotes"),
        ("[values]\n'attr:a_b' = [2026-03-31]", "in quotes"),
        ("[values]\norder = 5", "own order ID"),
        ("[values]\ncoment = 't'", "did you mean comment?"),
        ("[values]\nextraAttributes.a = 't'", "no attribute key"),
    ],
)
def test_a_fault_says_what_and_where(tmp_path: Path, text: str, says: str) -> None:
    (told,) = faults(tmp_path, text)
    assert says in told


# --- written and read back -----------------------------------------------------------------------------


def read_back(column_map: ColumnMap, sheet: list[Header], folder: Path) -> tuple[MappingFile, ColumnMap]:
    file = read_mapping_file(write(folder, to_toml(column_map)))
    return file, resolve(sheet, file=file)


def test_a_recognised_map_reads_back_the_same(tmp_path: Path) -> None:
    sheet = headers(
        "Order ID", "Notes", "Intrnal coment", "Interner Kommentar", 'attr:erp_ref"erence'.replace('"', "")
    )
    found = resolve(sheet, constants={"comment": "<clear>"})
    file, again = read_back(found, sheet, tmp_path)
    assert again.to_json() == found.to_json()
    assert file.only
    text = to_toml(found)
    assert '# "Notes" = ""' in text
    assert '# "Intrnal coment" = "internalComment"  # not sent: not recognised' in text


def test_a_header_of_odd_letters_reads_back_the_same(tmp_path: Path) -> None:
    sheet = headers("order", '"\x7f\\\x00\u2028é#')
    column_map = ColumnMap((Feed("order", 0, "order"), Feed("comment", 1, sheet[1].text)))
    _, again = read_back(column_map, sheet, tmp_path)
    assert again.feeds == column_map.feeds


def test_a_map_of_a_file_reads_back_the_same(tmp_path: Path) -> None:
    sheet = headers(
        "Our ref", "Amount", "Notes", "Extra", "Flag", "ERP ref", "Count", "Weight", "Due", "Order ID"
    )
    found = resolve(sheet, file=read_mapping_file(write(tmp_path, EVERYTHING)))
    _, again = read_back(found, sheet, tmp_path)
    assert again.to_json() == found.to_json()
    assert again.columns == {0, 1, 3, 4, 5, 6, 7, 8}


TEXT = st.text(alphabet=st.characters(codec="utf-8"), max_size=12)
VALUE = st.recursive(
    st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(min_size=1),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
).filter(lambda value: not isinstance(value, str) or bool(value.strip()))
READING = st.builds(
    Reading, st.sampled_from(list(ValueType)), st.booleans(), decimal=st.none(), format=st.none()
) | st.builds(
    Reading,
    st.just(ValueType.DATE),
    st.booleans(),
    decimal=st.none(),
    format=st.sampled_from(["dd.mm.yyyy", "TT.MM.JJJJ", "d mmmm yyyy"]),
)


@given(
    texts=st.lists(TEXT, min_size=4, max_size=4),
    reading=READING,
    value=VALUE,
    clear=TEXT.map("!{}".format),
)
def test_any_map_reads_back_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    texts: list[str],
    reading: Reading,
    value: object,
    clear: str,
) -> None:
    names = [" ".join(f"{index}x{text}".split()) for index, text in enumerate(texts)]
    sheet = headers(*names)
    column_map = ColumnMap(
        (
            Feed("order", 0, names[0]),
            Feed("comment", 1, names[1], Reading(by_value=reading.by_value)),
            Feed("extraAttributes.a_b", 2, names[2], reading),
        ),
        (Constant("extraAttributes.c_d", value), Constant("internalComment", "", clears=True)),
        (Unused(3, names[3], "not recognised"),),
        clear=clear,
    )
    assume(value != clear)
    _, again = read_back(column_map, sheet, tmp_path_factory.mktemp("map"))
    assert again.to_json() == column_map.to_json()
