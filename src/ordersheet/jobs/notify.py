"""Telling people: through Apprise, to addresses that may be secrets."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from ordersheet.core.errors import SettingsError
from ordersheet.jobs.secrets import resolved

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from ordersheet.jobs.messages import Message


class NotTold(Exception):
    """An address did not take the message; the text is a sentence without an address.

    Attributes:
        told: the numbers of the addresses that have taken it, now or before.
    """

    def __init__(self, sentence: str, told: frozenset[int] = frozenset()) -> None:
        super().__init__(sentence)
        self.told = told


class Notifier(Protocol):
    """Tells people."""

    def tell(self, message: Message, attachment: Path | None, told: frozenset[int] = frozenset()) -> None:
        """Send a message.

        Args:
            message: what is told.
            attachment: a file to go with it.
            told: the numbers of the addresses that took it before.

        Raises:
            NotTold: an address did not take it.
        """


class Apprise:
    """Tells through Apprise.

    Args:
        addresses: Apprise URLs, or `file:` and `env:` naming where one stands.
        environ: the environment.
        faulty: what to do with an address that is none: True to leave it out, and tell the others.

    Raises:
        SettingsError: an address is none, or Apprise is not installed; no address stands in the message.
    """

    def __init__(
        self, addresses: Sequence[str], environ: Mapping[str, str] | None = None, *, faulty: bool = False
    ) -> None:
        known = os.environ if environ is None else environ
        self._urls: list[str] = []
        for number, address in enumerate(addresses, start=1):
            try:
                self._urls.append(self._checked(number, resolved(address, "notify", known)))
            except SettingsError as fault:
                if not faulty or fault.code == "no-package":
                    raise

    @staticmethod
    def _checked(number: int, url: str) -> str:
        try:
            import apprise
        except ImportError as error:
            raise SettingsError(
                "notify needs the package apprise. Install it with: pip install 'ordersheet[notify]'",
                code="no-package",
            ) from error
        with _quietly():
            if apprise.Apprise.instantiate(url) is None:
                raise SettingsError(
                    f"Address {number} of notify is none that Apprise knows (mailto://, slack:// and so "
                    "on; see its list of services). It may be a secret, so it is not shown.",
                    code="bad-notify",
                )
        return url

    def tell(self, message: Message, attachment: Path | None, told: frozenset[int] = frozenset()) -> None:
        """Send a message to every address that has not taken it."""
        if not self._urls:
            return
        import apprise

        with _quietly():
            for number, url in enumerate(self._urls):
                if number in told:
                    continue
                one = apprise.Apprise()
                one.add(url)
                attach = str(attachment) if attachment is not None else None
                if one.notify(title=message.subject, body=message.body, attach=attach):
                    told |= {number}
        failed = len(self._urls) - len(told)
        if failed:
            raise NotTold(f"{failed} of {len(self._urls)} addresses did not take the message.", told)


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep Apprise from logging: its lines name addresses."""
    import logging

    logger = logging.getLogger("apprise")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
