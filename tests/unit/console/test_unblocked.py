"""What is said to a stream that nobody reads holds nobody up, and what is dropped is told."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from contextlib import closing
from typing import TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.console.log_line import CallLog
from ordersheet.console.unblocked import MOST_WAITING, Channel, put

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="pipes are written past the stream's buffer")
LINE = "x" * 1000 + "\n"


def pipe() -> tuple[int, TextIO]:
    reader, writer = os.pipe()
    return reader, open(writer, "w", encoding="utf-8")  # noqa: PTH123 - a descriptor


def read_all(reader: int) -> str:
    with open(reader, "rb") as file:
        return file.read().decode()


@POSIX
def test_a_pipe_that_nobody_reads_takes_no_time():
    reader, stream = pipe()
    channel = Channel(stream, patience=60)
    for _ in range(3000):
        channel.log(LINE)
    # All of this came back at once: a thread alone waits, and what is too much is dropped.
    received: list[str] = []
    reading = threading.Thread(target=lambda: received.append(read_all(reader)))
    reading.start()
    channel.say("the end\n")
    assert channel.close()
    stream.close()
    reading.join()
    lines = received[0].splitlines()
    assert lines[-1] == "the end"
    missing = [line for line in lines if line.startswith("(")]
    told = sum(int(line[1:].split()[0].replace(",", "")) for line in missing)
    assert told + lines.count(LINE.strip()) == 3000
    assert told >= 3000 - (MOST_WAITING + (1 << 17)) // len(LINE)


@POSIX
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=50), max_size=30))
def test_what_is_read_arrives_whole_and_in_order(texts):
    reader, stream = pipe()
    channel = Channel(stream, patience=60)
    for number, text in enumerate(texts):
        (channel.say if number % 3 == 0 else channel.log)(text)
    assert channel.close()
    stream.close()
    assert read_all(reader) == "".join(texts)


@POSIX
def test_a_pipe_whose_reader_has_gone_is_silent():
    reader, stream = pipe()
    os.close(reader)
    with closing(stream):
        channel = Channel(stream, patience=60)
        for _ in range(10):
            channel.log(LINE)
            channel.say(LINE)
        assert channel.close()
        stream.write("this vanishes, too")


def test_a_stream_that_is_none_or_closed_takes_everything():
    put(None, "text")
    stream = io.StringIO()
    put(stream, "text")
    assert stream.getvalue() == "text"
    stream.close()
    put(stream, "text")


@given(st.text(), st.sampled_from(["text", "json"]))
def test_every_line_of_a_log_in_json_is_an_object_with_the_calls_facts(words, form):
    said = io.StringIO()
    before, sys.stderr = sys.stderr, said
    try:
        log = CallLog(form, file="a.csv", run=None)
        log.line("row", words.replace("\n", " "), row=2, message=words)
        log.facts["run"] = "20261127-abcd"
        log.say("end", "ended")
    finally:
        sys.stderr = before
    if form == "json":
        first, last = map(json.loads, said.getvalue().splitlines())
        assert (first["file"], first["run"], first["row"], first["message"]) == ("a.csv", None, 2, words)
        assert (last["event"], last["run"]) == ("end", "20261127-abcd")
    assert json.loads(CallLog("json").dropped(3))["lines"] == 3
    assert "3 lines" in CallLog("text").dropped(3)
