"""The end of messages: what goes, what is said of it, what is left for another round, and what no process remembers after."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection, transaction

from archive.ledger import entry
from archive.models import Entry
from messaging.flows import body, expiry, message, receipt
from messaging.models import Body, Message
from messaging.rules import state
from portal.kernel import clock, ids, keys, tenancy
from portal.kernel.errors import Refusal
from portal.sealing import errors
from portal.sealing.keyring.ring import Keyring

DAY = 86400


@pytest.fixture
def ring(tmp_path, monkeypatch):
    """A keyring of this test's own: the mark of the others' is not raised."""
    made = Keyring(tmp_path / "keyring", os.urandom(32))
    monkeypatch.setattr(keys, "keyring", lambda: made)
    return made


@pytest.fixture
def remembered(monkeypatch):
    """What this process knows of wheel keys: nothing."""
    known: dict[tuple[UUID, int], tuple[bytes, bytes]] = {}
    monkeypatch.setattr(body, "_wheel_keys", known)
    return known


def leaves():
    return [entry.decode(bytes(row.leaf)) for row in Entry.objects.filter(kind="messages.ended").order_by("index")]


def hash_of(*message_ids):
    return hashlib.sha256(b"".join(sorted(pk.bytes for pk in message_ids))).hexdigest()


def sealed(bucket):
    message_id, customer_id = ids.uuid7(), ids.uuid7()
    made = body.seal(message_id=message_id, customer_id=customer_id, content={"body": "hello"}, bucket=bucket)
    return body.Row(message_id, customer_id, made.wrap, made.sealed)


# ── keys ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_keys_of_what_is_over_go_and_no_process_remembers_them(ring, remembered):
    over = int(clock.now().timestamp()) + 60
    for bucket in (over, over + 60):
        ring.live.create(bucket)
        remembered[ids.uuid7(), bucket] = (b"", b"")
    assert expiry.destroy_over(now=datetime.fromtimestamp(over, UTC)) == [over]
    assert ring.live.buckets() == [over + 60]
    assert [bucket for _, bucket in remembered] == [over + 60]


def test_a_keyring_that_cannot_be_written_is_told(ring, monkeypatch):
    def refuse(self, now):
        raise errors.KeyringUnwritable("no space left")

    monkeypatch.setattr(type(ring.live), "destroy_past", refuse)
    with pytest.raises(Refusal) as refused:
        expiry.destroy_over(now=clock.now())
    assert refused.value.code == "keyring_unwritable"


def test_what_is_over_opens_for_nobody_though_its_key_is_still_there(acme, at):
    bucket = int(at.at.timestamp()) + 60
    with acme.inside():
        row = sealed(bucket)
        assert body.open_(row) == {"body": "hello"}
        at.advance(seconds=60)
        assert keys.keyring().live.get(bucket)
        with pytest.raises(Refusal) as refused:
            body.open_(row)
        assert refused.value.code == "gone"
        assert body.open_many([row]) == {}
        with pytest.raises(Refusal):
            body.rewrap(message_id=row.message_id, wrap=row.wrap, bucket=bucket + 600)


def test_what_a_process_remembers_is_of_the_ring_or_is_not_used(acme, at, remembered):
    bucket = int(at.at.timestamp()) + 600
    with acme.inside():
        row = sealed(bucket)
        [name] = remembered
        kept = remembered[name]
        remembered[name] = (b"a key that was destroyed", bytes(32))
        assert body.open_(row) == {"body": "hello"}
        assert remembered[name] == kept


def test_a_process_remembers_few_and_forgets_first_what_is_over(acme, at, remembered):
    now = int(at.at.timestamp())
    later = [(ids.uuid7(), now + 600 + number) for number in range(body.OPENED_AHEAD - 1)]
    remembered.update(dict.fromkeys([*later, (ids.uuid7(), now)], (b"", b"")))
    with acme.inside():
        sealed(now + 60)
        assert list(remembered) == [*later, (acme.place.id, now + 60)]
        sealed(now + 61)
        assert list(remembered) == [*later[1:], (acme.place.id, now + 60), (acme.place.id, now + 61)]


# ── bodies ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_each_slice_sets_one_outcome_and_has_one_leaf_that_counts_and_hashes_what_went(fresh, at):
    it = fresh()
    pk = it.customer()
    phone = it.handset(pk)
    got, *unseen = [it.send(pk, gone_after=10 + number).id for number in range(3)]
    with it.inside():
        receipt.delivered(acks=[receipt.Ack(got, UUID(phone.device), clock.now())])
        at.advance(seconds=12)
        assert [expiry.purge(now=at.at, slice_rows=2) for _ in range(3)] == [
            expiry.Purged(2, 1), expiry.Purged(1, 1), expiry.Purged(0, 0),
        ]  # fmt: skip
        first, second = leaves()
        assert (first.count, first.ids_sha256, first.codes) == (2, hash_of(got, unseen[0]), {"unread": 1})
        assert (second.count, second.ids_sha256, second.codes) == (1, hash_of(unseen[1]), {"unread": 1})
        outcomes = dict(Message.objects.values_list("id", "outcome"))
        assert [outcomes[one] for one in (got, *unseen)] == ["delivered", "expired_unread", "expired_unread"]
        assert not Body.objects.exists()


def test_what_a_business_ends_at_once_ends_but_for_the_buckets_it_keeps(acme):
    pk = acme.customer()
    kept, ended = acme.send(pk, gone_after=200 * DAY).id, acme.send(pk, gone_after=202 * DAY).id
    with acme.inside():
        keep = set(Body.objects.values_list("bucket", flat=True)) - {Body.objects.get(message_id=ended).bucket}

        def end():
            return expiry.end_early(now=clock.now(), keep=list(keep), outcome="failed", reason="restored")

        assert (end(), end()) == (1, 0)
        row = Message.objects.get(id=ended)
        assert (row.ended_reason, state.of(row, clock.now())) == ("restored", "failed")
        assert (leaves()[-1].ids_sha256, leaves()[-1].codes) == (hash_of(ended), {"unread": 0, "reason": "restored"})
        assert Body.objects.filter(message_id=kept).exists()


def test_words_are_carried_in_their_last_two_days_and_what_somebody_holds_later(acme, at):
    pk = acme.customer()
    phone = acme.handset(pk)
    with acme.inside():
        pk = message.receive(actor=acme.actor_of(phone, pk), now=clock.now(), customer_id=pk, text="help")
        bucket = Body.objects.get(message_id=pk).bucket
        at.at = datetime.fromtimestamp(bucket, UTC) - expiry.CARRY_AHEAD - timedelta(minutes=1)
        expiry.carry_forward(now=at.at)
        assert Body.objects.get(message_id=pk).bucket == bucket
        at.advance(seconds=120)
        with transaction.atomic(), ThreadPoolExecutor(1) as other:
            Body.objects.select_for_update().get(message_id=pk)
            other.submit(_elsewhere, acme.place, at.at).result()
        assert Body.objects.get(message_id=pk).bucket == bucket
        expiry.carry_forward(now=at.at)
        assert Body.objects.get(message_id=pk).bucket > bucket
        assert Message.objects.get(id=pk).ended_at is None


def _elsewhere(place, now):
    """A round of the clock that waits for no row: it would be refused."""
    try:
        with tenancy.tenant_scope(place):
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = 100")
            while expiry.carry_forward(now=now, slice_rows=50):
                pass
    finally:
        connection.close()
