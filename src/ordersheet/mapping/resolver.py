"""Which column of a sheet feeds which field of an order, and what is not sent, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.core.errors import MappingError
from ordersheet.core.model import (
    ATTRIBUTE_PREFIX,
    COMMENT_FIELDS,
    GUARD_PREFIX,
    ORDER,
    REPLACE_FLAGS,
    JsonValue,
)
from ordersheet.mapping.columns import ColumnMap, Constant, Feed, Unused
from ordersheet.mapping.file import (
    GUARDS_ARE,
    FileColumn,
    MappingFile,
    constant_fault,
    field_fault,
    field_named,
)
from ordersheet.mapping.headers import (
    fold,
    guarded_field,
    guess,
    is_guard_header,
    is_id_header,
    is_preview_header,
    key_fault,
    may_be_comment,
    recognise,
)
from ordersheet.mapping.values import READ_AS_TEXT, is_truth_word, truth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ordersheet.core.model import Header


def id_header_test(file: MappingFile | None) -> Callable[[str], bool]:
    """Give the test that tells the order column's header, for finding the header row.

    A mapping file that names the order column decides alone; otherwise the usual names count.
    """
    if file is None:
        return is_id_header
    named = {fold(column.header) for column in file.columns if column.field == ORDER}
    others = {fold(column.header) for column in file.columns if column.field != ORDER}
    if named or file.only:
        return lambda text: fold(text) in named
    return lambda text: is_id_header(text) and fold(text) not in others


def parse_constant(text: str) -> tuple[str, str]:
    """Read `FIELD=VALUE`, as `--set` has it.

    Returns:
        The field's name as the API has it (`extraAttributes.` and the key for an attribute), and the value.

    Raises:
        MappingError: `bad-constant`.
    """
    name, sign, value = text.partition("=")
    fault = field_fault(name) if sign else "write FIELD=VALUE, such as internalComment=Delayed."
    fault = fault or constant_fault(field_named(name) or "", value)
    if fault:
        raise MappingError(f"--set {text}: {fault}", code="bad-constant")
    return field_named(name) or "", value


def parse_constants(texts: Iterable[str]) -> dict[str, str]:
    """Read several `FIELD=VALUE`, as a repeated `--set` has them.

    Returns:
        The values by field, as `resolve` takes them.

    Raises:
        MappingError: `bad-constant`, with one line for each fault; a field that is set twice is one.
    """
    found: dict[str, str] = {}
    faults: list[str] = []
    for text in texts:
        try:
            field, value = parse_constant(text)
        except MappingError as error:
            faults.append(str(error))
            continue
        if found.setdefault(field, value) != value:
            faults.append(f"--set {text}: {field} is set to another value before; keep one.")
    if faults:
        raise MappingError("\n".join(faults), code="bad-constant")
    return found


def resolve(
    headers: Sequence[Header],
    *,
    file: MappingFile | None = None,
    constants: Mapping[str, str] | None = None,
    only_columns: Sequence[str] | None = None,
    result_columns: Sequence[int] = (),
    skip_hidden: bool = False,
) -> ColumnMap:
    """Decide what each column feeds.

    Args:
        headers: the sheet's header row, in column order.
        file: a mapping file; it wins over what headers say by themselves.
        constants: values for every row, by field (`parse_constant`); they win over the file's own.
        only_columns: headers; no other column is sent, apart from the order ID's.
        result_columns: columns of an earlier report, which are never sent.
        skip_hidden: leave hidden columns out, apart from the order ID's.

    Raises:
        MappingError: with one line for each fault, all of them at once.
    """
    shown = [header for header in headers if header.column not in result_columns]
    return _Resolver(shown, file, only_columns, skip_hidden=skip_hidden).resolve(constants or {})


class _Resolver:
    """One pass over the headers that collects feeds, what is unused, and faults."""

    def __init__(
        self,
        headers: Sequence[Header],
        file: MappingFile | None,
        only_columns: Sequence[str] | None,
        *,
        skip_hidden: bool,
    ) -> None:
        self.headers = headers
        self.left: dict[str, str] = {}
        """By field: why the column that would feed it was left out."""
        self.skip_hidden = skip_hidden
        self.file = file or MappingFile("")
        self.faults: list[str] = []
        self.warnings: list[str] = []
        self.unused: list[Unused] = []
        self.said = self._said_by_file()
        self.only = None if only_columns is None else self._chosen(only_columns)

    def resolve(self, constants: Mapping[str, str]) -> ColumnMap:
        feeds = self._one_column_each(self._candidates())
        fixed = self._constants(constants)
        guards = self._guards({feed.field for feed in feeds} | {constant.field for constant in fixed})
        fed = {feed.field: feed for feed in feeds}
        for constant in fixed:
            if constant.field in fed:
                self.faults.append(
                    f"{constant.field} is set for all rows, and {_name(fed[constant.field])} feeds it too: "
                    'take one of them away (--only-columns, or "" in a mapping file, leaves a column out).'
                )
        if ORDER not in fed:
            self.faults.append(self._no_order_column())
        if self.faults:
            raise MappingError("\n".join(self.faults), code="mapping")
        self._warn(feeds, fixed)
        unused = tuple(sorted(self.unused, key=lambda column: column.column))
        return ColumnMap(feeds, fixed, unused, tuple(self.warnings), self.file.clear, guards)

    def _said_by_file(self) -> dict[int, FileColumn]:
        said: dict[int, FileColumn] = {}
        for column in self.file.columns:
            found = _find(self.headers, column.header)
            if not found:
                near = _nearest(self.headers, column.header)
                self.faults.append(
                    f'The mapping file {self.file.name} names the header "{column.header}", '
                    f"which is not in the sheet{near}."
                )
            said.update({header.column: column for header in found})
        return said

    def _chosen(self, only_columns: Sequence[str]) -> frozenset[int]:
        chosen: set[int] = set()
        for text in only_columns:
            found = _find(self.headers, text)
            if not found:
                near = _nearest(self.headers, text)
                self.faults.append(f'--only-columns names "{text}", which is no header of the sheet{near}.')
            for header in found:
                if self._field_of(header) is None and not self._is_guard(header):
                    self.faults.append(
                        f'--only-columns names "{text}", which feeds no field: '
                        "say in a mapping file which one."
                    )
            chosen.update(header.column for header in found)
        return frozenset(chosen)

    def _is_guard(self, header: Header) -> bool:
        """Tell whether a column guards a field, unless the mapping file says something else of it."""
        said = self.said.get(header.column)
        if said is None:
            return is_guard_header(header.text)
        return said.field is not None and said.field.startswith(GUARD_PREFIX)

    def _guards(self, fed: set[str]) -> tuple[Feed, ...]:
        """Give the guards: none is left out with nobody noticing, for its rows would go out all the same."""
        found: dict[str, Feed] = {}
        for header in filter(self._is_guard, self.headers):
            said = self.said.get(header.column)
            field = guarded_field(header.text)
            if said is not None:
                field = (said.field or "").removeprefix(GUARD_PREFIX)
            if field is None:
                self.faults.append(f"Column {_name(header)} guards no field: {GUARDS_ARE}.")
            elif field not in fed and field in self.left:
                self._leave(header, self.left[field])
            elif field not in fed:
                self.faults.append(
                    f"Column {_name(header)} guards {field}, which is not sent: add a column for it, or "
                    "delete this one."
                )
            elif field in found:
                self.faults.append(
                    f"Columns {_name(found[field])} and {_name(header)} both guard {field}: delete one of "
                    "them."
                )
            else:
                reading = said.reading if said is not None else READ_AS_TEXT
                found[field] = Feed(field, header.column, header.text, reading)
        return tuple(found.values())

    def _field_of(self, header: Header) -> str | None:
        if header.column in self.said:
            return self.said[header.column].field
        return None if self.file.only else recognise(header.text)

    def _candidates(self) -> list[Feed]:
        feeds: list[Feed] = []
        by_file = {column.field: column.header for column in self.file.columns if column.field is not None}
        for header in self.headers:
            if self._is_guard(header):
                continue
            said = self.said.get(header.column)
            field = self._field_of(header)
            if field is None:
                self._leave(header, self._why_not(header))
            elif said is None and field in by_file:
                self._leave(header, f'the mapping file feeds {field} from "{by_file[field]}"')
            elif self.only is not None and header.column not in self.only and field != ORDER:
                self._leave(header, "not among --only-columns", field)
                self._warn_of_lost_flag(header, field, "not among --only-columns")
            elif self.skip_hidden and header.hidden and field != ORDER:
                self._leave(header, "hidden, and --hidden skip leaves it out", field)
                self._warn_of_lost_flag(header, field, "hidden and left out")
            else:
                fault = (
                    said is None
                    and field.startswith(ATTRIBUTE_PREFIX)
                    and key_fault(field.removeprefix(ATTRIBUTE_PREFIX))
                )
                if fault:
                    self.faults.append(f"Column {_name(header)}: {fault}.")
                feeds.append(Feed(field, header.column, header.text, said.reading if said else READ_AS_TEXT))
        return feeds

    def _why_not(self, header: Header) -> str:
        if header.column in self.said:
            return "the mapping file says not to send it"
        if not header.text:
            return "it has no header"
        if self.file.only:
            return "the mapping file does not name it, and says only = true"
        if may_be_comment(header.text):
            return (
                "it does not say which comment is meant: "
                'rename it to "Internal comment" or "Customer comment"'
            )
        return "not recognised"

    def _leave(self, header: Header, reason: str, field: str | None = None) -> None:
        """Leave a column out; `field` is what it would feed, where somebody chose not to send it."""
        named = field or recognise(header.text)
        if named is not None and (field is not None or header.column in self.said or self.file.only):
            self.left.setdefault(named, reason)
        if (not header.text and not header.filled) or is_preview_header(header.text):
            return  # What a preview adds is known to nobody but us, and never sent.
        ours = header.column not in self.said and not self.file.only and recognise(header.text) is None
        near = guess(header.text) if ours and not may_be_comment(header.text) else None
        self.unused.append(Unused(header.column, header.text, reason, near, header.filled))

    def _warn_of_lost_flag(self, header: Header, field: str, why: str) -> None:
        if field in REPLACE_FLAGS.values() and header.filled:
            self.warnings.append(f"Column {_name(header)} is {why}, so texts are appended, never replaced.")

    def _one_column_each(self, feeds: list[Feed]) -> tuple[Feed, ...]:
        by_field: dict[str, list[Feed]] = {}
        for feed in feeds:
            by_field.setdefault(feed.field, []).append(feed)
        for field, several in by_field.items():
            if len(several) > 1:
                names = " and ".join(_name(feed) for feed in several)
                self.faults.append(
                    f"Columns {names} both feed {field}: rename one, leave one out with --only-columns, "
                    'or map one to "" in a mapping file.'
                )
        return tuple(several[0] for several in by_field.values())

    def _constants(self, given: Mapping[str, str]) -> tuple[Constant, ...]:
        found: dict[str, Constant] = {}
        for source, values in ((f"[values] of {self.file.name}", self.file.values), ("--set", given)):
            for name, value in values.items():
                fault = field_fault(name) or constant_fault(field_named(name) or "", value)
                field = field_named(name) or ""
                if fault is None and field in REPLACE_FLAGS.values() and isinstance(value, str):
                    fault = None if truth(value) is not None else f'"{value}" is neither yes nor no.'
                if fault:
                    self.faults.append(f"{source}: {name}: {fault}")
                else:
                    found[field] = self._constant(field, value)
        return tuple(found.values())

    def _constant(self, field: str, value: JsonValue) -> Constant:
        if field in REPLACE_FLAGS.values():
            return Constant(field, truth(value) if isinstance(value, str) else value)
        return Constant(field, "", clears=True) if value == self.file.clear else Constant(field, value)

    def _no_order_column(self) -> str:
        near = [header for header in self.headers if guess(header.text) == ORDER]
        hint = f" Column {_name(near[0])} may be meant: rename it to order." if near else ""
        return (
            "No column holds the order ID: name its header order, or say in a mapping file which one it is "
            f'("Our ref" = "order").{hint}'
        )

    def _warn(self, feeds: tuple[Feed, ...], constants: tuple[Constant, ...]) -> None:
        fed = {feed.field for feed in feeds} | {constant.field for constant in constants}
        for comment in COMMENT_FIELDS:
            if REPLACE_FLAGS[comment] in fed and comment not in fed:
                self.warnings.append(
                    f"{REPLACE_FLAGS[comment]} is given, but nothing feeds {comment}: "
                    "there is no text to replace by."
                )
        if fed == {ORDER}:
            self.warnings.append(
                "Nothing but the order ID is recognised, so no row asks for anything: map a column, "
                'or give a text for all rows with --set internalComment="…".'
            )
        for constant in constants:
            if (
                constant.field.startswith(ATTRIBUTE_PREFIX)
                and isinstance(constant.value, str)
                and is_truth_word(constant.value)
            ):
                self.warnings.append(
                    f'{constant.field} is set to the text "{constant.value}". Where the shop has a yes/no '
                    'element, it expects "1" or "0".'
                )


def _find(headers: Iterable[Header], text: str) -> list[Header]:
    """Find the headers that a text names: those that are exactly it, else those that fold to the same."""
    named = [header for header in headers if header.text]
    exact = [header for header in named if header.text == text.strip()]
    return exact or [header for header in named if fold(text) and fold(header.text) == fold(text)]


def _nearest(headers: Iterable[Header], text: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(text, [header.text for header in headers if header.text], n=1, cutoff=0.7)
    return f' (did you mean "{near[0]}"?)' if near else ""


def _name(column: Header | Feed) -> str:
    text = column.header if isinstance(column, Feed) else column.text
    return f'{column.letters} "{text}"'
