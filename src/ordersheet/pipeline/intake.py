"""The first pass: load and map every row, count everything, and keep what is to be sent on disk.

Whatever refuses the file does so here, before the first byte leaves.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, cast

from ordersheet import mapping
from ordersheet.core.errors import LedgerError, SourceError, UsageError
from ordersheet.core.fingerprint import mark_of
from ordersheet.core.history.orderbook import Policy
from ordersheet.core.model import LeftOut, Outcome, Problem
from ordersheet.loader import empty_table, open_frame, open_table
from ordersheet.mapping import mapper
from ordersheet.pipeline.staging import CalledOk, Staging

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from ordersheet.config.settings import Settings
    from ordersheet.core.model import OrderUpdate, Row
    from ordersheet.loader import Table
    from ordersheet.mapping import ColumnMap

MOST_PROBLEMS = 1000
"""How many problems are kept as such; beyond, they are only counted."""
MOST_GROUPS = 50
"""How many kinds of problems are told apart by their words; beyond, by their code alone."""
FIRST_CELLS = 5
"""How many addresses fit on a line."""
Reading: TypeAlias = Callable[[], AbstractContextManager[Callable[[int], None]]]
"""Entered while a file is read; what it gives is told how many rows have been."""
Noting: TypeAlias = Callable[[Problem, str], None]
"""Told each problem of a file, and what tells its kind from others."""
_TOLD_EVERY = 1000
_GUESSED = "letters"
"""What `TableFacts.encoding_from` says of an encoding that the file's letters alone speak for."""
_DIGITS = re.compile(r"[0-9]+")


@dataclass(slots=True)
class ProblemGroup:
    """All problems of one kind."""

    kind: str
    """What tells it from other kinds; of use to compare alone."""
    code: str
    message: str
    """The first one's words."""
    count: int = 0
    cells: list[str] = field(default_factory=list)
    """The addresses of the first few."""
    shown: list[str] = field(default_factory=list)
    """What these cells show."""


@dataclass(slots=True)
class IntakeCounts:
    """What the first pass counts."""

    rows: int = 0
    """Data rows in the file."""
    hidden: int = 0
    operations: Counter[str] = field(default_factory=Counter)
    """By kind: append, replace, set, clear."""
    left_out: Counter[str] = field(default_factory=Counter)
    """By outcome."""
    problems: list[Problem] = field(default_factory=list)
    groups: dict[str, ProblemGroup] = field(default_factory=dict)
    examples: dict[int, str] = field(default_factory=dict)
    """By column: the first filled cell, as read."""
    customer_visible: int = 0
    """Texts that customers may see."""
    called_ok: int = 0
    """Rows that the file, as an earlier report, calls ok."""
    edited_ok: list[int] = field(default_factory=list)
    """Those among them that are known to have been changed since."""
    noting: Noting | None = None
    """Told each problem and its kind, those too that are not kept."""

    @property
    def invalid(self) -> int:
        """How many rows have problems."""
        return self.left_out[Outcome.INVALID.value]

    def note(self, problem: Problem) -> None:
        """Count a problem, and keep the first ones."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)
        kind = _kind(problem)
        if kind not in self.groups and len(self.groups) >= MOST_GROUPS:
            kind = problem.code
        group = self.groups.setdefault(kind, ProblemGroup(kind, problem.code, problem.message))
        group.count += 1
        if self.noting is not None:
            self.noting(problem, kind)
        if len(group.cells) < FIRST_CELLS:
            group.cells.append(problem.cell or f"row {problem.row}")
            group.shown.append(problem.value or "")


def _kind(problem: Problem) -> str:
    """Give what problems of one kind share: the code, and the words apart from the cell's own text."""
    words = problem.message.replace(problem.value, "…") if problem.value else problem.message
    return f"{problem.code}: {_DIGITS.sub('0', words)}"


@dataclass(slots=True)
class Prepared:
    """A file that was read to its end once, and what it asks for."""

    path: Path | None
    """The input; None for a frame."""
    frame: Any
    table: Table
    column_map: ColumnMap
    staging: Staging
    tally: IntakeCounts
    notes: tuple[str, ...]
    """Sentences about what columns hold, such as one of yes and no words that is sent as text."""

    @property
    def name(self) -> str:
        """The input's name, for people."""
        return self.path.name if self.path is not None else "the frame"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.staging.close()


