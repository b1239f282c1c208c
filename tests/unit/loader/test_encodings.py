"""Every text of a CSV as it was written: read in the page it was saved in, or asked for; never guessed."""

from __future__ import annotations

import csv
import io
import random
import re
from contextlib import suppress
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.support import encodings

from ordersheet.core.errors import SourceError
from ordersheet.core.model import RESULT_COLUMNS
from ordersheet.loader.csv.code_pages import PAGES, possible_pages
from ordersheet.loader.csv.reader import CsvTable, open_csv

if TYPE_CHECKING:
    from pathlib import Path

KNOWN = encodings.phrases()
SENT = set(encodings.SENT)


def is_id(text: str) -> bool:
    return text == "Order ID"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.csv"


def opened(path: Path, content: bytes, columns: set[int] | None = None, **options: Any) -> CsvTable:
    """Open a file and let it refuse what cannot be sent truly, as send does."""
    path.write_bytes(content)
    table = open_csv(path, is_id_header=is_id, **options)
    table.refuse({header.column for header in table.headers} if columns is None else columns, hidden="refuse")
    return table


def refused(path: Path, content: bytes, columns: set[int] | None = None) -> SourceError:
    with pytest.raises(SourceError) as caught:
        opened(path, content, columns)
    assert caught.value.code == "encoding"
    return caught.value


def texts(table: CsvTable, column: int = 1) -> list[str]:
    return [row.cells[column].shown for row in table.rows() if column in row.cells]


def list_of(*comments: str) -> str:
    return "Order ID;Internal comment\r\n" + "".join(f"{n};{text}\r\n" for n, text in enumerate(comments, 1))


# ---- files whose every text is known ----


def test_the_words_of_the_files_are_not_those_that_languages_are_known_by():
    known = files("ordersheet.loader.csv").joinpath("languages.txt").read_text(encoding="utf-8").lower()
    learnt = set(re.findall(r"[^\W\d_]+", known))
    for language, phrases in KNOWN.items():
        used = {
            word.lower() for text in (*phrases.texts, *phrases.names) for word in re.findall(r"\w+", text)
        }
        assert {word for word in used & learnt if len(word) > 3 and not word.isascii()} == set(), language


def verdict(path: Path, made: encodings.MadeFile) -> str:
    try:
        table = opened(path, made.content, SENT)
    except SourceError as error:
        if error.code != "encoding":
            raise
        return "asked"
    if made.truth is None:
        return "wrong"
    for row, record in zip(table.rows(encodings.SENT), made.truth, strict=True):
        for column in SENT:
            cell = row.cells.get(column)
            if (cell.shown if cell else "") != record[column] and (cell is None or cell.problem is None):
                return "wrong"
    return "right"


def test_no_file_of_clerks_is_read_wrongly_and_few_are_asked_for(path):
    asked = {True: 0, False: 0}
    count = {True: 0, False: 0}
    for made in encodings.made_files(400, seed=1):
        found = verdict(path, made)
        assert found != "wrong", (made.language, made.encoding, made.rows)
        if made.language in encodings.NINE and made.rows > 1:
            count[made.rows >= 5] += 1
            asked[made.rows >= 5] += found == "asked"
    assert asked[True] <= count[True] * 0.03
    assert asked[False] <= count[False] * 0.05


def test_what_no_encoding_reads_is_never_sent(path):
    for number in range(60):
        chance = random.Random(number)
        made = encodings.damaged_file(chance, KNOWN, chance.choice((*encodings.NINE, *encodings.OTHERS)))
        assert verdict(path, made) == "asked", (number, made.language, made.encoding)


def test_an_encoding_that_is_no_candidate_is_asked_for(path):
    for number in range(40):
        made = encodings.foreign_file(random.Random(number))
        assert verdict(path, made) != "wrong", (number, made.encoding, made.rows)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    seed=st.integers(0, 10**9), ascii_texts=st.lists(st.sampled_from(["ok", "no", "applied", ""]), min_size=4)
)
def test_columns_in_ascii_never_change_how_a_file_is_read(path, seed, ascii_texts):
    chance = random.Random(seed)
    made = encodings.made_file(chance, KNOWN, chance.choice((*encodings.NINE, *encodings.OTHERS)))
    if made.encoding == "utf-16":
        return
    before = reading(path, made.content)
    text = made.content.decode("latin-1")
    delimiter = re.findall("Order ID(.)", text)[0]
    records = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    for headers in (RESULT_COLUMNS, ("a", "b", "c", "d")):
        out = io.StringIO(newline="")
        writer = csv.writer(out, delimiter=delimiter)
        writer.writerow((*records[0], *headers))
        writer.writerows((*record, *ascii_texts[:4]) for record in records[1:])
        assert reading(path, out.getvalue().encode("latin-1")) == before


def reading(path: Path, content: bytes) -> tuple[object, ...]:
    path.write_bytes(content)
    table = open_csv(path, is_id_header=is_id)
    try:
        table.refuse(SENT, hidden="refuse")
    except SourceError as error:
        return table.facts.encoding, str(error)
    return (table.facts.encoding,)


