"""One safeguard that the mutation run takes out, and the tests that must notice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One safeguard taken out."""

    name: str
    path: str
    """Below `src/ordersheet`."""
    old: str
    """Stands in the file exactly once."""
    new: str
    against: str
    """The tests with the oracle that are run on it."""
    module: str
    """The module's own tests, which notice it too."""
