"""What a person is told of what columns hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.cells import headers, row_of

from ordersheet.core.model import Cell, CellKind, OrderUpdate
from ordersheet.mapping import DateWatch, map_row, read_mapping_file, resolve

if TYPE_CHECKING:
    from pathlib import Path

DATE = Cell("2026-03-31", "2026-03-31", CellKind.DATE, 1, 2)


def found(*values: Cell | str, header: str = "attr:delivery_date") -> tuple[str, ...]:
    watch = DateWatch(resolve(headers("Order ID", header)))
    for number, value in enumerate(values, 2):
        watch.see(row_of("83600", value, number=number))
    return watch.found()


def test_dates_that_are_sent_as_text_are_told_with_the_form_that_mends_it() -> None:
    (told,) = found("31.03.2026", "", "01.04.2026")
    assert '"31.03.2026"' in told
    assert 'type = "date", format = "dd.mm.yyyy"' in told


def test_a_workbook_s_dates_are_told_with_the_form_they_are_sent_in() -> None:
    assert found(DATE, DATE) == (
        '"attr:delivery_date" holds dates. They are sent as text in the form 2026-03-31.',
    )


@pytest.mark.parametrize("header", ["attr:delivery_date", "Internal comment"])
@pytest.mark.parametrize("date", [DATE, "2026-03-31"])
@given(texts=st.lists(st.sampled_from(["next week", "call first", "?"]), min_size=1), at=st.integers(0, 3))
def test_a_column_that_mixes_texts_and_dates_is_told(
    header: str, date: Cell | str, texts: list[str], at: int
) -> None:
    at = min(at, len(texts))
    (told,) = found(*texts[:at], date, *texts[at:], header=header)
    assert "mixes dates" in told
    assert f'"{texts[0]}" (B{2 if at else 3})' in told


def test_a_date_in_another_form_among_dates_is_what_is_named() -> None:
    (told,) = found(DATE, "soon", "31.03.2026")
    assert '"soon" (B3)' in told
    (told,) = found("31.03.2026", "next week")
    assert 'dates such as "31.03.2026" (B2) and texts such as "next week" (B3)' in told
    assert 'format = "dd.mm.yyyy"' in told
    (told,) = found(DATE, "31.03.2026")
    assert '"31.03.2026" (B3)' in told
    assert 'format = "dd.mm.yyyy"' in told


@given(st.lists(st.sampled_from(["called, no answer", "12 parcels", "2026", "<clear>", ""])))
def test_plain_texts_are_not_spoken_of(texts: list[str]) -> None:
    assert found(*texts) == ()
    assert found(*texts, header="Internal comment") == ()


def test_the_line_that_a_note_offers_can_be_used_as_it_stands(tmp_path: Path) -> None:
    (told,) = found("31.03.2026", header="attr:delivery_date")
    line = told.partition("of a mapping file: ")[2]
    path = tmp_path / "map.toml"
    path.write_text(f"[attributes]\n{line}\n", encoding="utf-8")
    by = resolve(headers("Order ID", "attr:delivery_date"), file=read_mapping_file(path))
    asked = map_row(row_of("83600", "31.03.2026"), by, sheet=None)
    assert isinstance(asked, OrderUpdate)
    assert [one.value for one in asked.operations] == ["2026-03-31"]
