import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.api import OrderView, PutAnswer, clean_message, read_order_answer, read_put_answer


def put(**fields: object) -> PutAnswer | None:
    return read_put_answer(json.dumps(fields).encode(), "application/json")


def test_the_reference_s_own_examples():
    assert put(status="ok", order=83651) == PutAnswer(ok=True, order=83651)
    assert put(status="no", msg="order in wrong market", order=83651) == PutAnswer(
        ok=False, order=83651, message="order in wrong market"
    )


@pytest.mark.parametrize("status", ["OK", "No", "", " ok", "yes", None, True, 1, ["ok"], {"ok": 1}])
def test_only_exactly_ok_or_no_is_an_answer(status):
    assert put(status=status, order=1) is None


@pytest.mark.parametrize(
    ("order", "read"),
    [
        (7, 7),
        ("7", 7),
        ("007", 7),
        (True, None),
        (False, None),
        (7.0, None),
        ("7.0", None),
        ("+7", None),
        ("-7", None),
        ("٧", None),
        (" 7", None),
        ("7" * 21, None),
        (None, None),
        ([7], None),
    ],
)
def test_an_order_is_a_number_or_its_decimal_string(order, read):
    answer = put(status="ok", order=order)
    assert answer is not None
    assert answer.order == read
    assert not isinstance(answer.order, bool)


@pytest.mark.parametrize(
    ("msg", "shown"),
    [
        ("plain", "plain"),
        ("  two\r\nlines\t", "two lines"),
        ("red \x1b[31mred\x1b[0m", "red red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://evil\x1b\\link", "link"),
        ("c1 \x9b31m and \x00 nul", "c1 and nul"),
        ("left\u202eright\u200b", "left right"),
        ("half \ud83d", "half"),
        ("smile \U0001f600 ö", "smile \U0001f600 ö"),
        ("=HYPERLINK(1)", "=HYPERLINK(1)"),
        ({"a": ["b", 1]}, '{"a":["b",1]}'),
        ([], "[]"),
        (12, "12"),
        (True, "true"),
        (None, ""),
        ("x" * 600, "x" * 499 + "…"),
    ],
)
def test_msg_becomes_one_plain_line(msg, shown):
    answer = put(status="no", order=1, msg=msg)
    assert answer is not None
    assert answer.message == shown


@given(st.text())
def test_no_message_holds_what_moves_a_terminal(text):
    shown = clean_message(text)
    assert shown.isprintable()
    assert len(shown) <= 500
    assert "\x1b" not in shown


@pytest.mark.parametrize(("code", "read"), [(12, "12"), ("E1", "E1"), (None, None), ({}, None)])
def test_a_code_beside_the_message(code, read):
    answer = put(status="no", order=1, code=code)
    assert answer is not None
    assert answer.code == read


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b'"ok"',
        b"[]",
        b'[{"status":"ok","order":1}]',
        b'{"status":"ok","order":1',
        b'{"status":"ok","order":1}x',
        b"<html><body><status>ok</status><order>1</order></body></html>",
        b"<!DOCTYPE html><html>",
        b"\xff\xfe{",
        b'{"status":"ok","order":' + b"9" * 5000 + b"}",
        b'{"status":"no","msg":"\xff","order":1}',
        b"[" * 200_000,
        b'{"status":' * 200_000,
        b'{"status":"no","msg":' + b"[" * 200_000,
        b'{"status":"no","msg":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b"<a>" * 200_000,
        b'<!DOCTYPE a [<!ENTITY b "ok">]><r><status>&b;</status><order>1</order></r>',
        b'<!DOCTYPE r SYSTEM "http://127.0.0.1/r.dtd"><r><status>ok</status><order>1</order></r>',
        b"<r><status>ok</status><status>no</status><order>1</order></r>",
        b"<r><status>ok</status><order>1</order><order>2</order></r>",
        b"<r><status>ok</status><order>1</order>",
        b'<?xml version="1.0" encoding="nonsense"?><r><status>ok</status></r>',
    ],
    ids=range(23),
)
def test_what_is_not_the_documented_object_is_none(body):
    assert read_put_answer(body, "text/html") is None


