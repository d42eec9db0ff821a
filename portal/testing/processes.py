"""Real processes beside a test: web, clock and workers on the test's own database and keyring, on a free port."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from django.conf import settings
from django.db import connection

from portal.launch import environment, leash, serve
from portal.testing.cast import Cast

START_SECONDS = 60


@dataclass
class Running:
    """Processes by name. `killed` ones are started again by `start`."""

    port: int
    folder: Path
    env: dict[str, str]
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, *names: str) -> None:
        for name in names:
            with (self.folder / f"{name}.log").open("ab") as log:
                self.children[name] = subprocess.Popen(
                    _command(name), env=_env(self.env, name), cwd=environment.PROJECT, stdout=log, stderr=log,
                    preexec_fn=leash.die_with_parent(signal.SIGKILL), start_new_session=True,
                )  # fmt: skip
        if "web" in names:
            self.wait_for_web()

    def kill(self, name: str, how: int = signal.SIGKILL) -> None:
        """The whole group: workers fork."""
        child = self.children.pop(name)
        os.killpg(child.pid, how)
        child.wait(30)

    def stop(self) -> None:
        for name in list(self.children):
            self.kill(name)

    def wait_for_web(self) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/healthz", timeout=2).status_code == 200:
                    return
            except httpx.TransportError:
                if self.children["web"].poll() is not None:
                    break
            time.sleep(0.05)  # waiting for another process's port: there is nothing to be told by
        pytest.fail(f"web did not start: {self.logs()}")

    def logs(self) -> str:
        return "\n".join(file.read_text(errors="replace") for file in sorted(self.folder.glob("*.log")))

    def api(self, cast: Cast, key: str | None = None) -> httpx.Client:
        """A client of a business's API with its key."""
        headers = {"Host": cast.host, "Authorization": f"Bearer {key or cast.key}"}
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}/api/v1/", headers=headers, timeout=30)

    def client(self, cast: Cast) -> httpx.Client:
        """A browser without a key: the Host header names the business."""
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers={"Host": cast.host}, timeout=30)

    def page(self, cast: Cast, path: str) -> str:
        """An address as a browser opens it."""
        return f"http://{cast.host}{path}"


def _command(name: str) -> list[str]:
    if name == "web":
        return [sys.executable, "-m", "portal.launch", "serve", "web"]
    if name.startswith("clock"):
        return serve.clock_command()
    return serve.worker_command()


def _env(env: dict[str, str], name: str) -> dict[str, str]:
    queue = {"Q_CLUSTER_NAME": name.removeprefix("worker-")} if name.startswith("worker-") else {}
    return environment.for_process(env, name.split("-", maxsplit=1)[0]) | queue


def build_env(folder: Path, port: int) -> dict[str, str]:
    """The test's own environment, with the database of this run in place of the one it was made from."""
    base, _, query = os.environ["DATABASE_URL"].partition("?")
    url = f"{base.rsplit('/', 1)[0]}/{connection.settings_dict['NAME']}?{query}"
    mail = folder / "mail"
    mail.mkdir(exist_ok=True)
    return dict(os.environ) | {
        "DATABASE_URL": url, "EBB_BASE_HOST": settings.EBB_BASE_HOST, "EBB_SCHEME": "http", "EBB_WEB_PORT": str(port),
        "EBB_WEB_HOST": "127.0.0.1", "EBB_WEB_DRAIN": "2", "EBB_DEMO": "1", "PYTHONPATH": str(environment.PROJECT),
        "EBB_MAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend", "EBB_MAIL_FOLDER": str(mail),
    }  # fmt: skip


@pytest.fixture(scope="session")
def running(house: None) -> Iterator[Running]:
    """Web and clock for the whole session."""
    port = int(settings.EBB_BASE_HOST.rsplit(":", 1)[1])
    folder = Path(tempfile.mkdtemp(prefix="ebb-run-"))
    processes = Running(port, folder, build_env(folder, port))
    processes.start("web", "clock")
    yield processes
    processes.stop()
