from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ordersheet.core.errors import SourceError, UsageError
from ordersheet.core.model import CellKind
from ordersheet.loader.cells import text_problem
from ordersheet.loader.csv.dialect import find_delimiter
from ordersheet.loader.csv.reader import CsvTable, open_csv
from ordersheet.loader.error_words import ERROR_WORDS

if TYPE_CHECKING:
    from pathlib import Path


def is_id(text: str) -> bool:
    return text.casefold() in ("order id", "bestellnummer")


@pytest.fixture
def opened(tmp_path: Path) -> Any:
    def opened(content: str | bytes, **options: str) -> CsvTable:
        path = tmp_path / "orders.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return open_csv(path, is_id_header=is_id, **options)

    return opened


def shown(table: CsvTable) -> list[tuple[int, list[str]]]:
    width = len(table.headers)
    return [
        (row.number, [row.cells[column].shown if column in row.cells else "" for column in range(width)])
        for row in table.rows()
    ]


def refused(opened: Any, content: str | bytes, **options: str) -> SourceError:
    with pytest.raises(SourceError) as caught:
        opened(content, **options)
    return caught.value


# ---- rows and cells ----


def test_rows_have_the_numbers_of_a_spreadsheet_program(opened):
    table = opened('Order ID;Note\r\n1;"two\r\nlines"\r\n\r\n;\r\n2;b\r\n')
    assert shown(table) == [(2, ["1", "two\r\nlines"]), (5, ["2", "b"])]
    assert shown(table) == shown(table)
    assert table.facts.line_ending == "\r\n"


def test_only_the_columns_asked_for_are_rendered(opened):
    table = opened("Order ID,A,B\n1,x,y\n2,,z\n")
    assert [dict(row.cells.items()).keys() for row in table.rows([1])] == [{1}, set()]
    cell = next(table.rows([1])).cells[1]
    assert (cell.shown, cell.value, cell.kind, cell.address, cell.problem) == (
        "x",
        "x",
        CellKind.TEXT,
        "B2",
        None,
    )


def test_text_is_never_turned_into_nothing(opened):
    words = ["NA", "N/A", "None", "null", "nan", "NULL", " ", "\u00a0", "0", "-"]
    table = opened("Order ID,Note\n" + "".join(f"{n},{word}\n" for n, word in enumerate(words, 1)))
    assert [cells[1] for _, cells in shown(table)] == words


@pytest.mark.parametrize(
    "word", ["#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#BEZUG!"]
)
def test_an_error_word_is_refused_in_its_cell_and_nowhere_else(opened, word):
    table = opened(f"Order ID,Note,Other\n1,{word},x\n2,see {word},x\n")
    first, second = table.rows()
    assert first.cells[1].kind is CellKind.ERROR
    assert word in str(first.cells[1].problem)
    assert first.cells[2].problem is None
    assert second.cells[1].problem is None


def test_the_header_row_is_found_below_a_title(opened):
    table = opened("Week 47\n\nOrder ID;Note\n1;a\n")
    assert table.facts.header_row == 3
    assert shown(table) == [(4, ["1", "a"])]


def test_a_title_that_reads_like_a_header_is_a_title(opened):
    table = opened("Order ID;\nOrder ID;Note\n1;a\n")
    assert table.facts.header_row == 2


def test_headers_are_folded_and_told_apart_from_empty_columns(opened):
    table = opened('" Order\n ID ";;Note;\n1;x;;\n')
    assert [(h.text, h.filled) for h in table.headers] == [("Order ID", True), ("", True), ("Note", False)]


def test_a_report_fed_in_again_is_recognised(opened):
    table = opened("Order ID,update_status,update_outcome,update_message,update_time\n1,ok,applied,,\n")
    assert table.facts.result_columns == (1, 2, 3, 4)
    apart = opened("Order ID,update_status,update_outcome,x,update_message,update_time\n1,ok,applied,,,\n")
    assert apart.facts.result_columns == ()


