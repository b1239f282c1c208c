"""Whether what a page of orders shows may stand for reading each order by its ID.

A list may be an old copy, show the beginnings of comments, or leave out letters, where the same server
answers truly for a single order. Then a text that stood there all along would be missing in the baseline, and
pass for ours later. So a page counts only where it shows what this run was answered ok for a moment ago, and
an order of it only where nothing in it is longer, or harder to show, than what a page was seen to show whole.
Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.history.normal import normalise_append as normalise
from ordersheet.core.model import COMMENT_FIELDS
from ordersheet.delivery.verdict.proof import Proof, judge_append
from ordersheet.delivery.verdict.trust import NO_LETTERS, FieldTrust, Size, hardness_of, size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ordersheet.api import OrderView

MOST_WRITTEN = 512
"""Orders of which it is remembered what they must show."""


class WrittenText(NamedTuple):
    """What was answered ok: a page that is asked for after that must show it."""

    text: str
    appends: bool
    baseline: str | None
    """What its field held before."""
    by_id: bool
    """Whether the baseline was read by the order's ID."""
    at: float
    """When it was answered (monotonic)."""


@dataclass(slots=True)
class PageField:
    """What pages have shown of one comment field."""

    chars: int = 0
    lines: int = 0
    octets: int = 0
    hardness: int = -1
    """Of the hardest text that a page has shown where this run wrote it; -1 where there was none."""
    empty: bool = False
    """Whether an order that a page showed empty was empty when it was read by its ID."""
    ends: FieldTrust = field(default_factory=FieldTrust)
    """How long the texts of pages are: whether they seem to have been cut."""

    def shown_whole(self, size: Size) -> None:
        """Note that a page showed the whole of a text of this size."""
        self.chars = max(self.chars, size.chars)
        self.lines = max(self.lines, size.lines)
        self.octets = max(self.octets, size.octets)

    def covers(self, held: str) -> bool:
        """Tell whether a page would have shown more than this, if there had been more."""
        size = size_of(held)
        if not held:
            # A page of first lines shows nothing of a comment whose first line is empty.
            return self.empty or self.lines > size.lines
        larger = self.chars > size.chars and self.lines > size.lines and self.octets > size.octets
        return larger and not self.ends.looks_cut(held)


class PageTrust:
    """What pages have shown in this run.

    Attributes:
        off: pages show orders in another way than single readings, or not as they are: they are no baselines.
        on_written: told each order that a page must show from now on as this run left it.
    """

    def __init__(self) -> None:
        self.off = False
        self.on_written: Callable[[int], None] = lambda _order: None
        self._written: dict[int, dict[str, WrittenText]] = {}
        self._fields = {name: PageField() for name in COMMENT_FIELDS}

    @property
    def written(self) -> Mapping[int, object]:
        """The orders that a page must show as this run left them, the latest last."""
        return self._written

    def wrote(self, order: int, name: str, written: WrittenText) -> None:
        """Note what was answered ok."""
        known = self._written.pop(order, {})
        self._written[order] = {**known, name: written}
        if len(self._written) > MOST_WRITTEN:
            del self._written[next(iter(self._written))]
        self.on_written(order)

    def leaves(self, order: int) -> None:
        """An update is about to leave: what a page shows of its order proves nothing meanwhile."""
        self._written.pop(order, None)

    def proven_by(self, shown: Mapping[int, OrderView], asked: float) -> frozenset[str]:
        """Name the fields of which a page shows what was written before it was asked for.

        Args:
            shown: its orders.
            asked: when it was asked for (monotonic).
        """
        proven = set()
        for order, view in shown.items():
            for name, held in view.comments.items():
                if held is not None:
                    self._fields[name].ends.read(held)
            for name, written in self._written.get(order, {}).items():
                if written.at > asked:
                    continue
                held = view.comments.get(name)
                proof = _judge(written, held)
                if proof is Proof.ABSENT:
                    self.off = True
                elif proof is Proof.CONFIRMED and held is not None:
                    proven.add(name)
                    self._learn(name, written, held)
        return frozenset() if self.off else frozenset(proven)

    def _learn(self, name: str, written: WrittenText, held: str) -> None:
        of = self._fields[name]
        if (hardness := hardness_of(written.text)) < NO_LETTERS:
            of.hardness = max(of.hardness, hardness)
        if written.by_id:
            of.shown_whole(size_of(held))

    def serves(self, name: str, held: str | None, text: str) -> bool:
        """Tell whether a field of a proven page is the baseline that a reading by the order's ID would give.

        Args:
            name: the field.
            held: what the page shows of it.
            text: what is to be written there.
        """
        of = self._fields[name]
        return not self.off and held is not None and hardness_of(text) <= of.hardness and of.covers(held)

    def compare(self, page: OrderView, by_id: OrderView) -> None:
        """Learn from an order that a page and a reading by its ID showed one after the other."""
        for name, held in page.comments.items():
            single = by_id.comments.get(name) if by_id.found else None
            if held is None or single is None:
                continue
            if held == single:
                self._fields[name].shown_whole(size_of(held))
                self._fields[name].empty |= not held
            else:
                self.off = True


def _judge(written: WrittenText, held: str | None) -> Proof:
    """Judge whether a page shows what was answered ok: ABSENT where it shows what stood there before."""
    if held is None:
        return Proof.UNCLEAR
    if written.appends:
        proof = judge_append(written.baseline, held, written.text)
        return Proof.CONFIRMED if proof is Proof.TWICE else proof
    if written.baseline is None or normalise(written.baseline) == normalise(written.text):
        # An old copy would show the same.
        return Proof.UNCLEAR
    if normalise(held) == normalise(written.text):
        return Proof.CONFIRMED
    return Proof.ABSENT if normalise(held) == normalise(written.baseline) else Proof.UNCLEAR
