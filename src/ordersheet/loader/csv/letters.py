"""How likely a piece of text is in a language: by the letters that stand beside each other in its words.

A language is known by a few hundred of its plain words (languages.txt). From them follows how often a letter
comes after two others, at a word's begin and at its end: enough to tell "proszę" from "proszê", and more than
the frequency of single letters would be. Signs such as € are judged by what stands beside them.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache
from importlib.resources import files
from math import log

BEGIN, END = "^", "$"
_ALPHABET = 400
"""Letters that any page may show; an unseen one has this share of what is kept for the unseen."""
_REMEMBERED = 5_000
"""Words of a language that are remembered."""
_ODD_CASE = -6.0
"""A capital within a word of small letters, or the other way round."""
_BESIDE_DIGIT = -5.0
"""A letter beyond ASCII that touches a digit."""
_TWO_SCRIPTS = -12.0
"""A word with letters of two scripts."""
FOREIGN = 0.15
"""The share of words that come from another language that the page is for."""

_PARTS = re.compile(r"[^\W\d_²³¹¼½¾µªºˆ]+|[^\x00-\x7f]")
"""Words, and signs; some signs count as letters or digits elsewhere."""
_ODD_CAPITAL = re.compile(r"[^\W\d_][^\x00-\x7f]")
_IN_WORDS = "’´–—·\xa0\xad"


class Language:
    """The letters of one language.

    Attributes:
        name: two letters, such as `de`.
    """

    def __init__(self, name: str, words: list[str]) -> None:
        self.name = name
        self._after_two: Counter[str] = Counter()
        self._after_one: Counter[str] = Counter()
        self._alone: Counter[str] = Counter()
        self._sums: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._known: dict[str, float] = {}
        for word in {part.lower() for text in words for part in _PARTS.findall(text)}:
            self._learn(f"{BEGIN}{BEGIN}{word}{END}")
        for key in (*self._after_two, *self._after_one, *self._alone):
            self._kinds[key[:-1] or "all"] += 1

    def _learn(self, padded: str) -> None:
        for end in range(3, len(padded) + 1):
            three = padded[end - 3 : end]
            self._after_two[three] += 1
            self._after_one[three[1:]] += 1
            self._alone[three[2]] += 1
            self._sums.update((three[:2], three[1], "all"))

    def likelihood(self, word: str) -> float:
        """Give the logarithm of how likely a word in small letters is."""
        found = self._known.get(word)
        if found is None:
            padded = f"{BEGIN}{BEGIN}{word}{END}"
            found = sum(self._step(padded[end - 3 : end]) for end in range(3, len(padded) + 1))
            if len(self._known) < _REMEMBERED:
                self._known[word] = found
        return found

    def _step(self, three: str) -> float:
        """Give the logarithm of how likely a letter is after two others (Witten-Bell)."""
        share = 1 / _ALPHABET
        for counts, key, before in (
            (self._alone, three[2], "all"),
            (self._after_one, three[1:], three[1]),
            (self._after_two, three, three[:2]),
        ):
            kinds, seen = self._kinds[before], self._sums[before]
            if seen:
                share = (counts[key] + kinds * share) / (seen + kinds)
        return log(share)


@cache
def languages() -> dict[str, Language]:
    """Give every language by its name."""
    text = files(__package__).joinpath("languages.txt").read_text(encoding="utf-8")
    lines = (line.partition(": ") for line in text.splitlines() if not line.startswith("#"))
    return {name: Language(name, words.split()) for name, _, words in lines}


def letters_cost(word: str) -> float:
    """Give what the shape of a word costs in any language: capitals, and scripts that are mixed."""
    cost = 0.0
    if not (word.islower() or word.isupper() or word[1:].islower()):
        cost += _ODD_CASE * _odd_capitals(word)
    if len({_script(letter) for letter in word}) > 1:
        cost += _TWO_SCRIPTS
    return cost


def has_odd_capital(chunk: str) -> bool:
    """Tell whether a word of small letters has a capital beyond ASCII within it."""
    return _ODD_CAPITAL.search(chunk) is not None and any(map(_odd_capitals, _PARTS.findall(chunk)))


def sign_in_word(chunk: str) -> bool:
    """Tell whether a sign that stands in no word stands between two letters."""
    return any(
        not part[0][0].isalpha()
        and part[0] not in _IN_WORDS
        and chunk[part.start() - 1 : part.start()].isalpha()
        and chunk[part.end() : part.end() + 1].isalpha()
        for part in _PARTS.finditer(chunk)
    )


def _odd_capitals(word: str) -> int:
    """Count letters beyond ASCII whose case is not that of their neighbours."""
    odd = 0
    for at, letter in enumerate(word):
        if letter.isascii() or letter == "ß" or not letter.isalpha():
            continue
        before, after = word[at - 1 : at], word[at + 1 : at + 2]
        if letter.isupper():
            odd += before.islower() or (bool(before) and after.islower())
        else:
            odd += before.isupper() and after.isupper()
    return odd


@cache
def _script(letter: str) -> str:
    return unicodedata.name(letter, "?").partition(" ")[0]


def pieces(chunk: str) -> tuple[list[str], float]:
    """Take a chunk of text apart: its words in small letters, and what its shape and its signs cost."""
    words: list[str] = []
    cost = 0.0
    for part in _PARTS.finditer(chunk):
        text = part[0]
        before, after = chunk[part.start() - 1 : part.start()], chunk[part.end() : part.end() + 1]
        if not text[0].isalpha() or text in "µªºˆ":
            cost += sign_cost(text, before, after)
            continue
        words.append(text.lower())
        if not text.isascii():
            cost += letters_cost(text)
            touched = (before.isdigit() and not text[0].isascii()) + (
                after.isdigit() and not text[-1].isascii()
            )
            cost += _BESIDE_DIGIT * touched
    return words, cost


# ---- signs ----

_RARE, _IMPOSSIBLE = -6.0, -12.0
_MISPLACED = -6.0

_BASE = {
    -2.0: "€£’–°",
    -2.5: "“”„«»½",
    -3.0: "‘…™®²¡¿´§\xa0",
    -4.0: "—•¼¾³©×±·µº",
    -5.0: "‚ª¹¨`¥$¢†‰÷¸",
}
_COSTS = {sign: cost for cost, signs in _BASE.items() for sign in signs}
_UNITS = frozenset("mMcCkKd")
_QUOTES = "“”«»‹›‘"
"""Each opens in one language and closes in another."""
_BEFORE_WORDS = "„‚¿¡"
_SELDOM_ALONE = "…·‡†"
_AFTER_WORDS = "…™®"


@cache
def sign_cost(sign: str, before: str, after: str) -> float:
    """Give the logarithm of how likely a sign is between two neighbours (empty at a chunk's edge)."""
    cost = _COSTS.get(sign, _RARE)
    if unicodedata.category(sign)[0] in "CM" or unicodedata.name(sign, "").startswith(("BOX ", "BLOCK ")):
        return _IMPOSSIBLE
    left, right = before.isalpha(), after.isalpha()
    if sign == "’":
        # An apostrophe: between letters, or at the end of a word with s.
        return cost if left and right else cost - (1.5 if before in ("s", "S", "") or not left else 3.0)
    if sign == "\xa0":
        return cost - (7.0 if left and right else 0.0 if before and after else 4.0)
    if not before and not after and sign in _SELDOM_ALONE:
        return cost - 4.0
    if sign == "´":
        return cost if left and right else cost - 2.0
    return cost + _place(sign, before, after)


def _place(sign: str, before: str, after: str) -> float:
    """Give what it costs a sign to stand where it does not belong."""
    left, right = before.isalpha(), after.isalpha()
    found = next((rule for signs, rule in _RULES.items() if sign in signs), None)
    if found is not None:
        return found(left, right, before, after)
    if left and right:
        return _MISPLACED
    if sign in _QUOTES:
        return 0.0
    if sign in _BEFORE_WORDS:
        return _MISPLACED * left
    if sign in _AFTER_WORDS:
        return _MISPLACED * right
    return _MISPLACED / 2 * (left + right)


def _money(left: bool, right: bool, _before: str, _after: str) -> float:
    return _MISPLACED * (left + right)


def _after_digit(left: bool, right: bool, before: str, after: str) -> float:
    good = after in ("C", "F", "c", "f") and not left
    good = good or (not right and (not left or before in ("n", "N")))
    return 0.0 if good else _MISPLACED * (left + right)


def _ordinal(_left: bool, right: bool, _before: str, after: str) -> float:
    return 0.0 if not right or after in ("C", "F") else _MISPLACED


def _power(left: bool, right: bool, before: str, _after: str) -> float:
    return (0.0 if not left or before in _UNITS else _MISPLACED) + _MISPLACED * right


def _millionth(left: bool, _right: bool, _before: str, after: str) -> float:
    return 0.0 if not left and after in ("m", "g", "l", "s") else _MISPLACED


def _dash(left: bool, right: bool, before: str, after: str) -> float:
    if left and right:
        return -1.5 if before.islower() and after.isupper() else -4.0
    return -0.5 * (left + right)


_RULES = {
    "€£¥¢¤": _money,
    "½¼¾°‰×÷": _after_digit,
    "ºª": _ordinal,
    "²³¹": _power,
    "µ": _millionth,
    "–—": _dash,
}
