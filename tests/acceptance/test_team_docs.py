"""What docs/team.md tells people to do, done: its compose file, its commands, its SQL, its settings."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.postgres_cluster import cluster

from ordersheet.core.ledger_url import LedgerUrl
from ordersheet.ledger.postgresql.connect import OLDEST_SERVER

if TYPE_CHECKING:
    from tests.support.command import Desk
    from tests.support.postgres import Server

PAGE = (Path(__file__).parents[2] / "docs" / "team.md").read_text(encoding="utf-8")
SET_UP = PAGE.partition("## Set up in 15 minutes")[2].partition("\n## ")[0]
CALLS = "order,internalComment\n83600,Called\n83601,Called\n"


def blocks(language: str) -> list[str]:
    """Give the page's code of one language, as it is typed, without the list's indentation."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", SET_UP, re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", code, flags=re.MULTILINE) for indent, code in found]


def test_the_compose_file_makes_a_server_that_a_ledger_accepts() -> None:
    yaml = pytest.importorskip("yaml", reason="needs PyYAML, to read the compose file")
    (text,) = blocks("yaml")
    told = yaml.safe_load(text)
    service = told["services"]["ledger"]
    name, _, version = service["image"].partition(":")
    assert (name, int(version) * 10_000 >= OLDEST_SERVER) == ("postgres", True)
    (volume,) = service["volumes"]
    kept, _, place = volume.partition(":")
    assert kept in told["volumes"], "what is not in a volume goes with its container"
    # Up to 17 the image declares this very folder; what lies elsewhere would not be in the volume.
    assert (int(version) < 18, place) == (True, "/var/lib/postgresql/data")
    settings = service["environment"]
    assert sorted(service["secrets"]) == sorted(told["secrets"])
    given = dict(word.split("=") for word in service["command"] if word != "-c")
    assert given.pop("ssl") == "on", "step 4 asks for a server with a certificate"
    files = [settings["POSTGRES_PASSWORD_FILE"], given["ssl_cert_file"], given["ssl_key_file"]]
    assert sorted(files) == sorted(f"/run/secrets/{secret}" for secret in service["secrets"])
    (made,) = blocks("sh")
    assert {secret["file"].removeprefix("./") for secret in told["secrets"].values()} <= set(made.split())
    asks = service["healthcheck"]["test"][-1]
    assert f"--username={settings['POSTGRES_USER']} --dbname={settings['POSTGRES_DB']}" in asks
    assert service["restart"] == "unless-stopped"
    assert [port.rpartition(":")[2] for port in service["ports"]] == ["5432"]


@pytest.mark.needs("postgres")
def test_who_follows_the_page_step_by_step_sends_with_a_shared_ledger(
    desk: Desk, postgres_server: Server, held
) -> None:
    name = postgres_server.make_database()
    owner, ann = postgres_server.of(name), postgres_server.of(name, "ann")
    commands = [
        line for code in blocks("text") for line in code.splitlines() if line.startswith("ordersheet")
    ]
    init, move = (line.replace("postgresql://owner@db.example/orders", owner) for line in commands)
    try:
        assert desk.run(*shlex.split(init)[1:]).code == 0
        (people,) = blocks("sql")
        with closing(postgres_server.connect()) as connection:
            connection.execute(people.replace("LOGIN PASSWORD '...'", postgres_server.login).encode())
        desk.file("calls.csv", CALLS)
        assert desk.run("send", "calls.csv", "--yes").code == 0
        ledger = str(desk.folder / "ledger.db")
        moved = desk.run(*shlex.split(move.replace("~/.local/share/ordersheet/ledger.db", ledger))[1:])
        assert moved.code == 0, moved.err
        (settings,) = blocks("toml")
        folder = desk.folder / "settings" / "ordersheet"
        folder.mkdir(parents=True)
        url = re.search(r'"(postgresql://[^"]+)"', settings)
        assert url is not None
        told = settings.replace(url[1], ann)
        (folder / "ordersheet.toml").write_text(told, encoding="utf-8")
        env = {"XDG_CONFIG_HOME": str(folder.parent), "ORDERSHEET_LEDGER": ""}
        again = desk.run("send", "calls.csv", "--yes", "--json", env=env)
        assert again.json["outcomes"] == {"already applied": 2}, again.err
        assert again.json["ledger"] == str(LedgerUrl(ann, Path()))
        checked = desk.run("ledger", "check", env=env)
        assert checked.code == 0, checked.err
        looks = postgres_server.of(name, "auditor")
        assert desk.run("runs", "--ledger", looks).code == 0
        refused = desk.run("send", "calls.csv", "--yes", "--ledger", looks)
        assert (refused.code, "ordersheet_writer" in refused.err) == (2, True)
        assert str(held(83600)["internalComment"]).count("Called") == 1
    finally:
        postgres_server.drop(name)
        with closing(postgres_server.connect()) as connection:
            connection.execute(b"DROP ROLE IF EXISTS ann, auditor")


KEYRING = """
from keyring.backend import KeyringBackend


class OneKeyring(KeyringBackend):
    priority = 1

    def get_password(self, service, username):
        return {("ordersheet", "SHOWN"): "s3cret"}.get((service, username))

    def set_password(self, service, username, password):
        raise NotImplementedError
"""


@pytest.mark.needs("postgres")
def test_a_password_in_the_keyring_opens_a_shared_ledger(desk: Desk, tmp_path: Path) -> None:
    with cluster() as server:
        server.make()
        server.start()
        server.ask_for("s3cret")
        url = server.url
        backend = KEYRING.replace("SHOWN", str(LedgerUrl(url, Path())))
        (tmp_path / "one_keyring.py").write_text(backend, encoding="utf-8")
        keyring = {"PYTHON_KEYRING_BACKEND": "one_keyring.OneKeyring", "PYTHONPATH": str(tmp_path)}

        def ended(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-m", "ordersheet", *words],
                cwd=desk.folder,
                # The tests may have been given a server that asks for a password, too.
                env={name: value for name, value in desk.env().items() if name != "PGPASSWORD"} | more,
                capture_output=True,
                text=True,
                check=False,
            )

        refused = ended("ledger", "init", url)
        assert refused.returncode in (2, 3), refused
        made = ended("ledger", "init", url, **keyring)
        assert made.returncode == 0, made.stderr
        looked = ended("runs", "--ledger", url, **keyring)
        assert looked.returncode == 0, looked.stderr
        told = refused.stderr + made.stdout + made.stderr + looked.stdout + looked.stderr
        assert "s3cret" not in told
