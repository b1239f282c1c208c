from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cells import headers, number_cell, row_of, text_cell

from ordersheet.core.model import Cell, CellKind, LeftOut, Operation, OperationKind, OrderUpdate, Outcome, Row
from ordersheet.mapping import resolve
from ordersheet.mapping.columns import ColumnMap, Feed
from ordersheet.mapping.mapper import CODES, map_row
from ordersheet.mapping.values import NO_WORDS, YES_WORDS, Reading, ValueType

if TYPE_CHECKING:
    from collections.abc import Mapping

APPEND, REPLACE = OperationKind.APPEND, OperationKind.REPLACE
SET, CLEAR = OperationKind.SET, OperationKind.CLEAR

USUAL = resolve(
    headers(
        "order",
        "internalComment",
        "replaceInternalComment",
        "comment",
        "replaceComment",
        "attr:erp_reference",
    )
)


def operations(*cells: str | Cell | None, by: ColumnMap = USUAL) -> list[tuple[str, OperationKind, object]]:
    item = map_row(row_of(*cells), by, sheet="S")
    assert isinstance(item, OrderUpdate), item
    return [tuple(operation) for operation in item.operations]


def codes(*cells: str | Cell | None, by: ColumnMap = USUAL) -> list[str]:
    item = map_row(row_of(*cells), by, sheet="S")
    assert isinstance(item, LeftOut), item
    return [problem.code for problem in item.problems]


def given_values(**values: str) -> ColumnMap:
    return resolve(headers("order", "attr:erp_reference"), constants=values)


def typed_map(kind: str, *, by_value: bool = False) -> ColumnMap:
    return ColumnMap(
        (Feed("order", 0, "order"), Feed("extraAttributes.a_b", 1, "A", Reading(ValueType(kind), by_value)))
    )


# --- what a row asks for -------------------------------------------------------------------------------


def test_each_field_of_a_row() -> None:
    item = map_row(row_of("83651", "one", "yes", "two", "no", "E-1", number=7), USUAL, sheet=None)
    assert item == OrderUpdate(
        7,
        83651,
        (
            Operation("internalComment", REPLACE, "one"),
            Operation("comment", APPEND, "two"),
            Operation("extraAttributes.erp_reference", SET, "E-1"),
        ),
    )


def test_an_empty_cell_leaves_its_field_alone() -> None:
    assert operations("1", None, None, "two") == [("comment", APPEND, "two")]
    assert operations("1", "", "", "two", "", "") == [("comment", APPEND, "two")]


@pytest.mark.parametrize(
    "text", ["  two  ", "a\nb\r\n", "N/A", "null", "None", "nan", "=1+1", "0", "TRUE", "\u200b"]
)
def test_texts_are_sent_as_they_stand(text: str) -> None:
    assert operations("1", text, None, None, None, text) == [
        ("internalComment", APPEND, text),
        ("extraAttributes.erp_reference", SET, text),
    ]


def test_clear_empties_and_sets_the_flag_itself() -> None:
    assert operations("1", "<clear>", None, "<clear>", "yes", "<clear>") == [
        ("internalComment", CLEAR, ""),
        ("comment", CLEAR, ""),
        ("extraAttributes.erp_reference", CLEAR, ""),
    ]


def test_a_no_beside_clear_is_a_problem() -> None:
    item = map_row(row_of("1", "<clear>", "nej"), USUAL, sheet="S")
    assert isinstance(item, LeftOut)
    (problem,) = item.problems
    assert (problem.code, problem.cell, problem.value) == ("clear-beside-no", "C2", "nej")


@pytest.mark.parametrize("text", ["<CLEAR>", " <clear>", "<clear>\n", "<Clear> "])
def test_what_is_almost_the_clear_token_is_neither_sent_nor_obeyed(text: str) -> None:
    assert codes("1", text) == ["clear-spelling"]
    assert codes("1", None, None, None, None, text) == ["clear-spelling"]
    assert codes("1", text, by=typed_map("int")) == ["clear-spelling"]


@pytest.mark.parametrize(
    "word", sorted({word for words in YES_WORDS.values() for word in words} | {"1", "TRUE"})
)
def test_yes_replaces(word: str) -> None:
    assert operations("1", "t", word) == [("internalComment", REPLACE, "t")]


@pytest.mark.parametrize(
    "word", sorted({word for words in NO_WORDS.values() for word in words} | {"0", "FALSE"})
)
def test_no_appends(word: str) -> None:
    assert operations("1", "t", word) == [("internalComment", APPEND, "t")]


