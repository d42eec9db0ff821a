"""Cases: collected in slices, held by one reviewer at a time, decided in entries, sampled so that anybody draws it again."""

import threading
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

import pytest
from django.db import connection

from archive.flows import case, casefile, caseitem, collecting, guard, hold, subject, unlock
from archive.ledger import entry
from archive.models import Case, CaseItem, Collection, Entry, Record, RecordTag
from archive.queries import cases, predicate, sealed
from archive.rules import query, sampling
from archive.tests.conftest import PASSPHRASE, Home, Team, keep, snapshot
from archive.tests.test_disposal import left, open_wide, over, run
from portal.kernel import actors, clock, ids, jobs, tenancy, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Refusal

SESSION = "a browser"


@pytest.fixture(autouse=True)
def asked_jobs(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """The broker's table is not in these businesses: what would be queued is noted instead."""
    found: list[UUID] = []
    monkeypatch.setattr(jobs, "enqueue", lambda name, *ids, queue="urgent": found.extend(ids))
    return found


@pytest.fixture
def reviewers(home: Home, team: Team) -> tuple[Actor, Actor]:
    two = actors.staff(ids.uuid7(), "reviewer"), actors.staff(ids.uuid7(), "reviewer")
    team.join(*two)
    return two


@pytest.fixture
def matter(home: Home, fake: clock.Fake) -> UUID:
    return case.open_(actor=home.officer, now=fake(), name="Complaint of May")


def plant(number: int, **changes: object) -> list[UUID]:
    made = [snapshot(**changes) for _ in range(number)]
    keep(*made)
    return [one.message_id for one in made]


def collect(home: Home, matter: UUID, text: str = "kind:message.*", **more: int) -> collecting.Collected:
    return collecting.collect(actor=home.officer, now=clock.now(), case_id=matter, query=text, **more)


def last(kind: str) -> entry.Leaf:
    return entry.decode(bytes(Entry.objects.filter(kind=kind).order_by("-index").values_list("leaf", flat=True)[0]))


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as caught:
        act()
    return caught.value.code


# ── collecting ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_query_fills_a_case_in_order_under_dense_numbers(home, fake, matter):
    first = plant(3)
    fake.advance(seconds=1)
    second = plant(2, direction="in", kind="message.received")
    done = collect(home, matter, "direction:out")
    assert (done.count, done.state) == (3, "done")
    assert collect(home, matter).count == 2
    rows = list(CaseItem.objects.filter(case_id=matter).order_by("number"))
    assert [row.number for row in rows] == [1, 2, 3, 4, 5]
    assert {row.message_id for row in rows[:3]} == set(first)
    assert [row.message_id for row in rows[3:]] == sorted(second)
    indexes = dict(Entry.objects.filter(kind__startswith="message.").values_list("message_id", "index"))
    assert {row.message_id: row.entry_index for row in rows} == {pk: indexes[pk] for pk in first + second}


def test_its_entry_counts_and_hashes_what_came_in(home, fake, matter):
    chosen = plant(4)
    collect(home, matter)
    leaf = last("case.collected")
    assert (leaf.count, leaf.ids_sha256) == entry.digest_ids(chosen)
    assert leaf.codes
    assert leaf.codes["case"] == str(matter)


def test_a_query_that_finds_nothing_is_an_entry_too(home, fake, matter):
    collect(home, matter, "direction:in")
    assert last("case.collected").count == 0


def test_slices_go_on_where_a_worker_died_and_take_each_record_once(home, fake, matter, asked_jobs, monkeypatch):
    chosen = plant(7)
    done = collect(home, matter, slice_rows=3)
    assert (done.count, done.state, asked_jobs) == (3, "running", [done.id])
    later = plant(2, sent_at=fake() + timedelta(seconds=1))

    def die(*args: object, **kwargs: object) -> None:
        raise RuntimeError("half-way")

    with monkeypatch.context() as broken:
        broken.setattr(unit.Unit, "entry", die)
        with pytest.raises(RuntimeError):
            collecting.go_on(collection_id=done.id, now=fake(), slice_rows=3)
    assert CaseItem.objects.filter(case_id=matter).count() == 3
    while collecting.go_on(collection_id=done.id, now=fake(), slice_rows=3):
        pass
    rows = CaseItem.objects.filter(case_id=matter)
    assert sorted(rows.values_list("message_id", flat=True)) == sorted(chosen)
    assert sorted(rows.values_list("number", flat=True)) == list(range(1, 8))
    assert not rows.filter(message_id__in=later).exists()
    assert not collecting.go_on(collection_id=done.id, now=fake())
    counted = [
        entry.decode(bytes(row)).count
        for row in Entry.objects.filter(kind="case.collected").values_list("leaf", flat=True)
    ]
    assert sum(filter(None, counted)) == 7


def test_words_need_an_officer_and_an_empty_query_is_none(home, fake, matter):
    assert refused(lambda: collect(home, matter, "refund")) == "collect_needs_key"
    assert refused(lambda: collect(home, matter, "  ")) == "query_missing"


def test_a_closed_case_takes_nothing_and_stops_its_walks(home, fake, matter, reviewers):
    plant(4)
    walk = collect(home, matter, slice_rows=2)
    case.close(actor=home.officer, now=fake(), case_id=matter)
    assert Collection.objects.get(id=walk.id).state == "stopped"
    assert not collecting.go_on(collection_id=walk.id, now=fake())
    for act in (
        lambda: collect(home, matter),
        lambda: caseitem.claim(actor=reviewers[0], now=fake(), case_id=matter, number=1),
        lambda: caseitem.decide(actor=reviewers[0], now=fake(), case_id=matter, number=1, decision="no_issue"),
        lambda: caseitem.note(actor=reviewers[0], now=fake(), case_id=matter, number=1, text="late"),
        lambda: case.close(actor=home.officer, now=fake(), case_id=matter),
    ):
        assert refused(act) == "case_closed"
    assert last("case.closed").codes == {"case": str(matter), "records": 2, "decided": 0, "left": 2}


# ── one reviewer holds a record ───────────────────────────────────────────────────────────────────────────────────────
def race(home: Home, *acts: Callable[[], object]) -> list[object]:
    """Each on its own connection, from one starting line. → what each gave, or its refusal's code."""
    line, found = threading.Barrier(len(acts)), [None] * len(acts)

    def run(place: int) -> None:
        with tenancy.tenant_scope(home.place):
            line.wait(10)
            try:
                found[place] = acts[place]()
            except Refusal as refusal:
                found[place] = refusal.code
        connection.close()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(acts))]
    [one.start() for one in threads]
    [one.join(30) for one in threads]
    return found


