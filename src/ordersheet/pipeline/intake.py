"""The first pass: load and map every row, count everything, and keep what is to be sent on disk.

Whatever refuses the file does so here, before the first byte leaves.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, cast

from ordersheet import mapping
from ordersheet.core.errors import SourceError, UsageError
from ordersheet.core.history.orderbook import Policy
from ordersheet.core.model import LeftOut, Outcome, Problem
from ordersheet.loader import open_frame, open_table
from ordersheet.mapping import mapper
from ordersheet.pipeline.staging import Staging

if TYPE_CHECKING:
    import pandas as pd

    from ordersheet.config.settings import Settings
    from ordersheet.core.model import Row
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
_TOLD_EVERY = 1000
_DIGITS = re.compile(r"[0-9]+")


@dataclass(slots=True)
class ProblemGroup:
    """All problems of one kind."""

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
        group = self.groups.setdefault(kind, ProblemGroup(problem.code, problem.message))
        group.count += 1
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


def prepare(source: object, settings: Settings, reading: Reading | None = None) -> Prepared:
    """Read, map and count a whole file or frame.

    Args:
        source: a path, or a pandas DataFrame.
        settings: what was decided about reading and mapping.
        reading: entered while the file is read, and told how many rows have been, every thousand.

    Raises:
        SourceError: where the file cannot be read as one table without guessing.
        MappingError: with all faults of the mapping.
    """
    file = mapping.read_mapping_file(settings.mapping) if settings.mapping is not None else None
    is_id_header = mapping.id_header_test(file)
    path = Path(source) if isinstance(source, str | Path) else None
    table = (
        open_table(
            path,
            is_id_header=is_id_header,
            sheet=settings.sheet,
            encoding=settings.encoding,
            delimiter=settings.delimiter,
        )
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
    table.refuse(column_map.columns, hidden=settings.hidden)
    staging = Staging()
    try:
        with nullcontext(_tell_nobody) if reading is None else reading() as read:
            tally, notes = _first_pass(table, column_map, staging, settings, read)
    except BaseException:
        staging.close()
        raise
    return Prepared(path, source if path is None else None, table, column_map, staging, tally, notes)


def _tell_nobody(_rows: int) -> None:
    pass


def _first_pass(
    table: Table,
    column_map: ColumnMap,
    staging: Staging,
    settings: Settings,
    read: Callable[[int], None],
) -> tuple[IntakeCounts, tuple[str, ...]]:
    tally = IntakeCounts()
    truths, dates = mapping.TruthWatch(column_map), mapping.DateWatch(column_map)
    status = table.facts.result_columns[0] if table.facts.result_columns else None
    columns = column_map.columns | ({status} if status is not None else set())
    sheet = table.facts.sheet
    for row in table.rows(columns):
        tally.rows += 1
        if tally.rows % _TOLD_EVERY == 0:
            read(tally.rows)
        apart = _left_apart(row, tally, settings)
        if apart is not None:
            staging.add(LeftOut(row.number, Outcome.NOT_SENT, apart))
            tally.left_out[Outcome.NOT_SENT.value] += 1
            continue
        said_ok = status is not None and status in row.cells and row.cells[status].shown == "ok"
        tally.called_ok += said_ok
        truths.see(row)
        dates.see(row)
        if len(tally.examples) < len(column_map.columns):
            _take_examples(row, tally)
        item = mapper.map_row(row, column_map, sheet=sheet)
        staging.add(item, said_ok=said_ok)
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
    return tally, (*(_truth_note(header) for header in truths.found()), *dates.found())


def _truth_note(header: str) -> str:
    return (
        f'"{header}" holds only yes/no words and is sent as text. '
        'A mapping file can say type = "bool" or "bool01".'
    )


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
