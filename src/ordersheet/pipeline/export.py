"""Orders of the shop as a sheet: to look at, to fill in, and to send."""

from __future__ import annotations

import json
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import IO, TYPE_CHECKING, Self

from ordersheet.api import parse_date
from ordersheet.core.errors import UsageError, no_temporary_room
from ordersheet.core.model import ATTRIBUTE_PREFIX, COMMENT_FIELDS, NOT_READ, RequestCounts
from ordersheet.core.values import shown_value
from ordersheet.mapping import id_header_test
from ordersheet.mapping.faults import ValueFault
from ordersheet.mapping.headers import guard_header, is_guard_header
from ordersheet.mapping.order_ids import order_id
from ordersheet.pipeline.guards import editable
from ordersheet.pipeline.online import read_access, refuse_unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ordersheet.api import ListedOrder
    from ordersheet.config.settings import Settings
    from ordersheet.core.stop_switch import StopSwitch
    from ordersheet.delivery.reading.orders import ReadEnd
    from ordersheet.pipeline.intake import Reading

SUFFIXES = (".xlsx", ".csv")
_FACTS = ("Order ID", "Order date", "Status", "Market")
_TO_FILL = (
    "Internal comment",
    "Replace internal comment",
    "Customer comment",
    "Replace customer comment",
)
_NOW = ("now: Internal comment", "now: Customer comment")
_WIDTHS = {"Order ID": 14, "Order date": 20, "Status": 12, "Market": 10}
_WIDTH = 30
_MOST_ATTRIBUTES = 100


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which orders are exported, and what of them."""

    newer_than: datetime | None = None
    """In the shop's time zone; None for no bound. Likewise `older_than`."""
    older_than: datetime | None = None
    orders: Path | None = None
    """A sheet that names them; then no list is walked through."""
    status: str | None = None
    fields: tuple[str, ...] = ()
    """Further fields of an order, by the names of the API's answer, dotted for nested ones."""
    edit: str | None = None
    """The comment that is to be edited in the sheet: its column holds what stands, and is guarded."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export came to."""

    path: Path
    orders: int
    missing: int
    """Orders that the sheet named and no answer held."""
    as_of: datetime
    """When it began (UTC): what was written since may be missing."""
    requests: RequestCounts
    notes: tuple[str, ...] = ()


def parse_moment(value: object) -> datetime:
    """Read `--newer-than` and `--older-than`: a date, or a date with a time.

    Raises:
        ValueError: it is neither.
    """
    text = str(value).strip()
    found = parse_date(text) or parse_date(f"{text}:00")
    if found is None:
        raise ValueError("must be a date such as 2026-11-27, or with a time: 2026-11-27 14:30")
    return found


def parse_edit(value: object) -> str:
    """Read `--edit`: the comment that is to be edited.

    Raises:
        ValueError: it is none.
    """
    found = next((name for name in COMMENT_FIELDS if name.lower() == str(value).strip().lower()), None)
    if found is None:
        raise ValueError(f"must be {' or '.join(COMMENT_FIELDS)}")
    return found


def export(
    target: Path,
    settings: Settings,
    chosen: Chosen,
    *,
    looking: Reading | None = None,
    stop: StopSwitch | None = None,
) -> Exported:
    """Write orders of the shop into a new workbook or CSV.

    The orders come page by page into a temporary file, so that a shop's million fits in memory; the sheet is
    there whole or not at all.

    Args:
        target: the new file, .xlsx or .csv.
        settings: address, key, rate and the like; `overwrite`.
        chosen: which orders, and what of them.
        looking: entered while orders are read, and told how many have been.
        stop: how a signal ends it.

    Raises:
        UsageError: the place is taken, the choice makes no sense, or orders cannot be read.
        Interrupted: a signal ended it; no file was written.
    """
    _refuse(target, settings, chosen)
    wanted = _ids_of(chosen.orders, settings) if chosen.orders is not None else None
    began = datetime.now(UTC)
    with _Kept(chosen, csv=target.suffix.lower() == ".csv") as kept:
        end, missing = _read(settings, chosen, wanted, kept, looking, stop)
        path = _write(target, kept)
    unread = [f"{len(end.unread):,} orders could not be read."] if end.unread else []
    notes = (*end.warnings, *unread, *([_not_to_edit(kept.unfit)] if kept.unfit else []))
    return Exported(path, kept.count, missing, began, end.requests, notes)


def _refuse(target: Path, settings: Settings, chosen: Chosen) -> None:
    if target.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{target} must end in .xlsx or .csv.", code="export-path")
    if target.exists() and not settings.overwrite:
        raise UsageError(f"{target} exists already. Choose another name, or add --overwrite.", code="exists")
    if chosen.newer_than and chosen.older_than and chosen.newer_than >= chosen.older_than:
        raise UsageError(
            "--older-than is not after --newer-than, so no order can lie between them. Exchange them.",
            code="bad-setting",
        )
    if chosen.orders is not None and (chosen.newer_than or chosen.older_than):
        raise UsageError(
            "--orders names the orders, so --newer-than and --older-than have no meaning beside it.",
            code="bad-setting",
        )


