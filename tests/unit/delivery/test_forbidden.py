from __future__ import annotations

from ordersheet.delivery.forbidden import ForbiddenUpdates
from ordersheet.delivery.verdict.put import StopReason


def test_three_403_stop_and_only_a_200_begins_the_count_anew():
    updates = ForbiddenUpdates()
    told = [updates.answered(status) for status in (403, 403, 200, 403, 429, None, 500, 403)]
    assert told == [None] * 8
    assert updates.answered(403) is StopReason.FORBIDDEN
