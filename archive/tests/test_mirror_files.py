"""Files behind the firewall: what a mirror has to hold before it signs, what is dropped here and when, what disposal takes."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from archive.flows import blob, certificate, hold, mirror, record, tree
from archive.ledger import entry
from archive.models import Blob, Bucket, Certificate, Disposed, Entry, Mirror, Record, Rule
from archive.queries import certificates, sealed, verification
from archive.rules import disposal as months
from archive.tests.conftest import Home, allow, keep, snapshot
from archive.tests.test_blob import put, used
from archive.tests.test_disposal import open_wide, run
from archive.tests.test_mirror import SCRIPT, Machine, drop, machine, named, receipt, sign
from portal.kernel import actors, clock, ids
from portal.kernel.errors import Refusal

PDF = b"%PDF-1.7\nkqzv what was enclosed " + b"x" * 200_000 + b"\nstartxref\n0\n%%EOF\n"
SHA = hashlib.sha256(PDF).hexdigest()

__all__ = ["machine", "named"]


# ── the portal's half ─────────────────────────────────────────────────────────────────────────────────────────────────
def enclosed() -> dict[str, Any]:
    """A file that nothing may be sent with any more."""
    pk = put()
    (one,) = used(pk)
    Blob.objects.filter(id=pk).update(held_until=clock.now())
    return one


def attached(entries: list[dict[str, Any]], **changes: Any) -> record.Snapshot:
    return snapshot(content={"subject": "", "body": "see the letter", "to": {}, "attachments": entries}, **changes)


def hour(fake: clock.Fake) -> None:
    fake.advance(hours=2)
    drop()


def test_a_leaf_commits_to_the_files_of_its_record(home: Home, fake: clock.Fake) -> None:
    one, other = enclosed(), enclosed()
    first, second = keep(attached([one, other]), snapshot())
    digests = [
        (UUID(each["id"]), hashlib.sha256(bytes(Blob.objects.get(id=each["id"]).sealed)).digest())
        for each in (other, one)
    ]
    assert entry.decode(bytes(Entry.objects.get(index=first.index).leaf)).codes == {
        "files_sha256": entry.digest_files(digests)
    }
    assert b"files" not in bytes(Entry.objects.get(index=second.index).leaf)
    answer = sealed.get_sealed_for(home.mirror, first.index)
    assert {one["id"]: one["sha256"] for one in answer["blobs"]} == {str(pk): digest.hex() for pk, digest in digests}
    assert "blobs" not in sealed.get_sealed_for(home.mirror, second.index)
    assert verification.verify().is_whole


def test_whoever_does_not_know_of_the_files_cannot_sign_for_their_records(
    home: Home, named: Any, fake: clock.Fake
) -> None:
    (draft,) = keep(attached([enclosed()]))
    without = hashlib.sha256(bytes.fromhex(draft.sealed_sha256)).hexdigest()
    with pytest.raises(Refusal, match="receipt_invalid"):
        sign(home, named, receipt(0, draft.index, digest=without))
    sign(home, named, receipt(0, draft.index))


def test_a_file_stays_until_all_its_records_are_dropped_and_their_messages_over(
    home: Home, named: Any, fake: clock.Fake
) -> None:
    one = enclosed()
    first, second = keep(attached([one]), attached([one], gone_at=clock.now() + timedelta(days=3)))
    sign(home, named, receipt(0, first.index))
    hour(fake)
    assert blob.read(one)
    sign(home, named, receipt(first.index + 1, second.index))
    hour(fake)
    assert not Record.objects.filter(mirrored_at=None).exists()
    assert blob.read(one), "the second message is alive"
    fake.advance(days=3)
    drop()
    assert not Blob.objects.exists()
    leaf = entry.decode(bytes(Entry.objects.get(kind="mirror.files_dropped").leaf))
    assert (leaf.count, leaf.ids_sha256) == entry.digest_ids([UUID(one["id"])])
    assert verification.verify().is_whole


@pytest.mark.parametrize("kept", ["missing", "held", "no end yet", "may be sent"])
def test_a_file_stays_for_the_one_record_that_needs_it(home: Home, named: Any, fake: clock.Fake, kept: str) -> None:
    one, customer = enclosed(), ids.uuid7()
    first, second = keep(
        attached([one]), attached([one], customer_id=customer, **({"gone_at": None} if kept == "no end yet" else {}))
    )
    if kept == "held":
        hold.place(actor=home.officer, now=clock.now(), name="Suit", reason="A lawsuit", query=f"customer:{customer}")
    if kept == "may be sent":
        blob.hold(wanted=[UUID(one["id"])], until=clock.now() + timedelta(days=60))
    sign(home, named, receipt(0, second.index, missing=(second.index,) if kept == "missing" else ()))
    fake.advance(days=3)
    drop()
    assert Record.objects.exclude(mirrored_at=None).filter(entry_id=first.id).exists()
    assert blob.read(one)
    assert not Entry.objects.filter(kind="mirror.files_dropped").exists()


def test_a_mirror_gets_what_records_name_and_nothing_else(home: Home, found: Any, fake: clock.Fake) -> None:
    one, waiting = enclosed(), put()
    keep(attached([one]))
    assert hashlib.sha256(sealed.get_file_for(home.mirror, UUID(one["id"]))).hexdigest() == one["sealed_sha256"]
    for pk in (waiting, ids.uuid7()):
        with pytest.raises(Refusal, match="not_found"):
            sealed.get_file_for(home.mirror, pk)
    stranger = actors.key(ids.uuid7(), frozenset({"archive.list", "archive.export"}))
    for act in (lambda: sealed.get_file_for(stranger, UUID(one["id"])), lambda: sealed.get_disposed_for(stranger, 0)):
        with pytest.raises(Refusal, match="not_allowed"):
            act()
    other = found("globex")
    with other.scope(), pytest.raises(Refusal, match="not_found"):
        sealed.get_file_for(other.mirror, UUID(one["id"]))


def test_any_change_of_a_file_or_of_who_names_it_is_found(home: Home, fake: clock.Fake) -> None:
    one, other = enclosed(), enclosed()
    (draft,) = keep(attached([one]))
    row = Blob.objects.get(id=one["id"])
    flipped = bytes(row.sealed)[:-1] + bytes([row.sealed[-1] ^ 1])

    def codes() -> set[str]:
        return {code for code, _ in verification.verify().faults}

    Blob.objects.filter(id=row.id).update(sealed=flipped)
    assert codes() == {"file_differs", "files_differ"}
    with pytest.raises(Refusal, match="file_altered"):
        sealed.get_file_for(home.mirror, row.id)
    Blob.objects.filter(id=row.id).update(sha256=hashlib.sha256(flipped).digest())
    assert codes() == {"files_differ"}, "a thief who knows the column is found by the leaf"
    Blob.objects.filter(id=row.id).update(sealed=row.sealed, sha256=row.sha256)
    for wrong in ([UUID(other["id"])], None, [row.id, UUID(other["id"])], [ids.uuid7()]):
        Record.objects.update(blobs=wrong)
        assert codes() == {"files_differ"}
        with pytest.raises(Refusal, match="record_altered"):
            sealed.get_sealed_for(home.mirror, draft.index)


def test_what_was_disposed_of_is_told_as_its_entry_says(home: Home, fake: clock.Fake) -> None:
    open_wide()
    keep(*[snapshot(archived_until=clock.now() + timedelta(days=5)) for _ in range(3)])
    fake.advance(days=6)
    run(size=10)
    row = Entry.objects.get(kind="archive.disposed")
    told = sealed.get_disposed_for(home.mirror, row.index)
    leaf = entry.decode(bytes(row.leaf))
    assert (leaf.count, leaf.ids_sha256) == entry.digest_ids(told)
    with pytest.raises(Refusal, match="not_found"):
        sealed.get_disposed_for(home.mirror, row.index - 1)


def test_a_certificate_names_the_mirrors_and_what_they_signed(home: Home, named: Any, fake: clock.Fake) -> None:
    open_wide()
    month = "2031-05"
    keep(attached([enclosed()], archived_until=clock.now() + timedelta(days=5)))
    fake.advance(days=6)
    run()
    Bucket.objects.filter(month=month).update(state=Bucket.State.DESTROYED, decided_index=0, destroyed_index=0)

    def said() -> Any:
        Certificate.objects.all().delete()
        certificate.issue(month=month, now=clock.now())
        return certificates.read(Certificate.objects.get().note)["mirrors"]

    disposed = Entry.objects.get(kind="archive.disposed").index
    assert said() == [{"mirror": str(named), "followed": False, "removed": False}]
    gone = Entry.objects.filter(kind="message.sent").values_list("index", flat=True)
    sign(home, named, receipt(0, disposed, missing=tuple(gone)))
    assert said() == [{"mirror": str(named), "followed": True, "removed": False}]


# ── the script, on a second data folder ───────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def stocked(machine: Machine) -> Iterator[Machine]:
    """Two customers got the same file, in one batch of two; the mirror has not pulled yet."""
    machine.index = send(machine, 2)
    with machine.cast.inside():
        tree.integrate(now=clock.now())
        yield machine


def send(machine: Machine, count: int, data: bytes = PDF) -> list[int]:
    from messaging.flows import attachment, message
    from messaging.rules.compose import Compose

    cast = machine.cast
    people = [cast.customer(name=f"Kqzv {number}") for number in range(count)]
    with cast.inside():
        up = attachment.upload(actor=cast.author, now=clock.now(), name="kqzv.pdf", data=data)
        asked = [Compose(body="kqzv see it", customer=one, gone_after=3600, attachments=(up.id,)) for one in people]
        done = message.send_many(actor=cast.author, now=clock.now(), composed=asked)
    return [one.index for one in done]  # type: ignore[union-attr]


def blobs(machine: Machine) -> list[Path]:
    return sorted(path for path in (machine.folder / "blobs").rglob("*") if path.is_file())


def opened(machine: Machine, index: int, name: str) -> bytes:
    out = machine.beside / name
    code, said = machine.run("open", index, "--key", machine.beside / "recovery.txt", "--out", out)
    assert code == 0, said
    return (out / f"{SHA}.pdf").read_bytes()


def test_a_file_is_fetched_once_and_comes_back_verified(stocked: Machine) -> None:
    assert stocked.run("pull")[0] == 0
    assert len(blobs(stocked)) == 1
    code, said = stocked.run("verify")
    assert code == 0, said
    assert " 6 sealed records, 1 files" in said
    assert [opened(stocked, index, str(index)) for index in stocked.index] == [PDF, PDF]
    assert not any(b"kqzv" in file.read_bytes() for file in stocked.folder.rglob("*") if file.is_file())
    out = stocked.beside / "all"
    code, said = stocked.run("export", 0, 10**6, "--key", stocked.beside / "recovery.txt", "--out", out)
    assert "6 records opened" in said, said
    assert (out / "attachments" / f"{SHA}.pdf").read_bytes() == PDF
    assert json.loads((out / "records" / f"{stocked.index[0]}.json").read_bytes())["body"] == "kqzv see it"
    assert stocked.run("export", 0, 1, "--key", stocked.beside / "recovery.txt", "--out", out)[0] == 1, (
        "never over another"
    )


def test_what_the_portal_dropped_comes_back_from_the_mirror_only(stocked: Machine) -> None:
    Mirror.objects.update(drops=True)
    assert stocked.run("pull")[0] == 0
    later = clock.now() + timedelta(days=40)
    mirror.sweep(now=later)
    assert not Record.objects.filter(mirrored_at=None, kind="message.sent").exists()
    assert not Blob.objects.exists()
    assert "VERIFIED" in stocked.run("verify")[1]
    assert opened(stocked, stocked.index[0], "back") == PDF
    assert stocked.run("pull")[0] == 0


def test_with_a_lost_or_altered_file_no_receipt_names_its_records(stocked: Machine) -> None:
    """One file was flipped on the portal's disk, one is not there: the mirror says so, and the portal drops neither record."""
    lost = send(stocked, 1)
    good = send(stocked, 1)
    (first, second, _) = Blob.objects.order_by("id")
    Blob.objects.filter(id=first.id).update(sealed=bytes(first.sealed)[:-1] + bytes([first.sealed[-1] ^ 1]))
    Blob.objects.filter(id=second.id).delete()
    Mirror.objects.update(drops=True)
    tree.integrate(now=clock.now())
    assert stocked.run("pull")[0] == 0
    signed = next((stocked.folder / "receipts").iterdir()).read_text()
    missing = [line for line in signed.splitlines() if line.startswith("missing ")]
    assert missing == [f"missing {index} altered" for index in sorted([*stocked.index, *lost])]
    mirror.sweep(now=clock.now() + timedelta(days=40))
    kept = Record.objects.filter(mirrored_at=None).values_list("entry_id", flat=True)
    assert set(Entry.objects.filter(id__in=kept).values_list("index", flat=True)) >= {*stocked.index, *lost}
    assert not Record.objects.filter(entry_id=Entry.objects.get(index=good[0]).id, mirrored_at=None).exists()
    assert "found it changed" in stocked.run("open", lost[0], "--key", stocked.beside / "recovery.txt")[1]


