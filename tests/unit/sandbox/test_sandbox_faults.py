from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ordersheet.sandbox
from ordersheet.sandbox.answers import bend, bend_read, change
from ordersheet.sandbox.faults import KINDS, Act, Applies, Fault, Faults, FaultTarget, parse_fault
from ordersheet.sandbox.rate_limit import FORMS, Bucket, retry_after

# --- names -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "detail", "probability", "nth"),
    [
        ("close-after", "close-after", "", 1.0, None),
        ("close-after:0.2", "close-after", "", 0.2, None),
        ("CLOSE-AFTER:20%", "close-after", "", 0.2, None),
        ("close-after:3", "close-after", "", 1.0, 3),
        ("close-after:1", "close-after", "", 1.0, 1),
        ("close-after:0", "close-after", "", 0.0, None),
        ("close-after:1.0", "close-after", "", 1.0, None),
        ("late", "late", "5", 1.0, None),
        ("late=0.5:0.1", "late", "0.5", 0.1, None),
        ("429=date", "429", "date", 1.0, None),
        ("redirect-before=308:2", "redirect-before", "308", 1.0, 2),
    ],
)
def test_a_fault_is_read(text: str, kind: str, detail: str, probability: float, nth: int | None) -> None:
    assert parse_fault(text) == Fault(KINDS[kind], detail, probability, nth)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no fault"),
        ("clos-after", "close-after"),
        ("close-after:2.0", "behind the colon"),
        ("close-after:120%", "behind the colon"),
        ("close-after:-1", "behind the colon"),
        ("close-after:", "is no fault"),
        ("close-after=3", "stands nothing"),
        ("late=soon", "number of seconds"),
        ("429=tomorrow", "one of seconds, date"),
        ("redirect-after=304", "301, 302"),
    ],
)
def test_a_fault_that_cannot_be_read_says_why(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_fault(text)


def test_every_kind_can_be_named_and_is_explained() -> None:
    for name, kind in KINDS.items():
        assert parse_fault(name).kind is kind
        assert kind.name == name
        assert kind.help
    assert {kind.act for kind in KINDS.values()} == set(Act)
    assert {kind.applies for kind in KINDS.values()} == set(Applies)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "close-before",
            "close-after",
            "reset-before",
            "reset-after",
            "stall-before",
            "stall-after",
            "cut",
            "drip",
        ),
        *(
            "500-before",
            "500-after",
            "503-before",
            "503-after",
            "408-after",
            "409-after",
            "202-after",
            "204-after",
        ),
        *("garbled", "html", "wrong-order", "order-true", "status-upper", "huge", "late", "redirect-before"),
        *(
            "401",
            "403",
            "429",
            "503-wait",
            "get-503",
            "get-403",
            "get-no-field",
            "trims",
            "escapes",
            "twice",
            "stale",
        ),
    ],
)
def test_the_misbehaviours_that_a_sender_must_survive_are_there(name: str) -> None:
    assert name in KINDS


# --- when ------------------------------------------------------------------------------------------------


def strikes(faults: Faults, orders: list[int], target: FaultTarget = FaultTarget.PUT) -> list[str | None]:
    found = [faults.strike(target, order) for order in orders]
    return [fault.kind.name if fault else None for fault in found]


def test_the_third_request_is_struck_whatever_its_order() -> None:
    faults = Faults([parse_fault("html:3"), parse_fault("get-html:1")])
    assert strikes(faults, [5, 5, 6, 5]) == [None, None, "html", None]
    assert strikes(faults, [5, 5], FaultTarget.GET) == ["get-html", None]


def test_the_first_fault_that_strikes_wins() -> None:
    faults = Faults([parse_fault("html:2"), parse_fault("cut")])
    assert strikes(faults, [1, 1, 1]) == ["cut", "html", "cut"]


@given(st.integers(), st.permutations([1, 1, 1, 2, 2, 3, 4, 5, 6, 7]))
def test_what_strikes_an_order_does_not_depend_on_the_others(seed: int, orders: list[int]) -> None:
    def by_order(sequence: list[int]) -> dict[int, list[str | None]]:
        faults = Faults([parse_fault("html:0.5")], seed)
        found: dict[int, list[str | None]] = {}
        for order in sequence:
            found.setdefault(order, []).extend(strikes(faults, [order]))
        return found

    assert by_order(orders) == by_order(sorted(orders))


