"""The sandbox's endpoints, as a client sees them, without a socket."""

from __future__ import annotations

import asyncio
import json
import xml.etree.ElementTree as ET
from typing import Any

import httpx
import pytest

from ordersheet.sandbox.app import SandboxConfig, base_path, create_app
from ordersheet.sandbox.faults import KINDS, Act, Applies, FaultTarget, parse_fault
from ordersheet.sandbox.store import Store

EMPTY, FULL, ELSEWHERE = 83601, 83620, 83690
KEY = {"API-Authorization": "practice"}


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def ask(
    store: Store,
    *requests: tuple[str, str, object],
    headers: dict[str, Any] | None = None,
    **config: Any,
) -> list[httpx.Response]:
    """Send requests to a sandbox, one after the other."""

    async def talk() -> list[httpx.Response]:
        app = create_app(store, SandboxConfig(**config))
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:1") as client:
            answers = []
            for method, path, content in requests:
                body = content if isinstance(content, bytes) else json.dumps(content).encode()
                url = path if path.startswith("/") else f"{base_path(store)}/{path}"
                answers.append(
                    await client.request(
                        method,
                        url,
                        content=body if method == "PUT" else None,
                        headers=KEY if headers is None else headers,
                    )
                )
                await asyncio.sleep(0)
            return answers

    return asyncio.run(talk())


def put(store: Store, payload: object, **options: Any) -> httpx.Response:
    return ask(store, ("PUT", "orders", payload), **options)[0]


def get(store: Store, query: str, **options: Any) -> httpx.Response:
    return ask(store, ("GET", f"orders{query}", None), **options)[0]


def comment(store: Store, number: int = EMPTY) -> str:
    order = store.get(number)
    assert order is not None
    return order.comment


# --- the documented answers ----------------------------------------------------------------------------


def test_an_update_and_its_reading() -> None:
    store = Store()
    answer = put(store, {"order": EMPTY, "internalComment": "test", "comment": "seen"})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "order": EMPTY})
    assert answer.headers["content-type"] == "application/json"
    (order,) = get(store, f"?order={EMPTY}").json()["orders"]
    assert order["orderId"] == str(EMPTY)
    assert (order["internalComment"], order["otherComment"]) == ("test", "seen")
    assert "extraAttributes" not in order


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"order": ELSEWHERE, "comment": "x"}, "order in wrong market"),
        ({"order": 5, "comment": "x"}, "order does not exist"),
        ({"order": EMPTY, "coment": "x"}, "unknown parameter coment"),
    ],
)
def test_a_refusal_is_a_200_that_says_no(payload: dict[str, Any], message: str) -> None:
    answer = put(Store(), payload)
    assert answer.status_code == 200
    assert answer.json() == {"status": "no", "msg": message, "order": payload["order"]}


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"order": NaN}', b"[" * 100_000, b'{"order": 83601}' + b" " * 5_000_000]
)
def test_what_is_no_json_object_is_a_400(content: bytes) -> None:
    assert put(Store(), content).status_code == 400


def test_answers_in_xml() -> None:
    store = Store()
    answer = put(store, {"order": EMPTY, "comment": "a < b & c", "xml": True})
    assert answer.headers["content-type"].startswith("application/xml")
    root = ET.fromstring(answer.text)
    assert (root.findtext("status"), root.findtext("order")) == ("ok", str(EMPTY))
    root = ET.fromstring(put(store, {"order": 5, "xml": True}).text)
    assert (root.findtext("status"), root.findtext("msg")) == ("no", "order does not exist")
    root = ET.fromstring(get(store, f"?order={EMPTY}&xml=true").text)
    assert root.findtext("orders/order/otherComment") == "a < b & c"


@pytest.mark.parametrize(
    "query", [f"?order={ELSEWHERE}", "?order=5", "?order=abc", "?order=", "?order=-1", "?order=²"]
)
def test_an_order_that_is_not_visible_is_not_in_the_answer(query: str) -> None:
    answer = get(Store(), query)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "orders": []})


