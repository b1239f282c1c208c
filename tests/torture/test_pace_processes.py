"""Three commands at one shop that keep one pace: one ends, stands still, or loses sight of the others."""

from __future__ import annotations

import json
import signal
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.support.postgres_cluster import cluster
from tests.support.team import TeamDesk, WorkerProcess, can_freeze, home, team_desk, until
from tests.support.team_sheet import FIRST, sheet, written

from ordersheet.core.ledger_url import LedgerUrl
from ordersheet.ledger import make_shared
from ordersheet.sandbox.app import SandboxConfig
from ordersheet.sandbox.server import running
from ordersheet.sandbox.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.postgres_cluster import Cluster

    from ordersheet.sandbox.server import Running

pytestmark = pytest.mark.torture
RATE = 20.0
EACH = 150
"""Rows of each command; three of them need more than 20 s at this rate."""
FOUND = 120
"""When so many rows are written, each has found the others and the limit."""
SENDERS = range(3)
WORDS = ("send", "calls.csv", "--yes", "--json", "--settle", "1")


def orders(number: int) -> range:
    return range(FIRST + number * EACH, FIRST + (number + 1) * EACH)


@pytest.fixture
def limited_shop() -> Iterator[Running]:
    store = Store(orders=range(FIRST, FIRST + len(SENDERS) * EACH))
    with running(store, SandboxConfig(rate=RATE, latency=0.02)) as shop:
        yield shop
    store.close()


@pytest.fixture
def database() -> Iterator[Cluster]:
    with cluster() as one:
        one.make()
        one.start()
        yield one


class Sender:
    """One of the commands, at a desk of its own."""

    def __init__(self, desk: TeamDesk, number: int) -> None:
        self.desk, self.orders = desk, orders(number)
        sheet(desk, self.orders)
        self.process = WorkerProcess(desk, desk.folder / "log", WORDS, {})

    def written(self, shop: Running) -> int:
        held = written(shop)
        return sum(held[order] for order in self.orders)

    def ended(self) -> int:
        """Wait for its end; gives its exit code, and holds what it was turned away against what it sent."""
        code = self.process.process.wait(300)
        if code >= 0:
            said = self.process.said
            asked = json.loads(said[said.index('{"schema"') :].splitlines()[0])["requests"]
            # On a busy machine a few come late, and so in a bunch.
            assert asked["pushed_back"] <= 0.1 * (asked["put"] + asked["get"]), asked
        return code


@contextmanager
def three_that_share(folder: Path, shop: Running, ledger: str) -> Iterator[list[Sender]]:
    """Start them, and wait until each has found the others and the limit."""
    with ExitStack() as stack:
        senders = []
        for number in SENDERS:
            senders.append(Sender(team_desk(home(folder, f"desk{number}"), shop, ledger), number))
            stack.callback(senders[-1].process.clear_away)
        until(lambda: sum(written(shop).values()) >= FOUND, "the first rows")
        assert all(sender.written(shop) for sender in senders)
        yield senders


def finished(shop: Running, senders: list[Sender]) -> bool:
    """Send what is left, and tell whether each row was written once."""
    for sender in senders:
        again = sender.desk.run(*WORDS)
        assert again.code == 0, again.err
    return set(written(shop).values()) == {1}


@pytest.fixture(params=["file", pytest.param("shared", marks=pytest.mark.needs("postgres"))])
def ledger(request, tmp_path) -> str:
    if request.param == "file":
        return str(tmp_path / "ledger.db")
    url: LedgerUrl = request.getfixturevalue("ledger_url")
    return url.url


def test_where_one_is_killed_the_others_go_on(tmp_path: Path, limited_shop: Running, ledger: str) -> None:
    with three_that_share(tmp_path, limited_shop, ledger) as senders:
        senders[0].process.send(signal.SIGKILL)
        assert [sender.ended() for sender in senders] == [-signal.SIGKILL, 0, 0]
        assert senders[0].written(limited_shop) < EACH
        assert finished(limited_shop, senders)


@pytest.mark.skipif(not can_freeze(), reason="nothing can be frozen here")
def test_where_one_stands_still_the_others_go_on_and_so_does_it(
    tmp_path: Path, limited_shop: Running, ledger: str
) -> None:
    with three_that_share(tmp_path, limited_shop, ledger) as senders:
        senders[0].process.send(signal.SIGSTOP)
        assert [sender.ended() for sender in senders[1:]] == [0, 0]
        assert senders[0].written(limited_shop) < EACH
        senders[0].process.send(signal.SIGCONT)
        assert senders[0].ended() == 0
        assert finished(limited_shop, senders)


@pytest.mark.needs("postgres")
def test_where_the_database_goes_away_all_stop_and_go_on_with_what_was_left(
    tmp_path: Path, limited_shop: Running, database: Cluster
) -> None:
    make_shared(LedgerUrl(database.url, tmp_path))
    with three_that_share(tmp_path, limited_shop, database.url) as senders:
        database.crash()
        assert [sender.ended() for sender in senders] == [3, 3, 3]
        database.start()
        assert finished(limited_shop, senders)
