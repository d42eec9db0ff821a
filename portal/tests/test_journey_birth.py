"""T1, the birth of a business: built however often it is interrupted, served by nobody before the officers proved that they
kept the recovery key, and able to send from then on."""

import fcntl
import json
import os
import pty
import secrets
import select
import subprocess
import sys
import termios
import time
from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import httpx
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, connections
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from archive.flows import birth
from archive.models import Entry, Epoch, Recipient, Rule
from messaging.flows import opening
from portal.accounts.flows import key, staff
from portal.accounts.models import User
from portal.kernel import actors, clock, roles, tenancy
from portal.kernel.errors import Refusal
from portal.launch import environment, serve
from portal.sealing import passphrase
from tenants.flows import provision
from tenants.models import Business, Domain, PlatformEvent

WORDS = "four words of passphrase"
PASSWORD = "correct horse battery"

# Builds in another process that is killed at a share of its statements to the database. A fork for each business, made
# before the first connection is.
KILLED = """
import os, signal, sys, uuid
import django
django.setup()
from django.db import connection
from portal.kernel import clock
from tenants.flows import provision

class Killer:
    def __init__(self, at):
        self.at, self.seen = at, 0
    def __call__(self, execute, sql, params, many, context):
        self.seen += 1
        if self.seen == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(sql, params, many, context)

for one in sys.argv[1:]:
    business, at = one.split(":")
    child = os.fork()
    if child == 0:
        killer = Killer(int(at))
        with connection.execute_wrapper(killer):
            provision.build(business_id=uuid.UUID(business), now=clock.now())
        print(killer.seen, flush=True)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture
def cheap(monkeypatch):
    monkeypatch.setattr(birth, "COST", passphrase.Cost(log2_n=10))


def create(name="Newborn Business"):
    slug = f"birth-{secrets.token_hex(4)}"
    return slug, provision.create(slug=slug, name=name, hosts=[f"{slug}.{settings.BASE_NAME}"], now=clock.now())


def host(slug):
    return f"{slug}.{settings.EBB_BASE_HOST}"


def ask(running, slug, path="/api/v1/customers", **headers):
    return httpx.get(f"http://127.0.0.1:{running.port}{path}", headers={"Host": host(slug), **headers}, timeout=30)


def is_not_served(running, slug):
    """Neither pages nor API nor sockets: as if there were none of that name."""
    for path in ("/api/v1/customers", "/inbox/nonce"):
        answer = ask(running, slug, path)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_business")
    assert ask(running, slug, "/console/").status_code == 404
    with pytest.raises(InvalidStatus) as refused:
        connect(
            f"ws://{host(slug)}/inbox/socket", origin=f"http://{host(slug)}", sock=_socket(running), open_timeout=15
        )  # fmt: skip
    assert refused.value.response.status_code == 403


def _socket(running):
    import socket

    return socket.create_connection(("127.0.0.1", running.port), timeout=15)


def wait_until_served(running, slug):
    """Other processes remember for two seconds that there was nothing."""
    until = time.monotonic() + 20
    while ask(running, slug, "/inbox/nonce").status_code == 404:
        assert time.monotonic() < until, "it is not served"
        time.sleep(0.1)  # another process forgets by its own clock


def what_is_there():
    """What a birth makes in a business, in a form that shows a second making of any of it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema()")
        tables = cursor.fetchone()[0]
    return {
        "tables": tables, "epochs": list(Epoch.objects.values_list("number", "origin", "vkey")),
        "entries": list(Entry.objects.values_list("index", "kind")), "rules": list(Rule.objects.values_list("id", "code")),
    }  # fmt: skip