def _ids_of(path: Path, settings: Settings) -> list[int]:
    """Read the order IDs of a sheet, each once.

    Raises:
        UsageError: a cell of the ID column holds none.
    """
    from ordersheet.loader import open_table

    is_id_header = id_header_test(None)
    table = open_table(
        path,
        is_id_header=is_id_header,
        sheet=settings.sheet,
        encoding=settings.encoding,
        delimiter=settings.delimiter,
    )
    column = next(header.column for header in table.headers if is_id_header(header.text))
    found: dict[int, None] = {}
    for row in table.rows({column}):
        cell = row.cells.get(column)
        if cell is not None and cell.problem is not None:
            raise UsageError(f"{path}, row {row.number}: {cell.problem}.", code="bad-order-id")
        if cell is None or not cell.shown:
            continue
        try:
            found[order_id(cell)] = None
        except ValueFault as fault:
            raise UsageError(f"{path}, row {row.number}: {fault}.", code="bad-order-id") from None
    if not found:
        raise UsageError(f"{path} names no order.", code="no-rows")
    return list(found)


def _read(
    settings: Settings,
    chosen: Chosen,
    wanted: list[int] | None,
    kept: _Kept,
    looking: Reading | None,
    stop: StopSwitch | None,
) -> tuple[ReadEnd, int]:
    from ordersheet.delivery import run_in_thread
    from ordersheet.delivery.reading.orders import read_orders
    from ordersheet.delivery.reading.walk import walk_list

    missing: list[int] = []

    def found(order: int, one: ListedOrder | None) -> None:
        if one is None:
            missing.append(order)
        else:
            kept.add(one)

    with nullcontext() if looking is None else looking() as told:
        access = read_access(
            settings,
            tell=(lambda progress: told(progress.done)) if told is not None else None,
            stop=stop,
            fields=chosen.fields,
        )
        access.stop.armed = True
        if wanted is not None:
            end = run_in_thread(lambda: read_orders(wanted, access, found), access.stop)
        else:
            walk = partial(
                walk_list, access, kept.add, newer_than=chosen.newer_than, older_than=chosen.older_than
            )
            end = run_in_thread(walk, access.stop)
    refuse_unreadable(end, access.stop, read=kept.count + len(missing))
    return end, len(missing)


class _Kept:
    """The orders that were read, as lines of a temporary file of the user's own."""

    def __init__(self, chosen: Chosen, *, csv: bool) -> None:
        self._edit = chosen.edit
        self._csv = csv
        self.unfit = 0
        """Orders whose comment cannot be edited in a sheet of this form."""
        self._status = chosen.status
        self._fields = chosen.fields
        self._file: IO[str] = tempfile.TemporaryFile(  # noqa: SIM115 - closed with this
            "w+", encoding="utf-8", prefix="ordersheet-"
        )
        self.count = 0
        self.attributes: dict[str, None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, one: ListedOrder) -> None:
        """Keep an order, if its status is wanted."""
        if self._status is not None and one.status.lower() != self._status.lower():
            return
        attributes = {key: shown_value(value) for key, value in (one.attributes or {}).items()}
        if len(self.attributes) < _MOST_ATTRIBUTES:
            self.attributes.update(dict.fromkeys(attributes))
        date = "" if one.date is None else f"{one.date:%Y-%m-%d %H:%M:%S}"
        facts = [str(one.order), date, one.status, one.market]
        now = [one.comments.get("internalComment") or "", one.comments.get("comment") or ""]
        further = [one.fields.get(name, "") for name in self._fields]
        filled, guard = self._to_edit(one)
        try:
            self._file.write(json.dumps([facts, filled, now, attributes, further, guard]) + "\n")
        except OSError as error:
            raise no_temporary_room(tempfile.gettempdir(), error) from error
        self.count += 1

    def _to_edit(self, one: ListedOrder) -> tuple[list[str], list[str]]:
        """Give the cells to fill in, and the guard's: blank, but for the comment that is to be edited."""
        if self._edit is None:
            return [""] * len(_TO_FILL), []
        held = one.comments.get(self._edit)
        if held is None or not editable(held, csv=self._csv):
            self.unfit += 1
            return [""] * len(_TO_FILL), [NOT_READ]
        text = held if held.strip() else ""
        cells = [[text, "yes"] if name == self._edit else ["", ""] for name in COMMENT_FIELDS]
        return [cell for pair in cells for cell in pair], [text]

    def lines(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Give row numbers and texts, in the order in which the orders came."""
        self._file.seek(0)
        keys = tuple(self.attributes)
        for row, line in enumerate(self._file, start=2):
            facts, filled, now, attributes, further, guard = json.loads(line)
            to_set = [""] * len(keys)
            held = [attributes.get(key, "") for key in keys]
            yield row, (*facts, *filled, *to_set, *now, *held, *further, *guard)

    def headers(self) -> tuple[str, ...]:
        """Give the headers of these texts."""
        named = [f"attr:{key.removeprefix(ATTRIBUTE_PREFIX)}" for key in self.attributes]
        shown = [f"now: {name}" for name in named]
        further = [f"now: {name}" for name in self._fields]
        guard = [] if self._edit is None else [guard_header(self._edit)]
        return (*_FACTS, *_TO_FILL, *named, *_NOW, *shown, *further, *guard)


def _write(target: Path, kept: _Kept) -> Path:
    from ordersheet import reporter

    headers = kept.headers()
    widths = tuple(_WIDTHS.get(header, _WIDTH) for header in headers)
    hidden = [column for column, header in enumerate(headers) if is_guard_header(header)]
    return reporter.write_table(target, headers, widths, kept.lines(), sheet="Orders", hidden=hidden).path


def _not_to_edit(number: int) -> str:
    return (
        f"Of {number:,} orders the comment does not stand in the sheet: the answer does not show it, or a "
        "cell cannot hold it just as it is (in a CSV also what begins like a formula). Their guard says "
        f"{NOT_READ}."
    )
