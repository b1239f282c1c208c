"""Results go back into the person's own file: four columns more, and nothing else changed."""

from __future__ import annotations

from ordersheet.reporter.added_columns import PROBLEM_COLUMN, Written
from ordersheet.reporter.atomic_file import default_report_path, report_suffix
from ordersheet.reporter.report_check import report_path_problem
from ordersheet.reporter.text import stands_whole
from ordersheet.reporter.write import write_columns, write_fresh, write_problems, write_report, write_table

__all__ = [
    "PROBLEM_COLUMN",
    "Written",
    "default_report_path",
    "report_path_problem",
    "report_suffix",
    "stands_whole",
    "write_columns",
    "write_fresh",
    "write_problems",
    "write_report",
    "write_table",
]
