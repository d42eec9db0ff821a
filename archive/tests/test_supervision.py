"""Supervision: every new record looked at exactly once, whatever dies in between; what could not be looked at is told."""

import threading
from uuid import UUID

import pytest
from django.db import connection

from archive.flows import collecting, indexkey, subject, supervision, sweep
from archive.ledger import entry
from archive.models import Case, CaseItem, Entry, Record, Supervision, SupervisionGap, SupervisionState
from archive.queries import predicate, tree
from archive.queries import supervision as reading
from archive.rules import query, sampling
from archive.tests.conftest import Home, fail_after, happen, keep, snapshot
from portal.kernel import actors, clock, ids, tenancy, unit
from portal.kernel.errors import Refusal


def write(home: Home, *lines: str, share: int = 0, name: str = "Promises") -> str:
    return supervision.write(actor=home.officer, now=clock.now(), name=name, lines=lines, share=share).code


def say(body: str, **changes: object) -> UUID:
    one = snapshot(body, **changes)
    keep(one)
    return one.message_id


def look(size: int = 5000) -> supervision.Looked:
    return supervision.look(now=clock.now(), slice_entries=size)


def queue() -> dict[UUID, list[str]]:
    return dict(
        CaseItem.objects.filter(case_id=Case.objects.get(is_standing=True).id).values_list("message_id", "matched")
    )


def refused(act) -> str:
    with pytest.raises(Refusal) as caught:
        act()
    return caught.value.code


# ── what it finds ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_words_are_met_by_stem_and_a_line_of_several_wants_them_all(home, fake):
    code = write(home, "guarantee", "no risk")
    by_stem = say("We GUARANTEED this return.")
    both = say("There is a risk? No, none.")
    say("A risk.")
    say("Nothing of note.")
    done = look()
    assert (done.found, done.missed) == (2, 0)
    assert queue() == {by_stem: [f"{code}:words"], both: [f"{code}:words"]}


def test_the_words_of_offered_answers_are_met(home, fake):
    code = write(home, "guarantee")
    offered = say("", content={"subject": "Hello", "body": "Shall we?", "answers": ["With the guarantee", "No"]})
    look()
    assert queue() == {offered: [f"{code}:words"]}


def test_each_rule_that_matched_is_named_by_its_code(home, fake):
    words, everything = write(home, "guarantee"), write(home, share=10_000)
    found = say("We guarantee it.")
    other = say("Hello.")
    look()
    assert queue() == {found: [f"{words}:words", f"{everything}:sample"], other: [f"{everything}:sample"]}
    counted = {row.code: (row.by_words, row.by_sample) for row in Supervision.objects.all()}
    assert counted == {words: (1, 0), everything: (0, 2)}


def test_the_share_is_the_one_that_its_entry_says(home, fake):
    write(home, share=2500)
    leaf = entry.decode(bytes(Entry.objects.get(kind="supervision.changed").leaf))
    chosen = [say(f"Number {n}") for n in range(40)]
    look()
    seed = bytes.fromhex(str(leaf.codes["seed"]))
    assert set(queue()) == {one for one in chosen if sampling.is_in(seed, one, leaf.codes["share"])}


def test_a_rule_speaks_of_what_came_between_its_writing_and_its_end(home, fake):
    """However late the clock comes to look."""
    say("We guarantee it, before.")
    code = write(home, "guarantee")
    found = say("We guarantee it.")
    row = Supervision.objects.get(code=code)
    supervision.retire(actor=home.officer, now=fake(), rule_id=row.id)
    say("We guarantee it, after.")
    look()
    assert set(queue()) == {found}
    assert refused(lambda: supervision.retire(actor=home.officer, now=fake(), rule_id=row.id)) == "supervision_retired"


def test_what_it_feeds_is_an_entry_that_names_the_range(home, fake):
    write(home, "guarantee")
    found = say("We guarantee it.")
    look()
    leaf = entry.decode(bytes(Entry.objects.get(kind="case.collected").leaf))
    assert (leaf.actor, leaf.count, leaf.ids_sha256) == ("clock", *entry.digest_ids([found]))
    assert (leaf.codes["by"], leaf.codes["unchecked"]) == ("supervision", 0)


