"""Customers: added, changed, erased. A profile is never in the ledger; entries name its random subject id."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from archive.flows import guard, record, subject
from messaging import push
from messaging.flows import consent, device
from messaging.flows.consent import Given
from messaging.models import Body, Consent, Conversation, Customer, DeviceCustomer, Enrolment, Message
from messaging.queries import customers, profiles
from messaging.rules import contact, tags
from portal.kernel import ids, unit
from portal.kernel.actors import CLOCK, Actor
from portal.kernel.errors import Kind, Refusal

ERASURES_LOOKED_AFTER = timedelta(minutes=10)  # no transaction lives that long


@dataclass(frozen=True)
class Details:
    """A customer as the caller describes them. None means: leave as it is; a field that is None goes."""

    reference: str | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    language: str | None = None
    time_zone: str | None = None
    tags: Sequence[object] | None = None
    fields: dict[str, object] | None = None
    consent: tuple[Given, ...] = field(default_factory=tuple)


@dataclass(frozen=True)
class Erased:
    """What an erasure did, in the words the answer uses."""

    customer_id: UUID
    live_messages: int
    archive_keeps: bool
    held_records: int = 0  # under a hold: they name the customer until it ends


def create(*, actor: Actor, now: datetime, details: Details) -> UUID:
    """A new customer; an existing reference is a conflict that names the customer who has it."""
    actor.require("customer.manage")
    profile = _merged(profiles.Profile(), details)
    customer_id = ids.uuid7()
    try:
        with unit.work() as u, transaction.atomic():
            row = Customer(id=customer_id, subject_id=ids.uuid4(), created_at=now, updated_at=now)
            _fill(row, profile, details)
            row.save(force_insert=True)
            u.entry(unit.Draft("customer.created", actor.label, subject=row.subject_id, customer=row.id))
            consent.add(u, actor=actor, now=now, row=row, given=details.consent)
    except IntegrityError as error:
        raise _taken(profile.reference) from error
    return customer_id


def change(*, actor: Actor, now: datetime, customer_id: UUID, details: Details) -> None:
    """Change what is given. New contact data is remembered with its time: it pauses recovery for a day."""
    actor.require("customer.manage")
    try:
        with unit.work() as u, transaction.atomic():
            row = _locked(customer_id)
            before = profiles.open_(row.id, row.sealed_profile)
            after = _merged(before, details)
            if (before.email, before.phone) != (after.email, after.phone):
                row.contact_changed_at = now
            _fill(row, after, details)
            row.updated_at = now
            row.save()
            changed = [name for name in vars(after) if getattr(before, name) != getattr(after, name)]
            changed += [name for name in ("language", "time_zone") if getattr(details, name) is not None]
            codes: dict[str, str | int | bool] = {"changed": ",".join(sorted(changed)) or "nothing"}
            u.entry(unit.Draft("customer.changed", actor.label, subject=row.subject_id, customer=row.id, codes=codes))
            consent.add(u, actor=actor, now=now, row=row, given=details.consent)
    except IntegrityError as error:
        raise _taken(details.reference or "") from error


def erase(*, actor: Actor, now: datetime, customer_id: UUID) -> Erased:
    """Erase the profile and every live message, sign out the devices that serve nobody else, cut the tie to the ledger.
    The sealed archive keeps what its rules and holds make it keep."""
    actor.require("customer.manage")
    with unit.work() as u:
        row = _locked(customer_id)
        cut = subject.cut(customer_id=row.id, now=now)  # takes the guard: before any row that a disposal touches
        live = _end_all(u, row, now)
        _release_devices(u, actor, row, now)
        Enrolment.objects.filter(customer=row).delete()
        Consent.objects.filter(customer=row).delete()
        codes: dict[str, str | int | bool] = {"live_messages": len(live), "asked": row.asks_erasure}
        u.entry(unit.Draft("customer.erased", actor.label, subject=row.subject_id, codes=codes))
        _empty(row, now)
    return Erased(customer_id, len(live), cut.kept > 0, cut.held)


def finish_erasures(*, now: datetime) -> int:
    """For the clock: what was being sent or written while its customer was erased may have committed after it. → how many
    messages were ended."""
    ended = 0
    with unit.work() as u:
        for row in Customer.objects.filter(state=Customer.State.ERASED, updated_at__gt=now - ERASURES_LOOKED_AFTER):
            if live := _end_all(u, row, now):
                subject.cut(customer_id=row.id, now=now)
                u.entry(unit.Draft("customer.erased", CLOCK.label, codes={"live_messages": len(live)}))
                ended += len(live)
    return ended


def add_within(u: unit.Unit, *, actor: Actor, now: datetime, kind: str, address: str) -> UUID:
    """A customer known by one address only, made by a send. Runs in the caller's unit."""
    profile = profiles.Profile(email=address) if kind == "email" else profiles.Profile(phone=address)
    row = Customer(id=ids.uuid7(), subject_id=ids.uuid4(), created_at=now, updated_at=now)
    _fill(row, profile, Details())
    row.save(force_insert=True)
    u.entry(unit.Draft("customer.created", actor.label, subject=row.subject_id, customer=row.id))
    return row.id