def lie(machine: Machine, monkeypatch: pytest.MonkeyPatch, part: str, change: Any) -> None:
    """A portal that answers otherwise than it should."""
    plain = machine.program.Portal.get

    def get(portal: Any, path: str) -> tuple[int, bytes]:
        status, body = plain(portal, path)
        return (status, change(body)) if part in path else (status, body)

    monkeypatch.setattr(machine.program.Portal, "get", get)


def without_blobs(body: bytes) -> bytes:
    value = json.loads(body)
    value.pop("blobs", None)
    return json.dumps(value).encode()


def of_another(body: bytes) -> bytes:
    return body.replace(b'"blobs":[{"id":"', b'"blobs":[{"id":"../../')


LIES = [
    ("blobs/", lambda body: body[:-1] + bytes([body[-1] ^ 1])), ("blobs/", lambda body: b""),
    ("sealed", without_blobs), ("sealed", of_another),
]  # fmt: skip


@pytest.mark.parametrize(("part", "change"), LIES)
def test_a_portal_that_gives_another_file_or_hides_one_is_found_out(
    stocked: Machine, monkeypatch: pytest.MonkeyPatch, part: str, change: Any
) -> None:
    lie(stocked, monkeypatch, part, change)
    code, said = stocked.run("pull")
    assert code == 2, said
    assert "commits to" in said
    assert not blobs(stocked)
    assert not Entry.objects.filter(kind="mirror.signed").exists()


