"""The ledger's tables.

Times are ISO 8601 texts in UTC with microseconds, so that they sort as text. Texts and values of operations
are JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    Table,
    UniqueConstraint,
    and_,
    types,
)

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

SCHEMA_VERSION = 2
"""Stored as SQLite's `user_version`. Raise it together with a step in migrations.py."""

APPLICATION_ID = 0x4F726453
"""Stored as SQLite's `application_id` ("OrdS"): tells a ledger from any other database."""

Integer = types.Integer().with_variant(BigInteger(), "postgresql")
"""A whole number: 64 bits of it in every dialect."""
Text = types.Text().with_variant(types.Text(collation="C"), "postgresql")
"""A text that sorts by the codes of its letters in every dialect."""
UPTIME = (("boot", Text), ("uptime", Float))
"""A moment by `core.uptime`, as two columns."""

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)

store = Table(
    "store",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
)

process = Table(
    "process",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("lock", Text, nullable=False, unique=True),
    Column("pid", Integer, nullable=False),
    Column("machine", Text, nullable=False),
    Column("started", Text, nullable=False),
    sqlite_autoincrement=True,
)

run = Table(
    "run",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("store_id", ForeignKey("store.id"), nullable=False),
    Column("process_id", Integer, nullable=False),
    Column("host", Text, nullable=False),
    Column("profile", Text),
    Column("tool_version", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("machine", Text, nullable=False),
    Column("options", Text, nullable=False),
    Column("mapping", Text, nullable=False),
    Column("input", Text, nullable=False),
    Column("sha256", Text),
    Column("copy", Text),
    Column("sheet", Text),
    Column("header_row", Integer),
    Column("batch", Text),
    Column("again", Integer, nullable=False),
    Column("settle", Integer, nullable=False),  # milliseconds
    Column("started", Text, nullable=False),
    Column("finished", Text),
    Column("stopped_by", Text),
    Column("message", Text, nullable=False),
    Column("counts", Text),  # JSON, once finished: rows by outcome
    Column("report", Text),
    Column("purged", Text),
    Column("uid", Integer),  # the user's number, where the system has such
    Column("encoding", Text),  # of a CSV, as it was read
    Column("key_print", Text),  # keyed fingerprint of the API key
    Column("database_user", Text),  # whom a shared ledger's database took the process for
    Column("same_store", Integer),  # 1: a person said that this key belongs to the shop known at this store
    Column("undo_of", Integer),  # of an undo: the run that it takes back
    Column("part_of", Integer),  # of one try of a chunk: the run that was submitted
    Column("part", Integer),  # of one try of a chunk: the chunk's number; 0 while it is being handed over
    sqlite_autoincrement=True,
)
Index("run_part", run.c.part_of, run.c.part, sqlite_where=run.c.part_of.is_not(None))

row = Table(
    "row",
    metadata,
    Column("run_id", ForeignKey("run.id"), primary_key=True),
    Column("row", Integer, primary_key=True),
    Column("order_text", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("outcome", Text),
    Column("message", Text, nullable=False),
    Column("at", Text),
    Column("left_out", Integer, nullable=False),
    CheckConstraint("state IN ('sending', 'done')", name="row_state"),
    CheckConstraint("(state = 'done') = (outcome IS NOT NULL)", name="row_outcome"),
    sqlite_with_rowid=False,
)

operation = Table(
    "operation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", ForeignKey("run.id"), nullable=False),
    Column("row", Integer, nullable=False),
    Column("field", Text, nullable=False),
    Column("store_id", ForeignKey("store.id"), nullable=False),
    Column("order_id", Integer, nullable=False),
    Column("place", Integer, nullable=False),  # order of sending within the order
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("key_version", Integer, nullable=False),
    Column("batch", Text),
    Column("occurrence", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False),  # the row's last attempt that carried it; 0 for none
    Column("doubted", Integer, nullable=False),  # was in doubt, and not yet looked at a last time
    Column("open", Integer, nullable=False),  # sending, in doubt, or a last look is owed
    Column("at", Text, nullable=False),
    Column("adopted", Text),  # when it was taken over from a dead process while sending
    # The same moment by `core.uptime`, and when the server was first heard after that, or after the attempt.
    *(Column(f"{moment}_{part}", kind) for moment in ("adopted", "heard") for part, kind in UPTIME),
    Column("message", Text, nullable=False),
    Column("resolved_by", Text),
    Column("value", Text),  # JSON; NULL once its retention has ended
    UniqueConstraint("run_id", "row", "field", name="operation_ref"),
    CheckConstraint("kind IN ('append', 'replace', 'set', 'clear')", name="operation_kind"),
    CheckConstraint("occurrence > 0", name="operation_occurrence"),
)
Index("operation_history", operation.c.store_id, operation.c.order_id, operation.c.place)
Index("operation_open", operation.c.store_id, operation.c.order_id, sqlite_where=operation.c.open == 1)

attempt = Table(
    "attempt",
    metadata,
    Column("run_id", ForeignKey("run.id"), primary_key=True),
    Column("row", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("begun", Text, nullable=False),
    Column("given_up", Text),
    *(Column(f"given_up_{part}", kind) for part, kind in UPTIME),
    Column("class", Text),
    Column("status", Integer),
    sqlite_with_rowid=False,
)

baseline = Table(
    "baseline",
    metadata,
    Column("run_id", Integer, primary_key=True),
    Column("row", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("text", Text),  # NULL once its retention has ended
    Column("hash", Text),  # instead of the text
    ForeignKeyConstraint(
        ["run_id", "row", "number"],
        ["attempt.run_id", "attempt.row", "attempt.number"],
    ),
    CheckConstraint("(text IS NULL) <> (hash IS NULL)", name="baseline_text"),
)


def baseline_of(number: ColumnElement[int]) -> ColumnElement[bool]:
    """Join what an operation's field held before the attempt with this number."""
    return and_(
        baseline.c.run_id == operation.c.run_id,
        baseline.c.row == operation.c.row,
        baseline.c.number == number,
        baseline.c.field == operation.c.field,
    )


claim = Table(
    "claim",
    metadata,
    Column("store_id", ForeignKey("store.id"), primary_key=True),
    Column("order_id", Integer, primary_key=True),
    Column("process_id", ForeignKey("process.id"), nullable=False),
    Column("run_id", ForeignKey("run.id"), nullable=False),
    sqlite_with_rowid=False,
)
Index("claim_process", claim.c.process_id)

learned = Table(
    "learned",
    metadata,
    Column("store_id", ForeignKey("store.id"), primary_key=True),
    Column("field", Text, primary_key=True),
    Column("reads_back", Integer, nullable=False),
    sqlite_with_rowid=False,
)

again = Table(
    "again",
    metadata,
    Column("run_id", ForeignKey("run.id"), primary_key=True),
    Column("order_id", Integer, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("occurrence", Integer, primary_key=True),
    Column("closed", Integer, nullable=False),  # resolved or invalid; applied and refused show in `operation`
    sqlite_with_rowid=False,
)
again_run = Table(
    "again_run",
    metadata,
    Column("run_id", ForeignKey("run.id"), primary_key=True),
    Column("store_id", ForeignKey("store.id"), nullable=False),
    Column("batch", Text),
    Column("finished", Text),  # when each of its occurrences was found applied, refused, invalid or resolved
)

undo_step = Table(
    "undo_step",
    metadata,
    Column("run_id", ForeignKey("run.id"), primary_key=True),  # with row and field: the undo's operation
    Column("row", Integer, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("step_id", ForeignKey("operation.id"), primary_key=True),  # what it takes back, once it is applied
    sqlite_with_rowid=False,
)
Index("undo_step_of", undo_step.c.step_id)

pace = Table(
    "pace",
    metadata,
    Column("store_id", ForeignKey("store.id"), primary_key=True),
    Column("boot", Text, nullable=False),  # which start of the clock that all here share
    Column("members", Text, nullable=False),  # JSON: the runs under way, `core.pace.PaceMember` each
    *(Column(name, Float) for name in ("rate", "next_free", "paused_until", "succeeded")),  # `SharedPace`
    *(Column(name, Integer, nullable=False) for name in ("generation", "closed")),
    Column("learned", Text),  # JSON: all that was learned of the limit
)

job_file = Table(
    "job_file",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("batch", Text, nullable=False),  # '' for none: a NULL would not be unique
    Column("state", Text, nullable=False),
    Column("process_id", Integer, nullable=False),  # who works on it; a number that is gone has died
    Column("taken", Text, nullable=False),
    Column("facts", Text, nullable=False),  # JSON: how far it has come, what is told of it; no cell's text
    Column("finished", Text),  # its files are put away, and it was told of
    UniqueConstraint("job", "sha256", "batch", name="job_file_once"),
    sqlite_autoincrement=True,
)
Index("job_file_open", job_file.c.job, sqlite_where=job_file.c.finished.is_(None))

submission = Table(
    "submission",
    metadata,
    Column("run_id", ForeignKey("run.id"), primary_key=True),
    Column("version", Integer, nullable=False),  # of what its chunks hold
    Column("settings", Text, nullable=False),  # JSON: how its rows are sent
    Column("rows", Integer, nullable=False),  # so many the run tells at its end
    Column("stopped", Text),  # when somebody, or something, asked for its end
    Column("stopped_by", Text),
    Column("message", Text, nullable=False),
)
chunk = Table(
    "chunk",
    metadata,
    Column("run_id", ForeignKey("run.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("turn", Integer, nullable=False),  # smaller ones come first, whatever their run
    Column("state", Text, nullable=False),
    Column("process_id", Integer, nullable=False),  # who has it; a number that is gone has died
    Column("tries", Integer, nullable=False),  # in a row that brought nothing further
    Column("progress", Integer, nullable=False),  # operations that were settled before the last try
    Column("content", Text),  # what its rows ask for; NULL once each has its result
    CheckConstraint("state IN ('waiting', 'taken', 'done', 'aside', 'stopped')", name="chunk_state"),
)
Index("chunk_open", chunk.c.turn, sqlite_where=chunk.c.content.is_not(None))
chunk_order = Table(
    "chunk_order",
    metadata,
    Column("run_id", ForeignKey("run.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("order_id", Integer, primary_key=True),
    Column("place", Integer, nullable=False),  # of its latest operation, when a try of the chunk first came
    sqlite_with_rowid=False,
)
file_part = Table(
    "file_part",
    metadata,
    Column("run_id", ForeignKey("run.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("data", Text, nullable=False),  # base64
)
large_file = Table(
    "large_file",
    metadata,
    Column("name", Text, primary_key=True),
    Column("run_id", ForeignKey("run.id"), index=True),  # NULL once nobody needs it
    Column("place", Text, nullable=False),  # where it was put, for people
    Column("removed", Text),  # when it was removed there
)
