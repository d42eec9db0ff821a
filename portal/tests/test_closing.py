"""Closing a business (decision 18): two people, days to call it off, proof that the archive is elsewhere, then its keys. Nothing of
it comes back, and nothing of anybody else goes."""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from django.core import mail
from django.db import connection

from archive.flows import approval, drawing, export, hold, mirror
from archive.flows import closing as archive
from archive.ledger import note
from archive.models import Entry, Export, Hold
from archive.queries import closing as certified
from archive.tests.test_mirror import KEY, receipt
from messaging import jobs as messaging_jobs
from messaging.flows import audience, campaign, closing
from messaging.models import Body, Campaign, Device, Message
from messaging.queries import closing as stops
from portal.kernel import actors, clock, keys, tenancy
from portal.kernel.errors import Refusal
from portal.launch import environment
from portal.sealing import errors
from portal.testing import browser, thief
from portal.testing.cast import Cast
from tenants.flows import provision
from tenants.models import Business, Closing
from tenants.queries import closings

SEED = int(os.environ.get("EBB_SEED", random.SystemRandom().randrange(10**6)))
LATER = timedelta(seconds=11)  # what was under way has ended
FILLER = "kqzvclosing"
# Carries one closing on in a process that dies at a share of what it writes: statements to the database, and the keyring's files.
KILLED = """
import os, signal, sys, uuid
from datetime import timedelta
import django
django.setup()
from django.db import connection
from messaging.flows import closing
from portal.kernel import clock, tenancy
from portal.sealing.keyring import disk
from tenants.queries import closings

pk = uuid.UUID(sys.argv[1])

class Killer:
    def __init__(self, at):
        self.at, self.seen = at, 0
    def count(self):
        self.seen += 1
        if self.seen == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
    def __call__(self, execute, sql, params, many, context):
        self.count()
        return execute(sql, params, many, context)

def work():
    for _ in range(20):
        tenancy.directory().forget()
        standing = closings.standing_of(pk)
        if standing.state == "closed":
            return
        with tenancy.tenant_scope(standing.place):
            closing.carry_on(now=max(clock.now(), standing.entered_at + timedelta(seconds=11)), standing=standing)

for at in sys.argv[2:]:
    child = os.fork()
    if child == 0:
        killer = Killer(int(at))
        write, sync = disk.Disk.pwrite, disk.Disk.fsync
        disk.Disk.pwrite = lambda self, *given: (killer.count(), write(self, *given))
        disk.Disk.fsync = lambda self, fd: (killer.count(), sync(self, fd))
        with connection.execute_wrapper(killer):
            work()
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, settings) -> None:
    settings.EBB_EXPORTS = str(tmp_path / "exports")


@pytest.fixture(autouse=True, scope="module")
def clock_stands_still(running) -> Iterator[None]:
    """Here the tests are the clock: the one beside would carry their closings on."""
    running.kill("clock")
    yield
    running.start("clock")


@dataclass
class Told:
    """A business in use: what lives in it, and what was in it."""

    cast: Cast
    customer: object
    phone: object
    live: object
    planned: object


@pytest.fixture
def told(fresh) -> Iterator[Told]:
    cast = fresh()
    customer = cast.customer(email=f"{FILLER}@example.org", name=f"{FILLER}name")
    phone = cast.handset(customer)
    live = cast.send(customer, body=f"{FILLER}live", gone_after=86400)
    planned = cast.send(customer, body=f"{FILLER}planned", send_at=clock.now() + timedelta(days=3))
    yield Told(cast, customer, phone, live, planned)
    connection.set_schema_to_public()


def ask(cast: Cast, **changes):
    with cast.inside():
        return closing.ask(
            **{"actor": cast.owner, "now": clock.now(), "name": cast.place.name, "reason": "We retire"} | changes
        )


def agree(cast: Cast) -> None:
    asked = ask(cast)
    with cast.inside():
        decided = approval.approve(actor=cast.officer, now=clock.now(), approval_id=asked.id)
    assert decided.state == "done", decided


def over(cast: Cast) -> None:
    """The fourteen days are over."""
    Closing.objects.filter(business_id=cast.place.id).update(closes_at=clock.now())


def step(cast: Cast, *, later: timedelta = LATER) -> str:
    """What the clock does. → the state after it"""
    standing = closings.standing_of(cast.place.id)
    assert standing is not None
    with tenancy.tenant_scope(standing.place):
        closing.carry_on(now=max(clock.now(), standing.entered_at + later), standing=standing)
    return state(cast)


def state(cast: Cast) -> str:
    connection.set_schema_to_public()
    found = closings.standing_of(cast.place.id)
    return found.state if found else ""


def to_proving(cast: Cast) -> None:
    agree(cast)
    over(cast)
    assert (step(cast), step(cast)) == ("winding", "proving")


def draw(cast: Cast, selection: export.Selection | None = None) -> str:
    """A sealed bundle. → the digest of its file"""
    with cast.inside():
        found = export.ask(
            actor=cast.officer, now=clock.now(), selection=selection or export.Selection(), reason="the end"
        )
        drawing.build(export_id=found)
        return Export.objects.get(id=found).sha256


def prove(cast: Cast) -> None:
    digest = draw(cast)
    with cast.inside():
        archive.confirm(actor=cast.officer, now=clock.now(), sha256=digest, is_verified=True)


def close(cast: Cast) -> str:
    """All of it. → the certificate"""
    to_proving(cast)
    prove(cast)
    assert (step(cast), step(cast)) == ("sealing", "closed")
    return Closing.objects.get(business_id=cast.place.id).certificate


def kinds(cast: Cast) -> list[str]:
    with cast.inside():
        return list(Entry.objects.order_by("index").values_list("kind", flat=True))


# ── the journey ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_from_the_wish_to_the_certificate(told, acme, client):
    cast = told.cast
    before = {name: keys.business(acme.place.id).get(name) for name in keys.business(acme.place.id).names()}
    agree(cast)
    assert state(cast) == "waiting"
    assert step(cast) == "waiting", "the days are not over"
    with cast.inside():
        link = closing.token()
        messaging_jobs.tell_of_closing(cast.place.id)
    (letter,) = mail.outbox
    assert f"/closed/{link}" in letter.body
    assert "We retire" not in letter.body
    over(cast)
    assert step(cast) == "winding"
    door = browser.visitor(cast)
    answer = door.get("/inbox/", HTTP_ACCEPT="text/html", HTTP_ACCEPT_LANGUAGE="de")
    assert answer.status_code == 410
    assert "geschlossen" in answer.content.decode()
    assert browser.program(cast).post("/api/v1/customers", {"name": "Late"}, "application/json").status_code == 410
    assert browser.staff(cast, "owner").get("/console/").status_code == 200
    assert browser.staff(cast, "author").post("/console/compose/").status_code == 410
    assert browser.program(cast).get("/api/v1/archive/key").status_code == 200
    assert step(cast, later=timedelta()) == "winding", "what was under way may still be"
    with cast.inside():
        assert not Body.objects.exists()
        assert set(Device.objects.values_list("state", flat=True)) == {"revoked"}
        found = {row.id: (row.outcome, row.ended_reason) for row in Message.objects.filter(direction="out")}
    assert found == {told.live.id: ("recalled", "closed"), told.planned.id: ("recalled", "closed")}
    assert step(cast) == "proving"
    assert step(cast) == "proving", "nothing proves that the archive is elsewhere"
    prove(cast)
    assert step(cast) == "sealing"
    assert door.get("/console/").status_code == 410
    assert step(cast, later=timedelta()) == "sealing", "what was under way may still be"
    assert step(cast) == "closed"

    found = door.get(f"/closed/{link}")
    assert found.status_code == 200
    signed = found.content.decode()
    says = certified.read(signed)
    vkey = says["log"]["vkey"]
    assert certified.read(signed, vkey) == says
    stated = note.open_(says["log"]["checkpoint"], vkey).text.split("\n")
    assert int(stated[1]) == says["log"]["size"] == says["destroyed"]["entries"], "the last entry is under it, too"
    assert says["destroyed"]["records"] == 1
    assert says["proof"]["sha256"]
    for nothing in (FILLER, "@example", cast.emails["owner"], cast.owner.label.split(":")[1], "We retire"):
        assert nothing not in signed.replace(says["log"]["checkpoint"], "")
    with pytest.raises(note.NoteError):
        certified.read(signed.replace('"records":1', '"records":2'), vkey)
    gone(cast)
    assert {name: keys.business(acme.place.id).get(name) for name in before} == before
    acme.send(acme.customer(), "still there")


def gone(cast: Cast) -> None:
    """No row, no key, no door; nobody gets that address or that ring again."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname = %s", [cast.place.schema])
        assert cursor.fetchone() == (0,)
    ring = keys.keyring()
    assert not ring.holds(cast.place.id)
    with pytest.raises(errors.KeyTaken):
        ring.birth(cast.place.id)
    with pytest.raises(errors.KeyTaken):
        ring.rebirth(cast.place.id, b"")
    assert ring.buried()[cast.place.id] == Closing.objects.get(business_id=cast.place.id).certificate
    door = browser.visitor(cast)
    for path in ("/", "/inbox/", "/console/", "/closed/" + "x" * 43, "/api/v1/messages", "/log"):
        answer = door.get(path)
        assert answer.status_code == 410, path
    assert answer.json() if answer["content-type"].endswith("json") else True
    assert Business.objects.get(id=cast.place.id).state == "closed"
    with pytest.raises(Refusal, match="name_taken"):
        provision.create(slug=cast.place.slug, name="Other", hosts=[cast.host], now=clock.now())


