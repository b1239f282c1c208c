"""Which code page a text file is saved in that does not say so: by the words that each page makes of it.

The candidates are the pages that spreadsheet programs save in: the ANSI pages of Windows, and of older
programs Mac Roman and page 850. A page under which a byte is no letter or sign that a person types is out.
The others are ranked by how likely the words are that they make (letters.py), so a reading is taken only
where it is clearly better than every other one that differs in a cell that is sent. Else a person decides.

Only fields with something beyond ASCII are evidence, and none of an earlier report's columns: so the report
of a file is read as the file was.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import cache
from math import exp, log
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.loader.csv.letters import FOREIGN, has_odd_capital, languages, pieces, sign_in_word
from ordersheet.loader.csv.text import TRANSPARENT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

CLEAR = 7.0
"""By how much (a natural logarithm) the best page is to be likelier than the next one: about 1,000 times."""
_ODD_CHUNK = 7.0
"""By how much another encoding reads a single chunk better, where the file is not of one encoding."""
_UNREAD = -4.3
"""What a letter of a text is likely at least, in the middle of a file; no page makes words of it below."""
_ODD_SHARE = 50
"""One chunk in so many may have a capital within a word."""
_MOST_WAYS = 3
_MOST_CHECKED = 400
_MOST_CHUNKS, _FIRST_CHUNKS, _MOST_PLAIN = 300, 40, 60
"""Words beyond ASCII that are judged; those by which the pages far behind are told; words in ASCII."""
_FAR_BEHIND = 60.0
_KEPT = 20_000
"""Different words that are kept of a file."""
_HEAVIEST_HINT = -7.0
"""The most that words in ASCII say against a language."""
_HINT = 0.5
"""How much of the likelihood of words in ASCII is believed: clerks write in several languages."""

_WEST = ("en", "de", "sv", "fr", "es", "da", "nb", "nl", "it", "pt", "fi")
_ASCII = bytes(range(128))
_DIGITS_ALIKE = bytes.maketrans(b"123456789", b"0" * 9)
_DIGITS = re.compile(r"[0-9]")
_FOREIGN_LETTER = re.compile(r"(?![\x00-\x7f])[^\W\d_]")
_PLAIN = re.compile(r"[a-z]+")


class CodePage(NamedTuple):
    """An encoding with one byte for each letter."""

    name: str
    """The Python name."""
    label: str
    """What people call it."""
    languages: tuple[str, ...]
    """The languages that are saved in it; keys of `languages()`."""
    seldom: float
    """The logarithm of how often it is met, the commonest being 0."""


PAGES = (
    CodePage("cp1252", "Western Windows", (*_WEST, "is"), 0.0),
    CodePage("cp1250", "Central European Windows", ("pl", "cs", "sk", "hu", "hr", "ro", "de", "en"), -3.0),
    CodePage("cp1251", "Cyrillic Windows", ("ru", "uk", "bg", "en"), -3.0),
    CodePage("cp1253", "Greek Windows", ("el", "en"), -3.0),
    CodePage("cp1254", "Turkish Windows", ("tr", "en", "de", "fr"), -4.0),
    CodePage("cp1257", "Baltic Windows", ("lt", "lv", "et", "en"), -4.0),
    CodePage("mac-roman", "Western Mac", _WEST, -4.0),
    CodePage("cp850", "old Western programs, DOS", _WEST, -4.0),
)
_ENCODINGS = {page.name: page.languages for page in PAGES} | {
    "utf-8": tuple(dict.fromkeys(name for page in PAGES for name in page.languages))
}
_LABELS = {page.name: page.label for page in PAGES}


def label(name: str) -> str:
    """Give an encoding's name with what people call it."""
    return f"{name} ({_LABELS[name]})" if name in _LABELS else name


