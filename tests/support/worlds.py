"""Worlds in which a rule could lie: a view of the orders, faults, what was learned before, kills, people.

A world is drawn by a `Chooser`: Hypothesis and a seeded random generator draw the very same worlds.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from hypothesis import strategies as st
from tests.support.views import CHANGES, CUTS, FIELDS, HONEST, MOMENTS, NEVER_FRESH, Held, View

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

SETTLE, TIMEOUT, ATTEMPTS = 90.0, 30.0, 3
WITHIN = 60.0
"""Seconds: what arrives late arrives within settle after it was given up."""


class Chooser(Protocol):
    """Draws one of several."""

    def one(self, options: Sequence[T]) -> T:
        """Draw one; the first is the simplest."""


class RandomChooser:
    """Draws at random, from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def one(self, options: Sequence[T]) -> T:
        return self._random.choice(options)


class HypothesisChooser:
    """Draws as Hypothesis says, so that a counterexample is made small."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def one(self, options: Sequence[T]) -> T:
        return self._draw(st.sampled_from(options))


class Fault(NamedTuple):
    """What becomes of one PUT."""

    name: str = "none"
    applies: str = "all"
    """`all`, `none`, or `comments` and `internalComment`: of several parts only those."""
    answer: str = "ok"
    """`ok`, `no`, `lost`, `no connection`, `other order`, `no object`, or a status."""
    late: float = 0.0
    """Seconds after its arrival at which it is applied."""
    again: float | None = None
    """Seconds after which a gateway applies it a second time."""
    headers: tuple[tuple[str, str], ...] = ()


_WAIT = (("retry-after", "2"),)
NO_FAULT = Fault()
LOST = Fault("applied, answer lost", answer="lost")
SWALLOWED = Fault("never arrived", "none", "lost")
FAULTS = (
    LOST,
    SWALLOWED,
    Fault("applied and 500", answer="500"),
    Fault("500, not applied", "none", "500"),
    Fault("applied late, 500", answer="500", late=WITHIN),
    Fault("applied late, answer lost", answer="lost", late=WITHIN),
    Fault("applied late, 503", answer="503", late=20.0, headers=_WAIT),
    Fault("503, not applied", "none", "503", headers=_WAIT),
    Fault("503, applied", answer="503", headers=_WAIT),
    Fault("429", "none", "429", headers=_WAIT),
    Fault("403", "none", "403"),
    Fault("404", "none", "404"),
    Fault("421", "none", "421"),
    Fault("no", "none", "no"),
    Fault("no, comments applied", "comments", "no"),
    Fault("no, internal comment applied", "internalComment", "no"),
    Fault("part applied, answer lost", "comments", "lost"),
    Fault("doubled by a gateway, ok", again=1.0),
    Fault("doubled by a gateway, lost", answer="lost", again=40.0),
    Fault("doubled by a gateway, 500", answer="500", again=5.0),
    Fault("another order's answer", answer="other order"),
    Fault("another order's answer, not applied", "none", "other order"),
    Fault("not the object", "none", "no object"),
    Fault("no connection", "none", "no connection"),
)
REFUSALS = tuple(fault for fault in FAULTS if fault.answer == "no")
GET_FAULTS = ("ok", "lost", "502", "429", "404", "not the object", "too large", "403")


class Ask(NamedTuple):
    """One operation of a row."""

    field: str
    """`internalComment`, `comment`, or `ref` for the attribute."""
    kind: str
    """`append`, `replace`, `clear` or `set`."""
    text: str


class AskedRow(NamedTuple):
    """One row of a sheet."""

    order: int
    asks: tuple[Ask, ...]


class Start(NamedTuple):
    """One run of the sheet."""

    after: float = 200.0
    """Seconds after the run before it ended; negative: beside it, so long after it began."""
    killed: float | None = None
    """Seconds after which it is killed."""
    killed_at_write: int | None = None
    """Before which of its commits it is killed."""
    pressed: float | None = None
    """Seconds after which it is told to end."""
    still: tuple[int, float] | None = None
    """At which of its calls of the ledger it stands still, and for how many seconds, as after Ctrl-Z."""
    backwards: bool = False
    """Its file has the orders the other way round."""
    retry_no: bool = False
    """Whether it asks again for what was refused before."""


class Deed(NamedTuple):
    """What a person does to an order."""

    at: float
    order: int
    field: str
    what: str
    """One of DEEDS."""


DEEDS = (
    "adds a line",
    "adds a line above",
    "writes it anew",
    "adds the same text",
    "takes the last line out",
)
DISTURBING = frozenset({"adds the same text", "takes the last line out"})
"""Those that the promise names as its limits."""


class Lists(NamedTuple):
    """How the shop's lists show its orders, where a single reading may show them in another way."""

    view: View = HONEST
    manner: str = "rising"
    """One of MANNERS."""
    most: int = 250
    leaves_out: int = 0
    """Each so manieth order is in no list; 0 for none."""
    twice: bool = False


