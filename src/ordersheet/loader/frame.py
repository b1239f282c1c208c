"""A pandas DataFrame as a table.

A frame has no cells as a person sees them, so this is where it differs from a sheet: the header is row 1
and the first record row 2, whatever the index; column A is the first column, the index apart; and a float
is refused in all but the ID column, since `5.0` may be the 5 that pandas made a float of because
another row is blank.

Imported only where there is a frame: pandas takes half a second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from numbers import Integral, Real
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ordersheet.core.errors import SourceError, UsageError
from ordersheet.core.model import Cell, CellKind, Header, Row, TableFacts
from ordersheet.loader.cells import SeenValue, see_text, see_truth
from ordersheet.loader.refusals import refuse_duplicate_headers
from ordersheet.loader.table import HeadRow, build_headers, empty_file, no_id_column, one_line, result_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

HEADER_ROW = 1
"""The number of the header; the frame's first record is row 2, as it would be in a sheet."""

_CHUNK = 4096
_FLOAT = (
    "This is a float, and 5.0 may mean 5 (pandas makes floats of whole numbers where others are missing). "
    'Turn the column into text first, or into whole numbers with .astype("Int64"), or map it as = "value".'
)


def read_frame(frame: pd.DataFrame, *, is_id_header: Callable[[str], bool]) -> FrameTable:
    """Open a DataFrame as a table; the frame is neither copied nor changed.

    Args:
        frame: the frame; its column labels are the headers.
        is_id_header: tells the order column's header.

    Raises:
        UsageError: it is no DataFrame.
        SourceError: `empty-file`, `no-id-column` or `two-id-columns`.
    """
    if not isinstance(frame, pd.DataFrame):
        raise UsageError(
            f"A path or a pandas DataFrame is read, and this is a {type(frame).__name__}.", code="bad-source"
        )
    if not len(frame.columns):
        raise empty_file()
    texts = {column: str(label) for column, label in enumerate(frame.columns) if _seen(label) is not None}
    header = HeadRow(HEADER_ROW, {column: text for column, text in texts.items() if text.strip()})
    if not any(is_id_header(one_line(text)) for text in header.texts.values()):
        raise _no_id_column(frame, header, is_id_header)
    filled = [column for column in range(len(frame.columns)) if _is_filled(frame, column)]
    headers = build_headers(header, is_id_header, filled=filled)
    return FrameTable(
        facts=TableFacts(
            "frame",
            None,
            HEADER_ROW,
            result_columns=result_columns(headers),
            id_column=next(item.column for item in headers if is_id_header(item.text)),
        ),
        headers=headers,
        _frame=frame,
        _id_column=next(item.column for item in headers if is_id_header(item.text)),
        _dates=frozenset(column for column in filled if _is_dates(frame, column)),
    )


@dataclass
class FrameTable:
    """A DataFrame as a table; see `Table`."""

    facts: TableFacts
    headers: tuple[Header, ...]
    _frame: pd.DataFrame
    _id_column: int
    _dates: frozenset[int]
    """Columns of moments that are all midnight: what is meant, and what pandas shows, are dates."""

    def rows(self, columns: Collection[int] | None = None) -> Iterator[Row]:
        """Read the records from the first; one with nothing in it is no row."""
        every = range(len(self._frame.columns))
        wanted = [column for column in every if columns is None or column in columns]
        for begin in range(0, len(self._frame), _CHUNK):
            chunk = [_values(self._frame, column, begin) for column in wanted]
            records = (
                zip(*chunk, strict=True) if chunk else ((),) * len(self._frame.iloc[begin : begin + _CHUNK])
            )
            for position, record in enumerate(records, begin):
                number = HEADER_ROW + 1 + position
                cells = dict(self._cells(wanted, record, number))
                if cells or self._holds_something(position):
                    yield Row(number, cells)

    def refuse(self, columns: Collection[int], *, hidden: str) -> None:  # noqa: ARG002 - a frame hides nothing
        """Refuse duplicate headers among columns that are sent; see `Table`."""
        refuse_duplicate_headers(self.headers, columns, header_row=HEADER_ROW)

    def _cells(
        self, columns: list[int], record: tuple[object, ...], number: int
    ) -> Iterator[tuple[int, Cell]]:
        for column, value in zip(columns, record, strict=True):
            seen = _seen(value)
            if seen is None:
                continue
            shown, stored, kind, problem = seen
            if isinstance(stored, float) and column == self._id_column and stored.is_integer():
                shown, stored, problem = str(int(stored)), int(stored), None
            elif column in self._dates:
                shown = shown[:10]
                stored = shown
            yield column, Cell(shown, stored, kind, column, number, problem)

    def _holds_something(self, position: int) -> bool:
        columns = range(len(self._frame.columns))
        return any(_seen(_values(self._frame, column, position, 1)[0]) is not None for column in columns)


