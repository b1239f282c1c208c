"""`undo --sheet`: what an undo would put back as a guarded sheet, to be looked at and sent like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.core.errors import UsageError
from ordersheet.core.history.undo import attribute_value
from ordersheet.core.model import ATTRIBUTE_PREFIX, COMMENT_FIELDS
from ordersheet.core.values import shown_value
from ordersheet.mapping.headers import guard_header, is_guard_header
from ordersheet.pipeline.guards import editable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ordersheet.pipeline.undo_preview import UndoExample, UndoPreview

CLEAR = "<clear>"
_REPLACE = {
    "internalComment": ("Internal comment", "Replace internal comment"),
    "comment": ("Customer comment", "Replace customer comment"),
}
_WIDTH = 30


def refuse_sheet(target: Path, *, overwrite: bool) -> None:
    """Refuse a place where the sheet cannot be written.

    Raises:
        UsageError: it is no .xlsx or .csv, or something is there.
    """
    if target.suffix.lower() not in (".xlsx", ".csv"):
        raise UsageError(f"{target} must end in .xlsx or .csv.", code="sheet-path")
    if target.exists() and not overwrite:
        raise UsageError(f"{target} exists already. Choose another name, or add --overwrite.", code="exists")


def write_sheet(target: Path, seen: UndoPreview) -> tuple[Path, int]:
    """Write the sheet: a row an order, with a guard that says what stands there now.

    Returns:
        Its path, and how many fields do not stand in it, since a cell cannot hold their text just as it is or
        nobody can see what stands there.
    """
    from ordersheet import reporter

    csv = target.suffix.lower() == ".csv"
    fit = [one for one in seen.put_back if _fits(one, csv=csv)]
    fields = [
        *(name for name in COMMENT_FIELDS if any(one.field == name for one in fit)),
        *dict.fromkeys(one.field for one in fit if one.field not in COMMENT_FIELDS),
    ]
    headers = ["Order ID"]
    for name in fields:
        headers += _REPLACE.get(name, (f"attr:{name.removeprefix(ATTRIBUTE_PREFIX)}",))
    headers += [guard_header(name) for name in fields]
    hidden = [at for at, header in enumerate(headers) if is_guard_header(header)]
    widths = (14, *[_WIDTH] * (len(headers) - 1))
    written = reporter.write_table(
        target, tuple(headers), widths, _lines(fit, fields), sheet="Orders", hidden=hidden
    )
    return written.path, len(seen.put_back) - len(fit)


def _lines(fit: Sequence[UndoExample], fields: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    by_order: dict[int, dict[str, UndoExample]] = {}
    for one in fit:
        by_order.setdefault(one.order, {})[one.field] = one
    for row, (order, found) in enumerate(by_order.items(), start=2):
        cells = [str(order)]
        for name in fields:
            then = _shown(name, found[name].then) if name in found else ""
            cells += [then or (CLEAR if name in found else "")]
            if name in COMMENT_FIELDS:
                cells += ["yes" if then else ""]
        cells += [_shown(name, found[name].now) if name in found else "" for name in fields]
        yield row, tuple(cells)


def _shown(name: str, text: str | None) -> str:
    if text is None or name in COMMENT_FIELDS:
        return text or ""
    return shown_value(attribute_value(text))


def _fits(one: UndoExample, *, csv: bool) -> bool:
    """Tell whether cells with these texts, handed over, say just these texts."""
    if one.now is None or one.then is None:
        return False
    if one.field not in COMMENT_FIELDS and not isinstance(attribute_value(one.then), str):
        return False
    return all(not text or editable(_shown(one.field, text), csv=csv) for text in (one.now, one.then))
