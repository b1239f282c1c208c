"""The rules by which doubts are settled, and every simpler wording of them that was thought of."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tests.support.reworded import ROOT, reworded
from tests.support.simpler_rules import RULES, found


@pytest.mark.parametrize("name", RULES)
def test_in_the_world_that_shows_it_the_rule_as_it_is_makes_nothing_false(name):
    assert found(name) == []


@pytest.mark.parametrize("name", RULES)
def test_a_simpler_wording_makes_a_status_false(name, tmp_path):
    rule = RULES[name]
    said = subprocess.run(
        [sys.executable, "-m", "tests.support.simpler_rules", name],
        env={**os.environ, "PYTHONPATH": reworded(tmp_path, rule.path, rule.old, rule.new)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip(), f"nothing is false with it: {rule.world}"
