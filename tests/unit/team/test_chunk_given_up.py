from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from ordersheet.team.chunk_try import FEWEST_TRIES, GIVE_UP, is_given_up
from ordersheet.team.queue import ChunkTurn


@given(st.integers(1, 2 * FEWEST_TRIES), st.floats(0, 4))
def test_a_chunk_is_given_up_after_a_day_and_some_tries_and_not_for_want_of_a_worker(number, days):
    age = timedelta(days=days)
    assert is_given_up(ChunkTurn("r1", 1, number), age) == (age >= GIVE_UP and number >= FEWEST_TRIES)
    assert not is_given_up(ChunkTurn("r1", 1, 1), age)
