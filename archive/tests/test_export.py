"""Exports through their flows: sealed by a job, open in an officer's own request; with a real archive and a real verifier."""

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from archive.export import bundle, check, container, opening
from archive.export.signed import NotVerified
from archive.flows import blob, drawing, export, tree, unlock
from archive.models import Batch, Blob, Disposed, Entry, Epoch, Export, Record
from archive.queries import bundle as reading
from archive.tests.conftest import PASSPHRASE, Home, happen, keep, snapshot
from portal.kernel import actors, clock, errors, ids, jobs, unit
from portal.kernel.errors import Refusal
from portal.sealing import recovery

EVERYTHING = export.Selection()


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, settings: Any) -> None:
    settings.EBB_EXPORTS = str(tmp_path / "exports")


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """Jobs that were asked for, by the ids they carry."""
    asked: list[UUID] = []
    monkeypatch.setattr(jobs, "enqueue", lambda name, *given, queue="urgent": asked.extend(given))
    return asked


def fill(count: int = 5) -> None:
    happen()
    keep(*[snapshot(f"kqzv message {number} ü") for number in range(count)])
    happen("hold.placed", detail={"reason": "a lawsuit"})


def vkey() -> str:
    return str(Epoch.objects.order_by("-number").first().vkey)


def verified(data: bytes) -> dict[str, Any]:
    return check.verify(container.Zipped(io.BytesIO(data)), vkey()).manifest


def drawn(home: Home, queued: list[UUID], selection: export.Selection = EVERYTHING) -> tuple[UUID, bytes]:
    found = export.ask(actor=home.officer, now=clock.now(), selection=selection, reason="the regulator asked")
    drawing.build(export_id=found)
    row = Export.objects.get(id=found)
    assert row.state == "ready", row.failure
    return found, drawing.path_of(found).read_bytes()


@pytest.fixture
def opened(home: Home) -> dict[str, str]:
    """What an unlocked browser sends along."""
    session = "a-session-key"
    half = unlock.open_(actor=home.officer, now=clock.now(), passphrase=PASSPHRASE, session_key=session).half
    return {"session_key": session, "half": half}


def streamed(home: Home, opened: dict[str, str], selection: export.Selection = EVERYTHING) -> Iterator[bytes]:
    return export.stream(actor=home.officer, now=clock.now(), selection=selection, reason="a complaint", **opened)[1]


def test_a_sealed_bundle_verifies_and_holds_every_entry(home: Home, queued: list[UUID]) -> None:
    fill()
    found, data = drawn(home, queued)
    assert queued == [found]
    manifest = verified(data)
    assert manifest["counts"] == {"entries": manifest["checkpoint"]["size"], "records": 5, "missing": {}}
    assert manifest["asked_in"] == Export.objects.get().asked_index
    assert b"kqzv" not in data
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        assert not any(name.startswith(("records/", "attachments/")) for name in read.namelist())


def test_the_entry_names_it_before_it_can_be_fetched(home: Home, queued: list[UUID]) -> None:
    fill()
    found, _ = drawn(home, queued)
    row = Export.objects.get(id=found)
    said = [json.loads(bytes(one.leaf)) for one in Entry.objects.filter(kind__in=["export.asked", "archive.exported"])]
    assert said[1]["codes"]["sha256"] == row.sha256
    assert said[1]["codes"]["records"] == 5
    file = export.fetch(actor=home.officer, now=clock.now(), export_id=found)
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.parent.stat().st_mode & 0o777 == 0o700
    assert Entry.objects.filter(kind="export.fetched").count() == 1


def test_what_was_asked_is_sealed(home: Home, queued: list[UUID]) -> None:
    fill()
    export.ask(
        actor=home.officer, now=clock.now(), selection=export.Selection(query="kind:message.sent"), reason="kqzv why"
    )
    row = Export.objects.get()
    assert b"kqzv" not in bytes(row.sealed_reason)
    assert b"message.sent" not in bytes(row.sealed_query)
    assert not any(b"kqzv" in bytes(one.leaf) for one in Entry.objects.all())


