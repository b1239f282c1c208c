"""Everything that docs/performance.md tells, anew: `make bench`.

    python -m benchmarks.all [--short] [--publish]

`--short` only shows that all of it works, in a minute or two; its figures mean nothing. `--publish` puts the
figures of the latest full run into docs/performance.json and draws the plots.
"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from benchmarks import ledger_share, pace, scale, throughput
from benchmarks.command import RESULTS, ROOT

if TYPE_CHECKING:
    from pathlib import Path

PARTS = ("throughput", "scale", "pace", "ledger_share")
FULL = {
    "throughput": ["--install-newman"],
    "scale": ["--large", "1000000"],
    "pace": [],
    "ledger_share": [],
}
SHORT = {
    "throughput": ["--rows", "40", "--rounds", "1"],
    "scale": ["--rows", "200", "--large", "400", "--small", "200"],
    "pace": [],
    "ledger_share": ["--rows", "100", "--rounds", "1"],
}
MODULES = {"throughput": throughput, "scale": scale, "pace": pace, "ledger_share": ledger_share}


def run(sizes: dict[str, list[str]], folder: Path) -> None:
    """Run every part; the results go to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in PARTS:
        print(f"\n{name}\n")
        MODULES[name].main([*sizes[name], "--out", str(folder / f"{name}.json")])


def publish(folder: Path) -> None:
    """Put the figures where the docs are, and draw them."""
    from benchmarks.plots import draw  # noqa: PLC0415 - matplotlib is there only for this

    found = {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in PARTS}
    text = json.dumps(found, indent=1) + "\n"
    (ROOT / "docs" / "performance.json").write_text(text, encoding="utf-8")
    draw(found)


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--publish", action="store_true")
    asked = parser.parse_args()
    if asked.publish:
        publish(RESULTS)
    else:
        run(SHORT if asked.short else FULL, RESULTS / "short" if asked.short else RESULTS)


if __name__ == "__main__":
    main()