# ── exactly once ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_every_record_is_looked_at_once_whatever_the_slices_and_however_often(home, fake):
    write(home, share=10_000)
    chosen = []
    for n in range(9):
        chosen.append(say(f"Number {n}"))
        happen()
    while look(size=2).entries:
        chosen += [say("While it looks.")] if len(chosen) < 12 else []
        if SupervisionState.objects.get().upto >= tree.entry_count() - 1:
            break
    look()
    look()
    rows = CaseItem.objects.order_by("number")
    assert [row.message_id for row in rows] == chosen
    assert [row.number for row in rows] == list(range(1, len(chosen) + 1))
    counted = [
        entry.decode(bytes(row)).count
        for row in Entry.objects.filter(kind="case.collected").values_list("leaf", flat=True)
    ]
    assert sum(counted) == len(chosen)


@pytest.mark.parametrize("dies_in", ["collecting.add", "case.standing", "_count", "_remember_gap"])
def test_a_crash_anywhere_takes_the_whole_slice_back(home, fake, monkeypatch, dies_in):
    write(home, "guarantee")
    found = say("We guarantee it.")
    place, _, name = dies_in.rpartition(".")
    where = getattr(supervision, place) if place else supervision
    whole = getattr(where, name)

    def half_way(*args: object, **kwargs: object) -> None:
        whole(*args, **kwargs)
        raise RuntimeError("half-way")

    before = Entry.objects.count()
    with monkeypatch.context() as broken:
        broken.setattr(where, name, half_way)
        with pytest.raises(RuntimeError):
            look()
    assert (Entry.objects.count(), CaseItem.objects.count()) == (before, 0)
    assert look().found == 1
    assert set(queue()) == {found}


def test_a_slice_that_is_rolled_back_is_looked_at_again(home, fake):
    write(home, "guarantee")
    say("We guarantee it.")
    fail_after(lambda u: supervision.look(now=fake()))
    assert not CaseItem.objects.exists()
    assert look().found == 1


def test_two_clocks_at_once_take_turns(home, fake):
    write(home, share=10_000)
    chosen = [say(f"Number {n}") for n in range(30)]
    line = threading.Barrier(3)

    def run() -> None:
        with tenancy.tenant_scope(home.place):
            line.wait(10)
            while look(size=3).entries >= 3:
                pass
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    [one.start() for one in threads]
    [one.join(60) for one in threads]
    rows = CaseItem.objects.order_by("number")
    assert [row.message_id for row in rows] == chosen
    assert Supervision.objects.get().by_sample == 30


def test_nobody_looks_past_a_rule_that_is_being_written(home, fake):
    """The rule's first index is read under the lock of whoever looks: else records between would be nobody's."""
    write(home, share=1)
    look()
    chosen: list[UUID] = []
    begun, looked = threading.Event(), threading.Event()

    def run() -> None:
        with tenancy.tenant_scope(home.place):
            begun.wait(10)
            look()
            looked.set()
        connection.close()

    other = threading.Thread(target=run)
    other.start()
    with unit.work():
        code = write(home, share=10_000, name="Everything")
        begun.set()
        assert not looked.wait(0.5), "it did not wait for the rule"
    other.join(30)
    chosen.append(say("After."))
    look()
    assert queue() == {chosen[0]: [f"{code}:sample"]}


# ── what cannot be looked at ──────────────────────────────────────────────────────────────────────────────────────────
def test_a_month_whose_key_was_sealed_away_is_told_and_still_sampled(home, fake):
    code = write(home, "guarantee", share=10_000)
    missed = [say(f"We guarantee it. {n}") for n in range(3)]
    fake.advance(days=40)
    assert "2031-05" in indexkey.seal_past(now=fake())
    found = say("We guarantee it, in June.")
    done = look()
    assert (done.found, done.missed) == (4, 3)
    assert queue() == {one: [f"{code}:sample"] for one in missed} | {found: [f"{code}:words", f"{code}:sample"]}
    (gap,) = reading.get_gaps_for(home.officer)
    indexes = Entry.objects.filter(message_id__in=missed, kind="message.sent").values_list("index", flat=True)
    assert (gap.month, gap.count, gap.first_index, gap.last_index) == ("2031-05", 3, min(indexes), max(indexes))
    look()
    assert SupervisionGap.objects.get().count == 3


