from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cells import number_cell, text_cell

from ordersheet.core.model import Cell, CellKind
from ordersheet.mapping.faults import ValueFault
from ordersheet.mapping.values import (
    NO_WORDS,
    YES_WORDS,
    Reading,
    ValueType,
    is_truth_word,
    json_value,
    number_from_text,
    stored_text,
    truth,
    typed,
)

# --- yes and no ----------------------------------------------------------------------------------------


def test_yes_and_no_in_eight_languages() -> None:
    assert len(YES_WORDS) == len(NO_WORDS) == 8
    for words in YES_WORDS.values():
        assert all(truth(form) is True for word in words for form in (word, word.upper(), f" {word} "))
    for words in NO_WORDS.values():
        assert all(truth(form) is False for word in words for form in (word, word.upper(), f" {word} "))
    assert truth("1") is True
    assert truth("0") is False


@pytest.mark.parametrize("text", ["", "maybe", "2", "x", "✓", "yes!", "-1", "01"])
def test_other_words_are_neither(text: str) -> None:
    assert truth(text) is None
    assert not is_truth_word(text)


def test_one_and_zero_are_no_words() -> None:
    assert is_truth_word("TRUE")
    assert not is_truth_word("1")
    assert not is_truth_word("0")


# --- types ---------------------------------------------------------------------------------------------


def as_type(text: str, kind: str, decimal: str | None = None) -> object:
    return typed(text_cell(text), Reading(ValueType(kind), decimal=decimal))


@pytest.mark.parametrize(
    ("text", "kind", "sent"),
    [
        ("  as it stands \n", "text", "  as it stands \n"),
        ("12", "int", 12),
        ("-12", "int", -12),
        ("+12", "int", 12),
        ("12.0", "int", 12),
        ("1 234", "int", 1234),
        ("0", "int", 0),
        ("ja", "bool", True),
        ("FALSE", "bool", False),
        ("oui", "bool01", "1"),
        ("nee", "bool01", "0"),
        ("2026-03-31", "date", "2026-03-31"),
        (" 2026-03-31 ", "date", "2026-03-31"),
        ("2026-03-31 10:00:00", "date", "2026-03-31 10:00:00"),
        ("2026-03-31T10:00:00+02:00", "date", "2026-03-31T10:00:00+02:00"),
        ('{"a": [1, null, true, "x"]}', "json", {"a": [1, None, True, "x"]}),
        ("null", "json", None),
        ("1.5", "number", 1.5),
        ("2", "number", 2),
    ],
)
def test_texts_become_their_type(text: str, kind: str, sent: object) -> None:
    value = as_type(text, kind)
    assert value == sent
    assert type(value) is type(sent)


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ("12.5", "int", "bad-int"),
        ("007", "int", "bad-int"),
        ("1,234", "int", "bad-int"),
        ("twelve", "int", "bad-int"),
        ("1" * 16, "int", "bad-int"),
        ("١٢", "int", "bad-int"),
        ("maybe", "bool", "bad-bool"),
        ("2", "bool01", "bad-bool"),
        ("3.2026", "date", "bad-date"),
        ("2026-02-30", "date", "bad-date"),
        ("20260331", "date", "bad-date"),
        ("2026-W14-2", "date", "bad-date"),
        ("10:00:00", "date", "bad-date"),
        ("45000", "date", "bad-date"),
        ("{", "json", "bad-json"),
        ("", "json", "bad-json"),
        ("yes", "number", "bad-number"),
        ("1e5", "number", "bad-number"),
        ("1.1234567890123456789", "number", "bad-number"),
    ],
)
def test_texts_that_cannot_become_their_type(text: str, kind: str, code: str) -> None:
    with pytest.raises(ValueFault) as caught:
        as_type(text, kind)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        ("1188.44", ".", 1188.44),
        ("1188,44", ",", 1188.44),
        ("1,188.44", ".", 1188.44),
        ("1.188,44", ",", 1188.44),
        ("1 188,44", ",", 1188.44),
        ("1\u202f188,44", None, 1188.44),
        ("1,188", ",", 1.188),
        ("1.188", ".", 1.188),
        ("0.125", None, 0.125),
        ("1.5", None, 1.5),
        ("1,5", None, 1.5),
        ("1.234,5", None, 1234.5),
        ("1.234.567", None, 1234567),
        ("1.234.567", ",", 1234567),
        ("-0.5", ".", -0.5),
        ("+3", ".", 3),
    ],
)
def test_numbers_with_one_reading(text: str, decimal: str | None, number: float) -> None:
    assert number_from_text(text, decimal) == number


@pytest.mark.parametrize(
    ("text", "decimal"), [("1,234", None), ("1.234", None), ("1.234", ","), ("1,234", "."), ("12,345", None)]
)
def test_numbers_with_two_readings_are_refused(text: str, decimal: str | None) -> None:
    with pytest.raises(ValueFault) as caught:
        number_from_text(text, decimal)
    assert caught.value.code == "ambiguous-number"


