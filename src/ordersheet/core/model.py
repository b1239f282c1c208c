"""The records that pass between the stages, and nothing else.

    Row of Cells -> OrderUpdate (or Problems) -> Operations -> RowResult -> report

All of them are frozen. The ones made once per cell or per row are named tuples
or have slots, because there may be ten million of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

JsonValue: TypeAlias = Any
"""What `json.loads` can give: None, bool, int, float, str, list or dict."""

ORDER = "order"
COMMENT_FIELDS = ("internalComment", "comment")
CUSTOMER_FIELD = "comment"
"""What may stand on pick lists and delivery notes, so that the customer reads it."""
REPLACE_FLAGS = {"internalComment": "replaceInternalComment", "comment": "replaceComment"}
ATTRIBUTE_PREFIX = "extraAttributes."
GUARD_PREFIX = "expect:"
"""How the header of a guard begins: a row is sent only if the field still holds what its cell says."""
NOT_READ = "<not read>"
"""What a guard's cell says where nobody could read the order: such a row is not sent."""
RESULT_COLUMNS = ("update_status", "update_outcome", "update_message", "update_time")


def column_letters(index: int) -> str:
    """Give the letters of a column as spreadsheets show them (0 is A, 26 is AA)."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def column_index(letters: str) -> int:
    """Give the index of a column's letters: 0 for A."""
    index = 0
    for letter in letters.upper():
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1


class CellKind(StrEnum):
    """What a cell holds, as far as reading it truly depends on it."""

    BLANK = "blank"
    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    """A date, a time, or both; `shown` is ISO 8601."""
    BOOLEAN = "boolean"
    ERROR = "error"
    """One of the spreadsheet's error words, such as #N/A; always with a problem."""


class Cell(NamedTuple):
    """One cell of a column that is read.

    `problem` is None for a cell that can be trusted. Otherwise it says in one sentence
    why not, and what to do about it, without the address (whoever shows it adds that).
    """

    shown: str
    """The text a person sees, never stripped; `""` for a blank cell."""
    value: str | int | float | bool | None
    """What is stored: text, number, truth value; for dates the ISO text."""
    kind: CellKind
    column: int
    """0 for column A."""
    row: int
    """The row's number as the person sees it, 1 for the first of the sheet."""
    problem: str | None = None

    @property
    def address(self) -> str:
        """The address as spreadsheets write it, such as `B7`."""
        return f"{column_letters(self.column)}{self.row}"


class Row(NamedTuple):
    """One data row: below the header, and with something in it."""

    number: int
    """The number the person sees: the sheet's row, or the CSV record's position, header included.

    A CSV record with line breaks in a field is one row, as it is in a spreadsheet program.
    """
    cells: Mapping[int, Cell]
    """By column index: the cells of the columns that were asked for and are not blank."""
    hidden: bool = False
    """Hidden by hand or by a filter."""
    problem: str | None = None
    """Why no cell of this row can be trusted, such as a CSV record with too many fields."""


