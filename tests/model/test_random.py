"""Longer histories at random: two fields, all faults, all options, people, against the promise."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.model_promise import check, check_complete
from tests.support.model_world import FAULTS, OK, File, World

from ordersheet.core.history.orderbook import Policy

LETTERS = st.sampled_from("aabcXYZ")
ROWS = st.one_of(
    LETTERS.map(lambda letter: (("comment", letter),)),
    st.sampled_from("PQ").map(lambda letter: (("extraAttributes.hold", letter),)),
    st.tuples(LETTERS, st.sampled_from("PQ")).map(
        lambda pair: (("comment", pair[0]), ("extraAttributes.hold", pair[1]))
    ),
)
FILES = st.lists(ROWS, min_size=1, max_size=6).map(tuple)
POLICIES = st.builds(
    Policy,
    batch=st.sampled_from([None, None, "monday", "tuesday"]),
    again=st.sampled_from([False, False, True]),
    retry_no=st.sampled_from([False, False, True]),
    duplicates=st.sampled_from(["skip", "skip", "send"]),
)
MISHAPS = st.lists(st.sampled_from([OK, OK, *FAULTS]), max_size=6)
RUNS = st.tuples(st.just("run"), st.integers(0, 1), POLICIES, MISHAPS)
PEOPLE = st.sampled_from([("types", "a"), ("types", "hello"), ("removes", "")])


def _live(world: World, files: tuple[File, ...], events: list[Any]) -> None:
    """Let a world see these events; a file is chosen by its number, so that most are sent again."""
    for event in events:
        if event[0] == "run":
            _, number, policy, mishaps = event
            report = world.run(files[number], policy, mishaps)
            check(world, report)
        elif event[0] == "types":
            world.person_types("comment", event[1])
        else:
            world.person_removes("comment")


def _any_history(files: tuple[File, ...], events: list[Any], policy: Policy, reads: bool) -> None:  # noqa: FBT001 - drawn
    world = World(reads=reads)
    _live(world, files, events)
    report = world.run(files[0], policy)
    if reads:
        check_complete(world, report)
    else:
        check(world, report)


HISTORIES = given(
    files=st.tuples(FILES, FILES),
    events=st.lists(RUNS, max_size=5),
    policy=POLICIES,
    reads=st.booleans(),
)
WITH_PEOPLE = given(
    files=st.tuples(FILES, FILES),
    events=st.lists(st.one_of(RUNS, RUNS, PEOPLE), max_size=6),
    policy=POLICIES,
    reads=st.booleans(),
)
SHORT = settings(max_examples=400, deadline=None, derandomize=True, database=None)
LONG = settings(max_examples=30_000, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@SHORT
@HISTORIES
def test_a_history_keeps_the_promise(files, events, policy, reads):
    _any_history(files, events, policy, reads)


@SHORT
@WITH_PEOPLE
def test_a_history_with_people_in_it_keeps_the_weaker_promise(files, events, policy, reads):
    _any_history(files, events, policy, reads)


@pytest.mark.torture
@LONG
@HISTORIES
def test_many_histories_keep_the_promise(files, events, policy, reads):
    _any_history(files, events, policy, reads)


@pytest.mark.torture
@LONG
@WITH_PEOPLE
def test_many_histories_with_people_in_them_keep_the_weaker_promise(files, events, policy, reads):
    _any_history(files, events, policy, reads)
