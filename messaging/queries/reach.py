"""How a customer can be told that there is a message: ways that are set up, addresses they have, what they do not want."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

from messaging.models import Channel
from messaging.queries import policy, profiles, subscriptions
from messaging.rules import consent, schedule, telling

PUSHED = "devices"  # a push has no one address: `subscriptions.targets_of` has them when it goes out
SERVICE = "service"  # a message without a category, a link that staff sent, news of a device
# A link or code that customers asked for themselves, by a channel that they named: no opt-out of a purpose covers it, one of
# the channel does (decision 14). No consent has this purpose.
ASKED = "asked"


@dataclass(frozen=True)
class Reach:
    """One active customer. `addresses` maps a way to where it leads; `own` is the customer's order, "" for the business's.
    `is_discreet`: nothing that goes to them names the business."""

    id: UUID
    subject_id: UUID
    language: str
    zone: ZoneInfo
    own: str
    agreed: list[str]
    refused: list[str]
    addresses: dict[str, str]
    has_device: bool
    is_discreet: bool = False

    def ways(self, offered: frozenset[str], purpose: str = SERVICE) -> tuple[str, ...]:
        """Those that may be used now for something of this purpose, in order."""
        wanted = {way for way in offered & self.addresses.keys() if self.wants(way, purpose)}
        return telling.in_order(self.own, policy.get_policy().notices.ways, wanted)

    def wants(self, way: str, purpose: str) -> bool:
        return consent.may_notify(purpose, way, self.agreed, self.refused)


_REACH = f"""
    SELECT c.id, c.subject_id, c.sealed_profile, c.language, c.time_zone, c.ways, c.agreed, c.refused, c.is_discreet, EXISTS (
        SELECT 1 FROM messaging_devicecustomer s JOIN messaging_device d ON d.id = s.device_id
        WHERE s.customer_id = c.id AND d.state <> 'revoked'), {subscriptions.HAS_ONE}
    FROM messaging_customer c WHERE c.id = ANY(%s) AND c.state = 'active'
"""  # noqa: S608 - the only thing put in is a constant


def of(customer_ids: Iterable[UUID]) -> dict[UUID, Reach]:
    """By id; who cannot be written to is absent."""
    with connection.cursor() as cursor:
        cursor.execute(_REACH, [subscriptions.made_for(), list(customer_ids)])
        return {row[0]: _reach(*row) for row in cursor.fetchall()}


def offered() -> frozenset[str]:
    """The ways that this installation and this business are set up for."""
    ways = {telling.EMAIL}
    return frozenset(ways | {way for way in (telling.SMS, telling.PUSH) if is_set_up(way)})


def is_set_up(way: str) -> bool:
    """Text messages: a provider in the settings, and what it knows this business by. Pushes: a key of the installation."""
    if way == telling.PUSH:
        return bool(subscriptions.made_for())
    if way != telling.SMS or not settings.EBB_SMS_PROVIDER:
        return way == telling.EMAIL
    if settings.EBB_SMS_PROVIDER == "console":
        return True
    return Channel.objects.filter(kind=way, is_on=True).exclude(sender="").exists()


def _reach(
    customer_id: UUID, subject_id: UUID, sealed: bytes, language: str, zone: str, own: str, agreed: list[str],
    refused: list[str], is_discreet: bool, has_device: bool, has_push: bool,
) -> Reach:  # fmt: skip
    profile = profiles.open_(customer_id, sealed)
    found = {telling.EMAIL: profile.email, telling.SMS: profile.phone, telling.PUSH: PUSHED if has_push else ""}
    addresses = {way: to for way, to in found.items() if to}
    return Reach(
        customer_id,
        subject_id,
        language,
        schedule.zone_or(zone, policy.get_policy().time_zone),
        own,
        agreed,
        refused,
        addresses,
        has_device,
        is_discreet,
    )
