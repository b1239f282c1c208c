"""What a worker tells of itself: figures, as a text file for Prometheus, and a file that is touched."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ordersheet.ledger.waiting import Waiting


@dataclass(slots=True)
class WorkerFacts:
    """What a worker has done, and what it saw at its last look."""

    chunks: int = 0
    """Chunks that it has brought to their end."""
    outcomes: Counter[str] = field(default_factory=Counter)
    """Rows in them by outcome, whichever try and worker brought them to it."""
    requests: int = 0
    under_way: int = 0
    """Chunks that it works on now."""
    waiting: Mapping[str, Waiting | None] = field(default_factory=dict)
    """By store that it serves, what nobody works on yet."""
    leases: int = 0
    """Processes that work with the ledger."""

    def count(self, requests: int, outcomes: Mapping[str, int]) -> None:
        """Count what a try of a chunk came to; without outcomes, the chunk is not at its end."""
        self.requests += requests
        self.outcomes.update(outcomes)
        self.chunks += bool(outcomes)

    def look(self, waiting: Mapping[str, Waiting | None], leases: int) -> None:
        """Note what it sees in the ledger."""
        self.waiting, self.leases = waiting, leases


def write_signs(facts: WorkerFacts, health: Path | None, metrics: Path | None) -> None:
    """Touch the health file, and write the figures in one step.

    Raises:
        OSError: one of them cannot be written.
    """
    if health is not None:
        health.touch()
    if metrics is not None:
        draft = metrics.with_name(metrics.name + ".new")
        draft.write_text("\n".join(metrics_of(facts)) + "\n", encoding="utf-8")
        draft.replace(metrics)


def metrics_of(facts: WorkerFacts) -> Iterator[str]:
    """Write figures as Prometheus reads them, line by line."""
    oldest = min((one.since for one in facts.waiting.values() if one is not None), default=None)
    age = 0.0 if oldest is None else max(0.0, (datetime.now(UTC) - oldest).total_seconds())
    yield from _one("worker_chunks_total", "counter", "Chunks brought to their end.", facts.chunks)
    yield from _one("worker_requests_total", "counter", "Requests to the Order API.", facts.requests)
    yield from _one("worker_chunks_under_way", "gauge", "Chunks worked on now.", facts.under_way)
    yield from _one("worker_last_look_seconds", "gauge", "Its last look, in seconds since 1970.", time.time())
    yield from _one("oldest_chunk_seconds", "gauge", "Since the oldest waiting chunk was handed over.", age)
    yield from _one("leases", "gauge", "Processes that work with the ledger.", facts.leases)
    yield from _head("worker_rows_total", "counter", "Rows brought to their end, by outcome.")
    for outcome, number in sorted(facts.outcomes.items()):
        yield f'ordersheet_worker_rows_total{{outcome="{outcome}"}} {number}'
    yield from _head("chunks_waiting", "gauge", "Chunks that nobody works on, by store.")
    for store, one in sorted(facts.waiting.items()):
        number = 0 if one is None else one.chunks
        yield f'ordersheet_chunks_waiting{{store="{_label(store)}"}} {number}'


def _head(name: str, kind: str, words: str) -> Iterator[str]:
    yield f"# HELP ordersheet_{name} {words}"
    yield f"# TYPE ordersheet_{name} {kind}"


def _one(name: str, kind: str, words: str, number: float) -> Iterator[str]:
    yield from _head(name, kind, words)
    yield f"ordersheet_{name} {number:.0f}"


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
