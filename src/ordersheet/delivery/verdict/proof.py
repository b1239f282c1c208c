"""What reading an order back proves: pure functions over what a field held before, holds now, and our text.

Nothing here knows of time: that an absence counts only after `settle` is the caller's matter.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

from ordersheet.core.history.normal import MARKUP
from ordersheet.core.history.normal import normalise_append as normalise

if TYPE_CHECKING:
    from collections.abc import Sequence

_MARKUP = re.compile(MARKUP)
_LINE_ENDS = re.compile(r"\r\n|\r|\n|<br\s*/?>|</p>|</div>|</li>", re.IGNORECASE)


class Proof(StrEnum):
    """What a reading proves of an operation."""

    CONFIRMED = "confirmed"
    """It was applied, once."""
    TWICE = "applied twice"
    """It was applied more than once."""
    ABSENT = "absent"
    """Nothing was added; a proof only once the attempt can no longer arrive."""
    UNCLEAR = "unclear"
    """The reading proves nothing."""


def judge_append(baseline: str | None, now: str | None, text: str, *, others: Sequence[str] = ()) -> Proof:
    """Judge an append by what stands in its field.

    Args:
        baseline: the whole field before the attempt; None where it was not read or is not a text.
        now: the whole field as it reads now; None where it is not there or not a text.
        text: what was to be appended.
        others: what else the ledger appended to the field since the baseline was read.
    """
    if baseline is None or now is None:
        return Proof.UNCLEAR
    before, after = normalise(baseline), normalise(now)
    if before == after and not others:
        return Proof.ABSENT
    ours = normalise(text)
    proofs = {_judge_added(added, ours, others) for added in _added(before, after)}
    for proof in (Proof.CONFIRMED, Proof.TWICE, Proof.ABSENT):
        if proof in proofs:
            return proof
    return Proof.UNCLEAR


def _added(before: str, after: str) -> set[str]:
    """What stands besides the baseline, where that is whole at the start or at the end."""
    added = set()
    if after.startswith(before):
        added.add(after[len(before) :])
    if after.endswith(before):
        added.add(after[: len(after) - len(before)])
    return added


def _judge_added(added: str, ours: str, others: Sequence[str]) -> Proof:
    pieces = [added]
    for other in others:
        if not _take_out(normalise(other), pieces):
            return Proof.UNCLEAR
    found = 0
    while _take_out(ours, pieces):
        found += 1
    if not all(_says_nothing(piece, ours) for piece in pieces):
        return Proof.UNCLEAR
    if found == 0:
        return Proof.ABSENT if not any(piece.strip() for piece in pieces) else Proof.UNCLEAR
    return Proof.CONFIRMED if found == 1 else Proof.TWICE


def _take_out(text: str, pieces: list[str]) -> bool:
    """Take one occurrence of a text out of the pieces; what stood around it stays apart."""
    for at, piece in enumerate(pieces):
        head, found, tail = piece.partition(text)
        if found:
            pieces[at : at + 1] = [head, tail]
            return True
    return False


def _says_nothing(piece: str, ours: str) -> bool:
    """Tell whether what is left is no more than a separator."""
    rest = _MARKUP.sub(" ", piece)
    if not any(char.isalnum() for char in ours):
        return not rest.strip()
    return not any(char.isalnum() for char in rest)


def visible(text: str) -> str:
    """Give a text without its markup."""
    return _MARKUP.sub(" ", text)


def holds_all(held: str, texts: Sequence[str]) -> bool:
    """Tell whether a field holds all of these appended texts, each for itself."""
    pieces = [normalise(held)]
    longest_first = sorted((normalise(text) for text in texts), key=len, reverse=True)
    return all(not text or _take_out(text, pieces) for text in longest_first)


def judge_overwrite(baseline: str | None, now: str | None, text: str) -> Proof:
    """Judge a replace or a clear of a comment: the field holds exactly its text, and did not before."""
    if baseline is None or now is None:
        return Proof.UNCLEAR
    before, after, ours = normalise(baseline), normalise(now), normalise(text)
    if before == ours:
        return Proof.UNCLEAR
    if after == ours:
        return Proof.CONFIRMED
    return Proof.ABSENT if after == before else Proof.UNCLEAR


def stands_as_line(text: str, held: str | None) -> bool:
    """Tell whether a field holds a text as a whole line, or as whole lines one below the other."""
    if held is None:
        return False
    ours, theirs = _lines(text), _lines(held)
    if not ours:
        return False
    return any(theirs[at : at + len(ours)] == ours for at in range(len(theirs) - len(ours) + 1))


def stands_as_sent(text: str, held: str | None) -> bool:
    """Tell the same where a text's own markup counts: `<b>paid</b>` is not there because `paid` is."""
    if held is None or not stands_as_line(text, held):
        return False
    return visible(text) == text or normalise(text) in normalise(held)


def _lines(text: str) -> list[str]:
    lines = (normalise(_MARKUP.sub(" ", line)) for line in _LINE_ENDS.split(text))
    return [line for line in lines if line]
