"""Whether a reading that lacks a text proves anything: only where the text would have shown.

A store may show the beginning of a comment, a copy of a minute ago, or one of several copies. So what is not
seen counts as absent only where, in this run, a text at least as long and no easier to show was seen to have
grown by exactly what was appended, soon after it was written. Pure: no clock, no I/O.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.delivery.verdict.proof import Proof, judge_append, visible

if TYPE_CHECKING:
    from collections.abc import Container

RECENT = 50
"""Readings of a field at this store after which what one of them showed is no evidence any more."""
MOST_CONTROLS = 24
"""Answered appends that are remembered for each field, to be read again where something is in doubt."""
PROMPTLY = 5.0
"""Seconds after its baseline was read within which a text must show before a later run may go by that."""
MOST_ENDS = 3
CUT_FROM = 20
"""Characters: a field that ends at the same length as others was probably cut, from this length on."""
_ELLIPSIS = re.compile(r"(?:…|\.\.\.|\[\.\.\.\]|&hellip;)\s*$")
_LINES = re.compile(r"\r\n|\r|\n|<br\s*/?>", re.IGNORECASE)


class Size(NamedTuple):
    """How much a field must show, or has shown."""

    chars: int
    lines: int
    octets: int
    """In UTF-8: some servers count these."""

    def covers(self, other: Size) -> bool:
        """Whether whatever shows this much shows the other, too."""
        return self.chars >= other.chars and self.lines >= other.lines and self.octets >= other.octets


def size_of(*texts: str) -> Size:
    """Measure what stands in a field where these texts stand one below the other."""
    whole = "\n".join(text for text in texts if text)
    return Size(len(whole), len(_LINES.findall(whole)) + 1, len(whole.encode("utf-8", "surrogatepass")))


NOTHING = Size(0, 0, 0)
BEYOND = 16
"""Characters by which a field must exceed another to show that nothing was cut off that one: as many as may
stand between two texts, where a view that cuts could end."""
_HARDER = (0x80, 0x180, 0x10000)
"""Where letters begin that some servers cannot show: beyond ASCII, Latin, and two bytes."""
NO_LETTERS = 9
"""The hardness of a text that a server may take out whole."""


def hardness_of(text: str) -> int:
    """Rank a text by its letter or digit that is shown most easily: 0 for one of ASCII.

    A server may leave out what it cannot show, so what it shows of other texts must be at least as hard.
    """
    marks = [sum(ord(char) >= edge for edge in _HARDER) for char in visible(text) if char.isalnum()]
    return min(marks, default=NO_LETTERS)


class Needed(NamedTuple):
    """What must have been seen before an absence counts."""

    size: Size
    hardness: int

    @property
    def at_least(self) -> Needed:
        """The same of a text of any length."""
        return self._replace(size=NOTHING)


def needed_for(baseline: str, text: str) -> Needed:
    """Say what must have been seen before this text counts as absent."""
    return Needed(size_of(baseline, text), hardness_of(text))


class Control(NamedTuple):
    """An answered append: an order that must show it, if this store shows things as they are."""

    order: int
    field: str
    baseline: str
    text: str
    asked_at: float
    """When its baseline was read (monotonic); long ago where an earlier run did it."""
    size: Size
    """How much its field holds."""

    def fits(self, needed: Needed) -> bool:
        """Whether what is needed would show wherever this shows."""
        return self.size.covers(needed.size) and hardness_of(self.text) >= needed.hardness


def control_of(order: int, name: str, baseline: str, text: str, asked_at: float) -> Control:
    """Keep an append to an order's field that was answered ok, with its baseline."""
    return Control(order, name, baseline, text, asked_at, size_of(baseline, text))


class Growth(NamedTuple):
    """A field was seen to have grown by exactly what was appended."""

    size: Size
    hardness: int
    reading: int
    """The how manieth reading of the field it was."""