def test_two_who_claim_the_same_record_at_once_get_it_once(home, fake, matter, reviewers):
    plant(12)
    collect(home, matter)
    for number in range(1, 13):
        acts = [
            lambda one=one, number=number: caseitem.claim(actor=one, now=fake(), case_id=matter, number=number).number
            for one in reviewers
        ]
        assert sorted(map(str, race(home, *acts))) == sorted([str(number), "item_taken"])
    told = [
        entry.decode(bytes(row)) for row in Entry.objects.filter(kind="case.assigned").values_list("leaf", flat=True)
    ]
    assert len(told) == 12
    holders = {row.message_id: str(row.assignee_id) for row in CaseItem.objects.filter(case_id=matter)}
    assert {UUID(leaf.message): leaf.codes["staff"] for leaf in told} == holders


def test_many_who_ask_for_the_next_at_once_get_different_ones(home, fake, matter, reviewers):
    plant(6)
    collect(home, matter)
    acts = [
        lambda one=one: caseitem.claim_next(actor=one, now=fake(), case_id=matter).number
        for one in (*reviewers, home.officer)
    ]
    assert sorted(race(home, *acts)) == [1, 2, 3]


def test_a_decision_and_a_claim_at_once_leave_one_holder(home, fake, matter, reviewers):
    plant(8)
    collect(home, matter)
    mine, theirs = reviewers
    for number in range(1, 9):
        race(
            home,
            lambda n=number: caseitem.decide(actor=mine, now=fake(), case_id=matter, number=n, decision="escalate"),
            lambda n=number: caseitem.claim(actor=theirs, now=fake(), case_id=matter, number=n),
        )
        item = CaseItem.objects.get(case_id=matter, number=number)
        assert (item.assignee_id == mine.id) == (item.decision == "escalate"), "decided on by whoever does not hold it"