def policy_of(settings: Settings) -> Policy:
    """Give the settings that bear on what is already done."""
    return Policy(
        batch=settings.batch,
        again=settings.again,
        retry_no=settings.retry_no,
        duplicates=cast("Literal['skip', 'send', 'refuse']", settings.duplicates),
    )


def prepare(
    source: object, settings: Settings, reading: Reading | None = None, noting: Noting | None = None
) -> Prepared:
    """Read, map and count a whole file or frame.

    Args:
        source: a path, or a pandas DataFrame.
        settings: what was decided about reading and mapping.
        reading: entered while the file is read, and told how many rows have been, every thousand.
        noting: told each problem; only the first ones are kept.

    Raises:
        SourceError: where the file cannot be read as one table without guessing.
        MappingError: with all faults of the mapping.
    """
    path = Path(source) if isinstance(source, str | Path) else None
    if path is None:
        _refuse_options_of_files(settings)
    if path is not None and settings.allow_empty and (empty := empty_table(path)) is not None:
        staging = Staging()
        staging.seal()
        return Prepared(path, None, empty, mapping.ColumnMap(()), staging, IntakeCounts(), ())
    file = mapping.read_mapping_file(settings.mapping) if settings.mapping is not None else None
    is_id_header = mapping.id_header_test(file)
    table = (
        _open(path, settings, is_id_header)
        if path is not None
        else open_frame(cast("pd.DataFrame", source), is_id_header=is_id_header)
    )
    column_map = mapping.resolve(
        table.headers,
        file=file,
        constants=mapping.parse_constants(settings.set),
        only_columns=settings.only_columns,
        result_columns=table.facts.result_columns,
        skip_hidden=settings.hidden == "skip",
    )
    # A hidden guard is no secret: it sends nothing, and an exported sheet hides its own.
    unseen = {header.column for header in table.headers if header.hidden}
    guards = {feed.column for feed in column_map.guards}
    table.refuse(column_map.columns - (guards & unseen), hidden=settings.hidden)
    staging = Staging()
    try:
        with nullcontext(_tell_nobody) if reading is None else reading() as read:
            tally = IntakeCounts(noting=noting)
            notes = _first_pass(table, column_map, staging, settings, read, tally)
    except BaseException:
        staging.close()
        raise
    return Prepared(path, source if path is None else None, table, column_map, staging, tally, notes)


def _refuse_options_of_files(settings: Settings) -> None:
    """Refuse what was asked for by name and a frame cannot have, rather than do nothing about it."""
    for name in ("sheet", "encoding", "delimiter"):
        if settings.sources.get(name) == f"--{name}":
            raise UsageError(f"A frame has no {name}. Leave --{name} out.", code="not-a-file")


def _open(path: Path, settings: Settings, is_id_header: Callable[[str], bool]) -> Table:
    """Open a file; a report whose encoding is a guess is read as its input was, where the ledger knows it."""
    read = partial(
        open_table, path, is_id_header=is_id_header, sheet=settings.sheet, delimiter=settings.delimiter
    )
    table = read(encoding=settings.encoding)
    facts = table.facts
    if facts.result_columns and facts.encoding_from == _GUESSED:
        known = _encoding_of_input(path, settings)
        if known is not None and known != facts.encoding:
            # Where somebody saved it in yet another one, what its letters say counts.
            with suppress(SourceError):
                return read(encoding=known)
    return table


def _encoding_of_input(path: Path, settings: Settings) -> str | None:
    if not settings.ledger.exists():
        return None
    from ordersheet.ledger import Ledger

    # Whatever is wrong with the ledger is told where it is needed.
    with suppress(LedgerError), Ledger.open(settings.ledger, create=False, read_only=True) as ledger:
        return ledger.encoding_of_report(path)
    return None


def _tell_nobody(_rows: int) -> None:
    pass