class Header(NamedTuple):
    """One header cell, or a column without one (`text` is then empty)."""

    column: int
    text: str
    """As shown, with surrounding white space and line breaks folded."""
    hidden: bool = False
    filled: bool = True
    """Whether any data cell below holds something."""

    @property
    def letters(self) -> str:
        """The column's letters, such as `C`."""
        return column_letters(self.column)


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What was found out about a file before its rows are read; check shows it."""

    form: str
    """`xlsx`, `xlsm`, `ods`, `xls`, `csv` or `frame`."""
    sheet: str | None
    """The sheet's name; None for CSV and frames."""
    header_row: int
    """The number of the header row as the person sees it."""
    encoding: str | None = None
    """CSV only: the Python name of the encoding; `utf-8-sig`, `utf-16`, `utf-32` where there is a BOM."""
    encoding_from: str | None = None
    """CSV only: `option`, `byte order mark`, `strict UTF-8`, `UTF-16 without a mark` or `letters`."""
    telling_words: tuple[str, ...] = ()
    """CSV only: the first few words with letters beyond ASCII; read in a wrong encoding, they look wrong."""
    end_mark: int = 0
    """CSV only: bytes at the very end that are the old mark for a file's end (0x1A), and no row."""
    delimiter: str | None = None
    """CSV only."""
    line_ending: str | None = None
    """CSV only: the line ending of the header record."""
    separator_line: bool = False
    """CSV only: the file begins with a `sep=` line, which is no record and has no number."""
    hidden_rows: int = 0
    """Data rows that a person does not see."""
    result_columns: tuple[int, ...] = ()
    """Columns of an earlier report, in the order of RESULT_COLUMNS; empty where there is none."""
    notices: tuple[str, ...] = ()
    """Sentences a person should read, such as that Excel has the file open."""
    id_column: int | None = None
    """The column of the order IDs, 0 for A; None where a reader does not say."""
    sheets: tuple[str, ...] = ()
    """The names of all sheets of a workbook, in its order."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row, or the file, cannot be sent as it stands: data, never an exception."""

    code: str
    """A stable word for scripts, such as `bad-order-id`."""
    message: str
    """What is wrong and how to mend it, in one or two plain sentences."""
    row: int | None = None
    column: str | None = None
    """The header's text."""
    cell: str | None = None
    """The address, such as `A7`."""
    value: str | None = None
    """The cell as shown."""
    sheet: str | None = None


@dataclass(frozen=True, slots=True)
class SentColumn:
    """A column that feeds a field, or a value that stands for every row."""

    column: str | None
    """Its letters, such as `C`; None for a value that stands for every row."""
    header: str | None
    field: str
    """`order`, a comment, a replace flag, or `extraAttributes.` and a key."""
    type: str = "text"
    value: JsonValue = None
    """What stands for every row; None for a column."""


@dataclass(frozen=True, slots=True)
class UnsentColumn:
    """A column that holds something and is not sent."""

    column: str
    header: str
    """Empty for a column that has none."""
    reason: str
    """A plain clause, such as `not recognised`."""
    guess: str | None = None
    """The header it was probably meant to have, such as `attr:erp_reference`."""


class RowPayload(NamedTuple):
    """What one row asks for, as its PUT would have it."""

    row: int
    """The row's number as the person sees it."""
    order: int
    payload: Mapping[str, JsonValue]
    """The JSON object of the request."""


class OperationKind(StrEnum):
    """One effect of an update on one field of one order."""

    APPEND = "append"
    """Add text below what a comment holds. Sent twice, it stands twice."""
    REPLACE = "replace"
    """Let a comment hold this text alone."""
    SET = "set"
    """Give an attribute a value."""
    CLEAR = "clear"
    """Empty a comment, or remove an attribute."""

    @property
    def overwrites(self) -> bool:
        """Whether it can be sent twice without harm: all but an append."""
        return self is not OperationKind.APPEND


class Operation(NamedTuple):
    """What is to happen to one field of one order."""

    field: str
    """`internalComment`, `comment`, or `extraAttributes.` and the attribute's key."""
    kind: OperationKind
    value: JsonValue
    """The text of a comment; an attribute's value of any JSON type; `""` for a clear."""

    @property
    def for_customers(self) -> bool:
        """Whether it is a text that may be printed where customers see it (facts of the Order API)."""
        return self.field == CUSTOMER_FIELD and self.kind is not OperationKind.CLEAR


class Guard(NamedTuple):
    """What a field must hold for its row to be sent."""

    field: str
    """As an operation names it."""
    text: str
    """As the `expect:` cell shows it; `""` where the field must be empty."""


class OrderUpdate(NamedTuple):
    """What one row asks for."""

    row: int
    """The row's number as the person sees it."""
    order: int
    operations: tuple[Operation, ...]
    """At least one, and at most one for each field."""
    guards: tuple[Guard, ...] = ()
    """At most one for each field, whether or not the row changes it."""


