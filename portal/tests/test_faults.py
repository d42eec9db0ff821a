"""T15 at its small size: each fault on a whole installation of its own. It fails closed, loses nothing, says so in /readyz
and recovers within 30 seconds.

Passing time is never waited for where a row says it: a heartbeat that is a minute old, a job whose second try is due.
"""

import asyncio
import base64
import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from portal.launch import environment
from portal.sealing import errors
from portal.sealing.keyring.ring import Keyring
from portal.testing.installation import until
from portal.testing.line import Line
from portal.testing.sink import text_of

FULL = os.environ.get("EBB_FULL") == "1"
RECOVERS_IN = 30


@pytest.fixture
def house(installation):
    """Whole before and after: a fault that stays is another test's mystery."""
    until(lambda: is_well(installation), RECOVERS_IN, "the installation was not well before the test")
    yield installation
    installation.sink.mood = "takes"
    until(lambda: is_well(installation), RECOVERS_IN, "the installation did not recover")


@pytest.fixture
def globex(house):
    return house.business("globex")


def is_well(house) -> bool:
    return house.ready()[0] == 200


def state_of(house, check: str) -> str:
    return str(house.ready()[1].get(check, {}).get("state", "none"))


def _fails_by(house, check: str) -> bool:
    """It looks once a second at most, so what just happened shows a moment later."""
    status, checks = house.ready()
    return (status, checks.get(check, {}).get("state")) == (503, "failing")


def forget_heartbeat(house, name: str) -> None:
    """As if a minute had passed: the last sign of life is older than it may be, and the workers are due to be asked."""
    for row in (name, "asked"):
        house.rows("DELETE FROM tenants_cache WHERE cache_key LIKE %s", f"%heartbeat:{row}")


def counts(house, business, ids: list[str]) -> tuple[int, int, int]:
    """Messages, records and `message.sent` entries of these ids: one each (I5)."""
    asked = [
        f'SELECT count(*) FROM "{business.schema}".{table} WHERE {column} = ANY(%s::uuid[]) {more}'
        for table, column, more in (
            ("messaging_message", "id", "AND sent_at IS NOT NULL"), ("archive_record", "message_id", ""),
            ("archive_entry", "message_id", "AND kind = 'message.sent'"),
        )
    ]  # fmt: skip
    return tuple(house.rows(sql, ids)[0][0] for sql in asked)  # type: ignore[return-value]


# ── PostgreSQL ────────────────────────────────────────────────────────────────────────────────────────────────────
def test_postgresql_dies_under_load(house, globex):
    """Killed with -9 while more callers send than there are threads. Every answer of 201 is there once; every other answer
    has a code; asked again with the same idempotency key nothing is sent twice."""
    customer = house.customer(globex)
    stop, lock, answers, said = threading.Event(), threading.Lock(), {}, Counter()

    def send_on(worker: int) -> None:
        with house.api(globex) as api:
            number = 0
            while not stop.is_set():
                key = f"restart-{worker}-{number}"
                number += 1
                answer = post(api, customer, key)
                with lock:
                    answers[key] = answer
                    said[
                        f"{answer.status_code} {answer.json().get('code', '')}" if answer is not None else "cut off"
                    ] += 1

    threads = [threading.Thread(target=send_on, args=(n,), daemon=True) for n in range(16)]
    for thread in threads:
        thread.start()
    until(lambda: sum(1 for one in list(answers.values()) if one is not None and one.status_code == 201) > 20)
    os.kill(house.postgres.pid, signal.SIGKILL)
    try:
        until(lambda: state_of(house, "database") == "failing", 10, "/readyz did not say so")
        assert httpx.get(f"http://127.0.0.1:{house.port}/healthz", timeout=5).status_code == 200
    finally:
        started = time.monotonic()
        house.postgres.start()
    until(lambda: is_well(house), RECOVERS_IN, "it did not come back")
    took = time.monotonic() - started
    stop.set()
    for thread in threads:
        thread.join(60)
    told = f"ready {took:.1f} s after the restart began; answers: {dict(said)}"
    print(told)
    assert not [name for name in said if name.startswith("500")], told
    with house.api(globex) as api:
        ids = [settle(api, customer, key, answer) for key, answer in answers.items()]
    assert len(ids) == len(set(ids)), told
    known = [one for one in ids if not one.startswith("unknown")]
    assert counts(house, globex, known) == (len(known),) * 3, told
    mine = f'SELECT id::text FROM "{globex.schema}".messaging_message WHERE customer_id = %s::uuid'
    held = [pk for (pk,) in house.rows(mine, customer)]
    assert set(known) <= set(held), told
    assert len(held) <= len(ids), f"something was sent twice; {told}"
    assert counts(house, globex, held) == (len(held),) * 3, told


