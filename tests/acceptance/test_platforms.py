"""The command on other systems, in other terminals, and in folders with other letters."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.command import SAMPLES, Desk
from tests.support.loaded_modules import loaded_by

from ordersheet.cli.app import ORDER

SOURCE = Path(__file__).parents[2] / "src"

# What Windows lacks of the standard library, and of what packages import from it.
POSIX_ONLY = (
    "fcntl",
    "pwd",
    "grp",
    "resource",
    "termios",
    "tty",
    "pty",
    "posix",
    "syslog",
    "readline",
    "curses",
)

ELSEWHERE = f"""
import importlib, pkgutil, sys

class Windows:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {POSIX_ONLY!r}:
            raise ImportError("not on Windows: " + name)

# What the interpreter itself and other people's packages need is there before the blocking begins.
import asyncio, getpass, logging, platform, signal, socket, ssl, sqlite3, subprocess, tempfile, zipfile
import click, defusedxml, h11, httpx, keyring, openpyxl, pandas, platformdirs, sqlalchemy, starlette
import tenacity, tqdm, truststore, typer, uvicorn, xlrd, typer.testing
for name in {POSIX_ONLY!r}:
    sys.modules.pop(name, None)
sys.platform = "win32"
for name in ("msvcrt", "winreg"):  # only Windows has them
    sys.modules[name] = type(sys)(name)
