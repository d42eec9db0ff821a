"""The second factor of an enrolment, where the business asks for one: a passphrase that it agreed on with the customer, or a
code by another channel than the one the link came by. Asking uses nothing up; the fifth wrong answer uses up the link.

Never: a code by the channel that the link itself came by; a passphrase or a code kept so that the database alone opens it.
"""

import hmac
import secrets as random
import unicodedata
from datetime import datetime, timedelta
from uuid import UUID

from messaging.flows import attempt, notice
from messaging.models import Customer, Enrolment, FactorCode, Notice
from messaging.queries import links, policy, reach
from messaging.rules import telling
from portal.kernel import ids, keys, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found

TRIES = 5  # of one link
TRIES_A_DAY = 10  # of one customer, by however many links
DAY = timedelta(days=1)
CODE_LIVES_FOR = timedelta(minutes=15)
AGAIN_AFTER = timedelta(minutes=1)
SENDS = 3
SHORTEST, LONGEST = 4, 100
PASSPHRASE, CODE = b"ebb/v1/passphrase", b"ebb/v1/factor"


def needed(kind: str, *, tries_left: int, is_wrong: bool = False, channel: str = "") -> Refusal:
    told = {"channel": channel} if channel else {}
    return Refusal(
        "second_factor_needed", "One thing more is asked, to be sure that it is you.", Kind.UNAUTHENTICATED, factor=kind,
        wrong=is_wrong, tries_left=tries_left, **told,
    )  # fmt: skip


def unset() -> Refusal:
    return Refusal(
        "second_factor_unset", "This business asks for one thing more, and has nothing to ask you by. Please call them.",
        Kind.CONFLICT,
    )  # fmt: skip


def used_up() -> Refusal:
    return Refusal(
        "second_factor_failed", "That was wrong too often. This link is over; ask for a new one.", Kind.UNAUTHENTICATED
    )


def set_passphrase(*, actor: Actor, now: datetime, customer_id: UUID, passphrase: str) -> None:
    """What the business agreed on with the customer; empty takes it away. Case and spaces do not count."""
    actor.require("customer.manage")
    words = _plain(passphrase)
    if words and not SHORTEST <= len(words) <= LONGEST:
        raise Refusal("bad_passphrase", f"A passphrase has {SHORTEST} to {LONGEST} characters.", field="passphrase")
    with unit.work() as u:
        row = Customer.objects.select_for_update().filter(id=customer_id, state=Customer.State.ACTIVE).first()
        if row is None:
            raise not_found("customer")
        row.passphrase_digest = _digest(PASSPHRASE, row.id, words) if words else None
        row.save(update_fields=["passphrase_digest"])
        codes: dict[str, str | int | bool] = {"changed": "passphrase"}
        u.entry(unit.Draft("customer.changed", actor.label, subject=row.subject_id, customer=row.id, codes=codes))


def check(u: unit.Unit, *, row: Enrolment, answer: str, now: datetime) -> Refusal | None:
    """In the caller's unit, with the enrolment locked: None where it passed. What is refused stays counted, so the caller raises it
    after its commit."""
    kind = policy.get_policy().demands.second_factor
    if not kind:
        return None
    if kind == "passphrase":
        return (
            _judge(u, row, now, kind, answer, _is_passphrase(row, answer))
            if row.customer.passphrase_digest
            else unset()
        )
    ways = _ways(row)
    if not ways:  # handed over in person, to somebody who cannot be written to: there is nothing more to ask
        return None if row.send_by == Enrolment.SendBy.SHOW else unset()
    if answer:
        return _judge(u, row, now, kind, answer, _is_code(row, answer, now))
    _send(u, row, now, ways[0])
    return needed(kind, tries_left=TRIES - row.factor_tries, channel=ways[0])


def _judge(u: unit.Unit, row: Enrolment, now: datetime, kind: str, answer: str, is_right: bool) -> Refusal | None:
    if not answer:
        return needed(kind, tries_left=TRIES - row.factor_tries)
    today = attempt.add(now=now, use="factor", source=str(row.customer_id), window=DAY)
    if is_right and row.factor_tries < TRIES and today <= TRIES_A_DAY:
        return None
    row.factor_tries += 1
    if row.factor_tries < TRIES and today < TRIES_A_DAY:
        row.save(update_fields=["factor_tries"])
        return needed(kind, tries_left=TRIES - row.factor_tries, is_wrong=True)
    row.cancelled_at = now
    row.save(update_fields=["factor_tries", "cancelled_at"])
    customer = row.customer
    u.entry(unit.Draft("device.refused", "system", subject=customer.subject_id, customer=customer.id,
                       codes={"reason": "second_factor"}))  # fmt: skip
    return used_up()


def _ways(row: Enrolment) -> list[str]:
    found = reach.of([row.customer_id]).get(row.customer_id)
    ways = found.ways(reach.offered(), reach.ASKED) if found else ()
    return [way for way in ways if way not in {row.send_by, telling.PUSH}]


def _send(u: unit.Unit, row: Enrolment, now: datetime, way: str) -> None:
    """Not more often than a minute, nor more than three times."""
    before = list(FactorCode.objects.filter(enrolment=row).order_by("-created_at").values_list("created_at", flat=True))
    if len(before) >= SENDS or (before and before[0] > now - AGAIN_AFTER):
        return
    code_id, code = ids.uuid7(), f"{random.randbelow(10**6):06}"
    until = now + CODE_LIVES_FOR
    FactorCode.objects.create(
        id=code_id, enrolment=row, digest=_digest(CODE, row.id, code), sealed_code=links.seal_code(code_id, code),
        created_at=now, expires_at=until,
    )  # fmt: skip
    notice.queue(u, now=now, new=[notice.New(row.customer_id, code_id, Notice.Purpose.CODE, way, now, until)])


def _is_code(row: Enrolment, answer: str, now: datetime) -> bool:
    """Any that was sent and is not over: of two messages the first may arrive last."""
    typed = "".join(
        str(unicodedata.decimal(one, one)) for one in answer if not one.isspace()
    )  # of any keyboard's digits
    wanted = _digest(CODE, row.id, typed)
    sent = FactorCode.objects.filter(enrolment=row, expires_at__gt=now).values_list("digest", flat=True)
    return any(hmac.compare_digest(bytes(one), wanted) for one in sent)


def _is_passphrase(row: Enrolment, answer: str) -> bool:
    kept = bytes(row.customer.passphrase_digest or b"")
    return hmac.compare_digest(kept, _digest(PASSPHRASE, row.customer_id, _plain(answer)))


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _digest(use: bytes, owner: UUID, text: str) -> bytes:
    return hmac.digest(keys.business_key(), b"\0".join((use, owner.bytes, text.encode())), "sha256")
