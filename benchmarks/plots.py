"""The plots of docs/performance.md, drawn from the figures in docs/performance.json.

python -m benchmarks.plots
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

DOCS = Path(__file__).parents[1] / "docs"
OURS, OTHERS = "#1f6f8b", "#b8b8b8"


def bars(scenario: dict[str, Any], title: str, target: Path, ceiling: float | None = None) -> None:
    """Draw one scenario: a bar for each contestant, with the slowest and the fastest round."""
    found = sorted(scenario["contestants"], key=lambda one: float(one["rows_per_second"]))
    names = [f"{one['name']}\n({one['lanes']} lanes)" for one in found]
    speeds = [one["rows_per_second"] for one in found]
    spread = [
        [one["rows_per_second"] - one["slowest"] for one in found],
        [one["fastest"] - one["rows_per_second"] for one in found],
    ]
    figure, axes = plt.subplots(figsize=(8, 0.55 * len(found) + 1.2))
    colours = [OURS if one["ledger"] else OTHERS for one in found]
    axes.barh(names, speeds, xerr=spread, color=colours, ecolor="#444444", capsize=2)
    for at, speed in enumerate(speeds):
        axes.annotate(f"{speed:,.0f}", (0, at), xytext=(4, 0), textcoords="offset points", va="center")
    if ceiling is not None:
        axes.axvline(ceiling, color="#444444", linestyle=":")
    axes.set_xlabel("rows a second, whole command; coloured: with a ledger")
    axes.set_title(title, loc="left")
    axes.tick_params(axis="y", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(target, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def draw(figures: dict[str, Any], folder: Path = DOCS) -> None:
    """Draw every plot."""
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "ordersheet"
    mpl.rcParams["svg.fonttype"] = "none"
    scenarios = figures["throughput"]["scenarios"]
    bars(scenarios["no latency"], "A server that answers at once", folder / "performance-no-latency.svg")
    bars(
        scenarios["50 ms latency"],
        "A server that answers after 50 ms (dotted: the ceiling of 50 lanes)",
        folder / "performance-50-ms.svg",
        ceiling=1000.0,
    )


def main() -> None:
    """Draw from the committed figures."""
    draw(json.loads((DOCS / "performance.json").read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
