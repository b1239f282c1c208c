"""What the records of a file say of its code page, and show to a person who looks at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.core.model import RESULT_COLUMNS
from ordersheet.loader.csv.code_pages import Evidence
from ordersheet.loader.csv.text import TRANSPARENT
from ordersheet.loader.table import fold

if TYPE_CHECKING:
    from ordersheet.loader.table import HeadRow

_TELLING_WORDS = 4
_FIELDS_AT_ONCE = 2_000
"""Fields that are kept before they are handed over."""


class EvidenceCollector:
    """Collects what records with letters beyond ASCII say of the code page, and shows a person of it.

    An earlier report's columns are left out: they must not change how the file is read.
    """

    def __init__(self, header: HeadRow, encoding: str) -> None:
        self._every = encoding == TRANSPARENT
        self._fields: dict[int, list[str]] = {}
        self._count = 0
        self._words: dict[str, None] = {}
        self._evidence = Evidence()
        names = [fold(header.texts.get(column, "")) for column in range(max(header.texts, default=0) + 1)]
        begins = [
            at for at in range(len(names)) if tuple(names[at : at + len(RESULT_COLUMNS)]) == RESULT_COLUMNS
        ]
        self._skipped = (
            frozenset(range(begins[0], begins[0] + len(RESULT_COLUMNS))) if begins else frozenset()
        )
        self.wants_more = True
        for column, text in header.texts.items():
            if not text.isascii():
                self._add_field(column, text)

    def add_record(self, record: list[str]) -> None:
        """Take one record."""
        for column, text in enumerate(record):
            if not text.isascii() and column not in self._skipped:
                self._add_field(column, text)
        self.wants_more = self._every or len(self._words) < _TELLING_WORDS

    def _add_field(self, column: int, text: str) -> None:
        if len(self._words) < _TELLING_WORDS:
            words = [word.strip(".,;:!?()\"'") for word in text.split() if not word.isascii()]
            self._words.update(dict.fromkeys(words))
        if self._every:
            self._fields.setdefault(column, []).append(text)
            self._count += 1
            if self._count == _FIELDS_AT_ONCE:
                self._hand_over()

    def _hand_over(self) -> None:
        for column, texts in self._fields.items():
            self._evidence.add(column, texts)
        self._fields.clear()
        self._count = 0

    def telling(self) -> tuple[str, ...]:
        """Give the first few words with letters beyond ASCII."""
        return tuple(self._words)[:_TELLING_WORDS]

    def evidence(self) -> Evidence:
        """Give what all records say of the code page."""
        self._hand_over()
        return self._evidence
