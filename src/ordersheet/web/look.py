"""A look at a file in the background: columns, rows, and what a send would do, as soon as each is known."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ordersheet import mapping
from ordersheet.core.errors import OrdersheetError, SourceError
from ordersheet.core.model import ATTRIBUTE_PREFIX, CUSTOMER_FIELD, ORDER
from ordersheet.loader import open_table
from ordersheet.mapping.columns import ColumnMap, Feed, to_toml
from ordersheet.mapping.headers import fold, guarded_field, recognise
from ordersheet.mapping.values import READ_AS_TEXT
from ordersheet.pipeline.check import check
from ordersheet.reporter.cells import write_cells
from ordersheet.web.private import write_private
from ordersheet.web.sheet_store import SheetStore
from ordersheet.web.uploads import refuse_empty, sentence_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from ordersheet.config.settings import Settings
    from ordersheet.core.errors import EncodingChoice
    from ordersheet.core.model import Header, TableFacts
    from ordersheet.core.stop_switch import StopSwitch
    from ordersheet.loader import Table
    from ordersheet.pipeline.intake import ProblemGroup
    from ordersheet.pipeline.online import Online
    from ordersheet.pipeline.preview import Preview
    from ordersheet.web.uploads import Choices, Upload

READING, CHECKING, DONE = "reading", "checking", "done"
DISK_FULL = "disk-full"
"""The word of the errors that are over once there is room again."""
_MOST_CANDIDATES = 40
_LONGEST_CANDIDATE = 60
"""Characters that fit a line."""
_SHOWN_EVERY = 5000


@dataclass(frozen=True, slots=True)
class ShownColumn:
    """One column of the sheet, and what it feeds."""

    column: int
    letters: str
    header: str
    example: str
    share: float
    """The share of data rows in which it is filled, 0 to 1."""
    field: str
    """What it feeds; `""` where it is not sent."""
    hidden: bool
    note: str = ""
    """Why it is not sent, where something is in it."""
    guards: str = ""
    """The field of which it says what must stand in the order before it is changed."""

    @property
    def for_customers(self) -> bool:
        """Whether customers may see what it says."""
        return self.field == CUSTOMER_FIELD

    @property
    def key(self) -> str:
        """The attribute's key, where it feeds one."""
        return self.field.removeprefix(ATTRIBUTE_PREFIX) if self.field.startswith(ATTRIBUTE_PREFIX) else ""


@dataclass(frozen=True, slots=True)
class FoundChanges:
    """What a check counted."""

    preview: Preview
    groups: tuple[ProblemGroup, ...]
    hidden: int


@dataclass(frozen=True, slots=True)
class Look:
    """How far a look at a file has come, and what it found."""

    choices: Choices
    stage: str = READING
    read: int = 0
    """Rows that have been read."""
    facts: TableFacts | None = None
    columns: tuple[ShownColumn, ...] = ()
    store: SheetStore | None = None
    found: FoundChanges | None = None
    error: str | None = None
    """Why nothing can be sent as it stands, in one sentence."""
    code: str = ""
    """The error's word."""
    encodings: tuple[EncodingChoice, ...] = ()
    sheets: tuple[str, ...] = ()
    """The names of a workbook's sheets."""
    candidates: tuple[str, ...] = ()
    """Headers among which a person may choose the one of the order IDs."""
    looking: bool = False
    """Whether orders are being read."""
    looked: int = 0
    """Orders that have been read."""
    online: Online | None = None
    """What stands in the orders, where that was asked for."""
    online_error: str | None = None

    @property
    def done(self) -> bool:
        """Whether all is known that there is to know."""
        return self.stage == DONE

    @property
    def ready(self) -> bool:
        """Whether something can be sent."""
        return self.done and self.error is None and self.found is not None and self.found.preview.to_send > 0


