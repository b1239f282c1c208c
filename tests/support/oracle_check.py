"""The promise, held against an oracle's log and a report file, and nothing else.

Neither the ledger nor any code of ordersheet is asked: sheet and report are read here as plain CSV.
"""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.support.oracle import COMMENTS

if TYPE_CHECKING:
    from pathlib import Path

CLEAR = "<clear>"
GATEWAY = "(a gateway)"
HEADERS = (
    *("Order ID", "internalComment", "replaceInternalComment", "comment", "replaceComment"),
    *("attr:hold_state", "attr:erp_reference"),
)
RESULTS = ("update_status", "update_outcome", "update_message", "update_time")
MAY_HAVE_ARRIVED = frozenset({"unconfirmed", "partly applied"})
SENT_NOW = frozenset({"applied", "confirmed"})
SETTLED = frozenset({"applied", "confirmed", "already applied", "duplicate"})


class Effect(NamedTuple):
    """One thing done, or to be done, to one field of one order."""

    order: int
    field: str
    kind: str
    """`append` or `overwrite`."""
    value: str


class Applied(NamedTuple):
    effect: Effect
    who: str
    """The run that sent it; `""` for a person, GATEWAY for what a gateway handed on a second time."""


class SheetRow(NamedTuple):
    number: int
    cells: tuple[str, ...]
    effects: tuple[Effect, ...]


class Line(NamedTuple):
    """A row as the report tells of it."""

    row: SheetRow
    status: str
    outcome: str
    message: str


@dataclass
class Findings:
    """Where the promise was broken, by kind; all of them empty where it was kept."""

    doubled: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    misreported: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)

    def __iadd__(self, other: Findings) -> Findings:  # noqa: PYI034 - there are no heirs
        self.doubled += other.doubled
        self.lost += other.lost
        self.misreported += other.misreported
        self.disordered += other.disordered
        return self

    @property
    def kept(self) -> bool:
        return not (self.doubled or self.lost or self.misreported or self.disordered)


