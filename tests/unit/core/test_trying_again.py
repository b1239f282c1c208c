from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from ordersheet.core.trying_again import FEWEST_TRIES, pause_after, tried_enough

LONGEST = timedelta(days=1)


@given(st.integers(1, 2 * FEWEST_TRIES), st.floats(0, 4))
def test_something_is_given_up_after_a_day_and_some_tries_and_not_for_want_of_a_worker(tries, days):
    lasted = timedelta(days=days)
    assert tried_enough(tries, lasted, LONGEST) == (lasted >= LONGEST and tries >= FEWEST_TRIES)
    assert not tried_enough(1, lasted, LONGEST)


@given(st.integers(1, 100_000), st.floats(0.1, 100), st.floats(100, 1e5))
def test_a_pause_is_twice_the_one_before_until_it_is_as_long_as_it_may_be(tries, first, longest):
    pause = pause_after(tries, first=first, longest=longest)
    assert first <= pause <= longest
    assert pause_after(tries + 1, first=first, longest=longest) == min(2 * pause, longest)
