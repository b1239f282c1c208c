"""Whether a file is whole: it looked the same twice, or somebody has said so. Pure: the time is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ordersheet.jobs.sources import SourceFile


class Stability:
    """What earlier looks found.

    Args:
        stable: seconds for which a file must have stayed the same.
        marker: what is put behind a file's name to say that it is whole; None where nobody says so.
    """

    def __init__(self, stable: float, marker: str | None) -> None:
        self._stable = stable
        self._marker = marker
        self._since: dict[str, tuple[SourceFile, float]] = {}

    def whole(self, found: Iterable[SourceFile], names: Iterable[str], now: float) -> list[SourceFile]:
        """Give the files that are whole at this look.

        Args:
            found: what the look found.
            names: every name that it saw.
            now: its moment (monotonic).
        """
        files = list(found)
        if self._marker is not None:
            marker, there = self._marker, set(names)
            unmarked = (one for one in files if not one.name.endswith(marker))
            return [one for one in unmarked if one.name + marker in there]
        before, self._since = self._since, {}
        for one in files:
            known = before.get(one.key)
            same = known is not None and known[0] == one
            self._since[one.key] = known if known is not None and same else (one, now)
        return [one for one in files if now - self._since[one.key][1] >= self._stable]

    def wait(self, now: float) -> float | None:
        """Give the seconds until another look may find a whole file; None where none is awaited."""
        if self._marker is not None:
            return None
        left = [self._stable - (now - since) for _, since in self._since.values()]
        return max(0.0, min(one for one in left if one > 0)) if any(one > 0 for one in left) else None
