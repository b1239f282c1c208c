"""doctor: what ordersheet knows of this computer, safe to paste into a ticket."""

from __future__ import annotations

import json

import pytest

from ordersheet.config.options import OPTIONS
from ordersheet.sandbox.app import SandboxConfig
from ordersheet.sandbox.server import running

KEYS = {
    "schema",
    "command",
    "version",
    "python",
    "system",
    "settings",
    "places",
    "probe",
    "error",
    "exit_code",
    "jobs",
}


def test_every_setting_is_told_with_its_source(desk, own_folders):
    own = own_folders / "ordersheet" / "ordersheet.toml"
    own.parent.mkdir(parents=True)
    own.write_text('timeout = 7\n[profiles.qa]\nattempts = 3\nstore = "shop-qa"\n', encoding="utf-8")
    desk.file("ordersheet.toml", 'sheet = "Calls"\n')
    told = desk.run("doctor", "--json", "--profile", "qa", "--ca-bundle", "no.pem")
    found = {one["name"]: (one["value"], one["source"]) for one in told.json["settings"]}
    assert set(found) == {option.key for option in OPTIONS} | {"api-key"}
    assert found["timeout"] == ("7.0", str(own))
    assert found["attempts"] == ("3", f"[profiles.qa] of {own}")
    assert found["sheet"] == ("Calls", str(desk.folder / "ordersheet.toml"))
    assert found["base-url"] == (desk.base_url, "environment variable ORDERSHEET_BASE_URL")
    assert found["api-key"] == ("present", "environment variable ORDERSHEET_API_KEY")
    assert found["profile"] == ("qa", "--profile")
    assert found["grace"] == ("20.0", "default")
    assert found["proxy"] == ("", "default")


def test_it_is_fine_where_orders_can_be_sent(desk):
    told = desk.run("doctor", "--json")
    assert (told.code, told.json["exit_code"], told.json["probe"]["code"]) == (0, 0, "fine")
    assert set(told.json) == KEYS
    places = {place["what"]: place for place in told.json["places"]}
    assert places["ledger"] == {"what": "ledger", "path": str(desk.folder / "ledger.db"), "exists": False}
    shown = desk.run("doctor")
    assert shown.code == 0
    assert "The server answers, and the key may read orders." in shown.out
    assert "(environment variable ORDERSHEET_BASE_URL)" in shown.out
    assert desk.key not in shown.out + told.out


def test_the_verdict_comes_first_and_then_what_somebody_has_set(desk):
    lines = desk.run("doctor").out.splitlines()
    assert lines[0] == "The server answers, and the key may read orders."
    named = [line.split()[0] for line in lines[lines.index("Settings:") + 1 : lines.index("Places:")] if line]
    assert named[:-1] == ["base-url", "ledger", "api-key"]
    assert lines[-1].startswith("ordersheet ")
    every = desk.run("doctor", "--all").out
    assert all(f"  {option.key} " in every for option in OPTIONS)


def test_what_is_missing_is_told_with_what_to_do(bare_desk, desk):
    for env, said in (
        ({"ORDERSHEET_BASE_URL": ""}, "No address is set"),
        ({"ORDERSHEET_BASE_URL": "https://shop.example/1"}, "ordersheet setup"),
        ({"ORDERSHEET_BASE_URL": "http://shop.example/1", "ORDERSHEET_API_KEY": "k"}, "plain http"),
    ):
        told = bare_desk.run("doctor", env=env)
        assert told.code == 1, told.out
        assert said in told.out
        assert said in bare_desk.run("doctor", "--json", env=env).json["error"]


@pytest.mark.parametrize("proxy", ["http://clerk:hunter2@proxy.example:1", "https://hunter2@proxy.example:1"])
def test_what_people_put_into_an_address_is_not_shown(bare_desk, proxy):
    env = {
        "ORDERSHEET_BASE_URL": "https://me:hunter2@shop.example/api/1",
        "ORDERSHEET_API_KEY": "hunter2",
        "ORDERSHEET_PROXY": proxy,
    }
    for flags in ((), ("--json",)):
        told = bare_desk.run("doctor", *flags, env=env)
        assert told.code == 1
        assert "hunter2" not in told.out + told.err


def test_a_key_that_may_not_read_can_send_all_the_same(bare_desk, store):
    with running(store, SandboxConfig(methods=frozenset({"PUT"}))) as shop:
        env = {"ORDERSHEET_BASE_URL": shop.base_url, "ORDERSHEET_API_KEY": shop.key}
        told = bare_desk.run("doctor", "--json", env=env)
    assert (told.code, told.json["probe"]["code"]) == (0, "no-reading")


def test_a_wrong_key_is_exit_1(desk):
    told = desk.run("doctor", "--json", env={"ORDERSHEET_API_KEY": "wrong"})
    assert (told.code, told.json["probe"]["code"]) == (1, "key-refused")


def test_settings_that_are_wrong_are_exit_2_as_everywhere(desk):
    told = desk.run("doctor", "--json", env={"ORDERSHEET_TIMEOUT": "soon"})
    assert told.code == 2
    assert "ORDERSHEET_TIMEOUT" in json.loads(told.out)["error"]


def test_the_running_sandbox_is_found_by_its_profile(desk, store, tmp_path):
    note = tmp_path / "note.json"
    with running(store, note=note):
        env = {"ORDERSHEET_SANDBOX_FILE": str(note), "ORDERSHEET_BASE_URL": ""}
        told = desk.run("doctor", "--json", "--profile", "sandbox", env=env)
    assert told.code == 0, told.out
    base = next(one for one in told.json["settings"] if one["name"] == "base-url")
    assert base["source"] == "the running sandbox"
