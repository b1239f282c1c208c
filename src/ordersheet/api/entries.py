"""A long answer, read one entry at a time: what is kept of a list of orders is far less than the list."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.api.answers import decoded

if TYPE_CHECKING:
    from collections.abc import Callable

    from ordersheet.core.model import JsonValue

_BLANKS = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


class Members(NamedTuple):
    """A JSON object of which one member is a long list."""

    rest: dict[str, JsonValue]
    """The other members."""
    entries: int | None
    """How many entries the list had; None where there is no such list."""


def read_members(
    body: bytes, content_type: str | None, listed: str, take: Callable[[JsonValue], None]
) -> Members | None:
    """Read a JSON object of which one member is a long list.

    Args:
        body: the whole body; the caller caps its length.
        content_type: the header, for its charset.
        listed: the member's name.
        take: given each entry of the list, in its order; also where the rest turns out to be no JSON.

    Returns:
        What the object holds beside the list's entries; None where the body is no JSON object, holds the
        list twice, or is nested too deeply to be read.
    """
    try:
        return _LongAnswer(decoded(body, content_type), listed, take).members()
    except (ValueError, RecursionError):
        return None


class _LongAnswer:
    """One text, and how far it was read."""

    def __init__(self, text: str, listed: str, take: Callable[[JsonValue], None]) -> None:
        self._text = text
        self._at = 0
        self._listed = listed
        self._take = take

    def members(self) -> Members:
        found: dict[str, JsonValue] = {}
        entries: int | None = None
        self._expect("{")
        more = not self._passes("}")
        while more:
            name = self._value()
            if not isinstance(name, str):
                raise ValueError("a name is no text")  # noqa: TRY004 - it is the answer that is wrong
            self._expect(":")
            if name == self._listed and self._passes("["):
                if entries is not None:
                    raise ValueError("the list stands there twice")
                entries = self._entries()
            else:
                found[name] = self._value()
            more = self._passes(",")
            if not more:
                self._expect("}")
        if self._next():
            raise ValueError("something follows the object")
        return Members(found, entries)

    def _entries(self) -> int:
        """Read the list, whose beginning was passed; give the number of its entries."""
        if self._passes("]"):
            return 0
        count = 0
        while True:
            self._take(self._value())
            count += 1
            if not self._passes(","):
                self._expect("]")
                return count

    def _value(self) -> JsonValue:
        self._next()
        value: JsonValue
        try:
            value, self._at = _DECODER.raw_decode(self._text, self._at)
        except StopIteration as end:
            raise ValueError("it ends too early") from end
        return value

    def _next(self) -> str:
        """Pass what is blank; give what stands there then, `""` at the end."""
        blanks = _BLANKS.match(self._text, self._at)
        assert blanks is not None
        self._at = blanks.end()
        return self._text[self._at : self._at + 1]

    def _passes(self, mark: str) -> bool:
        if self._next() != mark:
            return False
        self._at += 1
        return True

    def _expect(self, mark: str) -> None:
        if not self._passes(mark):
            raise ValueError(f"not {mark}")
