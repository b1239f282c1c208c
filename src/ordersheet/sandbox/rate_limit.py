"""The sandbox's rate limit, and the forms in which servers say when to come back."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import format_datetime

FORMS = ("seconds", "date", "unix", "milliseconds", "iso", "nonsense", "past", "none")
"""How `Retry-After` can be written; all but the first two are outside its standard, and seen nevertheless."""


class Bucket:
    """A token bucket: so many requests a second, and as many at once after a pause.

    Args:
        rate: requests a second, above 0.
        now: the clock's reading, in seconds.
    """

    def __init__(self, rate: float, now: float) -> None:
        self.rate = rate
        self.burst = max(1.0, rate)
        self._tokens = self.burst
        self._at = now

    def take(self, now: float) -> float:
        """Take a token.

        Returns:
            0.0 where there was one; otherwise the seconds until there is one.
        """
        self._tokens = min(self.burst, self._tokens + max(0.0, now - self._at) * self.rate)
        self._at = now
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self.rate


def retry_after(form: str, wait: float, now: float) -> dict[str, str]:
    """Give the header that asks to come back later.

    Args:
        form: one of FORMS.
        wait: seconds from now; rounded up to whole ones where the form has no smaller unit.
        now: the time as Unix seconds.

    Returns:
        The header, or none at all for the form `none`.
    """
    whole = max(1, math.ceil(wait))
    then = datetime.fromtimestamp(math.ceil(now + wait), tz=UTC)
    texts = {
        "seconds": str(whole),
        "date": format_datetime(then, usegmt=True),
        "unix": str(int(then.timestamp())),
        "milliseconds": str(int((now + wait) * 1000)),
        "iso": then.isoformat(),
        "nonsense": "soon",
        "past": format_datetime(datetime.fromtimestamp(now - 3600, tz=UTC), usegmt=True),
    }
    return {"retry-after": texts[form]} if form in texts else {}
