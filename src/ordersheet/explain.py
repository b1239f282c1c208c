"""The words that tell a clerk why an operation was not sent, and what to do."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from ordersheet.entries import EntryState
from ordersheet.model import Outcome

if TYPE_CHECKING:
    from ordersheet.entries import Decision, Entry


def explain(decision: Decision) -> str:
    """Say why an operation is not sent, and what to do; `""` for one that is sent."""
    if decision.outcome is None:
        return ""
    if decision.outcome is Outcome.DUPLICATE:
        return f"same as row {decision.twin}"
    assert decision.entry is not None
    if decision.follower is not None:
        return _overwritten(decision.entry, decision.follower)
    return _stands(decision.entry)


def _stands(entry: Entry) -> str:
    run, row, when = entry.ref.run, entry.ref.row, _when(entry)
    if entry.state is EntryState.REFUSED:
        words = f": {entry.message}" if entry.message else ""
        return f"refused by the API in run {run}{when}{words}; not asked again, --retry-no asks again"
    if entry.state is EntryState.THERE:
        return f"already there: the text stood in the order{when}; --again adds it all the same"
    if entry.state is EntryState.IN_DOUBT:
        return (
            f"sent by run {run}{when}, and no answer came: look at the order, then say what you saw with "
            f"ordersheet resolve {run} --row {row} applied (or: absent)"
        )
    batch = f" (batch {entry.batch})" if entry.batch else ""
    return f"already applied by run {run}{batch}{when}"


def _overwritten(entry: Entry, follower: Entry) -> str:
    there = entry.state is EntryState.THERE
    before = "the text stood in the order" if there else f"added by run {entry.ref.run}"
    after = f"run {follower.ref.run}{_when(follower)}"
    if follower.state is EntryState.IN_DOUBT:
        return (
            f"{before}{_when(entry)}, but {after} asked to replace it and no answer came, so the text may "
            "be gone: look at the order; --again adds it again"
        )
    return f"overwritten since: {before}{_when(entry)}, then replaced by {after}; --again adds it again"


def _when(entry: Entry) -> str:
    return f" on {entry.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if entry.at is not None else ""
