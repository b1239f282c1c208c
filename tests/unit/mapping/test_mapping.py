from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cells import headers, number_cell, row_of

from ordersheet.core.errors import MappingError
from ordersheet.core.model import Header
from ordersheet.mapping import TruthWatch, id_header_test, parse_constant, parse_constants, resolve
from ordersheet.mapping.columns import ColumnMap, Constant, Feed, Unused
from ordersheet.mapping.file import FileColumn, MappingFile
from ordersheet.mapping.headers import recognise
from ordersheet.mapping.values import Reading, ValueType

if TYPE_CHECKING:
    from collections.abc import Mapping


def fields(column_map: ColumnMap) -> dict[str, str]:
    return {feed.letters: feed.field for feed in column_map.feeds}


def reasons(column_map: ColumnMap) -> dict[str, str]:
    return {column.letters: column.reason for column in column_map.unused}


def faults(*args: object, **options: object) -> list[str]:
    with pytest.raises(MappingError) as caught:
        resolve(*args, **options)  # type: ignore[arg-type]
    return str(caught.value).splitlines()


def file_with(
    *columns: tuple[str, str | None], values: Mapping[str, object] | None = None, only: bool = False
) -> MappingFile:
    return MappingFile(
        "map.toml",
        tuple(FileColumn(header, field) for header, field in columns),
        dict(values or {}),
        only=only,
    )


# --- by header -----------------------------------------------------------------------------------------


def test_headers_alone() -> None:
    found = resolve(
        headers("Bestellnummer", "Kunde", "Interner Kommentar", "attr:erp_reference", "Replace comment")
    )
    assert fields(found) == {
        "A": "order",
        "C": "internalComment",
        "D": "extraAttributes.erp_reference",
        "E": "replaceComment",
    }
    assert found.columns == {0, 2, 3, 4}
    assert reasons(found) == {"B": "not recognised"}


def test_every_column_that_is_not_sent_is_named_with_a_reason_and_perhaps_a_guess() -> None:
    sheet = [
        *headers("order", "comment", "Kommentar", "intrnal comment", "Amount"),
        Header(5, "", filled=True),
        Header(6, "", filled=False),
        Header(7, "Empty", filled=False),
    ]
    found = resolve(sheet)
    assert [(column.letters, column.header, column.guess) for column in found.unused] == [
        ("C", "Kommentar", None),
        ("D", "intrnal comment", "internalComment"),
        ("E", "Amount", None),
        ("F", "", None),
        ("H", "Empty", None),
    ]
    assert "which comment is meant" in reasons(found)["C"]
    assert reasons(found)["F"] == "it has no header"


def test_two_columns_for_one_field_are_a_fault() -> None:
    (fault,) = faults(headers("order", "Internal comment", "Interner Kommentar"))
    assert 'B "Internal comment" and C "Interner Kommentar"' in fault
    assert "internalComment" in fault
    (fault,) = faults(headers("order", "attr:a_b", "extraAttributes.a_b"))
    assert "extraAttributes.a_b" in fault


def test_a_sheet_without_an_order_column_is_a_fault_with_a_hint() -> None:
    (fault,) = faults(headers("Ordr ID", "comment"))
    assert fault == (
        "No column holds the order ID: name its header order, or say in a mapping file which one it is "
        '("Our ref" = "order"). Column A "Ordr ID" may be meant: rename it to order.'
    )


def test_a_bad_attribute_key_is_a_fault() -> None:
    (fault,) = faults(headers("order", "attr:erp reference"))
    assert 'B "attr:erp reference"' in fault
    assert "erp_reference" in fault


def test_result_columns_of_a_report_are_neither_sent_nor_named() -> None:
    found = resolve(headers("order", "comment", "update_status", "update_outcome"), result_columns=(2, 3))
    assert found.columns == {0, 1}
    assert found.unused == ()


