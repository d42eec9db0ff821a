"""A whole installation beside the tests': its own PostgreSQL with the product's own settings (fsync and all), keyring, mail
server, web, worker and clock. What breaks or searches a house does it here, so that nobody else's house falls."""

import base64
import json
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from portal.launch import environment, serve
from portal.launch.postgres import EmbeddedPostgres
from portal.testing.handset import Handset
from portal.testing.processes import Running
from portal.testing.sink import Sink, mail_server

PROCESSES = ("web", "clock", "worker-urgent", "worker-notices")
PATIENCE = 120.0  # seconds, with a program that only has to answer


@dataclass(frozen=True)
class Business:
    """What a test knows of a business that lives in other processes."""

    id: str
    schema: str
    slug: str
    host: str
    key: str
    passphrase: str
    recovery_text: str
    officer: str
    password: str
    emails: dict[str, str] = field(default_factory=dict)


@dataclass
class Installation(Running):
    postgres: EmbeddedPostgres = None  # type: ignore[assignment]
    sink: Sink = None  # type: ignore[assignment]
    businesses: dict[str, Business] = field(default_factory=dict)

    @property
    def keyring(self) -> Path:
        return Path(self.env["EBB_KEYRING"])

    @property
    def master_key(self) -> bytes:
        return base64.b64decode(self.env["EBB_MASTER_KEY"])

    def business(self, slug: str) -> Business:
        """Opened at the first asking."""
        if slug not in self.businesses:
            self.open_businesses(slug)
        return self.businesses[slug]

    def open_businesses(self, *slugs: str) -> None:
        told = json.loads(self.run("-m", "portal.testing.opening", *slugs).stdout.splitlines()[-1])
        self.businesses |= {one["slug"]: Business(**one) for one in told}

    def manage(self, *args: str, check: bool = True, seconds: float = PATIENCE) -> subprocess.CompletedProcess[str]:
        return self.run(*serve.manage(*args)[1:], check=check, seconds=seconds)

    def run(
        self, *args: str, check: bool = True, given: str = "", seconds: float = PATIENCE
    ) -> subprocess.CompletedProcess[str]:
        """A Python program in this installation's environment."""
        done = subprocess.run(
            [sys.executable, *args], env=environment.for_process(self.env, "setup"), cwd=environment.PROJECT,
            capture_output=True, text=True, check=False, timeout=seconds, input=given,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stderr[-3000:]
        return done

    def connect(self) -> psycopg.Connection:
        """As the superuser: a thief with the whole server."""
        return psycopg.connect(self.postgres.url(role="ebb_admin"), autocommit=True)

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            done = connection.execute(sql, values)
            return done.fetchall() if done.description else []

    def ready(self) -> tuple[int, dict[str, Any]]:
        """/readyz: status and checks; 0 where nobody answers."""
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=10)
            return answer.status_code, answer.json()["checks"]
        except httpx.TransportError:
            return 0, {}

    def customer(self, business: Business, **details: object) -> str:
        with self.api(business) as api:
            made = api.post("customers", json={"name": "Test", **details})
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    def handset(self, business: Business, customer: str, name: str = "Test phone") -> Handset:
        """Enrolled through the real doors."""
        phone = Handset(business.host)
        with self.api(business) as api, self.client(business) as browser:
            token = (
                api.post(f"customers/{customer}/enrolments", json={"send_by": "show"}).json()["url"].rsplit("/", 1)[1]
            )
            done = browser.post("/inbox/enrol", json=phone.enrolment(token, name))
        assert done.status_code == 201, done.text
        phone.device, phone.cookie = done.json()["device"], done.cookies["__Host-ebb-device"]
        return phone

    def send(self, business: Business, customer: str, body: str, **asked: object) -> httpx.Response:
        with self.api(business) as api:
            return api.post("messages", json={"customer": customer, "body": body, **asked})


def until(check: Callable[[], Any], seconds: float = 30, what: str = "it did not come true") -> Any:
    """Bounded polling of another process, whose state sets no event here."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        if time.monotonic() > deadline:
            pytest.fail(f"{what} within {seconds} s")
        time.sleep(0.05)
    return found


def build_env(folder: Path, port: int, database_url: str, mail_port: int) -> dict[str, str]:
    for name in ("keyring", "tmp"):
        (folder / name).mkdir(mode=0o700)
    return environment.inherited() | {
        "DATABASE_URL": database_url, "DJANGO_SETTINGS_MODULE": "portal.settings", "EBB_BASE_HOST": f"localhost:{port}",
        "EBB_DEMO": "1", "EBB_KEYRING": str(folder / "keyring"), "EBB_SCHEME": "http", "EBB_WEB_DRAIN": "2",
        "EBB_MASTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(), "EBB_SECRET_KEY": secrets.token_hex(32),
        "EBB_SMTP_PORT": str(mail_port), "EBB_WEB_HOST": "127.0.0.1", "EBB_WEB_PORT": str(port),
        "PYTHONPATH": str(environment.PROJECT), "PYTHONUNBUFFERED": "1", "TMPDIR": str(folder / "tmp"),
    }  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def prepare(folder: Path, postgres: EmbeddedPostgres, sink: Sink) -> Installation:
    """Tables and two businesses; no process runs yet."""
    port = free_port()
    made = Installation(
        port, folder, build_env(folder, port, postgres.start(), sink.port), postgres=postgres, sink=sink
    )
    made.manage("migrate_schemas", "--shared", "--verbosity", "0")
    made.open_businesses("acme", "globex")
    return made


@pytest.fixture(scope="session")
def installation() -> Iterator[Installation]:
    folder = Path(tempfile.mkdtemp(prefix="ebb-own-"))
    folder.chmod(0o711)
    postgres = EmbeddedPostgres(folder / "data")
    with mail_server() as sink:
        try:
            made = prepare(folder, postgres, sink)
            made.start(*PROCESSES)
            yield made
        finally:
            if "made" in locals():
                made.stop()
            postgres.destroy()
            shutil.rmtree(folder, ignore_errors=True)
