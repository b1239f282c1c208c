"""What is already done of one field: decided purely, from its history and what a file asks of it.

The rules, with examples and reasons, stand in docs/already-done.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ordersheet.core.history.borders import borders
from ordersheet.core.history.entries import Decision
from ordersheet.core.history.refusals import ways_refused
from ordersheet.core.model import Outcome
from ordersheet.core.operation_state import OperationState

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ordersheet.core.history.entries import Ask, Entry, OperationRef, Policy


_Code: TypeAlias = tuple[str, str]
"""Kind and key: what an operation does."""

_OUTCOMES = {
    OperationState.APPLIED: Outcome.ALREADY_APPLIED,
    OperationState.REFUSED: Outcome.REFUSED,
    OperationState.IN_DOUBT: Outcome.UNCONFIRMED,
}


def outcome_of(entry: Entry) -> Outcome:
    """Give the outcome of what is asked for once more and stands in the history."""
    if entry.state is OperationState.THERE:
        return Outcome.UNCHANGED if entry.kind.overwrites else Outcome.ALREADY_THERE
    return _OUTCOMES[entry.state]


def decide(
    asks: Sequence[Ask], history: Sequence[Entry], policy: Policy, own: Collection[OperationRef] = ()
) -> tuple[Decision, ...]:
    """Decide what is sent of all that one file asks of one field of one order.

    Args:
        asks: in file order.
        history: all of the field's history, in the order of sending.
        policy: the run's options.
        own: the operations that this run has sent. Their refusals count even under `--retry-no`,
            or a run would ask again what it has just been refused.

    Returns:
        One decision for each ask, in the same order.
    """
    return tuple(Ruling(asks, history, policy, own).decisions)


class _Course(NamedTuple):
    """What comes of one way to tell which asks were refused.

    Attributes:
        found: by the index of an ask, the place in the history of what it is.
        twins: by the index of a duplicate, what it repeats.
        rest: the asks that are neither duplicates nor refused.
        turn: where among these the first overwrite is.
        resumed: how many of them, from there on, the history ends with.
    """

    found: dict[int, int]
    twins: dict[int, int]
    rest: list[int]
    turn: int
    resumed: int


class Ruling:
    """The decisions on one field, and what must be known to go on from them when one more is settled.

    Attributes:
        decisions: one for each ask.
        waiting: the index of the first ask that is to be sent; the number of asks where none is.
    """

    __slots__ = (
        "_alike",
        "_asks",
        "_codes",
        "_followed",
        "_history",
        "_kept",
        "_leading",
        "_only_refusals",
        "_overwrites",
        "_policy",
        "_refusals",
        "_resumed",
        "_turn",
        "decisions",
        "waiting",
    )

    def __init__(
        self, asks: Sequence[Ask], history: Sequence[Entry], policy: Policy, own: Collection[OperationRef]
    ) -> None:
        self._asks = asks
        self._history = history
        self._policy = policy
        self._codes: list[_Code] = [(ask.operation.kind, ask.key) for ask in asks]
        compared = [
            place
            for place, entry in enumerate(history)
            if (policy.batch is None or entry.batch == policy.batch)
            and not (policy.retry_no and entry.state is OperationState.REFUSED and entry.ref not in own)
        ]
        firm = [place for place in compared if history[place].state is not OperationState.REFUSED]
        twins = {} if policy.duplicates == "send" else self._duplicates()
        kept = [index for index in range(len(asks)) if index not in twins]
        self._leading = leading = self._match(kept, compared)
        matched = dict(zip(kept[:leading], compared[len(compared) - leading :], strict=True))
        courses = [
            self._course(kept, ended | refused, dict(twins), firm, own)
            for ended in ([matched, {}] if leading and len(firm) < len(compared) else [matched])
            for refused in ways_refused(asks, kept[len(ended) :], history, compared, set(ended.values()), own)
        ]
        whole = (course for course in courses if self._is_whole(course))
        found, twins, rest, self._turn, self._resumed = next(whole, courses[0])
        if policy.duplicates == "send":
            self._give_back(found, own)
        self._kept = kept
        self._overwrites = self._turn < len(rest) or any(self._is_overwrite(index) for index in kept)
        self._alike = len(set(map(self._codes.__getitem__, kept))) < len(kept)
        self._only_refusals = not firm
        self._refusals = len(firm) < len(compared)
        self.decisions = self._word(rest, found, twins)
        self._followed = any(decision.follower is not None for decision in self.decisions)
        self.waiting = 0
        self._step()

    def _course(
        self,
        kept: Sequence[int],
        found: dict[int, int],
        twins: dict[int, int],
        firm: Sequence[int],
        own: Collection[OperationRef],
    ) -> _Course:
        """Apply rules 3 and 4 to what is neither a duplicate nor refused."""
        refused = {i for i, place in found.items() if self._history[place].state is OperationState.REFUSED}
        rest = [index for index in kept if index not in refused]
        if len(rest) < len(kept) and self._policy.duplicates != "send":
            rest = self._join_across_refusals(rest, found, twins)
        turn = next((at for at, index in enumerate(rest) if self._is_overwrite(index)), len(rest))
        found.update(self._held(rest[:turn], firm, found))
        resumed = self._match(rest[turn:], firm, own)
        if all(index in found for index in rest[:turn]):
            for index, place in zip(rest[turn : turn + resumed], firm[len(firm) - resumed :], strict=True):
                found.setdefault(index, place)
        return _Course(found, twins, rest, turn, resumed)

    def _is_whole(self, course: _Course) -> bool:
        """Tell whether nothing of the file needs to be sent."""
        return all(at in course.found or at in course.twins for at in range(len(self._asks)))

    def advance(self, entry: Entry) -> bool:
        """Take in the entry that the first waiting ask has just become, if nothing else changes by it.

        Returns:
            False where more may change: then a new ruling is due.
        """
        if self.waiting == len(self._asks):
            return False
        index, refused = self.waiting, entry.state is OperationState.REFUSED
        ask = self._asks[index]
        if (
            entry.ref.row != ask.row
            or (entry.kind, entry.key) != self._codes[index]
            or ask.occurrence not in (1, entry.occurrence)
            or self._policy.batch not in (None, entry.batch)
            or (entry.kind.overwrites and entry.state is OperationState.IN_DOUBT)
        ):
            return False
        if self._alike and self._refusals:
            return False
        if self._alike or self._overwrites:
            if refused and (self._alike or not self._only_refusals):
                return False
            if not refused and not self._goes_on(index):
                return False
        self._only_refusals = self._only_refusals and refused
        self.decisions[index] = Decision(ask, outcome_of(entry), entry)
        self._step()
        return True

    def _goes_on(self, index: int) -> bool:
        """Tell whether the history ends with all that the file asks for before this ask, and count it in.

        The longest part with which the history ends can then grow by no more than this one.
        """
        leading = self._leading
        if (
            leading == len(self._kept)
            or self._kept[leading] != index
            or self._resumed != max(0, leading - self._turn)
            or (self._followed and self._is_overwrite(index))
        ):
            return False
        self._leading = leading + 1
        self._resumed += leading >= self._turn
        return True

    def _is_overwrite(self, index: int) -> bool:
        return self._asks[index].operation.kind.overwrites

    def _equal(self, index: int, place: int) -> bool:
        """Tell whether an entry is what an ask wants done; an overwrite in doubt equals nothing."""
        ask, entry = self._asks[index], self._history[place]
        return (
            entry.key == ask.key
            and entry.kind is ask.operation.kind
            and ask.occurrence in (1, entry.occurrence)
            and not (entry.state is OperationState.IN_DOUBT and entry.kind.overwrites)
        )

    def _duplicates(self) -> dict[int, int]:
        """Rule 1: find what the file asks for twice, and what it repeats."""
        twins: dict[int, int] = {}
        standing: dict[_Code, int] = {}
        last = -1
        for index, code in enumerate(self._codes):
            if not self._is_overwrite(index):
                if standing.setdefault(code, index) != index:
                    twins[index] = standing[code]
                    continue
            elif last >= 0 and self._codes[last] == code:
                twins[index] = last
                continue
            elif standing:
                standing = {}
            last = index
        return twins

    def _match(self, wanted: Sequence[int], places: Sequence[int], own: Collection[OperationRef] = ()) -> int:
        """Give the length of the longest leading part of what is wanted with which these entries end.

        Where each of several like rows is sent, what this run sent (`own`) for one stands for no other.
        """
        if not wanted or not places:
            return 0
        codes = [self._codes[index] for index in wanted]
        shorter = borders(codes)
        length = 0
        for place in places[-len(wanted) :]:
            entry = self._history[place]
            doubtful = entry.state is OperationState.IN_DOUBT and entry.kind.overwrites
            code = None if doubtful else (entry.kind, entry.key)
            while length and codes[length] != code:
                length = shorter[length - 1]
            if codes[length] == code:
                length += 1
        # The codes leave occurrences out, so each length that fits by its codes is looked at closely.
        own = own if self._policy.duplicates == "send" else ()
        while length and not all(
            self._equal(index, place) and not self._is_other_row_s(index, place, own)
            for index, place in zip(wanted[:length], places[-length:], strict=True)
        ):
            length = shorter[length - 1]
        return length

    def _is_other_row_s(self, index: int, place: int, own: Collection[OperationRef]) -> bool:
        ref = self._history[place].ref
        return ref in own and ref.row != self._asks[index].row

    def _join_across_refusals(
        self, rest: Sequence[int], found: dict[int, int], twins: dict[int, int]
    ) -> list[int]:
        """Find what repeats an earlier operation, now that those between were refused."""
        left: list[int] = []
        standing: dict[_Code, int] = {}
        for index in rest:
            code = self._codes[index]
            if not self._is_overwrite(index):
                twin = standing.setdefault(code, index)
            else:
                twin = left[-1] if left and self._codes[left[-1]] == code else index
                standing = {} if twin == index else standing
            if twin != index and index not in found:
                twins[index] = twin
            else:
                left.append(index)
        return left

    def _held(self, head: Sequence[int], firm: Sequence[int], found: dict[int, int]) -> dict[int, int]:
        """Rule 3: find the appends that the history holds, each entry standing for one ask."""
        open_asks = [index for index in head if index not in found]
        if not open_asks or not firm:
            return {}
        wanted = {self._codes[index] for index in open_asks}
        used = {found[index] for index in head if index in found}
        holders: dict[_Code, list[int]] = {}
        for place in firm:
            code = (self._history[place].kind, self._history[place].key)
            if code in wanted and place not in used:
                holders.setdefault(code, []).append(place)
        held = {}
        for index in open_asks:
            places = holders.get(self._codes[index], [])
            for at in range(len(places) - 1, -1, -1):
                if self._equal(index, places[at]):
                    held[index] = places.pop(at)
                    break
        return held

    def _give_back(self, found: dict[int, int], own: Collection[OperationRef]) -> None:
        """Let what this run sent for a row stand for that row, where several rows ask for the same."""
        sent = {entry.ref.row: place for place, entry in enumerate(self._history) if entry.ref in own}
        for index in sorted(found):
            if self._history[found[index]].state is OperationState.REFUSED:
                continue
            place = sent.get(self._asks[index].row)
            if place is None or self._is_overwrite(index) or not self._equal(index, place):
                continue
            taken = found[index]
            found.update((other, taken) for other in list(found) if found[other] == place)
            found[index] = place

    def _word(self, rest: Sequence[int], found: dict[int, int], twins: dict[int, int]) -> list[Decision]:
        """Give each ask its decision."""
        following = self._following()
        ahead: dict[int, _Code] = {}
        if following:
            coming: _Code | None = None
            overwrites = {index for index in rest if self._is_overwrite(index)}
            for index in range(len(self._asks) - 1, -1, -1):
                if coming is not None:
                    ahead[index] = coming
                if index in overwrites:
                    coming = self._codes[index] if index in found else None
        matched = {found[index] for index in found if self._is_overwrite(index)} if following else set()
        decisions = []
        for index, ask in enumerate(self._asks):
            if index in twins:
                decisions.append(Decision(ask, Outcome.DUPLICATE, twin=self._asks[twins[index]].row))
            elif index not in found:
                decisions.append(Decision(ask, None))
            else:
                place = found[index]
                entry = self._history[place]
                outcome = outcome_of(entry)
                follower = None
                if following and not self._is_overwrite(index) and entry.state in _STANDING:
                    follower = self._follower(place, following, matched, ahead.get(index))
                if follower is not None:
                    doubtful = follower.state is OperationState.IN_DOUBT
                    outcome = Outcome.UNCONFIRMED if doubtful else Outcome.OVERWRITTEN_SINCE
                decisions.append(Decision(ask, outcome, entry, None, follower))
        return decisions

    def _following(self) -> list[int]:
        """Give, for each place of the history, the next overwrite after it; empty where there is none."""
        following = []
        coming = len(self._history)
        for place in range(len(self._history) - 1, -1, -1):
            following.append(coming)
            entry = self._history[place]
            if entry.kind.overwrites and entry.state is not OperationState.REFUSED:
                coming = place
        if coming == len(self._history):
            return []
        following.reverse()
        return following

    def _follower(
        self, place: int, following: Sequence[int], matched: Collection[int], ahead: _Code | None
    ) -> Entry | None:
        """Find the overwrite that followed an append, unless it is what the file asks for next, and has.

        One that the file has yet to send does not count: it may be refused.
        """
        follower = None
        while (place := following[place]) < len(self._history):
            entry = self._history[place]
            if place in matched or (entry.kind, entry.key) == ahead:
                break
            follower = entry
            if entry.state is not OperationState.IN_DOUBT:
                break
        return follower

    def _step(self) -> None:
        while self.waiting < len(self.decisions) and self.decisions[self.waiting].outcome is not None:
            self.waiting += 1


_STANDING = frozenset({OperationState.APPLIED, OperationState.THERE})
