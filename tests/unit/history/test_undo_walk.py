"""What an undo may take back: walked by the rule, judged by a world that knows who wrote what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from ordersheet.core.history.entries import OperationRef
from ordersheet.core.history.undo import PastAttempt, WalkEnd, walk_back
from ordersheet.core.model import OperationKind
from ordersheet.core.operation_state import OperationState

K, S = OperationKind, OperationState
FIELD = "internalComment"


class Piece(NamedTuple):
    """A text in the field, and who put it there: a run, or `""` for a person."""

    text: str
    by: str


@dataclass
class Field:
    """One field of a shop: it knows who wrote what, and nothing of baselines or walks."""

    pieces: tuple[Piece, ...] = ()
    attempts: list[PastAttempt] = field(default_factory=list)
    before: dict[OperationRef, str] = field(default_factory=dict)
    """What stood there before an operation was first applied, or, where a person wrote between two of its
    attempts, before the first after that: what the person wrote is to come back."""
    rows: int = 1

    @property
    def text(self) -> str:
        return "\n".join(piece.text for piece in self.pieces)

    def people(self) -> list[str]:
        return [piece.text for piece in self.pieces if not piece.by]

    def write(self, run: str, kind: OperationKind, text: str, fates: tuple[str, ...]) -> None:
        """Send one operation: each fate is an attempt that is lost, is applied unheard, or is answered."""
        self.rows += 1
        ref = OperationRef(run, self.rows, FIELD)
        applied = False
        started = len(self.attempts)
        for fate in fates:
            baseline = self.text
            if fate == "person":
                self.person("typed between two attempts")
                self.before.pop(ref, None)
                continue
            if fate in ("unheard", "ok"):
                self.before.setdefault(ref, self.text)
                mine = (Piece(text, run),) if kind is not K.CLEAR else ()
                self.pieces = (*self.pieces, *mine) if kind is K.APPEND else mine
                applied = True
            self.attempts.append(PastAttempt(ref, kind, text, S.ABSENT, baseline, fate != "unsent"))
            if fate == "ok" or (fate == "unheard" and kind is K.APPEND):
                break
        state = S.APPLIED if applied else S.ABSENT
        self.attempts[started:] = [one._replace(state=state) for one in self.attempts[started:]]

    def person(self, text: str) -> None:
        self.pieces = (*self.pieces, Piece(f"{text} {len(self.attempts)} {len(self.pieces)}", ""))


RUNS = st.sampled_from("AABBC")
FATES = st.lists(st.sampled_from(["ok", "ok", "unheard", "lost", "unsent", "person"]), max_size=4).map(
    lambda fates: (*fates, "ok")
)
WRITES = st.tuples(
    RUNS, st.sampled_from(["append", "append", "replace", "clear"]), st.sampled_from("xyz"), FATES
)
LIVES = st.lists(st.one_of(WRITES, WRITES, WRITES, st.just("person")), max_size=8)


def lived(events: list[Any]) -> Field:
    life = Field()
    for event in events:
        if event == "person":
            life.person("typed")
        else:
            run, kind, letter, fates = event
            text = "" if kind == "clear" else f"Text {letter}"
            life.write(run, K(kind), text, fates)
    return life


@settings(max_examples=400, deadline=None)
@given(LIVES, st.sampled_from("ABC"))
def test_what_is_put_back_is_what_stood_before_the_oldest_operation_taken_back(events, run):
    life = lived(events)
    found = walk_back(life.text, life.attempts, frozenset({run}))
    if found.undone:
        assert found.restore == life.before[found.undone[-1]]
        assert {ref.run for ref in found.undone} == {run}


@settings(max_examples=400, deadline=None)
@given(LIVES, st.sampled_from("ABC"))
def test_no_text_of_a_person_is_lost(events, run):
    life = lived(events)
    found = walk_back(life.text, life.attempts, frozenset({run}))
    if found.restore is not None:
        kept = found.restore.split("\n")
        assert all(text in kept for text in life.people())


@settings(max_examples=300, deadline=None)
@given(LIVES, st.lists(WRITES, min_size=1, max_size=4))
def test_the_latest_run_with_nobody_else_writing_is_taken_back_whole(events, latest):
    life = lived(events)
    before = life.text
    for _, kind, letter, fates in latest:
        alone = tuple(fate for fate in fates if fate != "person")
        life.write("latest", K(kind), "" if kind == "clear" else f"Text {letter}", alone)
    found = walk_back(life.text, life.attempts, frozenset({"latest"}))
    assert found.restore == before
    assert {ref.row for ref in found.undone} == {
        one.ref.row for one in life.attempts if one.ref.run == "latest"
    }


def past(
    text: str | None,
    baseline: str | None,
    kind: OperationKind = K.APPEND,
    *,
    row: int = 2,
    run: str = "A",
    name: str = FIELD,
) -> PastAttempt:
    return PastAttempt(OperationRef(run, row, name), kind, text, S.APPLIED, baseline)


def test_by_operations_instead_of_attempts_the_text_of_a_person_would_come_back_wrong():
    """An overwrite was sent twice: what stood before the first counts, where the second found our text."""
    found = walk_back("T", [past("T", "old", K.REPLACE), past("T", "T", K.REPLACE)], frozenset({"A"}))
    assert found.restore == "old"
    between = walk_back(
        "T", [past("T", "old", K.REPLACE), past("T", "old\nhers", K.REPLACE)], frozenset({"A"})
    )
    assert between.restore == "old\nhers"


def test_anything_but_blanks_and_tags_between_is_somebody_elses():
    attempt = [past("Called", "before")]
    for now in ("before\nCalled", "before<br />Called", "before &nbsp; <b>Called</b>", "Called\n\nbefore"):
        assert walk_back(now, attempt, frozenset({"A"})).restore == "before"
    for now in ("before!!!Called", "before\nCalled.", "before\nCalled\nhers", "Before\nCalled", "before"):
        assert walk_back(now, attempt, frozenset({"A"})).end is WalkEnd.OTHER_TEXT


def test_a_walk_ends_at_what_is_not_to_be_taken_back():
    a, b = past("a", "", row=2), past("b", "a", row=3)
    assert (
        walk_back("a\nb", [a, b._replace(baseline="a", ref=b.ref._replace(run="B"))], frozenset({"A"})).end
        is WalkEnd.OTHER_RUN
    )
    left_out = walk_back("a\nb", [a, b], frozenset({"A"}), lambda row: row == 2)
    assert (left_out.steps, left_out.end) == ((), WalkEnd.LEFT_OUT)
    only_newest = walk_back("a\nb", [a, b], frozenset({"A"}), lambda row: row == 3)
    assert (only_newest.restore, only_newest.end) == ("a", WalkEnd.LEFT_OUT)
    assert walk_back("a", [a._replace(text=None)], frozenset({"A"})).end is WalkEnd.FORGOTTEN
    assert walk_back("a", [a._replace(baseline=None)], frozenset({"A"})).end is WalkEnd.NO_BASELINE
    doubt = a._replace(state=S.IN_DOUBT)
    assert walk_back("a", [doubt], frozenset({"A"})).restore == ""
    assert walk_back("", [doubt], frozenset({"A"})).end is WalkEnd.IN_DOUBT


def test_what_was_never_seen_whole_is_said():
    short = [past("short", "x" * 100, K.REPLACE)]
    assert not walk_back("short", short, frozenset({"A"})).whole
    ours = [past("x" * 50, "y" * 49, row=1, run="B"), past("short", "y" * 49 + "\n" + "x" * 50, K.REPLACE)]
    assert walk_back("short", ours, frozenset({"A"})).whole
    assert walk_back("z" * 100, [past("z" * 100, "x" * 100, K.REPLACE)], frozenset({"A"})).whole


def test_attributes_are_compared_as_a_shop_shows_them():
    name = "extraAttributes.erp_reference"
    one = [past("true", '"0"', K.SET, name=name)]
    assert walk_back('"1"', one, frozenset({"A"})).restore == '"0"'
    assert walk_back('"2"', one, frozenset({"A"})).end is WalkEnd.OTHER_TEXT
    assert walk_back("5", [past('"5"', "", K.SET, name=name)], frozenset({"A"})).restore == ""