def test_every_fault_is_told_at_once() -> None:
    told = faults(
        headers("Ref", "comment", "attr:x"),
        file=file_with(("Refs", "order")),
        constants={"comment": "t"},
        only_columns=["comment", "attr:x", "Nowhere"],
    )
    assert len(told) == 5
    assert all(
        any(word in fault for fault in told) for word in ("Refs", "Nowhere", "attr:x", "comment", "order ID")
    )


# --- the mapping file ----------------------------------------------------------------------------------


def test_the_file_wins_and_other_headers_are_still_recognised() -> None:
    found = resolve(
        headers("Our ref", "Order number", "Notes", "Internal comment"),
        file=file_with(("our_ref", "order"), ("Notes", "comment")),
    )
    assert fields(found) == {"A": "order", "C": "comment", "D": "internalComment"}
    assert reasons(found) == {"B": 'the mapping file feeds order from "our_ref"'}


def test_a_column_can_be_left_out() -> None:
    found = resolve(headers("order", "comment", "attr:a_b"), file=file_with(("comment", None)))
    assert fields(found) == {"A": "order", "C": "extraAttributes.a_b"}
    assert reasons(found) == {"B": "the mapping file says not to send it"}


def test_only_turns_recognition_off() -> None:
    found = resolve(headers("order", "comment"), file=file_with(("order", "order"), only=True))
    assert fields(found) == {"A": "order"}
    assert "only = true" in reasons(found)["B"]


def test_a_header_that_is_not_in_the_sheet_is_a_fault_with_a_guess() -> None:
    told = faults(headers("order", "ERP ref."), file=file_with(("ERP reff", "extraAttributes.a_b")))
    (fault,) = told
    assert fault == (
        'The mapping file map.toml names the header "ERP reff", '
        'which is not in the sheet (did you mean "ERP ref."?).'
    )


def test_an_exact_header_is_preferred_to_one_that_folds_to_the_same() -> None:
    found = resolve(headers("order", "Note 1", "note-1"), file=file_with(("note-1", "comment")))
    assert fields(found) == {"A": "order", "C": "comment"}


def test_a_header_of_the_file_that_names_two_columns_is_a_fault() -> None:
    (fault,) = faults(headers("order", "Note", "Note"), file=file_with(("Note", "comment")))
    assert "both feed comment" in fault


def test_the_order_column_is_found_as_the_file_says() -> None:
    assert id_header_test(None)("Order ID")
    renamed = id_header_test(file_with(("Our ref", "order")))
    assert renamed("OUR_REF")
    assert not renamed("Order ID")
    other = id_header_test(file_with(("Order ID", None), ("Bestellnummer", "comment")))
    assert not other("order id")
    assert not other("Bestellnummer")
    assert other("Order number")
    only = id_header_test(file_with(("Note", "comment"), only=True))
    assert not only("Order ID")


# --- constants -----------------------------------------------------------------------------------------


def test_constants() -> None:
    found = resolve(
        headers("order"),
        file=file_with(values={"comment": "from the file", "extraAttributes.a_b": 5, "replaceComment": True}),
        constants={"internalComment": "t", "comment": "given", "extraAttributes.c_d": "<clear>"},
    )
    assert found.constants == (
        Constant("comment", "given"),
        Constant("extraAttributes.a_b", 5),
        Constant("replaceComment", value=True),
        Constant("internalComment", "t"),
        Constant("extraAttributes.c_d", "", clears=True),
    )


@pytest.mark.parametrize(
    ("constants", "says"),
    [
        ({"order": "5"}, "own order ID"),
        ({"comment": "  "}, "blank"),
        ({"replaceComment": "maybe"}, "neither yes nor no"),
        ({"coment": "t"}, "did you mean comment"),
        ({"extraAttributes.a b": "t"}, "attribute key"),
        ({"internalComment": "t"}, "feeds it too"),
    ],
)
def test_constants_that_are_faults(constants: dict[str, str], says: str) -> None:
    (fault,) = faults(headers("order", "internalComment"), constants=constants)
    assert says in fault


