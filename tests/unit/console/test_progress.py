"""What a log without a terminal is told of a send."""

from __future__ import annotations

import json

import pytest

from ordersheet.console.progress import sending_progress
from ordersheet.delivery.progress import Progress


@pytest.mark.parametrize("waiting", [None, "server asked to wait until 14:05:10"])
def test_the_last_line_of_a_log_says_how_far_it_came(capsys, waiting):
    steps = [Progress(0, 0, 0, 3), Progress(1, 1, 0, 3, waiting), Progress(2, 1, 1, 3), Progress(3, 2, 1, 3)]
    with sending_progress(progress=True, log_format="json") as tell:
        for step in steps:
            tell(step)
    done = [json.loads(line)["done"] for line in capsys.readouterr().err.splitlines()]
    assert done == ([0, 3] if waiting is None else [0, 1, 2, 3])


def test_what_was_told_is_not_told_twice(capsys):
    with sending_progress(progress=True, log_format="text") as tell:
        tell(Progress(3, 3, 0, 3))
    assert capsys.readouterr().err.count("3 of 3 rows done, 3 ok, 0 no") == 1
