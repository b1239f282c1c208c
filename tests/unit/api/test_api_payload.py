import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.api import order_url, orders_url, put_body
from ordersheet.core.model import Operation, OperationKind

APPEND, REPLACE, SET, CLEAR = OperationKind


def sent(*operations: Operation, xml: bool = False) -> dict[str, object]:
    found: dict[str, object] = json.loads(put_body(83651, operations, xml=xml))
    return found


def test_the_reference_s_own_example():
    assert put_body(83651, [Operation("internalComment", APPEND, "test")], xml=False) == (
        b'{"order":83651,"internalComment":"test"}'
    )


@pytest.mark.parametrize(
    ("operation", "keys"),
    [
        (Operation("comment", APPEND, "a"), {"comment": "a"}),
        (Operation("comment", REPLACE, "a"), {"comment": "a", "replaceComment": True}),
        (Operation("comment", CLEAR, ""), {"comment": "", "replaceComment": True}),
        (
            Operation("internalComment", REPLACE, "a"),
            {"internalComment": "a", "replaceInternalComment": True},
        ),
        (Operation("internalComment", CLEAR, None), {"internalComment": "", "replaceInternalComment": True}),
        (Operation("extraAttributes.erp_ref", SET, "A-1"), {"extraAttributes": {"erp_ref": "A-1"}}),
        (Operation("extraAttributes.erp_ref", CLEAR, ""), {"extraAttributes": {"erp_ref": ""}}),
        (
            Operation("extraAttributes.a.b", SET, [1, {"c": None}]),
            {"extraAttributes": {"a.b": [1, {"c": None}]}},
        ),
    ],
)
def test_each_operation_gives_its_own_keys_and_no_others(operation, keys):
    assert sent(operation) == {"order": 83651} | keys


def test_operations_of_several_fields_share_one_payload():
    found = sent(
        Operation("internalComment", APPEND, "a"),
        Operation("comment", REPLACE, "b"),
        Operation("extraAttributes.x_y", SET, "1"),
        Operation("extraAttributes.x_z", SET, 0),
        xml=True,
    )
    assert found == {
        "order": 83651,
        "internalComment": "a",
        "comment": "b",
        "replaceComment": True,
        "extraAttributes": {"x_y": "1", "x_z": 0},
        "xml": True,
    }


@pytest.mark.parametrize(
    "operation",
    [
        Operation("comment", SET, "a"),
        Operation("extraAttributes.a_b", APPEND, "a"),
        Operation("extraAttributes.a_b", REPLACE, "a"),
        Operation("note", APPEND, "a"),
        Operation("order", SET, 1),
        Operation("extraAttributes.a_b", SET, float("nan")),
        Operation("extraAttributes.a_b", SET, float("-inf")),
        Operation("comment", APPEND, "half \ud83d"),
    ],
)
def test_what_the_api_has_no_words_for_is_refused(operation):
    with pytest.raises(ValueError, match=r"."):
        put_body(1, [operation], xml=False)


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(order=st.integers(1, 10**12), text=TEXT, value=JSON)
def test_texts_and_values_arrive_as_they_are(order, text, value):
    raw = put_body(
        order, [Operation("comment", APPEND, text), Operation("extraAttributes.a_b", SET, value)], xml=False
    )
    assert json.loads(raw) == {"order": order, "comment": text, "extraAttributes": {"a_b": value}}
    assert b"\n" not in raw
    raw.decode("utf-8")


@pytest.mark.parametrize("base", ["https://shop.example.com/api", "https://shop.example.com/api/"])
def test_addresses(base):
    assert orders_url(base) == "https://shop.example.com/api/orders"
    assert order_url(base, 83651) == "https://shop.example.com/api/orders?order=83651"
