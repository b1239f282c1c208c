from __future__ import annotations

import io
import random
import struct
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support import handmade_xlsx as hand
from tests.support.compound import compound_file

from ordersheet.core.errors import SourceError
from ordersheet.loader.xlsx.strings import Room, SharedStrings
from ordersheet.loader.xlsx.workbook import open_workbook
from ordersheet.ooxml.limits import LIMITS, Limits
from ordersheet.ooxml.package import open_package

if TYPE_CHECKING:
    from pathlib import Path

ROWS = '<row r="2"><c r="A2" t="s"><v>0</v></c><c r="B2"><f>1+1</f><v>2</v></c></row>'


def refusal(path: Path, limits: Limits = LIMITS) -> SourceError:
    with pytest.raises(SourceError) as refused:
        open_workbook(path, is_id_header=lambda text: text == "Order ID", limits=limits)
    message = str(refused.value)
    assert message.endswith(".")
    assert "Error" not in message
    return refused.value


def changed(tmp_path: Path, change: dict[str, bytes], *, rows: str = ROWS, leave_out: str = "") -> Path:
    parts = hand.parts_of(hand.sheet(rows), shared=hand.strings("<t>x</t>"), style=hand.styles("0.00"))
    parts.update(change)
    parts.pop(leave_out, None)
    return hand.write_parts(tmp_path / "orders.xlsx", parts)


# ---- disguises ----

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "not-a-workbook"),
        (b"PK\x03\x04", "not-a-workbook"),
        (b"PK\x03\x04" + bytes(1000), "not-a-workbook"),
        (b"Order ID;Comment\n1;x\n", "not-a-workbook"),
        (b"<html><table/></html>", "not-a-workbook"),
        (OLE + bytes(2000), "not-a-workbook"),
        (
            compound_file(["EncryptedPackage"]),
            "password",
        ),
    ],
)
def test_what_is_no_workbook_is_said_in_a_sentence(tmp_path, content, code):
    path = tmp_path / "orders.xlsx"
    path.write_bytes(content)
    assert refusal(path).code == code


def test_a_missing_file_is_said_in_a_sentence(tmp_path):
    assert refusal(tmp_path / "none.xlsx").code == "unreadable"


@pytest.mark.parametrize(
    "name", ["xl/workbook.xml", "_rels/.rels", "xl/worksheets/sheet1.xml", "xl/styles.xml"]
)
def test_a_missing_part_is_named(tmp_path, name):
    refused = refusal(changed(tmp_path, {}, leave_out=name))
    assert refused.code == "not-a-workbook"


@pytest.mark.parametrize(
    ("target", "word"), [("xl/workbook.bin", "xlsb"), ("word/document.xml", "no workbook")]
)
def test_other_office_files_are_told_apart(tmp_path, target, word):
    rels = hand.parts_of("")["_rels/.rels"].replace(b"xl/workbook.xml", target.encode())
    body = b'<document xmlns="http://schemas.openxmlformats.org/wordprocessingml/2006/main"/>'
    assert word in str(refusal(changed(tmp_path, {"_rels/.rels": rels, target: body})))


def test_a_zip_of_something_else_is_no_workbook(tmp_path):
    assert "no workbook" in str(
        refusal(hand.write_parts(tmp_path / "a.xlsx", {"orders.csv": b"Order ID\n1\n"}))
    )


# ---- bombs ----


@pytest.mark.parametrize(
    "name",
    ["xl/workbook.xml", "xl/styles.xml", "xl/sharedStrings.xml", "xl/worksheets/sheet1.xml", "_rels/.rels"],
)
def test_entities_are_refused_in_every_part(tmp_path, name):
    parts = hand.parts_of(hand.sheet(ROWS), shared=hand.strings("<t>x</t>"), style=hand.styles())
    bomb = b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + parts[name]
    assert "document type" in str(refusal(changed(tmp_path, {name: bomb})))


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("xl/worksheets/sheet1.xml", hand.sheet("<row><c><v>" * 300)),
        ("xl/sharedStrings.xml", f'<sst xmlns="{hand.MAIN}">' + "<si>" * 300),
        ("xl/styles.xml", f'<styleSheet xmlns="{hand.MAIN}">' + "<a>" * 300),
    ],
)
def test_deep_nesting_ends_in_a_sentence(tmp_path, name, body):
    refusal(changed(tmp_path, {name: body.encode()}))