def test_killed_anywhere_it_is_taken_up_and_nothing_is_made_twice(running, cheap):
    """SIGKILL at four places between the first statement and the last; each is finished by the same job."""
    whole = create()
    env = environment.for_process(running.env, "setup")

    def build(*what):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, *what], env=env, capture_output=True, text=True, check=False, timeout=200
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return [int(line) for line in done.stdout.split()]

    statements, code = build(f"{whole[1]}:-1")
    assert code == 0
    born = [create() for _ in range(4)]
    places = [max(1, statements * n // 100) for n in (5, 50, 90, 100)]
    codes = build(*(f"{pk}:{at}" for (_, pk), at in zip(born, places, strict=True)))
    assert codes == [-9] * len(born), (statements, codes)
    with tenancy.tenant_scope(Business.objects.get(id=whole[1]).place):
        wanted = what_is_there()
    for _, pk in born:
        business = Business.objects.get(id=pk)
        assert (business.state, business.ready_at) == ("provisioning", None)
        place = provision.build(business_id=pk, now=clock.now())
        with tenancy.tenant_scope(place):
            first = what_is_there()
        provision.build(business_id=pk, now=clock.now())
        with tenancy.tenant_scope(place):
            assert what_is_there() == first
        assert (first["tables"], len(first["epochs"])) == (wanted["tables"], 1)
        assert first["entries"] == [(0, "log.opened")]
        assert [code for _, code in first["rules"]] == ["default"]
    is_not_served(running, born[0][0])
    slug, pk = born[2]
    live(running, slug, Business.objects.get(id=pk).place)
    print(f"{statements} statements a birth; killed at {places}")


def live(running, slug, place):
    """The ceremony, with a wrong turn of each kind; then the first message and its record."""
    with tenancy.tenant_scope(place):
        with pytest.raises(Refusal, match="no_offer"):
            birth.prove(now=clock.now(), recovery_text="anything")
        with pytest.raises(Refusal) as weak:
            birth.offer(now=clock.now(), passphrase="short")
        assert weak.value.code == "weak_passphrase"
        earlier = birth.offer(now=clock.now(), passphrase=WORDS).recovery_text
        offered = birth.offer(now=clock.now(), passphrase=WORDS).recovery_text
        for wrong in ("", "no key at all", offered[:-9] + "\n", offered.swapcase()):
            with pytest.raises(Refusal):
                birth.prove(now=clock.now(), recovery_text=wrong)
        with pytest.raises(Refusal) as differs:
            birth.prove(now=clock.now(), recovery_text=earlier)
        assert differs.value.code == "recovery_key_differs"
        assert not birth.is_complete()
        assert Recipient.objects.filter(retired_at=None).count() == 2
        owner = staff.add(
            actor=actors.SYSTEM, now=clock.now(), email="o@example.org", name="O", role="owner", password=PASSWORD
        )
        made = key.create(
            actor=actors.staff(owner, "owner"), now=clock.now(), name="First", scopes=sorted(roles.SCOPES)
        )
    is_not_served(running, slug)
    opening.finish(now=clock.now(), place=place, recovery_text=offered)
    with tenancy.tenant_scope(place), pytest.raises(Refusal) as again:
        birth.offer(now=clock.now(), passphrase=WORDS)
    assert again.value.code == "already_offered"
    with pytest.raises(Refusal):
        provision.mark_ready(business_id=place.id, now=clock.now())
    wait_until_served(running, slug)
    first_send(running, slug, made.secret)


def first_send(running, slug, secret):
    headers = {"Host": host(slug), "Authorization": f"Bearer {secret}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{running.port}/api/v1/", headers=headers, timeout=30) as api:
        customer = api.post("customers", json={"name": "First"}).json()["id"]
        sent = api.post("messages", json={"customer": customer, "body": "the first words", "gone_after": 60})
        assert sent.status_code == 201, sent.text
    out = StringIO()
    call_command("verify_archive", slug, "--json", stdout=out)
    report = json.loads(out.getvalue())
    assert report["is_whole"], report
    assert report["records"] == 1


def people(slug):
    return [opening.Person(f"{role}@{slug}.example", role.title(), role, PASSWORD) for role in roles.MATRIX]


def test_two_births_at_once_do_not_meet(house, cheap):
    slugs = [f"twin-{secrets.token_hex(4)}" for _ in range(2)]

    def bear(slug):
        try:
            opened = opening.begin(now=clock.now(), slug=slug, name=slug, people=people(slug), passphrase=WORDS)
            opening.finish(now=clock.now(), place=opened.place, recovery_text=opened.recovery_text)
            return opened
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        born = list(threads.map(bear, slugs))
    for slug, opened in zip(slugs, born, strict=True):
        with tenancy.tenant_scope(opened.place):
            assert set(User.objects.values_list("email", flat=True)) == {one.email for one in people(slug)}
            assert Epoch.objects.count() == 1
    with tenancy.tenant_scope(born[0].place), pytest.raises(Refusal):
        birth.prove(now=clock.now(), recovery_text=born[1].recovery_text)


def test_one_address_is_given_once_even_when_asked_for_at_once(house):
    slug = f"same-{secrets.token_hex(4)}"

    def ask_for(n):
        try:
            return provision.create(slug=slug, name=f"Number {n}", hosts=[f"{slug}.localhost"], now=clock.now())
        except Refusal as refusal:
            return refusal.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as threads:
        told = list(threads.map(ask_for, range(6)))
    assert sorted(str(one) for one in told if one == "name_taken") == ["name_taken"] * 5
    business = Business.objects.get(slug=slug)
    assert Domain.objects.filter(tenant=business).count() == 1
    assert PlatformEvent.objects.filter(business_id=business.id).count() == 1


@pytest.mark.parametrize(
    "slug", ["ab", "A-business", "1st", "-x-", "end-", "a b", "a.b", "www", "public", "ends\n", "x" * 41, "ü-ber", ""]
)
def test_an_address_that_is_none(house, slug):
    with pytest.raises(Refusal) as refused:
        provision.create(slug=slug, name="Somebody", hosts=[], now=clock.now())
    assert refused.value.code == "bad_slug"


def test_a_schema_is_migrated_only_if_it_is_behind(house, django_assert_max_num_queries):
    business = Business.objects.exclude(fingerprint="").filter(state="ready").first() or pytest.fail("no business")
    list(provision.migrate_behind())
    with django_assert_max_num_queries(1):
        assert list(provision.migrate_behind()) == []
    Business.objects.filter(id=business.id).update(fingerprint="older code")
    assert list(provision.migrate_behind()) == [(business.place, True)]
    business.refresh_from_db()
    assert business.fingerprint == provision.fingerprint()


def test_a_lost_schema_is_named_and_stops_nobody_behind_it(fresh, capsys):
    lost, behind = fresh().place, fresh().place
    Business.objects.filter(id__in=[lost.id, behind.id]).update(fingerprint="older code")
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER SCHEMA "{lost.schema}" RENAME TO "{lost.schema}_away"')
    try:
        with pytest.raises(CommandError, match=lost.slug):
            call_command("migrate_all")
        assert Business.objects.get(id=behind.id).fingerprint == provision.fingerprint()
        assert f"{behind.slug}: brought up" in capsys.readouterr().out
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f'ALTER SCHEMA "{lost.schema}_away" RENAME TO "{lost.schema}"')
    call_command("migrate_all")
    assert Business.objects.get(id=lost.id).fingerprint == provision.fingerprint()


def test_a_schema_that_is_gone_is_not_migrated_into_public(house):
    place = tenancy.Place(Business.objects.first().id, "t_gone" + secrets.token_hex(4), "gone", "Gone")
    with pytest.raises(Refusal) as refused:
        provision.migrate(place)
    assert refused.value.code == "business_unavailable"
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.messaging_message')")
        assert cursor.fetchone()[0] is None


# ── manage.py create_business, as a person at a terminal drives it ──────────────────────────────────────────────────
class Terminal:
    """A program on a terminal of its own, which `getpass` opens."""

    def __init__(self, env, *args):
        self.master, slave = pty.openpty()

        def take_terminal():
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        self.child = subprocess.Popen(
            serve.manage(*args), env=env, stdin=slave, stdout=slave, stderr=slave, cwd=environment.PROJECT,
            preexec_fn=take_terminal, close_fds=True,
        )  # fmt: skip
        os.close(slave)
        self.seen = ""

    def answer(self, prompt, text):
        self._read_until(prompt)
        os.write(self.master, f"{text}\n".encode())

    def end(self):
        self._read_until(None)
        os.close(self.master)
        return self.child.wait(30)

    def _read_until(self, prompt):
        shown, until = "", time.monotonic() + 90
        while prompt is None or prompt not in shown:
            ready, _, _ = select.select([self.master], [], [], max(0, until - time.monotonic()))
            assert ready, f"waited for {prompt!r}, saw {self.seen + shown!r}"
            try:
                piece = os.read(self.master, 4096).decode()
            except OSError:  # Linux tells so that the other end is closed
                piece = ""
            if not piece:
                assert prompt is None, f"ended before {prompt!r}: {self.seen + shown!r}"
                break
            shown += piece
        self.seen += shown


def dialogue(running, slug, file):
    env = environment.for_process(running.env, "setup")
    terminal = Terminal(
        env, "create_business", slug, "Terminal Business", "--owner", f"o@{slug}.example", "--officer", f"f@{slug}.example",
        "--recovery-key", str(file),
    )  # fmt: skip
    terminal.answer("Password of the owner", PASSWORD)
    terminal.answer("Again", PASSWORD)
    terminal.answer("Password of the officer", PASSWORD)
    terminal.answer("Again", PASSWORD)
    terminal.answer("Passphrase of the archive", WORDS)
    terminal.answer("Again", WORDS)
    return terminal


def at_once(monkeypatch, slug, file, *, name="Terminal Business", answers=(), enter=lambda prompt: ""):
    """The same dialogue in this process, for the ways in which it can end early."""
    given = iter([*answers, *[PASSWORD] * (4 - len(answers)), WORDS, WORDS])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(given))
    monkeypatch.setattr("builtins.input", enter)
    out, known = StringIO(), {"owner": f"o@{slug}.example", "officer": f"f@{slug}.example"}
    call_command("create_business", slug, name, **known, recovery_key=file, stdout=out)
    return out.getvalue()


