import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.sender.http1 import GarbledError, ResponseReader, TooLargeError

CAP = 1000
CODES = st.sampled_from([200, 400, 401, 429, 500])


def plain(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nRetry-After: 7\r\n\r\n%b" % (status, len(body), body)


def chunked(status: int, body: bytes) -> bytes:
    parts = [body[at : at + 7] for at in range(0, len(body), 7)]
    coded = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return b"HTTP/1.1 %d\r\ntransfer-encoding: Chunked\r\nretry-after: 7\r\n\r\n%b0\r\n\r\n" % (status, coded)


def fed(data: bytes, cuts: list[int]) -> ResponseReader:
    reader = ResponseReader(CAP)
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    for start, end in itertools.pairwise(edges):
        assert not reader.whole
        reader.feed(data[start:end])
    return reader


@given(CODES, st.binary(max_size=200), st.lists(st.integers(0, 500)), st.sampled_from([plain, chunked]))
def test_an_answer_is_the_same_however_it_arrives(status, body, cuts, form):
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
    reader = fed(interim + form(status, body), cuts)
    assert reader.whole
    assert reader.reusable
    assert (reader.status, bytes(reader.body), reader.headers) == (status, body, {"retry-after": "7"})


@given(CODES, st.binary(max_size=50), st.integers(0, 500), st.sampled_from([plain, chunked]))
def test_a_cut_answer_is_never_whole(status, body, cut, form):
    data = form(status, body)
    reader = ResponseReader(CAP)
    reader.feed(data[: cut % len(data)])
    assert not reader.whole
    assert not reader.close()
    assert not reader.reusable


@given(st.binary(min_size=1, max_size=50), st.sampled_from([plain, chunked]))
def test_bytes_behind_an_answer_end_the_connection_but_not_the_answer(surplus, form):
    reader = fed(form(200, b"{}") + surplus, [])
    assert reader.whole
    assert bytes(reader.body) == b"{}"
    assert not reader.reusable


@given(st.binary(max_size=300) | st.binary(max_size=100).map(lambda tail: b"HTTP/1.1 200 OK\r\n" + tail))
def test_noise_is_an_answer_or_refused_and_nothing_else(noise):
    reader = ResponseReader(CAP)
    try:
        reader.feed(noise)
        reader.close()
    except (GarbledError, TooLargeError):
        return
    assert len(reader.body) <= CAP
    assert reader.whole is False or reader.status is not None


def test_an_answer_without_a_length_ends_with_its_connection():
    reader = ResponseReader(CAP)
    assert not reader.feed(b"HTTP/1.0 200 OK\r\n\r\n{}")
    assert reader.close()
    assert bytes(reader.body) == b"{}"
    assert not reader.reusable


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_a_connection_that_is_to_be_closed_is_not_kept(head):
    reader = ResponseReader(CAP)
    assert reader.feed(head)
    assert not reader.reusable


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_that_has_no_body_ends_with_its_head(status):
    reader = ResponseReader(CAP)
    assert reader.feed(b"HTTP/1.1 %d X\r\nContent-Length: 5\r\n\r\n" % status)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/2 200\r\n\r\n",
        b"http/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 0\n\n\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nname : x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nname\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\x00b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 50\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nno trailer\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 2000,
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 20_000,
    ],
    ids=range(23),
)
def test_what_is_not_plain_is_refused(data):
    with pytest.raises(GarbledError):
        ResponseReader(CAP).feed(data)


@pytest.mark.parametrize("form", [plain, chunked])
def test_a_body_over_the_cap_is_refused_and_not_kept(form):
    reader = ResponseReader(CAP)
    with pytest.raises(TooLargeError):
        reader.feed(form(200, b"x" * (CAP + 1)))
    assert len(reader.body) <= CAP
    assert ResponseReader(CAP).feed(form(200, b"x" * CAP))