# ── what stops it ─────────────────────────────────────────────────────────────────────────────────────────────────────
def place_hold(cast: Cast):
    with cast.inside():
        return hold.place(
            actor=cast.officer, now=clock.now(), name="Suit", reason="a suit", query="", everything=True
        ).id


def release(cast: Cast, hold_id) -> None:
    with cast.inside():
        Hold.objects.filter(id=hold_id).update(state="released", released_at=clock.now())


def test_a_hold_stops_every_step_before_the_last(told):
    cast = told.cast
    first = place_hold(cast)
    with pytest.raises(Refusal, match="closing_stopped"):
        ask(cast)
    release(cast, first)
    asked = ask(cast)
    second = place_hold(cast)
    with cast.inside():
        decided = approval.approve(actor=cast.officer, now=clock.now(), approval_id=asked.id)
    assert (decided.state, decided.failure) == ("failed", "closing_stopped")
    release(cast, second)
    agree(cast)
    over(cast)
    third = place_hold(cast)
    assert step(cast) == "waiting"
    release(cast, third)
    assert (step(cast), step(cast)) == ("winding", "proving")
    prove(cast)
    fourth = place_hold(cast)
    assert step(cast) == "proving", "the archive is proved to be elsewhere, but held"
    release(cast, fourth)
    assert step(cast) == "sealing"
    with pytest.raises(Refusal, match="no_archive"):
        place_hold(cast)


