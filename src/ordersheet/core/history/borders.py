"""Where a row of codes repeats its own beginning."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def borders(codes: Sequence[tuple[str, str]]) -> list[int]:
    """Give, for each leading part, the length of the longest shorter one with which it ends.

    Knuth, Morris and Pratt's failure function: it keeps a long history linear.
    """
    shorter = [0] * len(codes)
    length = 0
    for at in range(1, len(codes)):
        while length and codes[at] != codes[length]:
            length = shorter[length - 1]
        if codes[at] == codes[length]:
            length += 1
        shorter[at] = length
    return shorter
