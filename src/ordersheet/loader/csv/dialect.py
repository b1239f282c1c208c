r"""Which character parts the fields of a CSV file: `;`, tab, `|` or `,`.

A `sep=` line says so itself. Otherwise each candidate reads the beginning of the file, and the one
wins under which a header reads like an order ID and most records are as wide as that header.
Quotes that end up inside fields tell against a candidate: it cut a quoted text in two.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.errors import UsageError
from ordersheet.loader.table import HeadRow, look_at_head

if TYPE_CHECKING:
    from collections.abc import Callable

CANDIDATES = (";", "\t", "|", ",")
SAMPLE_RECORDS = 1000

_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[\r\n]*\Z', re.IGNORECASE | re.DOTALL)
_NAMED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}


class Fit(NamedTuple):
    """How well a delimiter fits; the greatest is the best."""

    header: bool
    """A header reads like an order ID."""
    several: bool
    """The header has several fields."""
    score: float
    """The share of records as wide as the header, less those with stray quotes; 0 to 1."""


def separator_line(line: str) -> str | None:
    """Give the delimiter that a first line such as `sep=;` states; None where it is no such line."""
    found = _SEPARATOR_LINE.fullmatch(line)
    return found[1] if found and found[1] not in '\r\n"' else None


def named_delimiter(wanted: str) -> str:
    r"""Give the character that a person means by `;`, `tab` or `\t`.

    Raises:
        UsageError: it is not one character, or a quote or a line break.
    """
    delimiter = _NAMED.get(wanted.strip().lower(), wanted)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise UsageError(
            f'"{wanted}" cannot part fields. Give one character, such as ";", "," or "|", or the word tab.',
            code="bad-delimiter",
        )
    return delimiter


def find_delimiter(sample: str, is_id_header: Callable[[str], bool]) -> str:
    """Find the delimiter of the file's beginning.

    Args:
        sample: whole lines from the beginning of the file.
        is_id_header: tells the order column's header.
    """
    fits = {delimiter: _fit(sample, delimiter, is_id_header) for delimiter in CANDIDATES}
    best = max(CANDIDATES, key=lambda delimiter: fits[delimiter])
    # A list of one column reads alike under all; the comma is what programs expect of a CSV then.
    return "," if fits[","] == fits[best] and not fits[best].several else best


def _fit(sample: str, delimiter: str, is_id_header: Callable[[str], bool]) -> Fit:
    records: list[tuple[int, list[str]]] = []
    for number, record in enumerate(csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter), 1):
        if any(record):
            records.append((number, record))
        if len(records) == SAMPLE_RECORDS:
            break
    if not records:
        return Fit(header=False, several=False, score=0.0)
    heads = (HeadRow(number, filled_fields(record)) for number, record in records)
    _, header = look_at_head(heads, is_id_header)
    if header is None:
        width, data = _modal_width([record for _, record in records]), records
    else:
        width = len(dict(records)[header.number])
        data = [pair for pair in records if pair[0] > header.number]
    fitting = sum(len(record) == width for _, record in data)
    stray = sum(any(field.count('"') % 2 for field in record) for _, record in data)
    score = (fitting - stray) / len(data) if data else 1.0
    return Fit(header is not None, width > 1, max(score, 0.0))


def filled_fields(record: list[str]) -> dict[int, str]:
    """Give the fields of a record that hold more than white space, by column index."""
    return {column: text for column, text in enumerate(record) if text.strip()}


def _modal_width(records: list[list[str]]) -> int:
    widths = Counter(map(len, records))
    return max(widths, key=lambda width: (widths[width], width))