def test_about_so_many_are_struck_and_another_seed_strikes_others() -> None:
    patterns = [strikes(Faults([parse_fault("html:20%")], seed), list(range(1000))) for seed in (1, 2)]
    assert all(150 < pattern.count("html") < 250 for pattern in patterns)
    assert patterns[0] != patterns[1]


# --- answers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [name for name, kind in KINDS.items() if kind.act is Act.BODY and kind.target is FaultTarget.PUT]
)
@pytest.mark.parametrize("xml", [False, True])
def test_a_bent_answer_differs_from_the_right_one_unless_it_is_meant_to_be_right(
    name: str, *, xml: bool
) -> None:
    detail = KINDS[name].detail
    right = bend("", {"status": "ok", "order": 5}, xml=xml)
    assert (bend(detail, {"status": "ok", "order": 5}, xml=xml) == right) == (name == "twice")


@pytest.mark.parametrize(
    "name", [name for name, kind in KINDS.items() if kind.act is Act.BODY and kind.target is FaultTarget.GET]
)
def test_a_bent_reading_differs_from_the_right_one(name: str) -> None:
    orders = [{"orderId": str(n), "internalComment": "a", "otherComment": "b"} for n in (5, 6)]
    assert bend_read(KINDS[name].detail, orders, xml=False) != bend_read("", orders, xml=False)


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("trims", "a <b>\nand more than twenty"),
        ("escapes", " a &lt;b&gt;\nand more than twenty "),
        ("breaks", " a <b><br>and more than twenty "),
        ("shortens", " a <b>\nand more than"),
    ],
)
def test_texts_are_changed_on_their_way_in(name: str, stored: str) -> None:
    assert change(KINDS[name].detail, " a <b>\nand more than twenty ") == (
        stored[:20] if name == "shortens" else stored
    )


# --- pace ------------------------------------------------------------------------------------------------


def test_a_bucket_lets_a_burst_pass_and_then_so_many_a_second() -> None:
    bucket = Bucket(2.0, now=0.0)
    assert [bucket.take(0.0) for _ in range(3)] == [0.0, 0.0, 0.5]
    assert bucket.take(0.25) == 0.25
    assert bucket.take(0.5) == 0.0
    assert bucket.take(100.0) == 0.0
    assert bucket.take(100.0) == 0.0
    assert bucket.take(100.0) == 0.5


def test_a_slow_bucket_still_lets_one_pass() -> None:
    bucket = Bucket(0.1, now=0.0)
    assert bucket.take(0.0) == 0.0
    assert bucket.take(0.0) == pytest.approx(10.0)
    assert bucket.take(10.0) == 0.0


@given(st.floats(0.1, 50), st.lists(st.floats(0, 1), max_size=200))
def test_a_bucket_never_lets_more_pass_than_its_rate(rate: float, gaps: list[float]) -> None:
    bucket = Bucket(rate, now=0.0)
    now, passed = 0.0, 0
    for gap in gaps:
        now += gap
        passed += bucket.take(now) == 0.0
    assert passed <= bucket.burst + rate * now + 1e-6


def test_the_forms_of_retry_after() -> None:
    now = 1_800_000_000.25
    told = {form: retry_after(form, 1.5, now).get("retry-after") for form in FORMS}
    assert told == {
        "seconds": "2",
        "date": "Fri, 15 Jan 2027 08:00:02 GMT",
        "unix": "1800000002",
        "milliseconds": "1800000001750",
        "iso": "2027-01-15T08:00:02+00:00",
        "nonsense": "soon",
        "past": "Fri, 15 Jan 2027 07:00:00 GMT",
        "none": None,
    }


# --- apart -----------------------------------------------------------------------------------------------


def test_the_sandbox_imports_nothing_of_ordersheet() -> None:
    folder = Path(ordersheet.sandbox.__file__).parent
    imported = set()
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                imported.add(node.module or "")
    ours = {name for name in imported if name.split(".")[0] == "ordersheet"}
    assert ours
    assert all(name.startswith("ordersheet.sandbox.") for name in ours)
