from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.reporting import result, results

from ordersheet.core.errors import SourceError
from ordersheet.core.model import RESULT_COLUMNS, Problem, TableFacts
from ordersheet.loader import open_table
from ordersheet.reporter import write_problems, write_report

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ordersheet.core.model import RowResult

DONE = b"ok,applied,Done.,2026-11-23T09:30:00Z"


def facts(
    encoding: str = "utf-8",
    delimiter: str = ",",
    header_row: int = 1,
    earlier: tuple[int, ...] = (),
    *,
    stated: bool = False,
    end_mark: int = 0,
) -> TableFacts:
    return TableFacts(
        "csv",
        None,
        header_row,
        encoding=encoding,
        delimiter=delimiter,
        separator_line=stated,
        result_columns=earlier,
        end_mark=end_mark,
    )


def report(folder: Path, data: bytes, rows: Iterable[RowResult], **about: Any) -> bytes:
    source = folder / "in.csv"
    source.write_bytes(data)
    written = write_report(source, facts(**about), rows, folder / "out.csv")
    assert written.note is None
    assert sorted(path.name for path in folder.iterdir()) == ["in.csv", "out.csv"]
    return written.path.read_bytes()


def test_fields_are_appended_and_nothing_else_changes(tmp_path):
    out = report(tmp_path, b'Order ID,Text\r\n1,"a ""b"""\r\n\r\n2,  c\n3,d', results([2, 4, 5]))
    assert out == (
        b"Order ID,Text,update_status,update_outcome,update_message,update_time\r\n"
        b'1,"a ""b""",' + DONE + b"\r\n\r\n2,  c," + DONE + b"\n3,d," + DONE
    )


@pytest.mark.parametrize("end", [b"\x1a", b"\r\n\x1a", b"\r\n\x1a\r\n"])
def test_the_old_mark_for_the_end_stays_at_the_end(tmp_path, end):
    data = b"Order ID,Text\r\n1,a\r\n2,b" + end
    path = tmp_path / "orders.csv"
    path.write_bytes(data)
    about = open_table(path, is_id_header=lambda text: text == "Order ID").facts
    path.unlink()
    out = report(tmp_path, data, results([2, 3]), end_mark=about.end_mark)
    added = b",update_status,update_outcome,update_message,update_time"
    assert out == b"Order ID,Text" + added + b"\r\n1,a," + DONE + b"\r\n2,b," + DONE + end


def test_a_record_with_line_breaks_is_one_row(tmp_path):
    out = report(tmp_path, b'Order ID,Text\n1,"a\r\nb\n"\n2,c\n', results([2, 3]))
    assert out.endswith(b'\n1,"a\r\nb\n",' + DONE + b"\n2,c," + DONE + b"\n")


def test_lines_that_end_with_cr_alone_are_kept(tmp_path):
    out = report(tmp_path, b"Order ID,Text\r1,a\r2,b\r", results([2, 3]))
    assert out.endswith(b"\r1,a," + DONE + b"\r2,b," + DONE + b"\r")


def test_title_lines_and_a_separator_line_stay(tmp_path):
    data = "\ufeffsep=;\r\nOrders of May\r\n\r\nOrder ID;Text\r\n1;ä\r\n".encode()
    out = report(tmp_path, data, results([4]), encoding="utf-8-sig", delimiter=";", header_row=3, stated=True)
    assert out.decode() == (
        "\ufeffsep=;\r\nOrders of May\r\n\r\nOrder ID;Text;" + ";".join(RESULT_COLUMNS) + "\r\n"
        "1;ä;" + DONE.decode().replace(",", ";") + "\r\n"
    )


@pytest.mark.parametrize(
    ("encoding", "python", "mark"),
    [
        ("utf-16", "utf-16-le", b"\xff\xfe"),
        ("utf-16", "utf-16-be", b"\xfe\xff"),
        ("utf-16-le", "utf-16-le", b""),
        ("utf-32", "utf-32-le", b"\xff\xfe\0\0"),
    ],
)
def test_wide_encodings_keep_their_bytes(tmp_path, encoding, python, mark):
    data = mark + "Order ID\tText\r\n1\tåäö\N{PARTY POPPER}\r\n".encode(python)
    out = report(tmp_path, data, results([2]), encoding=encoding, delimiter="\t")
    assert out.startswith(mark + "Order ID\tText\tupdate_status".encode(python))
    assert (
        out[len(mark) :]
        .decode(python)
        .endswith("1\tåäö\N{PARTY POPPER}\t" + DONE.decode().replace(",", "\t") + "\r\n")
    )


def test_what_the_encoding_lacks_is_seen(tmp_path):
    out = report(
        tmp_path,
        "Order ID;ä\n1;ö\n".encode("cp1252"),
        [result(2, message="→ 5 €")],
        encoding="cp1252",
        delimiter=";",
    )
    assert "1;ö;ok;applied;? 5 €;".encode("cp1252") in out