@dataclass(slots=True)
class Evidence:
    """What speaks for one page or another, field by field; bytes stand as `TRANSPARENT` characters."""

    chunks: dict[str, int] = field(default_factory=dict)
    """What stands between blanks and holds something beyond ASCII, digits as 0, in the file's order; and the
    columns it stands in, one bit each."""
    plain: dict[str, None] = field(default_factory=dict)
    """Words in ASCII of the same fields."""
    by_column: dict[int, set[str]] = field(default_factory=dict)
    """The characters beyond ASCII in each column."""

    def add(self, column: int, texts: Iterable[str]) -> None:
        """Add fields of one column that hold something beyond ASCII."""
        data = "\n".join(texts).encode(TRANSPARENT)
        signs = data.translate(None, _ASCII).decode(TRANSPARENT)
        self.by_column.setdefault(column, set()).update(signs)
        room = len(self.chunks) < _KEPT
        for part in dict.fromkeys(data.translate(_DIGITS_ALIKE).split()):
            if not part.isascii():
                chunk = part.decode(TRANSPARENT)
                if room or chunk in self.chunks:
                    self.chunks[chunk] = self.chunks.get(chunk, 0) | 1 << column
            elif len(self.plain) < _MOST_PLAIN:
                self.plain.update(dict.fromkeys(_PLAIN.findall(part.decode("ascii").lower())))

    def of_columns(self, columns: Iterable[int]) -> list[str]:
        """Give the first chunks that stand in any of these columns."""
        mask = sum(1 << column for column in columns)
        return [chunk for chunk, where in self.chunks.items() if where & mask][:_MOST_CHECKED]


class Ranked(NamedTuple):
    """A code page and how likely it is."""

    page: CodePage
    score: float
    """A natural logarithm; only differences say something."""


class EncodingDoubt(NamedTuple):
    """Why the likeliest page is not to be taken: data for a message."""

    kind: str
    """`ways` (others read the file too), `mixed` (another encoding reads a chunk), `unread` (no words)."""
    encodings: tuple[str, ...]
    """The readings to choose from, the likeliest first; for `unread` the likeliest alone."""
    chunk: str | None
    """What stands for it."""


def as_evidence(text: str) -> str:
    """Give a text as `Evidence` keeps it: which digits there are tells nothing."""
    return _DIGITS.sub("0", text)


def possible_pages(high_bytes: Collection[int]) -> tuple[CodePage, ...]:
    """Give the pages under which every byte is a letter or a sign that a person types."""
    return tuple(page for page in PAGES if set(high_bytes) <= _typed(page.name))


@cache
def _typed(name: str) -> frozenset[int]:
    typed = set()
    for byte in range(128, 256):
        sign = bytes([byte]).decode(name, "replace")
        box = unicodedata.name(sign, "").startswith(
            ("BOX ", "BLACK ", "LIGHT ", "MEDIUM ", "DARK ", "FULL ", "UPPER ", "LOWER ", "REPLACEMENT ")
        )
        if unicodedata.category(sign) not in ("Cc", "Co", "Cn") and not box:
            typed.add(byte)
    return frozenset(typed)


def rank(evidence: Evidence, pages: Sequence[CodePage]) -> tuple[Ranked, ...]:
    """Rank pages by the words that they make of a file, the likeliest first."""
    chunks = list(evidence.chunks)[:_MOST_CHUNKS]
    hints = _hints(tuple(evidence.plain)[:_MOST_PLAIN])
    few = chunks[:_FIRST_CHUNKS]
    ranked = _rank([_Score(page, few, hints) for page in pages])
    if len(few) < len(chunks):
        near = [one.page for one in ranked if one.score > ranked[0].score - _FAR_BEHIND]
        ranked = _rank([_Score(page, chunks, hints) for page in near])
    return tuple(ranked)


def doubt_of(evidence: Evidence, ranked: Sequence[Ranked], columns: Collection[int]) -> EncodingDoubt | None:
    """Say why the likeliest page is not to be taken for these columns; None where it is.

    Args:
        evidence: of the whole file.
        ranked: its pages.
        columns: those that are sent.
    """
    best, *others = ranked
    signs = set().union(*(evidence.by_column.get(column, ()) for column in columns))
    if not signs:
        return None
    near = [
        one.page.name
        for one in others
        if one.score > best.score - CLEAR and differ(best.page.name, one.page.name, signs)
    ]
    if near:
        return EncodingDoubt("ways", (best.page.name, *near[: _MOST_WAYS - 1]), None)
    return _unread(evidence.of_columns(columns), best.page) or _mixed(evidence, best.page, signs)


