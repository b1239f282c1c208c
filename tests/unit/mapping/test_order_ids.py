from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cells import number_cell

from ordersheet.core.model import Cell, CellKind
from ordersheet.mapping.faults import ValueFault
from ordersheet.mapping.order_ids import order_id, order_id_from_text
from ordersheet.mapping.values import LARGEST

IDS = st.integers(1, LARGEST - 1)


@pytest.mark.parametrize(
    "text",
    [
        "83651",
        "83651.0",
        "83651,00",
        " 83651 ",
        "83 651",
        "83\u00a0651",
        "83\u202f651",
        "'83651",
        "8,3651E4",
        "8.3651E+04",
        "8.3651e4",
        "8.36510E4",
        "83651E0",
    ],
)
def test_texts_that_are_an_id(text: str) -> None:
    assert order_id_from_text(text) == 83651


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("8,37E+04", "lost digits"),
        ("8E4", "lost digits"),
        ("8,365E4", "lost digits"),
        ("1E+14", "lost digits"),
        ("83,651", "thousands"),
        ("83.651", "thousands"),
        ("83'651", "thousands"),
        ("83,651.0", "not an order ID"),
        ("083651", "leading zeros"),
        ("0 651", "leading zeros"),
        ("0", "0 is not"),
        ("0.0", "0 is not"),
        ("000", "0 is not"),
        ("-83651", "negative"),
        ("+83651", "not an order ID"),
        ("83651.5", "decimal"),
        ("8.36515E4", "decimal"),
        ("83.651E3", "two ways"),
        ("٨٣٦٥١", "digits 0 to 9"),
        ("８３６５１", "digits 0 to 9"),
        ("#83651", "another numbering"),
        ("1000000000000000", "more than 15 digits"),
        ("9" * 500, "more than 15 digits"),
        ("8 36 51", "not an order ID"),
        ("83 651\u00a0000", "not an order ID"),
        ("83\n651", "not an order ID"),
        ("A83651", "not an order ID"),
        ("83651;83652", "not an order ID"),
        ("''83651", "not an order ID"),
        ("²", "not an order ID"),
        ("TRUE", "not an order ID"),
        ("<clear>", "not an order ID"),
    ],
)
def test_texts_that_are_no_id_say_why(text: str, says: str) -> None:
    with pytest.raises(ValueFault, match=says) as caught:
        order_id_from_text(text)
    assert caught.value.code == "bad-order-id"
    assert len(str(caught.value)) < 700


@given(IDS)
def test_an_id_is_read_in_every_form_that_keeps_its_digits(number: int) -> None:
    digits = str(number)
    power = len(digits) - 1
    forms = [
        digits,
        f"{digits}.0",
        f"'{digits}",
        f"{number:,}".replace(",", " "),
        f"{number:,}".replace(",", "\u202f"),
        f"{digits[0]}.{digits[1:]}E+{power:02}" if power else f"{digits}E0",
        f"{digits[0]},{digits[1:]}E{power}" if power else f"{digits}E+00",
    ]
    assert {order_id_from_text(form) for form in forms} == {number}


@given(st.text(alphabet="0123456789.,'eE+- #\u00a0", min_size=1, max_size=18))
def test_what_is_read_as_an_id_has_these_digits_and_no_others(text: str) -> None:
    try:
        number = order_id_from_text(text)
    except ValueFault:
        return
    assert 0 < number < LARGEST
    mantissa = text.strip().lower().partition("e")[0]
    read = "".join(letter for letter in mantissa if letter.isdigit())
    assert read.rstrip("0") == str(number).rstrip("0")
    assert not read.startswith("0")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (83651, "83651"),
        (83651.0, "83,651"),
        (83651.0, "8.37E+04"),
        (83651, "83651.00"),
        (83651.0, "kr 83 651"),
    ],
)
def test_numbers_are_read_by_value(value: float, shown: str) -> None:
    assert order_id(number_cell(value, shown)) == 83651


@pytest.mark.parametrize(
    ("value", "shown", "says"),
    [
        (83651, "00083651", "leading zeros"),
        (83651.5, "83652", "decimal"),
        (0, "0", "0 is not"),
        (-83651.0, "(83,651)", "negative"),
        (1e15, "1E+15", "more than 15"),
        (math.inf, "inf", "decimal"),
        (math.nan, "nan", "decimal"),
    ],
)
def test_numbers_that_are_no_id(value: float, shown: str, says: str) -> None:
    with pytest.raises(ValueFault, match=says):
        order_id(number_cell(value, shown))


def test_a_number_can_be_taken_by_value_however_it_is_shown() -> None:
    assert order_id(number_cell(83651, "00083651"), by_value=True) == 83651


def test_dates_and_truth_values_are_no_id() -> None:
    with pytest.raises(ValueFault, match="date"):
        order_id(Cell("2026-03-31", "2026-03-31", CellKind.DATE, 0, 2))
    with pytest.raises(ValueFault, match="TRUE is not"):
        order_id(Cell("TRUE", value=True, kind=CellKind.BOOLEAN, column=0, row=2))


@given(st.text(alphabet="0123456789abcdefABCDEF", min_size=32, max_size=32))
def test_an_id_of_the_newer_api_is_told_as_what_it_is(text: str) -> None:
    with pytest.raises(ValueFault, match="32 hexadecimal digits"):
        order_id_from_text(text)


@given(st.integers(1, LARGEST - 1), st.integers(0, 9999))
def test_a_shipment_is_told_with_its_order(order: int, part: int) -> None:
    with pytest.raises(ValueFault, match=f"shipment.*write {order}$"):
        order_id_from_text(f"{order}-{part}")
