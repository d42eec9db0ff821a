"""T8: web, worker, clock and PostgreSQL are killed (-9) at random points of campaigns. Nobody is lost, nobody is written to twice,
and what the ledger says was sent is what was sent.

PR: 20 kills, each in a campaign of its own to 2,000 customers; full: 200, ten in each of twenty campaigns to 100,000.
A failure replays from its seed (EBB_CRASH_SEED).
"""

import os
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import pytest

from portal.launch.postgres import EmbeddedPostgres
from portal.testing.installation import Business, Installation, prepare, until
from portal.testing.sink import mail_server

FULL = os.environ.get("EBB_FULL") == "1"
KILLS, IN_EACH, CUSTOMERS, CHUNK = (200, 10, 100_000, 4000) if FULL else (20, 1, 2000, 100)
SEED = int(os.environ.get("EBB_CRASH_SEED", random.SystemRandom().randrange(10**6)))
VICTIMS = ("web", "clock", "worker-bulk", "a worker's child", "postgres")
ENDS_IN = 300 if FULL else 60
CHECKED_IN = 1800 if FULL else 120  # two million entries, beside whatever else runs
WEEK = 7 * 86400


@dataclass
class Crash:
    """One installation, one business with a crowd, and what was killed when."""

    house: Installation
    business: Business
    chance: random.Random
    killed: Counter[str] = field(default_factory=Counter)
    when: Counter[str] = field(default_factory=Counter)
    waited: list[float] = field(default_factory=list)

    def ask(self, method: str, path: str, **more: object) -> httpx.Response | None:
        """None where the answer was cut off."""
        try:
            with self.house.api(self.business) as api:
                return api.request(method, path, **more)  # type: ignore[arg-type]
        except httpx.TransportError:
            return None

    def insist(self, method: str, path: str, **more: object) -> httpx.Response:
        """What a careful program does: the same again, under the same key, until it is answered."""
        found = until(lambda: self._settled(self.ask(method, path, **more)), 90, f"{method} {path} was never answered")
        assert isinstance(found, httpx.Response)
        return found

    def _settled(self, answer: httpx.Response | None) -> httpx.Response | None:
        unsettled = answer is None or answer.status_code in {500, 502, 503, 429}
        return None if unsettled or answer.json().get("code") == "idempotency_in_progress" else answer

    def kill(self, victim: str) -> None:
        self.killed[victim] += 1
        if victim == "postgres":
            pid = self.house.postgres.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            self.house.postgres.start()
        elif victim == "a worker's child":
            children = psutil.Process(self.house.children["worker-bulk"].pid).children(recursive=True)
            if children:
                os.kill(self.chance.choice(children).pid, signal.SIGKILL)
        else:
            self.house.kill(victim)
            self.house.start(victim)

    def supervise(self) -> None:
        """What systemd or `./run` does: a cluster that went, because a part of it was killed, is started again."""
        if self.house.children["worker-bulk"].poll() is not None:
            self.house.start("worker-bulk")

    def rows(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        return self.house.rows(sql.replace("{s}", f'"{self.business.schema}"'), *values)

    def state(self, campaign: str) -> str:
        return str(self.rows("SELECT state FROM {s}.messaging_campaign WHERE id = %s", campaign)[0][0])


@pytest.fixture(scope="module")
def crash():
    print(f"seed {SEED}: {KILLS} kills, {CUSTOMERS} customers, chunks of {CHUNK}")
    folder = Path(tempfile.mkdtemp(prefix="ebb-crash-"))  # PostgreSQL's own user must get there, whatever pytest locks
    folder.chmod(0o711)
    postgres = EmbeddedPostgres(folder / "data")
    with mail_server() as sink:
        house = prepare(folder, postgres, sink)
        house.env |= {"EBB_CHUNK": str(CHUNK), "EBB_BULK_WORKERS": "2"}
        try:
            house.start("web", "clock", "worker-bulk")
            house.run("-m", "portal.testing.crowd", "acme", str(CUSTOMERS))
            yield Crash(house, house.business("acme"), random.Random(SEED))
        finally:
            house.stop()
            postgres.destroy()
            shutil.rmtree(folder, ignore_errors=True)


def test_nobody_is_lost_and_nobody_is_written_to_twice(crash):
    typical = _send(crash, [], 0.0)  # one that nothing disturbs, to know how long it takes
    for number in range(0, KILLS, IN_EACH):
        _send(crash, [VICTIMS[n % len(VICTIMS)] for n in range(number, number + IN_EACH)], typical)
    print(f"killed {dict(crash.killed)}; at the moment: {dict(crash.when)}; "
          f"whole after {max(crash.waited):.1f} s at most, {typical:.1f} s undisturbed")  # fmt: skip
    _whole(crash)


def _send(crash: Crash, victims: Sequence[str], typical: float) -> float:
    """One campaign; its victims die one after another, at moments spread over what it `typical`ly takes, in seconds. → how long
    it took until it was finished."""
    key = f"{SEED}-{len(crash.waited)}"
    wanted = {"name": key, "audience": {}, "body": "Come in, {{name|you}}.", "gone_after": WEEK}
    made = crash.insist("POST", "campaigns", json=wanted, headers={"Idempotency-Key": key}).json()["id"]
    started = time.monotonic()
    first = crash.ask("POST", f"campaigns/{made}/send", headers={"Idempotency-Key": key + "send"})
    since = started
    for victim in victims:
        pause = crash.chance.uniform(0, 2 * typical / (len(victims) + 1))
        time.sleep(max(0.0, since + pause - time.monotonic()))
        crash.when[_moment(crash, made)] += 1
        crash.kill(victim)
        crash.supervise()
        since = time.monotonic()
    if first is None or first.status_code != 202:
        crash.insist("POST", f"campaigns/{made}/send", headers={"Idempotency-Key": key + "send"})
    until(lambda: _finished(crash, made), ENDS_IN, f"campaign {key} did not end ({crash.house.logs()[-3000:]})")
    took = time.monotonic() - started
    crash.waited.append(took)
    _adds_up(crash, made)
    return took


def _finished(crash: Crash, campaign: str) -> bool:
    crash.supervise()
    try:
        return crash.state(campaign) == "finished"
    except Exception:  # noqa: BLE001 - PostgreSQL is coming back
        return False


def _moment(crash: Crash, campaign: str) -> str:
    [(done, left)] = crash.rows(
        "SELECT count(*) FILTER (WHERE k.state = 'done'), count(*) FILTER (WHERE k.state <> 'done') "
        "FROM {s}.messaging_runchunk k JOIN {s}.messaging_run r ON r.id = k.run_id WHERE r.campaign_id = %s",
        campaign,
    )
    return "before its chunks" if not done else "after its chunks" if not left else "among its chunks"


def _adds_up(crash: Crash, campaign: str) -> None:
    """By the rows, not by what the product counts."""
    [(run,)] = crash.rows("SELECT id FROM {s}.messaging_run WHERE campaign_id = %s", campaign)
    [(messages, customers, sent)] = crash.rows(
        "SELECT count(*), count(DISTINCT customer_id), count(sent_at) FROM {s}.messaging_message WHERE run_id = %s", run
    )
    [(entries,)] = crash.rows("SELECT count(*) FROM {s}.archive_entry WHERE run_id = %s AND kind = 'message.sent'", run)
    [(records,)] = crash.rows("SELECT count(*) FROM {s}.archive_record WHERE run_id = %s", run)
    [(bodies,)] = crash.rows(
        "SELECT count(*) FROM {s}.messaging_body b JOIN {s}.messaging_message m ON m.id = b.message_id WHERE m.run_id = %s",
        run,
    )
    [(listed,)] = crash.rows("SELECT count(*) FROM {s}.messaging_runrecipient WHERE run_id = %s AND outcome = ''", run)
    told = {"messages": messages, "customers": customers, "sent": sent, "entries": entries, "records": records}
    assert told | {"bodies": bodies, "listed": listed} == dict.fromkeys([*told, "bodies", "listed"], CUSTOMERS)
    shown = crash.insist("GET", f"campaigns/{campaign}").json()
    assert shown["counts"] == {"sent": CUSTOMERS}, shown


def _whole(crash: Crash) -> None:
    """The archive of the business recomputed from its first leaf: nothing was lost, nothing stands twice."""
    done = crash.house.manage("verify_archive", "acme", "--json", check=False, seconds=CHECKED_IN)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    [(left,)] = crash.rows("SELECT count(*) FROM {s}.messaging_runchunk WHERE state <> 'done'")
    assert left == 0
