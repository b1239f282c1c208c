"""The mutation run cannot rot: each safeguard is still where the run takes it out."""

from __future__ import annotations

import pytest
from tests.torture.mutations import MUTANTS, ROOT, stale


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_safeguard_is_where_the_mutation_run_takes_it_out(mutant):
    assert stale(mutant) is None
    assert (ROOT / mutant.against.partition("::")[0]).exists()
    assert (ROOT / mutant.module.partition("::")[0]).exists()