def test_a_constant_may_take_the_place_of_a_column_that_is_left_out() -> None:
    found = resolve(
        headers("order", "comment", "attr:a_b"), constants={"comment": "t"}, only_columns=["attr:a_b"]
    )
    assert fields(found) == {"A": "order", "C": "extraAttributes.a_b"}
    assert found.constants == (Constant("comment", "t"),)


@pytest.mark.parametrize(
    ("text", "constant"),
    [
        ("internalComment=Delayed by strike", ("internalComment", "Delayed by strike")),
        ("Internal_Comment= a=b ", ("internalComment", " a=b ")),
        ("attr:erp_reference=5", ("extraAttributes.erp_reference", "5")),
        ("extraAttributes.erp_reference=5", ("extraAttributes.erp_reference", "5")),
        ("comment=<clear>", ("comment", "<clear>")),
    ],
)
def test_a_constant_is_read(text: str, constant: tuple[str, str]) -> None:
    assert parse_constant(text) == constant


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("internalComment", "FIELD=VALUE"),
        ("internalComment=", "blank"),
        ("order=5", "own order ID"),
        ("coment=5", "did you mean comment"),
        ("colour=5", "the fields are"),
        ("attr:erp=5", "attribute key"),
        ("=5", "no field"),
    ],
)
def test_a_constant_that_is_a_fault(text: str, says: str) -> None:
    with pytest.raises(MappingError, match=says) as caught:
        parse_constant(text)
    assert caught.value.code == "bad-constant"
    assert text in str(caught.value)


def test_several_constants_are_read_and_their_faults_told_at_once() -> None:
    assert parse_constants(["comment=t", "attr:a_b=5", "Comment=t"]) == {
        "comment": "t",
        "extraAttributes.a_b": "5",
    }
    with pytest.raises(MappingError) as caught:
        parse_constants(["comment=t", "comment=u", "order=5", "colour"])
    assert caught.value.code == "bad-constant"
    first, second, third = str(caught.value).splitlines()
    assert "comment is set to another value before" in first
    assert "--set order=5" in second
    assert "FIELD=VALUE" in third


# --- only some columns ---------------------------------------------------------------------------------


def test_only_columns_leaves_the_others_out_and_keeps_the_order() -> None:
    found = resolve(headers("order", "Internal comment", "comment"), only_columns=["INTERNAL_COMMENT"])
    assert fields(found) == {"A": "order", "B": "internalComment"}
    assert reasons(found) == {"C": "not among --only-columns"}


def test_only_columns_decides_between_two_columns_for_one_field() -> None:
    found = resolve(headers("order", "Internal comment", "Internal note"), only_columns=["Internal note"])
    assert fields(found) == {"A": "order", "C": "internalComment"}


def test_only_columns_that_names_no_header_or_no_field_is_a_fault() -> None:
    assert faults(headers("order", "Comment"), only_columns=["Coment"]) == [
        '--only-columns names "Coment", which is no header of the sheet (did you mean "Comment"?).'
    ]
    (fault,) = faults(headers("order", "comment", "Notes"), only_columns=["Notes"])
    assert "feeds no field" in fault


def test_leaving_a_replace_flag_out_is_warned_of() -> None:
    found = resolve(headers("order", "comment", "replaceComment"), only_columns=["comment"])
    assert "never replaced" in found.warnings[0]


# --- warnings ------------------------------------------------------------------------------------------


def test_a_sheet_that_asks_for_nothing_is_warned_of() -> None:
    assert "--set internalComment" in resolve(headers("order", "Notes")).warnings[0]
    assert resolve(headers("order", "comment")).warnings == ()


def test_a_flag_without_a_text_is_warned_of() -> None:
    found = resolve(headers("order", "replaceComment", "internalComment"))
    assert "nothing feeds comment" in found.warnings[0]


