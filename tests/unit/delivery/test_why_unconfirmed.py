"""What a row that stays unconfirmed says of the reason: one world for each way to come to it."""

from __future__ import annotations

import pytest
from tests.support.world_judge import judge
from tests.support.world_run import run
from tests.support.worlds import LOST, SWALLOWED, Ask, AskedRow, Deed, Fault, SecondKey, Start, World

from ordersheet.core.model import Outcome

NOTE = (AskedRow(1, (Ask("internalComment", "append", "called"),)),)
MARK = (AskedRow(1, (Ask("ref", "set", "A"),)),)
BOTH = (AskedRow(1, (*NOTE[0].asks, *MARK[0].asks)),)
UNANSWERED = Fault("500", "none", "500")
NEVER_READ = ("ok", *("502",) * 200)
GONE = SecondKey(0, 0.07, hidden=frozenset({1}))
WAYS = {
    "this key may not read": (World(NOTE, faults=(LOST,), get_faults=("403",)), "may not read orders"),
    "each reading fails": (
        World(NOTE, faults=(SWALLOWED,), get_faults=NEVER_READ),
        "could not be read again: the server answered with HTTP status 502.",
    ),
    "the run ends before settle": (
        World(NOTE, faults=(SWALLOWED,), starts=(Start(0.0, pressed=20.0),)),
        "read again, but the run ended before that could show it for sure.",
    ),
    "the run ends, and no reading is answered": (
        World(NOTE, faults=(SWALLOWED,), get_faults=NEVER_READ, starts=(Start(0.0, pressed=20.0),)),
        "could not be read again: ",
    ),
    "what was there before is not known": (
        World(NOTE, faults=(LOST,), hidden=frozenset({1})),
        "What its comment held before was not read",
    ),
    "somebody wrote it anew": (
        World(NOTE, faults=(SWALLOWED,), deeds=(Deed(20.0, 1, "internalComment", "writes it anew"),)),
        "what its comment holds now does not tell",
    ),
    "the order is not shown any more": (
        World(NOTE, faults=(SWALLOWED,), second=GONE),
        "does not show its comment.",
    ),
    "nothing else has shown": (World(NOTE, faults=(SWALLOWED,)), "no other update has shown yet"),
    "an attribute is tried as often as it may be": (
        World(MARK, faults=(UNANSWERED,) * 3),
        "It was sent 3 times.",
    ),
    "the run ends before an attribute is tried again": (
        World(MARK, faults=(UNANSWERED,), starts=(Start(0.0, pressed=0.2),)),
        "The run ended before it was sent again (interrupted).",
    ),
    "a no is read back, and no reading is answered": (
        World(BOTH, faults=(Fault("no", "none", "no"),), get_faults=NEVER_READ),
        "order in wrong market. The order could not be read again",
    ),
    "a no is read back, and the order is not shown any more": (
        World(BOTH, faults=(Fault("no", "none", "no"),), second=GONE),
        "order in wrong market. The order was read again, but the answer does not show its comment.",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_unconfirmed_row_says_why_it_is_not_known(way):
    world, why = WAYS[way]
    told = run(world)
    assert not judge(told)
    (result,) = told.reports[-1].results.values()
    assert result.outcome is Outcome.UNCONFIRMED
    assert why in result.message
