"""What the decisions are made from: asks, entries of a history, and what is decided of each ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from ordersheet.core.model import Operation, OperationKind, Outcome
    from ordersheet.core.operation_state import OperationState


class OperationRef(NamedTuple):
    """How one operation is named in the ledger, across runs."""

    run: str
    row: int
    field: str


class Entry(NamedTuple):
    """One operation in the history of a field of an order, in the order of sending."""

    ref: OperationRef
    kind: OperationKind
    key: str
    """What it does, normalised and hashed by the ledger: equal keys do the same."""
    state: OperationState
    occurrence: int = 1
    batch: str | None = None
    at: datetime | None = None
    """When it was settled, or begun while it is in doubt (UTC)."""
    message: str = ""
    """The API's words of a refusal."""
    text: str | None = None
    """The text as sent; None once its retention has ended."""
    whole: str | None = None
    """The run that was submitted, where workers sent it and `ref.run` is a try of a chunk."""

    @property
    def known_as(self) -> str:
        """Its run, as people know it."""
        return self.whole or self.ref.run


class Ask(NamedTuple):
    """One operation that the file asks for, with its key."""

    row: int
    operation: Operation
    key: str
    occurrence: int = 1
    """1: any entry that does the same counts. Above 1, as `--again` recorded it: only that one."""


class Decision(NamedTuple):
    """What is to become of one asked operation."""

    ask: Ask
    outcome: Outcome | None
    """None: send it. Otherwise why it is not sent."""
    entry: Entry | None = None
    """The entry of the history that decided it."""
    twin: int | None = None
    """The row that a duplicate repeats."""
    follower: Entry | None = None
    """The overwrite that followed the entry: why an append is `overwritten since`.

    Where the follower itself is in doubt the outcome is `unconfirmed`, though the entry is not.
    """


@dataclass(frozen=True, slots=True)
class Policy:
    """The options of a run that bear on what is already done."""

    batch: str | None = None
    again: bool = False
    retry_no: bool = False
    duplicates: Literal["skip", "send", "refuse"] = "skip"
