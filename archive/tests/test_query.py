"""The query language: what is parsed can be written and parsed again, and a refusal says where, never what."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.rules import query
from archive.rules.query import Query, Term
from portal.kernel.errors import Refusal

WORDS = st.text(st.sampled_from("abcXYZäß09-.'@"), min_size=1, max_size=12).filter(
    lambda text: any(c.isalnum() for c in text) and not text.startswith("-")
)
PHRASES = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
TIMES = st.datetimes(datetime(2001, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001 - st adds it
    lambda at: at.isoformat().replace("+00:00", "Z")
)
DAYS = st.dates().map(lambda day: day.isoformat())
VALUES = {
    "from": WORDS | PHRASES | st.uuids().map(str) | st.just("business"), "to": WORDS | PHRASES, "customer": WORDS | PHRASES,
    "kind": st.sampled_from(["message.sent", "message.*", "message.received"]), "category": WORDS,
    "direction": st.sampled_from(["in", "out"]), "campaign": st.uuids().map(str), "message": st.uuids().map(str),
    "tag": WORDS | PHRASES, "case": WORDS, "hold": WORDS, "before": DAYS | TIMES, "after": DAYS | TIMES,
    "word": WORDS, "phrase": PHRASES,
}  # fmt: skip
TERMS = st.sampled_from(sorted(VALUES)).flatmap(
    lambda name: st.builds(Term, st.just(name), VALUES[name], st.booleans())
)


def refused(text: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        query.parse(text)
    return caught.value


def read(text: str) -> tuple[Query, Refusal | None]:
    try:
        return query.parse(text), None
    except Refusal as refusal:
        return Query(), refusal


@given(st.lists(TERMS, max_size=8))
def test_what_is_written_is_read_back_the_same(terms: list[Term]) -> None:
    asked = Query(tuple(terms))
    try:
        query.check(asked)
    except Refusal:
        return
    assert query.parse(asked.to_text()) == asked


@given(st.text() | st.text(st.sampled_from('ab:-"“”*. \t@1after:before:from:')))
def test_any_text_is_a_query_or_a_refusal_that_says_where(text: str) -> None:
    asked, refusal = read(text)
    if refusal is None:
        assert query.parse(asked.to_text()) == asked
    else:
        assert refusal.code in {"query_invalid", "range_upside_down"}
        assert 1 <= refusal.fields["position"] <= len(text) + 1


@given(st.text(st.characters(codec="utf-8")))
def test_a_refusal_never_repeats_what_was_typed(text: str) -> None:
    _, refusal = read(f'zqcanary:"{text}')
    assert refusal is not None
    assert "zqcanary" not in refusal.message + repr(refusal.fields)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ('invoice "not closed', 9), ("foo:1", 1), ("invoice -foo:1", 10), ("kind:", 6), ("a - b", 3), ('a"b', 2), ('"a"b', 4),
        ("kind:9", 6), ("direction:up", 11), ("after:yesterday", 7), ("after:2026-02-30", 7), ("after:2026-05-01T10:00", 7),
        ("campaign:spring", 10), ("&", 1), ('""', 1), ("a\x07b", 2), ("x" * 41, 1), ("x " * 600, 1001), ('from:""', 6),
        ("before:2026-01-01 after:2026-02-01", 19), ("after:2026-01-01 before:2026-01-01", 18),
        ("-before:2026-02-01 before:2026-01-01", 20), ("-after:2026-01-01 after:2026-01-02", 19),
    ],
)  # fmt: skip
def test_a_refusal_points_at_the_character(text: str, position: int) -> None:
    refusal = refused(text)
    assert refusal.fields["position"] == position
    assert refusal.message.startswith(f"At character {position}: ")


def test_upside_down_has_a_code_of_its_own() -> None:
    assert refused("after:2026-02-01 before:2026-01-01").code == "range_upside_down"
    assert refused("after:nonsense").code == "query_invalid"


def test_the_whole_language() -> None:
    asked = query.parse(
        "From:BUSINESS to:+491701234567 -category:billing after:2026-05-01T02:00+02:00 “Final  Notice” -refund O'Neil 10:30"
    )
    assert asked.terms == (
        Term("from", "business"), Term("to", "+491701234567"), Term("category", "billing", True),
        Term("after", "2026-05-01T00:00:00Z"), Term("phrase", "Final Notice"), Term("word", "refund", True),
        Term("word", "O'Neil"), Term("word", "10:30"),
    )  # fmt: skip
    assert asked.needs_key
    assert not asked.metadata.needs_key
    assert [term.value for term in asked.words] == ["Final Notice", "refund", "O'Neil", "10:30"]


def test_an_id_has_one_spelling_and_a_time_one_zone() -> None:
    asked = query.parse("message:0190A0000000700080000000000000AB -after:2026-05-01 customer:A-1")
    assert asked.terms[0].id == UUID("0190a000-0000-7000-8000-0000000000ab")
    assert asked.terms[1].at == datetime(2026, 5, 1, tzinfo=UTC)
    assert asked.terms[2].id is None


def test_a_facet_replaces_the_terms_of_its_name() -> None:
    asked = query.parse("kind:message.sent invoice -kind:message.received")
    assert asked.narrowed("kind", "message.received").to_text() == "invoice kind:message.received"


def test_metadata_alone_takes_no_words() -> None:
    assert query.parse_metadata("kind:message.*").terms
    with pytest.raises(Refusal) as caught:
        query.parse_metadata('kind:message.* "a b"')
    assert caught.value.fields["position"] == 16


def test_an_empty_line_asks_for_everything() -> None:
    assert query.parse("  \n ") == Query()
