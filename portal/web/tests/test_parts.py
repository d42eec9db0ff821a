"""Parts of pages that stand within a sentence."""

from datetime import UTC, datetime

from django.template import engines

SENTENCE = 'It ends {% include "_when.html" with at=at %}. {% include "_when.html" with at=None none="never" %}, then.'


def test_a_full_stop_follows_a_time_without_a_blank():
    said = engines["django"].from_string(SENTENCE).render({"at": datetime(2026, 5, 1, tzinfo=UTC)})
    assert "</time>. " in said
    assert said.endswith("</span>, then.")
