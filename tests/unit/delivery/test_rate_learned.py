"""What an estimator has learned is written down, and read again as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.delivery.rate.common import CommonEstimator
from ordersheet.delivery.rate.learned import read, write

if TYPE_CHECKING:
    from ordersheet.delivery.rate.estimator import Ticket

EVENTS = st.lists(
    st.tuples(
        st.floats(0, 5),
        st.sampled_from(["sent", "sent", "accepted", "accepted", "pushed back", "failed", "ended"]),
        st.booleans(),
        st.sampled_from([None, 0.3, 1.0, 30.0]),
    ),
    max_size=120,
)


def happen(estimator: CommonEstimator, events, now: float, tickets: list[Ticket]) -> list[object]:
    """Let things happen; give what was decided."""
    decided: list[object] = []
    for after, kind, put, pause in events:
        now += after
        if kind == "sent":
            decided.append(estimator.reserve(now))
            tickets.append(estimator.sent(now, put=put))
        elif tickets:
            ticket = tickets.pop(0)
            if kind == "accepted":
                estimator.accepted(now, ticket)
            elif kind == "pushed back":
                estimator.pushed_back(now, ticket, pause)
            elif kind == "failed":
                estimator.failed(now, ticket)
            else:
                estimator.ended(ticket)
        decided += [estimator.allowed, estimator.gate, estimator.width(), estimator.room()]
    return decided


@given(before=EVENTS, after=EVENTS)
def test_who_reads_what_was_learned_decides_as_who_wrote_it(before, after):
    writer = CommonEstimator()
    tickets: list[Ticket] = []
    happen(writer, before, 0.0, tickets)
    now = sum(event[0] for event in before)
    reader = CommonEstimator.knowing(read(write(writer.learned())))
    assert reader.learned() == writer.learned()
    reader.counts(in_flight=writer.in_flight, fresh=writer.fresh)
    assert happen(reader, after, now, list(tickets)) == happen(writer, after, now, list(tickets))


@pytest.mark.parametrize("text", ["[]", "[1, 2]", "{}", "nothing"])
def test_what_nobody_wrote_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        read(text)
