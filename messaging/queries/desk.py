"""What the console's lists need at once for many rows: names, counts, last times. No words of a message but one's own."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, QuerySet

from messaging.flows import body
from messaging.models import Body, Category, Consent, Conversation, Customer, Device, DeviceCustomer, Enrolment, Message
from messaging.queries import consents, customers, messages, profiles
from messaging.rules import contact, state
from portal.kernel import ids, tally
from portal.kernel.actors import Actor
from portal.kernel.errors import Refusal

MOST_LIVE = 20_000  # that are counted: a glance does not ask for more
SCAN = 2000  # profiles are sealed, so a part of a name is looked for in this many, the newest


@dataclass(frozen=True)
class Figures:
    """What a customer's row shows beside the name."""

    devices: dict[UUID, int]
    live: dict[UUID, int]
    seen_at: dict[UUID, datetime | None]
    invited_at: dict[UUID, datetime]


def names_of(customer_ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """A name to show for each: their name, else their reference, else an address."""
    wanted = {found for found in customer_ids if found}
    rows = Customer.objects.filter(id__in=wanted).values_list("id", "state", "sealed_profile") if wanted else []
    return {pk: _name(pk, standing, sealed) for pk, standing, sealed in rows}


def figures_of(customer_ids: list[UUID], now: datetime) -> Figures:
    serving = DeviceCustomer.objects.filter(customer_id__in=customer_ids).exclude(device__state="revoked")
    devices = serving.values_list("customer_id").annotate(Count("device_id"), Max("device__seen_at"))
    live = (
        Message.objects.live(now).filter(customer_id__in=customer_ids).values_list("customer_id").annotate(Count("id"))
    )
    invited = Enrolment.objects.filter(
        customer_id__in=customer_ids, used_at__isnull=True, cancelled_at__isnull=True, expires_at__gt=now
    )
    seen = list(devices)
    return Figures(
        {pk: count for pk, count, _ in seen}, dict(live), {pk: at for pk, _, at in seen},
        dict(invited.values_list("customer_id").annotate(Max("created_at"))),
    )  # fmt: skip


def find_customers(actor: Actor, q: str) -> QuerySet[Customer]:
    """An exact reference, phone or e-mail through the keyed hashes; else a part of a name among the newest."""
    rows = customers.get_customers_for(actor)
    if not q:
        return rows
    exact = _exact(actor, q)
    return exact if exact is not None and exact.exists() else rows.filter(id__in=_scan(rows, q))


def find_one_customer(actor: Actor, q: str) -> UUID | None:
    """For a search that takes one customer: the newest that fits."""
    return find_customers(actor, q).order_by("-id").values_list("id", flat=True).first()


def identify(actor: Actor, typed: str) -> set[UUID]:
    """Everyone with exactly this reference, e-mail or phone: for acts on all of them, where a guess would be wrong."""
    named = set(customers.get_customers_for(actor, reference=typed).values_list("id", flat=True))
    at_address = _exact(actor, typed)
    return named | set(at_address.values_list("id", flat=True) if at_address is not None else ())


def with_devices(rows: QuerySet[Customer], has: str) -> QuerySet[Customer]:
    """`has` is "device", "none" or ""."""
    if has not in {"device", "none"}:
        return rows
    serving = DeviceCustomer.objects.exclude(device__state="revoked").values("customer_id")
    return rows.filter(id__in=serving) if has == "device" else rows.exclude(id__in=serving)


def find_messages(actor: Actor, q: str, rows: QuerySet[Message]) -> QuerySet[Message]:
    """By message id, or by customer as `find_customers` finds them."""
    if not q:
        return rows
    if (message_id := ids.parse_uuid(q)) is not None:
        return rows.filter(id=message_id)
    return rows.filter(customer_id__in=find_customers(actor, q).values("id"))


def own_subjects(actor: Actor, rows: list[Message], now: datetime) -> dict[UUID, str]:
    """The subjects of the live messages that this actor wrote. Of others a list shows none: that would be reading (I9)."""
    own = {row.id: row.customer_id for row in rows if row.author == actor.label and not state.has_ended(row, now)}
    if not own:
        return {}
    stored = Body.objects.unended(now).filter(message_id__in=own).values_list("message_id", "wrap", "sealed")
    opened = body.open_many(body.Row(pk, own[pk], wrap, sealed) for pk, wrap, sealed in stored)
    return {pk: str(content.get("subject", "")) for pk, content in opened.items()}


def labels_of_messages(actor: Actor, rows: list[Message], now: datetime) -> dict[UUID, str]:
    """What stands where a subject would: the subject, or why there is none."""
    own = own_subjects(actor, rows, now)
    return {row.id: _label(row, own, now) for row in rows}


def ending_next(actor: Actor, now: datetime, limit: int = 6) -> list[Message]:
    actor.require("message.view")
    return list(Message.objects.ending(now).filter(direction="out").order_by("gone_at")[:limit])


def waiting(actor: Actor, limit: int = 6) -> list[Conversation]:
    actor.require("conversation.view")
    return list(Conversation.objects.filter(waiting_since__isnull=False).order_by("waiting_since")[:limit])


def totals(actor: Actor, now: datetime) -> dict[str, QuerySet[Any]]:
    """The overview's figures, to be counted."""
    actor.require("message.view")
    scheduled = Message.objects.filter(messages.in_state("scheduled", now))
    return {
        "live": Message.objects.ending(now).filter(direction="out")[:MOST_LIVE],
        "scheduled": scheduled.filter(ended_at__isnull=True),  # as their index has it
        "customers": Customer.objects.filter(state="active"),
        "devices": Device.objects.filter(state="active"),
    }


def rail(actor: Actor) -> dict[str, QuerySet[Any]]:
    """What the rail counts on every page: devices that want attention, conversations that wait."""
    asked: dict[str, QuerySet[Any]] = {"devices_attention": Device.objects.filter(state__in=["locked", "wiping"])}
    if actor.may("conversation.view"):
        asked["conversations_waiting"] = Conversation.objects.filter(waiting_since__isnull=False)
    return asked


def conversation_totals(actor: Actor) -> dict[str, int]:
    actor.require("conversation.view")
    rows = Conversation.objects.all()
    return tally.count({
        "waiting": rows.filter(waiting_since__isnull=False), "open": rows.filter(state="open"),
        "closed": rows.filter(state="closed"),
    })  # fmt: skip


def conversations_in(actor: Actor, *, tab: str, assignee: str, q: str) -> QuerySet[Conversation]:
    """`tab` is waiting, open or closed; `assignee` an id, "none" or ""."""
    actor.require("conversation.view")
    rows = Conversation.objects.filter(waiting_since__isnull=False)  # closed before somebody read the last of it, too
    rows = rows if tab == "waiting" else Conversation.objects.filter(state="closed" if tab == "closed" else "open")
    if assignee:
        rows = rows.filter(assignee_id=None if assignee == "none" else ids.parse_uuid(assignee))
    return rows.filter(customer_id__in=find_customers(actor, q).values("id")) if q else rows


def count_unread(conversation_ids: list[UUID]) -> dict[UUID, int]:
    """How many of the customer's words nobody has opened yet, by conversation."""
    rows = Message.objects.filter(
        conversation_id__in=conversation_ids, direction="in", read_at__isnull=True, ended_at__isnull=True
    )
    return dict(rows.values_list("conversation_id").annotate(Count("id")))


def open_enrolment(customer_id: UUID, now: datetime) -> Enrolment | None:
    """The newest invitation that can still be used."""
    rows = Enrolment.objects.filter(customer_id=customer_id, used_at__isnull=True, cancelled_at__isnull=True)
    return rows.filter(expires_at__gt=now).order_by("-id").first()


def consents_of(customer_id: UUID) -> list[consents.Given]:
    return consents.open_all(Consent.objects.filter(customer_id=customer_id).order_by("-at"))


def asking_erasure(rows: QuerySet[Customer]) -> QuerySet[Customer]:
    """Who asked to be erased and has no answer yet."""
    return rows.filter(erasure_asked_at__isnull=False, erasure_answered_at__isnull=True)


def categories() -> list[Category]:
    return list(Category.objects.order_by("name"))


def count_live_of(customer_ids: Iterable[UUID], now: datetime) -> int:
    return Message.objects.live(now).filter(customer_id__in=list(customer_ids)).count()


def has_sent() -> bool:
    return Message.objects.filter(direction="out").exists()


def _name(pk: UUID, standing: str, sealed: bytes) -> str:
    if standing == Customer.State.ERASED:
        return "Erased customer"
    return called(profiles.open_(pk, sealed))


def called(profile: profiles.Profile) -> str:
    return profile.name or profile.reference or profile.email or profile.phone or "No name"


def _exact(actor: Actor, q: str) -> QuerySet[Customer] | None:
    try:
        kind, address = contact.address(q)
    except Refusal:
        return customers.get_customers_for(actor, reference=q)
    return customers.get_customers_for(actor, **{kind: address})


def _scan(rows: QuerySet[Customer], q: str) -> list[UUID]:
    book = profiles.Book()
    part, newest = q.casefold(), rows.order_by("-id").values_list("id", "sealed_profile")[:SCAN]
    opened = ((pk, book.open_(pk, sealed)) for pk, sealed in newest)
    return [pk for pk, one in opened if part in f"{one.name} {one.reference} {one.email} {one.phone}".casefold()]


def _label(row: Message, own: dict[UUID, str], now: datetime) -> str:
    if state.has_ended(row, now):
        return "Text gone"
    if row.id in own:
        return own[row.id] or "No subject"
    return "Text hidden"


def last_from_customer(conversation_id: UUID) -> UUID | None:
    """What an answer answers: the newest that somebody has read, not what came while the answer was written."""
    rows = Message.objects.filter(conversation_id=conversation_id, direction="in", read_at__isnull=False).order_by(
        "-id"
    )
    return rows.values_list("id", flat=True).first()
