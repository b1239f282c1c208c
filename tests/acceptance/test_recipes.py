"""The recipes of docs/operations.md, each checked as far as its program is there."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from ordersheet.config.options import of_command

RECIPES = Path(__file__).parents[2] / "docs" / "recipes"
FLAGS = {option.flag for option in of_command("send")}


@pytest.mark.parametrize("recipe", sorted(RECIPES.iterdir()), ids=lambda recipe: recipe.name)
def test_every_option_in_a_recipe_exists(recipe):
    text = recipe.read_text(encoding="utf-8")
    calls = re.findall(r"ordersheet send ([^\n'|]*)", text)
    assert calls or "ordersheet.send" in text or recipe.suffix == ".timer"
    for call in calls:
        flags = set(re.findall(r"(?<=\s)--[a-z-]+", " " + call))
        assert flags <= FLAGS, flags - FLAGS


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_the_systemd_units_are_valid(tmp_path):
    for name in ("ordersheet.service", "ordersheet.timer"):
        text = (RECIPES / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace("/usr/local/bin/ordersheet", "/bin/true"), encoding="utf-8")
    command = ["systemd-analyze", "verify", tmp_path / "ordersheet.service", tmp_path / "ordersheet.timer"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "ordersheet" in line]
    assert not ours, ours
    assert done.returncode == 0


def test_the_line_for_cron_sends_once_a_day(desk):
    entry = next(
        line for line in (RECIPES / "ordersheet.cron").read_text().splitlines() if "ordersheet send" in line
    )
    # cron reads a % as a line break unless it is escaped.
    assert not re.search(r"(?<!\\)%", entry)
    command = entry.split("ordersheet send", 1)[1].split(">>")[0].replace("\\%", "%")
    words = shlex.split(command.replace("$(date +%F)", "2026-11-23"))
    (desk.folder / "incoming").mkdir()
    desk.file("incoming/2026-11-23.csv", "Order ID,Internal comment\n83600,daily\n")
    words = [word.replace(".xlsx", ".csv") for word in words]
    first = desk.run("send", *[word for word in words if word != "--ledger-must-exist"])
    assert first.code == 0, first.err
    again = desk.run("send", *words, "--json")
    assert again.json["requests"]["put"] == 0


def test_the_dag_is_valid_python():
    ast.parse((RECIPES / "airflow_dag.py").read_text(encoding="utf-8"))


def test_the_container_does_not_run_as_root_and_holds_one_volume():
    text = (RECIPES / "Containerfile").read_text(encoding="utf-8")
    assert re.search(r"^USER (?!0|root)", text, re.MULTILINE)
    assert len(re.findall(r"^VOLUME ", text, re.MULTILINE)) == 1
    assert "API_KEY=" not in text