class Looker:
    """Looks at one file; each step is published as soon as it is made."""

    def __init__(
        self,
        upload: Upload,
        settings_of: Callable[[Mapping[str, object]], Settings],
        publish: Callable[[Look], None],
        saved_mapping: Callable[[Iterable[str]], tuple[str, dict[str, str]] | None],
        before: Look | None = None,
        *,
        online: bool = False,
        stop: StopSwitch | None = None,
    ) -> None:
        """Prepare a look.

        Args:
            upload: the file with what was chosen for it.
            settings_of: resolves settings.
            publish: takes each state.
            saved_mapping: finds a saved mapping by headers: its name, and each header's field.
            before: the look before, whose rows stay where nothing about reading has changed.
            online: read the orders, too, once all else is known.
            stop: ends the reading of orders.
        """
        self._upload = upload
        self._settings_of = settings_of
        self._publish = publish
        self._saved_mapping = saved_mapping
        self._look = Look(upload.choices)
        self._before = before
        self._online = online
        self._stop = stop
        self.adopted: tuple[str, dict[str, str]] | None = None
        """A saved mapping that fits the headers and was taken."""

    def run(self) -> None:
        """Look at the file from end to end."""
        try:
            refuse_empty(self._upload)
            self._read()
            self._check()
        except OrdersheetError as error:
            self._failed(error)
        self._tell(stage=DONE)
        if self._online and self._look.ready:
            self._read_orders()

    def _tell(self, **changes: object) -> None:
        self._look = replace(self._look, **changes)  # type: ignore[arg-type]
        self._publish(self._look)

    def _failed(self, error: OrdersheetError) -> None:
        encodings: tuple[EncodingChoice, ...] = ()
        sheets = self._look.sheets
        if isinstance(error, SourceError):
            encodings, sheets = error.choices, error.sheets or sheets
        candidates: tuple[str, ...] = ()
        if error.code in ("no-id-column", "two-id-columns") and self._look.facts is None:
            candidates = self._candidates()
        if error.code == DISK_FULL:
            # What could not be written is read anew, and not taken for all rows.
            self._look = replace(self._look, store=None)
        self._tell(
            error=sentence_of(error),
            code=error.code,
            encodings=encodings,
            candidates=candidates,
            sheets=sheets,
        )

    # ---- rows ----

    def _read(self) -> None:
        before = self._before
        if (
            before is not None
            and before.store is not None
            and _reads_alike(before.choices, self._look.choices)
        ):
            self._tell(
                facts=before.facts,
                sheets=before.sheets,
                columns=before.columns,
                store=before.store,
                read=before.read,
            )
            self._tell(columns=self._with_fields(before.columns))
            return
        table = self._open()
        self._adopt(table.headers)
        self._tell(
            facts=table.facts, sheets=table.facts.sheets, columns=self._with_fields(_plain_columns(table))
        )
        store = SheetStore(self._upload.folder / "rows.db")
        filled: Counter[int] = Counter()
        examples: dict[int, str] = {}
        for row in table.rows(None):
            store.add(row)
            for column, cell in row.cells.items():
                if cell.shown.strip():
                    filled[column] += 1
                    examples.setdefault(column, cell.shown)
            if store.rows and not self._look.store:
                self._tell(store=store, read=store.rows, columns=self._measured(examples, filled, store.rows))
            elif store.rows - self._look.read >= _SHOWN_EVERY:
                self._tell(read=store.rows)
        store.flush()
        self._tell(store=store, read=store.rows, columns=self._measured(examples, filled, store.rows))

    def _open(self) -> Table:
        upload, chosen = self._upload, self._look.choices
        table = self._open_path(upload.path)
        if not chosen.edits:
            return table
        write_cells(upload.path, table.facts, {one[:2]: one[2] for one in chosen.edits}, upload.edited)
        return self._open_path(upload.edited)

    def _open_path(self, path: Path) -> Table:
        chosen = self._look.choices
        own = {fold(header) for header, field in chosen.columns.items() if field == ORDER}
        return open_table(
            path,
            is_id_header=(lambda text: fold(text) in own) if own else mapping.id_header_test(None),
            sheet=chosen.sheet,
            encoding=chosen.encoding,
            delimiter=chosen.delimiter,
        )

    def _candidates(self) -> tuple[str, ...]:
        """Give the texts among the first rows that could be a header of order IDs."""
        seen: dict[str, None] = {}

        def note(text: str) -> bool:
            if text and len(text) <= _LONGEST_CANDIDATE and len(seen) < _MOST_CANDIDATES:
                seen.setdefault(text)
            return False

        chosen = self._look.choices
        with contextlib.suppress(OrdersheetError):
            open_table(
                self._upload.path,
                is_id_header=note,
                sheet=chosen.sheet,
                encoding=chosen.encoding,
                delimiter=chosen.delimiter,
            )
        return tuple(seen)

    # ---- columns ----

    def _adopt(self, headers: Iterable[Header]) -> None:
        """Take a saved mapping that fits, the first time."""
        if self._look.choices.columns or self._look.choices.mapping is not None:
            return
        self.adopted = self._saved_mapping([header.text for header in headers])
        if self.adopted is not None:
            name, columns = self.adopted
            self._look = replace(
                self._look, choices=replace(self._look.choices, columns=columns, mapping=name)
            )

    def _with_fields(self, columns: tuple[ShownColumn, ...]) -> tuple[ShownColumn, ...]:
        """Decide what each column feeds, and write it down for the pipeline where a person chose."""
        chosen = {fold(header): field for header, field in self._look.choices.columns.items()}
        fields = {
            one.column: "" if one.guards else chosen.get(fold(one.header), _recognised(one.header))
            for one in columns
        }
        taken = {chosen[fold(one.header)] for one in columns if fold(one.header) in chosen}
        seen: set[str] = set()
        for one in columns:
            field = fields[one.column]
            if field in seen or (fold(one.header) not in chosen and field in taken):
                fields[one.column] = ""
            seen.add(fields[one.column] or "-")
        shown = tuple(replace(one, field=fields[one.column]) for one in columns)
        if chosen:
            feeds = [Feed(one.field, one.column, one.header, READ_AS_TEXT) for one in shown if one.field]
            write_private(self._upload.mapping, to_toml(ColumnMap(tuple(feeds))))
        else:
            self._upload.mapping.unlink(missing_ok=True)
        return shown

    def _measured(
        self, examples: Mapping[int, str], filled: Mapping[int, int], rows: int
    ) -> tuple[ShownColumn, ...]:
        return tuple(
            replace(
                one, example=examples.get(one.column, "")[:80], share=filled.get(one.column, 0) / max(rows, 1)
            )
            for one in self._look.columns
        )

    # ---- changes ----

    def _check(self) -> None:
        self._tell(stage=CHECKING)
        store = self._look.store
        noting = store.begin_problems() if store is not None else None
        checked = check(self._upload.source, self._settings_of(self._flags()), noting=noting)
        tally = checked.prepared.tally
        if store is not None:
            store.end_problems(checked.left_out)
        notes = {one.column: one.reason for one in checked.preview.not_sent}
        columns = tuple(replace(one, note=notes.get(one.letters, "")) for one in self._look.columns)
        found = FoundChanges(checked.preview, tuple(tally.groups.values()), tally.hidden)
        self._tell(found=found, columns=columns)

    def _read_orders(self) -> None:
        self._tell(looking=True, looked=0)
        try:
            settings = self._settings_of({**self._flags(), "online": True})
            checked = check(
                self._upload.source, settings, looking=lambda: _Telling(self._looked), stop=self._stop
            )
            self._tell(online=checked.online, looking=False)
        except OrdersheetError as error:
            self._tell(online_error=sentence_of(error), looking=False)

    def _looked(self, orders: int) -> None:
        self._tell(looked=orders)

    def _flags(self) -> dict[str, object]:
        return replace(self._upload, choices=self._look.choices).flags()


class _Telling:
    """Told how many there have been."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell

    def __enter__(self) -> Callable[[int], None]:
        return self._tell

    def __exit__(self, *_: object) -> None:
        return None


def _reads_alike(one: Choices, other: Choices) -> bool:
    def what(choices: Choices) -> tuple[object, ...]:
        orders = sorted(header for header, field in choices.columns.items() if field == ORDER)
        return choices.sheet, choices.encoding, choices.delimiter, choices.edits, orders

    return what(one) == what(other)


def _plain_columns(table: Table) -> tuple[ShownColumn, ...]:
    return tuple(
        ShownColumn(
            one.column, one.letters, one.text, "", 0.0, "", one.hidden, guards=guarded_field(one.text) or ""
        )
        for one in table.headers
    )


def _recognised(header: str) -> str:
    return recognise(header) or ""
