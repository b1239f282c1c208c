"""`python -m ordersheet`: the command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command."""
    try:
        from ordersheet.cli import app
    except KeyboardInterrupt:
        sys.exit(130)
    app()


if __name__ == "__main__":
    main()
