"""Small things of the page that need no server."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from ordersheet.config.options.types import row_numbers
from ordersheet.web.private import safe_name
from ordersheet.web.uploads import Choices

ROWS = st.sets(st.integers(1, 300))


@given(ROWS, st.integers(1, 400))
def test_every_row_is_sent_but_those_that_are_unticked(unticked, row):
    told = Choices(unticked=tuple(sorted(unticked))).rows
    assert (told is None) == (not unticked)
    if told is not None:
        assert (row in row_numbers(told)) == (row not in unticked)


@given(ROWS, ROWS, ROWS)
def test_a_page_of_ticks_says_nothing_of_other_pages(before, shown, ticked):
    after = set(Choices(unticked=tuple(before)).with_ticks(shown, ticked).unticked)
    assert after - shown == before - shown
    assert after & shown == shown - ticked


@given(st.text(max_size=300))
def test_a_name_is_one_that_any_disk_takes_and_leads_nowhere(name):
    safe = safe_name(name)
    assert safe
    assert len(safe.encode()) <= 140
    assert not re.search(r'[<>:"|?*\\/\x00-\x1f]', safe)
    assert safe not in (".", "..")
    assert safe_name(safe) == safe
