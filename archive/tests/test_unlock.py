"""Unlocking: limited tries, two halves, idle time-out, and an entry for each (I9)."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from archive.flows import unlock
from archive.models import Entry, Unlock, UnlockAttempt
from archive.tests.conftest import PASSPHRASE, Home
from portal.kernel import clock, tenancy
from portal.kernel.errors import Refusal


def attempt(home: Home, passphrase: str = PASSPHRASE, session_key: str = "session") -> unlock.Unlocked:
    return unlock.open_(actor=home.officer, now=clock.now(), passphrase=passphrase, session_key=session_key)


def use(home: Home, half: str, session_key: str = "session") -> unlock.Session:
    return unlock.use(actor=home.officer, now=clock.now(), session_key=session_key, half=half)


def kinds() -> list[str]:
    return list(Entry.objects.order_by("index").values_list("kind", flat=True))[1:]


def test_the_right_passphrase_unlocks_and_is_an_entry(home: Home) -> None:
    unlocked = attempt(home)
    assert len(use(home, unlocked.half).opener.private) == 32
    assert kinds() == ["archive.unlocked"]


def test_a_wrong_one_is_an_entry_too(home: Home) -> None:
    with pytest.raises(Refusal, match="wrong_passphrase"):
        attempt(home, "not these four words")
    assert kinds() == ["archive.unlock_failed"]


def test_five_wrong_tries_close_the_door_even_for_the_right_one(home: Home, fake: clock.Fake) -> None:
    for _ in range(5):
        with pytest.raises(Refusal, match="wrong_passphrase"):
            attempt(home, "not these four words")
    with pytest.raises(Refusal, match="too_many_tries"):
        attempt(home)
    fake.advance(minutes=16)
    assert attempt(home).half


def test_right_tries_do_not_count(home: Home) -> None:
    for _ in range(7):
        attempt(home)
    assert UnlockAttempt.objects.filter(was_right=True).count() == 7


def test_parallel_tries_are_limited_too(home: Home) -> None:
    def guess(_: int) -> str:
        with tenancy.tenant_scope(home.place):
            try:
                attempt(home, "not these four words")
            except Refusal as refusal:
                return refusal.code
            finally:
                connection.close()
        return "opened"

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(guess, range(16)))
    assert sorted(set(codes)) == ["too_many_tries", "wrong_passphrase"]
    assert codes.count("wrong_passphrase") == 5


def test_one_half_is_not_enough(home: Home) -> None:
    unlocked = attempt(home)
    assert bytes(Unlock.objects.get().half) != unlocked.half.encode()
    for half in ("", "A" * 43, unlocked.half[:-2], "ä" * 43):
        with pytest.raises(Refusal, match="archive_locked"):
            use(home, half)
    with pytest.raises(Refusal, match="archive_locked"):
        use(home, unlocked.half, session_key="another browser")


def test_it_times_out_when_idle_and_each_use_begins_anew(home: Home, fake: clock.Fake) -> None:
    half = attempt(home).half
    for _ in range(3):
        fake.advance(minutes=14)
        use(home, half)
    fake.advance(minutes=15)
    with pytest.raises(Refusal, match="archive_locked"):
        use(home, half)
    assert unlock.sweep(now=clock.now()) == 1
    assert kinds()[-1] == "archive.locked"
    assert Unlock.objects.count() == 0


def test_locking_is_an_entry_and_again_is_not(home: Home) -> None:
    half = attempt(home).half
    assert unlock.close(actor=home.officer, now=clock.now(), session_key="session")
    assert not unlock.close(actor=home.officer, now=clock.now(), session_key="session")
    assert kinds() == ["archive.unlocked", "archive.locked"]
    with pytest.raises(Refusal, match="archive_locked"):
        use(home, half)


def test_only_officers_unlock(home: Home) -> None:
    for stranger in (home.owner, home.mirror):
        with pytest.raises(Refusal, match="not_allowed"):
            unlock.open_(actor=stranger, now=clock.now(), passphrase=PASSPHRASE, session_key="s")
    assert UnlockAttempt.objects.count() == 0


def test_the_same_passphrase_opens_only_its_own_business(home: Home, found) -> None:  # type: ignore[no-untyped-def]
    half = attempt(home).half
    with found("globex").scope(), pytest.raises(Refusal, match="archive_locked"):
        use(home, half)
