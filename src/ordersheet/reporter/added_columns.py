"""What is added to a person's file: some columns, and the texts of each row in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.model import RESULT_COLUMNS
from ordersheet.core.result import cells

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ordersheet.core.model import Problem, RowResult

PROBLEM_COLUMN = "problem"
"""The header of the one column that `--problems` adds."""
RESULT_WIDTHS = (14, 18, 70, 22)
PROBLEM_WIDTHS = (90,)


class AddedRow(NamedTuple):
    """What one row of the file gets."""

    row: int
    """The row's number as the person sees it."""
    texts: tuple[str, ...]
    """One for each added column."""
    bad: bool
    """Whether the row is to catch the eye."""


@dataclass(frozen=True, slots=True)
class Added:
    """The columns to add, and an iterable of their rows in row order."""

    headers: tuple[str, ...]
    widths: tuple[int, ...]
    """In characters, where the file has column widths."""
    rows: Iterable[AddedRow]


@dataclass(frozen=True, slots=True)
class Written:
    """Where the file really is."""

    path: Path
    note: str | None = None
    """What a person should read: why it lies elsewhere, is not their own file, or needs care; else None."""


def results_added(results: Iterable[RowResult]) -> Added:
    """Give the four result columns."""
    return Added(RESULT_COLUMNS, RESULT_WIDTHS, (result_row(result) for result in results))


def result_row(result: RowResult) -> AddedRow:
    """Give the four texts of a row's result."""
    return AddedRow(result.row, cells(result), result.status == "no")


def problems_added(problems: Mapping[int, Sequence[Problem]] | Iterable[tuple[int, str]]) -> Added:
    """Give the one column with the problems of each row.

    Args:
        problems: by row number the row's problems; or pairs of row number and text, in row order.
    """
    return Added((PROBLEM_COLUMN,), PROBLEM_WIDTHS, _problem_rows(problems))


def _problem_rows(
    problems: Mapping[int, Sequence[Problem]] | Iterable[tuple[int, str]],
) -> Iterator[AddedRow]:
    for row, text in _problem_pairs(problems):
        yield AddedRow(row, (text,), bool(text))


def _problem_pairs(
    problems: Mapping[int, Sequence[Problem]] | Iterable[tuple[int, str]],
) -> Iterator[tuple[int, str]]:
    from collections.abc import Mapping as AnyMapping

    if isinstance(problems, AnyMapping):
        for row in sorted(problems):
            yield row, " | ".join(_said(problem) for problem in problems[row])
    else:
        yield from problems


def _said(problem: Problem) -> str:
    return f"{problem.cell}: {problem.message}" if problem.cell else problem.message
