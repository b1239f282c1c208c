"""The sandbox's endpoints, as a client sees them, without a socket."""

from __future__ import annotations

import asyncio
import json
import xml.etree.ElementTree as ET
from datetime import datetime, time
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.sandbox.app import SandboxConfig, base_path, create_app
from ordersheet.sandbox.editors import PEOPLE, Editors, edits_per_minute
from ordersheet.sandbox.faults import KINDS, Act, Applies, FaultTarget, parse_fault
from ordersheet.sandbox.store import Store, order_date

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
    config.setdefault("key", KEY["API-Authorization"])

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


def ids(answer: httpx.Response) -> list[int]:
    return [int(order["orderId"]) for order in answer.json()["orders"]]


@given(first=st.integers(83590, 83700), last=st.integers(83590, 83700))
def test_a_list_between_two_times_holds_what_was_placed_between_them(first: int, last: int) -> None:
    newer, older = order_date(first), order_date(last)
    query = f"?limit=1000&newer_than={newer:%Y-%m-%d %H:%M:%S}&older_than={older:%Y-%m-%d %H:%M:%S}"
    assert ids(get(Store(), query)) == [n for n in range(83600, 83690) if newer < order_date(n) < older]


def test_a_date_without_a_time_is_its_midnight() -> None:
    day = order_date(83650).date()
    found = ids(get(Store(), f"?limit=1000&newer_than={day}"))
    assert found == [n for n in range(83600, 83690) if order_date(n) > datetime.combine(day, time())]


def test_no_list_is_longer_than_the_server_gives() -> None:
    assert len(ids(get(Store(), "?limit=1000", largest_page=7))) == 7


def test_attributes_are_shown_where_that_is_asked_for() -> None:
    (plain,) = get(Store(), "?order=83601").json()["orders"]
    (shown,) = get(Store(), "?order=83601", show_attributes=True).json()["orders"]
    assert "extraAttributes" not in plain
    assert shown["extraAttributes"] == {"erp_reference": "ERP-83601"}


@pytest.mark.parametrize(
    ("fault", "held"),
    [
        ("get-misses", [83601]),
        ("get-repeats", [83600, 83600, 83601, 83601, 83602, 83602]),
        ("get-shuffled", [83601, 83600, 83602]),
    ],
)
def test_a_list_can_be_wrong(fault: str, held: list[int]) -> None:
    assert ids(get(Store(), "?limit=3", faults=[parse_fault(fault)])) == held


# --- who may ask ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:80", "localhost.evil:1", "", "[::2]:1"]
)
@pytest.mark.parametrize("path", ["/", "/state.json", "/id.json", "orders?order=83600"])
def test_a_name_that_is_not_this_computers_is_misdirected(host: str, path: str) -> None:
    (answer,) = ask(Store(), ("GET", path, None), headers={**KEY, "Host": host})
    assert answer.status_code == 421
    assert "83600" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost", "localhost:1", "[::1]:8765"])
def test_this_computers_own_names_are_answered(host: str) -> None:
    assert ask(Store(), ("GET", "/", None), headers={**KEY, "Host": host})[0].status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("path", ["/", "/state.json"])
def test_another_sites_page_reads_nothing(site: str, path: str) -> None:
    (answer,) = ask(Store(), ("GET", path, None), headers={**KEY, "Sec-Fetch-Site": site})
    assert answer.status_code == 403
    (page,) = ask(Store(), ("GET", path, None))
    assert page.headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in page.headers


def test_each_sandbox_has_a_key_of_its_own() -> None:
    assert SandboxConfig().key != SandboxConfig().key


# --- people --------------------------------------------------------------------------------------------


def test_what_people_change_is_told_on_the_page_and_is_no_update() -> None:
    store = Store()
    editors = Editors(store, 6.0, 1, asyncio.sleep)
    for _ in range(40):
        editors.edit_one()
    (page,) = ask(store, ("GET", "/", None))
    latest = store.changes[0]
    assert latest.who in PEOPLE
    assert latest.who in page.text
    assert sum(order.applied for order in store) == 0
    held = store.get(latest.order)
    assert held is not None
    assert latest.after == (held.internal_comment if latest.field == "internalComment" else held.comment)


def test_updates_are_told_with_what_stood_before() -> None:
    store = Store()
    put(store, {"order": EMPTY, "comment": "first"})
    put(store, {"order": EMPTY, "comment": "second", "extraAttributes": {"a_b": "x"}})
    assert [(c.who, c.field, c.before, c.after) for c in store.changes] == [
        ("the API", "a_b", "", "x"),
        ("the API", "comment", "first", "first\nsecond"),
        ("the API", "comment", "", "first"),
    ]


@pytest.mark.parametrize(("text", "number"), [("6/min", 6.0), ("0.5", 0.5), (" 12/min ", 12.0)])
def test_edits_are_so_many_a_minute(text: str, number: float) -> None:
    assert edits_per_minute(text) == number


@pytest.mark.parametrize("text", ["", "0", "0/min", "often", "6/h", "-1"])
def test_what_is_no_number_of_edits(text: str) -> None:
    with pytest.raises(ValueError, match="6/min"):
        edits_per_minute(text)


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
    right = get(store, "?limit=2")
    wrong = get(store, "?limit=2", faults=[parse_fault(kind.name)])
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