def test_an_open_bundle_stands_nowhere(home: Home, opened: dict[str, str], tmp_path: Path) -> None:
    fill()
    data = b"".join(streamed(home, opened))
    manifest = verified(data)
    assert manifest["counts"]["records"] == 5
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        lines = [json.loads(line) for line in read.read("records.jsonl").splitlines()]
    assert [line["content"]["body"] for line in lines] == [f"kqzv message {number} ü" for number in range(5)]
    assert not (tmp_path / "exports").exists()
    row = Export.objects.get()
    assert (row.state, row.records, row.size) == ("streamed", 5, len(data))


def test_its_entry_is_committed_before_the_first_byte(home: Home, opened: dict[str, str]) -> None:
    fill()
    parts = streamed(home, opened)
    assert Entry.objects.filter(kind="archive.exported").count() == 1
    next(parts)


def test_a_locked_archive_opens_nothing_and_one_that_is_locked_meanwhile_breaks_off(
    home: Home, opened: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill()
    with pytest.raises(Refusal, match="archive_locked"):
        streamed(home, {"session_key": "another", "half": opened["half"]})
    monkeypatch.setattr(drawing, "PART", 1)
    parts = streamed(home, opened)
    next(parts)
    unlock.close(actor=home.officer, now=clock.now(), session_key=opened["session_key"])
    with pytest.raises(Refusal, match="archive_locked"):
        list(parts)
    assert Export.objects.get().failure == "archive_locked"
    assert Entry.objects.filter(kind="export.failed").count() == 1


def test_one_that_is_broken_off_says_so(home: Home, opened: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    fill()
    monkeypatch.setattr(drawing, "PART", 1)
    parts = streamed(home, opened)
    next(parts)
    parts.close()  # type: ignore[attr-defined]
    assert Export.objects.get().failure == "broken_off"


def test_an_open_one_needs_a_reason(home: Home, opened: dict[str, str]) -> None:
    with pytest.raises(Refusal, match="reason_missing"):
        export.stream(actor=home.officer, now=clock.now(), selection=EVERYTHING, reason=" ", **opened)


@pytest.mark.parametrize("sealed", [True, False])
def test_ranges_of_indexes_and_of_time_are_complete(
    fake: clock.Fake, home: Home, queued: list[UUID], opened: dict[str, str], sealed: bool
) -> None:
    for _ in range(6):
        keep(snapshot(), snapshot())
        fake.advance(minutes=1)
    start = fake.at - timedelta(minutes=4)
    for selection, expected in [
        (export.Selection(first=2, last=5), 4), (export.Selection(after=start, before=start + timedelta(minutes=2)), 4),
        (export.Selection(first=10**6), 0),
    ]:  # fmt: skip
        data = drawn(home, queued, selection)[1] if sealed else b"".join(streamed(home, opened, selection))
        manifest = verified(data)
        assert manifest["complete"]
        assert manifest["counts"]["entries"] == expected


def test_a_query_selects_as_search_and_holds_do(home: Home, queued: list[UUID]) -> None:
    customer = ids.uuid7()
    keep(snapshot("one", customer_id=customer), snapshot("two"), snapshot("three", customer_id=customer))
    manifest = verified(drawn(home, queued, export.Selection(query=f"customer:{customer}"))[1])
    assert manifest["counts"] == {"entries": 2, "records": 2, "missing": {}}
    assert not manifest["complete"]


def _dispose(row: Record) -> None:
    Disposed.objects.create(message_id=row.message_id, entry_id=ids.uuid7(), at=clock.now())
    row.delete()


def _flip(row: Record) -> None:
    Record.objects.filter(pk=row.pk).update(sealed=bytes(row.sealed)[:-1] + b"x")


def test_what_is_missing_is_named_with_its_reason(home: Home, queued: list[UUID], opened: dict[str, str]) -> None:
    drafts = keep(*[snapshot(f"message {number}") for number in range(6)])
    rows = [Record.objects.get(entry_id=draft.id) for draft in drafts]
    _dispose(rows[0])
    rows[1].delete()
    _flip(rows[2])
    Record.objects.filter(pk=rows[3].pk).update(mirrored_at=clock.now(), sealed=b"")
    expected = {"disposed": 1, "lost": 1, "altered": 1, "mirrored": 1}
    for data in (drawn(home, queued)[1], b"".join(streamed(home, opened))):
        assert verified(data)["counts"]["missing"] == expected
        with zipfile.ZipFile(io.BytesIO(data)) as read:
            missing = json.loads(read.read("missing.json"))["missing"]
        assert [one["reason"] for one in missing] == ["disposed", "lost", "altered", "mirrored"]
        assert [one["index"] for one in missing] == [draft.index for draft in drafts[:4]]
    assert Export.objects.first().missing == expected


def test_an_envelope_that_this_officer_has_no_key_for_is_named(home: Home, opened: dict[str, str]) -> None:
    keep(snapshot())
    found = streamed(home, opened)
    parts = list(found)
    assert verified(b"".join(parts))["counts"]["records"] == 1

    def closed(batch: UUID, envelope: bytes) -> bytes:
        from portal.sealing import errors as sealing

        raise sealing.Unsealable("no")

    source = reading.Source(reading.choose_indexes(0, None, 100), Epoch, "", closed)  # type: ignore[arg-type]
    assert [one[1] for one in source.records(boxes=False)] == ["not_openable"]


def test_a_leaf_that_was_changed_is_named_and_the_rest_verifies(home: Home, queued: list[UUID]) -> None:
    (draft,) = keep(snapshot())
    happen()
    tree.integrate(now=clock.now())
    row = Entry.objects.get(index=draft.index)
    Entry.objects.filter(index=draft.index).update(leaf=bytes(row.leaf).replace(b"system", b"clock"))
    manifest = verified(drawn(home, queued)[1])
    assert manifest["counts"]["missing"] == {"altered": 1}


def test_a_change_while_it_is_drawn_begins_it_anew_and_never_mixes(home: Home, queued: list[UUID], opened: dict[str, str],
                                                                   monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    fill()
    monkeypatch.setattr(drawing, "PART", 1)
    parts = streamed(home, opened)
    got = []
    with pytest.raises(bundle.SourceChanged):  # noqa: PT012
        for part in parts:
            got.append(part)
            if b"records.csv" in part:
                _dispose(Record.objects.first())
    with pytest.raises(NotVerified):
        verified(b"".join(got))
    assert Export.objects.get().failure == "archive_changed"


def test_a_job_that_died_is_taken_up_by_the_clock(home: Home, queued: list[UUID], fake: clock.Fake) -> None:
    fill()
    found = export.ask(actor=home.officer, now=clock.now(), selection=EVERYTHING, reason="")
    assert drawing._claim(found) is not None
    assert drawing._claim(found) is None  # nobody else draws it meanwhile
    drawing.build(export_id=found)
    assert Export.objects.get().state == "building"
    fake.advance(seconds=91)
    export.sweep(now=clock.now())
    assert queued == [found, found]
    drawing.build(export_id=found)
    assert Export.objects.get().state == "ready"
    drawing.build(export_id=found)  # twice is as good as once
    assert Entry.objects.filter(kind="archive.exported").count() == 1


def test_it_is_given_up_after_three_times(home: Home, queued: list[UUID], fake: clock.Fake) -> None:
    found = export.ask(actor=home.officer, now=clock.now(), selection=EVERYTHING, reason="")
    for _ in range(3):
        assert drawing._claim(found)
        fake.advance(seconds=91)
        export.sweep(now=clock.now())
    row = Export.objects.get()
    assert (row.state, row.failure) == ("failed", "interrupted")


def test_a_full_disk_is_told(home: Home, queued: list[UUID], monkeypatch: pytest.MonkeyPatch) -> None:
    fill()
    found = export.ask(actor=home.officer, now=clock.now(), selection=EVERYTHING, reason="")

    def full(self: drawing.Drawing) -> Iterator[bytes]:
        yield b"PK"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(drawing.Drawing, "parts", full)
    drawing.build(export_id=found)
    assert Export.objects.get().failure == "no_room"
    assert not list(drawing.path_of(found).parent.iterdir())


def test_the_file_ends_after_a_week(home: Home, queued: list[UUID], fake: clock.Fake) -> None:
    fill()
    found, _ = drawn(home, queued)
    fake.advance(days=7)
    with pytest.raises(Refusal, match="export_gone"):
        export.fetch(actor=home.officer, now=clock.now(), export_id=found)
    export.sweep(now=clock.now())
    assert not drawing.path_of(found).exists()
    assert Export.objects.get().state == "ended"


@pytest.mark.parametrize(("selection", "code"), [
    (export.Selection(first=5, last=4), "range_upside_down"),
    (export.Selection(query="kind:"), "query_invalid"), (export.Selection(query="word"), "query_needs_key"),
    (export.Selection(after=clock.now(), before=clock.now() - timedelta(days=1)), "range_upside_down"),
])  # fmt: skip
def test_what_cannot_be_selected_is_refused_at_once(home: Home, selection: export.Selection, code: str) -> None:
    with pytest.raises(Refusal, match=code):
        export.ask(actor=home.officer, now=clock.now(), selection=selection, reason="")
    assert not Export.objects.exists()


def test_who_may_not_export_exports_nothing(home: Home, queued: list[UUID]) -> None:
    found, _ = drawn(home, queued)
    reviewer = actors.staff(ids.uuid7(), "reviewer")
    for act in (
        lambda: export.ask(actor=reviewer, now=clock.now(), selection=EVERYTHING, reason=""),
        lambda: export.fetch(actor=reviewer, now=clock.now(), export_id=found),
    ):
        with pytest.raises(Refusal, match="not_allowed"):
            act()


def test_another_businesss_export_is_absent(home: Home, found: Any, queued: list[UUID]) -> None:
    mine, _ = drawn(home, queued)
    other = found("globex")
    with other.scope(), pytest.raises(Refusal, match="not_found"):
        export.fetch(actor=other.officer, now=clock.now(), export_id=mine)
    assert errors.not_found("export").code == "not_found"
    assert Batch.objects.exists()


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def with_file(data: bytes = b"%PDF-1.7 kqzv what was enclosed", count: int = 2) -> dict[str, Any]:
    """Records that share one file."""
    author = actors.staff(ids.uuid7(), "author")
    made = blob.put(actor=author, now=clock.now(), name="Befund ü.pdf", kind="application/pdf", data=data)
    with unit.work():
        taken = blob.look(actor=author, now=clock.now(), wanted=[made.id])[made.id]
        blob.use(wanted=[made.id], until=clock.now())
    assert isinstance(taken, blob.Taken)
    content = {"subject": "", "body": "with it", "to": {"name": "Anna"}, "attachments": [taken.entry]}
    keep(*[snapshot(content=content) for _ in range(count)])
    return taken.entry


def test_files_leave_with_their_records_open_and_sealed(
    home: Home, queued: list[UUID], opened: dict[str, str], tmp_path: Path
) -> None:
    fill(2)
    entry = with_file()
    _, sealed = drawn(home, queued)
    assert verified(sealed)["counts"]["records"] == 4
    assert b"kqzv what" not in sealed
    whole = b"".join(
        export.stream(actor=home.officer, now=clock.now(), selection=EVERYTHING, reason="a suit", **opened)[1]
    )
    assert verified(whole)["folders"]["attachments"]["count"] == 1
    with zipfile.ZipFile(io.BytesIO(whole)) as read:
        assert read.read(f"attachments/{entry['sha256']}.pdf") == b"%PDF-1.7 kqzv what was enclosed"
        letters = [read.read(name) for name in read.namelist() if name.endswith(".eml")]
    files = [
        file.get_filename()
        for raw in letters
        for file in message_from_bytes(raw, policy=policy.default).iter_attachments()
    ]
    assert files == ["Befund ü.pdf"] * 2
    (tmp_path / "sealed.zip").write_bytes(sealed)
    opening.open_bundle(
        tmp_path / "sealed.zip", recovery.decode(home.recovery_text), tmp_path / "out", lambda count: None
    )
    assert (tmp_path / "out" / f"attachments/{entry['sha256']}.pdf").read_bytes() == b"%PDF-1.7 kqzv what was enclosed"


def test_a_record_whose_file_is_gone_or_was_changed_is_named(
    home: Home, queued: list[UUID], opened: dict[str, str]
) -> None:
    fill(1)
    lost, changed = with_file(count=1), with_file(count=1)
    Blob.objects.filter(id=lost["id"]).delete()
    row = Blob.objects.get(id=changed["id"])
    Blob.objects.filter(id=row.id).update(sealed=bytes(row.sealed)[:-1] + b"x")
    whole = b"".join(
        export.stream(actor=home.officer, now=clock.now(), selection=EVERYTHING, reason="a suit", **opened)[1]
    )
    assert verified(whole)["counts"]["missing"] == {"lost": 1, "altered": 1}
    _, sealed = drawn(home, queued)
    assert verified(sealed)["counts"]["missing"] == {"lost": 1, "altered": 1}, "no key is needed to see it"
