"""A chunk that is tried again while others write to its orders: nothing twice, nothing over what is newer.

The worlds are drawn: tries that end in every way, colleagues who send at the same ledger between two
tries, or undo one of them or what they sent themselves, and people in the shop's own back office. The shop
keeps its own record, and an oracle that knows nothing of tries holds it against what the run is told to have
come to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.chunk_world import ENDS, FIELDS, OK, Shop, live
from tests.support.ledgers import FIELD, append, replace

from ordersheet.core.model import Operation, OperationKind, Outcome

if TYPE_CHECKING:
    from pathlib import Path

OPERATIONS = st.sampled_from(
    [
        *(append(text, name) for text in "ab" for name in FIELDS),
        *(replace(text, name) for text in "xy" for name in FIELDS),
        Operation(FIELD, OperationKind.CLEAR, None),
    ]
)
ROWS = st.lists(OPERATIONS, min_size=1, max_size=2, unique_by=lambda one: one.field)
FILES = st.lists(ROWS, min_size=1, max_size=4)
TRIES = st.tuples(st.just("try"), st.lists(st.sampled_from(ENDS), min_size=4, max_size=4))
DESKS = st.tuples(st.just("desk"), FILES)
ALIKE = st.tuples(st.just("alike"), st.integers(1, 4))
"""A desk sends the very same file, and is killed after some rows of it, or not."""
PEOPLE = st.tuples(st.just("person"), OPERATIONS.filter(lambda one: one.kind.overwrites))
UNDO_ENDS = st.sampled_from([end for end in ENDS if end not in {"refused", "dies"}])
UNDOS = st.tuples(st.just("undo"), st.tuples(st.integers(0, 3), st.lists(UNDO_ENDS, min_size=2, max_size=2)))
STEPS = st.lists(st.one_of(TRIES, DESKS, ALIKE, PEOPLE, UNDOS), min_size=1, max_size=6)


def judge(shop: Shop, rows: list[list[Operation]], told: dict[int, Outcome]) -> None:
    """Hold what rows are told to have come to against the shop's record."""
    assert not shop.wrong, shop.wrong
    assert set(told) == set(range(1, len(rows) + 1))
    for row, outcome in told.items():
        own = [one.operation for one in shop.writes if one[:2] == ("run", row)]
        if outcome in {Outcome.APPLIED, Outcome.CONFIRMED}:
            assert own, (row, outcome)
        elif outcome in {Outcome.ALREADY_APPLIED, Outcome.DUPLICATE}:
            assert all(any(one.operation == op for one in shop.writes) for op in rows[row - 1]), (
                row,
                outcome,
            )
        elif outcome not in {Outcome.UNCONFIRMED, Outcome.PARTLY_APPLIED, Outcome.OVERWRITTEN_SINCE}:
            assert not own, (row, outcome)
        assert shop.faults or outcome is not Outcome.UNCONFIRMED, row


CLEAR = Operation(FIELD, OperationKind.CLEAR, None)
NOT = ["applied", "dies", "dies", "dies"]
TAKEN = [("try", ["dies"] * 4), ("alike", 1), ("try", ["applied", "killed after"])]
"""The second try finds the first row done by a colleague, and goes on."""


@settings(max_examples=25)
@given(FILES, STEPS)
@example([[replace("x")], [append("a")]], [("try", NOT), ("desk", [[replace("y")]])])
@example([[replace("x"), append("a", "comment")]], [("try", ["lost"] * 4), ("desk", [[replace("y")]])])
@example([[append("a")], [replace("x")], [append("a")]], [("try", NOT), ("desk", [[CLEAR]])])
@example([[append("a")], [append("b")]], [("try", NOT), ("desk", [[append("b")]])])
@example([[replace("x")], [append("a")]], [("try", ["dies"] * 4), ("desk", [[append("a")]])])
@example([[replace("x")], [replace("y")]], [("try", ["applied", "lost", "dies", "dies"])])
@example([[replace("x")]], [("try", ["lost"] * 4), ("try", ["refused"] * 4)])
@example([[replace("x")]], [("try", ["lost"] * 4), ("undo", (0, ["applied"]))])
@example([[replace("x")]], [("try", ["lost"] * 4), ("undo", (0, ["lost"]))])
@example([[append("a")]], [("try", ["dies"] * 4), ("desk", [[append("a")]]), ("undo", (0, ["lost"]))])
@example([[append("a")], [replace("x")]], TAKEN)
@example([[append("a")], [append("b")]], [*TAKEN, ("undo", (1, ["applied"]))])
def test_nothing_is_sent_again_or_over_what_is_newer_however_often_a_chunk_is_tried(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[Operation]], steps: list[tuple[str, Any]]
) -> None:
    shop, told = live(tmp_path_factory.mktemp("world") / "ledger.db", rows, steps)
    judge(shop, rows, told)


@pytest.mark.torture
@settings(max_examples=2000)
@given(FILES, STEPS)
def test_however_often_a_chunk_is_tried_in_many_worlds(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[Operation]], steps: list[tuple[str, Any]]
) -> None:
    shop, told = live(tmp_path_factory.mktemp("world") / "ledger.db", rows, steps)
    judge(shop, rows, told)


def test_what_an_again_run_has_not_come_to_is_sent_though_a_try_of_it_is_undone(tmp_path: Path) -> None:
    """The rows that the undo took back are not meant any more; those that the try never reached are."""
    rows = [[append("a")], [append("b")]]
    steps = [("desk", rows), ("try", NOT), ("undo", (0, ["applied"]))]
    shop, told = live(tmp_path / "ledger.db", rows, steps, again=True)
    assert [one.operation.value for one in shop.writes if one.who == "run"] == ["a", "b"]
    assert shop.text(FIELD) == "a\nb\nb"
    assert set(told.values()) == {Outcome.APPLIED}
    # And nothing of it is left for whoever sends the same rows next.
    shop, _ = live(tmp_path / "later.db", rows, [*steps, ("try", OK), ("desk", rows)], again=True)
    assert shop.text(FIELD) == "a\nb\nb"


def test_a_row_of_an_earlier_try_is_not_sent_again_over_what_a_colleague_wrote(tmp_path: Path) -> None:
    rows = [[replace("x")], [append("b")]]
    shop, _ = live(tmp_path / "ledger.db", rows, [("try", NOT), ("desk", [[CLEAR]])])
    writes = [(one.who, one.operation.value) for one in shop.writes]
    assert writes == [("run", "x"), ("desk", None), ("run", "b")]


def test_an_overwrite_that_stays_in_doubt_goes_over_nothing_of_a_colleague(tmp_path: Path) -> None:
    steps = [("try", ["lost"] * 4), ("desk", [[replace("y")]])]
    shop, told = live(tmp_path / "ledger.db", [[replace("x")]], steps)
    assert (shop.text(FIELD), told) == ("y", {1: Outcome.UNCONFIRMED})
