"""Templates: everything that is shown is escaped, whatever a file, a cell or a shop says."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from ordersheet.console.diff import pieces
from ordersheet.core.model import ATTRIBUTE_PREFIX, column_letters
from ordersheet.web.page_words import in_page_words
from ordersheet.web.sheet_store import kind_id

if TYPE_CHECKING:
    from collections.abc import Mapping

_KINDS = (
    ("append", "adds to {}", "comment"),
    ("replace", "replaces {}", "comment"),
    ("set", "sets {}", "attribute"),
    ("clear", "empties {}", "field"),
)
FIELD_WORDS = {
    "order": "Order ID",
    "internalComment": "Internal comment",
    "replaceInternalComment": "Replace internal comment (yes/no)",
    "comment": "Comment (customers may see it)",
    "replaceComment": "Replace comment (yes/no)",
}
"""What the page calls the fields, in the order in which it offers them."""
_COMPARED = 1000
"""So much of two texts is compared where a few are shown."""
_KIND_WORDS = {"append": "added to", "replace": "replaced", "set": "set", "clear": "emptied"}
_REFERENCE = re.compile(r"\s*(\[[0-9a-z-]+ [0-9a-z]+\])$")


@cache
def environment() -> Environment:
    """Make the one environment of templates."""
    made = Environment(
        loader=PackageLoader("ordersheet.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        number=number, when=when, duration=duration, size=size, share=share, operations=operations,
        letters=column_letters, plural=plural, in_page_words=in_page_words,
        field_name=field_name, pieces=changed_pieces, kind_id=kind_id, kind_word=kind_word, apart=apart,
    )  # fmt: skip
    return made


def load_templates() -> None:
    """Make all templates ready, so that nobody waits for the first page of its kind."""
    for name in environment().list_templates(extensions=["html"]):
        environment().get_template(name)


def page(template: str, status: int = 200, **facts: object) -> HTMLResponse:
    """Give a page, or a part of one."""
    return HTMLResponse(text(template, **facts), status)


def text(template: str, **facts: object) -> str:
    """Give a template's text."""
    return environment().get_template(template).render(**facts)


def number(value: float) -> str:
    """Give a number with its thousands apart: `2,000`."""
    return f"{value:,}"


def plural(value: int, one: str, many: str | None = None) -> str:
    """Give a number and its noun: `1 row`, `2,000 rows`."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def operations(counts: Mapping[str, int]) -> str:
    """So many of each kind of operation, in words: `adds to 28 comments and sets 1 attribute`."""
    told = [said.format(plural(counts[kind], one)) for kind, said, one in _KINDS if counts.get(kind)]
    return " and ".join([", ".join(told[:-1]), told[-1]] if len(told) > 1 else told)


def changed_pieces(old: str, new: str) -> list[tuple[str, str]]:
    """Give the beginnings of two texts in pieces: `=` for what stays, `-` for what goes, `+` comes."""
    return list(pieces(old[:_COMPARED], new[:_COMPARED]))


def field_name(field: str) -> str:
    """Give a field as people call it: `Internal comment`, or an attribute's key."""
    return FIELD_WORDS.get(field, field.removeprefix(ATTRIBUTE_PREFIX))


def kind_word(kind: str) -> str:
    """Give what was done to a field: `added to`, `replaced`, `set`, `emptied`."""
    return _KIND_WORDS.get(kind, kind)


def apart(message: str) -> tuple[str, str]:
    """Give a row's message, and apart from it the reference for support that it ends in."""
    found = _REFERENCE.search(message)
    return (message[: found.start()], found[1]) if found else (message, "")


def when(moment: datetime | None) -> str:
    """Give a moment in this computer's time."""
    return (
        "" if moment is None else f"{moment.replace(tzinfo=moment.tzinfo or UTC).astimezone():%Y-%m-%d %H:%M}"
    )


def duration(seconds: float | None) -> str:
    """Give a time span as people say it: `40 s`, `12 min`, `2 h 5 min`."""
    if seconds is None:
        return ""
    whole = round(seconds)
    minutes, hours = whole // 60, whole // 3600
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


def size(count: int) -> str:
    """Give a size in bytes as people say it."""
    for unit, least in (("GB", 2**30), ("MB", 2**20), ("KB", 2**10)):
        if count >= least:
            return f"{count / least:.1f} {unit}"
    return plural(count, "byte")


def share(value: float) -> str:
    """Give a share in per cent; what is filled nearly everywhere is not called full."""
    return "100 %" if value >= 1 else f"{min(99, round(value * 100))} %"
