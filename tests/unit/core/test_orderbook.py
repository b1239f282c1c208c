"""The book of one order: it goes on from what it decided, and must come to what a fresh look would give."""

from collections.abc import Callable
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordersheet.core.history.orderbook import Ask, Entry, OperationRef, OrderBook, Policy, decide
from ordersheet.core.model import Operation, OperationKind, Outcome
from ordersheet.core.operation_state import IN_HISTORY, OperationState


def ask_of(row: int, letter: str, field: str = "comment") -> Ask:
    kind = OperationKind.REPLACE if letter[0].isupper() else OperationKind.APPEND
    return Ask(row, Operation(field, kind, letter), letter)


def entry_of(
    ask: Ask, state: OperationState = OperationState.APPLIED, run: str = "now", batch: str | None = None
) -> Entry:
    ref = OperationRef(run, ask.row, ask.operation.field)
    return Entry(ref, ask.operation.kind, ask.key, state, ask.occurrence, batch)


def outcomes(book: OrderBook, row: int) -> list[Outcome | None]:
    return [decision.outcome for decision in book.plan(row)]


def test_a_row_is_planned_in_its_own_order_over_several_fields():
    asks = [ask_of(2, "b", "internalComment"), ask_of(2, "a"), ask_of(3, "a")]
    book = OrderBook(7, asks, [entry_of(ask_of(9, "a"), run="old")], Policy())
    assert (book.order, book.rows, book.row_asks(2)) == (7, (2, 3), tuple(asks[:2]))
    assert outcomes(book, 2) == [None, Outcome.ALREADY_APPLIED]
    assert outcomes(book, 3) == [Outcome.DUPLICATE]


def test_a_lone_row_without_history_is_sent():
    asks = [ask_of(2, "a"), ask_of(2, "X", "internalComment")]
    book = OrderBook(7, asks, (), Policy())
    assert outcomes(book, 2) == [None, None]
    book.record(entry_of(asks[0]))
    assert outcomes(book, 2) == [Outcome.ALREADY_APPLIED, None]


def test_an_order_of_which_nothing_is_asked_has_a_book_too():
    book = OrderBook(7, (), [entry_of(ask_of(2, "a"), OperationState.IN_DOUBT, "old")], Policy())
    assert book.rows == ()
    book.record(entry_of(ask_of(2, "a"), run="old"))
    assert [entry.state for entry in book.history("comment")] == [OperationState.APPLIED]


def test_a_row_of_another_order_is_unknown():
    with pytest.raises(KeyError):
        OrderBook(7, [ask_of(2, "a")], (), Policy()).plan(3)
    with pytest.raises(KeyError):
        OrderBook(7, [ask_of(2, "a")], (), Policy()).row_asks(3)


def test_what_is_proven_absent_is_sent_again():
    ask = ask_of(2, "a")
    book = OrderBook(7, [ask], (), Policy())
    book.record(entry_of(ask, OperationState.IN_DOUBT))
    assert outcomes(book, 2) == [Outcome.UNCONFIRMED]
    book.forget(entry_of(ask).ref)
    assert outcomes(book, 2) == [None]
    assert book.history("comment") == ()


def test_an_overwrite_in_doubt_is_sent_again_and_the_rows_after_it_wait():
    asks = [ask_of(2, "X"), ask_of(3, "a"), ask_of(4, "b", "internalComment")]
    book = OrderBook(7, asks, [entry_of(ask_of(9, "a"), run="old")], Policy())
    book.record(entry_of(asks[0], OperationState.IN_DOUBT))
    assert outcomes(book, 2) == [None]
    assert [book.waits_for(row) for row in book.rows] == [None, 2, None]
    book.record(entry_of(asks[0]))
    assert outcomes(book, 3) == [None]
    assert book.waits_for(3) is None


def test_a_run_does_not_ask_again_what_it_was_just_refused():
    asks = [ask_of(2, "a"), ask_of(3, "X"), ask_of(4, "a")]
    old = [entry_of(asks[1], OperationState.REFUSED, "old")]
    book = OrderBook(7, asks, old, Policy(retry_no=True))
    book.record(entry_of(asks[0]))
    assert outcomes(book, 3) == [None]
    book.record(entry_of(asks[1], OperationState.REFUSED))
    assert outcomes(book, 3) == [Outcome.REFUSED]
    assert outcomes(book, 4) == [Outcome.DUPLICATE]


STATES = st.sampled_from([OperationState.APPLIED] * 3 + [OperationState.REFUSED, OperationState.IN_DOUBT])
POLICIES = st.builds(
    Policy,
    batch=st.sampled_from([None, None, "m"]),
    retry_no=st.booleans(),
    duplicates=st.sampled_from(["skip", "skip", "send"]),
)


@settings(max_examples=400, deadline=None)
@given(
    letters=st.lists(st.sampled_from("abcdXYZ"), min_size=1, max_size=8),
    before=st.lists(
        st.tuples(st.sampled_from("abcXY"), STATES, st.sampled_from([None, "m", "t"])), max_size=5
    ),
    ends=st.lists(st.tuples(STATES, st.booleans(), st.booleans()), min_size=8, max_size=8),
    policy=POLICIES,
)
def test_the_book_decides_as_a_fresh_look_would(letters, before, ends, policy):
    """Whatever is recorded in whatever order, going on from earlier decisions changes none of them."""
    asks = [ask_of(row, letter) for row, letter in enumerate(letters)]
    old = [
        entry_of(ask_of(row, letter), state, "old", batch)
        for row, (letter, state, batch) in enumerate(before)
    ]
    book = OrderBook(7, asks, old, policy)
    own: set[OperationRef] = set()
    for ask, (state, first_in_doubt, looks_between) in zip(asks, ends, strict=False):
        (decision,) = book.plan(ask.row)
        if decision.outcome is None:
            entry = entry_of(ask, state, batch=policy.batch)
            own.add(entry.ref)
            if first_in_doubt:
                book.record(entry._replace(state=OperationState.IN_DOUBT))
                if looks_between:
                    book.plan(ask.row)
            book.record(entry)
            if looks_between and state is OperationState.IN_DOUBT:
                book.forget(entry.ref)
        fresh = decide(asks, book.history("comment"), policy, own)
        assert tuple(book.plan(other.row)[0] for other in asks) == fresh


