"""What Python is told names keywords, never flags."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.config.options import OPTIONS
from ordersheet.pipeline.keywords import in_keywords


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("Add --again.", "Add again=True."),
        ('for example --sheet "Calls 2".', 'for example sheet="Calls 2".'),
        ("as --hidden skip says.", 'as hidden="skip" says.'),
        ("say which one it is with --mapping.", "say which one it is with mapping=."),
        ("more than --max-no 5% allows", 'more than max_no="5%" allows'),
        ("more than --max-no 20 allows", "more than max_no=20 allows"),
        ("under --no-baseline is", "under baseline=False is"),
        ('with --set internalComment="x"', 'with set={"internalComment": "x"}'),
        ("Look at --- and --nothing-of-ours.", "Look at --- and --nothing-of-ours."),
    ],
)
def test_a_flag_becomes_the_keyword_that_does_the_same(told: str, said: str) -> None:
    assert in_keywords(told) == said


@given(
    option=st.sampled_from(OPTIONS),
    before=st.sampled_from(["", "add ", "("]),
    after=st.sampled_from([".", ", or", ")"]),
)
def test_no_flag_of_ours_is_left(option, before: str, after: str) -> None:
    said = in_keywords(f"{before}{option.flag}{after}")
    assert option.flag not in said
    assert re.search(rf"(^|\W){option.name}=", said)
    assert said.endswith(after)