def test_a_formula_in_our_columns_is_disarmed_and_theirs_is_not_touched(tmp_path):
    out = report(tmp_path, b"Order ID,Text\n1,=A1\n", [result(2, message='=HYPERLINK("x")')])
    assert b'1,=A1,ok,applied,"\'=HYPERLINK(""x"")",' in out


def test_a_short_record_shows_its_status_in_place_and_stays_short(tmp_path):
    out = report(tmp_path, b"Order ID,a,b\n1\n2,x,y\n", results([2, 3], bad=[2]))
    header, short, whole = csv.reader(io.StringIO(out.decode()))
    assert short[header.index("update_status")] == "no"
    assert len(short) < len(header) == len(whole)


def test_a_long_record_stays_long(tmp_path):
    out = report(tmp_path, b"Order ID,a\n1,x,y\n", results([2], bad=[2]))
    assert out.endswith(b"\n1,x,y,no,invalid,A2: not a number.,\n")


def test_a_report_fed_in_again_has_its_columns_replaced(tmp_path):
    data = b'Order ID,Text,N\r\n1,"a,b",x\r\n2\r\n3,x,y,z\r\n'
    first = report(tmp_path, data, results([2, 3, 4], bad=[2, 3, 4]))
    second = report(tmp_path, first, results([2, 3, 4], bad=[3, 4]), earlier=(3, 4, 5, 6))
    assert second == first.replace(b"x,no,invalid,A2: not a number.,\r\n2", b"x," + DONE + b"\r\n2")


def test_result_columns_that_were_moved_are_replaced_where_they_are(tmp_path):
    data = b'update_status,update_outcome,update_message,update_time,Order ID\nno,invalid,"old, text",,1\n'
    out = report(tmp_path, data, results([2]), earlier=(0, 1, 2, 3))
    assert out == data.replace(b'no,invalid,"old, text",', DONE)


def test_a_result_without_a_row_is_never_dropped_silently(tmp_path):
    with pytest.raises(ValueError, match="row 3"):
        report(tmp_path, b"Order ID\n1\n", results([2, 3]))


def test_a_file_that_changed_meanwhile_is_an_error(tmp_path):
    with pytest.raises(SourceError, match="changed"):
        report(tmp_path, b'Order ID,a\n1,"x\n', results([2]))


def test_problems_stand_in_one_column(tmp_path):
    source = tmp_path / "in.csv"
    source.write_bytes(b"Order ID\n1\nx\n")
    problems = {3: [Problem("bad-order-id", "Not a number.", row=3, cell="A3"), Problem("other", "Else.")]}
    written = write_problems(source, facts(), problems, tmp_path / "out.csv")
    assert written.path.read_bytes() == b"Order ID,problem\n1\nx,A3: Not a number. | Else.\n"


FIELDS = st.text(st.sampled_from("ab ,;\t|\"'\r\né="), max_size=6)


BARE = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}


def quoted(field: str, *, always: bool) -> str:
    if always or any(letter in field for letter in '",;\t|\r\n'):
        return '"' + field.replace('"', '""') + '"'
    return field


@st.composite
def tables(draw):
    width = draw(st.integers(1, 4))
    row = st.lists(FIELDS, min_size=width, max_size=width)
    return draw(st.lists(row, min_size=1, max_size=6))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=tables(),
    delimiter=st.sampled_from(",;\t|"),
    ending=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-be", "cp932", "gb18030"]),
    always=st.booleans(),
    final=st.booleans(),
)
def test_any_dialect_keeps_its_bytes_and_reads_as_fields_and_results(
    tmp_path, table, delimiter, ending, encoding, always, final
):
    if encoding == "cp932":
        table = [[field.replace("é", "ソ") for field in row] for row in table]
    header = [f"h{n}" for n in range(len(table[0]))]
    lines = [delimiter.join(quoted(field, always=always) for field in row) for row in [header, *table]]
    whole = ending.join(lines) + (ending if final else "")
    source = tmp_path / "in.csv"
    source.write_bytes(whole.encode(encoding))
    before = list(csv.reader(io.StringIO(whole, newline=""), delimiter=delimiter, strict=True))
    rows = [n for n, record in enumerate(before, 1) if any(record) and n > 1]
    about = facts(encoding, delimiter)
    out = write_report(source, about, results(rows), tmp_path / "out.csv").path.read_bytes()
    after = list(csv.reader(io.StringIO(out.decode(encoding), newline=""), delimiter=delimiter, strict=True))
    done = DONE.decode().split(",")
    wanted = [
        r + list(RESULT_COLUMNS) if n == 1 else r + done if n in rows else r for n, r in enumerate(before, 1)
    ]
    assert after == wanted
    for added in (RESULT_COLUMNS, done):
        out = out.replace((delimiter + delimiter.join(added)).encode(BARE.get(encoding, encoding)), b"")
    assert out == source.read_bytes()
