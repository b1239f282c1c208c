"""Traps in .xls files: what the file says somewhere else than in the cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.handmade_xls import (
    UNCALCED,
    conditional,
    formula,
    label,
    number,
    record,
    workbook,
)

from ordersheet.core.errors import SourceError
from ordersheet.loader import open_table
from ordersheet.loader.cells import (
    HIDDEN_BY_CONDITION,
    HIDDEN_ZERO,
    NOT_A_NUMBER,
    SHOWN_AS_FORMULA,
    STALE_VALUE,
)

if TYPE_CHECKING:
    from pathlib import Path

    from ordersheet.core.model import Cell

HEAD = label(0, 0, b"Order ID") + label(0, 1, b"Comment") + number(1, 0, 83651)


def comment(tmp_path: Path, book: bytes) -> Cell:
    path = tmp_path / "orders.xls"
    path.write_bytes(book)
    (row,) = open_table(path, is_id_header=lambda text: text == "Order ID").rows()
    assert row.cells[0].value == 83651
    return row.cells[1]


@pytest.mark.parametrize(
    ("text", "stored", "charset", "codepage"),
    [
        ("12 € – customer’s", "cp1252", 0, None),
        ("Позвонить", "cp1251", 204, None),
        ("Позвонить", "cp1251", 204, 1252),
        ("Łódź", "cp1250", 238, None),
        ("Łódź", "cp1250", 1, 1250),
        ("Λάρισα", "cp1253", 161, 1252),
        ("Malmö", "mac_roman", 1, 10000),
        ("plain", "ascii", 1, None),
    ],
)
def test_before_excel_97_a_font_tells_which_letters_a_text_has(tmp_path, text, stored, charset, codepage):
    book = workbook(HEAD + label(1, 1, text.encode(stored)), charset=charset, codepage=codepage)
    assert comment(tmp_path, book).shown == text


@pytest.mark.parametrize("charset", [1, 255])
def test_letters_that_nothing_tells_refuse_the_file(tmp_path, charset):
    with pytest.raises(SourceError, match="which letters"):
        comment(tmp_path, workbook(HEAD + label(1, 1, b"Malm\xf6"), charset=charset))


def test_saved_values_of_a_sheet_that_was_not_computed_are_stale(tmp_path):
    cells = HEAD + formula(1, 1, 7)
    assert comment(tmp_path, workbook(cells)).shown == "7"
    stale = comment(tmp_path, workbook(record(UNCALCED, b"\0\0") + cells))
    assert (stale.shown, stale.value, stale.problem) == ("", None, STALE_VALUE)
    typed = comment(tmp_path, workbook(record(UNCALCED, b"\0\0") + HEAD + number(1, 1, 7)))
    assert (typed.shown, typed.problem) == ("7", None)


def test_a_zero_that_the_view_hides_is_a_problem(tmp_path):
    cells = HEAD + number(1, 1, 0)
    assert comment(tmp_path, workbook(cells)).problem is None
    assert comment(tmp_path, workbook(cells, shows_zeros=False)).problem == HIDDEN_ZERO
    assert comment(tmp_path, workbook(HEAD + number(1, 1, 5), shows_zeros=False)).problem is None


def test_where_formulas_are_shown_no_result_of_one_is_read(tmp_path):
    cells = HEAD + formula(1, 1, 7)
    assert comment(tmp_path, workbook(cells)).problem is None
    assert comment(tmp_path, workbook(cells, shows_formulas=True)).problem == SHOWN_AS_FORMULA
    assert comment(tmp_path, workbook(HEAD + number(1, 1, 5), shows_formulas=True)).problem is None


@pytest.mark.parametrize(("kind", "problem"), [(2, HIDDEN_BY_CONDITION), (6, HIDDEN_BY_CONDITION), (3, None)])
def test_a_conditional_format_that_may_hide_a_value_is_a_problem(tmp_path, kind, problem):
    cells = HEAD + number(1, 1, 5)
    assert comment(tmp_path, workbook(cells + conditional(kind, (1, 9), 1))).problem == problem
    assert comment(tmp_path, workbook(cells + conditional(kind, (2, 9), 1))).problem is None
    assert comment(tmp_path, workbook(cells + conditional(kind, (1, 9), 0))).problem is None


def test_what_is_no_number_is_a_problem_of_its_cell(tmp_path):
    assert comment(tmp_path, workbook(HEAD + number(1, 1, float("nan")))).problem == NOT_A_NUMBER
    assert comment(tmp_path, workbook(HEAD + number(1, 1, float("inf")))).problem == NOT_A_NUMBER


def test_an_invisible_sign_is_named(tmp_path):
    problem = comment(tmp_path, workbook(HEAD + label(1, 1, b"a\x1fb"))).problem
    assert problem is not None
    assert "U+001F" in problem
