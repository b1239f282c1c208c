"""Messages for Python: they name keywords where the command's name flags, and frames instead of files."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from ordersheet.config.options import OPTIONS, Option
from ordersheet.core.errors import OrdersheetError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ordersheet.core.model import RowResult
    from ordersheet.core.summary import RunSummary

_OF_FLAG = {option.flag: option for option in OPTIONS}
_FLAG = re.compile(r"""--[a-z][a-z-]*[a-z](?:[ =](?:[A-Za-z.]+=)?(?:"[^"]*"|'[^']*'|[A-Za-z0-9.%]+))?""")
_OF_FILES = (
    ("The file has a header row but no data rows.", "The frame has columns but no rows."),
    ("The file is empty: it has no header row and no data.", "The frame has no columns."),
    (
        "in the file: no header reads like one. Row 1 holds",
        "in the frame: no name reads like one. Its columns are",
    ),
    ("of the file", "of the frame"),
    ("in the file", "in the frame"),
    ("of this file", "of this frame"),
    ("not in the sheet", "not in the frame"),
    ("no header of the sheet", "no column of the frame"),
    ("send the same file again", "send the same frame again"),
)
"""What is said of files, and what of frames instead."""


def in_keywords(text: str) -> str:
    """Give a message with each flag as the keyword that does the same: `--again` is `again=True`."""
    return _FLAG.sub(_keyword, text) if "--" in text else text


def _keyword(found: re.Match[str]) -> str:
    words = found[0]
    flag = re.match(r"--[a-z-]*[a-z]", words)
    option = _OF_FLAG.get(flag[0]) if flag else None
    if flag is None or option is None:
        return words
    rest = words[flag.end() :]
    if option.switch:
        return f"{option.name}={not option.negative}{rest}"
    field, sign, text = rest[1:].partition("=")
    if option.repeatable and sign:
        rest = f'{{"{field}": {text}}}'
    elif _is_value(option, rest[1:]):
        rest = _value(option, rest[1:])
    return f"{option.name}={rest}"


def _is_value(option: Option, text: str) -> bool:
    return bool(text) and (text[0] in "\"'" or text[0].isdigit() or text in option.metavar.split("|"))


def _value(option: Option, text: str) -> str:
    plain = text.strip("\"'")
    number = plain.replace(".", "", 1).isdigit() and option.metavar not in ("5,9-12", "NAME")
    return plain if number else f'"{plain}"'


@contextmanager
def keywords(*, frame: bool) -> Iterator[None]:
    """Let what is raised speak of keywords; `frame` where the source is one."""
    try:
        yield
    except OrdersheetError as error:
        error.args = (_said(str(error), frame=frame), *error.args[1:])
        if isinstance(error, SourceError):
            error.problems = tuple(
                replace(one, message=_said(one.message, frame=frame)) for one in error.problems
            )
        raise


def summary_in_keywords(summary: RunSummary, *, frame: bool) -> RunSummary:
    """Give a summary whose sentences speak of keywords."""
    return replace(
        summary,
        error=None if summary.error is None else _said(summary.error, frame=frame),
        problems=tuple(replace(one, message=_said(one.message, frame=frame)) for one in summary.problems),
    )


def row_in_keywords(row: RowResult, *, frame: bool) -> RowResult:
    """Give a row's result whose message speaks of keywords."""
    return row._replace(message=_said(row.message, frame=frame))


def _said(text: str, *, frame: bool) -> str:
    for of_files, of_frames in _OF_FILES if frame else ():
        text = text.replace(of_files, of_frames)
    return in_keywords(text)
