"""The sandbox as a server: real sockets, real connections that break, a real process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from ordersheet.sandbox.app import SandboxConfig
from ordersheet.sandbox.faults import parse_fault
from ordersheet.sandbox.server import FILE_VARIABLE, Running, find_running, next_commands, note_path, running
from ordersheet.sandbox.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ORDER = 83601
WHOLE = b'{"status": "ok", "order": 83601}'


class Client:
    """A client that sees bytes."""

    def __init__(self, sandbox: Running) -> None:
        parts = urlsplit(sandbox.base_url)
        assert parts.hostname == "127.0.0.1"
        assert parts.port is not None
        self.path = parts.path
        self.key = sandbox.key
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=30)

    def send(self, payload: dict[str, Any] | None) -> None:
        """Send a PUT, or a GET where there is no payload."""
        body = b"" if payload is None else json.dumps(payload).encode()
        line = f"GET {self.path}/orders?order={ORDER}" if payload is None else f"PUT {self.path}/orders"
        headers = f"host: localhost\r\nAPI-Authorization: {self.key}\r\ncontent-length: {len(body)}"
        self.socket.sendall(f"{line} HTTP/1.1\r\n{headers}\r\n\r\n".encode() + body)

    def read(self, end: bytes | None = None) -> bytes:
        """Read up to some bytes, or all that comes before the server closes."""
        data = b""
        while end is None or not data.endswith(end):
            chunk = self.socket.recv(65536)
            if not chunk:
                break
            data += chunk
        return data


@pytest.fixture
def store() -> Store:
    return Store()


def comment(store: Store) -> str:
    order = store.get(ORDER)
    assert order is not None
    return order.comment


def talk(store: Store, *faults: str, **config: Any) -> Any:
    return running(store, SandboxConfig(faults=[parse_fault(fault) for fault in faults], **config))


def test_an_update_over_a_connection_that_stays_open(store: Store) -> None:
    with talk(store) as sandbox:
        client = Client(sandbox)
        for text in ("a", "b"):
            client.send({"order": ORDER, "comment": text})
            assert client.read(WHOLE).startswith(b"HTTP/1.1 200 OK\r\n")
        client.send(None)
        assert b"\r\ndate: " in client.read(b"]}")
        assert comment(store) == "a\nb"
        client.socket.close()


@pytest.mark.parametrize(
    ("fault", "applied"),
    [("close-before", ""), ("close-after", "x"), ("reset-before", ""), ("reset-after", "x")],
)
def test_a_connection_that_ends_without_an_answer(store: Store, fault: str, applied: str) -> None:
    with talk(store, f"{fault}:2") as sandbox:
        client = Client(sandbox)
        client.send({"order": ORDER, "internalComment": "first"})
        client.read(WHOLE)
        client.send({"order": ORDER, "comment": "x"})
        if fault.startswith("close"):
            assert client.read() == b""
        else:
            with pytest.raises(ConnectionResetError):
                client.read()
        assert comment(store) == applied
        client.socket.close()


def test_an_answer_that_ends_halfway(store: Store) -> None:
    with talk(store, "cut") as sandbox:
        client = Client(sandbox)
        client.send({"order": ORDER, "comment": "x"})
        data = client.read()
        assert b"content-length: 32\r\n" in data
        assert data.endswith(WHOLE[:16])
        assert comment(store) == "x"
        client.socket.close()


def test_an_answer_that_is_no_http(store: Store) -> None:
    with talk(store, "garbage") as sandbox:
        client = Client(sandbox)
        client.send({"order": ORDER, "comment": "x"})
        assert not client.read().startswith(b"HTTP/")
        assert comment(store) == "x"
        client.socket.close()


def test_an_answer_byte_by_byte(store: Store) -> None:
    with talk(store, "drip=0") as sandbox:
        client = Client(sandbox)
        client.send({"order": ORDER, "comment": "x"})
        assert client.read().endswith(WHOLE)
        assert comment(store) == "x"
        client.socket.close()


def test_answers_out_of_step(store: Store) -> None:
    with talk(store, "stale:1") as sandbox:
        client = Client(sandbox)
        client.send({"order": ORDER, "comment": "x"})
        data = client.read(WHOLE)
        assert data.index(b'{"status": "ok", "order": 1}') < data.index(WHOLE)
        assert data.count(b"HTTP/1.1 200 OK") == 2
        client.socket.close()


def test_an_update_that_arrives_after_its_answer(store: Store) -> None:
    with talk(store, "late=0:1") as sandbox:
        client = Client(sandbox)
        client.send({"order": ORDER, "comment": "x"})
        assert client.read(b"late").startswith(b"HTTP/1.1 504 ")
        client.send(None)
        assert b'"otherComment": "x"' in client.read(b"]}")
        client.socket.close()


@pytest.mark.parametrize(
    ("fault", "applied"), [("stall-before", ""), ("stall-after", "x"), ("drip=3600", "x")]
)
def test_a_client_that_is_kept_waiting_does_not_keep_the_sandbox_from_stopping(
    store: Store, fault: str, applied: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with talk(store, f"{fault}:1") as sandbox:
        waiting, other = Client(sandbox), Client(sandbox)
        waiting.send({"order": ORDER, "comment": "x"})
        if fault.startswith("drip"):
            assert waiting.socket.recv(1) == b"H"
        other.send({"order": ORDER, "internalComment": "y"})
        other.read(WHOLE)
        while comment(store) != applied:
            other.send(None)
            other.read(b"]}")
        other.socket.close()
    with pytest.raises(ConnectionResetError):
        waiting.read()
    waiting.socket.close()
    assert comment(store) == applied
    assert "Traceback" not in capfd.readouterr().err


def test_reading_can_break_too(store: Store) -> None:
    with talk(store, "get-close:1", "get-cut:2") as sandbox:
        for wanted in (b"", b"HTTP/1.1 200"):
            client = Client(sandbox)
            client.send(None)
            data = client.read()
            assert data[:12] == wanted
            assert b"]}" not in data
            client.socket.close()


# --- where it is -----------------------------------------------------------------------------------------


def test_a_running_sandbox_is_found_by_its_note(store: Store, tmp_path: Path) -> None:
    note = tmp_path / "state" / "sandbox.json"
    assert find_running(note) is None
    with running(store, SandboxConfig(key="k"), note=note) as sandbox:
        assert find_running(note) == sandbox
        assert sandbox.key == "k"
        assert sandbox.state == store.state
        assert f"/s-{store.state}/" in sandbox.base_url
        assert json.loads(note.read_text(encoding="utf-8")).keys() == {"base_url", "key", "pid", "state"}
        if os.name == "posix":
            assert note.stat().st_mode & 0o777 == 0o600
            assert note.parent.stat().st_mode & 0o777 == 0o700
        assert list(note.parent.iterdir()) == [note]
    assert not note.exists()


def test_a_note_that_somebody_else_has_left_since_stays(store: Store, tmp_path: Path) -> None:
    note = tmp_path / "sandbox.json"
    with running(store, note=note), running(Store(), note=note) as second:
        assert find_running(note) == second
    with running(store, note=note):
        note.write_text("{}", encoding="utf-8")
    assert note.read_text(encoding="utf-8") == "{}"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"base_url": "http://127.0.0.1:1/s-a/api", "key": "k", "pid": 1, "state": "a"}']
)
def test_a_note_that_leads_nowhere_finds_nothing(tmp_path: Path, text: str) -> None:
    note = tmp_path / "sandbox.json"
    note.write_text(text, encoding="utf-8")
    assert find_running(note) is None


def test_a_note_of_another_sandbox_on_the_same_port_finds_nothing(store: Store, tmp_path: Path) -> None:
    note = tmp_path / "sandbox.json"
    with running(store) as sandbox:
        note.write_text(json.dumps({**sandbox._asdict(), "state": "0"}), encoding="utf-8")
        assert find_running(note) is None
        elsewhere = sandbox.base_url.replace("127.0.0.1", "localhost")
        note.write_text(json.dumps({**sandbox._asdict(), "base_url": elsewhere}), encoding="utf-8")
        assert find_running(note) is None


def test_the_note_lies_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "here.json"))
    assert note_path() == tmp_path / "here.json"
    monkeypatch.delenv(FILE_VARIABLE)
    assert note_path().name == "sandbox.json"
    assert "ordersheet" in note_path().parts


# --- as a process ----------------------------------------------------------------------------------------

SCRIPT = """
import sys
from pathlib import Path
from ordersheet.sandbox.server import serve
from ordersheet.sandbox.store import Store
serve(Store(Path(sys.argv[1])), port=0, on_ready=lambda sandbox: print(sandbox.base_url, flush=True))
print("left", flush=True)
"""


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, FILE_VARIABLE: str(tmp_path / "note.json")}
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "orders.sqlite")]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as started:
        yield started
        if started.poll() is None:
            started.kill()


@pytest.mark.skipif(os.name != "posix", reason="Windows has no signals that a test could send")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_takes_the_note_away(
    process: subprocess.Popen[str], tmp_path: Path, number: signal.Signals
) -> None:
    assert process.stdout is not None
    base_url = process.stdout.readline().strip()
    sandbox = find_running(tmp_path / "note.json")
    assert sandbox is not None
    assert (sandbox.base_url, sandbox.pid) == (base_url, process.pid)
    client = Client(sandbox)
    client.send({"order": ORDER, "comment": "kept"})
    client.read(WHOLE)
    client.socket.close()
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "left\n", "")
    assert not (tmp_path / "note.json").exists()
    store = Store(tmp_path / "orders.sqlite")
    assert (store.state, comment(store)) == (sandbox.state, "kept")
    store.close()


def test_a_sandbox_that_was_killed_is_not_found(process: subprocess.Popen[str], tmp_path: Path) -> None:
    assert process.stdout is not None
    process.stdout.readline()
    assert find_running(tmp_path / "note.json") is not None
    process.kill()
    process.wait()
    assert (tmp_path / "note.json").exists()
    assert find_running(tmp_path / "note.json") is None


def test_the_next_commands_are_told_for_three_shells() -> None:
    text = next_commands("http://127.0.0.1:8765/s-3f9c2a/api/order-api/1", "it's")
    for line in (
        "ordersheet check FILE",
        "ordersheet send FILE --profile sandbox",
        "export ORDERSHEET_BASE_URL=http://127.0.0.1:8765/s-3f9c2a/api/order-api/1",
        """export ORDERSHEET_API_KEY='it'"'"'s'""",
        "$env:ORDERSHEET_BASE_URL = 'http://127.0.0.1:8765/s-3f9c2a/api/order-api/1'",
        "$env:ORDERSHEET_API_KEY = 'it''s'",
        'set "ORDERSHEET_BASE_URL=http://127.0.0.1:8765/s-3f9c2a/api/order-api/1"',
    ):
        assert line in text
