from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.sandbox.store import FIRST_ELSEWHERE, HOME_MARKET, OTHER_MARKET, SEEDED, Store, seeded_order

if TYPE_CHECKING:
    from pathlib import Path

EMPTY = 83601
FULL = 83620
ELSEWHERE = FIRST_ELSEWHERE


def put(store: Store, **payload: Any) -> str | None:
    refusal = store.refusal(payload)
    if refusal is None:
        store.apply(payload)
    return refusal


def held(store: Store, number: int) -> dict[str, Any]:
    order = store.get(number)
    assert order is not None
    return order.to_json()


def test_a_fresh_store_holds_the_same_orders_and_has_its_own_id() -> None:
    one, other = Store(), Store()
    assert [order.to_json() for order in one] == [order.to_json() for order in other]
    assert [order.id for order in one] == list(SEEDED)
    assert one.state != other.state
    assert Store(state="abc").state == "abc"


def test_seeded_orders_lie_in_two_markets_and_some_hold_something() -> None:
    orders = [seeded_order(number) for number in SEEDED]
    assert {order.market for order in orders if order.id < FIRST_ELSEWHERE} == {HOME_MARKET}
    assert {order.market for order in orders if order.id >= FIRST_ELSEWHERE} == {OTHER_MARKET}
    assert any(order.internal_comment for order in orders)
    assert any(order.comment for order in orders)
    assert any(order.attributes for order in orders)
    assert any(not order.internal_comment and not order.comment and not order.attributes for order in orders)


def test_comments_are_appended_unless_replaced() -> None:
    store = Store()
    before = held(store, FULL)
    assert put(store, order=FULL, internalComment="one", comment="two") is None
    assert held(store, FULL)["internalComment"] == before["internalComment"] + "\none"
    assert held(store, FULL)["comment"] == before["comment"] + "\ntwo"
    assert (
        put(store, order=FULL, internalComment="three", replaceInternalComment=True, replaceComment=True)
        is None
    )
    assert held(store, FULL)["internalComment"] == "three"
    assert held(store, FULL)["comment"] == before["comment"] + "\ntwo"
    assert put(store, order=FULL, comment="", replaceComment=True) is None
    assert held(store, FULL)["comment"] == ""
    assert held(store, FULL)["applied"] == 3


def test_the_separator_can_be_chosen() -> None:
    store = Store(separator=" | ")
    put(store, order=EMPTY, comment="a")
    put(store, order=EMPTY, comment="b")
    put(store, order=EMPTY, comment="")
    assert held(store, EMPTY)["comment"] == "a | b"


def test_attributes_take_any_json_and_the_empty_text_removes() -> None:
    store = Store()
    put(store, order=EMPTY, extraAttributes={"a_b": "x", "c_d": [1, None], "e_f": False})
    assert held(store, EMPTY)["extraAttributes"] == {"a_b": "x", "c_d": [1, None], "e_f": False} | (
        seeded_order(EMPTY).attributes
    )
    put(store, order=EMPTY, extraAttributes={"a_b": "", "never_there": ""})
    assert "a_b" not in held(store, EMPTY)["extraAttributes"]


@pytest.mark.parametrize(
    ("payload", "refusal"),
    [
        ({}, "order does not exist"),
        ({"order": 1}, "order does not exist"),
        ({"order": True}, "order does not exist"),
        ({"order": str(EMPTY)}, "order does not exist"),
        ({"order": ELSEWHERE}, "order in wrong market"),
        ({"order": EMPTY, "internalcomment": "x"}, "unknown parameter internalcomment"),
        ({"order": EMPTY, "comment": 5}, "comment must be a string"),
        ({"order": EMPTY, "comment": "x", "replaceComment": "true"}, "replaceComment must be a boolean"),
        ({"order": EMPTY, "extraAttributes": []}, "extraAttributes must be an object"),
    ],
)
def test_what_is_refused(payload: dict[str, Any], refusal: str) -> None:
    assert Store().refusal(payload) == refusal


def test_orders_elsewhere_exist_and_are_not_visible() -> None:
    store = Store()
    assert store.get(ELSEWHERE) is not None
    assert store.visible(ELSEWHERE) is None
    assert Store(market=OTHER_MARKET).visible(ELSEWHERE) is not None


def test_on_demand_every_order_exists_and_looking_does_not_keep_it() -> None:
    store = Store(orders=(), on_demand=True)
    assert store.visible(5_000_000) is not None
    assert len(store) == 0
    assert put(store, order=5_000_000, comment="a") is None
    assert put(store, order=5_000_000, comment="b") is None
    assert (held(store, 5_000_000)["comment"], len(store)) == ("a\nb", 1)
    assert put(store, order=10**12 + 1, comment="a") == "order does not exist"
    assert put(store, order=0, comment="a") == "order does not exist"
    assert put(store, order=True, comment="a") == "order does not exist"
    with pytest.raises(KeyError):
        Store(orders=()).apply({"order": 5})


def test_a_file_keeps_everything_and_its_id(tmp_path: Path) -> None:
    path = tmp_path / "orders.sqlite"
    store = Store(path)
    put(store, order=EMPTY, comment="å\nb", extraAttributes={"a_b": {"x": [1]}})
    before = [order.to_json() for order in store]
    store.close()
    store.close()
    again = Store(path, orders=())
    assert [order.to_json() for order in again] == before
    assert again.state == store.state
    again.close()


@pytest.mark.parametrize(
    "content", [b"not a database at all, but longer than its header would be" * 20, None]
)
def test_a_file_that_is_no_sandbox_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "orders.sqlite"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match="cannot be used as a sandbox's file"):
        Store(path)


CHANGES = st.lists(
    st.fixed_dictionaries(
        {"order": st.sampled_from([EMPTY, FULL])},
        optional={
            "comment": st.text(max_size=5),
            "replaceComment": st.booleans(),
            "extraAttributes": st.dictionaries(
                st.sampled_from(["a_b", "c_d"]), st.sampled_from(["", "x", 1, None])
            ),
        },
    ),
    max_size=8,
)


@given(CHANGES)
def test_what_is_held_follows_from_the_updates_alone(payloads: list[dict[str, Any]]) -> None:
    store = Store()
    comment, attributes = seeded_order(EMPTY).comment, dict(seeded_order(EMPTY).attributes)
    for payload in payloads:
        assert put(store, **payload) is None
        if payload["order"] != EMPTY:
            continue
        text = payload.get("comment")
        if text is not None:
            kept = [] if payload.get("replaceComment") or not comment else [comment]
            comment = "\n".join([*kept, *([text] if text or not kept else [])])
        attributes.update(payload.get("extraAttributes", {}))
        attributes = {key: value for key, value in attributes.items() if value != ""}
    assert held(store, EMPTY)["comment"] == comment
    assert held(store, EMPTY)["extraAttributes"] == attributes
