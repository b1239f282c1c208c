"""An icon that starts the page: on the desktop or in the menu, as the system has it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ordersheet.core.errors import UsageError

_DESKTOP = """[Desktop Entry]
Type=Application
Name=Ordersheet
Comment=Send a sheet of orders
Exec={command}
Terminal=false
Categories=Office;
"""
_COMMAND = """#!/bin/sh
exec {command}
"""
_POWERSHELL = (
    "$s=(New-Object -ComObject WScript.Shell).CreateShortcut($env:ORDERSHEET_LINK);"
    "$s.TargetPath=$env:ORDERSHEET_TARGET;$s.Arguments=$env:ORDERSHEET_ARGUMENTS;$s.Save()"
)


def make_shortcut(platform: str = sys.platform) -> Path:
    """Make the icon, and give its place.

    Raises:
        UsageError: the place cannot be written.
    """
    program, *arguments = _command()
    try:
        if platform == "win32":
            return _windows(program, arguments)
        if platform == "darwin":
            path = _desktop_folder() / "Ordersheet.command"
            text = _COMMAND.format(command=" ".join(_quoted(one, "'") for one in (program, *arguments)))
        else:
            data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
            path = Path(data) / "applications" / "ordersheet.desktop"
            text = _DESKTOP.format(command=" ".join(_quoted(one, '"') for one in (program, *arguments)))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
    except OSError as error:
        raise UsageError(
            f"The icon cannot be made at {error.filename}: {error.strerror}. "
            "Start the page with: ordersheet web",
            code="unwritable",
        ) from error
    return path


def _command() -> list[str]:
    """Give what starts the page: the program without a console window, where it is installed."""
    suffix = ".exe" if sys.platform == "win32" else ""
    beside = Path(sys.executable).with_name(f"ordersheet-web{suffix}")
    if beside.exists():
        return [str(beside)]
    found = shutil.which("ordersheet-web")
    return [found] if found else [sys.executable, "-m", "ordersheet", "web"]


def _quoted(text: str, sign: str) -> str:
    if sign == "'":
        return "'" + text.replace("'", "'\\''") + "'"
    escaped = "".join("\\" + letter if letter in '"`$\\' else letter for letter in text)
    return '"' + escaped.replace("%", "%%") + '"'


def _desktop_folder() -> Path:
    return Path.home() / "Desktop"


def _windows(program: str, arguments: list[str]) -> Path:
    """Let Windows' own shell make the link, since its form is Windows' own."""
    link = _desktop_folder() / "Ordersheet.lnk"
    told = {
        "ORDERSHEET_LINK": str(link),
        "ORDERSHEET_TARGET": program,
        "ORDERSHEET_ARGUMENTS": subprocess.list2cmdline(arguments),
    }
    shell = shutil.which("powershell") or "powershell"
    made = subprocess.run(  # noqa: S603 - a fixed script; the paths stand in the environment
        [shell, "-NoProfile", "-NonInteractive", "-Command", _POWERSHELL],
        env={**os.environ, **told},
        check=False,
        capture_output=True,
    )
    if made.returncode != 0 or not link.exists():
        raise UsageError(
            f"The icon cannot be made at {link}. Start the page with: ordersheet web",
            code="unwritable",
        )
    return link
