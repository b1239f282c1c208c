"""Everything that docs/performance.md tells, anew: `make bench`.

    python -m benchmarks.all [--short] [--publish] [--out FOLDER]

`--short` only shows that all of it works; its figures mean nothing. `--out` names another folder for the
results. `--publish` puts the figures of the latest run into docs/performance.json, the tables and the plots.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks import few_requests, ledger_share, limited, pace, scale, tables, throughput
from benchmarks.command import RESULTS, ROOT

PARTS = ("throughput", "scale", "pace", "few_requests", "ledger_share", "limited")
FULL = {
    "throughput": ["--install-newman"],
    "scale": ["--large", "1000000"],
    "pace": [],
    "few_requests": [],
    "ledger_share": [],
    "limited": [],
}
SHORT = {
    "throughput": ["--rows", "40", "--rounds", "1", "--only", "no latency"],
    "scale": ["--rows", "200"],
    "pace": [],
    "few_requests": ["--rows=40", "--rate=1000", "--latency=0", "--previewed=100", "--exported=100"],
    "ledger_share": ["--rows", "100", "--rounds", "1"],
    "limited": ["--rows", "300", "--seconds", "2"],
}
MODULES = {
    "throughput": throughput,
    "scale": scale,
    "pace": pace,
    "few_requests": few_requests,
    "ledger_share": ledger_share,
    "limited": limited,
}


def run(sizes: dict[str, list[str]], folder: Path) -> None:
    """Run every part; the results go to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in PARTS:
        print(f"\n{name}\n")
        MODULES[name].main([*sizes[name], "--out", str(folder / f"{name}.json")])


def publish(folder: Path) -> None:
    """Put the figures where the docs are, and draw them."""
    from benchmarks.plots import draw

    found = {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in PARTS}
    text = json.dumps(found, indent=1) + "\n"
    (ROOT / "docs" / "performance.json").write_text(text, encoding="utf-8")
    draw(found)
    tables.write(found, ROOT / "docs" / "performance.md")


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--publish", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    if asked.publish:
        publish(asked.out)
    else:
        run(SHORT if asked.short else FULL, asked.out)


if __name__ == "__main__":
    main()