def test_a_file_that_was_changed_or_lost_here_is_said(stocked: Machine) -> None:
    assert stocked.run("pull")[0] == 0
    (path,) = blobs(stocked)
    good = path.read_bytes()
    path.write_bytes(good[:100] + bytes([good[100] ^ 1]) + good[101:])
    for command in (("verify",), ("open", stocked.index[0], "--key", stocked.beside / "recovery.txt")):
        code, said = stocked.run(*command)
        assert (code, "was changed here" in said) == (1, True), said
    path.unlink()
    assert "is not here" in stocked.run("verify")[1]


def test_the_file_of_another_business_is_nobodys_here(globex: Any, stocked: Machine) -> None:
    (pk,) = Blob.objects.values_list("id", flat=True)
    for cast, status in ((stocked.cast, 200), (globex, 404)):
        url = f"http://127.0.0.1:{cast.host.rpartition(':')[2]}/api/v1/archive/blobs/{pk}"
        answer = httpx.get(url, headers={"Host": cast.host, "Authorization": f"Bearer {cast.key}"})
        assert answer.status_code == status
        assert b"kqzv" not in answer.content


# ── disposal reaches the mirror ───────────────────────────────────────────────────────────────────────────────────────
def dispose(machine: Machine, *indexes: int) -> None:
    """Their time came: as if they had been sent long ago."""
    now = clock.now()
    Rule.objects.filter(is_default=True).update(keep_for="P1D")
    allow()
    wanted = Entry.objects.filter(index__in=indexes).values_list("id", flat=True)
    Record.objects.filter(entry_id__in=list(wanted)).update(
        sent_at=now - timedelta(days=9), gone_at=now - timedelta(days=8), archived_until=now - timedelta(days=5),
        disposal_bucket=months.next_month(now),
    )  # fmt: skip
    assert run().disposed == len(indexes)
    tree.integrate(now=clock.now())


