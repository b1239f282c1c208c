"""One order's life, told step by step: no event loop, no server, no disk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.delivery import OPTIONS, append, put_attribute, replaced, sheet
from tests.support.memory_journal import key_of

from ordersheet.api import OrderView, PutAnswer
from ordersheet.core.history.orderbook import Ask, Doubt, Entry, OperationRef, OrderBook, Policy
from ordersheet.core.journal import AttemptEnded, Begin, Done, Learned, Release, Settle
from ordersheet.core.model import COMMENT_FIELDS, Outcome
from ordersheet.core.operation_state import MOVES, OperationState, is_legal
from ordersheet.core.stop_switch import StopSwitch
from ordersheet.delivery.actions import (
    Answered,
    Finish,
    Put,
    Read,
    Record,
    TakeTurn,
    TurnCame,
    Wait,
    WasRead,
    WasWritten,
    WriteAhead,
)
from ordersheet.delivery.clock import Moment
from ordersheet.delivery.latest_reading import STOOD_STILL
from ordersheet.delivery.order import OrderMachine
from ordersheet.delivery.progress import ProgressTally
from ordersheet.delivery.run_facts import RunFacts
from ordersheet.delivery.stages import STAGES, Stage
from ordersheet.delivery.verdict.causes import Cause
from ordersheet.delivery.verdict.put import Verdict, VerdictKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ordersheet.core.journal import Event
    from ordersheet.core.model import Operation, RowResult
    from ordersheet.delivery.actions import Action, Told

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class StoppedClock:
    """For what only tells progress."""

    def monotonic(self) -> float:
        return 0.0

    def now(self) -> datetime:
        return START

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


def facts(**options: Any) -> RunFacts:
    tally = ProgressTally(lambda _: None, StoppedClock(), None)
    return RunFacts("R1", OPTIONS, StopSwitch(), tally, on_end=lambda: None, jitter=lambda: 0.0, **options)


class Story:
    """Drives an order, and keeps what it asks for and what it tells the ledger."""

    def __init__(
        self,
        *rows: object,
        run: RunFacts | None = None,
        history: Sequence[Entry] = (),
        doubts: Sequence[Doubt] = (),
    ) -> None:
        self.run = run or facts()
        work = sheet(*rows)[0]
        asks = [Ask(one.row, asked, key_of(asked)) for one in work.updates for asked in one.operations]
        book = OrderBook(work.order, asks, history, Policy(), doubts)
        self.order = OrderMachine(work, book, self.run)
        self.seconds = 0.0
        self.events: list[Event] = []
        self.asked: list[Action] = []

    @property
    def now(self) -> Moment:
        return Moment(self.seconds, START + timedelta(seconds=self.seconds))

    def next(self) -> Action:
        """Take the next action that wants something done; events are kept."""
        while isinstance(action := self.order.next(self.now), Record):
            self.events += action.events
        if isinstance(action, WriteAhead):
            self.events += action.events
        self.asked.append(action)
        return action

    def tell(self, told: Told) -> Action:
        self.order.tell(told, self.now)
        return self.next()

    def until_put(self, held: str | None = "", action: Action | None = None) -> Put:
        """Go on to the next request, with each reading showing this in both comments."""
        action = self.next() if action is None else action
        while not isinstance(action, Put):
            if isinstance(action, Read):
                action = self.tell(WasRead(view(held)))
            elif isinstance(action, TakeTurn):
                action = self.tell(TurnCame(granted=True))
            elif isinstance(action, WriteAhead):
                action = self.tell(WasWritten(durable=True, leaves=True))
            elif isinstance(action, Wait):
                assert action.until < float("inf"), "it waits for another order"
                self.seconds = max(self.seconds, action.until)
                action = self.next()
            else:
                pytest.fail(f"no request, but {action}")
        return action

    def results(self) -> dict[int, RowResult]:
        return {event.result.row: event.result for event in self.events if isinstance(event, Done)}

    def outcomes(self) -> list[Outcome]:
        return [result.outcome for _, result in sorted(self.results().items())]


def view(held: str | None, *, found: bool = True) -> OrderView:
    return OrderView(1, found=found, comments=dict.fromkeys(COMMENT_FIELDS, held) if found else {})


def answered(kind: VerdictKind, status: int | None = 200, code: str = "") -> Answered:
    answer = (
        PutAnswer(ok=kind is VerdictKind.ANSWERED_OK, order=1, message="closed") if status == 200 else None
    )
    return Answered(Verdict(kind, code, "It is so.", status=status, answer=answer))


OK, NO = answered(VerdictKind.ANSWERED_OK), answered(VerdictKind.ANSWERED_NO)
LOST = answered(VerdictKind.UNKNOWN, None)
FAILED = answered(VerdictKind.UNKNOWN, 500)


def test_an_append_is_read_written_ahead_sent_and_told():
    story = Story((1, append("a")), run=facts(reads_back={"internalComment": True}))
    story.until_put("before")
    assert [type(action) for action in story.asked] == [Read, TakeTurn, WriteAhead, Put]
    begin = next(event for event in story.events if isinstance(event, Begin))
    assert begin.baseline == {"internalComment": "before"}
    assert isinstance(story.tell(OK), Finish)
    kinds = [type(event) for event in story.events]
    assert kinds == [Begin, AttemptEnded, Settle, Done, Release]
    assert story.outcomes() == [Outcome.APPLIED]


def test_nothing_leaves_that_is_not_durable():
    story = Story((1, put_attribute(1)))
    assert isinstance(story.next(), TakeTurn)
    assert isinstance(story.tell(TurnCame(granted=True)), WriteAhead)
    story.run.stop = None
    action = story.tell(WasWritten(durable=False, leaves=False))
    assert isinstance(action, TakeTurn)
    assert not any(isinstance(action, Put) for action in story.asked)


def test_a_process_that_stood_still_after_the_write_ahead_takes_the_attempt_back_and_writes_it_anew():
    story = Story((1, put_attribute(1)))
    story.next()
    story.tell(TurnCame(granted=True))
    story.seconds += STOOD_STILL + 0.1
    action = story.tell(WasWritten(durable=True, leaves=True))
    assert isinstance(action, WriteAhead)
    assert [event.verdict for event in story.events if isinstance(event, AttemptEnded)] == ["not sent"]
    assert isinstance(story.tell(WasWritten(durable=True, leaves=True)), Put)
    assert [event.attempt for event in story.events if isinstance(event, Begin)] == [1, 2]


def test_a_baseline_that_lacks_what_was_answered_ok_is_read_again_and_then_done_without():
    story = Story(
        (1, append("called.")), (1, append("called")), run=facts(reads_back={"internalComment": True})
    )
    story.until_put("")
    story.until_put("", story.tell(OK))
    readings = [action for action in story.asked if isinstance(action, Read)]
    assert len(readings) == 1 + 4
    assert [event.baseline for event in story.events if isinstance(event, Begin)] == [
        {"internalComment": ""},
        None,
    ]
    assert [event.reads_back for event in story.events if isinstance(event, Learned)] == [False]
    story.tell(LOST)
    assert story.outcomes() == [Outcome.APPLIED, Outcome.UNCONFIRMED]


def test_absence_is_seen_three_times_after_settle_and_proves_nothing_without_a_control():
    story = Story((1, append("a")))
    story.until_put("")
    assert isinstance(story.tell(FAILED), Read)
    wait = story.tell(WasRead(view("")))
    assert isinstance(wait, Wait)
    assert wait.until == story.seconds + OPTIONS.settle
    looks = 0
    story.seconds = wait.until
    action = story.next()
    while isinstance(action, Read) and action.order is None:
        looks += 1
        action = story.tell(WasRead(view("")))
        if isinstance(action, Wait) and action.until < float("inf"):
            story.seconds = action.until
            action = story.next()
    assert looks == 3
    assert action == Wait(float("inf"))
    story.run.expects_controls = False
    action = story.next()
    while not isinstance(action, Finish):
        if isinstance(action, Wait):
            story.seconds = max(story.seconds, action.until)
            action = story.next()
        else:
            action = story.tell(WasRead(view("")))
    assert story.outcomes() == [Outcome.UNCONFIRMED]
    assert "no other update has shown yet" in story.results()[2].message


def test_settle_counts_from_the_first_answer_that_is_heard_after_the_attempt_was_given_up():
    story = Story((1, append("a")))
    story.until_put("")
    story.tell(LOST)
    story.tell(WasRead(None))
    story.seconds += OPTIONS.settle + 1
    assert isinstance(story.next(), Read)
    story.run.heard(story.seconds)
    wait = story.tell(WasRead(view("")))
    assert wait == Wait(story.seconds + OPTIONS.settle)


@pytest.mark.parametrize("heard_ago", [0.0, 10.0, OPTIONS.settle - 1])
def test_what_another_run_left_in_doubt_is_judged_when_the_rest_of_settle_is_over(heard_ago: float):
    text = append("a")
    story = Story((1, append("b")), doubts=[Doubt(OperationRef("R0", 2, text.field), text, "", heard_ago)])
    action = story.next()
    while isinstance(action, Read):
        action = story.tell(WasRead(view("")))
    assert action == Wait(OPTIONS.settle - heard_ago)
    assert not any(isinstance(event, Settle) for event in story.events)


def test_a_no_to_an_order_that_neither_look_found_is_refused_at_once():
    story = Story((1, [append("a"), put_attribute(1)]))
    assert isinstance(story.next(), Read)
    story.tell(WasRead(view(None, found=False)))
    story.tell(TurnCame(granted=True))
    story.tell(WasWritten(durable=True, leaves=True))
    assert isinstance(story.tell(NO), Read)
    assert isinstance(story.tell(WasRead(view(None, found=False))), Finish)
    assert story.outcomes() == [Outcome.REFUSED]
    assert story.seconds == 0.0


def test_a_lone_403_is_told_when_the_run_settles_it_and_its_claim_is_given_back_with_it():
    story = Story((1, put_attribute(1)))
    story.until_put()
    assert isinstance(story.tell(answered(VerdictKind.NOT_APPLIED, 403, "forbidden")), Finish)
    assert story.order.waits_to_release
    assert not any(isinstance(event, Done | Release) for event in story.events)
    told = story.run.forbidden.settle(refused=True, now=story.now)
    assert [type(event) for event in told] == [Settle, Done, Release]
    assert not story.order.waits_to_release


def test_an_order_that_settles_its_own_403_tells_each_attempt_once():
    story = Story((1, put_attribute(1)), (1, put_attribute(2)))
    story.until_put()
    story.until_put(action=story.tell(answered(VerdictKind.NOT_APPLIED, 403, "forbidden")))
    assert isinstance(story.tell(OK), Finish)
    ended = [(event.row, event.attempt) for event in story.events if isinstance(event, AttemptEnded)]
    assert ended == [(2, 1), (3, 1)]
    assert story.outcomes() == [Outcome.REFUSED, Outcome.APPLIED]
    assert isinstance(story.events[-1], Release)


def test_what_was_thought_absent_and_stands_there_is_confirmed_and_not_sent():
    text = append("a")
    ref, key = OperationRef("R0", 2, text.field), key_of(text)
    tried = Entry(ref, text.kind, key, OperationState.ABSENT, text="a")
    story = Story((1, text))
    book = OrderBook(1, [Ask(2, text, key)], (), Policy(), (), [tried])
    story.order = OrderMachine(sheet((1, text))[0], book, story.run)
    assert isinstance(story.next(), Read)
    assert isinstance(story.tell(WasRead(view("before\na"))), Finish)
    assert story.outcomes() == [Outcome.CONFIRMED]
    assert not any(isinstance(action, Put) for action in story.asked)


# --- the tables


def test_every_stage_is_reached_and_left():
    assert {stage for stage, _ in STAGES} == set(Stage) - {Stage.FINISHED}
    assert {stage for _, stage in STAGES} == set(Stage) - {Stage.NEW}


@given(
    old=st.none() | st.sampled_from(OperationState),
    new=st.sampled_from(OperationState),
    appends=st.booleans(),
)
def test_a_move_is_legal_where_the_table_has_it(old, new, appends):
    if not is_legal(old, new, appends=appends):
        return
    assert old is not None or new in (OperationState.SENDING, OperationState.THERE)
    assert old is None or old is new or (old, new) in MOVES
    assert not (appends and old is OperationState.IN_DOUBT and new is OperationState.SENDING)


TOLD = st.sampled_from(
    [
        OK,
        NO,
        LOST,
        FAILED,
        answered(VerdictKind.NOT_SENT, None, "unsent"),
        answered(VerdictKind.NOT_APPLIED, 429, "too-many"),
        answered(VerdictKind.NOT_APPLIED, 421, "not-now"),
        answered(VerdictKind.NOT_APPLIED, 403, "forbidden"),
    ]
)
OPERATIONS: st.SearchStrategy[list[Operation]] = st.lists(
    st.sampled_from([append("a"), append("b", "comment"), replaced("r", "comment"), put_attribute(1)]),
    min_size=1,
    max_size=3,
    unique_by=lambda operation: operation.field,
)
VIEWS = st.sampled_from(
    [view(""), view("a"), view("a\na"), view("other"), view(None), view(None, found=False), None]
)


@given(rows=st.lists(OPERATIONS, min_size=1, max_size=3), data=st.data())
def test_whatever_it_is_told_an_order_comes_to_its_end_with_a_result_for_each_row(rows, data):
    """Any answers, readings, clocks: bounded steps, one result a row, no append sent in doubt."""
    story = Story(*[(1, row) for row in rows])
    story.run.expects_controls = False
    states: dict[OperationRef, OperationState] = {}
    steps = 0
    action = story.next()
    while not isinstance(action, Finish):
        steps += 1
        assert steps < 2000
        if isinstance(action, Wait):
            story.seconds = max(story.seconds, min(action.until, story.seconds + 1000))
            action = story.next()
        elif isinstance(action, Read):
            seen = data.draw(VIEWS)
            story.run.heard(story.seconds)
            cause = None if seen is not None else Cause("no answer came", "Try later.")
            action = story.tell(WasRead(seen, cause))
        elif isinstance(action, TakeTurn):
            action = story.tell(TurnCame(granted=True))
        elif isinstance(action, WriteAhead):
            story.seconds += data.draw(st.sampled_from([0.0, 0.0, 0.0, 9.0]))
            action = story.tell(WasWritten(durable=True, leaves=True))
        else:
            told = data.draw(TOLD) if steps < 200 else OK
            action = story.tell(told)
    story.events += story.run.forbidden.settle(refused=True, now=story.now)
    for event in story.events:
        if isinstance(event, Begin):
            for ask in event.asks:
                ref = OperationRef("R1", event.row, ask.operation.field)
                appends = not ask.operation.kind.overwrites
                assert is_legal(states.get(ref), OperationState.SENDING, appends=appends)
                states[ref] = OperationState.SENDING
        elif isinstance(event, Settle):
            states[event.ref] = event.state
    assert sorted(story.results()) == [at + 2 for at in range(len(rows))]
    assert OperationState.SENDING not in states.values()
    assert isinstance(story.events[-1], Release)


def test_asking_twice_or_telling_what_was_not_asked_is_a_fault_of_the_lane():
    story = Story((1, put_attribute(1)))
    story.next()
    with pytest.raises(AssertionError, match="asked while in line"):
        story.order.next(story.now)
    with pytest.raises(AssertionError, match="while in line"):
        story.order.tell(OK, story.now)


@given(gaps=st.lists(st.sampled_from([0.01, 0.3, 0.7, 1.0, 40.0]), max_size=40), since=st.floats(0, 60))
def test_the_first_answer_after_a_moment_is_known_to_the_second_and_few_are_kept(gaps, since):
    run, seconds = facts(), list(accumulate(gaps))
    for one in seconds:
        run.heard(one)
    first = next((one for one in seconds if one > since), None)
    told = run.first_heard(since)
    assert (told is None) == (first is None)
    assert told is None or first is None or first <= told < first + 1.0
    assert len(run.heard_at) <= 2 * sum(gaps) + 2
