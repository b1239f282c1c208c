from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ordersheet.core.errors import SourceError
from ordersheet.core.model import RESULT_COLUMNS
from ordersheet.loader.refusals import refuse_hidden_rows, refuse_merges
from ordersheet.loader.table import (
    HEAD_ROWS,
    HeadRow,
    SheetLook,
    build_headers,
    choose_sheet,
    look_at_head,
    result_columns,
)
from ordersheet.ooxml.references import CellRange

if TYPE_CHECKING:
    from collections.abc import Iterator


def is_id(text: str) -> bool:
    return text == "Order ID"


HEADER = HeadRow(3, {0: "Order ID", 1: "Note"})
TITLE = HeadRow(1, {0: "Week 47"})


def test_the_first_row_with_an_id_header_is_the_header():
    assert look_at_head([TITLE, HEADER, HeadRow(9, {0: "Order ID", 1: "x"})], is_id) == (TITLE, HEADER)
    assert look_at_head([TITLE], is_id) == (TITLE, None)
    assert look_at_head([], is_id) == (None, None)


def test_a_lone_header_above_data_is_the_header():
    lone = HeadRow(1, {0: "Order ID"})
    assert look_at_head([lone, HeadRow(2, {0: "1"}), HEADER], is_id)[1] == lone
    assert look_at_head([lone, HEADER], is_id)[1] == HEADER


def test_a_hidden_header_is_taken_only_where_no_visible_one_is():
    hidden = HEADER._replace(number=1, hidden=True)
    assert look_at_head([hidden, HEADER], is_id)[1] == HEADER
    assert look_at_head([hidden, HeadRow(4, {0: "1"})], is_id)[1] == hidden


def test_no_more_rows_are_looked_at_than_a_header_can_be_below():
    taken = []

    def rows() -> Iterator[HeadRow]:
        for number in range(1, 10 * HEAD_ROWS):
            taken.append(number)
            yield HeadRow(number, {0: "x"})

    assert look_at_head(rows(), is_id)[1] is None
    assert len(taken) == HEAD_ROWS + 1


def test_headers_reach_to_the_last_column_with_something_in_it():
    headers = build_headers(HEADER, is_id, hidden={1}, filled={0, 3})
    assert [(h.letters, h.text, h.hidden, h.filled) for h in headers] == [
        ("A", "Order ID", False, True),
        ("B", "Note", True, False),
        ("C", "", False, False),
        ("D", "", False, True),
    ]


def test_the_four_result_columns_must_stand_together_and_in_order():
    def found(*texts: str) -> tuple[int, ...]:
        texts = ("Order ID", *texts)
        return result_columns(build_headers(HeadRow(1, dict(enumerate(texts))), is_id))

    assert found("x", *RESULT_COLUMNS, "y") == (2, 3, 4, 5)
    assert found(*RESULT_COLUMNS[:3]) == ()
    assert found(*reversed(RESULT_COLUMNS)) == ()


def test_the_only_visible_sheet_with_an_id_header_is_chosen():
    orders = SheetLook("Orders", visible=True, first=TITLE, header=HEADER)
    lists = SheetLook("Lists", visible=True, first=TITLE, header=None)
    secret = SheetLook("Secret", visible=False, first=HEADER, header=HEADER)
    assert choose_sheet([lists, orders, secret], None) is orders
    assert choose_sheet([lists, orders, secret], " secret ") is secret
    for sheets, wanted, code in (
        ([orders, orders._replace(name="More")], None, "several-sheets"),
        ([orders], "x", "unknown-sheet"),
        ([lists, secret], None, "no-id-column"),
        ([lists], "Lists", "no-id-column"),
        ([lists._replace(first=None)], None, "empty-file"),
    ):
        with pytest.raises(SourceError) as caught:
            choose_sheet(sheets, wanted)
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("merge", "refused"),
    [
        (CellRange(4, 1, 5, 1), True),
        (CellRange(3, 0, 4, 2), True),
        (CellRange(4, 2, 5, 2), False),
        (CellRange(3, 1, 3, 2), False),
        (CellRange(11, 1, 12, 1), False),
    ],
)
def test_merges_matter_where_they_touch_data_that_is_sent(merge, refused):
    try:
        refuse_merges([merge], [0, 1], header_row=3, last_row=10, sheet="Orders")
        ended = False
    except SourceError as error:
        ended = error.code == "merged-cells" and error.problems[0].cell == merge.address
    assert ended is refused


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([7], '1 row of the sheet "Orders" is hidden, by hand or by a filter: row 7. '),
        ([3, 4, 5, 9], '4 rows of the sheet "Orders" are hidden, by hand or by a filter: rows 3-5, 9. '),
        (range(2, 40, 2), ": rows 2, 4, 6, 8, 10, 12, 14, 16 and 11 more. "),
        (range(2, 5002), "5,000 rows"),
    ],
)
def test_hidden_rows_are_named_as_the_option_that_chooses_rows_takes_them(rows, said):
    with pytest.raises(SourceError) as caught:
        refuse_hidden_rows(len(rows), iter(rows), sheet="Orders")
    assert said in str(caught.value)
    assert [problem.row for problem in caught.value.problems] == list(rows)[:1000]
