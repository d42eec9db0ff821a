"""The line and the form say the same, whichever of them was changed; bars cover every day once."""

import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.ledger.kinds import KINDS
from archive.rules import deeds, histogram, searchform
from archive.rules import query as language
from archive.rules.query import Query
from portal.kernel.errors import Refusal

LINE = 'kind:message.sent customer:A-1 after:2026-05-01 before:2026-06-01 tag:late invoice -"all clear"'


def test_the_form_shows_the_line() -> None:
    assert searchform.fields_of(language.parse(LINE)) == {
        "kind": "message.sent", "customer": "A-1", "direction": "", "category": "", "after": "2026-05-01",
        "until": "2026-05-31", "words": 'invoice -"all clear"',
    }  # fmt: skip


@given(st.sampled_from([LINE, "", "invoice", "-kind:message.sent", "after:2026-05-01T10:00Z kind:a kind:b"]))
def test_an_untouched_form_changes_nothing(line: str) -> None:
    asked = language.parse(line)
    assert searchform.combined(line, searchform.fields_of(asked), line) == asked


def test_a_changed_field_replaces_its_part_of_the_line() -> None:
    posted = searchform.fields_of(language.parse(LINE)) | {"kind": "message.received", "until": "", "words": "refund"}
    expected = language.parse("customer:A-1 after:2026-05-01 tag:late kind:message.received refund")
    assert set(searchform.combined(LINE, posted, LINE).terms) == set(expected.terms)


def test_a_changed_line_stands_beside_a_changed_field() -> None:
    shown = searchform.fields_of(language.parse("kind:message.sent"))
    asked = searchform.combined("invoice", {**shown, "category": "billing"}, "kind:message.sent")
    assert asked.to_text() == "invoice category:billing"


def test_a_field_with_spaces_is_one_value_and_with_quotes_is_refused() -> None:
    assert searchform.combined("", {"category": "two words"}, "").to_text() == 'category:"two words"'
    with pytest.raises(Refusal):
        searchform.combined("", {"category": 'a" kind:message.sent "'}, "")


def test_links_narrow_by_codes_and_days_and_cannot_turn_a_range_over() -> None:
    asked = searchform.narrowed(language.parse("invoice"), {"kind": "message.sent", "after": "2026-05-01"})
    assert asked.to_text() == "invoice kind:message.sent after:2026-05-01"
    with pytest.raises(Refusal):
        searchform.narrowed(Query(), {"after": "2026-05-02", "before": "2026-05-01"})


DAYS = st.dictionaries(
    st.integers(0, 2000).map(lambda n: date(2026, 1, 1) + timedelta(days=n)), st.integers(1, 10**6), min_size=1
)


@given(DAYS)
def test_bars_hold_every_record_once_and_stand_inside_the_drawing(counts: dict[date, int]) -> None:
    found = histogram.bars(sorted(counts.items()))
    assert sum(bar.count for bar in found) == sum(counts.values())
    assert len(found) <= 80
    assert all(a.end == b.start for a, b in itertools.pairwise(found))
    assert found[0].start <= min(counts)
    assert found[-1].end > max(counts)
    assert all(0 <= bar.y <= histogram.HEIGHT and bar.x + bar.width <= histogram.WIDTH + 1 for bar in found)


def test_every_kind_of_entry_has_a_sentence() -> None:
    assert set(KINDS) <= set(deeds.DEEDS)
    assert deeds.sentence("hold.placed", "Olive Officer") == "Olive Officer placed a hold"
    assert "strange.kind" in deeds.sentence("strange.kind", "Olive Officer")
