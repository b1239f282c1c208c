from __future__ import annotations

from datetime import date, time
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from ordersheet.core.errors import SourceError, UsageError
from ordersheet.core.model import CellKind
from ordersheet.loader import open_frame


def is_id(text: str) -> bool:
    return text == "order"


def column(values: object, dtype: object = None) -> list[tuple[str, CellKind, bool] | None]:
    series = pd.Series(values, dtype=dtype)  # type: ignore[call-overload]
    frame = pd.DataFrame({"order": range(1, len(series) + 1), "x": series})
    cells = [row.cells.get(1) for row in open_frame(frame, is_id_header=is_id).rows()]
    return [cell and (cell.shown, cell.kind, cell.problem is not None) for cell in cells]


def test_what_is_missing_leaves_a_field_alone():
    assert (
        column([None, float("nan"), pd.NaT, pd.NA, "", Decimal("nan"), np.datetime64("NaT", "s")], object)
        == [None] * 7
    )


def test_words_for_nothing_are_texts():
    assert column(["NA", "nan", "None", " "]) == [
        (word, CellKind.TEXT, False) for word in ("NA", "nan", "None", " ")
    ]


def test_values_are_shown_as_a_sheet_would():
    values = [True, np.False_, 5, np.int64(7), Decimal("1.50"), date(2026, 1, 2), time(9, 30)]
    assert column(values, object) == [
        ("TRUE", CellKind.BOOLEAN, False),
        ("FALSE", CellKind.BOOLEAN, False),
        ("5", CellKind.NUMBER, False),
        ("7", CellKind.NUMBER, False),
        ("1.50", CellKind.NUMBER, False),
        ("2026-01-02", CellKind.DATE, False),
        ("09:30:00", CellKind.DATE, False),
    ]
    assert column([1, None], "Int64") == [("1", CellKind.NUMBER, False), None]
    assert column(["b", "a"], "category") == [("b", CellKind.TEXT, False), ("a", CellKind.TEXT, False)]


def test_timestamps_are_iso_and_midnights_alone_are_dates():
    assert column(pd.to_datetime(["2026-01-02", "NaT"])) == [("2026-01-02", CellKind.DATE, False), None]
    moments = column(pd.to_datetime(["2026-01-02 00:00", "2026-01-02 09:30"]))
    assert [cell and cell[0] for cell in moments] == ["2026-01-02T00:00:00", "2026-01-02T09:30:00"]
    zoned = column(pd.to_datetime(["2026-01-02"]).tz_localize("UTC"))
    assert zoned == [("2026-01-02T00:00:00+00:00", CellKind.DATE, False)]


def test_a_float_is_refused_with_the_mend_but_keeps_its_value():
    frame = pd.DataFrame({"order": [1, 2], "x": [5.0, None]})
    cell = next(open_frame(frame, is_id_header=is_id).rows()).cells[1]
    assert (cell.shown, cell.value) == ("5.0", 5.0)
    assert '.astype("Int64")' in str(cell.problem)
    assert column([float("inf")]) == [("inf", CellKind.ERROR, True)]


def test_an_id_that_pandas_made_a_float_is_itself():
    frame = pd.DataFrame({"order": [83651.0, None, 1.5], "x": ["a", "b", "c"]})
    first, second, third = open_frame(frame, is_id_header=is_id).rows()
    assert (first.cells[0].shown, first.cells[0].value, first.cells[0].problem) == ("83651", 83651, None)
    assert 0 not in second.cells
    assert third.cells[0].problem is not None


@pytest.mark.parametrize("value", [[1], {"a": 1}, b"x", pd.Timedelta("1h"), 1j])
def test_what_is_no_cell_is_refused(value):
    (cell,) = column([value], object)
    assert cell is not None
    assert cell[2]


def test_rows_are_counted_from_the_header_whatever_the_index():
    frame = pd.DataFrame(
        {"order": [1, None, 3], "x": ["a", None, None], "y": [None, None, None]}, index=[7, 7, "z"]
    )
    table = open_frame(frame, is_id_header=is_id)
    assert [row.number for row in table.rows()] == [2, 4]
    assert [row.number for row in table.rows([1])] == [2, 4]
    assert [(h.text, h.filled) for h in table.headers] == [("order", True), ("x", True), ("y", False)]
    assert table.facts.form == "frame"


def test_a_long_frame_is_read_in_pieces_and_in_order():
    frame = pd.DataFrame({"order": range(10_000)})
    table = open_frame(frame, is_id_header=is_id)
    assert [row.cells[0].value for row in table.rows()] == list(range(10_000))


def test_what_cannot_be_a_table_is_refused():
    with pytest.raises(UsageError, match="this is a list"):
        open_frame([1], is_id_header=is_id)  # type: ignore[arg-type]
    with pytest.raises(SourceError) as empty:
        open_frame(pd.DataFrame(), is_id_header=is_id)
    assert empty.value.code == "empty-file"
    frame = pd.DataFrame({"order": [1], "x": [2]})
    with pytest.raises(SourceError, match="reset_index"):
        open_frame(frame.set_index("order"), is_id_header=is_id)
    with pytest.raises(SourceError) as two:
        open_frame(pd.concat([frame, frame], axis=1), is_id_header=is_id)
    assert two.value.code == "two-id-columns"


def test_duplicate_labels_among_sent_columns_are_refused():
    table = open_frame(pd.DataFrame([[1, 2, 3]], columns=["order", "x", "x"]), is_id_header=is_id)
    table.refuse([0], hidden="refuse")
    with pytest.raises(SourceError):
        table.refuse([0, 2], hidden="refuse")
