"""T16 by the product's own commands: a backup is made while messages are sent, and brought to another machine. What it holds is
there, entry for entry; what had ended stays ended and what lived is not readable; its log refuses to sign until an officer opens
a new epoch; every record still opens with the recovery key. An altered one, another's key, one that is older than a disposal,
or a place that is not empty is refused, with nothing written."""

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from archive.ledger import entry as leaves
from archive.ledger import note
from portal.launch import environment, serve
from portal.sealing import envelope, errors, record, recovery
from portal.testing.elsewhere import machine
from portal.testing.installation import Business, Installation, until
from portal.testing.line import Line
from portal.tests.test_restore import begin, said, send, signed_up_to, size_of

FULL = os.environ.get("EBB_FULL") == "1"
BEFORE = 100_000 if FULL else 300
FACTS = """
import json, dataclasses
import django; django.setup()
from archive.queries import installation
from portal.kernel import notify
print(json.dumps({pk.hex: dataclasses.asdict(one) for pk, one in installation.facts_of(notify.dsn()).items()}))
"""
DECIDE = """
import sys
import django; django.setup()
from uuid import UUID
from portal.kernel import tenancy, unit
with tenancy.tenant_scope(tenancy.directory().by_id(UUID(sys.argv[1]))), unit.work() as u:
    u.entry(unit.Draft("bucket.decided", "clock", codes={"bucket": "2031-05"}))
"""


@dataclass
class Story:
    house: Installation
    folder: Path
    key: Path
    customer: str
    messages: dict[str, str] = field(default_factory=dict)
    place: Path = Path()
    told: dict = field(default_factory=dict)  # the manifest
    sent_after: int = 0

    @property
    def acme(self) -> Business:
        return self.house.business("acme")


