import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.delivery.verdict.get import GetKind, classify_get
from ordersheet.delivery.verdict.put import (
    PUT_TABLE,
    Failure,
    Observation,
    StopReason,
    Verdict,
    VerdictKind,
    classify,
)

NOT_SENT, NOT_APPLIED = VerdictKind.NOT_SENT, VerdictKind.NOT_APPLIED
OK, NO, UNKNOWN = VerdictKind.ANSWERED_OK, VerdictKind.ANSWERED_NO, VerdictKind.UNKNOWN
ORDER = 83651


def answered(status: int, body: object = None, **headers: str) -> Observation:
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Observation(bytes_left=True, status=status, headers=named, body=raw)


def failed(
    failure: Failure | None, *, left: bool, status: int | None = None, body: bytes = b""
) -> Observation:
    return Observation(bytes_left=left, status=status, body=body, failure=failure)


OURS_OK = {"status": "ok", "order": ORDER}
OURS_NO = {"status": "no", "order": ORDER, "msg": "order in wrong market"}
OTHER_OK = {"status": "ok", "order": 7}

LINES: list[tuple[str, VerdictKind, list[Observation]]] = [
    ("unsent", NOT_SENT, [failed(failure, left=False) for failure in (*Failure, None)]),
    (
        "contradiction",
        UNKNOWN,
        [
            failed(None, left=False, status=status, body=json.dumps(OURS_NO).encode())
            for status in (200, 401, 403, 429, 500)
        ],
    ),
    (
        "no-answer",
        UNKNOWN,
        [
            *(failed(failure, left=True) for failure in (*Failure, None)),
            *(
                failed(Failure.CLOSED, left=True, status=status, body=json.dumps(OURS_OK).encode())
                for status in (200, 400, 401, 403, 421, 425, 429, 500)
            ),
            failed(Failure.TOO_LARGE, left=True, status=200, body=json.dumps(OURS_OK).encode()),
        ],
    ),
    (
        "other-order",
        UNKNOWN,
        [
            *(answered(status, OTHER_OK) for status in (200, 202, 400, 401, 403, 404, 421, 429, 500, 503)),
            answered(200, {"status": "no", "order": "7"}),
            answered(200, {"status": "ok", "order": -ORDER}),
        ],
    ),
    (
        "ok",
        OK,
        [
            answered(200, OURS_OK),
            answered(200, {"status": "ok", "order": str(ORDER)}),
            answered(200, f"<r><order>{ORDER}</order><status>ok</status></r>".encode()),
        ],
    ),
    ("no", NO, [answered(200, OURS_NO), answered(200, {"status": "no", "order": str(ORDER)})]),
    (
        "undocumented",
        UNKNOWN,
        [
            answered(200),
            answered(200, b"<html>login</html>"),
            answered(200, {"status": "OK", "order": ORDER}),
            answered(200, {"status": "ok", "order": True}),
            answered(200, {"status": "ok", "order": float(ORDER)}),
            answered(200, {"status": "ok"}),
            answered(200, {"status": "no", "msg": "no order named"}),
            answered(200, {"order": ORDER}),
            answered(200, [OURS_OK]),
            answered(200, b"[" * 200_000),
        ],
    ),
    (
        "denied-ok",
        UNKNOWN,
        [answered(status, OURS_OK) for status in (201, 400, 401, 403, 404, 429, 500, 302)],
    ),
    ("key-refused", NOT_APPLIED, [answered(401), answered(401, OURS_NO)]),
    ("forbidden", NOT_APPLIED, [answered(403), answered(403, OURS_NO), answered(403, b"<html>")]),
    ("too-many", NOT_APPLIED, [answered(429), answered(429, OURS_NO, retry_after="5")]),
    ("not-now", NOT_APPLIED, [answered(421), answered(425)]),
    ("final", NO, [answered(status) for status in (400, 404, 405, 413, 415, 422)] + [answered(404, OURS_NO)]),
    ("redirect", UNKNOWN, [answered(status) for status in (300, 301, 302, 303, 304, 307, 308, 399)]),
    ("server-error", UNKNOWN, [answered(status) for status in (500, 502, 503, 504, 520, 524, 599)]),
    (
        "other-status",
        UNKNOWN,
        [
            answered(status)
            for status in (100, 201, 202, 204, 206, 402, 406, 407, 408, 409, 410, 418, 451, 600, 999)
        ],
    ),
]


