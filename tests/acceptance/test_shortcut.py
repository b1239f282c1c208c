"""The icon of the page on each system; what starts it may stand at any path."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ordersheet.cli.shortcut import make_shortcut
from ordersheet.core.errors import UsageError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its stand-ins are shell scripts")

ODD = ["plain", "two words", "it's", 'a "quote"', "$HOME", "back\\slash", "`date`", "100 %", "näyt;&|<>*?"]


@pytest.fixture
def told(tmp_path):
    """A program at an odd path that writes down how it was called."""
    folder = tmp_path / 'Ali\'s "programs" $x 5%'
    folder.mkdir()
    program = folder / "says"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{tmp_path / "told"}"\n')
    program.chmod(0o755)
    return [str(program), *ODD]


def test_a_mac_s_icon_starts_the_page_from_any_path(tmp_path, monkeypatch, told):
    monkeypatch.setenv("HOME", str(tmp_path))
    path = make_shortcut("darwin", told)
    assert path == tmp_path / "Desktop" / "Ordersheet.command"
    assert os.access(path, os.X_OK)
    subprocess.run([path], check=True)
    assert (tmp_path / "told").read_text().splitlines() == ODD


def test_a_menu_s_entry_starts_the_page_from_any_path(tmp_path, monkeypatch, told):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    path = make_shortcut("linux", told)
    entry = dict(line.split("=", 1) for line in path.read_text(encoding="utf-8").splitlines() if "=" in line)
    assert arguments_of(entry["Exec"]) == told
    assert Path(entry["Icon"]).is_file()
    assert entry["Terminal"] == "false"


def arguments_of(line: str) -> list[str]:
    """Take an Exec line apart by the Desktop Entry Specification: the text's escapes, quotes, field codes."""
    text, letters = "", iter(line)
    for letter in letters:
        text += next(letters) if letter == "\\" else letter
    found, letters = [], iter(text)
    for letter in letters:
        if letter == '"':
            one = ""
            for inner in letters:
                if inner == '"':
                    break
                one += next(letters) if inner == "\\" else inner
            found.append(one.replace("%%", "%"))
    return found


STAND_IN = """#!/bin/sh
printf '%s\\n%s\\n' "$ORDERSHEET_TARGET" "$ORDERSHEET_ARGUMENTS" > "$HOME/link"
printf '%s\\n' "$*" > "$HOME/asked"
[ -z "$FAILS" ] || exit 1
echo "$HOME/link"
"""


def test_windows_is_asked_for_its_own_desktop_and_told_what_the_link_starts(tmp_path, monkeypatch):
    shell = tmp_path / "powershell"
    shell.write_text(STAND_IN)
    shell.chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    made = make_shortcut("win32", ["C:\\Program Files\\python.exe", "-m", "ordersheet", "two words"])
    assert made.read_text().splitlines() == ["C:\\Program Files\\python.exe", '-m ordersheet "two words"']
    assert "GetFolderPath('Desktop')" in (tmp_path / "asked").read_text()
    monkeypatch.setenv("FAILS", "yes")
    with pytest.raises(UsageError, match="Start the page with: ordersheet web"):
        make_shortcut("win32", ["x"])


def test_an_icon_that_cannot_be_made_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    with pytest.raises(UsageError, match=r"The icon cannot be made at .*Start the page with: ordersheet web"):
        make_shortcut("linux")
