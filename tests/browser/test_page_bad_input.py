"""What goes wrong is one sentence in the page that says what to do, and nothing is sent by accident."""

from __future__ import annotations

import html
import io
import re
import socket
import subprocess
import sys
import zipfile
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import openpyxl
import pytest
from openpyxl.cell import WriteOnlyCell
from tests.support.browser import page_server
from tests.support.clerk import alert, clerk_of, figure

from ordersheet.sandbox.app import SandboxConfig
from ordersheet.sandbox.faults import parse_fault
from ordersheet.sandbox.server import running
from ordersheet.sandbox.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.support.browser import PageServer

    from ordersheet.sandbox.server import Running

RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
    'relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>'
)
HEAD = "Order ID;Internal comment\n"


@pytest.fixture
def clerk(shared_server):
    with clerk_of(shared_server) as clerk:
        yield clerk


def bomb() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("_rels/.rels", RELATIONS)
        archive.writestr("xl/workbook.xml", b"<workbook>" + b" " * (64 * 2**20))
    return made.getvalue()


BAD = {
    "nothing": ("empty.xlsx", b"", "has 0 bytes. Save it again"),
    "picture": ("picture.xlsx", b"\x89PNG\r\n\x1a\n" + b"\0" * 200, "picture"),
    "page": ("saved.xls", b"<html><body><table><tr><td>Order ID</td></tr></table></body></html>", "HTML"),
    "bomb": ("bomb.xlsx", bomb(), "more than a real sheet needs"),
    "no orders": ("a.csv", b"Name;Text\nx;y\n", "or choose one below"),
    "half": ("half.xlsx", b"PK\x03\x04" + b"x" * 100, "damaged|cut off|incomplete"),
    "headers alone": ("head.csv", HEAD.encode(), "no rows|no data|no row"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_one_sentence(clerk, kind):
    name, data, says = BAD[kind]
    path = clerk.drop(name, data)
    page = clerk.settled(path)
    told = alert(page.split('id="changes"')[1])
    assert re.search(says, told), told
    assert "Traceback" not in page
    assert "--" not in told
    sent = clerk.client.post(path + "/send", data={"once": "0" * 16})
    assert sent.status_code == 409
    assert clerk.client.get("/runs").text.count("/runs/") == 0


def test_a_person_chooses_the_column_of_order_ids(clerk):
    path = clerk.drop("a.csv", b"Our ref;Internal comment\n83601;hello\n")
    assert "Which column holds the order IDs?" in clerk.settled(path)
    clerk.choose(path, "columns", order="Our ref")
    assert "of 1 rows to send" in clerk.settled(path)


def test_a_wide_sheet_long_cells_and_letters_from_right_to_left_fit(clerk):
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(["Order ID", "Internal comment", *(f"h{number}" for number in range(16_382))])
    longest = ("שלום " * 6_554)[:32_767]
    for number in range(3):
        sheet.append([83600 + number, WriteOnlyCell(sheet, longest)])
    made = io.BytesIO()
    book.save(made)
    path = clerk.drop("wide.xlsx", made.getvalue())
    page = clerk.settled(path)
    assert "of 3 rows to send" in page
    assert 'dir="auto">שלום' in page
    assert len(page.encode()) < 200_000
    assert "Further columns" in page
    assert "XFD" in clerk.client.get(path + "?column=16368").text
    assert clerk.client.get(path + "/rows/2?column=1").json()["text"] == longest
    told = clerk.client.post(path + "/cells", data={"row": "2", "cell-1": longest + "x"})
    assert "more than 32,767 characters" in told.text
    assert told.status_code == 409


def test_a_profile_that_is_gone_is_one_sentence(clerk):
    path = clerk.drop("a.csv", (HEAD + "1;x\n").encode(), profile="gone")
    page = clerk.settled(path)
    assert "There is no profile 'gone'" in page
    assert "Traceback" not in page
    assert '/send"' not in page


def test_a_form_without_a_file_and_a_strange_address_are_sentences(clerk):
    client = clerk.client
    assert "No file was chosen" in client.post("/files", files={"file": ("", b"")}).text
    assert client.get("/files/../../etc/passwd").status_code == 404
    assert "nothing at this address" in client.get("/files/0123456789abcdef").text
    assert client.get("/orders?id=" + "9" * 400).status_code == 200
    assert client.get("/runs?search=%00%ff").status_code == 200


def test_two_gigabytes_are_refused_in_one_sentence_before_they_come(shared_server):
    port = urlsplit(shared_server.root).port
    with shared_server.client() as client:
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    head = (
        f"POST /files HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: {shared_server.root}\r\n"
        f"Cookie: {cookie}\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        f"Connection: close\r\nContent-Length: {2 * 2**30 + 1}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        wire.sendall(head.encode())
        answer = wire.makefile("rb").read().decode()
    assert answer.startswith("HTTP/1.1 413")
    assert "The file is larger than 2.0 GB. Split it, or save it as CSV" in answer


# ---- what goes wrong later ----


def test_a_key_that_stops_working_in_mid_run_is_told_and_the_rest_goes_on_later(tmp_path):
    store = Store(tmp_path / "store.db")
    rows = "".join(f"{83600 + number};row {number}\n" for number in range(6))
    config = SandboxConfig(faults=[parse_fault("401:3")])
    with (
        running(store, config) as sandbox,
        server_for(tmp_path, sandbox) as server,
        clerk_of(server) as clerk,
    ):
        path = clerk.drop("key.csv", (HEAD + rows).encode())
        clerk.settled(path)
        page = clerk.send(path)
        told = alert(page)
        assert "key" in told
        assert "--" not in told
        assert figure(page, "ok") < 6
        assert "Send what is not done" in page
        assert figure(clerk.send(path), "ok") == 6
    for number in range(6):
        found = store.get(83600 + number)
        assert found is not None
        assert found.internal_comment.count(f"row {number}") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
def test_a_full_disk_is_one_sentence_wherever_it_strikes(tmp_path):
    import resource

    store = Store(tmp_path / "store.db")
    rows = "".join(f"{83600 + number};{'x' * 60}\n" for number in range(1500))
    with (
        running(store, SandboxConfig()) as sandbox,
        server_for(tmp_path, sandbox) as server,
        clerk_of(server) as clerk,
    ):

        def leave(size: int) -> None:
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

        leave(50_000)
        answer = clerk.client.post("/files", files={"file": ("a.csv", (HEAD + rows).encode())})
        assert answer.status_code == 409
        assert "Make room on the disk, then choose it again." in answer.text
        leave(len(rows) + 1000)
        path = clerk.drop("b.csv", (HEAD + rows).encode())
        told = alert(clerk.settled(path))
        assert "room" in told, told
        assert clerk.client.post(path + "/send", data={"once": "0" * 16}).status_code == 409
        leave(resource.RLIM_INFINITY)
        clerk.choose(path, "reading", delimiter="semicolon")
        assert figure(clerk.settled(path), "of 1,500 rows to send") == 1500
        form = clerk.form_to_send(path)
        leave(1)
        answer = clerk.client.post(path + "/send", data=form)
        assert answer.status_code == 409
        assert "room" in html.unescape(answer.text)
        assert all("x" * 60 not in order.internal_comment for order in store)
        leave(resource.RLIM_INFINITY)
        clerk.client.post(path + "/cells", data={"row": "2", "cell-1": "mended"})
        assert "mended" in clerk.settled(path)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of a few megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    made = ["mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs", str(place)]
    if sys.platform != "linux" or subprocess.run(made, capture_output=True, check=False).returncode:
        pytest.skip("only root may make a small disk")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@contextmanager
def filled(place: Path) -> Iterator[None]:
    """Fill a disk to its last byte."""
    path = place / "filling"
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    try:
        yield
    finally:
        path.unlink()


@contextmanager
def no_file_grows(process: int) -> Iterator[None]:
    """Let a process write nothing that makes a file longer."""
    import resource

    resource.prlimit(process, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(process, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
def test_a_file_that_may_not_grow_in_mid_run_is_told_and_the_rest_goes_on_later(tmp_path):
    goes_on_after(tmp_path, no_file_grows)


def test_a_disk_that_fills_in_mid_run_is_told_and_the_rest_goes_on_later(small_disk):
    page = goes_on_after(small_disk, lambda _: filled(small_disk))
    assert "The disk that holds the ledger" in alert(page)
    assert "Send what is not done" in page


def goes_on_after(folder: Path, full: Callable[[int], AbstractContextManager[None]]) -> str:
    """Send a sheet while the disk fills; see that all of it arrives once, later. Give the page meanwhile."""
    count = 80
    rows = "".join(f"{83600 + number};row {number}.\n" for number in range(count))
    store = Store(orders=range(83600, 83600 + count))
    with (
        running(store, SandboxConfig(latency=0.2)) as sandbox,
        server_for(folder, sandbox, HOME=str(folder)) as server,
        clerk_of(server) as clerk,
    ):
        path = clerk.drop("full.csv", (HEAD + rows).encode())
        clerk.settled(path)
        address = clerk.client.post(path + "/send", data=clerk.form_to_send(path)).headers["location"]
        while not any("row 9." in order.internal_comment for order in store):
            assert clerk.is_live(address)
        with full(server.process.pid):
            page = clerk.ended(address)
            assert "disk" in alert(page)
            assert "Traceback" not in page
            assert "--" not in alert(page)
        assert "not finished: go on" in clerk.client.get("/runs").text
        clerk.client.get(path)
        assert "to send" in clerk.settled(path)
        sent = clerk.send(path)
        assert figure(sent, "ok") == count
    texts = [order.internal_comment for order in store]
    assert [sum(text.count(f"row {number}.") for text in texts) for number in range(count)] == [1] * count
    return page


def server_for(folder: Path, sandbox: Running, **environ: str) -> AbstractContextManager[PageServer]:
    home = folder / "home"
    home.mkdir(mode=0o700)
    told = {"ORDERSHEET_BASE_URL": sandbox.base_url, "ORDERSHEET_API_KEY": sandbox.key}
    return page_server(home, environ={"ORDERSHEET_SETTLE": "1", **told, **environ})