class SecondKey(NamedTuple):
    """Another user's key that is in use from some moment on, or another shop that answers from then on."""

    run: int = 1
    """From which of the world's runs on."""
    after: float | None = None
    """So many seconds after that run began; None where it begins with the other key."""
    view: View = HONEST
    """How comments are shown to it."""
    hidden: frozenset[int] = frozenset()
    """Orders that no reading shows it."""
    forbidden: frozenset[int] = frozenset()
    """Orders that it may not update: 403."""
    unknown: frozenset[int] = frozenset()
    """Orders that are not there for it: none shows them, and each update is refused."""
    reading: str = "ok"
    """How each reading is answered: one of SECOND_READINGS."""
    elsewhere: bool = False
    """Whether it is another shop, with orders of its own."""
    held: tuple[tuple[str, str], ...] = ()
    """What the other shop's orders 1, 2, … hold."""


SECOND_READINGS = ("ok", "403", "404")
MANNERS = (
    "rising",
    "falling",
    "shuffled",
    "by another date",
    "without dates",
    "empty",
    "texts of the next one",
    "every second one old",
    "turned away",
    "moved by an update",
)


@dataclass(frozen=True)
class World:
    """Everything that happens to one sheet."""

    rows: tuple[AskedRow, ...]
    view: View = HONEST
    learned: str = "nothing"
    """What an earlier file saw at this store: `nothing`, `honest growth`, or `growth in this view`."""
    held: tuple[tuple[str, str], ...] = ()
    """What the orders 1, 2, … held before: internalComment and comment."""
    faults: tuple[Fault, ...] = ()
    """Of the PUTs, one after the other; then there are none."""
    get_faults: tuple[str, ...] = ()
    freezes: tuple[tuple[int, float], ...] = ()
    """As which PUT arrives the server stands still, for how many seconds; then it carries out what came."""
    deeds: tuple[Deed, ...] = ()
    starts: tuple[Start, ...] = (Start(0.0),)
    turned: tuple[tuple[float, float], ...] = ()
    """When this machine's time of day is turned, and by how many seconds it is ahead from then on."""
    started_anew: frozenset[int] = frozenset()
    """Before which of the runs this machine is started anew."""
    hidden: frozenset[int] = frozenset()
    """Orders that no reading shows."""
    unknown: frozenset[int] = frozenset()
    """Orders that the shop does not have: none shows them, and each update is refused."""
    earlier: int = 2
    """Of how many orders an earlier file saw what it `learned`."""
    held_since: float = float("-inf")
    """Since when they hold that: before, they held nothing."""
    lists: Lists | None = None
    """None where orders have no dates, so that no list is ever asked for."""
    guarded: bool = False
    """Whether each row says that its comments must hold what they showed at first."""
    second: SecondKey | None = None
    """Whose key is in use later on; None where it stays the same."""
    last_first: bool = False
    """Whether of two requests that leave together the later one arrives first."""


