"""Columns headed `expect:`: which field each guards, and what a row then asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cells import headers, row_of

from ordersheet.core.errors import MappingError
from ordersheet.core.model import Cell, CellKind, Guard, LeftOut, OrderUpdate, Outcome
from ordersheet.mapping import read_mapping_file, resolve, to_toml
from ordersheet.mapping.headers import guard_header, guarded_field
from ordersheet.mapping.mapper import map_row

if TYPE_CHECKING:
    from pathlib import Path

SHEET = ("order", "internalComment", "replaceInternalComment", "attr:erp_reference")
GUARDED = resolve(headers(*SHEET, "expect:internalComment"))
BOTH = resolve(headers(*SHEET, "expect:internalComment", "expect:attr:erp_reference"))


def asked(*cells: str | Cell | None, by: Any = GUARDED) -> OrderUpdate | LeftOut:
    return map_row(row_of(*cells), by, sheet="S")


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("expect:internalComment", "internalComment"),
        (" Expect: Internal comment ", "internalComment"),
        ("expect:Interner Kommentar", "internalComment"),
        ("expect:comment", "comment"),
        ("EXPECT:Customer comment", "comment"),
        ("expect:attr:erp_reference", "extraAttributes.erp_reference"),
        ("expect:extraAttributes.erp_reference", "extraAttributes.erp_reference"),
        ("expect:Comment", None),
        ("expect:Notes", None),
        ("expect:order", None),
        ("expect:replaceInternalComment", None),
        ("expect:attr:nonsense", None),
        ("expect:", None),
        ("internalComment", None),
        ("expected:internalComment", None),
    ],
)
def test_a_header_names_what_it_guards(header: str, field: str | None) -> None:
    assert guarded_field(header) == field


@pytest.mark.parametrize("field", ["internalComment", "comment", "extraAttributes.erp_reference"])
def test_the_header_that_is_written_is_recognised(field: str) -> None:
    assert guarded_field(guard_header(field)) == field


def test_guards_are_read_and_not_sent() -> None:
    assert [(one.field, one.column) for one in BOTH.guards] == [
        ("internalComment", 4),
        ("extraAttributes.erp_reference", 5),
    ]
    assert BOTH.columns == {0, 1, 2, 3, 4, 5}
    assert "expect:internalComment" not in {one.header for one in BOTH.sent_columns()}
    assert not BOTH.unused


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((*SHEET, "expect:comment"), "is not sent"),
        ((*SHEET, "expect:Notes"), "guards no field"),
        ((*SHEET, "expect:internalComment", "Expect: Internal comment"), "both guard internalComment"),
    ],
)
def test_a_guard_that_guards_nothing_refuses_the_sheet_in_one_sentence(
    row: tuple[str, ...], words: str
) -> None:
    with pytest.raises(MappingError, match=words) as refused:
        resolve(headers(*row))
    assert "\n" not in str(refused.value)


FIELDS = {
    "internalComment": ("internalComment", "text"),
    "comment": ("comment", "text"),
    "extraAttributes.erp_reference": ("attr:erp_reference", "R-1"),
}


@given(
    sent=st.sets(st.sampled_from(sorted(FIELDS)), min_size=1),
    guarded=st.lists(st.sampled_from(sorted(FIELDS)), min_size=1, max_size=3),
)
def test_each_guard_that_a_sheet_states_goes_with_its_rows_or_nothing_is_sent(
    sent: set[str], guarded: list[str]
) -> None:
    columns = [FIELDS[field] for field in sorted(sent)] + [
        (f"expect:{FIELDS[field][0]}", "was") for field in guarded
    ]
    try:
        found = resolve(headers("order", *(header for header, _ in columns)))
    except MappingError:
        return
    item = asked("1", *(cell for _, cell in columns), by=found)
    assert isinstance(item, OrderUpdate)
    assert sorted(one.field for one in item.guards) == sorted(guarded)


def test_a_guard_goes_with_the_column_that_somebody_chose_not_to_send(tmp_path: Path) -> None:
    sheet = headers(*SHEET, "expect:internalComment")
    chosen = resolve(sheet, only_columns=["attr:erp_reference"])
    assert (chosen.guards, [one.header for one in chosen.unused][-1]) == ((), "expect:internalComment")
    file = tmp_path / "map.toml"
    file.write_text('version = 1\n[columns]\n"internalComment" = ""\n', encoding="utf-8")
    assert resolve(sheet, file=read_mapping_file(file)).guards == ()
    file.write_text('version = 1\nonly = true\n[columns]\n"order" = "order"\n', encoding="utf-8")
    assert resolve(sheet, file=read_mapping_file(file)).guards == ()
    chosen = resolve(sheet, only_columns=["internalComment"])
    assert [one.field for one in chosen.guards] == ["internalComment"]


def test_a_guard_is_not_lost_where_headers_are_not_recognised(tmp_path: Path) -> None:
    file = tmp_path / "map.toml"
    file.write_text(
        'version = 1\nonly = true\n[columns]\n"order" = "order"\n"Text" = "internalComment"\n',
        encoding="utf-8",
    )
    found = resolve(headers("order", "Text", "expect:internalComment"), file=read_mapping_file(file))
    assert [one.field for one in found.guards] == ["internalComment"]


def test_a_mapping_file_names_a_guard_and_is_written_with_it(tmp_path: Path) -> None:
    file = tmp_path / "map.toml"
    file.write_text(
        'version = 1\n[columns]\n"Before" = "expect:internalComment"\n'
        '"ERP" = { field = "expect:attr:erp_reference", as = "value" }\n',
        encoding="utf-8",
    )
    sheet = headers(*SHEET, "Before", "ERP")
    found = resolve(sheet, file=read_mapping_file(file))
    assert [(one.field, one.reading.by_value) for one in found.guards] == [
        ("internalComment", False),
        ("extraAttributes.erp_reference", True),
    ]
    file.write_text(to_toml(found), encoding="utf-8")
    assert resolve(sheet, file=read_mapping_file(file)).guards == found.guards
    file.write_text('version = 1\n[columns]\n"Before" = "expect:order"\n', encoding="utf-8")
    with pytest.raises(MappingError, match="guards no field"):
        read_mapping_file(file)


def test_an_empty_cell_says_that_the_field_must_be_empty() -> None:
    item = asked("1", "text", None, "R-1", None, "old", by=BOTH)
    assert isinstance(item, OrderUpdate)
    assert item.guards == (Guard("internalComment", ""), Guard("extraAttributes.erp_reference", "old"))
    item = asked("1", None, None, "R-1", "was", None, by=BOTH)
    assert isinstance(item, OrderUpdate)
    assert item.guards == (Guard("internalComment", "was"), Guard("extraAttributes.erp_reference", ""))


def test_a_guard_that_cannot_be_read_is_a_problem() -> None:
    broken = Cell("#N/A", "#N/A", CellKind.ERROR, 4, 2, "It is an error.")
    item = asked("1", "text", None, None, broken)
    assert isinstance(item, LeftOut)
    assert [problem.code for problem in item.problems] == ["unreadable-cell"]


def test_what_nobody_could_read_is_a_problem_where_something_is_sent() -> None:
    item = asked("1", "text", None, None, "<not read>")
    assert isinstance(item, LeftOut)
    assert ([problem.code for problem in item.problems], item.outcome) == (["not-read"], Outcome.INVALID)
    nothing = asked("1", None, None, None, "<not read>")
    assert isinstance(nothing, LeftOut)
    assert nothing.outcome is Outcome.NOTHING_TO_UPDATE


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1).filter(
    lambda text: not text.isspace() and "clear" not in text.casefold() and text != "<not read>"
)


@given(before=TEXTS, after=TEXTS)
def test_exactly_edited_cells_are_sent(before: str, after: str) -> None:
    kept = asked("1", before, "yes", None, before)
    assert isinstance(kept, LeftOut)
    assert (kept.outcome, kept.outcome.ok) == (Outcome.UNCHANGED, True)
    edited = asked("1", after, "yes", None, before)
    assert isinstance(edited, LeftOut if before == after else OrderUpdate)


def test_a_cell_of_an_edited_sheet_that_was_emptied_is_a_problem_unless_nothing_stood_there() -> None:
    emptied = asked("1", None, "yes", None, "was")
    assert isinstance(emptied, LeftOut)
    assert [problem.code for problem in emptied.problems] == ["replace-without-text"]
    assert "<clear>" in emptied.message
    for nothing in (None, " "):
        stays = asked("1", None, "yes", None, nothing)
        assert isinstance(stays, LeftOut)
        assert stays.outcome is Outcome.UNCHANGED
    item = asked("1", None, "yes", "R-1", None)
    assert isinstance(item, OrderUpdate)
    assert [one.field for one in item.operations] == ["extraAttributes.erp_reference"]
    cleared = asked("1", "<clear>", None, None, "was")
    assert isinstance(cleared, OrderUpdate)


def test_an_append_of_what_stands_and_line_ends_that_differ() -> None:
    assert isinstance(asked("1", "was", None, None, "was"), OrderUpdate)
    same = asked("1", "two\nlines", "yes", None, "two\r\nlines")
    assert isinstance(same, LeftOut)
    assert isinstance(asked("1", "two  lines", "yes", None, "two lines"), OrderUpdate)
    assert isinstance(asked("1", None, None, "R-1", None, "R-1", by=BOTH), LeftOut)
