from __future__ import annotations

import csv
import io
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.reporter.text import CELL_LIMIT, SHORTENED, csv_field, fit, guarded, xml_text

TEXTS = st.text(
    st.characters(codec="utf-8") | st.sampled_from("\0\x01\t\r\n\"';=+-@_x0041\ufffe"), max_size=60
)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_a_text_that_would_run_as_a_formula_gets_an_apostrophe(start):
    assert guarded(start + "cmd") == "'" + start + "cmd"


def test_an_ordinary_text_gets_no_apostrophe():
    assert guarded("Not found = gone") == "Not found = gone"


@given(TEXTS, st.sampled_from(",;\t|"))
def test_a_csv_field_is_read_back_as_it_was_meant(text, delimiter):
    line = f"a{delimiter}{csv_field(text, delimiter)}{delimiter}b\r\n"
    assert list(csv.reader(io.StringIO(line, newline=""), delimiter=delimiter, strict=True)) == [
        ["a", guarded(fit(text)), "b"]
    ]


@given(TEXTS)
def test_xml_holds_any_text(text):
    read = ET.fromstring(f"<t>{xml_text(text)}</t>").text or ""
    wanted = fit(text).replace("\r\n", "\n").replace("\r", "\n")
    assert read.replace("_x005F_", "_") == wanted.replace("_x005F_", "_")


@given(st.text(max_size=20))
def test_a_text_that_looks_escaped_stays_a_text(text):
    assert "_x0041_" not in xml_text(text + "_x0041_").replace("_x005F_x0041_", "")


def test_control_characters_become_visible():
    assert fit("a\0b\x1bc\ud800d") == "a\ufffdb\ufffdc\ufffdd"


@given(st.integers(CELL_LIMIT - 30, CELL_LIMIT + 40), st.sampled_from(["a", "\N{PARTY POPPER}"]))
def test_a_long_text_is_shortened_visibly(count, letter):
    text = letter * count
    units = len(text.encode("utf-16-le")) // 2
    shown = fit(text)
    assert len(shown.encode("utf-16-le")) // 2 <= CELL_LIMIT
    assert shown == text if units <= CELL_LIMIT else shown.endswith(SHORTENED)
    assert text.startswith(shown.removesuffix(SHORTENED))
