"""Consent: given and taken back, each an event that is never changed; the customer's row keeps what they add up to.

An opt-out is obeyed from its commit on: every send, and everything scheduled once it is due, looks at that row again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from messaging.models import Consent, Customer
from messaging.queries import consents, profiles
from messaging.rules import compose, contact
from messaging.rules import consent as rules
from portal.kernel import ids, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Refusal, not_found

SKEW = timedelta(minutes=5)  # a caller's clock may be ahead by this
WORDS_LENGTH, SOURCE_LENGTH = 1000, 200


@dataclass(frozen=True)
class Given:
    """A consent as the caller states it; not `given` means taken back. `at` defaults to now."""

    purpose: str
    channel: str
    source: str
    at: datetime | None = None
    wording: str = ""
    given: bool = True


@dataclass(frozen=True)
class Heard:
    """What an inbound text message asked for (`stop`, `start` or nothing), and for whom it was noted."""

    asked: str
    customers: tuple[UUID, ...] = ()


def note(*, actor: Actor, now: datetime, customer_id: UUID, given: Sequence[Given]) -> rules.Standing:
    """Write down what a customer said: by staff or a key, or from a device that serves them. → where they stand now."""
    if customer_id not in actor.customers:
        actor.require("customer.manage")
    with unit.work() as u:
        row = Customer.objects.select_for_update().filter(id=customer_id).exclude(state=Customer.State.ERASED).first()
        if row is None:
            raise not_found("customer")
        return add(u, actor=actor, now=now, row=row, given=given)


def heard(*, actor: Actor, now: datetime, phone: str, text: str) -> Heard:
    """An inbound text message: STOP ends text messages to that number, START lets them come again. Everybody with the number
    is meant, for it is the number that asked. What a provider delivers twice is noted once; other texts are none of ours."""
    asked = rules.keyword(text)
    if not asked:
        return Heard("")
    number = contact.phone(phone)
    said = Given(rules.ALL, "sms", "sms", wording=text.strip(), given=asked == rules.START)
    with unit.work() as u:
        rows = Customer.objects.select_for_update().filter(phone_hash=profiles.find_by("phone", number))
        meant = [row for row in rows.order_by("id") if ("sms" in row.refused) == said.given]
        for row in meant:
            add(u, actor=actor, now=now, row=row, given=[said])
    return Heard(asked, tuple(row.id for row in meant))


def add(u: unit.Unit, *, actor: Actor, now: datetime, row: Customer, given: Sequence[Given]) -> rules.Standing:
    """In the caller's unit, the row new or locked: the events, and what they add up to with those before."""
    for one in given:
        _check(one, now)
    if not given:
        return standing_of(row)
    known = consents.refused_at(row.id) if row.refused else {}
    events = [_write(u, actor, row, one, now) for one in given]
    standing = rules.add_up(standing_of(row), events, known)
    row.agreed, row.refused = list(standing.agreed), list(standing.refused)
    row.save(update_fields=["agreed", "refused"])
    return standing


def standing_of(row: Customer) -> rules.Standing:
    return rules.Standing(tuple(row.agreed), tuple(row.refused))


def _write(u: unit.Unit, actor: Actor, row: Customer, one: Given, now: datetime) -> rules.Event:
    consent_id, at = ids.uuid7(), min(one.at or now, now)
    Consent.objects.create(
        id=consent_id, customer=row, purpose=one.purpose, channel=one.channel, is_given=one.given, at=at,
        sealed_words=consents.seal(consent_id, source=one.source, wording=one.wording),
    )  # fmt: skip
    codes: dict[str, str | int | bool] = {"purpose": one.purpose, "channel": one.channel}
    kind = "consent.given" if one.given else "consent.withdrawn"
    u.entry(unit.Draft(kind, actor.label, subject=row.subject_id, customer=row.id, codes=codes))
    return rules.Event(one.purpose, one.channel, one.given, at)


def _check(one: Given, now: datetime) -> None:
    known = one.purpose in rules.PURPOSES and one.channel in rules.CHANNELS and one.source
    if not known or (one.at is not None and one.at > now + SKEW):
        raise Refusal(
            "bad_consent", "A consent has a purpose, a channel, a source, and a time that is not to come.",
            field="consent",
        )  # fmt: skip
    for text, longest in ((one.source, SOURCE_LENGTH), (one.wording, WORDS_LENGTH)):
        if len(text) > longest or compose.FORBIDDEN.search(text):
            raise Refusal("bad_text", "That text is too long or has characters that cannot be shown.", field="consent")