sys.meta_path.insert(0, Windows())
import ordersheet
names = [found.name for found in pkgutil.walk_packages(ordersheet.__path__, "ordersheet.")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
assert not {set(POSIX_ONLY)!r} & set(sys.modules)
print(len(names))
"""


def test_every_module_can_be_imported_without_what_only_posix_has():
    done = subprocess.run([sys.executable, "-c", ELSEWHERE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100


def test_no_function_of_posix_alone_is_called_unguarded():
    """Names that do not exist on Windows stand only where the platform, or the name itself, is asked for."""
    missing = re.compile(
        r"\bos\.(geteuid|getuid|getgid|fchmod|fork|kill|killpg|setsid|O_NOFOLLOW)\b|signal\.SIGHUP"
    )
    guard = re.compile(r"os\.name|sys\.platform|hasattr|getattr")
    for path in SOURCE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not missing.search(text) or guard.search(text), path


@pytest.fixture
def desk_with_letters(shop, tmp_path):
    """A desk whose folder and file names have blanks and letters outside ASCII."""
    folder = tmp_path / "Åsas ärenden – 注文 (copy)"
    folder.mkdir()
    desk = Desk(folder, shop.base_url, shop.key)
    desk.file("beställningar och 注文.csv", "Order ID,Internal comment\n83600,Grüße – 注文 €\nx,Øre 🎁\n")
    return desk


COMMANDS = [
    (("doctor",), 0),
    (("check", "beställningar och 注文.csv"), 1),
    (("send", "beställningar och 注文.csv", "--yes", "-v"), 1),
    (("runs",), 0),
    (("show", "last", "--rows"), 0),
    (("show", "--order", "83600"), 0),
    (("report", "last", "--report", "ny rapport – 注.csv"), 0),
    (("template", "mall 注.xlsx"), 0),
    (("sandbox", "--faults"), 0),
    (("purge", "--all", "--yes"), 0),
    (("resolve", "last", "--row", "2", "applied"), 2),
    (("setup",), 0),
    *(((*name.split(), "--help"), 0) for name in ORDER),
]


@pytest.mark.parametrize(
    "terminal",
    [
        {"PYTHONIOENCODING": "cp1252", "COLUMNS": "80"},
        {"PYTHONIOENCODING": "ascii", "NO_COLOR": "1", "TERM": "dumb"},
    ],
    ids=["cp1252", "ascii"],
)
def test_every_command_works_where_letters_cannot_be_shown(desk_with_letters, terminal):
    desk, encoding = desk_with_letters, terminal["PYTHONIOENCODING"]
    for arguments, code in COMMANDS:
        if terminal["PYTHONIOENCODING"] == "ascii" and arguments[-1] == "--help" and arguments[0] != "send":
            continue
        done = desk.run(*arguments, env=terminal, encoding=encoding, often=True)
        shown = done.out + done.err
        assert done.code == code, (arguments, shown)
        assert "Traceback" not in shown
        assert "\x1b" not in shown
    _, *rows = csv.reader(io.StringIO((desk.folder / "ny rapport – 注.csv").read_text(encoding="utf-8")))
    assert [row[:3] for row in rows] == [["83600", "Grüße – 注文 €", "ok"], ["x", "Øre 🎁", "no"]]


def test_json_is_whole_whatever_the_encoding(desk_with_letters):
    desk = desk_with_letters
    told = desk.run(
        "check", "beställningar och 注文.csv", "--json", env={"PYTHONIOENCODING": "utf-8", "TERM": "dumb"}
    )
    assert told.json["problems"][0]["value"] == "x"
    assert told.json["file"].endswith("beställningar och 注文.csv")


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-16"])
def test_json_is_ascii_whatever_the_console_is(desk_with_letters, encoding):
    desk = desk_with_letters
    name = "beställningar och 注文.csv"
    for arguments, code in (
        (("check", name), 1),
        (("send", name, "--yes"), 1),
        (("send", "fehlt – 注.csv"), 2),
        (("runs",), 0),
        (("show", "last"), 0),
        (("show", "last", "--rows"), 0),
        (("show", "--order", "83600"), 0),
        (("doctor",), 0),
    ):
        env = {"PYTHONIOENCODING": encoding}
        done = desk.run(*arguments, "--json", env=env, encoding=encoding, often=True)
        assert done.code == code, (arguments, done.err)
        assert done.out.isascii()
        assert [json.loads(line) for line in done.out.splitlines()]
        assert "\\u" in done.out or arguments[0] == "doctor"


def test_help_fits_eighty_columns(bare_desk):
    for name in ORDER:
        width = {"COLUMNS": "80", "TERMINAL_WIDTH": "80"}
        told = bare_desk.run(*name.split(), "--help", env=width, often=True)
        assert told.code == 0
        # A word that is longer than its column cannot be broken: names of choices and of files.
        wide = [line for line in told.out.splitlines() if len(line) > 80 and len(line.split()) > 2]
        assert not wide, (name, wide)


def test_a_workbook_in_a_folder_with_letters_comes_back(shop, tmp_path):
    folder = tmp_path / "Füße & 'quotes' #1 100%"
    folder.mkdir()
    desk = Desk(folder, shop.base_url, shop.key)
    desk.file("mein blatt [1].xlsx", (SAMPLES / "customer-service.xlsx").read_bytes())
    told = desk.run(
        "send", "mein blatt [1].xlsx", "--yes", "--json", "--sheet", "Batch edit", "--hidden", "skip"
    )
    assert told.code == 1, told.err
    assert told.json["status"]["ok"] >= 5
    assert Path(told.json["report"]).parent == folder / "reports"
    assert Path(told.json["report"]).exists()


@pytest.mark.skipif(os.name != "posix", reason="names of other bytes exist on POSIX alone")
def test_a_file_name_that_is_no_text_is_no_crash(desk):
    name = os.fsdecode(b"caf\xe9.csv")
    desk.file(name, "Order ID,Internal comment\n83600,hello\n")
    checked = desk.run("check", name)
    assert checked.code == 0, checked.err
    sent = desk.run("send", name, "--yes")
    assert sent.code == 0, sent.err
    assert desk.run("runs").code == 0


SENDS = """
import sys
from ordersheet.__main__ import main
sys.argv = ["ordersheet", "send", "orders.csv", "--yes"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""


def test_a_send_loads_nothing_of_the_command_that_comes_with_httpx(desk):
    desk.file("orders.csv", "Order ID,Internal comment\n83600,hello\n")
    loaded = loaded_by(SENDS, folder=desk.folder, env=desk.env())
    assert {"httpx", "ordersheet.delivery.transport.h11"} <= loaded
    assert not {"rich", "pygments"} & loaded