def test_release_gives_it_back_and_only_its_holder_or_a_manager_may(home, fake, matter, reviewers):
    plant(1)
    collect(home, matter)
    mine, theirs = reviewers
    ask = {"now": fake(), "case_id": matter, "number": 1}
    caseitem.claim(actor=mine, **ask)
    caseitem.claim(actor=mine, **ask)  # again is fine
    assert refused(lambda: caseitem.release(actor=theirs, **ask)) == "item_taken"
    caseitem.release(actor=mine, **ask)
    caseitem.release(actor=mine, **ask)
    caseitem.claim(actor=theirs, **ask)
    caseitem.release(actor=home.officer, **ask)
    acts = [
        entry.decode(bytes(row)).codes["act"]
        for row in Entry.objects.filter(kind="case.assigned").order_by("index").values_list("leaf", flat=True)
    ]
    assert acts == ["claimed", "released", "claimed", "released"]


def test_assigning_gives_free_records_only(home, fake, matter, reviewers):
    chosen = plant(5)
    collect(home, matter)
    mine, theirs = reviewers
    caseitem.claim(actor=mine, now=fake(), case_id=matter, number=2)
    ask = {"actor": home.officer, "now": fake(), "case_id": matter}
    assert caseitem.assign(**ask, staff_id=theirs.id, most=3) == 3
    held = dict(CaseItem.objects.filter(case_id=matter).values_list("number", "assignee_id"))
    assert held == {1: theirs.id, 2: mine.id, 3: theirs.id, 4: theirs.id, 5: None}
    leaf = last("case.assigned")
    assert leaf.count == 3
    assert set(chosen)
    assert refused(lambda: caseitem.assign(**ask, staff_id=home.owner.id and ids.uuid7())) == "unknown_reviewer"
    assert refused(lambda: caseitem.assign(actor=mine, now=fake(), case_id=matter, staff_id=mine.id)) == "not_allowed"


# ── deciding ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_decision_is_an_entry_about_the_record(home, fake, matter, reviewers):
    (record,) = plant(1)
    collect(home, matter)
    ask = {"actor": reviewers[0], "now": fake(), "case_id": matter, "number": 1}
    caseitem.decide(**ask, decision="privileged")
    caseitem.decide(**ask, decision="responsive")
    leaf = last("case.decided")
    assert (leaf.message, leaf.actor) == (str(record), reviewers[0].label)
    assert leaf.codes == {"case": str(matter), "number": 1, "decision": "responsive"}
    assert Entry.objects.filter(kind="case.decided").count() == 2
    done = cases.progress_of([matter])[matter]
    assert (done.size, done.decided, done.left, done.by_decision) == (1, 1, 0, {"responsive": 1})
    assert refused(lambda: caseitem.decide(**ask, decision="maybe")) == "unknown_decision"


def test_next_goes_past_what_is_decided_and_what_others_hold_and_begins_again(home, fake, matter, reviewers):
    plant(4)
    collect(home, matter)
    mine, theirs = reviewers
    caseitem.claim(actor=theirs, now=fake(), case_id=matter, number=2)
    caseitem.decide(actor=mine, now=fake(), case_id=matter, number=1, decision="no_issue")
    following = [caseitem.claim_next(actor=mine, now=fake(), case_id=matter, after=after) for after in (0, 3, 4)]
    assert [one and one.number for one in following] == [3, 4, 3]
    for number in (3, 4):
        caseitem.decide(actor=mine, now=fake(), case_id=matter, number=number, decision="no_issue")
    assert caseitem.claim_next(actor=mine, now=fake(), case_id=matter) is None


def test_a_reviewer_reviews_and_manages_nothing_and_a_program_does_neither(home, fake, matter, reviewers):
    plant(1)
    collect(home, matter)
    mine = reviewers[0]
    for act in (
        lambda: case.open_(actor=mine, now=fake(), name="Mine"),
        lambda: collecting.collect(actor=mine, now=fake(), case_id=matter, query="direction:out"),
        lambda: case.sample(actor=mine, now=fake(), case_id=matter, share=100),
        lambda: case.close(actor=mine, now=fake(), case_id=matter),
        lambda: casefile.open_item(actor=mine, now=fake(), case_id=matter, number=1, session_key=SESSION, half="x"),
        lambda: caseitem.claim(actor=actors.staff(ids.uuid7(), "author"), now=fake(), case_id=matter, number=1),
        lambda: caseitem.claim(
            actor=actors.key(ids.uuid7(), frozenset({"archive.review"})), now=fake(), case_id=matter, number=1
        ),
    ):
        assert refused(act) == "not_allowed"


