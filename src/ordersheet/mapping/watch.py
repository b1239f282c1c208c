"""Watching what columns hold, row by row, for what a person should know before it is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ordersheet.core.model import ATTRIBUTE_PREFIX, COMMENT_FIELDS, CellKind
from ordersheet.mapping.file import toml_value
from ordersheet.mapping.typed_dates import form_of, is_iso_date
from ordersheet.mapping.values import ValueType, is_truth_word, truth

if TYPE_CHECKING:
    from ordersheet.core.model import Cell, Row
    from ordersheet.mapping.columns import ColumnMap, Feed


class TruthWatch:
    """Notices attribute columns that hold truth words alone and are sent as text.

    The vendor's yes/no elements expect "1" and "0"; a column of TRUE and FALSE sent as text would set
    something else without a word. Columns of 1 and 0 alone are what they expect.
    """

    def __init__(self, column_map: ColumnMap) -> None:
        self._headers = {
            feed.column: feed.header for feed in column_map.attributes if feed.reading.type is ValueType.TEXT
        }
        self._clear = column_map.clear
        self._seen: set[int] = set()

    def see(self, row: Row) -> None:
        """Look at one row."""
        for column in tuple(self._headers):
            cell = row.cells.get(column)
            if cell is None or cell.shown in ("", self._clear):
                continue
            if truth(cell.shown) is None:
                del self._headers[column]
            elif is_truth_word(cell.shown):
                self._seen.add(column)

    def found(self) -> tuple[str, ...]:
        """Give the headers of the columns that held truth words and nothing else, in column order."""
        return tuple(header for column, header in self._headers.items() if column in self._seen)


_SHORTEST_DATE = 6
"""Letters of the shortest date that is one: `1.2.26`."""


@dataclass(slots=True)
class _Held:
    """What a column that is sent as text has held so far."""

    feed: Feed
    dates: str = ""
    """The first date that is sent in ISO 8601."""
    others: str = ""
    """The first text that is a date in another form."""
    texts: str = ""
    """The first text that is no date."""
    places: dict[str, str] = field(default_factory=dict)
    """Where each of these stands."""

    def see(self, cell: Cell) -> None:
        if cell.kind is CellKind.DATE or (cell.shown[:1].isdecimal() and is_iso_date(cell.shown)):
            self.dates = self.dates or cell.shown
        elif self.feed.field.startswith(ATTRIBUTE_PREFIX) and form_of(cell.shown):
            self.others = self.others or self._placed(cell)
        else:
            self.texts = self.texts or self._placed(cell)

    def _placed(self, cell: Cell) -> str:
        self.places[cell.shown] = f"{self.feed.letters}{cell.row}"
        return cell.shown

    def sentence(self) -> str | None:
        header = f'"{self.feed.header}"'
        apart = self.others or self.texts
        mend = f" {self._mend()}" if self.others else ""
        if self.dates and apart:
            return (
                f"{header} mixes dates, which are sent like {self.dates}, and texts such as "
                f"{self._shown(apart)}.{mend}"
            )
        if self.others and self.texts:
            return (
                f"{header} mixes dates such as {self._shown(self.others)} and texts such as "
                f"{self._shown(self.texts)}, and all of it is sent as text.{mend}"
            )
        if self.others:
            return f'{header} holds dates and is sent as text, such as "{self.others}".{mend}'
        if self.dates and not self.texts:
            return f"{header} holds dates. They are sent as text in the form {self.dates}."
        return None

    def _shown(self, text: str) -> str:
        return f'"{_short(text)}" ({self.places[text]})'

    def _mend(self) -> str:
        key = self.feed.field.removeprefix(ATTRIBUTE_PREFIX)
        form = form_of(self.others)
        return (
            "To send it like 2026-03-31, write below [attributes] of a mapping file: "
            f'{toml_value(self.feed.header)} = {{ key = "{key}", type = "date", format = "{form}" }}'
        )


class DateWatch:
    """Notices columns of dates that are sent as text, and columns that mix dates with other texts."""

    def __init__(self, column_map: ColumnMap) -> None:
        self._columns = {
            feed.column: _Held(feed)
            for feed in column_map.feeds
            if feed.reading.type is ValueType.TEXT
            and (feed.field in COMMENT_FIELDS or feed.field.startswith(ATTRIBUTE_PREFIX))
        }
        self._watched = list(self._columns.items())
        self._clear = column_map.clear

    def see(self, row: Row) -> None:
        """Look at one row."""
        cells = row.cells
        for column, held in self._watched:
            cell = cells.get(column)
            if cell is None or (held.texts and cell.kind is CellKind.TEXT and not _may_be_date(cell.shown)):
                continue  # nearly every cell of a column of comments: one more text
            if cell.problem is not None or cell.shown in ("", self._clear):
                continue
            held.see(cell)
            if held.texts and (held.dates or held.others):
                # It will never be said otherwise.
                self._watched = [one for one in self._watched if one[0] != column]

    def found(self) -> tuple[str, ...]:
        """Give a sentence for each column that a person should know of, in column order."""
        return tuple(filter(None, (held.sentence() for held in self._columns.values())))


def _may_be_date(text: str) -> bool:
    """Tell quickly of most texts that they begin like no date in digits."""
    return "0" <= text[:1] <= "9" and len(text) >= _SHORTEST_DATE and not text[:5].isdecimal()


def _short(text: str, width: int = 40) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"
