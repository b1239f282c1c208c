"""Every small world of a few views, faults and lives: none makes a status false, and every run ends.

A life is what becomes of the runs and the clocks: killed and sent again, with the time of day turned or the
machine started anew in between, a server or a client that stands still, an interrupt.
"""

from __future__ import annotations

from itertools import islice, product
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.simpler_rules import APPLIED_IN_PART, CALLED, CALLED_AND_MORE, LONG, SHORT
from tests.support.views import HONEST, View
from tests.support.world_judge import judged
from tests.support.worlds import LOST, SWALLOWED, Ask, AskedRow, Fault, Start, World

if TYPE_CHECKING:
    from collections.abc import Iterator

SECOND = AskedRow(1, (Ask("internalComment", "append", "second"),))
VIEWS = (
    HONEST,
    View(("first 60 characters",)),
    View(("only ASCII",)),
    View(moment="two replicas", seconds=200.0),
    View(moment="cached", seconds=200.0),
    View(moment="lagging", seconds=100.0),
    View(apart=("comment", "lagging", 2.0)),
    View(apart=("internalComment", "two replicas", 200.0)),
    View(fields="internalComment not shown"),
)
FAULTS = (
    LOST,
    SWALLOWED,
    Fault("500, not applied", "none", "500"),
    Fault("applied late, answer lost", answer="lost", late=60.0),
    Fault("applied late, 500", answer="500", late=60.0),
    Fault("403", "none", "403"),
    Fault("no", "none", "no"),
    APPLIED_IN_PART,
    Fault("part applied, answer lost", "comments", "lost"),
)
BOTH = AskedRow(1, (*CALLED.asks, Ask("comment", "append", "paid")))
SHEETS = ((CALLED,), (SHORT, CALLED), (CALLED_AND_MORE, SECOND), (BOTH, SECOND))
KILLED_AND_AGAIN = (Start(0.0, killed=20.0), Start(5.0), Start())
LIVES: tuple[dict[str, Any], ...] = (
    {"starts": (Start(0.0), Start(retry_no=True))},
    {"starts": KILLED_AND_AGAIN},
    {"starts": KILLED_AND_AGAIN, "turned": ((22.0, 3600.0),)},
    {"starts": KILLED_AND_AGAIN, "turned": ((22.0, -86_400.0),)},
    {"starts": KILLED_AND_AGAIN, "started_anew": frozenset({1})},
    {"starts": (Start(0.0), Start()), "freezes": ((1, 125.0),)},
    {"starts": (Start(0.0, still=(3, 100.0)), Start(-1.0), Start())},
    {"starts": (Start(0.0, pressed=60.0), Start(0.0), Start())},
)
IN_SHORT = 53
"""Every so many of them, which divides none of the numbers above."""


def small_worlds() -> Iterator[World]:
    for view, fault, sheet, life, learned in product(
        VIEWS, FAULTS, SHEETS, LIVES, ("nothing", "growth in this view")
    ):
        yield World(sheet, view, learned, ((LONG[:30], ""),), (fault,), **life)


@pytest.mark.parametrize("step", [IN_SHORT, pytest.param(1, marks=pytest.mark.torture)], ids=["short", "all"])
def test_no_small_world_makes_a_status_false(step):
    for world in islice(small_worlds(), 0, None, step):
        assert judged(world) == [], world
