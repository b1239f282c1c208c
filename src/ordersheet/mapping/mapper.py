"""One row and a mapping -> what the row asks of its order, or its problems. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.core.model import (
    ATTRIBUTE_PREFIX,
    COMMENT_FIELDS,
    NOT_READ,
    ORDER,
    REPLACE_FLAGS,
    Cell,
    CellKind,
    Guard,
    LeftOut,
    Operation,
    OperationKind,
    OrderUpdate,
    Outcome,
    Problem,
    column_letters,
)
from ordersheet.core.values import shown_value
from ordersheet.mapping.faults import ValueFault
from ordersheet.mapping.order_ids import order_id
from ordersheet.mapping.values import ValueType, cell_truth, stored_text, typed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ordersheet.core.model import Row
    from ordersheet.mapping.columns import ColumnMap, Feed

CODES: Mapping[str, str] = {
    "unreadable-row": "The row cannot be read as a whole, such as a CSV row with too many fields.",
    "unreadable-cell": "The cell cannot be read without guessing: an error, a formula without a saved value.",
    "no-order-id": "The order ID is empty.",
    "bad-order-id": "The order ID is not a whole number above 0, or can be read in two ways.",
    "blank-text": "The cell holds nothing but blanks or line breaks.",
    "bad-text": "The cell holds half of a character, which cannot be sent.",
    "bad-flag": "The replace flag is neither yes nor no.",
    "replace-without-text": "The replace flag says yes, but there is no text to replace by.",
    "clear-beside-no": "The text is the clear token, but the replace flag says no.",
    "clear-spelling": "The cell is almost the clear token.",
    "bad-int": "The cell is not a whole number.",
    "bad-number": "The cell is not a number.",
    "ambiguous-number": "The cell could be one of two numbers.",
    "bad-bool": "The cell is neither yes nor no.",
    "bad-date": "The cell is not a date, or not one of the form that the mapping file states.",
    "ambiguous-date": "The cell could be one of two dates.",
    "bad-json": "The cell is not JSON that can be sent.",
    "not-read": "The `expect:` cell says that nobody could read the order.",
}
"""Each code of a row's problems, and what it means. Never renamed, only added to."""

UNCHANGED = "It is what the order is expected to hold already, so nothing is sent."
NOTHING = "The row asks for nothing: all cells that could be sent are empty."


def map_row(row: Row, column_map: ColumnMap, *, sheet: str | None) -> OrderUpdate | LeftOut:
    """Turn a row into what it asks for.

    An empty cell leaves its field alone; the clear token empties it. A comment's text is appended, or
    replaces where the flag beside it says yes (Order API, "Update order").

    Args:
        row: with the cells of `column_map.columns`.
        column_map: what each column feeds.
        sheet: the sheet's name, for problems.

    Returns:
        The update; or a LeftOut that is `invalid`, with every problem of the row, `nothing to update`, or
        `unchanged` where all that it overwrites equals its guard.
    """
    return _RowMapper(row, column_map, sheet).map()


