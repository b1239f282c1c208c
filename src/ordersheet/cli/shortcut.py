"""An icon that starts the page: on the desktop or in the menu, as the system has it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from ordersheet.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_DESKTOP = """[Desktop Entry]
Type=Application
Name=Ordersheet
Comment=Send a sheet of orders
Exec={command}
Icon={icon}
Terminal=false
Categories=Office;
"""
_COMMAND = """#!/bin/sh
exec {command}
"""
_POWERSHELL = (
    "[Console]::OutputEncoding=[Text.Encoding]::UTF8;"
    "$p=Join-Path ([Environment]::GetFolderPath('Desktop')) 'Ordersheet.lnk';"
    "$s=(New-Object -ComObject WScript.Shell).CreateShortcut($p);"
    "$s.TargetPath=$env:ORDERSHEET_TARGET;$s.Arguments=$env:ORDERSHEET_ARGUMENTS;$s.Save();Write-Output $p"
)
"""Windows knows where its desktop is, which may lie in OneDrive."""


def make_shortcut(platform: str = sys.platform, command: Sequence[str] = ()) -> Path:
    """Make the icon, and give its place.

    Args:
        platform: the system, as `sys.platform` names it.
        command: what the icon starts; the page where none is given.

    Raises:
        UsageError: the place cannot be written.
    """
    told = list(command) or _page_command()
    try:
        if platform == "win32":
            return _windows(told)
        if platform == "darwin":
            path = Path.home() / "Desktop" / "Ordersheet.command"
            text = _COMMAND.format(command=" ".join(map(_for_shell, told)))
        else:
            data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
            path = Path(data) / "applications" / "ordersheet.desktop"
            icon = str(resources.files("ordersheet.web") / "static" / "icon.svg").replace("\\", "\\\\")
            text = _DESKTOP.format(command=" ".join(map(_for_desktop_entry, told)), icon=icon)
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


def _page_command() -> list[str]:
    """Give what starts the page: the program without a console window, where it is installed."""
    suffix = ".exe" if sys.platform == "win32" else ""
    beside = Path(sys.executable).with_name(f"ordersheet-web{suffix}")
    if beside.exists():
        return [str(beside)]
    found = shutil.which("ordersheet-web")
    return [found] if found else [sys.executable, "-m", "ordersheet", "web"]


def _for_shell(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _for_desktop_entry(text: str) -> str:
    """Quote an argument as the Desktop Entry Specification has it: quoted, then escaped as a text."""
    quoted = "".join("\\" + letter if letter in '"`$\\' else letter for letter in text).replace("%", "%%")
    return '"' + quoted.replace("\\", "\\\\") + '"'


def _windows(command: Sequence[str]) -> Path:
    """Let Windows' own shell make the link, since its form is Windows' own."""
    program, *arguments = command
    told = {"ORDERSHEET_TARGET": program, "ORDERSHEET_ARGUMENTS": subprocess.list2cmdline(arguments)}
    shell = shutil.which("powershell") or "powershell"
    made = subprocess.run(  # noqa: S603 - a fixed script; the paths stand in the environment
        [shell, "-NoProfile", "-NonInteractive", "-Command", _POWERSHELL],
        env={**os.environ, **told},
        check=False,
        capture_output=True,
    )
    link = Path(made.stdout.decode("utf-8", "replace").strip())
    if made.returncode != 0 or not link.is_file():
        raise UsageError(
            "Windows did not make the icon on the desktop. Start the page with: ordersheet web",
            code="unwritable",
        )
    return link