def test_a_list_of_orders_has_a_limit_and_an_offset() -> None:
    first = get(Store(), "").json()["orders"]
    assert [order["orderId"] for order in first] == [str(83600 + index) for index in range(20)]
    some = get(Store(), "?limit=2&offset=88").json()["orders"]
    assert [order["orderId"] for order in some] == ["83688", "83689"]
    assert get(Store(), "?limit=5&offset=90").json()["orders"] == []


@pytest.mark.parametrize("headers", [{}, {"API-Authorization": "wrong"}, {"API-Authorization": b"\xe9"}])
def test_a_wrong_key_is_a_401(headers: dict[str, Any]) -> None:
    store = Store()
    for answer in ask(
        store, ("PUT", "orders", {"order": EMPTY, "comment": "x"}), ("GET", "orders", None), headers=headers
    ):
        assert answer.status_code == 401
    assert comment(store) == ""


def test_an_endpoint_that_is_not_allowed_is_a_403() -> None:
    store = Store()
    methods = frozenset({"PUT"})
    assert get(store, "?order=1", methods=methods).status_code == 403
    assert put(store, {"order": EMPTY, "comment": "x"}, methods=methods).json()["status"] == "ok"


def test_the_address_of_another_state_is_not_there() -> None:
    store, other = Store(), Store()
    assert ask(store, ("PUT", f"{base_path(other)}/orders", {"order": EMPTY}))[0].status_code == 404


# --- pace and latency ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "header"), [("seconds", "1"), ("unix", "1800000001"), ("none", None)])
def test_too_many_requests_are_told_when_to_come_back(form: str, header: str | None) -> None:
    clock = Clock()
    store = Store()
    payload = {"order": EMPTY, "comment": "x"}
    answers = ask(store, *[("PUT", "orders", payload)] * 3, rate=2.0, retry_after=form, clock=clock)
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].headers.get("retry-after") == header
    assert comment(store) == "x\nx"


def test_latency_passes_before_an_update_is_carried_out() -> None:
    clock = Clock()
    put(Store(), {"order": EMPTY}, latency=0.25, clock=clock, sleep=clock.sleep)
    assert clock.now == 1_800_000_000.25


# --- misbehaviour --------------------------------------------------------------------------------------

ON_THE_WIRE = {Act.CLOSE, Act.RESET, Act.CUT, Act.GARBAGE, Act.DRIP, Act.STALL, Act.STALE}
APPLIED = {
    Applies.NO: ("", ""),
    Applies.YES: ("i", "c"),
    Applies.LATE: ("i", "c"),
    Applies.TWICE: ("i\ni", "c\nc"),
    Applies.PART: ("i", ""),
}


@pytest.mark.parametrize(
    "kind",
    [kind for kind in KINDS.values() if kind.target is FaultTarget.PUT and kind.act not in ON_THE_WIRE],
    ids=lambda kind: kind.name,
)
def test_a_misbehaviour_applies_what_it_says_and_answers_as_it_says(kind: Any) -> None:
    clock = Clock()
    store = Store()
    payload = {"order": EMPTY, "internalComment": "i", "comment": "c"}
    answer = put(store, payload, faults=[parse_fault(kind.name)], clock=clock, sleep=clock.sleep)
    order = store.get(EMPTY)
    assert order is not None
    assert (order.internal_comment, order.comment) == APPLIED[kind.applies]
    if kind.act is Act.STATUS:
        assert answer.status_code == kind.status
        assert ("retry-after" in answer.headers) == (kind.details == "form")
    elif kind.act is Act.REDIRECT:
        assert answer.status_code == 307
        assert "127.0.0.1" in answer.headers["location"]
    else:
        assert answer.status_code == 200
        right = {"status": "ok", "order": EMPTY}
        assert (answer.content == json.dumps(right).encode()) == (kind.name == "twice")


