"""The team's campaign: desks that share a ledger, through kills, freezes, crashes and cuts.

    python -m tests.torture.team_campaign --minutes 30 --write

Teams of two to five send the same sheet at once, to a shop that does a share of everything wrong. Meanwhile
processes are killed, or frozen until their lease has ended; the database crashes and comes back; the way to
it is cut. Then everything is calm, the sheet is sent until it is done, and the shop's own log is held against
every report. A lease ends as soon as its process is dead or stands still, rather than after a minute.
`--write` puts the figures into docs/team-figures.json and docs/team.md.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import shutil
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.tables import table
from benchmarks.team_page import publish
from tests.support.leases import short_leases
from tests.support.oracle_plan import Plan
from tests.support.postgres import Server
from tests.support.postgres_cluster import Cluster, cluster
from tests.support.torn_link import TornLink, torn_link
from tests.support.torture import mixed_rows, workshop
from tests.torture.campaign import Tally, plan_of

from ordersheet.core.ledger_url import LedgerUrl
from ordersheet.ledger import make_shared
from ordersheet.ledger.writer import AFTER_COMMIT, BEFORE_COMMIT

if TYPE_CHECKING:
    from tests.support.torture import Desk, Workshop

MORE = ("--timeout", "1", "--attempts", "12")
FROZEN = 5.5
"""Seconds: longer than an update that is written ahead may wait."""
SHARE = 0.03
ROWS = 25
"""Of each desk's part of the sheet."""
MOST_COMMITS = 60
SENDS = 8


class Team:
    """One team's life: a sheet, a ledger, a shop, and what befalls them."""

    def __init__(
        self, yard: Workshop, server: Cluster, link: TornLink, number: int, desks: int | None
    ) -> None:
        self._chance = random.Random(number)
        self._server, self._link = server, link
        self.desks = desks or self._chance.randint(2, 5)
        direct = Server(server.url).of(Server(server.url).make_database())
        self._direct = LedgerUrl(direct, Path())
        make_shared(self._direct)
        self._yard = yard
        rows = mixed_rows(ROWS * self.desks, number)
        plan = plan_of(number, share=SHARE, push_back=0.0)
        plan.latency = 0.02
        self.desk: Desk = yard.desk(f"team{number}", rows, plan, shared=self._direct)
        through = direct.replace(f":{server.port}/", f":{link.port}/")
        self.desk.shared = LedgerUrl(through, Path())
        self.happened: Counter[str] = Counter()

    def live(self) -> None:
        """Go through it all, and come to the sheet's end."""
        over = threading.Event()
        trouble = threading.Thread(target=self._trouble, args=(over,))
        with short_leases(self._direct) as ended:
            trouble.start()
            try:
                with ThreadPoolExecutor(self.desks) as pool:
                    runs = [pool.submit(self._desk) for _ in range(self.desks)]
                    for run in runs:
                        run.result()
            finally:
                over.set()
                trouble.join()
            self._yard.oracle.plan(self.desk.shop, Plan())
            self.desk.finish(most=SENDS)
        self.happened["processes killed"] += ended["dead"]
        self.happened["processes frozen beyond their lease"] += ended["frozen"]

    def _desk(self) -> None:
        """Send, again and again, as this desk fares."""
        for _ in range(self._chance.randint(2, 4)):
            fate = self._chance.random()
            if fate < 0.4:
                self.desk.send(*MORE, after=self._chance.uniform(0.2, 3.0))
            elif fate < 0.6:
                seam = self._chance.choice((AFTER_COMMIT, BEFORE_COMMIT))
                still = (seam, self._chance.randint(4, MOST_COMMITS), FROZEN)
                self.desk.send(*MORE, still=still, after=60.0)
            else:
                self.desk.send(*MORE)

    def _trouble(self, over: threading.Event) -> None:
        """Let the database crash, or its way be cut, now and then."""
        while not over.wait(self._chance.uniform(1.0, 4.0)):
            if self._chance.random() < 0.5:
                self._link.tear(self._chance.uniform(0.1, 2.0))
                self.happened["cuts of the way to the database"] += 1
            else:
                self._server.crash()
                over.wait(self._chance.uniform(0.0, 1.0))
                self._server.start()
                self.happened["crashes of the database"] += 1


