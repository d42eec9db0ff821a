"""What has no more use goes at its time, each kind at its own, and nothing goes before."""

from datetime import timedelta
from secrets import token_bytes

from messaging.flows import delivery, notice, sweep
from messaging.models import Attempt, Delivery, Enrolment, Idempotency, Nonce, Notice, Pass
from messaging.queries import covers
from portal.kernel import clock, ids

TICK = timedelta(seconds=1)


def rows(customer, device, now):
    """→ (how old it is when it goes, its maker) of each kind."""
    return [
        (timedelta(0), lambda at: Nonce(device_id=device, secret_hash=token_bytes(32), expires_at=at)),
        (timedelta(0), lambda at: Idempotency(digest=token_bytes(32), body_digest=token_bytes(32), expires_at=at)),
        (timedelta(days=30), lambda at: Enrolment(
            customer_id=customer, kind="link", send_by="show", secret_hash=token_bytes(32), created_at=at, expires_at=at,
        )),
        (TICK, lambda at: Attempt(digest=token_bytes(32), expires_at=at)),
        (now - covers.rests_at(now), lambda at: Pass(secret_hash=token_bytes(32), device_id=device, used_at=at)),
        (notice.KEPT_FOR + TICK, lambda at: Notice(
            customer_id=customer, about_id=ids.uuid7(), purpose="arrived", channel="email", state="sent", created_at=at, until=at,
        )),
        (delivery.KEPT_FOR + TICK, lambda at: Delivery(
            webhook_id=ids.uuid7(), event="message.read", data={}, created_at=at, state="delivered",
        )),
    ]  # fmt: skip


def test_what_has_no_more_use_goes_at_its_time_and_not_before(acme):
    pk, now = acme.customer(), clock.now()
    device = acme.handset(pk).device
    with acme.inside():
        kinds = rows(pk, device, now)
        over, needed = [make(now - age) for age, make in kinds], [make(now - age + TICK) for age, make in kinds]
        for one in (*over, *needed):
            one.save(force_insert=True)
        sweep.used_up(now=now)
        assert [one for one in over if type(one).objects.filter(pk=one.pk).exists()] == []
        assert [one for one in needed if not type(one).objects.filter(pk=one.pk).exists()] == []