def test_letters_in_an_earlier_report_do_not_change_how_a_file_is_read(path):
    content = list_of("as\xed es", "ok").encode("mac-roman").replace(b"comment\r\n", b"comment;")
    content = content.replace(b"comment;", b"comment;" + ";".join(RESULT_COLUMNS).encode() + b"\r\n")
    rows = [b";no;invalid;caf\x8e ferm\x8e;\r\n", b";ok;applied;;\r\n"]
    body = content.split(b"\r\n")
    report = b"\r\n".join([body[0], body[1]]) + rows[0] + body[2] + rows[1]
    assert {choice.encoding for choice in refused(path, report).choices} >= {"cp1252", "mac-roman"}


# ---- one of each kind ----


@pytest.mark.parametrize(
    ("comments", "encoding"),
    [
        (["Café", "Refund £7.50 agreed", "Left at neighbour’s", "Customer’s wish – call back"], "cp1252"),
        (["Store at 5 °C"], "cp1252"),
        (["item 0 – late", "item 1 – late"], "cp1252"),
        (["3,81 €", "4,81 €"], "cp1252"),
        (["piñata 0", "piñata 1"], "cp1252"),
        (["Malmö", "på väg"], "cp1252"),
        (["Größe zu klein, Rücksendung"], "cp850"),
        (["René est passé"], "mac-roman"),
        (["Иванов"], "cp1251"),
        (["proszę zadzwonić"], "cp1250"),
        (["καλημέρα"], "cp1253"),
        (["sipariş teşekkürler"], "cp1254"),
        (["prekė grąžinti"], "cp1257"),
    ],
)
def test_a_small_file_is_read_in_the_page_it_was_saved_in(path, comments, encoding):
    table = opened(path, list_of(*comments).encode(encoding))
    assert texts(table) == comments
    assert table.facts.encoding_from == "letters"


def test_two_readings_are_shown_beside_each_other(path):
    error = refused(path, list_of("as\xed es", "ok", "as\xed").encode("mac-roman"))
    choices = {choice.encoding: choice.cells for choice in error.choices}
    assert choices["mac-roman"] == (("B2", "así es"), ("B4", "así"))
    assert choices["cp1252"] == (("B2", "as’ es"), ("B4", "as’"))
    assert "--encoding mac-roman" in str(error)
    assert [(problem.row, problem.cell, problem.value) for problem in error.problems] == [
        (row, f"B{row}", text) for row, (_, text) in zip((2, 4), error.choices[0].cells, strict=True)
    ]
    assert '--encoding mac-roman reads "así"' in error.problems[1].message
    assert "--encoding cp1252" in str(error)


def test_the_readings_of_columns_that_are_not_sent_do_not_matter(path):
    content = list_of("as\xed es").encode("mac-roman")
    assert opened(path, content, {0}).facts.encoding is not None


def test_a_person_decides(path):
    content = list_of("as\xed es").encode("mac-roman")
    assert texts(opened(path, content, encoding="mac-roman")) == ["así es"]
    assert texts(opened(path, content, encoding="cp1252")) == ["as’ es"]


@pytest.mark.parametrize("letter", ["ä", "–", "€"])
def test_utf8_but_for_one_byte_is_named_by_line_and_byte(path, letter):
    good = list_of(*[f"Lieferung {letter} verspätet"] * 60).encode()
    error = refused(path, good + b"61;5 \xb0C\r\n")
    assert f"line 62 holds a byte that is not: byte {len(good) + 6:,} (0xB0)" in str(error)
    assert not error.choices


def test_a_text_of_another_encoding_is_named_with_its_cell(path):
    content = list_of(*["Rückruf wegen Größe"] * 20).encode("cp1252") + "21;Lieferung verspätet\r\n".encode(
        "cp850"
    )
    error = refused(path, content)
    assert [choice.cells for choice in error.choices] == [
        (("B22", "Lieferung versp„tet"),),
        (("B22", "Lieferung verspätet"),),
    ]


def test_a_header_that_only_one_page_reads_as_an_id_decides(path):
    path.write_bytes("Número de pedido;Nota\r\n1;x\r\n".encode("cp850"))
    table = open_csv(path, is_id_header=lambda text: text == "Número de pedido")
    assert table.facts.encoding == "cp850"
    assert table.headers[0].text == "Número de pedido"


def test_bytes_that_no_page_has_are_refused_with_their_line(path):
    error = refused(path, b"Order ID;Internal comment\r\n1;" + bytes(range(128, 256)) + b"\r\n")
    assert "line 2" in str(error)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_gives_controls_or_boxes(page):
    for byte in range(128, 256):
        if page in possible_pages({byte}):
            sign = bytes([byte]).decode(page.name)
            assert sign.isprintable() or sign in "\xa0\xad"
            assert not "\u2500" <= sign <= "\u259f"


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=60))
@example(b"\x81\x8d\x8f\x90\x9d")
@example(b"\xff\xfe")
def test_any_bytes_are_read_or_refused(path, content):
    path.write_bytes(b"Order ID;Internal comment\r\n1;" + content + b"\r\n")
    # Any other error, and any that is not said in words of ours, fails.
    with suppress(SourceError):
        table = open_csv(path, is_id_header=is_id)
        table.refuse({0, 1}, hidden="refuse")
        list(table.rows())
