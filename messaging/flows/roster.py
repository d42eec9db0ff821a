"""Many customers at once: read under lock, added, changed, each step one statement. In the caller's unit.

What is written here is what `flows.customer` writes for one: profile, hashes, marks, consents. Their entries are mass entries,
with the subject ids as the list."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import connection

from archive.ledger import entry
from messaging.queries import consents, profiles
from portal.kernel import bulk, ids, unit
from portal.kernel.actors import Actor

TABLE = "messaging_customer"
COLUMNS = (
    "id", "subject_id", "state", "sealed_profile", "reference_hash", "phone_hash", "email_hash", "marks", "agreed", "refused",
    "language", "time_zone", "contact_changed_at", "created_at", "updated_at", "closed_at",
)  # fmt: skip
CONSENT_COLUMNS = ("id", "customer_id", "purpose", "channel", "sealed_words", "is_given", "at")


@dataclass(slots=True)
class Member:
    """One customer, opened."""

    id: UUID
    subject_id: UUID
    profile: profiles.Profile = field(default_factory=profiles.Profile)
    language: str = "en"
    time_zone: str = ""
    agreed: Sequence[str] = ()
    refused: Sequence[str] = ()
    contact_changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """A consent event of one of them."""

    customer_id: UUID
    purpose: str
    channel: str
    is_given: bool
    at: datetime


_READ = """
    SELECT id, subject_id, sealed_profile, language, time_zone, agreed, refused, contact_changed_at
      FROM messaging_customer WHERE {column} = ANY(%s) AND state = 'active' ORDER BY id {lock}
"""
_BY = {"id": "id", "reference": "reference_hash", "phone": "phone_hash", "email": "email_hash"}


def lock(by: str, values: Iterable[object]) -> list[Member]:
    """The active ones whose `by` ("id", or what is hashed of a profile) is among `values`; in one order, so that two units at
    once cannot wait for each other."""
    return _fetch(by, values, "FOR UPDATE")


def look(by: str, values: Iterable[object]) -> list[Member]:
    return _fetch(by, values, "")


def new() -> Member:
    return Member(ids.uuid7(), ids.uuid4())


def add(members: Sequence[Member], now: datetime) -> None:
    book = profiles.Book()
    bulk.insert(TABLE, COLUMNS, [
        (one.id, one.subject_id, "active", *_kept(book, one), one.language, one.time_zone, None, now, now, None) for one in members
    ])  # fmt: skip


_CHANGE = """
    UPDATE messaging_customer AS c
       SET sealed_profile = n.sealed, reference_hash = n.reference, phone_hash = n.phone, email_hash = n.email,
           marks = n.marks::bigint[], agreed = n.agreed::varchar[], refused = n.refused::varchar[], language = n.language,
           time_zone = n.time_zone, contact_changed_at = n.contact_changed_at, updated_at = %s
      FROM unnest(%s::uuid[], %s::bytea[], %s::bytea[], %s::bytea[], %s::bytea[], %s::text[], %s::text[], %s::text[],
                  %s::text[], %s::text[], %s::timestamptz[])
           AS n (id, sealed, reference, phone, email, marks, agreed, refused, language, time_zone, contact_changed_at)
     WHERE c.id = n.id
"""


def change(members: Sequence[Member], now: datetime) -> None:
    """Write what these are now; they were locked."""
    if members:
        book = profiles.Book()
        rows = [(one.id, *_kept(book, one), one.language, one.time_zone, one.contact_changed_at) for one in members]
        with connection.cursor() as cursor:
            cursor.execute(_CHANGE, [now, *(list(column) for column in zip(*rows, strict=True))])


def say(said: Sequence[Said], *, source: str, wording: str) -> None:
    """Consent events, all from one source."""
    seal, rows = consents.sealer(source=source, wording=wording), []
    for one in said:
        pk = ids.uuid7()
        rows.append((pk, one.customer_id, one.purpose, one.channel, seal(pk), one.is_given, one.at))
    bulk.insert("messaging_consent", CONSENT_COLUMNS, rows)


def take_out(*, actor: Actor, count: int) -> None:
    """Before a list of profiles leaves: who took it, and how many are in it."""
    actor.require("customer.manage")
    with unit.work() as u:
        u.entry(unit.Draft("customers.exported", actor.label, codes={"count": count}))


def draft(kind: str, actor: Actor, subjects: Iterable[UUID], codes: dict[str, str | int | bool]) -> unit.Draft:
    """A mass entry: count and hash of the subject ids in the leaf, the list (16 bytes each, sorted) as its sealed detail."""
    listed = sorted({one.bytes for one in subjects})
    count, digest = entry.digest_ids(UUID(bytes=one) for one in listed)
    detail: dict[str, object] = {"ids": b64encode(b"".join(listed)).decode()}
    return unit.Draft(kind, actor.label, codes=codes, detail=detail, count=count, ids_sha256=digest)


def _fetch(by: str, values: Iterable[object], lock: str) -> list[Member]:
    wanted = list(values)
    if not wanted:
        return []
    book = profiles.Book()
    with connection.cursor() as cursor:
        cursor.execute(_READ.format(column=_BY[by], lock=lock), [wanted])
        return [
            Member(pk, subject, book.open_(pk, sealed), language, zone, agreed, refused, changed_at)
            for pk, subject, sealed, language, zone, agreed, refused, changed_at in cursor.fetchall()
        ]


def _kept(book: profiles.Book, one: Member) -> tuple[object, ...]:
    profile = one.profile
    hashes = [
        book.find_by(label, value) if (value := getattr(profile, label)) else None
        for label in ("reference", "phone", "email")
    ]
    return (book.seal(one.id, profile), *hashes, _array(book.marks(profile)), _array(one.agreed), _array(one.refused))


def _array(values: Iterable[object]) -> str:
    """As PostgreSQL reads an array: numbers and codes need no quotes."""
    return f"{{{','.join(str(one) for one in values)}}}"