@pytest.mark.parametrize(
    "kind",
    [kind for kind in KINDS.values() if kind.target is FaultTarget.GET and kind.act not in ON_THE_WIRE],
    ids=lambda kind: kind.name,
)
def test_a_misbehaviour_of_reading(kind: Any) -> None:
    store = Store()
    right = get(store, f"?order={FULL}")
    wrong = get(store, f"?order={FULL}", faults=[parse_fault(kind.name)])
    assert (wrong.status_code, wrong.content) != (right.status_code, right.content)
    assert (
        put(store, {"order": FULL, "comment": "x"}, faults=[parse_fault(kind.name)]).json()["status"] == "ok"
    )


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS.values() if kind.act in ON_THE_WIRE], ids=lambda kind: kind.name
)
def test_a_fault_of_the_connection_needs_a_connection(kind: Any) -> None:
    ask_for = put if kind.target is FaultTarget.PUT else get
    content: Any = {"order": EMPTY} if kind.target is FaultTarget.PUT else f"?order={EMPTY}"
    assert ask_for(Store(), content, faults=[parse_fault(kind.name)]).status_code == 500


def test_a_misbehaviour_of_an_update_that_is_refused_applies_nothing() -> None:
    store = Store()
    answer = put(store, {"order": ELSEWHERE, "comment": "x"}, faults=[parse_fault("wrong-order")])
    assert answer.json() == {"status": "no", "msg": "order in wrong market", "order": ELSEWHERE + 1}
    assert comment(store, ELSEWHERE) == comment(Store(), ELSEWHERE)


@pytest.mark.parametrize(
    ("name", "stored"), [("trims", "a <b>"), ("escapes", " a &lt;b&gt; "), ("breaks", " a <b> ")]
)
def test_texts_are_stored_in_another_form(name: str, stored: str) -> None:
    store = Store()
    assert (
        put(store, {"order": EMPTY, "comment": " a <b> "}, faults=[parse_fault(name)]).json()["status"]
        == "ok"
    )
    assert comment(store) == stored


# --- for people ----------------------------------------------------------------------------------------


def test_the_page_shows_what_is_held_and_what_came_in_and_escapes_it() -> None:
    store = Store()
    page = ask(
        store,
        (
            "PUT",
            "orders",
            {"order": EMPTY, "comment": "<script>x</script>", "extraAttributes": {"a_<b>": "&"}},
        ),
        ("PUT", "orders", {"order": 5, "comment": "t"}),
        ("GET", "/", None),
    )[2]
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script>" not in page.text
    assert "&lt;script&gt;x&lt;/script&gt;" in page.text
    assert "a_&lt;b&gt; = &quot;&amp;&quot;" in page.text
    assert "order does not exist" in page.text
    assert f"http://127.0.0.1:1{base_path(store)}" in page.text
    assert page.text.count("<tr class=") == 1
    assert page.text.count("(not visible)") == 10
    assert "practice" not in page.text.lower().replace("a practice order api", "")


def test_a_page_of_many_orders_is_cut_and_says_so() -> None:
    (page,) = ask(Store(orders=range(1, 701)), ("GET", "/", None))
    assert "200 more are not shown" in page.text


def test_the_state_tells_what_is_truly_held_and_which_sandbox_it_is() -> None:
    store = Store()
    put_answer, state, name = ask(
        store,
        ("PUT", "orders", {"order": EMPTY, "comment": "x"}),
        ("GET", "/state.json", None),
        ("GET", "/id.json", None),
        faults=[parse_fault("no-applied")],
    )
    assert put_answer.json()["status"] == "no"
    orders = {order["id"]: order for order in state.json()["orders"]}
    assert (orders[EMPTY]["comment"], orders[EMPTY]["applied"]) == ("x", 1)
    assert name.json() == {"state": store.state}
