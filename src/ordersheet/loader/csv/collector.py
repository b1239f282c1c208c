"""What the records of a file say of its code page, and show to a person who looks at it."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from ordersheet.core.model import RESULT_COLUMNS
from ordersheet.loader.csv.code_pages import Evidence
from ordersheet.loader.csv.text import TRANSPARENT
from ordersheet.loader.table import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ordersheet.loader.table import HeadRow

_TELLING_WORDS = 4
_MOST_WORDS = 64
"""Words that these are taken from, as they may come again and again."""


class EvidenceCollector:
    """Collects what records with letters beyond ASCII say of the code page, and shows a person of it.

    An earlier report's columns are left out: they must not change how the file is read.

    Attributes:
        evidence: what all records say of the code page; nothing where the encoding is known.
        wants_more: whether further records are of use.
    """

    def __init__(self, header: HeadRow, encoding: str) -> None:
        self._every = encoding == TRANSPARENT
        self._words: dict[str, None] = {}
        self.evidence = Evidence()
        names = [one_line(header.texts.get(column, "")) for column in range(max(header.texts, default=0) + 1)]
        begins = [
            at for at in range(len(names)) if tuple(names[at : at + len(RESULT_COLUMNS)]) == RESULT_COLUMNS
        ]
        self._skipped = (
            frozenset(range(begins[0], begins[0] + len(RESULT_COLUMNS))) if begins else frozenset()
        )
        self.wants_more = True
        for column, text in header.texts.items():
            self._add_fields(column, (text,))

    def add_records(self, records: Sequence[list[str]]) -> None:
        """Take records that are as wide as the header."""
        for column, texts in enumerate(zip(*records, strict=True)):
            if column not in self._skipped:
                self._add_fields(column, texts)
        self.wants_more = self._every or len(self._words) < _TELLING_WORDS

    def _add_fields(self, column: int, texts: Iterable[str]) -> None:
        if "".join(texts).isascii():
            return
        telling = [text for text in dict.fromkeys(texts) if not text.isascii()]
        if len(self._words) < _TELLING_WORDS:
            words = (word for text in telling for word in text.split(" ") if not word.isascii())
            self._words.update((word.strip(".,;:!?()\"'"), None) for word in islice(words, _MOST_WORDS))
        if self._every:
            self.evidence.add(column, telling)

    def telling(self) -> tuple[str, ...]:
        """Give the first few words with letters beyond ASCII."""
        return tuple(self._words)[:_TELLING_WORDS]
