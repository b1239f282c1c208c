"""What a run came to, as the line of a job's file keeps it: counts and row numbers, no cell's text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ordersheet.core.model import StoppedBy
from ordersheet.jobs.file_work import Ended
from ordersheet.jobs.messages import MOST_PROBLEMS
from ordersheet.jobs.states import FAILED, SENT, TAKEN, WAITING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ordersheet.core.model import Problem
    from ordersheet.core.result import RunResult


def ended_of(result: RunResult, told: Mapping[int, str]) -> Ended:
    """Give what a run came to.

    Args:
        result: the run's.
        told: by row, what is said of the first rows that could not be sent.
    """
    summary = result.summary
    lines, left_out = _no_rows(result, told)
    facts: dict[str, Any] = {
        "run": summary.run,
        "host": summary.host,
        "exit_code": summary.exit_code,
        "status": dict(summary.status),
        "outcomes": dict(summary.outcomes),
        "left_out": left_out,
        "problems": lines[:MOST_PROBLEMS],
        "error": summary.error,
        "resume_after": summary.resume_after,
        "stopped_by": str(summary.stopped_by) if summary.stopped_by else None,
        "retry": summary.retry,
    }
    state = SENT if summary.stopped_by is None else WAITING
    if summary.stopped_by is StoppedBy.INTERRUPTED:
        state = TAKEN
    elif summary.stopped_by is StoppedBy.TOO_MANY_NO:
        state = FAILED
    return Ended(state, facts, report=result.report)


def _no_rows(result: RunResult, told: Mapping[int, str]) -> tuple[list[str], int]:
    """Tell the first rows that ended in no, and count those that were left out on purpose."""
    lines: list[str] = []
    left_out = 0
    for row in result.read_rows():
        left_out += row.left_out
        if row.status == "no" and not row.left_out and len(lines) < MOST_PROBLEMS:
            # What is no number may be a customer's text.
            order = f", order {row.order}" if row.order.isdecimal() else ""
            lines.append(told.get(row.row, f"row {row.row}{order}: {row.outcome.value}"))
    return lines, left_out


def by_row(problems: Iterable[Problem]) -> dict[int, str]:
    """Give the lines of problems by row."""
    return {
        problem.row: line for problem in problems if problem.row is not None for line in lines_of((problem,))
    }


def lines_of(problems: tuple[Problem, ...]) -> list[str]:
    """Give the first problems, without what their cells hold."""
    lines = []
    for problem in problems[:MOST_PROBLEMS]:
        where = problem.cell or f"row {problem.row}"
        column = f" ({problem.column})" if problem.column else ""
        said = problem.message.replace(problem.value, "...") if problem.value else problem.message
        lines.append(f"{where}{column}: {said}")
    return lines
