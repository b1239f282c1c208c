"""Simpler wordings of the rules by which doubts are settled, each with a world in which a status is false.

    python -m tests.support.simpler_rules NAME

prints what is false in that world. The wording itself is a copy of the package with one place written anew;
whoever asks lets Python find that copy first.
"""

from __future__ import annotations

import random
import sys
from typing import NamedTuple

from tests.support.views import View
from tests.support.world_judge import Finding, judged
from tests.support.worlds import (
    DENSE,
    LOST,
    NO_FAULT,
    SWALLOWED,
    Ask,
    AskedRow,
    Fault,
    Lists,
    SecondKey,
    Start,
    World,
)

WAITS = 5
"""So many draws of the random part of the waits between attempts: one hides what another shows."""
LONG = "p" * 200
CALLED = AskedRow(1, (Ask("internalComment", "append", "called"),))
CALLED_AND_MORE = AskedRow(1, (*CALLED.asks, Ask("ref", "set", "A")))
SHORT = AskedRow(2, (Ask("internalComment", "append", "shown"),))
CLEARED = (Ask("comment", "clear", ""),)
CYRILLIC = AskedRow(
    1, (Ask("internalComment", "append", "\N{CYRILLIC SMALL LETTER DE}\N{CYRILLIC SMALL LETTER A}"),)
)
DONE_SLOWLY = Fault("carried out slowly", late=20.0)
ARRIVES_LATE = Fault("applied late, answer lost", answer="lost", late=60.0)
APPLIED_IN_PART = Fault("no, comments applied", "comments", "no")

HALF = 6
"""Of so many orders lists show what was written; what is written to the others meets a fault."""
HARD = "\N{CYRILLIC SMALL LETTER DE}\N{CYRILLIC SMALL LETTER A}"
WRITTEN = tuple(
    Ask("internalComment", "append", HARD if order > HALF and order % 2 else f"call {order}")
    for order in DENSE
)
BEFORE = ("old", "one\ntwo\nthree", "x" * 60)


def _standing(standing: str, order: int, text: str) -> str:
    if order <= HALF:
        return BEFORE[0] * (order % 2)
    return standing.format(before=BEFORE[order % len(BEFORE)], text=text)


def listed(lists: Lists, fault: Fault, standing: str) -> World:
    """Make a world of orders that lists show; what is written after the first ones meets a fault."""
    rows = tuple(AskedRow(order, (ask,)) for order, ask in zip(DENSE, WRITTEN, strict=True))
    held = tuple((_standing(standing, row.order, row.asks[0].text), "") for row in rows)
    return World(rows, held=held, held_since=-1.0, faults=(NO_FAULT,) * HALF + (fault,) * 3, lists=lists)


class SimplerRule(NamedTuple):
    """One rule worded more simply."""

    path: str
    """Below the package."""
    old: str
    """Stands there exactly once."""
    new: str
    world: World
    """Where it makes a status false."""


