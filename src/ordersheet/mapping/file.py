"""The mapping file: TOML that says which column feeds which field, read with all its faults at once."""

from __future__ import annotations

import json
import math
import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ordersheet.core.errors import MappingError
from ordersheet.core.model import ATTRIBUTE_PREFIX, GUARD_PREFIX, ORDER, REPLACE_FLAGS, JsonValue
from ordersheet.mapping.headers import (
    FIELDS,
    distance,
    fold,
    guarded_field,
    guess,
    is_guard_header,
    key_fault,
)
from ordersheet.mapping.headers import recognise as recognise_header
from ordersheet.mapping.typed_dates import form_fault
from ordersheet.mapping.values import READ_AS_TEXT, Reading, ValueType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

VERSION = 1
CLEAR = "<clear>"
"""The text that empties a field, unless the mapping file names another."""

TOP_KEYS = ("version", "columns", "attributes", "values", "clear", "only")
COLUMN_KEYS = ("field", "type", "as", "decimal", "format")
ATTRIBUTE_KEYS = ("key", "type", "as", "decimal", "format")
GUARDS_ARE = "write expect:internalComment, expect:comment, or expect:attr: and an attribute's key"
_EXAMPLE = '"Our ref" = "order"'


@dataclass(frozen=True, slots=True)
class FileColumn:
    """What the mapping file says of one header."""

    header: str
    field: str | None
    """None: do not send this column. A guard's begins with `expect:`."""
    reading: Reading = READ_AS_TEXT


@dataclass(frozen=True, slots=True)
class MappingFile:
    """A mapping file without faults."""

    name: str
    """Its path as given, for messages."""
    columns: tuple[FileColumn, ...] = ()
    values: Mapping[str, JsonValue] = field(default_factory=dict)
    """Constants, by field: texts, or for attributes any JSON value."""
    clear: str = CLEAR
    only: bool = False
    """Headers that the file does not name are not recognised."""

    @property
    def attribute_headers(self) -> tuple[str, ...]:
        """The headers that feed attributes, in the file's order."""
        return tuple(
            column.header
            for column in self.columns
            if column.field is not None and column.field.startswith(ATTRIBUTE_PREFIX)
        )


def read_mapping_file(path: Path) -> MappingFile:
    """Read a mapping file.

    Args:
        path: a TOML file in UTF-8 (docs/mapping.md tells what may stand in it).

    Raises:
        MappingError: with one line for each fault; `mapping-file` where it cannot be read at all.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise MappingError(
            f"The mapping file {path} cannot be read: {reason}.", code="mapping-file"
        ) from None
    except UnicodeDecodeError:
        raise MappingError(
            f"The mapping file {path} is not a text in UTF-8: save it as UTF-8.", code="mapping-file"
        ) from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MappingError(
            f"The mapping file {path} is not TOML: {error}. "
            f"Headers and texts stand in quotes, as in {_EXAMPLE}, and each header once.",
            code="mapping-file",
        ) from None
    return _Reader(str(path)).read(data)


def field_named(text: str) -> str | None:
    """Tell the field that a text names by the field's own name, or `attr:` and a key; None otherwise."""
    own = {fold(name): name for name in FIELDS}
    if fold(text) in own:
        return own[fold(text)]
    found = recognise_header(text)
    return found if found is not None and found.startswith(ATTRIBUTE_PREFIX) else None


def field_fault(text: str) -> str | None:
    """Say what is wrong with a text that is to name a field, or None."""
    found = field_named(text)
    if found is None:
        own = {fold(name): name for name in FIELDS}
        near = next((own[name] for name in own if distance(fold(text), name) <= 1), None) or guess(text)
        meant = f": did you mean {near}?" if near else f": the fields are {', '.join(FIELDS)} and attr:KEY."
        return f'"{text}" is no field{meant}'
    if found.startswith(ATTRIBUTE_PREFIX):
        return key_fault(found.removeprefix(ATTRIBUTE_PREFIX))
    return None


