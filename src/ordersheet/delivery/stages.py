"""Where an order stands in its run, and the ways from stage to stage: one table, which docs print."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """Where an order stands in its run."""

    NEW = "new"
    DECIDING = "deciding"
    """Nothing is under way: `next` says what is to be done."""
    READING = "reading"
    """Its baseline is being read."""
    IN_LINE = "in line"
    """An attempt waits for its turn."""
    AT_HEAD = "at the head"
    """Its turn has come."""
    WRITING = "writing ahead"
    SENDING = "sending"
    CHECKING = "checking"
    """A `no` is being read back."""
    TRYING = "trying"
    """The first answered append of a field is being read back."""
    LOOKING = "looking"
    """What is in doubt is being looked up."""
    TESTING = "testing"
    """Another order is being read, which must show what was appended to it."""
    FINISHED = "finished"

    __hash__ = str.__hash__  # an Enum's own is not C, and each row is looked up by it a dozen times


_S = Stage
STAGES: dict[tuple[Stage, Stage], str] = {
    (_S.NEW, _S.DECIDING): "what other runs left in doubt is taken over",
    (_S.DECIDING, _S.READING): "a comment is to be changed, and the order was not read since something left",
    (_S.READING, _S.DECIDING): "read, or cannot be read",
    (_S.DECIDING, _S.IN_LINE): "a row has something to send",
    (_S.IN_LINE, _S.AT_HEAD): "its turn came",
    (_S.IN_LINE, _S.DECIDING): "the run is ending",
    (_S.AT_HEAD, _S.DECIDING): "its baseline had grown old meanwhile",
    (_S.AT_HEAD, _S.READING): "what a guarded row or an undo takes away is read at the last moment",
    (_S.AT_HEAD, _S.WRITING): "its baseline is fresh",
    (_S.WRITING, _S.SENDING): "it is durable, and the server has room",
    (_S.WRITING, _S.AT_HEAD): "it is durable, but the process stood still meanwhile: taken back",
    (_S.WRITING, _S.DECIDING): "the ledger cannot take it, the run is ending or the server asks for a pause",
    (_S.SENDING, _S.DECIDING): "it has ended",
    (_S.SENDING, _S.CHECKING): "a no to several parts, a comment among them",
    (_S.SENDING, _S.TRYING): "the first ok to a text in a field that was never read back here",
    (_S.CHECKING, _S.DECIDING): "read, or cannot be read",
    (_S.DECIDING, _S.CHECKING): "one reading does not show yet that a no applied nothing",
    (_S.TRYING, _S.DECIDING): "read, or cannot be read",
    (_S.DECIDING, _S.LOOKING): "something is in doubt, and a look can tell something",
    (_S.LOOKING, _S.DECIDING): "read, or cannot be read",
    (
        _S.DECIDING,
        _S.TESTING,
    ): "something seems absent, and it is to be seen if it would have shown",
    (_S.TESTING, _S.DECIDING): "read, or cannot be read",
    (_S.DECIDING, _S.FINISHED): "every row has its result, and no look is owed that this run can take",
}
"""The ways from stage to stage, and what makes an order take each. docs/delivery.md shows this table."""
