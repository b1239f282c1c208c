"""The promise, checked against the server's own record of what it applied."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from ordersheet.core.model import Outcome

if TYPE_CHECKING:
    from tests.support.model_world import Report, World

    from ordersheet.core.history.orderbook import Ask

OPEN = frozenset({Outcome.NOT_SENT, Outcome.UNCONFIRMED, Outcome.NOT_APPLIED})


class BrokenError(AssertionError):
    """The promise was broken; the message says how."""


def check(world: World, report: Report) -> None:
    """Check all that a run, its report and the order it left must hold to.

    Raises:
        BrokenError: where they do not.
    """
    _check_nothing_twice(world)
    if report.killed:
        return
    for ask in report.asks:
        outcome = report.outcomes[ask.row, ask.operation.field]
        ref = (report.run, ask.row, ask.operation.field)
        if not outcome.ok:
            _say(
                outcome is Outcome.UNCONFIRMED or all(sent.ref != ref for sent in world.server.log),
                f"row {ask.row} is {outcome}, yet this run applied it",
            )
        elif ask.operation.kind.overwrites:
            _check_overwrite(world, report, ask)
        else:
            _check_append(world, report, ask)
    if not world.touched and report.policy.batch is None and not OPEN & set(report.outcomes.values()):
        for name in {ask.operation.field for ask in report.asks}:
            _check_end(world, report, name)


def check_complete(world: World, report: Report) -> None:
    """Check that a run without faults leaves nothing open, and that the same file again sends nothing."""
    check(world, report)
    doubtful = {entry.ref.field for entry in world.history if entry.state.value == "in doubt"}
    for (row, name), outcome in report.outcomes.items():
        _say(outcome not in OPEN or name in doubtful, f"row {row} is left {outcome}")
    refused = Outcome.REFUSED in report.outcomes.values()
    if any(ask.occurrence > 1 for ask in report.asks) and (refused or world.had_refusals):
        return  # what was refused of one occurrence is from now on compared without regard to occurrences
    retry_no = report.policy.retry_no and not refused
    again = world.run(report.file, replace(report.policy, again=False, retry_no=retry_no))
    _say(again.sent == 0, f"the same file again sends {again.sent}")
    check(world, again)


def _say(holds: bool, words: str) -> None:  # noqa: FBT001 - an assertion
    if not holds:
        raise BrokenError(words)


def _check_nothing_twice(world: World) -> None:
    """No append stands twice since the field was last overwritten, unless it was asked for twice."""
    standing: Counter[tuple[str, str]] = Counter()
    for sent in world.server.log:
        name = sent.ref.field
        if sent.text.isupper():
            for what in [what for what in standing if what[0] == name]:
                del standing[what]
            continue
        standing[name, sent.text] += 1
        asked = len(world.asked[name, sent.text])
        _say(
            standing[name, sent.text] <= asked,
            f"{sent.text!r} stands more often than the {asked} times asked",
        )


def _check_overwrite(world: World, report: Report, ask: Ask) -> None:
    batch = report.policy.batch
    _say(
        any(
            (sent.ref.field, sent.text) == (ask.operation.field, ask.key) and batch in (None, sent.batch)
            for sent in world.server.log
        ),
        f"row {ask.row} is ok, but was never applied",
    )


def _check_append(world: World, report: Report, ask: Ask) -> None:
    name, batch = ask.operation.field, report.policy.batch
    later = [
        other
        for other in report.asks[report.asks.index(ask) + 1 :]
        if other.operation.field == name
        and other.operation.kind.overwrites
        and (report.outcomes[other.row, name].ok or report.outcomes[other.row, name] in OPEN)
    ]
    if later or world.touched:
        _check_overwrite(world, report, ask)
        return
    exact = ask.occurrence > 1
    lines = [
        line
        for line in world.server.fields.get(name, ())
        if (line.text, line.occurrence if exact else 1) == (ask.key, ask.occurrence)
        and line.run
        and batch in (None, line.batch)
    ]
    # How often at most, _check_nothing_twice knows.
    _say(bool(lines), f"row {ask.row} is ok, but its text does not stand")


def _check_end(world: World, report: Report, name: str) -> None:
    """A field that the file touches ends as the file asks."""
    wanted: list[str] | None = None
    twice = report.policy.duplicates == "send"
    for ask in report.asks:
        if ask.operation.field != name or not report.outcomes[ask.row, name].ok:
            continue
        if ask.operation.kind.overwrites:
            wanted = [ask.key]
        elif wanted is not None and (twice or ask.key not in wanted):
            wanted.append(ask.key)
    ends = [line.text for line in world.server.fields.get(name, ())]
    if not twice:  # an earlier run may have been told to send duplicates; _check_nothing_twice counts them
        ends = list(dict.fromkeys(ends))
    _say(wanted is None or ends == wanted, f"{name} ends as {ends}, and the file asks for {wanted}")
