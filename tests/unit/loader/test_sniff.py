from __future__ import annotations

import io
import os
import zipfile
from datetime import datetime

import pytest
from tests.support.compound import compound_file
from tests.support.handmade_xlsx import parts_of, sheet, write_parts

from ordersheet.core.errors import SourceError, UsageError
from ordersheet.loader import open_table
from ordersheet.loader.sniff import Form, sniff

ODS = "application/vnd.oasis.opendocument.spreadsheet"


def zipped(**parts: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in parts.items():
            # With a date of its own, for these bytes name their tests, and each process must find the same.
            part = zipfile.ZipInfo(name.replace("__", "/").replace("_DOT_", "."), (2026, 1, 1, 0, 0, 0))
            archive.writestr(part, content)
    return out.getvalue()


MANIFEST = (
    '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
    f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{ODS}"/></manifest:manifest>'
)
LOCKED_ODS = zipped(mimetype=ODS, **{"META-INF__manifest_DOT_xml": "<encryption-data/>"})


def is_id(text: str) -> bool:
    return text == "Order ID"


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (b"Order ID\n1\n", Form.CSV),
        ("Order ID\n1\n".encode("utf-16"), Form.CSV),
        (b"ID;Price\n", Form.CSV),
        (b"<clear>;x\n", Form.CSV),
        (zipped(**{"[Content_Types]_DOT_xml": "", "xl__workbook_DOT_xml": ""}), Form.XLSX),
        (zipped(mimetype=ODS, content_DOT_xml=""), Form.ODS),
        (zipped(content_DOT_xml="", **{"META-INF__manifest_DOT_xml": MANIFEST}), Form.ODS),
        (compound_file(["Workbook"], inside=["WordDocument", "1Table"]), Form.XLS),
        (compound_file(["Book", "WordDocument"]), Form.XLS),
        (compound_file(["Workbook"]), Form.XLS),
        (b"\x09\x08\x10\x00\x00\x06\x05\x00", Form.XLS),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.dat", "a"])
def test_the_first_bytes_decide(tmp_path, content, form, name):
    path = tmp_path / name
    path.write_bytes(content)
    assert sniff(path) is form


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", "empty-file", "empty"),
        (b"\xef\xbb\xbf\r\n", "empty-file", "empty"),
        (zipped(xl__workbook_DOT_bin="x"), "wrong-format", ".xlsb"),
        (zipped(Index__Document_DOT_iwa="x"), "wrong-format", "Numbers"),
        (zipped(orders_DOT_csv="Order ID"), "wrong-format", "Unpack it"),
        (zipped(), "wrong-format", "empty zip"),
        (zipped(mimetype="application/vnd.oasis.opendocument.text"), "wrong-format", "no spreadsheet"),
        (LOCKED_ODS, "password", "password"),
        (zipped(**{"[Content_Types]_DOT_xml": "", "word__document_DOT_xml": ""}), "wrong-format", "Word"),
        (zipped(mimetype=ODS)[:40], "not-a-workbook", "damaged"),
        (compound_file(["EncryptedPackage", "EncryptionInfo"]), "password", "password"),
        (compound_file(["a", "b", "c", "d", "WordDocument"]), "wrong-format", "Word"),
        (compound_file(["PowerPoint Document"]), "wrong-format", "PowerPoint"),
        (b"<html><table>", "wrong-format", "HTML"),
        ("<!DOCTYPE html>".encode("utf-16"), "wrong-format", "HTML"),
        (b'\xef\xbb\xbf <?xml?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>',
         "wrong-format", "Excel 2003"),
        (b'<?xml version="1.0"?><office:document xmlns:office="urn:oasis:names:tc:opendocument:x"/>',
         "wrong-format", ".fods"),
        (b'<?xml version="1.0"?><a/>', "wrong-format", "XML"),
        (b"MIME-Version: 1.0\n", "wrong-format", "MHTML"),
        (b"%PDF-1.7", "wrong-format", "PDF"),
        (b"\x1f\x8b\x08", "wrong-format", "Unpack it"),
        (b"\x89PNG\r\n", "wrong-format", "picture"),
        (b"Order ID\n1\n", "not-a-workbook", "plain text"),
        (b"\x01\x02\0\0", "not-a-workbook", "damaged"),
    ],
)  # fmt: skip
def test_everything_else_is_one_sentence_with_the_mend(tmp_path, content, code, words):
    path = tmp_path / "orders.xls"
    path.write_bytes(content)
    with pytest.raises(SourceError) as caught:
        sniff(path)
    assert caught.value.code == code
    assert words in str(caught.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(SourceError, match="There is no file") as missing:
        open_table(tmp_path / "x.csv", is_id_header=is_id)
    assert missing.value.code == "missing-file"
    with pytest.raises(SourceError, match="is a folder") as folder:
        open_table(tmp_path, is_id_header=is_id)
    assert folder.value.code == "is-a-folder"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(SourceError, match="no ordinary file"):
        open_table(tmp_path / "pipe.csv", is_id_header=is_id)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is unreadable to root")
def test_an_unreadable_file_is_named(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_bytes(b"Order ID\n")
    path.chmod(0)
    with pytest.raises(SourceError) as caught:
        open_table(path, is_id_header=is_id)
    assert caught.value.code == "unreadable"


def test_options_of_one_form_are_refused_for_the_other(tmp_path):
    text = tmp_path / "orders.csv"
    text.write_bytes(b"Order ID\n1\n")
    with pytest.raises(SourceError, match="has no sheets") as caught:
        open_table(text, is_id_header=is_id, sheet="Orders")
    assert caught.value.code == "unknown-sheet"
    book = tmp_path / "orders.ods"
    book.write_bytes(zipped(mimetype=ODS))
    with pytest.raises(UsageError, match="--encoding is for CSV"):
        open_table(book, is_id_header=is_id, encoding="utf-8")


@pytest.mark.parametrize(
    ("lock", "program"), [("~$orders.csv", "Excel"), (".~lock.orders.csv#", "LibreOffice")]
)
def test_a_file_that_is_open_elsewhere_is_named_with_its_saved_state(tmp_path, lock, program):
    path = tmp_path / "orders.csv"
    path.write_bytes(b"Order ID\n1\n")
    saved = datetime(2026, 1, 2, 3, 4, 5).astimezone()
    os.utime(path, (saved.timestamp(), saved.timestamp()))
    assert open_table(path, is_id_header=is_id).facts.notices == ()
    (tmp_path / lock).write_bytes(b"x")
    (notice,) = open_table(path, is_id_header=is_id).facts.notices
    assert notice.startswith(f"{program} has orders.csv open")
    assert "2026-01-02 at 03:04:05" in notice


def test_a_workbook_that_is_open_elsewhere_is_named_once(tmp_path):
    path = write_parts(tmp_path / "orders.xlsx", {**parts_of(sheet()), "[Content_Types].xml": b"<Types/>"})
    (tmp_path / "~$orders.xlsx").write_bytes(b"x")
    (notice,) = open_table(path, is_id_header=is_id).facts.notices
    assert notice.startswith("Excel has orders.xlsx open")
