"""Everything that docs/performance.md tells, anew: `make bench`.

    python -m benchmarks.all [--short] [--publish] [--out FOLDER] [PART ...]

`--short` only shows that all of it works; its figures mean nothing. `--out` names another folder for the
results. `--publish` puts the figures of the latest run into docs/performance.json, the tables and the plots;
a part that was not run anew keeps the figures that it had. PARTs are run alone, where some are named.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks import few_requests, ledger_share, limited, pace, page, scale, tables, throughput
from benchmarks.command import RESULTS, ROOT

PARTS = ("throughput", "scale", "pace", "few_requests", "ledger_share", "limited", "page")
FULL = {
    "throughput": ["--install-newman"],
    "scale": ["--large", "1000000"],
    "pace": [],
    "few_requests": [],
    "ledger_share": [],
    "limited": [],
    "page": [],
}
SHORT = {
    "throughput": ["--rows", "40", "--rounds", "1", "--only", "no latency"],
    "scale": ["--rows", "200"],
    "pace": [],
    "few_requests": ["--rows=40", "--rate=1000", "--latency=0", "--previewed=100", "--exported=100"],
    "ledger_share": ["--rows", "100", "--rounds", "1"],
    "limited": ["--rows", "300", "--seconds", "2"],
    "page": ["--rows", "300", "--csv-rows", "300", "--seconds", "0.5"],
}
MODULES = {
    "throughput": throughput,
    "scale": scale,
    "pace": pace,
    "few_requests": few_requests,
    "ledger_share": ledger_share,
    "limited": limited,
    "page": page,
}


def run(parts: list[str], sizes: dict[str, list[str]], folder: Path) -> None:
    """Run these parts; the results go to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in parts:
        print(f"\n{name}\n")
        MODULES[name].main([*sizes[name], "--out", str(folder / f"{name}.json")])


def publish(folder: Path) -> None:
    """Put the figures where the docs are, and draw them."""
    kept = ROOT / "docs" / "performance.json"
    found = json.loads(kept.read_text(encoding="utf-8"))
    for name in PARTS:
        path = folder / f"{name}.json"
        if path.exists():
            found[name] = json.loads(path.read_text(encoding="utf-8"))
    kept.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if (folder / "throughput.json").exists():
        from benchmarks.plots import draw

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
    parser.add_argument("part", nargs="*", help=f"one of {', '.join(PARTS)}; all where none is named")
    asked = parser.parse_args()
    if asked.publish:
        publish(asked.out)
    else:
        run(asked.part or list(PARTS), SHORT if asked.short else FULL, asked.out)


if __name__ == "__main__":
    main()