def test_nesting_is_refused_before_it_costs_memory(tmp_path):
    body = hand.sheet("<row><c><v>" + "<x>" * 60_000).encode()
    assert refusal(changed(tmp_path, {"xl/worksheets/sheet1.xml": body})).code == "bomb"


def test_rows_in_cells_are_refused_at_the_first_one(tmp_path):
    body = hand.sheet("<row><c><v>" * 20_000).encode()
    assert refusal(changed(tmp_path, {"xl/worksheets/sheet1.xml": body})).code == "not-a-workbook"


@pytest.mark.parametrize(
    "limits",
    [
        Limits(parts=3),
        Limits(part=100),
        Limits(small_part=100),
        Limits(total=100),
        Limits(sheets=0),
        Limits(rows=1),
        Limits(shapes=1),
        Limits(row_text=2),
        Limits(styles=1),
        Limits(cell_text=0),
        Limits(blank_strings=0),
    ],
    ids=repr,
)
@pytest.mark.parametrize("rows", [ROWS, ROWS.replace("<c ", "<c\t")], ids=["plain", "unusual"])
def test_every_limit_ends_in_a_sentence(tmp_path, limits, rows):
    shared = hand.strings("<t>x</t>", "<t/>").encode()
    assert refusal(changed(tmp_path, {"xl/sharedStrings.xml": shared}, rows=rows), limits).code == "bomb"


def test_a_part_that_grows_too_much_is_refused_before_it_is_unpacked(tmp_path):
    blanks = " " * (LIMITS.ratio_from + 1)
    refused = refusal(changed(tmp_path, {"xl/worksheets/sheet1.xml": hand.sheet(after=blanks).encode()}))
    assert refused.code == "bomb"


def test_an_endless_tag_is_refused(tmp_path):
    noise = "".join(random.Random(1).choices("abcdefgh", k=400_000))
    assert (
        refusal(changed(tmp_path, {}, rows=f'<row r="2" x="{noise}"/>'), Limits(token=100_000)).code == "bomb"
    )


def test_an_endless_cell_is_refused(tmp_path):
    noise = "".join(random.Random(1).choices("abcdefgh", k=LIMITS.cell_text + 1))
    assert refusal(changed(tmp_path, {}, rows=f'<row><c t="str"><v>{noise}</v></c></row>')).code == "bomb"


def test_a_directory_too_big_to_be_read_is_refused_unread(tmp_path):
    path = changed(tmp_path, {})
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\x05\x06")
    struct.pack_into("<HHI", data, at + 8, 60_000, 60_000, LIMITS.directory + 1)
    path.write_bytes(data)
    assert refusal(path).code == "bomb"


# ---- damage ----


@pytest.mark.parametrize(
    "rows",
    [
        '<row r="3"><c r="A3"/></row><row r="3"><c r="A3"/></row>',
        '<row r="3"/><row r="2"/>',
        '<row r="0"/>',
        '<row r="x"/>',
        '<row r="2"><c r="A3"><v>1</v></c></row>',
        '<row r="12"><c r="A112"><v>1</v></c></row>',
        '<row r="2"><c r="2"><v>1</v></c></row>',
        '<row r="2"><c r="XFE2"><v>1</v></c></row>',
        '<row r="2"><c r="A2"><v>1</v></c><c r="A2"><v>2</v></c></row>',
        '<row r="2"><c r="A2" s="x"><v>1</v></c></row>',
        '<row r="2"><c r="A2" t="s"><v>1</c></row>',
        '<row r="2"><c r="A2"><v>\x01</v></c></row>',
    ],
)
def test_a_sheet_that_contradicts_itself_is_refused(tmp_path, rows):
    assert refusal(changed(tmp_path, {}, rows=rows)).code == "not-a-workbook"


def test_cells_that_are_merely_out_of_order_are_read(tmp_path):
    path = changed(tmp_path, {}, rows='<row r="2"><c r="B2"><v>1</v></c><c r="A2"><v>2</v></c></row>')
    table = open_workbook(path, is_id_header=lambda text: text == "Order ID")
    assert [{at: cell.shown for at, cell in row.cells.items()} for row in table.rows()] == [{1: "1", 0: "2"}]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    "name", ["xl/worksheets/sheet1.xml", "XL/worksheets/SHEET1.xml", "\\xl\\workbook.xml"]
)
def test_two_parts_of_one_name_are_refused(tmp_path, name):
    path = changed(tmp_path, {})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"<a/>")
    assert "two parts" in str(refusal(path))


