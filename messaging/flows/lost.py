"""A lost device, ended by a link that was sent to a verified channel: for who has no other device at hand.

    asked (flows.inquiry) ── link, one hour ── used once, by POST ── pass of its page, fifteen minutes: lock, sign out, wipe

The link is its notice: the secret is made from the notice's subject under the business key and stands nowhere, and neither does the
pass. Who it is for is asked anew each time: the customers behind the address that it went to.

Never: a word of a message; a way in; an unlock. Whoever reads the customer's mail can shut them out with it and see nothing: so
every step is an entry, all the customer's channels are told of what was ended, and links and acts are counted. A device that serves
anybody beside the link's customers stays out of reach, as it does for another of their devices.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet

from messaging.flows import attempt, device, notice, wipe
from messaging.flows.attempt import GUESSES, WINDOW
from messaging.models import Customer, Notice
from messaging.queries import links, recoverable
from messaging.rules import telling
from portal.kernel import actors, ids, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal

LIVES_FOR, PASS_FOR = timedelta(hours=1), timedelta(minutes=15)
MOST_ACTS = 60  # by one link
ACTS: dict[str, Callable[..., object]] = {"lock": device.lock, "sign-out": device.sign_out, "wipe": wipe.request}


@dataclass(frozen=True)
class Opened:
    """`secret` is for the memory of the page that used the link."""

    secret: str
    actor: Actor


def spent() -> Refusal:
    """Wrong, used and expired look the same."""
    return Refusal("lost_link_spent", "This link does not work any more. Ask for a new one.", Kind.UNAUTHENTICATED)


def bad_act() -> Refusal:
    return Refusal("bad_act", "A lost device is locked, signed out or wiped.", field="act")


def send(u: unit.Unit, *, now: datetime, customers: list[Customer], way: str) -> None:
    """In the caller's unit: one link for all who share the address, for a family's phone serves them together."""
    if not customers:
        return
    link_id = ids.uuid7()
    _note(u, actors.SYSTEM, customers, "device.lost_asked", link_id, send_by=way)
    told = notice.New(customers[0].id, link_id, Notice.Purpose.LOST, way, now, now + LIVES_FOR)
    notice.queue(u, now=now, new=[told])


def is_open(*, now: datetime, token: str) -> bool:
    """Whether a link would still work: for its page. Uses nothing up."""
    return _rows(links.lost_of(token)).filter(used_at=None, until__gt=now).exists()


def use(*, now: datetime, token: str, source: str) -> Opened:
    """Once. → the pass of the page."""
    attempt.count(now=now, use="lost.use", source=source, limit=GUESSES, window=WINDOW)
    with unit.work() as u:
        row = _rows(links.lost_of(token)).select_for_update().first()
        if row is None or row.used_at or row.until <= now:
            raise spent()
        customers = _whose(row, now)
        row.used_at = now
        row.save(update_fields=["used_at"])
        actor = actors.link(row.about_id, frozenset(one.id for one in customers))
        _note(u, actor, customers, "device.lost_used", row.about_id)
    return Opened(links.lost_pass(row.about_id, now), actor)


def act(*, now: datetime, secret: str, device_id: UUID, what: str) -> Actor:
    """One device ended. → who did it, to see the others."""
    if what not in ACTS:
        raise bad_act()
    with unit.work():
        row = _rows(links.id_in(secret)).select_for_update().first()
        if row is None or row.used_at is None or row.used_at + PASS_FOR <= now:
            raise spent()
        if not links.is_lost_pass(secret, row.about_id, row.used_at):
            raise spent()
        if attempt.add(now=now, use="lost.act", source=str(row.about_id), window=timedelta(hours=1)) > MOST_ACTS:
            raise attempt.too_many(int(PASS_FOR.total_seconds()))
        actor = actors.link(row.about_id, frozenset(one.id for one in _whose(row, now)))
        ACTS[what](actor=actor, now=now, device_id=device_id)
    return actor


def _rows(link_id: UUID | None) -> QuerySet[Notice]:
    return Notice.objects.filter(about_id=link_id, purpose=Notice.Purpose.LOST)


def _whose(row: Notice, now: datetime) -> list[Customer]:
    """Everyone behind the address that the link went to. Who was erased, or whose address was changed since, is not there any
    more."""
    label = "phone_hash" if row.channel == telling.SMS else "email_hash"
    key = Customer.objects.filter(id=row.customer_id).values_list(label, flat=True).first()
    found = recoverable.at(bytes(key), now)[0] if key else []
    if row.customer_id not in {one.id for one in found}:
        raise spent()
    return found


def _note(u: unit.Unit, actor: Actor, customers: list[Customer], kind: str, link_id: UUID, **codes: str) -> None:
    for row in customers:
        told: dict[str, str | int | bool] = {"link": str(link_id), **codes}
        u.entry(unit.Draft(kind, actor.label, subject=row.subject_id, customer=row.id, codes=told))
