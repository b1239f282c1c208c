"""Where a report may go, found out before anything is sent; and what a file is, byte for byte."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from ordersheet.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable


def report_path_chooser(
    named: Path, form: str, target: Path | None, *, source: Path | None, overwrite: bool
) -> Callable[[str], Path]:
    """Find out where a report goes, before anything is sent: a function from the run's id to its path.

    Args:
        named: the input as the person names it.
        form: the input's, as `TableFacts.form` has it.
        target: a file or a folder; None for `reports/<name>-<run><suffix>`.
        source: the input, which is never replaced; None where there is none any more.
        overwrite: let it replace what is no earlier report.

    Raises:
        UsageError: where it cannot be written there, or would replace what is not a report.
    """
    from ordersheet import reporter

    suffix = reporter.report_suffix(form, named.suffix)
    folder = Path("reports") if target is None else target if target.is_dir() or not target.suffix else None
    probe = target if folder is None else reporter.default_report_path(named.name, "run", suffix, folder)
    assert probe is not None
    if folder is not None:
        _make_folder(folder)
    problem = reporter.report_path_problem(probe, source, overwrite=overwrite, form=form)
    if problem is not None:
        raise UsageError(problem, code="report-path")
    if folder is None:
        return lambda _run: probe
    return lambda run: reporter.default_report_path(named.name, run, suffix, folder)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"The folder {folder.absolute()} for the report cannot be made: {error.strerror}. "
            "Work in a folder that you may write to, or choose one with --report.",
            code="report-path",
        ) from error


def file_sha256(path: Path | None) -> str | None:
    """The SHA-256 of a file, as 64 hexadecimal digits; None for a frame."""
    if path is None:
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
