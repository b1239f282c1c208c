"""The campaign's figures: added up, and put on the page where it has a place for them."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from tests.support.views import KINDS
from tests.torture.campaign import MARKERS, PAGE, Campaign, Tally, limits, render, why, write


@pytest.fixture
def figures():
    tally = Tally(kills=Counter(seam=3, power=4), runs=20, deliveries=12345, rows=500, puts=600, gets=700)
    tally.put_faults["close, applied"] = 6
    tally.unconfirmed["Not known."] = 2
    tally.findings.doubled.append("a text")
    return tally.as_json(61.0)


def test_the_figures_stand_between_their_marks_and_nothing_else_changes(tmp_path, figures):
    page = tmp_path / "delivery.md"
    page.write_text(f"before\n{MARKERS[0]}\nold\n{MARKERS[1]}\nafter\n", encoding="utf-8")
    write(figures, page, tmp_path / "figures.json")
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{MARKERS[0]}\n20 runs of the command in 1 minutes")
    assert text.endswith(f"{MARKERS[1]}\nafter\n")
    assert "old" not in text
    for line in ("| texts that stand twice | 1 |", "| Not known. | 2 |", "| close, applied | 6 |", "12,345"):
        assert line in text
    assert json.loads((tmp_path / "figures.json").read_text(encoding="utf-8")) == figures


def test_rows_that_are_unconfirmed_for_one_reason_count_together():
    said = (
        "Adding to the internal comment: Added by run 20261128-8aga on 2026-11-28 06:14 UTC, but then "
        "run 20-8 asked to replace it. Look at the order; --again adds it again. Adding to a comment: Done."
    )
    assert why(said) == "Added by run … on …, but then run … asked to replace it."
    assert why("No usable answer came. Whether “a” was added is not known. Look") == "No usable answer came."


def test_what_was_shown_in_views_is_told_where_it_was_shown(figures):
    assert "could not tell" not in render(figures)
    tally = Tally(unseen=3)
    tally.views[KINDS[1]] = 120
    page = render(tally.as_json(61.0))
    assert f"| {KINDS[1]} | 120 |" in page
    assert "| rows left `unconfirmed` where the view could not tell | 3 |" in page


def test_a_short_campaign_finds_nothing_false(wired_yard):
    enough = ("--kills", "2", "--deliveries", "1")
    asked = limits().parse_args([*enough, "--killers", "2", "--carriers", "0", "--viewers", "2"])
    campaign = Campaign(wired_yard, asked)
    campaign.run()
    assert campaign.tally.findings.kept, campaign.tally.findings
    assert not campaign.tally.unfinished
    assert campaign.tally.views.total() > 0
    assert campaign.tally.kills.total() > 0


def test_a_page_without_a_place_for_them_stays_as_it_is(tmp_path, figures):
    page = tmp_path / "delivery.md"
    page.write_text("no marks\n", encoding="utf-8")
    write(figures, page, tmp_path / "figures.json")
    assert page.read_text(encoding="utf-8") == "no marks\n"


def test_the_page_of_the_figures_has_a_place_for_them(tmp_path, figures):
    page = tmp_path / "delivery.md"
    page.write_bytes(PAGE.read_bytes())
    write(figures, page, tmp_path / "figures.json")
    assert render(figures) in page.read_text(encoding="utf-8")