def read_table(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [row for row in csv.reader(file) if row]


def read_sheet(path: Path) -> list[SheetRow]:
    """Read what a sheet asks for, by this module's own understanding of its columns."""
    header, *rows = read_table(path)
    assert tuple(header[: len(HEADERS)]) == HEADERS
    return [_sheet_row(number, tuple(row[: len(HEADERS)])) for number, row in enumerate(rows, start=2)]


def _sheet_row(number: int, cells: tuple[str, ...]) -> SheetRow:
    order = int(cells[0])
    effects = []
    for name, text, flag in (("internalComment", *cells[1:3]), ("comment", *cells[3:5])):
        if text == CLEAR:
            effects.append(Effect(order, name, "overwrite", ""))
        elif text:
            effects.append(Effect(order, name, "overwrite" if flag == "yes" else "append", text))
    for name, text in (("hold_state", cells[5]), ("erp_reference", cells[6])):
        if text:
            effects.append(Effect(order, name, "overwrite", "" if text == CLEAR else text))
    return SheetRow(number, cells, tuple(effects))


def read_log(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def applied(log: list[dict[str, Any]]) -> list[Applied]:
    """Everything that was done to the orders, in the order in which it was done."""
    found = []
    for entry in log:
        if entry["did"] in ("applied", "person", "gateway"):
            payload = json.loads(entry["body"])
            order = payload["order"]
            who = GATEWAY if entry["did"] == "gateway" else entry.get("who", "")
            for name, flag in COMMENTS.items():
                if name in payload:
                    kind = "overwrite" if payload.get(flag) is True else "append"
                    found.append(Applied(Effect(order, name, kind, payload[name]), who))
            for name, value in payload.get("extraAttributes", {}).items():
                found.append(Applied(Effect(order, name, "overwrite", value), who))
    return found


def read_report(path: Path, sheet: list[SheetRow], findings: Findings) -> list[Line]:
    """Read a report, and check that it has the sheet's rows, all of them, once and in their order."""
    header, *rows = read_table(path)
    if tuple(header) != (*HEADERS, *RESULTS):
        findings.misreported.append(f"{path.name}: the header is {header}")
        return []
    if [tuple(row[: len(HEADERS)]) for row in rows] != [row.cells for row in sheet]:
        findings.misreported.append(f"{path.name}: its rows are not those of the sheet")
        return []
    lines = []
    for row, cells in zip(sheet, rows, strict=True):
        status, outcome, message, _ = cells[len(HEADERS) :]
        if status not in ("ok", "no") or not outcome or not message:
            findings.misreported.append(f"{path.name}: row {row.number} says {cells[len(HEADERS) :]}")
        lines.append(Line(row, status, outcome, message))
    return lines


def check_nothing_twice(done: list[Applied], asked: Counter[Effect] | None = None) -> Findings:
    """Check that no append stands twice since its field was last overwritten, but where it was asked for."""
    findings = Findings()
    standing: dict[tuple[int, str], Counter[str]] = defaultdict(Counter)
    for effect, who in done:
        place = effect.order, effect.field
        if effect.kind == "overwrite":
            standing[place].clear()
        elif who not in ("", GATEWAY):
            standing[place][effect.value] += 1
            times = max(1, asked[effect]) if asked is not None else 1
            if standing[place][effect.value] > times:
                findings.doubled.append(f"{effect} for the {standing[place][effect.value]}th time")
    return findings


def check_report(done: list[Applied], lines: list[Line], who: str) -> Findings:
    """Check what one run's report says, row by row, against all that was ever done."""
    findings = Findings()
    ever = Counter(one.effect for one in done)
    by_us = Counter(one.effect for one in done if one.who == who)
    may_be = {
        effect
        for line in lines
        if line.status == "ok" or line.outcome in MAY_HAVE_ARRIVED
        for effect in line.row.effects
    }
    for line in lines:
        where = f"row {line.row.number}, {line.outcome}"
        if line.status == "ok":
            findings.lost += [
                f"{where}: {effect} was never applied" for effect in line.row.effects if not ever[effect]
            ]
        elif line.outcome not in MAY_HAVE_ARRIVED:
            findings.misreported += [
                f"{where}: {effect} was applied by this run"
                for effect in line.row.effects
                if by_us[effect] and effect not in may_be
            ]
        if line.outcome == "applied twice" and not any(ever[effect] > 1 for effect in line.row.effects):
            findings.misreported.append(f"{where}: it was not")
    findings += _check_order(done, lines, who)
    return findings


def _check_order(done: list[Applied], lines: list[Line], who: str) -> Findings:
    """Check that what a run sent to an order was applied in file order."""
    findings = Findings()
    by_order: dict[int, list[Effect]] = defaultdict(list)
    for one in done:
        if one.who == who:
            by_order[one.effect.order].append(one.effect)
    next_at: dict[int, int] = defaultdict(int)
    latest: dict[tuple[int, str], Effect] = {}
    for line in lines:
        if line.outcome not in SENT_NOW:
            continue
        places = []
        for effect in line.row.effects:
            ours = by_order[effect.order]
            # A repetition of the latest row, and a part that an earlier run applied, are not sent.
            repeated = latest.get((effect.order, effect.field)) == effect
            latest[effect.order, effect.field] = effect
            if repeated or effect not in ours:
                continue
            if effect not in ours[next_at[effect.order] :]:
                findings.disordered.append(f"row {line.row.number}: {effect} came before an earlier row")
            else:
                places.append(ours.index(effect, next_at[effect.order]))
        if places:
            next_at[line.row.effects[0].order] = max(places) + 1
    return findings


def _held(done: list[Applied]) -> dict[tuple[int, str], list[str]]:
    """Tell what each field holds, without what a gateway added to it."""
    held: dict[tuple[int, str], list[str]] = defaultdict(list)
    for effect, who in done:
        if effect.kind == "overwrite":
            held[effect.order, effect.field].clear()
        if who != GATEWAY or effect.kind == "overwrite":
            held[effect.order, effect.field].append(effect.value)
    return held


def check_end(done: list[Applied], lines: list[Line], *, history: bool = False) -> Findings:
    """Check that the fields which a file touches end as the file asks, where all of its rows are done.

    Args:
        done: everything that was done to the orders.
        lines: the report of the last run.
        history: whether earlier versions of the file added texts that may stand among those of this one.
    """
    findings = Findings()
    asked: dict[tuple[int, str], list[Line]] = defaultdict(list)
    for line in lines:
        for effect in line.row.effects:
            asked[effect.order, effect.field].append(line)
    held = _held(done)
    for place, asking in asked.items():
        if not all(line.outcome in SETTLED for line in asking):
            continue
        effects = [one for line in asking for one in line.row.effects if (one.order, one.field) == place]
        wanted: list[str] = []
        for effect in effects:
            if effect.kind == "overwrite":
                wanted = [effect.value]
            elif effect.value not in wanted:
                wanted.append(effect.value)
        if history and all(effect.kind == "append" for effect in effects):
            ends_well = set(wanted) <= set(held[place])
        else:
            ends_well = held[place] == wanted
        if not ends_well:
            findings.lost.append(f"{place} holds {held[place]}, and the file asks for {wanted}")
    return findings


def key_found(folder: Path, key: str) -> list[Path]:
    """Name the files below a folder that hold a key."""
    needle = key.encode()
    return [path for path in folder.rglob("*") if path.is_file() and needle in path.read_bytes()]
