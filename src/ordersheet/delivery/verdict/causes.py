"""Why a request got no usable answer, in words for a person: the cause, and what to do about it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.delivery.verdict.observation import Failure

if TYPE_CHECKING:
    from ordersheet.delivery.verdict.observation import Observation

_AGAIN = "send the same file again."
_LATER = f"Check the address ({{}}) or try again later; {_AGAIN}"
_OF_FAILURE = {
    Failure.TLS: (
        "Check the address ({}); where your company checks connections with a certificate of its own, give "
        f"its file with --ca-bundle. Then {_AGAIN}"
    ),
    Failure.PROXY: f"Ask whoever looks after the proxy to let this computer through to {{}}; then {_AGAIN}",
}
_AT_THE_PROXY = {
    Failure.PROXY: "the proxy {} refused the connection",
    Failure.DEADLINE: "the proxy {} did not open the way in time",
    Failure.CUT: "it was interrupted at the proxy {}",
}
_NO_PROXY = "the proxy {} could not be reached: {}"
_PROXY_LATER = (
    "Check the proxy's address, or leave it out where this computer needs none (--proxy, ORDERSHEET_PROXY, "
    f"or proxy in the profile); then {_AGAIN}"
)
_NO_API = f"Check the address ({{}}); ordersheet doctor tells more. Then {_AGAIN}"


class Cause(NamedTuple):
    """Why a request got no usable answer."""

    what: str
    """Fit to stand behind a colon, such as `the connection was refused`."""
    mend: str
    """What to do, as whole sentences."""


def cause_of(seen: Observation | None, base_url: str) -> Cause:
    """Say why a request got no usable answer.

    Args:
        seen: what was seen of it; None where nothing was asked at all.
        base_url: the store's address, to be looked at again.
    """
    if seen is None or (seen.failure is None and seen.status is None):
        return Cause("no answer came", _LATER.format(base_url))
    if seen.failure is not None and seen.stuck_at_proxy is not None:
        what = _AT_THE_PROXY.get(seen.failure, _NO_PROXY).format(seen.stuck_at_proxy, seen.failure)
        mend = _OF_FAILURE[Failure.PROXY].format(base_url) if seen.failure is Failure.PROXY else _PROXY_LATER
        return Cause(what, mend)
    if seen.failure is not None:
        what = str(seen.failure)
        if seen.failure is Failure.DEADLINE and not seen.bytes_left:
            what = "no connection could be made in time"
        elif seen.failure is Failure.TLS and "CertVerification" in seen.detail:
            what = "this computer does not trust the server's certificate"
        return Cause(what, _OF_FAILURE.get(seen.failure, _LATER).format(base_url))
    if seen.status == HTTPStatus.OK:
        return Cause("the answer was not that of an Order API", _NO_API.format(base_url))
    what = f"the server answered with HTTP status {seen.status}"
    mend = _LATER if seen.status is not None and seen.status >= HTTPStatus.INTERNAL_SERVER_ERROR else _NO_API
    return Cause(what, mend.format(base_url))