def interrupt(prompt):
    raise KeyboardInterrupt


def test_a_business_is_opened_from_a_terminal(running, tmp_path, cheap, monkeypatch):
    """Interrupted before the recovery key was kept, it is not served; begun again, it is."""
    slug, first, second = f"term-{secrets.token_hex(3)}", tmp_path / "first.key", tmp_path / "second.key"
    with pytest.raises(KeyboardInterrupt):
        at_once(monkeypatch, slug, first, answers=["an earlier password"] * 4, enter=interrupt)
    is_not_served(running, slug)
    terminal = dialogue(running, slug, second)
    terminal.answer("Press Enter", "")
    assert terminal.end() == 0, terminal.seen
    assert "is ready" in terminal.seen
    assert PASSWORD not in terminal.seen
    assert WORDS not in terminal.seen
    assert second.stat().st_mode & 0o777 == 0o600
    text = second.read_text()
    assert text != first.read_text()
    assert text.strip().splitlines()[-1] not in terminal.seen
    wait_until_served(running, slug)
    business = Business.objects.get(slug=slug)
    assert business.state == "ready"
    with tenancy.tenant_scope(business.place):
        told = {(one.role, one.check_password(PASSWORD)) for one in User.objects.all()}
        assert told == {("owner", True), ("officer", True)}
        assert birth.is_complete()
    with pytest.raises(CommandError, match="name_taken"):
        at_once(monkeypatch, slug, tmp_path / "third.key")
    assert not (tmp_path / "third.key").exists()


def test_a_terminal_that_says_something_wrong_leaves_nothing_half_done(house, tmp_path, monkeypatch, cheap):
    slug = f"term-{secrets.token_hex(3)}"
    (tmp_path / "there").write_text("mine")
    for file, answers, told in (
        (tmp_path / "key", [PASSWORD, "another password"], "The two differ"),
        (tmp_path / "no folder" / "key", [], "cannot be written"),
        (tmp_path / "there", [], "exists"),
    ):
        with pytest.raises(CommandError, match=told):
            at_once(monkeypatch, slug, file, answers=answers)
    assert (tmp_path / "there").read_text() == "mine"
    assert not Business.objects.filter(slug=slug).exists()
    with pytest.raises(CommandError, match="weak_password"):
        at_once(monkeypatch, slug, tmp_path / "key", answers=["short", "short"])
    assert not (tmp_path / "key").exists()
    assert "is ready" in at_once(monkeypatch, slug, tmp_path / "key")