@given(st.binary(max_size=200))
def test_no_body_makes_a_reader_fail(body):
    for raw in (body, b"{" + body, b"<r>" + body, b'{"status":"ok","order":1,' + body):
        read_put_answer(raw, None)
        read_order_answer(raw, None, 1)


def test_the_body_tells_what_it_is_not_its_label():
    assert read_put_answer(b'\xef\xbb\xbf {"status":"ok","order":1}', "text/html") == PutAnswer(
        ok=True, order=1
    )
    assert read_put_answer(b'{"status":"no","msg":"\xf6l","order":1}', "text/plain; charset=ISO-8859-1") == (
        PutAnswer(ok=False, order=1, message="öl")
    )
    for label in ("text/plain; charset=rot13", "text/plain; charset=zzz", "text/plain"):
        assert read_put_answer(b'{"status":"no","msg":"\xf6l","order":1}', label) is None


@pytest.mark.parametrize(
    "body",
    [
        "<response><status>no</status><msg>wrong market</msg><order>7</order></response>",
        "<a><b><status> no </status></b><c><order>7</order></c><msg>wrong <b>market</b></msg></a>",
        '<r xmlns="urn:x"><status>no</status><order>7</order><msg><![CDATA[wrong market]]></msg></r>',
        '<r status="no" order="7" msg="wrong market"/>',
        '<r><status>no</status><order id="x">7</order><order>7</order><msg>wrong market</msg></r>',
        "<order><status>no</status><order>7</order><msg>wrong market</msg></order>",
        (
            '<?xml version="1.0" encoding="iso-8859-1"?>'
            "<r><status>no</status><order>7</order><msg>wrong market</msg></r>"
        ),
    ],
)
def test_in_xml_the_fields_are_found_wherever_they_stand(body):
    assert read_put_answer(body.encode(), "application/xml") == PutAnswer(
        ok=False, order=7, message="wrong market"
    )


def test_deep_xml_that_is_well_formed_is_read():
    deep = b"<a>" * 100_000 + b"<status>ok</status><order>7</order>" + b"</a>" * 100_000
    assert read_put_answer(deep) == PutAnswer(ok=True, order=7)


def get(*orders: object, status: str = "ok") -> OrderView | None:
    return read_order_answer(json.dumps({"status": status, "orders": orders}).encode(), None, 7)


def test_an_order_reads_back_under_put_s_names():
    view = get({"orderId": "7", "internalComment": "a", "otherComment": "b", "comment": "no such field"})
    assert view == OrderView(order=7, found=True, comments={"internalComment": "a", "comment": "b"})


@pytest.mark.parametrize(
    ("orders", "found"),
    [
        ([], False),
        ([{"orderId": "8"}], False),
        ([{"orderId": True}], False),
        ([{"orderId": None}, "x", 3], False),
        ([{"orderId": 7}], True),
        ([{"orderId": "8"}, {"orderId": "7"}], True),
    ],
)
def test_only_our_own_order_counts(orders, found):
    view = get(*orders)
    assert view is not None
    assert view.found is found
    assert view.comments == {"internalComment": None, "comment": None}


@pytest.mark.parametrize("value", [None, 3, True, ["a"], {}])
def test_what_is_no_text_proves_nothing(value):
    view = get({"orderId": 7, "internalComment": value, "otherComment": ""})
    assert view is not None
    assert view.comments == {"internalComment": None, "comment": ""}


def test_the_same_order_twice_counts_where_both_say_the_same():
    view = get(
        {"orderId": 7, "internalComment": "a", "otherComment": "x"},
        {"orderId": "7", "internalComment": "a", "otherComment": "y"},
    )
    assert view is not None
    assert view.comments == {"internalComment": "a", "comment": None}


@pytest.mark.parametrize("body", [b"{}", b'{"status":"ok"}', b'{"status":"ok","orders":{}}', b"[]", b"<r/>"])
def test_other_objects_are_no_view(body):
    assert read_order_answer(body, None, 7) is None


def test_an_answer_of_no_is_an_order_that_is_not_there():
    view = read_order_answer(b'{"status":"no","msg":"order does not exist"}', None, 7)
    assert view is not None
    assert not view.found
