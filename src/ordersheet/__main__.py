"""`python -m ordersheet`: the command."""

from __future__ import annotations

import gc
import sys

YOUNG = 10_000
"""So many new objects, and Python looks for circles among them. Its own number is 700, less than what one
batch of rows holds: it then goes over the same rows again and again, a tenth of the time of a large file."""


def main() -> None:
    """Run the command."""
    gc.set_threshold(YOUNG)
    # httpx brings along a command of its own, with rich and Pygments: 50 ms and 6 MB at each start. None
    # says that it is not installed, and httpx goes without.
    sys.modules["httpx._main"] = None  # type: ignore[assignment]
    try:
        from ordersheet.console.unblocked import open_closed_streams

        open_closed_streams()
        from ordersheet.cli import app
    except KeyboardInterrupt:
        sys.exit(130)
    app()


def web() -> None:
    """Open the page, without a console window."""
    sys.argv = [sys.argv[0], "web", *sys.argv[1:]]
    main()


if __name__ == "__main__":
    main()
