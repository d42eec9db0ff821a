"""Ways in: a one-time link (7 days) or a code (15 minutes, one at a time). Only hashes are kept; staff see the secret
only where they asked to show it, else a job sends it and empties it.

A GET uses nothing up. Redeeming is single use under a row lock and needs a proof of the key that is being bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from messaging import push
from messaging.flows import attempt, factor, link, notice, refusal
from messaging.flows.attempt import GUESSES, WINDOW
from messaging.models import Customer, Device, DeviceCustomer, Enrolment, Notice, Relation
from messaging.queries import devices, kept, links, reach, served
from messaging.rules import place, proof, secrets, telling
from portal.kernel import actors, clock, ids, keys, tenancy, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found

CODE_LIVES_FOR = timedelta(minutes=15)
ENROLMENTS = 300  # of one source, in the same window: a carrier puts many customers behind one address
GUESSES_OF_ALL = 2_000  # codes, of everyone: 2^50 codes make that harmless, and a storm of guesses is stopped
DEVICE_NEWS_FOR = timedelta(days=2)
NAME_LIMIT = 60
BRIEF = timedelta(minutes=15)  # a device that is not the customer's own


@dataclass(frozen=True)
class Issued:
    """`url` and `code` only where they are to be shown."""

    id: UUID
    expires_at: datetime
    url: str | None = None
    code: str | None = None


@dataclass(frozen=True)
class Grant:
    """Whom the customer is to whoever gets the link (self, child, care), and until when the device serves them by it."""

    relation: str = Relation.SELF
    until: datetime | None = None


@dataclass(frozen=True)
class Visit:
    """What a browser tells beside its key. `accepts`: the digest of what it was shown of what is kept (`queries.kept`);
    `lives_for`: it is not the customer's own device, and ends by itself after so long; `answer`: to the second factor."""

    zone: object = ""
    accepts: str = ""
    lives_for: timedelta | None = None
    answer: str = ""


SELF, PLAIN = Grant(), Visit()


@dataclass(frozen=True)
class Redeemed:
    """`cookie` is None when the browser keeps the one it has."""

    device_id: UUID
    cookie: str | None
    customers: list[dict[str, str]]


def spent() -> Refusal:
    """Wrong, used, cancelled and expired look the same."""
    return Refusal(
        "enrolment_spent", "This link or code does not work any more. Ask for a new one.", Kind.UNAUTHENTICATED
    )


def no_channel() -> Refusal:
    return Refusal(
        "no_channel", "This customer has no address on that channel. Show the link instead.", field="send_by"
    )


# ── issuing ───────────────────────────────────────────────────────────────────────────────────────────────────────
def issue(
    *, actor: Actor, now: datetime, customer_id: UUID, send_by: str | None = None, grant: Grant = SELF
) -> Issued:  # fmt: skip
    """A link by the customer's own channel, or a link and a code to show."""
    actor.require("customer.invite")
    _check_grant(grant, now)
    if send_by is not None and send_by not in Enrolment.SendBy.values:
        raise Refusal("unknown_channel", "A link goes by email, by sms, or is shown.", field="send_by")
    if send_by == Enrolment.SendBy.SHOW:  # whoever sees a link can use it, and read what only the customer should
        actor.require("customer.show_link")
    with unit.work() as u:
        customer = _locked_customer(customer_id)
        is_shown = send_by == Enrolment.SendBy.SHOW
        issued = _show(u, actor, now, customer) if is_shown else _send(u, actor, now, customer, send_by)
        Enrolment.objects.filter(customer=customer, created_at=now, used_at__isnull=True).update(
            relation=grant.relation, grant_until=grant.until, issued_by=actor.label
        )
        return issued


def _check_grant(grant: Grant, now: datetime) -> None:
    if grant.relation not in Relation.values:
        raise Refusal("unknown_relation", "A device serves its owner, a child or a person in care.", field="relation")
    if grant.until is not None and grant.until <= now:
        raise Refusal("until_past", "That end has passed already.", field="until")


