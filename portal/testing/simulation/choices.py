"""Whom a move is about and what it says: picked from the model by the numbers that were drawn."""

from datetime import datetime, timedelta
from typing import Any

from messaging.queries import devices
from messaging.rules.compose import Compose
from portal.kernel.actors import Actor
from portal.testing.simulation.acts import Side, Sim
from portal.testing.simulation.model import OUT, Device, Told, pick

LIVES = (1, 7, 30, 61, 300, 3600, 3600, 7200, 86400, 90_000, 8 * 86400, 40 * 86400)
TIMERS = (None, None, None, 5, 60)
CATEGORIES = ("", "billing", "promo")
CROWD = 4  # customers at a time
LONGEST = timedelta(days=366)


def asked(side: Side, a: int, b: int) -> Compose:
    timer = TIMERS[b // 7 % len(TIMERS)]
    return Compose(
        body=f"words {a} {b}", customer=side.model.someone(a).id, gone_after=LIVES[b % len(LIVES)],
        gone_after_read=timer, tap_to_reveal=b % 5 == 0, category=CATEGORIES[b // 3 % len(CATEGORIES)],
    )  # fmt: skip


def terms_of(asked: Compose) -> dict[str, Any]:
    covered = asked.tap_to_reveal or asked.gone_after_read is not None
    return {
        "category": asked.category, "life": asked.gone_after, "timer": asked.gone_after_read, "is_covered": covered,
    }  # fmt: skip


def author(side: Side, number: int) -> Actor:
    return side.cast.owner if number % 4 == 0 else side.cast.author


def some(side: Side, a: int, b: int, sim: Sim) -> Told | None:
    """Mostly a live one, sometimes any."""
    return side.model.recent(a) if b % 4 == 0 else side.model.live(a, sim.now()) or side.model.recent(a)


def phone(side: Side, a: int, b: int, sim: Sim) -> Device | None:
    """Mostly an active device of the customer of the message that `_some` gives; sometimes any."""
    told = some(side, a, b, sim)
    own = [one for one in side.model.devices if told and one.customer == told.customer and one.state == "active"]
    return pick(own, b // 8) if own and b // 4 % 8 else pick(side.model.devices[-8:], b // 8)


def at_door(phone: Device, now: datetime) -> Actor:
    """As every door of a device begins: what it may is read now, from what is committed."""
    standing = devices.get_standing(phone.id, now)
    if standing is None:
        raise devices.unknown()
    standing.require_active()
    return standing.actor


def serves(side: Side, phone: Device, told: Told) -> bool:
    return phone.customer == told.customer and not side.model.customer(told.customer).is_erased


def may_act(side: Side, phone: Device, told: Told, now: datetime) -> bool:
    return phone.state == "active" and serves(side, phone, told) and told.direction == OUT and told.is_live(now)
