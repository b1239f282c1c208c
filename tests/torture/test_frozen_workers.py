"""A worker that stands still, and wakes when others have gone on: real stops, whole leases."""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.postgres import carried_out
from tests.support.team import can_freeze
from tests.torture.test_team import PATIENCE, Crew, findings, finished, let_leases_end_of

from ordersheet.core.ledger_url import LEASE_SECONDS
from ordersheet.delivery.transport.base import LATEST_START
from ordersheet.ledger.writer import AFTER_COMMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.torture import Desk

pytestmark = [
    pytest.mark.needs("postgres", "dbos"),
    pytest.mark.torture,
    pytest.mark.skipif(not can_freeze() or sys.platform != "linux", reason="nothing can be frozen so here"),
]
OPTIONS = ("--settle", "2", "--grace", "5", "--no-baseline")


def rows(number: int) -> list[list[str]]:
    """Replacements and additions in turn, all of ten orders: what comes late would undo what came since."""
    return [
        [str(1000 + at % 10), f"text {at}", "yes" if at % 20 < 10 else "", "", "", "", ""]
        for at in range(number)
    ]


def until(seen: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not seen():
        assert time.monotonic() < end
        time.sleep(0.2)


def puts(desk: Desk, who: str) -> list[dict[str, Any]]:
    return [one for one in desk.oracle.log(desk.shop) if one["did"] == "put" and one.get("who") == who]


@pytest.mark.parametrize("commit", [8, 14, 23])
def test_one_that_stood_still_between_its_write_and_the_first_byte_sends_nothing_of_others(
    yard, team_url, commit
):
    """For longer than its lease, which nobody shortens; the other goes on by itself."""
    desk = yard.desk(f"still-{commit}", rows(60), shared=team_url)
    still = AFTER_COMMIT, commit, LEASE_SECONDS + 15.0
    with ExitStack() as stack, ThreadPoolExecutor(1) as pool:
        crew = Crew(desk, stack)
        run = crew.submit(*OPTIONS, "--rate", "3", "--concurrency", "2")
        fate: dict[str, Any] = {"still": still, "after": 2.5 * LEASE_SECONDS, "number": signal.SIGTERM}
        frozen = pool.submit(desk.run, "frozen", ("worker", "--poll", "0.5"), **fate)
        until(lambda: carried_out(team_url, "SELECT 1 FROM ordersheet.chunk WHERE state = 'taken'"))
        stack.callback(crew.end)
        crew.start()
        until(finished(crew, run))
        assert "not heard of" in frozen.result().output
        found = findings(crew, run, 0)
        assert found.kept, found


class Door:
    """A way to the shop on which connections are not accepted until it opens."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._server = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.port = self._server.getsockname()[1]
        # One more than the backlog waits to be accepted: whoever comes now is not answered.
        self._waiting = [socket.socket() for _ in range(3)]
        for one in self._waiting:
            one.settimeout(0)
            one.connect_ex(("127.0.0.1", self.port))

    def open(self) -> None:
        for one in self._waiting:
            one.close()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                came, _ = self._server.accept()
            except OSError:
                return
            there = socket.create_connection(("127.0.0.1", self._to))
            for one, other in ((came, there), (there, came)):
                threading.Thread(target=_copy, args=(one, other), daemon=True).start()

    def close(self) -> None:
        self._server.close()


def _copy(one: socket.socket, other: socket.socket) -> None:
    try:
        while data := one.recv(65536):
            other.sendall(data)
    except OSError:
        pass
    finally:
        other.close()


@pytest.fixture
def door(yard) -> Iterator[Door]:
    with closing(Door(yard.oracle.port)) as one:
        yield one


def test_one_that_stood_still_while_it_connected_sends_nothing_of_others(yard, team_url, door):
    """The system connects for it while it stands; by then another has sent what it had written ahead."""
    desk = yard.desk("still-connecting", rows(40), shared=team_url)
    with ExitStack() as stack:
        crew = Crew(desk, stack)
        stack.callback(crew.end)
        run = crew.submit(*OPTIONS, "--timeout", "300", "--concurrency", "2")
        way = {"ORDERSHEET_BASE_URL": f"http://127.0.0.1:{door.port}/{desk.shop}"}
        frozen = crew.start(key="frozen", env=way)
        until(lambda: carried_out(team_url, "SELECT 1 FROM ordersheet.attempt WHERE class IS NULL"))
        frozen.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        let_leases_end_of(crew, frozen.pid)
        crew.start()
        until(finished(crew, run))
        door.open()
        until(lambda: time.monotonic() - began > LATEST_START + 5)
        assert puts(desk, "frozen") == []
        frozen.send_signal(signal.SIGCONT)
        until(lambda: "not heard of" in crew.logs[0].read_text())
        frozen.terminate()
        frozen.wait()
        assert puts(desk, "frozen") == []
        found = findings(crew, run, 0)
        assert found.kept, found
