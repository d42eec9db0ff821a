"""Which retention rule a message falls under, and until when it is kept at least."""

import time
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from archive.models import Rule
from archive.rules import retention
from portal.kernel import tenancy
from portal.kernel.errors import Kind, Refusal

FRESH_FOR = 3.0


@dataclass(frozen=True, slots=True)
class Retention:
    """`rule` is the code of the rule, as leaves carry it, `name` its name for people; `until` None for an end not known yet."""

    rule: str
    until: datetime | None
    name: str = ""


_known: dict[UUID, tuple[float, Rule]] = {}


def retention_for(*, category: str, kind: str, at: datetime) -> Retention:
    """The rule in force for a message of this category and kind that is sent `at`. Remembered for a few seconds: every
    message asks. From birth there is one default rule, which covers every category and kind."""
    rule = _default()
    return Retention(rule.code, retention.end_of(at, retention.Duration(rule.keep_months)), rule.name)


def forget() -> None:
    """A rule changed in this process (the others see it within `FRESH_FOR` seconds)."""
    _known.clear()


def _default() -> Rule:
    business = tenancy.here().id
    found = _known.get(business)
    if found is None or found[0] < time.monotonic():
        rule = Rule.objects.filter(is_default=True, state=Rule.State.ACTIVE).first()
        if rule is None:
            raise Refusal("archive_not_ready", "This business has no retention rule yet.", Kind.UNAVAILABLE)
        found = _known[business] = (time.monotonic() + FRESH_FOR, rule)
    return found[1]