TEXTS = (
    "called",
    "called.",
    "Called",
    "recalled by Anna",
    "paid",
    "paid \N{GRINNING FACE}",
    "<b>paid</b>",
    "Gro\N{LATIN SMALL LETTER SHARP S}e & Mu\N{COMBINING DIAERESIS}he",
    "two\nlines",
    "lines",
    "a  b",
    "1",
    "12",
    "\N{CHECK MARK}",
    "\N{HORIZONTAL ELLIPSIS}",
    "see the invoice of Monday, " * 10,
    "line\n" * 5 + "end",
)
"""Texts that are parts of each other, or that a view changes."""
HELD = (
    "",
    "old",
    "called the customer",
    "paid",
    "o" * 60,
    "p" * 200,
    "line one\nline two\nline three",
    "\nbelow an empty line",
    "\n".join(f"{day} of March: spoke to the carrier" for day in range(1, 13)),
    "\N{WHITE HEAVY CHECK MARK} packed <i>well</i> & sent",
)
ORDERS = (1, 2, 3)
DENSE = tuple(range(1, 15))
"""Orders of which lists show several at once."""
MOSTLY_ONE = (1, 1, 1, 2, 3)
WANTED = (
    ("internalComment",),
    ("comment",),
    ("internalComment", "ref"),
    ("comment", "ref"),
    ("internalComment", "comment"),
    ("ref",),
)
"""The fields that one row asks for something of."""
SEVERAL = (*WANTED[2:5], WANTED[0])
"""Of most rows more than one."""


def some(choose: Chooser, options: Sequence[T], most: int) -> tuple[T, ...]:
    """Draw up to so many."""
    return tuple(choose.one(options) for _ in range(choose.one(range(most + 1))))


def draw_view(choose: Chooser) -> View:
    """Draw a view: most of them are honest but for one thing."""
    kind = choose.one(("honest", "cut", "changed", "moment", "apart", "fields", "several"))
    several = kind == "several"
    texts: list[str] = []
    view = HONEST
    if several or kind == "changed":
        texts.append(choose.one(tuple(CHANGES)))
    if several or kind == "cut":
        texts.append(choose.one(tuple(CUTS)))
    if several or kind == "moment":
        view = view._replace(
            moment=choose.one(("lagging", "cached", "two replicas", "one of three replicas")),
            seconds=choose.one((200.0, 1.0, 20.0, 100.0, 3600.0, NEVER_FRESH)),
        )
        if view.moment == "cached" and view.seconds > SETTLE:
            view = view._replace(tells=choose.one(((), ("age",), ("date",))))
    if kind == "apart" or (several and choose.one((False, False, True))):
        view = view._replace(
            apart=(
                choose.one(Held._fields),
                choose.one(MOMENTS[1:]),
                choose.one((2.0, 0.3, 20.0, 100.0, 200.0, 3600.0, NEVER_FRESH)),
            )
        )
    elif kind == "honest":
        view = view._replace(tells=choose.one(((), ("date",), ("other time",))))
    if several or kind == "fields":
        view = view._replace(fields=choose.one(FIELDS))
    return view._replace(texts=tuple(texts))


def _draw_row(
    choose: Chooser,
    free: dict[tuple[int, str], list[str]],
    *,
    merged: bool,
    order: int | None = None,
    wanted: tuple[str, ...] = (),
) -> AskedRow:
    order = order or choose.one(MOSTLY_ONE)
    asks = []
    wanted = wanted or choose.one(WANTED)
    for name in wanted:
        if name == "ref":
            asks.append(Ask(name, "set", choose.one(("A", "B"))))
            continue
        texts = free.setdefault((0 if merged else order, name), list(TEXTS))
        kind = choose.one(("append",) * 6 + ("replace", "clear"))
        text = "" if kind == "clear" else choose.one(texts)
        if text:
            texts.remove(text)
        asks.append(Ask(name, kind, text))
    return AskedRow(order, tuple(asks))


def draw_rows(
    choose: Chooser, most: int = 6, *, merged: bool = False, wanted: Sequence[tuple[str, ...]] = WANTED
) -> tuple[AskedRow, ...]:
    """Draw a sheet; no two of its rows ask for the same text of the same field.

    Args:
        choose: draws.
        most: rows.
        merged: orders show each other's lines. Then no two orders get the same text: one that somebody else
            wrote would be taken for ours, which is one of the promise's limits.
        wanted: fields of one row.
    """
    free: dict[tuple[int, str], list[str]] = {}
    rows = range(choose.one(range(1, most + 1)))
    return tuple(_draw_row(choose, free, merged=merged, wanted=choose.one(wanted)) for _ in rows)