def test_a_campaign_that_runs_stops_it(told):
    cast = told.cast
    with cast.inside():
        people = audience.create(actor=cast.author, now=clock.now(), name="All", wanted={})
        made = campaign.create(
            actor=cast.author, now=clock.now(), wanted=campaign.Wanted(name="C", audience=people, body="x")
        )
        Campaign.objects.filter(id=made.id).update(state="running")
    with pytest.raises(Refusal, match="closing_stopped"):
        ask(cast)
    with cast.inside():
        assert stops.get_stops() == {"campaign": 1}
        Campaign.objects.filter(id=made.id).update(state="draft")
    agree(cast)
    over(cast)
    assert (step(cast), step(cast)) == ("winding", "proving")
    with cast.inside():
        assert Campaign.objects.get(id=made.id).state == "cancelled"


def test_only_a_whole_export_that_lies_on_somebodys_machine_proves_it(told):
    cast = told.cast
    early = draw(cast)
    to_proving(cast)
    part = draw(cast, export.Selection(first=1))

    def confirm(sha256: str, actor=None, is_verified=True):
        with cast.inside():
            archive.confirm(actor=actor or cast.officer, now=clock.now(), sha256=sha256, is_verified=is_verified)

    for given in (early, part, "", "0" * 64, "no digest"):
        with pytest.raises(Refusal, match="no_such_export"):
            confirm(given)
    whole = draw(cast)
    with pytest.raises(Refusal, match="not_verified"):
        confirm(whole, is_verified=False)
    for actor in (cast.owner, cast.author):
        with pytest.raises(Refusal, match="not_allowed"):
            confirm(whole, actor)
    assert step(cast) == "proving"
    confirm(f"{whole.upper()}  archive.zip\n")
    assert "business.proved" in kinds(cast)
    assert step(cast) == "sealing"


def test_a_mirror_that_signed_for_everything_proves_it(told):
    cast = told.cast
    with cast.inside():
        named = mirror.add(actor=cast.officer, now=clock.now(), name="Cellar", vkey=KEY.verifier.encode())
    to_proving(cast)
    size = closings.standing_of(cast.place.id).codes["head"]["size"]
    machine = actors.key(cast.owner.id, frozenset({"archive.mirror"}))

    def sign(first: int, last: int) -> None:
        with cast.inside():
            mirror.sign(actor=machine, now=clock.now(), mirror_id=named, receipt=receipt(first, last))

    sign(0, size - 2)
    assert step(cast) == "proving"
    sign(size - 1, size - 1)
    assert step(cast) == "sealing"