def test_disposal_takes_the_record_there_and_the_file_with_its_last_one(stocked: Machine) -> None:
    assert stocked.run("pull")[0] == 0
    first, second = stocked.index
    dispose(stocked, first)
    assert stocked.run("pull")[0] == 0
    key = stocked.beside / "recovery.txt"
    assert "disposed of" in stocked.run("open", first, "--key", key)[1]
    assert opened(stocked, second, "second") == PDF
    assert "VERIFIED" in stocked.run("verify")[1]
    dispose(stocked, second)
    assert stocked.run("pull")[0] == 0
    assert not blobs(stocked)
    assert len(list((stocked.folder / "sealed").rglob("*.json"))) == 4
    assert "VERIFIED" in stocked.run("verify")[1]


def test_the_only_copy_goes_too_when_its_time_is_over(stocked: Machine) -> None:
    """Dropped here after the receipt, disposed of later: nobody has it any more."""
    Mirror.objects.update(drops=True)
    assert stocked.run("pull")[0] == 0
    mirror.sweep(now=clock.now() + timedelta(days=40))
    dispose(stocked, *stocked.index)
    assert stocked.run("pull")[0] == 0
    assert not blobs(stocked)
    assert "disposed of" in stocked.run("open", stocked.index[0], "--key", stocked.beside / "recovery.txt")[1]
    assert "VERIFIED" in stocked.run("verify")[1]


