"""The workers' queue: the only place that imports DBOS, which hands each chunk to one worker at a time.

The ledger stays the authority: whoever gets a chunk here takes it there first, and the ledger says no where
it is done, or somebody living has it. So whatever the queue repeats or forgets, nothing is sent twice, and
the worker's sweep brings back what was forgotten. A workflow is known by run, chunk and the number of its
turn; the queue of a store by the store's name, so that a worker looks only at stores that it serves.
"""

from __future__ import annotations

import hashlib
import logging
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from ordersheet.core.errors import LedgerError
from ordersheet.ledger import Ledger
from ordersheet.ledger.chunks import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ordersheet.core.ledger_url import LedgerUrl

NO_LIBRARY = "Workers need dbos, which is not installed. Install it with: pip install 'ordersheet[team]'"
AT_ONCE = 2
"""Chunks that one worker has of one store: while one ends, the next is under way."""
_WORKFLOW = "chunk"
_LIVING = ["ENQUEUED", "DELAYED", "PENDING"]


class ChunkTurn(NamedTuple):
    """A chunk's turn in the queue."""

    run: str
    chunk: int
    number: int
    """1 for its first."""

    @property
    def id(self) -> str:
        """What its workflow is known by."""
        return f"{self.run}-{self.chunk}-{self.number}"

    @classmethod
    def of(cls, text: str) -> ChunkTurn:
        """Read an id."""
        run, chunk, number = text.rsplit("-", 2)
        return cls(run, int(chunk), int(number))


class Placed(NamedTuple):
    """Where in the queue a chunk stands."""

    turn: ChunkTurn
    priority: int
    store: str
    delay: float = 0.0
    """Seconds for which it waits first."""


def queue_of(store: str) -> str:
    """Name the queue of a store."""
    return f"orders-{hashlib.sha256(store.encode()).hexdigest()[:16]}"


def make_tables(url: LedgerUrl) -> bool:
    """Make the queue's tables, or bring them up to date; False where the library is not installed.

    Raises:
        LedgerError: they cannot be made.
    """
    try:
        import dbos
    except ImportError:
        return False
    from ordersheet.ledger.postgresql.queue_schema import grant_queue

    _hush()
    config = _config(url, "ledger init", run_migrations=True)
    try:
        with _told(url):
            dbos.DBOS(config=config)
            dbos.DBOS.launch()
    finally:
        dbos.DBOS.destroy(destroy_registry=True)
        config["system_database_engine"].dispose()
    grant_queue(url)
    return True


def _config(url: LedgerUrl, executor: str, *, run_migrations: bool) -> Any:  # noqa: ANN401 - DBOS's own
    import dbos

    from ordersheet.ledger.postgresql.queue_schema import QUEUE_SCHEMA, engine_for_queue

    return dbos.DBOSConfig(
        name="ordersheet",
        # The engine knows the way; this one is never taken.
        system_database_url="postgresql://ledger/orders",
        system_database_engine=engine_for_queue(url),
        dbos_system_schema=QUEUE_SCHEMA,
        application_version=str(VERSION),
        executor_id=executor,
        serializer=dbos.DBOSPortableJSONSerializer(),
        # A pooler hands each transaction to another session: nothing can listen.
        use_listen_notify=False,
        run_migrations=run_migrations,
        log_level="CRITICAL",
        enable_otlp=False,
    )


def _hush() -> None:
    """Keep the library's own words, and its stack traces, from a person's terminal."""
    logger = logging.getLogger("dbos")
    logger.setLevel(logging.CRITICAL + 1)
    logger.propagate = False


