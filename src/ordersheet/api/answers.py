"""What comes back from the Order API, read without trusting it.

A body is whatever a server, a gateway or a stranger sent: each reader here gives a frozen record or None,
and never raises for what the bytes hold.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ordersheet.core.model import COMMENT_FIELDS, JsonValue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

READ_NAMES = {"internalComment": "internalComment", "comment": "otherComment"}
"""By PUT's field name: what GET calls the same field.

That `comment` reads back as `otherComment` is presumed, not documented; this is the one place that says so.
"""

DATE = "%Y-%m-%d %H:%M:%S"
"""How the API writes and reads a time, in the one time zone that the company chose; it does not say which."""
_TIME = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)(?:(?:[Tt]|\s+)(\d\d?):(\d\d?):(\d\d?))?", re.ASCII)
"""As `DATE` has it, or with a T, or the day alone. `strptime` takes ten times as long, for each reading."""
LONGEST_MESSAGE = 500
"""Characters of the API's words that are kept: a clerk reads them in a cell."""

_DECIMAL = re.compile(r"[0-9]{1,20}")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # colours, cursor movements
    r"|(?:\x1b[\]P^_X]|[\x9d\x90\x9e\x9f\x98])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # titles, links
    r"|\x1b[ -/]*[0-~]?"
)
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class PutAnswer:
    """The documented answer to an update."""

    ok: bool
    """True for `status` exactly `ok`, False for exactly `no`."""
    order: int | None
    """The order that the answer names: a number or its decimal string; None where it names none."""
    message: str = ""
    """The API's words, fit for a terminal and a cell; `""` where there are none."""
    code: str | None = None
    """The code that sibling endpoints put beside `msg`."""


@dataclass(frozen=True, slots=True)
class OrderView:
    """What `GET <base>/orders?order=N` says of order N."""

    order: int
    found: bool
    """False where the answer holds no such order; that proves nothing about the order."""
    comments: Mapping[str, str | None]
    """By PUT's field name, the whole text; None where the answer has none (missing, null, a number)."""
    date: datetime | None = None
    """When it was placed, in the shop's own time zone; None where the answer does not say so."""
    attributes: Mapping[str, JsonValue] | None = None
    """By `attributeName_elementName`; None where the answer does not show attributes at all."""