class TeamCampaign:
    """Lets teams live one after the other, some beside each other, until the time is up."""

    def __init__(self, yard: Workshop, asked: argparse.Namespace) -> None:
        self.yard, self._asked = yard, asked
        self.tally = Tally()
        self.happened: Counter[str] = Counter()
        self._numbers = itertools.count(asked.seed)
        self._until = time.monotonic() + 60 * asked.minutes
        self._began = time.monotonic()

    def run(self) -> None:
        with ThreadPoolExecutor(self._asked.teams) as pool:
            for task in [pool.submit(self._teams) for _ in range(self._asked.teams)]:
                task.result()

    def _teams(self) -> None:
        with cluster() as server:
            server.make()
            server.start()
            with torn_link(server.port) as link:
                lived = 0
                while not lived or time.monotonic() < self._until:
                    self._one(server, link, next(self._numbers))
                    lived += 1

    def _one(self, server: Cluster, link: TornLink, number: int) -> None:
        team = Team(self.yard, server, link, number, self._asked.desks)
        try:
            team.live()
            findings = team.desk.findings()
        except Exception:  # noqa: BLE001 - one team's trouble is a finding, and the others go on
            with self.tally.lock:
                self.tally.unfinished.append(f"team {number}: {traceback.format_exc()}"[:3000])
            findings = team.desk.findings(finished=False)
        self.tally.take(team.desk, kills=Counter(), findings=findings)
        with self.tally.lock:
            self.happened += team.happened
            self.happened["teams"] += 1
        print(  # noqa: T201 - a script
            f"team {number}: {dict(team.happened)}; in all {self.tally.deliveries} row-deliveries,"
            f" {self.tally.findings if not self.tally.findings.kept else 'nothing amiss'}",
            flush=True,
        )

    def figures(self) -> dict[str, Any]:
        known = self.tally.as_json(time.monotonic() - self._began)
        wanted = (
            *(
                "seconds",
                "processors",
                "runs",
                "row-deliveries",
                "puts",
                "gets",
                "faults of puts",
                "applied late",
            ),
            *("doubled", "lost", "misreported", "out of order", "unconfirmed"),
            "sheets that did not come to their end",
        )
        return {**{name: known[name] for name in wanted}, "happened": dict(sorted(self.happened.items()))}


def render(found: dict[str, Any]) -> str:
    """Write what docs/team.md says of it."""
    happened = dict(found["happened"])
    teams = happened.pop("teams")
    told = (
        f"{teams:,} teams of two to five in {found['seconds'] / 60:.0f} minutes, {found['runs']:,} runs"
        f" of the command: {found['row-deliveries']:,} deliveries of a row,\n{found['puts']:,} updates, of"
        f" which {sum(found['faults of puts'].values()):,} met a fault of the shop."
    )
    lines = {
        **happened,
        "texts that stand twice": found["doubled"],
        "rows called ok that were not applied": found["lost"],
        "rows called no that were applied, or missing": found["misreported"],
        "rows applied out of their order": found["out of order"],
        "sheets that could not be brought to their end": found["sheets that did not come to their end"],
    }
    return f"{told}\n\n{table(['', 'times'], [[name, f'{number:,}'] for name, number in lines.items()])}"


def limits() -> argparse.ArgumentParser:
    """Say how far a campaign goes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--teams", type=int, default=2)
    parser.add_argument("--desks", type=int, help="of each team; drawn where it is not said")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    return parser


def main() -> None:
    asked = limits().parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ordersheet-team-"))
    with workshop(folder, 5 * asked.teams) as yard:
        campaign = TeamCampaign(yard, asked)
        campaign.run()
        figures = campaign.figures()
    print(json.dumps(figures, indent=1))  # noqa: T201 - a script
    tally = campaign.tally
    for one in (*vars(tally.findings).values(), tally.unfinished):
        print(*one, sep="\n")  # noqa: T201 - a script
    if asked.write:
        publish("proof", figures)
    if not tally.findings.kept or tally.unfinished:
        sys.exit(f"The promise was broken; see {folder}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