@pytest.mark.parametrize(("value", "kind"), [(1, REPLACE), (0, APPEND)])
def test_a_flag_may_be_a_number_however_it_is_shown(value: int, kind: OperationKind) -> None:
    assert operations("1", "t", number_cell(value, f"{value}.00")) == [("internalComment", kind, "t")]


def test_a_flag_may_be_a_truth_value() -> None:
    cell = Cell("TRUE", value=True, kind=CellKind.BOOLEAN, column=2, row=2)
    assert operations("1", "t", cell) == [("internalComment", REPLACE, "t")]


@pytest.mark.parametrize("word", ["maybe", "2", "x", "<clear>"])
def test_another_word_in_a_flag_is_a_problem(word: str) -> None:
    assert codes("1", "t", word) == ["bad-flag"]


def test_replace_without_a_text_is_a_problem() -> None:
    assert codes("1", None, "yes", "two") == ["replace-without-text"]
    assert codes("1", "", "yes") == ["replace-without-text"]


def test_no_without_a_text_asks_for_nothing() -> None:
    item = map_row(row_of("83651", None, "no"), USUAL, sheet=None)
    assert isinstance(item, LeftOut)
    assert (item.outcome, item.order, item.problems) == (Outcome.NOTHING_TO_UPDATE, "83651", ())


def test_a_problem_in_the_text_is_not_also_a_replace_without_text() -> None:
    assert codes("1", "  ", "yes") == ["blank-text"]


@pytest.mark.parametrize("blank", [" ", "\n", "\u00a0 \t"])
def test_white_space_alone_is_a_problem(blank: str) -> None:
    assert codes("1", blank) == ["blank-text"]
    assert codes("1", "t", blank) == ["blank-text"]
    assert codes("1", None, None, None, None, blank) == ["blank-text"]
    assert codes(blank, "t") == ["no-order-id"]


def test_half_a_character_is_a_problem() -> None:
    assert codes("1", "\ud800") == ["bad-text"]


# --- problems ------------------------------------------------------------------------------------------


def test_every_problem_of_a_row_is_told_with_its_place() -> None:
    item = map_row(row_of("x", "  ", "maybe", "t", "perhaps", "<CLEAR>", number=9), USUAL, sheet="Orders")
    assert isinstance(item, LeftOut)
    assert item.outcome is Outcome.INVALID
    assert item.order == "x"
    assert [(p.code, p.cell, p.column, p.value) for p in item.problems] == [
        ("bad-order-id", "A9", "order", "x"),
        ("blank-text", "B9", "internalComment", "  "),
        ("bad-flag", "C9", "replaceInternalComment", "maybe"),
        ("bad-flag", "E9", "replaceComment", "perhaps"),
        ("clear-spelling", "F9", "attr:erp_reference", "<CLEAR>"),
    ]
    assert {(p.row, p.sheet) for p in item.problems} == {(9, "Orders")}
    for problem in item.problems:
        assert f"{problem.cell} ({problem.column}): {problem.message}" in item.message


def test_a_missing_id_has_an_address_too() -> None:
    item = map_row(row_of(None, "t", number=4), USUAL, sheet=None)
    assert isinstance(item, LeftOut)
    (problem,) = item.problems
    assert (problem.code, problem.cell, problem.value) == ("no-order-id", "A4", None)


def test_a_row_that_cannot_be_trusted_is_invalid_whatever_it_holds() -> None:
    item = map_row(row_of("83651", "t", problem="This record has one field more."), USUAL, sheet=None)
    assert isinstance(item, LeftOut)
    assert item.outcome is Outcome.INVALID
    assert [p.code for p in item.problems] == ["unreadable-row"]
    assert item.message == "This record has one field more."


@pytest.mark.parametrize("column", range(6))
def test_a_cell_that_cannot_be_trusted_refuses_its_row(column: int) -> None:
    cells: list[str | Cell | None] = ["83651", "t", "yes", "u", "no", "v"]
    cells[column] = Cell("#N/A", None, CellKind.ERROR, column, 2, "Mend the formula.")
    item = map_row(row_of(*cells), USUAL, sheet=None)
    assert isinstance(item, LeftOut)
    assert [(p.code, p.cell, p.message) for p in item.problems] == [
        ("unreadable-cell", f"{'ABCDEF'[column]}2", "Mend the formula.")
    ]


def test_a_cell_without_a_column_that_is_sent_blocks_nothing() -> None:
    row = Row(2, {0: text_cell("1", 0), 1: text_cell("t", 1), 9: text_cell("#N/A", 9, problem="an error")})
    assert isinstance(map_row(row, USUAL, sheet=None), OrderUpdate)