def _first_pass(
    table: Table,
    column_map: ColumnMap,
    staging: Staging,
    settings: Settings,
    read: Callable[[int], None],
    tally: IntakeCounts,
) -> tuple[str, ...]:
    truths, dates = mapping.TruthWatch(column_map), mapping.DateWatch(column_map)
    results = table.facts.result_columns
    columns = column_map.columns | set(results or ())
    for row in table.rows(columns):
        tally.rows += 1
        if tally.rows % _TOLD_EVERY == 0:
            read(tally.rows)
        apart = _left_apart(row, tally, settings)
        if apart is not None:
            staging.add(LeftOut(row.number, Outcome.NOT_SENT, apart, on_purpose=True))
            tally.left_out[Outcome.NOT_SENT.value] += 1
            continue
        said = _called_ok(row, results) if results else None
        tally.called_ok += said is not None
        truths.see(row)
        dates.see(row)
        if len(tally.examples) < len(column_map.columns):
            _take_examples(row, tally)
        item = _mapped(row, column_map, table, settings)
        staging.add(item, said=said)
        if isinstance(item, LeftOut):
            tally.left_out[item.outcome.value] += 1
            for problem in item.problems:
                tally.note(problem)
            continue
        for operation in item.operations:
            tally.operations[operation.kind.value] += 1
            tally.customer_visible += operation.for_customers
    staging.seal()
    if tally.rows == 0 and not settings.allow_empty:
        raise SourceError(
            "The file has a header row but no data rows. Where that is meant to happen, add --allow-empty.",
            code="no-rows",
        )
    return (*(_truth_note(header) for header in truths.found()), *dates.found())


def _truth_note(header: str) -> str:
    return (
        f'"{header}" holds only yes/no words and is sent as text. '
        'A mapping file can say type = "bool" or "bool01".'
    )


def updates_of(prepared: Prepared, settings: Settings) -> Iterator[OrderUpdate]:
    """Read a source once more, and give what each row without a problem asks for."""
    tally = IntakeCounts()
    for row in prepared.table.rows(prepared.column_map.columns):
        tally.rows += 1
        if _left_apart(row, tally, settings) is None:
            item = _mapped(row, prepared.column_map, prepared.table, settings)
            if not isinstance(item, LeftOut):
                yield item


def _mapped(row: Row, column_map: ColumnMap, table: Table, settings: Settings) -> OrderUpdate | LeftOut:
    item = mapper.map_row(row, column_map, sheet=table.facts.sheet)
    if isinstance(item, LeftOut) and item.problems and table.facts.form == "frame":
        # A frame has columns with names, and no cells with addresses.
        item = replace(item, message=" ".join(_of_column(problem) for problem in item.problems))
    if settings.allow_empty_rows and isinstance(item, LeftOut):
        return replace(item, on_purpose=item.outcome is Outcome.NOTHING_TO_UPDATE)
    return item


def _of_column(problem: Problem) -> str:
    return f'"{problem.column}": {problem.message}' if problem.column is not None else problem.message


def _left_apart(row: Row, tally: IntakeCounts, settings: Settings) -> str | None:
    """Say why a row is left out on purpose; None where it is not."""
    if row.hidden:
        tally.hidden += 1
        if settings.hidden == "skip":
            return "Hidden in the sheet, and skipped as --hidden skip says."
    if settings.limit is not None and tally.rows > settings.limit:
        return f"Beyond the first {settings.limit} rows, which --limit chose."
    if settings.rows is not None and row.number not in settings.rows:
        return "Not among the rows that --rows chose."
    return None


def _called_ok(row: Row, results: Sequence[int]) -> CalledOk | None:
    """Read what the file, as an earlier report, says of a row that it calls ok; None where it does not."""
    said = (row.cells[column].shown if column in row.cells else "" for column in results)
    status, outcome, message, time = said
    done = status == "ok" and outcome not in (Outcome.UNDONE, Outcome.NOTHING_TO_UNDO)
    return CalledOk(mark_of(message), _moment(time)) if done else None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _take_examples(row: Row, tally: IntakeCounts) -> None:
    for column, cell in row.cells.items():
        if cell.shown and cell.problem is None:
            tally.examples.setdefault(column, cell.shown)


def refuse_missing_rows(prepared: Prepared, settings: Settings) -> None:
    """Refuse numbers in --rows that name no data row.

    Raises:
        UsageError: where none of the chosen rows is a data row.
    """
    chosen = prepared.tally.rows - prepared.tally.left_out[Outcome.NOT_SENT.value]
    if settings.rows is not None and prepared.tally.rows and not chosen:
        first = prepared.table.facts.header_row + 1
        raise UsageError(
            f"None of the rows that --rows names is a data row. The data begins in row {first}.",
            code="no-such-rows",
        )