class _Reader:
    """Walks through the file and collects its faults."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.faults: list[str] = []

    def read(self, data: dict[str, Any]) -> MappingFile:
        self._known(data, TOP_KEYS, "the file")
        version = data.get("version", VERSION)
        if type(version) is not int or version != VERSION:
            self.faults.append(f"version is {version!r}, and this ordersheet reads version {VERSION}.")
        only = data.get("only", False)
        if not isinstance(only, bool):
            self.faults.append("only must be true or false.")
        clear = data.get("clear", CLEAR)
        if not isinstance(clear, str) or not clear.strip():
            self.faults.append(f'clear must be a text that is not blank, such as "{CLEAR}".')
        columns = [
            *self._entries(data, "columns", self._column),
            *self._entries(data, "attributes", self._attribute),
        ]
        self._no_header_twice(columns)
        values = dict(self._values(data))
        self._no_field_twice(columns, values)
        if self.faults:
            lines = "\n".join(f"  {fault}" for fault in self.faults)
            raise MappingError(f"The mapping file {self.name} cannot be used:\n{lines}", code="mapping-file")
        return MappingFile(self.name, tuple(columns), values, clear, only)

    def _known(self, table: dict[str, Any], known: tuple[str, ...], where: str) -> None:
        for key in table:
            if key not in known:
                self.faults.append(f'"{key}" in {where} is unknown; known are: {", ".join(known)}.')

    def _table(self, data: dict[str, Any], name: str) -> dict[str, Any]:
        table = data.get(name, {})
        if isinstance(table, dict):
            return table
        self.faults.append(f"{name} must be a table: write [{name}] on a line of its own.")
        return {}

    def _entries(
        self, data: dict[str, Any], name: str, read: Callable[[str, object, str], FileColumn | None]
    ) -> Iterator[FileColumn]:
        for header, entry in self._table(data, name).items():
            column = read(header, entry, f'[{name}] "{header}"')
            if not fold(header):
                self.faults.append(f'[{name}] "{header}" is not a header.')
            elif column is not None:
                yield column

    def _column(self, header: str, entry: object, where: str) -> FileColumn | None:
        if entry == "":
            return FileColumn(header, None)
        table = {"field": entry} if isinstance(entry, str) else entry
        if not isinstance(table, dict) or not isinstance(table.get("field"), str):
            self.faults.append(f'{where}: write a field\'s name, or {{ field = "…", as = "value" }}.')
            return None
        self._known(table, COLUMN_KEYS, where)
        if is_guard_header(table["field"]):
            return self._guard(header, table, where)
        fault = field_fault(table["field"])
        if fault:
            self.faults.append(f"{where}: {fault}")
            return None
        found = field_named(table["field"]) or ""
        reading = self._reading(table, where)
        if reading.type is not ValueType.TEXT and not found.startswith(ATTRIBUTE_PREFIX):
            self.faults.append(f"{where}: a type belongs to attributes; {found} is read as it must be.")
        if reading.by_value and found in REPLACE_FLAGS.values():
            self.faults.append(f'{where}: as = "value" has no meaning for {found}; leave it out.')
        return FileColumn(header, found, reading)

    def _guard(self, header: str, table: dict[str, Any], where: str) -> FileColumn | None:
        guarded = guarded_field(table["field"])
        if guarded is None:
            self.faults.append(f'{where}: "{table["field"]}" guards no field: {GUARDS_ARE}.')
            return None
        reading = self._reading(table, where)
        if reading.type is not ValueType.TEXT:
            self.faults.append(f"{where}: a guard is compared as text and has no type; leave it out.")
        return FileColumn(header, GUARD_PREFIX + guarded, reading)

    def _attribute(self, header: str, entry: object, where: str) -> FileColumn | None:
        table = {"key": entry} if isinstance(entry, str) else entry
        if not isinstance(table, dict) or not isinstance(table.get("key"), str):
            self.faults.append(f'{where}: write an attribute\'s key, or {{ key = "…", type = "int" }}.')
            return None
        self._known(table, ATTRIBUTE_KEYS, where)
        key = table["key"].strip()
        named = recognise_header(key)
        if named is not None and named.startswith(ATTRIBUTE_PREFIX):
            key = named.removeprefix(ATTRIBUTE_PREFIX)
        fault = key_fault(key)
        if fault:
            self.faults.append(f"{where}: {fault}.")
        return FileColumn(header, ATTRIBUTE_PREFIX + key, self._reading(table, where))

    def _reading(self, table: dict[str, Any], where: str) -> Reading:
        kind, how, decimal = table.get("type", "text"), table.get("as", "shown"), table.get("decimal")
        form = table.get("format")
        if kind not in tuple(ValueType):
            self.faults.append(f"{where}: type {kind!r} is unknown; known are: {', '.join(ValueType)}.")
            kind = "text"
        if how not in ("shown", "value"):
            self.faults.append(f'{where}: as must be "shown" or "value".')
        if decimal is not None and (decimal not in (".", ",") or kind != ValueType.NUMBER):
            self.faults.append(f'{where}: decimal is "." or ",", and belongs to the type number.')
        if form is not None and (not isinstance(form, str) or kind != ValueType.DATE):
            self.faults.append(
                f'{where}: format is a text such as "dd.mm.yyyy", and belongs to the type date.'
            )
            form = None
        elif form is not None and (fault := form_fault(form)):
            self.faults.append(f"{where}: {fault}.")
        return Reading(ValueType(kind), how == "value", decimal, form)

    def _values(self, data: dict[str, Any]) -> Iterator[tuple[str, JsonValue]]:
        table = dict(self._table(data, "values"))
        # An unquoted extraAttributes.key is a dotted key to TOML: a table within the table.
        prefix = ATTRIBUTE_PREFIX.removesuffix(".")
        nested = table.pop(prefix) if isinstance(table.get(prefix), dict) else {}
        for name, value in [
            *table.items(),
            *((ATTRIBUTE_PREFIX + key, value) for key, value in nested.items()),
        ]:
            fault = field_fault(name) or constant_fault(field_named(name) or "", value)
            if fault:
                self.faults.append(f'[values] "{name}": {fault}')
            else:
                yield field_named(name) or "", value

    def _no_header_twice(self, columns: list[FileColumn]) -> None:
        seen: dict[str, str] = {}
        for column in columns:
            if column.header in seen:
                self.faults.append(f'"{column.header}" stands in [columns] and in [attributes]; keep one.')
            seen[column.header] = column.header

    def _no_field_twice(self, columns: list[FileColumn], values: Mapping[str, JsonValue]) -> None:
        seen: dict[str, str] = dict.fromkeys(values, "[values]")
        for column in columns:
            if column.field in seen:
                self.faults.append(
                    f'{column.field} is fed by "{column.header}" and by {seen[column.field]}; keep one.'
                )
            elif column.field is not None:
                seen[column.field] = f'"{column.header}"'


def constant_fault(field_name: str, value: JsonValue) -> str | None:
    """Say what is wrong with a value that is to stand for every row, or None."""
    if field_name == ORDER:
        return "every row has its own order ID, so it cannot be the same for all."
    if isinstance(value, str):
        if value.encode("utf-8", "ignore") != value.encode("utf-8", "surrogatepass"):
            return "it holds half of a character, or the terminal writes in another encoding than UTF-8."
        return None if value.strip() else f'it is blank; to empty the field, write "{CLEAR}".'
    if field_name.startswith(ATTRIBUTE_PREFIX):
        return (
            None
            if _is_json(value)
            else "it is not a text, number, true, false, list or table; put it in quotes."
        )
    if field_name in REPLACE_FLAGS.values() and isinstance(value, bool):
        return None
    return "put the text in quotes."


def _is_json(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(_is_json(item) for item in value.values())
    if isinstance(value, list):
        return all(_is_json(item) for item in value)
    return isinstance(value, str | bool | int)


def toml_value(value: JsonValue) -> str:
    """Write a value as TOML would have it: texts in quotes, tables inline."""
    if isinstance(value, str):
        return re.sub("\x7f", r"\\u007f", json.dumps(value, ensure_ascii=False))
    if isinstance(value, list):
        return f"[{', '.join(toml_value(item) for item in value)}]"
    if isinstance(value, dict):
        inner = ", ".join(f"{toml_value(key)} = {toml_value(item)}" for key, item in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    return json.dumps(value)
