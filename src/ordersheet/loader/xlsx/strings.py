"""The shared strings of a workbook: a list where it is small, packed in a temporary file where it is big.

A million rows can hold millions of different texts. As Python strings these take several hundred
megabytes; packed, they take a few, and are read back in small blocks that stay at hand for a while.
"""

from __future__ import annotations

import tempfile
import weakref
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ordersheet.core.errors import no_temporary_room
from ordersheet.ooxml.limits import LIMITS, Limits
from ordersheet.ooxml.part import SPACE, XML_BLANKS, PartParser, main_name, refuse_depth
from ordersheet.ooxml.refusals import too_big

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_BLOCK = 32
"""Texts in a block."""
_MEMORY = 4 * 2**20
"""Bytes of packed texts before they go to the disk."""


@dataclass(frozen=True, slots=True)
class Room:
    """How much memory shared strings may take."""

    kept: int = 16 * 2**20
    """Characters (and 60 for each text) that are kept as a list."""
    waiting: int = 2**20
    """Characters that wait to be packed."""
    at_hand: int = 8 * 2**20
    """Bytes of blocks that stay unpacked."""


_ROOM = Room()


class SharedStrings:
    """Texts by their number.

    Attributes:
        get: gives the text of a number; raises IndexError where there is none.
        blank: the numbers of empty texts, as a file writes them.
    """

    def __init__(self, limits: Limits = LIMITS, room: Room = _ROOM) -> None:
        self._limits = limits
        self._room = room
        self.blank: set[str] = set()
        self._list: list[str] = []
        self._size = 0
        self._count = 0
        self._ends = array("Q", [0])
        self._file = tempfile.SpooledTemporaryFile(_MEMORY, mode="w+b")  # noqa: SIM115 - lives as long as this
        weakref.finalize(self, self._file.close)
        self._packed = False
        self._waiting = self._held = 0
        self._at_hand: dict[int, list[str]] = {}

    @property
    def get(self) -> Callable[[int], str]:
        """Give the function that looks a text up; texts are not added after that."""
        if not self._packed:
            return self._list.__getitem__
        self._pack(len(self._list))
        return self._unpack

    def add(self, text: str) -> None:
        """Add the next text, which holds no NUL, as no XML does.

        Raises:
            SourceError: where the texts are more, or one is longer, than in any real workbook.
        """
        if not text:
            self.blank.add(str(self._count))
            if len(self.blank) > self._limits.blank_strings:
                raise too_big(f"The file has more than {self._limits.blank_strings:,} empty shared texts")
        self._list.append(text)
        self._count += 1
        self._size += len(text) + 60
        if self._size > self._room.kept:
            self._packed = True
            self._waiting += len(text) + 60
            if self._waiting > self._room.waiting:
                self._pack(len(self._list) // _BLOCK * _BLOCK)
                self._waiting = 0
            if self._count > self._limits.strings:
                raise too_big(f"The file has more than {self._limits.strings:,} shared texts")

    def _pack(self, count: int) -> None:
        for at in range(0, count, _BLOCK):
            block = "\0".join(self._list[at : min(at + _BLOCK, count)]).encode("utf-8")
            try:
                self._file.write(block)
                # What does not fit is told now, and not when a text is looked up.
                self._file.flush()
            except OSError as error:
                raise no_temporary_room(tempfile.tempdir, error) from error
            self._ends.append(self._ends[-1] + len(block))
        del self._list[:count]

    def _unpack(self, number: int) -> str:
        at, place = divmod(number, _BLOCK)
        block = self._at_hand.get(at)
        if block is None:
            if not 0 <= number < self._count:
                raise IndexError(number)
            size = self._ends[at + 1] - self._ends[at]
            self._file.seek(self._ends[at])
            block = self._file.read(size).decode("utf-8").split("\0")
            self._held += size
            if self._held > self._room.at_hand:
                self._at_hand.clear()
                self._held = size
            self._at_hand[at] = block
        return block[place]


class _StringsParser:
    """The handlers for the part of shared strings."""

    def __init__(self, name: str, limits: Limits) -> None:
        self._limits = limits
        self.strings = SharedStrings(limits)
        self.path: list[str] = []
        self.parser = PartParser(name)
        self.parser.expat.StartElementHandler = self._start
        self.parser.expat.EndElementHandler = self._end
        self.parser.expat.CharacterDataHandler = self._characters
        self._name = name
        self._texts: list[str] = []
        self._size = 0
        self._phonetic = 0
        self._keeps_blanks = False
        self._begin = 0
        """Where the texts of the last `t` begin."""

    def _start(self, element: str, attributes: dict[str, str]) -> None:
        local = main_name(element)
        self.path.append(local)
        if local == "t":
            self._keeps_blanks = attributes.get(SPACE) == "preserve"
            self._begin = len(self._texts)
        if local == "si":
            self._texts.clear()
            self._size = 0
        elif local == "rPh":
            self._phonetic += 1

    def _end(self, _element: str) -> None:
        local = self.path.pop()
        if local == "si":
            self.strings.add(self._texts[0] if len(self._texts) == 1 else "".join(self._texts))
        elif local == "t" and not self._keeps_blanks:
            # Blanks around it that the file does not ask to keep, Excel does not show.
            self._texts[self._begin :] = ["".join(self._texts[self._begin :]).strip(XML_BLANKS)]
        elif local == "rPh":
            self._phonetic -= 1

    def _characters(self, data: str) -> None:
        if self.path[-1] == "t" and not self._phonetic:
            self._texts.append(data)
            self._size += len(data)
            if self._size > (most := self._limits.cell_text):
                raise too_big(f"The part {self._name} has a text of more than {most:,} characters")


def read_strings(chunks: Iterable[bytes], name: str, limits: Limits = LIMITS) -> SharedStrings:
    """Read the part of shared strings; phonetic guides are left out, rich text is joined.

    Args:
        chunks: its bytes.
        name: its name, for messages.
        limits: how much it may hold.

    Raises:
        SourceError: where it is damaged or too big.
    """
    reading = _StringsParser(name, limits)
    for chunk in chunks:
        reading.parser.feed(chunk)
        refuse_depth(len(reading.path), name)
    reading.parser.feed(b"", last=True)
    return reading.strings