@pytest.fixture(scope="module")
def story(installation: Installation, tmp_path_factory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("backups")
    told = Story(
        installation, folder / "kept", folder / "backup.key", installation.customer(installation.business("acme"))
    )
    shutil.rmtree(installation.keyring / "backup.pub", ignore_errors=True)
    installation.manage("backup", "--init", str(told.key))
    _live(told)
    _back_up_under_load(told)
    return told


def _live(story: Story) -> None:
    """One that ends before the backup, one that is received, some that are not, one that is still to be sent."""
    house, acme = story.house, story.acme
    phone = house.handset(acme, story.customer)
    assert house.send(acme, story.customer, "gone before", gone_after=3).status_code == 201
    story.messages["received"] = house.send(acme, story.customer, "received", gone_after=86400).json()["id"]
    until(lambda: _state(house, story, "received") == "sent", 5)
    _receive(house, phone)
    story.messages["unreceived"] = house.send(acme, story.customer, "unreceived", gone_after=86400).json()["id"]
    later = house.send(acme, story.customer, "later", gone_after=86400, send_at=_in_an_hour())
    story.messages["scheduled"] = later.json()["id"]
    for _ in range(0, BEFORE, 1000):
        send(house, acme, story.customer, min(1000, BEFORE), gone_after=86400)


def _in_an_hour() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat()


def _receive(house: Installation, phone) -> None:
    async def take() -> None:
        async with Line(house.port, phone) as line:
            ids = [m["id"] for m in line.state["messages"]]
            await line.send(type="delivered", ids=ids)
            await asyncio.sleep(1)

    asyncio.run(take())


def _back_up_under_load(story: Story) -> None:
    """Somebody sends all the while. At least one batch is committed before the dump ends and is not in it, or after it."""
    house, acme, stop = story.house, story.acme, threading.Event()
    sent: list[int] = []

    def load() -> None:
        while not stop.is_set():
            sent.append(send(house, acme, story.customer, 20, gone_after=86400))

    sender = threading.Thread(target=load)
    sender.start()
    try:
        done = house.manage("backup", "--to", str(story.folder), "--drill")
    finally:
        stop.set()
        sender.join()
    assert "restored in a drill" in done.stdout
    story.place = next(story.folder.glob("ebb-*"))
    story.told = json.loads((story.place / "manifest.json").read_text())
    story.sent_after = max(sent)


@pytest.fixture(scope="module")
def brought(story: Story) -> Iterator[Installation]:
    with machine(story.house) as other:
        done = other.manage("restore", str(story.place), "--key", str(story.key))
        assert "Restored" in done.stdout
        yield other


def _state(house: Installation, story: Story, name: str) -> str:
    with house.api(story.acme) as api:
        return api.get(f"messages/{story.messages[name]}").json()["state"]


def facts(house: Installation) -> dict:
    return json.loads(house.run("-c", FACTS).stdout.splitlines()[-1])


# ── what is in it ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_it_was_made_under_load_and_is_private(story):
    acme = story.told["businesses"][UUID(story.acme.id).hex]
    assert acme["messages"] > BEFORE
    assert acme["entries"] <= story.sent_after, "nothing was sent after the snapshot: this would prove nothing"
    modes = {path.stat().st_mode & 0o777 for path in story.place.rglob("*")}
    assert modes <= {0o600, 0o700}
    assert story.place.stat().st_mode & 0o777 == 0o700


def test_no_live_key_and_no_key_in_plain_is_in_it(story):
    house = story.house
    files = b"".join(path.read_bytes() for path in story.place.rglob("*") if path.is_file())
    assert b"EBBRING1" not in files
    assert b"EBBSLOT1" not in files
    assert house.master_key not in files
    public = (house.keyring / "backup.pub").read_bytes()
    assert len(public) == 1216


def test_the_house_knows_of_it(story):
    rows = story.house.rows(
        "SELECT id, verified_at IS NOT NULL, drilled_at IS NOT NULL, ledgers FROM tenants_backup ORDER BY as_of DESC LIMIT 1"
    )
    assert [str(rows[0][0]), *rows[0][1:3]] == [story.told["id"], True, True]
    assert rows[0][3][UUID(story.acme.id).hex]["size"] == story.told["businesses"][UUID(story.acme.id).hex]["entries"]
    with story.house.api(story.acme) as api:
        found = api.get("archive/entries", params={"kind": "backup.made"}).json()["results"]
    codes = json.loads(base64.b64decode(found[-1]["leaf"]))["codes"]
    assert codes["backup"] == story.told["id"]
    assert story.house.ready()[1]["backup"]["state"] == "ok"


# ── brought elsewhere ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_counts_and_trees_are_equal(story, brought):
    found = facts(brought)
    for pk, told in story.told["businesses"].items():
        mine = {**found[pk], "entries": told["entries"]}  # the restore itself writes entries on top
        assert {**mine, "ring": None} == {**told, "ring": None}
        assert found[pk]["entries"] >= told["entries"]
    _, _, told = brought.manage("restore", str(story.place), "--key", str(story.key), check=False).stderr.rpartition(
        "("
    )
    assert told.strip() == "restore_not_empty)", "it would be restored twice"


def test_what_lived_is_ended_in_honest_words(story, brought):
    brought.start("web", "clock")
    states = {name: _state(brought, story, name) for name in story.messages}
    assert states == {"received": "ended", "unreceived": "failed", "scheduled": "failed"}
    left = brought.rows(f'SELECT count(*) FROM "{story.acme.schema}".messaging_body')
    assert left == [(0,)], "a body without its key stays"
    with brought.api(story.acme) as api:
        rows = api.get("messages", params={"state": "sent"}).json()["results"]
        before = api.get("archive/entries", params={"kind": "messages.ended"}).json()["results"]
    assert rows == []
    assert [one for one in before if b"restored" in base64.b64decode(one["leaf"])]


def test_every_record_opens_with_the_recovery_key(story, brought):
    """Held or not: none was lost. All of a small run, a sample of a full one."""
    schema = story.acme.schema
    found = brought.rows(
        f'SELECT e.index FROM "{schema}".archive_record r JOIN "{schema}".archive_entry e ON e.id = r.entry_id'
    )
    indexes = [row[0] for row in found][:: len(found) // 300 or 1]
    private = recovery.decode(story.acme.recovery_text)
    with brought.api(story.acme) as api:
        bodies = [_opened(api.get(f"archive/entries/{index}/sealed").json(), private) for index in indexes]
    assert len(bodies) >= min(BEFORE, 200)
    assert all(bodies)


def _opened(told: dict, private: bytes) -> str:
    place = {"business": UUID(told["business"]), "batch": UUID(told["batch"]["id"])}
    sealed_to = base64.b64decode(told["batch"]["envelope"])
    batch_key = b""
    for key_id in envelope.recipients_of(sealed_to):
        with contextlib.suppress(errors.Unsealable):  # the officers' key is the other recipient
            batch_key = record.open_batch_key(sealed_to, key_id, private, **place)
    wrap, sealed = base64.b64decode(told["wrap"]), base64.b64decode(told["sealed"])
    return json.loads(record.open_(batch_key, wrap, sealed, record=UUID(told["message"]), **place).content)["body"]


def test_the_log_goes_on_only_in_a_new_epoch(story, brought):
    started = len((brought.folder / "clock.log").read_text())
    index = send(brought, story.acme, story.customer, 1)
    until(lambda: "log_restored" in said(brought, max(0, started - 4000)), 60, "the clock did not refuse")
    with brought.api(story.acme) as api:
        assert api.get(f"archive/entries/{index}/proof").status_code == 409
    assert begin(brought, story.acme, "owner") == {"code": "not_allowed"}
    begun = begin(brought, story.acme, "officer")
    assert begun["number"] == 2
    index = send(brought, story.acme, story.customer, 1)
    note = signed_up_to(brought, story.acme, index)
    assert note.split("\n")[0].endswith(f"/2-{UUID(story.told['id']).hex[-8:]}")
    with brought.api(story.acme) as api:
        leaf = leaves.decode(base64.b64decode(api.get(f"archive/entries/{begun['first']}").json()["leaf"]))
    assert leaf.codes
    assert leaf.codes["restored"] == story.told["id"]
    assert size_of(note) > index
    assert begin(brought, story.acme, "officer") == {"code": "log_is_whole"}
    assert brought.manage("verify_archive", "acme", check=False).returncode == 0


# ── what is refused ───────────────────────────────────────────────────────────────────────────────────────────────────
def refused(house: Installation, place: Path, key: Path) -> str:
    done = house.manage("restore", str(place), "--key", str(key), check=False)
    assert done.returncode == 1
    return done.stderr.strip().splitlines()[-1]


def test_a_place_that_is_not_empty(story):
    assert "(restore_not_empty)" in refused(story.house, story.place, story.key)


@pytest.fixture(scope="module")
def empty(story: Story) -> Iterator[Installation]:
    with machine(story.house) as other:
        yield other


def nothing_written(house: Installation) -> bool:
    tables = house.rows("SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')")
    return tables == [(0,)] and not list((house.keyring / "business").glob("*.ring"))


def test_another_key_a_changed_byte_and_a_dump_of_another(story, empty, tmp_path):
    other_key = tmp_path / "other.key"
    other_key.write_text(recovery.encode(os.urandom(32), "another"))
    assert "(backup_wrong_key)" in refused(empty, story.place, other_key)
    for name in ("database.dump", "manifest.json", next(story.place.glob("rings/*")).relative_to(story.place)):
        changed = tmp_path / "changed" / story.place.name
        shutil.rmtree(changed.parent, ignore_errors=True)
        shutil.copytree(story.place, changed)
        raw = bytearray((changed / name).read_bytes())
        raw[len(raw) // 2] ^= 1
        (changed / name).write_bytes(raw)
        answer = refused(empty, changed, story.key)
        assert "(backup_altered)" in answer or "(backup_wrong_key)" in answer, name
    assert nothing_written(empty)


def test_a_dump_put_under_keys_that_were_sealed_with_another(story, empty, tmp_path):
    """The manifest rewritten to fit: the rings know what it told when they were sealed."""
    changed = tmp_path / story.place.name
    shutil.copytree(story.place, changed)
    dump = (changed / "database.dump").read_bytes() + b"\0"
    (changed / "database.dump").write_bytes(dump)
    told = json.loads((changed / "manifest.json").read_text())
    told["dump"] |= {"bytes": len(dump), "sha256": hashlib.sha256(dump).hexdigest()}
    (changed / "manifest.json").write_text(json.dumps(told))
    assert "(backup_wrong_key)" in refused(empty, changed, story.key)
    assert nothing_written(empty)


# ── half-way ──────────────────────────────────────────────────────────────────────────────────────────────────────────
FAILS_AT_THE_LAST_ROW = """
import sys
import django; django.setup()
from pathlib import Path
from django.core.management import call_command
from archive.flows import backupfiles
real = backupfiles.restore
def broken(*given, **named):
    real(*given, **named)
    raise OSError(5, "the disk died")
backupfiles.restore = broken
call_command("restore", sys.argv[1], key=Path(sys.argv[2]), check=False)
"""


def test_a_restore_that_fails_leaves_the_place_empty(story):
    with machine(story.house) as other:
        done = other.run("-c", FAILS_AT_THE_LAST_ROW, str(story.place), str(story.key), check=False)
        assert done.returncode != 0
        assert nothing_written(other)
        assert "Restored" in other.manage("restore", str(story.place), "--key", str(story.key)).stdout


def test_a_full_disk_says_so_and_leaves_nothing(story, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        done = story.house.manage("backup", "--to", str(small), check=False)
        assert done.returncode == 1
        assert "(backup_no_space)" in done.stderr
        assert [path.name for path in small.iterdir()] == [".lock"]
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_run_that_was_killed_leaves_nothing_that_counts(story, tmp_path):
    """SIGKILL as soon as there is a draft: the next run takes it away."""
    house, folder = story.house, tmp_path / "killed"
    env = environment.for_process(house.env, "setup")
    run = subprocess.Popen(serve.manage("backup", "--to", str(folder)), env=env, cwd=environment.PROJECT)
    until(lambda: list(folder.glob(".making-*/database.dump")), 30, "it did not begin")
    run.kill()
    run.wait()
    assert not list(folder.glob("ebb-*"))
    house.manage("backup", "--to", str(folder))
    assert not list(folder.glob(".making-*"))
    assert len(list(folder.glob("ebb-*"))) == 1


# ── too old ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_one_older_than_a_disposal(story, empty, tmp_path):
    """The next backup knows of a disposal; from then on the one before it is refused, beside it or from a copied folder, and
    the newer one is taken."""
    house = story.house
    house.run("-c", DECIDE, story.acme.id)
    house.manage("backup", "--to", str(story.folder))
    newer = next(place for place in story.folder.glob("ebb-*") if place != story.place)
    assert "(backup_too_old)" in refused(empty, story.place, story.key)
    alone = tmp_path / "moved"
    shutil.copytree(story.folder, alone)
    shutil.rmtree(alone / newer.name)
    assert "(backup_too_old)" in refused(empty, alone / story.place.name, story.key), "decided.json did not remember"
    assert nothing_written(empty)
    assert "Restored" in empty.manage("restore", str(newer), "--key", str(story.key)).stdout


def test_the_rings_that_stayed_remember_it_too(story, tmp_path):
    """Only the database was lost, and the old backup came from another disk, with nothing beside it. From a newer one what lived
    is read on."""
    lonely = tmp_path / story.place.name
    shutil.copytree(story.place, lonely)
    with machine(story.house) as other:
        shutil.rmtree(other.keyring)
        shutil.copytree(story.house.keyring, other.keyring)
        other.env["EBB_MASTER_KEY"] = story.house.env["EBB_MASTER_KEY"]
        assert "(backup_too_old)" in refused(other, lonely, story.key)
        newest = max(story.folder.glob("ebb-*"))
        assert "were kept" in other.manage("restore", str(newest), "--key", str(story.key)).stdout
        other.start("web", "clock")
        states = [_state(other, story, name) for name in ("received", "unreceived", "scheduled")]
        assert states == ["delivered", "sent", "scheduled"], "the rings stayed, and what lived was ended"


def test_a_business_that_was_closed_since_is_left_out(story, tmp_path):
    """By `closed.json` beside the backup, which every later one writes; all others come back (decision 18)."""
    house, closed = story.house, story.house.business("globex")
    certificate = note.sign('ebb-closing-certificate@v1\n{"link_sha256":"ab"}\n', note.generate("ebb.log/closed"))
    kept = tmp_path / "kept"
    shutil.copytree(story.folder, kept)
    stranger = UUID(int=7)
    house.rows(
        "INSERT INTO tenants_closing (business_id, state, agreed_at, closes_at, entered_at, codes, token_sha256, certificate) "
        "VALUES (%s, 'closed', now(), now(), now(), '{}', '', %s)", stranger, certificate,
    )  # fmt: skip
    try:
        house.manage("backup", "--to", str(kept))
    finally:
        house.rows("DELETE FROM tenants_closing WHERE business_id = %s", stranger)
    told = json.loads((kept / "closed.json").read_text())
    assert told == {stranger.hex: certificate}
    (kept / "closed.json").write_text(json.dumps({UUID(closed.id).hex: certificate}))
    with machine(house) as other:
        place = max(kept.glob("ebb-*"))
        done = other.manage("restore", str(place), "--key", str(story.key))
        assert "1 was closed since" in done.stdout
        row = other.rows("SELECT state FROM tenants_business WHERE id = %s", closed.id)
        assert row == [("closed",)]
        left = other.rows("SELECT state, token_sha256 FROM tenants_closing WHERE business_id = %s", closed.id)
        assert left == [("closed", "ab")]
        names = {name for (name,) in other.rows("SELECT nspname FROM pg_namespace")}
        assert closed.schema not in names
        assert story.acme.schema in names
        rings = {path.name for path in (other.keyring / "business").iterdir()}
        assert f"{UUID(closed.id).hex}.ring" not in rings
        assert f"{UUID(closed.id).hex}.closed" in rings
        assert f"{UUID(story.acme.id).hex}.ring" in rings
        other.start("web")
        with other.api(closed) as api:
            answer = api.get("messages")
        assert (answer.status_code, answer.json()["code"]) == (410, "business_closed")
        with other.api(story.acme) as api:
            assert api.get("messages").status_code == 200


def test_a_tombstone_alone_keeps_a_closed_business_out(story, tmp_path):
    """The backup is older than the closing and comes from another disk with nothing beside it: the keyring that stayed knows,
    even one whose process died between the tombstone and the end of the ring (C5)."""
    house, closed = story.house, story.house.business("globex")
    certificate = note.sign('ebb-closing-certificate@v1\n{"link_sha256":"ab"}\n', note.generate("ebb.log/closed"))
    lonely = tmp_path / "lonely" / max(story.folder.glob("ebb-*")).name
    shutil.copytree(story.folder / lonely.name, lonely)
    with machine(house) as other:
        shutil.rmtree(other.keyring)
        shutil.copytree(house.keyring, other.keyring)
        other.env["EBB_MASTER_KEY"] = house.env["EBB_MASTER_KEY"]
        ring = other.keyring / "business" / f"{UUID(closed.id).hex}.ring"
        tombstone = ring.with_suffix(".closed")
        tombstone.write_text(certificate)
        assert ring.exists()
        assert "1 was closed since" in other.manage("restore", str(lonely), "--key", str(story.key)).stdout
        assert not ring.exists()
        assert tombstone.read_text() == certificate
        left = other.rows("SELECT state, certificate FROM tenants_closing WHERE business_id = %s", closed.id)
        assert left == [("closed", certificate)]
        assert other.rows("SELECT count(*) FROM pg_namespace WHERE nspname = %s", closed.schema) == [(0,)]
        other.start("web")
        with other.api(closed) as api:
            assert api.get("messages").status_code == 410
        with other.api(story.acme) as api:
            assert api.get("messages").status_code == 200


def test_older_ones_go_when_asked_and_the_house_forgets_them(story):
    house = story.house
    house.manage("backup", "--to", str(story.folder), "--keep", "1")
    assert len(list(story.folder.glob("ebb-*"))) == 1
    rows = house.rows("SELECT removed_at IS NOT NULL FROM tenants_backup WHERE id = %s", story.told["id"])
    assert rows == [(True,)]
    newest = house.rows("SELECT id FROM tenants_backup WHERE removed_at IS NULL ORDER BY as_of DESC LIMIT 1")
    (left,) = story.folder.glob("ebb-*")
    assert json.loads((left / "manifest.json").read_text())["id"] == str(newest[0][0])
