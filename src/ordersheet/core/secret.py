"""A text that must not be shown, such as the API key."""

from __future__ import annotations

import html
import re
from urllib.parse import quote

from ordersheet.core.errors import SettingsError

LONGEST_KEY = 4096
_SHORTEST_HIDDEN = 4
"""Characters of a key from which it is taken out of texts; a shorter one stands in words by chance."""
HIDDEN = "(the API key)"


class Secret:
    """A text that shows itself to nobody who does not ask by name."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the request's header and for where it is kept, and nothing else."""
        return self._text

    def checked(self, source: str) -> Secret:
        """Give itself, if it can stand in an HTTP header.

        Raises:
            SettingsError: naming the source, never the text.
        """
        if not re.fullmatch(r"[\x21-\x7e]+", self._text) or len(self._text) > LONGEST_KEY:
            raise SettingsError(
                f"The API key from {source} is empty, or holds blanks, line breaks or letters outside ASCII. "
                "Copy it again.",
                code="bad-key",
            )
        return self

    def taken_out_of(self, text: str) -> str:
        """Give a text without this one in it, as it is, and as HTML and addresses write it."""
        if len(self._text) >= _SHORTEST_HIDDEN:
            for form in {self._text, html.escape(self._text), quote(self._text, safe="")}:
                text = text.replace(form, HIDDEN)
        return text

    def __repr__(self) -> str:
        return "Secret(...)"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a key is not to be written anywhere")