def _unread(chunks: Sequence[str], page: CodePage) -> EncodingDoubt | None:
    """Tell that a page makes no words of most chunks: the file is in an encoding that is no candidate."""
    scores = [_chunk_score(read_as(chunk, page.name), page.languages) for chunk in chunks]
    shares = sorted(score / max(len(chunk), 2) for score, chunk in zip(scores, chunks, strict=True))
    odd = [chunk for chunk in chunks if has_odd_capital(read_as(chunk, page.name))]
    if len(odd) * _ODD_SHARE > len(chunks):
        return EncodingDoubt("unread", (page.name,), odd[0])
    if shares[len(shares) // 2] < _UNREAD:
        return EncodingDoubt("unread", (page.name,), chunks[0])
    return None


def _mixed(evidence: Evidence, page: CodePage, signs: Collection[str]) -> EncodingDoubt | None:
    """Find a chunk that another encoding reads clearly better, UTF-8 included.

    It may stand in any column: it tells that not all of the file is saved in one encoding.
    """
    rivals = {name: spoken for name, spoken in _ENCODINGS.items() if differ(page.name, name, signs)}
    for chunk in list(evidence.chunks)[:_MOST_CHECKED]:
        mine = read_as(chunk, page.name)
        score = _chunk_score(mine, page.languages)
        most = 0.0 if sign_in_word(mine) else _ODD_CHUNK
        for name, spoken in rivals.items():
            try:
                other = chunk.encode(TRANSPARENT).decode(name)
            except UnicodeDecodeError:
                continue
            if other == mine or not _FOREIGN_LETTER.search(other):
                continue
            if sign_in_word(other) or has_odd_capital(other):
                continue
            if _chunk_score(other, spoken) > score + most:
                return EncodingDoubt("mixed", (page.name, name), chunk)
    return None


def _chunk_score(text: str, spoken: Sequence[str]) -> float:
    """Give how likely a chunk is by itself, in the language that suits it best."""
    known = languages()
    words, cost = pieces(text)
    return cost + sum(max(known[name].likelihood(word) for name in spoken) for word in words)


def differ(first: str, second: str, signs: Iterable[str]) -> bool:
    """Tell whether two encodings read any of these bytes (as `TRANSPARENT` characters) differently."""
    data = "".join(signs).encode(TRANSPARENT)
    return data.decode(first, "replace") != data.decode(second, "replace")


def read_as(text: str, encoding: str) -> str:
    """Give what an encoding makes of bytes that stand as `TRANSPARENT` characters."""
    return text.encode(TRANSPARENT).decode(encoding, "replace")


def _hints(words: Sequence[str]) -> dict[str, float]:
    """Give what words in ASCII say of each language: a logarithm, 0 for the likeliest."""
    sums = {name: _HINT * sum(map(language.likelihood, words)) for name, language in languages().items()}
    top = max(sums.values())
    return {name: max(score - top, _HEAVIEST_HINT) for name, score in sums.items()}


def _rank(scores: list[_Score]) -> list[Ranked]:
    ranked = [Ranked(score.page, score.total) for score in scores]
    return sorted(ranked, key=lambda one: -one.score)


class _Score:
    """How likely one page's reading is, as a whole and chunk by chunk."""

    def __init__(self, page: CodePage, chunks: Sequence[str], hints: dict[str, float]) -> None:
        self.page = page
        known = languages()
        self._own = [known[name] for name in page.languages]
        parts = [pieces(read_as(chunk, page.name)) for chunk in chunks]
        by_language = [hints[language.name] - log(len(self._own)) for language in self._own]
        for words, _ in parts:
            for word in words:
                for at, share in enumerate(self._shares(word)):
                    by_language[at] += share
        top = max(by_language)
        self.total = page.seldom + sum(cost for _, cost in parts) + top
        self.total += log(sum(exp(score - top) for score in by_language))

    def _shares(self, word: str) -> list[float]:
        """Give how likely a word is in a file of each language: written in it, or now and then in another."""
        alone = [language.likelihood(word) for language in self._own]
        second, first = sorted(alone)[-2:]
        shares = []
        for likely in alone:
            foreign = (second if likely == first else first) + log(FOREIGN / (len(alone) - 1))
            own = likely + log(1 - FOREIGN)
            top = max(own, foreign)
            shares.append(top + log(exp(own - top) + exp(foreign - top)))
        return shares