def invite_newcomers(u: unit.Unit, *, actor: Actor, now: datetime, customer_ids: Sequence[UUID]) -> int:
    """In the caller's unit, first contact with many: who has no device and a way to be told gets one link, unless one is on its
    way. → how many do."""
    # Locked in one order, looked at after: two at once must neither both invite nor wait for each other.
    list(Customer.objects.select_for_update().filter(id__in=customer_ids).order_by("id").values_list("id"))
    offered, open_ = reach.offered(), link.open_for(customer_ids, now)
    found = {pk: one for pk, one in reach.of(customer_ids).items() if not one.has_device and pk not in open_}
    ways = {pk: way for pk, one in found.items() if (way := _first_way(one, offered))}
    made = link.make(u, actor=actor, now=now, to=[(pk, found[pk].subject_id, way) for pk, way in ways.items()])
    until = now + link.LIVES_FOR
    notice.queue(u, now=now, new=[
        notice.New(pk, made[pk], Notice.Purpose.INVITE, way, now, until, made[pk]) for pk, way in ways.items()
    ])  # fmt: skip
    return len(made)


def send_back(u: unit.Unit, *, now: datetime, customers: Sequence[Customer], way: str) -> None:
    """In the caller's unit: customers let themselves in again, each by a link to the address that they share."""
    for customer in customers:
        _send(u, actors.SYSTEM, now, customer, way, is_recovery=True)


def _show(u: unit.Unit, actor: Actor, now: datetime, customer: Customer) -> Issued:
    Enrolment.objects.filter(customer=customer, kind="code", used_at__isnull=True, cancelled_at__isnull=True).update(
        cancelled_at=now
    )
    shown, token = _add(customer, now, Enrolment.Kind.LINK, link.LIVES_FOR)
    _, code = _add(customer, now, Enrolment.Kind.CODE, CODE_LIVES_FOR)
    u.entry(unit.Draft(
        "enrolment.issued", actor.label, subject=customer.subject_id, customer=customer.id, codes={"send_by": "show"}
    ))  # fmt: skip
    return Issued(shown.id, shown.expires_at, links.url_of(token), code)


def _send(
    u: unit.Unit, actor: Actor, now: datetime, customer: Customer, channel: str | None, *, is_recovery: bool = False
) -> Issued:
    """By the channel that was asked for, else by the customer's own: a device that is there would need no link."""
    person, offered = reach.of([customer.id])[customer.id], reach.offered()
    way = channel or _first_way(person, offered)
    if way is None or way not in person.ways(offered, reach.ASKED if is_recovery else reach.SERVICE):
        raise no_channel()
    made = link.make(u, actor=actor, now=now, to=[(customer.id, customer.subject_id, way)], is_recovery=is_recovery)
    enrolment_id, expires_at = made[customer.id], now + link.LIVES_FOR
    purpose = Notice.Purpose.RECOVER if is_recovery else Notice.Purpose.INVITE
    notice.queue(u, now=now, new=[notice.New(customer.id, enrolment_id, purpose, way, now, expires_at, enrolment_id)])
    return Issued(enrolment_id, expires_at)


def _first_way(person: reach.Reach, offered: frozenset[str]) -> str | None:
    """Where a link can go, and news of a device: a push would need the very device that it is about."""
    return next((way for way in person.ways(offered) if way != telling.PUSH), None)


def _add(customer: Customer, now: datetime, kind: str, lives_for: timedelta) -> tuple[Enrolment, str]:
    secret = ids.code() if kind == Enrolment.Kind.CODE else ids.token()
    row = Enrolment.objects.create(
        customer=customer, kind=kind, send_by=Enrolment.SendBy.SHOW, secret_hash=link.digest(secret), created_at=now,
        expires_at=now + lives_for,
    )  # fmt: skip
    return row, secret


