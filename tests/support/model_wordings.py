"""The rules of docs/already-done.md once more, written for shortness, and plausible simpler wordings.

With no wording chosen it must decide as the product does; each wording must be caught by the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.core.history.orderbook import Ask, Decision, Entry, OperationRef, Policy
from ordersheet.core.model import OperationKind, Outcome
from ordersheet.core.operation_state import OperationState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

WORDINGS = (
    "an operation that the history holds anywhere is done",
    "an overwrite is done if it is the last overwrite",
    "the order of what is asked does not matter",
    "the history need only contain the leading part",
    "a refusal leaves no trace",
    "refused operations are not left out of 3 and 4",
    "what was refused still parts two appends",
    "nothing is a duplicate",
    "an append is a duplicate wherever it stood before",
    "an overwrite is a duplicate wherever it stood before",
    "no overwrite is looked for after an append that is held",
    "appends before the first overwrite are always sent",
    "appends after the first overwrite are not sent if they are held",
    "an overwrite in doubt equals itself",
    "an overwrite in doubt leaves no trace",
    "a batch is compared with all of the history",
    "a batch looks at its own part for overwrites, too",
    "occurrences are never compared",
    "occurrences are always compared",
    "under --retry-no a run forgets its own refusals",
    "what was sent for a row stands for any like",
    "the latest entry speaks for all like asks",
)


def reworded(
    wording: str, asks: Sequence[Ask], history: Sequence[Entry], policy: Policy, own: Collection[OperationRef]
) -> tuple[Decision, ...]:
    """Decide as `decide` does, but for one rule."""
    return _Case(wording, asks, history, policy, own).decide()


class _Case:
    def __init__(
        self,
        wording: str,
        asks: Sequence[Ask],
        history: Sequence[Entry],
        policy: Policy,
        own: Collection[OperationRef],
    ) -> None:
        assert wording in WORDINGS or not wording
        self.wording = wording
        self.asks = list(asks)
        self.history = list(history)
        self.policy = policy
        self.own = own
        if wording == "a refusal leaves no trace":
            self.history = [entry for entry in history if entry.state is not OperationState.REFUSED]
        if wording == "an overwrite in doubt leaves no trace":
            self.history = [
                e for e in history if not (e.kind.overwrites and e.state is OperationState.IN_DOUBT)
            ]
        forgets = wording == "under --retry-no a run forgets its own refusals"
        self.compared = [
            entry
            for entry in self.history
            if self._same_batch(entry)
            and not (
                policy.retry_no
                and entry.state is OperationState.REFUSED
                and (entry.ref not in own or forgets)
            )
        ]
        self.firm = [entry for entry in self.compared if entry.state is not OperationState.REFUSED]

    def _same_batch(self, entry: Entry) -> bool:
        everything = self.wording == "a batch is compared with all of the history"
        return self.policy.batch is None or everything or entry.batch == self.policy.batch

    def same(self, ask: Ask, entry: Entry) -> bool:
        if (ask.operation.kind, ask.key) != (entry.kind, entry.key):
            return False
        if entry.kind.overwrites and entry.state is OperationState.IN_DOUBT:
            return self.wording == "an overwrite in doubt equals itself"
        if self.wording == "occurrences are never compared" or entry.kind.overwrites:
            return True
        if self.wording == "occurrences are always compared":
            return ask.occurrence == entry.occurrence
        return ask.occurrence in (1, entry.occurrence)

    def stands_for(self, ask: Ask, entry: Entry) -> bool:
        """As `same`; but where each like row is sent, what this run sent for one stands for no other."""
        if not self.same(ask, entry):
            return False
        if self.policy.duplicates != "send" or self.wording == "what was sent for a row stands for any like":
            return True
        return entry.ref not in self.own or entry.ref.row == ask.row

    def ends_with(
        self, part: Sequence[Ask], entries: Sequence[Entry], like: Callable[[Ask, Entry], bool]
    ) -> list[Entry]:
        """Give the entries that the longest leading part of `part` matches at the end of `entries`."""
        for length in range(min(len(part), len(entries)), 0, -1):
            ends = range(len(entries), length - 1, -1)
            if self.wording != "the history need only contain the leading part":
                ends = range(len(entries), len(entries) - 1, -1)
            for end in ends:
                tail = list(entries[end - length : end])
                if all(map(like, part[:length], tail)):
                    return tail
                if self.wording == "the order of what is asked does not matter":
                    places = [next((e for e in tail if like(a, e)), None) for a in part[:length]]
                    if len(set(places)) == length and None not in places:
                        return [place for place in places if place is not None]
        return []

    def twins(self) -> dict[int, int]:
        twins: dict[int, int] = {}
        if self.policy.duplicates == "send" or self.wording == "nothing is a duplicate":
            return twins
        apart = self.wording == "an append is a duplicate wherever it stood before"
        anywhere = self.wording == "an overwrite is a duplicate wherever it stood before"
        for index, ask in enumerate(self.asks):
            what = (ask.operation.kind, ask.key)
            for before in range(index - 1, -1, -1):
                if before in twins:
                    continue
                other = self.asks[before].operation.kind
                if (other, self.asks[before].key) == what:
                    twins[index] = before
                    break
                if ask.operation.kind.overwrites:
                    if not anywhere:
                        break
                elif other.overwrites and not apart:
                    break
        return twins

    def decide(self) -> tuple[Decision, ...]:
        asks, twins = self.asks, self.twins()
        kept = [index for index in range(len(asks)) if index not in twins]
        found: dict[int, Entry] = {}
        if self.wording == "an operation that the history holds anywhere is done":
            for index in kept:
                found.update((index, entry) for entry in self.compared if self.same(asks[index], entry))
            return self.word(kept, found, twins)
        matched = self.ends_with([asks[index] for index in kept], self.compared, self.same)
        ways = [
            self.ruled(kept, dict(zip(kept, ended, strict=False)) | refused, dict(twins))
            for ended in (matched, [])
            for refused in self.ways(kept[len(ended) :], ended)
        ]
        whole = [way for way in ways if all(i in way[0] or i in way[1] for i in kept)]
        found, twins, rest = [*whole, *ways][0]
        return self.word(rest, found, twins)

    def ways(self, outside: list[int], matched: list[Entry]) -> list[dict[int, Entry]]:
        """Rule 2: of like asks the latest entry speaks for all, or the last ask has it, and so on."""
        likes = {
            index: [
                e
                for e in self.compared
                if (e.kind, e.key) == (self.asks[index].operation.kind, self.asks[index].key)
                and self.asks[index].occurrence in (1, e.occurrence)
            ]
            for index in outside
        }
        latest = {i: like[-1] for i, like in likes.items() if like}
        mine = {
            i: e
            for i, like in likes.items()
            for e in like
            if e.ref in self.own and e.ref.row == self.asks[i].row
        }
        pairs: dict[int, Entry] = dict(mine)
        used = [e.ref for e in matched] + [e.ref for e in self.history if e.ref in self.own]
        for index in reversed(outside):
            free = [e for e in likes[index] if e.ref not in used]
            if index not in pairs and free:
                pairs[index] = free[-1]
                used.append(free[-1].ref)
        first = {i: like[0] for i, like in likes.items() if like}
        ways = [latest | mine, first | pairs, latest | pairs]
        if self.wording == "the latest entry speaks for all like asks":
            ways = [latest]
        return [{i: e for i, e in way.items() if e.state is OperationState.REFUSED} for way in ways]

    def ruled(
        self, kept: list[int], found: dict[int, Entry], twins: dict[int, int]
    ) -> tuple[dict[int, Entry], dict[int, int], list[int]]:
        rest = [i for i in kept if i not in found or found[i].state is not OperationState.REFUSED]
        parted = self.wording in {
            "what was refused still parts two appends",
            "nothing is a duplicate",
        }
        if self.policy.duplicates != "send" and not parted:
            rest = self.join(rest, found, twins)
        if self.wording == "refused operations are not left out of 3 and 4":
            rest = [index for index in kept if index not in twins]
        self.rules_3_and_4(rest, found)
        if self.policy.duplicates == "send":
            self.give_back(found)
        return found, twins, rest

    def give_back(self, found: dict[int, Entry]) -> None:
        for index in sorted(found):
            for entry in self.history:
                if (
                    found[index].state is not OperationState.REFUSED
                    and entry.ref in self.own
                    and not entry.kind.overwrites
                    and entry.ref.row == self.asks[index].row
                    and self.same(self.asks[index], entry)
                ):
                    taken = found[index]
                    found |= {other: taken for other in found if found[other] is entry} | {index: entry}

    def join(self, rest: list[int], found: dict[int, Entry], twins: dict[int, int]) -> list[int]:
        left: list[int] = []
        for index in rest:
            overwrites = self.asks[index].operation.kind.overwrites
            for before in reversed(left):
                same = self.asks[before].operation == self.asks[index].operation
                if same and index not in found:
                    twins[index] = before
                if overwrites or self.asks[before].operation.kind.overwrites:
                    break
            if index not in twins:
                left.append(index)
        return left

    def rules_3_and_4(self, rest: list[int], found: dict[int, Entry]) -> None:
        asks = self.asks
        turn = next((at for at, i in enumerate(rest) if asks[i].operation.kind.overwrites), len(rest))
        head, tail = rest[:turn], rest[turn:]
        if self.wording != "appends before the first overwrite are always sent":
            for index in head:
                free = [e for e in self.firm if self.same(asks[index], e)]
                free = [e for e in free if all(e is not found.get(i) for i in head)]
                if index not in found and free:
                    found[index] = free[-1]
        if self.wording == "an overwrite is done if it is the last overwrite":
            last = [entry for entry in self.firm if entry.kind.overwrites][-1:]
            for index in tail:
                held = last if asks[index].operation.kind.overwrites else self.firm
                found.update((index, entry) for entry in held if self.same(asks[index], entry))
        elif all(index in found for index in head):
            matched = self.ends_with([asks[index] for index in tail], self.firm, self.stands_for)
            for index, entry in zip(tail, matched, strict=False):
                found.setdefault(index, entry)
        if self.wording == "appends after the first overwrite are not sent if they are held":
            for index in tail:
                if not asks[index].operation.kind.overwrites:
                    for entry in self.firm:
                        if self.same(asks[index], entry):
                            found.setdefault(index, entry)

    def word(self, rest: list[int], found: dict[int, Entry], twins: dict[int, int]) -> tuple[Decision, ...]:
        decisions = []
        for index, ask in enumerate(self.asks):
            if index in twins:
                decisions.append(Decision(ask, Outcome.DUPLICATE, twin=self.asks[twins[index]].row))
            elif index in found:
                decisions.append(self.word_found(index, rest, found))
            else:
                decisions.append(Decision(ask, None))
        return tuple(decisions)

    def word_found(self, index: int, rest: list[int], found: dict[int, Entry]) -> Decision:
        ask, entry = self.asks[index], found[index]
        outcome = {
            OperationState.APPLIED: Outcome.ALREADY_APPLIED,
            OperationState.THERE: Outcome.UNCHANGED if entry.kind.overwrites else Outcome.ALREADY_THERE,
            OperationState.REFUSED: Outcome.REFUSED,
            OperationState.IN_DOUBT: Outcome.UNCONFIRMED,
        }[entry.state]
        ahead = [i for i in rest if i > index and self.asks[i].operation.kind.overwrites]
        matched = [found[i].ref for i in rest if i in found and self.asks[i].operation.kind.overwrites]
        follower = None
        seen = self.history
        if self.wording == "a batch looks at its own part for overwrites, too":
            seen = self.compared
        if (
            ask.operation.kind is OperationKind.APPEND
            and entry.state in (OperationState.APPLIED, OperationState.THERE)
            and self.wording != "no overwrite is looked for after an append that is held"
        ):
            refs = [e.ref for e in seen]
            for later in seen[refs.index(entry.ref) + 1 :]:
                if not later.kind.overwrites or later.state is OperationState.REFUSED:
                    continue
                own = (
                    ahead
                    and ahead[0] in found
                    and (later.kind, later.key)
                    == (
                        self.asks[ahead[0]].operation.kind,
                        self.asks[ahead[0]].key,
                    )
                )
                if later.ref in matched or own:
                    break
                follower = later
                if later.state is not OperationState.IN_DOUBT:
                    break
        if follower is not None:
            doubtful = follower.state is OperationState.IN_DOUBT
            outcome = Outcome.UNCONFIRMED if doubtful else Outcome.OVERWRITTEN_SINCE
        return Decision(ask, outcome, entry, None, follower)
