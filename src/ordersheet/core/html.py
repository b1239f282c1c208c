"""A result as a notebook shows it: a small table, every text in it made harmless."""

from __future__ import annotations

from html import escape
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ordersheet.core.model import RowResult
    from ordersheet.core.summary import RunSummary

_FIRST_ROWS = 10
_LONGEST = 160


def result_table(summary: RunSummary, counts: str, rows: Iterable[RowResult]) -> str:
    """Give the table: what it came to, columns that are not sent, and the first rows that are not ok.

    Args:
        summary: every figure of the run.
        counts: how many rows are ok and no, in words.
        rows: each row's result; read no further than needed.
    """
    return "\n".join(_lines(summary, counts, rows))


def _lines(summary: RunSummary, counts: str, rows: Iterable[RowResult]) -> Iterator[str]:
    run = f" (run {summary.run})" if summary.run else ""
    yield f"<p><b>{escape(summary.command)}: {escape(counts)}</b>{escape(run)}</p>"
    if summary.not_sent:
        names = ", ".join(
            f'"{one.header}"' + (f' (did you mean "{one.guess}"?)' if one.guess else "")
            for one in summary.not_sent
        )
        yield f"<p>Not sent: {escape(names)}</p>"
    yield from _table(("outcome", "rows"), ((outcome, f"{n:,}") for outcome, n in summary.outcomes.items()))
    number = summary.status.get("no", 0) - summary.left_out
    if number > 0:
        amiss = (row for row in rows if row.status == "no" and not row.left_out)
        cells = ((str(row.row), row.order, row.outcome.value, row.message) for row in amiss)
        yield from _table(("row", "order", "outcome", "message"), islice(cells, _FIRST_ROWS))
        if number > _FIRST_ROWS:
            yield f"<p>and {number - _FIRST_ROWS:,} more: .rows, .to_frame()</p>"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    body = "".join(f"<tr>{''.join(f'<td>{_cell(text)}</td>' for text in row)}</tr>" for row in rows)
    if body:
        names = "".join(f"<th>{name}</th>" for name in head)
        yield f"<table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>"


def _cell(text: str) -> str:
    return escape(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")
