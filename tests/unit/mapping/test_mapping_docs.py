"""docs/mapping.md says what the code does: its tables and its example are read here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support.cells import headers

from ordersheet.mapping import read_mapping_file, resolve
from ordersheet.mapping.faults import ValueFault
from ordersheet.mapping.file import ATTRIBUTE_KEYS, COLUMN_KEYS, TOP_KEYS
from ordersheet.mapping.headers import FIELDS, NAMES
from ordersheet.mapping.mapper import CODES
from ordersheet.mapping.order_ids import order_id_from_text
from ordersheet.mapping.typed_dates import date_from_text, form_fault
from ordersheet.mapping.values import NO_WORDS, YES_WORDS, ValueType

PAGE = (Path(__file__).parents[3] / "docs" / "mapping.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return re.split(r"^#{2,3} ", PAGE.partition(f"# {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def table(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def test_every_code_is_told_with_its_meaning() -> None:
    assert {row[0].strip("`"): row[1] for row in table(section("Problems of a row"))} == dict(CODES)


@pytest.mark.parametrize("field", FIELDS)
def test_every_header_is_told_by_language(field: str) -> None:
    told = {language: tuple(names.split(", ")) for language, names in table(section(f"`{field}`"))}
    assert told == dict(NAMES[field])


def test_every_yes_and_no_is_told() -> None:
    told = {
        row[0]: (tuple(row[1].split(", ")), tuple(row[2].split(", "))) for row in table(section("Yes and no"))
    }
    assert told == {language: (YES_WORDS[language], NO_WORDS[language]) for language in YES_WORDS}


def test_every_type_and_key_is_told() -> None:
    text = section("The mapping file")
    told = [row[0].strip("`[]") for row in table(text)]
    assert [name for name in told if name in tuple(ValueType)] == list(ValueType)
    for key in {*TOP_KEYS, *COLUMN_KEYS, *ATTRIBUTE_KEYS} - {"field", "key", "type"}:
        assert key in told
    assert {"`field`", "`key`", "`type`"} <= set(re.findall(r"`\w+`", text))


def test_the_example_is_a_mapping_file(tmp_path: Path) -> None:
    path = tmp_path / "mapping.toml"
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
    path.write_text(example, encoding="utf-8")
    sheet = headers("Our ref", "Amount", "Notes", "ERP ref", "On hold", "Weight", "Due")
    found = resolve(sheet, file=read_mapping_file(path))
    assert [feed.field for feed in found.feeds] == [
        "order",
        "internalComment",
        "extraAttributes.erp_reference",
        "extraAttributes.hold_active",
        "extraAttributes.parcel_weight",
        "extraAttributes.delivery_date",
    ]
    assert [column.header for column in found.unused] == ["Notes"]


def test_the_order_ids_of_the_page_are_read_or_refused_as_it_says() -> None:
    read, refused = section("Order IDs").split("Refused:")
    assert [order_id_from_text(text) for text in re.findall(r"`(.+?)`", read)] == [83651] * 5
    for text in re.findall(r"`(.+?)`", refused):
        with pytest.raises(ValueFault):
            order_id_from_text(text)


def test_the_dates_of_the_page_are_read_as_it_says() -> None:
    read, _, asked = section("Dates").partition("Without a `format`, what has one reading is read:")
    one, _, two = asked.partition("What has two, such as")
    for text in re.findall(r"`([0-9A-ZM].*?)`", one):
        assert date_from_text(text) == "2026-03-31"
    for text in re.findall(r"`([0-9].*?)`", two):
        with pytest.raises(ValueFault, match="could be"):
            date_from_text(text)
    for form in re.findall(r"`(\S+[./-]\S+[./-]\S+)`", read):
        assert form[0].isdecimal() or form_fault(form) is None
