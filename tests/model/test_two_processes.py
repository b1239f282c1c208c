"""Two processes with one ledger: every interleaving of their steps, with claims as the ledger gives them.

A process walks its rows in file order and claims an order from its first row to its last. What it finds
claimed it puts off to the end, and waits for a claim only while it holds none.
"""

from __future__ import annotations

from itertools import product as combinations
from typing import NamedTuple

import pytest

from ordersheet.core.history.orderbook import Ask, Entry, OperationRef, OrderBook, Policy
from ordersheet.core.model import Operation, OperationKind
from ordersheet.core.operation_state import OperationState

File = tuple[tuple[int, str], ...]
"""Rows of (order, operation)."""


class Process(NamedTuple):
    """Where a process stands."""

    todo: tuple[int, ...]
    """The rows to come, by their place in the file."""
    put_off: frozenset[int] = frozenset()
    """Orders that another process had claimed when they were met."""
    alive: bool = True


class State(NamedTuple):
    """Where everything stands."""

    processes: tuple[Process, ...]
    claims: tuple[tuple[int, int], ...] = ()
    """(order, process)."""
    history: tuple[tuple[int, Entry], ...] = ()
    server: tuple[tuple[int, str], ...] = ()


class DeadlockError(AssertionError):
    """Nobody can go on."""


def _held(state: State, process: int) -> list[int]:
    return [order for order, holder in state.claims if holder == process]


def _step(state: State, number: int, files: tuple[File, ...], *, patient: bool, dies: bool) -> State | None:
    """Let one process take its next step; None where it must wait."""
    process, file = state.processes[number], files[number]
    if not process.todo:
        return None
    row = process.todo[0]
    order = file[row][0]
    holder = dict(state.claims).get(order)
    held = _held(state, number)
    if holder is not None and holder != number:
        if patient or (order in process.put_off and not held):
            return None
        mine = tuple(place for place in process.todo if file[place][0] == order)
        rest = tuple(place for place in process.todo if file[place][0] != order)
        if not rest:
            return None
        later = process._replace(todo=rest + mine, put_off=process.put_off | {order})
        return state._replace(processes=_with(state, number, later))
    claims = dict(state.claims) | {order: number}
    history, server = list(state.history), list(state.server)
    asks = [
        Ask(place, Operation("comment", _kind(letter), letter), letter)
        for place, (its_order, letter) in enumerate(file)
        if its_order == order
    ]
    book = OrderBook(order, asks, [entry for its, entry in history if its == order], Policy())
    (decision,) = book.plan(row)
    todo = process.todo[1:]
    if decision.outcome is None:
        letter = file[row][1]
        server.append((order, letter))
        ref = OperationRef(f"p{number}", row, "comment")
        history.append((order, Entry(ref, _kind(letter), letter, OperationState.APPLIED)))
    if dies:
        claims = {its: holder for its, holder in claims.items() if holder != number}
        later = Process((), process.put_off, alive=False)
    else:
        if all(file[place][0] != order for place in todo):
            del claims[order]
        later = process._replace(todo=todo)
    return State(_with(state, number, later), tuple(sorted(claims.items())), tuple(history), tuple(server))


def _with(state: State, number: int, process: Process) -> tuple[Process, ...]:
    return (*state.processes[:number], process, *state.processes[number + 1 :])


def _kind(letter: str) -> OperationKind:
    return OperationKind.REPLACE if letter.isupper() else OperationKind.APPEND


def explore(files: tuple[File, ...], *, patient: bool = False, dying: bool = False) -> set[State]:
    """Give all states in which everything has ended.

    Args:
        files: one for each process.
        patient: whether a process waits for a claim while it holds others.
        dying: whether the first process may die after any step; its claims are then free.

    Raises:
        DeadlockError: where nobody can go on.
    """
    start = State(tuple(Process(tuple(range(len(file)))) for file in files))
    seen, ahead, ended = {start}, [start], set()
    while ahead:
        state = ahead.pop()
        coming = [
            later
            for number in range(len(files))
            for dies in ((False, True) if dying and number == 0 else (False,))
            if (later := _step(state, number, files, patient=patient, dies=dies)) is not None
        ]
        if not coming:
            if any(process.todo for process in state.processes):
                raise DeadlockError(str(state))
            ended.add(state)
        for later in coming:
            if later not in seen:
                seen.add(later)
                ahead.append(later)
    return ended


CROSSED = (((1, "a"), (2, "a"), (1, "b"), (2, "b")), ((2, "a"), (1, "a"), (2, "b"), (1, "b")))
ROWS = [(order, letter) for order in (1, 2) for letter in "aX"]


def _check(ended: set[State], files: tuple[File, ...]) -> None:
    for state in ended:
        for order in (1, 2):
            applied = "".join(letter for its, letter in state.server if its == order)
            for part in applied.replace("Y", "X").split("X"):
                assert len(set(part)) == len(part), f"an append stands twice: {applied}"
            asked = {letter for file in files for its, letter in file if its == order}
            if all(process.alive for process in state.processes):
                assert set(applied) >= asked


def test_two_processes_on_crossed_files_end_and_send_nothing_twice():
    _check(explore(CROSSED), CROSSED)


def test_to_wait_while_holding_a_claim_can_last_for_ever():
    with pytest.raises(DeadlockError):
        explore(CROSSED, patient=True)


def test_two_processes_on_the_same_file_send_it_once():
    file = ((1, "a"), (2, "X"), (1, "b"), (2, "b"), (1, "X"), (1, "a"))
    for state in explore((file, file)):
        assert sorted(state.server) == sorted(file)


def test_what_a_dead_process_left_is_finished_by_the_other():
    file = ((1, "a"), (2, "a"), (1, "b"), (2, "X"))
    ended = explore((file, file), dying=True)
    assert len(ended) > 1
    for state in ended:
        assert sorted(state.server) == sorted(file)


def test_three_processes_end():
    files = (*CROSSED, ((1, "b"), (2, "a"), (1, "c")))
    _check(explore(files), files)


@pytest.mark.torture
def test_two_processes_on_any_two_files_of_three_rows_end():
    for first, second in combinations(combinations(ROWS, repeat=3), repeat=2):
        files = (first, second)
        _check(explore(files), files)