def test_another_businesss_case_is_absent(found, home, fake, matter):
    with found("globex").scope():
        assert refused(lambda: cases.get_case_for(home.officer, matter)) == "not_found"
        assert refused(lambda: caseitem.claim(actor=home.officer, now=fake(), case_id=matter, number=1)) == "not_found"
        assert refused(lambda: predicate.where(query.parse(f"case:{matter}"))) == "query_invalid"


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def half(home: Home, fake: clock.Fake) -> str:
    return unlocked(home)


def unlocked(home: Home) -> str:
    return unlock.open_(actor=home.officer, now=clock.now(), passphrase=PASSPHRASE, session_key=SESSION).half


def test_an_officer_reads_the_record_and_its_notes_and_each_reading_names_the_case(home, fake, matter, reviewers, half):
    keep(snapshot(body="The heron scan is fine."))
    collect(home, matter)
    caseitem.note(actor=reviewers[0], now=fake(), case_id=matter, number=1, text="Ask the ward.\r\nTwice.")
    other = case.open_(actor=home.officer, now=fake(), name="Another")
    collect(home, other)
    caseitem.note(actor=reviewers[0], now=fake(), case_id=other, number=1, text="Of the other case.")
    before = Entry.objects.filter(kind="archive.opened").count()
    file = casefile.open_item(actor=home.officer, now=fake(), case_id=matter, number=1, session_key=SESSION, half=half)
    assert file.opened
    assert (file.opened.content or {})["body"] == "The heron scan is fine."
    assert [one.text for one in file.notes] == ["Ask the ward.\nTwice."]
    told = Entry.objects.filter(kind="archive.opened").order_by("index").values_list("leaf", flat=True)[before:]
    assert [entry.decode(bytes(leaf)).codes["case"] for leaf in told] == [str(matter)] * 2
    item = cases.get_item_for(reviewers[0], matter, 1)
    assert [one.text for one in casefile.list_notes(reviewers[0], item)] == [None]


def test_nothing_opens_while_the_archive_is_locked(home, fake, matter, half):
    plant(1)
    collect(home, matter)
    unlock.close(actor=home.officer, now=fake(), session_key=SESSION)
    ask = {"actor": home.officer, "now": fake(), "case_id": matter, "number": 1, "session_key": SESSION, "half": half}
    before = Entry.objects.count()
    assert refused(lambda: casefile.open_item(**ask)) == "archive_locked"
    assert Entry.objects.count() == before


def test_what_people_write_is_in_no_row_and_no_leaf(home, fake, matter, reviewers):
    plant(1)
    named = case.open_(actor=home.officer, now=fake(), name="kqzv name")
    collect(home, named)
    ask = {"actor": reviewers[0], "now": fake(), "case_id": named, "number": 1}
    caseitem.note(**ask, text="kqzv note")
    caseitem.tag(**ask, tag="kqzv-tag")
    assert cases.name_of(Case.objects.get(id=named)) == "kqzv name"
    leaves = b"".join(bytes(leaf) for leaf in Entry.objects.values_list("leaf", flat=True))
    details = b"".join(
        bytes(one) for one in Entry.objects.filter(detail__isnull=False).values_list("detail", flat=True)
    )
    rows = b"".join(bytes(row.sealed_name) for row in Case.objects.all())
    assert b"kqzv" not in leaves + details + rows


