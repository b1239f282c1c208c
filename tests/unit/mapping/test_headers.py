from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.mapping.headers import (
    BARE_COMMENT_NAMES,
    FIELDS,
    NAMES,
    distance,
    fold,
    guess,
    is_id_header,
    key_fault,
    may_be_comment,
    recognise,
)

LANGUAGES = {"English", "Swedish", "German", "French", "Spanish", "Danish", "Norwegian", "Dutch"}
EVERY_NAME = [(name, field) for field, names in NAMES.items() for group in names.values() for name in group]


def test_each_field_has_names_in_the_eight_languages() -> None:
    assert {field: set(names) for field, names in NAMES.items()} == dict.fromkeys(FIELDS, LANGUAGES)


@pytest.mark.parametrize(("name", "field"), EVERY_NAME)
def test_a_name_is_recognised_however_it_is_written(name: str, field: str) -> None:
    for written in (
        name,
        name.upper(),
        name.lower(),
        name.replace(" ", "_"),
        f"  {name} ",
        name.replace(" ", ""),
    ):
        assert recognise(written) == field
    assert recognise(unicodedata.normalize("NFD", name)) == field


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_is_recognised_by_its_own_name(field: str) -> None:
    assert recognise(field) == field
    assert recognise(field.upper()) == (None if field == "comment" else field)


MARKS = st.sampled_from(
    ["*", " *", "**", "\u2020", "!", " (*)", " (required)", "(Pflichtfeld)", " [Obligatoire]"]
)


@given(st.sampled_from(EVERY_NAME), MARKS)
def test_the_mark_of_a_required_field_changes_nothing(named: tuple[str, str], mark: str) -> None:
    assert recognise(named[0] + mark) == named[1]
    assert recognise(mark.strip() + named[0] if mark in ("*", "**") else named[0]) == named[1]
    assert recognise(f"attr:erp_reference{mark}") == "extraAttributes.erp_reference"


@pytest.mark.parametrize("header", ["Order ID (old)", "Internal comment 2", "Internal comment?"])
def test_what_is_no_mark_stays_part_of_the_header(header: str) -> None:
    assert recognise(header) is None


@pytest.mark.parametrize("header", ["Comment", "COMMENT", "Coment", "Comment *", "Comments", "Komentar"])
def test_only_the_api_s_own_spelling_is_the_customer_s_comment(header: str) -> None:
    assert recognise(header) is None
    assert guess(header) is None
    assert may_be_comment(header)
    assert recognise("comment") == recognise(" comment *") == "comment"


def test_no_name_stands_for_two_fields() -> None:
    fields: dict[str, set[str]] = {}
    for name, field in EVERY_NAME:
        fields.setdefault(fold(name), set()).add(field)
    assert {name: found for name, found in fields.items() if len(found) > 1} == {}


@pytest.mark.parametrize("name", BARE_COMMENT_NAMES)
def test_a_bare_comment_is_not_sent(name: str) -> None:
    assert recognise(name) is None
    assert may_be_comment(name)
    assert recognise(name.upper()) is None


@pytest.mark.parametrize(
    "header",
    [
        "",
        "  ",
        "ID",
        "#",
        "Number",
        "Customer order number",
        "PO number",
        "Amount",
        "update_status",
        "Orders total",
        "-",
    ],
)
def test_other_headers_name_no_field(header: str) -> None:
    assert recognise(header) is None
    assert not is_id_header(header)


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("attr:erp_reference", "extraAttributes.erp_reference"),
        ("Attr: erp_reference ", "extraAttributes.erp_reference"),
        ("extraAttributes.erp_Reference", "extraAttributes.erp_Reference"),
        ("Extra attributes.erp_reference", "extraAttributes.erp_reference"),
        ("extra_attributes.a_b", "extraAttributes.a_b"),
    ],
)
def test_attributes_keep_their_key_as_written(header: str, field: str) -> None:
    assert recognise(header) == field


def test_id_header() -> None:
    assert is_id_header("Bestell-Nr.")
    assert is_id_header("order_id")
    assert not is_id_header("internalComment")


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Intrnal coment", "internalComment"),
        ("Ordr ID", "order"),
        ("oder id", "order"),
        ("Odrer ID", "order"),
        ("Bestellnumer", "order"),
        ("replaceInternalComent", "replaceInternalComment"),
        ("atrr:erp_reference", "extraAttributes.erp_reference"),
        ("atr:erp_reference", "extraAttributes.erp_reference"),
        ("attr_erp_reference", "extraAttributes.erp_reference"),
        ("attr;erp_reference *", "extraAttributes.erp_reference"),
        ("Extra atributes.erp_reference", "extraAttributes.erp_reference"),
        ("our:erp_reference", None),
        ("atr:erp", None),
        ("attribute:erp_reference", "extraAttributes.erp_reference"),
        ("extraAttribute.erp_reference", "extraAttributes.erp_reference"),
        ("attr.erp_reference", "extraAttributes.erp_reference"),
        ("Intrnl coment", None),
        ("Amount", None),
        ("", None),
        ("Customer", None),
    ],
)
def test_guesses(header: str, field: str | None) -> None:
    assert guess(header) == field


@given(st.sampled_from(EVERY_NAME), st.data())
def test_one_letter_off_is_guessed(named: tuple[str, str], data: st.DataObject) -> None:
    folded = fold(named[0])
    at = data.draw(st.integers(0, len(folded) - 1))
    wrong = folded[:at] + folded[at + 1 :]
    if wrong and recognise(wrong) is None and not may_be_comment(wrong):
        assert guess(wrong) is not None


@given(st.text(alphabet="abcd", max_size=6), st.text(alphabet="abcd", max_size=6))
def test_distance_is_a_count_of_edits(one: str, other: str) -> None:
    assert distance(one, other) == distance(other, one)
    assert (distance(one, other) == 0) == (one == other)
    assert abs(len(one) - len(other)) <= distance(one, other) <= max(len(one), len(other))


def test_distance_counts_a_swap_once() -> None:
    assert distance("order", "odrer") == 1
    assert distance("order", "ordre") == 1


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize("key", ["erp_reference", "a_b_c", "A1_b2", "size-chart_eu.38", "a__b"])
def test_good_keys(key: str) -> None:
    assert key_fault(key) is None


@pytest.mark.parametrize("key", ["", "erp", "_a", "a_", "erp reference", "é_a", "a_b\n", "a_b;", "a b_c"])
def test_bad_keys_are_explained(key: str) -> None:
    fault = key_fault(key)
    assert fault is not None
    assert "erp_reference" in fault