@pytest.mark.parametrize(("code", "kind", "seen"), [(c, k, s) for c, k, all_ in LINES for s in all_])
def test_each_line_of_the_table(code, kind, seen):
    verdict = classify(seen, order=ORDER)
    assert (verdict.code, verdict.kind) == (code, kind)


def test_every_line_of_the_table_is_reached_and_none_is_told_twice():
    assert [line.code for line in PUT_TABLE if line.code not in {code for code, _, _ in LINES}] == []
    assert len({line.code for line in PUT_TABLE}) == len(PUT_TABLE) == len(LINES)
    for line in PUT_TABLE:
        assert line.meaning.endswith(".")
        assert line.seen


def test_an_answer_that_is_final_or_a_pause_keeps_its_connection_and_nothing_else_does():
    kept = {line.code for line in PUT_TABLE if not line.drop}
    assert kept == {"ok", "no", "key-refused", "forbidden", "too-many", "final"}


def test_no_unknown_keeps_its_connection():
    assert all(line.drop for line in PUT_TABLE if line.kind is UNKNOWN)


@pytest.mark.parametrize(
    ("seen", "stop"),
    [
        (answered(401), StopReason.KEY_REFUSED),
        (answered(401, OTHER_OK), StopReason.KEY_REFUSED),
        (failed(Failure.CLOSED, left=True, status=401), StopReason.KEY_REFUSED),
        (answered(307), StopReason.REDIRECT),
        (failed(Failure.TOO_LARGE, left=True, status=302), StopReason.REDIRECT),
        (answered(403), None),
        (answered(429), None),
        (answered(500), None),
        (answered(200, OURS_NO), None),
        (failed(Failure.CONNECT, left=False), None),
        (failed(None, left=False, status=401), None),
    ],
)
def test_what_stops_the_run_at_once(seen, stop):
    assert classify(seen, order=ORDER).stop is stop
    get = classify_get(seen, order=ORDER)
    assert get.stop is stop
    assert (get.kind is GetKind.STOP) is (stop is not None)


@pytest.mark.parametrize("status", [429, 503])
def test_a_pushback_brings_its_retry_after_along(status):
    seen = answered(status, retry_after="17", date="Mon, 23 Nov 2026 12:00:00 GMT")
    for verdict in (classify(seen, order=ORDER), classify_get(seen, order=ORDER)):
        assert verdict.pushed_back
        assert (verdict.retry_after, verdict.date) == ("17", "Mon, 23 Nov 2026 12:00:00 GMT")


def test_a_retry_after_elsewhere_is_not_a_pushback():
    for status in (200, 403, 500, 301):
        verdict = classify(answered(status, OURS_OK, retry_after="17"), order=ORDER)
        assert (verdict.pushed_back, verdict.retry_after) == (False, None)


def test_the_api_s_words_come_along():
    assert classify(answered(200, OURS_NO), order=ORDER).message == "order in wrong market"
    assert classify(answered(404, OURS_NO), order=ORDER).message == "order in wrong market"
    assert (
        classify(failed(Failure.TLS, left=False), order=ORDER).message == "no secure connection could be made"
    )
    assert classify(answered(500, b"<html>"), order=ORDER).message == ""


def test_what_proves_nothing_counts_as_an_attempt():
    counted = {kind: Verdict(kind, "x", "x").may_have_arrived for kind in VerdictKind}
    assert counted == {NOT_SENT: False, NOT_APPLIED: False, OK: True, NO: True, UNKNOWN: True}


OBJECTS = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["ok", "no", "OK", "", None, True, 1]),
        "order": st.sampled_from([ORDER, str(ORDER), 7, "7", True, 1.0, None, "x", -1]),
        "msg": st.text() | st.none() | st.dictionaries(st.text(), st.text()),
    },
)
BODIES = OBJECTS.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60)
HEADERS = st.dictionaries(st.sampled_from(["content-type", "retry-after", "date", "location"]), st.text())
OBSERVATIONS = st.builds(
    Observation,
    bytes_left=st.booleans(),
    status=st.none() | st.sampled_from([200, 400, 401, 403, 404, 421, 425, 429, 503]) | st.integers(0, 1000),
    headers=HEADERS,
    body=BODIES,
    failure=st.none() | st.sampled_from(Failure),
)


