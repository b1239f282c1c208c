"""What an order's life depends on beyond the order: how the run stands, and what it has learned."""

from __future__ import annotations

import random
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ordersheet.core.journal import Learned
from ordersheet.core.model import COMMENT_FIELDS, StoppedBy
from ordersheet.core.stop_switch import CUT, WIND_DOWN
from ordersheet.delivery import messages
from ordersheet.delivery.breakers import NOTHING_ANSWERS, Breakers, Stop, stop_for
from ordersheet.delivery.forbidden import ForbiddenUpdates
from ordersheet.delivery.verdict.causes import cause_of
from ordersheet.delivery.verdict.page_trust import PageTrust
from ordersheet.delivery.verdict.proof import Proof
from ordersheet.delivery.verdict.put import StopReason
from ordersheet.delivery.verdict.retry_after import http_date
from ordersheet.delivery.verdict.trust import (
    NO_LETTERS,
    PROMPTLY,
    Control,
    FieldTrust,
    control_of,
    ends_cut,
    judge_control,
    needed_for,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from ordersheet.core.errors import LedgerError
    from ordersheet.core.journal import AnsweredAppend, Event
    from ordersheet.core.model import RowResult
    from ordersheet.core.stop_switch import StopSwitch
    from ordersheet.delivery.clock import Moment
    from ordersheet.delivery.options import DeliveryOptions
    from ordersheet.delivery.parts import Part
    from ordersheet.delivery.progress import ProgressTally
    from ordersheet.delivery.verdict.causes import Cause
    from ordersheet.delivery.verdict.observation import Observation
    from ordersheet.delivery.verdict.trust import Needed

_INTERRUPTED = "The run was interrupted. Send the same file again to go on where it stopped."
TOO_MANY_NO = (
    "More rows ended in `no` than --max-no allows. Look at what their messages say, then send the same file "
    "again to go on where it stopped."
)
_UNREAD, _NO_API = "unread", "no-api"
"""Warnings that something said later makes needless."""


DATES_AGREE = 3.0
"""Seconds: a Date has whole ones, and an answer takes its time."""


def _no_trust() -> dict[str, FieldTrust]:
    return {name: FieldTrust() for name in COMMENT_FIELDS}


def jitter() -> float:
    """Give a part of a second, so that lanes which failed together do not try again together."""
    return random.random() / 2  # noqa: S311 - nothing secret


@dataclass(slots=True)
class RunFacts:
    """What all orders of a run share. It holds no connection and no clock, and waits for nothing."""

    run: str
    """The run's id."""
    options: DeliveryOptions
    switch: StopSwitch
    tally: ProgressTally
    on_end: Callable[[], None]
    """Called when the run's end is decided."""
    breakers: Breakers = field(default_factory=Breakers)
    reads_back: dict[str, bool] = field(default_factory=dict)
    """By PUT's field name: whether what is appended can be read back at this store."""
    probing: set[str] = field(default_factory=set)
    """Fields whose first answered append is being read back, or was."""
    stop: Stop | None = None
    stop_reason: StopReason | None = None
    api_seen: bool = False
    """Whether any answer has had the shape that the Order API's answers have."""
    readable: bool = True
    """False once the server said that this key may not read orders."""
    forbidden: ForbiddenUpdates = field(default_factory=ForbiddenUpdates)
    unlooked: set[int] = field(default_factory=set)
    """Orders that could not be looked at a last time."""
    warnings: dict[str, str] = field(default_factory=dict)
    on_control: Callable[[], None] = lambda: None
    """Called when orders that wait for a control may go on."""
    trust: dict[str, FieldTrust] = field(default_factory=_no_trust)
    """By PUT's field name: what readings have shown of it in this run."""
    pages: PageTrust = field(default_factory=PageTrust)
    """What pages of orders have shown in this run."""
    distrusted: set[str] = field(default_factory=set)
    """Fields that were seen in this run not to show what was written."""
    shows_attributes: bool = True
    """False once an answer held an order and did not show its attributes."""
    controls_wanted: list[tuple[str, Needed]] = field(default_factory=list)
    expects_controls: bool = True
    """Whether an update may still be answered that can serve as a control."""
    heard_at: list[float] = field(default_factory=list)
    """When the server answered anything (monotonic), twice a second at most, and the latest time."""
    server_ahead: float | None = None
    """Seconds by which the server's clock is ahead of our monotonic one, which nobody turns meanwhile; None
    where no update was answered with a Date yet."""
    jitter: Callable[[], float] = jitter

    @property
    def name(self) -> messages.RunName:
        """How it is called."""
        return messages.RunName(self.run, self.options.submitted)

    # --- whether the run goes on

    @property
    def ended(self) -> bool:
        """Whether nothing more may be sent."""
        return self.stop is not None

    @property
    def closed(self) -> str | None:
        """What to say of a row that is not sent because the run has ended; None while it goes on."""
        return None if self.stop is None else f"Not sent. {self.stop.message}"

    @property
    def ledger_failed(self) -> bool:
        """Whether the ledger takes nothing more."""
        return self.stop is not None and self.stop.word is StoppedBy.LEDGER

    @property
    def interrupted(self) -> bool:
        """Whether a person or a signal ended it."""
        return self.switch.level >= WIND_DOWN

    @property
    def may_read(self) -> bool:
        """Whether orders may still be read at all."""
        return (
            self.readable
            and not self.ledger_failed
            and self.switch.level < CUT
            and self.stop_reason not in NOTHING_ANSWERS
        )

    def halt(
        self, reason: StopReason, seen: Observation | None = None, *, resume_after: datetime | None = None
    ) -> None:
        """Stop the run for a reason that the attempts gave, and of which `seen` was the last."""
        if self.stop is None:
            self.stop_reason = reason
            cause = cause_of(seen, self.options.base_url)
            self._end(stop_for(reason, cause, resume_after=resume_after))

    def interrupt(self) -> None:
        """Stop the run because a person or a signal said so."""
        self._end(self.stop or Stop(StoppedBy.INTERRUPTED, _INTERRUPTED))

    def fail(self, error: LedgerError) -> None:
        """Stop the run because the ledger cannot be written."""
        # Whatever stopped the run before, this is what has to be mended first.
        how = "Nothing was sent after that. Mend it, then send the same file again."
        self._end(Stop(StoppedBy.LEDGER, f"{error} {how}"))

    def crash(self, error: Exception) -> None:
        """Stop the run because of an error in this program: every row is accounted for all the same."""
        self._end(self.stop or Stop(StoppedBy.INTERNAL, messages.crashed(error)))

    def _end(self, stop: Stop) -> None:
        self.stop = stop
        self.on_end()

    @property
    def stopped(self) -> StoppedBy | None:
        """What ended the run early; None while it goes on."""
        return None if self.stop is None else self.stop.word

    # --- rows

    def count(self, result: RowResult, replaced: RowResult | None = None) -> None:
        """Count a row's result, and stop the run where too many have ended in `no`."""
        self.tally.count(result, replaced)
        most = self.options.most_no
        if most is not None and self.tally.no > most and self.stop is None:
            self._end(Stop(StoppedBy.TOO_MANY_NO, TOO_MANY_NO))

    def row_unknown(self) -> None:
        """Count a row that ended unknown where reading back is not possible."""
        reason = self.breakers.row_unknown()
        if reason is not None:
            self.halt(reason)

    # --- reading back

    def know(self, reads_back: Mapping[str, bool], appends: Iterable[AnsweredAppend]) -> None:
        """Take over what earlier runs learned about this store."""
        self.reads_back.update(reads_back)
        for name, works in reads_back.items():
            self.trust[name].known = works
        for order, name, baseline, text in appends:
            if name in self.trust:
                long_ago = float("-inf")
                self.trust[name].remember(control_of(order, name, baseline, text, long_ago))

    def wants_baseline(self, parts: list[Part]) -> bool:
        """Tell whether an attempt with these parts is preceded by reading the order."""
        if not self.options.baseline or not self.readable:
            return False
        return any(self.trusts(part.field) for part in parts)

    def wants_attributes(self, parts: list[Part]) -> bool:
        """Tell whether the order is read for what these attributes hold, which may be what is sent."""
        wanted = self.options.skip_unchanged and self.readable and self.shows_attributes
        return wanted and any(not part.appends and not part.sent for part in parts)

    def trusts(self, name: str) -> bool:
        """Tell whether reading a field may prove something, or is still to be tried out in this run."""
        return name in COMMENT_FIELDS and name not in self.distrusted

    def shows(self, name: str) -> bool:
        """Tell whether nothing has shown yet that a field cannot be read back at this store."""
        return name not in self.distrusted and self.reads_back.get(name) is not False

    def why_absence_is_no_proof(self, name: str, baseline: str, text: str) -> str | None:
        """Say why a text's absence from a field does not prove that it was not added; None where it does."""
        trust, needed = self.trust[name], needed_for(baseline, text)
        if not self.shows(name):
            return messages.NOT_SHOWN
        if ends_cut(baseline):
            return messages.SHOWN_IN_PART
        if needed.hardness == NO_LETTERS:
            return messages.NO_LETTERS
        if trust.ends_like_others(baseline):
            return messages.ENDS_LIKE_OTHERS
        return None if trust.proves(needed) else messages.NO_CONTROL

    def remember(self, control: Control) -> None:
        """Keep an append that was answered ok, to be read again where something is in doubt."""
        trust = self.trust[control.field]
        trust.remember(control)
        if any(name == control.field and control.fits(needed) for name, needed in self.controls_wanted):
            self._wake_waiting()

    def forget_control(self, name: str, order: int) -> None:
        """An order's field is overwritten, or may be: what was appended to it need not show any more."""
        if name in self.trust:
            self.trust[name].controls.pop(order, None)

    def control_for(
        self, name: str, baseline: str, text: str, but: set[int], *, least: bool = False
    ) -> Control | None:
        """Choose an order that must show whether this text would have shown.

        Args:
            name: the field.
            baseline: what stands there.
            text: what was to be added.
            but: orders that were read for that already.
            least: whether one that shows less than this serves, too, where there is none that shows as much.
        """
        trust, needed = self.trust[name], needed_for(baseline, text)
        control = trust.control_for(needed, but)
        if control is None and least and not trust.shows_at_all(needed):
            control = trust.control_for(needed.at_least, but)
        return control

    def recent_control(self, name: str, seconds: float, but: set[int]) -> Control | None:
        """Choose an append of a moment ago, where none of this run was read back in time yet."""
        trust = self.trust[name]
        if trust.prompt or not self.shows(name):
            return None
        return trust.recent(seconds - self.options.settle, but)

    def want_control(self, name: str, baseline: str, text: str, *, least: bool = False) -> None:
        """Ask to be told when there is an append that shows whether this text would have shown."""
        needed = needed_for(baseline, text)
        least = least and not self.trust[name].shows_at_all(needed)
        self.controls_wanted.append((name, needed.at_least if least else needed))

    def still_holds(self, control: Control) -> bool:
        """Tell whether an append must show still: nothing was sent since that may have overwritten it."""
        return self.trust[control.field].controls.get(control.order) is control

    def control_read(self, control: Control, held: str | None, now: Moment) -> list[Event]:
        """Learn from a reading of an order that must show what was appended to it."""
        trust, name = self.trust[control.field], control.field
        trust.readings += 1
        proof = judge_control(control, held)
        if proof is Proof.CONFIRMED and held is not None:
            trust.grew(held, control.text, now.seconds - control.asked_at, self.options.settle)
            if self.controls_wanted:
                self._wake_waiting()
            learns = name not in self.distrusted and self.reads_back.get(name) is not True
            learns = learns and trust.shown_after <= PROMPTLY
            return self._learn(name, works=True) if learns else []
        if proof is Proof.ABSENT:
            return self.distrust(name)
        trust.controls.pop(control.order, None)
        return []

    def distrust(self, name: str) -> list[Event]:
        """A field does not show what was written there: no reading of it proves an absence any more."""
        if name in self.distrusted:
            return []
        self.distrusted.add(name)
        self.warn_unverifiable(name)
        return self._learn(name, works=False)

    def _learn(self, name: str, *, works: bool) -> list[Event]:
        self.reads_back[name] = works
        return [Learned(name, reads_back=works)]

    def _wake_waiting(self) -> None:
        self.controls_wanted.clear()
        self.on_control()

    # --- when the server was heard, and how old its answers are

    def compare_clocks(self, date: str | None, seconds: float) -> None:
        """Learn from the answer to an update, which nobody keeps, how far the server's clock is ahead."""
        told = http_date(date) if date is not None else None
        if told is not None:
            self.server_ahead = told.timestamp() - seconds

    def is_old_copy(self, seen: Observation, written_at: float | None) -> bool:
        """Tell whether an answer says itself that it is a copy: by its age, or dated before that."""
        age = seen.headers.get("age", "0").strip()
        if age.isdecimal() and int(age) > 0:
            return True
        told = http_date(seen.headers.get("date", ""))
        if told is None or written_at is None or self.server_ahead is None:
            return False
        return told.timestamp() - self.server_ahead < written_at - DATES_AGREE

    def heard(self, seconds: float) -> None:
        """Note that the server answered something, whatever it was."""
        if len(self.heard_at) > 1 and seconds - self.heard_at[-2] < 1.0:
            self.heard_at[-1] = seconds
        else:
            self.heard_at.append(seconds)

    def first_heard(self, since: float) -> float | None:
        """Say when the server was first heard after a moment, to the second; None where it was not."""
        at = bisect_right(self.heard_at, since)
        return self.heard_at[at] if at < len(self.heard_at) else None

    def to_try(self, parts: list[Part]) -> list[Part]:
        """Name the answered appends of fields that were never read back at this store."""
        return [
            part
            for part in parts
            if part.appends
            and part.baseline is not None
            and part.field not in self.probing
            and part.field not in self.distrusted
            and self.reads_back.get(part.field) is not True
            and self.may_read
        ]

    # --- sentences for people

    def told_warnings(self) -> Iterator[str]:
        """Give the warnings, but for those that something said later makes needless."""
        for name, text in self.warnings.items():
            told = name == _UNREAD and self.stop_reason is StopReason.DEAD_SERVER
            if not told and not (name == _NO_API and self.api_seen):
                yield text

    def warn_unreadable(self, status: int | None) -> None:
        """Go on without reading orders."""
        self.readable = False
        self.warnings["unreadable"] = messages.unreadable(status)

    def warn_too_large(self, order: int) -> None:
        """Say that an order cannot be read since it is too large; once, for the first of them."""
        self.warnings.setdefault("too large", messages.too_large(order))

    def warn_unread(self, cause: Cause) -> None:
        """Say that rows were not sent because their orders could not be read."""
        self.warnings[_UNREAD] = messages.rows_unread(cause)

    def warn_no_api(self) -> None:
        """Say that the address seems to be a wrong one; told only where that stays so to the end."""
        self.warnings[_NO_API] = messages.no_api(self.options.base_url)

    def warn_unverifiable(self, name: str) -> None:
        """Say that a field does not read back."""
        self.warnings[f"unverifiable {name}"] = messages.unverifiable(name)
