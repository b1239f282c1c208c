"""The recipes of docs/operations.md, each checked as far as its program is there."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from io import BytesIO
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook
from tests.support.job_sources import mail_server, sftp_server

from ordersheet.config.options import of_command
from ordersheet.jobs.definition import JOB_KEYS, read_jobs

RECIPES = Path(__file__).parents[2] / "docs" / "recipes"
UNITS = ("ordersheet-watch.service", "ordersheet-failed.service")
OF_JOBS = {"watch": {"--health"}, "jobs run": set()}


@pytest.mark.parametrize("recipe", sorted(RECIPES.iterdir()), ids=lambda recipe: recipe.name)
def test_every_option_in_a_recipe_exists(recipe):
    text = recipe.read_text(encoding="utf-8").replace(", ", " ").replace('"\n    "', "")
    calls = re.findall(r"(?:ordersheet |args: \[|Argument ')(watch|jobs run)((?: (?![>|])[^\s\]']+)*)", text)
    calls += re.findall(r"args: \[(jobs run)((?: [^\s\]]+)*)", text)
    assert calls or recipe.name in ("jobs.toml", "ordersheet-failed.service"), text
    for command, rest in calls:
        known = {option.flag for option in of_command(command.partition(" ")[0])} | OF_JOBS[command]
        flags = set(re.findall(r"(?<=\s)--[a-z-]+", " " + rest))
        assert flags <= known, flags - known


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_the_systemd_units_are_valid(tmp_path):
    for name in UNITS:
        text = (RECIPES / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace("/usr/local/bin/ordersheet", "/bin/true"), encoding="utf-8")
    command = ["systemd-analyze", "verify", *(tmp_path / name for name in UNITS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "ordersheet" in line]
    assert not ours, ours
    assert done.returncode == 0


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_the_watcher_is_exposed_little(tmp_path):
    unit = tmp_path / UNITS[0]
    unit.write_text((RECIPES / UNITS[0]).read_text(encoding="utf-8"), encoding="utf-8")
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=25", unit]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze cannot look at a file")
    assert done.returncode == 0, done.stdout[-400:] + done.stderr


def test_the_line_for_cron_sends_a_file_once(desk):
    entry = next(
        line for line in (RECIPES / "ordersheet.cron").read_text().splitlines() if "jobs run" in line
    )
    # cron reads a % as a line break unless it is escaped, and knows few folders.
    assert not re.search(r"(?<!\\)%", entry)
    assert "/ordersheet jobs" in entry
    (desk.folder / "in").mkdir()
    desk.file("in/today.csv", "Order ID,Internal comment\n83600,daily\n")
    settings = desk.file("own.toml", f"[jobs.nightly]\nsource = {str(desk.folder / 'in')!r}\nstable = '0s'\n")
    words = shlex.split(entry.split("/ordersheet ", 1)[1].split(">>")[0])
    first = desk.run(*words, "--config", settings)
    assert first.code == 0, first.err
    assert (desk.folder / "in" / "done" / "today.csv").is_file()
    again = desk.run(*words, "--config", settings, "--json")
    assert again.json["files"] == []


def test_the_job_of_the_docs_is_one():
    tables = tomllib.loads((RECIPES / "jobs.toml").read_text(encoding="utf-8"))["jobs"]
    assert read_jobs(tables, "jobs.toml")["nightly"].expect_by is not None


@pytest.mark.skipif(sys.platform == "win32", reason="the server of the tests needs POSIX")
def test_the_nightly_import_of_the_docs_takes_a_file_over_sftp_and_sends_a_mail(desk, tmp_path):
    """The way of docs/operations.md, with the whole table of jobs.toml."""
    home = tmp_path / "home"
    with sftp_server(tmp_path / "root", home) as files, mail_server() as mails:
        note = desk.file(
            "mail", f"mailto://127.0.0.1:{mails.port}?from=a@example.com&to=b@example.com&mode=insecure"
        )
        text = (RECIPES / "jobs.toml").read_text(encoding="utf-8")
        for theirs, ours in (
            ("sftp://orders@files.example.com/in", files.url),
            ("/etc/ordersheet/mail", str(note)),
        ):
            assert theirs in text
            text = text.replace(theirs, ours)
        options = ("--config", desk.file("own.toml", text))
        env = {"HOME": str(home)}
        assert "host key is not known" in " ".join(desk.run("doctor", *options, env=env).out.split())
        files.know()
        assert "nightly: fine" in desk.run("doctor", *options, env=env).out
        book = Workbook()
        sheet = book.active
        assert sheet is not None
        for row in (("Order ID", "Internal comment"), (83601, "Called"), (83602, "Called too")):
            sheet.append(row)
        book.save(files.root / "in" / "calls.xlsx")
        assert desk.run("jobs", "run", "nightly", *options, env=env).code == 0
        sheet.append((999, "nobody's"))
        book.save(files.root / "in" / "more.xlsx")
        desk.run("jobs", "run", "nightly", *options, env=env)
        (mail,) = mails.received  # What went well is not told, unless it is asked for.
    assert mail["Subject"].startswith("more.xlsx - ")
    assert "row 4, order 999: refused" in mail.get_body(("plain", "html")).get_content()
    (attached,) = mail.iter_attachments()
    report = load_workbook(BytesIO(attached.get_payload(decode=True)))
    assert report.worksheets[0].max_row == 4
    done = sorted(path.name for path in (files.root / "in" / "done").iterdir())
    assert [done[0][:6], done[1]] == ["calls-", "calls.xlsx"]
    assert list((files.root / "in" / "working").iterdir()) == []


def test_every_key_of_a_job_stands_in_the_docs():
    text = (RECIPES.parent / "operations.md").read_text(encoding="utf-8")
    table = text.partition("| key | meaning | default |")[2].partition("\n\n")[0]
    named = {
        key
        for line in table.splitlines()
        for key in re.findall(r"`(\w+)`", line.split("|")[1:2][0] if "|" in line else "")
    }
    assert named - {"send"} == set(JOB_KEYS)


def test_the_dag_is_valid_python():
    ast.parse((RECIPES / "airflow_dag.py").read_text(encoding="utf-8"))


def test_the_container_does_not_run_as_root_and_holds_one_volume():
    text = (RECIPES / "Containerfile").read_text(encoding="utf-8")
    assert re.search(r"^USER (?!0|root)", text, re.MULTILINE)
    assert len(re.findall(r"^VOLUME ", text, re.MULTILINE)) == 1
    assert "API_KEY=" not in text
