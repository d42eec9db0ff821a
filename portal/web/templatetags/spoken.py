"""`{% say "enrol_title" %}`: a sentence of the inbox's own words, in the language of the page (`wished`)."""

from typing import Any

from django import template

from portal.web import spoken

register = template.Library()


@register.simple_tag(takes_context=True)
def say(context: dict[str, Any], key: str, **values: object) -> str:
    business, request = context.get("business"), context["request"]
    name = getattr(business, "name", None) or (business or {}).get("name", "")
    return spoken.say(context["wished"], key, business=name, host=request.get_host(), **values)
