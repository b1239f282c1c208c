"""The command through PgBouncer in transaction mode, which shares few sessions among all who come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.pgbouncer import pgbouncer
from tests.support.postgres import GIVEN
from tests.support.team import team_desk, until, worker

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command import Desk
    from tests.support.postgres import Server

    from ordersheet.core.ledger_url import LedgerUrl
    from ordersheet.sandbox.server import Running

pytestmark = [
    pytest.mark.needs("postgres", "pgbouncer"),
    pytest.mark.skipif(bool(GIVEN), reason="PgBouncer would need the given server's password"),
]
CALLS = "order,internalComment\n" + "".join(f"{order},Called\n" for order in range(83600, 83612))


def test_a_ledger_is_made_used_and_looked_at_through_it(desk: Desk, postgres_server: Server, held) -> None:
    with pgbouncer(postgres_server.of(postgres_server.make_database())) as url:
        assert desk.run("ledger", "init", url).code == 0
        desk.file("calls.csv", CALLS)
        place = ("--ledger", url)
        sent = desk.run("send", "calls.csv", "--yes", "--json", *place)
        assert (sent.code, sent.json["outcomes"]) == (0, {"applied": 12}), sent.err
        again = desk.run("send", "calls.csv", "--yes", "--json", *place)
        assert again.json["outcomes"] == {"already applied": 12}
        assert str(held(83600)["internalComment"]).count("Called") == 1
        checked = desk.run("ledger", "check", *place, "--json")
        assert (checked.code, checked.json["runs"]) == (0, 2)
        undone = desk.run("undo", sent.json["run"], "--yes", "--json", *place)
        assert (undone.code, undone.json["outcomes"]) == (0, {"undone": 12}), undone.err
        assert "Called" not in str(held(83600)["internalComment"])


@pytest.mark.torture
@pytest.mark.needs("dbos")
def test_a_worker_works_through_it(tmp_path: Path, shop: Running, team_url: LedgerUrl) -> None:
    with pgbouncer(team_url.url) as url:
        clerk = team_desk(tmp_path, shop, url)
        clerk.file("calls.csv", CALLS)
        submitted = clerk.run("submit", "calls.csv", "--yes", "--json")
        assert submitted.code == 0, submitted.err
        run = str(submitted.json["run"])
        with worker(clerk) as one:
            until(lambda: clerk.run("show", run, "--json").json["finished"], "the end of the run")
            assert one.end() == 143
        assert clerk.run("show", run, "--json").json["outcomes"] == {"applied": 12}
