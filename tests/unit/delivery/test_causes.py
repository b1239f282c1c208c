"""Why no usable answer came, in words: each has a cause and what to do."""

from __future__ import annotations

import pytest

from ordersheet.delivery.verdict.causes import cause_of
from ordersheet.delivery.verdict.observation import Failure, Observation

ADDRESS = "https://shop.example/api/1"


def failed(failure: Failure, detail: str = "", *, left: bool = False) -> Observation:
    return Observation(left, failure=failure, detail=detail)


@pytest.mark.parametrize(
    ("seen", "what", "mend"),
    [
        (None, "no answer came", "try again later"),
        (
            failed(Failure.REFUSED),
            "the connection was refused",
            f"Check the address ({ADDRESS}) or try again",
        ),
        (failed(Failure.NAME), "name could not be found", f"Check the address ({ADDRESS}) or try again"),
        (failed(Failure.DEADLINE), "no connection could be made in time", "try again later"),
        (failed(Failure.DEADLINE, left=True), "no answer came in time", "try again later"),
        (failed(Failure.TLS, "SSLCertVerificationError 1"), "does not trust the server's", "--ca-bundle"),
        (failed(Failure.TLS, "SSLError 1"), "no secure connection could be made", "--ca-bundle"),
        (failed(Failure.PROXY), "the proxy refused the connection", f"through to {ADDRESS}; then"),
        (Observation(bytes_left=True, status=503), "HTTP status 503", "try again later"),
        (Observation(bytes_left=True, status=400), "HTTP status 400", "ordersheet doctor"),
        (
            Observation(bytes_left=True, status=200, body=b"<html>"),
            "not that of an Order API",
            "ordersheet doctor",
        ),
    ],
)
def test_each_names_its_cause_and_what_to_do(seen, what, mend):
    cause = cause_of(seen, ADDRESS)
    assert what in cause.what
    assert mend in cause.mend
    assert cause.mend.endswith("send the same file again.")


def test_no_failure_is_without_words():
    for failure in Failure:
        cause = cause_of(failed(failure), ADDRESS)
        assert cause.what
        assert "{" not in cause.mend
