"""Several officers, each with a passphrase of their own; whoever left opens nothing that comes after (design 6)."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest

from archive.flows import batch, indexkey, monthkey, officer, reading, record, shares, unlock
from archive.models import Batch, Entry, IndexKey, OfficerKey, OfficerShare, Recipient, Unlock
from archive.queries import sealed
from archive.tests.conftest import PASSPHRASE, Home, Team, fail_after, happen, keep, snapshot
from portal.kernel import actors, clock, ids, keys, tenancy, unit
from portal.kernel.errors import Refusal
from portal.sealing import envelope, hpke
from portal.sealing import errors as sealing_errors
from portal.sealing import record as sealing

OTHER = "another four words then"


@pytest.fixture
def colleague(home: Home, team: Team) -> actors.Actor:
    """A second officer, who has no key yet."""
    made = actors.staff(ids.uuid7(), "officer")
    team.join(made)
    return made


def open_archive(who: actors.Actor, words: str = PASSPHRASE, session: str = "s") -> str:
    return unlock.open_(actor=who, now=clock.now(), passphrase=words, session_key=session).half


def give(home: Home, to: actors.Actor) -> str:
    half = open_archive(home.officer)
    assert to.id
    return officer.give(actor=home.officer, now=clock.now(), staff_id=to.id, session_key="s", half=half).code


def take_up(who: actors.Actor, code: str, words: str = OTHER) -> None:
    officer.take_up(actor=who, now=clock.now(), code=code, passphrase=words)


def share(home: Home, to: actors.Actor) -> None:
    take_up(to, give(home, to))


def read(who: actors.Actor, words: str, index: int) -> str:
    half = open_archive(who, words, str(who.id))
    return str(
        reading.open_record(actor=who, now=clock.now(), index=index, session_key=str(who.id), half=half).content["body"]  # type: ignore[index]
    )


def dismiss(home: Home, who: actors.Actor) -> None:
    assert who.id
    officer.dismiss(actor=home.owner, now=clock.now(), staff_id=who.id)


def kinds() -> list[str]:
    return [kind for kind in Entry.objects.order_by("index").values_list("kind", flat=True) if "unlock" not in kind][1:]


# ── giving ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_two_officers_open_the_same_record_each_with_their_own_words(home: Home, colleague: actors.Actor) -> None:
    (before,) = keep(snapshot("before"))
    share(home, colleague)
    (after,) = keep(snapshot("after"))
    assert [read(colleague, OTHER, one.index) for one in (before, after)] == ["before", "after"]
    assert [read(home.officer, PASSPHRASE, one.index) for one in (before, after)] == ["before", "after"]
    for who, words in ((colleague, PASSPHRASE), (home.officer, OTHER)):
        with pytest.raises(Refusal, match="wrong_passphrase"):
            open_archive(who, words)


def test_each_step_is_an_entry_without_words(home: Home, colleague: actors.Actor) -> None:
    code = give(home, colleague)
    take_up(colleague, code)
    officer.change(actor=colleague, now=clock.now(), passphrase=OTHER, new="yet other four words")
    dismiss(home, colleague)
    assert kinds() == [
        "officer.key_offered", "officer.key_given", "officer.key_changed", "officer.key_removed", "archive.key_rotated"
    ]  # fmt: skip
    leaves = b"".join(bytes(leaf) for leaf in Entry.objects.values_list("leaf", flat=True))
    assert code.encode() not in leaves
    assert b"words" not in leaves


def test_the_code_is_long_and_read_as_people_type_it(home: Home, colleague: actors.Actor) -> None:
    code = give(home, colleague)
    plain = code.replace("-", "")
    assert len(plain) * 5 >= 80
    take_up(colleague, f" {plain.lower().replace('0', 'o').replace('1', 'l')} ")
    assert open_archive(colleague, OTHER)


def test_nobody_gives_with_a_locked_archive(home: Home, colleague: actors.Actor) -> None:
    half = open_archive(home.officer)
    for session, given in (("another", half), ("s", "A" * 43)):
        with pytest.raises(Refusal, match="archive_locked"):
            officer.give(actor=home.officer, now=clock.now(), staff_id=colleague.id, session_key=session, half=given)  # type: ignore[arg-type]
    assert OfficerKey.objects.count() == 1


def test_only_officers_get_one_and_only_once(home: Home, colleague: actors.Actor) -> None:
    with pytest.raises(Refusal, match="not_an_officer"):
        give(home, home.owner)
    share(home, colleague)
    with pytest.raises(Refusal, match="has_officer_key"):
        give(home, colleague)
    with pytest.raises(Refusal, match="has_officer_key"):
        give(home, home.officer)


def test_strangers_do_none_of_it(home: Home, colleague: actors.Actor) -> None:
    author = actors.staff(ids.uuid7(), "author")
    now, staff = clock.now(), colleague.id
    calls: list[Callable[[], Any]] = [
        lambda: officer.give(actor=author, now=now, staff_id=staff, session_key="s", half="h"),  # type: ignore[arg-type]
        lambda: officer.take_up(actor=author, now=now, code="x", passphrase=OTHER),
        lambda: officer.change(actor=author, now=now, passphrase="x", new=OTHER),
        lambda: officer.recover(actor=author, now=now, recovery_text=home.recovery_text, passphrase=OTHER),
        lambda: officer.remove(actor=author, now=now, staff_id=home.officer.id),  # type: ignore[arg-type]
        lambda: officer.remove(actor=colleague, now=now, staff_id=home.officer.id),  # type: ignore[arg-type]
        lambda: officer.rotate(actor=author, now=now),
    ]
    for call in calls:
        with pytest.raises(Refusal, match=r"not_allowed|not_found"):
            call()


def test_an_officer_without_a_key_is_told_so(home: Home, colleague: actors.Actor) -> None:
    with pytest.raises(Refusal, match="no_officer_key"):
        open_archive(colleague)
    with pytest.raises(Refusal, match="no_hand_over"):
        take_up(colleague, "0" * 20)


def test_a_hand_over_opens_nothing_before_it_is_taken_up(home: Home, colleague: actors.Actor) -> None:
    code = give(home, colleague)
    with pytest.raises(Refusal, match="no_officer_key"):
        open_archive(colleague, code.replace("-", ""))


def test_a_code_is_used_once_lives_a_day_and_a_new_one_replaces_it(
    home: Home, colleague: actors.Actor, fake: clock.Fake
) -> None:
    first = give(home, colleague)
    second = give(home, colleague)
    with pytest.raises(Refusal, match="wrong_passphrase"):
        take_up(colleague, first)
    take_up(colleague, second)
    with pytest.raises(Refusal, match="no_hand_over"):
        take_up(colleague, second)
    dismiss(home, colleague)
    late = give(home, colleague)
    fake.advance(days=1)
    with pytest.raises(Refusal, match="no_hand_over"):
        take_up(colleague, late)
    assert officer.sweep(now=clock.now()) == 1
    assert OfficerKey.objects.count() == 1
    assert set(OfficerShare.objects.values_list("holder_id", flat=True)) == _holders()


def test_wrong_codes_are_counted(home: Home, colleague: actors.Actor) -> None:
    code = give(home, colleague)
    for _ in range(unlock.MOST_TRIES):
        with pytest.raises(Refusal, match="wrong_passphrase"):
            take_up(colleague, "0" * 20)
    with pytest.raises(Refusal, match="too_many_tries"):
        take_up(colleague, code)


def test_the_key_that_the_code_opened_dies_with_it(home: Home, colleague: actors.Actor) -> None:
    """Whoever saw the code and the database of that hour opens nothing of a later generation."""
    code = give(home, colleague)
    row = OfficerKey.objects.get(staff_id=colleague.id)
    seen = shares.try_words(row, ids.normalise_code(code))
    take_up(colleague, code)
    assert seen
    officer.rotate(actor=home.officer, now=clock.now())
    assert not shares.opener(row.id, seen).shares
    fresh = OfficerKey.objects.get(staff_id=colleague.id)
    with pytest.raises(sealing_errors.Unsealable):
        shares.all_of(shares.opener(fresh.id, seen))


# ── changing, recovering ────────────────────────────────────────────────────────────────────────────────────────────
def test_another_passphrase_locks_what_the_old_one_opened(home: Home) -> None:
    (draft,) = keep(snapshot("kept"))
    half = open_archive(home.officer)
    officer.change(actor=home.officer, now=clock.now(), passphrase=PASSPHRASE, new=OTHER)
    assert Unlock.objects.count() == 0
    with pytest.raises(Refusal, match="archive_locked"):
        unlock.use(actor=home.officer, now=clock.now(), session_key="s", half=half)
    with pytest.raises(Refusal, match="wrong_passphrase"):
        open_archive(home.officer, PASSPHRASE)
    assert read(home.officer, OTHER, draft.index) == "kept"


@pytest.mark.parametrize(
    ("old", "new", "code"), [("not these words", OTHER, "wrong_passphrase"), (PASSPHRASE, "short", "weak_passphrase")]
)
def test_a_change_needs_the_old_one_and_a_good_one(home: Home, old: str, new: str, code: str) -> None:
    with pytest.raises(Refusal, match=code):
        officer.change(actor=home.officer, now=clock.now(), passphrase=old, new=new)
    assert open_archive(home.officer)


def test_the_recovery_key_brings_back_every_generation(home: Home, colleague: actors.Actor) -> None:
    (first,) = keep(snapshot("first"))
    officer.rotate(actor=home.officer, now=clock.now())
    (second,) = keep(snapshot("second"))
    dismiss(home, home.officer)
    assert OfficerKey.objects.count() == 0
    (third,) = keep(snapshot("third"))
    officer.recover(actor=colleague, now=clock.now(), recovery_text=home.recovery_text, passphrase=OTHER)
    assert [read(colleague, OTHER, one.index) for one in (first, second, third)] == ["first", "second", "third"]


def test_another_recovery_key_brings_back_nothing(home: Home, found: Any) -> None:
    other = found("globex").recovery_text
    for text, code in ((other, "recovery_key_differs"), ("lost", "recovery_key_unreadable")):
        with pytest.raises(Refusal, match=code):
            officer.recover(actor=home.officer, now=clock.now(), recovery_text=text, passphrase=OTHER)
    assert open_archive(home.officer)


# ── leaving, rotating ───────────────────────────────────────────────────────────────────────────────────────────────
def test_whoever_left_opens_nothing_that_comes_after(home: Home, colleague: actors.Actor) -> None:
    """With everything they ever had in hand: their own private key and all of the database, before and after."""
    (before,) = keep(snapshot("before"))
    share(home, colleague)
    row = OfficerKey.objects.get(staff_id=colleague.id)
    private = shares.try_words(row, OTHER)
    had = shares.opener(row.id, private or b"")
    generations = shares.all_of(had)
    dismiss(home, colleague)
    (after,) = keep(snapshot("after"))
    parts = sealed.load(after.index)
    with pytest.raises(sealing_errors.Unsealable):
        had.for_envelope(parts.envelope)
    keys_in_hand = [private or b"", *generations.values()]
    for key, recipient in product(keys_in_hand, envelope.recipients_of(parts.envelope)):
        with pytest.raises(sealing_errors.Unsealable):
            sealing.open_batch_key(parts.envelope, recipient, key, business=home.place.id, batch=parts.batch_id)
    for key, one in product(keys_in_hand, OfficerShare.objects.all()):
        with pytest.raises(sealing_errors.Unsealable):
            envelope.open_(
                bytes(one.sealed), str(one.holder_id), key, purpose=shares.PURPOSE, business=home.place.id,
                subject=one.recipient_id,
            )  # fmt: skip
    assert [read(home.officer, PASSPHRASE, one.index) for one in (before, after)] == ["before", "after"]


def test_leaving_locks_their_session_and_no_other(home: Home, colleague: actors.Actor) -> None:
    share(home, colleague)
    theirs, ours = open_archive(colleague, OTHER, "theirs"), open_archive(home.officer, session="ours")
    dismiss(home, colleague)
    with pytest.raises(Refusal, match="archive_locked"):
        unlock.use(actor=colleague, now=clock.now(), session_key="theirs", half=theirs)
    assert unlock.use(actor=home.officer, now=clock.now(), session_key="ours", half=ours)


def test_the_last_key_is_not_taken_by_a_button(home: Home) -> None:
    with pytest.raises(Refusal, match="last_officer_key"):
        officer.remove(actor=home.owner, now=clock.now(), staff_id=home.officer.id)  # type: ignore[arg-type]


def test_a_key_is_taken_by_an_owner_and_given_back(home: Home, colleague: actors.Actor) -> None:
    share(home, colleague)
    officer.remove(actor=home.owner, now=clock.now(), staff_id=colleague.id)  # type: ignore[arg-type]
    with pytest.raises(Refusal, match="no_officer_key"):
        open_archive(colleague, OTHER)
    with pytest.raises(Refusal, match="not_found"):
        officer.remove(actor=home.owner, now=clock.now(), staff_id=colleague.id)  # type: ignore[arg-type]
    share(home, colleague)
    assert open_archive(colleague, OTHER)


def test_rotation_needs_nobody_unlocked_and_keeps_what_was_sealed(home: Home, colleague: actors.Actor) -> None:
    share(home, colleague)
    drafts = list(keep(snapshot("0")))
    for number in (2, 3):
        assert officer.rotate(actor=home.owner, now=clock.now()) == number
        drafts += keep(snapshot(str(number)))
    for who, words in ((home.officer, PASSPHRASE), (colleague, OTHER)):
        assert [read(who, words, one.index) for one in drafts] == ["0", "2", "3"]
    assert Recipient.objects.filter(kind="officers", retired_at=None).count() == 1


def test_a_rotation_that_fails_half_way_changes_nothing(home: Home) -> None:
    before = sorted(Recipient.objects.values_list("id", "retired_at"))
    fail_after(lambda u: officer.rotate(actor=home.owner, now=clock.now()))
    assert sorted(Recipient.objects.values_list("id", "retired_at")) == before
    assert OfficerShare.objects.count() == 2
    (draft,) = keep(snapshot("still"))
    assert read(home.officer, PASSPHRASE, draft.index) == "still"


def test_nothing_is_sealed_to_the_old_key_after_a_rotation(home: Home) -> None:
    """This process forgets its batch key; what another process sealed meanwhile is refused at its commit, and works again."""
    keep()
    assert batch.holds(home.place.id)
    held = dict(batch._held)
    officer.rotate(actor=home.owner, now=clock.now())
    assert not batch.holds(home.place.id)
    batch._held.update(held)  # as in a process that did not hear of it
    for seal in (lambda: keep(snapshot()), lambda: happen(detail={"reason": "words"})):
        batch._held.update(held)
        with pytest.raises(Refusal, match="keys_rotated"):
            seal()
        seal()
    live = str(Recipient.objects.get(kind="officers", retired_at=None).id)
    to_live = [live in envelope.recipients_of(bytes(one.envelope)) for one in Batch.objects.all()]
    assert sorted(to_live) == [False, True, True], "only the first, from before, is sealed to the old key"


def test_a_rotation_between_sealing_and_commit_refuses_the_commit(home: Home) -> None:
    """The race itself: sealed under the old key, rotated by somebody else, committed after."""
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connection

    def rotate() -> None:
        with tenancy.tenant_scope(home.place):
            officer.rotate(actor=home.owner, now=clock.now())
            connection.close()

    def send() -> None:
        with ThreadPoolExecutor(1) as pool, unit.work() as u:
            record.keep(u, [snapshot()])
            pool.submit(rotate).result()

    with pytest.raises(Refusal, match="keys_rotated"):
        send()
    assert not sealed.Record.objects.exists()


def test_index_keys_of_old_and_new_generations_open(fake: clock.Fake, home: Home) -> None:
    words = keys.business().get(monthkey.INDEX + "2031-05")
    fake.advance(days=33)
    indexkey.seal_past(now=clock.now())
    officer.rotate(actor=home.owner, now=clock.now())
    box = bytes(IndexKey.objects.get(month="2031-05").envelope or b"")
    session = unlock.use(actor=home.officer, now=clock.now(), session_key="s", half=open_archive(home.officer))
    key_id, private = session.for_envelope(box)
    business = home.place.id
    assert envelope.open_(box, key_id, private, purpose="index/2031-05", business=business, subject=business) == words


def test_details_of_entries_stay_readable_over_rotations(home: Home) -> None:
    first = happen("archive.locked", detail={"reason": "the old words"})
    officer.rotate(actor=home.owner, now=clock.now())
    half = open_archive(home.officer)
    opened = reading.open_record(actor=home.officer, now=clock.now(), index=first.index, session_key="s", half=half)
    assert opened.detail == {"reason": "the old words"}


# ── the portal alone ────────────────────────────────────────────────────────────────────────────────────────────────
def test_database_keyring_and_master_key_open_no_record(home: Home, colleague: actors.Actor, team: Team) -> None:
    """Every value of every row and of the keyring, tried as a key wherever a key is taken; with the passphrase it opens."""
    (draft,) = keep(snapshot("xylophone"))
    share(home, colleague)
    third = actors.staff(ids.uuid7(), "officer")
    team.join(third)
    give(home, third)  # and a hand-over that waits
    batch.forget(home.place.id)
    parts = sealed.load(draft.index)
    business = home.place.id
    candidates = list(_keys_at_rest())
    assert len(candidates) > 20
    for key, name in product(candidates, envelope.recipients_of(parts.envelope)):
        with pytest.raises(sealing_errors.Unsealable):
            sealing.open_batch_key(parts.envelope, name, key, business=business, batch=parts.batch_id)
    for key in candidates:
        with pytest.raises(sealing_errors.Unsealable):
            sealing.open_(
                key, parts.inner_wrap, parts.sealed, business=business, record=parts.message_id, batch=parts.batch_id
            )
    for key, one in product(candidates, OfficerShare.objects.all()):
        with pytest.raises(sealing_errors.Unsealable):
            envelope.open_(
                bytes(one.sealed),
                str(one.holder_id),
                key,
                purpose=shares.PURPOSE,
                business=business,
                subject=one.recipient_id,
            )
    for row, words in product(OfficerKey.objects.all(), ["", *(key.hex() for key in candidates[:24])]):
        assert shares.try_words(row, words) is None
    publics = {bytes(value) for value in Recipient.objects.values_list("public", flat=True)}
    publics |= {bytes(value) for value in OfficerKey.objects.values_list("public", flat=True)}
    assert not publics & {hpke.public_of(key) for key in candidates}
    assert read(home.officer, PASSPHRASE, draft.index) == "xylophone"  # the control: the same rows, and the passphrase


def _holders() -> set[Any]:
    spare = Recipient.objects.get(kind="recovery")
    return {spare.id, *OfficerKey.objects.values_list("id", flat=True)}


def _keys_at_rest() -> Iterator[bytes]:
    """32 bytes from each end of every binary value of the schema, and of every value of the keyring, with the master key."""
    from django.apps import apps
    from django.conf import settings
    from django.db import models

    found = {settings.EBB_MASTER_KEY, *(keys.business().get(name) for name in keys.business().names())}
    for model in apps.get_app_config("archive").get_models():
        names = [one.attname for one in model._meta.concrete_fields if isinstance(one, models.BinaryField)]
        for row in model._default_manager.values_list(*names) if names else ():
            found |= {bytes(value) for value in row if value is not None}
    whole = sorted(found)
    yield from {one[:32] for one in whole if len(one) >= 32} | {one[-32:] for one in whole if len(one) >= 32}
