"""Values in a statement's text: whatever is given is one value to the database, and comes back as it was."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.ledger.postgresql.literals import filled, literal, readable


def read(text: str) -> str:
    """Read a literal as PostgreSQL's scanner does: quotes doubled, and backslashes only after E."""
    text = text.strip()
    escaping = text.startswith("E")
    inner = text.removeprefix("E")
    assert (inner[0], inner[-1]) == ("'", "'")
    found, at = "", 1
    while at < len(inner) - 1:
        sign = inner[at]
        if sign == "'" or (escaping and sign == "\\"):
            assert at + 1 < len(inner) - 1, "it ends early"
            assert inner[at + 1] == sign
            at += 1
        found += sign
        at += 1
    assert escaping or "\\" not in found, "it would depend on standard_conforming_strings"
    return found


TEXTS = st.text(st.sampled_from("a'\\\0\ue000\ue001\ue002%üE\n\"$;-")) | st.text(
    st.characters(exclude_categories=["Cs"])
)


@given(TEXTS)
def test_a_text_is_one_text_to_the_database_and_comes_back_as_it_was(text):
    kept = read(literal(text))
    assert "\0" not in kept
    assert readable((kept, 1, None)) == (text, 1, None)


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_written_whole_and_never_begins_a_comment(number):
    text = literal(number)
    assert type(number)(text) == number
    assert not text.startswith("-")


def test_what_else_there_is():
    assert (literal(None), literal(True), literal(False)) == ("NULL", "true", "false")  # noqa: FBT003
    assert literal(math.inf) == "'inf'::float8"
    with pytest.raises(TypeError, match="keeps no list"):
        literal([1])


@given(TEXTS, TEXTS)
def test_values_are_put_in_once_whatever_they_hold(one, other):
    by_place = filled("a %s, 'not %%', %s", (one, other))
    by_name = filled("a %(x)s, 'not %%', %(y)s", {"x": one, "y": other})
    assert by_place == by_name == f"a {literal(one)}, 'not %', {literal(other)}"
