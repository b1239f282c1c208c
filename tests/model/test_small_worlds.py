"""Every small world of a few views, faults and lives: none makes a status false, and every run ends.

A life is what becomes of the runs and the clocks: killed and sent again, with the time of day turned or the
machine started anew in between, a server or a client that stands still, an interrupt.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice, product
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.simpler_rules import APPLIED_IN_PART, CALLED, CALLED_AND_MORE, LONG, SHORT, listed
from tests.support.views import HONEST, NEVER_FRESH, View
from tests.support.world_judge import judged
from tests.support.worlds import (
    LOST,
    MANNERS,
    SWALLOWED,
    Ask,
    AskedRow,
    Fault,
    Lists,
    SecondKey,
    Start,
    World,
)

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
KEYS = (
    SecondKey(hidden=frozenset({1})),
    SecondKey(unknown=frozenset({1})),
    SecondKey(forbidden=frozenset({1})),
    SecondKey(reading="403"),
    SecondKey(reading="404"),
    SecondKey(elsewhere=True, held=(("theirs", "theirs"),) * 2),
    SecondKey(elsewhere=True, unknown=frozenset({1, 2})),
    SecondKey(view=View(("first 60 characters",))),
    SecondKey(view=View(fields="internalComment not shown")),
    SecondKey(elsewhere=True),
)
"""The last three from the beginning of a run on: within one, nothing could tell."""
ALWAYS = 7
"""How many of them may come within a run as well."""
CHANGES_OF_KEYS = tuple(
    key._replace(run=run, after=after)
    for number, key in enumerate(KEYS)
    for run, after in ((1, None), (0, 0.1), (0, 20.0))
    if number < ALWAYS or after is None
)
KEYED_LIVES = ((Start(0.0), Start(retry_no=True)), KILLED_AND_AGAIN)
LISTS = (
    *(Lists(View((name,))) for name in ("first 20 characters", "first 60 characters", "nothing")),
    *(Lists(View((name,))) for name in ("first 1 lines", "last 1 lines", "first 3 lines")),
    *(Lists(View((name,))) for name in ("only ASCII", "escaped", "newest line first")),
    *(
        Lists(View(moment=moment, seconds=seconds))
        for moment in ("lagging", "cached", "two replicas")
        for seconds in (2.0, NEVER_FRESH)
    ),
    Lists(View(apart=("internalComment", "lagging", NEVER_FRESH))),
    *(Lists(manner=manner, most=most) for manner in MANNERS for most in (250, 7)),
    Lists(leaves_out=3, twice=True, most=7),
)
STANDING = ("", "{before}", "{text}", "{before}\n{text}", "{text}\n{before}")
"""What the orders of the second half hold; the others hold something short, or nothing."""
LIST_LIVES = ((Start(0.0), Start()), (Start(0.0, killed=0.5), Start(0.0), Start()))
IN_SHORT = 53
"""Every so many of them, which divides none of the numbers above."""


def small_worlds() -> Iterator[World]:
    for view, fault, sheet, life, learned in product(
        VIEWS, FAULTS, SHEETS, LIVES, ("nothing", "growth in this view")
    ):
        yield World(sheet, view, learned, ((LONG[:30], ""),), (fault,), **life)


def worlds_of_keys() -> Iterator[World]:
    """Give small worlds in which another key is used later on."""
    for second, fault, sheet, starts, learned in product(
        CHANGES_OF_KEYS, FAULTS, SHEETS, KEYED_LIVES, ("nothing", "honest growth")
    ):
        held = ((LONG[:30], ""),)
        yield World(sheet, learned=learned, held=held, faults=(fault, fault), starts=starts, second=second)


def worlds_of_lists() -> Iterator[World]:
    """Give small worlds in which lists show orders in another way than single readings."""
    for lists, fault, standing, starts in product(LISTS, FAULTS, STANDING, LIST_LIVES):
        yield replace(listed(lists, fault, standing), starts=starts)


@pytest.mark.parametrize("kind", [worlds_of_keys, worlds_of_lists])
@pytest.mark.parametrize("step", [IN_SHORT, pytest.param(1, marks=pytest.mark.torture)], ids=["short", "all"])
def test_no_small_world_of_keys_or_lists_makes_a_status_false(kind, step):
    for world in islice(kind(), 0, None, step):
        assert judged(world) == [], world


@pytest.mark.parametrize("step", [IN_SHORT, pytest.param(1, marks=pytest.mark.torture)], ids=["short", "all"])
def test_no_small_world_makes_a_status_false(step):
    for world in islice(small_worlds(), 0, None, step):
        assert judged(world) == [], world