class QueueClient:
    """Puts chunks into the queue, and looks at them there.

    Raises:
        LedgerError: the library or the queue's tables are not there.
    """

    def __init__(self, url: LedgerUrl) -> None:
        from ordersheet.ledger.postgresql.queue_schema import QUEUE_SCHEMA, engine_for_queue, has_queue

        try:
            import dbos
        except ImportError as fault:
            raise LedgerError(NO_LIBRARY, code="no-dbos") from fault
        if not has_queue(url):
            # Where there is no ledger either, that is what is to be said.
            Ledger.open(url, create=False, read_only=True).close()
            raise LedgerError(
                f"The ledger {url} has no queue for workers yet. Whoever keeps it installs ordersheet[team]"
                " and runs: ordersheet ledger upgrade",
                code="no-queue",
            )
        _hush()
        self._url = url
        self._engine = engine_for_queue(url)
        with _told(url):
            # It connects at once, and the database may have gone since the look at its tables.
            self._client = dbos.DBOSClient(
                system_database_url="postgresql://ledger/orders",
                system_database_engine=self._engine,
                dbos_system_schema=QUEUE_SCHEMA,
                serializer=dbos.DBOSPortableJSONSerializer(),
            )

    def put(self, placed: Iterable[Placed]) -> None:
        """Put chunks into the queue; those that stand there in this turn already stay as they are.

        Raises:
            LedgerError: the database did not take them.
        """
        with _told(self._url), self._engine.begin() as connection:
            for one in placed:
                options: Any = {
                    "workflow_name": _WORKFLOW,
                    "queue_name": queue_of(one.store),
                    "workflow_id": one.turn.id,
                    "app_version": str(VERSION),
                    "priority": one.priority,
                }
                if one.delay:
                    options["delay_seconds"] = one.delay
                self._client.enqueue_in_transaction(connection, options, one.turn.id)

    def turns(self, chunks: Iterable[tuple[str, int]]) -> dict[tuple[str, int], tuple[ChunkTurn, bool]]:
        """Give of each of these chunks its latest turn, and whether that is still to come or under way.

        What an older program has put there no newer one gets, so it does not count as coming: the chunk gets
        a turn of this version. Should an older worker come to it, too, the ledger says no to one of them.
        """
        prefixes = [f"{run}-{chunk}-" for run, chunk in chunks]
        if not prefixes:
            return {}
        found: dict[tuple[str, int], tuple[ChunkTurn, bool]] = {}
        with _told(self._url):
            listed = self._client.list_workflows(
                workflow_id_prefix=prefixes, load_input=False, load_output=False
            )
        for one in listed:
            turn = ChunkTurn.of(one.workflow_id)
            key = turn.run, turn.chunk
            if key not in found or found[key][0].number < turn.number:
                found[key] = turn, one.status in _LIVING and not _is_of_older(one.app_version)
        return found

    def under_way(self, stores: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
        """Give by executor the workflows that it has under way, each with its queue."""
        found: dict[str, list[tuple[str, str]]] = {}
        with _told(self._url):
            for one in self._client.list_workflows(
                status="PENDING",
                queue_name=[queue_of(store) for store in stores],
                load_input=False,
                load_output=False,
            ):
                found.setdefault(one.executor_id or "", []).append((one.workflow_id, one.queue_name or ""))
        return found

    def resume(self, workflows: Iterable[tuple[str, str]]) -> None:
        """Let others have workflows whose executor is gone."""
        by_queue: dict[str, list[str]] = {}
        for workflow, queue in workflows:
            by_queue.setdefault(queue, []).append(workflow)
        with _told(self._url):
            for queue, ids in by_queue.items():
                self._client.resume_workflows(ids, queue_name=queue)

    def close(self) -> None:
        """Let go of the database."""
        with suppress(Exception):
            self._client.destroy()
        self._engine.dispose()


@contextmanager
def _told(url: LedgerUrl) -> Iterator[None]:
    """ChunkTurn what the library raises into LedgerError."""
    try:
        yield
    except LedgerError:
        raise
    except Exception as fault:
        words = (url.hide(str(fault)).splitlines() or [type(fault).__name__])[0]
        raise LedgerError(f"The workers' queue in {url} cannot be used: {words}", code="queue") from fault


def _is_of_older(version: str | None) -> bool:
    return version is not None and version.isdecimal() and int(version) < VERSION


class WorkQueue:
    """Takes chunks out of the queue and has them worked on, in threads of its own.

    Args:
        url: the ledger's.
        executor: unique for this process, and known to others as living by the ledger's lease.
        stores: whose chunks it takes.
        work: works on a chunk in its turn; called by several threads at once.
        poll: seconds between two looks.
    """

    def __init__(
        self,
        url: LedgerUrl,
        executor: str,
        stores: Iterable[str],
        work: Callable[[ChunkTurn], None],
        poll: float,
    ) -> None:
        import dbos

        _hush()
        self._library = dbos.DBOS
        self._config = _config(url, executor, run_migrations=False)

        @dbos.DBOS.workflow(name=_WORKFLOW)
        def chunk(turn: str) -> None:
            work(ChunkTurn.of(turn))

        queues = [queue_of(store) for store in stores]
        with _told(url):
            dbos.DBOS(config=self._config)
            dbos.DBOS.listen_queues(queues)
            dbos.DBOS.launch()
            for name in queues:
                dbos.DBOS.register_queue(name, worker_concurrency=AT_ONCE, polling_interval_sec=poll)

    def close(self, seconds: float) -> None:
        """Take nothing more, and wait so long for what is under way."""
        with suppress(Exception):
            # The next one registers its own.
            self._library.destroy(destroy_registry=True, workflow_completion_timeout_sec=round(seconds))
        self._config["system_database_engine"].dispose()


def pages(placed: Iterable[Placed], size: int = 500) -> Iterator[list[Placed]]:
    """Give what is to be put a page at a time."""
    page: list[Placed] = []
    for one in placed:
        page.append(one)
        if len(page) == size:
            yield page
            page = []
    if page:
        yield page
