"""`python -m ordersheet`: the command."""

from __future__ import annotations


def main() -> None:
    """Run the command."""
    from ordersheet.cli import app  # noqa: PLC0415 - so that `import ordersheet.__main__` runs nothing

    app()


if __name__ == "__main__":
    main()