@given(OBSERVATIONS)
def test_every_observation_has_a_verdict_and_no_mercy_goes_unproven(seen):
    verdict = classify(seen, order=ORDER)
    if verdict.kind is NOT_SENT:
        assert not seen.bytes_left
        assert seen.status is None
    if verdict.kind is NOT_APPLIED:
        assert seen.bytes_left
        assert seen.failure is None
        assert seen.status in (401, 403, 421, 425, 429)
    if verdict.kind in (OK, NO):
        assert seen.bytes_left
        assert seen.failure is None
        assert seen.status in (200, 400, 404, 405, 413, 415, 422)
    if verdict.kind is OK:
        assert seen.status == 200
    if verdict.kind in (OK, NO) and seen.status == 200:
        said = json.loads(seen.body)
        assert said["status"] == verdict.kind.removeprefix("answered ")
        assert said["order"] in (ORDER, str(ORDER))
        assert not isinstance(said["order"], bool)
    if verdict.kind is UNKNOWN:
        assert verdict.drop_connection


@given(OBSERVATIONS)
def test_every_reading_has_a_verdict(seen):
    verdict = classify_get(seen, order=ORDER)
    assert (verdict.view is not None) is (verdict.kind is GetKind.USABLE)
    if verdict.kind is GetKind.USABLE:
        assert seen.failure is None
        assert seen.bytes_left
    if verdict.kind is GetKind.UNREADABLE:
        assert seen.status in (403, 405, 501)


FOUND = {"status": "ok", "orders": [{"orderId": str(ORDER), "internalComment": "a", "otherComment": "b"}]}


@pytest.mark.parametrize(
    ("seen", "kind", "found"),
    [
        (answered(200, FOUND), GetKind.USABLE, True),
        (answered(200, {"status": "ok", "orders": []}), GetKind.USABLE, False),
        (answered(200, {"status": "ok", "orders": [{"orderId": "7"}]}), GetKind.USABLE, False),
        (answered(200, {"status": "no", "msg": "order does not exist"}), GetKind.USABLE, False),
        (answered(404), GetKind.USABLE, False),
        (answered(410), GetKind.USABLE, False),
        (answered(200, b"<html>"), GetKind.RETRY, None),
        (answered(200, OURS_OK), GetKind.RETRY, None),
        (failed(Failure.CLOSED, left=True, status=200, body=json.dumps(FOUND).encode()), GetKind.RETRY, None),
        (failed(Failure.CONNECT, left=False), GetKind.RETRY, None),
        (answered(429), GetKind.RETRY, None),
        (answered(500), GetKind.RETRY, None),
        (answered(400), GetKind.RETRY, None),
        (answered(403), GetKind.UNREADABLE, None),
        (answered(405), GetKind.UNREADABLE, None),
        (answered(501), GetKind.UNREADABLE, None),
        (answered(401), GetKind.STOP, None),
        (answered(302), GetKind.STOP, None),
    ],
)
def test_what_reading_an_order_ends_in(seen, kind, found):
    verdict = classify_get(seen, order=ORDER)
    assert verdict.kind is kind
    assert (None if verdict.view is None else verdict.view.found) is found


@pytest.mark.parametrize(
    ("status", "headers", "slower"),
    [
        (429, {}, True),
        (429, {"retry-after": "3"}, True),
        (503, {"retry-after": "3"}, True),
        (503, {}, False),
        (500, {"retry-after": "3"}, False),
    ],
)
def test_only_a_429_and_a_503_that_names_a_time_ask_for_a_slower_pace(status, headers, slower):
    seen = Observation(bytes_left=True, status=status, headers=headers)
    assert classify(seen, order=ORDER).pushed_back is slower
    assert classify_get(seen, order=ORDER).pushed_back is slower
