"""What is read from each column of one sheet: the result of mapping, which the mapper and check go by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from ordersheet.core.model import ATTRIBUTE_PREFIX, JsonValue, SentColumn, UnsentColumn, column_letters
from ordersheet.mapping.file import CLEAR, VERSION, toml_value
from ordersheet.mapping.headers import guard_header, usual_header
from ordersheet.mapping.values import READ_AS_TEXT, Reading, ValueType

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Feed:
    """One column that feeds one field."""

    field: str
    """`order`, a comment, a replace flag, or `extraAttributes.` and a key."""
    column: int
    """0 for column A."""
    header: str
    reading: Reading = READ_AS_TEXT

    @property
    def letters(self) -> str:
        """The column's letters, such as `C`."""
        return column_letters(self.column)


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that stands for every row."""

    field: str
    value: JsonValue
    """A comment's text, True or False for a replace flag, an attribute's value; `""` where `clears`."""
    clears: bool = False
    """It was the clear token."""


@dataclass(frozen=True, slots=True)
class Unused:
    """A column that is not sent."""

    column: int
    header: str
    """Empty for a column that holds something but has no header."""
    reason: str
    """A plain clause, such as `not recognised`."""
    guess: str | None = None
    """The field it was probably meant to feed."""
    filled: bool = True
    """Whether any cell below the header holds something."""

    @property
    def letters(self) -> str:
        """The column's letters, such as `C`."""
        return column_letters(self.column)

    @property
    def meant_header(self) -> str | None:
        """The header that was probably meant, such as `Internal comment` or `attr:erp_reference`."""
        return None if self.guess is None else usual_header(self.guess)


@dataclass(frozen=True)
class ColumnMap:
    """What is read from each column, what stands for every row, and what is left out."""

    feeds: tuple[Feed, ...]
    """In column order; exactly one feeds `order`, and none feeds what another feeds."""
    constants: tuple[Constant, ...] = ()
    unused: tuple[Unused, ...] = ()
    """In column order; the result columns of an earlier report are not among them."""
    warnings: tuple[str, ...] = ()
    """Sentences a person should read before sending."""
    clear: str = CLEAR
    guards: tuple[Feed, ...] = ()
    """In column order; `field` is what each guards, and no two guard the same one."""

    @cached_property
    def columns(self) -> frozenset[int]:
        """The columns that are read."""
        return frozenset(feed.column for feed in (*self.feeds, *self.guards))

    @cached_property
    def feed_of(self) -> Mapping[str, Feed]:
        """The feeds by field."""
        return {feed.field: feed for feed in self.feeds}

    @cached_property
    def constant_of(self) -> Mapping[str, Constant]:
        """The constants by field."""
        return {constant.field: constant for constant in self.constants}

    @cached_property
    def attributes(self) -> tuple[Feed, ...]:
        """The columns that feed attributes, in column order."""
        return tuple(feed for feed in self.feeds if feed.field.startswith(ATTRIBUTE_PREFIX))

    def sent_columns(self) -> tuple[SentColumn, ...]:
        """Tell what feeds each field: the columns, then the values that stand for every row."""
        return (
            *(
                SentColumn(feed.letters, feed.header, feed.field, feed.reading.type.value)
                for feed in self.feeds
            ),
            *(
                SentColumn(None, None, one.field, value=self.clear if one.clears else one.value)
                for one in self.constants
            ),
        )

    def unsent_columns(self) -> tuple[UnsentColumn, ...]:
        """Tell which columns hold something and are not sent."""
        return tuple(
            UnsentColumn(one.letters, one.header, one.reason, one.meant_header)
            for one in self.unused
            if one.filled
        )

    def to_json(self) -> dict[str, JsonValue]:
        """Give the mapping as applied, for the ledger: JSON types alone."""
        return {
            "version": VERSION,
            "columns": [
                {
                    "column": feed.letters,
                    "header": feed.header,
                    "field": feed.field,
                    "type": feed.reading.type.value,
                    "as": "value" if feed.reading.by_value else "shown",
                    "decimal": feed.reading.decimal,
                    "format": feed.reading.format,
                }
                for feed in self.feeds
            ],
            "guards": [
                {"column": feed.letters, "header": feed.header, "field": feed.field} for feed in self.guards
            ],
            "values": {c.field: self.clear if c.clears else c.value for c in self.constants},
            "clear": self.clear,
        }


def to_toml(column_map: ColumnMap) -> str:
    """Write a mapping as a mapping file with comments; reading it back gives the same map.

    Columns that are not sent stand in it as comments, ready to be completed.
    """
    plain = [feed for feed in column_map.feeds if not feed.field.startswith(ATTRIBUTE_PREFIX)]
    lines = [
        "# Which column feeds which field: ordersheet check FILE --mapping THIS-FILE",
        f"version = {VERSION}",
        "# true: columns that are not named here are not sent.",
        "only = true",
        "# A cell with this text empties its field.",
        f"clear = {toml_value(column_map.clear)}",
        "",
        "# header = field",
        "[columns]",
        *(f"{toml_value(feed.header)} = {_column_entry(feed)}" for feed in plain),
        *(f"{toml_value(feed.header)} = {_column_entry(_guard_entry(feed))}" for feed in column_map.guards),
        *(_comment(column) for column in column_map.unused if column.header),
    ]
    if column_map.attributes:
        lines += ["", "# header = the attribute's key", "[attributes]"]
        lines += [f"{toml_value(feed.header)} = {_attribute_entry(feed)}" for feed in column_map.attributes]
    if column_map.constants:
        lines += ["", "# the same for every row", "[values]"]
        lines += [
            f"{toml_value(c.field)} = {toml_value(column_map.clear if c.clears else c.value)}"
            for c in column_map.constants
        ]
    return "\n".join(lines) + "\n"


def _guard_entry(feed: Feed) -> Feed:
    return replace(feed, field=guard_header(feed.field))


def _comment(column: Unused) -> str:
    field = column.guess or ""
    return f"# {toml_value(column.header)} = {toml_value(field)}  # not sent: {column.reason}"


def _column_entry(feed: Feed) -> str:
    if not feed.reading.by_value:
        return toml_value(feed.field)
    return f'{{ field = {toml_value(feed.field)}, as = "value" }}'


def _attribute_entry(feed: Feed) -> str:
    key = toml_value(feed.field.removeprefix(ATTRIBUTE_PREFIX))
    reading = feed.reading
    if reading == READ_AS_TEXT:
        return key
    parts = [f"key = {key}"]
    if reading.type is not ValueType.TEXT:
        parts.append(f'type = "{reading.type}"')
    if reading.by_value:
        parts.append('as = "value"')
    if reading.decimal:
        parts.append(f'decimal = "{reading.decimal}"')
    if reading.format:
        parts.append(f"format = {toml_value(reading.format)}")
    return f"{{ {', '.join(parts)} }}"