def test_a_big_cell_is_read_and_a_bigger_one_is_refused(opened):
    table = opened("Order ID,Note\n1," + "x" * 3_000_000 + "\n")
    assert len(next(table.rows()).cells[1].shown) == 3_000_000
    assert refused(opened, "Order ID,Note\n1," + "x" * (17 << 20) + "\n").code == "bomb"


# ---- what refuses a row or a file ----


def test_a_ragged_row_is_a_problem_and_shows_no_cells(opened):
    table = opened("Order ID,Note\n1,a\n2,b,c\n3\n4,d\n5,e\n")
    rows = list(table.rows())
    assert [(row.number, bool(row.problem), bool(row.cells)) for row in rows] == [
        (2, False, True),
        (3, True, False),
        (4, True, False),
        (5, False, True),
        (6, False, True),
    ]
    assert "3 fields, more than" in str(rows[1].problem)
    assert "1 field, fewer than" in str(rows[2].problem)


def test_mostly_ragged_rows_refuse_the_file(opened):
    error = refused(opened, "Order ID,Note\n1,2,a\n2,3,b\n3,c\n")
    assert error.code == "mostly-ragged"
    assert "2 of 3 rows" in str(error)


@pytest.mark.parametrize(
    ("content", "line", "row"),
    [
        ('Order ID,Note\n1,a\n2,"b\n3,c\n', 3, 3),
        ('Order ID,Note\n1,"a\nb"\n2,"b\n3,"c"\n', 4, 3),
        ('sep=,\nOrder ID,Note\n"1\n2","x\n', 4, 2),
        ('Order ID,Note\n1,"a" b\n', 2, 2),
        ('Order ID,"Note\n1,a\n', 1, 1),
    ],
)
def test_an_unclosed_quote_is_named_with_its_line(opened, content, line, row):
    error = refused(opened, content)
    assert error.code == "unclosed-quote"
    assert f"line {line} (row {row})" in str(error)


def test_a_quote_that_closes_rows_later_is_noticed(opened):
    table = opened('Order ID,Note\n1,"a\n2,b\n3,c"\n4,"d\nand e, too"\n')
    assert [(row.number, row.problem is not None) for row in table.rows()] == [(2, True), (3, False)]


@pytest.mark.parametrize("content", ["", "\ufeff", "\n\n \n"])
def test_a_file_with_nothing_in_it_is_empty(opened, content):
    assert refused(opened, content).code == "empty-file"


def test_no_id_column_names_what_is_there(opened):
    error = refused(opened, "Ref;Note\n1;a\n")
    assert error.code == "no-id-column"
    assert '"Ref", "Note"' in str(error)


def test_two_id_columns_are_named_with_their_cells(opened):
    error = refused(opened, "x\nOrder ID;Bestellnummer\n1;2\n")
    assert error.code == "two-id-columns"
    assert '"Order ID" (A2) and "Bestellnummer" (B2)' in str(error)


def test_duplicate_headers_matter_among_sent_columns_alone(opened):
    table = opened("Order ID,Note,Note\n1,a,b\n")
    table.refuse([0], hidden="refuse")
    with pytest.raises(SourceError) as caught:
        table.refuse([0, 1], hidden="include")
    assert caught.value.code == "duplicate-headers"
    assert [problem.cell for problem in caught.value.problems] == ["B1", "C1"]


def test_a_header_alone_is_a_table_without_rows(opened):
    table = opened("Order ID;Note")
    assert list(table.rows()) == []
    assert table.facts.line_ending is None


# ---- encodings ----


@pytest.mark.parametrize(
    ("encoding", "name", "source"),
    [
        ("utf-8", "utf-8", "strict UTF-8"),
        ("utf-8-sig", "utf-8-sig", "byte order mark"),
        ("utf-16", "utf-16", "byte order mark"),
        ("utf-32", "utf-32", "byte order mark"),
        ("utf-16-le", "utf-16-le", "UTF-16 without a mark"),
        ("utf-16-be", "utf-16-be", "UTF-16 without a mark"),
        ("cp1252", "cp1252", "letters"),
    ],
)
def test_an_encoding_is_recognised(opened, encoding, name, source):
    text = "Bestellnummer;Notiz\r\n83651;Größe zu klein, bitte prüfen – danke für Ihre Mühe\r\n"
    table = opened(text.encode(encoding))
    assert (table.facts.encoding, table.facts.encoding_from) == (name, source)
    assert shown(table) == [(2, ["83651", "Größe zu klein, bitte prüfen – danke für Ihre Mühe"])]


