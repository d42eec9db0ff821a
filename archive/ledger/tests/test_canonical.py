"""Canonical JSON against the examples of RFC 8785, and the strictness of its reader."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.ledger import canonical

text = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-canonical.LARGEST, canonical.LARGEST) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)


def test_keys_are_sorted_by_utf16_units():
    """RFC 8785 §3.2.3: the example's keys in the example's order, where code points would order otherwise."""
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    assert list(json.loads(canonical.encode(dict.fromkeys(keys, 0)))) == [
        "\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33",
    ]  # fmt: skip


def test_keys_are_sorted_at_every_depth():
    assert canonical.encode({"b": [{"d": 1, "c": {"z": 1, "y": 2}}], "a": {}}) == (
        b'{"a":{},"b":[{"c":{"y":2,"z":1},"d":1}]}'
    )


def test_strings_escape_what_the_rfc_escapes_and_nothing_else():
    """RFC 8785 §3.2.2.2."""
    special = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 0x22: '\\"', 0x5C: "\\\\"}
    for code in [*range(0x300), 0x2028, 0xFFFF, 0x1F600]:
        expected = special.get(code, f"\\u{code:04x}" if code < 0x20 else chr(code))
        assert canonical.encode(chr(code)) == f'"{expected}"'.encode()


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (None, b"null"),
        (True, b"true"),
        (False, b"false"),
        (0, b"0"),
        (-1, b"-1"),
        (2**53 - 1, b"9007199254740991"),
        (1 - 2**53, b"-9007199254740991"),
        ([], b"[]"),
        ("", b'""'),
    ],
)
def test_plain_values_have_one_spelling(value, data):
    assert canonical.encode(value) == data
    assert canonical.parse(data) == value


def nest(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        2**53,
        -(2**53),
        b"x",
        (1,),
        {1},
        {1: 2},
        {"a": {None: 1}},
        Ellipsis,
        "\ud800",
        {"\udc00": 1},
        nest(40),
    ],
    ids=repr,
)
def test_what_has_no_canonical_form_is_refused(value):
    with pytest.raises(canonical.CanonicalError):
        canonical.encode(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" 1",
        b"1\n",
        b"01",
        b"-0",
        b"1.0",
        b"1e2",
        b"NaN",
        b"Infinity",
        b"9007199254740992",
        b"1" * 5000,
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b'{"a":1,}',
        b"'a'",
        b'"\\u0061"',
        b'"\\/"',
        b'"\\u000A"',
        b'"\\u001F"',
        b'"\\ud83d\\ude00"',
        b'"\\ud800"',
        b'"\xff"',
        b"\xef\xbb\xbf1",
        "1".encode("utf-16"),
        b"[" * 100_000,
        b"[" * 40 + b"]" * 40,
        b"1 2",
        b"truE",
    ],
    ids=lambda data: repr(data[:20]),
)
def test_any_other_spelling_is_refused(data):
    with pytest.raises(canonical.CanonicalError):
        canonical.parse(data)


@settings(deadline=None)
@given(values)
def test_every_value_comes_back_and_in_one_spelling(value):
    data = canonical.encode(value)
    assert canonical.parse(data) == value
    assert canonical.encode(canonical.parse(data)) == data


@pytest.mark.parametrize("wrap", [lambda value: [value], lambda value: {"a": value}], ids=["lists", "objects"])
def test_values_nest_32_deep(wrap):
    value = []
    for _ in range(31):
        value = wrap(value)
    assert canonical.parse(canonical.encode(value)) == value
    with pytest.raises(canonical.CanonicalError):
        canonical.encode(wrap(value))