RULES = {
    "settle counts from the moment of giving up": SimplerRule(
        "delivery/read_back.py",
        "self._silent_since = None if heard else now.seconds",
        "self._silent_since = None",
        World((CALLED,), learned="honest growth", faults=(DONE_SLOWLY,), freezes=((1, 125.0),)),
    ),
    "settle counts from the taking over": SimplerRule(
        "delivery/read_back.py",
        "                self._silent_since = now.seconds\n",
        "                pass\n",
        World(
            (CALLED,),
            learned="honest growth",
            faults=(DONE_SLOWLY,),
            freezes=((1, 200.0),),
            starts=(Start(0.0, killed=10.0), Start(80.0), Start()),
        ),
    ),
    "what nobody timed is long ago": SimplerRule(
        "delivery/read_back.py",
        """                self._silent_since = now.seconds
            left = max(0.0, self._run.options.settle - (doubt.heard_ago or 0.0))
""",
        """                pass
            left = 0.0 if doubt.heard_ago is None else self._run.options.settle - doubt.heard_ago
""",
        World(
            (CALLED,),
            learned="honest growth",
            faults=(ARRIVES_LATE,),
            starts=(Start(0.0, killed=20.0), Start(5.0)),
            started_anew=frozenset({1}),
        ),
    ),
    "an absence needs no text that was seen to show": SimplerRule(
        "delivery/run_facts.py",
        "return None if trust.proves(needed) else messages.NO_CONTROL",
        "return None",
        World((CALLED,), View(("first 200 characters",)), "honest growth", ((LONG, ""),), (LOST,)),
    ),
    "a short text that shows stands for a long one": SimplerRule(
        "delivery/verdict/trust.py",
        "            grown.size.covers(needed.size)\n            and ",
        "            ",
        World(
            (SHORT, CALLED),
            View(("first 200 characters",)),
            held=((LONG, ""),),
            faults=(NO_FAULT, LOST),
        ),
    ),
    "a text in plain letters stands for any other": SimplerRule(
        "delivery/verdict/trust.py",
        "            and grown.hardness >= needed.hardness\n",
        "",
        World((SHORT, CYRILLIC), View(("only ASCII",)), faults=(NO_FAULT, LOST)),
    ),
    "a no applies nothing": SimplerRule(
        "delivery/order.py",
        "        several = len(self._sending) > 1 and any(part.in_comment for part in self._sending)\n",
        "        several = False\n",
        World((CALLED_AND_MORE,), learned="honest growth", faults=(APPLIED_IN_PART,)),
    ),
    "one reading of a refused row is enough": SimplerRule(
        "delivery/refusal.py",
        "if self._sightings >= SIGHTINGS and age >= after:",
        "if age >= 0:",
        World(
            (SHORT, AskedRow(1, CLEARED), CALLED_AND_MORE),
            View(moment="one of three replicas", seconds=200.0),
            faults=(NO_FAULT, NO_FAULT, APPLIED_IN_PART),
        ),
    ),
    "a refused row is read before another text would have shown": SimplerRule(
        "delivery/refusal.py",
        "after = run.trust[part.field].shows_after",
        "after = 0.0",
        World(
            (SHORT, AskedRow(2, CLEARED), AskedRow(2, CALLED_AND_MORE.asks), AskedRow(3, SHORT.asks)),
            View(moment="lagging", seconds=4.0),
            held=(("", ""), ("", ""), (f"{LONG}\n{LONG}", "")),
            faults=(NO_FAULT, NO_FAULT, NO_FAULT, APPLIED_IN_PART),
            get_faults=("ok", "ok", *("lost",) * 6),
        ),
    ),
    "a text that shows at all shows wherever it is added": SimplerRule(
        "delivery/refusal.py",
        "return None if trust.shows_beyond(baseline) else why",
        "return None",
        World(
            (SHORT, CALLED_AND_MORE),
            View(("first 60 characters",)),
            held=((LONG, ""),),
            faults=(NO_FAULT, APPLIED_IN_PART),
        ),
    ),
    "what shows in one field would show in another": SimplerRule(
        "delivery/refusal.py",
        "if self.proofs[part.field] is Proof.ABSENT]",
        "if set(self.proofs.values()) == {Proof.ABSENT}]",
        World(
            (AskedRow(1, (*CALLED.asks, Ask("comment", "append", "paid"))),),
            View(apart=("comment", "lagging", 2.0)),
            faults=(APPLIED_IN_PART,),
            starts=(Start(0.0), Start(retry_no=True)),
        ),
    ),
    "an order that is not seen any more holds nothing": SimplerRule(
        "delivery/refusal.py",
        "judged = [] if self._missing and not shown else",
        "judged = [] if not shown else",
        World(
            (CALLED_AND_MORE,),
            faults=(APPLIED_IN_PART,),
            starts=(Start(0.0), Start(retry_no=True)),
            second=SecondKey(0, 0.1, hidden=frozenset({1})),
        ),
    ),
    "a key that does not see an order sees that it lacks a text": SimplerRule(
        "delivery/reconcile.py",
        "    return view.comments.get(field) if view is not None and view.found else None\n",
        '    return (view.comments.get(field) if view.found else "") if view is not None else None\n',
        World(
            (SHORT, CALLED),
            faults=(NO_FAULT, LOST),
            learned="honest growth",
            second=SecondKey(0, 0.07, hidden=frozenset({1})),
        ),
    ),
    "a page that shows what was written shows the whole of everything": SimplerRule(
        "delivery/verdict/page_trust.py",
        " and of.covers(held)",
        "",
        listed(Lists(View(("first 60 characters",))), SWALLOWED, "{before}\n{text}"),
    ),
    "a page that shows what was written shows every letter": SimplerRule(
        "delivery/verdict/page_trust.py",
        "hardness_of(text) <= of.hardness and ",
        "",
        listed(Lists(View(("only ASCII",))), SWALLOWED, "{text}"),
    ),
    "a no is believed where nothing speaks against it": SimplerRule(
        "delivery/refusal.py",
        "            return control, why\n",
        "            return control, None\n",
        World((CALLED_AND_MORE,), View(("nothing",)), faults=(APPLIED_IN_PART,)),
    ),
}


def found(name: str) -> list[Finding]:
    """Let the world of a rule happen several times, each with waits of its own, and judge each."""
    findings = []
    for seed in range(WAITS):
        random.seed(seed)
        findings += judged(RULES[name].world)
    return findings


def main() -> None:
    for finding in found(sys.argv[1]):
        print(finding.kind, finding.words)  # noqa: T201 - a script


if __name__ == "__main__":
    main()
