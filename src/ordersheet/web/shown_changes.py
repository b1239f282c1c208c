"""Old and new of each field that a send would change, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from ordersheet.console.diff import pieces
from ordersheet.pipeline.changes import ChangeWord
from ordersheet.web.forms import number_of
from ordersheet.web.render import field_name
from ordersheet.web.sheet_store import PAGE

if TYPE_CHECKING:
    from starlette.requests import Request

    from ordersheet.pipeline.changes import Change
    from ordersheet.web.look import Look


@dataclass(frozen=True, slots=True)
class ShownChange:
    """One field of one row, old and new, in pieces."""

    row: int
    order: int
    field_name: str
    word: str
    pieces: tuple[tuple[str, str], ...]
    """Texts with `=` for what stays, `-` for what goes, `+` for what comes."""
    no_old: str
    no_new: str


def changes_of_page(look: Look, request: Request) -> dict[str, Any]:
    """Give the page of changes that a request asks for, and the counts of all."""
    online = look.online
    if online is None:
        return {"changes": (), "words": (), "changes_page": 1, "changes_pages": 1}
    number = number_of(request.query_params.get("changes"), 1, least=1)
    total = sum(map(len, online.changes.values()))
    return {
        "changes": tuple(map(_shown_change, islice(online.all(), (number - 1) * PAGE, number * PAGE))),
        "words": [(word, sum(fields.values())) for word, fields in online.counts().items()],
        "changes_page": number,
        "changes_pages": max(1, -(-total // PAGE)),
    }


def _shown_change(change: Change) -> ShownChange:
    word = change.word.value
    name = field_name(change.field)
    old, new = change.now, change.then
    told = tuple(pieces(old or "", new or "")) if old is not None or new is not None else ()
    if old is None and new is None and change.word is ChangeWord.APPEND:
        told = ()
    return ShownChange(
        change.row,
        change.order,
        name,
        word,
        told,
        "(empty)" if old == "" else "(not shown by the shop)",
        "(empty)" if new == "" else "(cannot be told)",
    )
