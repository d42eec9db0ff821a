"""The leaf format: exact bytes, every field's rule, and no second spelling."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.ledger import LedgerError, canonical, entry
from archive.ledger.kinds import KINDS
from archive.ledger.tests import cases

LEAF = cases.make_leaf(0)
DATA = entry.encode(LEAF)
BARE = entry.Leaf(id=str(UUID(int=1)), kind="log.opened", time="2026-03-01T00:00:00.000000Z", actor="clock")


def test_a_leaf_has_these_exact_bytes():
    """Format version 1 is frozen: a change of these bytes is a new version."""
    assert entry.encode(BARE) == (
        b'{"actor":"clock","id":"00000000-0000-0000-0000-000000000001","kind":"log.opened",'
        b'"time":"2026-03-01T00:00:00.000000Z","v":1}'
    )
    assert sha256(DATA).hexdigest() == "9bac099b9410c47af307d88603b0f6437a76c66690bb145970cf201617fd9634"


def test_a_leaf_is_canonical_json_and_comes_back():
    assert canonical.encode(canonical.parse(DATA)) == DATA
    assert entry.decode(DATA) == LEAF


def test_every_field_of_a_leaf_has_its_place_and_order():
    names = [name for name, *_ in entry.FIELDS]
    assert names == sorted(names)
    assert {field.name for field in fields(entry.Leaf)} == set(entry.ATTRIBUTES.values())


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_dotted_name_with_one_line(kind):
    assert entry.decode(entry.encode(replace(BARE, kind=kind))).kind == kind
    assert KINDS[kind].endswith(".")
    assert "\n" not in KINDS[kind]


ID = str(UUID(int=1))
WRONG = [
    ("id", "x"),
    ("id", ID.upper().replace("0", "A")),
    ("id", ID + "\n"),
    ("id", None),
    ("id", UUID(int=1)),
    ("kind", "message.eaten"),
    ("kind", "message_sent"),
    ("kind", ""),
    ("kind", None),
    ("kind", []),
    ("time", "2026-03-01T10:00:00Z"),
    ("time", "2026-03-01T10:00:00.000000+00:00"),
    ("time", "2026-03-01 10:00:00.000000Z"),
    ("time", "2026-02-30T10:00:00.000000Z"),
    ("time", "2026-03-01T24:00:00.000001Z"),
    ("time", "٢٠٢٦-03-01T10:00:00.000000Z"),
    ("time", datetime(2026, 3, 1, tzinfo=UTC)),
    ("gone_at", "tomorrow"),
    ("gone_at", "2026-13-01T10:00:00.000000Z"),
    ("actor", "staff"),
    ("actor", "Anna"),
    ("actor", f"visitor:{ID}"),
    ("actor", f"staff:{ID} "),
    ("actor", ""),
    ("subject", "customer-1"),
    ("message", 7),
    ("run", ID[:-1]),
    ("retention", ""),
    ("retention", "a b"),
    ("retention", "a" * 65),
    ("commitment", "ab"),
    ("commitment", "A" * 64),
    ("sealed_sha256", b"a" * 64),
    ("wrap_sha256", "g" * 64),
    ("batch_sha256", "0" * 65),
    ("detail_commitment", ""),
    ("v", 2),
    ("v", True),
    ("v", "1"),
    ("v", None),
    ("codes", {}),
    ("codes", "channel"),
    ("codes", ["channel"]),
    ("codes", {"Channel": "inbox"}),
    ("codes", {"": "inbox"}),
    ("codes", {"a" * 41: "inbox"}),
    ("codes", {1: "inbox"}),
    ("codes", {1: "inbox", "a": "b"}),
    ("codes", {"channel": ""}),
    ("codes", {"channel": "the inbox"}),
    ("codes", {"channel": "x" * 201}),
    ("codes", {"channel": "größe"}),
    ("codes", {"channel": "a\nb"}),
    ("codes", {"channel": 'a"b'}),
    ("codes", {"channel": "a\\b"}),
    ("codes", {"channel": "a}b"}),
    ("codes", {"address": "anna@example.com"}),
    ("codes", {"channel": None}),
    ("codes", {"channel": 1.5}),
    ("codes", {"channel": 2**53}),
    ("codes", {"channel": ["inbox"]}),
    ("codes", {"channel": {"a": "b"}}),
]


@pytest.mark.parametrize(("name", "value"), WRONG, ids=[f"{name}-{value!r:.30}" for name, value in WRONG])
def test_a_wrong_value_is_refused_by_the_name_of_its_field(name, value):
    with pytest.raises(entry.EntryInvalid) as refusal:
        entry.encode(replace(LEAF, **{name: value}))
    spelled = {"retention": "class"}.get(name, name)
    assert spelled in str(refusal.value)
    assert not isinstance(value, str) or len(value) < 5 or value not in str(refusal.value)


@pytest.mark.parametrize("count", [-1, 1.0, True, "1", 10**15])
def test_a_count_is_a_whole_number(count):
    with pytest.raises(entry.EntryInvalid, match="count"):
        entry.encode(replace(BARE, count=count, ids_sha256="0" * 64))


@pytest.mark.parametrize("missing", ["commitment", "sealed_sha256", "wrap_sha256", "batch_sha256"])
def test_the_hashes_of_a_record_stand_together(missing):
    with pytest.raises(entry.EntryInvalid, match="together"):
        entry.encode(replace(LEAF, **{missing: None}))


def test_a_count_stands_with_its_ids():
    count, digest = entry.digest_ids([UUID(int=2), UUID(int=1)])
    leaf = replace(BARE, kind="receipts", count=count, ids_sha256=digest)
    assert entry.decode(entry.encode(leaf)) == leaf
    for half in (replace(leaf, count=None), replace(leaf, ids_sha256=None)):
        with pytest.raises(entry.EntryInvalid, match="together"):
            entry.encode(half)


def test_no_value_passes_for_two_fields():
    """A value that brings its own quotes could spell a field the caller never set."""
    smuggled = f'log.opened","message":"{ID}'
    with pytest.raises(entry.EntryInvalid, match="kind"):
        entry.encode(replace(BARE, kind=smuggled))
    with pytest.raises(entry.EntryInvalid, match="actor"):
        entry.encode(replace(BARE, actor='clock","class":"default'))
    with pytest.raises(entry.EntryInvalid, match="codes"):
        entry.encode(replace(BARE, codes={"a": 'b","c":"d'}))


@pytest.mark.parametrize("name", sorted(set(entry.ATTRIBUTES.values())))
@pytest.mark.parametrize("value", ['"', ',"', '","v":1', "x", "\ud800", ..., 1.5, float("nan"), [], (), b""], ids=repr)
def test_no_odd_value_of_any_field_gets_through(name, value):
    if (name, value) != ("retention", "x"):  # the one field for which a short word is a value
        with pytest.raises(entry.EntryInvalid):
            entry.encode(replace(BARE, **{name: value}))


def test_codes_are_sorted_and_typed():
    data = entry.encode(replace(BARE, codes={"b": True, "a": -5, "c": "x:1/2", "d": False}))
    assert b'"codes":{"a":-5,"b":true,"c":"x:1/2","d":false}' in data
    assert entry.decode(data).codes == {"a": -5, "b": True, "c": "x:1/2", "d": False}


def test_a_leaf_may_have_every_field():
    leaf = replace(LEAF, run=ID, detail_commitment="0" * 64, count=1, ids_sha256="1" * 64)
    assert None not in [getattr(leaf, field.name) for field in fields(leaf)]
    assert entry.decode(entry.encode(leaf)) == leaf


@pytest.mark.parametrize("value", [":", ":x", "x:", ",", "a':b", "%s", "0", "true", "null", "[1]", "~"])
def test_punctuation_is_a_code(value):
    leaf = replace(BARE, codes={"a": value, "b": value})
    assert entry.decode(entry.encode(leaf)) == leaf


def test_the_texts_of_choices_are_texts():
    class Kind(StrEnum):
        OPENED = "log.opened"

    assert entry.encode(replace(BARE, kind=Kind.OPENED, codes={"a": Kind.OPENED})) == entry.encode(
        replace(BARE, codes={"a": "log.opened"})
    )


def test_a_leaf_stays_under_4096_bytes():
    codes = {f"c{number:02d}": "x" * 200 for number in range(18)}
    room = 4095 - len(entry.encode(replace(BARE, codes=codes | {"last": "x"})))
    assert 0 < room < 199
    assert len(entry.encode(replace(BARE, codes=codes | {"last": "x" * (1 + room)}))) == 4095
    with pytest.raises(entry.EntryTooLarge):
        entry.encode(replace(BARE, codes=codes | {"last": "x" * (2 + room)}))
    with pytest.raises(entry.EntryTooLarge):
        entry.decode(b" " * 4096)


def respell(**changes):
    values = json.loads(DATA) | changes
    return json.dumps({key: values[key] for key in sorted(values)}, separators=(",", ":")).encode()


NOT_LEAVES = {
    "a space": DATA.replace(b":", b": ", 1),
    "a newline after": DATA + b"\n",
    "an escape": DATA.replace(b"clinic", b"cl\\u0069nic").replace(b"visit", b"v\\u0069sit"),
    "another order": b'{"v":1,' + DATA[1:].replace(b',"v":1', b""),
    "a key twice": b'{"actor":"clock",' + DATA[1:],
    "an unknown field": respell(note="x"),
    "a null field": respell(run=None),
    "another version": respell(v=2),
    "version as true": respell(v=True),
    "version as float": DATA.replace(b'"v":1', b'"v":1.0'),
    "no version": DATA.replace(b',"v":1', b""),
    "no actor": b'{"batch' + DATA.split(b'"batch', 1)[1],
    "a list": b"[]",
    "a number": b"1",
    "nothing": b"",
    "not UTF-8": b"\xff" + DATA,
    "UTF-16": DATA.decode().encode("utf-16"),
    "deep nesting": b"[" * 4000,
    "codes in a list": respell(codes=[]),
    "text for a hash": respell(commitment=1),
}


@pytest.mark.parametrize("data", NOT_LEAVES.values(), ids=NOT_LEAVES.keys())
def test_other_bytes_are_no_leaf(data):
    assert data != DATA
    with pytest.raises(LedgerError):
        entry.decode(data)


moments = st.datetimes(timezones=st.just(UTC))


@settings(deadline=None)
@given(moments, moments)
def test_times_come_back_and_sort_as_text(one, other):
    assert entry.parse_time(entry.format_time(one)) == one
    assert (entry.format_time(one) < entry.format_time(other)) == (one < other)


def test_times_are_utc_with_microseconds():
    east = datetime(2026, 3, 1, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    assert entry.format_time(east) == "2026-02-28T23:00:00.000000Z"
    with pytest.raises(entry.EntryInvalid):
        entry.format_time(datetime(2026, 3, 1))  # noqa: DTZ001
    for text in ("2026-03-01", "2026-02-30T00:00:00.000000Z", "2026-03-01T00:00:00.000000Z\n"):
        with pytest.raises(entry.EntryInvalid):
            entry.parse_time(text)


def test_ids_are_digested_sorted_and_once():
    ids = [UUID(int=3), UUID(int=1), UUID(int=3)]
    expected = sha256(UUID(int=1).bytes + UUID(int=3).bytes).hexdigest()
    assert entry.digest_ids(ids) == entry.digest_ids(reversed(ids)) == (2, expected)
    assert entry.digest_ids([]) == (0, sha256(b"").hexdigest())


codes = st.dictionaries(
    st.from_regex(entry.CODE_NAME, fullmatch=True),
    st.from_regex(entry.CODE_TEXT, fullmatch=True) | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1),
    min_size=1,
    max_size=6,
)
uuids = st.uuids().map(str)
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(sorted(KINDS)),
    id=uuids,
    moment=moments,
    actor=uuids.map("device:{}".format) | st.sampled_from(["clock", "system", "operator"]),
    optional=st.fixed_dictionaries(
        {}, optional={"subject": uuids, "message": uuids, "run": uuids, "codes": codes, "detail_commitment": hashes}
    ),
)
def test_every_leaf_comes_back_and_is_canonical(kind, id, moment, actor, optional):  # noqa: A002
    leaf = entry.Leaf(id=id, kind=kind, time=entry.format_time(moment), actor=actor, **optional)
    data = entry.encode(leaf)
    assert entry.decode(data) == leaf
    assert canonical.encode(canonical.parse(data)) == data


def test_the_digest_of_files_is_over_each_id_with_its_hash_in_any_order():
    files = [(UUID(int=2), b"b" * 32), (UUID(int=1), b"a" * 32)]
    expected = sha256(UUID(int=1).bytes + b"a" * 32 + UUID(int=2).bytes + b"b" * 32).hexdigest()
    assert entry.digest_files(files) == entry.digest_files(files[::-1]) == expected


def test_the_grammar_asks_for_what_is_required_and_lets_the_rest_be(monkeypatch):
    monkeypatch.setattr(entry, "_matches", entry._write_grammar().fullmatch)
    for leaf in (LEAF, BARE):
        assert entry.decode(entry.encode(leaf)) == leaf
    for name in entry.REQUIRED:
        with pytest.raises(entry.EntryInvalid, match=name):
            entry.encode(replace(LEAF, **{name: None}))
    with pytest.raises(entry.EntryInvalid, match="class"):
        entry.encode(replace(LEAF, retention="two words"))


def test_codes_that_are_text_already_are_refused():
    with pytest.raises(entry.EntryInvalid, match="codes"):
        entry.encode(replace(BARE, codes='{"a":1}'))