# ── tags, holds and the end of a record ───────────────────────────────────────────────────────────────────────────────
def test_a_tag_is_a_code_put_on_once_and_asked_for_in_a_query(home, fake, matter, reviewers):
    chosen = plant(2)
    collect(home, matter)
    ask = {"actor": reviewers[0], "now": fake(), "case_id": matter}
    assert caseitem.tag(**ask, number=1, tag=" Fee Complaint") == "fee-complaint"
    caseitem.tag(**ask, number=1, tag="fee-complaint")
    assert Entry.objects.filter(kind="record.tagged").count() == 1
    tagged = CaseItem.objects.get(case_id=matter, number=1).message_id
    assert set(select("tag:fee-complaint")) == {tagged}
    assert set(select("-tag:Fee-Complaint")) == set(chosen) - {tagged}
    caseitem.untag(**ask, number=1, tag="fee-complaint")
    caseitem.untag(**ask, number=1, tag="fee-complaint")
    assert select("tag:fee-complaint") == []
    assert Entry.objects.filter(kind="record.tagged").count() == 2
    for odd in ("", "Zoë", "a" * 41, "-a", "a/b"):
        assert refused(lambda odd=odd: caseitem.tag(**ask, number=1, tag=odd)) == "bad_tag"


def select(text: str) -> list[UUID]:
    return list(predicate.select(query.parse(text)).values_list("message_id", flat=True))


def test_case_selects_its_records_and_a_case_that_is_not_there_is_refused(home, fake, matter):
    chosen = plant(3)
    collect(home, matter)
    others = plant(2)
    assert set(select(f"case:{matter}")) == set(chosen)
    assert set(select(f"-case:{matter}")) == set(others)
    for text in (f"case:{ids.uuid7()}", "case:complaint"):
        assert refused(lambda text=text: select(text)) == "query_invalid"


def ending(number: int) -> list[UUID]:
    """Records whose end is five days off."""
    made = [over(f"over {n}") for n in range(number)]
    keep(*made)
    return [one.message_id for one in made]


def dispose(fake: clock.Fake) -> None:
    """A day after that, a run takes everything whose end has passed."""
    fake.advance(days=6)
    run()


def test_a_hold_of_a_case_keeps_its_records_and_those_that_come_in_later(home, fake, matter):
    open_wide()
    first, second, *rest = ending(4)
    collect(home, matter, f"message:{first}")
    hold.place(actor=home.officer, now=fake(), name="Matter", reason="A claim", query=f"case:{matter}")
    collect(home, matter, f"message:{second}")
    case.close(actor=home.officer, now=fake(), case_id=matter)
    dispose(fake)
    assert left() == {first, second}, (
        "a closed case still holds, and what came in after the hold was placed is held too"
    )
    assert set(sealed.disposed_at(rest)) == set(rest)


def test_whatever_comes_into_a_case_waits_for_a_slice_of_disposal(home, fake, matter):
    """A record that is being disposed of must not slip into a case that is held (I8)."""
    plant(1)
    begun, collected = threading.Event(), threading.Event()

    def run_beside() -> None:
        with tenancy.tenant_scope(home.place):
            begun.wait(10)
            collect(home, matter)
            collected.set()
        connection.close()

    other = threading.Thread(target=run_beside)
    other.start()
    with unit.work():
        guard.lock()
        begun.set()
        assert not collected.wait(0.5), "it did not wait"
        Record.objects.all().delete()
    other.join(30)
    assert collected.is_set()
    assert not CaseItem.objects.exists()


def test_an_item_outlives_its_record_and_says_so(home, fake, matter, reviewers):
    open_wide()
    ending(1)
    collect(home, matter)
    ask = {"actor": reviewers[0], "now": fake(), "case_id": matter, "number": 1}
    caseitem.note(**ask, text="Written while it was there.")
    dispose(fake)
    behind = cases.records_of(list(CaseItem.objects.all())).popitem()[1]
    assert (behind.is_there, behind.customer_id, behind.tags) == (False, None, [])
    assert behind.disposed_at is not None
    done = cases.progress_of([matter])[matter]
    assert (done.size, done.left, done.gone) == (1, 0, 1)
    assert refused(lambda: caseitem.decide(**ask, decision="no_issue")) == "record_disposed"
    assert caseitem.claim_next(actor=reviewers[0], now=fake(), case_id=matter) is None
    half = unlocked(home)
    file = casefile.open_item(actor=home.officer, now=fake(), case_id=matter, number=1, session_key=SESSION, half=half)
    assert (file.opened, [one.text for one in file.notes]) == (None, ["Written while it was there."])


