"""The API key given to a Python call: no frame of ours shows it, whatever goes wrong."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING, Any

import pytest

import ordersheet
from ordersheet.core.errors import OrdersheetError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY = "do-not-show-1f7a"
ROOM = "ordersheet"


def orders(folder: Path) -> Path:
    path = folder / "orders.csv"
    path.write_text("Order ID,Internal comment\n1,called\n", encoding="utf-8")
    return path


CALLS: dict[str, Callable[[Path, dict[str, Any]], object]] = {
    "check": lambda folder, given: ordersheet.check(orders(folder), **given),
    "send": lambda folder, given: ordersheet.send(orders(folder), **given),
    "send a file that is not there": lambda folder, given: ordersheet.send(folder / "none.csv", **given),
    "undo": lambda _folder, given: ordersheet.undo("last", **given),
    "export": lambda folder, given: ordersheet.export(folder / "out.csv", **given),
    "export from a day that is none": lambda folder, given: ordersheet.export(
        folder / "out.csv", newer_than="someday", **given
    ),
}
WRONG: dict[str, dict[str, Any]] = {
    "a setting": {"timeout": "soon"},
    "a name": {"no_such_setting": 1},
    "the address": {"base_url": "no address"},
    "the key": {"api_key": f"{KEY} with blanks"},
}


def shown_by_us(fault: BaseException) -> list[str]:
    """Give what each frame of ours would show in a traceback with values."""
    told = traceback.TracebackException.from_exception(fault, capture_locals=True)
    frames = [frame for one in (told, told.__cause__, told.__context__) if one for frame in one.stack]
    return [f"{frame.name}: {frame.locals}" for frame in frames if f"/src/{ROOM}/" in frame.filename]


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("call", CALLS)
def test_no_frame_of_ours_shows_the_key_of_a_call_that_fails(call, wrong, tmp_path, caplog):
    given = {
        "api_key": KEY,
        "base_url": "http://127.0.0.1:9/api",
        "ledger": tmp_path / "ledger",
        "config": tmp_path / "none.toml",
        **WRONG[wrong],
    }
    with caplog.at_level(logging.DEBUG), pytest.raises((OrdersheetError, TypeError)) as caught:
        CALLS[call](tmp_path, given)
    shown = shown_by_us(caught.value)
    assert shown
    assert KEY not in f"{shown} {caught.value} {caught.value!r} {caplog.text}"
