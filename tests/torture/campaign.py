"""The campaign: kills, power failures and faults for some minutes, and the figures of what came of them.

    python -m tests.torture.campaign --write

Some sheets go to shops that show their orders in a view, stand behind a gateway, or stand still for a while
(docs/delivery.md, "The worlds"). It goes on until there were kills and deliveries enough, or the minutes are
over. `--write` puts the figures
into docs/delivery-figures.json, and into docs/delivery.md between its markers.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import re
import shutil
import sys
import tempfile
import textwrap
import threading
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support import shim
from tests.support.oracle_check import Findings
from tests.support.oracle_plan import GATEWAY_FAULTS, PART_FAULTS, PUT_FAULTS, Plan
from tests.support.torture import LATE, ROOT, SETTLE, mixed_rows, workshop
from tests.support.views import HONEST
from tests.support.worlds import SETTLE as WORLDS_SETTLE
from tests.support.worlds import RandomChooser, draw_view

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.oracle_check import Line
    from tests.support.torture import Desk, Workshop
    from tests.support.views import View

JSON_FILE = ROOT / "docs" / "delivery-figures.json"
PAGE = ROOT / "docs" / "delivery.md"
MARKERS = ("<!-- figures -->", "<!-- end of figures -->")
VOLUME_ROWS, SLOW_ROWS, KILL_ROWS, VIEW_ROWS = 4000, 400, 40, 120
KILLS = 10
"""Of one desk, before its shop becomes calm and the sheet is finished."""
MOST_SEAMS, MOST_CALLS = 300, 750
"""About as many as a run of KILL_ROWS has."""
FINISH_SENDS = 8
WAYS = {
    "moment": "SIGKILL at a random moment",
    "seam": "SIGKILL at a random step of the ledger, of a request, of a file",
    "kill": "SIGKILL at a random call of write, sync, send, rename",
    "power": "the same, and what was not synced is lost",
}


@dataclass
class Tally:
    """What has been done so far."""

    kills: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    deliveries: int = 0
    """Payloads that a run tried to deliver while faults were on, each counted once for that run."""
    rows: int = 0
    put_faults: Counter[str] = field(default_factory=Counter)
    get_faults: Counter[str] = field(default_factory=Counter)
    puts: int = 0
    gets: int = 0
    late: int = 0
    findings: Findings = field(default_factory=Findings)
    unconfirmed: Counter[str] = field(default_factory=Counter)
    """In reports of runs that were left to finish, by what the message says."""
    views: Counter[str] = field(default_factory=Counter)
    """Rows sent to shops by how those show their orders."""
    unseen: int = 0
    """Of these, the rows that were `unconfirmed` in the last report: the view could not tell."""
    unfinished: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, desk: Desk, *, kills: Counter[str], findings: Findings, view: View | None = None) -> None:
        """Add up what one desk has come to; what stays open in a view is counted by itself."""
        log = desk.oracle.log(desk.shop)
        puts = Counter(entry["fault"] for entry in log if entry["did"] == "put")
        gets = Counter(entry["fault"] for entry in log if entry["did"] == "get")
        tried = {(one["who"], one["row"]) for one in log if one["did"] == "put" and not one["calm"]}
        unconfirmed: Counter[str] = Counter()
        rows = 0
        lines: list[Line] = []
        deliveries = len(tried)
        for ended in desk.ended:
            lines = desk.lines(ended, Findings())
            rows = max(rows, len(lines))
            unconfirmed.update(why(line.message) for line in lines if line.outcome == "unconfirmed")
        with self.lock:
            self.kills += kills
            self.runs += len(desk.ended)
            self.rows += rows
            self.deliveries += deliveries
            self.puts += puts.total()
            self.gets += gets.total()
            self.put_faults += Counter({kind: number for kind, number in puts.items() if kind != "none"})
            self.get_faults += Counter({kind: number for kind, number in gets.items() if kind != "ok"})
            self.late += sum(1 for entry in log if entry.get("late"))
            self.findings += findings
            if view is None:
                self.unconfirmed += unconfirmed
            else:
                self.views[view.kind] += rows
                self.unseen += sum(line.outcome == "unconfirmed" for line in lines)

    def as_json(self, seconds: float) -> dict[str, Any]:
        found = self.findings
        return {
            "seconds": round(seconds),
            "processors": os.cpu_count(),
            "python": ".".join(map(str, sys.version_info[:3])),
            "runs": self.runs,
            "kills": {words: self.kills[way] for way, words in WAYS.items() if self.kills[way]},
            "kills in all": self.kills.total(),
            "rows": self.rows,
            "row-deliveries": self.deliveries,
            "puts": self.puts,
            "gets": self.gets,
            "faults of puts": dict(sorted(self.put_faults.items())),
            "faults of gets": dict(sorted(self.get_faults.items())),
            "applied late": self.late,
            "doubled": len(found.doubled),
            "lost": len(found.lost),
            "misreported": len(found.misreported),
            "out of order": len(found.disordered),
            "unconfirmed": dict(self.unconfirmed.most_common()),
            "rows in views": dict(self.views.most_common()),
            "unconfirmed in views": self.unseen,
            "sheets that did not come to their end": len(self.unfinished),
        }


def why(message: str) -> str:
    """Give a message without what it says of one row: rows of one reason count together."""
    message = message.partition(" Look at ")[0].partition(" Whether ")[0]
    message = re.sub(r"^[A-Z][a-z]+ (to )?(the \w+( comment| \w+)?): ", "", message)
    return re.sub(
        r"(run|row) (?!on )\S+|on \d{4}-[-\d]+ [:\d]+ UTC", lambda found: f"{found[0].split()[0]} …", message
    )


def plan_of(seed: int, *, share: float, push_back: float) -> Plan:
    return Plan(
        seed=seed,
        share=share,
        kinds=tuple(PUT_FAULTS),
        get_share=share / 2,
        push_back=push_back,
        late=LATE,
        stall=2.5,
    )


def view_plan(number: int, view: View, chance: random.Random) -> Plan:
    """Plan a shop that shows its orders in a view, and more that is wrong with it."""
    kinds = [*PUT_FAULTS, *GATEWAY_FAULTS, *PART_FAULTS]
    freezes = {str(chance.randint(1, 60)): chance.uniform(0.3, 2.5)} if chance.random() < 0.3 else {}
    told = {name: value for name, value in view._asdict().items() if value != HONEST._asdict()[name]}
    return replace(plan_of(number, share=0.15, push_back=0.0), kinds=tuple(kinds), view=told, freezes=freezes)


class Campaign:
    """Keeps the drivers busy until there is enough, or the time is up."""

    def __init__(self, yard: Workshop, limits: argparse.Namespace) -> None:
        self.yard = yard
        self.tally = Tally()
        self._limits = limits
        self._began = time.monotonic()
        self._numbers = itertools.count(limits.seed)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._wired = shim.missing() is None

    def run(self) -> None:
        limits = self._limits
        with ThreadPoolExecutor(limits.killers + limits.carriers + limits.viewers + 1) as pool:
            tasks = [pool.submit(self._repeat, self._view) for _ in range(limits.viewers)]
            tasks += [pool.submit(self._repeat, self._kill) for _ in range(limits.killers)]
            tasks += [pool.submit(self._repeat, self._carry) for _ in range(limits.carriers)]
            pool.submit(self._tell)
            try:
                for task in tasks:
                    task.result()
            finally:
                self._ended.set()

    def figures(self) -> dict[str, Any]:
        return self.tally.as_json(time.monotonic() - self._began)

    def _over(self) -> bool:
        return (self._enough_kills and self._enough_deliveries) or (
            time.monotonic() - self._began >= 60 * self._limits.minutes
        )

    @property
    def _enough_kills(self) -> bool:
        return self.tally.kills.total() >= int(self._limits.kills)

    @property
    def _enough_deliveries(self) -> bool:
        return self.tally.deliveries >= int(self._limits.deliveries)

    def _repeat(self, step: Callable[[int], None]) -> None:
        while not self._over():
            with self._lock:
                number = next(self._numbers)
            wanted = step
            if step == self._kill and self._enough_kills:
                wanted = self._carry
            elif step == self._carry and self._enough_deliveries:
                wanted = self._kill
            try:
                wanted(number)
            except Exception:  # noqa: BLE001 - one sheet's trouble is a finding, and the others go on
                with self.tally.lock:
                    self.tally.unfinished.append(f"sheet {number}: {traceback.format_exc()}"[:2000])

    def _tell(self) -> None:
        while not self._ended.wait(10):
            tally = self.tally
            print(  # noqa: T201 - a script
                f"{tally.kills.total()} kills, {tally.deliveries} row-deliveries, "
                f"{tally.findings if not tally.findings.kept else 'nothing amiss'}, "
                f"{tally.unconfirmed.total()} unconfirmed, {len(tally.unfinished)} unfinished",
                flush=True,
            )
            with tally.lock:
                (self.yard.folder / "figures.json").write_text(json.dumps(self.figures()), encoding="utf-8")

    def _kill(self, number: int) -> None:
        """Kill runs of one sheet, with faults on; then let it come to its end."""
        chance = random.Random(number)
        rows = mixed_rows(KILL_ROWS, number)
        desk = self.yard.desk(f"kill{number}", rows, plan_of(number, share=0.2, push_back=0.002))
        kills: Counter[str] = Counter()
        for _ in range(KILLS):
            way = chance.choice(list(WAYS) if self._wired else ["moment", "seam"])
            kills[way] += self._kill_once(desk, way, chance).killed
        self._finish(desk, kills)

    def _kill_once(self, desk: Desk, way: str, chance: random.Random) -> Any:
        more = ("--timeout", "1", "--concurrency", "8", "--attempts", "12")
        if way == "moment":
            return desk.send(*more, after=chance.uniform(0.03, 0.8))
        if way == "seam":
            return desk.send(*more, seam=chance.randint(1, MOST_SEAMS))
        at, seed = chance.randint(1, MOST_CALLS), chance.randrange(3)
        return desk.send(*more, arm=shim.Arm(way, at, where=str(desk.folder), seed=seed))

    def _carry(self, number: int) -> None:
        """Send a large sheet with faults on, twice; then let it come to its end."""
        # A server that pushes back makes everybody wait, so that is done with few rows.
        slowly = number % 8 == 0
        rows = mixed_rows(SLOW_ROWS if slowly else VOLUME_ROWS, number)
        plan = plan_of(number, share=0.2, push_back=0.002 if slowly else 0.0)
        desk = self.yard.desk(f"carry{number}", rows, plan)
        for _ in range(2):
            # What an attribute holds cannot be read, so each attempt fewer is a doubt more.
            desk.send("--timeout", "1", "--concurrency", "64", "--attempts", "12")
        self._finish(desk, Counter())

    def _view(self, number: int) -> None:
        """Send a sheet to a shop that shows its orders in a view, and kill the first run now and then."""
        chance = random.Random(number)
        view = draw_view(RandomChooser(number))
        view = view.faster(WORLDS_SETTLE / SETTLE)
        plan = view_plan(number, view, chance)
        # Where what is shown is old, nothing was learned while it was not.
        desk = self.yard.desk(f"view{number}", mixed_rows(VIEW_ROWS, number), plan, fresh=view.old)
        kills: Counter[str] = Counter()
        more = ("--timeout", "1", "--concurrency", "16", "--attempts", "4")
        for after in (chance.uniform(0.2, 1.5), None):
            kills["moment"] += desk.send(*more, after=after).killed
        self.yard.oracle.plan(desk.shop, Plan())
        desk.send()
        self.tally.take(desk, kills=kills, findings=desk.findings(finished=False), view=view)

    def _finish(self, desk: Desk, kills: Counter[str]) -> None:
        self.yard.oracle.plan(desk.shop, Plan())
        try:
            desk.finish(most=FINISH_SENDS)
            findings = desk.findings()
        except AssertionError as fault:
            with self.tally.lock:
                self.tally.unfinished.append(f"{desk.folder}: {fault}"[:2000])
            findings = desk.findings(finished=False)
        self.tally.take(desk, kills=kills, findings=findings)
        if (
            findings.kept
            and not self.tally.unconfirmed
            and not any(str(desk.folder) in one for one in self.tally.unfinished)
        ):
            shutil.rmtree(desk.folder)
            (desk.oracle.folder / f"{desk.shop}.jsonl").unlink()
            for output in desk.folder.parent.glob(f"{desk.folder.name}-run*"):
                output.unlink()


def render(figures: dict[str, Any]) -> str:
    """Show the figures as docs/delivery.md has them."""

    def table(first: str, second: str, lines: dict[str, int]) -> str:
        body = "".join(f"| {name} | {number:,} |\n" for name, number in lines.items())
        return f"| {first} | {second} |\n|---|---|\n{body}"

    put_faults, get_faults = figures["faults of puts"], figures["faults of gets"]
    met = sum(put_faults.values()), sum(get_faults.values())
    sentences = (
        f"{figures['runs']:,} runs of the command in {figures['seconds'] / 60:.0f} minutes, on",
        f"{figures['processors']} processors; {figures['kills in all']:,} of them were ended by force.",
        f"{figures['rows']:,} rows (appends, replaces, clears, attributes, several to an order) became",
        f"{figures['row-deliveries']:,} deliveries amid faults. Of {figures['puts']:,} updates {met[0]:,}",
        f"met a fault, of {figures['gets']:,} readings {met[1]:,}; {figures['applied late']:,} updates",
        "were applied when nobody waited for them any more. Each sheet was sent again until it was done;",
        "then the server's own log was held against each report.",
    )
    found = {
        "texts that stand twice": figures["doubled"],
        "rows called ok that were not applied, or did not last": figures["lost"],
        "rows called no that were applied; rows missing, moved or twice": figures["misreported"],
        "rows applied out of their order": figures["out of order"],
        "sheets that could not be brought to their end": figures["sheets that did not come to their end"],
        "rows left `unconfirmed` by a run that came to its end": sum(figures["unconfirmed"].values()),
    }
    views = figures.get("rows in views")
    if views:
        found["rows left `unconfirmed` where the view could not tell"] = figures["unconfirmed in views"]
    parts = (
        textwrap.fill(" ".join(sentences), 140) + "\n",
        table("found", "times", found),
        *([table("why `unconfirmed`", "times", figures["unconfirmed"])] if figures["unconfirmed"] else []),
        *([table("how the shop showed its comments", "rows", views)] if views else []),
        table("ended by force", "times", figures["kills"]),
        table("fault of an update", "times", put_faults),
        table("fault of a reading", "times", get_faults),
    )
    return "\n".join(parts)


def write(figures: dict[str, Any], page: Path = PAGE, json_file: Path = JSON_FILE) -> None:
    """Keep the figures, and put them on the page where it has a place for them."""
    json_file.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if not page.exists():
        return
    text = page.read_text(encoding="utf-8")
    start, end = MARKERS
    if start in text and end in text:
        head, _, rest = text.partition(start)
        _, _, tail = rest.partition(end)
        page.write_text(f"{head}{start}\n{render(figures)}{end}{tail}", encoding="utf-8")


def limits() -> argparse.ArgumentParser:
    """Say how far a campaign goes; what is not asked for is its long form."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=75.0)
    parser.add_argument("--kills", type=int, default=5000)
    parser.add_argument("--deliveries", type=int, default=300_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--killers", type=int, default=20)
    parser.add_argument("--carriers", type=int, default=6)
    parser.add_argument("--viewers", type=int, default=2)
    parser.add_argument("--write", action="store_true")
    return parser


def main() -> None:
    asked = limits().parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ordersheet-campaign-"))
    drivers = asked.killers + asked.carriers + asked.viewers
    with workshop(folder, drivers, preload=shim.missing() is None) as yard:
        campaign = Campaign(yard, asked)
        campaign.run()
        figures = campaign.figures()
    tally = campaign.tally
    print(json.dumps(figures, indent=1))  # noqa: T201 - a script
    for one in (*vars(tally.findings).values(), tally.unfinished):
        print(*one, sep="\n")  # noqa: T201 - a script
    if asked.write:
        write(figures)
    if not tally.findings.kept or tally.unfinished:
        sys.exit(f"The promise was broken; see {folder}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
