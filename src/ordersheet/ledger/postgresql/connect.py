"""Connections to a shared ledger, and what is looked at before one is trusted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import psycopg

from ordersheet.core.errors import LedgerError
from ordersheet.ledger.postgresql.dialect import SCHEMA
from ordersheet.ledger.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    from typing import Any

    from ordersheet.core.ledger_url import LedgerUrl
    from ordersheet.ledger.database import Line

OLDEST_SERVER = 140000
"""PostgreSQL 14."""
FARTHEST_CLOCK = 330.0
"""Seconds by which this computer's clock may differ from the database's."""
_PATIENCE = {
    # A cut cable is noticed within half a minute; until then nothing is sent.
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
_FACTS = f"""
SELECT current_setting('server_version_num')::int, current_setting('server_encoding'),
    pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on', current_setting('fsync') = 'on',
    extract(epoch FROM clock_timestamp())::float, session_user::text,
    to_regclass('{SCHEMA}.meta') IS NOT NULL, to_regnamespace('{SCHEMA}') IS NOT NULL
"""
_LOOSE = f"""
SELECT string_agg(relname, ', ' ORDER BY relname) FROM pg_class
WHERE relnamespace = to_regnamespace('{SCHEMA}') AND relkind = 'r' AND relpersistence <> 'p'
"""
_MAY_WRITE = f"SELECT has_table_privilege('{SCHEMA}.operation', 'INSERT')"
_META = f"SELECT name, value FROM {SCHEMA}.meta"


class ServerFacts(NamedTuple):
    """What a server says of itself."""

    version: int
    encoding: str
    read_only: bool
    fsync: bool
    clock: float
    """Seconds since 1970."""
    user: str
    """The session's."""
    there: bool
    """Whether it holds a ledger's tables."""
    schema: bool


def connect(url: LedgerUrl, **more: Any) -> psycopg.Connection[Any]:
    """Open a connection; nothing in it relies on the state of its session, which a pooler may share out."""
    if url.password is not None:
        more["password"] = url.password
    return psycopg.connect(
        url.url,
        autocommit=True,
        prepare_threshold=None,
        cursor_factory=psycopg.ClientCursor,
        **{"application_name": "ordersheet", "client_encoding": "utf8", **_PATIENCE, **more},
    )


def now() -> datetime:
    """Give the time in UTC, as this computer has it."""
    return datetime.now(UTC)


def facts_of(connection: psycopg.Connection[Any]) -> ServerFacts:
    """Ask a server what it says of itself."""
    found = connection.execute(_FACTS).fetchone()
    assert found is not None
    return ServerFacts(*found)


def inspect_server(facts: ServerFacts, url: LedgerUrl, moment: datetime, *, read_only: bool) -> None:
    """Raise LedgerError where a server cannot keep what a ledger promises."""
    if facts.version < OLDEST_SERVER:
        raise LedgerError(
            f"The ledger's database {url} is PostgreSQL {facts.version // 10000}. It must be 14 or later.",
            code="server-too-old",
        )
    if facts.encoding != "UTF8":
        raise LedgerError(
            f"The ledger's database {url} keeps its texts as {facts.encoding}. Make one with encoding UTF8.",
            code="not-utf8",
        )
    if read_only:
        return
    if facts.read_only:
        raise LedgerError(
            f"The ledger {url} cannot be written: its database takes no changes (a replica, or"
            " default_transaction_read_only). Name the primary with --ledger.",
            code="read-only",
        )
    if not facts.fsync:
        raise LedgerError(
            f"The ledger's database {url} runs with fsync off: a power cut would make it forget"
            " what was sent. Switch fsync on.",
            code="fsync-off",
        )
    off = moment.astimezone(UTC).timestamp() - facts.clock
    if abs(off) > FARTHEST_CLOCK:
        raise LedgerError(
            f"This computer's clock is {abs(off) / 60:.0f} minutes {'ahead of' if off > 0 else 'behind'}"
            f" that of the ledger's database {url}. Set it right, and run again.",
            code="clock-off",
        )


def inspect_ledger(
    connection: psycopg.Connection[Any], facts: ServerFacts, url: LedgerUrl, *, read_only: bool
) -> None:
    """Raise LedgerError where a database holds no ledger that this program can use."""
    if not facts.there:
        raise LedgerError(
            f"There is no ledger in the database {url}. Whoever keeps the database makes one"
            " (ordersheet ledger init URL).",
            code="no-ledger",
        )
    meta = dict(connection.execute(_META).fetchall())
    version = meta.get("version", "")
    if not version.isdecimal():
        raise LedgerError(f"The tables in the database {url} are not a ledger's.", code="not-a-ledger")
    if int(version) > SCHEMA_VERSION:
        raise LedgerError(
            f"The ledger {url} was written by a newer version of ordersheet. Upgrade ordersheet.",
            code="newer",
        )
    if int(version) < SCHEMA_VERSION:
        raise LedgerError(
            f"The ledger {url} is of an older version of ordersheet. Whoever keeps it brings it up to date"
            " (ordersheet ledger upgrade).",
            code="older",
        )
    if read_only:
        return
    loose = _one(connection, _LOOSE)
    if loose is not None:
        raise LedgerError(
            f"Tables of the ledger {url} are unlogged ({loose}): a crash would empty them. Make them LOGGED.",
            code="unlogged",
        )
    if not _one(connection, _MAY_WRITE):
        raise LedgerError(
            f"The user {facts.user} may look at the ledger {url}, and not write. Whoever keeps it grants the"
            " role ordersheet_writer (docs/team.md).",
            code="denied",
        )


def _one(connection: psycopg.Connection[Any], query: str) -> Line:
    found = connection.execute(query).fetchone()
    return None if found is None else found[0]


def opened(url: LedgerUrl, moment: datetime, *, read_only: bool) -> ServerFacts:
    """Look at a database before a ledger in it is used; raises LedgerError or what psycopg raises."""
    with connect(url) as connection:
        facts = facts_of(connection)
        inspect_server(facts, url, moment, read_only=read_only)
        inspect_ledger(connection, facts, url, read_only=read_only)
        return facts
