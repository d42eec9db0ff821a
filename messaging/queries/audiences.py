"""Audiences: saved filters, sealed under the business key, and the condition that each becomes in the database.

`where` is what every reader of an audience uses: lists, counts and the expansion of a campaign see the same customers.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from messaging.models import Audience, Customer
from messaging.queries import policy, profiles
from messaging.rules import consent, filters, tags
from portal.kernel import keys
from portal.kernel.actors import Actor
from portal.kernel.errors import not_found

CONTEXT = "audience"
SAMPLE = 5
SORTED = 64  # of whom these are the first: that fewer than five come is as good as impossible
_LOWEST, _HIGHEST = -(2**31), 2**31 - 1  # of a hash
Condition = tuple[str, list[Any]]


@dataclass(frozen=True)
class Opened:
    """An audience with its name and its filter."""

    id: UUID
    name: str
    filter: dict[str, Any]
    created_at: datetime
    updated_at: datetime


def get_audience_for(actor: Actor, audience_id: UUID) -> Opened:
    actor.require("customer.view")
    found = Audience.objects.filter(id=audience_id).first()
    if found is None:
        raise not_found("audience")
    return open_(found)


def get_audiences_for(actor: Actor) -> list[Opened]:
    """All of them by name: there are a few dozen."""
    actor.require("customer.view")
    return sorted((open_(row) for row in Audience.objects.all()), key=lambda one: tags.same(one.name))


def open_(row: Audience) -> Opened:
    plain = json.loads(keys.open_field(CONTEXT, row.id, row.sealed))
    return Opened(row.id, plain["name"], plain["filter"], row.created_at, row.updated_at)


def seal(audience_id: UUID, name: str, wanted: dict[str, Any]) -> bytes:
    plain = json.dumps({"name": name, "filter": wanted}, ensure_ascii=False)
    return keys.seal_field(CONTEXT, audience_id, plain.encode())


def where(wanted: dict[str, Any]) -> Condition:
    """A condition over `messaging_customer c`, and its parameters: the active customers whom the filter names. Whether each
    may be written to is another question: `why_not`."""
    checked = filters.check(wanted)
    parts: list[Condition] = [("c.state = 'active'", [])]
    for name, value in checked.items():
        parts += _PARTS[name](value)
    return " AND ".join(f"({sql})" for sql, _ in parts), [one for _, values in parts for one in values]


def why_not(purpose: str) -> Condition:
    """An expression over `messaging_customer c`: '', 'opted_out' or 'no_consent', as `rules.consent.why_not` says it."""
    refused = "c.refused && %s::varchar[]"
    sql = f"CASE WHEN {refused} THEN '{consent.OPTED_OUT}'"
    values: list[Any] = [list(consent.covering(purpose, consent.INBOX))]
    if purpose == "marketing":
        sql += f" WHEN NOT ({_AGREED}) THEN '{consent.NO_CONSENT}'"
        values.append(purpose)
    return f"{sql} ELSE '' END", values


def count(wanted: dict[str, Any]) -> int:
    condition, values = where(wanted)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM messaging_customer c WHERE {condition}", values)  # noqa: S608 - see `where`
        return int(cursor.fetchone()[0])


def counts(listed: Sequence[dict[str, Any]]) -> list[int]:
    """Of several, in one walk over the customers."""
    if not listed:
        return []
    asked = [where(wanted) for wanted in listed]
    columns = ", ".join(f"count(*) FILTER (WHERE {condition})" for condition, _ in asked)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM messaging_customer c", [one for _, values in asked for one in values])  # noqa: S608
        return list(cursor.fetchone())


def sample(wanted: dict[str, Any], of: int) -> list[Customer]:
    """Five of them, the same at each look, from all over the list: those with the lowest hashes of their ids. `of`: how many they
    are, so that only some dozens have to be sorted."""
    condition, values = where(wanted)
    below = _LOWEST + (_HIGHEST - _LOWEST) * SORTED // max(of, SORTED)
    lowest = "uuid_hash(c.id) <= %s ORDER BY uuid_hash(c.id), c.id LIMIT %s"
    sql = f"SELECT c.* FROM messaging_customer c WHERE {condition} AND {lowest}"  # noqa: S608 - see `where`
    return list(Customer.objects.raw(sql, [*values, below, SAMPLE]))


def look(wanted: dict[str, Any]) -> tuple[int, list[tuple[UUID, profiles.Profile]]]:
    """How many they are, and five of them, opened."""
    number = count(wanted)
    return number, [(row.id, profiles.open_(row.id, row.sealed_profile)) for row in sample(wanted, number)]


def within(rows: QuerySet[Customer], wanted: dict[str, Any]) -> QuerySet[Customer]:
    """Those of `rows` whom the filter names."""
    condition, values = where(wanted)
    return rows.filter(id__in=RawSQL(f"SELECT c.id FROM messaging_customer c WHERE {condition}", values))  # noqa: S608, S611


# ── one function a condition; its text is constants of this module, every value a parameter ───────────────────────────────
# A yes on some channel that was not refused as a whole.
_AGREED = """EXISTS (SELECT 1 FROM unnest(c.agreed) AS a
    WHERE split_part(a, ':', 1) = %s AND NOT split_part(a, ':', 2) = ANY(c.refused))"""
_SERVED = """EXISTS (SELECT 1 FROM messaging_devicecustomer s JOIN messaging_device d ON d.id = s.device_id
    WHERE s.customer_id = c.id AND d.state <> 'revoked')"""
_WRITTEN_TO = """EXISTS (SELECT 1 FROM messaging_message m
    WHERE m.customer_id = c.id AND m.direction = 'out' AND m.sent_at IS NOT NULL)"""


def _tags(wanted: dict[str, list[str]]) -> list[Condition]:
    shapes = {"any": "c.marks && %s::bigint[]", "all": "c.marks @> %s::bigint[]", "none": "NOT c.marks && %s::bigint[]"}
    return [(shapes[how], [[profiles.mark(tags.tag_word(tag)) for tag in listed]]) for how, listed in wanted.items()]


def _fields(wanted: dict[str, list[object]]) -> list[Condition]:
    return [
        ("c.marks && %s::bigint[]", [[profiles.mark(tags.field_word(name, value)) for value in values]])
        for name, values in wanted.items()
    ]


def _language(wanted: list[str]) -> list[Condition]:
    lowered = [one.lower() for one in wanted]
    return [("lower(c.language) = ANY(%s) OR split_part(lower(c.language), '-', 1) = ANY(%s)", [lowered, lowered])]


def _time_zone(wanted: list[str]) -> list[Condition]:
    usual = [""] if policy.get_policy().time_zone in wanted else []
    return [("c.time_zone = ANY(%s)", [wanted + usual])]


def _consent(wanted: dict[str, str]) -> list[Condition]:
    purpose, channel, is_ = wanted["purpose"], wanted.get("channel"), wanted.get("is", "given")
    refused: Condition = ("c.refused && %s::varchar[]", [list(consent.covering(purpose, channel or consent.INBOX))])
    unrefused: Condition = (f"NOT ({refused[0]})", refused[1])
    if is_ == "refused":
        return [refused]
    if channel is None:
        agreed: Condition = (_AGREED, [purpose])
    else:
        agreed = ("c.agreed && %s::varchar[]", [[purpose, consent.code(purpose, channel)]])
    if is_ == "missing":
        return [unrefused, (f"NOT ({agreed[0]})", agreed[1])]
    return [unrefused, agreed] if purpose == "marketing" else [unrefused]


def _yes(sql: str) -> Callable[[bool], list[Condition]]:
    return lambda wanted: [(sql if wanted else f"NOT {sql}", [])]


_PARTS: dict[str, Callable[[Any], list[Condition]]] = {
    "tags": _tags,
    "fields": _fields,
    "language": _language,
    "time_zone": _time_zone,
    "has_device": _yes(_SERVED),
    "consent": _consent,
    "created_after": lambda at: [("c.created_at >= %s", [filters.instant("created_after", at)])],
    "created_before": lambda at: [("c.created_at < %s", [filters.instant("created_before", at)])],
    "never_written_to": lambda wanted: [(f"NOT {_WRITTEN_TO}" if wanted else _WRITTEN_TO, [])],
}
