"""The figures of docs/team.md: each part kept in docs/team-figures.json, and shown between its marks."""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING, Any

from benchmarks.command import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAGE, FIGURES = ROOT / "docs" / "team.md", ROOT / "docs" / "team-figures.json"
PARTS = {
    "cost": "benchmarks.shared_ledger",
    "limits": "benchmarks.team_limits",
    "pace": "benchmarks.pace_together",
    "pace_commands": "benchmarks.pace_commands",
    "takeover": "benchmarks.team_takeover",
    "proof": "tests.torture.team_campaign",
}
"""Who measures each part, and renders it."""


def put(text: str, part: str, found: dict[str, Any]) -> str:
    """Give the page with a part's figures between its marks."""
    start, end = f"<!-- {part} -->", f"<!-- end of {part} -->"
    head, _, rest = text.partition(start)
    _, _, tail = rest.partition(end)
    rendered = import_module(PARTS[part]).render(found)
    return f"{head}{start}\n\n{rendered}\n\n{end}{tail}"


def publish(part: str, found: dict[str, Any], page: Path = PAGE, figures: Path = FIGURES) -> None:
    """Keep a part's figures, and put them on the page."""
    known = json.loads(figures.read_text(encoding="utf-8")) if figures.exists() else {}
    known[part] = found
    figures.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    page.write_text(put(page.read_text(encoding="utf-8"), part, found), encoding="utf-8")
