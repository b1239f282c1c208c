"""A `no` to several parts is read back: what of them was applied all the same, and when that can be told.

The API does not say that a `no` applies nothing. So a row is refused only where what was applied would have
shown: three readings lack it, the last of them at least as long after the answer as another text took to be
seen after its baseline was read, at a store that shows more than what stands in this field. Else it is
unconfirmed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.delivery import messages
from ordersheet.delivery.actions import Read, Wait
from ordersheet.delivery.read_back import BETWEEN_SIGHTINGS, SIGHTINGS
from ordersheet.delivery.reconcile import proof_of_part
from ordersheet.delivery.verdict.proof import Proof
from ordersheet.delivery.verdict.trust import needed_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ordersheet.api import OrderView
    from ordersheet.delivery.clock import Moment
    from ordersheet.delivery.parts import Part
    from ordersheet.delivery.read_back import ReadBack
    from ordersheet.delivery.run_facts import RunFacts
    from ordersheet.delivery.verdict.causes import Cause
    from ordersheet.delivery.verdict.put import Verdict


class RefusalCheck:
    """One refusal that is being read back.

    Attributes:
        said: the `no`.
        proofs: what the readings so far prove, by field; none of an order that nobody finds.
        why: why they do not prove that nothing was applied; empty where they do.
        unread: why the latest reading got no usable answer; None where it did.

    Args:
        said: the `no`.
        parts: what was sent.
        missing: whether the order was not found when it was read before that either.
        read_back: chooses orders that show whether readings can be trusted.
        run: what all orders of the run share.
        now: when the answer came; the first reading is asked for at once.
    """

    def __init__(
        self,
        said: Verdict,
        parts: Sequence[Part],
        *,
        missing: bool,
        read_back: ReadBack,
        run: RunFacts,
        now: Moment,
    ) -> None:
        self.said = said
        self.proofs: dict[str, Proof] = {}
        self.why = ""
        self.unread: Cause | None = None
        self._parts = [part for part in parts if part.in_comment]
        self._missing = missing
        self._read_back = read_back
        self._run = run
        self._answered_at = self._asked_at = now.seconds
        self._sighted: OrderView | None = None
        self._sightings = 0
        self._due = False
        """Whether the order is to be read once more."""

    def step(self, view: OrderView | None, now: Moment) -> Read | Wait | None:
        """Say what is to be done before the refusal can be judged; None where it can be.

        Args:
            view: the latest reading; None where none came, or time has passed since.
            now: the moment.
        """
        if self._due and view is None and self._run.may_read:
            self._asked_at, self._due = now.seconds, False
            return Read(once=self._run.interrupted)
        if view is not None and view is not self._sighted:
            self._sighted = view
            self._sightings += 1
        shown = view is not None and view.found
        # An order that cannot be seen shows nothing: it is as if nobody might read.
        judged = [] if self._missing and not shown else self._parts
        self.proofs = {part.field: proof_of_part(part, view) for part in judged}
        self.why = self._why_unclear(view)
        # What shows in one field proves nothing of another: each may come from a store of its own.
        for part in [part for part in judged if self.proofs[part.field] is Proof.ABSENT]:
            step, why = self._prove(part, now)
            if step is not None:
                return step
            if why is not None:
                self.why, self.proofs[part.field] = why, Proof.UNCLEAR
        return None

    def _why_unclear(self, view: OrderView | None) -> str:
        if Proof.UNCLEAR not in self.proofs.values():
            return ""
        if view is None:
            return messages.not_read_again(
                self.unread, readable=self._run.readable, stopped=self._run.stopped
            )
        return messages.READING_UNCLEAR if view.found else messages.ORDER_NOT_SHOWN

    def _prove(self, part: Part, now: Moment) -> tuple[Read | Wait | None, str | None]:
        """Say what proves that a text which the readings lack was not added, or why nothing does.

        Returns:
            What is to be done first, or why it proves nothing; neither where it does.
        """
        run, baseline = self._run, part.baseline or ""
        more = run.may_read and not run.interrupted
        why = _why_no_proof(run, part)
        if why in messages.CONTROL_WANTED and more:
            control = self._read_back.control_for(part.field, baseline, part.text, least=True)
            if control is None and run.expects_controls:
                run.want_control(part.field, baseline, part.text, least=True)
                return self._wait(float("inf")), None
            return control, why
        if why is not None:
            return None, why
        age = self._asked_at - self._answered_at
        after = run.trust[part.field].shows_after
        if self._sightings >= SIGHTINGS and age >= after:
            return None, None
        if not more:
            return None, messages.READ_TOO_SOON
        last = self._sightings >= SIGHTINGS - 1
        until = max(now.seconds + BETWEEN_SIGHTINGS, self._answered_at + after if last else 0.0)
        return self._wait(until), None

    def _wait(self, until: float) -> Wait:
        self._due = True
        return Wait(until)


def _why_no_proof(run: RunFacts, part: Part) -> str | None:
    """Say why a field without a refused text does not prove that it was not added; None where it does.

    Other than where an answer was lost, the server has said that it did nothing. So it is enough that texts
    show at all, and that more shows than what stands here: then it would have changed.
    """
    baseline = part.baseline or ""
    why = run.why_absence_is_no_proof(part.field, baseline, part.text)
    trust = run.trust[part.field]
    if why != messages.NO_CONTROL or not trust.shows_at_all(needed_for(baseline, part.text)):
        return why
    return None if trust.shows_beyond(baseline) else why
