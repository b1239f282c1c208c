"""What follows from an error stands on its class."""

from __future__ import annotations

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.core import errors
from ordersheet.core.errors import (
    Interrupted,
    LedgerError,
    OrdersheetError,
    RunStopped,
    exit_code_of,
    signal_of,
)
from ordersheet.core.model import StoppedBy

KINDS = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, OrdersheetError)
]


def made(kind: type[OrdersheetError]) -> OrdersheetError:
    if issubclass(kind, Interrupted):
        return kind("why", signal=signal.SIGTERM)
    if issubclass(kind, RunStopped):
        return kind("why", stopped_by=StoppedBy.KEY_REFUSED)
    return kind("why")


@pytest.mark.parametrize("kind", KINDS)
def test_2_means_that_nothing_was_sent_and_every_other_code_that_running_again_goes_on(kind):
    error = made(kind)
    assert (error.exit_code == 2) == error.nothing_sent == (not error.retry)
    assert isinstance(error.stopped_by, StoppedBy)
    assert error.exit_code in (2, 3, 143)


def test_the_code_of_a_stopped_run_is_its_word():
    stopped = RunStopped("why", stopped_by=StoppedBy.FORBIDDEN)
    assert (stopped.code, stopped.exit_code, stopped.stopped_by) == ("forbidden", 3, StoppedBy.FORBIDDEN)


def test_an_interruption_before_anything_was_sent_says_so():
    early = Interrupted("why", signal=2, nothing_sent=True)
    assert (early.exit_code, early.nothing_sent, early.stopped_by) == (130, True, StoppedBy.INTERRUPTED)


def test_a_ledger_that_fails_later_is_what_stopped_the_run():
    assert LedgerError("why").stopped_by is StoppedBy.LEDGER


@given(st.integers(1, 64))
def test_an_exit_code_tells_its_signal(number):
    assert signal_of(exit_code_of(number)) == number


@pytest.mark.parametrize("code", [0, 1, 2, 3])
def test_other_exit_codes_tell_of_none(code):
    assert signal_of(code) is None
