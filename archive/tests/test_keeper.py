"""Checkpoints leave the house once a day, say nothing, and are on record."""

import json
from datetime import timedelta

import pytest
from django.core import mail

from archive import jobs
from archive.flows import keeper, tree
from archive.ledger import checkpoint
from archive.models import Entry, Epoch, Keeper
from archive.queries import proofs
from archive.tests.conftest import Home, keep, snapshot
from portal.kernel import clock
from portal.kernel import jobs as queue
from portal.kernel.errors import Refusal


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list:
    """What the sweep hands to the queue, whose tables stand in `public` and are not this test's."""
    found: list = []
    monkeypatch.setattr(queue, "enqueue", lambda name, *ids, queue="urgent": found.append((name, *ids)))
    return found


def codes_of(kind: str) -> list[dict]:
    return [json.loads(bytes(row.leaf))["codes"] for row in Entry.objects.filter(kind=kind).order_by("index")]


def signed(home: Home) -> None:
    keep(snapshot())
    tree.integrate(now=clock.now())


def test_the_newest_checkpoint_goes_out_once_a_day(home: Home, fake: clock.Fake, queued: list) -> None:
    signed(home)
    keeper_id = keeper.add(actor=home.officer, now=clock.now(), to=" Lawyer@Example.org")
    assert keeper.sweep(now=clock.now()) == 1
    assert keeper.sweep(now=clock.now()) == 0
    assert queued == [("archive.jobs.send_checkpoint", keeper_id)]
    mail.outbox.clear()
    jobs.send_checkpoint(keeper_id)
    jobs.send_checkpoint(keeper_id)
    (sent,) = mail.outbox
    assert sent.to == ["lawyer@example.org"]
    note = proofs.newest().note
    assert note in sent.body.replace("\r\n", "\n")
    stated = checkpoint.open_(note, Epoch.objects.get().vkey)
    assert codes_of("checkpoint.sent") == [{"by": "mail", "keeper": str(keeper_id), "epoch": 1, "size": stated.size}]
    fake.advance(days=1)
    assert keeper.sweep(now=clock.now()) == 1


def test_a_mail_server_that_refuses_leaves_no_entry(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **words: object) -> None:
        raise ConnectionRefusedError

    signed(home)
    keeper_id = keeper.add(actor=home.officer, now=clock.now(), to="lawyer@example.org")
    monkeypatch.setattr(jobs.mail, "send", refuse)
    with pytest.raises(jobs.MailTrouble) as told:
        jobs.send_checkpoint(keeper_id)
    assert "example" not in str(told.value)
    assert codes_of("checkpoint.sent") == []
    assert Keeper.objects.get().sent_at is None


def test_nothing_goes_before_something_is_signed(home: Home, queued: list) -> None:
    keeper.add(actor=home.officer, now=clock.now(), to="lawyer@example.org")
    assert keeper.sweep(now=clock.now()) == 0


def test_the_address_is_sealed(home: Home) -> None:
    keeper_id = keeper.add(actor=home.officer, now=clock.now(), to="lawyer@example.org")
    assert b"lawyer" not in bytes(Keeper.objects.get(id=keeper_id).sealed_address)
    leaves = b"".join(bytes(row.leaf) + bytes(row.detail or b"") for row in Entry.objects.all())
    assert b"lawyer" not in leaves


@pytest.mark.parametrize("bad", ["", "nobody", "a@b c", "a@b\nBcc: c@d", "x" * 70 + "@example.org"])
def test_what_is_no_address_is_refused(home: Home, bad: str) -> None:
    with pytest.raises(Refusal, match="bad_email"):
        keeper.add(actor=home.officer, now=clock.now(), to=bad)


def test_twice_too_many_removed_and_strangers(home: Home) -> None:
    first = keeper.add(actor=home.officer, now=clock.now(), to="a0@example.org")
    with pytest.raises(Refusal, match="keeper_known"):
        keeper.add(actor=home.officer, now=clock.now(), to="A0@example.org")
    for n in range(1, keeper.MOST):
        keeper.add(actor=home.owner, now=clock.now(), to=f"a{n}@example.org")
    with pytest.raises(Refusal, match="too_many_keepers"):
        keeper.add(actor=home.officer, now=clock.now(), to="b@example.org")
    with pytest.raises(Refusal, match="not_allowed"):
        keeper.add(actor=home.mirror, now=clock.now(), to="c@example.org")
    keeper.remove(actor=home.officer, now=clock.now() + timedelta(seconds=1), keeper_id=first)
    with pytest.raises(Refusal, match="not_found"):
        keeper.remove(actor=home.officer, now=clock.now(), keeper_id=first)
    assert len(codes_of("keeper.removed")) == 1
