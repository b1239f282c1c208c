"""The rules of what is already done: every line of the tables in docs/already-done.md, and more."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.support.model_wordings import reworded

from ordersheet.core.history.orderbook import Ask, Decision, Entry, OperationRef, Policy, decide
from ordersheet.core.model import Operation, OperationKind, Outcome
from ordersheet.core.operation_state import OperationState
from ordersheet.delivery.messages import RunName, decided

PAGE = Path(__file__).parents[3] / "docs" / "already-done.md"
STATES = {
    "": OperationState.APPLIED,
    "!": OperationState.REFUSED,
    "?": OperationState.IN_DOUBT,
    "=": OperationState.THERE,
}
NOON = datetime(2026, 11, 23, 14, 5, tzinfo=UTC)


def kind_of(letter: str) -> OperationKind:
    return OperationKind.REPLACE if letter.isupper() else OperationKind.APPEND


def asks_of(letters: str) -> list[Ask]:
    return [
        Ask(row, Operation("comment", kind_of(letter), letter), letter)
        for row, letter in enumerate(letters.split(), start=2)
    ]


def ref_of(row: int) -> OperationRef:
    return OperationRef("old", row, "comment")


def history_of(words: str, batch: str | None = None) -> list[Entry]:
    return [
        Entry(ref_of(row), kind_of(word[0]), word[0], STATES[word[1:]], 1, batch, NOON)
        for row, word in enumerate(words.split(), start=2)
    ]


def shown(decisions: tuple[Decision, ...]) -> str:
    words = {None: "sent", Outcome.DUPLICATE: "same"}
    return ", ".join(words.get(decision.outcome, str(decision.outcome)) for decision in decisions)


def lines_of_the_page() -> list[tuple[str, str, str]]:
    cell = r" *([^|]*?) *\|"
    lines = re.findall(rf"^\|{cell}{cell}{cell}$", PAGE.read_text("utf-8"), re.MULTILINE)
    return [line for line in lines if line[1] not in ("file", "---")]


@pytest.mark.parametrize(("history", "file", "decided"), lines_of_the_page())
def test_the_page_says_what_is_decided(history, file, decided):
    assert shown(decide(asks_of(file), history_of(history), Policy())) == decided


def test_the_page_has_its_tables():
    assert len(lines_of_the_page()) > 35


@pytest.mark.parametrize(
    ("history", "file", "policy", "decided"),
    [
        ("a! b", "a b", Policy(retry_no=True), "sent, already applied"),
        ("X a! b", "X a b", Policy(retry_no=True), "sent, sent, sent"),
        ("", "a a", Policy(duplicates="send"), "sent, sent"),
        ("a", "a a", Policy(duplicates="send"), "already applied, sent"),
        ("a a", "a a", Policy(duplicates="send"), "already applied, already applied"),
        ("a b a", "a a b", Policy(duplicates="send"), "already applied, already applied, already applied"),
        ("", "a a", Policy(duplicates="refuse"), "sent, same"),
        ("a X", "a X", Policy(batch="monday"), "sent, sent"),
    ],
)
def test_options_change_what_counts(history, file, policy, decided):
    assert shown(decide(asks_of(file), history_of(history), policy)) == decided


def test_a_run_remembers_its_own_refusals_under_retry_no():
    history = history_of("a X!")
    own = {entry.ref for entry in history}
    decided = decide(asks_of("a X a"), history, Policy(retry_no=True), own)
    assert shown(decided) == "already applied, refused, same"


def test_what_this_run_sent_for_a_row_stands_for_that_row():
    history = [*history_of("a X"), history_of("a?")[0]._replace(ref=OperationRef("now", 3, "comment"))]
    policy = Policy(duplicates="send")
    decided = decide(asks_of("a a"), history, policy, {history[2].ref})
    assert shown(decided) == "overwritten since, unconfirmed"


def test_a_batch_is_compared_with_its_own_part_but_sees_all_overwrites():
    history = history_of("a b", "monday")
    after = [
        entry._replace(ref=OperationRef("other", entry.ref.row, "comment"))
        for entry in history_of("X", "tuesday")
    ]
    monday = Policy(batch="monday")
    assert shown(decide(asks_of("a b"), history, monday)) == "already applied, already applied"
    assert shown(decide(asks_of("a b"), [*history, *after], monday)) == "overwritten since, overwritten since"
    assert shown(decide(asks_of("a b"), history, Policy(batch="tuesday"))) == "sent, sent"


def test_a_run_without_a_batch_is_compared_with_all_of_the_history():
    assert shown(decide(asks_of("a X"), history_of("a X", "monday"), Policy())) == (
        "already applied, already applied"
    )


def test_an_occurrence_above_one_equals_itself_alone():
    ask = asks_of("a")[0]
    again = ask._replace(occurrence=2)
    first = history_of("a")
    second = [*first, first[0]._replace(ref=OperationRef("again", 2, "comment"), occurrence=2)]
    policy = Policy(again=True)
    assert shown(decide([again], first, policy)) == "sent"
    assert shown(decide([again], second, policy)) == "already applied"
    assert shown(decide([ask], second, Policy())) == "already applied"


def test_a_decision_names_what_decided_it():
    history = history_of("a X")
    (held,) = decide(asks_of("a"), history, Policy())
    assert (held.entry, held.follower) == (history[0], history[1])
    assert [decision.twin for decision in decide(asks_of("a b a"), (), Policy())] == [None, None, 2]


@pytest.mark.parametrize(
    ("history", "words"),
    [
        ("a", "Done by run old on {noon}; not sent again."),
        ("a!", "Refused on {noon}. Not asked again; --retry-no asks again."),
        (
            "a=",
            """Not sent: “a” already stands in the comment, and no run of this ledger added just this
            text. If it is meant
            once more, send with --again.""",
        ),
        (
            "a?",
            """Sent by run old on {noon}, and whether it was applied is not known. Look at the order; then
            ordersheet resolve old --row 2 applied, or absent.""",
        ),
        (
            "a X",
            """Added by run old on {noon}, and run old replaced the comment on {noon}. Not sent; --again
            adds it again.""",
        ),
        (
            "a X?",
            """Added by run old on {noon}, but then run old asked to replace the comment, and no answer
            came, so the text may be gone. Look at the order; --again adds it again.""",
        ),
        (
            "a= X",
            """The text stood in the order on {noon}, and run old replaced the comment on {noon}. Not sent;
            --again adds it again.""",
        ),
    ],
)
def test_a_clerk_reads_why_nothing_was_sent(history, words):
    expected = " ".join(words.format(noon="2026-11-23 14:05 UTC").split())
    assert decided(decide(asks_of("a"), history_of(history), Policy())[0], RunName("now")) == expected


def test_a_clerk_reads_the_row_and_the_words_of_the_api():
    entry = history_of("a")[0]._replace(at=None)
    assert decided(decide(asks_of("a"), [entry], Policy())[0], RunName("old")) == (
        "Done by row 2 of this file on an earlier day; not sent again."
    )
    sent_by_workers = entry._replace(whole="whole")
    for run, who in {
        RunName("now"): "run whole",
        RunName("now", "whole"): "an earlier try of this run",
    }.items():
        said = decided(decide(asks_of("a"), [sent_by_workers], Policy())[0], run)
        assert said == f"Done by {who} on an earlier day; not sent again."
    doubtful = sent_by_workers._replace(state=OperationState.IN_DOUBT)
    said = decided(decide(asks_of("a"), [doubtful], Policy())[0], RunName("now"))
    assert "ordersheet resolve whole --row 2" in said
    refused = entry._replace(state=OperationState.REFUSED, message="Order is locked.")
    assert ": Order is locked. Not asked" in decided(
        decide(asks_of("a"), [refused], Policy())[0], RunName("now")
    )


OPERATIONS = st.sampled_from("abcXY")
MARKS = st.sampled_from(["", "", "", "!", "?", "="])
OCCURRENCES = st.sampled_from([1, 1, 2])
ENTRIES = st.tuples(OPERATIONS, MARKS, OCCURRENCES, st.sampled_from([None, "m"]))
WANTED = st.lists(st.tuples(OPERATIONS, OCCURRENCES), min_size=1, max_size=7)
POLICIES = st.builds(
    Policy,
    batch=st.sampled_from([None, None, "m"]),
    retry_no=st.booleans(),
    duplicates=st.sampled_from(["skip", "send"]),
)
LONG = settings(max_examples=60_000, deadline=None, database=None, suppress_health_check=list(HealthCheck))

Wanted: TypeAlias = list[tuple[str, int]]
Drawn: TypeAlias = list[tuple[str, str, int, str | None]]


def wanted_asks(wanted: Wanted) -> list[Ask]:
    return [
        Ask(row, Operation("comment", kind_of(letter), letter), letter, 1 if letter.isupper() else occurrence)
        for row, (letter, occurrence) in enumerate(wanted)
    ]


def drawn_entries(drawn: Drawn) -> list[Entry]:
    return [
        Entry(
            OperationRef("old", row, "comment"),
            kind_of(letter),
            letter,
            STATES[mark],
            occurrence,
            batch,
            NOON,
        )
        for row, (letter, mark, occurrence, batch) in enumerate(drawn)
    ]


def sent_so_far(asks: list[Ask], marks: list[str | None], policy: Policy) -> list[Entry]:
    """Give what a run has sent for these asks, in file order; None where it sent nothing."""
    return [
        Entry(
            OperationRef("now", ask.row, "comment"),
            ask.operation.kind,
            ask.key,
            STATES[mark],
            ask.occurrence,
            policy.batch,
            NOON,
        )
        for ask, mark in zip(asks, marks, strict=False)
        if mark is not None
    ]


def decided_alike_in_a_run(wanted: Wanted, drawn: Drawn, marks: list[str | None], policy: Policy) -> None:
    asks = wanted_asks(wanted)
    own = sent_so_far(asks, marks, policy)
    history, refs = [*drawn_entries(drawn), *own], {entry.ref for entry in own}
    assert decide(asks, history, policy, refs) == reworded("", asks, history, policy, refs)


def decided_alike_whatever_is_own(wanted: Wanted, drawn: Drawn, policy: Policy, own: set[int]) -> None:
    asks, history = wanted_asks(wanted), drawn_entries(drawn)
    refs = {entry.ref for entry in history if entry.ref.row in own}
    assert decide(asks, history, policy, refs) == reworded("", asks, history, policy, refs)


RUNS = given(
    wanted=WANTED,
    drawn=st.lists(ENTRIES, max_size=8),
    marks=st.lists(st.one_of(st.none(), MARKS), max_size=7),
    policy=POLICIES,
)
WHATEVER_IS_OWN = given(
    wanted=WANTED, drawn=st.lists(ENTRIES, max_size=8), policy=POLICIES, own=st.sets(st.integers(0, 8))
)


@RUNS
def test_the_rules_written_once_more_decide_alike_in_a_run(wanted, drawn, marks, policy):
    decided_alike_in_a_run(wanted, drawn, marks, policy)


@WHATEVER_IS_OWN
@example(
    wanted=[("b", 1), ("X", 1)],
    drawn=[("b", "", 1, None), ("a", "", 1, None), ("X", "", 1, None)],
    policy=Policy(duplicates="send"),
    own={0, 1, 2},
)
def test_the_rules_written_once_more_decide_alike(wanted, drawn, policy, own):
    """No run can have sent what its file does not ask for; but the wordings agree on that, too."""
    decided_alike_whatever_is_own(wanted, drawn, policy, own)


@pytest.mark.torture
@LONG
@RUNS
def test_the_rules_written_once_more_decide_alike_in_many_runs(wanted, drawn, marks, policy):
    decided_alike_in_a_run(wanted, drawn, marks, policy)


@pytest.mark.torture
@LONG
@WHATEVER_IS_OWN
def test_the_rules_written_once_more_decide_alike_very_often(wanted, drawn, policy, own):
    decided_alike_whatever_is_own(wanted, drawn, policy, own)


def test_a_like_row_that_was_refused_makes_no_doubt_of_what_the_file_itself_overwrites_next():
    """The X in doubt is followed by the X of this very file, which leaves nothing of any earlier a."""
    policy = Policy(batch="m", duplicates="send")
    asks = asks_of("a a a X")
    own = sent_so_far(asks, ["!", None, "", ""], policy)
    history = [*history_of("a", "m"), history_of("a X?")[1], *own]
    decided = decide(asks, history, policy, {entry.ref for entry in own})
    assert shown(decided) == "refused, already applied, already applied, already applied"
