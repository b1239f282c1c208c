"""`python -m ordersheet`: the command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command."""
    try:
        from ordersheet.cli import app  # noqa: PLC0415 - so that `import ordersheet.__main__` runs nothing
    except KeyboardInterrupt:
        sys.exit(130)
    app()


if __name__ == "__main__":
    main()
