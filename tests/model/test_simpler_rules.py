"""The rules by which doubts are settled, and every simpler wording of them that was thought of."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tests.support.simpler_rules import PACKAGE, RULES, found, reword

ROOT = PACKAGE.parents[1]


@pytest.mark.parametrize("name", RULES)
def test_in_the_world_that_shows_it_the_rule_as_it_is_makes_nothing_false(name):
    assert found(name) == []


@pytest.mark.parametrize("name", RULES)
def test_a_simpler_wording_makes_a_status_false(name, tmp_path):
    reword(RULES[name], tmp_path)
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    said = subprocess.run(
        [sys.executable, "-m", "tests.support.simpler_rules", name],
        env={**os.environ, "PYTHONPATH": paths},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip(), f"nothing is false with it: {RULES[name].world}"