class _RowMapper:
    """Collects the operations and the problems of one row."""

    __slots__ = ("column_map", "guards", "operations", "problems", "row", "sheet", "unchanged")

    def __init__(self, row: Row, column_map: ColumnMap, sheet: str | None) -> None:
        self.row = row
        self.column_map = column_map
        self.sheet = sheet
        self.operations: list[Operation] = []
        self.problems: list[Problem] = []
        self.guards: dict[str, str] = {}
        """By field: what it must hold."""
        self.unchanged = False
        """Whether it asks for something that equals its guard, which is nothing."""

    def map(self) -> OrderUpdate | LeftOut:
        order_feed = self.column_map.feed_of[ORDER]
        order_cell = self.row.cells.get(order_feed.column)
        shown = order_cell.shown if order_cell is not None else ""
        if self.row.problem is not None:
            self._problem("unreadable-row", self.row.problem)
            return self._invalid(shown)
        order = self._order(order_feed, order_cell)
        for feed in self.column_map.guards:
            self._guard(feed)
        self._take_operations()
        self._leave_out_what_stands()
        if self.problems or order is None:
            return self._invalid(shown)
        if not self.operations:
            outcome = Outcome.UNCHANGED if self.unchanged else Outcome.NOTHING_TO_UPDATE
            message = UNCHANGED if self.unchanged else NOTHING
            return LeftOut(self.row.number, outcome, message, str(order))
        guards = tuple([Guard(field, text) for field, text in self.guards.items()])
        return OrderUpdate(self.row.number, order, tuple(self.operations), guards)

    def _take_operations(self) -> None:
        for field in COMMENT_FIELDS:
            self._comment(field)
        for feed in self.column_map.attributes:
            self._attribute(feed)
        for constant in self.column_map.constants:
            if constant.field.startswith(ATTRIBUTE_PREFIX):
                self.operations.append(_setting(constant.field, constant.value))

    def _guard(self, feed: Feed) -> None:
        """Read what a field must hold; an empty cell means that it must be empty."""
        cell = self.row.cells.get(feed.column)
        if cell is None:
            self.guards[feed.field] = ""
        elif cell.problem is not None and not (feed.reading.by_value and cell.value is not None):
            self._problem("unreadable-cell", cell.problem, feed, cell)
        else:
            text = self._text(feed, cell)
            if text is not None:
                self.guards[feed.field] = text

    def _leave_out_what_stands(self) -> None:
        """Leave out each overwrite that equals its guard, and see that something stands behind the guards."""
        if not self.guards:
            return
        wanted = [one for one in self.operations if not self._equals_guard(one)]
        self.unchanged = self.unchanged or len(wanted) < len(self.operations)
        self.operations = wanted
        for feed in self.column_map.guards if wanted else ():
            if self.guards.get(feed.field) == NOT_READ:
                self._problem(
                    "not-read",
                    "Nobody could read the order when this sheet was made, so what stands there is unknown: "
                    "look at the order and write here what it holds, or empty the row's other cells.",
                    feed,
                    self.row.cells.get(feed.column),
                )
                return

    def _equals_guard(self, operation: Operation) -> bool:
        guard = self.guards.get(operation.field)
        if guard is None or not operation.kind.overwrites:
            return False
        return _with_plain_line_ends(guard) == _with_plain_line_ends(shown_value(operation.value))

    def _order(self, feed: Feed, cell: Cell | None) -> int | None:
        if cell is None or (cell.problem is None and not cell.shown.strip()):
            self._problem("no-order-id", "The order ID is empty: write the ID, or delete the row.", feed)
            return None
        # A format that cannot be shown may be a date in some calendar: its number is no ID unless told so.
        by_value = feed.reading.by_value and cell.kind is CellKind.NUMBER
        if cell.problem is not None and not by_value:
            self._problem("unreadable-cell", cell.problem, feed, cell)
            return None
        try:
            return order_id(cell, by_value=by_value)
        except ValueFault as fault:
            self._problem(fault.code, f"{fault}.", feed, cell)
            return None

    def _comment(self, field: str) -> None:
        feed = self.column_map.feed_of.get(field)
        constant = self.column_map.constant_of.get(field)
        before = len(self.problems)
        cell = self._cell(feed) if feed is not None else None
        text: str | None = None
        clears = False
        if feed is not None and cell is not None:
            clears = self._clears(feed, cell)
            text = None if clears else self._text(feed, cell)
        elif constant is not None:
            text, clears = constant.value, constant.clears
        text_is_bad = len(self.problems) > before
        has_text = clears or text is not None or text_is_bad
        # Nothing in place of nothing is nothing to mend, and nothing to do.
        stays_empty = not has_text and self.guards.get(field, "?").strip() == ""
        replace = self._flag(REPLACE_FLAGS[field], has_text=has_text or stays_empty)
        self.unchanged = self.unchanged or bool(replace and stays_empty)
        if clears and replace is False:
            self._clear_beside_no(field)
        elif clears:
            self.operations.append(Operation(field, OperationKind.CLEAR, ""))
        elif text is not None:
            kind = OperationKind.REPLACE if replace else OperationKind.APPEND
            self.operations.append(Operation(field, kind, text))

    def _flag(self, field: str, *, has_text: bool) -> bool | None:
        constant = self.column_map.constant_of.get(field)
        if constant is not None:
            return bool(constant.value)
        feed = self.column_map.feed_of.get(field)
        cell = self._cell(feed) if feed is not None else None
        if feed is None or cell is None:
            return None
        answer = cell_truth(cell)
        if answer is None:
            self._problem(
                "bad-flag",
                f'"{cell.shown}" is neither yes nor no: write yes or no, TRUE or FALSE, 1 or 0, '
                "or leave the cell empty.",
                feed,
                cell,
            )
        elif answer and not has_text:
            self._problem(
                "replace-without-text",
                "The text to replace by is empty: write the text, or "
                f"{self.column_map.clear} to empty the field, or take the {cell.shown} away.",
                feed,
                cell,
            )
        return answer

    def _clear_beside_no(self, field: str) -> None:
        flag = self.column_map.feed_of.get(REPLACE_FLAGS[field]) or self.column_map.feed_of.get(field)
        cell = self.row.cells.get(flag.column) if flag is not None else None
        self._problem(
            "clear-beside-no",
            f"{self.column_map.clear} empties {field}, but {REPLACE_FLAGS[field]} says no: "
            "write yes there, or leave it empty.",
            flag,
            cell,
        )

    def _attribute(self, feed: Feed) -> None:
        cell = self._cell(feed)
        before = len(self.problems)
        if cell is None:
            return
        if self._clears(feed, cell):
            self.operations.append(Operation(feed.field, OperationKind.CLEAR, ""))
        elif len(self.problems) > before:
            return
        elif feed.reading.type is ValueType.TEXT:
            text = self._text(feed, cell)
            if text is not None:
                self.operations.append(Operation(feed.field, OperationKind.SET, text))
        else:
            try:
                self.operations.append(_setting(feed.field, typed(cell, feed.reading)))
            except ValueFault as fault:
                self._problem(fault.code, f"{fault}.", feed, cell)

    def _cell(self, feed: Feed) -> Cell | None:
        """Give a cell that holds something and can be trusted; note the problem where it cannot."""
        cell = self.row.cells.get(feed.column)
        if cell is None:
            return None
        by_value = feed.reading.by_value and cell.kind is CellKind.NUMBER and cell.value is not None
        if cell.problem is not None and not by_value:
            self._problem("unreadable-cell", cell.problem, feed, cell)
            return None
        if cell.shown == "" and not by_value:
            return None
        if cell.shown.isspace() and not by_value:
            self._problem(
                "blank-text",
                "The cell holds nothing but blanks or line breaks: empty it to leave the field alone, "
                f"or write {self.column_map.clear} to empty the field.",
                feed,
                cell,
            )
            return None
        return cell

    def _clears(self, feed: Feed, cell: Cell) -> bool:
        clear = self.column_map.clear
        if cell.shown == clear:
            return True
        almost = cell.shown.strip()
        if len(almost) == len(clear.strip()) and almost.casefold() == clear.strip().casefold():
            self._problem(
                "clear-spelling",
                f'"{cell.shown}" is almost {clear}: write exactly {clear} to empty the field.',
                feed,
                cell,
            )
        return False

    def _text(self, feed: Feed, cell: Cell) -> str | None:
        text = stored_text(cell) if feed.reading.by_value else cell.shown
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                self._problem(
                    "bad-text", "The cell holds half of a character: write its text again.", feed, cell
                )
                return None
        return text

    def _problem(self, code: str, message: str, feed: Feed | None = None, cell: Cell | None = None) -> None:
        self.problems.append(
            Problem(
                code,
                message,
                row=self.row.number,
                column=feed.header if feed is not None else None,
                cell=f"{column_letters(feed.column)}{self.row.number}" if feed is not None else None,
                value=cell.shown if cell is not None else None,
                sheet=self.sheet,
            )
        )

    def _invalid(self, order: str) -> LeftOut:
        message = " ".join(_sentences(self.problems))
        return LeftOut(self.row.number, Outcome.INVALID, message, order, tuple(self.problems))


def _with_plain_line_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _setting(field: str, value: object) -> Operation:
    """Give the operation of an attribute's value; the API takes the empty text as its removal."""
    return Operation(field, OperationKind.CLEAR if value == "" else OperationKind.SET, value)


def _sentences(problems: list[Problem]) -> Iterator[str]:
    for problem in problems:
        yield f"{problem.cell} ({problem.column}): {problem.message}" if problem.cell else problem.message
