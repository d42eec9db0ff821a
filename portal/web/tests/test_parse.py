"""JSON that two programs could read differently is refused."""

import pytest

from portal.kernel.errors import Refusal
from portal.web import parsers

REFUSED = [
    b"", b"{", b"{'a': 1}", b'{"a": 1, "a": 2}', b'{"b": {"a": 1, "a": 1}}', b"[NaN]", b"[Infinity]", b"[-Infinity]",
    b"[1e999]", b"\xff\xfe", b'"\xed\xa0\x80"', b"\xef\xbb\xbf{}", b"[" * 100_000, b'{"a":' * 100_000, b"{} {}",
    b"1" * 10_000, b'"\x00"', b"nul",
]  # fmt: skip


@pytest.mark.parametrize("raw", REFUSED, ids=range(len(REFUSED)))
def test_malformed_json_is_refused(raw):
    with pytest.raises(Refusal) as refused:
        parsers.loads(raw)
    assert refused.value.code == "malformed_json"


def test_text_is_kept_to_the_last_sign():
    assert parsers.loads('{"body": "  \\u202e \U0001f642\\n "}'.encode()) == {"body": "  \u202e \U0001f642\n "}


def test_a_lone_surrogate_stays_one_for_the_rules_to_name():
    assert parsers.loads(b'["\\ud800"]') == ["\ud800"]
