"""A shared ledger's database crashes, is cut off, fails over; a process is frozen: nothing twice or lost."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.cut_link import cut_link
from tests.support.far_network import far_network
from tests.support.leases import moves, short_leases
from tests.support.oracle_check import Findings
from tests.support.oracle_plan import Plan
from tests.support.postgres import Server, carried_out
from tests.support.postgres_cluster import Cluster, cluster
from tests.support.small_disk import small_disk
from tests.support.torture import mixed_rows, workshop
from tests.torture.team_campaign import TeamCampaign, limits, render
from tests.torture.team_life import WORKERS, Harm

from ordersheet.core.ledger_url import LedgerUrl
from ordersheet.ledger import make_shared
from ordersheet.ledger.writer import AFTER_COMMIT, BEFORE_COMMIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.torture import Desk, Ended

pytestmark = pytest.mark.needs("postgres")

SLOW = Plan(latency=0.1)
"""A shop that takes its time, so that something can happen meanwhile."""
ROWS = 24
LONG = 60.0
LATE = 15
"""So many commits each run of this sheet makes."""


@pytest.fixture(scope="module")
def own_server() -> Iterator[Cluster]:
    with cluster() as one:
        one.make()
        one.start()
        yield one


def ledger_in(server: Cluster, name: str = "") -> LedgerUrl:
    """Make an empty ledger; `name` stands for the server where it has several addresses."""
    url = Server(server.url).of(Server(server.url).make_database())
    make_shared(LedgerUrl(url, Path()))
    return LedgerUrl(url.replace(f"127.0.0.1:{server.port}", name) if name else url, Path())


def puts(desk: Desk, who: str | None = None) -> int:
    """Count the updates that came to the shop: all, or those of one run."""
    log = desk.oracle.log(desk.shop)
    return sum(entry["did"] == "put" and who in (None, entry["who"]) for entry in log)


def puts_in_the_end(desk: Desk, who: str | None = None) -> int:
    """Count the updates of one that sends no more: what had left may not have come yet."""
    counted = -1
    while counted != (now := puts(desk, who)):
        counted = now
        desk.done()
        time.sleep(0.3)
    return counted


def once_it_sends(desk: Desk, number: int = 3) -> None:
    """Wait until a run has sent some rows."""
    until = time.monotonic() + LONG
    while puts(desk) < number and time.monotonic() < until:
        time.sleep(0.02)


def once_one_stands_still(url: LedgerUrl) -> None:
    """Wait until a process has been stopped."""
    until = time.monotonic() + LONG
    while time.monotonic() < until:
        known = carried_out(url, "SELECT pid FROM ordersheet.process")
        if not all(moves(pid) for (pid,) in known):
            return
        time.sleep(0.02)


def each_put_was_written_ahead(desk: Desk, url: LedgerUrl) -> bool:
    """Hold the shop's log against the ledger: no byte of an update left that the ledger does not know of."""
    ((known,),) = carried_out(url, "SELECT count(*) FROM ordersheet.attempt")
    return puts(desk) <= int(known)


def accounted_for(desk: Desk, ended: Ended) -> bool:
    return len(desk.lines(ended, Findings())) == ROWS


def finished(desk: Desk) -> bool:
    """Send the sheet until it is done, and hold all reports against the shop's log."""
    desk.oracle.plan(desk.shop, Plan())
    desk.finish()
    return desk.findings().kept


@pytest.mark.parametrize(
    ("where", "number"),
    [
        (AFTER_COMMIT, 12),
        *(pytest.param(AFTER_COMMIT, at, marks=pytest.mark.torture) for at in range(4, 20)),
        *(pytest.param(BEFORE_COMMIT, at, marks=pytest.mark.torture) for at in range(4, 20)),
    ],
)
def test_one_that_was_frozen_beyond_its_lease_sends_nothing_that_another_took_over(
    yard, ledger_url, where, number
):
    """A frozen process wakes with an update written ahead, and others have had its orders meanwhile."""
    rows = mixed_rows(ROWS, 300 + number)
    desk = yard.desk(f"frozen-{where}-{number}".replace(" ", "-"), rows, shared=ledger_url)
    with short_leases(ledger_url):
        with ThreadPoolExecutor(2) as pool:
            frozen = pool.submit(desk.send, still=(where, number, 6.0), after=LONG)
            once_one_stands_still(ledger_url)
            before = puts_in_the_end(desk, "run0")
            other = pool.submit(desk.send)
        assert other.result().code in (0, 1), other.result()
        assert frozen.result().code in (0, 1, 3), frozen.result()
        assert frozen.result().code != 3 or "not heard of" in frozen.result().output
        assert accounted_for(desk, frozen.result())
        assert puts(desk, "run0") == before
        assert finished(desk)


@pytest.mark.parametrize("seed", [1, *(pytest.param(at, marks=pytest.mark.torture) for at in range(2, 9))])
def test_where_the_database_crashes_in_mid_run_no_byte_leaves_until_it_is_back(yard, own_server, seed):
    url = ledger_in(own_server)
    desk = yard.desk(f"crash-{seed}", mixed_rows(ROWS, 310 + seed), SLOW, shared=url)
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(desk.send)
        once_it_sends(desk, 1 + seed)
        own_server.crash()
        try:
            ended = sent.result()
            before = puts_in_the_end(desk)
            refused = desk.send()
        finally:
            own_server.start()
    assert (ended.code, refused.code, puts(desk)) == (3, 2, before), (ended, refused)
    assert accounted_for(desk, ended)
    assert each_put_was_written_ahead(desk, url)
    with short_leases(url):
        assert finished(desk)


