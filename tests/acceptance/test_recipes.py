"""The recipes of docs/operations.md, each checked as far as its program is there."""

from __future__ import annotations

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
UNITS = ("ordersheet-watch.service", "ordersheet-worker.service", "ordersheet-failed.service")
NO_SETTINGS = {"watch": {"--health"}, "worker": {"--health", "--metrics"}, "jobs run": set()}


@pytest.mark.parametrize("recipe", sorted(RECIPES.iterdir()), ids=lambda recipe: recipe.name)
def test_every_option_in_a_recipe_exists(recipe):
    text = recipe.read_text(encoding="utf-8").replace(", ", " ").replace('"\n    "', "")
    calls = re.findall(
        r"(?:ordersheet |args: \[|Argument ')(watch|worker|jobs run)((?: (?![>|])[^\s\]']+)*)", text
    )
    calls += re.findall(r"args: \[(jobs run)((?: [^\s\]]+)*)", text)
    assert calls or recipe.name in ("jobs.toml", "ordersheet-failed.service"), text
    for command, rest in calls:
        known = {option.flag for option in of_command(command.partition(" ")[0])} | NO_SETTINGS[command]
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
@pytest.mark.parametrize("name", UNITS[:2])
def test_what_runs_for_weeks_is_exposed_little(tmp_path, name):
    unit = tmp_path / name
    unit.write_text((RECIPES / name).read_text(encoding="utf-8"), encoding="utf-8")
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
        options = ("--config", desk.file("own.toml", text + 'stable = "0s"\n'))
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


AIRFLOW = """
def dag(**known):
    assert known["max_active_runs"] == 1 and not known["catchup"]
    return lambda function: function

def task(**known):
    assert known["retries"] > 0
    return lambda function: function

class AirflowException(Exception): pass
class AirflowFailException(AirflowException): pass
"""
"""As much of Airflow as the recipe needs: a task that runs at once."""


@pytest.mark.parametrize(
    ("code", "ended"),
    [(0, ""), (1, ""), (2, "AirflowFailException"), (3, "AirflowException"), (143, "AirflowException")],
)
@pytest.mark.skipif(sys.platform == "win32", reason="the recipe names a POSIX path")
def test_the_dag_tries_again_what_goes_on_and_not_what_must_be_mended(tmp_path, code, ended):
    (tmp_path / "airflow").mkdir()
    for name in ("__init__", "decorators", "exceptions"):
        (tmp_path / "airflow" / f"{name}.py").write_text(AIRFLOW, encoding="utf-8")
    program = tmp_path / "ordersheet"
    program.write_text(f"#!/bin/sh\nexit {code}\n", encoding="utf-8")
    program.chmod(0o755)
    text = (RECIPES / "airflow_dag.py").read_text(encoding="utf-8")
    assert "/usr/local/bin/ordersheet" in text
    (tmp_path / "recipe.py").write_text(
        text.replace("/usr/local/bin/ordersheet", str(program)), encoding="utf-8"
    )
    command = [sys.executable, str(tmp_path / "recipe.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    raised = re.findall(r"^airflow\.exceptions\.(\w+):", done.stderr, re.MULTILINE)
    assert raised == ([ended] if ended else []), done.stderr


def test_what_the_pods_mount_is_there_and_nothing_runs_as_root():
    yaml = pytest.importorskip("yaml")
    text = (RECIPES / "kubernetes.yaml").read_text(encoding="utf-8")
    deployment, cron = yaml.safe_load_all(text)
    job = cron["spec"]["jobTemplate"]["spec"]
    (rule,) = job["podFailurePolicy"]["rules"]
    assert (rule["action"], rule["onExitCodes"]["values"]) == ("FailJob", [1, 2])
    for pod in (deployment["spec"]["template"]["spec"], job["template"]["spec"]):
        assert pod["securityContext"]["runAsNonRoot"]
        (container,) = pod["containers"]
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert set(mounts) == {volume["name"] for volume in pod["volumes"]}
        config = container["args"][container["args"].index("--config") + 1]
        assert str(Path(config).parent) == mounts["settings"]
        # The image's own places: what it writes to, and where it reads the key.
        image = (RECIPES / "Containerfile").read_text(encoding="utf-8")
        assert f"ORDERSHEET_LEDGER={mounts['data']}/" in image
        assert f"ORDERSHEET_API_KEY_FILE={mounts['key']}/" in image
        assert container["securityContext"]["readOnlyRootFilesystem"]


def test_the_container_does_not_run_as_root_and_holds_one_volume():
    text = (RECIPES / "Containerfile").read_text(encoding="utf-8")
    assert re.search(r"^USER (?!0|root)", text, re.MULTILINE)
    assert len(re.findall(r"^VOLUME ", text, re.MULTILINE)) == 1
    assert "API_KEY=" not in text
