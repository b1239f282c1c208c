"""What a worker's figures say, as Prometheus' node exporter reads them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from ordersheet.core.model import Outcome
from ordersheet.ledger.waiting import Waiting
from ordersheet.team.facts import WorkerFacts, metrics_of, write_signs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

OUTCOMES = st.dictionaries(st.sampled_from([one.value for one in Outcome]), st.integers(1, 999))
TRIES = st.lists(st.tuples(st.integers(0, 999), OUTCOMES), max_size=6)
STORES = st.dictionaries(st.text(min_size=1, max_size=9), st.none() | st.integers(1, 10**6), max_size=4)


def figures(lines: Iterable[str]) -> dict[str, float]:
    """Read the text as the exporter does: each family has its type, each sample stands once."""
    found: dict[str, float] = {}
    family = ""
    for line in lines:
        if line.startswith("# TYPE "):
            family = line.split()[2]
        if line.startswith("#"):
            continue
        name, _, value = line.rpartition(" ")
        assert name.partition("{")[0] == family
        assert name not in found
        found[name] = float(value)
    return found


def quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@given(TRIES, STORES, st.integers(0, 9), st.integers(0, 10**6))
def test_figures_add_up(
    tries: list[tuple[int, dict[str, int]]], stores: dict[str, int | None], leases: int, age: int
) -> None:
    facts = WorkerFacts()
    for requests, outcomes in tries:
        facts.count(requests, outcomes)
    since = datetime.now(UTC) - timedelta(seconds=age)
    facts.look(
        {name: None if number is None else Waiting(number, since) for name, number in stores.items()}, leases
    )
    found = figures(metrics_of(facts))
    rows = sum((Counter(outcomes) for _, outcomes in tries), Counter[str]())
    assert {
        name: value for name, value in found.items() if name.startswith("ordersheet_worker_rows_total")
    } == {f'ordersheet_worker_rows_total{{outcome="{name}"}}': number for name, number in rows.items()}
    assert found["ordersheet_worker_requests_total"] == sum(requests for requests, _ in tries)
    assert found["ordersheet_worker_chunks_total"] == sum(bool(outcomes) for _, outcomes in tries)
    assert found["ordersheet_leases"] == leases
    waiting = {
        f'ordersheet_chunks_waiting{{store="{quoted(name)}"}}': number or 0 for name, number in stores.items()
    }
    assert {name: value for name, value in found.items() if "chunks_waiting" in name} == waiting
    oldest = found["ordersheet_oldest_chunk_seconds"]
    assert oldest >= age if any(stores.values()) else oldest == 0


def test_files_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    facts, metrics, health = WorkerFacts(), tmp_path / "worker.prom", tmp_path / "alive"
    write_signs(facts, health, metrics)
    assert health.exists()
    # Whoever has it open reads on in what it opened, whole.
    with metrics.open(encoding="utf-8") as reading:
        facts.count(3, {"applied": 2})
        write_signs(facts, health, metrics)
        before = reading.read()
    assert figures(before.splitlines())["ordersheet_worker_requests_total"] == 0
    assert figures(metrics.read_text(encoding="utf-8").splitlines())["ordersheet_worker_requests_total"] == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alive", "worker.prom"]