def test_a_tag_goes_with_its_record(home, fake, matter, reviewers):
    open_wide()
    ending(1)
    collect(home, matter)
    caseitem.tag(actor=reviewers[0], now=fake(), case_id=matter, number=1, tag="late")
    dispose(fake)
    assert not RecordTag.objects.exists()


def test_an_erased_customers_record_stays_in_its_case(home, fake, matter, reviewers, half):
    person = ids.uuid7()
    plant(1, customer_id=person)
    collect(home, matter)
    with unit.work():
        subject.cut(customer_id=person, now=fake())
    caseitem.decide(actor=reviewers[0], now=fake(), case_id=matter, number=1, decision="no_issue")
    assert cases.records_of(list(CaseItem.objects.all())).popitem()[1].customer_id is None
    assert cases.progress_of([matter])[matter].decided == 1


# ── samples ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def sampled(matter: UUID) -> set[UUID]:
    return set(CaseItem.objects.filter(case_id=matter, is_sampled=True).values_list("message_id", flat=True))


def test_a_sample_is_drawn_again_from_its_entry_by_anybody(home, fake, matter):
    """By hand: SHA-256 of seed and id, the smallest tenth of the first `upto` numbers."""
    plant(40)
    collect(home, matter)
    drawn = case.sample(actor=home.officer, now=fake(), case_id=matter, share=1000)
    assert (drawn.population, drawn.drawn) == (40, 4)
    plant(10)
    collect(home, matter)
    leaf = last("case.sampled")
    codes = leaf.codes or {}
    assert (codes["method"], codes["share"], codes["population"], codes["upto"]) == ("simple", 1000, 40, 40)
    numbered = CaseItem.objects.filter(case_id=matter, number__lte=codes["upto"]).values_list("message_id", flat=True)
    seed = bytes.fromhex(str(codes["seed"]))
    again = sorted(numbered, key=lambda one: sha256(seed + one.bytes).digest())[:4]
    assert set(again) == sampled(matter)
    assert (leaf.count, leaf.ids_sha256) == entry.digest_ids(again)


def test_by_stratum_each_has_its_share_and_none_goes_unseen(home, fake, matter):
    plant(20)
    few = plant(3, direction="in", kind="message.received")
    collect(home, matter)
    drawn = case.sample(actor=home.officer, now=fake(), case_id=matter, share=1000, stratum="direction")
    assert (drawn.population, drawn.drawn) == (23, 3)
    assert len(sampled(matter) & set(few)) == 1
    assert (last("case.sampled").codes or {})["method"] == "by-direction"


def test_a_new_sample_takes_the_place_of_the_one_before(home, fake, matter):
    plant(30)
    collect(home, matter)
    seeds = [case.sample(actor=home.officer, now=fake(), case_id=matter, share=2000) for _ in range(2)]
    second = sampled(matter)
    assert len(second) == 6
    assert seeds[0].seed != seeds[1].seed
    case.sample(actor=home.officer, now=fake(), case_id=matter, share=2000, seed=seeds[1].seed)
    assert sampled(matter) == second


def test_a_share_is_what_it_says(home, fake, matter):
    assert refused(lambda: case.sample(actor=home.officer, now=fake(), case_id=matter, share=100)) == "case_empty"
    for share in (0, 10_001):
        assert (
            refused(lambda share=share: case.sample(actor=home.officer, now=fake(), case_id=matter, share=share))
            == "bad_share"
        )
    ask = {"actor": home.officer, "now": fake(), "case_id": matter, "share": 100}
    assert refused(lambda: case.sample(**ask, stratum="customer")) == "bad_stratum"
    seed = bytes(16)
    chosen = sum(sampling.is_in(seed, ids.uuid7(), 500) for _ in range(20_000))
    assert 850 < chosen < 1150  # 5 %: some ten standard deviations
    assert sampling.is_in(seed, ids.uuid7(), sampling.WHOLE)
    assert not sampling.is_in(seed, ids.uuid7(), 0)


def test_the_standing_case_is_not_closed(home, fake):
    with unit.work() as u:
        queue = case.standing(u, actor=home.officer, now=fake())
    with unit.work() as u:
        assert case.standing(u, actor=home.officer, now=fake()).id == queue.id
    assert refused(lambda: case.close(actor=home.officer, now=fake(), case_id=queue.id)) == "case_standing"
