"""What goes into the ledger at a run's start, and what comes out of it for people."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from ordersheet.core.history.orderbook import Policy
from ordersheet.core.model import Outcome
from ordersheet.ledger.person import Person

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from ordersheet.core.model import JsonValue, OperationKind, RequestCounts, RowResult
    from ordersheet.core.operation_state import OperationState


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStart:
    """What is known of a run before its first byte leaves."""

    store: str
    """Whose orders: the profile's `store` name, or the address in its normal form."""
    host: str
    """Where the requests go, for people."""
    tool_version: str
    user: str
    """Who runs it, as the operating system names them."""
    machine: str
    input: str
    """The input's absolute path, or words for what is no file."""
    profile: str | None = None
    sha256: str | None = None
    """Of the input's bytes, in hexadecimal."""
    copy: Path | None = None
    """The private copy that `Ledger.keep_copy` made."""
    sheet: str | None = None
    header_row: int | None = None
    options: Mapping[str, JsonValue] = field(default_factory=dict)
    """As given, without the key."""
    mapping: Mapping[str, JsonValue] = field(default_factory=dict)
    """As applied."""
    policy: Policy = field(default_factory=Policy)
    settle: float = 90.0
    """Seconds after which an unanswered request can no longer arrive."""
    uid: int | None = None
    """The user's number, where the system has such."""
    encoding: str | None = None
    """Of a CSV, as it was read."""
    key_print: str | None = None
    """What `Ledger.key_print` gives for the API key."""
    same_store: bool = False
    """A person said that this key belongs to the shop that the ledger knows as this store."""
    undo_of: str | None = None
    """Of an undo: the run that it takes back."""
    undo_whole: bool = True
    """Of an undo: all rows of that run are meant."""
    guess_attributes: bool = False
    """Of an undo: attributes that the shop does not show are put back as the ledger knows them."""
    part_of: str | None = None
    """Of one try of a chunk: the run that was submitted."""
    part: int | None = None
    """Of one try of a chunk: the chunk's number."""


class RunState(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    """Ended early, and knew it."""
    KILLED = "killed"
    """Its process died: running again, or `report`, accounts for it."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One run, as `runs` and `show` tell it."""

    run: str
    state: RunState
    store: str
    host: str
    profile: str | None
    tool_version: str
    user: str
    machine: str
    options: Mapping[str, JsonValue]
    """Empty once purged."""
    mapping: Mapping[str, JsonValue]
    """Empty once purged."""
    input: str
    sha256: str | None
    copy: Path | None
    """The private copy of the input; None where there is none, or none any more."""
    sheet: str | None
    header_row: int | None
    batch: str | None
    again: bool
    settle: float
    """Seconds."""
    started: datetime
    finished: datetime | None
    stopped_by: str | None
    message: str
    report: str | None
    purged: datetime | None
    """When its texts were removed."""
    outcomes: Mapping[str, int]
    """Rows by outcome."""
    left_out: int
    """Rows among them that were left out on purpose."""
    requests: RequestCounts
    """All 0 until the run has ended."""
    uid: int | None = None
    """The user's number; None where the system has none, or where version 0.1.0 wrote it."""
    encoding: str | None = None
    """Of a CSV, as it was read."""
    undo_of: str | None = None
    """Of an undo: the run that it takes back."""
    database_user: str | None = None
    """Whom a shared ledger's database took them for."""
    part_of: str | None = None
    """Of one try of a chunk: the run that was submitted."""
    submitted: bool = False
    """Workers send it, chunk by chunk."""

    @property
    def rows(self) -> int:
        """How many rows have a result."""
        return sum(self.outcomes.values())

    @property
    def ok(self) -> int:
        """How many of them are `ok`."""
        return sum(number for outcome, number in self.outcomes.items() if Outcome(outcome).ok)

    @property
    def person(self) -> str:
        """Who ran it, in words."""
        return _in_words(Person(self.user, self.uid), self.database_user)


def _in_words(person: Person, database_user: str | None) -> str:
    return str(person) if database_user is None else f"{person}, in the database {database_user}"


@dataclass(frozen=True, slots=True)
class AttemptInfo:
    """One request that was to change an order."""

    number: int
    begun: datetime
    given_up: datetime | None
    """None while it is under way, or where its process died."""
    verdict: str | None
    status: int | None
    """The HTTP status, where there was an answer."""


@dataclass(frozen=True, slots=True)
class Submitter:
    """Where workers sent something: who had it sent."""

    run: str
    """The run that was submitted."""
    user: str
    uid: int | None
    machine: str
    database_user: str | None

    @property
    def person(self) -> str:
        """Who submitted it, in words."""
        return _in_words(Person(self.user, self.uid), self.database_user)


@dataclass(frozen=True, slots=True)
class OperationInfo:
    """One operation, with where it came from: the answer to "who wrote this?"."""

    run: str
    row: int
    store: str
    order: int
    field: str
    kind: OperationKind
    text: str | None
    """What was sent; None once its retention has ended."""
    state: OperationState
    at: datetime
    message: str
    occurrence: int
    batch: str | None
    earlier: str | None
    """What the field held before, where it was read and is still kept."""
    resolved_by: str | None
    """Who settled it by hand."""
    user: str
    uid: int | None
    machine: str
    input: str
    database_user: str | None = None
    """Whom a shared ledger's database took them for."""
    submitted: Submitter | None = None
    """Who submitted it, where `user` is a worker's."""

    @property
    def person(self) -> str:
        """Who ran it, in words."""
        return _in_words(Person(self.user, self.uid), self.database_user)


@dataclass(frozen=True, slots=True)
class RowInfo:
    """One row of a run, with all that was tried."""

    result: RowResult
    attempts: tuple[AttemptInfo, ...]
    operations: tuple[OperationInfo, ...]


@dataclass(frozen=True, slots=True)
class AgainFacts:
    """What became of the wish to send the same texts once more."""

    recorded: int
    """Appends that are now meant once more; 0 where an earlier run is finished instead."""
    finishing: str | None
    """The unfinished `--again` run that this one goes on with."""


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge removed."""

    runs: int
    """Runs of which nothing but results and hashes is left; all tries of one that was submitted are one."""
    texts: int
    """Texts and values that became hashes."""
    copies: int
    """Private copies of inputs."""
    in_doubt: int
    """Operations whose text stays, since they are in doubt or owe a last look."""
