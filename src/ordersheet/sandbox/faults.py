"""The misbehaviours that the sandbox knows, and when each one happens. Pure.

A fault is named on the command line as `KIND`, `KIND=DETAIL`, and behind a colon when it happens:
`:0.2` or `:20%` for a part of the requests, `:3` for the third request alone; always where nothing is said.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING

from ordersheet.sandbox.rate_limit import FORMS

if TYPE_CHECKING:
    from collections.abc import Iterable


class FaultTarget(StrEnum):
    """What a fault strikes."""

    PUT = "PUT"
    GET = "GET"
    TEXT = "TEXT"
    """The text of a comment on its way into the order."""


class Applies(StrEnum):
    """What becomes of the update that a fault strikes."""

    NO = "not applied"
    YES = "applied"
    LATE = "applied later"
    TWICE = "applied twice"
    PART = "partly applied"
    """The internal comment alone, where the update has one; otherwise nothing."""


class Act(StrEnum):
    """What the client sees."""

    STATUS = "an HTTP status"
    CLOSE = "the connection closed without an answer"
    RESET = "the connection reset"
    CUT = "an answer that ends halfway"
    GARBAGE = "bytes that are no HTTP"
    DRIP = "an answer that comes byte by byte"
    STALL = "no answer at all"
    STALE = "an earlier answer in front of the right one"
    BODY = "an answer with another body"
    REDIRECT = "a redirect to another address"
    CHANGE = "a text that is stored in another form"


@dataclass(frozen=True, slots=True)
class Kind:
    """One misbehaviour."""

    name: str
    help: str
    act: Act
    target: FaultTarget = FaultTarget.PUT
    applies: Applies = Applies.NO
    status: int = 200
    detail: str = ""
    """Which variant of the act; what may stand behind `=` where `details` allows it."""
    details: str = ""
    """What may be given behind `=`: `seconds`, `form` (of Retry-After), `code` (of a redirect), or ""."""


def _statuses() -> Iterable[Kind]:
    for status in (500, 502, 503, 504, 520, 408, 409, 202, 204):
        for word, applies in (("before", Applies.NO), ("after", Applies.YES)):
            yield Kind(
                f"{status}-{word}", f"answers {status}; {applies}", Act.STATUS, applies=applies, status=status
            )
    for status in (400, 401, 403, 404, 405, 413, 415, 421, 422, 425):
        yield Kind(f"{status}", f"answers {status}; not applied", Act.STATUS, status=status)
    for status in (429, 503):
        name = "429" if status == HTTPStatus.TOO_MANY_REQUESTS else "503-wait"
        yield Kind(
            name,
            f"answers {status} with Retry-After; not applied",
            Act.STATUS,
            status=status,
            detail="seconds",
            details="form",
        )


def _wires() -> Iterable[Kind]:
    for word, applies in (("before", Applies.NO), ("after", Applies.YES)):
        yield Kind(f"close-{word}", f"closes without an answer; {applies}", Act.CLOSE, applies=applies)
        yield Kind(f"reset-{word}", f"resets the connection; {applies}", Act.RESET, applies=applies)
        yield Kind(f"stall-{word}", f"never answers; {applies}", Act.STALL, applies=applies)
        yield Kind(
            f"redirect-{word}",
            f"answers 307, or the CODE given, with another address; {applies}",
            Act.REDIRECT,
            applies=applies,
            detail="307",
            details="code",
        )
    yield Kind("cut", "ends its answer halfway; applied", Act.CUT, applies=Applies.YES)
    yield Kind("garbage", "answers with bytes that are no HTTP; applied", Act.GARBAGE, applies=Applies.YES)
    yield Kind(
        "drip",
        "answers one byte at a time, SECONDS apart (1); applied",
        Act.DRIP,
        applies=Applies.YES,
        detail="1",
        details="seconds",
    )
    yield Kind(
        "stale",
        "answers for another order first, so that answers are out of step; applied",
        Act.STALE,
        applies=Applies.YES,
    )
    yield Kind(
        "late",
        "answers 504 and applies SECONDS later (5)",
        Act.STATUS,
        applies=Applies.LATE,
        status=504,
        detail="5",
        details="seconds",
    )


def _bodies() -> Iterable[Kind]:
    variants = {
        "garbled": "answers broken JSON",
        "html": "answers a page instead of JSON",
        "empty": "answers nothing in a 200",
        "list": "answers a JSON list",
        "wrong-order": "names another order in its answer",
        "no-order": "names no order in its answer",
        "order-true": 'answers "order": true',
        "status-upper": 'answers "status": "OK"',
        "huge": "answers with two megabytes",
    }
    for name, text in variants.items():
        yield Kind(name, f"{text}; applied", Act.BODY, applies=Applies.YES, detail=name)
    yield Kind(
        "twice", "applies the update twice, and answers ok", Act.BODY, applies=Applies.TWICE, detail="ok"
    )
    yield Kind("no-applied", "applies the update, and answers no", Act.BODY, applies=Applies.YES, detail="no")
    yield Kind(
        "no-part",
        "applies the internal comment alone, and answers no",
        Act.BODY,
        applies=Applies.PART,
        detail="no",
    )
    yield Kind("no", "answers no to what it could apply", Act.BODY, detail="no")


def _reads() -> Iterable[Kind]:
    get = FaultTarget.GET
    for status in (401, 403, 404, 500, 503):
        yield Kind(f"get-{status}", f"answers {status} to a GET", Act.STATUS, get, status=status)
    yield Kind(
        "get-429",
        "answers 429 with Retry-After to a GET",
        Act.STATUS,
        get,
        status=429,
        detail="seconds",
        details="form",
    )
    yield Kind("get-close", "closes on a GET", Act.CLOSE, get)
    yield Kind("get-reset", "resets on a GET", Act.RESET, get)
    yield Kind("get-stall", "never answers a GET", Act.STALL, get)
    yield Kind("get-cut", "ends its answer to a GET halfway", Act.CUT, get)
    yield Kind(
        "get-redirect",
        "answers 307, or the CODE given, to a GET",
        Act.REDIRECT,
        get,
        detail="307",
        details="code",
    )
    variants = {
        "garbled": "answers broken JSON to a GET",
        "html": "answers a page to a GET",
        "empty": "leaves the order out of its answer to a GET",
        "wrong-order": "gives another order in its answer to a GET",
        "no-field": "leaves the comments out of its answer to a GET",
        "null-field": "gives the comments as null in its answer to a GET",
        "misses": "leaves the first and every other order out of a list",
        "repeats": "gives each order of a list twice",
        "shuffled": "gives the orders of a list in another order",
    }
    for name, text in variants.items():
        yield Kind(f"get-{name}", text, Act.BODY, get, detail=name)


def _changes() -> Iterable[Kind]:
    variants = {
        "trims": "takes blanks off both ends of a text",
        "escapes": "stores a text with &amp; and &lt;",
        "breaks": "stores line breaks of a text as <br>",
        "shortens": "stores the first 20 characters of a text",
    }
    for name, text in variants.items():
        yield Kind(name, text, Act.CHANGE, FaultTarget.TEXT, Applies.YES, detail=name)


KINDS: dict[str, Kind] = {
    kind.name: kind for kind in (*_wires(), *_statuses(), *_bodies(), *_reads(), *_changes())
}
"""Every misbehaviour, by the name that `--fault` takes."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A misbehaviour and when it happens."""

    kind: Kind
    detail: str = ""
    probability: float = 1.0
    nth: int | None = None
    """The one request that it strikes, counted from 1 over requests of its target; None: any."""