# ── redeeming ─────────────────────────────────────────────────────────────────────────────────────────────────────
def redeem(
    *, now: datetime, host: str, secret: str, public_key: object, name: str, signature: object, source: str,
    cookie: str = "", visit: Visit = PLAIN,
) -> Redeemed:  # fmt: skip
    """Bind a key. `secret` is the token or code exactly as it was signed. A known device (same cookie, same key) gets
    one more customer; any other key is a new device."""
    attempt.count(now=now, use="enrol", source=source, limit=GUESSES, window=WINDOW)
    attempt.count(now=now, use="enrol.any", source=source, limit=ENROLMENTS, window=WINDOW)
    if len(ids.normalise_code(secret)) <= ids.CODE_LENGTH:  # nobody guesses a link: a storm must not keep its owner out
        attempt.count(now=now, use="enrol", source="*", limit=GUESSES_OF_ALL, window=WINDOW)
    public = proof.point(public_key)
    proof.verify(public, proof.enrol(host, secret), signature)
    try:
        with unit.work() as u:
            row = _locked_enrolment(secret, now)
            terms = _accepted(visit, now)
            refused = factor.check(u, row=row, answer=visit.answer, now=now)
            device_id, fresh = (None, None) if refused else _bind(u, row, public, name, cookie, now, visit, source)
            if device_id is not None and terms is not None:
                _note_terms(u, row.customer, device_id, terms)
    except Refusal as over:
        if over.code == refusal.SPENT:
            refusal.of_enrolment(now=now, secret=secret)
        raise
    attempt.take_back(now=now, use="enrol", source=source, window=WINDOW)  # who holds a link that works guesses nothing
    if refused is not None or device_id is None:
        raise refused or spent()
    customers = served.customers(actors.device(device_id, _served(device_id)))
    return Redeemed(device_id, fresh, customers)


def _bind(
    u: unit.Unit, row: Enrolment, public: bytes, name: str, cookie: str, now: datetime, visit: Visit, source: str
) -> tuple[UUID, str | None]:
    """→ the device, and its cookie if it is a new one."""
    known, fresh = devices.get_by_cookie(cookie, now), None
    if known and known.is_active and known.public_key == public:
        device_id = known.id
    else:
        device_id, fresh = _add_device(public, name, now, visit, source)
        _replace(u, row, known, now)
    _use_up(row, device_id, now)
    _serve(u, row, device_id, now)
    return device_id, fresh


def is_open(*, now: datetime, token: str) -> bool:
    """Whether a link would still work: for its page. Uses nothing up."""
    return Enrolment.objects.filter(secret_hash=link.digest(token)).filter(
        used_at__isnull=True, cancelled_at__isnull=True, expires_at__gt=now
    ).exists()  # fmt: skip


def _locked_enrolment(secret: str, now: datetime) -> Enrolment:
    """The customer's row first, as everyone locks: a link and its code at once, or an erasure, must not wait in a circle."""
    named = Enrolment.objects.filter(secret_hash__in=[link.digest(secret), link.digest(ids.normalise_code(secret))])
    owner = Customer.objects.select_for_update().filter(id__in=named.values("customer_id"), state=Customer.State.ACTIVE)
    if owner.first() is None:
        raise spent()
    row = named.select_for_update().first()
    if row is None or row.used_at or row.cancelled_at or row.expires_at <= now:
        raise spent()
    return row


def _accepted(visit: Visit, now: datetime) -> kept.Terms | None:
    """What was shown must be what holds: between the page and the button a rule may have changed. A program is shown nothing."""
    if not visit.accepts:
        return None
    terms = kept.terms(now)
    if visit.accepts != terms.digest:
        raise Refusal(
            "terms_changed", "What is kept has changed since this page was opened. Please read it again.", Kind.CONFLICT
        )
    return terms


def _note_terms(u: unit.Unit, customer: Customer, device_id: UUID, terms: kept.Terms) -> None:
    """The words that were on the page are sealed with the entry (I10)."""
    actor = actors.device(device_id, frozenset())
    codes: dict[str, str | int | bool] = {"device": str(device_id), "terms": terms.digest}
    u.entry(unit.Draft("terms.accepted", actor.label, subject=customer.subject_id, customer=customer.id, codes=codes,
                       detail={"kept": terms.rows}))  # fmt: skip


def _add_device(public: bytes, name: str, now: datetime, visit: Visit, address: str) -> tuple[UUID, str]:
    device_id, cookie = ids.uuid7(), ids.token()
    label = " ".join(name.split())[:NAME_LIMIT] or "Browser"
    where = place.of(visit.zone, address).encode()
    Device.objects.create(
        id=device_id, public_key=public, sealed_name=keys.seal_field(devices.NAME, device_id, label.encode()),
        cookie_hash=secrets.digest(tenancy.here().id, secrets.COOKIE, cookie), created_at=now, seen_at=now,
        sealed_place=keys.seal_field(devices.PLACE, device_id, where),
        ends_at=now + visit.lives_for if visit.lives_for else None,
    )  # fmt: skip
    return device_id, cookie


