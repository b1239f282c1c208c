"""What a text that cannot become what its column asks for is told by."""

from __future__ import annotations


class ValueFault(Exception):
    """A text cannot become what its column asks for.

    Attributes:
        code: the problem's stable word.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