_FAULT = re.compile(r"(?P<kind>[a-z0-9-]+)(?:=(?P<detail>[^:]+))?(?::(?P<when>[^:]+))?")
_WHOLE = 100.0
_DETAILS = {
    "seconds": (r"[0-9]+(\.[0-9]+)?", "a number of seconds"),
    "form": ("|".join(FORMS), f"one of {', '.join(FORMS)}"),
    "code": ("30[12378]", "301, 302, 303, 307 or 308"),
}
"""What may stand behind `=`: a pattern, and its words."""


def parse_fault(text: str) -> Fault:
    """Read what stands behind `--fault`.

    Raises:
        ValueError: with a sentence that says what is wrong, and which kinds there are.
    """
    found = _FAULT.fullmatch(text.strip().lower())
    kind = KINDS.get(found["kind"]) if found else None
    if found is None or kind is None:
        raise ValueError(
            f'"{text}" is no fault. Write KIND, KIND:0.2 or KIND:3; the kinds are: {", ".join(KINDS)}.'
        )
    detail = found["detail"] or kind.detail
    if found["detail"]:
        _check_detail(kind, found["detail"], text)
    probability, nth = _when(found["when"], text)
    return Fault(kind, detail, probability, nth)


def _check_detail(kind: Kind, detail: str, text: str) -> None:
    pattern, wanted = _DETAILS.get(kind.details, ("(?!)", "nothing"))
    if not re.fullmatch(pattern, detail):
        raise ValueError(f'"{text}": behind {kind.name}= stands {wanted}.')


def _when(when: str | None, text: str) -> tuple[float, int | None]:
    if when is None:
        return 1.0, None
    if re.fullmatch(r"[1-9][0-9]*", when):
        return 1.0, int(when)
    part = re.fullmatch(r"(?P<number>[0-9]*\.?[0-9]+)(?P<percent>%?)", when)
    probability = float(part["number"]) / (_WHOLE if part["percent"] else 1.0) if part else -1.0
    if not 0.0 <= probability <= 1.0:
        raise ValueError(f'"{text}": behind the colon stands a part (0.2 or 20%) or which request it is (3).')
    return probability, None


class Faults:
    """Decides which fault strikes a request.

    What strikes an order's n-th request depends on the seed, the order and n alone, so that a run
    with many lanes meets the same faults as a run with one.

    Args:
        faults: the first one that strikes wins.
        seed: another seed, another pattern.
    """

    def __init__(self, faults: Iterable[Fault] = (), seed: int = 0) -> None:
        self._faults = tuple(faults)
        self._seed = seed
        self._count: Counter[str] = Counter()
        self._count_of: Counter[tuple[str, int]] = Counter()

    def strike(self, target: FaultTarget, order: int) -> Fault | None:
        """Count a request and tell the fault that strikes it, or None."""
        self._count[target] += 1
        self._count_of[target, order] += 1
        nth, own = self._count[target], self._count_of[target, order]
        for index, fault in enumerate(self._faults):
            if fault.kind.target is not target:
                continue
            if fault.nth is not None:
                if fault.nth == nth:
                    return fault
            elif self._falls(index, target, order, own) < fault.probability:
                return fault
        return None

    def _falls(self, index: int, target: str, order: int, own: int) -> float:
        return random.Random(f"{self._seed} {index} {target} {order} {own}").random()  # noqa: S311 - no secret
