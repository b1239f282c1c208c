"""The team's campaign: desks and workers that share a ledger, through kills, freezes, crashes and cuts.

    python -m tests.torture.team_campaign --minutes 25 --keep team.json --write

Teams of two to five desks and three workers send the same sheet at once, to a shop that does a share of
everything wrong. Meanwhile processes are killed, or frozen until their lease has ended; the database crashes
and comes back; the way to it is cut. Then everything is calm, the sheet is sent until it is done, and the
shop's own log is held against every report. A lease ends as soon as its process is dead or stands still,
rather than after a minute.

`--keep FILE` adds the figures to those of earlier pieces, after each team, and goes on with other seeds;
`--write` puts them into docs/team-figures.json and docs/team.md. After the minutes nothing befalls
anybody any more, no team begins, and those that live come to their end.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.tables import table
from benchmarks.team_page import publish
from tests.support.torture import workshop
from tests.torture.campaign import Tally
from tests.torture.team_life import MOST_DESKS, WORKERS, Harm, Home, Team, home

if TYPE_CHECKING:
    from tests.support.oracle_check import Findings
    from tests.support.torture import Workshop

_TEAMS = "teams"
_SHORTEST = 20.0
"""Seconds for which something befalls a team, whatever the time."""
_WANTED = (
    *("seconds", "processors", "runs", "row-deliveries", "puts", "gets", "faults of puts", "applied late"),
    *("doubled", "lost", "misreported", "out of order", "unconfirmed"),
    "sheets that did not come to their end",
)


class TeamCampaign:
    """Lets teams live one after the other, some beside each other, until the time is up."""

    def __init__(self, yard: Workshop, asked: argparse.Namespace) -> None:
        self.yard, self._asked = yard, asked
        self.tally = Tally()
        self.happened: Counter[str] = Counter()
        self._kept = _kept(asked.keep)
        lived = self._kept.get("happened", {}).get(_TEAMS, 0)
        self._numbers = itertools.count(asked.seed + lived)
        self._began = time.monotonic()
        self._until = self._began + 60 * asked.minutes

    def run(self) -> None:
        with ThreadPoolExecutor(self._asked.teams) as pool:
            for task in [pool.submit(self._teams) for _ in range(self._asked.teams)]:
                task.result()

    def _teams(self) -> None:
        with home() as place:
            lived = 0
            while not lived or time.monotonic() < self._until:
                self._one(place, next(self._numbers))
                lived += 1

    def _one(self, place: Home, number: int) -> None:
        asked = self._asked
        harm = Harm() if asked.harm is None else asked.harm
        until = max(self._until, time.monotonic() + _SHORTEST)
        team = Team(self.yard, place, number, desks=asked.desks, rows=asked.rows, harm=harm, until=until)
        try:
            team.live()
            findings = team.desk.findings()
        except Exception:  # noqa: BLE001 - one team's trouble is a finding, and the others go on
            with self.tally.lock:
                self.tally.unfinished.append(f"team {number}: {traceback.format_exc()}"[:3000])
                print(self.tally.unfinished[-1], flush=True)  # noqa: T201 - a script
            findings = team.desk.findings(finished=False)
        self.tally.take(team.desk, kills=Counter(), findings=findings)
        with self.tally.lock:
            self.happened += team.happened
            self.happened[_TEAMS] += 1
            if asked.keep is not None:
                asked.keep.write_text(json.dumps(self.figures(), indent=1) + "\n", encoding="utf-8")
            well = findings.kept and not any(f"team {number}:" in one for one in self.tally.unfinished)
        self._tell(number, team, findings)
        if well:
            self._clear_away(team)

    def _tell(self, number: int, team: Team, findings: Findings) -> None:
        seconds = time.monotonic() - self._began
        tally = self.tally
        print(  # noqa: T201 - a script
            f"{seconds:.0f} s, team {number} of {team.desks}: {dict(team.happened)},"
            f" {findings if not findings.kept else 'nothing amiss'}; in all {tally.deliveries:,}"
            f" row-deliveries, {tally.deliveries / seconds:.0f} a second, {dict(self.happened)},"
            f" {len(tally.unfinished)} unfinished, {tally.unconfirmed.total()} unconfirmed",
            flush=True,
        )

    def _clear_away(self, team: Team) -> None:
        """Remove what nobody needs any more: each search for the key would go through it again."""
        desk = team.desk
        shutil.rmtree(desk.folder)
        (desk.oracle.folder / f"{desk.shop}.jsonl").unlink()
        for output in desk.folder.parent.glob(f"{desk.folder.name}-*"):
            output.unlink()

    def figures(self) -> dict[str, Any]:
        """Give what has come of it so far, earlier pieces included."""
        known = self.tally.as_json(time.monotonic() - self._began)
        piece = {name: known[name] for name in _WANTED} | {"happened": dict(self.happened)}
        return added(self._kept, piece)


def _kept(file: Path | None) -> dict[str, Any]:
    if file is None or not file.exists():
        return {}
    return dict(json.loads(file.read_text(encoding="utf-8")))


def added(kept: dict[str, Any], piece: dict[str, Any]) -> dict[str, Any]:
    """Add a piece's figures to those of earlier ones."""
    whole: dict[str, Any] = {}
    for name in sorted({*kept, *piece}):
        if name == "processors":
            whole[name] = piece[name]
        elif isinstance(piece.get(name, kept.get(name)), dict):
            whole[name] = added(kept.get(name, {}), piece.get(name, {}))
        else:
            whole[name] = kept.get(name, 0) + piece.get(name, 0)
    return whole


def render(found: dict[str, Any]) -> str:
    """Write what docs/team.md says of it."""
    happened = dict(found["happened"])
    teams = happened.pop(_TEAMS)
    told = (
        f"{teams:,} teams of two to {MOST_DESKS} desks and {WORKERS} workers in"
        f" {found['seconds'] / 60:.0f} minutes on {found['processors']} processors,\n{found['runs']:,} runs"
        f" of the command: {found['row-deliveries']:,} deliveries of a row, {found['puts']:,} updates, of"
        f" which\n{sum(found['faults of puts'].values()):,} met a fault of the shop."
    )
    lines = {
        **happened,
        "texts that stand twice": found["doubled"],
        "rows called ok that were not applied": found["lost"],
        "rows called no that were applied, or missing": found["misreported"],
        "rows applied out of their order": found["out of order"],
        "sheets that could not be brought to their end": found["sheets that did not come to their end"],
        "rows that a report calls `unconfirmed`, to be looked up": sum(found["unconfirmed"].values()),
    }
    return f"{told}\n\n{table(['', 'times'], [[name, f'{number:,}'] for name, number in lines.items()])}"


def limits() -> argparse.ArgumentParser:
    """Say how far a campaign goes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=25.0)
    parser.add_argument("--teams", type=int, default=3, help="beside each other")
    parser.add_argument("--desks", type=int, help="of each team; drawn where it is not said")
    parser.add_argument("--rows", type=int, default=5000, help="of each team's sheet")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a file that adds up the figures of several pieces")
    parser.add_argument("--write", action="store_true")
    parser.set_defaults(harm=None)
    return parser


def main() -> None:
    asked = limits().parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ordersheet-team-"))
    drivers = asked.teams * (MOST_DESKS + WORKERS + 1)
    with workshop(folder, drivers, workers=True) as yard:
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