def _values(frame: pd.DataFrame, column: int, begin: int, count: int = _CHUNK) -> list[object]:
    series = frame.iloc[begin : begin + count, column]
    if isinstance(series.dtype, pd.ArrowDtype):
        # pandas does not know all types of Arrow; Arrow knows what each is in Python.
        return list(series.array.__arrow_array__().to_pylist())
    # As objects: then whole numbers are ints, moments are Timestamps, and what is missing stays apart.
    return list(series.astype(object))


def _is_filled(frame: pd.DataFrame, column: int) -> bool:
    chunks = (_values(frame, column, begin) for begin in range(0, len(frame), _CHUNK))
    return any(_seen(value) is not None for chunk in chunks for value in chunk)


def _is_dates(frame: pd.DataFrame, column: int) -> bool:
    series = frame.iloc[:, column]
    if series.dtype.kind != "M":
        return False
    if isinstance(series.dtype, pd.ArrowDtype):
        chunks = (_values(frame, column, begin) for begin in range(0, len(frame), _CHUNK))
        return all(_is_midnight(value) for chunk in chunks for value in chunk if value is not None)
    if getattr(series.dt, "tz", None) is not None:
        return False
    moments = series.dropna()
    return bool((moments == moments.dt.normalize()).all())


def _is_midnight(value: object) -> bool:
    return isinstance(value, datetime) and value.tzinfo is None and value.time() == time()


def _seen(value: object) -> SeenValue | None:
    """See one value as a cell; None where it is missing or an empty text."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, str):
        return see_text(str(value)) if value else None
    if isinstance(value, datetime | date | time):
        return SeenValue(value.isoformat(), value.isoformat(), CellKind.DATE)
    return _from_number(value) if isinstance(value, Real | Decimal | np.bool_) else _from_other(value)


def _from_number(value: Real | Decimal | np.bool_) -> SeenValue | None:
    # bool before int, which it is one of; numpy's own bool is neither.
    if isinstance(value, bool | np.bool_):
        return see_truth(bool(value))
    if isinstance(value, Integral):
        return SeenValue(str(int(value)), int(value), CellKind.NUMBER)
    if isinstance(value, Decimal):
        return _from_decimal(value)
    return _from_float(float(value))


def _from_decimal(value: Decimal) -> SeenValue | None:
    if value.is_nan():
        return None
    if value.is_infinite():
        return _from_float(float(value))
    whole = value == value.to_integral_value()
    return SeenValue(format(value, "f"), int(value) if whole else float(value), CellKind.NUMBER)


def _from_float(value: float) -> SeenValue | None:
    if math.isnan(value):
        return None
    if math.isinf(value):
        return SeenValue(
            str(value), str(value), CellKind.ERROR, "This is infinite, and no number that can be sent."
        )
    return SeenValue(repr(value), value, CellKind.NUMBER, _FLOAT)


def _from_other(value: object) -> SeenValue | None:
    if isinstance(value, np.datetime64 | np.timedelta64) and np.isnat(value):
        return None
    if isinstance(value, np.datetime64):
        text = str(value)
        return SeenValue(text, text, CellKind.DATE)
    name = type(value).__name__
    article = "an" if name[:1].lower() in "aeiou" else "a"
    mend = "with json.dumps" if isinstance(value, dict | list | tuple) else "as it is meant to be sent"
    shown = str(value)
    return SeenValue(
        shown, shown, CellKind.TEXT, f"This is {article} {name}, not a text. Turn it into text {mend}."
    )


def _no_id_column(frame: pd.DataFrame, header: HeadRow, is_id_header: Callable[[str], bool]) -> SourceError:
    if any(name is not None and is_id_header(one_line(str(name))) for name in frame.index.names):
        return SourceError(
            "The order IDs are the frame's index, and only columns are read. Call .reset_index() first.",
            code="no-id-column",
        )
    return no_id_column(header)
