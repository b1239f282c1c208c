"""What the answer to one GET means, in words."""

from __future__ import annotations

import pytest

from ordersheet.delivery.verdict.observation import Failure, Observation
from ordersheet.setup.probe import explain

BASE = "https://shop.example/api/1"
ORDERS = b'{"status":"ok","orders":[]}'


def seen(
    status: int | None, body: bytes = b"", failure: Failure | None = None, **headers: str
) -> Observation:
    return Observation(
        bytes_left=True, status=status, headers=headers, body=body, failure=failure, detail="ConnectError"
    )


@pytest.mark.parametrize(
    ("observation", "code", "said"),
    [
        (seen(200, ORDERS), "fine", "may read orders"),
        (seen(200, b'{"status":"ok","orders":[{"orderId":"1","internalComment":""}]}'), "fine", "fine"),
        (seen(401), "key-refused", "belongs to this address"),
        (seen(403), "no-reading", "reading back is off"),
        (seen(302, location="https://other.example"), "moved", "https://other.example"),
        (seen(307), "moved", "another address"),
        (seen(404), "not-an-order-api", "/api/order-api/1"),
        (seen(200, b"<html>Log in</html>"), "not-an-order-api", BASE),
        (seen(200, b"[]"), "not-an-order-api", BASE),
        (seen(429), "server-trouble", "429"),
        (seen(503), "server-trouble", "Try again later"),
        (seen(None, failure=Failure.NAME), "not-reached", "name could not be found"),
        (seen(None, failure=Failure.CONNECT), "not-reached", "--proxy"),
        (seen(None, failure=Failure.DEADLINE), "not-reached", "in time"),
        (seen(None), "not-reached", "no answer"),
        (seen(200, ORDERS[:9], Failure.CLOSED), "not-reached", "connection broke"),
        (seen(None, failure=Failure.TLS), "certificate", "--ca-bundle"),
        (seen(None, failure=Failure.PROXY), "proxy", "refused"),
    ],
)
def test_each_answer_has_its_meaning(observation, code, said):
    found = explain(observation, BASE)
    assert found.code == code
    assert said in found.sentence or said == code
    assert found.usable is (code in ("fine", "no-reading"))


@pytest.mark.parametrize("failure", [Failure.NAME, Failure.CONNECT, Failure.REFUSED, Failure.DEADLINE])
def test_a_way_that_was_never_opened_is_the_proxy_s_where_there_is_one(failure):
    silent = Observation(bytes_left=False, failure=failure)
    found = explain(silent, BASE, "http://clerk:word@proxy.example:3128")
    assert (found.code, found.usable) == ("proxy", False)
    assert "The proxy http://...@proxy.example:3128" in found.sentence
    assert "word" not in found.sentence
    assert explain(silent, BASE).code == "not-reached"
    # Once the tunnel stood, it was the shop that did not answer.
    assert (
        explain(Observation(bytes_left=True, failure=Failure.DEADLINE), BASE, "http://p:1").code
        == "not-reached"
    )


@pytest.mark.parametrize("status", range(100, 600))
def test_every_status_has_a_meaning(status):
    assert explain(seen(status), BASE).sentence.endswith(".")


@pytest.mark.parametrize("failure", Failure)
def test_every_failure_has_a_meaning(failure):
    found = explain(seen(None, failure=failure), BASE)
    assert BASE in found.sentence
    assert not found.usable
