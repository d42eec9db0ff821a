"""A house of its own for one benchmark: PostgreSQL with the demo's settings (fsync on), a keyring, one business.

The business comes through its real birth, customers and devices through the real flows; web and clock are the processes
of `./run serve`. Everything lies in a temporary folder and goes with the benchmark.
"""

import http.client
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psutil

from portal.launch import environment, leash, serve
from portal.launch.postgres import EmbeddedPostgres

if TYPE_CHECKING:
    from portal.kernel import actors, tenancy

START_SECONDS = 60


@dataclass
class Phone:
    """An enrolled device: what a client program needs to prove itself."""

    device: str
    cookie: str
    private_key: str  # the number, in hex

    def to_json(self) -> dict[str, str]:
        return {"device": self.device, "cookie": self.cookie, "key": self.private_key}


@dataclass
class House:
    """`place` is the business, `author` someone who may write, `secret` an API key of all scopes."""

    folder: Path
    port: int
    env: dict[str, str]
    place: "tenancy.Place"
    author: "actors.Actor"
    officer: "actors.Actor"
    secret: str
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return f"{self.place.slug}.localhost:{self.port}"

    # ── processes ─────────────────────────────────────────────────────────────────────────────────────────────
    def start(self, *names: str) -> None:
        """`worker-bulk` is the cluster of that queue alone."""
        for name in names:
            env = environment.for_process(self.env, name.partition("-")[0])
            if name == "clock":
                command = serve.clock_command()
            elif name.startswith("worker-"):
                command, env = serve.worker_command(), env | {"Q_CLUSTER_NAME": name.partition("-")[2]}
            else:
                command = [sys.executable, "-m", "portal.launch", "serve", name]
            self.children[name] = spawn(command, env, self.folder / f"{name}.log")
        if "web" in names:
            wait_for(self.port, "/healthz")

    def stop(self) -> None:
        for child in self.children.values():
            end(child)
        self.children.clear()

    def cpu(self, name: str) -> float:
        """Seconds of processor time that a process used so far."""
        times = psutil.Process(self.children[name].pid).cpu_times()
        return float(times.user + times.system)

    def memory(self, name: str) -> int:
        """Its share of memory in bytes (PSS: shared pages are divided among those that share them)."""
        return int(psutil.Process(self.children[name].pid).memory_full_info().pss)

    # ── people ────────────────────────────────────────────────────────────────────────────────────────────────
    def customers(self, count: int) -> list[UUID]:
        from messaging.flows import customer
        from portal.kernel import clock, tenancy

        with tenancy.tenant_scope(self.place):
            return [
                customer.create(actor=self.author, now=clock.now(), details=customer.Details(
                    reference=f"B-{n}-{time.monotonic_ns()}", name=f"Customer {n}", email=f"c{n}.{time.monotonic_ns()}@b.example",
                ))
                for n in range(count)
            ]  # fmt: skip

    def neighbour(self) -> "House":
        """Another business in the same house: its own people and key, the same processes."""
        from portal.kernel import actors

        place, author, officer, secret = _business("next", "Neighbour")
        assert isinstance(author, actors.Actor)
        return replace(self, place=place, author=author, officer=officer, secret=secret)

    def phones(self, owners: list[UUID]) -> list[Phone]:
        """One enrolled device for each customer."""
        return [self._phone(owner, n) for n, owner in enumerate(owners)]

    def _phone(self, owner: UUID, n: int) -> Phone:
        from messaging.flows import enrolment
        from portal.kernel import clock, tenancy
        from portal.testing.handset import Handset

        handset = Handset(self.host)
        with tenancy.tenant_scope(self.place):
            issued = enrolment.issue(actor=self.author, now=clock.now(), customer_id=owner, send_by="show")
            token = str(issued.url).rsplit("/", 1)[-1]
            body = handset.enrolment(token)
            redeemed = enrolment.redeem(
                now=clock.now(), host=self.host, secret=token, public_key=body["public_key"], name="Bench phone",  # type: ignore[arg-type]
                signature=str(body["proof"]), source=f"bench-{n}", cookie="",
            )  # fmt: skip
        number = handset.key.private_numbers().private_value
        return Phone(str(redeemed.device_id), str(redeemed.cookie), f"{number:x}")


@contextmanager
def opened() -> Iterator[House]:
    """A running database and a business that is ready; no process yet."""
    folder = Path(tempfile.mkdtemp(prefix="ebb-bench-"))
    folder.chmod(0o711)
    port = free_port()
    allow_files()
    postgres = EmbeddedPostgres(folder / "data")
    place = environment.Place(folder / "data", port)
    house = None
    try:
        env = environment.build(place, postgres.start())
        os.environ.update(env | {"EBB_PROCESS": "bench"})
        house = _born(folder, port, env)
        yield house
    finally:
        if house is not None:
            house.stop()
        _close_connections()
        postgres.destroy()
        shutil.rmtree(folder, ignore_errors=True)


def _born(folder: Path, port: int, env: dict[str, str]) -> House:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate_schemas", "--shared", verbosity=0)
    place, author, officer, secret = _business("bench", "Bench")
    return House(folder, port, env, place, author, officer, secret)


def _business(slug: str, name: str) -> "tuple[tenancy.Place, actors.Actor, actors.Actor, str]":
    from messaging.flows import opening
    from portal.accounts.flows import key
    from portal.kernel import actors, roles, tenancy

    now = datetime.now(UTC)
    people = [
        opening.Person(f"{role}@{slug}.example", role, role, "correct horse battery") for role in ("author", "officer")
    ]
    made = opening.begin(now=now, slug=slug, name=name, people=people, passphrase="words of a bench passphrase")
    opening.finish(now=now, place=made.place, recovery_text=made.recovery_text)
    with tenancy.tenant_scope(made.place):
        api = key.create(actor=actors.SYSTEM, now=now, name=name, scopes=sorted(roles.SCOPES))
    author, officer = (actors.staff(made.staff[one.email], one.role) for one in people)
    return made.place, author, officer, api.secret


def _close_connections() -> None:
    from django.conf import settings

    if settings.configured:
        from django.db import connections

        connections.close_all()


# ── processes ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def spawn(command: list[str], env: dict[str, str], log: Path, **pipes: Any) -> subprocess.Popen[bytes]:
    """A child that dies with us and writes to `log` what it does not pipe."""
    with log.open("ab") as file:
        return subprocess.Popen(
            command, env=env, cwd=environment.PROJECT, start_new_session=True, stderr=file,
            preexec_fn=leash.die_with_parent(signal.SIGKILL), **{"stdout": file, **pipes},
        )  # fmt: skip


def end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait(10)


def wait_for(port: int, path: str) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
        finally:
            connection.close()
    raise RuntimeError(f"nobody answers at port {port}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def allow_files() -> None:
    """A socket is a file: as many as the system lets us have, for us and for the children."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
