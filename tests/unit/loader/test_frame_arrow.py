"""A column of Arrow is read like the Python values in it, whatever its type."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordersheet.loader.frame import read_frame

if TYPE_CHECKING:
    from ordersheet.core.model import Cell

Typed = tuple[Any, st.SearchStrategy[Any]]

texts = st.text(max_size=5)
# Midnight is left out: a column of nothing else is one of dates.
moments = st.builds(datetime.combine, st.dates(date(1980, 1, 1), date(2200, 1, 1)), st.times(time(1))).map(
    lambda moment: moment.replace(microsecond=0)
)
times = st.times().map(lambda moment: moment.replace(microsecond=0))
dates = st.dates(date(1900, 3, 1), date(2500, 1, 1))
lengths = st.integers(-(10**6), 10**6).map(lambda seconds: timedelta(seconds=seconds))
cents = st.integers(-(10**8), 10**8).map(lambda number: Decimal(number).scaleb(-2))


def whole(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return st.integers(low, high)


TYPES: list[Typed] = [
    *((getattr(pa, f"int{bits}")(), whole(bits, signed=True)) for bits in (8, 16, 32, 64)),
    *((getattr(pa, f"uint{bits}")(), whole(bits, signed=False)) for bits in (8, 16, 32, 64)),
    (pa.float16(), st.floats(-1000, 1000, width=16).map(np.float16)),
    *((kind(), st.floats(-1000, 1000, width=16)) for kind in (pa.float32, pa.float64)),
    *((kind(12, 2), cents) for kind in (pa.decimal128, pa.decimal256)),
    *((kind, texts) for kind in (pa.string(), pa.large_string(), pa.string_view())),
    *((kind, st.binary(max_size=4)) for kind in (pa.binary(), pa.large_binary(), pa.binary_view())),
    (pa.binary(2), st.binary(min_size=2, max_size=2)),
    (pa.bool_(), st.booleans()),
    (pa.null(), st.none()),
    *((kind(), dates) for kind in (pa.date32, pa.date64)),
    *((pa.timestamp(unit), moments) for unit in ("s", "ms", "us", "ns")),
    (pa.timestamp("us", tz="UTC"), moments.map(lambda moment: moment.replace(tzinfo=UTC))),
    *((kind, times) for kind in (pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"))),
    *((pa.duration(unit), lengths) for unit in ("s", "ms", "us", "ns")),
    (pa.month_day_nano_interval(), st.just(pa.MonthDayNano([1, 2, 3]))),
    (pa.dictionary(pa.int8(), pa.string()), texts),
    *((kind(pa.int64()), st.lists(st.integers(0, 9), max_size=2)) for kind in (pa.list_, pa.large_list)),
    (pa.struct([("a", pa.int64())]), st.fixed_dictionaries({"a": st.integers(0, 9)})),
    (pa.map_(pa.string(), pa.int64()), st.just([("a", 1)])),
]


def cells(series: pd.Series[Any]) -> list[Cell | None]:
    frame = pd.DataFrame({"Order ID": range(1, len(series) + 1), "Value": series})
    table = read_frame(frame, is_id_header=lambda text: text == "Order ID")
    return [row.cells.get(1) for row in table.rows()]


@pytest.mark.parametrize(("kind", "values"), TYPES, ids=[str(kind) for kind, _ in TYPES])
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_column_of_arrow_is_read_like_its_python_values(kind, values, data):
    drawn = data.draw(st.lists(st.none() | values, min_size=1, max_size=4))
    stored = pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(drawn, kind)])))
    twin = pd.Series([None] * len(drawn), dtype=object)
    twin[:] = pa.array(drawn, kind).to_pylist()
    assert cells(stored) == cells(twin)


def test_moments_that_are_all_midnight_are_dates():
    stored = pd.Series([datetime.fromisoformat("2026-03-31"), None], dtype=pd.ArrowDtype(pa.timestamp("us")))
    (cell, _) = cells(stored)
    assert cell is not None
    assert cell.shown == "2026-03-31"


@pytest.mark.parametrize(
    "series",
    [
        *(pd.Series([1, 2], dtype=kind) for kind in ("Int8", "UInt64", "int16", "Float32", "float64")),
        *(pd.Series([True, False], dtype=kind) for kind in ("boolean", "bool", object)),
        *(pd.Series(["a", "b"], dtype=kind) for kind in ("string", "category", object, "string[pyarrow]")),
        *(pd.Series(pd.date_range("2026-03-31", periods=2, unit=unit)) for unit in ("s", "ns")),
        pd.Series(pd.date_range("2026-03-31", periods=2, tz="Europe/Berlin")),
        pd.Series(pd.timedelta_range("1h", periods=2)),
        pd.Series(pd.period_range("2026-03", periods=2, freq="M")),
        pd.Series(pd.interval_range(0, 2)),
        pd.Series(pd.arrays.SparseArray([1, 2])),
        pd.Series([1j, 2j]),
        pd.Series([b"a", b"b"]),
        pd.Series([time(1), time(2)]),
        pd.Series(np.array(["2026-03-31", "NaT"], dtype="datetime64[s]")),
    ],
    ids=lambda series: str(series.dtype),
)
def test_a_column_of_pandas_never_stops_the_reading(series):
    for cell in cells(series):
        assert cell is None or cell.shown
    # Nor does one that is not sent.
    frame = pd.DataFrame({"Order ID": [1, 2], "Value": series})
    table = read_frame(frame, is_id_header=lambda text: text == "Order ID")
    assert [row.cells[0].value for row in table.rows({0})] == [1, 2]


def test_a_sign_that_is_not_seen_is_named():
    (cell,) = cells(pd.Series(["a\u200bb"]))
    assert cell is not None
    assert "U+200B" in (cell.problem or "")