def test_the_option_decides(opened):
    content = "Order ID;Note\n1;Å\n".encode("cp850")
    table = opened(content, encoding="CP850")
    assert (table.facts.encoding, table.facts.encoding_from) == ("cp850", "option")
    assert shown(table) == [(2, ["1", "Å"])]


def test_the_option_keeps_a_byte_order_mark_out_of_the_header(opened):
    assert opened("\ufeffOrder ID\n1\n", encoding="UTF8").facts.encoding == "utf-8-sig"
    assert opened("Order ID\n1\n".encode("utf-16"), encoding="utf-16").facts.encoding == "utf-16"
    assert opened("Order ID\n1\n".encode("utf-16-be"), encoding="utf-16").facts.encoding == "utf-16-be"


def test_what_does_not_decode_is_named_by_line_and_byte(opened):
    error = refused(opened, b"Order ID\r\n1\r\n\xff\r\n", encoding="utf-8")
    assert error.code == "encoding"
    assert "line 3, byte 14 (0xFF)" in str(error)


def test_a_late_byte_decides_against_utf8(opened):
    content = b"Order ID;Note\n" + b"1;ok\n" * 500_000 + "2;für\n".encode("cp1252")
    assert opened(content).facts.encoding_from == "letters"


@pytest.mark.parametrize("wanted", ["klingon", "rot13", "hex"])
def test_an_unknown_encoding_is_a_fault_of_the_call(opened, wanted):
    with pytest.raises(UsageError, match="is no text encoding"):
        opened("Order ID\n1\n", encoding=wanted)


def test_nul_bytes_are_refused_with_their_place(opened):
    error = refused(opened, b"Order ID;Note\n1;a\n2;b\0c\n")
    assert error.code == "nul-bytes"
    assert "byte 22, line 3" in str(error)
    assert refused(opened, "Order ID;Note\n1;a\0\n".encode("utf-16")).code == "nul-bytes"


# ---- dialects ----


@pytest.mark.parametrize("delimiter", [";", "\t", "|", ","])
def test_a_delimiter_is_found_among_texts_full_of_the_others(opened, delimiter):
    others = " ".join({";", "\t", "|", ","} - {delimiter})
    text = f"Order ID{delimiter}Note\n" + "".join(f"{n}{delimiter}{others}\n" for n in range(1, 9))
    assert opened(text).facts.delimiter == delimiter


@pytest.mark.parametrize("first", ["sep=|", "SEP=|", '"sep=|"'])
def test_a_separator_line_decides_and_is_no_row(opened, first):
    table = opened(f"{first}\r\nOrder ID|Note;x\r\n1|a;b\r\n")
    assert (table.facts.delimiter, table.facts.separator_line) == ("|", True)
    assert table.facts.header_row == 1
    assert shown(table) == [(2, ["1", "a;b"])]


def test_the_delimiter_option_decides(opened):
    assert opened("Order ID:Note\n1:a\n", delimiter=":").facts.delimiter == ":"
    assert opened("sep=;\nOrder ID\tNote\n1\ta\n", delimiter="tab").facts.delimiter == "\t"
    with pytest.raises(UsageError, match="cannot part fields"):
        opened("Order ID\n1\n", delimiter="::")


def test_a_delimiter_that_cuts_quoted_texts_in_two_is_none():
    sample = 'Ref,a;b\n1,"x; y"\n2,"z; z"\n'
    assert find_delimiter(sample, is_id) == ","


def test_a_list_of_one_column_keeps_its_ids_whole(opened):
    assert opened("Order ID\n1\n2\n").facts.delimiter == ","
    assert shown(opened("Order ID\n83,651\n83,652\n")) == [(2, ["83,651"]), (3, ["83,652"])]


