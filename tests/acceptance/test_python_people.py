"""What somebody at a notebook meets: columns, payloads, and messages that speak of frames and keywords."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import ordersheet

if TYPE_CHECKING:
    from pathlib import Path

FLAG = re.compile(r"--[a-z]")


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "Order ID": [83600, 83601, "83651-1", None],
            "Internal comment": ["one", None, "three", "four"],
            "atr:erp_reference": ["a", "b", "c", "d"],
            "comment": [None, "On its way.", None, None],
        }
    )


def test_a_check_tells_what_goes_where_and_what_each_row_asks_for(frame):
    checked = ordersheet.check(frame)
    assert [(one.header, one.field) for one in checked.columns] == [
        ("Order ID", "order"),
        ("Internal comment", "internalComment"),
        ("comment", "comment"),
    ]
    assert [(one.header, one.guess) for one in checked.not_sent] == [
        ("atr:erp_reference", "attr:erp_reference")
    ]
    assert checked.customer_visible == 1
    assert [tuple(one) for one in checked.payloads] == [
        (2, 83600, {"order": 83600, "internalComment": "one"}),
        (3, 83601, {"order": 83601, "comment": "On its way."}),
    ]
    assert ordersheet.check(frame, rows="3").payloads == checked.payloads[1:]


def test_payloads_of_a_file_that_has_changed_are_not_told(desk):
    path = desk.file("orders.csv", "Order ID,Internal comment\n83600,one\n")
    checked = ordersheet.check(path)
    desk.file("orders.csv", "Order ID,Internal comment\n83600,two\n")
    with pytest.raises(ordersheet.SourceError, match="changed after the check"):
        checked.payloads  # noqa: B018 - read here


def test_messages_speak_of_columns(frame):
    messages = [row.message for row in ordersheet.check(frame).rows]
    assert messages[0].startswith('"Order ID": "83651-1" is a shipment')
    assert messages[1].startswith('"Order ID": The order ID is empty')


def test_messages_speak_of_frames_and_keywords(frame, shop, tmp_path):
    def said(source: pd.DataFrame, **options: Any) -> str:
        with pytest.raises(ordersheet.OrdersheetError) as caught:
            ordersheet.send(
                source, base_url=shop.base_url, api_key=shop.key, ledger=tmp_path / "l.db", **options
            )
        return str(caught.value)

    told = [
        said(frame.iloc[:0]),
        said(frame[["comment"]]),
        said(frame, max_no=0),
        said(pd.concat([frame, frame]), duplicates="refuse"),
        said(frame, only_columns=["Nothing"]),
        said(frame, rows="90"),
    ]
    for message in told:
        assert not FLAG.search(message), message
        assert "file" not in message, message
    assert "allow_empty=True" in told[0]
    assert "Its columns are" in told[1]
    assert "mapping=" in told[1]


def test_rows_left_out_say_so_in_keywords(shop, frame, tmp_path):
    result = ordersheet.send(
        frame, base_url=shop.base_url, api_key=shop.key, ledger=tmp_path / "l.db", limit=1
    )
    assert result.left_out == 3
    assert "limit=" in result.rows[-1].message
    assert not FLAG.search(" ".join(result.to_frame()["update_message"]))


def test_what_stopped_a_run_carries_a_result(shop, frame, tmp_path):
    with pytest.raises(ordersheet.RunStopped) as caught:
        ordersheet.send(frame, base_url=shop.base_url, api_key="wrong", ledger=tmp_path / "l.db")
    assert caught.value.result.outcomes["not sent"] == 2
    assert repr(caught.value.result).startswith("<RunResult of send: 0 ok")


@pytest.mark.parametrize("option", ["sheet", "encoding", "delimiter"])
def test_what_a_frame_cannot_have_is_refused_and_not_passed_over(frame, option):
    asked: dict[str, Any] = {option: {"sheet": "Calls", "encoding": "utf-8", "delimiter": ";"}[option]}
    with pytest.raises(ordersheet.UsageError, match=f"A frame has no {option}. Leave {option}= out"):
        ordersheet.check(frame, **asked)


class Somewhere:
    """A path of somebody else's kind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return str(self.path)


def test_any_path_is_a_path(desk):
    path = desk.file("orders.csv", "Order ID,Internal comment\n83600,one\n")
    assert ordersheet.check(Somewhere(path)).summary.file == str(path)
