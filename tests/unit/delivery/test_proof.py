from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ordersheet.core.history.normal import normalise_append
from ordersheet.delivery.verdict.proof import (
    Proof,
    judge_append,
    judge_overwrite,
    stands_as_line,
    stands_as_sent,
)

WORDS = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), min_size=1, max_size=12
).filter(lambda text: any(char.isalnum() for char in normalise_append(text)))
SEPARATORS = st.sampled_from(["", "\n", "\r\n", " ", " | ", "<br>", "<br />\n", "; ", "\n--\n"])


@pytest.mark.parametrize(
    ("baseline", "now", "proof"),
    [
        ("", "late", Proof.CONFIRMED),
        ("", "", Proof.ABSENT),
        ("call me", "call me\nlate", Proof.CONFIRMED),
        ("call me", "call melate", Proof.CONFIRMED),
        ("call me", "late\ncall me", Proof.CONFIRMED),
        ("call me", "call me<br/>late", Proof.CONFIRMED),
        ("call me", "call me\n<p class='x'>late</p>", Proof.CONFIRMED),
        ("call me", "call me\nlate\nlate", Proof.TWICE),
        ("call me", "call me\nlatelate", Proof.TWICE),
        ("late", "late\nlate", Proof.CONFIRMED),
        ("late", "late", Proof.ABSENT),
        ("call me", "call me  ", Proof.ABSENT),
        ("call\r\nme", "call\nme", Proof.ABSENT),
        ("call me", "call me\nlate\nAnna was here", Proof.UNCLEAR),
        ("call me", "call me\n2026-03-02 late", Proof.UNCLEAR),
        ("call me", "call me\nAnna was here", Proof.UNCLEAR),
        ("call me", "call me\nlat", Proof.UNCLEAR),
        ("call me", "late", Proof.UNCLEAR),
        ("call me", "", Proof.UNCLEAR),
        ("call me", "call me\n--", Proof.UNCLEAR),
        (None, "late", Proof.UNCLEAR),
        ("call me", None, Proof.UNCLEAR),
    ],
)
def test_an_append_is_proven_only_by_the_whole_field(baseline, now, proof):
    assert judge_append(baseline, now, "late") is proof


def test_a_text_without_letters_tolerates_no_other_sign():
    assert judge_append("", "!", "!") is Proof.CONFIRMED
    assert judge_append("a", "a\n!", "!") is Proof.CONFIRMED
    assert judge_append("a", "a - !", "!") is Proof.UNCLEAR
    assert judge_append("a", "a\n!!", "!") is Proof.TWICE


def test_markup_of_two_pieces_is_not_joined_to_one():
    assert judge_append("", "<b late r>", "late") is Proof.UNCLEAR


def test_what_this_ledger_appended_since_is_taken_out_first():
    assert judge_append("a", "a\nlate\nmore", "late", others=["more"]) is Proof.CONFIRMED
    assert judge_append("a", "a\nmore", "late", others=["more"]) is Proof.ABSENT
    assert judge_append("a", "a\nlate", "late", others=["more"]) is Proof.UNCLEAR
    assert judge_append("a", "a\nlate\nmore\nlate", "late", others=["more"]) is Proof.TWICE


@given(baseline=st.text(max_size=30), text=WORDS, separator=SEPARATORS, before=st.booleans())
def test_our_text_added_once_is_seen_whatever_separates_it(baseline, text, separator, before):
    now = text + separator + baseline if before else baseline + separator + text
    # A baseline that NFC joins to what follows, or that is nothing but our text, can be read in two ways.
    assume(
        normalise_append(now).count(normalise_append(text))
        == normalise_append(baseline).count(normalise_append(text)) + 1
    )
    assume(normalise_append(baseline) in normalise_append(now))
    assert judge_append(baseline, now, text) in (Proof.CONFIRMED, Proof.UNCLEAR)
    if baseline.isascii() and text.isascii():
        assert judge_append(baseline, now, text) is Proof.CONFIRMED


@given(baseline=st.text(max_size=30), text=WORDS, other=WORDS)
def test_somebody_elses_text_never_counts_as_ours_or_as_absence(baseline, text, other):
    assume(normalise_append(text) not in normalise_append(f"{baseline}\n{other}"))
    assert judge_append(baseline, f"{baseline}\n{other}", text) is Proof.UNCLEAR


@given(field=st.text(max_size=30), text=WORDS)
def test_an_unchanged_field_proves_absence_even_where_it_held_the_text_before(field, text):
    assert judge_append(field, field, text) is Proof.ABSENT


@pytest.mark.parametrize(
    ("baseline", "now", "proof"),
    [
        ("old", "new", Proof.CONFIRMED),
        ("old", "new ", Proof.CONFIRMED),
        ("old", "old", Proof.ABSENT),
        ("old", "other", Proof.UNCLEAR),
        ("new", "new", Proof.UNCLEAR),
        (None, "new", Proof.UNCLEAR),
        ("old", None, Proof.UNCLEAR),
    ],
)
def test_an_overwrite_is_proven_by_what_the_field_holds(baseline, now, proof):
    assert judge_overwrite(baseline, now, "new") is proof


@pytest.mark.parametrize(
    ("held", "stands"),
    [
        ("late", True),
        ("call me\nlate\nAnna", True),
        ("call me\r\n  late ", True),
        ("call me<br>late<br/>", True),
        ("<p>late</p>", True),
        ("too late", False),
        ("later", False),
        ("", False),
        (None, False),
    ],
)
def test_a_text_stands_there_only_as_a_whole_line(held, stands):
    assert stands_as_line("late", held) is stands


@pytest.mark.parametrize(
    ("text", "held", "stands"),
    [
        ("<b>paid</b>", "paid", False),
        ("<b>paid</b>", "<p><b>paid</b></p>", True),
        ("<b>paid</b>", "called\n<b>paid</b>", True),
        ("paid", "<p>paid</p>", True),
        ("paid", "<b>paid</b>", True),
        ("paid", "unpaid", False),
        ("paid", None, False),
    ],
)
def test_a_text_s_own_markup_is_a_part_of_it(text, held, stands):
    assert stands_as_sent(text, held) is stands


def test_a_text_of_two_lines_stands_there_as_two_lines():
    assert stands_as_line("one\ntwo", "zero\none\ntwo\nthree")
    assert not stands_as_line("one\ntwo", "one\nother\ntwo")
    assert not stands_as_line(" \n", "one\n\ntwo")