@pytest.mark.parametrize(
    ("number", "arrives"),
    [
        (7, True),
        *(pytest.param(n, how, marks=pytest.mark.torture) for n in range(1, 25) for how in (True, False)),
    ],
)
def test_a_way_that_is_cut_around_a_commit_leaves_nothing_twice(yard, own_server, number, arrives):
    """The commit did not arrive, or its answer did not: nobody on this side can tell."""
    url = ledger_in(own_server)
    desk = yard.desk(f"cut-{number}-{arrives}", mixed_rows(ROWS, 330 + number), shared=url)
    with cut_link(url.url, number, arrives=arrives) as link, short_leases(url):
        desk.shared = LedgerUrl(link.url, Path())
        ended = desk.send()
        # A late one may find the run at its end, when all is told.
        assert link.cuts == (ended.code in (2, 3)) or (number > LATE and ended.code == 0), ended
        desk.shared = url
        assert each_put_was_written_ahead(desk, url)
        assert finished(desk)


@pytest.mark.torture
def test_a_cable_that_is_pulled_is_noticed_and_nothing_leaves_meanwhile(yard):
    """Nobody refuses or resets anything: what is sent to the database just does not arrive."""
    with far_network() as network, cluster(network=network) as server:
        server.make()
        server.start()
        url = ledger_in(server)
        desk = yard.desk("cable", mixed_rows(ROWS, 380), SLOW, shared=url)
        with ThreadPoolExecutor(1) as pool:
            sent = pool.submit(desk.send)
            once_it_sends(desk)
            network.cut()
            ended = sent.result()
            network.mend()
        assert ended.code == 3, ended
        assert accounted_for(desk, ended)
        assert each_put_was_written_ahead(desk, url)
        with short_leases(url):
            assert finished(desk)


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(3))
def test_a_full_disk_of_the_database_stops_the_run_until_there_is_room(yard, seed):
    """The disk that fills is a real one: tables, log and all."""
    with small_disk(160) as disk, cluster(disk.place) as server:
        server.make()
        server.start(max_wal_size="32MB", min_wal_size="32MB")
        url = ledger_in(server)
        rows = mixed_rows(600, 370 + seed)
        desk = yard.desk(f"full-{seed}", rows, Plan(latency=0.01), shared=url)
        with ThreadPoolExecutor(1) as pool:
            sent = pool.submit(desk.send)
            once_it_sends(desk, 1 + 20 * seed)
            disk.fill()
            ended = sent.result()
        assert ended.code == 3, ended
        assert len(desk.lines(ended, Findings())) == len(rows)
        disk.make_room()
        # Where its log found no room, the server has ended.
        server.crash()
        server.start()
        assert each_put_was_written_ahead(desk, url)
        with short_leases(url):
            assert finished(desk)


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(3))
def test_a_synchronous_standby_that_is_promoted_knows_of_each_row(yard, seed):
    with cluster() as primary, cluster() as standby:
        primary.make()
        primary.start()
        standby.copy_of(primary)
        standby.start()
        primary.stop()
        primary.start(synchronous_standby_names="'*'")
        both = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
        url = ledger_in(primary, both)
        desk = yard.desk(f"failover-{seed}", mixed_rows(ROWS, 350 + seed), SLOW, shared=url)
        desk.shared = LedgerUrl(f"{url.url}?target_session_attrs=read-write", Path())
        with ThreadPoolExecutor(1) as pool:
            sent = pool.submit(desk.send)
            once_it_sends(desk, 2 + 3 * seed)
            primary.crash()
            threading.Event().wait(0.1)
            standby.promote()
            ended = sent.result()
        assert ended.code == 3, ended
        assert accounted_for(desk, ended)
        with short_leases(desk.shared):
            assert finished(desk)
        assert each_put_was_written_ahead(desk, desk.shared)


@pytest.mark.torture
@pytest.mark.needs("dbos")
def test_a_team_s_short_campaign_finds_nothing_false_and_adds_up(tmp_path):
    kept = tmp_path / "kept.json"
    words = ["--minutes", "0", "--teams", "1", "--desks", "2", "--rows", "400", "--keep", str(kept)]
    asked = limits().parse_args(words)
    asked.harm = Harm(crash=(2.0, 6.0), life=(2.0, 10.0), steps=(50, 500))
    with workshop(tmp_path / "yard", 2 + WORKERS + 1, workers=True) as yard:
        for number in (1, 2):
            campaign = TeamCampaign(yard, asked)
            campaign.run()
            assert campaign.tally.findings.kept, campaign.tally.findings
            assert not campaign.tally.unfinished
            found = campaign.figures()
            assert found == json.loads(kept.read_text(encoding="utf-8")) | {"seconds": found["seconds"]}
            assert (found["happened"]["teams"], found["happened"]["runs by workers"]) == (number, number)
            assert found["row-deliveries"] >= campaign.tally.deliveries + 200 * (number - 1)
            assert f"{found['puts']:,} updates" in render(found)