def test_a_gap_is_of_rules_with_words_only(home, fake):
    write(home, share=10_000)
    say("We guarantee it.")
    fake.advance(days=40)
    indexkey.seal_past(now=fake())
    assert look().missed == 0
    assert not SupervisionGap.objects.exists()


def test_the_clock_looks_before_it_seals_a_month_away(home, fake):
    write(home, "guarantee")
    found = say("We guarantee it.")
    fake.advance(days=40)
    sweep.sweep(now=fake())
    assert set(queue()) == {found}
    assert not SupervisionGap.objects.exists()


def test_an_erased_customers_words_are_found_by_no_rule(home, fake):
    person = ids.uuid7()
    write(home, "guarantee")
    say("We guarantee it.", customer_id=person)
    with unit.work():
        subject.cut(customer_id=person, now=fake())
    done = look()
    assert (done.found, done.missed) == (0, 0)


def test_a_record_that_went_before_it_was_looked_at_is_passed_over(home, fake):
    write(home, share=10_000)
    first, second = say("One."), say("Two.")
    Record.objects.filter(message_id=first).delete()
    look()
    assert set(queue()) == {second}


# ── who and what ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_words_of_a_rule_are_sealed(home, fake):
    write(home, "kqzvword", name="kqzvname")
    row = Supervision.objects.get()
    assert (reading.name_of(row), reading.lines_of(row)) == ("kqzvname", ["kqzvword"])
    kept = bytes(row.sealed_name) + bytes(row.sealed_words) + bytes(Entry.objects.get(kind="supervision.changed").leaf)
    assert b"kqzv" not in kept


def test_a_reviewer_writes_no_rules(home, fake):
    mine = actors.staff(ids.uuid7(), "reviewer")
    assert refused(lambda: supervision.write(actor=mine, now=fake(), name="Mine", share=1)) == "not_allowed"
    assert refused(lambda: supervision.retire(actor=mine, now=fake(), rule_id=ids.uuid7())) == "not_allowed"
    assert refused(lambda: supervision.retire(actor=home.officer, now=fake(), rule_id=ids.uuid7())) == "not_found"


@pytest.mark.parametrize(
    ("lines", "share", "code"),
    [([], 0, "supervision_empty"), (["!!"], 0, "supervision_no_word"), (["a"] , -1, "bad_share"), ([], 10_001, "bad_share"),
     ([f"word{n}" for n in range(201)], 0, "supervision_too_long")],
)  # fmt: skip
def test_a_rule_that_cannot_be_is_refused(home, fake, lines, share, code):
    assert refused(lambda: write(home, *lines, share=share)) == code
    assert not Supervision.objects.exists()


def test_another_businesss_records_are_not_looked_at(found, home, fake):
    write(home, share=10_000)
    mine = say("Mine.")
    other = found("globex")
    with other.scope():
        say("Theirs.")
        look()
        assert not CaseItem.objects.exists()
    look()
    assert set(queue()) == {mine}


def test_the_queue_can_be_collected_into_and_asked_for_like_any_case(home, fake):
    write(home, "guarantee")
    by_hand = say("By hand.")
    found = say("We guarantee it.")
    look()
    standing = Case.objects.get(is_standing=True).id
    fake.advance(seconds=1)
    collecting.collect(actor=home.officer, now=fake(), case_id=standing, query=f"message:{by_hand}")
    chosen = predicate.select(query.parse(f"case:{standing}")).values_list("message_id", flat=True)
    assert set(chosen) == {by_hand, found}