class OrderWork(NamedTuple):
    """All that one file asks of one order: what a lane delivers in one go, in file order."""

    order: int
    updates: tuple[OrderUpdate, ...]
    """In file order; at least one."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that is not sent: `invalid`, `nothing to update`, `unchanged`, or left out on purpose."""

    row: int
    outcome: Outcome
    message: str
    order: str = ""
    """The order's ID as shown, where there is one."""
    problems: tuple[Problem, ...] = ()
    time: datetime | None = None
    """When it was settled, for a row that an earlier report tells so."""
    on_purpose: bool = False
    """Left out because somebody said so: it does not count towards exit code 1."""


class Outcome(StrEnum):
    """What became of a row: the words of the report's second column. Never renamed, only added to."""

    APPLIED = "applied"
    CONFIRMED = "confirmed"
    ALREADY_APPLIED = "already applied"
    DUPLICATE = "duplicate"
    APPLIED_TWICE = "applied twice"
    REFUSED = "refused"
    INVALID = "invalid"
    NOTHING_TO_UPDATE = "nothing to update"
    ALREADY_THERE = "already there"
    OVERWRITTEN_SINCE = "overwritten since"
    NOT_APPLIED = "not applied"
    PARTLY_APPLIED = "partly applied"
    NOT_SENT = "not sent"
    UNCONFIRMED = "unconfirmed"
    CHANGED_SINCE = "changed since"
    UNCHANGED = "unchanged"
    UNDONE = "undone"
    NOTHING_TO_UNDO = "nothing to undo"
    KEPT = "kept"
    CANNOT_BE_UNDONE = "cannot be undone"
    PARTLY_UNDONE = "partly undone"

    @property
    def ok(self) -> bool:
        """Whether the row's status is `ok`.

        A row is `duplicate` only where its twin is ok; otherwise it carries its twin's outcome.
        """
        return self in _OK


_OK = frozenset(
    {
        Outcome.APPLIED,
        Outcome.CONFIRMED,
        Outcome.ALREADY_APPLIED,
        Outcome.DUPLICATE,
        Outcome.APPLIED_TWICE,
        Outcome.UNCHANGED,
        Outcome.UNDONE,
        Outcome.NOTHING_TO_UNDO,
    }
)


class StoppedBy(StrEnum):
    """What ended a run early: every word that `stopped_by` can hold. Never renamed, only added to."""

    KEY_REFUSED = "key-refused"
    FORBIDDEN = "forbidden"
    REDIRECT = "redirect"
    SERVER_DOWN = "server-down"
    TOO_MANY_UNKNOWN = "too-many-unknown"
    RETRY_AFTER = "retry-after"
    PUSHED_BACK = "pushed-back"
    """For an hour the server let no update through."""
    TOO_MANY_NO = "too-many-no"
    INTERRUPTED = "interrupted"
    LEDGER = "ledger"
    INTERNAL = "internal"
    REPORT_UNWRITABLE = "report-unwritable"
    """All rows were dealt with, and no place took the report."""


class RowResult(NamedTuple):
    """What the report says of one row."""

    row: int
    """The row's number as the person sees it."""
    order: str
    """The order's ID as read or shown."""
    outcome: Outcome
    message: str
    """Plain words for a clerk: what happened and, unless all is well, what to do."""
    time: datetime | None = None
    """When it was settled, in UTC; None for a row that nothing was tried for."""
    left_out: bool = False
    """Left out on purpose (--limit, --rows, hidden and skipped): does not count towards exit code 1."""

    @property
    def status(self) -> str:
        """Exactly `ok` or `no`."""
        return "ok" if self.outcome.ok else "no"


@dataclass(frozen=True, slots=True)
class RequestCounts:
    """Requests of a run, by kind."""

    put: int = 0
    get: int = 0
    pushed_back: int = 0
    """Answers of 429, or of 503 with Retry-After."""

    def __add__(self, other: RequestCounts) -> RequestCounts:
        return RequestCounts(self.put + other.put, self.get + other.get, self.pushed_back + other.pushed_back)
