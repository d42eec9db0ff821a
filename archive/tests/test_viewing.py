"""One ended record, shown once to who asked: granted by an unlocked officer, gone with its opening or its end."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from archive.flows import unlock, viewing
from archive.models import Entry, Viewing
from archive.queries import viewings
from archive.tests.conftest import PASSPHRASE, Home, keep, snapshot
from portal.kernel import actors, clock, ids, keys, tenancy
from portal.kernel.errors import Refusal
from portal.sealing import errors, message

WHY = "Kowalski says we promised a refund"


@pytest.fixture
def author() -> actors.Actor:
    return actors.staff(ids.uuid7(), "author")


def ask(who: actors.Actor, message_id: UUID, reason: str = WHY) -> UUID:
    return viewing.ask(actor=who, now=clock.now(), message_id=message_id, reason=reason)


def grant(home: Home, viewing_id: UUID) -> Any:
    half = unlock.open_(actor=home.officer, now=clock.now(), passphrase=PASSPHRASE, session_key="s").half
    return viewing.grant(actor=home.officer, now=clock.now(), viewing_id=viewing_id, session_key="s", half=half)


def show(who: actors.Actor, viewing_id: UUID) -> viewing.Shown:
    return viewing.show(actor=who, now=clock.now(), viewing_id=viewing_id)


def asked(who: actors.Actor, body: str = "xylophone") -> UUID:
    shot = snapshot(body)
    keep(shot)
    return ask(who, shot.message_id)


def kinds() -> list[str]:
    return list(Entry.objects.filter(kind__startswith="record.").order_by("index").values_list("kind", flat=True))


def test_granted_and_shown_once(home: Home, author: actors.Actor) -> None:
    wanted = asked(author)
    with pytest.raises(Refusal, match="not_found"):
        show(author, wanted)
    grant(home, wanted)
    assert show(author, wanted).content["body"] == "xylophone"
    with pytest.raises(Refusal, match="not_found"):
        show(author, wanted)
    assert not Viewing.objects.exists()
    assert kinds() == ["record.asked", "record.granted", "record.shown"]


def test_the_words_are_in_no_leaf_and_no_row(home: Home, author: actors.Actor) -> None:
    grant(home, asked(author))
    row = Viewing.objects.get()
    at_rest = b"".join(bytes(leaf) for leaf in Entry.objects.values_list("leaf", flat=True))
    at_rest += bytes(row.reason) + bytes(row.wrap or b"") + bytes(row.sealed or b"")
    assert b"xylophone" not in at_rest
    assert b"Kowalski" not in at_rest
    assert viewings.reason_of(row) == WHY


def test_nobody_else_opens_it(home: Home, author: actors.Actor) -> None:
    wanted = asked(author)
    grant(home, wanted)
    for stranger in (actors.staff(ids.uuid7(), "author"), home.owner):
        with pytest.raises(Refusal, match="not_found"):
            show(stranger, wanted)
    for stranger in (home.officer, actors.staff(ids.uuid7(), "reviewer"), home.mirror):
        with pytest.raises(Refusal, match="not_allowed"):
            show(stranger, wanted)
    assert show(author, wanted)


def test_another_business_finds_nothing(home: Home, author: actors.Actor, found: Any) -> None:
    wanted = asked(author)
    grant(home, wanted)
    with found("globex").scope(), pytest.raises(Refusal, match="not_found"):
        show(author, wanted)


def test_two_openings_at_once_show_it_once(home: Home, author: actors.Actor) -> None:
    wanted = asked(author)
    grant(home, wanted)

    def look(_: int) -> str:
        with tenancy.tenant_scope(home.place):
            try:
                return str(show(author, wanted).content["body"])
            except Refusal as refusal:
                return refusal.code
            finally:
                connection.close()

    with ThreadPoolExecutor(5) as pool:
        answers = sorted(pool.map(look, range(5)))
    assert answers == ["not_found"] * 4 + ["xylophone"]


def test_granting_needs_an_unlocked_archive(home: Home, author: actors.Actor) -> None:
    wanted = asked(author)
    for who, code in ((home.officer, "archive_locked"), (home.owner, "not_allowed"), (author, "not_allowed")):
        with pytest.raises(Refusal, match=code):
            viewing.grant(actor=who, now=clock.now(), viewing_id=wanted, session_key="s", half="A" * 43)
    grant(home, wanted)
    with pytest.raises(Refusal, match="already_granted"):
        grant(home, wanted)


def test_after_the_end_nothing_opens_it_even_from_a_copy(fake: clock.Fake, home: Home, author: actors.Actor) -> None:
    """The row as a backup keeps it, put back after its bucket: the key is destroyed and the words are noise."""
    wanted = asked(author)
    until = grant(home, wanted)
    assert (until - clock.now()).total_seconds() == 86400
    copy = Viewing.objects.values().get()
    fake.advance(hours=23, minutes=59)
    assert viewing.sweep(now=clock.now()) == 0
    fake.advance(minutes=1)
    with pytest.raises(Refusal, match="not_found"):
        show(author, wanted)
    assert viewing.sweep(now=clock.now()) == 1
    assert not Viewing.objects.exists()
    assert kinds()[-1] == "record.declined"
    bucket = message.header(bytes(copy["wrap"])).bucket
    assert bucket <= clock.now().timestamp()
    keys.keyring().live.destroy(bucket)  # as the clock does in that second
    with pytest.raises(errors.KeyGone):
        keys.keyring().live.get(bucket)
    Viewing.objects.create(**{**copy, "ends_at": clock.now() + viewing.ASKED_FOR})
    with pytest.raises(Refusal, match="gone"):
        show(author, wanted)


def test_a_request_runs_out_and_can_be_declined_or_taken_back(
    fake: clock.Fake, home: Home, author: actors.Actor
) -> None:
    first, second, third = asked(author), asked(author), asked(author)
    viewing.decline(actor=home.officer, now=clock.now(), viewing_id=first)
    viewing.decline(actor=author, now=clock.now(), viewing_id=second)
    with pytest.raises(Refusal, match="not_allowed"):
        viewing.decline(actor=actors.staff(ids.uuid7(), "author"), now=clock.now(), viewing_id=third)
    fake.advance(days=7)
    assert viewing.sweep(now=clock.now()) == 1
    with pytest.raises(Refusal, match="not_found"):
        grant(home, third)


@pytest.mark.parametrize(("reason", "code"), [(" ", "reason_missing"), ("x" * 1001, "reason_too_long")])
def test_a_reason_is_required(home: Home, author: actors.Actor, reason: str, code: str) -> None:
    shot = snapshot()
    keep(shot)
    with pytest.raises(Refusal, match=code):
        ask(author, shot.message_id, reason)


def test_asked_once_for_a_record_that_is_there(home: Home, author: actors.Actor) -> None:
    shot = snapshot()
    keep(shot)
    with pytest.raises(Refusal, match="not_found"):
        ask(author, ids.uuid7())
    with pytest.raises(Refusal, match="not_allowed"):
        ask(home.officer, shot.message_id)
    ask(author, shot.message_id)
    with pytest.raises(Refusal, match="already_asked"):
        ask(author, shot.message_id)
    assert viewings.get_own_for(author, shot.message_id)
    assert viewings.get_waiting_for(home.officer).count() == 1
