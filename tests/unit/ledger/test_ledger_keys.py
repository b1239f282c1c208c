"""Keys, names of runs, mounts and the joining of results: the pure parts of the ledger."""

from __future__ import annotations

import hmac
import json
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.core.model import Operation, OperationKind, Outcome, RowResult
from ordersheet.core.operation_state import FIRST_STATES, MOVES, OperationState
from ordersheet.ledger.files import NETWORK_TYPES, kind_of_mount, linux_mounts, mac_mounts
from ordersheet.ledger.keys import operation_key, text_hash
from ordersheet.ledger.results import judged, merged
from ordersheet.ledger.runs import run_name
from ordersheet.ledger.statements import moment, timestamp

SALT = bytes(32)
WHITE = st.text(" \t\n\r\u00a0\u2028", min_size=1, max_size=3)
WORDS = st.lists(st.text("abcåé€ß", min_size=1, max_size=4), min_size=1, max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def key(
    value: object, kind: OperationKind = OperationKind.APPEND, order: int = 1, field: str = "comment"
) -> str:
    return operation_key(SALT, order, Operation(field, kind, value))


@given(WORDS, st.data())
def test_appends_that_differ_in_white_space_or_unicode_form_have_one_key(words, data):
    spaced = "".join(data.draw(WHITE) + word for word in words) + data.draw(WHITE)
    assert key(" ".join(words)) == key(unicodedata.normalize("NFD", spaced))


@given(WORDS, WORDS)
def test_appends_of_other_words_have_other_keys(one, other):
    assert (key(" ".join(one)) == key(" ".join(other))) == (one == other)


@given(VALUES, VALUES)
def test_values_are_keyed_as_they_are(one, other):
    same = key(one, OperationKind.SET) == key(other, OperationKind.SET)
    assert same == (repr(one) == repr(other))


def test_what_is_keyed_as_it_is_keeps_its_white_space_and_type():
    values = ["a b", "a  b", "a b ", 1, 1.0, True, "1", "true", None, "", [], {}, "\ud800"]
    assert len({key(value, OperationKind.SET) for value in values}) == len(values)


def test_field_order_kind_and_salt_make_other_keys():
    keys = {
        key("x"),
        key("x", order=2),
        key("x", field="internalComment"),
        key("x", OperationKind.REPLACE),
        operation_key(bytes(31) + b"\1", 1, Operation("comment", OperationKind.APPEND, "x")),
        text_hash(SALT, "x"),
    }
    assert len(keys) == 6
    assert all("x" not in found and len(found) == 32 for found in keys)


def test_keys_stay_what_they_are_from_version_to_version():
    # Ledgers hold them for years: a change here makes every text look new, and be sent again.
    assert key("Delayed  by strike") == "f83a02aa4874ceef40fb2debbdbafad0"


@given(VALUES, st.sampled_from(OperationKind), st.text(max_size=5))
def test_a_key_is_the_keyed_hash_of_a_json_list(value, kind, field):
    if kind is OperationKind.APPEND:
        value = " ".join(unicodedata.normalize("NFC", str(value)).split())
    told = json.dumps([1, 80123, field, kind.value, value])
    expected = hmac.digest(SALT, told.encode("ascii"), "sha256")[:16].hex()
    assert key(value, kind, 80123, field) == expected


MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - Hypothesis wants bounds without a zone


@given(MOMENTS, MOMENTS, st.integers(0, 40), st.integers(0, 40))
def test_names_of_runs_sort_as_their_moments(one, other, later, later_still):
    if other - one > timedelta(seconds=1):
        assert run_name(one) < run_name(other)
    if later < later_still:
        assert run_name(one, later) < run_name(one, later_still)
    name = run_name(one, later)
    assert len(name) == 13
    assert name[:8].isdecimal()


@given(st.datetimes(timezones=st.timezones()))
def test_times_come_back_and_sort_as_text(at):
    at = at.astimezone(UTC) if at.year > 1 and at.year < 9999 else datetime(2026, 1, 1, tzinfo=UTC)
    assert moment(timestamp(at)) == at
    assert timestamp(at) < timestamp(at + timedelta(microseconds=1))


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="zone"):
        timestamp(datetime(2026, 1, 1))  # noqa: DTZ001 - what is refused


@given(
    st.dictionaries(st.integers(1, 30), st.sampled_from(Outcome)),
    st.dictionaries(st.integers(1, 30), st.sampled_from(Outcome)),
    st.sets(st.integers(1, 30)),
)
def test_each_row_has_one_result_in_row_order(recorded, newer, rest):
    def results(outcomes: dict[int, Outcome]) -> dict[int, RowResult]:
        return {row: RowResult(row, "7", outcome, "") for row, outcome in outcomes.items()}

    held = results(recorded)
    joined = list(
        merged(
            iter([held[row] for row in sorted(held)]),
            [(row, "7") for row in sorted(rest)],
            "why",
            results(newer),
        )
    )
    assert [result.row for result in joined] == sorted(recorded.keys() | newer.keys() | rest)
    for result in joined:
        expected = newer.get(result.row) or recorded.get(result.row) or Outcome.NOT_SENT
        assert result.outcome is expected


@given(st.lists(st.sampled_from(OperationState), max_size=4))
def test_a_row_without_an_answer_is_ok_only_where_all_of_it_is_applied(states):
    outcome, message = judged(states)
    assert outcome.ok == (bool(states) and set(states) == {OperationState.APPLIED})
    assert message
    if OperationState.SENDING in states or OperationState.IN_DOUBT in states:
        assert outcome is Outcome.UNCONFIRMED


def test_every_state_can_be_reached_and_none_but_final_ones_is_a_dead_end():
    reached = set(FIRST_STATES)
    for _ in MOVES:
        reached |= {new for old, new in MOVES if old in reached}
    assert reached == set(OperationState)
    assert {old for old, _ in MOVES} == {
        OperationState.SENDING,
        OperationState.IN_DOUBT,
        OperationState.ABSENT,
    }


LINUX = """/dev/sda1 / ext4 rw 0 0
nas:/home /home nfs4 rw 0 0
/dev/sdb1 /home/ann ext4 rw 0 0
//nas/x /mnt/my\\040share cifs rw 0 0
""".splitlines()
MAC = """/dev/disk1s1 on / (apfs, local, journaled)
//ann@nas/x on /Volumes/my (old) share (smbfs, nodev)
""".splitlines()


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/var/lib/x", "ext4"),
        ("/home/bob/ledger", "nfs4"),
        ("/home/ann/ledger", "ext4"),
        ("/homework/ledger", "ext4"),
        ("/mnt/my share/ledger", "cifs"),
    ],
)
def test_the_nearest_mount_tells_the_file_system(place, kind):
    assert kind_of_mount(PurePosixPath(place), linux_mounts(LINUX)) == kind


def test_macs_mounts_are_read_too():
    mounts = mac_mounts(MAC)
    assert kind_of_mount(PurePosixPath("/Volumes/my (old) share/l"), mounts) == "smbfs"
    assert kind_of_mount(PurePosixPath("/Users/ann/l"), mounts) == "apfs"
    assert "smbfs" in NETWORK_TYPES
    assert "apfs" not in NETWORK_TYPES
