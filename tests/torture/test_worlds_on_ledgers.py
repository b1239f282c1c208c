"""Worlds on real ledgers, in a file and in a database: what holds in memory holds there, too."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from tests.support.loops import looping
from tests.support.world_judge import judge
from tests.support.world_ledgers import RealLedger
from tests.support.world_run import run
from tests.support.worlds import LOST, NO_FAULT, Ask, AskedRow, Start, World, dense_worlds, worlds

from ordersheet.core.model import Outcome

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator
    from pathlib import Path

    from ordersheet.core.ledger_url import LedgerUrl

LONG = pytest.mark.torture
ONE_ROW = World(rows=(AskedRow(1, (Ask("internalComment", "append", "called"),)),), learned="honest growth")


@pytest.fixture(params=["file", pytest.param("shared", marks=pytest.mark.needs("postgres"))])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | LedgerUrl:
    if request.param == "file":
        return tmp_path / "home" / "ledger.db"
    url: LedgerUrl = request.getfixturevalue("ledger_url")
    return url


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    with looping() as one:
        yield one


@pytest.mark.parametrize("examples", [10, pytest.param(1500, marks=LONG)], ids=["short", "long"])
def test_no_world_makes_a_status_of_a_real_ledger_false(place, loop, examples):
    limits = settings(
        deadline=None,
        database=None,
        max_examples=examples,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )

    @limits
    @given(world=worlds() if examples < 100 else worlds() | dense_worlds())
    def check(world: World) -> None:
        told = run(world, partial(RealLedger, place, loop))
        assert not judge(told), world

    check()


def test_a_row_whose_answer_was_lost_is_known_to_the_next_run(place, loop):
    world = World(
        ONE_ROW.rows,
        learned="honest growth",
        faults=(LOST, NO_FAULT),
        starts=(Start(0.0, killed=0.07), Start()),
    )
    told = run(world, partial(RealLedger, place, loop))
    assert not judge(told)
    assert told.reports[-1].results[2].outcome.ok
    assert [one.kind for one in told.shop.log if one.order == 1].count("append") == 1


class ForgetfulLedger(RealLedger):
    """Knows nothing of earlier runs."""

    runs = 0

    def store(self) -> str:
        self.runs += 1
        return f"{super().store()}, {self.runs}"


def test_a_ledger_that_forgets_is_found_out(place, loop):
    world = World(ONE_ROW.rows, starts=(Start(), Start()))
    remembers, forgets = (run(world, partial(kind, place, loop)) for kind in (RealLedger, ForgetfulLedger))
    assert remembers.reports[-1].results[2].outcome is Outcome.ALREADY_APPLIED
    assert not judge(remembers)
    assert judge(forgets)
