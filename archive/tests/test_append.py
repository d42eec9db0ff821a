"""Order of index = order of time = order of commit, without gaps, whatever runs at once or fails half-way (I5, I6)."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from archive.flows import ledger, record
from archive.ledger import entry
from archive.models import Batch, Entry
from archive.tests.conftest import Home, fail_after, happen, keep, snapshot
from portal.kernel import clock, tenancy, unit
from portal.kernel.errors import Refusal


def test_entries_are_numbered_in_order_and_repeat_their_leaf(home: Home) -> None:
    first, second = happen(), happen("key.created", codes={"scopes": 3})
    rows = list(Entry.objects.order_by("index"))
    assert [row.index for row in rows] == [0, 1, 2]
    assert (first.index, second.index) == (1, 2)
    leaf = entry.decode(bytes(rows[2].leaf))
    assert (leaf.id, leaf.kind, leaf.codes) == (str(second.id), "key.created", {"scopes": 3})
    assert leaf.time == entry.format_time(rows[2].time)


def test_many_at_once_are_copied_in_order(home: Home) -> None:
    with unit.work() as u:
        drafts = [u.entry(unit.Draft("staff.signed_in", "system")) for _ in range(120)]
    assert [draft.index for draft in drafts] == list(range(1, 121))
    assert [row.id for row in Entry.objects.order_by("index")[1:]] == [draft.id for draft in drafts]


def test_many_of_one_shape_have_the_leaves_they_have_alone(home: Home) -> None:
    with unit.work() as u:
        drafts = record.keep(u, [snapshot() for _ in range(60)])
        drafts.insert(30, u.entry(unit.Draft("staff.signed_in", "system", codes={"n": 1})))
        drafts += record.keep(u, [snapshot()])
    rows = {row.id: row for row in Entry.objects.all()}
    for draft in drafts:
        row = rows[draft.id]
        detail = entry.decode(bytes(row.leaf)).detail_commitment
        assert bytes(row.leaf) == ledger.encode(draft, entry.format_time(row.time), detail)


def test_words_in_one_of_many_are_refused(home: Home) -> None:
    with pytest.raises(Refusal, match="entry_invalid"), unit.work() as u:
        record.keep(u, [snapshot() for _ in range(60)])[40].wrap_sha256 = "said"
    assert happen().index == 1


def test_threads_leave_no_gap_and_never_go_back_in_time(home: Home) -> None:
    start = threading.Barrier(8)

    def send(number: int) -> None:
        with tenancy.tenant_scope(home.place):
            start.wait()
            for turn in range(12):
                if (number + turn) % 3:
                    happen()
                else:
                    keep(snapshot(), snapshot())
        connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(8)))
    rows = list(Entry.objects.order_by("index").values_list("index", "time"))
    assert [index for index, _ in rows] == list(range(1 + 8 * 8 + 8 * 4 * 2))
    assert [time for _, time in rows] == sorted(time for _, time in rows)


def test_a_rollback_leaves_no_gap(home: Home) -> None:
    happen()
    fail_after(lambda u: u.entry(unit.Draft("staff.signed_in", "system")))
    assert happen().index == 2


def test_a_clock_that_steps_back_does_not_take_the_ledger_along(home: Home, fake: clock.Fake) -> None:
    fake.advance(days=400)
    late = happen()
    fake.advance(days=-400)
    assert happen().time == late.time


def test_words_where_codes_belong_are_refused_and_nothing_is_written(home: Home) -> None:
    with pytest.raises(Refusal, match="entry_invalid"):
        happen(codes={"reason": "because Anna asked for it"})
    assert happen().index == 1


def test_free_text_is_sealed_and_the_leaf_commits_to_it(home: Home) -> None:
    draft = happen("hold.placed", detail={"reason": "Lawsuit of Mr Hyde"})
    row = Entry.objects.get(index=draft.index)
    assert b"Hyde" not in bytes(row.detail) + bytes(row.leaf)
    assert entry.decode(bytes(row.leaf)).detail_commitment
    assert Batch.objects.filter(id=bytes(row.detail)[:16].hex()).exists()


def test_free_text_is_refused_while_there_is_no_key_to_seal_it(found) -> None:  # type: ignore[no-untyped-def]
    made = found(complete=False)
    with made.scope():
        happen()
        with pytest.raises(Refusal, match="archive_not_ready"):
            happen(detail={"reason": "too early"})


def test_businesses_do_not_share_a_ledger(home: Home, found) -> None:  # type: ignore[no-untyped-def]
    other = found("globex")
    happen()
    with other.scope():
        assert happen().index == 1
        assert Entry.objects.count() == 2