@dataclass(slots=True)
class FieldTrust:
    """What the readings of one comment field have shown at this store, in this run."""

    known: bool = False
    """An earlier run saw it read back."""
    prompt: bool = False
    """In this run a text was seen within `settle` of its baseline: what is read is no old copy."""
    shown_after: float = float("inf")
    """Seconds after its baseline was read at which a text was seen: the fewest."""
    shown: Size = NOTHING
    """The most characters, lines and bytes that were seen in a field."""
    readings: int = 0
    grown: deque[Growth] = field(default_factory=lambda: deque(maxlen=RECENT))
    controls: dict[int, Control] = field(default_factory=dict)
    """By order: the latest append to it that was answered ok, with its baseline."""
    longest: int = 0
    """Characters of the longest field that was seen."""
    at_longest: set[int] = field(default_factory=set)
    """Hashes of the different texts, three at most, that were read as baselines and are that long."""

    def read(self, held: str) -> None:
        """Note what a field held when it was read as a baseline."""
        self.readings += 1
        self._saw(size_of(held))
        if len(held) > self.longest:
            self.longest, self.at_longest = len(held), set()
        if len(held) == self.longest and len(self.at_longest) < MOST_ENDS:
            self.at_longest.add(hash(held))

    def grew(self, held: str, text: str, seconds: float, settle: float) -> None:
        """Note that a field was seen to hold its baseline and the text, so many seconds after that."""
        size = size_of(held)
        self._saw(size)
        self.grown.append(Growth(size, hardness_of(text), self.readings))
        self.shown_after = min(self.shown_after, seconds)
        if len(held) > self.longest:
            self.longest, self.at_longest = len(held), set()
        self.prompt = self.prompt or seconds <= settle

    def remember(self, control: Control) -> None:
        """Keep an answered append; of too many, the longest and the latest stay."""
        self.controls.pop(control.order, None)
        self.controls[control.order] = control
        if len(self.controls) > 2 * MOST_CONTROLS:
            # Seldom, since every update that is answered comes by here.
            known = list(self.controls.values())
            latest = known[-MOST_CONTROLS // 2 :]
            longest = sorted(known[: -MOST_CONTROLS // 2], key=lambda one: one.size)[-MOST_CONTROLS // 2 :]
            kept = {one.order for one in (*latest, *longest)}
            self.controls = {one.order: one for one in known if one.order in kept}

    def looks_cut(self, baseline: str) -> bool:
        """Tell whether a field seems to have been cut: by its end, or since others end at the same length."""
        return ends_cut(baseline) or self.ends_like_others(baseline)

    def ends_like_others(self, baseline: str) -> bool:
        """Tell whether a field is as long as others, and none was seen that is longer."""
        return CUT_FROM <= len(baseline) == self.longest and len(self.at_longest) > 1

    def proves(self, needed: Needed) -> bool:
        """Tell whether a text that was needed to show would have shown."""
        if needed.hardness == NO_LETTERS or not (self.prompt or self.known):
            return False
        return any(
            grown.size.covers(needed.size)
            and grown.hardness >= needed.hardness
            and self.readings - grown.reading <= RECENT
            for grown in self.grown
        )

    def _saw(self, size: Size) -> None:
        if not self.shown.covers(size):
            self.shown = Size(*map(max, self.shown, size))

    def shows_at_all(self, needed: Needed) -> bool:
        """Tell whether a text no easier to show was seen to have grown, however short."""
        return self.proves(needed.at_least)

    @property
    def shows_after(self) -> float:
        """Seconds after its baseline was read within which texts show; infinite where that is not known."""
        return min(self.shown_after, PROMPTLY) if self.known else self.shown_after

    def shows_beyond(self, held: str) -> bool:
        """Tell whether a field was seen that shows more than this, so that no view has cut this one off."""
        size = size_of(held)
        return not held or (
            self.shown.chars >= size.chars + BEYOND
            and self.shown.octets >= size.octets + BEYOND
            and self.shown.lines > size.lines
        )

    def control_for(self, needed: Needed, but: Container[int]) -> Control | None:
        """Choose an answered append whose order shows whether readings can be trusted; None where none can.

        The latest one that is large enough: it tells the most about copies that lag.
        """
        fitting = (control for control in reversed(self.controls.values()) if control.fits(needed))
        return next((control for control in fitting if control.order not in but), None)

    def recent(self, since: float, but: Container[int]) -> Control | None:
        """Give the latest answered append, where its baseline was read after that moment."""
        control = next((one for one in reversed(self.controls.values()) if one.order not in but), None)
        return control if control is not None and control.asked_at >= since else None


def ends_cut(held: str) -> bool:
    """Tell whether a text ends as one that was cut does."""
    return _ELLIPSIS.search(held) is not None


def judge_control(control: Control, held: str | None) -> Proof:
    """Judge what an order shows that must show an append: CONFIRMED, ABSENT where it does not, or UNCLEAR."""
    proof = judge_append(control.baseline, held, control.text)
    return Proof.CONFIRMED if proof is Proof.TWICE else proof
