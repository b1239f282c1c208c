"""When a job is due: every so often, or by a cron line in a time zone. Pure: the time is given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import time, tzinfo
    from zoneinfo import ZoneInfo

_CRON_FIELDS = 5
_YEARS_AHEAD = 5


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a job is due."""

    every: float = 60.0
    """Seconds between two passes, where there is no cron line."""
    cron: str | None = None
    """Minute, hour, day of the month, month, day of the week."""
    zone: ZoneInfo | None = None
    """None: this computer's own."""

    def next_after(self, last: datetime) -> datetime:
        """Give the moment of the next pass.

        Args:
            last: when the last pass began, with a time zone.

        Returns:
            In UTC.
        """
        if self.cron is None:
            return last.astimezone(UTC) + timedelta(seconds=self.every)
        from croniter import croniter

        local = last.astimezone(self.zone)
        found: datetime = croniter(self.cron, local).get_next(datetime)
        return found.astimezone(UTC)

    def left(self, began: datetime, now: datetime, passed: float) -> float:
        """Give the seconds until the next pass, whatever the clock did meanwhile.

        Args:
            began: when the last pass began.
            now: the moment.
            passed: seconds since then by a clock that does not jump.
        """
        if self.cron is None:
            return max(0.0, self.every - passed)
        return max(0.0, (self.next_after(min(began, now)) - now.astimezone(UTC)).total_seconds())

    def comes_on_day_of(self, moment: datetime) -> bool:
        """Tell whether a pass is due on the day of a moment."""
        before = self.midnight(moment) - timedelta(seconds=1)
        return self.cron is None or self.day_of(self.next_after(before)) == self.day_of(moment)

    def until(self, at: time, now: datetime) -> float:
        """Give the seconds until a time of day comes next, in the job's zone."""
        local = now.astimezone(self.zone)
        today = local.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
        found = today if today > local else today + timedelta(days=1)
        return (found.astimezone(UTC) - now.astimezone(UTC)).total_seconds()

    def day_of(self, moment: datetime) -> str:
        """Give the day of a moment in the job's zone, as YYYY-MM-DD."""
        return f"{moment.astimezone(self.zone):%Y-%m-%d}"

    def passed(self, at: time, now: datetime) -> bool:
        """Tell whether a time of day has passed, in the job's zone."""
        return now.astimezone(self.zone).time() >= at

    def midnight(self, now: datetime) -> datetime:
        """Give when the day of a moment began, in the job's zone; in UTC."""
        local: datetime = now.astimezone(self.zone)
        zone: tzinfo | None = local.tzinfo
        return local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=zone).astimezone(UTC)


def cron_fault(line: str) -> str | None:
    """Say what is wrong with a cron line, as the rest of a sentence; None where it is one that comes."""
    from croniter import CroniterBadDateError, CroniterError, croniter

    if len(line.split()) != _CRON_FIELDS:
        return "must be five fields: minute, hour, day, month, day of the week"
    try:
        croniter(line, datetime(2026, 1, 1, tzinfo=UTC), max_years_between_matches=_YEARS_AHEAD).get_next(
            datetime
        )
    except CroniterBadDateError:
        return "names a date that never comes"
    except (CroniterError, ValueError, KeyError):
        return "is no schedule; it looks like 30 6 * * 1-5"
    return None