def test_a_constant_truth_word_is_warned_of() -> None:
    assert "expects" in resolve(headers("order"), constants={"extraAttributes.a_b": "TRUE"}).warnings[0]
    assert resolve(headers("order"), constants={"extraAttributes.a_b": "1"}).warnings == ()


def test_columns_of_truth_words_alone_are_noticed() -> None:
    column_map = ColumnMap(
        (
            Feed("order", 0, "order"),
            Feed("extraAttributes.a_a", 1, "all"),
            Feed("extraAttributes.a_b", 2, "mixed"),
            Feed("extraAttributes.a_c", 3, "numbers"),
            Feed("extraAttributes.a_d", 4, "typed", Reading(ValueType.BOOL01)),
            Feed("extraAttributes.a_e", 5, "empty"),
            Feed("comment", 6, "comment"),
        )
    )
    watch = TruthWatch(column_map)
    watch.see(row_of("1", "TRUE", "TRUE", "1", "TRUE", None, "yes"))
    watch.see(row_of("1", "nein", "blue", "0", "FALSE", None, "no"))
    watch.see(row_of("1", "<clear>", "TRUE", number_cell(1), None, "", "yes"))
    watch.see(row_of("1", "0", None, None, None, None, None))
    assert watch.found() == ("all",)


# --- for the ledger ------------------------------------------------------------------------------------


def test_a_map_is_told_as_json() -> None:
    column_map = ColumnMap(
        (
            Feed("order", 0, "Ref"),
            Feed("extraAttributes.a_b", 27, "N", Reading(ValueType.NUMBER, by_value=True, decimal=",")),
        ),
        (Constant("comment", "", clears=True), Constant("extraAttributes.c_d", [1, None])),
        (Unused(1, "Notes", "not recognised"),),
        guards=(Feed("comment", 2, "Was"),),
    )
    assert json.loads(json.dumps(column_map.to_json())) == {
        "version": 1,
        "columns": [
            {
                "column": "A",
                "header": "Ref",
                "field": "order",
                "type": "text",
                "as": "shown",
                "decimal": None,
                "format": None,
            },
            {
                "column": "AB",
                "header": "N",
                "field": "extraAttributes.a_b",
                "type": "number",
                "as": "value",
                "decimal": ",",
                "format": None,
            },
        ],
        "guards": [{"column": "C", "header": "Was", "field": "comment"}],
        "values": {"comment": "<clear>", "extraAttributes.c_d": [1, None]},
        "clear": "<clear>",
    }


@given(
    st.lists(
        st.sampled_from(["order", "Kommentar", "comment", "attr:a_b", "Notes", "", "Intern kommentar"]),
        max_size=6,
    )
)
def test_each_column_is_sent_or_named(texts: list[str]) -> None:
    try:
        found = resolve(headers(*texts))
    except MappingError:
        known = [field for text in texts if (field := recognise(text))]
        assert "order" not in known or len(set(known)) < len(known)
        return
    assert sorted([*found.columns, *(column.column for column in found.unused)]) == list(range(len(texts)))
    assert [feed.field for feed in found.feeds].count("order") == 1


def test_hidden_columns_are_left_out_on_request_and_the_order_never() -> None:
    sheet = [
        Header(0, "Order ID", hidden=True),
        Header(1, "Internal comment"),
        Header(2, "Replace internal comment", hidden=True),
        Header(3, "attr:erp_reference", hidden=True),
    ]
    assert [feed.letters for feed in resolve(sheet).feeds] == ["A", "B", "C", "D"]
    found = resolve(sheet, skip_hidden=True)
    assert [feed.letters for feed in found.feeds] == ["A", "B"]
    assert reasons(found) == dict.fromkeys("CD", "hidden, and --hidden skip leaves it out")
    (warning,) = found.warnings
    assert "appended, never replaced" in warning