FIELD = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\r\t\";,|'= "), max_size=12
).filter(lambda text: text not in ERROR_WORDS and text_problem(text) is None)


@pytest.mark.parametrize(
    ("field", "sign"),
    [("\u200b83651", "U+200B"), ("83651\ufeff", "U+FEFF"), ("a\x1fb", "U+001F"), ("\u2800", "U+2800"),
     ('"=DISPIMG(""ID_1"",1)"', "picture"), ('"=""a\u200e"""', "U+200E")],
)  # fmt: skip
def test_a_sign_that_is_not_seen_is_named(opened, field, sign):
    (row,) = opened(f"Order ID,Note\n{field},{field}\n".encode(), encoding="utf-8").rows()
    assert all(sign in (cell.problem or "") for cell in row.cells.values())
    assert len(row.cells) == 2


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    records=st.lists(st.tuples(st.integers(1, 10**9).map(str), FIELD, FIELD), min_size=1, max_size=8),
    delimiter=st.sampled_from(";\t|,"),
    ending=st.sampled_from(["\r\n", "\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"]),
    final=st.booleans(),
)
def test_what_the_csv_module_writes_is_read_as_it_was(opened, records, delimiter, ending, encoding, final):
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=ending, quoting=csv.QUOTE_ALL)
    writer.writerow(["Order ID", "Note", "Last"])
    writer.writerows(records)
    content = out.getvalue() if final else out.getvalue().removesuffix(ending)
    table = opened(content.encode(encoding), encoding=encoding)
    assert table.facts.delimiter == delimiter
    assert table.facts.line_ending == ending
    read = [row for row in table.rows() if row.problem is None]
    swallowed = {row.number for row in table.rows()} - {row.number for row in read}
    expected = {number: list(record) for number, record in enumerate(records, 2)}
    error_words = {row.number for row in read for cell in row.cells.values() if cell.problem}
    assert not error_words
    assert {row.number: [row.cells[c].shown if c in row.cells else "" for c in range(3)] for row in read} == {
        number: record for number, record in expected.items() if number not in swallowed
    }


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Ordernummer;Namn\r\n1;Åsa\r\n", "cp1252"),
        ("Ordrenummer;Kommentar\r\n83651;Forsinket på grunn av snø, må ringe\r\n", "cp1252"),
        ("Order;Note\r\n1;costs 5 €\r\n", "cp1252"),
        ("Numéro;Commentaire\r\n83651;Réexpédié le 3 février, retardé à cause de la grève\r\n", "cp1252"),
        ("Bestellnummer;Notiz\r\n83651;Größe zu klein, Rücksendung\r\n", "cp850"),
        ("Numer;Uwagi\r\n83651;Opóźniona przesyłka, proszę zadzwonić\r\n", "cp1250"),
    ],
)
def test_short_legacy_files_are_read_right(tmp_path, text, encoding):
    path = tmp_path / "orders.csv"
    path.write_bytes(text.encode(encoding))
    first = text.partition(";")[0]
    table = open_csv(path, is_id_header=lambda header: header == first)
    assert next(table.rows()).cells[1].shown == text.splitlines()[1].partition(";")[2]


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ('1;"a;b\n2;c";d\n', True),
        ('1;"a;b\n2;c;d\n3;e";f\n', True),
        ('1;"a;b\n;c";d\n', False),
        ('1;"a;b\nx;c";d\n', False),
        ('1;"a\n2;c";d\n', False),
        ('1;a;"b\n2;c;d"\n', True),
        ('1;a;"b\n2 and c; d"\n', False),
    ],
)
def test_a_quote_that_opens_in_one_row_and_closes_in_another_is_noticed(opened, text, bad):
    (row,) = opened(f"Order ID;Internal comment;Place\n{text}").rows()
    assert bool(row.problem) is bad


# ---- how a file ends, and texts that are kept texts ----


