"""A server on localhost is open to every page in the browser: what keeps them out (docs/security.md)."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from urllib.parse import urlsplit

import httpx
import pytest
from tests.support.browser import page_server
from tests.support.clerk import clerk_of

from ordersheet.sandbox.server import running
from ordersheet.sandbox.store import Store

FORM = {"content-type": "application/x-www-form-urlencoded"}


def test_without_the_cookie_there_is_one_sentence_and_no_content(shared_server):
    for path in ("/", "/runs", "/settings", "/static/page.css", "/files/0123456789abcdef"):
        answer = httpx.get(shared_server.root + path)
        assert answer.status_code == 403
        assert "<p>This page belongs to the person who started it." in answer.text
        assert len(answer.text) < 300


def test_the_token_is_exchanged_once_and_is_gone_from_the_address(server):
    first = httpx.get(server.address)
    assert first.status_code == 303
    assert first.headers["location"] == "/"
    cookie = first.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert httpx.get(server.address).status_code == 403
    assert httpx.get(server.root + "/?token=wrong").status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example", ""])
def test_a_name_that_is_made_to_point_here_reads_nothing(shared_server, host):
    with shared_server.client() as client:
        port = urlsplit(shared_server.root).port
        told = host.replace(":1", f":{port + 1}")
        assert client.get("/", headers={"host": told}).status_code == 421


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_the_computers_own_names_are_answered(shared_server, name):
    with shared_server.client() as client:
        assert (
            client.get("/", headers={"host": f"{name}:{urlsplit(shared_server.root).port}"}).status_code
            == 200
        )


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "null", "sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "http://evil.example", "sec-fetch-site": "same-origin"},
        {},
    ],
)
@pytest.mark.parametrize("path", ["/practise", "/files", "/setup", "/runs/x/stop"])
def test_another_site_changes_nothing_even_with_the_cookie(shared_server, headers, path):
    with shared_server.client() as client:
        del client.headers["origin"]
        answer = client.post(path, headers={**FORM, **headers}, content="x=y")
        assert answer.status_code == 403
        assert "Another site cannot change anything" in answer.text


def test_every_answer_carries_what_keeps_other_pages_out(shared_server):
    with shared_server.client() as client:
        for answer in (
            client.get("/"),
            client.get("/nothing"),
            client.get("/static/page.js"),
            httpx.get(shared_server.root),
        ):
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["cache-control"] == "no-store"


def test_it_listens_on_loopback_alone(shared_server):
    port = urlsplit(shared_server.root).port
    own = socket.gethostbyname(socket.gethostname())
    if own.startswith("127."):
        pytest.skip("this computer has no other address")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((own, port), timeout=5)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_files_and_folders_are_their_owners_alone(server, sample):
    with server.client() as client, sample.open("rb") as file:
        answer = client.post("/files", files={"file": (sample.name, file)})
        assert answer.status_code == 303
        client.get(answer.headers["location"])
    folder = server.ledger.parent / "web"
    for path in (folder, *folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


NAMES = [
    "../../../../tmp/planted.csv",
    "..\\..\\planted.csv",
    "<script>alert(1)</script>.csv",
    'a"b\r\nSet-Cookie: x=y.csv',
    "n" * 300 + ".csv",
    "עברית.csv",
    "CON.csv",
    ".csv",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_planted_file_name_does_no_harm(shared_server, name):
    with shared_server.client() as client:
        answer = client.post("/files", files={"file": (name, b"Order ID;Internal comment\n83601;hello\n")})
        page = client.get(answer.headers["location"])
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        download = client.get(answer.headers["location"] + "/input")
        assert download.headers["content-disposition"].startswith("attachment; ")
        assert "set-cookie" not in download.headers
    files = shared_server.ledger.parent / "web" / "files"
    folder = files / answer.headers["location"].rsplit("/", 1)[-1] / "input"
    assert len(list(folder.iterdir())) == 1


HOSTILE = "<img src=x onerror=alert(1)>\"'&{{7*7}}"


def test_a_hostile_cell_is_shown_as_it_is(shared_server):
    with clerk_of(shared_server) as clerk:
        text = f"Order ID;Internal comment\n83601;{HOSTILE}\nx<b>y;more\n"
        path = clerk.drop("a.csv", text.encode())
        clerk.settled(path)
        page = clerk.client.get(path).text
        assert "<img src=x" not in page
        assert "&lt;img src=x onerror=alert(1)&gt;" in page
        assert "x<b>y" not in page


class HostileStore(Store):
    """A shop that refuses every update with a word of its own."""

    def refusal(self, payload):  # noqa: ARG002 - as Store has it
        return f"order {HOSTILE}"


def test_a_hostile_shop_shows_nothing_but_words_and_the_key_is_in_no_page(home, tmp_path):
    with running(HostileStore(tmp_path / "store.db")) as shop:
        told = {"ORDERSHEET_BASE_URL": shop.base_url, "ORDERSHEET_API_KEY": shop.key}
        with page_server(home, environ=told) as server, clerk_of(server) as clerk:
            path = clerk.drop("a.csv", b"Order ID;Internal comment\n83601;x\n")
            clerk.settled(path)
            sent = clerk.client.post(path + "/send", data=clerk.form_to_send(path))
            clerk.ended(sent.headers["location"])
            run = clerk.client.get(sent.headers["location"], follow_redirects=True)
            assert "<img src=x" not in run.text
            assert "&lt;img src=x" in run.text
            tried = clerk.client.post("/settings/try", data={"profile": ""})
            looked = [
                clerk.client.get(at) for at in ("/", path, "/runs", "/settings", "/orders?id=83601&now=yes")
            ]
            for page in (run, tried, *looked):
                assert page.status_code == 200
                assert shop.key not in page.text
                assert shop.key not in str(page.headers)


def test_nothing_is_logged_but_what_broke(server, sample):
    with server.client() as client, sample.open("rb") as file:
        client.post("/files", files={"file": (sample.name, file)})
    server.end()
    server.close()
    assert "".join(server.stderr) == ""


def test_a_second_start_finds_the_first_and_gets_a_token_of_its_own(server, home):
    with page_server(home) as second:
        assert second.process.wait(20) == 0
        assert second.root == server.root
        assert second.address != server.address
        assert httpx.get(second.address).status_code == 303


def test_a_port_that_is_taken_is_one_sentence(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "ordersheet", "web", "--no-browser"),
                *("--port", str(port), "--ledger", str(tmp_path / "ledger.db")),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.returncode == 2
    assert f"The page cannot listen on port {port}" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("number", [2, 15, 1])
def test_a_signal_ends_it_and_takes_its_note_away(server, number):
    if sys.platform == "win32":
        pytest.skip("signals are POSIX's")
    note = server.ledger.parent / "web" / "server.json"
    assert note.exists()
    assert server.end(number) == 0
    assert not note.exists()


IDLE = """
import subprocess, sys
from pathlib import Path
from ordersheet.web.server import serve
from ordersheet.web.site import SiteConfig

config = SiteConfig(Path(sys.argv[1]), {}, lambda: None, lambda: subprocess.Popen([]), Path())
serve(config, port=0, browser=False, say=print, idle=0.5)
"""


def test_it_ends_by_itself_where_nobody_uses_it(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", IDLE, str(tmp_path / "web")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0
    assert "/?token=" in ended.stdout
    assert ended.stderr == ""
    assert not (tmp_path / "web" / "server.json").exists()
