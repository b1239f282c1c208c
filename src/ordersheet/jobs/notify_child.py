"""Apprise in a process of its own while it tells: it takes 25 MB that a watcher at rest does without."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ordersheet.core.errors import SettingsError
from ordersheet.jobs.messages import Message
from ordersheet.jobs.notify import Apprise, NotTold

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE = 600.0
"""Seconds after which a message counts as not taken."""
# The child takes the package that is running, and nothing from the working folder (-P).
_CODE = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from ordersheet.jobs.notify_child import serve; serve(sys.stdin, sys.stdout)"
)


class AppriseChild:
    """Tells through Apprise, which lives only while it does.

    Args:
        addresses: as for `Apprise`; they reach the child by its stdin, where nobody else sees them.
        faulty: as for `Apprise`.

    Raises:
        SettingsError: as from `Apprise`.
    """

    def __init__(self, addresses: Sequence[str], *, faulty: bool = False) -> None:
        self._known = {"addresses": list(addresses), "faulty": faulty}
        if addresses:
            answer = _asked(self._known)
            if answer is None:
                raise SettingsError("notify cannot be tried: Apprise does not start.", code="bad-notify")
            _refuse(answer)

    def tell(self, message: Message, attachment: Path | None, told: frozenset[int] = frozenset()) -> None:
        """Send a message to every address that has not taken it."""
        if not self._known["addresses"]:
            return
        what = [message.kind, message.subject, message.body]
        attached = str(attachment) if attachment is not None else None
        answer = _asked({**self._known, "message": what, "attachment": attached, "told": sorted(told)})
        if answer is None:
            raise NotTold("The program that sends messages did not come to its end.", told)
        _refuse(answer)
        if "not_told" in answer:
            raise NotTold(answer["not_told"], frozenset(answer["told"]))


def _refuse(answer: dict[str, Any]) -> None:
    if "error" in answer:
        raise SettingsError(answer["error"], code=answer["code"])


def _asked(what: dict[str, Any]) -> dict[str, Any] | None:
    """Ask the child; None where it gave no answer."""
    package = str(Path(__file__).parents[2])
    try:
        child = subprocess.run(  # noqa: S603 - this very interpreter, and no shell
            [sys.executable, "-P", "-c", _CODE, package],
            input=json.dumps(what),
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )
        answer: dict[str, Any] = json.loads(child.stdout.rpartition("\n")[2])
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return None
    return answer


def serve(asked: TextIO, answers: TextIO) -> None:
    """Be the child: check the addresses, send the message if there is one, and answer with a line of JSON."""
    what = json.loads(asked.read())
    answer: dict[str, Any] = {}
    try:
        apprise = Apprise(what["addresses"], faulty=what["faulty"])
        if "message" in what:
            attachment = Path(what["attachment"]) if what["attachment"] else None
            apprise.tell(Message(*what["message"]), attachment, frozenset(what["told"]))
    except SettingsError as error:
        answer = {"error": str(error), "code": error.code}
    except NotTold as fault:
        answer = {"not_told": str(fault), "told": sorted(fault.told)}
    answers.write("\n" + json.dumps(answer))
