"""Files that are too large for a shared ledger: handed over, kept elsewhere, given back, taken away."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from openpyxl import load_workbook
from tests.support.team import TeamDesk, home, team_desk, worker

if TYPE_CHECKING:
    from pathlib import Path

    from ordersheet.core.ledger_url import LedgerUrl
    from ordersheet.sandbox.server import Running

pytestmark = pytest.mark.needs("postgres", "dbos")
CALLS = "Order ID,Internal comment\n83600,Called\n83601,Called\n"
SMALL = ("--large-from", "0.00001")
"""Files above ten bytes go elsewhere."""


@pytest.fixture
def team(tmp_path: Path, shop: Running, team_url: LedgerUrl) -> TeamDesk:
    desk = team_desk(home(tmp_path, "clerk"), shop, team_url.url)
    desk.file("calls.csv", CALLS)
    return desk


@pytest.fixture
def elsewhere(tmp_path: Path, shop: Running, team: TeamDesk) -> TeamDesk:
    """The desk of another, who has the ledger and not the file."""
    return team_desk(home(tmp_path, "elsewhere"), shop, team.url)


@pytest.fixture
def share(tmp_path: Path) -> Path:
    return home(tmp_path, "share")


def names(share: Path) -> list[str]:
    return sorted(path.name for path in share.iterdir())


def submitted(desk: TeamDesk, place: object, *words: object) -> Any:
    told = desk.run("submit", "calls.csv", "--yes", "--json", "--large-files", place, *SMALL, *words)
    assert told.code == 0, told.err
    return told.json


def test_a_large_file_is_kept_elsewhere_and_its_report_is_made_of_it(
    team: TeamDesk, elsewhere: TeamDesk, share: Path
) -> None:
    with worker(elsewhere):
        run = submitted(team, share, "--wait")["run"]
    (name,) = names(share)
    assert re.fullmatch("ordersheet-[0-9a-f]{32}", name)
    assert (share / name).read_text() == CALLS
    (team.folder / "calls.csv").unlink()
    unknown = elsewhere.run("report", run)
    assert (unknown.code, str(share) in unknown.err, "large-files" in unknown.err) == (3, True, True)
    there = {"ORDERSHEET_LARGE_FILES": share.as_uri()}
    assert elsewhere.run("report", run, env=there).code == 0
    (report,) = elsewhere.reports()
    assert report.read_text(encoding="utf-8-sig").startswith("Order ID,Internal comment,update_status")
    # A file that is not what was handed over is not taken for it.
    (share / name).write_text(CALLS.replace("Called", "Changed"))
    changed = elsewhere.run("report", run, "--large-files", share, "--report", "changed.xlsx")
    assert (changed.code, "is gone or has changed" in changed.err + changed.out) == (0, True)
    sheet = load_workbook(elsewhere.folder / "changed.xlsx").worksheets[0]
    assert [row[1:3] for row in sheet.iter_rows(values_only=True)][1:] == [("83600", "ok"), ("83601", "ok")]
    later = elsewhere.run("purge", "--all", "--yes")
    assert (later.code, "1 large file of no use" in later.err + later.out) == (0, True)
    assert names(share) == [name]
    purged = team.run("purge", "--all", "--yes", "--large-files", share)
    assert (purged.code, "1 file" in purged.err + purged.out) == (0, True)
    assert names(share) == []


@pytest.mark.torture
def test_undo_and_its_report_find_a_large_file(team: TeamDesk, elsewhere: TeamDesk, share: Path) -> None:
    with worker(elsewhere):
        run = submitted(team, share, "--wait")["run"]
    undone = elsewhere.run("undo", run, "--yes", "--json", "--large-files", share)
    assert undone.json["outcomes"] == {"undone": 2}, undone.err
    (report,) = elsewhere.reports()
    assert report.read_text(encoding="utf-8-sig").startswith("Order ID,Internal comment,update_status")


def test_what_cannot_be_kept_is_not_handed_over(team: TeamDesk, share: Path, tmp_path: Path) -> None:
    def refused(code: int, *words: object, env: dict[str, str] | None = None) -> str:
        told = team.run("submit", "calls.csv", "--yes", *words, env=env)
        assert told.code == code, told.err
        assert "s3cret" not in told.err
        return told.err

    assert "large-files" in refused(2, *SMALL)
    assert "up to 50" in refused(2, "--large-from", "51")
    away = refused(3, *SMALL, "--large-files", tmp_path / "not mounted")
    assert "not mounted: it is not there" in away
    assert "can be written to" in refused(2, *SMALL, "--large-files", "https://files.example/in")
    assert "whole path" in refused(2, *SMALL, "--large-files", "share")
    assert "other computers" in refused(2, *SMALL, "--large-files", "memory://share")
    assert "nothing here knows" in refused(2, *SMALL, "--large-files", "nowhere://share")
    password = "sftp://ann:s3cret@127.0.0.1:1/in"
    assert "must not hold a password" in refused(2, *SMALL, "--large-files", password)
    assert "escaped" in refused(2, *SMALL, env={"ORDERSHEET_LARGE_FILES": password.replace("s3", "/s3")})
    from_elsewhere = refused(3, *SMALL, "--large-files", "env:PLACE", env={"PLACE": password})
    assert "ann@127.0.0.1:1/in" in from_elsewhere
    (share / "full").write_text("")
    assert "full: it cannot be used" in refused(3, *SMALL, "--large-files", share / "full")
    assert names(share) == ["full"]
    assert team.run("runs", "--json").json["runs"] == []
