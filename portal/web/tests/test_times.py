"""An instant and a time that runs out are written as Django's filters write them, in every language; what is given is escaped."""

from datetime import UTC, datetime, timedelta

import pytest
from django.template import engines
from django.utils import timezone, translation
from django.utils.timesince import timeuntil

from portal.kernel import tongues

AT = datetime(2026, 3, 7, 9, 5, 8, tzinfo=UTC)
MONTHS = [AT.replace(month=month) for month in range(1, 13)]


def _drawn(template: str, **context: object) -> str:
    return engines["django"].from_string(template).render(context).strip()


@pytest.mark.parametrize("language", tongues.NAMES)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_an_instant_is_written_as_the_filter_writes_it(language, zone):
    with translation.override(language), timezone.override(zone):
        for at in MONTHS:
            drawn = _drawn('{% include "_when.html" with at=at %}', at=at)
            expected = _drawn(
                """<time datetime="{{ at|date:'c' }}" title="{{ at|date:'j M Y, H:i:s T' }}" data-relative>"""
                """{{ at|date:"j M Y, H:i T" }}</time>""", at=at,
            )  # fmt: skip
            assert drawn == expected


@pytest.mark.parametrize("language", tongues.NAMES)
def test_a_time_that_runs_out_is_written_as_the_filters_write_it(language):
    until = timezone.now() + timedelta(days=3, hours=1)
    with translation.override(language):
        drawn = _drawn(
            '{% include "_ring.html" with from_at=at until=until quiet=True size="small" %}', at=AT, until=until
        )
        head = _drawn(
            """<ebb-ring data-from="{{ at|date:'c' }}" data-until="{{ until|date:'c' }}" data-quiet data-size="small" """
            """title="Ends {{ until|date:'j M Y, H:i:s T' }}">""", at=AT, until=until,
        )  # fmt: skip
        assert drawn.startswith(head)
        assert drawn.endswith(f'<span class="ring-words">{timeuntil(until)} left</span></ebb-ring>')


def test_what_is_given_chooses_and_is_escaped():
    assert "data-local" in _drawn('{% include "_when.html" with at=at exact=True %}', at=AT)
    assert _drawn('{% include "_when.html" with at=None %}') == '<span class="muted">never</span>'
    assert "<b>" not in _drawn('{% include "_when.html" with at=None none=words %}', words="<b>")
    ring = _drawn('{% include "_ring.html" with from_at=at until=at gone_words=words %}', at=AT, words='"><b>')
    assert 'data-gone-words="&quot;&gt;&lt;b&gt;"' in ring
    assert "data-quiet" not in ring
    assert "data-size" not in ring
