"""Reading: verified against the leaf, never in silence (I9), never across (I7)."""

from datetime import timedelta
from uuid import uuid4

import pytest

from archive.flows import indexkey, listing, monthkey, reading, subject, tree, unlock
from archive.models import Batch, Entry, IndexKey, Record
from archive.queries import entries, promise, proofs, recipients, rules, summary
from archive.tests.conftest import NOON, PASSPHRASE, Home, happen, keep, snapshot
from portal.kernel import clock, keys, tenancy, unit
from portal.kernel.errors import Refusal
from portal.sealing import envelope, errors, recovery


@pytest.fixture
def half(home: Home) -> str:
    return unlock.open_(actor=home.officer, now=clock.now(), passphrase=PASSPHRASE, session_key="s").half


def read(home: Home, index: int, half: str, reason: str = "") -> reading.Opened:
    return reading.open_record(
        actor=home.officer, now=clock.now(), index=index, session_key="s", half=half, reason=reason
    )


def test_an_opening_is_an_entry_whose_reason_is_sealed(home: Home, half: str) -> None:
    (draft,) = keep()
    opened = read(home, draft.index, half, "asked for by Dr Jekyll")
    assert opened.message_id == draft.message
    row = Entry.objects.order_by("-index")[0]
    assert (row.kind, row.message_id) == ("archive.opened", draft.message)
    assert b"Jekyll" not in bytes(row.leaf) + bytes(row.detail)
    assert read(home, row.index, half).detail == {"reason": "asked for by Dr Jekyll"}


def test_a_locked_archive_opens_nothing_and_writes_nothing(home: Home) -> None:
    (draft,) = keep()
    count = Entry.objects.count()
    with pytest.raises(Refusal, match="archive_locked"):
        read(home, draft.index, "A" * 43)
    assert Entry.objects.count() == count


def test_an_owner_cannot_open(home: Home, half: str) -> None:
    (draft,) = keep()
    with pytest.raises(Refusal, match="not_allowed"):
        reading.open_record(actor=home.owner, now=clock.now(), index=draft.index, session_key="s", half=half)


@pytest.mark.parametrize("column", ["sealed", "outer_wrap"])
def test_a_changed_record_is_refused(home: Home, half: str, column: str) -> None:
    (draft,) = keep()
    row = Record.objects.get()
    data = bytearray(getattr(row, column))
    data[-1] ^= 1
    Record.objects.filter(entry_id=row.entry_id).update(**{column: bytes(data)})
    with pytest.raises(Refusal, match="record_altered"):
        read(home, draft.index, half)


def test_a_swapped_record_is_refused(home: Home, half: str) -> None:
    first, second = keep(snapshot("one"), snapshot("two"))
    other = Record.objects.get(entry_id=second.id)
    Record.objects.filter(entry_id=first.id).update(sealed=bytes(other.sealed), outer_wrap=bytes(other.outer_wrap))
    with pytest.raises(Refusal, match="record_altered"):
        read(home, first.index, half)


def test_a_lost_envelope_is_told_not_guessed_around(home: Home, half: str) -> None:
    (draft,) = keep()
    Batch.objects.all().delete()
    with pytest.raises(Refusal, match="record_altered"):
        read(home, draft.index, half)


def test_an_entry_without_words_says_so(home: Home, half: str) -> None:
    with pytest.raises(Refusal, match="nothing_sealed"):
        read(home, 0, half)
    with pytest.raises(Refusal, match="not_found"):
        read(home, 10_000, half)


def test_lists_filter_by_everything_they_name(home: Home, fake: clock.Fake) -> None:
    customer, run = uuid4(), uuid4()
    keep(snapshot(customer_id=customer), snapshot(run=run))
    fake.advance(hours=1)
    happen("key.created")
    asked = {
        "kind": ({"kind": "key.created"}, [3]),
        "kinds": ({"kind": "message.*"}, [1, 2]),
        "customer": ({"customer": customer}, [1]),
        "run": ({"campaign": run}, [2]),
        "range": ({"start": 1, "end": 2}, [1, 2]),
        "after": ({"after": NOON + timedelta(minutes=1)}, [3]),
        "before": ({"before": NOON + timedelta(minutes=1), "start": 1}, [1, 2]),
    }
    for name, (given, expected) in asked.items():
        page = entries.list_for(home.officer, entries.Filter(**given))  # type: ignore[arg-type]
        assert [one.index for one in page.results] == expected, name