@pytest.mark.parametrize(
    ("text", "decimal"),
    [("1.5", ","), ("1,5", "."), ("1.2.3", None), ("1,23,456", "."), ("00.5", "."), ("1.", "."), (".5", ".")],
)
def test_texts_that_are_no_number(text: str, decimal: str | None) -> None:
    with pytest.raises(ValueFault) as caught:
        number_from_text(text, decimal)
    assert caught.value.code == "bad-number"


@given(
    st.decimals(min_value=Decimal(-999999), max_value=Decimal(999999), places=2),
    st.sampled_from([(".", ","), (",", "."), (".", "\u00a0"), (",", " ")]),
)
def test_a_number_with_two_decimals_survives_each_way_of_writing(
    number: Decimal, signs: tuple[str, str]
) -> None:
    decimal, group = signs
    text = f"{number:,.2f}".replace(",", "g").replace(".", decimal).replace("g", group)
    assert number_from_text(text, decimal) == float(number)
    assert number_from_text(text, None) == float(number)


def test_one_and_zero_are_yes_and_no_however_they_are_shown() -> None:
    assert typed(number_cell(1, "1.00"), Reading(ValueType.BOOL)) is True
    assert typed(number_cell(0, "0.00"), Reading(ValueType.BOOL01)) == "0"
    assert typed(number_cell(1, "No"), Reading(ValueType.BOOL)) is False
    with pytest.raises(ValueFault):
        typed(number_cell(2, "2"), Reading(ValueType.BOOL))


def test_a_number_cell_is_read_as_it_is_shown_whatever_sign_texts_have() -> None:
    german = Reading(ValueType.NUMBER, decimal=",")
    assert typed(number_cell(1188.437, "1,188.44"), german) == 1188.44
    assert typed(number_cell(1188, "1,188"), german) == 1188
    with pytest.raises(ValueFault, match='as = "value"'):
        typed(number_cell(0.25, "25%"), german)
    assert typed(number_cell(0.25, "25%"), german._replace(by_value=True)) == 0.25


@pytest.mark.parametrize("kind", ["number", "int", "json"])
@pytest.mark.parametrize(("value", "shown"), [(1188, "1.188"), (1000, "1.000"), (1188, "1")])
def test_a_number_that_is_shown_as_if_it_were_another_is_refused(kind, value, shown) -> None:
    reading = Reading(ValueType(kind))
    with pytest.raises(ValueFault):
        typed(number_cell(value, shown), reading)
    assert typed(number_cell(value, shown), reading._replace(by_value=True)) == value


@pytest.mark.parametrize(("value", "shown", "sent"), [(12.4, "12", 12), (0.125, "0.13", 0.13), (2.5, "3", 3)])
def test_a_number_that_is_shown_rounded_is_sent_rounded(value, shown, sent) -> None:
    assert typed(number_cell(value, shown), Reading(ValueType.NUMBER)) == sent


@pytest.mark.parametrize("text", ["1.000", "1,000"])
def test_thousands_are_never_a_whole_number_with_zeros_behind_the_point(text) -> None:
    with pytest.raises(ValueFault, match="not a whole number"):
        typed(text_cell(text), Reading(ValueType.INT))


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (1188.44, "1188.44"),
        (5.0, "5"),
        (0.1 + 0.2, "0.3"),
        (1e20, "100000000000000000000"),
        (0, "0"),
        (-2.5, "-2.5"),
        (1e-7, "0.0000001"),
    ],
)
def test_what_a_number_stores(value: float, stored: str) -> None:
    assert stored_text(number_cell(value, "something else")) == stored
    assert typed(number_cell(value, "x"), Reading(by_value=True)) == stored


def test_what_other_cells_store() -> None:
    assert stored_text(Cell("31 March", "2026-03-31", CellKind.DATE, 0, 2)) == "2026-03-31"
    assert stored_text(Cell("TRUE", value=True, kind=CellKind.BOOLEAN, column=0, row=2)) == "TRUE"
    assert stored_text(text_cell("as it stands")) == "as it stands"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("NaN", "NaN"),
        ("[Infinity]", "Infinity"),
        ("-Infinity", "Infinity"),
        ("1e999", "digits"),
        ("0.12345678901234567890", "digits"),
        ("12345678901234567890", "digits"),
        ("1" * 5000, "digits"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', '"c" stands in it twice'),
        ('"\\ud800"', "half a character"),
        ("[" * 100_000, "nested"),
        ("{'a': 1}", "not JSON"),
        ("[1, 2", "character 6"),
        ("1 2", "character 3"),
    ],
)
def test_json_that_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueFault, match=says) as caught:
        json_value(text)
    assert caught.value.code == "bad-json"
    assert len(str(caught.value)) < 200


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(JSON)
def test_json_is_sent_as_it_is_written(value: object) -> None:
    assert json_value(json.dumps(value)) == value
