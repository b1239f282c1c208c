"""From what a person wrote to a setting."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.config.ledger_place import ledger
from ordersheet.config.options import types


@pytest.mark.parametrize(
    ("parse", "given", "expected"),
    [
        (types.whole(1), "12", 12),
        (types.whole(0), 0, 0),
        (types.positive, "0.5", 0.5),
        (types.not_negative, 0, 0.0),
        (types.truth, "Yes", True),
        (types.truth, "0", False),
        (types.truth, True, True),
        (types.choice("a", "b"), "B", "b"),
        (types.lanes, "auto", "auto"),
        (types.lanes, 20, 20),
        (types.share, "20", types.Share(20, percent=False)),
        (types.share, "2.5 %", types.Share(2.5, percent=True)),
        (types.encoding, "Latin-1", "iso8859-1"),
        (types.delimiter, "tab", "\t"),
        (types.delimiter, "\\t", "\t"),
        (types.delimiter, ";", ";"),
        (types.row_numbers, "5, 9-12", types.RowNumbers(((5, 5), (9, 12)))),
        (types.names, 'A, "B, C"', ("A", "B, C")),
        (types.names, 'A, B ,"C, D"', ("A", "B", "C, D")),
        (types.names, ["A"], ("A",)),
        (types.texts, {"comment": "x"}, ("comment=x",)),
        (ledger, "sqlite:////var/l.db", Path("/var/l.db")),
        (ledger, "sqlite:///l.db", Path("l.db")),
        (ledger, "l.db", Path("l.db")),
        (types.days, "90d", 90),
    ],
)
def test_reads(parse, given, expected):
    assert parse(given) == expected


@pytest.mark.parametrize(
    ("parse", "given"),
    [
        (types.whole(1), "0"),
        (types.whole(1), "1.5"),
        (types.whole(1, 9), "10"),
        (types.whole(1), True),
        (types.positive, "0"),
        (types.positive, "1,5"),
        (types.not_negative, "-1"),
        (types.not_negative, "inf"),
        (types.not_negative, "nan"),
        (types.truth, "maybe"),
        (types.choice("a", "b"), "c"),
        (types.lanes, "0"),
        (types.lanes, "501"),
        (types.lanes, "many"),
        (types.share, "101%"),
        (types.share, "1.5"),
        (types.encoding, "utf-9"),
        (types.encoding, "hex"),
        (types.delimiter, "ab"),
        (types.delimiter, '"'),
        (types.row_numbers, "9-5"),
        (types.row_numbers, "0"),
        (types.row_numbers, ""),
        (types.names, ""),
        (types.texts, [""]),
        (ledger, "mysql://host/db"),
        (ledger, "sqlite://"),
        (ledger, "sqlite:///:memory:"),
        (types.days, "soon"),
        (types.text, " "),
        (types.name, "a\nb"),
        (types.path, ""),
    ],
)
def test_refuses_with_the_rest_of_a_sentence(parse, given):
    with pytest.raises(ValueError, match=r"^must (be|name) "):
        parse(given)


@given(st.sets(st.integers(1, 200), min_size=1))
def test_row_numbers_hold_exactly_what_they_name(rows):
    chosen = types.row_numbers(",".join(map(str, rows)))
    assert {number for number in range(1, 210) if number in chosen} == rows


@pytest.mark.parametrize(
    ("share", "count", "total", "more"),
    [("5", 5, 10, False), ("5", 6, 10, True), ("10%", 1, 10, False), ("10%", 2, 10, True)],
)
def test_a_share_is_exceeded_by_more_only(share, count, total, more):
    assert types.share(share).exceeded(count, total) is more