def post(api: httpx.Client, customer: str, key: str) -> httpx.Response | None:
    body = {"customer": customer, "body": f"under load {key}", "gone_after": 3600}
    try:
        return api.post("messages", json=body, headers={"Idempotency-Key": key})
    except httpx.TransportError:
        return None


def settle(api: httpx.Client, customer: str, key: str, answer: httpx.Response | None) -> str:
    """What a careful caller does: asks again with the same key until it is told. `unknown` where only looking can tell: the
    claim committed, the server died, and the answer says that somebody must look whether the act did too."""
    while answer is None or answer.status_code >= 500:
        answer = post(api, customer, key)
    if answer.status_code == 409:
        assert answer.json()["code"] in {"idempotency_in_progress", "idempotency_outcome_unknown"}
        return f"unknown {key}"
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


# ── keyring ───────────────────────────────────────────────────────────────────────────────────────────────────────
@contextlib.contextmanager
def read_only(folder: Path):
    """As a disk that was remounted after an error. Root writes through any mode, so a mount it must be."""
    if os.geteuid() != 0:
        os.chmod(folder, 0o500)  # noqa: PTH101
        for path in folder.rglob("*"):
            path.chmod(0o400 if path.is_file() else 0o500)
        try:
            yield
        finally:
            os.chmod(folder, 0o700)  # noqa: PTH101
            for path in sorted(folder.rglob("*")):
                path.chmod(0o600 if path.is_file() else 0o700)
        return
    mount("--bind", folder, folder)
    try:
        mount("-o", "remount,ro,bind", folder)
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def mount(*words: object) -> None:
    done = subprocess.run(["mount", *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this machine lets nobody mount ({done.stderr.strip().splitlines()[-1]})")


def test_a_read_only_keyring_refuses_new_keys_and_goes_on_reading(house, globex):
    customer = house.customer(globex)
    phone = house.handset(globex, customer)
    assert house.send(globex, customer, "before", gone_after=3600).status_code == 201
    total = f'SELECT count(*) FROM "{globex.schema}".messaging_message'
    entries = f'SELECT count(*) FROM "{globex.schema}".archive_entry'
    with read_only(house.keyring):
        before = house.rows(total), house.rows(entries)
        # A life that no bucket holds yet: its key would have to be made.
        answer = house.send(globex, customer, "never stored", gone_after=secrets.randbelow(10**6) + 40 * 86400)
        assert (answer.status_code, answer.json()["code"]) == (503, "keyring_unwritable"), answer.text
        assert "never stored" not in answer.text
        assert (house.rows(total), house.rows(entries)) == before, "half of it was stored"
        until(lambda: state_of(house, "keyring") == "failing", 10, "/readyz did not say so")
        assert [m["body"] for m in asyncio.run(inbox(house, phone))] == ["before"], "reading needs no writing"
    until(lambda: state_of(house, "keyring") == "ok", RECOVERS_IN)
    assert house.send(globex, customer, "after", gone_after=50 * 86400).status_code == 201


async def inbox(house, phone) -> list[dict]:
    async with Line(house.port, phone) as line:
        return line.state["messages"]


@pytest.mark.parametrize("process", ["web", "clock"])
def test_the_wrong_master_key_starts_nothing(house, process):
    """A process that cannot use its keys does not start, changes nothing, and says why in a sentence."""
    before = (house.keyring / "live.ring").read_bytes()[4096:]
    wrong = {"EBB_MASTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(), "EBB_WEB_PORT": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "portal.launch", "serve", process], cwd=environment.PROJECT, capture_output=True, text=True,
        env=environment.for_process(house.env | wrong, process), timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "keyring_corrupt" in done.stderr or "EBB_MASTER_KEY" in done.stderr, done.stderr[-600:]
    assert house.env["EBB_MASTER_KEY"] not in done.stderr
    assert len((house.keyring / "live.ring").read_bytes()[4096:]) == len(before)
    assert is_well(house), "the others go on"


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 2 MB that fills in no time."""
    where = tmp_path / "small"
    where.mkdir()
    if os.geteuid() != 0:
        pytest.skip("a disk that is full needs root to mount one")
    mount("-t", "tmpfs", "-o", "size=2m,mode=700", "none", where)
    yield where
    subprocess.run(["umount", "-l", where], check=True)


def test_a_full_disk_makes_no_new_business_and_ends_the_old_messages(house, small_disk):
    """Births are refused with a code and taken up again later; buckets are made and destroyed in place all the while."""
    ring = small_disk / "keyring"
    shutil.copytree(house.keyring, ring)
    with (small_disk / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while filler.write(bytes(4096)):
            pass
    own = {"EBB_KEYRING": str(ring)}
    slug = f"full-{secrets.token_hex(3)}"
    refused = in_env(house, own, "-m", "portal.testing.opening", slug)
    assert refused.returncode != 0
    assert "keyring_unwritable" in refused.stderr, refused.stderr[-1500:]
    state = "SELECT state FROM tenants_business WHERE slug = %s"
    assert house.rows(state, slug) == [("provisioning",)], "half a business is served"
    keyring, bucket = Keyring(ring, house.master_key), int(time.time()) + 7200
    assert len(keyring.live.create(bucket)) == 32
    assert keyring.live.destroy(bucket)
    with pytest.raises(errors.KeyGone):
        keyring.live.get(bucket)
    (small_disk / "filler").unlink()
    assert in_env(house, own, "-m", "portal.testing.opening", slug).returncode == 0
    assert house.rows(state, slug) == [("ready",)]
    # Its keys die with this disk: closed, so that nobody serves it.
    house.rows("UPDATE tenants_business SET state = 'closed' WHERE slug = %s", slug)


def in_env(house, extra: dict[str, str], *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *args], env=environment.for_process(house.env | extra, "setup"), cwd=environment.PROJECT,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


# ── clock of the machine ──────────────────────────────────────────────────────────────────────────────────────────
CLOCK = """
import json, sys
import django; django.setup()
from datetime import UTC, datetime, timedelta
from uuid import UUID
from portal.kernel import actors, clock, keys, tenancy
from messaging import clock as loops
from messaging.flows import message, expiry, words
from messaging.queries import inbox
from messaging.rules.compose import Compose
from portal.kernel.errors import Refusal
given = json.loads(sys.stdin.read())
place = tenancy.directory().by_id(UUID(given["business"]))
reader = actors.device(UUID(int=1), frozenset({UUID(given["customer"])}))
fake = clock.Fake(datetime.fromtimestamp(given["wall"], UTC))
def shown():
    with tenancy.tenant_scope(place):
        return [m["body"] for m in inbox.state(reader, clock.now())["messages"]]
with clock.use(fake):
    keys.keyring()
    out = []
    for act, *rest in given["acts"]:
        if act == "send":
            with tenancy.tenant_scope(place):
                made = message.send(actor=actors.SYSTEM, now=clock.now(),
                    asked=Compose(body=rest[0], customer=UUID(given["customer"]), gone_after=rest[1]))
            out.append(str(made.id))
        elif act == "move": fake.advance(seconds=rest[0]); out.append(fake().timestamp())
        elif act == "mark": loops.mark(clock.now()); out.append("")
        elif act == "destroy": out.append(len(expiry.destroy_over(now=clock.now())))
        elif act == "shown": out.append(shown())
        elif act == "now": out.append(clock.now().timestamp())
print("OUT" + json.dumps(out))
"""


def play(house, ring: Path, business, customer: str, wall: float, *acts: list) -> list:
    """Acts of one process on a keyring of its own, under a clock that the test moves."""
    import json

    given = {"business": business.id, "customer": customer, "wall": wall, "acts": acts}
    done = subprocess.run(
        [sys.executable, "-c", CLOCK], env=environment.for_process(house.env | {"EBB_KEYRING": str(ring)}, "setup"),
        cwd=environment.PROJECT, capture_output=True, text=True, check=False, timeout=60, input=json.dumps(given),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(next(line for line in done.stdout.splitlines() if line.startswith("OUT"))[3:])


def test_a_clock_that_steps_back_revives_nothing_not_even_after_a_restart(house, globex, tmp_path):
    """±1 h. The end came at 20 minutes, was seen, and stays: in this process, in the next, with the key and without."""
    ring = tmp_path / "keyring"
    shutil.copytree(house.keyring, ring)
    customer, start = house.customer(globex), float(int(time.time()))
    first = play(
        house, ring, globex, customer, start,
        ["send", "short", 1200], ["send", "long", 7200], ["shown"], ["move", 3600], ["mark"], ["shown"],
        ["move", -3600], ["now"], ["shown"],
    )  # fmt: skip
    assert sorted(first[2]) == ["long", "short"]
    assert first[5] == ["long"]
    assert first[7] >= start + 3600, "now() ran backwards"
    assert first[8] == ["long"], "the clock stepped back and an ended message came to life"
    # A restart, on a wall that is an hour behind what was seen; then the destruction; then another restart.
    second = play(house, ring, globex, customer, start, ["now"], ["shown"], ["destroy"], ["shown"])
    assert second[0] >= start + 3600, "the mark did not survive the restart"
    assert second[1] == ["long"]
    third = play(
        house, ring, globex, customer, start - 3600, ["now"], ["shown"], ["send", "still works", 600], ["shown"]
    )
    assert third[0] >= start + 3600
    assert third[1] == ["long"]
    assert sorted(third[3]) == ["long", "still works"]


# ── processes ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_killed_worker_is_missed_and_what_waited_is_done(house, globex):
    house.kill("worker-urgent")
    house.kill("worker-notices")
    try:
        address = f"worker-{secrets.token_hex(6)}@example.org"
        customer = house.customer(globex, email=address)
        assert house.send(globex, customer, "to one without a device").status_code == 201, "sending needs no worker"
        forget_heartbeat(house, "worker")
        until(lambda: _fails_by(house, "worker"), 10, "/readyz did not say so")
        assert house.sink.wait_for(address, 1) is None
    finally:
        house.start("worker-urgent", "worker-notices")
    started = time.monotonic()
    assert house.sink.wait_for(address, RECOVERS_IN), "what waited was lost"
    until(lambda: state_of(house, "worker") == "ok", RECOVERS_IN)
    print(f"worker back after {time.monotonic() - started:.1f} s")


def test_a_killed_clock_is_missed_and_what_was_due_is_sent(house, globex):
    house.kill("clock")
    try:
        customer = house.customer(globex)
        due = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
        late = house.send(globex, customer, "due while nobody looked", send_at=due, gone_after=600).json()["id"]
        short = house.send(globex, customer, "ends while nobody looks", gone_after=1).json()["id"]
        forget_heartbeat(house, "clock")
        until(lambda: _fails_by(house, "clock"), 10, "/readyz did not say so")
        phone = house.handset(globex, customer)
        until(
            lambda: api_get(house, globex, short)["state"] == "expired_unread", 5, "reads depend on the clock process"
        )
        assert asyncio.run(inbox(house, phone)) == [], "an end depends on no sweeper (I1)"
    finally:
        house.start("clock")
    until(lambda: api_get(house, globex, late)["state"] == "sent", RECOVERS_IN, "what was due was not sent")
    assert counts(house, globex, [late]) == (1, 1, 1)


def api_get(house, business, message: str) -> dict:
    with house.api(business) as api:
        return api.get(f"messages/{message}").json()


def test_two_clocks_send_nothing_twice_and_one_may_die(house, globex):
    house.start("clock-2")
    try:
        customer = house.customer(globex)
        due = (datetime.now(UTC) + timedelta(seconds=2)).isoformat()
        asked = [{"customer": customer, "body": f"due {n}", "send_at": due, "gone_after": 600} for n in range(200)]
        with house.api(globex) as api:
            ids = [one["id"] for one in api.post("messages/batch", json={"messages": asked}).json()["results"]]
        until(lambda: counts(house, globex, ids)[0] > 0, 10, "nothing was sent")
        house.kill("clock")
        until(lambda: counts(house, globex, ids)[0] == len(ids), 40, "the other clock left some unsent")
        assert counts(house, globex, ids) == (len(ids),) * 3
    finally:
        house.kill("clock-2")
        if "clock" not in house.children:
            house.start("clock")


# ── wake-ups ──────────────────────────────────────────────────────────────────────────────────────────────────────
def listeners(house) -> list[int]:
    sql = "SELECT pid FROM pg_stat_activity WHERE application_name = 'ebb-wake' AND query LIKE 'LISTEN%%'"
    return [pid for (pid,) in house.rows(sql)]


HOW = ["terminated", "stopped"] if FULL else ["terminated"]


@pytest.mark.parametrize("how", HOW)
async def test_a_deaf_web_process_hears_again(house, globex, how):
    """The message is sent by another process (the clock) while the listener of this one is dead, or deaf without an error."""
    customer = await asyncio.to_thread(house.customer, globex)
    phone = await asyncio.to_thread(house.handset, globex, customer)
    async with Line(house.port, phone) as line:
        assert line.state["messages"] == []
        due = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
        sent = await asyncio.to_thread(house.send, globex, customer, "heard late", send_at=due, gone_after=600)
        deaf = await asyncio.to_thread(listeners, house)
        assert deaf, "nobody listened: this would prove nothing"
        started = time.monotonic()
        undo = await asyncio.to_thread(deafen, house, deaf, how)
        try:
            assert datetime.now(UTC).isoformat() < due, "it was sent before anyone was deaf: this would prove nothing"
            assert sent.status_code == 201
            found = await hear(house, line, phone)
        finally:
            undo()
    took = time.monotonic() - started
    print(f"{how}: heard after {took:.1f} s")
    assert found == ["heard late"]
    assert took <= RECOVERS_IN


def deafen(house, pids: list[int], how: str):
    if how == "terminated":
        until(lambda: [house.rows("SELECT pg_terminate_backend(%s)", pid) for pid in pids] and True)
        return lambda: None
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    return lambda: [os.kill(pid, signal.SIGCONT) for pid in pids]


async def hear(house, line: Line, phone) -> list[str]:
    """As the page does: takes messages as they come, and looks again when it is told to."""
    async with asyncio.timeout(RECOVERS_IN + 5):
        while True:
            frame = await line.receive()
            if frame["type"] == "message":
                return [frame["message"]["body"]]
            if frame["type"] == "ping":
                await line.send(type="pong")
            if frame["type"] == "resync":
                found = [m["body"] for m in await inbox(house, phone)]
                if found:
                    return found


# ── notices ───────────────────────────────────────────────────────────────────────────────────────────────────────
def notices_of(house, business, message: str) -> list[tuple]:
    table = f'"{business.schema}".messaging_notice'
    return house.rows(
        f"SELECT channel, state, reason, attempts FROM {table} WHERE about_id = %s::uuid ORDER BY id", message
    )


def let_the_pause_pass(house, business) -> None:
    house.rows(f'UPDATE "{business.schema}".messaging_notice SET due_at = now() WHERE due_at > now()')


def test_a_refused_notice_is_due_again_and_says_nothing(house, globex):
    address = f"notice-{secrets.token_hex(6)}@example.org"
    customer = house.customer(globex, name="Nora Notice", email=address)
    house.handset(globex, customer)  # a device that is away: the notice is for those
    house.sink.mood = "refuses"
    words = f"words-{secrets.token_hex(12)}"
    sent = house.send(globex, customer, words, subject=words, gone_after=3600).json()["id"]
    tried = house.sink.tried
    house.rows(f'UPDATE "{globex.schema}".messaging_message SET notify_at = now() WHERE id = %s::uuid', sent)
    assert house.sink.wait_tried(tried + 1, RECOVERS_IN), "the notice was never tried"
    until(lambda: notices_of(house, globex, sent) == [("email", "waiting", "provider_busy", 1)], RECOVERS_IN)
    until(lambda: state_of(house, "notices") == "warning", RECOVERS_IN, "/readyz does not say that mail fails")
    assert house.ready()[0] == 200, "what leaves the house does not stop the house"
    assert api_get(house, globex, sent)["state"] == "sent"
    house.sink.mood = "takes"
    let_the_pause_pass(house, globex)
    raw = house.sink.wait_for(address, RECOVERS_IN)
    assert raw is not None
    mail = text_of(raw)
    assert words not in mail
    assert "Globex House" in mail
    until(lambda: notices_of(house, globex, sent) == [("email", "sent", "", 2)], 10, "it would go out again")
    until(lambda: state_of(house, "notices") == "ok", RECOVERS_IN)


def test_a_mail_server_that_hangs_slows_no_sender_and_loses_no_invitation(house, globex):
    house.sink.mood = "sleeps"
    address = f"slow-{secrets.token_hex(6)}@example.org"
    customer, tried = house.customer(globex, email=address), house.sink.tried
    started = time.monotonic()
    answer = house.send(globex, customer, "hello")
    assert answer.status_code == 201
    took = time.monotonic() - started
    assert house.sink.wait_tried(tried + 1, RECOVERS_IN)
    assert took < 3, f"the send waited {took:.1f} s for the mail server"
    assert is_well(house)
    until(lambda: notices_of(house, globex, answer.json()["id"])[0][1:3] == ("ambiguous", "no_answer"), RECOVERS_IN)
    house.sink.mood = "takes"
    let_the_pause_pass(house, globex)
    assert house.sink.wait_for(address, RECOVERS_IN), "the invitation was lost"


def test_a_worker_that_is_killed_while_it_sends_leaves_a_row_that_says_so(house, globex):
    house.sink.mood = "sleeps"
    address = f"killed-{secrets.token_hex(6)}@example.org"
    customer, tried = house.customer(globex, email=address), house.sink.tried
    sent = house.send(globex, customer, "hello").json()["id"]
    assert house.sink.wait_tried(tried + 1, RECOVERS_IN)
    house.kill("worker-notices")
    try:
        assert notices_of(house, globex, sent)[0][1] == "sending"
        house.sink.mood = "takes"
        let_the_pause_pass(house, globex)  # the lease
    finally:
        house.start("worker-notices")
    until(lambda: notices_of(house, globex, sent)[0][1] == "sent", RECOVERS_IN, "nobody took it over")
    assert house.sink.wait_for(address, 5)
