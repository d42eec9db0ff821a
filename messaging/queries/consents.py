"""Consents as they were given: where and in which words is sealed under the business key, like the profile it speaks of."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from messaging.models import Consent
from messaging.rules import consent as rules
from portal.kernel import keys
from portal.sealing import field

CONTEXT = "consent.words"


@dataclass(frozen=True)
class Given:
    """One consent, opened. `source` is where it was given, `wording` what the customer was asked."""

    purpose: str
    channel: str
    source: str
    wording: str
    is_given: bool
    at: datetime


def open_all(rows: Iterable[Consent]) -> list[Given]:
    return [_open(row) for row in rows]


def refused_at(customer_id: UUID) -> dict[str, datetime]:
    """When each code was last refused, by code."""
    found: dict[str, datetime] = {}
    rows = Consent.objects.filter(customer_id=customer_id, is_given=False)
    for purpose, channel, at in rows.values_list("purpose", "channel", "at"):
        about = rules.code(purpose, channel)
        found[about] = max(at, found.get(about, at))
    return found


def seal(consent_id: UUID, *, source: str, wording: str) -> bytes:
    return sealer(source=source, wording=wording)(consent_id)


def sealer(*, source: str, wording: str) -> Callable[[UUID], bytes]:
    """For many consents with the same words: the business's key is read once."""
    words, key = json.dumps({"source": source, "wording": wording}, ensure_ascii=False).encode(), keys.business_key()
    return lambda consent_id: field.seal(key, CONTEXT, consent_id, words)


def _open(row: Consent) -> Given:
    words = json.loads(keys.open_field(CONTEXT, row.id, row.sealed_words))
    return Given(row.purpose, row.channel, words["source"], words["wording"], row.is_given, row.at)
