"""Every small life in which a run is undone, and what plausible simpler wordings of undo break there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.support.model_undo import UndoBrokenError, by_operations, live, lives

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.model_undo import Life

LONGEST = 2


def test_no_small_life_breaks_what_an_undo_promises():
    number = 0
    for life in lives(LONGEST):
        live(life)
        number += 1
    assert number > 5_000


@pytest.mark.torture
def test_no_life_of_three_rows_breaks_it():
    for life in lives(3):
        live(life)


def live_all(way: Callable[[Life], None]) -> None:
    for life in lives(LONGEST):
        way(life)


@pytest.mark.parametrize(
    "wrongly",
    [partial(live, walk=by_operations), partial(live, in_history=True)],
    ids=["walked by operations", "an undo that is an entry of the history"],
)
def test_a_simpler_wording_breaks_it(wrongly):
    with pytest.raises(UndoBrokenError):
        live_all(wrongly)
