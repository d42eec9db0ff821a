"""The filter of an audience: a JSON object of conditions that all hold; an empty one is everyone. Pure.

tags              {"any"?: [tag], "all"?: [tag], "none"?: [tag]}
fields            {name: value or [values]}              the field has (one of) these
language          tag or [tags]                          "de" is also "de-AT"
time_zone         name or [names]                        customers without one have the business's
has_device        true or false
consent           {"purpose", "channel"?, "is"?: "given" (default) "missing" "refused"}
created_after     RFC 3339 instant, included
created_before    RFC 3339 instant, not included
never_written_to  true or false
"""

from collections.abc import Callable
from datetime import datetime

from messaging.rules import compose, consent, contact, tags
from portal.kernel.errors import Refusal

MOST = 100  # values in one list
IS = ("given", "missing", "refused")


def wrong(where: str, why: str) -> Refusal:
    return Refusal("bad_filter", f"The filter cannot be used: {why}.", field=f"filter.{where}" if where else "filter")


def check(given: object) -> dict[str, object]:
    """The filter as it is stored, lists as lists; or what is wrong with it, `field` saying where."""
    if not isinstance(given, dict):
        raise wrong("", "it is not an object")
    for name in given:
        if name not in _CHECKS:
            raise Refusal("unknown_filter", "The filter has a condition that is not known.", field="filter")
    return {name: _CHECKS[name](name, value) for name, value in given.items()}


def instant(where: str, value: object) -> datetime:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise wrong(where, "a time is written as in RFC 3339, with its zone")
    return at


def _tags(where: str, value: object) -> dict[str, object]:
    conditions = _object(where, value, ("any", "all", "none"))
    return {name: tags.tags(_texts(f"{where}.{name}", listed)) for name, listed in conditions.items()}


def _fields(where: str, value: object) -> dict[str, object]:
    if not isinstance(value, dict) or not 1 <= len(value) <= tags.MOST:
        raise wrong(where, "fields are an object of names and values")
    checked: dict[str, object] = {}
    for name, wanted in value.items():
        listed = wanted if isinstance(wanted, list) else [wanted]
        if not 1 <= len(listed) <= MOST or any(one is None or not isinstance(one, str | int | float) for one in listed):
            raise wrong(where, "a field is compared with a text, a number or yes/no, or a list of these")
        for one in listed:
            tags.fields({name: one})
        checked[name] = listed
    return checked


def _languages(where: str, value: object) -> list[str]:
    listed = _texts(where, value)
    if not all(contact.LANGUAGE.fullmatch(one) for one in listed):
        raise wrong(where, "a language is a tag such as en or de-AT")
    return listed


def _zones(where: str, value: object) -> list[str]:
    listed = _texts(where, value)
    if not contact.ZONES.issuperset(listed):
        raise wrong(where, "a time zone is a name such as Europe/Berlin")
    return listed


def _yes_or_no(where: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise wrong(where, "that is true or false")
    return value


def _consent(where: str, value: object) -> dict[str, object]:
    asked = _object(where, value, ("purpose", "channel", "is"))
    known = asked.get("purpose") in ("service", "marketing") and asked.get("is", "given") in IS
    if not known or asked.get("channel", "inbox") not in consent.CHANNELS[:-1]:
        raise wrong(where, "consent has a purpose, and maybe a channel and what it is")
    return asked


def _time(where: str, value: object) -> str:
    return instant(where, value).isoformat()


def _object(where: str, value: object, known: tuple[str, ...]) -> dict[str, object]:
    if not isinstance(value, dict) or not value or not set(value) <= set(known):
        raise wrong(where, f"that is an object with {', '.join(known)}")
    return value


def _texts(where: str, value: object) -> list[str]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST:
        raise wrong(where, "that is a list of 1 to 100 texts")
    if any(not isinstance(one, str) or compose.FORBIDDEN.search(one) for one in listed):
        raise wrong(where, "that is a list of 1 to 100 texts")
    return listed


_CHECKS: dict[str, Callable[[str, object], object]] = {
    "tags": _tags,
    "fields": _fields,
    "language": _languages,
    "time_zone": _zones,
    "has_device": _yes_or_no,
    "consent": _consent,
    "created_after": _time,
    "created_before": _time,
    "never_written_to": _yes_or_no,
}
