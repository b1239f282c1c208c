"""The person's own file with old and new beside each column that is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.core.errors import UsageError
from ordersheet.core.model import ORDER, REPLACE_FLAGS
from ordersheet.mapping.headers import PREVIEW_HEADERS, is_preview_header
from ordersheet.pipeline.extra_outputs import refuse_place, write_beside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ordersheet.config.settings import Settings
    from ordersheet.pipeline.changes import Change
    from ordersheet.pipeline.intake import Prepared
    from ordersheet.pipeline.online import Online
    from ordersheet.reporter import Written

WIDTHS = (30, 30, 16)
"""Characters of what stands, of what would stand, and of the word."""
NOT_SHOWN = "(not shown by this API)"


def refuse_preview(prepared: Prepared, settings: Settings) -> None:
    """Refuse what cannot be written before any order is read.

    Raises:
        UsageError: the source is a frame or a preview already, or the place is taken.
    """
    if settings.preview is None:
        return
    of_frame = "preview needs a file as its source; of a frame, to_frame() has these columns."
    refuse_place(prepared, settings, "preview", of_frame=of_frame)
    twice = [header.text for header in prepared.table.headers if is_preview_header(header.text)]
    if twice:
        raise UsageError(
            f'The file is a preview already, with a column "{twice[0]}". Take the file it was made from.',
            code="preview-of-preview",
        )


def preview_columns(prepared: Prepared, online: Online) -> dict[str, dict[int, str]]:
    """Give the texts of the added columns: by header, and by row."""
    columns: dict[str, dict[int, str]] = {}
    for field, header in _fields(prepared):
        now, then, change = (columns.setdefault(f"{word} {header}", {}) for word in PREVIEW_HEADERS)
        for one in online.all():
            if one.field == field:
                now[one.row], then[one.row], change[one.row] = _texts(one)
    return columns


def write_preview(prepared: Prepared, settings: Settings, online: Online) -> Written:
    """Write the file, the columns at the right of everything in the header row."""
    assert settings.preview is not None
    columns = preview_columns(prepared, online)
    widths = WIDTHS * (len(columns) // len(WIDTHS))
    return write_beside(prepared, tuple(columns), widths, _rows(columns), settings.preview)


def _rows(columns: dict[str, dict[int, str]]) -> Iterator[tuple[int, tuple[str, ...]]]:
    rows = sorted({row for texts in columns.values() for row in texts})
    for row in rows:
        yield row, tuple(texts.get(row, "") for texts in columns.values())


def _fields(prepared: Prepared) -> list[tuple[str, str]]:
    """The fields that columns feed, each with its header; a flag has no column of its own."""
    return [
        (sent.field, sent.header or sent.field)
        for sent in prepared.column_map.sent_columns()
        if sent.field not in (ORDER, *REPLACE_FLAGS.values())
    ]


def _texts(change: Change) -> tuple[str, str, str]:
    unknown = "" if change.word in ("not visible", "unread") else NOT_SHOWN
    now = unknown if change.now is None else change.now
    return now, "" if change.then is None else change.then, change.word.value
