"""Keys and the empty ledger; then the officers' ceremony, which must show that the recovery key was kept."""

import pytest

from archive.flows import birth
from archive.ledger import entry
from archive.models import Entry, Epoch, Head, Recipient, Rule
from archive.tests.conftest import PASSPHRASE, Home
from portal.kernel import clock, keys
from portal.kernel.errors import Refusal
from portal.sealing import hpke, recovery


def test_the_first_leaf_opens_the_log(home: Home) -> None:
    leaf = entry.decode(bytes(Entry.objects.get(index=0).leaf))
    assert leaf.kind == "log.opened"
    assert leaf.codes == {"epoch": 1, "origin": Epoch.objects.get().origin}


def test_preparing_twice_changes_nothing(home: Home) -> None:
    ring = keys.business()
    before = {name: ring.get(name) for name in ring.names()}
    birth.prepare(now=clock.now())
    assert {name: ring.get(name) for name in ring.names()} == before
    counts = [model.objects.count() for model in (Entry, Epoch, Head, Rule)]
    assert counts == [1, 1, 1, 1]


def test_the_private_halves_are_at_rest_nowhere(home: Home) -> None:
    private = recovery.decode(home.recovery_text)
    assert hpke.public_of(private) == bytes(Recipient.objects.get(kind="recovery").public)
    stored = b"".join(bytes(row.public) + b"" for row in Recipient.objects.all())
    ring = keys.business()
    assert private not in stored + b"".join(ring.get(name) for name in ring.names())


def test_an_archive_is_complete_only_when_the_recovery_key_was_given_back(found) -> None:  # type: ignore[no-untyped-def]
    made = found(complete=False)
    with made.scope():
        offer = birth.offer(now=clock.now(), passphrase=PASSPHRASE)
        assert not birth.is_complete()
        birth.prove(now=clock.now(), recovery_text=offer.recovery_text)
        assert birth.is_complete()


def test_another_archives_key_proves_nothing(home: Home, found) -> None:  # type: ignore[no-untyped-def]
    made = found("globex", complete=False)
    with made.scope():
        birth.offer(now=clock.now(), passphrase=PASSPHRASE)
        with pytest.raises(Refusal, match="recovery_key_differs"):
            birth.prove(now=clock.now(), recovery_text=home.recovery_text)
        with pytest.raises(Refusal, match="recovery_key_unreadable"):
            birth.prove(now=clock.now(), recovery_text="I lost it")
        assert not birth.is_complete()


def test_an_offer_may_be_made_again_until_it_is_proved(found) -> None:  # type: ignore[no-untyped-def]
    made = found(complete=False)
    with made.scope():
        first = birth.offer(now=clock.now(), passphrase=PASSPHRASE)
        second = birth.offer(now=clock.now(), passphrase=PASSPHRASE)
        with pytest.raises(Refusal, match="recovery_key_differs"):
            birth.prove(now=clock.now(), recovery_text=first.recovery_text)
        birth.prove(now=clock.now(), recovery_text=second.recovery_text)
        with pytest.raises(Refusal, match="already_offered"):
            birth.offer(now=clock.now(), passphrase=PASSPHRASE)


def test_a_short_passphrase_is_refused(found) -> None:  # type: ignore[no-untyped-def]
    with found(complete=False).scope(), pytest.raises(Refusal, match="weak_passphrase"):
        birth.offer(now=clock.now(), passphrase="short")