@pytest.mark.parametrize(
    "policy", [Policy(), Policy(batch="m"), Policy(duplicates="send"), Policy(retry_no=True)]
)
def test_a_lone_row_is_decided_as_a_fresh_look_would(policy):
    """Its short way, for files that are sent again, comes to what the long way gives."""
    fields = ("comment", "internalComment")
    for letters, state, batch, occurrences in product(
        product("aX", "abX"), IN_HISTORY, (None, "m", "t"), product((1, 2), repeat=2)
    ):
        asks = [ask_of(2, letters[0], field)._replace(occurrence=occurrences[0]) for field in fields]
        old = [
            entry_of(ask_of(9, letters[1], field), state, "old", batch)._replace(occurrence=occurrences[1])
            for field in fields
        ]
        for history in (old, old[:1], [*old, old[0]._replace(ref=OperationRef("older", 3, "comment"))]):
            planned = OrderBook(7, asks, history, policy).plan(2)
            fresh = [
                decide([ask], [entry for entry in history if entry.ref.field == ask.operation.field], policy)
                for ask in asks
            ]
            assert list(planned) == [decision for (decision,) in fresh]


def files(letters: str, longest: int, shortest: int = 0) -> list[tuple[str, ...]]:
    return [file for length in range(shortest, longest + 1) for file in product(letters, repeat=length)]


@pytest.mark.parametrize("batches", [(None, None), ("m", "m"), ("m", "t")])
def test_the_book_decides_as_a_fresh_look_would_in_every_small_case(batches):
    policy = Policy(batch=batches[0])
    states = (OperationState.APPLIED, OperationState.REFUSED)
    for before, letters in product(files("abX", 2), files("abX", 4, 2)):
        old = [
            entry_of(ask_of(row, letter), run="old", batch=batches[row]) for row, letter in enumerate(before)
        ]
        asks = [ask_of(row, letter) for row, letter in enumerate(letters)]
        for refused_at in (-1, 0, 1):
            book = OrderBook(7, asks, old, policy)
            for ask in asks:
                if book.plan(ask.row)[0].outcome is None:
                    book.record(entry_of(ask, states[ask.row == refused_at], batch=policy.batch))
                    now = tuple(book.plan(other.row)[0] for other in asks)
                    assert now == decide(asks, book.history("comment"), policy)


def test_what_another_batch_sent_is_not_taken_for_this_one():
    ask = ask_of(2, "a")
    book = OrderBook(7, [ask, ask_of(3, "b")], (), Policy(batch="m"))
    assert outcomes(book, 2) == [None]
    book.record(entry_of(ask, batch="t"))
    assert outcomes(book, 2) == [None]


def test_another_occurrence_is_not_taken_for_the_one_asked_for():
    ask = ask_of(2, "a")._replace(occurrence=2)
    book = OrderBook(7, [ask, ask_of(3, "b")], (), Policy(again=True))
    assert outcomes(book, 2) == [None]
    book.record(entry_of(ask)._replace(occurrence=1))
    assert outcomes(book, 2) == [None]


class CountedKey(str):
    """A key that counts how often it is looked at."""

    __slots__ = ()
    looks = 0

    def __hash__(self) -> int:
        CountedKey.looks += 1
        return super().__hash__()

    def __eq__(self, other: object) -> bool:
        CountedKey.looks += 1
        return super().__eq__(other)


def looks_per_row(
    rows: int, key_of: Callable[[int], str], state_of: Callable[[int], OperationState]
) -> float:
    asks = [ask_of(row, key_of(row)) for row in range(rows)]
    asks = [ask._replace(key=CountedKey(ask.key)) for ask in asks]
    book = OrderBook(7, asks, (), Policy())
    CountedKey.looks = 0
    for ask in asks:
        if book.plan(ask.row)[0].outcome is None:
            book.record(entry_of(ask, OperationState.IN_DOUBT))
            book.record(entry_of(ask, state_of(ask.row)))
    return CountedKey.looks / rows


def always(state: OperationState) -> Callable[[int], OperationState]:
    return lambda _: state


@pytest.mark.parametrize(
    ("key_of", "state_of"),
    [
        ("t{0}".format, always(OperationState.APPLIED)),
        ("t{0}".format, always(OperationState.REFUSED)),
        ("t{0}".format, lambda row: OperationState.REFUSED if row % 3 else OperationState.APPLIED),
        ("T{0}".format, always(OperationState.REFUSED)),
        (lambda row: f"T{row % 2}", always(OperationState.APPLIED)),
        (lambda row: ("T" if row % 7 else "t") + str(row % 5), always(OperationState.APPLIED)),
    ],
)
def test_the_work_for_a_row_does_not_grow_with_the_rows_of_its_order(key_of, state_of):
    assert looks_per_row(1000, key_of, state_of) < 1.2 * looks_per_row(200, key_of, state_of)