def _locked(customer_id: UUID) -> Customer:
    row = Customer.objects.select_for_update().filter(id=customer_id).exclude(state=Customer.State.ERASED).first()
    if row is None:
        raise Refusal("not_found", "There is no such customer.", Kind.NOT_FOUND)
    return row


def _merged(before: profiles.Profile, details: Details) -> profiles.Profile:
    given: dict[str, Any] = {}
    for name in ("reference", "name"):
        if (value := getattr(details, name)) is not None:
            given[name] = contact.line(name, value)
    if details.email is not None:
        given["email"] = contact.email(details.email) if details.email else ""
    if details.phone is not None:
        given["phone"] = contact.phone(details.phone) if details.phone else ""
    if details.tags is not None:
        given["tags"] = tags.tags(details.tags)
    if details.fields is not None:
        given["fields"] = tags.merged(before.fields, tags.fields(details.fields))
    return replace(before, **given)


def _fill(row: Customer, profile: profiles.Profile, details: Details) -> None:
    row.sealed_profile = profiles.seal(row.id, profile)
    row.marks = profiles.marks(profile)
    for label in ("reference", "phone", "email"):
        value = getattr(profile, label)
        setattr(row, f"{label}_hash", profiles.find_by(label, value) if value else None)
    if details.language is not None:
        row.language = contact.language(details.language)
    if details.time_zone is not None:
        row.time_zone = contact.time_zone(details.time_zone)


def _end_all(u: unit.Unit, row: Customer, now: datetime) -> list[UUID]:
    guard.lock()  # before messages and records: whatever moves their ends takes them in this order
    live = list(Message.objects.unended(now).filter(customer_id=row.id).values_list("id", flat=True))
    Body.objects.filter(message_id__in=live).delete()
    Message.objects.filter(id__in=live, outcome="", direction="out").update(outcome="recalled", outcome_at=now)
    Message.objects.filter(id__in=live).update(ended_at=now, ended_reason="erased", notify_at=None)
    open_ended = Message.objects.filter(id__in=live, gone_at=None).values_list("id", flat=True)
    record.set_end(message_ids=list(open_ended), gone_at=now)
    Conversation.objects.filter(customer=row, state="open").update(state="closed", closed_at=now, waiting_since=None)
    push.gone(u, [(message_id, row.id) for message_id in live], "erased")
    return live


def _release_devices(u: unit.Unit, actor: Actor, row: Customer, now: datetime) -> None:
    devices = list(DeviceCustomer.objects.filter(customer=row).values_list("device_id", flat=True))
    DeviceCustomer.objects.filter(customer=row).delete()
    for device_id in devices:
        push.device(u, device_id, "refresh")
        device.end_unserved(u, actor=actor, now=now, device_id=device_id, subject_id=row.subject_id)


def _empty(row: Customer, now: datetime) -> None:
    row.state = Customer.State.ERASED
    row.sealed_profile = profiles.seal(row.id, profiles.Profile())
    row.reference_hash = row.phone_hash = row.email_hash = row.passphrase_digest = None
    row.marks, row.agreed, row.refused = [], [], []
    row.erasure_asked_at = row.erasure_answered_at = None
    row.erasure_answer = ""
    row.subject_id = ids.uuid4()  # a new one: the old stands in the ledger and now leads nowhere
    row.updated_at = now
    row.closed_at = row.closed_at or now
    row.save()


def _taken(reference: str) -> Refusal:
    owner = customers.get_ids_by_reference([reference]).get(reference) if reference else None
    return Refusal(
        "reference_taken", "Another customer has this reference.", Kind.CONFLICT, id=str(owner) if owner else ""
    )