def test_it_is_called_off_and_everything_goes_on(told):
    cast = told.cast
    agree(cast)
    with pytest.raises(Refusal, match="closing_agreed"):
        ask(cast)
    with cast.inside(), pytest.raises(Refusal, match="not_allowed"):
        closing.call_off(actor=cast.author, now=clock.now())
    with cast.inside():
        closing.call_off(actor=cast.officer, now=clock.now())
    assert state(cast) == ""
    cast.send(told.customer, "on we go")
    agree(cast)  # and may be asked for again
    over(cast)
    assert step(cast) == "winding"
    with cast.inside(), pytest.raises(Refusal, match="closing_begun"):
        closing.call_off(actor=cast.owner, now=clock.now())


def test_who_may_ask_and_how(told, globex):
    cast = told.cast
    for actor in (
        cast.officer,
        cast.author,
        actors.key(cast.owner.id, frozenset({"business.govern", "business.close"})),
    ):
        with pytest.raises(Refusal, match="not_allowed"):
            ask(cast, actor=actor)
    with pytest.raises(Refusal, match="name_differs"):
        ask(cast, name=cast.place.name.lower())
    with pytest.raises(Refusal, match="reason_missing"):
        ask(cast, reason=" ")
    asked = ask(cast)
    with cast.inside(), pytest.raises(Refusal, match="own_request"):
        approval.approve(actor=cast.owner, now=clock.now(), approval_id=asked.id)
    with globex.inside(), pytest.raises(Refusal, match="not_found"):
        approval.approve(actor=globex.officer, now=clock.now(), approval_id=asked.id)
    assert state(cast) == ""


# ── what is left ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_thief_with_every_row_and_the_keyring_as_it_is_opens_nothing(told):
    cast, master = told.cast, keys.keyring()._master_key
    with cast.inside():
        row = Body.objects.get(message_id=told.live.id)
        stolen = thief.Stolen(
            cast.place.id, row.message_id, told.customer, row.bucket, bytes(row.wrap), bytes(row.sealed)
        )
        salt = keys.business_key()
    root = keys.keyring()._root
    then = thief.bucket_keys((root / "live.ring").read_bytes(), master)
    assert f"{FILLER}live".encode() in thief.opens(stolen, [then[row.bucket]], [salt])
    file_id = b"business/" + cast.place.id.bytes
    to_proving(cast)
    prove(cast)
    step(cast)
    path = root / "business" / f"{cast.place.id.hex}.ring"
    with path.open("rb") as held:  # the very blocks, whatever their name becomes
        assert step(cast) == "closed"
        image = held.read()
    now = thief.copy_of(root)
    candidates = list(dict.fromkeys(thief.carved([(image, file_id), (now["live.ring"], b"live")], master)))
    assert salt not in candidates
    assert thief.opens(stolen, list(then.values())[:1], candidates[:50]) is None
    assert not any(salt in content for content in now.values())
    assert set(image) <= {0}, "the ring was overwritten before it was unlinked"


def test_killed_at_every_step_it_ends_the_same(told, running, tmp_path):
    """T8's way: killed for real at statements and at writes of the keyring, taken up by the next, to the same end."""
    cast = told.cast
    agree(cast)
    over(cast)
    chance = random.Random(SEED)
    env = environment.for_process({**running.env, "EBB_EXPORTS": str(tmp_path / "exports")}, "setup")

    def carry_on(places: list[int]) -> list[int]:
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(cast.place.id), *map(str, places)], capture_output=True, text=True, env=env,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        return [int(line) for line in done.stdout.split()]

    first = carry_on([*sorted(chance.sample(range(3, 90), 8)), 10**9])
    assert first[-1] == 0, SEED
    assert -9 in first
    tenancy.directory().forget()
    assert state(cast) == "proving", SEED
    assert kinds(cast).count("business.winding") == 1
    prove(cast)
    second = carry_on([*sorted(chance.sample(range(3, 120), 12)), 10**9])
    tenancy.directory().forget()
    assert (second[-1], state(cast)) == (0, "closed"), (SEED, second)
    assert -9 in second
    gone(cast)
    says = certified.read(Closing.objects.get(business_id=cast.place.id).certificate)
    assert says["destroyed"]["keys_at"] <= says["destroyed"]["rows_at"] <= says["issued_at"]
    print(f"seed {SEED}: {first.count(-9) + second.count(-9)} kills")