def test_a_folder_from_its_own_backup_goes_on(stocked: Machine) -> None:
    """Older than its receipts: it signs on from where the portal stands, and says what it did not get back."""
    shutil.copytree(stocked.folder, stocked.beside / "copy")
    Mirror.objects.update(drops=True)
    assert stocked.run("pull")[0] == 0
    mirror.sweep(now=clock.now() + timedelta(days=40))
    shutil.rmtree(stocked.folder)
    shutil.copytree(stocked.beside / "copy", stocked.folder)
    tree.integrate(now=clock.now())
    assert stocked.run("pull")[0] == 0
    assert "6 missing" in stocked.run("verify")[1]
    assert "dropped it for another mirror" in stocked.run(
        "open", stocked.index[0], "--key", stocked.beside / "recovery.txt"
    )[1]  # fmt: skip
    before = Mirror.objects.get().signed_to
    send(stocked, 1)
    tree.integrate(now=clock.now())
    assert stocked.run("pull")[0] == 0
    assert Mirror.objects.get().signed_to > before


def test_a_disposal_half_followed_is_followed_to_its_end(stocked: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stocked.run("pull")[0] == 0
    dispose(stocked, *stocked.index)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda path, **more: (_ for _ in ()).throw(OSError("the disk is gone")))
        assert stocked.run("pull")[0] == 1
    assert "disposed of and is still here" in stocked.run("verify")[1]
    assert stocked.run("pull")[0] == 0
    assert not blobs(stocked)
    assert "VERIFIED" in stocked.run("verify")[1]


