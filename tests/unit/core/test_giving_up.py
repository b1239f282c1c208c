from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from ordersheet.core.giving_up import FEWEST_TRIES, is_given_up

LONGEST = timedelta(days=1)


@given(st.integers(1, 2 * FEWEST_TRIES), st.floats(0, 4))
def test_something_is_given_up_after_a_day_and_some_tries_and_not_for_want_of_a_worker(tries, days):
    lasted = timedelta(days=days)
    assert is_given_up(tries, lasted, LONGEST) == (lasted >= LONGEST and tries >= FEWEST_TRIES)
    assert not is_given_up(1, lasted, LONGEST)
