"""What a send would make of what stands: the words, old and new, against a shop that applies it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.api import ListedOrder
from ordersheet.core.history.orderbook import Ask, OrderBook, Policy
from ordersheet.core.model import Operation, OperationKind
from ordersheet.pipeline.changes import ChangeWord, changes_of
from ordersheet.sandbox.store import Store

ORDER = 83601
NAMES = {"internalComment": "internalComment", "comment": "comment", "extraAttributes.a_b": "a_b"}


def listed(store: Store, *, attributes: bool = True) -> ListedOrder:
    order = store.get(ORDER)
    assert order is not None
    comments = {"internalComment": order.internal_comment, "comment": order.comment}
    return ListedOrder(ORDER, comments, dict(order.attributes) if attributes else None, None)


def book(*rows: Operation) -> OrderBook:
    asks = [Ask(row, operation, f"{operation}") for row, operation in enumerate(rows, start=2)]
    return OrderBook(ORDER, asks, (), Policy(duplicates="send"))


def apply(store: Store, operation: Operation) -> None:
    field, kind, value = operation
    payload: dict[str, Any] = {"order": ORDER}
    if field.startswith("extraAttributes."):
        payload["extraAttributes"] = {NAMES[field]: value}
    else:
        payload[field] = value
        payload["replaceInternalComment" if field == "internalComment" else "replaceComment"] = (
            kind.overwrites
        )
    store.apply(payload)


def held(store: Store, field: str) -> str:
    seen = listed(store)
    if field in seen.comments:
        return seen.comments[field] or ""
    assert seen.attributes is not None
    return str(seen.attributes.get(NAMES[field], ""))


texts = st.sampled_from(["", "a", "b", "a\nb"])
operations = st.one_of(
    st.builds(
        Operation,
        st.sampled_from(["internalComment", "comment"]),
        st.just(OperationKind.APPEND),
        st.sampled_from("abc"),
    ),
    st.builds(
        Operation,
        st.sampled_from(["internalComment", "comment"]),
        st.just(OperationKind.REPLACE),
        st.sampled_from("ab"),
    ),
    st.builds(
        Operation, st.sampled_from(["internalComment", "comment"]), st.just(OperationKind.CLEAR), st.just("")
    ),
    st.builds(Operation, st.just("extraAttributes.a_b"), st.just(OperationKind.SET), st.sampled_from("ab")),
    st.builds(Operation, st.just("extraAttributes.a_b"), st.just(OperationKind.CLEAR), st.just("")),
)


@given(texts, texts, st.lists(operations, min_size=1, max_size=5))
def test_what_would_stand_is_what_stands_after_the_shop_has_applied_it(
    internal: str, customer: str, asked: list[Operation]
) -> None:
    store = Store(orders=[ORDER])
    store.edit(ORDER, "internalComment", internal, "Anna")
    store.edit(ORDER, "comment", customer, "Anna")
    for operation, change in zip(
        asked, list(changes_of(book(*asked), listed(store), read=True)), strict=True
    ):
        assert change.now == held(store, operation.field)
        if change.word is not ChangeWord.ALREADY_THERE:
            apply(store, operation)
        assert change.then == held(store, operation.field)
        assert change.changes == (change.now != change.then) or change.word.value in ("append", "replace")


@pytest.mark.parametrize(("read", "word"), [(True, "not visible"), (False, "unread")])
def test_an_order_that_was_not_seen(*, read: bool, word: str) -> None:
    (change,) = changes_of(book(Operation("comment", OperationKind.APPEND, "a")), None, read=read)
    assert (change.word.value, change.now, change.then, change.changes) == (word, None, None, False)


def test_an_attribute_that_the_api_does_not_show_is_set_and_nothing_is_claimed() -> None:
    asked = Operation("extraAttributes.a_b", OperationKind.SET, "x")
    (change,) = changes_of(book(asked), listed(Store(orders=[ORDER]), attributes=False), read=True)
    assert (change.word, change.now, change.then) == (ChangeWord.SET, None, "x")