def test_an_encrypted_part_is_a_password(tmp_path):
    path = changed(tmp_path, {})
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := data.find(mark, at + 1)) >= 0:
            data[at + offset] |= 1
    path.write_bytes(data)
    assert refusal(path).code == "password"


@pytest.mark.parametrize("name", ["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"])
def test_an_unknown_encoding_is_refused(tmp_path, name):
    body = b'<?xml version="1.0" encoding="x-martian"?>' + hand.sheet().encode()
    assert refusal(changed(tmp_path, {name: body})).code == "not-a-workbook"


@pytest.fixture(scope="module")
def workbook_bytes():
    return hand.parts_of(
        hand.sheet(ROWS + '<row r="3" hidden="1"><c r="A3" s="1"><v>1.5</v></c></row>',
                   after='<mergeCells><mergeCell ref="A3:B3"/></mergeCells>'),
        shared=hand.strings("<t>x</t>"), style=hand.styles("0.00"),
    )  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_workbook_is_read_or_refused_and_never_crashes(tmp_path, workbook_bytes, data):
    parts = dict(workbook_bytes)
    name = data.draw(st.sampled_from(sorted(parts)))
    body = bytearray(parts[name])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 6))] = data.draw(
            st.one_of(
                st.binary(max_size=4),
                st.sampled_from([b"<c>", b"</c>", b"<row", b'"', b"<v>", b"9" * 30, b"-"]),
            )
        )
    parts[name] = bytes(body)
    raw = hand.write_parts(tmp_path / "damaged.xlsx", parts)
    read_or_refuse(raw)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_package_is_read_or_refused_and_never_crashes(tmp_path, workbook_bytes, data):
    path = hand.write_parts(tmp_path / "damaged.xlsx", workbook_bytes)
    body = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(body[: data.draw(st.integers(len(body) // 2, len(body)))])
    read_or_refuse(path)


def read_or_refuse(path: Path) -> str:
    try:
        table = open_workbook(path, is_id_header=lambda text: text == "Order ID")
        for row in table.rows():
            assert all(cell.shown or cell.problem for cell in row.cells.values())
        table.refuse([header.column for header in table.headers], hidden="refuse")
    except SourceError as refused:
        return str(refused)
    return ""


# ---- zips as others write them ----


def test_data_descriptors_and_zip64_are_read(tmp_path):
    parts = hand.parts_of(hand.sheet(ROWS), shared=hand.strings("<t>x</t>"))
    stream = io.BytesIO()

    class Unseekable:
        """A pipe: the sizes can only follow the data."""

        def write(self, data: bytes) -> int:
            return stream.write(data)

        def flush(self) -> None:
            stream.flush()

    with zipfile.ZipFile(Unseekable(), "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        for name, body in parts.items():
            with archive.open(name, "w", force_zip64=True) as part:
                part.write(body)
    path = tmp_path / "orders.xlsx"
    path.write_bytes(stream.getvalue())
    table = open_workbook(path, is_id_header=lambda text: text == "Order ID")
    assert [row.cells[0].shown for row in table.rows()] == ["x"]


def test_the_file_is_closed_once_it_is_open_as_a_table(tmp_path):
    path = changed(tmp_path, {})
    table = open_workbook(path, is_id_header=lambda text: text == "Order ID")
    path.unlink()
    assert [row.number for row in table.rows()] == [2]


def test_parts_are_found_whatever_their_case_and_slashes(tmp_path):
    path = hand.write_parts(tmp_path / "a.zip", {"\\XL\\a.xml": b"<a/>"})
    with open_package(path) as opened:
        assert "/xl/A.xml" in opened
        assert b"".join(opened.chunks("xl/a.xml")) == b"<a/>"


# ---- shared strings ----


@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=30), max_size=200))
def test_many_strings_are_kept_as_they_are(texts):
    kept = SharedStrings(room=Room(kept=2048, waiting=500, at_hand=100))
    for text in texts:
        kept.add(text)
    get = kept.get
    order = random.Random(1).sample(range(len(texts)), len(texts))
    assert [get(at) for at in order] == [texts[at] for at in order]
    assert kept.blank == {str(at) for at, text in enumerate(texts) if not text}
    for beyond in (len(texts), len(texts) + 1000):
        with pytest.raises(IndexError):
            get(beyond)