def _draw_start(choose: Chooser, *, first: bool) -> Start:
    start = Start(0.0 if first else choose.one((200.0, 0.0, 5.0, 100.0, -0.2, -20.0)))
    match choose.one(("left alone",) * 4 + ("killed", "killed at a write", "pressed", "stands still")):
        case "killed":
            start = start._replace(killed=choose.one((0.02, 0.06, 0.11, 0.3, 1.0, 10.0, 60.0, 95.0)))
        case "killed at a write":
            start = start._replace(killed_at_write=choose.one(range(1, 9)))
        case "stands still":
            start = start._replace(still=(choose.one(range(1, 9)), choose.one((10.0, 100.0, 20_000.0))))
        case "pressed":
            start = start._replace(pressed=choose.one((0.05, 0.5, 20.0, 91.0)))
    if first:
        return start
    return start._replace(backwards=choose.one((False, True)), retry_no=choose.one((False, False, True)))


def draw_world(choose: Chooser) -> World:
    """Draw a world."""
    orders = choose.one(("all",) * 5 + ("hidden", "unknown"))
    starts = [_draw_start(choose, first=True)]
    starts += [_draw_start(choose, first=False) for _ in range(choose.one(range(3)))]
    view = draw_view(choose)
    learned = choose.one(("nothing", "honest growth", "growth in this view"))
    if view.old and learned == "honest growth":
        # That a store which was up to date yesterday is so today, nothing in a reading tells.
        learned = "growth in this view"
    merged = any(name.startswith("another order") for name in view.texts)
    return World(
        rows=draw_rows(choose, merged=merged),
        view=view,
        learned=learned,
        held=tuple((choose.one(HELD), choose.one(HELD)) for _ in ORDERS),
        faults=some(choose, (NO_FAULT, NO_FAULT, *FAULTS), 6),
        get_faults=some(choose, ("ok",) * 6 + GET_FAULTS, 8) if choose.one((False, True)) else (),
        freezes=_draw_freezes(choose),
        deeds=_draw_deeds(choose),
        starts=(*starts, Start()),
        hidden=frozenset({choose.one(ORDERS)}) if orders == "hidden" else frozenset(),
        unknown=frozenset({choose.one(ORDERS)}) if orders == "unknown" else frozenset(),
        turned=_draw_turned(choose) if choose.one((False, False, True)) else (),
        started_anew=frozenset({len(starts)}) if choose.one((False,) * 5 + (True,)) else frozenset(),
        guarded=choose.one((False, False, True)),
        second=_draw_second(choose, view, len(starts)) if choose.one((False,) * 4 + (True,)) else None,
        last_first=choose.one((False, False, True)),
    )


def _draw_second(choose: Chooser, view: View, runs: int) -> SecondKey:
    """Draw another key; what it shows is no older than what was shown before, which nothing could tell."""
    run, after = choose.one(range(runs)), choose.one((None, 0.05, 0.1, 0.3, 20.0, 100.0))
    elsewhere = choose.one((False, False, True))
    if after is None:
        fresh = draw_view(choose)
        view = HONEST if fresh.old else fresh
        held = tuple((choose.one(HELD), choose.one(HELD)) for _ in ORDERS)
    else:
        # Where orders of the same number hold the same, nobody could tell one shop from the other.
        held = tuple((f"theirs {order}", f"theirs {order}") for order in ORDERS)
    hidden, forbidden, unknown = [frozenset(some(choose, ORDERS, 2)) for _ in range(3)]
    reading = choose.one(SECOND_READINGS)
    return SecondKey(run, after, view, hidden, forbidden, unknown, reading, elsewhere, held)


def draw_refusing_world(choose: Chooser) -> World:
    """Draw a world whose shop refuses rows of several parts, some of which it has applied."""
    view = draw_view(choose)
    merged = any(name.startswith("another order") for name in view.texts)
    rows = draw_rows(choose, merged=merged, wanted=SEVERAL)
    world = draw_world(choose)
    faults = some(choose, (NO_FAULT, NO_FAULT, *REFUSALS, LOST), 6)
    moved = view.old and world.learned == "honest growth"
    return replace(
        world,
        rows=rows,
        view=view,
        faults=faults,
        learned="nothing" if moved else world.learned,
        starts=(*world.starts[:-1], Start(retry_no=choose.one((True, False)))),
    )