def test_pages_follow_each_other_both_ways(home: Home) -> None:
    for _ in range(9):
        happen()
    for newest_first, order in ((False, range(10)), (True, range(9, -1, -1))):
        seen, cursor = [], None
        while True:
            page = entries.list_for(home.officer, entries.Filter(), limit=4, cursor=cursor, newest_first=newest_first)
            seen += [one.index for one in page.results]
            cursor = page.next
            if cursor is None:
                break
        assert seen == list(order)


def test_a_poller_is_one_entry_a_minute(home: Home, fake: clock.Fake) -> None:
    for _ in range(5):
        listing.list_entries(actor=home.mirror, now=clock.now(), asked=entries.Filter())
    assert Entry.objects.filter(kind="archive.listed").count() == 1
    listing.list_entries(actor=home.officer, now=clock.now(), asked=entries.Filter())
    fake.advance(minutes=1)
    listing.list_entries(actor=home.mirror, now=clock.now(), asked=entries.Filter())
    assert Entry.objects.filter(kind="archive.listed").count() == 3


def test_a_stranger_lists_and_proves_nothing(home: Home) -> None:
    from portal.kernel import actors, ids

    author = actors.staff(ids.uuid7(), "author")
    calls = (
        lambda: entries.list_for(author, entries.Filter()), lambda: entries.get_entry_for(author, 0),
        lambda: proofs.get_proof_for(author, 0), lambda: proofs.get_tile_for(author, "tile/0/000"),
        lambda: proofs.get_checkpoint_for(author), lambda: proofs.get_key_for(author),
    )  # fmt: skip
    for call in calls:
        with pytest.raises(Refusal, match="not_allowed"):
            call()


def test_a_proof_that_is_drawn_is_an_entry(home: Home) -> None:
    tree.integrate(now=clock.now())
    reading.prove(actor=home.officer, now=clock.now(), index=0)
    assert Entry.objects.order_by("-index")[0].kind == "archive.proved"


def test_erasure_cuts_the_tie_and_the_words_and_keeps_the_leaf(home: Home) -> None:
    customer = uuid4()
    (draft,) = keep(snapshot(customer_id=customer))
    leaf = bytes(Entry.objects.get(index=draft.index).leaf)
    assert str(customer).encode() not in leaf
    for again in (subject.Cut(1, 0), subject.Cut(0, 0)):
        with unit.work():
            assert subject.cut(customer_id=customer, now=clock.now()) == again
    row = Record.objects.get()
    assert (row.customer_id, row.words) == (None, [])
    assert entries.list_for(home.officer, entries.Filter(customer=customer)).results == []
    assert bytes(Entry.objects.get(index=draft.index).leaf) == leaf


def test_a_month_that_is_over_gives_its_index_key_to_the_officers_only(fake: clock.Fake, home: Home) -> None:
    keep(snapshot("invoice"))
    key = monthkey.index("2031-05")
    assert indexkey.seal_past(now=clock.now()) == []
    assert indexkey.seal_past(now=fake.advance(days=28)) == ["2031-05"]
    with pytest.raises(errors.KeyGone):
        keys.business().get("index/2031-05")
    row, business = IndexKey.objects.get(month="2031-05"), tenancy.here().id
    opened = envelope.open_(
        bytes(row.envelope), str(recipients.recovery().id), recovery.decode(home.recovery_text), purpose="index/2031-05",
        business=business, subject=business,
    )  # fmt: skip
    assert opened == key
    assert indexkey.seal_past(now=clock.now()) == []


def test_the_default_rule_gives_every_message_its_end(home: Home, fake: clock.Fake) -> None:
    found = rules.retention_for(category="service", kind="message.sent", at=NOON)
    assert (found.rule, found.until) == ("default", NOON.replace(year=2038))


def test_the_overview_counts(home: Home) -> None:
    assert summary.get_summary().signed_at is None
    tree.integrate(now=clock.now())
    seen = summary.get_summary()
    assert (seen.size, seen.signed, seen.epoch) == (1, 1, 1)
    assert seen.signed_at
    assert seen.origin.startswith("ebb.log/")
    assert promise.held().size == 1