def _replace(u: unit.Unit, row: Enrolment, known: devices.Standing | None, now: datetime) -> None:
    """A browser that lost its key comes back with the old cookie: that device has no key any more and is ended, if it
    serves this very customer (a cookie alone must not end another's device)."""
    if known is None or known.customers != {row.customer_id}:
        return
    changed = Device.objects.filter(id=known.id).exclude(state="revoked").update(
        state="revoked", revoked_reason="replaced", revoked_at=now
    )  # fmt: skip
    if changed:
        u.entry(unit.Draft("device.revoked", "system", subject=row.customer.subject_id, customer=row.customer_id,
                           codes={"device": str(known.id), "reason": "replaced"}))  # fmt: skip
        push.device(u, known.id, "revoke")


def _use_up(row: Enrolment, device_id: UUID, now: datetime) -> None:
    """Single use. What was shown beside it goes with it, and so do links in older notices of messages, which lie in a mailbox.
    What staff issued stays: it may be for somebody else who looks after this customer."""
    row.used_at, row.device_id, row.sealed_secret = now, device_id, None
    row.save(update_fields=["used_at", "device_id", "sealed_secret"])
    beside = Q(send_by=Enrolment.SendBy.SHOW, created_at=row.created_at)
    unasked = ~Q(send_by=Enrolment.SendBy.SHOW) & Q(issued_by="", is_recovery=False)
    Enrolment.objects.filter(
        beside | unasked, customer_id=row.customer_id, used_at__isnull=True, cancelled_at__isnull=True
    ).update(cancelled_at=now, sealed_secret=None)


def _serve(u: unit.Unit, row: Enrolment, device_id: UUID, now: datetime) -> None:
    actor, customer, grant = actors.device(device_id, frozenset()), row.customer, _grant_of(row, now)
    DeviceCustomer.objects.update_or_create(
        device_id=device_id, customer=customer,
        defaults={"granted_by": row.issued_by or actor.label, "granted_at": now, "relation": grant.relation, "until": grant.until},
    )  # fmt: skip
    codes: dict[str, str | int | bool] = {"device": str(device_id), "relation": grant.relation}
    if grant.until is not None:
        codes["until"] = clock.text(grant.until)
    u.entry(unit.Draft("device.enrolled", actor.label, subject=customer.subject_id, customer=customer.id, codes=codes))
    push.device(u, device_id, "refresh")
    _tell_of_device(u, customer, device_id, now)


def _tell_of_device(u: unit.Unit, customer: Customer, device_id: UUID, now: datetime) -> None:
    """A new device reads this customer's messages: said to the customer where others were there before."""
    others = DeviceCustomer.objects.filter(customer=customer).exclude(device_id=device_id)
    way = _first_way(reach.of([customer.id])[customer.id], reach.offered()) if others.exists() else None
    if way:
        until = now + DEVICE_NEWS_FOR
        new = notice.New(customer.id, device_id, Notice.Purpose.DEVICE, way, now, until)
        notice.queue(u, now=now, new=[new])


def _grant_of(row: Enrolment, now: datetime) -> Grant:
    """Who lets themself in again comes in as before: a link that a parent asked for does not make the phone the child's own, and
    what was to end still ends."""
    standing = DeviceCustomer.objects.filter(Q(until__isnull=True) | Q(until__gt=now), customer_id=row.customer_id)
    before = standing.order_by("-granted_at").first()
    if row.is_recovery and before is not None:
        return Grant(before.relation, before.until)
    return Grant(row.relation, row.grant_until)


def _served(device_id: UUID) -> frozenset[UUID]:
    return frozenset(DeviceCustomer.objects.filter(device_id=device_id).values_list("customer_id", flat=True))


def _locked_customer(customer_id: UUID) -> Customer:
    row = Customer.objects.select_for_update().filter(id=customer_id, state=Customer.State.ACTIVE).first()
    if row is None:
        raise not_found("customer")
    return row
