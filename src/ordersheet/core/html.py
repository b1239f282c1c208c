"""A result as a notebook shows it: a small table, every text in it made harmless."""

from __future__ import annotations

from html import escape
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ordersheet.core.result import RunResult

_FIRST_ROWS = 10
_LONGEST = 160


def result_table(result: RunResult, counts: str) -> str:
    """Give the table: what it came to, columns that are not sent, and the first rows that are not ok."""
    return "\n".join(_lines(result, counts))


def _lines(result: RunResult, counts: str) -> Iterator[str]:
    run = f" (run {result.run})" if result.run else ""
    yield f"<p><b>{escape(result.summary.command)}: {escape(counts)}</b>{escape(run)}</p>"
    if result.not_sent:
        names = ", ".join(
            f'"{one.header}"' + (f' (did you mean "{one.guess}"?)' if one.guess else "")
            for one in result.not_sent
        )
        yield f"<p>Not sent: {escape(names)}</p>"
    yield from _table(("outcome", "rows"), ((outcome, f"{n:,}") for outcome, n in result.outcomes.items()))
    if result.no > result.left_out:
        rows = (row for row in result.read_rows() if row.status == "no" and not row.left_out)
        cells = ((str(row.row), row.order, row.outcome.value, row.message) for row in rows)
        yield from _table(("row", "order", "outcome", "message"), islice(cells, _FIRST_ROWS))
        more = result.no - result.left_out - _FIRST_ROWS
        if more > 0:
            yield f"<p>and {more:,} more: .rows, .to_frame()</p>"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    body = "".join(f"<tr>{''.join(f'<td>{_cell(text)}</td>' for text in row)}</tr>" for row in rows)
    if body:
        names = "".join(f"<th>{name}</th>" for name in head)
        yield f"<table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>"


def _cell(text: str) -> str:
    return escape(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")
