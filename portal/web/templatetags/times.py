"""What `_when.html` and `_ring.html` write: an instant, and a time that runs out.

A list has a hundred of them, and drawing a page was mostly drawing these: so they are written by Python, in the words of Django's
filters `date` and `timeuntil`, and not by a dozen nodes of a template each. A name that was not given is looked up here, since a
template looks for it with an exception.
"""

from datetime import datetime
from functools import lru_cache
from typing import Any

from django import template
from django.utils.dates import MONTHS_3
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timeuntil
from django.utils.timezone import template_localtime
from django.utils.translation import get_language

register = template.Library()
_CIRCLES = (
    '<svg class="ring-svg" viewBox="0 0 24 24" aria-hidden="true" focusable="false">'
    '<circle class="ring-track" cx="12" cy="12" r="10" fill="none" pathLength="100"></circle>'
    '<circle class="ring-arc" cx="12" cy="12" r="10" fill="none" pathLength="100"></circle></svg>'
)


@register.simple_tag(takes_context=True)
def when(context: dict[str, Any]) -> SafeString:
    """Of `at`, `exact` and `none`, as `_when.html` says."""
    if not context.get("at"):
        return mark_safe(f'<span class="muted">{conditional_escape(context.get("none") or "never")}</span>')  # noqa: S308 - escaped
    at = template_localtime(context["at"])
    shown = "data-local" if context.get("exact") else "data-relative"
    words = f'<time datetime="{at.isoformat()}" title="{_exactly(at)}" {shown}>{_minute(at)} {at.tzname()}</time>'
    return mark_safe(words)  # noqa: S308 - of an instant alone


@register.simple_tag(takes_context=True)
def ring(context: dict[str, Any]) -> SafeString:
    """From `from_at` to `until`, with `quiet`, `size` and `gone_words`, as `_ring.html` says."""
    from_at, until = (template_localtime(context[name]) for name in ("from_at", "until"))
    asked = "".join(
        f' data-{name.replace("_", "-")}="{conditional_escape(value)}"'
        for name in ("size", "gone_words")
        if (value := context.get(name))
    )
    quiet = " data-quiet" if context.get("quiet") else ""
    return mark_safe(  # noqa: S308 - of instants, and what is escaped
        f'<ebb-ring data-from="{from_at.isoformat()}" data-until="{until.isoformat()}"{quiet}{asked} '
        f'title="Ends {_exactly(until)}">{_CIRCLES}<span class="ring-words">{timeuntil(until)} left</span></ebb-ring>'
    )


def _exactly(at: datetime) -> str:
    """As the filter `date` writes "j M Y, H:i:s T"."""
    return f"{_minute(at)}:{at.second:02} {at.tzname()}"


def _minute(at: datetime) -> str:
    return f"{at.day} {_month(get_language(), at.month)} {at.year}, {at.hour:02}:{at.minute:02}"


@lru_cache(maxsize=200)
def _month(language: str | None, number: int) -> str:
    """Its short name in the language that is in force."""
    return str(MONTHS_3[number]).title()
