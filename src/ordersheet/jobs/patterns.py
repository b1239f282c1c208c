"""Whether one name can match two patterns; pure."""

from __future__ import annotations

from typing import NamedTuple


class _Part(NamedTuple):
    """One sign of a pattern: which characters it takes."""

    many: bool
    """`*`: any number of any characters."""
    characters: frozenset[str] | None
    """None for all but `but`."""
    but: frozenset[str] = frozenset()

    def meets(self, other: _Part) -> bool:
        if self.characters is None:
            return other.characters is None or bool(other.characters - self.but)
        if other.characters is None:
            return bool(self.characters - other.but)
        return bool(self.characters & other.characters)


def may_both_match(one: str, other: str) -> bool:
    """Tell whether there is a name that matches both patterns, regardless of case.

    Args:
        one: a pattern of `*`, `?`, `[abc]`, `[!abc]` and characters that stand for themselves.
        other: another.
    """
    left, right = _parts(one.lower()), _parts(other.lower())
    seen: set[tuple[int, int]] = set()
    open_pairs = [(0, 0)]
    while open_pairs:
        pair = open_pairs.pop()
        if pair in seen:
            continue
        seen.add(pair)
        at, beside = pair
        if pair == (len(left), len(right)):
            return True
        a = left[at] if at < len(left) else None
        b = right[beside] if beside < len(right) else None
        if a is not None and a.many:
            open_pairs.append((at + 1, beside))
        if b is not None and b.many:
            open_pairs.append((at, beside + 1))
        if a is not None and b is not None and a.meets(b):
            # Each takes one character, and a * may take more.
            open_pairs.append((at if a.many else at + 1, beside if b.many else beside + 1))
    return False


def _parts(pattern: str) -> list[_Part]:
    parts, at = [], 0
    while at < len(pattern):
        sign = pattern[at]
        end = pattern.find("]", at + 2 + pattern[at + 1 : at + 2].count("!")) if sign == "[" else -1
        if sign == "*":
            parts.append(_Part(many=True, characters=None))
        elif sign == "?":
            parts.append(_Part(many=False, characters=None))
        elif end > 0:
            inner = pattern[at + 1 : end]
            chosen = _characters(inner.removeprefix("!"))
            if inner.startswith("!"):
                parts.append(_Part(many=False, characters=None, but=chosen))
            else:
                parts.append(_Part(many=False, characters=chosen))
            at = end
        else:
            parts.append(_Part(many=False, characters=frozenset(sign)))
        at += 1
    return parts


def _characters(inner: str) -> frozenset[str]:
    found, at = set(), 0
    while at < len(inner):
        if at + 2 < len(inner) and inner[at + 1] == "-":
            found |= {chr(code) for code in range(ord(inner[at]), ord(inner[at + 2]) + 1)}
            at += 3
        else:
            found.add(inner[at])
            at += 1
    return frozenset(found)
