"""Whole runs in which a file, a person, a terminal or a server does what nobody expects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.scripted_api import Api, options, serving

from ordersheet.errors import SourceError
from ordersheet.run import send
from ordersheet.settings import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ordersheet.result import RunResult
    from ordersheet.survey import Survey


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def base(api: Api) -> Iterator[str]:
    with serving(api) as url:
        yield url


def comments(folder: Path, *rows: str, name: str = "orders.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(["Order ID,internalComment", *rows, ""]), encoding="utf-8")
    return path


def outcomes(result: RunResult) -> list[str]:
    return [row.outcome.value for row in result.rows]


def test_a_file_saved_while_the_question_is_asked_is_not_sent(tmp_path: Path, api: Api, base: str) -> None:
    file = comments(tmp_path, "1,a", "2,b")

    def ask(_seen: Survey) -> bool:
        comments(tmp_path, "9,new", "1,a", "2,b")
        return True

    with pytest.raises(SourceError, match="changed after it had been read"):
        send(file, resolve(options(base, tmp_path)), ask=ask)
    assert not api.puts
    assert not list((tmp_path / "ledger.db.copies").iterdir())
