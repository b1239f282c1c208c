"""Worlds at random, by seed: which of them break the promise, and the smallest of each kind.

    python -m tests.torture.worlds --seconds 60 --seed 1

Each world is some runs of one small sheet in virtual time: a view of the orders, faults, kills, people, two
runs at once (tests/support/worlds.py). What is found is told by kind and view, with the shortest world of
each and its seed; `--show SEED` tells one world from its beginning to its end.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

from tests.support.world_judge import judge
from tests.support.world_run import run
from tests.support.worlds import RandomChooser, draw_dense_world, draw_refusing_world, draw_world

if TYPE_CHECKING:
    from tests.support.worlds import World


def world_of(seed: int) -> World:
    """Draw the world of a seed: of each kind in turn."""
    kinds = draw_world, draw_dense_world, draw_refusing_world
    return kinds[seed % len(kinds)](RandomChooser(seed))


def campaign(
    seeds: range, seconds: float
) -> tuple[Counter[tuple[str, str]], dict[tuple[str, str], int], int]:
    """Let the worlds of these seeds happen, for so long.

    Returns:
        How often each kind was found in which view, the seed of the shortest world of each, and how many
        worlds there were.
    """
    until = time.monotonic() + seconds
    found: Counter[tuple[str, str]] = Counter()
    shortest: dict[tuple[str, str], int] = {}
    done = 0
    for seed in seeds:
        world = world_of(seed)
        for kind in {one.kind for one in judge(run(world))}:
            what = kind, world.view.name
            found[what] += 1
            kept = shortest.get(what)
            if kept is None or len(repr(world)) < len(repr(world_of(kept))):
                shortest[what] = seed
        done += 1
        if time.monotonic() >= until:
            break
    return found, shortest, done


def tell(world: World) -> str:
    """Tell a world: what happened at the shop, what each run reported, and what is false in it."""
    told = run(world)
    lines = [f"{name}: {value}" for name, value in vars(world).items()]
    lines += [
        f"  {did.at:9.3f} {did.who or 'a person'}: {did.order} {did.kind} {did.field} {did.text!r}"
        for did in told.shop.log
    ]
    for report in told.reports:
        stopped = "killed" if report.end is None else report.end.stopped_by or "to its end"
        lines.append(f"{report.who} at {report.at:.3f}, {stopped}")
        lines += [
            f"  row {one.row}, order {one.order}: {one.outcome}. {one.message}"
            for one in sorted(report.results.values(), key=lambda result: result.row)
        ]
    lines += [f"FALSE {one.kind}: {one.words}" for one in judge(told)]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--worlds", type=int, default=1_000_000)
    parser.add_argument("--show", type=int)
    asked = parser.parse_args()
    if asked.show is not None:
        print(tell(world_of(asked.show)))  # noqa: T201 - a script
        return
    found, shortest, done = campaign(range(asked.seed, asked.seed + asked.worlds), asked.seconds)
    print(f"{done} worlds; {found.total()} findings")  # noqa: T201 - a script
    for what, number in found.most_common():
        print(f"{number:5} {what[0]}: {what[1]} (seed {shortest[what]})")  # noqa: T201 - a script
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