def draw_dense_world(choose: Chooser) -> World:
    """Draw a world whose sheet names many orders one after the other, of which lists show many at once."""
    world = draw_world(choose)
    lists = Lists(
        view=draw_view(choose) if choose.one((True, False)) else HONEST,
        manner=choose.one(MANNERS[:2] * 3 + MANNERS),
        most=choose.one((250, 250, 7, 4)),
        leaves_out=choose.one((0, 0, 0, 3)),
        twice=choose.one((False, False, True)),
    )
    merged = any(name.startswith("another order") for name in (*world.view.texts, *lists.view.texts))
    free: dict[tuple[int, str], list[str]] = {}
    orders = choose.one((DENSE, DENSE[::-1], (*DENSE[::2], *DENSE[1::2])))
    name = choose.one(("internalComment", "comment"))
    rows = [_draw_row(choose, free, merged=merged, order=order, wanted=(name,)) for order in orders]
    rows += [_draw_row(choose, free, merged=merged) for _ in range(choose.one((0, 0, 3)))]
    # Pages serve after the first answers; then it is to be seen what becomes of those that are lost.
    lost = choose.one(((), (SWALLOWED,), (SWALLOWED,) * 4, (LOST, SWALLOWED)))
    faults = (*(NO_FAULT,) * choose.one((4, 5, 6, 8, 0)), *lost, *world.faults)
    held = tuple(_held_by(choose, order, name, rows) for order in DENSE)
    view = world.view if choose.one((False, False, False, True)) else HONEST
    changed = view.honest and choose.one((False, True))
    return replace(
        world,
        rows=tuple(rows),
        lists=lists,
        faults=faults,
        held=held,
        view=view,
        held_since=-1.0 if changed else float("-inf"),
        freezes=world.freezes if choose.one((False, False, True)) else (),
    )


def _held_by(choose: Chooser, order: int, name: str, rows: list[AskedRow]) -> tuple[str, str]:
    """Draw what an order holds: often the very text that is asked for stands there already."""
    before, text = choose.one(HELD), next(row.asks[0].text for row in rows if row.order == order)
    held = choose.one((before, "", text, f"{before}\n{text}" if before else text))
    return (held, choose.one(HELD)) if name == "internalComment" else (choose.one(HELD), held)


def _draw_freezes(choose: Chooser) -> tuple[tuple[int, float], ...]:
    if choose.one((False, False, False, True)):
        return ((choose.one((1, 2, 3)), choose.one((5.0, 40.0, 100.0, 125.0, 300.0))),)
    return ()


def _draw_turned(choose: Chooser) -> tuple[tuple[float, float], ...]:
    return tuple(
        (
            choose.one((0.05, 0.3, 20.0, 95.0, 150.0, 1000.0)),
            choose.one((3600.0, -3600.0, 120.0, 86_400.0, -86_400.0)),
        )
        for _ in range(choose.one((1, 2)))
    )


def _draw_deeds(choose: Chooser) -> tuple[Deed, ...]:
    if not choose.one((False, False, False, True)):
        return ()
    return tuple(
        Deed(
            choose.one((0.01, 0.06, 0.2, 30.0, 95.0)),
            choose.one(ORDERS),
            choose.one(("internalComment", "comment")),
            choose.one(DEEDS),
        )
        for _ in range(choose.one((1, 2, 3)))
    )


@st.composite
def dense_worlds(draw: st.DrawFn) -> World:
    """Draw worlds with lists as Hypothesis does."""
    return draw_dense_world(HypothesisChooser(draw))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw worlds as Hypothesis does."""
    return draw_world(HypothesisChooser(draw))


@st.composite
def refusing_worlds(draw: st.DrawFn) -> World:
    """Draw worlds with refusals as Hypothesis does."""
    return draw_refusing_world(HypothesisChooser(draw))
