"""What stands in the way of an undo: another run at work on its orders, and a key that may not read."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from tests.support.command import Desk

from ordersheet.sandbox.app import SandboxConfig
from ordersheet.sandbox.server import running
from ordersheet.sandbox.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "practice-key"
CALLS = "Order ID,Internal comment\n83600,Called\n83601,Called too\n"


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store()
    yield store
    store.close()


def sent(tmp_path: Path, store: Store) -> tuple[Desk, str, int, list[str]]:
    """Send a file to a shop that answers well; give the run, the port, and what orders hold then."""
    with running(store, SandboxConfig(key=KEY)) as shop:
        desk = Desk(tmp_path, shop.base_url, KEY)
        desk.file("calls.csv", CALLS)
        run = desk.run("send", "calls.csv", "--yes", "--json").json["run"]
        return desk, run, urlsplit(shop.base_url).port or 0, texts(store)


def texts(store: Store) -> list[str]:
    return [order.internal_comment for order in store]


@pytest.mark.torture
def test_an_undo_waits_for_no_other_run_and_says_which_order_is_worked_on(
    tmp_path: Path, store: Store
) -> None:
    desk, first, port, after = sent(tmp_path, store)
    desk.file("more.csv", "Order ID,Internal comment\n83601,Later\n")
    with running(store, SandboxConfig(key=KEY, latency=120), port=port):
        command = [sys.executable, "-m", "ordersheet", "send", "more.csv", "--yes", "--no-baseline"]
        other = subprocess.Popen(
            command, cwd=tmp_path, env=desk.env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            with sqlite3.connect(f"file:{tmp_path / 'ledger.db'}?mode=ro", uri=True) as ledger:
                under_way = "SELECT count(*) FROM operation WHERE state = 'sending'"
                while not ledger.execute(under_way).fetchone()[0]:
                    assert other.poll() is None
            told = desk.run("undo", "last", "--yes")
            assert (told.code, "still goes on" in told.err) == (2, True)
            told = desk.run("undo", first, "--yes")
            assert told.code == 2
            assert "Another run is working on 1 of these orders, 83601 among them." in told.err
            assert "Undo when it has ended" in told.err
        finally:
            other.kill()
            other.wait()
    assert texts(store) == after


def test_an_undo_with_a_key_that_may_not_read_changes_nothing(tmp_path: Path, store: Store) -> None:
    desk, _, port, after = sent(tmp_path, store)
    with running(store, SandboxConfig(key=KEY, methods=frozenset({"PUT"})), port=port):
        told = desk.run("undo", "last", "--yes")
    assert told.code == 2
    assert "may not read orders" in told.err
    assert "--online" not in told.err
    assert "Nothing was sent" in told.err
    assert texts(store) == after