def test_only_what_an_entry_commits_to_is_destroyed(stocked: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A portal that names more than its ledger says, to have it gone."""
    assert stocked.run("pull")[0] == 0
    dispose(stocked, stocked.index[0])
    before = sorted(stocked.folder.rglob("*.json"))
    spared = str(Entry.objects.get(index=stocked.index[1]).message_id)
    gone = str(Disposed.objects.get().message_id)
    for told in ([gone, spared], [spared], [], ["../x"]):
        with monkeypatch.context() as patch:
            lie(stocked, patch, "disposed", lambda body, told=told: json.dumps({"index": 0, "messages": told}).encode())
            assert stocked.run("pull")[0] == 2
    assert sorted(stocked.folder.rglob("*.json")) == before


def test_a_disposal_of_much_of_the_archive_waits_to_be_told(stocked: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stocked.run("pull")[0] == 0
    dispose(stocked, *stocked.index)
    monkeypatch.setattr(stocked.program, "DISPOSED_UNASKED", 1)
    code, said = stocked.run("pull")
    assert code == 1
    assert "2 of the 6 records" in said
    assert len(blobs(stocked)) == 1
    assert stocked.run("pull", "--dispose")[0] == 0
    assert not blobs(stocked)


# ── killed half way ───────────────────────────────────────────────────────────────────────────────────────────────────
MOST_WRITES = 60
KILLED = """
import importlib.util, os, signal, sys
spec = importlib.util.spec_from_file_location("ebb_mirror", sys.argv[1])
mirror = importlib.util.module_from_spec(spec)
spec.loader.exec_module(mirror)
plain, left = mirror.write, [int(sys.argv[2])]
def write(path, data):
    left[0] -= 1
    notes_a_receipt = path.name == "state.json" and b'"signed_to": 0' not in data
    if left[0] == 0 or (left[0] < 0 and notes_a_receipt):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(path.name + ".part").write_bytes(data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    plain(path, data)
mirror.write = write
sys.exit(mirror.main(["pull", sys.argv[3]]))
"""


def pull_killed(machine: Machine, at: int) -> bool:
    """A process of its own, killed in the middle of a write: the first, the second …; 0: that which notes the first receipt. False
    where it came to its end before."""
    command = [sys.executable, "-c", KILLED, str(SCRIPT), str(at), str(machine.folder)]
    environment = dict(os.environ) | {"EBB_MIRROR_KEY": machine.cast.key}
    done = subprocess.run(command, env=environment, check=False, capture_output=True, timeout=60)
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done.returncode != 0


def test_killed_in_the_middle_of_any_write_it_goes_on(stocked: Machine) -> None:
    """In its first write, then, from the beginning again, in its second, and so on until one comes to its end."""
    send(stocked, 1, PDF.replace(b"xxx", b"yyy"))  # nobody else's
    tree.integrate(now=clock.now())
    shutil.copytree(stocked.folder, stocked.beside / "begun")
    at = 1
    while pull_killed(stocked, at) and at < MOST_WRITES:
        assert stocked.run("pull")[0] == 0
        assert "VERIFIED" in stocked.run("verify")[1]
        shutil.rmtree(stocked.folder)
        shutil.copytree(stocked.beside / "begun", stocked.folder)
        at += 1
    assert 10 < at < MOST_WRITES
    assert opened(stocked, stocked.index[1], "after") == PDF
    assert not any("missing" in path.read_text() for path in (stocked.folder / "receipts").iterdir())


def test_killed_before_it_noted_a_receipt_it_gives_the_same_again(stocked: Machine) -> None:
    """The log grows by the receipt itself: one drawn anew would begin where the portal does not wait any more."""
    assert pull_killed(stocked, 0)
    before = Mirror.objects.get()
    assert before.signed_to > json.loads((stocked.folder / "state.json").read_text())["signed_to"]
    tree.integrate(now=clock.now())
    assert stocked.run("pull")[0] == 0
    signed = sorted(tuple(map(int, path.name.split("-"))) for path in (stocked.folder / "receipts").iterdir())
    assert signed[0] == (0, before.signed_to - 1)
    assert [first for first, _ in signed[1:]] == [last + 1 for _, last in signed[:-1]]
    assert Mirror.objects.get().signed_to == signed[-1][1] + 1
