"""A value that an option cannot take is refused by its name, whatever command it is an option of."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from ordersheet.cli import app


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("sandbox --port high", "--port must be a whole number from 0 to 65535, not 'high'."),
        ("sandbox --port 65536", "--port must be a whole number from 0 to 65535, not '65536'."),
        ("sandbox --latency nan", "--latency must be a number, 0 or more, with a point as decimal sign,"),
        ("sandbox --rate 0", "--rate must be a number above 0, with a point as decimal sign, not '0'."),
        ("sandbox --seed x", "--seed must be a whole number, 0 or more, not 'x'."),
        ("sandbox --separator tab", "--separator must be one of newline, space, nothing, not 'tab'."),
        ("sandbox --market dk", "--market must be one of se, no, not 'dk'."),
        ("sandbox --retry-after soon", "--retry-after must be one of seconds, date,"),
        ("show --order A1", "--order must be a whole number, 1 or more, not 'A1'."),
        ("resolve last --row two applied", "--row must be a whole number, 1 or more, not 'two'."),
        ("purge --older-than soon", "--older-than must be a number of days such as 90d, not 'soon'."),
        ("check calls.csv --limit ten", "limit must be a whole number, 1 or more, not 'ten' (from --limit)."),
    ],
)
def test_it_names_the_option_the_value_and_what_is_allowed(arguments, said):
    ended = CliRunner().invoke(app, arguments.split())
    assert ended.exit_code == 2
    assert ended.stderr.startswith(said)
    assert len(ended.stderr.splitlines()) == 1
