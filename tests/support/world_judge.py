"""The promise, held against a shop's own log: it knows nothing of the rules by which a status was found."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from tests.support.delivery import sheet
from tests.support.world_run import BOUND, run
from tests.support.world_shop import BY_HAND, FLAGS

from ordersheet.core.model import Operation, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.world_run import Report, Told
    from tests.support.world_shop import Did
    from tests.support.worlds import World

    from ordersheet.core.model import OrderUpdate

__all__ = ["Finding", "judge", "judged", "sheet"]
SAYS_NOTHING_WAS_APPLIED = frozenset(
    {
        Outcome.REFUSED,
        Outcome.NOT_SENT,
        Outcome.NOT_APPLIED,
        Outcome.INVALID,
        Outcome.ALREADY_THERE,
        Outcome.OVERWRITTEN_SINCE,
        Outcome.CHANGED_SINCE,
    }
)


READ_WITHIN = 5.1
"""Seconds between what a guard was judged by and the overwrite that it guards, the answer's way included."""


class Finding(NamedTuple):
    """One place where the promise was broken."""

    kind: str
    """`doubled`, `unguarded`, `false ok`, `false no`, `false part`, `false there`, `rows`, `illegal` or
    `endless`."""
    words: str


def judged(world: World) -> list[Finding]:
    """Let a world happen, and hold each report against the shop's log."""
    return judge(run(world))


def judge(told: Told) -> list[Finding]:
    """Hold each report of a world against the shop's log."""
    found = list(_doubled(told))
    if told.world.guarded and told.world.view.honest:
        found += _unguarded(told)
    found += [Finding("illegal", words) for words in told.ledger.refused]
    for report in told.reports:
        if report.endless:
            found.append(Finding("endless", f"{report.who} did not end within {BOUND:.0f} s"))
        elif report.end is not None:
            found += _judge_report(told, report)
    return found


def _place(operation: Operation) -> tuple[str, str, str]:
    name = operation.field.removeprefix("extraAttributes.")
    kind = "overwrite" if operation.kind.overwrites else "append"
    return name, kind, str(operation.value)


def _is(did: Did, order: int, operation: Operation) -> bool:
    return did.order == order and (did.field, did.kind, str(did.text)) == _place(operation)


def _doubled(told: Told) -> Iterator[Finding]:
    """No append of ours stands twice since its field was last overwritten by us.

    What a gateway carried out twice came with one PUT of ours, and counts once.
    """
    standing: dict[tuple[bool, int, str], dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for did in told.shop.log:
        place = did.elsewhere, did.order, did.field
        if not did.who or place[1:] in told.shop.disturbed:
            continue
        if did.kind == "overwrite":
            standing[place].clear()
            continue
        puts = standing[place][did.text]
        if did.put not in puts and puts:
            yield Finding("doubled", f"{did.text!r} of order {did.order}, {did.field}: {len(puts) + 1} times")
        puts.add(did.put)


def _unguarded(told: Told) -> Iterator[Finding]:
    """No update of ours to a field that a person wrote to, where its run has read the order since.

    Nor an overwrite so long after that it should have read the order since.
    """
    written: dict[tuple[bool, int, str], float] = {}
    for did in told.shop.log:
        place = did.elsewhere, did.order, did.field
        if not did.who:
            written.pop(place, None)
            if any(text in did.text for text in BY_HAND):
                written[place] = did.at
        elif did.field in FLAGS and written.get(place, float("inf")) < _seen_until(told, did):
            yield Finding("unguarded", f"{did.who} sent {did.text!r} to order {did.order}, {did.field}")
        elif did.kind == "overwrite":
            written.pop(place, None)  # It came between reading and writing, and is gone.


def _seen_until(told: Told, did: Did) -> float:
    """Up to which moment the run of an update must have seen what others wrote."""
    read = told.shop.known[did.put]
    return max(read, told.shop.left[did.put] - READ_WITHIN) if did.kind == "overwrite" else read


def _judge_report(told: Told, report: Report) -> Iterator[Finding]:
    rows = {update.row: update for work in told.works for update in work.updates}
    assert report.end is not None
    results = report.results
    if set(results) != set(rows) and not (report.end.rest and set(results) < set(rows)):
        yield Finding("rows", f"{report.who} tells of rows {sorted(results)} of {sorted(rows)}")
    outcomes = {row: results[row].outcome if row in results else Outcome.NOT_SENT for row in rows}
    perhaps = {
        (update.order, operation)
        for row, update in rows.items()
        for operation in update.operations
        if outcomes[row] not in SAYS_NOTHING_WAS_APPLIED
    }
    for row, update in rows.items():
        for kind, words in _judge_row(told, report, update, outcomes[row], perhaps):
            yield Finding(kind, f"{report.who}, row {row} ({outcomes[row]}): {words}")


def _judge_row(
    told: Told,
    report: Report,
    update: OrderUpdate,
    outcome: Outcome,
    perhaps: set[tuple[int, Operation]],
) -> Iterator[tuple[str, str]]:
    """Judge one row; `perhaps` is what the rows ask for that may have been applied."""
    order = update.order
    there = []
    applied = 0
    for operation in update.operations:
        if (order, operation.field) in told.shop.disturbed:
            there.append(False)
            continue
        # An ok must be true when it is told, and a no must stay true afterwards.
        done = [did for did in told.shop.log if did.who and _is(did, order, operation)]
        by_now = [did for did in done if did.at <= report.at]
        applied += len(done)
        there.append(bool(by_now) and not operation.kind.overwrites)
        if outcome.ok and not by_now:
            yield "false ok", f"{operation} was never applied"
        ours = any(did.who == report.who for did in done)
        if outcome in SAYS_NOTHING_WAS_APPLIED and ours and (order, operation) not in perhaps:
            yield "false no", f"{operation} was applied by this run"
    if outcome is Outcome.ALREADY_THERE and all(there):
        yield "false there", "this ledger has written all of it"
    if told.shop.disturbed:
        return
    if outcome is Outcome.ALREADY_THERE and told.world.view.honest and not _ever_stood(told, update):
        yield "false there", "nothing of it ever stood there"
    if outcome is Outcome.PARTLY_APPLIED and not applied:
        yield "false part", "nothing of it was applied"
    if outcome is Outcome.APPLIED_TWICE and applied < 2:
        yield "false ok", "it was not applied twice"


def _ever_stood(told: Told, update: OrderUpdate) -> bool:
    """Tell whether a text that a row adds stood in its order at any time, letters and blanks apart."""
    texts = [(one.field, _plain(str(one.value))) for one in update.operations if not one.kind.overwrites]
    return any(
        text in _plain(getattr(held, name))
        for held in told.shop.ever_held(update.order)
        for name, text in texts
    )


def _plain(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", text).casefold() if char.isalnum())
