"""When an officer leaves or gets another role, their key dies and the officers' key is rotated, in the same commit."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from archive.flows import birth, officer, reading, unlock
from archive.queries import colleagues, entries, recipients
from portal.accounts.flows import key, staff
from portal.kernel import actors, clock
from portal.kernel.errors import Refusal

WORDS = "other words of this officer"


def second(cast) -> actors.Actor:
    """Another officer with a key of their own, given and taken up."""
    now = clock.now()
    pk = staff.add(
        actor=cast.owner, now=now, email="second@example.org", name="Second", role="officer", password=cast.password
    )
    who = actors.staff(pk, "officer")
    half = unlock.open_(actor=cast.officer, now=now, passphrase=cast.passphrase, session_key="s").half
    code = officer.give(actor=cast.officer, now=now, staff_id=pk, session_key="s", half=half).code
    officer.take_up(actor=who, now=now, code=code, passphrase=WORDS)
    return who


def body_of(cast, index: int) -> str:
    now = clock.now()
    half = unlock.open_(actor=cast.officer, now=now, passphrase=cast.passphrase, session_key="r").half
    return reading.open_record(actor=cast.officer, now=now, index=index, session_key="r", half=half).content["body"]


def _leave(cast, who):
    staff.remove(actor=cast.owner, now=clock.now(), user_id=who.id)


def _become_author(cast, who):
    staff.change_role(actor=cast.owner, now=clock.now(), user_id=who.id, role="author")


@pytest.mark.parametrize("go", [_leave, _become_author])
def test_their_key_dies_and_a_new_one_is_in_force(fresh, go):
    cast = fresh()
    with cast.inside():
        who = second(cast)
        before, sent = recipients.officers(), cast.send(cast.customer(), "said before")
        session = unlock.open_(actor=who, now=clock.now(), passphrase=WORDS, session_key="theirs")
        go(cast, who)
        with pytest.raises(Refusal, match="archive_locked"):
            unlock.use(actor=who, now=clock.now(), session_key="theirs", half=session.half)
        with pytest.raises(Refusal, match="no_officer_key"):
            unlock.open_(actor=who, now=clock.now(), passphrase=WORDS, session_key="theirs")
        after = recipients.officers()
        assert (after.generation, before.generation) == (2, 1)
        later = cast.send(cast.customer(), "said after")
        assert [body_of(cast, one.index) for one in (sent, later)] == ["said before", "said after"]
        kinds = [one.kind for one in entries.list_for(cast.officer, entries.Filter(), limit=1000).results]
        assert kinds.count("officer.key_removed") == kinds.count("archive.key_rotated") == 1


def test_another_role_that_opens_the_archive_keeps_the_key(fresh):
    cast = fresh()
    with cast.inside():
        who = second(cast)
        staff.change_role(actor=cast.owner, now=clock.now(), user_id=who.id, role="officer")
        assert unlock.open_(actor=who, now=clock.now(), passphrase=WORDS, session_key="s")
        assert recipients.officers().generation == 1


def test_the_only_officer_may_leave_and_the_recovery_key_lets_the_next_one_in(fresh):
    cast = fresh()
    with cast.inside():
        sent = cast.send(cast.customer(), "said before")
        _leave(cast, cast.officer)
        assert birth.is_complete(), "messages go on being sealed"
        later = cast.send(cast.customer(), "said with nobody there")
        pk = staff.add(
            actor=cast.owner,
            now=clock.now(),
            email="next@example.org",
            name="Next",
            role="officer",
            password=cast.password,
        )
        cast.officer, cast.passphrase = actors.staff(pk, "officer"), WORDS
        officer.recover(actor=cast.officer, now=clock.now(), recovery_text=cast.recovery_text, passphrase=WORDS)
        assert [body_of(cast, one.index) for one in (sent, later)] == ["said before", "said with nobody there"]


def test_the_command_rotates_the_named_business_and_no_other(fresh):
    one, other = fresh(), fresh()
    said = StringIO()
    call_command("rotate_keys", one.place.slug, stdout=said)
    assert f"{one.place.slug}: generation 2" in said.getvalue()
    for cast, generation in ((one, 2), (other, 1)):
        with cast.inside():
            assert recipients.officers().generation == generation


@pytest.mark.parametrize("given", [[], ["nobody-here"]])
def test_the_command_says_what_it_lacks(house, given):
    with pytest.raises(CommandError, match=r"Name a business|There is no business nobody-here"):
        call_command("rotate_keys", *given)


def test_the_archive_is_told_who_the_staff_are(fresh):
    cast = fresh()
    with cast.inside():
        people = colleagues.people
        assert people.deciders("hold.manage") == {cast.owner.id, cast.officer.id}
        assert people.deciders("message.send") == {cast.owner.id}
        assert people.owner_addresses() == [cast.emails["owner"]]
        assert list(people.officers()) == [cast.officer.id]
        made = key.create(actor=cast.owner, now=clock.now(), name="One", scopes=["hold.manage"])
        assert people.behind(actors.key(made.id, frozenset({"hold.manage"}))) == cast.owner.id
        assert people.actor_of(cast.officer.id) == cast.officer
        _leave(cast, cast.officer)
        assert people.actor_of(cast.officer.id) is None
        assert people.deciders("hold.manage") == {cast.owner.id}
