"""The files that may be asked for beside the report: the mapping as recognised, the problems by row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet import mapping
from ordersheet.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ordersheet.config.settings import Settings
    from ordersheet.pipeline.intake import Prepared
    from ordersheet.reporter import Written


def write_extra_outputs(prepared: Prepared, settings: Settings) -> list[Written]:
    """Write the files that were asked for beside the report: the mapping, the input with its problems.

    Returns:
        Where each really is, and what a person should read about it.

    Raises:
        UsageError: where one would replace something, or cannot be written.
    """
    from ordersheet.reporter import Written

    written = []
    if settings.save_mapping is not None:
        refuse_existing(settings.save_mapping, overwrite=settings.overwrite)
        try:
            settings.save_mapping.write_text(mapping.to_toml(prepared.column_map), encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"The mapping cannot be written to {settings.save_mapping}: {error.strerror}.",
                code="unwritable",
            ) from error
        written.append(Written(settings.save_mapping))
    if settings.problems is not None:
        written.append(_write_problems(prepared, settings))
    return written


def _write_problems(prepared: Prepared, settings: Settings) -> Written:
    from ordersheet import reporter

    assert settings.problems is not None
    refuse_place(prepared, settings, "problems", of_frame="--problems needs a file as its source.")
    assert prepared.path is not None
    texts = prepared.staging.problem_texts()
    table = prepared.table
    if not table.headers:
        return reporter.write_fresh((), settings.problems)
    return reporter.write_problems(
        prepared.path, table.facts, texts, settings.problems, headers=table.headers, rows=table.rows()
    )


def refuse_place(prepared: Prepared, settings: Settings, option: str, *, of_frame: str) -> None:
    """Refuse where a copy of the input with more columns cannot be written.

    Args:
        prepared: the input.
        settings: every setting.
        option: the one that names the copy's place.
        of_frame: what to say where the source is a frame.

    Raises:
        UsageError: the source is a frame, or the place is taken.
    """
    from ordersheet import reporter

    if prepared.path is None:
        raise UsageError(of_frame, code=f"{option}-of-frame")
    fault = reporter.report_path_problem(
        getattr(settings, option),
        prepared.path,
        overwrite=settings.overwrite,
        form=prepared.table.facts.form,
        option=f"--{option}",
    )
    if fault is not None:
        raise UsageError(fault, code=f"{option}-path")


def write_beside(
    prepared: Prepared,
    headers: tuple[str, ...],
    widths: tuple[int, ...],
    rows: Iterable[tuple[int, tuple[str, ...]]],
    target: Path,
) -> Written:
    """Write a copy of the input with more columns.

    Args:
        prepared: the input, a file.
        headers: of the columns to add.
        widths: theirs, in characters.
        rows: row number and texts of the rows that get any, in row order.
        target: where to.
    """
    from ordersheet import reporter

    assert prepared.path is not None
    table = prepared.table
    return reporter.write_columns(
        prepared.path,
        table.facts,
        headers,
        widths,
        rows,
        target,
        headers=table.headers,
        table_rows=table.rows(),
    )


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Refuse to write over an existing file.

    Raises:
        UsageError: where it exists and nobody said --overwrite.
    """
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists already. Choose another name, or add --overwrite.", code="exists")