def clean_message(
    value: JsonValue, *, longest: int = LONGEST_MESSAGE, hide: Callable[[str], str] = str
) -> str:
    """Render a `msg` of any JSON type as one line of plain text.

    Escape sequences, control characters, text-direction marks and halves of surrogate pairs are taken out;
    an object or a list is shown as compact JSON. `hide` takes out of it what nobody is to read, before
    anything is cut off.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        text = value
    else:
        try:
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        except (ValueError, RecursionError):
            text = "(unreadable)"
    text = _ESCAPES.sub(" ", hide(text)[: 20 * longest])
    if not text.isprintable():
        text = "".join(char if unicodedata.category(char) not in _UNFIT else " " for char in text)
    text = hide(" ".join(text.split()))
    return text if len(text) <= longest else text[: longest - 1] + "…"


_UNFIT = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def read_put_answer(
    body: bytes, content_type: str | None = None, *, hide: Callable[[str], str] = str
) -> PutAnswer | None:
    """Read the answer to an update, in JSON or XML.

    The body itself tells which it is: servers label JSON as HTML often enough. In XML the fields are looked
    for wherever they stand, since its shape is not documented.

    Args:
        body: the whole body; the caller caps its length.
        content_type: the header, for its charset.
        hide: takes out of the API's words what nobody is to read.

    Returns:
        None where the body is not the documented object: not an object, or a `status` other than exactly
        `ok` or `no`.
    """
    start = body.removeprefix(_BOM).lstrip(b" \t\r\n")[:1]
    if start == b"<":
        from ordersheet.api.xml_answer import xml_fields

        fields: JsonValue = xml_fields(body)
    elif start == b"{":
        fields = json_of(body, content_type)
    else:
        return None
    if not isinstance(fields, dict) or fields.get("status") not in ("ok", "no"):
        return None
    code = fields.get("code")
    return PutAnswer(
        ok=fields["status"] == "ok",
        order=order_id_of(fields.get("order")),
        message=clean_message(fields.get("msg"), hide=hide),
        code=None
        if code is None or isinstance(code, dict | list)
        else clean_message(code, longest=40, hide=hide),
    )


def read_order_answer(body: bytes, content_type: str | None, order: int) -> OrderView | None:
    """Read the answer to `GET <base>/orders?order=N`.

    Args:
        body: the whole body; the caller caps its length.
        content_type: the header, for its charset.
        order: the order that was asked for; `orderId` comes back as a string or a number.

    Returns:
        None where the body is not the documented object. An answer of `no`, an empty list, and a list of
        other orders are views with `found` False.
    """
    answer = json_of(body, content_type)
    if not isinstance(answer, dict):
        return None
    orders = answer.get("orders")
    if answer.get("status") == "no":
        orders = []
    elif answer.get("status") != "ok" or not isinstance(orders, list):
        return None
    ours = [
        entry for entry in orders if isinstance(entry, dict) and order_id_of(entry.get("orderId")) == order
    ]
    texts: dict[str, str | None] = {}
    for field in COMMENT_FIELDS:
        found = [entry.get(READ_NAMES[field]) for entry in ours]
        # The same order twice, with different texts, says nothing.
        same = len(found) > 0 and found.count(found[0]) == len(found)
        texts[field] = text_of(found[0]) if same else None
    shown = [attributes_of(entry.get("extraAttributes")) for entry in ours]
    return OrderView(
        order=order,
        found=bool(ours),
        comments=texts,
        date=parse_date(ours[0].get("orderDate")) if ours else None,
        attributes=shown[0] if shown and shown.count(shown[0]) == len(shown) else None,
    )


def parse_date(value: JsonValue) -> datetime | None:
    """Read a time as the API writes it; None where it is none."""
    found = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return None
    numbers = [int(number) for number in found.groups() if number is not None]
    try:
        return datetime(*numbers)  # type: ignore[arg-type]  # noqa: DTZ001 - the API names no time zone
    except ValueError:
        return None  # The 30th of February.


def attributes_of(value: JsonValue) -> dict[str, JsonValue] | None:
    """Flatten an answer's attributes: `attributeName_elementName`, or an attribute with its elements inside.

    Returns:
        By `attributeName_elementName`; None where the answer does not show attributes.
    """
    if isinstance(value, list) and not value:
        return {}  # An empty object, as PHP writes it.
    if not isinstance(value, dict):
        return None
    return dict(_flat(value))


def _flat(value: Mapping[str, JsonValue]) -> Iterator[tuple[str, JsonValue]]:
    for key, held in value.items():
        if isinstance(held, dict) and "_" not in key:
            for element, inner in held.items():
                yield f"{key}_{element}", inner
        else:
            yield key, held


def text_of(value: JsonValue) -> str | None:
    """Give a whole text; one with half of a character can neither be kept nor prove anything."""
    try:
        if isinstance(value, str) and (value.isascii() or value.encode()):
            return value
    except UnicodeEncodeError:
        pass
    return None


def order_id_of(value: JsonValue) -> int | None:
    """Read an order's ID, which comes back as a number or as its decimal string; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return int(value)
    return None


def json_of(body: bytes, content_type: str | None) -> JsonValue:
    """Parse a JSON body; None for all that is not JSON, nesting too deep to read included."""
    try:
        return json.loads(decoded(body, content_type))
    except (ValueError, RecursionError):
        return None


def decoded(body: bytes, content_type: str | None) -> str:
    """Give a body as a text: UTF-8, else in the charset that the header names.

    Raises:
        ValueError: it is neither.
    """
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        named = _CHARSET.search(content_type or "")
        if named is None:
            raise
        try:
            return body.decode(named[1])
        except LookupError as unknown:
            raise ValueError(named[1]) from unknown
