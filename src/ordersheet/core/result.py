"""What a check or a send gives back at the Python API, and the object that --json prints."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from ordersheet.core.model import RESULT_COLUMNS, Outcome, RowResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    import pandas as pd

    from ordersheet.core.model import RowPayload, SentColumn, UnsentColumn
    from ordersheet.core.summary import RunSummary

_UNFINISHED = frozenset({Outcome.NOT_SENT, Outcome.NOT_APPLIED, Outcome.UNCONFIRMED})

SCHEMA = 1
"""The version of the JSON object; raised only when a key changes its meaning."""


@dataclass(frozen=True, repr=False)
class RunResult:
    """What a check or a send came to.

    Attributes:
        summary: every figure of the run, as --json prints it.
        read_rows: gives the result of each row in the source's order, each time anew.
        frame: the DataFrame that was the source; None for files.
        read_payloads: of a check, gives what each row asks for, each time anew; None for a send.
        extra_columns: of a check that read the orders, by header and row what stands and would stand there.
    """

    summary: RunSummary
    read_rows: Callable[[], Iterator[RowResult]]
    frame: Any = None
    read_payloads: Callable[[], Iterator[RowPayload]] | None = None
    extra_columns: Mapping[str, Mapping[int, str]] | None = None

    def __repr__(self) -> str:
        """Say what it came to in one short line."""
        run = f", run {self.run}" if self.run else ""
        return f"<RunResult of {self.summary.command}: {self._counts()}{run}>"

    def _counts(self) -> str:
        apart = f", {self.left_out:,} left out on purpose" if self.left_out else ""
        return f"{self.ok:,} ok, {self.no - self.left_out:,} no{apart}"

    def _repr_html_(self) -> str:
        """Show a small table in a notebook: what it came to, and the first rows that are not ok."""
        from ordersheet.core.html import result_table

        return result_table(self.summary, self._counts(), self.read_rows())

    @property
    def run(self) -> str | None:
        """The run's id; None for a check."""
        return self.summary.run

    @property
    def exit_code(self) -> int:
        """What the command would exit with (docs/contract.md)."""
        return self.summary.exit_code

    @property
    def ok(self) -> int:
        """How many rows are `ok`."""
        return self.summary.status.get("ok", 0)

    @property
    def no(self) -> int:
        """How many rows are `no`."""
        return self.summary.status.get("no", 0)

    @property
    def left_out(self) -> int:
        """How many of the rows that are `no` were left out on purpose."""
        return self.summary.left_out

    @property
    def columns(self) -> tuple[SentColumn, ...]:
        """What feeds each field: columns, and values that stand for every row."""
        return self.summary.columns

    @property
    def not_sent(self) -> tuple[UnsentColumn, ...]:
        """The columns that hold something and are not sent."""
        return self.summary.not_sent

    @property
    def customer_visible(self) -> int:
        """How many texts to send customers may see."""
        return self.summary.customer_visible

    @property
    def outcomes(self) -> Mapping[str, int]:
        """How many rows came to each outcome."""
        return self.summary.outcomes

    @property
    def report(self) -> Path | None:
        """Where the report lies; None where none was written."""
        from pathlib import Path

        return Path(self.summary.report) if self.summary.report else None

    @cached_property
    def rows(self) -> tuple[RowResult, ...]:
        """The result of each row, in the source's order; of a check, the rows that cannot be sent."""
        return tuple(self.read_rows())

    @cached_property
    def payloads(self) -> tuple[RowPayload, ...]:
        """Of a check, what each row without a problem asks for; read from the source anew.

        What an earlier run has done already is among it; `send` leaves that out.

        Raises:
            SourceError: where the file has changed since the check.
        """
        return tuple(self.read_payloads()) if self.read_payloads is not None else ()

    def to_frame(self) -> pd.DataFrame:
        """Give the results as a table.

        Returns:
            For a DataFrame as source, a copy of it with its index and order kept and the four result columns
            added (or replaced); for a file, one line for each row with its number and order. Of a check that
            read the orders, also what stands there now and what would stand, as `--preview` writes it.
        """
        import pandas as pd

        if self.frame is None:
            columns = ["row", "order", *RESULT_COLUMNS]
            if self.extra_columns is not None:
                return pd.DataFrame(self._lines_online(), columns=["row", *self.extra_columns])
            return pd.DataFrame([(row.row, row.order, *cells(row)) for row in self.rows], columns=columns)
        # A frame's data rows are numbered from 2: its column names are row 1, as in a sheet.
        by_row = {row.row: cells(row) for row in self.rows}
        blank = ("", "", "", "")
        lines = [by_row.get(number, blank) for number in range(2, len(self.frame) + 2)]
        given = self.frame.drop(columns=[name for name in RESULT_COLUMNS if name in self.frame.columns])
        added = {name: [line[index] for line in lines] for index, name in enumerate(RESULT_COLUMNS)}
        for name, texts in (self.extra_columns or {}).items():
            added[name] = [texts.get(number, "") for number in range(2, len(self.frame) + 2)]
        table: pd.DataFrame = given.assign(**added)
        return table

    def _lines_online(self) -> list[tuple[object, ...]]:
        """One line for each row that was looked at: its number, and what stands and would stand there."""
        columns = (self.extra_columns or {}).values()
        rows = sorted({row for texts in columns for row in texts})
        return [(row, *(texts.get(row, "") for texts in columns)) for row in rows]

    def to_json(self) -> str:
        """Give the object that --json prints, on one line."""
        return json.dumps(summary_object(self.summary))


def cells(row: RowResult) -> tuple[str, str, str, str]:
    """Give the texts of the four result columns."""
    return row.status, row.outcome.value, row.message, iso(row.time) or ""


def iso(moment: datetime | None) -> str | None:
    """A moment as the report writes it: ISO 8601, UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment is not None else None


def summary_object(summary: RunSummary) -> dict[str, Any]:
    """Turn a summary into the JSON object of docs/contract.md."""
    given = asdict(summary)
    given["columns"], given["not_sent"] = list(given["columns"]), list(given["not_sent"])
    given["problems"] = [
        {key: problem[key] for key in ("code", "sheet", "row", "column", "cell", "value", "message")}
        for problem in given["problems"]
    ]
    return {"schema": SCHEMA, **given}


class Counted(NamedTuple):
    """What the results of a run come to."""

    status: dict[str, int]
    outcomes: dict[str, int]
    amiss: int
    """Rows that make a finished run exit with 1."""
    unfinished: int
    """Rows for which running again can help."""
    left_out: int
    """Rows that were left out on purpose."""


def count(results: Iterable[RowResult]) -> Counted:
    """Count statuses and outcomes."""
    status = {"ok": 0, "no": 0}
    outcomes: dict[str, int] = {}
    amiss = unfinished = apart = 0
    kinds = Counter((result.outcome, result.left_out) for result in results)
    for (outcome, left_out), number in kinds.items():
        status["ok" if outcome.ok else "no"] += number
        apart += number if left_out else 0
        outcomes[outcome.value] = outcomes.get(outcome.value, 0) + number
        if (not outcome.ok and not left_out) or outcome is Outcome.APPLIED_TWICE:
            amiss += number
        if outcome in _UNFINISHED and not left_out:
            unfinished += number
    return Counted(status, outcomes, amiss, unfinished, apart)
