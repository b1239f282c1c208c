"""The installed version; it stands in pyproject.toml alone."""

from __future__ import annotations


def version() -> str:
    """The installed version."""
    from importlib.metadata import version as installed

    return installed("ordersheet")
