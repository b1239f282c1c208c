"""What goes wrong is one sentence in the page that says what to do, and nothing is sent by accident."""

from __future__ import annotations

import html
import io
import re
import zipfile
from typing import TYPE_CHECKING

import openpyxl
import pytest
from openpyxl.cell import WriteOnlyCell

if TYPE_CHECKING:
    import httpx


def settled(client: httpx.Client, path: str) -> str:
    with client.stream("GET", path + "/events") as news:
        for line in news.iter_lines():
            if '"stage": "done"' in line:
                break
    return client.get(path).text


def dropped(client: httpx.Client, name: str, data: bytes) -> tuple[str, str]:
    answer = client.post("/files", files={"file": (name, data)})
    path = answer.headers["location"]
    return path, html.unescape(settled(client, path))


def bomb() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", b"0" * (64 * 2**20))
    return made.getvalue()


BAD = {
    "nothing": ("empty.xlsx", b"", "has 0 bytes"),
    "picture": (
        "picture.xlsx",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 200,
        "picture|not a spreadsheet|cannot be read|PNG",
    ),
    "bomb": ("bomb.xlsx", bomb(), "."),
    "no orders": ("a.csv", b"Name;Text\nx;y\n", 'choose one under "Columns"'),
    "half": ("half.xlsx", b"PK\x03\x04" + b"x" * 100, "."),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_one_sentence(shared_server, kind):
    name, data, says = BAD[kind]
    with shared_server.client() as client:
        path, page = dropped(client, name, data)
        told = re.search(
            r'<p class="notice bad" role="alert">(.*?)</p>', page.split('id="changes"')[1], re.DOTALL
        )
        assert told, page
        assert re.search(says, told[1])
        assert "Traceback" not in page
        assert "--" not in told[1]
        sent = client.post(path + "/send", data={"once": "0" * 16})
        assert sent.status_code == 409
        assert client.get("/runs").text.count("/runs/") == 0


def test_a_person_chooses_the_column_of_order_ids(shared_server):
    with shared_server.client() as client:
        path, page = dropped(client, "a.csv", b"Our ref;Internal comment\n83601;hello\n")
        assert "Which column holds the order IDs?" in page
        client.post(path + "/columns", data={"order": "Our ref"})
        assert "of 1 rows to send" in settled(client, path)


def test_a_wide_sheet_long_cells_and_letters_from_right_to_left_fit(shared_server):
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(["Order ID", "Internal comment", *(f"h{number}" for number in range(16_382))])
    for number in range(3):
        sheet.append([83600 + number, WriteOnlyCell(sheet, "שלום " * 6_000)])
    made = io.BytesIO()
    book.save(made)
    with shared_server.client() as client:
        path, page = dropped(client, "wide.xlsx", made.getvalue())
        assert "of 3 rows to send" in page
        assert len(page.encode()) < 400_000
        assert "Further columns" in page
        whole = client.get(path + "/rows/2?column=1").json()["text"]
        assert whole == "שלום " * 6_000


def test_a_profile_that_is_gone_is_one_sentence(shared_server):
    with shared_server.client() as client:
        data = {"profile": "gone"}
        answer = client.post(
            "/files", files={"file": ("a.csv", b"Order ID;Internal comment\n1;x\n")}, data=data
        )
        page = html.unescape(settled(client, answer.headers["location"]))
        assert "There is no profile 'gone'" in page
        assert "Traceback" not in page


def test_a_form_without_a_file_and_a_strange_address_are_sentences(shared_server):
    with shared_server.client() as client:
        assert "No file was chosen" in client.post("/files", files={"file": ("", b"")}).text
        assert client.get("/files/../../etc/passwd").status_code == 404
        assert "nothing at this address" in client.get("/files/0123456789abcdef").text
        assert client.get("/orders?id=" + "9" * 400).status_code == 200
        assert client.get("/runs?search=%00%ff").status_code == 200
