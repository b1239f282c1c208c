"""The command `web`: what it prints, what it takes, and its icon. The page itself: tests/browser."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.browser import page_server


def web(*options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ordersheet", "web", *map(str, options)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_web_prints_one_line_with_the_token_and_takes_the_commands_own_settings(tmp_path):
    config = tmp_path / "own.toml"
    config.write_text(
        '[profiles.qa]\nbase-url = "https://qa.example.com/api/order-api/1"\n', encoding="utf-8"
    )
    options = ("--port", "0", "--no-browser", "--config", str(config), "--profile", "qa")
    with page_server(tmp_path, *options, "--ledger-must-exist") as server:
        assert server.address.startswith("http://127.0.0.1:")
        assert "/?token=" in server.address
        assert (tmp_path / "web" / "server.json").exists()
        with server.client() as client:
            page = client.get("/").text

        assert "No API key is known" in page


def test_web_says_in_one_sentence_that_a_ledger_s_folder_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    told = web("--no-browser", "--ledger", tmp_path / "file" / "ledger.db")
    assert told.returncode == 2
    assert "cannot be made" in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the icon of other systems is another")
def test_web_shortcut_makes_an_icon_that_starts_it():
    told = web("--shortcut")
    assert told.returncode == 0
    path = Path(os.environ["XDG_DATA_HOME"]) / "applications" / "ordersheet.desktop"
    assert told.stdout.strip() == f"Made: {path}"
    text = path.read_text(encoding="utf-8")
    assert "Exec=" in text
    assert "ordersheet" in text.split("Exec=")[1].splitlines()[0]
    assert os.access(path, os.X_OK)