@pytest.mark.parametrize("end", ["\x1a", "\r\n\x1a", "\r\n\x1a\r\n", "\r\n\x1a\x1a\n"])
def test_the_old_mark_for_the_end_is_no_row(opened, end):
    table = opened(f"Order ID;Note\r\n1;a\r\n2;b{end}")
    assert shown(table) == [(2, ["1", "a"]), (3, ["2", "b"])]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_the_old_mark_is_known_in_wide_encodings(opened, encoding):
    table = opened("Order ID;Note\r\n1;a\r\n\x1a".encode(encoding), encoding=encoding)
    assert shown(table) == [(2, ["1", "a"])]


def test_the_same_sign_within_the_file_stays_and_is_named(opened):
    table = opened("Order ID;Note\n1;a\x1ab\n2;c\n")
    problems = [cell.problem for row in table.rows() for cell in row.cells.values() if cell.problem]
    assert len(problems) == 1
    assert "U+001A" in problems[0]
    assert shown(opened("Order ID;Note\n1;a\x1ab\n2;c\n")) == [(2, ["1", "a\x1ab"]), (3, ["2", "c"])]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("Order ID;Note\n1;a\n2;b", True),
        ("Order ID;Note\r\n1;a\r\n2;b", True),
        ("Order ID;Note\n1;a\n2;b\n", False),
        ("Order ID;Note\r1;a\r2;b\r", False),
        ("Order ID;Note\n1;a\n2;b\x1a", True),
        ("Order ID;Note\n1;a\n2;b\n\x1a", False),
        ("Order ID;Note\n1;a", False),
    ],
)
def test_a_last_line_without_its_end_may_be_cut_off(opened, content, told):
    assert any("cut off" in notice for notice in opened(content).facts.notices) is told


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ('="00123"', "00123"),
        ('"=""00123"""', "00123"),
        ('="a""b"', 'a"b'),
        ('"=""a """"b"""""""', 'a "b"'),
        ('=""', ""),
        ('="a"&"b"', '="a"&"b"'),
        ("=00123", "=00123"),
        ('"=""open"', '="open'),
        ('="#N/A"', "#N/A"),
    ],
)
def test_a_text_that_excel_is_told_to_keep_one_is_that_text(opened, field, text):
    table = opened(f"Order ID;Note;Last\n1;{field};x\n")
    assert shown(table) == [(2, ["1", text, "x"])]
    assert not any(cell.problem for row in table.rows() for cell in row.cells.values())


def test_an_id_may_be_kept_a_text_too(opened):
    assert shown(opened('Order ID;Note\n="83651";x\n')) == [(2, ["83651", "x"])]


@given(
    text=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(
        lambda text: "#" not in text and text_problem(text) is None
    )
)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_may_be_kept_one(opened, text):
    out = io.StringIO(newline="")
    doubled = text.replace('"', '""')
    csv.writer(out, delimiter=";").writerows([["Order ID", "Note"], ["1", f'="{doubled}"']])
    assert shown(opened(out.getvalue())) == [(2, ["1", text])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("sign", ["\u200b", "\u200e", "\u2800", "\x1f", "\x7f", "\xad", "\ufeff"])
def test_a_sign_that_is_not_seen_is_named_in_a_text_and_in_an_id(opened, sign, encoding):
    table = opened(f"Order ID;Note\n83651{sign};a\n2;b{sign}\n3;c\n".encode(encoding))
    problems = {
        cell.address: cell.problem for row in table.rows() for cell in row.cells.values() if cell.problem
    }
    assert set(problems) == {"A2", "B3"}
    assert all(f"U+{ord(sign):04X}" in text for text in problems.values())


def test_a_soft_hyphen_of_a_code_page_is_named(opened):
    content = "Order ID;Note\n1;Rück\xadsendung später\n2;für Jürgen Müller\n".encode("cp1252")
    assert [
        cell.address for row in opened(content).rows() for cell in row.cells.values() if cell.problem
    ] == ["B2"]


def test_a_picture_of_wps_is_named(opened):
    table = opened('Order ID;Note\n1;"=DISPIMG(""ID_1"",1)"\n')
    assert [cell.address for row in table.rows() for cell in row.cells.values() if cell.problem] == ["B2"]
