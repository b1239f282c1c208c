"""The clock that nobody can turn."""

from __future__ import annotations

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from ordersheet.core.uptime import Uptime, boot, elapsed, seconds_since, uptime

BOOTS = st.sampled_from([None, "one", "another"])
UPTIMES = st.builds(Uptime, BOOTS, st.floats(0, 1e9))


@given(then=st.none() | UPTIMES, now=UPTIMES)
def test_it_tells_how_long_ago_something_was_only_within_one_start_of_the_machine(then, now):
    ago = seconds_since(then, now)
    if then is None or then.boot is None or now.boot is None or then.boot != now.boot:
        assert ago is None
    else:
        assert ago == max(0.0, now.seconds - then.seconds)


def test_it_goes_on_and_a_process_that_comes_later_reads_the_same_clock():
    before = uptime()
    words = "from ordersheet.core.uptime import uptime; now = uptime(); print(now.boot); print(now.seconds)"
    said = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    name, seconds = said.stdout.splitlines()
    assert (name, before.boot) == (str(boot()), boot())
    assert before.seconds < float(seconds) < elapsed()