def test_a_number_that_cannot_be_shown_is_taken_by_value_only_where_that_is_asked_for() -> None:
    unshown = number_cell(5, "5", problem="The format is not known.")
    assert codes("1", unshown, by=typed_map("text")) == ["unreadable-cell"]
    assert operations("1", unshown, by=typed_map("text", by_value=True)) == [
        ("extraAttributes.a_b", SET, "5")
    ]
    assert codes(unshown, "t") == ["unreadable-cell"]
    by_value = ColumnMap((Feed("order", 0, "order", Reading(by_value=True)), Feed("comment", 1, "comment")))
    assert operations(unshown, "t", by=by_value) == [("comment", APPEND, "t")]


def test_a_number_is_sent_as_shown() -> None:
    cell = number_cell(1188.44, "$1,188.44")
    assert operations("1", cell) == [("internalComment", APPEND, "$1,188.44")]
    by_value = ColumnMap((Feed("order", 0, "order"), Feed("comment", 1, "comment", Reading(by_value=True))))
    assert operations("1", cell, by=by_value) == [("comment", APPEND, "1188.44")]


# --- types and constants -------------------------------------------------------------------------------


def test_typed_attributes() -> None:
    assert operations("1", "12", by=typed_map("int")) == [("extraAttributes.a_b", SET, 12)]
    assert operations("1", "nein", by=typed_map("bool01")) == [("extraAttributes.a_b", SET, "0")]
    assert operations("1", "<clear>", by=typed_map("json")) == [("extraAttributes.a_b", CLEAR, "")]
    assert codes("1", "[1, NaN]", by=typed_map("json")) == ["bad-json"]


def test_an_empty_json_text_is_a_clear() -> None:
    assert operations("1", '""', by=typed_map("json")) == [("extraAttributes.a_b", CLEAR, "")]
    assert operations("1", "false", by=typed_map("json")) == [("extraAttributes.a_b", SET, False)]
    assert operations("1", "0", by=typed_map("json")) == [("extraAttributes.a_b", SET, 0)]


def test_constants_make_a_list_of_ids_complete() -> None:
    by = given_values(internalComment="Delayed by strike")
    assert operations("1", by=by) == [("internalComment", APPEND, "Delayed by strike")]


def test_a_constant_flag_bears_on_texts_and_needs_none() -> None:
    by = resolve(headers("order", "comment", "attr:a_b"), constants={"replaceComment": "ja"})
    assert operations("1", "t", by=by) == [("comment", REPLACE, "t")]
    assert operations("1", None, "v", by=by) == [("extraAttributes.a_b", SET, "v")]


def test_a_constant_can_clear() -> None:
    constants: Mapping[str, str] = {"comment": "<clear>", "extraAttributes.c_d": "<clear>"}
    by = resolve(headers("order"), constants=constants)
    assert operations("1", by=by) == [("comment", CLEAR, ""), ("extraAttributes.c_d", CLEAR, "")]


def test_a_constant_clear_beside_a_no_is_a_problem() -> None:
    by = resolve(headers("order", "replaceComment"), constants={"comment": "<clear>"})
    assert codes("1", "no", by=by) == ["clear-beside-no"]
    by = resolve(headers("order", "comment"), constants={"replaceComment": "no"})
    assert codes("1", "<clear>", by=by) == ["clear-beside-no"]


# --- what always holds ---------------------------------------------------------------------------------

CELL = st.none() | st.sampled_from(
    ["1", "83651", "0", "t", "<clear>", "<CLEAR>", "yes", "no", " ", "", "x\ny"]
)


@given(st.lists(CELL, min_size=6, max_size=6))
def test_a_row_ends_in_an_update_or_in_reasons(cells: list[str | None]) -> None:
    item = map_row(row_of(*cells), USUAL, sheet="S")
    if isinstance(item, OrderUpdate):
        fields = [operation.field for operation in item.operations]
        assert fields
        assert len(fields) == len(set(fields))
        assert item.order > 0
        for field, kind, value in item.operations:
            assert (value == "") == (kind is CLEAR)
            assert (kind in (APPEND, REPLACE)) <= (not field.startswith("extraAttributes."))
    elif item.outcome is Outcome.INVALID:
        assert item.problems
        assert all(problem.code in CODES for problem in item.problems)
        assert all(problem.message.endswith(".") for problem in item.problems)
    else:
        assert item.outcome is Outcome.NOTHING_TO_UPDATE
        assert not any(cells[index] for index in (1, 3, 5))
